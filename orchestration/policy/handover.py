"""Policies as the plain records that extraction takes, so that extraction knows nothing of policy files.

Here: one function a record type. Not here: tables for the models (`tables.py`).
"""

from __future__ import annotations

from orchestration.policy.models import Policies
from orchestration.sources.settings import ExtractionSettings, FileSource


def extraction_settings(policies: Policies) -> ExtractionSettings:
    """The limits and habits of reading report files."""
    values = {
        name: getattr(policies.sources.extraction, name) for name in type(policies.sources.extraction).model_fields
    }
    fractional = ("settle_seconds", "whole_again_above_pct", "lock_wait_seconds")
    return ExtractionSettings(**values | {name: float(values[name]) for name in fractional})


def file_sources(policies: Policies) -> tuple[FileSource, ...]:
    """The declared file sources, as declared."""
    return tuple(
        FileSource(**{name: getattr(source, name) for name in type(source).model_fields})
        for source in policies.sources.sources
    )
