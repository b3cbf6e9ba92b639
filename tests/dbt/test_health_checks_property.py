"""The health-check models against an independent reading of the rules, row by row, over random worlds.

Each world has its own day, calendar and policies. The oracle knows nothing of the SQL; where they differ one of
them misreads the rules.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.policy_folders import read_policy, write_policies
from tests.dbt.random_worlds import Maker
from tests.support.inputs import World
from tests.support.models import build_models, rows
from tests.support.oracle_health_checks import Oracle

ACCOUNTS = 300
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


def _milestone(anchor: str, offset: int, opens: int, closes: int) -> dict[str, Any]:
    return {"anchor": anchor, "offset_days": offset, "opens_days_before": opens, "closes_days_after": closes}


@dataclass(frozen=True)
class Setting:
    """Under what policies and on which day a world is looked at."""

    seed: int
    as_of: date
    with_opportunities: bool
    calendar: dict[str, Any]
    health_checks: dict[str, Any]


SETTINGS = {
    "leap day, shipped policies": Setting(
        seed=1,
        as_of=date(2024, 2, 29),
        with_opportunities=True,
        calendar={"time_zone": "UTC", "fiscal_year_start_month": 1, "reporting_currency": "USD"},
        health_checks={},
    ),
    "New York, fiscal year from April, overrides": Setting(
        seed=2,
        as_of=date(2026, 6, 30),
        with_opportunities=True,
        calendar={"time_zone": "America/New_York", "fiscal_year_start_month": 4, "reporting_currency": "USD"},
        health_checks={
            "horizon_quarters": 1,
            "overrides": [
                {"segment": "enterprise", "horizon_quarters": 6, "milestones": {"post_start": {"offset_days": 60}}},
                {"segment": "smb", "influence_days": 30, "subject_patterns": ["kick -OFF", "healthcheck"]},
                {
                    "product": "Starter",
                    "require_attachment": False,
                    "near_miss_days": 5,
                    "minimum_term_days": {"pre_end": 150},
                    "milestones": {"post_start": {"offset_days": 45, "opens_days_before": 0}},
                },
                {
                    "segment": "enterprise",
                    "product": "Starter",
                    "require_attachment": True,
                    "milestones": {"pre_end": {"enabled": False}},
                },
            ],
        },
    ),
    "Kolkata, fiscal year from November, three milestones, no opportunities": Setting(
        seed=3,
        as_of=date(2025, 10, 31),
        with_opportunities=False,
        calendar={"time_zone": "Asia/Kolkata", "fiscal_year_start_month": 11, "reporting_currency": "EUR"},
        health_checks={
            "horizon_quarters": 2,
            "require_attachment": False,
            "milestones": {
                "early": _milestone("contract_start", 60, 20, 10),
                # A contract of 210 days has both of these on one day, and its windows overlap those beside them.
                "middle": _milestone("contract_start", 120, 40, 60),
                "pre_end": _milestone("contract_end", -90, 45, 30),
                "last_day": _milestone("contract_end", 0, 10, 10),
            },
            "minimum_term_days": {"early": 60, "middle": 120, "pre_end": 90, "last_day": 0},
            "overrides": [
                {"segment": "smb", "require_attachment": True},
                {"product": "Core", "horizon_quarters": 0},
            ],
        },
    ),
}


@dataclass(frozen=True)
class Outcome:
    """A world, what the oracle makes of it and the warehouse the models made."""

    world: World
    oracle: Oracle
    warehouse: Path

    def published(self, table: str) -> list[dict[str, Any]]:
        return rows(self.warehouse, f"select * from published.{table}")

    @cached_property
    def targets(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {(row["contract_id"], row["milestone"]): row for row in self.published("health_check_targets")}


@pytest.fixture(scope="module", params=list(SETTINGS), ids=list(SETTINGS))
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    setting = SETTINGS[request.param]
    work = tmp_path_factory.mktemp("random")
    policies = write_policies(work / "policies", calendar=setting.calendar, health_checks=setting.health_checks)
    world = Maker(setting.seed, setting.as_of, policies, setting.with_opportunities).world(ACCOUNTS)
    oracle = Oracle(
        setting.as_of, world.streams, read_policy(policies, "health_checks"), read_policy(policies, "calendar")
    )
    return Outcome(world, oracle, build_models(world.freeze(work / "inputs"), work))


def differences(expected: dict[Any, Any], actual: dict[Any, Any]) -> list[str]:
    """What differs, in words a person can start from; the first few are enough."""
    found = [f"missing: {key}" for key in expected.keys() - actual.keys()]
    found += [f"should not be there: {key}" for key in actual.keys() - expected.keys()]
    for key in expected.keys() & actual.keys():
        if expected[key] != actual[key]:
            found.append(f"{key}: expected {expected[key]}, got {actual[key]}")
    return sorted(found)[:10]


def test_the_world_has_every_edge(outcome: Outcome) -> None:
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


def test_targets(outcome: Outcome) -> None:
    compared = [name for name in next(iter(outcome.oracle.targets.values())) if name != "near_misses"]
    expected = {key: {name: row[name] for name in compared} for key, row in outcome.oracle.targets.items()}
    actual = {key: {name: row[name] for name in compared} for key, row in outcome.targets.items()}
    assert differences(expected, actual) == []


def test_near_misses(outcome: Outcome) -> None:
    """A near miss stands exactly where there is one, and names an activity that lacks but one thing."""
    expected = {key: bool(row["near_misses"]) for key, row in outcome.oracle.targets.items()}
    actual = {key: row["near_miss"] is not None for key, row in outcome.targets.items()}
    assert differences(expected, actual) == []

    keys = {row["target_id"]: key for key, row in outcome.targets.items()}
    named = {
        keys[row["target_id"]]: row["activity_id"]
        for row in rows(outcome.warehouse, "select * from intermediate.int_health_checks__near_misses")
    }
    things = {key: dict(row["near_misses"]) for key, row in outcome.oracle.targets.items() if row["near_misses"]}
    assert named.keys() == things.keys()
    words = {"attachment": "without an attachment", "status": None, "date": " day"}
    for key, activity_id in named.items():
        assert activity_id in things[key], key
        word = words[things[key][activity_id]]
        assert word is None or word in outcome.targets[key]["near_miss"], key


def test_candidates_in_their_order(outcome: Outcome) -> None:
    actual = sorted(outcome.published("health_check_candidates"), key=lambda row: row["rank"])
    assert [row["rank"] for row in actual] == list(range(1, len(actual) + 1))
    assert [(row["contract_id"], row["milestone"]) for row in actual] == [
        (row["contract_id"], row["milestone"]) for row in outcome.oracle.candidates
    ]
    for row in actual:
        target = outcome.targets[row["contract_id"], row["milestone"]]
        assert {name: row[name] for name in target} == target


def test_accounts(outcome: Outcome) -> None:
    columns = list(next(iter(outcome.oracle.account_rows.values())))
    actual = {
        row["account_id"]: {name: row[name] for name in columns} for row in outcome.published("health_check_accounts")
    }
    assert differences(outcome.oracle.account_rows, actual) == []


def test_influence(outcome: Outcome) -> None:
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


def test_credit_is_whole(outcome: Outcome) -> None:
    """Every influenced opportunity gives one last touch, and shares that come to one but for the rounding."""
    totals = rows(
        outcome.warehouse,
        "select opportunity_id, sum(credit_last_touch) as last_touch, sum(credit_linear) as linear, count(*) as checks"
        " from published.health_check_influence group by all",
    )
    assert totals
    for row in totals:
        assert row["last_touch"] == 1
        assert abs(row["linear"] - 1) <= Decimal("0.000001") * row["checks"]


def test_performance(outcome: Outcome) -> None:
    columns = list(next(iter(outcome.oracle.performance.values())))
    actual = {
        (row["fiscal_quarter"], row["dimension"], row["value"]): {name: row[name] for name in columns}
        for row in outcome.published("health_check_performance")
    }
    assert differences(outcome.oracle.performance, actual) == []
