"""Sending to a CRM on loopback: only what changed, each row's result kept, once in effect whoever is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from crm_feeds import FIELDS, TARGET, accepted, account, feed, queued, rules

from orchestration.ledger.store import Store
from orchestration.policy.models import Policies
from orchestration.settings import Settings
from orchestration.systems.build import build_writer
from orchestration.systems.salesforce.write import Writer
from orchestration.write_back import queue
from orchestration.write_back.queue import Counts
from orchestration.write_back.send import Sender, Sent
from orchestration.write_back.wanted import wanted_rows
from tests.simulators.server import Simulator
from tests.support.ledger import NOW, action

CALL = "PATCH /services/data/*/composite/sobjects*"
LATER = NOW + timedelta(seconds=301)
STEPS = ("claimed", "calling", "called", "recording", "recorded")


def ids(simulator: Simulator) -> list[str]:
    return [row["Id"] for row in simulator.company.rows("Account") if not row["IsDeleted"]]


def more_accounts(simulator: Simulator, many: int) -> list[str]:
    return [simulator.company.add("Account", Name=f"Account {number}") for number in range(many)]


def stands(simulator: Simulator, account_id: str) -> tuple:
    """What the CRM has in our fields."""
    row = simulator.company.get("Account", account_id)
    return tuple(row[field] for field in FIELDS)


def take_in(store: Store, policies: Policies, *rows: dict, actions: tuple = ()) -> int:
    with feed(*rows, actions=actions) as publication:
        wanted = wanted_rows(publication, policies.write_back.targets[TARGET], policies.write_back)
        return queue.take_in(store, TARGET, wanted, NOW).wanted


def sender(store: Store, policies: Policies, settings: Settings, writer: Writer, **more: Any) -> Sender:
    now = more.pop("now", NOW)
    return Sender(
        store, TARGET, policies.write_back.targets[TARGET], writer, work=policies.ledger.work,
        calling=policies.systems.calling, rows_a_call=policies.write_back.rows_a_call, now=lambda: now,
        sleep=more.pop("sleep", lambda _: None), **more,
    )  # fmt: skip


def connected(policies: Policies, settings: Settings) -> Writer:
    once = policies.systems.calling.model_copy(update={"attempts": 1})
    return build_writer("crm", policies.systems, settings, once)


@pytest.fixture
def send(lite: Store, settings: Settings) -> Callable[..., Sent]:
    """Send what is due."""

    def run(policies: Policies, store: Store | None = None, **more: Any) -> Sent:
        with closing(connected(policies, settings)) as writer:
            return sender(store or lite, policies, settings, writer, **more).run()

    return run


def counts(sent: Sent) -> tuple[int, int, int, int]:
    return sent.sent, sent.accepted, sent.again, sent.dead


def test_what_is_wanted_stands_in_the_crm(store: Store, signed_in: Simulator, send: Callable[..., Sent]) -> None:
    one, two, *_ = ids(signed_in)
    policies = rules(signed_in)
    signed_in.company.change("Account", two, Next_Action__c="of long ago")
    todo = action("m", account_id=one, kind="task", title="Call them")
    assert take_in(store, policies, account(one), account(two, None, churn_probability=None), actions=(todo,)) == 2
    sent = send(policies, store)
    assert (counts(sent), sent.stopped) == ((2, 2, 0, 0), None)
    assert stands(signed_in, one) == (71.3, "GREEN", 12.5, "Call them")
    # What is blank with us is blank there.
    assert stands(signed_in, two) == (None, "GREEN", None, None)
    # The same again: nothing is asked, not even a sign-in.
    signed_in.calls.clear()
    assert take_in(store, policies, account(one), account(two, None, churn_probability=None), actions=(todo,)) == 0
    assert counts(send(policies, store)) == (0, 0, 0, 0)
    assert signed_in.calls == []
    # One of them changed: only it goes.
    signed_in.written.clear()
    take_in(store, policies, account(one, "50.0"), account(two, None, churn_probability=None), actions=(todo,))
    send(policies, store)
    assert [(written.key, written.fields["Health_Score__c"]) for written in signed_in.written] == [(one, 50.0)]


def test_no_account_is_given_to_somebody_else(
    lite: Store, signed_in: Simulator, send: Callable[..., Sent], monkeypatch: pytest.MonkeyPatch
) -> None:
    policies, answer, seen = rules(signed_in), signed_in.answer, []
    monkeypatch.setattr(signed_in, "answer", lambda request: seen.append(request) or answer(request))
    take_in(lite, policies, account(ids(signed_in)[0]))
    send(policies)
    # The org would apply its assignment rules to accounts that are updated.
    assert [one.headers["sforce-auto-assign"] for one in seen if one.method == "PATCH"] == ["FALSE"]


def test_450_accounts_are_three_calls(lite: Store, signed_in: Simulator, send: Callable[..., Sent]) -> None:
    policies = rules(signed_in)
    made = more_accounts(signed_in, 450)
    take_in(lite, policies, *(account(one) for one in made))
    assert counts(send(policies)) == (450, 450, 0, 0)
    assert len(signed_in.called(CALL)) == 3
    assert sorted(written.key for written in signed_in.written) == sorted(made)
    assert queued(lite) == {}


def test_rows_a_call_are_policy(lite: Store, signed_in: Simulator, send: Callable[..., Sent]) -> None:
    policies = rules(signed_in, write_back={"rows_a_call": 2})
    take_in(lite, policies, *(account(one) for one in more_accounts(signed_in, 5)))
    send(policies)
    assert len(signed_in.called(CALL)) == 3


def test_accounts_may_be_found_by_an_external_id(lite: Store, signed_in: Simulator, send: Callable[..., Sent]) -> None:
    one, *_ = ids(signed_in)
    signed_in.company.change("Account", one, Account_Health_Id__c="ours-1")
    policies = rules(signed_in, {"external_id": "Account_Health_Id__c"})
    take_in(lite, policies, account("ours-1"), account("ours-2"))
    before = len(ids(signed_in))
    assert counts(send(policies)) == (2, 1, 0, 1)
    assert stands(signed_in, one)[0] == 71.3
    # An account that isn't there isn't made.
    assert len(ids(signed_in)) == before
    assert queued(lite)["ours-2"]["problem"] == "REQUIRED_FIELD_MISSING: Required fields are missing: [Name]"


def test_an_account_made_by_accident_is_told(signed_in: Simulator, settings: Settings) -> None:
    signed_in.company.objects["Account"].fields["Name"].required = False
    target = rules(signed_in, {"external_id": "Account_Health_Id__c"}).write_back.targets[TARGET]
    with closing(connected(rules(signed_in), settings)) as writer:
        [outcome] = writer.update(target, writer.fields(target), [("ours-1", {})])
    assert outcome.problem is not None
    assert "made a new record" in outcome.problem
    assert not outcome.again


def test_texts_are_cut_to_what_the_field_takes(lite: Store, signed_in: Simulator, send: Callable[..., Sent]) -> None:
    one, *_ = ids(signed_in)
    policies = rules(signed_in, {"fields": {"Next_Action__c": "summary"}})
    take_in(lite, policies, account(one, summary="x" * 300))
    assert counts(send(policies)) == (1, 1, 0, 0)
    assert signed_in.company.get("Account", one)["Next_Action__c"] == "x" * 254 + "…"
    # It is the whole text that is compared.
    assert take_in(lite, policies, account(one, summary="x" * 300)) == 0


# Rows that aren't accepted


def test_results_are_each_row_s_own(store: Store, signed_in: Simulator, send: Callable[..., Sent]) -> None:
    policies = rules(signed_in)
    made = more_accounts(signed_in, 5)
    signed_in.company.delete("Account", made[4])
    take_in(store, policies, *(account(one) for one in made), account("001000000000000AAA"), account("acme"))
    # The calls go by id: the unknown ones first.
    signed_in.faults.add("row_locked", rows=(1,))
    signed_in.faults.add("row_refused", rows=(2,))
    sent = send(policies, store)
    assert counts(sent) == (7, 2, 1, 4)
    problems = {name: row["problem"] for name, row in queued(store).items()}
    assert problems == {
        "001000000000000AAA": "INVALID_CROSS_REFERENCE_KEY: invalid cross reference id",
        made[0]: "UNABLE_TO_LOCK_ROW: unable to obtain exclusive access to this record or 1 records",
        made[1]: "FIELD_CUSTOM_VALIDATION_EXCEPTION: This account is closed for changes.",
        made[4]: "ENTITY_IS_DELETED: entity is deleted",
        "acme": "INVALID_CROSS_REFERENCE_KEY: invalid cross reference id",
    }
    assert accepted(store).keys() == {made[2], made[3]}
    assert queue.counts(store, TARGET) == Counts(1, 4)
    # Only what is locked is tried again, once its time has come.
    signed_in.calls.clear()
    assert counts(send(policies, store)) == (0, 0, 0, 0)
    assert signed_in.calls == []
    assert counts(send(policies, store, now=LATER)) == (1, 1, 0, 0)
    # The dead one whose value changes comes back; so does one that a person wants tried again.
    queue.retry(store, [made[1]])
    take_in(store, policies, *(account(one) for one in made[:4]), account(made[4], "9.0"))
    assert counts(send(policies, store, now=LATER)) == (2, 1, 0, 1)


def test_a_lock_told_by_a_trigger_is_a_lock(signed_in: Simulator, lite: Store, send: Callable[..., Sent]) -> None:
    policies = rules(signed_in)
    take_in(lite, policies, account(ids(signed_in)[0]))
    signed_in.faults.add("row_refused", code="CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY")
    assert counts(send(policies)) == (1, 0, 0, 1)
    queue.retry(lite, ids(signed_in)[:1])
    told = {"statusCode": "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "message": "OnAccount: System.DmlException: first"
            " error: UNABLE_TO_LOCK_ROW, unable to obtain exclusive access"}  # fmt: skip
    signed_in.faults.add("status", when=CALL, status=200, body=[{"success": False, "errors": [told]}])
    assert counts(send(policies)) == (1, 0, 1, 0)


def test_locks_end_after_so_many_attempts(lite: Store, signed_in: Simulator, send: Callable[..., Sent]) -> None:
    policies = rules(signed_in)
    take_in(lite, policies, account(ids(signed_in)[0]))
    signed_in.faults.add("row_locked", times=None)
    now, seen = NOW, []
    while (sent := send(policies, now=now)).again:
        now = queued(lite)[ids(signed_in)[0]]["next_attempt_at"]
        seen.append((now - NOW).total_seconds())
    assert counts(sent) == (1, 0, 0, 1)
    assert seen == [60, 240, 780, 2400]
    assert queued(lite)[ids(signed_in)[0]]["problem"].endswith("(5 attempts)")


# Calls that fail as a whole


@pytest.mark.parametrize(
    ("fault", "words", "waits"),
    [
        ("html_503", {"retry_after": 7}, [7]),
        ("html_503", {}, [1]),
        ("throttled", {}, [1]),
        ("html_200", {}, [1]),
        ("reset", {}, [1]),
        ("answer_lost", {}, [1]),
        ("status", {"status": 500, "body": []}, [1]),
        ("status", {"status": 400, "body": [{"errorCode": "UNABLE_TO_LOCK_ROW", "message": "busy"}]}, [1]),
        ("status", {"status": 200, "body": []}, [1]),
        ("session_expires", {}, []),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_call_that_breaks_off_is_made_again(
    lite: Store, signed_in: Simulator, send: Callable[..., Sent], fault: str, words: dict, waits: list[int]
) -> None:
    policies = rules(signed_in, write_back={"rows_a_call": 2})
    made = more_accounts(signed_in, 4)
    take_in(lite, policies, *(account(one) for one in made))
    signed_in.faults.add(fault, when=CALL, after=1, **words)
    slept: list[float] = []
    sent = send(policies, sleep=slept.append)
    assert (counts(sent), sent.stopped, slept) == ((4, 4, 0, 0), None, waits)
    assert [stands(signed_in, one)[0] for one in made] == [71.3] * 4
    assert queued(lite) == {}


def test_an_outage_ends_the_round_and_costs_no_attempt(
    lite: Store, signed_in: Simulator, send: Callable[..., Sent]
) -> None:
    policies = rules(signed_in)
    take_in(lite, policies, *(account(one) for one in ids(signed_in)))
    outage = signed_in.faults.add("html_503", when=CALL, times=None)
    slept: list[float] = []
    sent = send(policies, sleep=slept.append)
    assert (counts(sent), slept) == ((0, 0, 0, 0), [1, 2])
    assert sent.stopped is not None
    assert "it answered 503" in sent.stopped
    assert "pull" not in sent.stopped
    assert outage.struck == 3
    rows = queued(lite).values()
    assert {(row["status"], row["attempts"], row["lease_owner"]) for row in rows} == {("waiting", 0, None)}
    assert {"it answered 503" in row["problem"] for row in rows} == {True}
    signed_in.faults.clear()
    assert counts(send(policies)) == (4, 4, 0, 0)


def test_failures_between_calls_that_succeed_do_not_add_up(
    lite: Store, signed_in: Simulator, send: Callable[..., Sent]
) -> None:
    policies = rules(signed_in, write_back={"rows_a_call": 1})
    take_in(lite, policies, *(account(one) for one in ids(signed_in)))
    for after in (0, 2, 4):
        signed_in.faults.add("html_503", when=CALL, after=after)
    slept: list[float] = []
    sent = send(policies, sleep=slept.append)
    assert (sent.accepted, sent.stopped) == (4, None)
    assert set(slept) == {1}


def test_a_system_that_asks_for_more_than_policy_gives_is_left_alone(
    lite: Store, signed_in: Simulator, send: Callable[..., Sent]
) -> None:
    policies = rules(signed_in)
    take_in(lite, policies, account(ids(signed_in)[0]))
    signed_in.faults.add("html_503", when=CALL, retry_after=9_999)
    slept: list[float] = []
    assert send(policies, sleep=slept.append).stopped is not None
    assert slept == []


def test_the_quota_guard_ends_the_round(lite: Store, signed_in: Simulator, send: Callable[..., Sent]) -> None:
    policies = rules(signed_in, org={"quota_share_pct": 30}, write_back={"rows_a_call": 1})
    signed_in.salesforce.daily_calls = 10
    take_in(lite, policies, *(account(one) for one in ids(signed_in)))
    sent = send(policies)
    # Three calls of the ten: describe, and two that write.
    assert counts(sent) == (2, 2, 0, 0)
    assert "from 30 % on none are made" in str(sent.stopped)
    assert sent.quota == "3 of 10 calls used today"
    assert queue.counts(lite, TARGET) == Counts(2, 0)
    # Nothing is in doubt: what isn't wanted any more goes.
    assert {row["called_at"] for row in queued(lite).values()} == {None}
    signed_in.salesforce.calls_today = 0
    assert counts(send(policies))[1] == 2


def test_a_spent_day_ends_the_round(lite: Store, signed_in: Simulator, send: Callable[..., Sent]) -> None:
    policies = rules(signed_in)
    take_in(lite, policies, account(ids(signed_in)[0]))
    signed_in.faults.add("quota_spent", when=CALL)
    assert "REQUEST_LIMIT_EXCEEDED" in str(send(policies).stopped)
    assert queue.counts(lite, TARGET) == Counts(1, 0)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (lambda crm: crm.hide("Account", "Health_Score__c"),
         "Account has no field Health_Score__c, or the user may not see it"),
        (lambda crm: setattr(crm.company.objects["Account"].fields["Health_Score__c"], "read_only", True),
         "Account.Health_Score__c can't be edited by this user"),
        (lambda crm: crm.retype("Account", "Health_Score__c", "string"),
         "Account.Health_Score__c is of type string, its column holds a number"),
    ],
    ids=["gone", "read only", "retyped"],
)  # fmt: skip
def test_a_field_that_cannot_be_written_is_told_before_anything_is(
    lite: Store, signed_in: Simulator, send: Callable[..., Sent], broken: Callable, told: str
) -> None:
    policies = rules(signed_in)
    take_in(lite, policies, account(ids(signed_in)[0]))
    broken(signed_in.salesforce)
    sent = send(policies)
    assert told in str(sent.stopped)
    assert signed_in.called(CALL) == []
    assert queue.counts(lite, TARGET) == Counts(1, 0)


def test_an_id_that_is_no_external_id_is_told(lite: Store, signed_in: Simulator, send: Callable[..., Sent]) -> None:
    policies = rules(signed_in, {"external_id": "Website"})
    take_in(lite, policies, account("x"))
    assert "Account.Website is no external id" in str(send(policies).stopped)
    assert signed_in.called(CALL) == []


# Killed, and beside each other


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("changed", [False, True], ids=["same", "changed"])
def test_a_kill_at_any_step_leaves_what_is_wanted(
    lite: Store, lite_url: str, signed_in: Simulator, settings: Settings, send: Callable[..., Sent], step: str,
    changed: bool,
) -> None:  # fmt: skip
    policies = rules(signed_in, write_back={"rows_a_call": 2})
    made = more_accounts(signed_in, 3)
    take_in(lite, policies, *(account(one) for one in made))
    child = os.fork()
    if child == 0:
        try:
            with Store.at(lite_url) as own, closing(connected(policies, settings)) as writer:
                die = lambda at: at == step and os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
                sender(own, policies, settings, writer, on_step=die).run()
        finally:
            os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    scores = ["9.0", "9.0", "9.0"] if changed else ["71.3"] * 3
    take_in(lite, policies, *(account(one, score) for one, score in zip(made, scores, strict=True)))
    # While the lease lasts, what the dead one had is nobody's.
    early = send(policies, now=NOW + timedelta(seconds=1))
    assert early.accepted == (3 if step == "recorded" and changed else 1)
    send(policies, now=LATER)
    assert [stands(signed_in, one)[0] for one in made] == [float(score) for score in scores]
    assert queued(lite) == {}
    assert {values["Health_Score__c"] for values in accepted(lite).values()} == {float(scores[0])}


def test_workers_side_by_side_send_each_row_once(
    store: Store, signed_in: Simulator, settings: Settings, send: Callable[..., Sent]
) -> None:
    policies = rules(signed_in, write_back={"rows_a_call": 5})
    made = more_accounts(signed_in, 40)
    take_in(store, policies, *(account(one) for one in made))
    results: list[Sent] = []
    workers = [Thread(target=lambda: results.append(send(policies, store))) for _ in range(3)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert sum(sent.accepted for sent in results) == 40
    assert sorted(written.key for written in signed_in.written) == sorted(made)


def test_a_worker_that_was_too_slow_records_nothing(
    lite: Store, signed_in: Simulator, settings: Settings, send: Callable[..., Sent]
) -> None:
    policies = rules(signed_in)
    take_in(lite, policies, account(ids(signed_in)[0]))

    def meanwhile(step: str) -> None:
        if step == "called":
            assert send(policies, now=LATER).accepted == 1

    sent = send(policies, on_step=meanwhile)
    assert (sent.sent, sent.accepted) == (1, 0)
    assert queued(lite) == {}
