"""What a PDF is made of, before it looks like anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from orchestration.documents.content import Tile, Tone


@dataclass(frozen=True)
class Bar:
    """A value of its most; None where it isn't known."""

    label: str
    value: float | None
    most: float


@dataclass(frozen=True)
class Point:
    """A score of a month."""

    label: str
    value: float


@dataclass(frozen=True)
class Stack:
    """A column of a forecast: parts from bottom to top, as many as the section has names for."""

    label: str
    parts: tuple[float, ...]
    shown: str


@dataclass(frozen=True)
class Grid:
    """A table; `widths` are shares of the whole, `numbers` the columns set to the right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...]
    numbers: tuple[int, ...] = ()
    has_head: bool = True


@dataclass(frozen=True)
class Section:
    """A heading, and what stands under it."""

    title: str
    sentence: str = ""
    items: tuple[str, ...] = ()
    bars: tuple[Bar, ...] = ()
    points: tuple[Point, ...] = ()
    stacks: tuple[Stack, ...] = ()
    stack_names: tuple[str, ...] = ()
    stack_tones: tuple[Tone, ...] = ()
    grid: Grid | None = None


@dataclass(frozen=True)
class Paper:
    """A document of some pages."""

    kind: str
    kicker: str
    title: str
    finding: str
    mark: str
    as_of: date
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]
