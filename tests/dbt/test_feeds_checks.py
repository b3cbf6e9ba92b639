"""The published checks of the feeds: good tables pass, and each rule finds its fault."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from orchestration.quality.suites import Suite, load_published_suites
from orchestration.settings import PROJECT_ROOT
from tests.dbt.coloured_accounts import Customers, built
from tests.dbt.faults import assert_found, assert_good, unbroken
from tests.dbt.test_feeds_examples import TABLES, advocates, asked, billed, growing, sold

# table, fault, the rules of the table that fail of it
FAULTS = [
    ("feed_sales", "update {t} set score = score - 1 where account_id = 'plain'", {"as_scored"}),
    ("feed_sales", "update {t} set is_at_risk = true where account_id = 'plain'", {"as_scored"}),
    ("feed_sales", "delete from {t} where account_id = 'plain'", {"as_scored"}),
    ("feed_sales", "update {t} set expected_retained_arr = 1 where account_id = 'plain'", {"renewal_adds_up"}),
    ("feed_sales", "update {t} set renewal_quarter = null where account_id = 'plain'", {"renewal_adds_up"}),
    ("feed_sales", "update {t} set is_handed_off = true where account_id = 'waiting'", {"hand_offs_exist"}),
    ("feed_sales", "update {t} set expansion_type = null where account_id = 'waiting'", {"hand_offs_exist"}),
    ("feed_product", "update {t} set section = 'mood' where section = 'beta_candidate'", {"section_known"}),
    ("feed_product", "update {t} set account_id = 'nobody' where section = 'usage'", {"account_known"}),
    ("feed_product", "update {t} set arr = arr + 1 where section = 'theme'", {"themes_add_up"}),
    ("feed_product", "update {t} set item = null where section = 'beta_candidate'", {"item_present"}),
    ("feed_product", 'update {t} set "rank" = "rank" + 1 where section = \'usage\'', {"rank_without_gaps"}),
    (
        "feed_finance",
        "update {t} set payment_trend = 'never' where account_id = 'slower'",
        {"payment_trend_known", "trend_follows_days"},
    ),
    ("feed_finance", "update {t} set has_billing_alert = false where account_id = 'owes'", {"alerts_add_up"}),
    ("feed_finance", "update {t} set alert_amount = alert_amount + 1", {"alerts_add_up"}),
    ("feed_finance", "update {t} set billing_evidence = null where account_id = 'owes'", {"alerts_add_up"}),
    ("feed_finance", "update {t} set lifetime_value = 1 where account_id = 'plain'", {"losses_as_forecast"}),
    ("feed_finance", "delete from {t} where account_id = 'plain'", {"losses_as_forecast"}),
    ("feed_finance", "update {t} set at_risk_arr = 0 where account_id = 'shaky'", {"at_risk_by_tier"}),
    ("feed_finance", "update {t} set days_late_change = 1 where account_id = 'faster'", {"trend_follows_days"}),
    ("feed_marketing", "update {t} set nps = 11 where account_id = 'promoter'", {"nps_in_range"}),
    ("feed_marketing", "update {t} set account_id = 'shaky' where account_id = 'promoter'", {"healthy_and_unblocked"}),
    (
        "feed_marketing",
        "update {t} set account_id = 'blocked', score = 92.7 where account_id = 'promoter'",
        {"healthy_and_unblocked"},
    ),
    ("feed_marketing", 'update {t} set "rank" = "rank" + 1', {"rank_without_gaps"}),
]


@pytest.fixture(scope="module")
def suites() -> dict[str, Suite]:
    return {
        name: suite for name, suite in load_published_suites(PROJECT_ROOT / "expectations").items() if name in TABLES
    }


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder, customers = tmp_path_factory.mktemp("checks"), Customers()
    for fill in (sold, asked, growing, billed, advocates):
        fill(customers)
    read = ("account_health", "account_churn", "account_signals", "expansion_pipeline")
    with built(customers.world(folder), folder, *TABLES, *read) as con:
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
