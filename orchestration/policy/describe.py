"""Policies in words: every key with its value, unit and meaning, for people to read.

Here: one flat list of settings. Not here: how the command line or a page lays it out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from orchestration.policy.base import OneLine, unit_of
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
        for inner_path, value in _values(getattr(part, name), (*path, name)):
            if isinstance(value, BaseModel):
                yield from _leaves(value, inner_path)
            else:
                yield inner_path, value, unit_of(info), info.description or ""


def _values(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """What a key holds, each with its path: policy models, or one plain value. A key left out holds nothing."""
    if value is None:
        return
    items = value if isinstance(value, tuple) else list(value.values()) if isinstance(value, dict) else []
    if isinstance(value, BaseModel):
        yield path, value
    elif items and isinstance(items[0], OneLine):
        yield path, [item.words() for item in items]
    elif items and isinstance(items[0], BaseModel | tuple):
        for key, item in zip(value if isinstance(value, dict) else range(len(items)), items, strict=True):
            yield from _values(item, (*path, key))
    else:
        yield path, canonical(value)
