"""The published checks of the backtest: good tables pass, and each rule finds its fault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from orchestration.quality.published import check_published
from orchestration.quality.suites import Suite, load_published_suites
from orchestration.settings import PROJECT_ROOT
from tests.dbt.past import Past, after, built, customer, gone_on
from tests.dbt.policy_folders import read_policy, write_policies

TABLES = ("score_backtest", "calibration")

# table, fault, the rules of the table that fail of it
FAULTS = [
    ("score_backtest", "update {t} set section = 'more' where section = 'auc'", {"section_known"}),
    ("score_backtest", "update {t} set predictor = 'mood' where section = 'auc'", {"predictor_known", "key_unique"}),
    ("score_backtest", "update {t} set unit = 'miles' where measure = 'lift'", {"unit_known"}),
    ("score_backtest", "update {t} set note = ' ' where figure is null", {"absence_told"}),
    (
        "score_backtest",
        "update {t} set figure = null, low = null, high = null where measure = 'lift'",
        {"absence_told"},
    ),
    ("score_backtest", "update {t} set figure = 101, high = 101 where measure = 'churn_rate'", {"figure_in_range"}),
    (
        "score_backtest",
        "update {t} set figure = 1.1, high = 1.1 where figure > 0 and measure = 'auc'",
        {"figure_in_range"},
    ),
    ("score_backtest", "update {t} set figure = -1, low = -1 where measure = 'lift'", {"figure_in_range"}),
    ("score_backtest", "update {t} set figure = 1.1 where measure = 'skill'", {"figure_in_range"}),
    ("score_backtest", "update {t} set figure = high + 0.01 where measure = 'brier'", {"interval_holds_figure"}),
    ("score_backtest", "update {t} set low = null where measure = 'brier'", {"interval_holds_figure"}),
    ("score_backtest", "update {t} set low = 0, high = 1 where figure is null", {"interval_holds_figure"}),
    ("score_backtest", "update {t} set churned = accounts + 1 where measure = 'lift'", {"counts_in_order"}),
    ("score_backtest", "update {t} set accounts = null where measure = 'lift'", {"counts_in_order"}),
    ("score_backtest", "delete from {t} where section = 'deciles' and churned = 0", {"sections_reconcile"}),
    ("score_backtest", "update {t} set churned = 0 where item = '70 to 80'", {"sections_reconcile"}),
    ("score_backtest", "insert into {t} select * from {t} where measure = 'auc'", {"key_unique"}),
    ("score_backtest", "update {t} set run_id = 'another' where measure = 'auc'", {"one_run"}),
    ("calibration", "update {t} set kind = 'more' where kind = 'base'", {"kind_known"}),
    ("calibration", "update {t} set suggested_value = 101, high = 101 where kind = 'base'", {"suggestion_in_range"}),
    ("calibration", "update {t} set reason = null", {"suggested_or_refused"}),
    ("calibration", "update {t} set reason = 'few' where kind = 'base'", {"suggested_or_refused"}),
    ("calibration", "update {t} set low = null where kind = 'base'", {"suggested_or_refused"}),
    ("calibration", "update {t} set high = 1 where suggested_value is null", {"suggested_or_refused"}),
    ("calibration", "update {t} set suggested_value = high + 1 where kind = 'base'", {"interval_holds_suggestion"}),
    ("calibration", "update {t} set churned = accounts + 1", {"counts_in_order"}),
    ("calibration", "update {t} set compared_accounts = null", {"counts_in_order"}),
    ("calibration", "update {t} set compared_churned = compared_accounts + 1", {"counts_in_order"}),
    (
        "calibration",
        "update {t} set suggested_value = 0, low = 0 where parameter = 'probability 70 to 80'",
        {"probabilities_rise"},
    ),
    ("calibration", "insert into {t} select * from {t} where kind = 'base'", {"key_unique"}),
    ("calibration", "update {t} set run_id = 'another' where kind = 'base'", {"one_run"}),
]


def past() -> Past:
    """Accounts of each colour of which some left: something is suggested, and something refused."""
    made = Past()
    for status, left, stayed in (("RED", 4, 4), ("YELLOW", 2, 6), ("GREEN", 0, 10)):
        for number in range(left + stayed):
            name = made.says(f"{status}-{number}", status)
            made.knows(name, gone_on(after(9)) if number < left else customer())
    made.says("in-no-source")
    return made


@pytest.fixture(scope="module")
def suites() -> dict[str, Suite]:
    found = load_published_suites(PROJECT_ROOT / "expectations")
    return {name: found[name] for name in TABLES}


def policies(folder: Path) -> Path:
    """Few accounts are enough."""
    shipped = read_policy(PROJECT_ROOT / "policies", "churn")["calibration"]
    floors = {"calibration": shipped | {"least_churned": 5, "least_kept": 20}}
    fitting = {"horizon_days": 180, "shrinkage_accounts": 2, "least_accounts": 5}
    return write_policies(folder / "policies", churn=floors, backtest={"fitting": fitting})


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("checks")
    with built(past().world(policies(folder)), folder, *TABLES) as con:
        yield con


def test_what_the_models_make_passes(con: duckdb.DuckDBPyConnection, suites: dict[str, Suite]) -> None:
    for suggested in ("suggested_value is null", "suggested_value is not null"):
        assert con.execute(f"select count(*) from published.calibration where {suggested}").fetchone() != (0,)
    results = check_published(con, suites)
    assert [(result.table, result.rule, result.broken, result.sample) for result in results if not result.passed] == []


@pytest.mark.parametrize("given", [Past(), past()], ids=["no past", "too few"])
def test_a_young_or_small_company_passes(tmp_path: Path, suites: dict[str, Suite], given: Past) -> None:
    with built(given.world(), tmp_path, *TABLES) as con:
        results = check_published(con, suites)
    assert [(result.rule, result.sample) for result in results if not result.passed] == []


@pytest.mark.parametrize(("table", "fault", "rules"), FAULTS)
def test_each_fault_is_found(
    con: duckdb.DuckDBPyConnection, suites: dict[str, Suite], table: str, fault: str, rules: set[str]
) -> None:
    con.execute(f"create table memory.main.kept as select * from published.{table}")
    try:
        con.execute(fault.format(t=f"published.{table}"))
        results = check_published(con, {table: suites[table]})
    finally:
        con.execute(f"delete from published.{table}")
        con.execute(f"insert into published.{table} select * from memory.main.kept")
        con.execute("drop table memory.main.kept")
    failed = [result for result in results if not result.passed]
    assert {result.rule for result in failed} == rules
    assert all(result.blocking and result.sample and result.broken is None for result in failed)


def test_every_rule_has_its_fault(suites: dict[str, Suite]) -> None:
    found = {(table, rule) for table, _, rules in FAULTS for rule in rules}
    assert {(name, rule.name) for name, suite in suites.items() for rule in suite.rules} == found
