"""Taking the measure of Parquet files: rows, bytes, checksum, columns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import duckdb

from orchestration.publishing import durable
from orchestration.publishing.manifest import PublishedColumn, PublishedFile, PublishedTable, TableDescription
from orchestration.publishing.sql import read_parquet


def seal(path: Path, folder: Path) -> PublishedFile:
    """Push a finished file to disk and take its measure."""
    durable.sync_file(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with duckdb.connect() as con:
        rows = con.execute("select num_rows from parquet_file_metadata(?)", [str(path)]).fetchall()[0][0]
    return PublishedFile(
        path=path.relative_to(folder).as_posix(), rows=int(rows), bytes=path.stat().st_size, sha256=digest
    )


def describe_table(
    folder: Path,
    files: Iterable[PublishedFile],
    about: TableDescription | None = None,
    key: tuple[str, ...] = (),
    *,
    is_history: bool = False,
) -> PublishedTable:
    """A table as readers will see it: the types are those of the written files, not those of the warehouse."""
    about = about or TableDescription()
    files = tuple(files)
    with duckdb.connect() as con:
        columns = con.execute(f"describe from {read_parquet(folder / file.path for file in files)}").fetchall()
    return PublishedTable(
        key=key,
        is_history=is_history,
        description=about.description,
        columns=tuple(
            PublishedColumn(name=row[0], type=row[1], description=about.columns.get(row[0], "")) for row in columns
        ),
        files=files,
    )
