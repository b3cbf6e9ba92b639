"""Checking what is about to be published, where it lies: the tables of schema `published` on a DuckDB connection.

Here: running the suites of `expectations/published/`. Every failure of a critical rule blocks: the publication before
stays up. Not here: the dbt tests of single models, and making the publication. The table `publication` is made by
publishing itself, after these checks, and has its own tests there.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from orchestration.quality.failures import BadQueryError, sample, select_failures
from orchestration.quality.results import SAMPLE_ROWS, CheckResult
from orchestration.quality.runner import Check, Outcome, validate
from orchestration.quality.suites import Rule, Suite
from orchestration.sources.sqltext import Sql, compose, identifier, joined, literal

SCHEMA = "published"
# A database of its own, so that nothing is written to the warehouse that is checked.
_SCRATCH = "published_checks"


def check_published(con: duckdb.DuckDBPyConnection, suites: Mapping[str, Suite]) -> list[CheckResult]:
    """Check each suite's table in schema `published` of the connection's current database."""
    con.execute(f"attach ':memory:' as {_SCRATCH}")
    try:
        return [result for suite in suites.values() for result in _check_table(con, suite)]
    finally:
        con.execute(f"detach {_SCRATCH}")


def _check_table(con: duckdb.DuckDBPyConnection, suite: Suite) -> list[CheckResult]:
    database = con.execute("select current_database()").fetchall()[0][0]
    view = compose("{scratch}.main.{table}", scratch=Sql(_SCRATCH), table=identifier(suite.table))
    source = compose(
        "{db}.{schema}.{table}", db=identifier(database), schema=Sql(SCHEMA), table=identifier(suite.table)
    )
    try:
        con.execute(compose("create view {view} as from {source}", view=view, source=source))
        rows = int(con.execute(compose("select count(*) from {view}", view=view)).fetchall()[0][0])
    except duckdb.Error as error:
        reason = f"the table can't be read: {_first_line(error)}"
        return [_result(con, suite, Outcome(rule, broken=reason), 0, None) for rule in suite.rules]
    tables: dict[str, Sql] = {}
    broken: dict[str, Outcome] = {}
    for rule in suite.rules:
        if rule.query is None:
            continue
        table = compose("{scratch}.main.{name}", scratch=Sql(_SCRATCH), name=identifier(f"{suite.table}__{rule.name}"))
        try:
            select_failures(con, rule, table, {}, compose("{scratch}.main.selected", scratch=Sql(_SCRATCH)))
            tables[rule.name] = table
        except (duckdb.Error, BadQueryError) as error:
            broken[rule.name] = Outcome(rule, broken=_first_line(error))
    checks = [Check(rule, tables.get(rule.name)) for rule in suite.rules if rule.name not in broken]
    outcomes = {o.rule.name: o for o in validate(con, suite.table, checks, suite.key, f"{_SCRATCH}.main")} | broken
    return [_result(con, suite, outcomes[rule.name], rows, tables.get(rule.name)) for rule in suite.rules]


def _result(
    con: duckdb.DuckDBPyConnection, suite: Suite, outcome: Outcome, rows: int, failures: Sql | None
) -> CheckResult:
    rule = outcome.rule
    failed = outcome.broken is not None or outcome.rows_failed > 0
    return CheckResult(
        table=suite.table,
        rule=rule.name,
        title=rule.title,
        description=rule.description,
        severity=rule.severity,
        expected=rule.expected,
        owner_role=rule.owner_role,
        effect=rule.effect,
        rows_checked=rows,
        rows_failed=outcome.rows_failed,
        sample=_sample(con, suite, rule, outcome, failures) if outcome.rows_failed else (),
        broken=outcome.broken,
        blocking=failed and rule.can_be_critical,
    )


def _sample(
    con: duckdb.DuckDBPyConnection, suite: Suite, rule: Rule, outcome: Outcome, failures: Sql | None
) -> tuple[dict[str, object], ...]:
    if failures is not None:
        return sample(con, failures)
    if rule.expect is None or outcome.failing_rows is None:
        return ()
    columns = list(dict.fromkeys([*suite.key, rule.expect.column]))
    cursor = con.cursor()
    cursor.execute(f"use {_SCRATCH}.main")
    rows = cursor.execute(
        compose(
            "select {columns} from ({failing}) order by all limit {rows}",
            columns=joined(identifier(name) for name in columns),
            failing=Sql(outcome.failing_rows),
            rows=literal(SAMPLE_ROWS),
        )
    ).fetchall()
    cursor.close()
    return tuple(dict(zip(columns, row, strict=True)) for row in rows)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
