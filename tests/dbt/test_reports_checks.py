"""The published checks of dashboard and success metrics: good tables pass, and each rule finds its fault."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from orchestration.quality.suites import Suite, load_published_suites
from orchestration.settings import PROJECT_ROOT
from tests.dbt.coloured_accounts import built
from tests.dbt.faults import assert_found, assert_good, unbroken
from tests.dbt.test_reports_examples import EARLIER, portfolio

TABLES = ("portfolio_summary", "success_metrics")

# table, fault, the rules of the table that fail of it
FAULTS = [
    ("portfolio_summary", "update {t} set text = null where section = 'summary'", {"text_present"}),
    ("portfolio_summary", "update {t} set section = 'mood' where section = 'retention'", {"section_known"}),
    ("portfolio_summary", "delete from {t} where section = 'summary' and \"rank\" > 2", {"summary_of_few_sentences"}),
    (
        "portfolio_summary",
        "update {t} set figure = figure + 1, change = change + 1 where section = 'status' and item = 'RED'",
        {"statuses_reconcile"},
    ),
    (
        "portfolio_summary",
        "delete from {t} where section = 'decisions' and item = 'this_week'",
        {"decisions_reconcile"},
    ),
    (
        "portfolio_summary",
        "delete from {t} where section = 'expansion' and unit <> 'expansions'",
        {"expansions_reconcile"},
    ),
    ("portfolio_summary", "update {t} set arrow = '↓' where item = 'accounts'", {"arrows_point_right"}),
    ("portfolio_summary", "update {t} set arrow = null where item = 'accounts'", {"arrows_point_right"}),
    ("portfolio_summary", "update {t} set change = 0 where item = 'accounts'", {"arrows_point_right"}),
    ("success_metrics", "update {t} set name = 'mood' where name = 'csat'", {"name_known"}),
    ("success_metrics", "delete from {t} where name = 'csat'", {"all_metrics"}),
    ("success_metrics", "update {t} set reason = null where name = 'csat'", {"blanks_explained"}),
    ("success_metrics", "update {t} set value = 101 where name = 'renewal_rate'", {"shares_in_range"}),
    ("success_metrics", "update {t} set baseline_on = as_of_date + 1", {"baseline_kept"}),
    ("success_metrics", "update {t} set is_met = null where name = 'accounts_per_csm'", {"targets_judged"}),
]


@pytest.fixture(scope="module")
def suites() -> dict[str, Suite]:
    return {
        name: suite for name, suite in load_published_suites(PROJECT_ROOT / "expectations").items() if name in TABLES
    }


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("checks")
    customers = portfolio()
    customers.contract("green", 400, 100, product="Old")
    world = customers.world(folder)
    world.earlier["portfolio_summary"] = EARLIER
    with built(world, folder, *TABLES, "account_health", "executive_decisions", "expansion_pipeline") as con:
        yield con


def test_what_the_models_make_passes(con: duckdb.DuckDBPyConnection, suites: dict[str, Suite]) -> None:
    assert_good(con, suites, TABLES)


@pytest.mark.parametrize(("table", "fault", "rules"), FAULTS)
def test_each_fault_is_found(
    con: duckdb.DuckDBPyConnection, suites: dict[str, Suite], table: str, fault: str, rules: set[str]
) -> None:
    assert_found(con, suites[table], fault, rules)


def test_every_rule_has_its_fault(suites: dict[str, Suite]) -> None:
    assert unbroken(suites, FAULTS) == set()
