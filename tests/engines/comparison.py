"""Holding the tables of one engine against the other's: which there are, their columns and types, and every row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from orchestration.publishing.sql import identifier, read_parquet

SCHEMAS = ("intermediate", "marts", "published")
ROWS_SHOWN = 5


@dataclass(frozen=True)
class Pair:
    """The same frozen inputs taken through both engines."""

    warehouse: Path
    """The DuckDB file."""
    tables: Path
    """The folder of Spark's databases, `<schema>.db/<table>/*.parquet`."""
    keys: Mapping[str, list[str]]
    """By model, the columns that identify a row."""


def keys_of(manifest: Path) -> dict[str, list[str]]:
    """By model, the columns its primary_key test names."""
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"]
    return {
        nodes[node["attached_node"]]["name"]: node["test_metadata"]["kwargs"]["columns"]
        for node in nodes.values()
        if (node.get("test_metadata") or {}).get("name") == "primary_key" and node["attached_node"] in nodes
    }


@contextmanager
def opened(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that has the warehouse as `duck`, to read only."""
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        con.execute(f"attach '{warehouse}' as duck (read_only)")
        yield con


def tables_of_duckdb(con: duckdb.DuckDBPyConnection) -> set[tuple[str, str]]:
    found = con.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = 'duck' and schema_name in ?",
        [SCHEMAS],
    )
    return set(found.fetchall())


def tables_of_spark(tables: Path) -> set[tuple[str, str]]:
    return {
        (schema, folder.name)
        for schema in SCHEMAS
        for folder in (tables / f"{schema}.db").glob("*")
        if any(folder.glob("*.parquet"))
    }


def differences(pair: Pair) -> list[str]:
    """Everything that differs, in sentences; an empty list where the engines agree on all of it."""
    with opened(pair.warehouse) as con:
        duck, spark = tables_of_duckdb(con), tables_of_spark(pair.tables)
        words = [f"{schema}.{table} is on one engine only" for schema, table in sorted(duck ^ spark)]
        if not duck:
            words.append("DuckDB made no tables")
        for schema, table in sorted(duck & spark):
            ours = f"duck.{schema}.{identifier(table)}"
            theirs = read_parquet((pair.tables / f"{schema}.db" / table).glob("*.parquet"))
            words += _differences(con, f"{schema}.{table}", ours, theirs, "spark", pair.keys.get(table))
    return words


def differences_of_snapshot(pair: Pair, snapshot: Path) -> list[str]:
    """The same for the published tables of DuckDB and the files that a refresh on Spark published."""
    with opened(pair.warehouse) as con:
        made = {table for schema, table in tables_of_duckdb(con) if schema == "published"}
        # `publication` is made by publishing itself, and of a first run a history is the table it is kept from.
        files = {file.stem: [file] for file in snapshot.glob("*.parquet") if file.stem != "publication"}
        kept = {folder.name: list(folder.glob("*.parquet")) for folder in snapshot.iterdir() if folder.is_dir()}
        published = files | {name.removesuffix("_history"): parts for name, parts in kept.items() if name not in files}
        words = [f"{table} is made or published, not both" for table in sorted(made ^ published.keys())]
        for table in sorted(made & published.keys()):
            theirs = read_parquet(published[table])
            ours = f"duck.published.{identifier(table)}"
            words += _differences(con, table, ours, theirs, "snapshot", pair.keys.get(table))
    return words


def _differences(
    con: duckdb.DuckDBPyConnection, name: str, ours: str, theirs: str, other: str, key: list[str] | None
) -> list[str]:
    types, other_types = _types(con, ours), _types(con, theirs)
    if list(types.items()) != list(other_types.items()):
        columns = [
            f"{column}: {types.get(column, 'absent')} (duckdb), {other_types.get(column, 'absent')} ({other})"
            for column in dict.fromkeys((*types, *other_types))
            if types.get(column) != other_types.get(column)
        ]
        return [f"{name}: columns differ: {'; '.join(columns) or 'in their order'}"]
    only_ours = _rows(con, f"from {ours} except all from {theirs}")
    only_theirs = _rows(con, f"from {theirs} except all from {ours}")
    if not only_ours and not only_theirs:
        return []
    total = con.execute(f"select count(*) from {ours}").fetchall()[0][0]
    head = f"{name}: {len(only_ours)} rows of {total} only on duckdb, {len(only_theirs)} only on {other}"
    return ["\n    ".join([head, *_shown(only_ours, only_theirs, key or list(types), other)])]


def _shown(only_ours: list[dict], only_theirs: list[dict], key: list[str], other: str) -> Iterator[str]:
    """The first rows that differ: paired by key where both have one, then only what differs."""
    by_key = {tuple(str(row[column]) for column in key): row for row in only_theirs}
    for row in only_ours[:ROWS_SHOWN]:
        place = tuple(str(row[column]) for column in key)
        twin = by_key.pop(place, None)
        where = ", ".join(f"{column}={value}"[:80] for column, value in zip(key, place, strict=True))
        if twin is None:
            yield f"only on duckdb: {row}"
        for column in row if twin else ():
            if row[column] != twin[column]:
                yield f"{where}: {column} is {row[column]!r} on duckdb, {twin[column]!r} on {other}"
    if len(only_ours) <= ROWS_SHOWN:
        yield from (f"only on {other}: {row}" for row in list(by_key.values())[:ROWS_SHOWN])


def _types(con: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    return {row[0]: row[1] for row in con.execute(f"describe from {relation}").fetchall()}


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    found = con.execute(f"select * from ({query}) order by all")
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
