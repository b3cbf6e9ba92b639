"""The DuckDB file for BI tools: the current snapshot's tables in one file, replaced whole.

It is written in DuckDB's oldest stable storage version, since most tools carry a client older than ours. Current tables
are real ones: the file may be copied anywhere. Histories are views on the files of the snapshot, which retention leaves
alone for as long as this file names it: they grow with every as-of date, and copying them would cost more each time.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from orchestration.publishing import durable
from orchestration.publishing.errors import PublishingError
from orchestration.publishing.manifest import PUBLICATION_TABLE, PublishedTable, Snapshot, hold_if_current
from orchestration.publishing.sql import identifier, literal, read_parquet

BI_FILE = "account_health.duckdb"
# Every DuckDB client since 1.0 reads it.
STORAGE_VERSION = "v1.0.0"

_READ_ONLY_MODE = 0o444


def publish_bi_file(snapshot: Snapshot, *, lock_timeout: float = durable.PUBLISH_LOCK_TIMEOUT_S) -> bool:
    """Replace the BI file by one that holds `snapshot`.

    False, and nothing is changed, when a newer publication is current by now: its own publisher brings the file.
    """
    published_dir = snapshot.published_dir
    with durable.publish_lock(published_dir, lock_timeout), hold_if_current(snapshot) as is_current:
        if not is_current:
            return False
        folder = published_dir / f"{durable.TEMPORARY_PREFIX}bi-{snapshot.snapshot_id}"
        folder.mkdir()
        built = folder / BI_FILE
        _build(built, snapshot)
        if built.with_name(f"{BI_FILE}.wal").exists():
            raise PublishingError(f"{built} wasn't written to its end")
        # Whoever opens it for writing would leave a log beside it that doesn't fit the next file.
        built.chmod(_READ_ONLY_MODE)
        durable.sync_file(built)
        (published_dir / f"{BI_FILE}.wal").unlink(missing_ok=True)
        durable.move(built, published_dir / BI_FILE)
        folder.rmdir()
    return True


def snapshot_in_bi_file(published_dir: Path) -> str | None:
    """The snapshot that the BI file was made from, None where there is no such file or it can't be read."""
    path = published_dir / BI_FILE
    if not path.exists():
        return None
    try:
        with duckdb.connect(str(path), read_only=True) as con:
            return con.execute(f"select snapshot_id from published.{PUBLICATION_TABLE}").fetchall()[0][0]  # noqa: S608
    except duckdb.Error:
        # Somebody put another file in its place; the next one replaces it.
        return None


def _build(path: Path, snapshot: Snapshot) -> None:
    with duckdb.connect() as con:
        con.execute(f"attach {literal(path)} as bi (storage_version '{STORAGE_VERSION}')")
        con.execute("create schema bi.published")
        for name, table in snapshot.manifest.tables.items():
            relation = f"bi.published.{identifier(name)}"
            if table.is_history:
                con.execute(f"create view {relation} as {_on_files(snapshot, name, table)}")
            else:
                con.execute(f"create table {relation} as from {read_parquet(snapshot.paths(name))}")
            _comment(con, relation, table)
        con.execute("checkpoint bi")
        con.execute("detach bi")


def _on_files(snapshot: Snapshot, name: str, table: PublishedTable) -> str:
    # DuckDB takes relative paths from the reader's working folder, so only an absolute one holds.
    columns = ", ".join(identifier(column.name) for column in table.columns)
    return f"select {columns} from {read_parquet([snapshot.folder.absolute() / name / '*.parquet'])}"  # noqa: S608 -- quoted


def _comment(con: duckdb.DuckDBPyConnection, relation: str, table: PublishedTable) -> None:
    if table.description:
        kind = "view" if table.is_history else "table"
        con.execute(f"comment on {kind} {relation} is {literal(table.description)}")
    for column in table.columns:
        if column.description:
            con.execute(f"comment on column {relation}.{identifier(column.name)} is {literal(column.description)}")
