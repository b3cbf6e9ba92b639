"""Intervals say of every value what "the first band that fits" says of it."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestration.policy.bands import LEAST, MOST, Range, band_findings, intervals

STEP = Decimal("0.000001")
# Few values and some close together, so that edges meet, cross and lie a step apart.
EDGES = [Decimal(n) for n in range(-3, 4)] + [Decimal("0.5"), STEP, -STEP, 1 + STEP, Decimal("999999999999.999999")]
edges = st.one_of(st.sampled_from(EDGES), st.decimals(-100, 100, places=6))
one_sided = st.builds(
    lambda form, edge: {form: edge}, st.sampled_from(["below", "at_most", "above", "at_least", "equals"]), edges
)
two_sided = st.tuples(edges, edges).map(lambda ends: {"from": min(ends), "to": max(ends)})
band_lists = st.lists(st.one_of(one_sided, two_sided), min_size=1, max_size=6)


def fits(band: dict[str, Decimal], value: Decimal) -> bool:
    """What the words of a band say, read one by one."""
    return (
        value < band.get("below", MOST + 1)
        and value <= band.get("at_most", MOST)
        and value > band.get("above", LEAST - 1)
        and value >= band.get("at_least", LEAST)
        and value == band.get("equals", value)
        and band.get("from", LEAST) <= value <= band.get("to", MOST)
    )


def first_that_fits(bands: list[dict[str, Decimal]], value: Decimal) -> int | None:
    return next((place for place, band in enumerate(bands) if fits(band, value)), None)


def telling(bands: list[dict[str, Decimal]]) -> list[Decimal]:
    """Every edge, the values one step beside it, and the ends of all values."""
    named = {edge for band in bands for edge in band.values()}
    return [LEAST, MOST, *sorted({value for edge in named for value in (edge - STEP, edge, edge + STEP)})]


def parsed(bands: list[dict[str, Any]]) -> list[Range]:
    return [Range.model_validate(band) for band in bands]


@settings(max_examples=500, deadline=None)
@given(bands=band_lists, extra=edges)
def test_each_value_lies_in_the_interval_of_the_first_band_that_fits(
    bands: list[dict[str, Decimal]], extra: Decimal
) -> None:
    made = intervals(parsed(bands))

    for value in [*telling(bands), extra]:
        holding = [one for one in made if one.value_from <= value <= one.value_to]
        assert [one.band for one in holding] == [first_that_fits(bands, value)]


@settings(max_examples=300, deadline=None)
@given(bands=band_lists)
def test_intervals_share_nothing_and_leave_nothing_out(bands: list[dict[str, Decimal]]) -> None:
    made = sorted(intervals(parsed(bands)), key=lambda one: one.value_from)

    assert (made[0].value_from, made[-1].value_to) == (LEAST, MOST)
    for one, after in itertools.pairwise(made):
        assert after.value_from == one.value_to + STEP
    assert all(one.value_from <= one.value_to for one in made)


@settings(max_examples=300, deadline=None)
@given(bands=band_lists)
def test_a_band_that_is_never_the_first_to_fit_is_told(bands: list[dict[str, Decimal]]) -> None:
    reached = {first_that_fits(bands, value) for value in telling(bands)}

    told = {finding.path[0]: finding for finding in band_findings((), parsed(bands))}

    for place in range(len(bands)):
        unreachable = "can never be reached" in told[place].hint if place in told else False
        assert unreachable == (place not in reached)


def test_a_range_that_a_better_one_lies_in_has_two_parts() -> None:
    made = intervals(parsed([{"from": 40, "to": 80}, {"from": 20, "to": 90}]))

    assert [(one.band, one.value_from, one.value_to) for one in made] == [
        (0, 40, 80),
        (1, 20, Decimal("39.999999")),
        (1, Decimal("80.000001"), 90),
        (None, LEAST, Decimal("19.999999")),
        (None, Decimal("90.000001"), MOST),
    ]


@pytest.mark.parametrize(
    ("band", "sign", "phrase"),
    [
        ({"below": 3}, "<3", "below 3"),
        ({"at_most": Decimal("6.50")}, "≤6.5", "at most 6.5"),
        ({"above": Decimal("-0.1")}, ">−0.1", "above −0.1"),
        ({"at_least": 100}, "≥100", "at least 100"),
        ({"equals": 0}, "0", "0"),
        ({"from": 40, "to": 80}, "40–80", "40 to 80"),
    ],
)
def test_bands_read_as_people_write_them(band: dict[str, Any], sign: str, phrase: str) -> None:
    (made,) = parsed([band])

    assert (made.sign, made.phrase) == (sign, phrase)


@pytest.mark.parametrize("band", [{}, {"from": 1}, {"to": 1}, {"below": 1, "to": 2}, {"from": 2, "to": 1}, {"is": 1}])
def test_a_band_takes_one_form(band: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Range.model_validate(band)
