"""What a pull keeps: which version of a record stays, what counts as a change, and what a kill leaves behind."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestration.policy.systems import Pulling
from orchestration.sources.errors import SourceError
from orchestration.sources.sqltext import Sql, compose, joined, literal
from orchestration.systems.store import Merged, RecordStore

PULLING = Pulling(longest_minutes=5, resume_hours=12, lookback_minutes=60, whole_every_days=7, memory_limit="128MB")
NOW = datetime(2026, 6, 30, 9, tzinfo=UTC)
REQUEST = {"object": "Account"}
COLUMNS = ("account_name", "updated_at")

# key, stamp, deleted, account_name, updated_at
Row = tuple[str, str, bool, str | None, str | None]


def row(key: str, day: int, name: str | None, *, deleted: bool = False) -> Row:
    stamp = f"2026-06-{day:02d}T00:00:00.000Z"
    return key, stamp, deleted, name, stamp


def fetched(rows: Sequence[Row]) -> Sql:
    if not rows:
        return compose("SELECT * FROM ({one}) WHERE false", one=fetched([row("x", 1, "x")]))
    lines = [
        compose(
            "({key}, {stamp}, {gone}, {name}, {at}, {place})",
            key=literal(key),
            stamp=literal(stamp),
            gone=literal(gone),
            name=literal(name),
            at=literal(at),
            place=literal(place),
        )
        for place, (key, stamp, gone, name, at) in enumerate(rows)
    ]
    return compose(
        "SELECT * FROM (VALUES {lines}) AS t(_key, _stamp, _deleted, account_name, updated_at, _place)",
        lines=joined(lines),
    )


class Desk:
    """A store over several pulls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = NOW

    @property
    def store(self) -> RecordStore:
        return RecordStore(self.folder, PULLING, self.now)

    def pull(self, *rows: Row, whole: bool = False, **more: Any) -> Merged:
        store = self.store
        request = more.pop("request", REQUEST)
        merged = store.merge(
            store.journal(request), fetched(rows), more.pop("columns", COLUMNS), request, whole=whole, **more
        )
        store.write_csv("accounts", COLUMNS)
        return merged

    def rows(self) -> dict[str, tuple[str, str]]:
        with (self.folder / "accounts.csv").open(newline="") as file:
            return {str(number): tuple(line) for number, line in enumerate(list(csv.reader(file))[1:])}

    def names(self) -> list[str]:
        return [name for name, _ in self.rows().values()]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "crm" / "accounts")


def test_of_several_versions_the_newest_stamp_stays(desk: Desk) -> None:
    merged = desk.pull(row("a", 3, "new"), row("a", 1, "old"), row("b", 2, "b"))
    assert desk.names() == ["new", "b"]
    assert (merged.rows, merged.changed, merged.records, merged.deleted) == (3, 2, 2, 0)


def test_of_equal_stamps_the_later_stays(desk: Desk) -> None:
    desk.pull(row("a", 3, "first"), row("a", 3, "second"))
    assert desk.names() == ["second"]
    desk.pull(row("a", 3, "third"))
    assert desk.names() == ["third"]


def test_an_old_version_doesn_t_undo_a_newer_one(desk: Desk) -> None:
    desk.pull(row("a", 3, "new"))
    merged = desk.pull(row("a", 2, "old"))
    assert desk.names() == ["new"]
    assert merged.changed == 0


def test_a_late_commit_with_an_old_stamp_is_added(desk: Desk) -> None:
    desk.pull(row("a", 20, "a"))
    merged = desk.pull(row("b", 10, "late"))
    assert desk.names() == ["a", "late"]
    assert merged.changed == 1
    state = desk.store.state()
    assert state is not None
    assert state.watermark == "2026-06-20T00:00:00.000Z"


def test_deleted_records_are_known_and_not_handed_on(desk: Desk) -> None:
    desk.pull(row("a", 1, "a"), row("b", 1, "b"))
    merged = desk.pull(row("a", 2, "a", deleted=True))
    assert desk.names() == ["b"]
    assert (merged.records, merged.deleted) == (1, 1)
    desk.pull(row("a", 3, "a"))
    assert desk.names() == ["a", "b"]


