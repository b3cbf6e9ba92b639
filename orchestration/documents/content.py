"""What a deck is made of, before it looks like anything: slides with a finding each, and blocks under it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date
from typing import Literal

# Counts up when the same content has to look another way: decks are then made again.
LOOK = 1

Tone = Literal["", "good", "fair", "bad"]


@dataclass(frozen=True)
class Tile:
    """A figure that is seen first."""

    value: str
    label: str
    tone: Tone = ""


@dataclass(frozen=True)
class Table:
    """Rows under column names; `widths` are shares of the whole."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...]


@dataclass(frozen=True)
class Bullets:
    """Short sentences."""

    items: tuple[str, ...]
    title: str = ""


@dataclass(frozen=True)
class Series:
    """Figures of a chart, one a category; None where it isn't known."""

    name: str
    values: tuple[float | None, ...]
    tone: Tone | Literal["accent", "quiet"] = "accent"


@dataclass(frozen=True)
class Chart:
    """A native chart: bars from left to right, stacked, or a line over time."""

    kind: Literal["bars", "line"]
    categories: tuple[str, ...]
    series: tuple[Series, ...]
    highest: float
    unit: str
    # What it shows, for who doesn't see it.
    alternative: str


Block = Table | Bullets | Chart


@dataclass(frozen=True)
class Slide:
    """A finding, and what it rests on: side by side where there are two blocks."""

    finding: str
    blocks: tuple[Block, ...] = ()
    tiles: tuple[Tile, ...] = ()
    kicker: str = ""


@dataclass(frozen=True)
class Deck:
    """A deck; `mark` stands at the foot of every slide."""

    kind: str
    title: str
    subject: str
    mark: str
    as_of: date
    slides: tuple[Slide, ...]

    @property
    def fingerprint(self) -> str:
        """Of all that it says but the date it was made for: decks with the same one need not be made again."""
        said = {
            "look": LOOK,
            "kind": self.kind,
            "title": self.title,
            "slides": [asdict(slide) for slide in self.slides],
        }
        return fingerprint(said)


def fingerprint(content: object) -> str:
    """A hash of what can be written as JSON."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
