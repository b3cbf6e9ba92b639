"""Opening what the models made, whichever engine made it.

The pipeline is the only one that opens the warehouse, and one stage at a time: DuckDB lets one process in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from orchestration.publishing.sql import identifier, read_parquet
from orchestration.settings import Engine, Settings

PUBLISHED = "published"


@contextmanager
def published_tables(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection whose schema `published` has every published model of the last build.

    On DuckDB that is the warehouse itself; on Spark, views over the Parquet files of its tables.
    """
    if settings.engine is Engine.DUCKDB:
        con = duckdb.connect(str(settings.warehouse_path), config={"memory_limit": settings.memory_limit})
    else:
        con = duckdb.connect(config={"memory_limit": settings.memory_limit})
        _show_spark_tables(con, settings)
    try:
        con.execute("set TimeZone = 'UTC'")
        yield con
    finally:
        con.close()


def published_rows(settings: Settings) -> dict[str, int]:
    """How many rows each published model has, by its name."""
    with published_tables(settings) as con:
        tables = con.execute(
            "select table_name from information_schema.tables where table_catalog = current_database()"
            " and table_schema = ? order by 1",
            [PUBLISHED],
        ).fetchall()
        return {
            name: con.execute(f"select count(*) from {PUBLISHED}.{identifier(name)}").fetchall()[0][0]  # noqa: S608
            for (name,) in tables
        }


def _show_spark_tables(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    con.execute(f"create schema {PUBLISHED}")
    for folder in sorted((settings.spark_path / "warehouse" / f"{PUBLISHED}.db").iterdir()):
        if not folder.is_dir():
            continue
        con.execute(
            f"create view {PUBLISHED}.{identifier(folder.name)} as from {read_parquet(folder.glob('*.parquet'))}"
        )
