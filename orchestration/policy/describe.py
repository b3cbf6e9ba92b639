"""Policies in words: every key with its value, unit and meaning, for people to read.

Here: one flat list of settings. Not here: how the command line or a page lays it out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from orchestration.policy.base import unit_of
from orchestration.policy.models import POLICY_FILES, Policies, canonical
from orchestration.policy.problems import key_path


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of a policy, where it stands and what it means."""

    file: str
    key: str
    value: Any
    unit: str
    meaning: str
    shapes_results: bool


def describe(policies: Policies) -> list[Setting]:
    """Every value in force, in the order of the files and their keys."""
    settings = []
    for name, model in POLICY_FILES.items():
        for path, value, unit, meaning in _leaves(getattr(policies, name), ()):
            settings.append(Setting(model.file_name, key_path(path), value, unit, meaning, model.shapes_results))
    return settings


def _leaves(part: BaseModel, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any, str, str]]:
    for name, info in type(part).model_fields.items():
        value = getattr(part, name)
        if value is None:
            continue
        models = list(_models_within(value, (*path, name)))
        if models:
            for inner_path, inner in models:
                yield from _leaves(inner, inner_path)
        else:
            yield (*path, name), canonical(value), unit_of(info), info.description or ""


def _models_within(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], BaseModel]]:
    """The policy models a value holds: itself, or those of a list or a mapping, each with its path."""
    if isinstance(value, BaseModel):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _models_within(item, (*path, key))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _models_within(item, (*path, index))