def test_a_whole_pull_forgets_what_is_gone(desk: Desk) -> None:
    desk.pull(row("a", 1, "a"), row("b", 1, "b"))
    desk.pull(row("b", 1, "b"))
    assert desk.names() == ["a", "b"]
    merged = desk.pull(row("b", 1, "b"), whole=True)
    assert desk.names() == ["b"]
    assert merged.records == 1


def test_a_record_that_says_the_same_keeps_its_time(desk: Desk) -> None:
    desk.pull(row("a", 1, "a"), row("b", 1, None))
    before = (desk.folder / "accounts.csv").read_bytes()
    merged = desk.pull(row("a", 9, "a"), row("b", 9, None))
    assert merged.changed == 0
    assert (desk.folder / "accounts.csv").read_bytes() == before
    desk.pull(row("a", 9, "a"), row("b", 9, None), whole=True)
    assert (desk.folder / "accounts.csv").read_bytes() == before
    # The newest stamp is remembered all the same: it isn't asked for again and again.
    state = desk.store.state()
    assert state is not None
    assert state.watermark == "2026-06-09T00:00:00.000Z"
    desk.pull(row("a", 10, "other"))
    assert desk.rows()["0"] == ("other", "2026-06-10T00:00:00.000Z")


def test_a_record_that_said_the_same_and_then_something_else_changes(desk: Desk) -> None:
    desk.pull(row("a", 1, "a"))
    desk.pull(row("a", 9, "a"))
    assert desk.pull(row("a", 9, "b")).changed == 1
    assert desk.names() == ["b"]


def test_the_watermark_is_none_later_than_the_pull(desk: Desk) -> None:
    desk.pull(row("a", 20, "a"), not_after="2026-06-15T00:00:00.000Z")
    state = desk.store.state()
    assert state is not None
    assert state.watermark == "2026-06-15T00:00:00.000Z"
    desk.pull(row("a", 20, "a"), not_after="2026-06-25T00:00:00.000Z")
    assert desk.store.state().watermark == "2026-06-20T00:00:00.000Z"  # type: ignore[union-attr]
    desk.pull(not_after="2026-06-26T00:00:00.000Z")
    assert desk.store.state().watermark == "2026-06-20T00:00:00.000Z"  # type: ignore[union-attr]


def test_nothing_at_all_is_fine(desk: Desk) -> None:
    merged = desk.pull()
    assert (merged.records, desk.names()) == (0, [])
    assert desk.store.base(REQUEST, whole=False) is None
    # Where it is known how far nothing was found, the next pull needn't look there again.
    desk.pull(not_after="2026-06-15T00:00:00.000Z")
    base = desk.store.base(REQUEST, whole=False)
    assert base is not None
    assert base.watermark == "2026-06-15T00:00:00.000Z"


def test_cells_come_back_as_they_are(desk: Desk) -> None:
    odd = ['"', "a\nb\r\n", ",", "''", " x ", "日本語", "\\N"]
    desk.pull(*(row(f"{number}", 1, text) for number, text in enumerate(odd)))
    assert desk.names() == odd


def test_when_everything_has_to_be_read(desk: Desk) -> None:
    assert desk.store.base(REQUEST, whole=False) is None
    desk.pull(row("a", 1, "a"))
    assert desk.store.base(REQUEST, whole=False) is not None
    assert desk.store.base(REQUEST, whole=True) is None
    assert desk.store.base({"object": "Contract"}, whole=False) is None
    desk.now += timedelta(days=6, hours=23)
    assert desk.store.base(REQUEST, whole=False) is not None
    desk.pull(row("a", 2, "b"))
    desk.now += timedelta(hours=1)
    # Increments don't put it off.
    assert desk.store.base(REQUEST, whole=False) is None
    desk.pull(row("a", 2, "b"), whole=True)
    assert desk.store.base(REQUEST, whole=False) is not None


def test_other_columns_are_other_records(desk: Desk) -> None:
    desk.pull(row("a", 1, "a"), row("b", 1, "b"))
    request = {"object": "Account", "columns": 2}
    assert desk.store.base(request, whole=False) is None
    store = desk.store
    merged = store.merge(store.journal(request), fetched([row("a", 1, "a")]), COLUMNS[:1], request, whole=True)
    assert (merged.records, merged.changed) == (1, 1)
    assert store.state().columns == COLUMNS[:1]  # type: ignore[union-attr]


