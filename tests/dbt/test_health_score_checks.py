"""The published checks of the health score: good tables pass, and each rule finds its fault."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import duckdb
import pytest

from orchestration.quality.published import check_published
from orchestration.quality.suites import Suite, load_published_suites
from orchestration.settings import PROJECT_ROOT
from tests.dbt.test_health_score_examples import AS_OF, NOON, best, call, world
from tests.support.compiled import compiled_models
from tests.support.inputs import account

TABLES = (
    *("account_health", "account_health_measures", "account_themes", "account_signals"),
    *("portfolio_mix", "score_audit", "status_disagreements"),
)

# table, rule, the fault it finds
FAULTS = [
    ("account_health", "key_unique", "insert into {t} select * from {t} where account_id = 'quiet'"),
    ("account_health", "one_run", "update {t} set run_id = 'another' where account_id = 'quiet'"),
    ("account_health", "account_id_present", "update {t} set account_id = null where account_id = 'quiet'"),
    ("account_health", "score_in_range", "update {t} set score = 100.1"),
    ("account_health", "status_known", "update {t} set status = 'BLUE'"),
    ("account_health", "tier_known", "update {t} set tier = 'fine'"),
    ("account_health", "confidence_known", "update {t} set confidence = 'some'"),
    ("account_health", "interval_holds_score", "update {t} set score_low = score + 0.1 where account_id = 'quiet'"),
    ("account_health", "status_goes_with_score", "update {t} set score = null where account_id = 'quiet'"),
    ("account_health", "final_status_follows_call", "update {t} set final_status = 'GREEN' where account_id = 'quiet'"),
    ("account_health_measures", "key_unique", "insert into {t} select * from {t} where measure = 'nps'"),
    ("account_health_measures", "one_run", "update {t} set published_at = now() where measure = 'nps'"),
    ("account_health_measures", "account_id_present", "update {t} set account_id = null where measure = 'nps'"),
    ("account_health_measures", "measure_present", "update {t} set measure = null where measure = 'nps'"),
    ("account_health_measures", "points_in_range", "update {t} set points = max_points + 1 where measure = 'nps'"),
    (
        "account_health_measures",
        "points_in_range",
        "update {t} set missing_reason = 'x' where measure = 'reference'",
    ),
    ("account_health_measures", "every_account_explained", "delete from {t} where account_id = 'quiet'"),
    (
        "account_health_measures",
        "every_account_explained",
        "delete from {t} where account_id = 'quiet' and measure = 'nps'",
    ),
    ("account_themes", "key_unique", "insert into {t} select * from {t}"),
    ("account_themes", "one_run", "update {t} set run_id = null"),
    ("account_themes", "evidence_present", "update {t} set evidence = null"),
    ("account_themes", "severity_known", "update {t} set severity = 'dire'"),
    ("account_themes", "account_scored", "update {t} set account_id = 'nobody'"),
    ("account_themes", "root_cause_agrees", "update {t} set theme = 'another' where place = 1"),
    ("account_signals", "key_unique", "insert into {t} select * from {t} where account_id = 'quiet'"),
    ("account_signals", "one_run", "update {t} set run_id = 'another' where account_id = 'quiet'"),
    ("account_signals", "account_id_present", "update {t} set account_id = null where account_id = 'quiet'"),
    ("account_signals", "every_account_has_signals", "delete from {t} where account_id = 'quiet'"),
    ("account_signals", "every_account_has_signals", "update {t} set score = 1 where account_id = 'quiet'"),
    ("portfolio_mix", "key_unique", "insert into {t} select * from {t} limit 1"),
    ("portfolio_mix", "one_run", "update {t} set run_id = null"),
    ("portfolio_mix", "mix_moves_slowly", "update {t} set is_large_move = true where value = 'GREEN'"),
    ("portfolio_mix", "mix_is_whole", "delete from {t} where value = 'GREEN'"),
    ("score_audit", "key_unique", "insert into {t} select * from {t} where account_id = 'quiet'"),
    ("score_audit", "one_run", "update {t} set run_id = 'another' where account_id = 'quiet'"),
    ("score_audit", "extraction_ids_present", "update {t} set extraction_ids = null"),
    ("score_audit", "every_score_logged", "delete from {t} where account_id = 'quiet'"),
    ("status_disagreements", "key_unique", "insert into {t} select * from {t}"),
    ("status_disagreements", "one_run", "update {t} set run_id = null"),
    ("status_disagreements", "csm_reason_present", "update {t} set csm_reason = null"),
    ("status_disagreements", "machine_reason_present", "update {t} set machine_reason = null"),
    ("status_disagreements", "disagreement_is_one", "update {t} set csm_status = status"),
]


@pytest.fixture(scope="module")
def suites() -> dict[str, Suite]:
    return load_published_suites(PROJECT_ROOT / "expectations")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    rows = best() | {"csm_calls": [call("quiet", "RED", 1, -10)]}
    rows["accounts"].append(account("quiet"))
    rows["tickets"].append({"ticket_id": "q", "account_id": "quiet", "created_at": NOON - timedelta(days=9)})
    rows["signals"] = [{"signal_id": "s", "account_id": "quiet", "signal_type": "blocker", "observed_on": AS_OF}]
    inputs = world(**rows).freeze(tmp_path_factory.mktemp("checks") / "inputs")
    with compiled_models().run(inputs, *TABLES) as con:
        yield con


def failing(con: duckdb.DuckDBPyConnection, suite: Suite) -> list[str]:
    results = check_published(con, {suite.table: suite})
    assert [(result.rule, result.broken) for result in results if result.broken] == []
    return [result.rule for result in results if not result.passed]


@pytest.mark.parametrize("table", TABLES)
def test_what_the_models_make_passes(table: str, good: duckdb.DuckDBPyConnection, suites: dict[str, Suite]) -> None:
    assert good.execute(f"select count(*) from published.{table}").fetchall()[0][0] > 0
    assert failing(good, suites[table]) == []


def test_every_rule_has_a_fault(suites: dict[str, Suite]) -> None:
    rules = {(table, rule.name) for table in TABLES for rule in suites[table].rules}
    assert {(table, rule) for table, rule, _ in FAULTS} == rules


@pytest.mark.parametrize(("table", "rule", "fault"), FAULTS)
def test_each_rule_finds_its_fault(
    table: str, rule: str, fault: str, good: duckdb.DuckDBPyConnection, suites: dict[str, Suite]
) -> None:
    only = suites[table].model_copy(update={"rules": tuple(one for one in suites[table].rules if one.name == rule)})
    good.execute(f"create temporary table kept as from published.{table}")
    try:
        good.execute(fault.format(t=f"published.{table}"))
        assert failing(good, only) == [rule]
    finally:
        good.execute(f"create or replace table published.{table} as from kept; drop table kept")
