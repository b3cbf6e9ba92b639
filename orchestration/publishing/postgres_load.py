"""Loading a snapshot into a build schema of PostgreSQL: one table each, nobody sees it before the swap."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

import duckdb
import psycopg
import pyarrow as pa
from psycopg import sql
from pyarrow import csv

from orchestration.publishing.manifest import PublishedTable, Snapshot
from orchestration.publishing.postgres_types import PostgresColumn, postgres_column, refuse_long_name
from orchestration.publishing.sql import identifier, read_parquet

# The comment that marks a schema as ours to drop: a schema called build_… may be somebody else's.
BUILD_COMMENT = "account-health build, private to publishing"

_BATCH_ROWS = 20_000
# NULL is nothing at all, an empty text is "": COPY tells them apart only if every value is quoted.
_CSV = csv.WriteOptions(include_header=False, quoting_style="all_valid")


@dataclass(frozen=True, slots=True)
class TablePlan:
    """A table to be published and how its columns are stored."""

    name: str
    table: PublishedTable
    columns: tuple[PostgresColumn, ...]


def plan_tables(snapshot: Snapshot) -> list[TablePlan]:
    """Map every table of the snapshot, before anything is changed; raises when PostgreSQL can't hold one."""
    plans = []
    for name, table in snapshot.manifest.tables.items():
        refuse_long_name(name, "table")
        plans.append(TablePlan(name, table, tuple(postgres_column(name, column) for column in table.columns)))
    return plans


def create_build(connection: psycopg.Connection, snapshot: Snapshot) -> str:
    """Make the schema for one try at publishing this snapshot; returns its name."""
    run = re.sub(r"[^a-z0-9]", "_", snapshot.snapshot_id.lower())
    # A snapshot can be published again, while readers still use its first build.
    build = f"build_{run}_{secrets.token_hex(2)}"
    connection.execute(
        sql.SQL("create schema {0}; comment on schema {0} is {1}").format(
            sql.Identifier(build), sql.Literal(BUILD_COMMENT)
        )
    )
    return build


def load_tables(connection: psycopg.Connection, snapshot: Snapshot, plans: list[TablePlan], build: str) -> int:
    """Create and fill the tables in the caller's transaction; returns how many values had their NULs replaced."""
    replaced = 0
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        for plan in plans:
            source = read_parquet(snapshot.paths(plan.name))
            with_nul = _columns_with_nul(con, source, plan.columns)
            replaced += sum(with_nul.values())
            target = sql.Identifier(build, plan.name)
            definitions = sql.SQL(", ").join(column.definition for column in plan.columns)
            connection.execute(sql.SQL("create table {} ({})").format(target, definitions))
            _copy(connection, con, source, plan.columns, with_nul, target)
            connection.execute(sql.SQL("analyze {}").format(target))
    return replaced


def _columns_with_nul(
    con: duckdb.DuckDBPyConnection, source: str, columns: tuple[PostgresColumn, ...]
) -> dict[str, int]:
    texts = [column for column in columns if column.is_text]
    if not texts:
        return {}
    counts = ", ".join(f"count(*) filter (where {column.holds_nul})" for column in texts)
    found = con.execute(f"select {counts} from {source}").fetchall()[0]  # noqa: S608 -- quoted names and paths
    return {column.name: count for column, count in zip(texts, found, strict=True) if count}


def _copy(
    connection: psycopg.Connection,
    con: duckdb.DuckDBPyConnection,
    source: str,
    columns: tuple[PostgresColumn, ...],
    with_nul: dict[str, int],
    target: sql.Identifier,
) -> None:
    values = ", ".join(
        f"{column.text_without_nul if column.name in with_nul else column.text} as {identifier(column.name)}"
        for column in columns
    )
    rows = con.sql(f"select {values} from {source}").to_arrow_reader(_BATCH_ROWS)  # noqa: S608 -- as above
    # FREEZE: a reader's transaction that began before the load and first looks after the swap sees these rows too;
    # without it the tables would be empty for that reader.
    statement = sql.SQL("copy {} from stdin (format csv, freeze)").format(target)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for batch in rows:
            buffer = pa.BufferOutputStream()
            csv.write_csv(batch, buffer, write_options=_CSV)
            copy.write(memoryview(buffer.getvalue()))
