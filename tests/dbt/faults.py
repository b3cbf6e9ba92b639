"""Published suites held against tables that are good, and against the same tables with one fault."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import duckdb

from orchestration.quality.published import check_published
from orchestration.quality.suites import Suite

# Shared rules, and that a key is there, are tested for all tables at once.
ELSEWHERE = ("key_unique", "one_run", "account_id_present")


def assert_good(con: duckdb.DuckDBPyConnection, suites: Mapping[str, Suite], tables: Iterable[str]) -> None:
    """Every table has a suite and rows, and passes."""
    assert set(suites) == set(tables)
    for table in tables:
        assert con.execute(f"select count(*) from published.{table}").fetchone() != (0,), table
    results = check_published(con, dict(suites))
    assert [(result.table, result.rule, result.broken, result.sample) for result in results if not result.passed] == []


def assert_found(con: duckdb.DuckDBPyConnection, suite: Suite, fault: str, rules: set[str]) -> None:
    """With the fault (SQL in which {t} is the table), exactly these rules fail and block; then it is mended."""
    table = f"published.{suite.table}"
    kept = f"memory.main.kept_{suite.table}"
    con.execute(f"create table {kept} as select * from {table}")
    try:
        con.execute(fault.format(t=table))
        results = check_published(con, {suite.table: suite})
    finally:
        con.execute(f"delete from {table}")
        con.execute(f"insert into {table} select * from {kept}")
        con.execute(f"drop table {kept}")
    failed = [result for result in results if not result.passed]
    found = {result.rule for result in failed}
    assert found == rules, (found - rules, rules - found)
    assert all(result.blocking and result.sample and result.broken is None for result in failed)


def unbroken(suites: Mapping[str, Suite], faults: Iterable[tuple[str, str, set[str]]]) -> set[tuple[str, str]]:
    """The rules, as table and name, that no fault breaks."""
    found = {(table, rule) for table, _, rules in faults for rule in rules}
    own = {(name, rule.name) for name, suite in suites.items() for rule in suite.rules if rule.name not in ELSEWHERE}
    return own - found
