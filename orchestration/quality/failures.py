"""The failing rows that a rule's query selects, kept in a table of one shape.

Here: running a rule's query with its named values, once, and refusing a query whose rows can't be listed or set
aside. Not here: native expectations, and what follows from a failing row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

from orchestration.quality.results import SAMPLE_ROWS
from orchestration.quality.suites import Rule
from orchestration.sources.sqltext import Sql, compose, identifier, joined, literal

ROW_ID = ("_extraction_id", "_row")
FAILURE_COLUMNS: Mapping[str, str] = {
    "_extraction_id": "varchar",
    "_row": "bigint",
    "record_key": "varchar",
    "account_id": "varchar",
    "column_name": "varchar",
    "actual": "varchar",
    "expected": "varchar",
    "sentence": "varchar",
    "suggestion": "varchar",
}
_SAMPLE_COLUMNS = (
    "record_key",
    "account_id",
    "column_name",
    "actual",
    "suggestion",
    "_extraction_id",
    "_row",
    "sentence",
)


class BadQueryError(Exception):
    """A rule's query returns something that can't be listed or set aside."""


def select_failures(
    con: duckdb.DuckDBPyConnection, rule: Rule, table: Sql, context: Mapping[str, object], scratch: Sql
) -> None:
    """Put the rows that the rule's query returns into `table`, with the columns of FAILURE_COLUMNS."""
    # Once, whatever the rule reads; what follows looks at this small table only.
    con.execute(f"create or replace table {scratch} as {rule.query}", _bound(rule, context))
    columns = [row[0] for row in con.execute(compose("describe {scratch}", scratch=scratch)).fetchall()]
    if "sentence" not in columns or set(columns) - set(FAILURE_COLUMNS):
        raise BadQueryError(
            f"the query returns {', '.join(columns)}; expected sentence and any of {', '.join(FAILURE_COLUMNS)}"
        )
    _check_row_ids(con, rule, columns, scratch)
    listed = [
        compose(
            "cast({value} as {kind}) as {name}",
            value=identifier(name) if name in columns else literal(rule.expected if name == "expected" else None),
            kind=Sql(kind),
            name=identifier(name),
        )
        for name, kind in FAILURE_COLUMNS.items()
    ]
    con.execute(
        compose(
            "create or replace table {table} as select {listed} from {scratch}",
            table=table,
            listed=joined(listed),
            scratch=scratch,
        )
    )


def sample(con: duckdb.DuckDBPyConnection, table: Sql, places: Sql | None = None) -> tuple[dict[str, object], ...]:
    """Up to ten failing rows, always the same ones for the same data; `places` says where in their files they stand."""
    cursor = con.execute(
        compose(
            "select {columns} from {table} order by _extraction_id, _row, record_key, column_name, actual limit {rows}",
            columns=joined(identifier(name) for name in _SAMPLE_COLUMNS),
            table=table,
            rows=literal(SAMPLE_ROWS),
        )
    )
    rows = [dict(zip(_SAMPLE_COLUMNS, row, strict=True)) for row in cursor.fetchall()]
    numbers = [row["_row"] for row in rows if row["_row"] is not None]
    if places is None or not numbers:
        return tuple(rows)
    found = con.execute(
        compose("select _extraction_id, _row, place from {places} where list_contains($1, _row)", places=places),
        [numbers],
    ).fetchall()
    by_row = {(extraction_id, number): place for extraction_id, number, place in found}
    return tuple(row | {"_row": by_row.get((row["_extraction_id"], row["_row"]), row["_row"])} for row in rows)


def _bound(rule: Rule, context: Mapping[str, object]) -> dict[str, object]:
    named = duckdb.extract_statements(rule.query or "")[0].named_parameters
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in rule.params.items()}
    return {name: value for name, value in ({**context, **values}).items() if name in named}


def _check_row_ids(con: duckdb.DuckDBPyConnection, rule: Rule, columns: Sequence[str], scratch: Sql) -> None:
    if rule.effect == "listed":
        return
    needed = [*ROW_ID, *(("column_name",) if rule.effect == "blank_value" else ())]
    if not set(needed) <= set(columns):
        raise BadQueryError(f"the query returns {', '.join(columns)}; {rule.effect} needs {', '.join(needed)} too")
    test = joined([compose("{name} is null", name=identifier(name)) for name in needed], " or ")
    query = compose("select count(*) from {scratch} where {test}", scratch=scratch, test=test)
    lacking = con.execute(query).fetchall()[0][0]
    if lacking:
        raise BadQueryError(f"{lacking} of the rows that the query returns lack {' or '.join(needed)}")
