"""A reader process: looks at a whole publication again and again until told to stop, then says what it saw.

Usage: poller.py MEDIUM PUBLISHED_DIR STOP_FILE. The medium `bi_file` needs DuckDB only, any version.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.e2e.publishing_support import numbered

# Leaves the publishers some of the machine.
_PAUSE_S = 0.05
ALL = (*numbered.TABLES, numbered.HISTORY)
_LOOK = "select count(*), min(run_id), max(run_id) from {}"


def with_reader(published_dir: Path):
    """The way of the portal."""
    from orchestration.publishing.reader import Publication

    with Publication.open(published_dir) as publication:
        return look(publication.connection, "published.{}".format)


def with_current(published_dir: Path):
    """The way of a script that knows nothing but CURRENT."""
    import duckdb

    folder = published_dir / (published_dir / "CURRENT").read_text().strip()
    with duckdb.connect() as con:
        return look(
            con,
            lambda table: f"read_parquet('{folder}/{table}{'/*' if table == numbered.HISTORY else ''}.parquet')",
        )


def with_bi_file(published_dir: Path):
    """The way of a BI tool on the DuckDB file."""
    import duckdb

    con = duckdb.connect(str(published_dir / "account_health.duckdb"), read_only=True)
    try:
        return look(con, "published.{}".format)
    finally:
        con.close()


def with_postgres_transaction(published_dir: Path, isolation: str):
    """The way of a report: several statements in one transaction."""
    import psycopg

    with psycopg.connect(os.environ["POLLING_TEST_POSTGRES"]) as connection:
        connection.execute(f"set transaction isolation level {isolation} read only")
        return look(connection, "published.{}".format)


def with_postgres_statement(published_dir: Path):
    """The way of a dashboard: one statement over all tables, outside any transaction."""
    import psycopg

    looks = [f"select '{table}', * from ({_LOOK.format(f'published.{table}')}) t" for table in ALL]
    looks.append("select 'publication', count(*), min(run_id), max(run_id) from published.publication")
    with psycopg.connect(os.environ["POLLING_TEST_POSTGRES"], autocommit=True) as connection:
        rows = connection.execute(" union all ".join(looks)).fetchall()
    publication = [row[2] for row in rows if row[0] == "publication"]
    return [row for row in rows if row[0] != "publication"], publication


def look(con, relation):
    """What each table holds, and what `publication` says."""
    seen = [(table, *con.execute(_LOOK.format(relation(table))).fetchall()[0]) for table in ALL]
    return seen, [row[0] for row in con.execute(f"select run_id from {relation('publication')}").fetchall()]


MEDIA = {
    "reader": with_reader,
    "current": with_current,
    "bi_file": with_bi_file,
    "postgres_repeatable_read": lambda folder: with_postgres_transaction(folder, "repeatable read"),
    "postgres_read_committed": lambda folder: with_postgres_transaction(folder, "read committed"),
    "postgres_statement": with_postgres_statement,
}


def main() -> None:
    medium, published_dir, stop = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    reads, faults = Counter(), []
    while not stop.exists():
        try:
            seen, publication = MEDIA[medium](published_dir)
            fault = numbered.verdict(seen, publication)
        except Exception as error:
            publication, fault = ["none"], f"{type(error).__name__}: {error}"
        reads[publication[0] if publication else "none"] += 1
        if fault:
            faults.append(fault)
        time.sleep(_PAUSE_S)
    print(json.dumps({"reads": sum(reads.values()), "publications": len(reads), "faults": faults[:5]}))


if __name__ == "__main__":
    main()
