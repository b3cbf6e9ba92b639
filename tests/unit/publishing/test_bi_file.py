"""The DuckDB file for BI tools: whole, readable by old clients, replaced in one moment."""

from __future__ import annotations

import json
import shutil
import subprocess
import textwrap
from datetime import date

import duckdb
import pytest

from orchestration.publishing import bi_file, durable
from orchestration.publishing.bi_file import publish_bi_file, snapshot_in_bi_file
from orchestration.publishing.manifest import TableDescription
from orchestration.publishing.retention import prune
from tests.support.duckdb1 import duckdb1_python
from tests.unit.publishing.conftest import AS_OF, keep_day

_OLD_CLIENT = textwrap.dedent(
    """
    import duckdb, json, sys
    con = duckdb.connect(sys.argv[1], read_only=True)
    tables = [row[0] for row in con.execute(
        "select table_name from duckdb_tables() where schema_name = 'published' order by 1").fetchall()]
    print(json.dumps({
        "version": duckdb.__version__,
        "tables": tables,
        "rows": con.execute("select count(*), sum(arr)::varchar from published.accounts").fetchall(),
        "run": con.execute("select run_id from published.publication").fetchall(),
        "comments": con.execute("select comment from duckdb_columns() where column_name = 'arr'").fetchall(),
    }))
    """
)


def test_an_old_client_reads_it(publish, published_dir):
    snapshot = publish(1, descriptions={"accounts": TableDescription(columns={"arr": "Euros a year, it's said"})})
    assert publish_bi_file(snapshot)
    path = published_dir / "account_health.duckdb"
    answer = subprocess.run([duckdb1_python(), "-c", _OLD_CLIENT, path], capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout) == {
        "version": "1.0.0",
        "tables": ["accounts", "publication", "scores", "totals"],
        "rows": [[5, "12.5000"]],
        "run": [["run00001-of-tests"]],
        "comments": [["Euros a year, it's said"]],
    }


_OLD_CLIENT_OF_HISTORY = textwrap.dedent(
    """
    import duckdb, json, sys
    con = duckdb.connect(sys.argv[1], read_only=True)
    answer = {"current": con.execute("select count(*) from published.accounts").fetchall()[0][0]}
    try:
        answer["history"] = con.execute(
            "select count(*), count(distinct as_of_date), count(added) from published.scores_history").fetchall()[0]
    except duckdb.IOException as error:
        answer["history"] = str(error)[:32]
    print(json.dumps(answer))
    """
)


def ask_old_client(path):
    answer = subprocess.run(
        [duckdb1_python(), "-c", _OLD_CLIENT_OF_HISTORY, path], capture_output=True, text=True, check=True
    )
    return json.loads(answer.stdout)


def test_histories_are_read_from_the_snapshot(publish, published_dir, kept):
    keep_day(kept, date(2026, 5, 31), rows=3)
    keep_day(kept, AS_OF, rows=4, more=", 'new' as added")
    about = {"scores_history": TableDescription(description="All of them", columns={"score": "Points, it's said"})}
    publish_bi_file(publish(1, history={"scores_history": kept}, descriptions=about))
    path = published_dir / "account_health.duckdb"
    assert ask_old_client(path) == {"current": 5, "history": [7, 2, 4]}
    with duckdb.connect(path, read_only=True) as con:
        assert con.execute("select count(*) from published.scores_history").fetchall() == [(7,)]
        views = "select view_name, comment from duckdb_views() where schema_name = 'published'"
        assert con.execute(views).fetchall() == [("scores_history", "All of them")]
        comment = "select comment from duckdb_columns() where table_name = 'scores_history' and column_name = 'score'"
        assert con.execute(comment).fetchall() == [("Points, it's said",)]


def test_without_the_snapshot_a_copy_still_has_the_current_tables(publish, published_dir, kept, tmp_path):
    keep_day(kept, AS_OF)
    publish_bi_file(publish(1, history={"scores_history": kept}))
    copy = shutil.copy(published_dir / "account_health.duckdb", tmp_path / "copied.duckdb")
    shutil.rmtree(published_dir)
    assert ask_old_client(copy) == {"current": 5, "history": "IO Error: No files found that ma"}


def test_the_snapshot_that_the_file_reads_is_spared(publish, published_dir, kept):
    keep_day(kept, AS_OF)
    named = publish(1, history={"scores_history": kept})
    publish_bi_file(named)
    publish(2)
    newest = publish(3)
    assert snapshot_in_bi_file(published_dir) == named.snapshot_id
    pruned = prune(published_dir, 1, spared=snapshot_in_bi_file(published_dir))
    assert len(pruned.removed) == 1
    with duckdb.connect(published_dir / "account_health.duckdb", read_only=True) as con:
        assert con.execute("select count(*) from published.scores_history").fetchall() == [(2,)]
    assert named.folder.is_dir()
    assert newest.folder.is_dir()


@pytest.mark.parametrize("content", [None, b"no database"])
def test_a_file_that_cannot_be_read_spares_nothing(published_dir, content):
    published_dir.mkdir()
    if content:
        (published_dir / "account_health.duckdb").write_bytes(content)
    assert snapshot_in_bi_file(published_dir) is None


def test_an_open_client_keeps_what_it_opened(publish, published_dir):
    path = published_dir / "account_health.duckdb"
    publish_bi_file(publish(1, rows=5))
    with duckdb.connect(path, read_only=True) as client:
        publish_bi_file(publish(2, rows=8))
        assert client.execute("select count(*) from published.accounts").fetchall() == [(5,)]
    with duckdb.connect(path, read_only=True) as client:
        assert client.execute("select count(*) from published.accounts").fetchall() == [(8,)]


def test_a_newer_publication_is_not_replaced_by_an_older(publish, published_dir):
    older, newer = publish(1, rows=5), publish(2, rows=8)
    assert publish_bi_file(newer)
    assert not publish_bi_file(older)
    assert not publish_bi_file(publish(3, make_current=False))
    with duckdb.connect(published_dir / "account_health.duckdb", read_only=True) as client:
        assert client.execute("select count(*) from published.accounts").fetchall() == [(8,)]


@pytest.mark.parametrize("step", ["sync_file", "move", "_build"])
def test_a_failure_leaves_the_former_file(publish, published_dir, monkeypatch, step):
    publish_bi_file(publish(1, rows=5))
    snapshot = publish(2, rows=8)

    def fail(*arguments):
        raise OSError(28, "no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(bi_file if step == "_build" else durable, step, fail)
        with pytest.raises(OSError, match="no space left"):
            publish_bi_file(snapshot)
    with duckdb.connect(published_dir / "account_health.duckdb", read_only=True) as client:
        assert client.execute("select count(*) from published.accounts").fetchall() == [(5,)]
    assert publish_bi_file(snapshot)
    assert not list(published_dir.glob(".tmp-*"))


def test_a_log_left_by_a_careless_client_does_no_harm(publish, published_dir):
    publish_bi_file(publish(1))
    (published_dir / "account_health.duckdb.wal").write_bytes(b"not of this file")
    publish_bi_file(publish(2, rows=8))
    with duckdb.connect(published_dir / "account_health.duckdb", read_only=True) as client:
        assert client.execute("select count(*) from published.accounts").fetchall() == [(8,)]
