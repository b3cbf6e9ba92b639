"""Checks of published tables: good tables pass, and each rule fails on the fault made for it."""

from __future__ import annotations

import duckdb
import pytest
from landed_data import EXPECTATIONS

from orchestration.quality.published import check_published
from orchestration.quality.suites import load_published_suites

STAMP = (
    "date '2026-06-30' as as_of_date, 'p1' as policy_version, 'r1' as run_id, "
    "timestamp '2026-06-30 20:00' as published_at"
)

TABLES = {
    "health_check_targets": f"""
        select {STAMP}, * from (values
            ('t1', 'a1', 'c1', 'post_start', date '2026-05-01', date '2026-04-01', date '2026-05-31', date '2026-06-30',
             'past_due', null::date, null::varchar, 10.00::decimal(18, 2)),
            ('t2', 'a1', 'c1', 'pre_end', date '2026-08-01', date '2026-07-01', date '2026-08-31', date '2026-08-31',
             'pending', null, null, 10.00),
            ('t3', 'a2', 'c2', 'post_start', date '2026-02-01', date '2026-01-01', date '2026-03-01', date '2026-06-30',
             'completed', date '2026-02-02', 'x1', 5.00)
        ) t(target_id, account_id, contract_id, milestone, due_date, window_opens_on, window_closes_on, expires_on,
            status, completed_on, completing_activity_id, amount)""",
    "health_check_candidates": f"""
        select {STAMP}, * from (values
            (1, 't1', 'a1', 'past_due', 10.00::decimal(18, 2)), (2, 't2', 'a1', 'pending', 10.00)
        ) t("rank", target_id, account_id, status, amount)""",
    "health_check_accounts": f"""
        select {STAMP}, 'a1' as account_id, 'Acme' as account_name, 2 as candidate_count,
               20.00::decimal(18, 2) as candidate_amount, 't1' as most_urgent_target_id""",
    "health_check_influence": f"""
        select {STAMP}, * from (values
            ('o1', 'x1', 'a2', 'open', 0::decimal(9, 6), 0.333333::decimal(9, 6)),
            ('o1', 'x2', 'a2', 'open', 0, 0.333333), ('o1', 'x3', 'a2', 'open', 1, 0.333333)
        ) t(opportunity_id, activity_id, account_id, outcome, credit_last_touch, credit_linear)""",
    "health_check_performance": f"""
        select {STAMP}, 'FY26 Q2' as fiscal_quarter, 'all' as dimension, 'all' as value, 3 as targets_due,
               1 as completed, 0 as completed_late, 1 as past_due, 1 as missed,
               33.333333::decimal(9, 6) as completion_rate, 33.333333::decimal(9, 6) as on_time_rate""",
    "hygiene_issues": f"""
        select {STAMP}, * from (values
            ('i1', 'geo_present', 'accounts', 'No GEO.', 'warning', 'open', 'a1', date '2026-06-01', date '2026-06-30',
             null::date, null::date, null, null),
            ('i2', 'geo_present', 'accounts', 'No GEO.', 'warning', 'cleared', 'a2', date '2026-06-01',
             date '2026-06-29', date '2026-06-30', null, null, null),
            ('i3', 'region_present', 'accounts', 'No region.', 'warning', 'accepted', 'a2', date '2026-06-01',
             date '2026-06-30', null, date '2026-06-30', 'New country', 'Rae')
        ) t(issue_id, rule, stream, sentence, severity, status, account_id, first_seen, last_seen, cleared_on,
            accepted_until, accepted_reason, accepted_by)""",
    "hygiene_scorecard": f"""
        select {STAMP}, 'Olga' as owner_name, 'EMEA' as geo, 'geo_present' as rule, 1 as open_issues,
               1 as cleared_issues, 'same' as trend""",
    "source_freshness": f"""
        select {STAMP}, 'tickets' as stream, false as is_stale, 1 as age_days, 10 as rows_read, 7 as rows_used,
               1 as rows_set_aside, 2 as rows_passed_over, 1 as rows_after_as_of, 0 as rows_deleted_at_source,
               1 as rows_summary_line, 0 as rows_landed_before""",
}

