"""The health-check deck: what it holds, that its findings follow from the figures, and that it stays the same."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from orchestration.documents import findings
from orchestration.documents.brief import brief
from orchestration.documents.content import Deck
from orchestration.documents.deck import health_check_deck
from orchestration.documents.facts import Facts, monthly
from orchestration.documents.pages import pdf
from orchestration.documents.slides import pptx
from tests.unit.documents import office

MOST_SLIDES = 10
SMALLEST_POINTS = 12
RED = "h.final_status = 'RED' and h.missing_dimensions is null"


def deck_of(told, facts: Facts) -> Deck:
    return health_check_deck(facts, next(iter(facts.targets), None), told.policies)


def dimension(facts: Facts, name: str, points: str) -> Facts:
    return replace(facts, account=facts.account | {name: Decimal(points)})


def full(facts: Facts, **points: str) -> Facts:
    """Every dimension at its most, but for those given."""
    most = {name: str(most) for name, _, most in findings.dimension_points(facts)}
    for name, given in (most | points).items():
        facts = dimension(facts, name, given)
    return facts


@pytest.fixture(scope="module")
def red(told) -> Facts:
    return told.facts(told.account(RED))


def test_a_deck_has_a_finding_a_slide_and_no_more_than_ten(told, red):
    content = pptx(deck_of(told, red))
    said = office.findings(content)
    assert 1 < len(said) <= MOST_SLIDES
    assert len(set(said)) == len(said)
    assert all(len(one.split()) > 3 for one in said), said
    assert office.smallest(content) >= SMALLEST_POINTS


def test_all_that_a_deck_has_to_hold_is_there(told, red):
    written = office.text(pptx(deck_of(told, red)))
    heads = ("ACCOUNT AND CONTRACT", "HEALTH BY DIMENSION", "SCORE", "SUPPORT", "USAGE AND ENGAGEMENT")
    heads += ("RISKS AND THEIR EVIDENCE", "RECOMMENDATIONS", "ACTIONS AND OWNERS", "TO CONFIRM WITH THE CUSTOMER")
    assert [head for head in heads if head not in written] == []
    assert red.actions[0]["title"] in written
    assert findings.person(red.actions[0]) in written
    best = findings.gains(red)[0]
    assert told.policies.documents.advice[best["measure"]].recommend in written


def test_charts_are_native_and_show_the_published_figures(told, red):
    bars, line = office.charts(pptx(deck_of(told, red)))
    known = findings.dimension_points(red)
    earned, lost = bars.plots[0].series
    assert list(earned.values) == [float(points) for _, points, _ in known]
    assert list(lost.values) == pytest.approx([float(most - points) for _, points, most in known])
    assert list(line.plots[0].series[0].values) == [float(score) for _, score in red.trend]
    assert line.plots[0].series[0].values[-1] == float(red.account["score"])


def test_a_dimension_that_isnt_known_is_said_so_and_has_no_bar(told, red):
    unknown = replace(red, account=red.account | {"product_usage": None})
    bars, _ = office.charts(pptx(deck_of(told, unknown)))
    assert "Product usage: not known" in list(bars.plots[0].categories)
    assert list(bars.plots[0].series[0].values)[2] is None
    assert findings.of_dimensions(unknown).endswith("product usage is not known")


def test_an_account_of_which_nothing_is_known_has_no_empty_chart(told, red):
    nothing = {name: None for name in ("score", "status", "final_status", "root_cause", "confidence", "renewal_date")}
    nothing |= {name: None for name, *_ in findings.dimension_points(red)}
    bare = Facts(red.as_of, red.account | nothing)
    content = pptx(health_check_deck(bare, None, told.policies))
    assert office.charts(content) == []
    assert all(len(slide.shapes) > 4 for slide in office.slides(content)), "a slide has a finding and nothing under it"
    assert pdf(brief(bare, told.policies)).startswith(b"%PDF")


def test_the_finding_names_the_dimension_that_costs_the_most(red):
    assert findings.of_dimensions(full(red, engagement="10")).startswith("Engagement costs the most: 10 of ")
    assert findings.of_dimensions(full(red, sentiment="1")).startswith("Sentiment costs the most: 1 of ")
    assert findings.of_dimensions(full(red)) == "No dimension that is known costs a point"


def test_the_finding_tells_how_the_score_moved(red):
    first = red.as_of.replace(day=1, month=1)
    for then, now, said in (
        ("80", "60.5", "The score fell by 19.5 points since January 2026, to 60.5"),
        ("40", "60", "The score rose by 20 points since January 2026, to 60"),
        ("60.2", "60", "The score has stayed near 60 since January 2026"),
    ):
        moved = replace(red, trend=[(first, Decimal(then)), (red.as_of.replace(day=1), Decimal(now))])
        assert findings.of_trend(moved) == said
    assert findings.of_trend(replace(red, trend=red.trend[-1:])).endswith("none is kept of earlier months")


def test_a_trend_has_the_last_score_of_each_month(red):
    days = [red.as_of.replace(month=3, day=2), red.as_of.replace(month=3, day=30), red.as_of.replace(day=3)]
    kept = [{"as_of_date": day, "score": Decimal(value)} for day, value in zip(days, (10, 20, 30), strict=True)]
    assert monthly(kept, red.as_of, Decimal(40)) == [
        (days[0].replace(day=1), Decimal(20)),
        (red.as_of.replace(day=1), Decimal(40)),
    ]


def test_the_same_facts_make_the_same_bytes(told, red):
    assert pptx(deck_of(told, red)) == pptx(deck_of(told, red))
    assert pdf(brief(red, told.policies)) == pdf(brief(red, told.policies))


def test_no_clock_is_in_the_file_nor_in_its_workbooks(told, red):
    cores = [part for path, part in office.parts(pptx(deck_of(told, red))) if path.endswith("docProps/core.xml")]
    assert len(cores) == 3
    moments = {moment for part in cores for moment in re.findall(rb">(\d{4}-\d\d-\d\dT[^<]*)<", part)}
    assert moments == {f"{red.as_of}T00:00:00Z".encode()}


def test_a_day_alone_changes_no_content(told, red):
    """A deck is made again when what it says changes, and the date it was made for isn't what it says."""
    later = replace(red, as_of=red.as_of + timedelta(days=1))
    words = ("renews in 41 days", "renews in 40 days")
    themes = [[{**red.themes[0], "evidence": said}] for said in words]
    before, after = (replace(facts, themes=said) for facts, said in zip((red, later), themes, strict=True))
    assert deck_of(told, before).fingerprint == deck_of(told, after).fingerprint
    assert deck_of(told, dimension(after, "engagement", "1.5")).fingerprint != deck_of(told, before).fingerprint


def test_evidence_without_a_renewal_is_left_as_it_is(red):
    without = replace(red, account=red.account | {"renewal_date": None})
    assert findings.evidence("renews in 4 days", without, 100) == "renews in 4 days"
    assert findings.evidence(
        "logins from 9 to 2 in the 90 days to 30 June 2026 against those before (usage)", red, 100
    ) == ("logins from 9 to 2 (usage)")
