"""The health score of the models against an independent reading of the rules, cell by cell, over random customers.

The oracle knows nothing of the SQL, nor of the policy files; where they differ, one of them misreads the rules.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.customer_outcomes import SETTINGS, Outcome, assert_same, build, outcome_of, shuffled
from tests.support.compiled import rows_of
from tests.support.oracle_health_score import MEASURES, WEIGHTS

Row = dict[str, Any]
EVERYTHING = next(iter(SETTINGS))
HEALTH_COLUMNS = (
    *("score", "score_low", "score_high", "confidence", "needs_review", "status", "tier", *WEIGHTS),
    *(
        "change_week",
        "change_month",
        "large_change",
        "newly_at_risk",
        "change_from_policy",
        "change_from_data",
        "baseline_points",
        "baseline_label",
    ),
    *("arr", "renewal_date", "days_to_renewal", "customer_until", "csm_status", "final_status"),
)
MEASURE_COLUMNS = (*("dimension", "value", "points", "max_points", "is_present", "next_band_gain", "source_records"),)


@pytest.fixture(params=list(SETTINGS), ids=list(SETTINGS))
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return outcome_of(request.param, tmp_path_factory.getbasetemp())


@pytest.fixture
def everything(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return outcome_of(EVERYTHING, tmp_path_factory.getbasetemp())


def test_the_world_has_every_edge(everything: Outcome) -> None:
    """A comparison proves little when nothing happens in the world."""
    health = everything.health
    for measure, spec in MEASURES.items():
        found = [values[measure] for values in health.values.values()]
        bands = Counter("missing" if value is None else spec.fitting(value) for value in found)
        assert bands.keys() >= set(range(len(spec.bands) + 1)), f"{measure}: {bands}"
    for column, least in {"status": 3, "tier": 4, "confidence": 2, "csm_status": 4, "baseline_label": 3}.items():
        assert len({row[column] for row in health.health.values()}) >= least, column
    for column in ("large_change", "newly_at_risk"):
        assert Counter(row[column] for row in health.health.values())[True] >= 3, column


def test_health(outcome: Outcome) -> None:
    actual = outcome.published("account_health", "account_id")
    assert_same(outcome.health.health, actual, HEALTH_COLUMNS)


def test_measures(outcome: Outcome) -> None:
    actual = outcome.published("account_health_measures", "account_id", "measure")
    assert_same(outcome.health.measures, actual, MEASURE_COLUMNS)


def test_baseline_shows_every_field(outcome: Outcome) -> None:
    expected = {
        account_id: {f"baseline_{name}": value for name, (value, _) in fields.items()}
        | {f"baseline_{name}_points": points for name, (_, points) in fields.items()}
        for account_id, fields in outcome.health.baseline.items()
    }
    assert_same(expected, outcome.published("account_health", "account_id"))


def test_signals_are_the_values(outcome: Outcome) -> None:
    """Every account has its row; those that aren't scored have no values."""
    rows = outcome.published("account_signals", "account_id")
    assert_same(outcome.health.values, {name: row for name, row in rows.items() if row["is_scored"]})
    assert rows.keys() == outcome.health.facts.accounts.keys()
    measures = next(iter(outcome.health.values.values()))
    assert {row[name] for row in rows.values() if not row["is_scored"] for name in measures} <= {None}


def test_a_call_that_differs_is_listed(outcome: Outcome) -> None:
    expected = {
        account_id: {"status": row["status"], "csm_status": row["csm_status"]}
        for account_id, row in outcome.health.health.items()
        if row["status"] is not None and row["csm_status"] not in (None, row["status"])
    }
    assert_same(expected, outcome.published("status_disagreements", "account_id"))


def test_what_is_absent_is_said(outcome: Outcome) -> None:
    """Words for every dimension and measure that is missing, and none where nothing is."""
    for account_id, row in outcome.published("account_health", "account_id").items():
        absent = any(row[dimension] is None for dimension in WEIGHTS)
        assert bool(row["missing_dimensions"]) == absent, account_id
    for key, row in outcome.published("account_health_measures", "account_id", "measure").items():
        assert bool(row["missing_reason"]) != row["is_present"], key


# -- what holds whatever the rules' numbers are ------------------------------------------------------------------


