"""The published checks of the reviews: good tables pass, and each rule finds its fault."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from orchestration.quality.suites import Suite, load_published_suites
from orchestration.settings import PROJECT_ROOT
from tests.dbt.coloured_accounts import built
from tests.dbt.faults import assert_found, assert_good, unbroken
from tests.dbt.test_reviews_examples import REPORTS, portfolio

TABLES = ("review_items", *REPORTS)

# table, fault, the rules of the table that fail of it
FAULTS = [
    ("review_items", "update {t} set report = 'diary' where report = 'playbook_review'", {"report_known"}),
    ("review_items", "update {t} set text = null where section = 'churn_forecast'", {"text_present"}),
    ("review_items", "update {t} set made_on = made_on - 1 where section = 'churn_forecast'", {"made_at_once"}),
    ("review_items", "update {t} set made_on = as_of_date + 1 where report = 'monthly_report'", {"made_at_once"}),
    ("review_items", "delete from {t} where section = 'churn_forecast' and \"rank\" = 1", {"rank_without_gaps"}),
    ("review_items", "update {t} set account_id = 'nobody' where section = 'newly_at_risk'", {"account_known"}),
    ("review_items", "update {t} set unit = null where section = 'churn_forecast'", {"figure_with_unit"}),
    *((report, "update {t} set text = 'All is well.'", {"as_in_review_items"}) for report in REPORTS),
    *((report, 'delete from {t} where "rank" = 1', {"as_in_review_items"}) for report in REPORTS),
]


@pytest.fixture(scope="module")
def suites() -> dict[str, Suite]:
    return {
        name: suite for name, suite in load_published_suites(PROJECT_ROOT / "expectations").items() if name in TABLES
    }


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("checks")
    world = portfolio().world(folder)
    world.cadence = "quarterly"
    with built(world, folder, *TABLES, "account_health") as con:
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
