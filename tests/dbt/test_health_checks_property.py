"""The health-check models against an independent reading of the rules, row by row, over random worlds.

Each world has its own day, calendar and policies. The oracle knows nothing of the SQL; where they differ one of
them misreads the rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.dbt.random_outcomes import SETTINGS, RandomOutcome
from tests.support.compiled import rows_of

EVERY_STATUS = {
    "completed",
    "completed_late",
    "missed",
    "past_due",
    "pending",
    "upcoming",
    "beyond_horizon",
    "not_applicable",
}


@pytest.fixture(params=list(SETTINGS), ids=list(SETTINGS))
def outcome(request: pytest.FixtureRequest, random_outcome: Callable[[str], RandomOutcome]) -> RandomOutcome:
    return random_outcome(request.param)


def differences(expected: dict[Any, Any], actual: dict[Any, Any]) -> list[str]:
    """What differs, in words a person can start from; the first few are enough."""
    found = [f"missing: {key}" for key in expected.keys() - actual.keys()]
    found += [f"should not be there: {key}" for key in actual.keys() - expected.keys()]
    for key in expected.keys() & actual.keys():
        if expected[key] != actual[key]:
            found.append(f"{key}: expected {expected[key]}, got {actual[key]}")
    return sorted(found)[:10]


def test_the_world_has_every_edge(outcome: RandomOutcome) -> None:
    """A comparison proves little when nothing happens in the world."""
    statuses = Counter(target["status"] for target in outcome.oracle.targets.values())
    assert statuses.keys() == EVERY_STATUS
    assert min(statuses.values()) >= 3, statuses
    lacking = {thing for target in outcome.oracle.targets.values() for _, thing in target["near_misses"]}
    assert lacking == {"attachment", "status", "date"}
    assert len(outcome.oracle.influence) > 30
    assert len(outcome.oracle.performance) > 30
    moved = [
        row
        for row in outcome.world.streams["activities"]
        if outcome.oracle.local_date(row["occurred_at"]) != row["occurred_at"].date()
    ]
    assert bool(moved) == (outcome.oracle.calendar["time_zone"] != "UTC")


def test_targets(outcome: RandomOutcome) -> None:
    compared = [name for name in next(iter(outcome.oracle.targets.values())) if name != "near_misses"]
    expected = {key: {name: row[name] for name in compared} for key, row in outcome.oracle.targets.items()}
    actual = {key: {name: row[name] for name in compared} for key, row in outcome.targets.items()}
    assert differences(expected, actual) == []


def test_near_misses(outcome: RandomOutcome) -> None:
    """A near miss stands exactly where there is one, and names an activity that lacks but one thing."""
    expected = {key: bool(row["near_misses"]) for key, row in outcome.oracle.targets.items()}
    actual = {key: row["near_miss"] is not None for key, row in outcome.targets.items()}
    assert differences(expected, actual) == []

    keys = {row["target_id"]: key for key, row in outcome.targets.items()}
    named = {
        keys[row["target_id"]]: row["activity_id"]
        for row in rows_of(outcome.warehouse, "select * from intermediate.int_health_checks__near_misses")
    }
    things = {key: dict(row["near_misses"]) for key, row in outcome.oracle.targets.items() if row["near_misses"]}
    assert named.keys() == things.keys()
    words = {"attachment": "without an attachment", "status": None, "date": " day"}
    for key, activity_id in named.items():
        assert activity_id in things[key], key
        word = words[things[key][activity_id]]
        assert word is None or word in outcome.targets[key]["near_miss"], key


def test_candidates_in_their_order(outcome: RandomOutcome) -> None:
    actual = sorted(outcome.published("health_check_candidates"), key=lambda row: row["rank"])
    assert [row["rank"] for row in actual] == list(range(1, len(actual) + 1))
    assert [(row["contract_id"], row["milestone"]) for row in actual] == [
        (row["contract_id"], row["milestone"]) for row in outcome.oracle.candidates
    ]
    for row in actual:
        target = outcome.targets[row["contract_id"], row["milestone"]]
        assert {name: row[name] for name in target} == target


def test_accounts(outcome: RandomOutcome) -> None:
    columns = list(next(iter(outcome.oracle.account_rows.values())))
    actual = {
        row["account_id"]: {name: row[name] for name in columns} for row in outcome.published("health_check_accounts")
    }
    assert differences(outcome.oracle.account_rows, actual) == []


def test_influence(outcome: RandomOutcome) -> None:
    # A stand-in has no id but a made one: its name, as names are compared, is the key.
    with_ids = "opportunities" in outcome.world.streams
    key = "opportunity_id" if with_ids else "opportunity_name"
    published = outcome.published("health_check_influence")
    columns = ("credit_last_touch", "credit_linear", "amount", "outcome")
    actual = {
        (row["account_id"], row[key] if with_ids else row[key].lower(), row["activity_id"]): {
            name: row[name] for name in columns
        }
        for row in published
    }
    assert len(actual) == len(published)
    expected = {
        key: {name: getattr(influence, name) for name in columns} for key, influence in outcome.oracle.influence.items()
    }
    assert differences(expected, actual) == []


def test_credit_is_whole(outcome: RandomOutcome) -> None:
    """Every influenced opportunity gives one last touch, and shares that come to one but for the rounding."""
    totals = rows_of(
        outcome.warehouse,
        "select opportunity_id, sum(credit_last_touch) as last_touch, sum(credit_linear) as linear, count(*) as checks"
        " from published.health_check_influence group by all",
    )
    assert totals
    for row in totals:
        assert row["last_touch"] == 1
        assert abs(row["linear"] - 1) <= Decimal("0.000001") * row["checks"]


def test_performance(outcome: RandomOutcome) -> None:
    columns = list(next(iter(outcome.oracle.performance.values())))
    actual = {
        (row["fiscal_quarter"], row["dimension"], row["value"]): {name: row[name] for name in columns}
        for row in outcome.published("health_check_performance")
    }
    assert differences(outcome.oracle.performance, actual) == []
