"""Worlds under different days, calendars and policies, made and built once for all tests that look at them.

Here: the settings, and what a test gets of one. Not here: how rows are made (random_worlds.py) and compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from tests.dbt.policy_folders import read_policy, write_policies
from tests.dbt.random_worlds import Maker
from tests.support.compiled import compiled_models, rows_of
from tests.support.inputs import World
from tests.support.oracle_health_checks import Oracle

ACCOUNTS = 300


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
class RandomOutcome:
    """A world, what the oracle makes of it and the warehouse the models made."""

    world: World
    oracle: Oracle
    warehouse: duckdb.DuckDBPyConnection

    def published(self, table: str) -> list[dict[str, Any]]:
        return rows_of(self.warehouse, f"select * from published.{table}")

    @cached_property
    def targets(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {(row["contract_id"], row["milestone"]): row for row in self.published("health_check_targets")}


def make_outcome(name: str, work: Path) -> RandomOutcome:
    """The world of a setting, by name, built in `work`."""
    setting = SETTINGS[name]
    policies = write_policies(work / "policies", calendar=setting.calendar, health_checks=setting.health_checks)
    world = Maker(setting.seed, setting.as_of, policies, setting.with_opportunities).world(ACCOUNTS)
    oracle = Oracle(
        setting.as_of, world.streams, read_policy(policies, "health_checks"), read_policy(policies, "calendar")
    )
    return RandomOutcome(world, oracle, compiled_models().run(world.freeze(work / "inputs")))
