"""Random customers under different days, calendars and gaps, with what the models and the oracles make of them.

Each is built once for all tests that look at it. Here: the settings, the building, and the comparison cell by cell.
Not here: how rows are made (random_customers.py) and what should come of them (tests/support/oracle_*.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from random import Random
from typing import Any

import duckdb

from orchestration.policy.load import load_policies
from tests.dbt.policy_folders import write_policies
from tests.dbt.random_customers import Maker
from tests.support.compiled import compiled_models, rows_of
from tests.support.inputs import World
from tests.support.oracle_churn import ChurnOracle
from tests.support.oracle_expansion import ExpansionOracle
from tests.support.oracle_facts import Facts
from tests.support.oracle_health_score import HealthOracle

Row = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """On which day and in which zone a world is looked at, and which streams it lacks."""

    seed: int
    accounts: int
    as_of: date
    time_zone: str
    fiscal_year_start_month: int = 1
    reporting_currency: str = "USD"
    missing: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()
    # Whether the runs before had other policies.
    is_policy_new: bool = False


SETTINGS = {
    "everything, month's end": Setting(11, 250, date(2026, 6, 30), "UTC"),
    "New York, leap day, usage stale": Setting(
        12, 200, date(2024, 2, 29), "America/New_York", 4, "USD", ("contacts", "invoices"), ("usage",), True
    ),
    "Kolkata, mid-month, no signals, tickets stale": Setting(
        13, 200, date(2026, 3, 15), "Asia/Kolkata", 11, "EUR", ("signals", "opportunities"), ("tickets",)
    ),
    "three streams": Setting(
        14,
        150,
        date(2025, 12, 31),
        "UTC",
        missing=("opportunities", "contacts", "signals", "tickets", "usage", "survey_responses", "invoices"),
    ),
}


@dataclass(frozen=True, eq=False)
class Outcome:
    """A world, what the oracles make of it and the warehouse the models made."""

    world: World
    health: HealthOracle
    warehouse: duckdb.DuckDBPyConnection

    @cached_property
    def churn(self) -> ChurnOracle:
        return ChurnOracle(self.health)

    @cached_property
    def expansion(self) -> ExpansionOracle:
        return ExpansionOracle(self.health)

    @cache  # noqa: B019 (an outcome lives as long as the tests)
    def _read(self, table: str) -> list[Row]:
        return rows_of(self.warehouse, f"select * from published.{table}")

    def published(self, table: str, *key: str) -> dict[Any, Row]:
        """The rows of a published table by their key."""
        found = self._read(table)
        keyed = {row[key[0]] if len(key) == 1 else tuple(row[name] for name in key): row for row in found}
        assert len(keyed) == len(found), f"{table}: {key} is no key"
        return keyed


def make_world(setting: Setting, work: Path) -> tuple[World, Facts]:
    """The world of a setting and what is known in it; its policies stand in `work`."""
    calendar = {
        "time_zone": setting.time_zone,
        "fiscal_year_start_month": setting.fiscal_year_start_month,
        "reporting_currency": setting.reporting_currency,
    }
    policies = write_policies(work / "policies", calendar=calendar)
    version = load_policies(policies).version
    maker = Maker(setting.seed, setting.as_of, policies, "older" if setting.is_policy_new else version)
    world = maker.world(setting.accounts, missing=setting.missing, omitted=setting.omitted)
    world.streams["csm_calls"] = maker.calls
    world.earlier["account_health"] = maker.earlier
    world.earlier["account_signals"] = maker.earlier_signals
    facts = Facts(
        setting.as_of,
        world.streams,
        calendar,
        frozenset(setting.omitted),
        maker.earlier,
        maker.earlier_signals,
        version,
    )
    return world, facts


@cache
def outcome_of(name: str, base: Path) -> Outcome:
    """The outcome of a setting by its name, built below `base`."""
    work = base / f"customers-{list(SETTINGS).index(name)}"
    work.mkdir()
    world, facts = make_world(SETTINGS[name], work)
    return Outcome(world, HealthOracle(facts), build(world, work))


def build(world: World, work: Path) -> duckdb.DuckDBPyConnection:
    """Every published table of a world; its inputs stand in `work`."""
    models = compiled_models()
    return models.run(world.freeze(work / "inputs"), *models.of_schema("published"))


def shuffled(world: World) -> World:
    """The same rows in another order."""
    random = Random(1)  # noqa: S311
    streams = {name: random.sample(found, len(found)) for name, found in world.streams.items()}
    earlier = random.sample(world.earlier["account_health"], len(world.earlier["account_health"]))
    kept = random.sample(world.earlier["account_signals"], len(world.earlier["account_signals"]))
    return replace(world, streams=streams, earlier={"account_health": earlier, "account_signals": kept})


def assert_same(expected: dict[Any, Row], actual: dict[Any, Row], columns: Iterable[str] | None = None) -> None:
    """Every row and cell the same; else says what differs, in words a person can start from."""
    found = [f"{key}: missing" for key in expected.keys() - actual.keys()]
    found += [f"{key}: should not be there" for key in actual.keys() - expected.keys()]
    for key in expected.keys() & actual.keys():
        for column in columns or expected[key]:
            ours, oracles = actual[key][column], expected[key][column]
            if ours != oracles:
                found.append(f"{key} {column}: ours {ours}, oracle's {oracles}")
    listed = "\n".join(sorted(found)[:30])
    assert not found, f"{len(found)} cells or rows differ:\n{listed}"
