"""Exports of wide tables: put in order by their keys, so that the memory of the database needn't hold the rows."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import numpy as np
import openpyxl
import pytest
from starlette.datastructures import QueryParams

from orchestration.publishing.manifest import hold_current
from orchestration.publishing.snapshot import publish_snapshot
from portal.access import Reader, Viewer, prepare
from portal.exports import Table, csv_pieces, write_xlsx
from portal.listing import Column, Filter, Listing
from portal.publications import Edition, _fill, _limit
from portal.sheets import Sheets
from portal.spool import Spool, places

ROWS, COLUMNS = 30_000, 12
MEMORY_MB = 20
EVERYBODY = Viewer("e", "e", frozenset(["executive"]), sees=frozenset(["all"]))
NOBODY = Viewer("n", "n", frozenset(["approver_low"]))
LISTING = Listing(
    source="account_signals",
    columns=(Column("arr", "ARR", numeric=True),),
    filters=(Filter("geo", "GEO", "geo"),),
    searched=("owner_name",),
    order="arr desc nulls last, account_id",
    key="account_id, arr",
)


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edition]:
    """A publication whose rows are more than the database may have in memory, once it is open."""
    folder = tmp_path_factory.mktemp("wide")
    (folder / "published").mkdir()
    wide = ", ".join(f"md5(concat(i, 'a', {n})) || md5(concat(i, 'b', {n})) as text_{n}" for n in range(COLUMNS))
    with duckdb.connect() as con:
        con.execute("create schema published")
        con.execute(
            "create table published.account_signals as select lpad(i::varchar, 6, '0') as account_id,"
            " 'O' as owner_name, 'C' as csm_name, 'A' as ae_name, if(i % 500 = 0, 'few', 'most') as geo, 'R' as region,"
            f" if(i % 7 = 0, null, hash(i) % 1000)::decimal(18, 2) as arr, {wide}, 'r' as run_id"
            f" from range({ROWS}) r(i)"
        )
        publish_snapshot(
            con,
            folder / "published",
            run_id="r",
            as_of=date(2026, 6, 30),
            policy_version="p",
            published_at=datetime(2026, 7, 1, tzinfo=UTC),
            keys={"account_signals": ["account_id"]},
        )
    with ExitStack() as stack:
        snapshot = stack.enter_context(hold_current(folder / "published"))
        connection = stack.enter_context(duckdb.connect(folder / "edition.duckdb"))
        _limit(connection, snapshot, folder, 1_000)
        _fill(connection, snapshot)
        prepare(connection, snapshot.manifest)
        sheets = Sheets(connection, snapshot.manifest)
        connection.execute("checkpoint")
        connection.execute("set threads = 1")
        connection.execute(f"set memory_limit = '{MEMORY_MB}MB'")
        opened = Edition(snapshot, connection, sheets, stack.pop_all())
    yield opened
    opened.let_go()


def table_of(edition: Edition, folder: Path, query: str = "", viewer: Viewer = EVERYBODY) -> Table:
    return Table.of(Reader(edition, viewer), LISTING.ask(QueryParams(query)), folder)


def read(pieces: Iterator[bytes]) -> list[dict[str, str]]:
    text = b"".join(pieces).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def expected() -> list[str]:
    with duckdb.connect() as con:
        found = con.execute(
            "select lpad(i::varchar, 6, '0') from range($n) r(i) order by if(i % 7 = 0, null, hash(i) % 1000) desc"
            " nulls last, i",
            {"n": ROWS},
        )
        return [row[0] for row in found.fetchall()]


def test_rows_that_dont_fit_into_memory_are_put_in_order(edition: Edition, tmp_path: Path) -> None:
    rows = read(csv_pieces(table_of(edition, tmp_path)))
    assert [row["account_id"] for row in rows] == expected()
    assert all(len(row["text_0"]) == 64 for row in rows)
    assert not list(tmp_path.iterdir()), "what waits on the disk has no name"


def test_rows_of_xlsx_are_in_the_order_asked_for_and_whole(edition: Edition, tmp_path: Path) -> None:
    with write_xlsx(table_of(edition, tmp_path, "geo=few&sort=arr"), [("About", "it")]) as file:
        head, *rows = list(openpyxl.load_workbook(io.BytesIO(file.read()))["Rows"].values)
    plain = read(csv_pieces(table_of(edition, tmp_path, "geo=few&sort=arr")))
    assert len(rows) == len(plain) == ROWS // 500
    assert [row[0] for row in rows] == [row["account_id"] for row in plain]
    arr = [float(row["arr"]) for row in plain if row["arr"]]
    assert arr == sorted(arr)
    assert [row[head.index("arr")] for row in rows if row[head.index("arr")] is not None] == arr
    assert [row[head.index("text_3")] for row in rows] == [row["text_3"] for row in plain]


def test_who_sees_nothing_gets_the_head_alone(edition: Edition, tmp_path: Path) -> None:
    table = table_of(edition, tmp_path, viewer=NOBODY)
    assert b"".join(csv_pieces(table)).decode("utf-8-sig").startswith("account_id,owner_name")
    assert read(csv_pieces(table)) == []


def test_whoever_leaves_while_rows_are_put_in_order_stops_it(edition: Edition, tmp_path: Path) -> None:
    """Pieces without a byte come meanwhile: at each of them the download can end."""
    pieces = csv_pieces(table_of(edition, tmp_path))
    assert list(itertools.islice(pieces, 3)) == [b""] * 3
    pieces.close()
    assert next(pieces, None) is None


def test_rows_are_found_again_in_whichever_order_they_come(tmp_path: Path) -> None:
    wanted = np.array([30, 10, 20, 10], dtype=np.uint64)
    found = np.array([10, 20, 10, 30], dtype=np.uint64)
    numbers = places(wanted, found)
    assert found[numbers].tolist() == wanted.tolist()
    assert sorted(numbers.tolist()) == [0, 1, 2, 3], "keys that are there twice give both rows"
    with Spool(tmp_path) as spool:
        spool.add([b"a", b"", b"ccc"])
        spool.add([b"dd"])
        assert list(spool.rows(np.array([3, 0, 2, 1]))) == [b"dd", b"a", b"ccc", b""]
        assert b"".join(spool.pieces(np.array([2, 3]))) == b"cccdd"
