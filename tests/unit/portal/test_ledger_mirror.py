"""Actions kept in memory for their queue: the same answers as the ledger, and what changed there is seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from starlette.datastructures import QueryParams

from orchestration.actions.decide import Desk
from orchestration.actions.moves import move_one
from orchestration.actions.states import Status
from orchestration.actions.sync import take_in
from orchestration.ledger.store import Store, utc_now
from orchestration.ledger.tables import actions
from orchestration.policy.load import load_policies
from orchestration.publishing.reader import Publication
from orchestration.retention.identity import Identity
from orchestration.retention.ledger import clean_ledger
from orchestration.settings import Settings
from portal import access
from portal.action_queue import OVER, ActionQueue
from portal.ledger_mirror import Mirror
from portal.ledger_sheet import Sheet
from portal.listing import Answer, plain
from portal.pages.actions import QUEUE
from portal.publications import Library
from portal.web import Visit
from tests.support.portal import GEO, NOW, OTHER_SELLER, home
from tests.support.postgres import postgres_database, postgres_url

__all__ = ["postgres_database", "postgres_url"]

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return home(tmp_path_factory.mktemp("mirror"))


@pytest.fixture(scope="module")
def policies(settings: Settings) -> Any:
    return load_policies(settings.policies)


@pytest.fixture(scope="module")
def store(settings: Settings) -> Iterator[Store]:
    with Store.open(settings) as store:
        yield store


@pytest.fixture
def mirror(store: Store) -> Iterator[Mirror]:
    mirror = Mirror(store)
    yield mirror
    mirror.close()


@pytest.fixture(scope="module")
def library(settings: Settings) -> Iterator[Library]:
    library = Library(settings.published_path, settings.home_path / "tmp", 256)
    yield library
    library.close()


def ledger(store: Store) -> Rows:
    with store.reading() as con:
        return [dict(row) for row in con.execute(sa.select(actions).order_by(actions.c.action_id)).mappings()]


def change(store: Store, statement: sa.Executable) -> None:
    with store.writing() as con:
        con.execute(statement)


def waiting(store: Store, at_least: int) -> Rows:
    found = [row for row in ledger(store) if row["status"] == "pending_approval" and row["requested_by"] is None]
    assert len(found) >= at_least
    return found[:at_least]


def state(sheet: Sheet, action_id: str) -> str:
    [number] = sheet.numbers_of([action_id])
    assert number is not None
    return sheet.columns["status"].at(np.array([number]))[0]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stays(mirror: Mirror) -> bool:
    before = mirror.sheet()
    time.sleep(0.3)
    return mirror.sheet() is before


# The same answers

PEOPLE = {
    "admin": access.Identity("Ada Admin", "Ada", "development", roles=("admin",)),
    "manager": access.Identity("Mo Manager", "Mo", "development", roles=("manager", "approver_low"), geos=(GEO,)),
    "seller": access.Identity(OTHER_SELLER, OTHER_SELLER, "development", roles=("seller",)),
    "nobody": access.Identity("Nobody", "Nobody", "development"),
}
QUESTIONS = (
    "",
    "mine=yes",
    "mine=no&status=pending_approval",
    "status=queued&status=rejected",
    "status=nothing",
    "geo=(none)&geo=APAC",
    "segment=smb&priority=P2&priority=P3",
    "owner=csm",
    "action=notify_owner&sort=account_name",
    "sort=-account_name",
    "sort=due_on",
    "sort=-due_on",
    "sort=-status",
    "sort=with",
    "page=3",
    "q=open",
    "q=ALERTS&sort=-title",
    "q=%25",
    "account=H-01",
    "account=nothing",
)


def expected(rows: Rows, visit: Visit, asked: str) -> tuple[list[str], dict[str, int], int]:
    """Ids in order, counts by status, and how many wait for the viewer: row by row, as the page promises it."""
    query = QueryParams(asked)
    policy, roles, seen = visit.policies.access, visit.viewer.roles, visit.reader.account_ids
    search = query.get("q", "")

    def mine(row: dict[str, Any]) -> bool:
        may = roles & policy.approvers(row["action"], row["sensitivity"])
        asked_for = (row["requested_by"] or "").lower() == visit.viewer.person.lower()
        return bool(may) and row["status"] == "pending_approval" and not asked_for

    def has(row: dict[str, Any], name: str, column: str) -> bool:
        chosen = query.getlist(name)
        return not chosen or (row[column] or "(none)") in chosen

    def told(row: dict[str, Any]) -> bool:
        texts = [row[name] or "" for name in ("account_name", "title", "rationale", "with", "action_id")]
        return any(search.lower() in text.lower() for text in texts) or plain(search) in plain(texts[0])

    rows = [row | {"with": row["owner"] or row["owner_role"], "mine": mine(row)} for row in rows]
    names = {"account": "account_id", "owner": "with"} | {n: n for n in ("priority", "action", "segment", "geo")}
    others = [
        row
        for row in rows
        if (seen is None or row["account_id"] in seen)
        and all(has(row, name, column) for name, column in names.items())
        and told(row)
    ]
    flagged = [row for row in others if query.get("mine") in (None, "yes" if row["mine"] else "no")]
    counts: dict[str, int] = {}
    for row in flagged:
        counts[row["status"]] = counts.get(row["status"], 0) + 1
    fits = [
        row for row in flagged if has(row, "status", "status") and (query.get("status") or row["status"] not in OVER)
    ]
    fits.sort(key=lambda row: row["action_id"])
    if sort := query.get("sort"):
        name = sort.removeprefix("-")
        there = sorted((r for r in fits if r[name] is not None), key=lambda r: r[name], reverse=sort.startswith("-"))
        fits = there + [row for row in fits if row[name] is None]
    else:
        places = {"pending_approval": 1, "failed": 2}
        fits.sort(key=lambda row: (row["due_on"] is None, str(row["due_on"])))
        fits.sort(key=lambda row: row["priority"])
        fits.sort(key=lambda row: 0 if row["mine"] else places.get(row["status"], 3))
    return [row["action_id"] for row in fits], counts, sum(row["mine"] for row in others)


@pytest.mark.parametrize("who", PEOPLE)
def test_the_queue_is_what_the_ledger_says_row_by_row(
    who: str, store: Store, mirror: Mirror, library: Library, policies: Any
) -> None:
    desk = Desk(store, policies, "Rita", utc_now(), frozenset({"admin"}))
    first, second, third = waiting(store, 3)
    desk.reject(first["action_id"], "no")
    desk.snooze(second["action_id"], utc_now().date() + timedelta(days=3), "later")
    asking = Desk(store, policies, "Ada Admin", utc_now(), frozenset({"admin", "manager"}))
    suppressed = next((row for row in ledger(store) if row["status"] == "suppressed"), None)
    if suppressed is not None:
        asking.promote(suppressed["action_id"], "asked for")
    desk.approve(third["action_id"])
    blank = [row["action_id"] for row in ledger(store)[::5]]
    change(store, sa.update(actions).where(actions.c.action_id.in_(blank)).values(due_on=None, geo=None))
    rows = ledger(store)
    portal: Any = SimpleNamespace(policies=policies, library=library, store=store, mirror=mirror, shows=lambda _: None)
    nothing: Any = None
    visit = Visit(nothing, portal, access.viewer_of(policies.access, PEOPLE[who]), None)
    try:
        for asked in QUESTIONS:
            question = QUEUE.ask(QueryParams(asked))
            ids, counts, mine = expected(rows, visit, asked)
            found, waits = ActionQueue(visit, question).page(50)
            first_one = (question.page - 1) * 50
            assert isinstance(found, Answer)
            assert [row["action_id"] for row in found.rows] == ids[first_one : first_one + 50], asked
            assert (found.total, found.counts, waits) == (len(ids), counts, mine), asked
            by_id = {row["action_id"]: row for row in rows}
            assert all(row == by_id[row["action_id"]] for row in found.rows)
            if "mine" not in asked:
                some = ActionQueue(visit, question).first_of_mine(7)
                is_mine = set(expected(rows, visit, f"{asked}&mine=yes")[0])
                assert [row["action_id"] for row in some] == [one for one in ids if one in is_mine][:7], asked
    finally:
        visit.close()


# What changed


def test_what_another_process_decided_is_seen_at_once(
    settings: Settings, store: Store, mirror: Mirror, policies: Any
) -> None:
    [row] = waiting(store, 1)
    assert state(mirror.sheet(), row["action_id"]) == "pending_approval"
    with Store.open(settings) as other:
        desk = Desk(other, policies, "Otto", utc_now(), frozenset({"admin"}))
        for decide, status in (
            (lambda: desk.approve(row["action_id"]), "queued"),
            (lambda: _move(other, row["action_id"], Status.EXECUTING), "executing"),
            (lambda: _move(other, row["action_id"], Status.FAILED), "failed"),
        ):
            decide()
            assert state(mirror.sheet(), row["action_id"]) == status


def _move(store: Store, action_id: str, to: Status) -> None:
    with store.writing() as con:
        query = sa.select(actions).where(actions.c.action_id == action_id)
        move_one(con, con.execute(query).mappings().one(), to, "worker", utc_now())


def test_what_a_publication_says_anew_is_seen(settings: Settings, store: Store, mirror: Mirror, policies: Any) -> None:
    renamed, missing = waiting(store, 2)
    change(store, sa.update(actions).where(actions.c.action_id == renamed["action_id"]).values(title="As it was"))
    assert mirror.sheet().columns["title"].among(["As it was"]).sum() == 1
    with Store.open(settings) as other, Publication.open(settings.published_path) as publication:
        assert take_in(other, publication, policies, NOW).entered == 0
    until(lambda: mirror.sheet().columns["title"].among(["As it was"]).sum() == 0)
    change(store, sa.delete(actions).where(actions.c.action_id == missing["action_id"]))
    mirror.close()
    mirror = Mirror(store)
    assert mirror.sheet().numbers_of([missing["action_id"]]) == [None]
    with Store.open(settings) as other, Publication.open(settings.published_path) as publication:
        assert take_in(other, publication, policies, NOW).entered == 1
    until(lambda: mirror.sheet().numbers_of([missing["action_id"]]) != [None])
    assert state(mirror.sheet(), missing["action_id"]) == missing["status"]
    # Nothing more is read until something happens.
    until(lambda: stays(mirror))
    mirror.close()


def test_an_account_that_was_forgotten_is_gone(settings: Settings, store: Store, mirror: Mirror) -> None:
    [row] = waiting(store, 1)
    own = [one for one in ledger(store) if one["account_id"] == row["account_id"]]
    before = mirror.sheet()
    identity = Identity(frozenset({row["account_id"]}), frozenset({row["account_name"]}), frozenset())
    with Store.open(settings) as other:
        assert clean_ledger(other, identity, dry=False).rows >= len(own)
    until(lambda: len(mirror.sheet()) == len(before) - len(own))
    assert not mirror.sheet().columns["account_id"].among([row["account_id"]]).any()
    assert row["account_name"] not in mirror.sheet().columns["account_name"].values.to_pylist()


def test_many_at_once_each_see_what_they_did(settings: Settings, store: Store, mirror: Mirror, policies: Any) -> None:
    rows = waiting(store, 24)
    barrier = Barrier(3)

    def approve(part: int) -> None:
        with Store.open(settings) as own:
            desk = Desk(own, policies, f"Person {part}", utc_now(), frozenset({"admin"}))
            barrier.wait()
            for row in rows[part::2]:
                assert state(mirror.sheet(), row["action_id"]) == "pending_approval"
                desk.approve(row["action_id"])
                assert state(mirror.sheet(), row["action_id"]) == "queued"

    def read_anew() -> None:
        barrier.wait()
        with Store.open(settings) as own, Publication.open(settings.published_path) as publication:
            for _ in range(2):
                take_in(own, publication, policies, NOW)

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(approve, 0), pool.submit(approve, 1), pool.submit(read_anew)]:
            done.result()
    states = {row["action_id"]: row["status"] for row in ledger(store)}
    sheet = mirror.sheet()
    assert sheet.columns["status"].at(np.arange(len(sheet))) == [states[one] for one in sheet.ids.to_pylist()]


# PostgreSQL


def test_a_move_that_is_committed_late_is_seen_on_postgresql(store: Store, postgres_database: str) -> None:
    with Store.at(postgres_database) as big:
        with big.writing() as into:
            into.execute(sa.insert(actions), ledger(store))
            for row in waiting(store, 3):
                move_one(into, row, Status.REJECTED, "Ada", utc_now(), "no")
        mirror = Mirror(big)
        first, second = [row for row in ledger(big) if row["status"] == "pending_approval"][:2]
        mirror.sheet()
        with big.writing() as slow:
            move_one(slow, first, Status.REJECTED, "Slow", utc_now(), "no")
            with big.writing() as quick:
                move_one(quick, second, Status.REJECTED, "Quick", utc_now(), "no")
            sheet = mirror.sheet()
            assert [state(sheet, row["action_id"]) for row in (first, second)] == ["pending_approval", "rejected"]
        assert state(mirror.sheet(), first["action_id"]) == "rejected"
        identity = Identity(frozenset({first["account_id"]}), frozenset({first["account_name"]}), frozenset())
        clean_ledger(big, identity, dry=False)
        until(lambda: not mirror.sheet().columns["account_id"].among([first["account_id"]]).any())
        mirror.close()
