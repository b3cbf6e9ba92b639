"""The worker: once in effect, however calls end, whoever is killed and however many work at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from ledgers import DAY, log, reasons, row, statuses, take

from orchestration.actions.connectors.base import Connector, SetUpError
from orchestration.actions.connectors.dry_run import DryRun
from orchestration.actions.connectors.webhook import Webhook
from orchestration.actions.decide import Desk
from orchestration.actions.export import export_log
from orchestration.actions.worker import SCORE_ACTION, Worked, Worker
from orchestration.ledger.store import Store
from orchestration.ledger.tables import transitions
from orchestration.policy.models import Policies
from tests.support.ledger import AS_OF, NOW, action, policies
from tests.support.receiver import Answer, Receiver, receiver

SECONDS = timedelta(seconds=1)
# Past the lease of a worker that died.
LATER = NOW + timedelta(seconds=301)
STEPS = ("claiming", "claimed", "calling", "called", "answered", "recording", "recorded")


@pytest.fixture
def target() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture(scope="module")
def hooked() -> Policies:
    """All actions go to the webhook."""
    hook = {"kind": "webhook", "url": "https://hook.example", "secret": "key", "timeout_seconds": 1}
    return policies(connectors={"connectors": {"hook": hook}, "default": "hook"})


def hook(target: Receiver, asked: bool = True, timeout: int = 1) -> Webhook:
    return Webhook("hook", f"{target.url}/hook", f"{target.url}/asked/{{key}}" if asked else None, "s3cret", timeout)


def worker(
    store: Store,
    rules: Policies,
    connector: Connector,
    now: datetime = NOW,
    on_step: Callable[[str], None] = lambda _: None,
) -> Worker:
    return Worker(store, {connector.name: connector}, rules, lambda: now, on_step)


def counts(worked: Worked) -> tuple[int, int, int]:
    return worked.done, worked.waiting, worked.failed


def test_what_is_queued_is_carried_out_once(store: Store, hooked: Policies, target: Receiver) -> None:
    rows = [
        action("m1", priority="P2"),
        action("m2", priority="P1"),
        action("wait", "approve"),
        action("no", "suppress"),
    ]
    take(store, hooked, *rows)
    assert counts(worker(store, hooked, hook(target)).run()) == (2, 0, 0)
    assert [request.json["action_id"] for request in target.posts] == ["m2", "m1"]
    assert log(store, "m1")[1:] == [("queued", "executing", "worker"), ("executing", "done", "worker")]
    assert counts(worker(store, hooked, hook(target), LATER).run()) == (0, 0, 0)
    # Done stays done while the episode lasts.
    take(store, hooked, *rows, as_of=AS_OF + DAY)
    assert counts(worker(store, hooked, hook(target), LATER).run()) == (0, 0, 0)
    assert statuses(store) == {"m1": "done", "m2": "done", "no": "suppressed", "wait": "pending_approval"}
    assert target.arrived == {"m1": 1, "m2": 1}


def test_a_written_score_stands_in_the_log(store: Store, hooked: Policies, target: Receiver, tmp_path: Path) -> None:
    take(store, hooked, action("w", action=SCORE_ACTION, kind="record"), action("m"), scores={"a": "71.3"})
    worker(store, hooked, hook(target)).run()
    with store.reading() as con:
        query = sa.select(transitions.c.action_id, transitions.c.written_score)
        written = [tuple(found) for found in con.execute(query.where(transitions.c.written_score.is_not(None)))]
    assert written == [("w", Decimal("71.3"))]
    assert {request.json["action_id"]: request.json.get("score") for request in target.posts} == {"w": 71.3, "m": None}
    assert export_log(store, "action_log", tmp_path) == 6
    assert ",71.3\n" in (tmp_path / "action_log.csv").read_text()


@pytest.mark.parametrize("ended", [Answer(500, takes=False), Answer(429, takes=False), Answer(503, takes=False)])
def test_what_was_not_taken_is_tried_again(store: Store, hooked: Policies, target: Receiver, ended: Answer) -> None:
    take(store, hooked, action("m"))
    target.answers = [ended]
    assert counts(worker(store, hooked, hook(target)).run()) == (0, 1, 0)
    assert log(store, "m")[-1] == ("executing", "queued", "worker")
    assert reasons(store, "m")[-1] == f"hook: 127.0.0.1 answered {ended.status}; again in 60 seconds"
    assert counts(worker(store, hooked, hook(target), NOW + 59 * SECONDS).run()) == (0, 0, 0)
    assert counts(worker(store, hooked, hook(target), NOW + 60 * SECONDS).run()) == (1, 0, 0)
    assert target.arrived == {"m": 1}


def test_waits_grow_and_end(lite: Store, hooked: Policies, target: Receiver) -> None:
    take(lite, hooked, action("m"))
    target.special = lambda request: Answer(500) if request.method == "POST" else None
    now, waits = NOW, []
    while (worked := worker(lite, hooked, hook(target), now).run()).waiting:
        due = row(lite, "m")["next_attempt_at"]
        waits.append((due - now).total_seconds())
        now = due
    assert waits == [60, 180, 540, 1620]
    assert counts(worked) == (0, 0, 1)
    assert reasons(lite, "m")[-1] == "hook: 127.0.0.1 answered 500 (5 attempts)"
    assert statuses(lite) == {"m": "failed"}
    assert len(target.posts) == 5
    assert counts(worker(lite, hooked, hook(target), now + DAY).run()) == (0, 0, 0)


@pytest.mark.parametrize(("asked_for", "waited"), [("90", 90), ("10", 60), ("999999", 3600), ("nonsense", 60)])
def test_a_target_may_ask_for_time_within_bounds(
    lite: Store, hooked: Policies, target: Receiver, asked_for: str, waited: int
) -> None:
    take(lite, hooked, action("m"))
    target.answers = [Answer(429, headers={"Retry-After": asked_for}, takes=False)]
    worker(lite, hooked, hook(target)).run()
    assert row(lite, "m")["next_attempt_at"] == NOW + waited * SECONDS


@pytest.mark.parametrize("status", [400, 401, 404, 301])
def test_what_is_refused_is_not_tried_again(lite: Store, hooked: Policies, target: Receiver, status: int) -> None:
    take(lite, hooked, action("m"))
    target.answers = [Answer(status, b"no  such\nfield", takes=False, headers={"Location": f"{target.url}/else"})]
    assert counts(worker(lite, hooked, hook(target)).run()) == (0, 0, 1)
    assert reasons(lite, "m")[-1] == f"hook: 127.0.0.1 answered {status}: no such field"
    assert len(target.posts) == 1


def test_a_target_that_is_down_is_tried_again(lite: Store, hooked: Policies) -> None:
    take(lite, hooked, action("m"))
    down = Webhook("hook", "http://127.0.0.1:9/hook", None, "s3cret", 1)
    assert counts(worker(lite, hooked, down).run()) == (0, 1, 0)
    assert "127.0.0.1 can't be reached" in reasons(lite, "m")[-1]


@pytest.mark.parametrize("broke_off", [Answer(hangs_seconds=1.5), Answer(resets=True)], ids=["hangs", "resets"])
@pytest.mark.parametrize("taken", [True, False])
def test_a_call_that_broke_off_is_settled_by_asking(
    lite: Store, hooked: Policies, target: Receiver, broke_off: Answer, taken: bool
) -> None:
    take(lite, hooked, action("m"))
    broke_off.takes = taken
    target.answers = [broke_off]
    assert counts(worker(lite, hooked, hook(target)).run()) == (0, 1, 0)
    assert "127.0.0.1 didn't answer" in reasons(lite, "m")[-1]
    # What may have arrived is no longer the engine's to close.
    take(lite, hooked, as_of=AS_OF + DAY)
    worked = worker(lite, hooked, hook(target), NOW + 60 * SECONDS).run()
    assert (counts(worked), worked.found_done) == ((1, 0, 0), int(taken))
    assert target.arrived == {"m": 1}
    assert len(target.posts) == (1 if taken else 2)


def test_where_nobody_can_be_asked_a_person_has_to_look(lite: Store, hooked: Policies, target: Receiver) -> None:
    take(lite, hooked, action("m"))
    target.answers = [Answer(resets=True)]
    mute = hook(target, asked=False)
    assert counts(worker(lite, hooked, mute).run()) == (0, 0, 1)
    assert reasons(lite, "m")[-1].endswith("it can't be asked whether it arrived; look before it is tried again")
    assert counts(worker(lite, hooked, mute, LATER).run()) == (0, 0, 0)
    Desk(lite, hooked, "ann", LATER).retry("m", "it didn't arrive, I looked")
    assert counts(worker(lite, hooked, mute, LATER).run()) == (1, 0, 0)
    assert log(lite, "m")[-4:] == [
        ("executing", "failed", "worker"),
        ("failed", "queued", "ann"),
        ("queued", "executing", "worker"),
        ("executing", "done", "worker"),
    ]


def test_a_target_that_cannot_be_asked_just_now_is_asked_again(lite: Store, hooked: Policies, target: Receiver) -> None:
    take(lite, hooked, action("m"))
    target.answers = [Answer(resets=True)]
    worker(lite, hooked, hook(target)).run()
    target.special = lambda request: Answer(503) if request.method == "GET" else None
    assert counts(worker(lite, hooked, hook(target), NOW + 60 * SECONDS).run()) == (0, 1, 0)
    assert len(target.posts) == 1
    target.special = lambda _: None
    assert counts(worker(lite, hooked, hook(target), LATER).run()) == (1, 0, 0)
    assert target.arrived == {"m": 1}


# Killed


def killed_at(url: str, rules: Policies, connector: Connector, step: str, now: datetime = NOW) -> None:
    """A worker in a process of its own that is killed, as by kill -9, when it comes to `step`."""

    def kill(reached: str) -> None:
        if reached == step:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        try:
            with Store.at(url) as own:
                worker(own, rules, connector, now, kill).run()
        finally:
            os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_neither_loses_nor_doubles(
    store: Store, ledger_url: str, hooked: Policies, target: Receiver, step: str
) -> None:
    take(store, hooked, action("m"))
    killed_at(ledger_url, hooked, hook(target), step)
    # While its lease lasts nobody touches what it had; a kill before that was said left it queued.
    early = worker(store, hooked, hook(target), NOW + SECONDS).run()
    assert counts(early) == ((1, 0, 0) if step == "claiming" else (0, 0, 0))
    late = worker(store, hooked, hook(target), LATER).run()
    assert counts(late) == ((0, 0, 0) if step in ("claiming", "recorded") else (1, 0, 0))
    assert late.found_done == (step in ("called", "answered", "recording"))
    assert statuses(store) == {"m": "done"}
    assert target.arrived == {"m": 1}
    assert log(store, "m") == [
        (None, "queued", "engine"),
        ("queued", "executing", "worker"),
        ("executing", "done", "worker"),
    ]


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_never_doubles_where_nobody_can_be_asked(
    lite: Store, lite_url: str, hooked: Policies, target: Receiver, step: str
) -> None:
    take(lite, hooked, action("m"))
    mute = hook(target, asked=False)
    killed_at(lite_url, hooked, mute, step)
    worker(lite, hooked, mute, LATER).run()
    sure = step in ("claiming", "recorded")
    assert statuses(lite) == {"m": "done" if sure else "failed"}
    assert target.arrived["m"] == (0 if step in ("claimed", "calling") else 1)


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_of_the_dry_run_writes_one_line(
    lite: Store, lite_url: str, rules: Policies, tmp_path: Path, step: str
) -> None:
    take(lite, rules, action("m"))
    killed_at(lite_url, rules, DryRun("dry_run", tmp_path), step)
    worker(lite, rules, DryRun("dry_run", tmp_path), LATER).run()
    assert statuses(lite) == {"m": "done"}
    assert len((tmp_path / "dry_run.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize("step", ["claiming", "recording"])
def test_a_kill_while_deciding_leaves_all_or_nothing(
    store: Store, ledger_url: str, rules: Policies, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.actions import decide

    take(store, rules, action("m", "approve"))
    moved = decide.move_one
    child = os.fork()
    if child == 0:

        def kill(*arguments, **more) -> None:
            if step == "recording":
                moved(*arguments, **more)
            os.kill(os.getpid(), signal.SIGKILL)

        decide.move_one = kill
        try:
            with Store.at(ledger_url) as own:
                Desk(own, rules, "ann", NOW).approve("m")
        finally:
            os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert statuses(store) == {"m": "pending_approval"}
    assert len(log(store, "m")) == 1
    Desk(store, rules, "ann", NOW).approve("m")
    assert statuses(store) == {"m": "queued"}


# Several at once


def test_workers_at_once_share_the_work(store: Store, ledger_url: str, hooked: Policies, target: Receiver) -> None:
    names = [f"m{number:02d}" for number in range(40)]
    take(store, hooked, *(action(name) for name in names))
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            try:
                with Store.at(ledger_url) as own:
                    worked = worker(own, hooked, hook(target, timeout=30)).run()
                os._exit(0 if not worked.problems else 2)
            finally:
                os._exit(3)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    assert statuses(store) == dict.fromkeys(names, "done")
    assert target.arrived == dict.fromkeys(names, 1)
    assert len(log(store)) == 3 * len(names)


def test_workers_and_publications_at_once_get_along(
    store: Store, ledger_url: str, rules: Policies, tmp_path: Path
) -> None:
    names = [f"m{number:02d}" for number in range(60)]
    rows = [action(name) for name in names]
    take(store, rules, *rows)
    child = os.fork()
    if child == 0:
        try:
            with Store.at(ledger_url) as own:
                worked = worker(own, rules, DryRun("dry_run", tmp_path)).run()
            os._exit(0 if worked.done and not worked.problems else 2)
        finally:
            os._exit(3)
    for number in range(1, 21):
        take(store, rules, *(row | {"title": f"Title {number}"} for row in rows), as_of=AS_OF + number * DAY)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert statuses(store) == dict.fromkeys(names, "done")


def test_a_worker_that_was_too_slow_records_nothing(store: Store, hooked: Policies, target: Receiver) -> None:
    take(store, hooked, action("m"))
    other: list[Worked] = []

    def meanwhile(step: str) -> None:
        if step == "called":
            other.append(worker(store, hooked, hook(target), LATER).run())

    slow = worker(store, hooked, hook(target), NOW, meanwhile).run()
    assert (slow.lost, counts(slow)) == (1, (0, 0, 0))
    assert (other[0].found_done, counts(other[0])) == (1, (1, 0, 0))
    assert target.arrived == {"m": 1}
    assert len(log(store, "m")) == 3


def test_only_who_holds_the_lease_records(store: Store, hooked: Policies, target: Receiver) -> None:
    take(store, hooked, action("m"))

    class StoppedError(Exception):
        """The other worker came this far."""

    def stop(step: str) -> None:
        if step == "claimed":
            raise StoppedError

    def meanwhile(step: str) -> None:
        if step == "called":
            with pytest.raises(StoppedError):
                worker(store, hooked, hook(target), LATER, stop).run()

    assert worker(store, hooked, hook(target), NOW, meanwhile).run().lost == 1
    assert statuses(store) == {"m": "executing"}
    assert worker(store, hooked, hook(target), LATER + timedelta(seconds=301)).run().found_done == 1
    assert target.arrived == {"m": 1}


def test_a_lease_shorter_than_two_calls_is_refused(lite: Store, hooked: Policies, target: Receiver) -> None:
    worker(lite, hooked, hook(target, timeout=149))
    with pytest.raises(SetUpError, match=r"may take 150 seconds .* it must be more than 300"):
        worker(lite, hooked, hook(target, timeout=150))


def test_a_worker_takes_on_no_more_than_it_is_told(lite: Store, rules: Policies, tmp_path: Path) -> None:
    take(lite, rules, *(action(f"m{number}") for number in range(5)))
    dry = DryRun("dry_run", tmp_path)
    assert counts(worker(lite, rules, dry).run(2)) == (2, 0, 0)
    assert counts(worker(lite, rules, dry).run()) == (3, 0, 0)


def test_a_connector_that_is_gone_fails_its_actions(lite: Store, hooked: Policies, target: Receiver) -> None:
    take(lite, hooked, action("m"))
    assert counts(Worker(lite, {}, hooked, lambda: NOW).run()) == (0, 0, 1)
    assert reasons(lite, "m")[-1] == "there is no connector hook"
