"""Writing snapshots: what is in them, that the same rows give the same bytes, and what a crash leaves."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pytest

from orchestration.publishing import durable
from orchestration.publishing.errors import PublishingError
from orchestration.publishing.manifest import TableDescription, current_snapshot_id, make_snapshot_id
from orchestration.publishing.parquet import seal
from orchestration.publishing.reader import Publication
from orchestration.publishing.snapshot import publish_snapshot, renew_histories
from tests.unit.publishing.conftest import AS_OF, keep_day, warehouse

# Every durable operation of a publication, as the tests count them.
_OPERATIONS = ("sync_file", "sync_directory", "write_text", "move")


def published(con: duckdb.DuckDBPyConnection, folder: Path, **more):
    defaults = {"run_id": "r", "as_of": AS_OF, "policy_version": "p", "published_at": datetime(2026, 7, 1)}
    return publish_snapshot(con, folder, **{**defaults, **more})


def one_table(select: str) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("create schema published")
    con.execute(f"create table published.t as {select}")
    return con


def test_a_snapshot_holds_every_table_and_view_of_the_schema(publish, published_dir):
    snapshot = publish(1)
    assert (published_dir / "CURRENT").read_text() == snapshot.folder.name == "20260701T060100000000Z-run00001"
    assert sorted(path.name for path in snapshot.folder.iterdir()) == [
        "accounts.parquet",
        "manifest.json",
        "publication.parquet",
        "scores.parquet",
        "totals.parquet",
    ]
    assert duckdb.sql(f"select count(*) from '{snapshot.folder}/accounts.parquet'").fetchall() == [(5,)]


def test_the_manifest_tells_rows_bytes_checksums_and_columns(publish):
    snapshot = publish(1, descriptions={"accounts": TableDescription(description="Grain", columns={"arr": "In EUR"})})
    manifest = json.loads((snapshot.folder / "manifest.json").read_text())
    assert manifest["run_id"] == "run00001-of-tests"
    assert manifest["as_of_date"] == "2026-06-30"
    accounts = manifest["tables"]["accounts"]
    assert accounts["description"] == "Grain"
    assert accounts["columns"][2] == {"name": "arr", "type": "DECIMAL(19,4)", "description": "In EUR"}
    (file,) = accounts["files"]
    content = (snapshot.folder / file["path"]).read_bytes()
    assert (file["rows"], file["bytes"], file["sha256"]) == (5, len(content), hashlib.sha256(content).hexdigest())


def test_publication_is_one_row_that_names_the_publication(publish):
    snapshot = publish(1)
    assert duckdb.sql(f"from '{snapshot.folder}/publication.parquet'").fetchall() == [
        (snapshot.snapshot_id, "run00001-of-tests", AS_OF, "p1", datetime(2026, 7, 1, 6, 1), 3, 16)
    ]


def test_the_same_rows_give_the_same_bytes(tmp_path):
    checksums = set()
    for number, (order, threads) in enumerate([("id", 1), ("hash(id)", 2), ("-id", 4)]):
        con = duckdb.connect(config={"threads": threads, "preserve_insertion_order": order == "id"})
        con.execute("create schema published")
        con.execute(
            "create table published.t as select i as id, 'text ' || (i * 7919 % 1000003) as t,"
            f" case when i % 3 = 0 then (i / 7)::decimal(18, 4) end as d from range(300_000) r(i) order by {order}"
        )
        snapshot = published(con, tmp_path / str(number), keys={"t": ["id"]})
        checksums.add(snapshot.manifest.tables["t"].files[0].sha256)
    assert len(checksums) == 1


def test_without_a_key_all_columns_order_the_rows(tmp_path):
    checksums = set()
    for order in ("asc", "desc"):
        con = one_table(f"select i % 3 as a, i as b, [i] as c from range(100) r(i) order by i {order}")
        checksums.add(published(con, tmp_path / order).manifest.tables["t"].files[0].sha256)
    assert len(checksums) == 1


def test_odd_values_come_back_as_they_were(tmp_path):
    row = ("😀 ünï", "a\0b", "n" * 10_240, "", None, "line\r\nbreak \"quoted\", 'and'")
    con = one_table(
        "select '' as emoji, '' as nul, '' as long, '' as empty, '' as missing, '' as line,"
        " 12345678901234567890.0123456789::decimal(38, 10) as amount, null::date as day"
    )
    con.execute("update published.t set emoji = ?, nul = ?, long = ?, empty = ?, missing = ?, line = ?", row)
    snapshot = published(con, tmp_path)
    (back,) = duckdb.sql(f"from '{snapshot.folder}/t.parquet'").fetchall()
    assert back[:6] == row
    assert str(back[6]) == "12345678901234567890.0123456789"
    assert back[7] is None


def test_empty_tables_keep_their_columns(tmp_path):
    snapshot = published(one_table("select 1::bigint as id, ''::varchar as name where false"), tmp_path)
    assert [column.type for column in snapshot.manifest.tables["t"].columns] == ["BIGINT", "VARCHAR"]
    assert snapshot.manifest.tables["t"].rows == 0


@pytest.mark.parametrize(
    ("run_id", "part"),
    [("../../etc/passwd", "etcpassw"), ("", "run"), ("☃", "run"), ("a-b-c-d-e-f-g-h-i-j", "abcdefgh")],
)
def test_a_run_id_never_leads_out_of_the_folder(run_id, part):
    assert make_snapshot_id(datetime(2026, 7, 1), run_id) == f"20260701T000000000000Z-{part}"


def test_a_time_with_a_zone_is_published_in_utc():
    there = datetime(2026, 7, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert make_snapshot_id(there, "r") == make_snapshot_id(datetime(2026, 6, 30, 23, tzinfo=UTC), "r")


def test_a_step_tried_again_publishes_beside_its_first_try(publish):
    first, second = publish(1), publish(1, rows=6)
    assert second.snapshot_id == f"{first.snapshot_id}-2"
    assert first.folder.is_dir()
    assert current_snapshot_id(second.published_dir) == second.snapshot_id


def test_rows_of_another_run_are_refused(published_dir):
    with pytest.raises(PublishingError, match="accounts has 5 rows of another run"):
        published(warehouse("old"), published_dir, run_id="new")
    assert current_snapshot_id(published_dir) is None


@pytest.mark.parametrize(
    ("select", "more", "message"),
    [
        ("select 1::hugeint as big", {}, "big is a 128-bit integer"),
        ("select 1 as a", {"keys": {"t": ["b"]}}, "t has no column b"),
        ("select 1 as a", {"tables": ["u"]}, "has no table u"),
        ("select 1 as a", {"tables": []}, "nothing to publish"),
    ],
)
def test_what_cannot_be_published_is_said(tmp_path, select, more, message):
    with pytest.raises(PublishingError, match=message):
        published(one_table(select), tmp_path, **more)
    assert not (tmp_path / "CURRENT").exists()


@pytest.mark.parametrize(("name", "message"), [("publication", "made by publishing itself"), ("../up", "snake_case")])
def test_table_names_that_would_do_harm_are_refused(tmp_path, name, message):
    con = duckdb.connect()
    con.execute("create schema published")
    con.execute(f'create table published."{name}" as select 1 as a')
    with pytest.raises(PublishingError, match=message):
        published(con, tmp_path)


def test_a_transaction_of_the_caller_goes_on(published_dir):
    with warehouse("r") as con:
        con.begin()
        con.execute("create table main.more as select 1 as a")
        published(con, published_dir)
        con.commit()
        assert con.execute("from main.more").fetchall() == [(1,)]


def test_history_is_linked_and_measured_once(publish, kept, monkeypatch):
    for day in (28, 29):
        duckdb.execute(f"copy (select {day} as day) to '{kept}/2026-06-{day}.parquet' (format parquet)")
    first = publish(1, history={"scores_history": kept})
    assert (first.folder / "scores_history/2026-06-28.parquet").samefile(kept / "2026-06-28.parquet")
    duckdb.execute(f"copy (select 30 as day, 'new' as added) to '{kept}/2026-06-30.parquet' (format parquet)")
    sealed = []
    monkeypatch.setattr(
        "orchestration.publishing.history.seal", lambda path, folder: sealed.append(path.name) or seal(path, folder)
    )
    second = publish(2, history={"scores_history": kept})
    assert sealed == ["2026-06-30.parquet"]
    assert second.manifest.tables["scores_history"].rows == 3
    with Publication.open(second.published_dir) as publication:
        assert publication.rows("select * from scores_history order by day") == [
            {"day": 28, "added": None},
            {"day": 29, "added": None},
            {"day": 30, "added": "new"},
        ]


def test_a_history_ends_with_the_as_of_of_its_snapshot(publish, kept):
    for day in (AS_OF - timedelta(days=1), AS_OF, AS_OF + timedelta(days=1)):
        keep_day(kept, day)
    snapshot = publish(1, history={"scores_history": kept})
    table = snapshot.manifest.tables["scores_history"]
    assert [file.path for file in table.files] == [
        "scores_history/2026-06-29.parquet",
        "scores_history/2026-06-30.parquet",
    ]


def test_a_history_tells_what_it_is(publish, kept):
    keep_day(kept, AS_OF)
    about = {"scores_history": TableDescription(description="All of them", columns={"score": "Points"})}
    keys = {"scores_history": ("as_of_date", "account_id")}
    table = publish(1, history={"scores_history": kept}, descriptions=about, keys=keys).manifest.tables[
        "scores_history"
    ]
    assert table.is_history
    assert (table.key, table.description) == (("as_of_date", "account_id"), "All of them")
    assert {column.name: column.description for column in table.columns}["score"] == "Points"


def test_a_file_that_is_not_of_a_history_is_said(publish, kept):
    keep_day(kept, AS_OF).rename(kept / "copy of june.parquet")
    with pytest.raises(PublishingError, match=r"copy of june.parquet is no file of a history"):
        publish(1, history={"scores_history": kept})


def renewed(published_dir: Path, kept: Path, minute: int = 30):
    return renew_histories(
        published_dir,
        {"scores_history": kept},
        moment=datetime(2026, 7, 1, 6, minute),
        keys={"scores_history": ("as_of_date", "account_id")},
        descriptions={},
    )


def test_the_current_tables_are_published_again_with_what_became_known(publish, published_dir, kept):
    keep_day(kept, AS_OF, rows=2)
    first = publish(1, rows=7, history={"scores_history": kept})
    beside = publish(2, rows=3, as_of=AS_OF - timedelta(days=30), make_current=False)
    keep_day(kept, AS_OF - timedelta(days=30), rows=3)
    again = renewed(published_dir, kept)
    assert current_snapshot_id(published_dir) == again.snapshot_id > beside.snapshot_id > first.snapshot_id
    assert again.manifest.run_id == first.manifest.run_id
    assert (again.folder / "accounts.parquet").samefile(first.folder / "accounts.parquet")
    with Publication.open(published_dir) as publication:
        assert publication.rows("select count(*) as n from accounts") == [{"n": 7}]
        assert publication.rows("select count(*) as n from scores_history") == [{"n": 5}]
        assert publication.rows("select snapshot_id, run_id, as_of_date, tables, rows from publication") == [
            {
                "snapshot_id": again.snapshot_id,
                "run_id": "run00001-of-tests",
                "as_of_date": AS_OF,
                "tables": 4,
                "rows": 7 + 14 + 1 + 5,
            }
        ]


def test_a_snapshot_keeps_the_history_it_was_made_with(publish, published_dir, kept):
    keep_day(kept, AS_OF, value="first")
    first = publish(1, history={"scores_history": kept})
    keep_day(kept, AS_OF, value="again")
    renewed(published_dir, kept)
    with Publication.open_snapshot(first.folder) as publication:
        assert publication.rows("select distinct value from scores_history") == [{"value": "first"}]
    with Publication.open(published_dir) as publication:
        assert publication.rows("select distinct value from scores_history") == [{"value": "again"}]


def test_histories_can_not_be_renewed_before_the_first_publication(published_dir, kept):
    with pytest.raises(PublishingError, match="nothing is published"):
        renewed(published_dir, kept)


def test_a_failure_while_renewing_leaves_the_former_publication(publish, published_dir, kept, monkeypatch):
    keep_day(kept, AS_OF)
    first = publish(1, history={"scores_history": kept})
    operations = count_operations(monkeypatch, lambda: renewed(published_dir, kept, 20))
    assert operations > 4
    standing = current_snapshot_id(published_dir)
    assert standing != first.snapshot_id
    for nth in range(1, operations):
        with monkeypatch.context() as patch:
            fail_at(patch, nth, [])
            with pytest.raises(OSError, match="no space left"):
                renewed(published_dir, kept, 30 + nth)
        assert current_snapshot_id(published_dir) == standing
        with Publication.open(published_dir) as publication:
            assert publication.rows("select count(*) as n from accounts") == [{"n": 5}]


def count_operations(monkeypatch, run) -> int:
    """How many durable operations `run` performs."""
    calls = []
    with monkeypatch.context() as patch:
        fail_at(patch, None, calls)
        run()
    return len(calls)


def fail_at(patch, nth: int | None, calls: list[str]) -> None:
    for name in _OPERATIONS:
        real = getattr(durable, name)

        def operation(*arguments, _name=name, _real=real):
            calls.append(_name)
            if len(calls) == nth:
                raise OSError(28, "no space left on device")
            return _real(*arguments)

        patch.setattr(durable, name, operation)


def test_a_failure_at_any_step_leaves_the_former_publication(publish, published_dir, monkeypatch):
    operations = count_operations(monkeypatch, lambda: publish(1))
    assert operations > 8
    for nth in range(1, operations + 1):
        before = current_snapshot_id(published_dir)
        with monkeypatch.context() as patch:
            fail_at(patch, nth, [])
            with pytest.raises(OSError, match="no space left"):
                publish(nth + 1, rows=nth)
        with Publication.open(published_dir) as publication:
            # The very last step is after the replacement itself: pushing its name to the disk.
            assert publication.snapshot.snapshot_id == before or nth == operations
            assert publication.rows("select count(*) as n from accounts") == [{"n": 5 if nth < operations else nth}]
    after = publish(59, rows=7)
    assert current_snapshot_id(published_dir) == after.snapshot_id
    assert not list(published_dir.glob(".tmp-*"))


_KILLED = textwrap.dedent(
    """
    import os, signal, sys
    from datetime import datetime
    from pathlib import Path
    from orchestration.publishing import durable
    from orchestration.publishing.snapshot import publish_snapshot
    from tests.unit.publishing.conftest import AS_OF, KEYS, warehouse

    published_dir, nth = Path(sys.argv[1]), int(sys.argv[2])
    done = 0
    for name in {operations!r}:
        def operation(*arguments, _real=getattr(durable, name)):
            global done
            done += 1
            if done == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            return _real(*arguments)
        setattr(durable, name, operation)
    publish_snapshot(warehouse("killed"), published_dir, run_id="killed", as_of=AS_OF, policy_version="p",
                     published_at=datetime(2026, 7, 2), keys=KEYS)
    """
).format(operations=_OPERATIONS)


@pytest.mark.parametrize("nth", [1, 6, 8, 12])
def test_a_kill_at_any_step_leaves_the_former_publication(publish, published_dir, nth):
    before = publish(1)
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, published_dir, str(nth)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    with Publication.open(published_dir) as publication:
        assert publication.snapshot.snapshot_id == before.snapshot_id
        assert publication.rows("select count(*) as n from scores") == [{"n": 10}]
    publish(2)
    assert not list(published_dir.glob(".tmp-*"))


def test_a_second_publisher_waits_and_then_says_so(publish, published_dir):
    publish(1)
    with durable.publish_lock(published_dir), pytest.raises(PublishingError, match="another process has been"):
        publish(2, lock_timeout=0.05)


def test_what_nobody_made_here_is_left_alone(publish, published_dir):
    published_dir.mkdir()
    (published_dir / "notes.txt").write_text("mine")
    publish(1)
    assert (published_dir / "notes.txt").read_text() == "mine"
