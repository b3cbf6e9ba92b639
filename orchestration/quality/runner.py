"""Great Expectations on DuckDB: one validation of one relation, where the data is, without a copy in memory.

Here: the only code that knows Great Expectations, its one mend, and the reading of its results. Not here: which
rules there are (`suites.py`) and what a failure leads to (`landed.py`, `published.py`). Great Expectations takes
seconds to import, so it is imported inside functions.
"""

from __future__ import annotations

import importlib.metadata
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import duckdb

from orchestration.quality.suites import Rule

# The mend below was tried with this version; `gx_session` refuses others, so that a new pin is a decision.
GX_VERSION = "1.24.1"


class _Dialect(StrEnum):
    DUCKDB = "duckdb"


@dataclass(frozen=True, slots=True)
class Check:
    """A rule to evaluate. For a query rule, `failures` is the table that its failing rows were put in."""

    rule: Rule
    failures: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What Great Expectations says about one rule; `failing_rows` is SQL for the failing rows of a native one."""

    rule: Rule
    rows_failed: int = 0
    failing_rows: str | None = None
    broken: str | None = None


class GxVersionError(RuntimeError):
    """Another Great Expectations is installed than the one whose DuckDB results were verified."""


def validate(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    checks: Sequence[Check],
    row_id: Sequence[str] = (),
    schema: str = "memory.main",
) -> list[Outcome]:
    """Validate `relation` (a view or table of `schema`) by all `checks` at once: one scan for the native
    rules, a look at each small failure table for the others. `row_id` names the columns that identify a row."""
    if not checks:
        return []
    with _quiet():
        results = _validate(con, relation, checks, row_id, schema)
    found = {result["expectation_config"]["meta"]["rule"]: result for result in results}
    return [_outcome(check.rule, found.get(check.rule.name)) for check in checks]


def _validate(
    con: duckdb.DuckDBPyConnection, relation: str, checks: Sequence[Check], row_id: Sequence[str], schema: str
) -> list[Mapping[str, Any]]:
    from duckdb_sqlalchemy import ConnectionWrapper
    from great_expectations import ExpectationSuite

    def cursor() -> ConnectionWrapper:
        # A cursor sees the caller's views and tables (not temporary ones). Great Expectations closes what it is given,
        # so it isn't given the connection itself.
        own = con.cursor()
        own.execute(f"use {schema}")
        return ConnectionWrapper(own)

    context = _context()
    source = context.data_sources.add_sql(
        "duckdb",
        connection_string="duckdb:///:memory:",
        kwargs={
            "creator": cursor,
            # Else one failing metric leaves a transaction aborted, and all that follow it would seem broken.
            "isolation_level": "AUTOCOMMIT",
        },
    )
    try:
        table = source.add_table_asset(relation, table_name=relation)
        batch = table.add_batch_definition_whole_table("all").get_batch()
        validated = batch.validate(
            ExpectationSuite(name=relation, expectations=[_expectation(check) for check in checks]),
            result_format={
                "result_format": "SUMMARY",
                "partial_unexpected_count": 1,
                "unexpected_index_column_names": list(row_id),
                "return_unexpected_index_query": True,
            },
        )
        return validated.to_json_dict()["results"]
    finally:
        # Else they are closed when collected, which may be after the database is.
        _close(source)


def _close(source: Any) -> None:
    execution = source.get_execution_engine()
    if execution._connection is not None:
        execution._connection.close()
    execution.engine.dispose()
    source.get_engine().dispose()


def _context():
    from great_expectations import get_context
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    _mend_duckdb()
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )
    return get_context(mode="ephemeral", project_config=config)


def _mend_duckdb() -> None:
    """Let Great Expectations keep its connection open on DuckDB.

    It reads results after the block that made the connection has ended, which on DuckDB fails with "list index out
    of range" unless the dialect is among those with a persisted connection. To be dropped when Great Expectations
    knows DuckDB itself.
    """
    from great_expectations.execution_engine import sqlalchemy_execution_engine as engine

    installed = importlib.metadata.version("great-expectations")
    if installed != GX_VERSION:
        raise GxVersionError(
            f"great-expectations {installed} is installed, but its results on DuckDB were verified with {GX_VERSION}: "
            "run the quality tests with the new version, then change GX_VERSION"
        )
    if _Dialect.DUCKDB not in engine._PERSISTED_CONNECTION_DIALECTS:
        engine._PERSISTED_CONNECTION_DIALECTS = (*engine._PERSISTED_CONNECTION_DIALECTS, _Dialect.DUCKDB)


def _expectation(check: Check):
    from great_expectations import expectations

    rule = check.rule
    common = {"severity": rule.severity, "description": rule.description, "meta": {"rule": rule.name}}
    if rule.expect is not None:
        return getattr(expectations, rule.expect.type)(**rule.expect.arguments(), **common)
    # Great Expectations wants to see {batch} in every query; the failures were selected before.
    query = f"select * from {check.failures} /* {{batch}} */"  # noqa: S608 - a table named by this package
    return expectations.UnexpectedRowsExpectation(unexpected_rows_query=query, **common)


def _outcome(rule: Rule, result: Mapping[str, Any] | None) -> Outcome:
    if result is None:
        return Outcome(rule, broken="Great Expectations returned no result for this rule")
    exception = _exception(result.get("exception_info") or {})
    if exception:
        return Outcome(rule, broken=exception)
    details = result["result"]
    # Of no rows Great Expectations has no count, and none of them fails.
    failed = int((details["observed_value"] if rule.expect is None else details["unexpected_count"]) or 0)
    if result["success"] != (failed == 0):
        return Outcome(rule, broken=f"success={result['success']} contradicts {failed} failing rows")
    query = details.get("unexpected_index_query")
    return Outcome(rule, failed, query.rstrip().rstrip(";") if query else None)


def _exception(info: Mapping[str, Any]) -> str | None:
    """The first message: `exception_info` is either flat, or keyed by metric."""
    for entry in [info, *(value for value in info.values() if isinstance(value, dict))]:
        if entry.get("raised_exception"):
            return str(entry.get("exception_message") or "an exception without a message")
    return None


@contextmanager
def _quiet() -> Iterator[None]:
    """Great Expectations logs a broken metric as errors with tracebacks; the outcome carries them already."""
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
