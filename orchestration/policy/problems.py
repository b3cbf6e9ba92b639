"""What can be wrong with a policy, and how it is told to the person who edits it.

Here: the `Problem` record, the error that carries all of them, and nearest-name suggestions. Not here: the rules
themselves, which stand beside the models they judge.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_LONGEST_SHOWN_VALUE = 80


class Severity(StrEnum):
    """`error`: the policies don't load. `warning`: they load, but something has no effect or looks unintended."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in one place: where it is, what was found there and what was expected."""

    file: str
    line: int | None
    key: str
    found: str
    expected: str
    hint: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        key = f"{self.key}: " if self.key else ""
        mark = "warning: " if self.severity is Severity.WARNING else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}: {mark}{key}found {self.found}; expected {self.expected}{hint}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem as a model sees it: by key path; the loader adds file and line."""

    path: tuple[str | int, ...]
    found: str
    expected: str
    hint: str = ""
    severity: Severity = Severity.ERROR


class PolicyError(ValueError):
    """The policies can't be used; `problems` has every reason, from all files."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        count = len(self.problems)
        heading = f"{count} problem{'s' if count != 1 else ''} in the policies:"
        super().__init__("\n".join([heading, *(f"  {problem}" for problem in self.problems)]))


def key_path(path: Iterable[str | int]) -> str:
    """`('overrides', 0, 'segment')` as a person reads it: `overrides[0].segment`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def shown(value: object) -> str:
    """A value as the editor of a file would recognise it, cut when long."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif value is None:
        text = "nothing (blank)"
    elif isinstance(value, dict):
        text = f"a mapping with the keys {', '.join(map(str, value)) or '(none)'}"
    elif isinstance(value, list | tuple):
        text = f"a list of {len(value)}"
    elif isinstance(value, str):
        text = f'"{value}"'
    else:
        text = str(value)
    return text if len(text) <= _LONGEST_SHOWN_VALUE else f"{text[: _LONGEST_SHOWN_VALUE - 1]}…"


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint naming the known name most like `name`, or an empty string when none is alike."""
    matches = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return f"did you mean {matches[0]}?" if matches else ""


def repeated(path: tuple[str | int, ...], names: Iterable[str]) -> Iterator[Finding]:
    """A finding for every entry of the list at `path` that stands there a second time."""
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if name in first:
            yield Finding((*path, index), f"{shown(name)} again", f"each once (first as [{first[name]}])")
        first.setdefault(name, index)


def below_another(
    path: tuple[str | int, ...], value: Any, least: Any, what: str, strictly: bool = False
) -> Iterator[Finding]:
    """A finding where the value at `path` is less than another one (`strictly`: not more than it), called `what`."""
    if value < least or (strictly and value == least):
        yield Finding(path, str(value), f"{'more than' if strictly else 'at least'} {what}, {least}")
