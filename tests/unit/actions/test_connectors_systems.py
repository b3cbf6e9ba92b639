"""Tasks in a CRM and tickets at a support desk, both on loopback: made once, however calls end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from ledgers import reasons, statuses, take

from orchestration.actions.connectors.base import (
    CallError,
    Connector,
    Found,
    NotTakenError,
    RefusedError,
    SetUpError,
    UnknownOutcomeError,
)
from orchestration.actions.connectors.build import build_connectors, close_connectors
from orchestration.actions.messages import SCORE_ACTION, Message
from orchestration.actions.worker import Worker
from orchestration.ledger.store import Store
from orchestration.policy.models import Policies
from orchestration.settings import Settings
from tests.simulators.company import Company
from tests.simulators.server import Simulator
from tests.support.ledger import NOW, action, policies

LATER = NOW + timedelta(seconds=301)
KEY = "Account_Health_Key__c"
CRM = {"kind": "salesforce", "system": "crm", "score_field": "Health_Score__c", "timeout_seconds": 2}
DESK = {"kind": "zendesk", "system": "support", "timeout_seconds": 2, "priorities": {"P1": "urgent", "P2": "high"}}
STEPS = ("claiming", "claimed", "calling", "called", "answered", "recording", "recorded")


@pytest.fixture
def company() -> Company:
    """As few accounts as the tests need."""
    return Company(4)


@pytest.fixture(autouse=True)
def _secrets(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCOUNT_HEALTH_SECRET_CRM_SECRET", simulator.salesforce.client_secret)
    monkeypatch.setenv("ACCOUNT_HEALTH_SECRET_DESK_TOKEN", simulator.zendesk.token)


def declared(simulator: Simulator, url: str | None = None, default: str = "crm", **more: dict) -> Policies:
    """Policies with both systems, and a connector to each."""
    org = {"url": url or simulator.url, "sign_in": "client_credentials", "client_id": simulator.salesforce.client_id,
           "secret": "crm_secret", "api_version": "62.0", "key_field": KEY}  # fmt: skip
    desk = {"url": url or simulator.url, "sign_in": "token", "user": simulator.zendesk.email, "secret": "desk_token"}
    connectors = {"crm": CRM | more.get("crm", {}), "desk": DESK | more.get("desk", {})}
    return policies(
        systems={"salesforce": {"crm": org | more.get("org", {})}, "zendesk": {"support": desk}},
        connectors={"connectors": connectors, "default": default},
    )


@pytest.fixture
def connect(simulator: Simulator, tmp_path: Any) -> Iterator[Callable[..., Connector]]:
    """A connector by its name, with changes of policy."""
    made: list[dict] = []

    def one(name: str, **more: Any) -> Connector:
        connectors = build_connectors(declared(simulator, **more), Settings(home=tmp_path))
        made.append(connectors)
        return connectors[name]

    yield one
    for connectors in made:
        close_connectors(connectors)


@pytest.fixture
def account(simulator: Simulator) -> str:
    return simulator.company.rows("Account")[2]["Id"]


def message(account: str | None, **more: Any) -> Message:
    made = Message(
        key="m1",
        action="create_support_task",
        kind="task",
        title="Look at the urgent ticket",
        account_id=account,
        account_name="Acme",
        rationale="A ticket is urgent.\nIt is open for 4 days.",
        due_on=date(2026, 7, 3),
        owner_role="CSM",
        owner="Ana Ruiz",
        priority="P2",
    )
    return replace(made, **more)


def score(account: str | None) -> Message:
    return message(account, action=SCORE_ACTION, kind="record", score=Decimal("71.3"))


def made_by_us(simulator: Simulator) -> list[dict]:
    return [one for one in simulator.company.rows("Task") if one[KEY]]


def tickets(simulator: Simulator) -> list[dict]:
    return [one for one in simulator.company.rows("ticket") if "account_health" in one["tags"]]


def ended(connector: Connector, what: Message) -> CallError:
    with pytest.raises(CallError) as raised:
        connector.call(what)
    assert "secret of the simulated" not in str(raised.value)
    assert "token of the simulated" not in str(raised.value)
    return raised.value


# Tasks


def test_a_task_stands_at_the_account_with_the_key(simulator: Simulator, connect: Any, account: str) -> None:
    owner = simulator.company.rows("User")[3]["Id"]
    crm = connect("crm", crm={"people": {"Ana Ruiz": owner}, "status": "In Progress", "priorities": {"P2": "High"}})
    assert crm.find(message(account)) == (Found.NOT_ARRIVED, None)
    reference = crm.call(message(account))
    [task] = made_by_us(simulator)
    assert task["Id"] == reference
    assert (task[KEY], task["WhatId"], task["AccountId"], task["OwnerId"]) == ("m1", account, account, owner)
    assert (task["Status"], task["Priority"], task["ActivityDate"]) == ("In Progress", "High", date(2026, 7, 3))
    assert task["Subject"] == "Acme: Look at the urgent ticket"
    assert task["Description"].split("\n") == [
        "Acme: Look at the urgent ticket", "A ticket is urgent.", "It is open for 4 days.", "Due 2026-07-03",
    ]  # fmt: skip
    assert crm.find(message(account)) == (Found.ARRIVED, reference)
    # One sign-in serves all calls.
    assert len(simulator.called("POST /services/oauth2/token")) == 1


def test_what_policy_leaves_out_is_the_org_s_to_say(simulator: Simulator, connect: Any) -> None:
    connect("crm").call(message(None, due_on=None, title="t" * 300, account_name=None))
    [written] = simulator.written
    assert written.fields.keys() == {KEY, "Subject", "Description"}
    assert len(written.fields["Subject"]) == 255


@pytest.mark.parametrize("gone", ["delete", "archive"])
def test_a_task_that_a_person_put_away_is_not_made_again(
    simulator: Simulator, connect: Any, account: str, gone: str
) -> None:
    crm = connect("crm")
    reference = crm.call(message(account))
    getattr(simulator.company, gone)("Task", reference)
    assert crm.find(message(account)) == (Found.ARRIVED, reference)


def test_keys_are_texts_to_the_org(connect: Any, account: str) -> None:
    crm = connect("crm")
    odd = message(account, key="it's \\ 'OR' Id != ''")
    assert crm.find(odd) == (Found.NOT_ARRIVED, None)
    reference = crm.call(odd)
    assert crm.find(odd) == (Found.ARRIVED, reference)
    assert crm.find(message(account)) == (Found.NOT_ARRIVED, None)


def test_accounts_are_found_by_an_external_id(simulator: Simulator, connect: Any, account: str) -> None:
    simulator.company.change("Account", account, Account_Health_Id__c="ours-7")
    crm = connect("crm", crm={"external_id": "Account_Health_Id__c"})
    crm.call(message("ours-7"))
    crm.call(score("ours-7"))
    assert made_by_us(simulator)[0]["WhatId"] == account
    assert simulator.company.get("Account", account)["Health_Score__c"] == 71.3
    with pytest.raises(RefusedError, match="no account has ours-8 as Account_Health_Id__c"):
        crm.call(message("ours-8"))


# The score


def test_a_score_is_written_into_the_account_s_field(simulator: Simulator, connect: Any, account: str) -> None:
    crm = connect("crm")
    assert crm.find(score(account)) == (Found.NOT_ARRIVED, None)
    assert crm.call(score(account)) == account
    assert simulator.company.get("Account", account)["Health_Score__c"] == 71.3
    assert crm.find(score(account)) == (Found.ARRIVED, account)
    assert made_by_us(simulator) == []


def test_a_score_needs_a_field_and_an_account(connect: Any, account: str) -> None:
    with pytest.raises(RefusedError, match="crm has no score_field"):
        connect("crm", crm={"score_field": None}).call(score(account))
    with pytest.raises(RefusedError, match="without an account"):
        connect("crm").call(score(None))


# Tickets


def test_a_ticket_is_internal_and_carries_key_and_tag(simulator: Simulator, connect: Any, account: str) -> None:
    desk = connect("desk")
    assert desk.find(message(account)) == (Found.NOT_ARRIVED, None)
    reference = desk.call(message(account))
    [written] = simulator.written
    assert written.fields["comment"]["public"] is False
    assert written.fields["comment"]["body"].endswith("A ticket is urgent.\nIt is open for 4 days.\nDue 2026-07-03")
    [ticket] = tickets(simulator)
    assert (str(ticket["id"]), ticket["external_id"], ticket["priority"]) == (reference, "m1", "high")
    assert (ticket["type"], ticket["due_at"]) == ("task", "2026-07-03T12:00:00Z")
    assert ticket["organization_id"] is None
    assert desk.find(message(account)) == (Found.ARRIVED, reference)
    # The desk knows the key too.
    assert desk.call(message(account)) == reference
    assert len(tickets(simulator)) == 1


def test_a_ticket_may_stand_in_the_account_s_organization(simulator: Simulator, connect: Any) -> None:
    organization = next(one for one in simulator.company.rows("organization") if one["external_id"])
    desk = connect("desk", desk={"in_organization": True, "requester": "health@vendor.example"})
    desk.call(message(organization["external_id"]))
    desk.call(message("nobody", key="m2", due_on=None, priority="P4"))
    one, other = simulator.written
    assert one.fields["organization_id"] == organization["id"]
    assert one.fields["requester"] == {"email": "health@vendor.example"}
    assert other.fields.keys() == {"subject", "comment", "external_id", "tags", "requester"}


# How calls end

WRITES = {"crm": "POST /services/data/*/sobjects/Task", "desk": "POST /api/v2/tickets*"}
LOCKED = [{"errorCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access to this record"}]
INVALID = [{"errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "Closed for changes."}]

ENDS = [
    ("reset", {}, UnknownOutcomeError, "no whole answer came"),
    ("answer_lost", {}, UnknownOutcomeError, "no whole answer came"),
    ("reset_in_body", {}, UnknownOutcomeError, "no whole answer came"),
    ("hangs", {"seconds": 5}, UnknownOutcomeError, "no whole answer came: ReadTimeout"),
    ("html_200", {}, UnknownOutcomeError, "instead of JSON"),
    ("html_503", {"retry_after": 90}, NotTakenError, "it answered 503: Down for maintenance Sorry."),
    ("throttled", {"retry_after": 90}, NotTakenError, "it answered 429"),
    ("status", {"status": 500, "body": {}}, NotTakenError, "it answered 500"),
    ("status", {"status": 409, "body": {}}, NotTakenError, "it answered 409"),
    ("status", {"status": 422, "body": {"error": "RecordInvalid"}}, RefusedError, "RecordInvalid"),
    ("status", {"status": 400, "body": LOCKED}, NotTakenError, "UNABLE_TO_LOCK_ROW"),
    ("status", {"status": 400, "body": INVALID}, RefusedError, "Closed for changes."),
    ("status", {"status": 301, "body": {}}, RefusedError, "it answered 301"),
]


@pytest.mark.parametrize("name", ["crm", "desk"])
@pytest.mark.parametrize(("fault", "words", "kind", "told"), ENDS, ids=lambda value: str(value)[:30])
def test_every_end_of_a_call_is_told_apart(
    simulator: Simulator, connect: Any, account: str, name: str, fault: str, words: dict, kind: type, told: str
) -> None:
    connector = connect(name, **{name: {"timeout_seconds": 1}})
    struck = simulator.faults.add(fault, when=WRITES[name], **words)
    error = ended(connector, message(account))
    assert type(error) is kind
    assert told in str(error)
    assert struck.struck == 1
    assert len(simulator.called(WRITES[name])) == 1
    if kind is NotTakenError:
        assert error.certain == (words.get("status") != 500)
        assert error.wait_seconds == words.get("retry_after")
    # Whatever it was, the target can be asked.
    arrived = fault in ("answer_lost", "reset_in_body", "hangs")
    assert connector.find(message(account))[0] is (Found.ARRIVED if arrived else Found.NOT_ARRIVED)


@pytest.mark.parametrize("name", ["crm", "desk"])
def test_a_target_that_is_down_took_nothing(connect: Any, account: str, name: str) -> None:
    error = ended(connect(name, url="https://127.0.0.1:9"), message(account))
    assert type(error) is NotTakenError
    assert error.certain


def test_a_spent_day_takes_nothing(simulator: Simulator, connect: Any, account: str) -> None:
    simulator.faults.add("quota_spent", when=WRITES["crm"])
    error = ended(connect("crm"), message(account))
    assert type(error) is NotTakenError
    assert "REQUEST_LIMIT_EXCEEDED" in str(error)
    # Our own share of it: the next call isn't made.
    simulator.salesforce.daily_calls = 100
    crm = connect("crm", org={"quota_share_pct": 1})
    crm.call(message(account))
    error = ended(crm, message(account, key="m2"))
    assert type(error) is NotTakenError
    assert "from 1 % on none are made" in str(error)
    assert [task[KEY] for task in made_by_us(simulator)] == ["m1"]


def test_a_session_that_ended_is_renewed_and_the_task_made_once(
    simulator: Simulator, connect: Any, account: str
) -> None:
    crm = connect("crm")
    crm.find(message(account))
    simulator.faults.add("session_expires", when=WRITES["crm"])
    crm.call(message(account))
    assert len(made_by_us(simulator)) == 1
    assert len(simulator.called("POST /services/oauth2/token")) == 2


def test_a_wrong_secret_leaves_the_message_to_be_sent(
    simulator: Simulator, connect: Any, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCOUNT_HEALTH_SECRET_CRM_SECRET", "gone stale")
    monkeypatch.setenv("ACCOUNT_HEALTH_SECRET_DESK_TOKEN", "gone stale")
    for name, mend in (("crm", "consumer secret"), ("desk", "Admin Center")):
        error = ended(connect(name), message(account))
        assert type(error) is NotTakenError
        assert mend in str(error)
        assert "gone stale" not in str(error)
    assert simulator.written == []


def test_a_secret_that_is_not_there_is_told(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACCOUNT_HEALTH_SECRET_DESK_TOKEN")
    with pytest.raises(SetUpError, match=r"connector desk: .*ACCOUNT_HEALTH_SECRET_DESK_TOKEN in the environment"):
        connect("desk")


def test_the_vendor_s_words_are_told(connect: Any, account: str) -> None:
    error = ended(connect("crm"), message("001000000000000AAA"))
    assert type(error) is RefusedError
    assert "invalid cross reference id" in str(error)
    assert "MALFORMED_ID" in str(ended(connect("crm"), message("acme")))
    assert "priority: is not valid" in str(
        ended(connect("desk", desk={"priorities": {"P2": "soon"}}), message(account))
    )


# With the worker


def worker(store: Store, rules: Policies, settings: Settings, **more: Any) -> Worker:
    now = more.pop("now", NOW)
    return Worker(store, build_connectors(rules, settings), rules, lambda: now, **more)


def entered(account: str) -> dict:
    return action("m", account_id=account, action="create_support_task", kind="task")


@pytest.mark.parametrize("name", ["crm", "desk"])
@pytest.mark.parametrize("fault", ["answer_lost", "reset"])
def test_a_reset_leaves_one_task_or_ticket(
    lite: Store, simulator: Simulator, tmp_path: Any, account: str, name: str, fault: str
) -> None:
    rules = declared(simulator, default=name)
    take(lite, rules, entered(account))
    simulator.faults.add(fault, when=WRITES[name])
    first = worker(lite, rules, Settings(home=tmp_path)).run()
    assert (first.done, first.waiting) == (0, 1)
    second = worker(lite, rules, Settings(home=tmp_path), now=LATER).run()
    assert (second.done, second.found_done) == (1, int(fault == "answer_lost"))
    assert len(made_by_us(simulator) if name == "crm" else tickets(simulator)) == 1
    assert statuses(lite) == {"m": "done"}


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_leaves_one_task(
    lite: Store, lite_url: str, simulator: Simulator, tmp_path: Any, account: str, step: str
) -> None:
    rules, settings = declared(simulator), Settings(home=tmp_path)
    take(lite, rules, entered(account))
    child = os.fork()
    if child == 0:
        try:
            with Store.at(lite_url) as own:
                worker(
                    own, rules, settings, on_step=lambda at: at == step and os.kill(os.getpid(), signal.SIGKILL)
                ).run()
        finally:
            os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    worker(lite, rules, settings, now=LATER).run()
    assert statuses(lite) == {"m": "done"}
    assert [task[KEY] for task in made_by_us(simulator)] == ["m"]


def test_a_refused_task_fails_with_the_vendor_s_words(lite: Store, simulator: Simulator, tmp_path: Any) -> None:
    rules = declared(simulator)
    take(lite, rules, entered("acme"))
    worked = worker(lite, rules, Settings(home=tmp_path)).run()
    assert worked.failed == 1
    assert "MALFORMED_ID" in str(reasons(lite, "m")[-1])
