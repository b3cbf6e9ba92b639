"""The same inputs give the same rows, in whatever order they came and however often they are built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import duckdb
import pytest

from tests.dbt.random_outcomes import RandomOutcome
from tests.support.compiled import compiled_models, rows_of
from tests.support.inputs import Row, World

SETTING = "New York, fiscal year from April, overrides"


def shuffled(world: World) -> World:
    """The same facts, every table in another order."""
    random = Random(99)  # noqa: S311

    def mixed(found: list[Row]) -> list[Row]:
        return random.sample(found, k=len(found))

    streams = {name: mixed(found) for name, found in world.streams.items()}
    return replace(world, streams=streams, row_failures=mixed(world.row_failures))


def published(warehouse: duckdb.DuckDBPyConnection) -> dict[str, list[Row]]:
    """Every published table, whole, its rows in an order of their own."""
    query = "select table_name from information_schema.tables where table_schema = 'published' order by all"
    names = [row["table_name"] for row in rows_of(warehouse, query)]
    return {name: sorted(rows_of(warehouse, f"select * from published.{name}"), key=repr) for name in names}


@pytest.fixture(scope="module")
def before(random_outcome: Callable[[str], RandomOutcome]) -> dict[str, list[Row]]:
    return published(random_outcome(SETTING).warehouse)


def test_another_run_over_shuffled_inputs_gives_the_same_rows(
    random_outcome: Callable[[str], RandomOutcome], before: dict[str, list[Row]], tmp_path: Path
) -> None:
    inputs = shuffled(random_outcome(SETTING).world).freeze(tmp_path / "inputs")
    after = published(compiled_models().run(inputs))
    assert after.keys() == before.keys()
    for name, expected in before.items():
        # A world of health checks: scores and what follows from them are shuffled in test_score_against_oracle.
        assert expected or not name.startswith(("health_check", "hygiene", "source")), name
        different = [(old, new) for old, new in zip(expected, after[name], strict=True) if old != new]
        assert different[:3] == [], name


def test_no_row_is_lost_or_doubled_between_layers(random_outcome: Callable[[str], RandomOutcome]) -> None:
    """Contracts, opportunities and accounts keep their number through every join; targets are published one to one."""
    outcome = random_outcome(SETTING)

    def count(table: str) -> int:
        (row,) = rows_of(outcome.warehouse, f"select count(*) as found from {table}")
        return row["found"]

    streams = outcome.world.streams
    assert count("intermediate.int_accounts__profiled") == len(streams["accounts"])
    assert count("intermediate.int_contracts__converted") == len(streams["contracts"])
    known = [row for row in streams["opportunities"] if row["created_on"] <= outcome.world.as_of]
    assert count("intermediate.int_opportunities__converted") == len(known) < len(streams["opportunities"])
    assert count("intermediate.int_health_checks__windows") == count("published.health_check_targets")
    assert count("marts.fct_health_check_influence") == count("published.health_check_influence")
    assert count("published.hygiene_issues") == len({row["record_key"] for row in outcome.world.row_failures})


def test_every_due_target_is_counted_once_in_each_dimension(before: dict[str, list[Row]]) -> None:
    due = [
        row
        for row in before["health_check_targets"]
        if row["due_date"] <= row["as_of_date"] and row["status"] != "not_applicable"
    ]
    for dimension in ("all", "owner", "geo", "region"):
        cells = [row for row in before["health_check_performance"] if row["dimension"] == dimension]
        assert sum(row["targets_due"] for row in cells) == len(due), dimension
