"""Bands: the part of a value's range that earns something, as people write it and as disjoint intervals.

Here: the forms a band takes in YAML, "the first band that fits" turned into intervals that no two bands share, and
what can be wrong with a list of bands. Not here: what a band earns (the policies that hold the lists).

Values that meet a band are rounded to six decimals, so an edge that is written strictly is one step of 0.000001 away
from the value it names, and every value lies in exactly one interval, both ends in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from orchestration.policy.base import Number, OneLine, refuse, setting
from orchestration.policy.problems import Finding

# Beyond what any value reaches, and inside decimal(24, 6) on every engine.
LEAST = Decimal(-999_999_999_999_999)
MOST = Decimal(999_999_999_999_999)
_PLACES = 6
_STEP = 10**_PLACES

Path = tuple[str | int, ...]
# Both ends in, counted in steps of 0.000001.
_Steps = tuple[int, int]

_FORMS = "one of below, at_most, above, at_least, equals, or from with to"


class Range(OneLine):
    """A part of a value's range, in one of the ways people say it."""

    model_config = ConfigDict(validate_by_name=True)

    below: Number = setting("Fits values less than this.", "as the value", default=None)
    at_most: Number = setting("Fits this value and lesser ones.", "as the value", default=None)
    above: Number = setting("Fits values greater than this.", "as the value", default=None)
    at_least: Number = setting("Fits this value and greater ones.", "as the value", default=None)
    equals: Number = setting("Fits this value only.", "as the value", default=None)
    from_: Annotated[Number, Field(alias="from")] = setting(
        "Fits this value and greater ones up to `to`.", "as the value", default=None
    )
    to: Number = setting("Fits this value and lesser ones down to `from`.", "as the value", default=None)

    @model_validator(mode="after")
    def _takes_one_form(self) -> Range:
        given = {name for name in Range.model_fields if getattr(self, name) is not None}
        if (len(given) != 1 and given != {"from_", "to"}) or given in ({"from_"}, {"to"}):
            raise refuse(_FORMS)
        if self.from_ is not None and self.to < self.from_:
            raise refuse("from at most to")
        return self

    @property
    def steps(self) -> _Steps:
        """The values it fits, both ends in, in steps of 0.000001."""
        if self.equals is not None:
            return _in_steps(self.equals), _in_steps(self.equals)
        low, high = _in_steps(LEAST), _in_steps(MOST)
        if self.below is not None:
            high = _in_steps(self.below) - 1
        elif self.at_most is not None:
            high = _in_steps(self.at_most)
        elif self.above is not None:
            low = _in_steps(self.above) + 1
        elif self.at_least is not None:
            low = _in_steps(self.at_least)
        else:
            low, high = _in_steps(self.from_), _in_steps(self.to)
        return low, high

    @property
    def sign(self) -> str:
        """As tables show it: <3, ≤6, 40–80."""
        if self.from_ is not None:
            return f"{number_text(self.from_)}–{number_text(self.to)}"
        signs = {"below": "<", "at_most": "≤", "above": ">", "at_least": "≥", "equals": ""}
        return next(
            sign + number_text(getattr(self, name)) for name, sign in signs.items() if getattr(self, name) is not None
        )

    @property
    def phrase(self) -> str:
        """As a sentence has it: below 3, at most 6, 40 to 80."""
        if self.from_ is not None:
            return f"{number_text(self.from_)} to {number_text(self.to)}"
        words = {"below": "below ", "at_most": "at most ", "above": "above ", "at_least": "at least ", "equals": ""}
        return next(
            word + number_text(getattr(self, name)) for name, word in words.items() if getattr(self, name) is not None
        )

    def words(self) -> str:
        return self.sign


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of values, both ends in, and the place in the list of the band that fits there; None: none does."""

    band: int | None
    value_from: Decimal
    value_to: Decimal


def intervals(bands: Sequence[Range]) -> list[Interval]:
    """The first band that fits, for every value there is: disjoint, without gaps, band by band, the rest last."""
    free = [(_in_steps(LEAST), _in_steps(MOST))]
    found: list[Interval] = []
    for index, band in enumerate(bands):
        found += [_interval(index, part) for part in _shared(free, band.steps)]
        free = _without(free, band.steps)
    return found + [_interval(None, part) for part in free]


def band_findings(
    here: Path, bands: Sequence[Range], least: Decimal | None = None, most: Decimal | None = None
) -> Iterator[Finding]:
    """Bands that can never fit, or that cut into one before them; `least` and `most` bound what values there are."""
    low = _in_steps(LEAST if least is None else least)
    high = _in_steps(MOST if most is None else most)
    free = [(low, high)]
    for index, band in enumerate(bands):
        path = (*here, index)
        if not _shared([(low, high)], band.steps):
            bounds = [f"at least {number_text(least)}"] if least is not None else []
            bounds += [f"at most {number_text(most)}"] if most is not None else []
            yield Finding(path, band.sign, "a band that can fit", f"values are {' and '.join(bounds)}")
        elif not _shared(free, band.steps):
            yield Finding(
                path,
                f"{band.sign} after {', '.join(other.sign for other in bands[:index])}",
                "bands in order, the first one first",
                "what fits this band fits an earlier one: it can never be reached",
            )
        else:
            for other in bands[:index]:
                if _shared([band.steps], other.steps) and not _holds(band.steps, other.steps):
                    expected = f"a band that holds {other.sign} or lies apart from it"
                    yield Finding(path, f"{band.sign}, which overlaps {other.sign}", expected)
                    break
        free = _without(free, band.steps)


def number_text(number: Decimal) -> str:
    """A number as people write it: no zeros at the end, a minus sign instead of a hyphen."""
    plain = f"{number:f}"
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return plain.replace("-", "−")


def _in_steps(number: Decimal) -> int:
    return int(number * _STEP)


def _interval(band: int | None, part: _Steps) -> Interval:
    low, high = (Decimal(step).scaleb(-_PLACES) for step in part)
    return Interval(band, low, high)


def _holds(outer: _Steps, inner: _Steps) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _shared(parts: Iterable[_Steps], band: _Steps) -> list[_Steps]:
    cut = [(max(low, band[0]), min(high, band[1])) for low, high in parts]
    return [(low, high) for low, high in cut if low <= high]


def _without(parts: Iterable[_Steps], band: _Steps) -> list[_Steps]:
    rest = [piece for low, high in parts for piece in ((low, min(high, band[0] - 1)), (max(low, band[1] + 1), high))]
    return [(low, high) for low, high in rest if low <= high]
