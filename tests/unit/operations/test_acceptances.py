"""Accepting an issue: who may, until when, what the file keeps, and two people at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest

from orchestration.operations.acceptances import (
    Acceptance,
    AcceptanceError,
    ConflictError,
    NotAllowedError,
    accept,
    holds,
    latest_by_issue,
    read_acceptances,
    withdraw,
)
from orchestration.policy.access import Access
from orchestration.policy.load import load_policies
from orchestration.settings import PROJECT_ROOT

TODAY = date(2026, 6, 30)
NOW = datetime(2026, 6, 30, 9, 30, tzinfo=UTC)
REVOPS = frozenset({"revops"})


@pytest.fixture(scope="module")
def access() -> Access:
    shipped = load_policies(PROJECT_ROOT / "policies").access
    return shipped.model_copy(update={"people": {"Rae": ("revops",), "Sel": ("seller",)}})


def accepted(folder: Path, access: Access, issue: str = "i1", days: int = 30, **more) -> Acceptance:
    values = {"reason": "It is  so", "by": " Rae ", "until": TODAY + timedelta(days=days), "held": None} | more
    return accept(folder, access, issue, today=TODAY, now=values.pop("now", NOW), **values)


def test_a_line_says_what_was_accepted_by_whom_and_until_when(tmp_path: Path, access: Access) -> None:
    made = accepted(tmp_path, access)
    assert read_acceptances(tmp_path) == [made]
    assert (made.issue_id, made.status, made.reason, made.accepted_by) == ("i1", "accepted", "It is so", "Rae")
    assert (made.accepted_at, made.accepted_until) == ("2026-06-30T09:30:00.000000Z", "2026-07-30")
    assert holds(made, date(2026, 7, 30))
    assert not holds(made, date(2026, 7, 31))


@pytest.mark.parametrize("days", [1, 180])
def test_the_edges_of_the_date_can_be(tmp_path: Path, access: Access, days: int) -> None:
    assert accepted(tmp_path, access, days=days).accepted_until == str(TODAY + timedelta(days=days))


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"days": 0}, AcceptanceError, "can't be"),
        ({"days": 181}, AcceptanceError, "at most 2026-12-27"),
        ({"reason": " "}, AcceptanceError, "needs a reason"),
        ({"by": "Sel"}, NotAllowedError, "may not accept issues"),
        ({"by": "nobody"}, NotAllowedError, "admin, manager, revops"),
        ({"by": " "}, NotAllowedError, "nobody may not"),
        ({"by": "Rae", "held": frozenset({"seller"})}, NotAllowedError, "may not"),
    ],
)
def test_what_cannot_be_accepted_is_said_and_nothing_is_written(
    tmp_path: Path, access: Access, change: dict, kind: type[AcceptanceError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        accepted(tmp_path, access, **change)
    assert read_acceptances(tmp_path) == []


def test_the_last_one_counts(tmp_path: Path, access: Access) -> None:
    accepted(tmp_path, access)
    back = withdraw(tmp_path, access, "i1", None, "Rae", TODAY, NOW + timedelta(seconds=1))
    other = accepted(tmp_path, access, "i2", by="Mo", held=REVOPS)
    assert latest_by_issue(read_acceptances(tmp_path)) == {"i1": back, "i2": other}
    assert (back.status, back.reason) == ("withdrawn", "Taken back")
    assert not holds(back, TODAY)
    assert not holds(None, TODAY)


def test_what_somebody_else_did_meanwhile_is_told(tmp_path: Path, access: Access) -> None:
    first = accepted(tmp_path, access, seen="")
    with pytest.raises(
        ConflictError, match=r"^Rae accepted it until 2026-07-30 on 2026-06-30 at 09:30 UTC \(It is so\)"
    ):
        accepted(tmp_path, access, by="Mo", held=REVOPS, seen="")
    withdraw(tmp_path, access, "i1", "x", "Rae", TODAY, NOW + timedelta(seconds=1), seen=first.acceptance_id)
    with pytest.raises(ConflictError, match="Rae took its acceptance back"):
        withdraw(tmp_path, access, "i1", "x", "Mo", TODAY, NOW, held=REVOPS, seen=first.acceptance_id)
    assert len(read_acceptances(tmp_path)) == 2


def test_of_many_at_once_one_wins_and_nobody_elses_line_is_lost(tmp_path: Path, access: Access) -> None:
    barrier = Barrier(8)

    def one(number: int) -> bool:
        barrier.wait()
        accepted(tmp_path, access, f"own {number}")
        try:
            accepted(tmp_path, access, "same", by=f"P{number}", held=REVOPS, seen="")
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(one, range(8))) == [False] * 7 + [True]
    made = read_acceptances(tmp_path)
    assert {line.issue_id for line in made} == {"same", *(f"own {number}" for number in range(8))}
    assert len(made) == 9
    assert [file.name for file in tmp_path.glob("[!.]*")] == ["hygiene_acceptances.csv"]


def test_a_file_that_isnt_as_it_was_written_is_left_alone(tmp_path: Path, access: Access) -> None:
    accepted(tmp_path, access)
    file = tmp_path / "hygiene_acceptances.csv"
    file.write_text(file.read_text() + "half a line\n")
    before = file.read_bytes()
    with pytest.raises(AcceptanceError, match="isn't as it was written"):
        accepted(tmp_path, access, "i2")
    assert file.read_bytes() == before