def test_points_lie_within_the_maximum(outcome: Outcome) -> None:
    measures = outcome.published("account_health_measures", "account_id", "measure")
    for key, row in measures.items():
        assert row["points"] is None or 0 <= row["points"] <= row["max_points"], key
        assert row["next_band_gain"] is None or row["next_band_gain"] >= 0, key
    per_account = Counter()
    for (account_id, _), row in measures.items():
        per_account[account_id] += row["max_points"]
    assert set(per_account.values()) == {Decimal(100)}


def test_the_range_holds_the_score(outcome: Outcome) -> None:
    measures = outcome.published("account_health_measures", "account_id", "measure")
    missing = Counter(account_id for (account_id, _), row in measures.items() if not row["is_present"])
    for account_id, row in outcome.published("account_health", "account_id").items():
        low, score, high = row["score_low"], row["score"], row["score_high"]
        assert 0 <= low <= high <= 100, account_id
        assert score is None or low <= score <= high, account_id
        assert missing[account_id] or low == score == high, account_id
        assert low < high or not missing[account_id], account_id


def test_dimensions_lie_within_their_weight(outcome: Outcome) -> None:
    for account_id, row in outcome.published("account_health", "account_id").items():
        for dimension, weight in WEIGHTS.items():
            assert row[dimension] is None or 0 <= row[dimension] <= weight, (account_id, dimension)
        if row["confidence"] == "high":
            total = sum(row[dimension] for dimension in WEIGHTS)
            assert abs(total - row["score"]) <= Decimal("0.3"), account_id


def _reach(row: Row) -> Row:
    """The best that these columns can say, where they say anything."""
    best = {"csat": Decimal(5), "sentiment": Decimal(1), "score": Decimal(10), "sla_target_pct": Decimal(50)}
    best |= {"services_used": row.get("services_contracted"), "reference_customer": True}
    there = {name for name in best if row.get(name) is not None}
    return row | {name: best[name] for name in there}


# Each makes one measure as good as it gets and leaves every other alone; a customer gets one of them.
BETTERED = {
    "accounts": ("reference", "uptime_vs_sla"),
    "tickets": ("csat",),
    "activities": ("tone",),
    "survey_responses": ("nps",),
    "usage": ("service_adoption",),
}


def test_a_better_band_never_lowers_the_score(everything: Outcome, tmp_path: Path) -> None:
    """With the same measures present: one stream of every customer bettered, the score stays or rises."""
    world = everything.world
    turn = {row["account_id"]: list(BETTERED)[number % 5] for number, row in enumerate(world.streams["accounts"])}
    streams = {
        name: [_reach(row) if turn.get(row.get("account_id")) == name else row for row in found]
        for name, found in world.streams.items()
    }
    before = everything.published("account_health", "account_id")
    measures = everything.published("account_health_measures", "account_id", "measure")
    with build(replace(world, streams=streams), tmp_path) as con:
        after = {row["account_id"]: row for row in rows_of(con, "select * from published.account_health")}
        bettered = rows_of(con, "select * from published.account_health_measures")
    assert after.keys() == before.keys()
    said: Counter[str] = Counter()
    better: Counter[str] = Counter()
    for row in bettered:
        key, was = (row["account_id"], row["measure"]), measures[row["account_id"], row["measure"]]
        assert row["is_present"] == was["is_present"], key
        if row["points"] != was["points"]:
            assert row["measure"] in BETTERED[turn[row["account_id"]]], key
            assert row["points"] > was["points"], key
            said[row["account_id"]] += was["next_band_gain"]
            better[turn[row["account_id"]]] += 1
    assert min(better[stream] for stream in BETTERED) >= 3, better
    for account_id, row in before.items():
        rise = 0 if row["score"] is None else after[account_id]["score"] - row["score"]
        # At least the next band's gain, but for the rounding of each figure.
        assert rise >= max(Decimal(0), said[account_id] - Decimal("0.2")), (account_id, rise, said[account_id])


def test_the_order_of_rows_does_not_matter(everything: Outcome, tmp_path: Path) -> None:
    with build(shuffled(everything.world), tmp_path) as other:
        names = "select table_name from information_schema.tables where table_schema = 'published'"
        tables = [row["table_name"] for row in rows_of(other, names)]
        assert "account_health" in tables
        for table in tables:
            query = f"select * from published.{table} order by all"
            assert rows_of(other, query) == rows_of(everything.warehouse, query), table
