"""Lands a drop folder's canonical CSV files without the pipeline, so that the floor can be tried by itself.

Only for files as canonical as the generated ones: typed by a plain cast, nothing checked. The measured runs read what
the pipeline itself landed.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from orchestration.sources.streams import STREAMS, Kind

_TYPES = {
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "date",
    Kind.TIMESTAMP: "timestamp",
    Kind.MONEY: "decimal(19, 4)",
    Kind.NUMBER: "decimal(18, 6)",
    Kind.INTEGER: "bigint",
    Kind.RATE: "decimal(18, 12)",
}


def land(drop: Path, landing: Path) -> None:
    """Writes `landing/<stream>/plain/part-00000.parquet` for every stream."""
    with duckdb.connect() as con:
        con.execute("set enable_progress_bar = false")
        con.execute("set timezone = 'UTC'")
        for name, stream in STREAMS.items():
            file = drop / f"{name}.csv"
            # A stream without a file lands without rows: the floor takes every stream as read.
            source = (
                con.read_csv(str(file), header=True, all_varchar=True)
                if file.exists()
                else con.sql("select 1 as nothing limit 0")
            )
            columns = [
                f"try_cast({column.name if column.name in source.columns else 'null'} as"
                f" {_TYPES.get(column.kind, 'varchar')}) as {column.name}"
                for column in stream.columns
            ]
            folder = landing / name / "plain"
            folder.mkdir(parents=True, exist_ok=True)
            rows = source.project("row_number() over () as _row, *").project("_row, " + ", ".join(columns))
            rows.write_parquet(str(folder / "part-00000.parquet"))
