"""A publisher process: makes the numbered publications it is asked for, in all three media, and prunes after each.

Prints `started N` and `done N`, so that the test knows when to kill it.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from orchestration.publishing.bi_file import publish_bi_file, snapshot_in_bi_file
from orchestration.publishing.postgres import publish_postgres
from orchestration.publishing.retention import prune
from orchestration.publishing.snapshot import publish_snapshot
from tests.e2e.publishing_support import numbered

# Readers that take no lock live on this many publications.
_KEEP = 6


def publish(published_dir: Path, url: str, number: int) -> None:
    """One publication, as a run of the pipeline makes it."""
    with duckdb.connect() as con, TemporaryDirectory(dir=published_dir.parent) as kept:
        con.execute("create schema published")
        for day in (*numbered.SETTLED_DAYS, numbered.CHANGING_DAY):
            con.execute(f"copy ({numbered.history_select(day, number)}) to '{kept}/{day}.parquet' (format parquet)")
        for table in numbered.TABLES:
            con.execute(f"create table published.{table} as {numbered.select(table, number)}")
        snapshot = publish_snapshot(
            con,
            published_dir,
            run_id=numbered.run_id(number),
            as_of=date(2026, 6, 30),
            policy_version="polling",
            published_at=datetime.now(UTC),
            keys={table: ("id",) for table in numbered.TABLES},
            history={numbered.HISTORY: Path(kept)},
        )
    publish_bi_file(snapshot)
    publish_postgres(url, snapshot)
    prune(published_dir, _KEEP, spared=snapshot_in_bi_file(published_dir))


def main() -> None:
    published_dir = Path(sys.argv[1])
    for number in map(int, sys.argv[2:]):
        print(f"started {number}", flush=True)
        publish(published_dir, os.environ["POLLING_TEST_POSTGRES"], number)
        print(f"done {number}", flush=True)


if __name__ == "__main__":
    main()