# table, fault, the rules that fail of it
FAULTS = [
    (
        "health_check_targets",
        "insert into {t} select * from {t} where target_id = 't1'",
        {"key_unique", "grain_unique"},
    ),
    ("health_check_targets", "update {t} set run_id = 'r0' where target_id = 't1'", {"one_run"}),
    ("health_check_targets", "update {t} set policy_version = null", {"one_run"}),
    (
        "health_check_targets",
        "update {t} set status = 'late' where target_id = 't3'",
        {"status_known", "completion_told"},
    ),
    (
        "health_check_targets",
        "update {t} set status = null where target_id = 't3'",
        {"status_present", "completion_told"},
    ),
    ("health_check_targets", "update {t} set account_id = null", {"account_id_present"}),
    ("health_check_targets", "update {t} set contract_id = null where target_id = 't1'", {"contract_id_present"}),
    ("health_check_targets", "update {t} set due_date = null", {"due_date_present"}),
    ("health_check_targets", "update {t} set expires_on = window_closes_on - 1", {"window_in_order"}),
    ("health_check_targets", "update {t} set completing_activity_id = null", {"completion_told"}),
    (
        "health_check_candidates",
        "update {t} set target_id = 't9' where target_id = 't2'",
        {"target_exists", "no_target_forgotten"},
    ),
    ("health_check_candidates", "delete from {t} where target_id = 't2'", {"no_target_forgotten"}),
    (
        "health_check_candidates",
        "update {t} set status = 'missed' where target_id = 't2'",
        {"status_known", "target_exists"},
    ),
    ("health_check_candidates", 'update {t} set "rank" = 3 where "rank" = 2', {"rank_without_gaps"}),
    ("health_check_candidates", 'update {t} set "rank" = null where "rank" = 2', {"rank_present", "rank_without_gaps"}),
    ("health_check_candidates", "update {t} set account_id = null where target_id = 't2'", {"account_id_present"}),
    ("health_check_accounts", "update {t} set candidate_count = 3", {"candidates_reconcile"}),
    ("health_check_accounts", "update {t} set candidate_amount = 20.02", {"candidates_reconcile"}),
    ("health_check_accounts", "delete from {t}", {"candidates_reconcile"}),
    ("health_check_accounts", "update {t} set most_urgent_target_id = 't2'", {"most_urgent_exists"}),
    (
        "health_check_accounts",
        "update {t} set candidate_count = 0",
        {"candidates_reconcile", "candidate_count_positive"},
    ),
    ("health_check_influence", "update {t} set credit_linear = 0.333330", {"credits_add_up"}),
    ("health_check_influence", "update {t} set credit_last_touch = 1", {"credits_add_up"}),
    (
        "health_check_influence",
        "update {t} set credit_last_touch = 2 where activity_id = 'x3'",
        {"credits_add_up", "credit_last_touch_in_range"},
    ),
    ("health_check_influence", "update {t} set outcome = 'pending'", {"outcome_known"}),
    ("health_check_influence", "update {t} set activity_id = 'x1'", {"key_unique"}),
    ("health_check_performance", "update {t} set completion_rate = 100.000001", {"completion_rate_in_range"}),
    ("health_check_performance", "update {t} set on_time_rate = -1", {"on_time_rate_in_range"}),
    ("health_check_performance", "update {t} set missed = 2", {"parts_within_due"}),
    ("health_check_performance", "update {t} set dimension = 'team'", {"dimension_known"}),
    ("hygiene_issues", "update {t} set first_seen = date '2026-07-01' where issue_id = 'i1'", {"seen_in_order"}),
    ("hygiene_issues", "update {t} set cleared_on = null where issue_id = 'i2'", {"seen_in_order"}),
    ("hygiene_issues", "update {t} set sentence = null", {"sentence_present"}),
    ("hygiene_issues", "update {t} set accepted_until = date '2026-06-29' where issue_id = 'i3'", {"acceptance_told"}),
    ("hygiene_issues", "update {t} set accepted_reason = null where issue_id = 'i3'", {"acceptance_told"}),
    ("hygiene_issues", "update {t} set status = 'open' where issue_id = 'i3'", {"acceptance_told"}),
    ("hygiene_issues", "update {t} set severity = 'grave'", {"severity_known"}),
    ("hygiene_scorecard", "update {t} set open_issues = 2", {"issues_reconcile"}),
    ("hygiene_scorecard", "update {t} set trend = 'up'", {"trend_known"}),
    ("source_freshness", "update {t} set rows_used = 8", {"rows_reconcile"}),
    ("source_freshness", "update {t} set rows_landed_before = 1", {"rows_reconcile"}),
    ("source_freshness", "update {t} set age_days = -1", {"age_not_negative"}),
]


@pytest.fixture(scope="module")
def published_suites():
    """The suites of health checks and hygiene; the others are held against what models make, in tests/dbt."""
    return {table: suite for table, suite in load_published_suites(EXPECTATIONS).items() if table in TABLES}


@pytest.fixture
def con():
    with duckdb.connect() as con:
        con.execute("create schema published")
        for name, rows in TABLES.items():
            con.execute(f"create table published.{name} as {rows}")
        yield con


def failing(results) -> set[str]:
    return {result.rule for result in results if not result.passed}


def test_good_tables_pass(con, published_suites):
    results = check_published(con, published_suites)
    assert [(r.table, r.rule, r.broken, r.sample) for r in results if not r.passed] == []
    assert len(results) == sum(len(suite.rules) for suite in published_suites.values())
    # Nothing is left behind in the database that was checked.
    assert con.execute("select count(*) from duckdb_tables() where schema_name <> 'published'").fetchall() == [(0,)]


@pytest.mark.parametrize(("table", "fault", "rules"), FAULTS)
def test_each_fault_is_found(con, published_suites, table, fault, rules):
    con.execute(fault.format(t=f"published.{table}"))
    results = check_published(con, {table: published_suites[table]})
    assert failing(results) == rules
    for result in results:
        assert result.blocking is not result.passed
        if not result.passed:
            assert result.sample
            assert result.broken is None


def test_a_missing_table_is_a_broken_check_that_blocks(con, published_suites):
    con.execute("drop table published.source_freshness")
    results = check_published(con, {"source_freshness": published_suites["source_freshness"]})
    assert all("can't be read" in result.broken and result.blocking for result in results)


def test_a_table_without_rows_passes(con, published_suites):
    con.execute("delete from published.health_check_influence")
    assert failing(check_published(con, {"i": published_suites["health_check_influence"]})) == set()


def test_a_warehouse_file_is_checked_where_it_is(tmp_path, published_suites):
    with duckdb.connect(str(tmp_path / "warehouse_file.duckdb")) as con:
        con.execute("create schema published")
        con.execute(f"create view published.source_freshness as {TABLES['source_freshness']}")
        results = check_published(con, {"source_freshness": published_suites["source_freshness"]})
    assert failing(results) == set()
