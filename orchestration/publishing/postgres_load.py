"""Loading a snapshot into PostgreSQL: current tables into a build schema, new chunks of histories beside it.

Nobody sees either before the swap.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import psycopg
import pyarrow as pa
from psycopg import sql
from pyarrow import csv

from orchestration.publishing.manifest import PublishedTable, Snapshot
from orchestration.publishing.postgres_history import bounds, chunk_schema, chunks, prepare_chunks
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


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a publication's views are to read from, by table (schema and name), and what loading it did."""

    sources: Mapping[str, list[tuple[str, str]]]
    rows: int
    nul_values_replaced: int


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


def load_tables(
    connection: psycopg.Connection, snapshot: Snapshot, plans: list[TablePlan], build: str, schema: str
) -> Loaded:
    """Create and fill the tables in the caller's transaction; chunks of histories that are there already stay."""
    sources: dict[str, list[tuple[str, str]]] = {}
    rows = replaced = 0
    standing = prepare_chunks(connection, schema) if any(plan.table.is_history for plan in plans) else set()
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        for plan in plans:
            parts = _parts(snapshot, plan, build, schema)
            sources[plan.name] = [target for target, _, _ in parts]
            for target, files, more in parts:
                if plan.table.is_history and target[1] in standing:
                    continue
                loaded = _load(connection, con, target, _in_full(con, files, plan.table), plan.columns, more)
                rows, replaced = rows + loaded[0], replaced + loaded[1]
    return Loaded(sources, rows, replaced)


Part = tuple[tuple[str, str], list[Path], sql.Composable]


def _parts(snapshot: Snapshot, plan: TablePlan, build: str, schema: str) -> list[Part]:
    """The tables that make up a published one: schema and name, files, and what more stands in CREATE TABLE."""
    if not plan.table.is_history:
        return [((build, plan.name), snapshot.paths(plan.name), sql.SQL(""))]
    return [
        (
            (chunk_schema(schema), chunk.name),
            [snapshot.folder / file.path for file in chunk.files],
            bounds(chunk, plan.columns),
        )
        for chunk in chunks(plan.name, plan.table.files, plan.columns)
    ]


def _load(
    connection: psycopg.Connection,
    con: duckdb.DuckDBPyConnection,
    table: tuple[str, str],
    source: str,
    columns: tuple[PostgresColumn, ...],
    more: sql.Composable,
) -> tuple[int, int]:
    """Create and fill one table; gives its rows and how many values had their NULs replaced."""
    with_nul = _columns_with_nul(con, source, columns)
    target = sql.Identifier(*table)
    definitions = sql.SQL(", ").join(column.definition for column in columns)
    connection.execute(sql.SQL("create table {} ({}{})").format(target, definitions, more))
    rows = _copy(connection, con, source, columns, with_nul, target)
    connection.execute(sql.SQL("analyze {}").format(target))
    return rows, sum(with_nul.values())


def _in_full(con: duckdb.DuckDBPyConnection, files: list[Path], table: PublishedTable) -> str:
    """The rows of some files with every column: files of an older version may lack the columns added last."""
    source = read_parquet(files)
    there = {row[0] for row in con.execute(f"describe from {source}").fetchall()}
    missing = [
        f"null::{column.type} as {identifier(column.name)}" for column in table.columns if column.name not in there
    ]
    return f"(select {', '.join(['*', *missing])} from {source})"  # noqa: S608 -- quoted names and paths


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
) -> int:
    values = ", ".join(
        f"{column.text_without_nul if column.name in with_nul else column.text} as {identifier(column.name)}"
        for column in columns
    )
    batches = con.sql(f"select {values} from {source}").to_arrow_reader(_BATCH_ROWS)  # noqa: S608 -- as above
    # FREEZE: a reader's transaction that began before the load and first looks after the swap sees these rows too;
    # without it the tables would be empty for that reader.
    statement = sql.SQL("copy {} from stdin (format csv, freeze)").format(target)
    rows = 0
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for batch in batches:
            rows += batch.num_rows
            buffer = pa.BufferOutputStream()
            csv.write_csv(batch, buffer, write_options=_CSV)
            copy.write(memoryview(buffer.getvalue()))
    return rows