def test_a_pull_goes_on_where_it_was(desk: Desk) -> None:
    journal = desk.store.journal(REQUEST)
    assert not journal.is_resumed
    assert journal.begun_at == NOW
    journal.add_json({"n": 1}, {"next": 2})
    journal.add_json({"n": "é"}, {"next": 3}, kind="other")
    desk.now += timedelta(hours=11)
    again = desk.store.journal(REQUEST)
    assert again.is_resumed
    assert again.position == {"next": 3}
    assert again.begun_at == NOW
    assert [json.loads(page.read_text("utf-8"))["n"] for page in again.pages] == [1, "é"]
    assert [page.name for page in again.pages_of("other")] == ["other-00002.json"]


def test_pages_of_one_kind_are_forgotten_alone(desk: Desk) -> None:
    journal = desk.store.journal(REQUEST)
    journal.add_json(1, {})
    journal.add_json(2, {}, kind="other")
    journal.drop_pages({"at": 1}, "page")
    assert [page.name for page in desk.store.journal(REQUEST).pages] == ["other-00002.json"]
    assert not (desk.folder / "pull" / "page-00001.json").exists()
    journal.drop_pages({})
    assert desk.store.journal(REQUEST).pages == ()


def test_a_page_that_wasn_t_added_doesn_t_count(desk: Desk) -> None:
    journal = desk.store.journal(REQUEST)
    journal.add_json(1, {"next": 2})
    journal.next_page("json").write_text("half")
    assert len(desk.store.journal(REQUEST).pages) == 1


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: (folder / "journal.json").write_text("{"),
        lambda folder: (folder / "journal.json").write_text("[]"),
        lambda folder: (folder / "journal.json").write_bytes(b"\xff\xfe"),
        lambda folder: (folder / "page-00001.json").unlink(),
        lambda folder: (folder / "journal.json").unlink(),
    ],
)
def test_a_damaged_journal_begins_anew(desk: Desk, harm: Any) -> None:
    desk.store.journal(REQUEST).add_json(1, {"next": 2})
    harm(desk.folder / "pull")
    journal = desk.store.journal(REQUEST)
    assert not journal.is_resumed
    assert list((desk.folder / "pull").iterdir()) == []


def test_a_journal_that_is_too_old_or_of_something_else_begins_anew(desk: Desk) -> None:
    desk.store.journal(REQUEST).add_json(1, {"next": 2})
    assert not desk.store.journal({"object": "Contract"}).is_resumed
    desk.store.journal(REQUEST).add_json(1, {"next": 2})
    desk.now += timedelta(hours=12, seconds=1)
    assert not desk.store.journal(REQUEST).is_resumed


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: (folder / "state.json").write_text("{"),
        lambda folder: (folder / "state.json").write_text('{"file": 1}'),
        lambda folder: (folder / "records-1.parquet").unlink(),
    ],
)
def test_a_damaged_state_is_none(desk: Desk, harm: Any) -> None:
    desk.pull(row("a", 1, "a"))
    harm(desk.folder)
    assert desk.store.state() is None
    assert desk.store.base(REQUEST, whole=False) is None
    with pytest.raises(SourceError, match="no records to write"):
        desk.store.write_csv("accounts", COLUMNS)
    # What was handed on before stays until everything was read anew.
    assert desk.names() == ["a"]
    desk.pull(row("a", 1, "a"), row("b", 1, "b"), whole=True)
    assert desk.names() == ["a", "b"]


def test_one_file_of_records_stays_and_no_pages(desk: Desk) -> None:
    for number in range(3):
        store = desk.store
        store.journal(REQUEST).add_json(1, {})
        desk.pull(row("a", 1 + number, f"a{number}"))
    assert sorted(path.name for path in desk.folder.iterdir()) == ["accounts.csv", "records-3.parquet", "state.json"]


def test_a_merge_that_fails_changes_nothing(desk: Desk) -> None:
    desk.pull(row("a", 1, "a"))
    store = desk.store
    journal = store.journal(REQUEST)
    journal.add_json(1, {"next": 2})
    with pytest.raises(Exception, match="broken"):
        store.merge(journal, Sql("SELECT error('broken')"), COLUMNS, REQUEST, whole=False)
    assert desk.store.journal(REQUEST).position == {"next": 2}
    store.write_csv("accounts", COLUMNS)
    assert desk.names() == ["a"]
