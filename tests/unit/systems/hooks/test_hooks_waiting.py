"""Which calls wait, for how long, and that none counts twice: on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from orchestration.ledger.store import Store
from orchestration.ledger.tables import hook_calls
from orchestration.settings import Settings
from orchestration.systems.hooks.allowance import Allowance
from orchestration.systems.hooks.calls import Call, Changed
from orchestration.systems.hooks.waiting import (
    SETTLES_AFTER,
    Reading,
    Waiting,
    count_waiting,
    newest,
    put_down,
    recent,
    take,
    waiting,
)

NOW = datetime(2026, 6, 30, 9, 0)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def came(
    store: Store, name: str, *accounts: str | None, system: str = "org", kind: str = "salesforce", now: datetime = NOW
) -> bool:
    """A call of that id about these accounts."""
    changed = tuple(Changed("Account", account, account) for account in accounts or ("a",))
    return put_down(store, system, kind, Call(name, changed), f"signature of {name}", now, 30 * DAY)


def ids(store: Store) -> list[str]:
    return [row["call_id"] for row in recent(store, 100)]


def test_a_call_is_kept_once(store: Store) -> None:
    assert came(store, "c1", "a", "b")
    assert not came(store, "c1")
    other = Call("another id", (Changed("Account", "a"),))
    assert not put_down(store, "org", "salesforce", other, "signature of c1", NOW, 30 * DAY)
    # Each system has ids of its own.
    assert came(store, "c1", system="desk", kind="zendesk")
    assert ids(store) == ["c1", "c1", "c1"]
    assert count_waiting(store) == {"desk": 1, "org": 2}


def test_many_at_once_with_one_id_leave_one_row(store: Store) -> None:
    barrier = threading.Barrier(6)

    def send(number: int) -> bool:
        barrier.wait()
        return put_down(
            store, "org", "salesforce", Call("c1", (Changed("Account", "a"),)), f"signature {number}", NOW, 30 * DAY
        )

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(send, range(6))) == [False] * 5 + [True]
    assert ids(store) == ["c1"]


def test_what_waits_is_told_by_system(store: Store) -> None:
    assert waiting(store, NOW, ["org", "desk"], 5) == []
    assert newest(store, "org", NOW) is None
    for number, account in enumerate(("b", "a", "b", "c")):
        came(store, f"c{number}", account, now=NOW + number * SECOND)
    came(store, "t1", None, system="desk", kind="zendesk")
    later = NOW + SETTLES_AFTER["zendesk"]
    org, desk = Waiting("org", 4, (4, NOW + 3 * SECOND), ("a", "b")), Waiting("desk", 1, (5, NOW), ())
    assert waiting(store, later, ["org", "desk"], 2) == [desk, org]
    assert waiting(store, later, ["org"], 2) == [org]
    assert waiting(store, later, [], 2) == []


def test_a_call_waits_until_its_system_can_tell(store: Store) -> None:
    came(store, "t1", system="desk", kind="zendesk")
    came(store, "c1")
    # The desk's export leaves the last minute out.
    just_before = NOW + SETTLES_AFTER["zendesk"] - SECOND
    assert SETTLES_AFTER["zendesk"] > timedelta(minutes=1)
    assert [one.system for one in waiting(store, just_before, ["org", "desk"], 5)] == ["org"]
    assert newest(store, "desk", just_before) is None
    assert newest(store, "desk", just_before + SECOND) == 1


def test_a_pull_answers_what_came_before_it_began(store: Store) -> None:
    came(store, "t1", system="desk", kind="zendesk")
    came(store, "c1")
    came(store, "c2")
    up_to = newest(store, "org", NOW)
    came(store, "c3")
    assert take(store, "org", up_to, "run-1") == 2
    assert take(store, "org", up_to, "run-2") == 0
    assert count_waiting(store) == {"desk": 1, "org": 1}
    assert waiting(store, NOW, ["org"], 5) == [Waiting("org", 1, (4, NOW), ("a",))]
    assert {row["call_id"]: row["taken_in_run"] for row in recent(store, 10)} == {
        "c3": None,
        "t1": None,
        "c2": "run-1",
        "c1": "run-1",
    }
    # Taken or not, it is known.
    assert not came(store, "c1")


def test_a_call_is_remembered_for_its_time(store: Store) -> None:
    came(store, "c1")
    assert not came(store, "c1", now=NOW + 30 * DAY)
    assert came(store, "c2", now=NOW + 30 * DAY)
    assert ids(store) == ["c2", "c1"]
    assert came(store, "c3", now=NOW + 30 * DAY + SECOND)
    assert ids(store) == ["c3", "c2"]


def test_a_ledger_that_cannot_be_used_is_in_no_pull_s_way(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    none = Reading(settings, "org", NOW)
    assert (none.ended_well("run-1"), none.problem) == (0, None)
    assert not Store.exists(settings)
    with Store.open(settings) as store:
        came(store, "c1")
    reading = Reading(settings, "org", NOW)
    assert (reading.ended_well("run-1"), reading.ended_well("run-1"), reading.problem) == (1, 0, None)
    with Store.open(settings) as store:
        came(store, "c2")
    reading = Reading(settings, "org", NOW)
    with Store.open(settings) as store, store.writing() as con:
        con.execute(sa.text(f"drop table {hook_calls.name}"))
    assert reading.ended_well("run-2") == 0
    assert reading.problem == "calls from outside: (sqlite3.OperationalError) no such table: hook_calls"


def test_an_allowance_comes_back_with_time() -> None:
    now = [100.0]
    allowance = Allowance(("org", "desk"), 60, lambda: now[0])
    assert [allowance.wait_seconds("org") for _ in range(61)] == [0.0] * 60 + [1.0]
    assert allowance.wait_seconds("desk") == 0
    now[0] += 0.75
    assert allowance.wait_seconds("org") == 0.25
    now[0] += 0.25
    assert (allowance.wait_seconds("org"), allowance.wait_seconds("org")) == (0.0, 1.0)
    now[0] += 1_000_000
    assert [allowance.wait_seconds("org") for _ in range(61)] == [0.0] * 60 + [1.0]
