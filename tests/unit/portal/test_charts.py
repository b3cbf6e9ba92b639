"""Charts: right figures at right places, readable without colour, and never an error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from orchestration.policy.load import load_policies
from orchestration.settings import Settings
from portal import charts
from portal.web import environment

_SVG = "{http://www.w3.org/2000/svg}"
_DAY = date(2026, 1, 15)
_STATUSES = ("RED", "YELLOW", "GREEN")
_LOOKS = {"RED": "red", "YELLOW": "yellow", "GREEN": "green"}


def _parsed(svg: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314 - drawn by us


def _texts(root: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in root.iter(f"{_SVG}text")]


def _titles(root: ElementTree.Element) -> list[str]:
    return [title.text or "" for title in root.iter(f"{_SVG}title")]


def _weekly(values: Sequence[float | None]) -> list[tuple[date, float | None]]:
    return [(_DAY + timedelta(days=7 * place), value) for place, value in enumerate(values)]


def _all(hostile: str = "x") -> list[Markup]:
    return [
        charts.line(_weekly([40, None, 60]), title=hostile, unit=hostile, marks=((_DAY, hostile),)),
        charts.bars([(hostile, Decimal("18.5"), 25), (hostile, None, 25)], title=hostile),
        charts.stacked([(hostile, {hostile: 3})], title=hostile, order=(hostile,), classes={hostile: hostile}),
        charts.calibration([(40, 30, 50)], title=hostile),
        charts.intervals([(hostile, 20, -10, 50), (hostile, None, None, None)], title=hostile),
    ]


@pytest.mark.parametrize("svg", _all())
def test_a_chart_is_an_image_with_a_name_and_a_description(svg: Markup) -> None:
    root = _parsed(svg)
    assert root.get("role") == "img"
    named = root.get("aria-labelledby", "").split()
    found = {child.get("id"): child.text for child in root if child.get("id")}
    assert set(named) == set(found)
    assert all(found.values())
    assert "style" not in {name for element in root.iter() for name in element.attrib}


def test_markup_in_names_is_text() -> None:
    for svg in _all('"><script>alert(1)</script>&'):
        root = _parsed(svg)
        assert not list(root.iter(f"{_SVG}script"))
        assert any("<script>" in text for text in _titles(root))


def test_no_data_is_told_and_no_error() -> None:
    for svg in (
        charts.line([], title="Score"),
        charts.line([(_DAY, None)], title="Score"),
        charts.bars([], title="Profile"),
        charts.stacked([], title="Mix", order=_STATUSES, classes=_LOOKS),
        charts.stacked([("Q1", {"RED": 0})], title="Mix", order=_STATUSES, classes=_LOOKS),
        charts.calibration([], title="Said"),
        charts.calibration([(10, 10, 0)], title="Said"),
        charts.intervals([], title="NPS"),
    ):
        assert charts.NOT_YET in _texts(_parsed(svg))


def test_one_day_is_no_trend_but_its_value_is_told() -> None:
    texts = _texts(_parsed(charts.line([(_DAY, 72)], title="Score")))
    assert charts.NOT_YET in texts
    assert "15 Jan 26: 72" in texts


def test_a_gap_breaks_the_line() -> None:
    root = _parsed(charts.line(_weekly([10, 20, None, 30, 40]), title="Score"))
    assert [len((one.get("points") or "").split()) for one in root.iter(f"{_SVG}polyline")] == [2, 2]


def test_a_higher_score_stands_higher_and_later_days_to_the_right() -> None:
    root = _parsed(charts.line(_weekly([20, 80]), title="Score"))
    (line,) = root.iter(f"{_SVG}polyline")
    (x, y), (later_x, higher_y) = [tuple(map(float, one.split(","))) for one in (line.get("points") or "").split()]
    assert later_x > x
    assert higher_y < y
    # 0 to 100 over the height: 60 points are six tenths of it.
    marks = {float(one.get("y1", "")) for one in root.iter(f"{_SVG}line") if "rule" in one.get("class", "")}
    assert (y - higher_y) == pytest.approx(0.6 * (max(marks) - min(marks)), abs=0.2)


def test_marks_are_numbered_and_say_what_changed() -> None:
    root = _parsed(
        charts.line(_weekly([10, 20, 30]), title="Score", marks=((_DAY + timedelta(days=8), "New weights"),))
    )
    assert "1. 23 Jan 26: New weights" in _titles(root)
    assert "1" in _texts(root)


def test_a_mark_before_the_first_day_is_left_out() -> None:
    root = _parsed(charts.line(_weekly([10, 20]), title="Score", marks=((_DAY - timedelta(days=1), "Old"),)))
    assert not any("Old" in title for title in _titles(root))


def test_a_bar_is_as_long_as_its_share() -> None:
    root = _parsed(charts.bars([("Support", 5, 20), ("Usage", 0, 20)], title="Profile"))
    tracks = [one for one in root.iter(f"{_SVG}rect") if one.get("class") == "track"]
    bars = [one for one in root.iter(f"{_SVG}rect") if one.get("class") == "bar"]
    assert float(bars[0].get("width", "")) == pytest.approx(float(tracks[0].get("width", "")) / 4)
    assert float(bars[1].get("width", "")) == 0


def test_parts_of_a_stack_add_up_and_are_told_apart_without_colour() -> None:
    root = _parsed(
        charts.stacked([("Q1", {"RED": 10, "YELLOW": 20, "GREEN": 30})], title="Mix", order=_STATUSES, classes=_LOOKS)
    )
    titles = [title for title in _titles(root) if title.startswith("Q1")]
    assert titles == ["Q1, RED: 10 of 60 (16.7 %)", "Q1, YELLOW: 20 of 60 (33.3 %)", "Q1, GREEN: 30 of 60 (50 %)"]
    patterns = {one.get("fill") for one in root.iter(f"{_SVG}rect") if "url(" in one.get("fill", "")}
    assert len(patterns) == 2, "RED and YELLOW are patterned, GREEN is plain"
    assert {one.get("id") for one in root.iter(f"{_SVG}pattern")} >= {one[5:-1] for one in patterns if one}
    assert set(_STATUSES) < set(_texts(root))


def test_labels_of_columns_dont_overlap() -> None:
    columns = [(f"FY2026-Q{place}", {"RED": place}) for place in range(1, 25)]
    root = _parsed(charts.stacked(columns, title="Mix", order=_STATUSES, classes=_LOOKS))
    places = [float(one.get("x", "")) for one in root.iter(f"{_SVG}text") if (one.text or "").startswith("FY")]
    assert len(places) > 1
    wide = 6 * len("FY2026-Q1")
    assert all(after - before >= wide for before, after in pairwise(places))


def test_days_of_a_long_trend_dont_overlap() -> None:
    root = _parsed(charts.line(_weekly([50] * 150), title="Score"))
    bottom = max(float(one.get("y", "")) for one in root.iter(f"{_SVG}text"))
    spans = []
    for one in root.iter(f"{_SVG}text"):
        if float(one.get("y", "")) == bottom:
            x, wide = float(one.get("x", "")), 6 * len(one.text or "")
            left = x - (wide if "end" in one.get("class", "") else wide / 2 if "middle" in one.get("class", "") else 0)
            spans.append((left, left + wide))
    spans.sort()
    assert len(spans) > 2
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_what_was_said_and_happened_alike_lies_on_the_line() -> None:
    root = _parsed(charts.calibration([(40, 40, 10), (80, 20, 1000)], title="Churn"))
    (agree,) = [one for one in root.iter(f"{_SVG}line") if one.get("class") == "agree"]
    x1, y1, x2, y2 = (float(agree.get(name, "")) for name in ("x1", "y1", "x2", "y2"))
    small, large = sorted(root.iter(f"{_SVG}circle"), key=lambda one: float(one.get("r", "")))
    along = (float(small.get("cx", "")) - x1) / (x2 - x1)
    assert float(small.get("cy", "")) == pytest.approx(y1 + along * (y2 - y1), abs=0.2)
    assert float(large.get("cy", "")) > y1 + 0.8 * (y2 - y1), "less happened than was said: below the line"


def test_an_interval_spans_its_ends_and_stays_in_the_chart() -> None:
    root = _parsed(charts.intervals([("Q1", 0, -100, 100), ("Q2", 50, 500, -500)], title="NPS"))
    heights = [float(one.get(name, "")) for one in root.iter(f"{_SVG}line") for name in ("y1", "y2")]
    view = float(root.get("viewBox", "").split()[3])
    assert all(0 <= height <= view for height in heights)
    assert "Q1: 0, between -100 and 100" in _titles(root)


@pytest.mark.parametrize(("low", "high"), [(0, 0), (0, 100), (-100, 100), (0.001, 0.002), (0, 12_345_678), (5, 5)])
def test_ticks_are_few_round_and_span_what_is_there(low: float, high: float) -> None:
    ticks = charts._ticks(low, high)
    assert 2 <= len(ticks) <= 8
    assert ticks[0] <= low
    assert ticks[-1] >= high


def test_the_table_has_the_figures_of_the_chart() -> None:
    template = environment(load_policies(Settings().policies)).from_string(
        "{% import 'charts.html.j2' as charts with context %}"
        "{{ charts.stacked(columns, 'Mix', order, looks, first='Quarter') }}"
        "{{ charts.line(points, 'Score', 'points') }}"
    )
    html = template.render(
        columns=[("Q1", {"RED": 7, "GREEN": 11})], order=_STATUSES, looks=_LOOKS, points=_weekly([41, 43.5])
    )
    cells = re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", html)
    assert cells[cells.index("Q1") : cells.index("Q1") + 4] == ["Q1", "7", "0", "11"]
    assert {"41", "43.5"} <= set(cells)
