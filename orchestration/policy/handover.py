"""Policies as the plain records that extraction takes, so that extraction knows nothing of policy files.

Here: one function a record type. Not here: tables for the models (`tables.py`).
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from orchestration.policy.models import Policies
from orchestration.policy.sources import Source
from orchestration.sources.settings import ExtractionSettings, FileSource


def extraction_settings(policies: Policies) -> ExtractionSettings:
    """The limits and habits of reading report files."""
    values = {
        name: getattr(policies.sources.extraction, name) for name in type(policies.sources.extraction).model_fields
    }
    fractional = ("settle_seconds", "whole_again_above_pct", "lock_wait_seconds")
    return ExtractionSettings(**values | {name: float(values[name]) for name in fractional})


def file_sources(policies: Policies) -> tuple[FileSource, ...]:
    """The declared sources of the drop folder, as declared."""
    return tuple(file_source(source) for source in policies.sources.sources if source.system is None)


def file_source(source: Source, **instead: Any) -> FileSource:
    """A source as extraction takes it, some of it said otherwise."""
    return FileSource(**{field.name: getattr(source, field.name) for field in fields(FileSource)} | instead)
