"""Reading a publication: whole, held, and with clear words when there is none."""

from __future__ import annotations

import shutil

import duckdb
import pytest

from orchestration.publishing.errors import NothingPublishedError, PublishingError
from orchestration.publishing.reader import Publication
from orchestration.publishing.retention import prune
from tests.unit.publishing.conftest import AS_OF, keep_day


@pytest.mark.parametrize("load", [False, True])
def test_a_publication_answers_queries_over_all_its_tables(publish, published_dir, load):
    publish(3)
    with Publication.open(published_dir, load=load) as publication:
        assert publication.manifest.run_id == "run00003-of-tests"
        assert publication.rows(
            "select p.run_id, n, count(*) as scores from publication as p, totals, published.scores"
            " where measure = ? group by all",
            ["x"],
        ) == [{"run_id": "run00003-of-tests", "n": 10, "scores": 5}]


def test_before_the_first_publication_it_says_what_to_do(published_dir):
    with pytest.raises(NothingPublishedError, match="run `account-health refresh`"):
        Publication.open(published_dir)
    published_dir.mkdir()
    with pytest.raises(NothingPublishedError, match="run `account-health refresh`"):
        Publication.open(published_dir)


@pytest.mark.parametrize("content", ["../../etc", "", "20260701T060100000000Z-gone"])
def test_a_broken_current_is_said_and_not_followed(publish, published_dir, content):
    publish(1)
    (published_dir / "CURRENT").write_text(content)
    with pytest.raises(PublishingError, match="CURRENT"):
        Publication.open(published_dir)


def test_an_open_publication_stays_as_it_was(publish, published_dir):
    publish(1, rows=5)
    with Publication.open(published_dir) as former:
        publish(2, rows=9)
        assert former.rows("select count(*) as n from accounts") == [{"n": 5}]
        with Publication.open(published_dir) as latter:
            assert latter.rows("select count(*) as n from accounts") == [{"n": 9}]


def test_a_reader_gets_at_nothing_else_on_the_machine(publish, published_dir, tmp_path):
    publish(1)
    (tmp_path / "other.csv").write_text("a\n1\n")
    with Publication.open(published_dir) as publication:
        with pytest.raises(duckdb.PermissionException):
            publication.rows(f"from '{tmp_path}/other.csv'")
        with pytest.raises(duckdb.PermissionException):
            publication.rows(f"copy accounts to '{tmp_path}/out.csv'")


def test_a_copy_of_a_publication_can_be_read_elsewhere(publish, published_dir, tmp_path):
    publish(1)
    copy = tmp_path / "copy"
    shutil.copytree(published_dir, copy, ignore=shutil.ignore_patterns(".*"))
    with Publication.open(copy) as publication:
        assert publication.rows("select count(*) as n from accounts") == [{"n": 5}]


def test_a_snapshot_beside_the_current_one_can_be_opened_and_is_held(publish, published_dir):
    current = publish(1)
    beside = publish(2, rows=3, make_current=False)
    with Publication.open_snapshot(beside.folder) as publication:
        assert publication.rows("select count(*) as n from accounts") == [{"n": 3}]
        publish(3, make_current=False)
        assert prune(published_dir, keep=1).held == (beside.snapshot_id,)
    with Publication.open(published_dir) as publication:
        assert publication.snapshot.snapshot_id == current.snapshot_id
    assert prune(published_dir, keep=1).removed == (beside.snapshot_id,)
    with pytest.raises(PublishingError, match="isn't there"):
        Publication.open_snapshot(beside.folder)


def test_retention_keeps_the_newest(publish, published_dir):
    names = [publish(number).snapshot_id for number in range(1, 6)]
    assert prune(published_dir, keep=2).removed == (names[2], names[1], names[0])
    assert sorted(path.name for path in published_dir.iterdir() if path.is_dir()) == names[3:]
    assert prune(published_dir, keep=2).removed == ()


def test_retention_never_takes_what_somebody_reads(publish, published_dir):
    held = publish(1, rows=4)
    with Publication.open(published_dir) as publication:
        for number in range(2, 5):
            publish(number)
        pruned = prune(published_dir, keep=1)
        assert pruned.held == (held.snapshot_id,)
        assert len(pruned.removed) == 2
        assert publication.rows("select count(*) as n from accounts") == [{"n": 4}]
    assert prune(published_dir, keep=1).removed == (held.snapshot_id,)


def test_retention_never_takes_the_current_one(publish, published_dir):
    old = publish(1)
    publish(2)
    (published_dir / "CURRENT").write_text(old.snapshot_id)
    assert prune(published_dir, keep=1).removed == ()
    with Publication.open(published_dir) as publication:
        assert publication.snapshot.snapshot_id == old.snapshot_id


def test_retention_touches_nothing_but_snapshots(publish, published_dir):
    publish(1)
    (published_dir / "mine").mkdir()
    publish(2)
    prune(published_dir, keep=1)
    assert (published_dir / "mine").is_dir()


def test_retention_keeps_at_least_one(published_dir):
    with pytest.raises(PublishingError, match="at least 1"):
        prune(published_dir, keep=0)


def test_histories_are_read_where_they_lie(publish, published_dir, kept):
    keep_day(kept, AS_OF, rows=3)
    publish(1, history={"scores_history": kept})
    with Publication.open(published_dir, load=True) as publication:
        assert publication.rows("select count(*) as n from scores_history") == [{"n": 3}]
        kinds = publication.rows(
            "select table_name, table_type from information_schema.tables where table_schema = 'published'"
        )
        assert {row["table_name"]: row["table_type"] for row in kinds} == {
            "accounts": "BASE TABLE",
            "publication": "BASE TABLE",
            "scores": "BASE TABLE",
            "scores_history": "VIEW",
            "totals": "BASE TABLE",
        }
