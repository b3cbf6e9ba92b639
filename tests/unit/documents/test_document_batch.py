"""Making the decks that are due: what is there stays, what can't be made stops no other, and a run has its measure."""

from __future__ import annotations

import os
import shutil
import signal
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import pytest

from orchestration.documents import batch, shelf
from orchestration.documents.batch import make_due, write_executive_report
from orchestration.documents.slides import pptx
from orchestration.policy.models import Policies
from tests.unit.documents import office


def policies_with(told, **changes) -> Policies:
    """The policies, with other values of documents.yaml."""
    return told.policies.model_copy(update={"documents": told.policies.documents.model_copy(update=changes)})


@pytest.fixture(scope="module")
def queue(told) -> dict[str, dict]:
    return {row["path"]: row for row in told.rows('select * from {document_queue} order by "rank"')}


@pytest.fixture(scope="module")
def first(told, queue, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, object]:
    """A folder in which all that is due was made, by processes of their own."""
    folder = tmp_path_factory.mktemp("made")
    return folder, make_due(told.folder, folder, policies_with(told, processes=2))


@pytest.fixture
def folder(first, tmp_path: Path) -> Path:
    """A copy of it."""
    made = tmp_path / "documents"
    shutil.copytree(first[0], made)
    return made


def test_all_that_is_due_is_made_and_nothing_else(first, queue):
    folder, made = first
    due = {path for path, row in queue.items() if row["status"] == "due"}
    assert len(due) > 12, "too few to be worth processes"
    assert set(made.made) == due
    assert {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()} == due
    assert (made.failed, made.unchanged, made.left) == ([], 0, 0)


def test_who_needs_a_person_is_told_with_what_is_missing(first, queue):
    missing = {row["account_name"]: row["needs_person_reason"] for row in queue.values() if row["status"] != "due"}
    assert missing
    assert dict(first[1].needs_person) == missing


def test_a_deck_lies_there_for_its_own_account(told, first, queue):
    for path in first[1].made[:5]:
        written = office.text((first[0] / path).read_bytes())
        assert told.facts(queue[path]["account_id"]).account["owner_name"] in written


def test_decks_whose_content_is_the_same_are_left_alone(told, folder: Path, queue):
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*.pptx")}
    made = make_due(told.folder, folder, told.policies)
    assert (made.made, made.unchanged) == ([], len(before))
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*.pptx")} == before


def test_a_deck_that_says_something_else_or_is_gone_is_made_again(told, folder: Path, first):
    gone, damaged, other, *_ = (folder / path for path in first[1].made)
    whole = {file: file.read_bytes() for file in (gone, damaged, other)}
    gone.unlink()
    damaged.write_bytes(b"PK\x03\x04 no archive")
    other.write_bytes(next(file for file in folder.rglob("*.pptx") if file not in whole).read_bytes())
    made = make_due(told.folder, folder, told.policies)
    assert {folder / path for path in made.made} == set(whole)
    assert {file: file.read_bytes() for file in whole} == whole


@pytest.mark.parametrize("processes", [1, 2])
def test_one_that_cant_be_made_stops_no_other(told, tmp_path: Path, queue, processes: int):
    blocked, *others = [path for path, row in queue.items() if row["status"] == "due"][:4]
    # A folder where the file should go: it can't be put there.
    (tmp_path / blocked / "in the way").mkdir(parents=True)
    made = make_due(told.folder, tmp_path, policies_with(told, documents_a_run=4, processes=processes))
    assert [path for path, _ in made.failed] == [blocked]
    assert "Error" in made.failed[0][1]
    assert set(made.made) == set(others)
    assert [file.name for file in tmp_path.rglob(".tmp-*")] == []


def test_decks_are_made_though_the_processes_for_them_die(told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As under a memory limit: what makes them is killed at once."""
    monkeypatch.setattr(batch, "ProcessPoolExecutor", Dying)
    made = make_due(told.folder, tmp_path, policies_with(told, documents_a_run=3, processes=2))
    assert (len(made.made), made.failed) == (3, [])


class Dying(ProcessPoolExecutor):
    """Its processes are killed when the first deck comes."""

    def submit(self, *_: object) -> Future:
        return super().submit(_die)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_run_makes_so_many_and_the_next_one_goes_on(told, tmp_path: Path, queue):
    few = policies_with(told, documents_a_run=3, processes=1)
    due = [path for path, row in queue.items() if row["status"] == "due"]
    rounds = [make_due(told.folder, tmp_path, few) for _ in range(2)]
    assert [one.made for one in rounds] == [due[:3], due[3:6]]
    assert [one.left for one in rounds] == [len(due) - 3, len(due) - 6]


def test_a_deck_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "accounts" / "a" / "deck.pptx"
    shelf.put(file, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        shelf.put(file, b"new")
    assert file.read_bytes() == b"old"
    assert os.listdir(file.parent) == ["deck.pptx"]  # noqa: PTH208 - hidden files too


def test_the_executive_report_is_written(told, tmp_path: Path):
    file = write_executive_report(told.folder, tmp_path, told.policies)
    assert file.name == f"executive_report-{told.as_of}.pdf"
    assert file.read_bytes().startswith(b"%PDF")


def test_what_lies_there_tells_its_fingerprint(told, first):
    from orchestration.documents.deck import health_check_deck

    facts = told.facts(told.account("h.score is not null"))
    deck = health_check_deck(facts, None, told.policies)
    file = first[0] / "deck.pptx"
    file.write_bytes(pptx(deck))
    assert shelf.fingerprint_of(file) == deck.fingerprint
    file.unlink()
    assert shelf.fingerprint_of(file) is None
