"""A small warehouse to publish from, and a publication of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from orchestration.publishing.manifest import Snapshot
from orchestration.publishing.snapshot import publish_snapshot

AS_OF = date(2026, 6, 30)
KEYS = {"accounts": ("account_id",), "scores": ("account_id", "measure")}

Publish = Callable[..., Snapshot]


def warehouse(run_id: str, rows: int = 5) -> duckdb.DuckDBPyConnection:
    """Two tables, a view, and a table that isn't published."""
    con = duckdb.connect()
    con.execute("create schema published")
    con.execute("create table main.private as select 1 as secret")
    con.execute(
        "create table published.accounts as select 'A' || i as account_id, 'Account ' || i as account_name,"
        " (i * 1.25)::decimal(19, 4) as arr, ?::varchar as run_id from range(?) r(i) order by hash(i)",
        [run_id, rows],
    )
    con.execute(
        "create table published.scores as select 'A' || i as account_id, m as measure, i * 0.1::double as value,"
        " ?::varchar as run_id from range(?) r(i), (values ('x'), ('y')) v(m) order by hash(i, m)",
        [run_id, rows],
    )
    con.execute(
        "create view published.totals as select count(*) as n, any_value(run_id) as run_id from published.scores"
    )
    return con


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A folder of history files, empty so far; `keep_day` fills it."""
    folder = tmp_path / "history" / "scores"
    folder.mkdir(parents=True)
    return folder


def keep_day(folder: Path, day: date, rows: int = 2, value: str = "kept", more: str = "") -> Path:
    """Keep (again) so many rows of one as_of, as a run does: by rename."""
    file, building = folder / f"{day}.parquet", folder / ".building"
    duckdb.execute(
        f"copy (select date '{day}' as as_of_date, 'A' || i as account_id, '{value}' as value,"
        f" (i * 1.5)::decimal(5, 1) as score{more} from range({rows}) r(i)) to '{building}' (format parquet)"
    )
    building.replace(file)
    return file


@pytest.fixture
def published_dir(tmp_path: Path) -> Path:
    return tmp_path / "published"


@pytest.fixture
def publish(published_dir: Path) -> Iterator[Publish]:
    """Publish the small warehouse as run number `number`, one minute after the run before."""

    def run(number: int, rows: int = 5, **more) -> Snapshot:
        run_id = f"run{number:05d}-of-tests"
        with warehouse(run_id, rows) as con:
            return publish_snapshot(
                con,
                published_dir,
                **{
                    "run_id": run_id,
                    "as_of": AS_OF,
                    "policy_version": "p1",
                    "published_at": datetime(2026, 7, 1, 6, number),
                    "keys": KEYS,
                    **more,
                },
            )

    return run
