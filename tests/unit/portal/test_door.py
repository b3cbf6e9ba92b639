"""The door for calls from outside, through real HTTP: who is let in, what is kept, and that nothing counts twice."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import sqlalchemy as sa

from orchestration.ledger.store import Store
from orchestration.ledger.tables import hook_calls
from orchestration.settings import Settings
from tests.simulators.callouts import Callout, from_crm, from_support, ticket_event
from tests.support.doors import DESK_KEY, ORG_KEY, calls_kept, home_with_callers, served

ACCOUNT, ACCOUNT_18 = "0015g00000Ab1cD", "0015g00000Ab1cDAAR"
NOW = datetime.now(UTC).replace(microsecond=0)
DESK, ORG = "/hooks/zendesk/desk", "/hooks/salesforce/org"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return home_with_callers(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def open_door(settings: Settings) -> Iterator[str]:
    with served(settings) as url:
        yield url


@pytest.fixture
def door(settings: Settings, open_door: str) -> str:
    """Where a door is through which nobody came yet."""
    with Store.open(settings) as store, store.writing() as con:
        con.execute(sa.delete(hook_calls))
    return open_door


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """A home of the test's own."""
    return home_with_callers(tmp_path)


def ticket(number: int = 7, **more: Any) -> dict[str, Any]:
    """What a trigger of the desk says."""
    return {"ticket_id": str(number), "account_id": ACCOUNT_18, "updated_at": "2026-06-30T09:00:00Z", "tags": ""} | more


def account(**more: Any) -> dict[str, Any]:
    """What a callout of the org says."""
    said = {"object": "Account", "record_id": ACCOUNT, "occurred_at": "2026-06-30T09:00:00Z", "changed_by": "ann@x.com"}
    return {"id": "c-1"} | said | more


# What comes in


def test_both_kinds_of_calls_are_taken_and_only_ids_are_kept(settings: Settings, door: str) -> None:
    event = ticket_event(41, organization=9, at=NOW)
    event["detail"] |= {"subject": "zzsecretzz", "description": "zzsecretzz", "tags": ["vip"]}
    for call, path in (
        (from_support(DESK_KEY, event, invocation="i-1"), DESK),
        (from_support(DESK_KEY, ticket(42, note="zzsecretzz"), invocation="i-2"), DESK),
        (from_crm(ORG_KEY, account(note="zzsecretzz")), ORG),
    ):
        answer = call.send(door + path)
        assert (answer.status_code, answer.json()) == (202, {"status": "taken"})
    told = ("system", "kind", "call_id", "object", "record_id", "account_id", "occurred_at", "taken_in_run")
    at = datetime(2026, 6, 30, 9, 0)
    assert [tuple(row[name] for name in told) for row in calls_kept(settings)] == [
        ("desk", "zendesk", "i-1", "ticket", "41", None, NOW.replace(tzinfo=None), None),
        ("desk", "zendesk", "i-2", "ticket", "42", ACCOUNT_18, at, None),
        ("org", "salesforce", "c-1", "Account", ACCOUNT_18, ACCOUNT_18, at, None),
    ]
    assert not [file for file in settings.home_path.iterdir() if b"zzsecretzz" in file.read_bytes()]


def test_a_callout_may_name_many_records_at_once(settings: Settings, door: str) -> None:
    records = [{"object": "Contact", "record_id": f"0035g00000Ab{n:03}", "account_id": ACCOUNT} for n in range(200)]
    call = from_crm(ORG_KEY, {"id": "bulk", "records": [*records[:199], records[0]]})
    assert call.send(door + ORG).status_code == 202
    assert from_crm(ORG_KEY, {"id": "bulk", "records": records}).send(door + ORG).json() == {"status": "known"}
    rows = calls_kept(settings)
    assert [row["place"] for row in rows] == list(range(199))
    assert {(row["call_id"], row["account_id"]) for row in rows} == {("bulk", ACCOUNT_18)}
    refused = from_crm(ORG_KEY, {"id": "more", "records": [*records, records[0] | {"object": "Task"}]})
    assert refused.send(door + ORG).status_code == 422


def test_late_and_stale_news_are_calls_like_any_other(settings: Settings, door: str) -> None:
    for hours in (0, 30, 5):
        call = from_crm(ORG_KEY, account(id=f"c{hours}", occurred_at=(NOW - timedelta(hours=hours)).isoformat()))
        assert call.send(door + ORG).status_code == 202
    moments = [row["occurred_at"] for row in calls_kept(settings)]
    assert moments == [(NOW - timedelta(hours=hours)).replace(tzinfo=None) for hours in (0, 30, 5)]


def test_what_we_changed_ourselves_asks_for_nothing(settings: Settings, door: str) -> None:
    event = ticket_event(7, at=NOW)
    event["detail"]["tags"] = ["vip", "account_health"]
    for path, call in (
        (DESK, from_support(DESK_KEY, ticket(tags="vip account_health"))),
        (DESK, from_support(DESK_KEY, event)),
        (ORG, from_crm(ORG_KEY, account(changed_by="Health@Example.com"))),
    ):
        answer = call.send(door + path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ours"})
    assert calls_kept(settings) == []
    others = (from_support(DESK_KEY, ticket(tags="account_healthy")), from_crm(ORG_KEY, account(changed_by="005x")))
    assert [call.send(door + path).status_code for path, call in zip((DESK, ORG), others, strict=True)] == [202, 202]


# Who is let in


def desk_call(key: str = DESK_KEY, **more: Any) -> Callout:
    return from_support(key, ticket(), **more)


def org_call(key: str = ORG_KEY, **more: Any) -> Callout:
    return from_crm(key, account(), **more)


def without(call: Callout, *headers: str) -> Callout:
    return replace(call, headers={name: value for name, value in call.headers.items() if name not in headers})


def altered(call: Callout, **headers: Any) -> Callout:
    return replace(call, headers=call.headers | {name.replace("_", "-"): value for name, value in headers.items()})


STAMP = "X-Zendesk-Webhook-Signature-Timestamp"
UNSIGNED = {
    "forged": (DESK, altered(desk_call(), X_Zendesk_Webhook_Signature="c2lnbmVk" * 5)),
    "forged in hexadecimal": (ORG, altered(org_call(), X_Account_Health_Signature="0" * 64)),
    "altered body": (DESK, replace(desk_call(), body=desk_call().body.replace(b'"7"', b'"8"'))),
    "altered body of the org": (ORG, replace(org_call(), body=org_call().body + b" ")),
    "altered time": (DESK, altered(desk_call(at=NOW), **{STAMP: f"{NOW + timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"})),
    "wrong key": (DESK, desk_call("another key")),
    "another system's key": (ORG, org_call(DESK_KEY)),
    "no signature": (DESK, without(desk_call(), "X-Zendesk-Webhook-Signature")),
    "no signature of the org": (ORG, without(org_call(), "X-Account-Health-Signature")),
    "no time": (DESK, without(desk_call(), STAMP)),
    "a signature beyond all measure": (DESK, altered(desk_call(), X_Zendesk_Webhook_Signature="A" * 5000)),
    "a time beyond all measure": (ORG, altered(org_call(), X_Account_Health_Timestamp="1" * 5000)),
    "not in ASCII": (ORG, altered(org_call(), X_Account_Health_Signature=b"\xe9" * 64)),
    "signed as the other kind": (DESK, org_call(DESK_KEY)),
    "unknown system": ("/hooks/zendesk/nobody", desk_call()),
    "a system of the other kind": ("/hooks/salesforce/desk", org_call(DESK_KEY)),
    "a system without a key": ("/hooks/zendesk/quiet_desk", desk_call("")),
    "a system whose key is empty": ("/hooks/salesforce/lost_org", org_call("")),
}


def test_whoever_cannot_sign_learns_nothing(settings: Settings, door: str, caplog: pytest.LogCaptureFixture) -> None:
    answers = {name: call.send(door + path) for name, (path, call) in UNSIGNED.items()}
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(UNSIGNED, 401)
    # An unknown system looks like a wrong signature.
    kept = ("content-type", "content-length", "connection", "retry-after")
    assert len({(answer.content, *(answer.headers.get(name) for name in kept)) for answer in answers.values()}) == 1
    assert "server" not in answers["forged"].headers
    assert calls_kept(settings) == []
    assert not [word for word in (DESK_KEY, ORG_KEY, "nobody") if word in caplog.text]


def test_a_key_can_be_changed_while_the_door_is_open(own: Settings) -> None:
    with served(own) as door:
        (own.secrets / "desk_key").write_text("next key")
        assert desk_call().send(door + DESK).status_code == 401
        assert desk_call("next key").send(door + DESK).status_code == 202
        (own.secrets / "desk_key").write_bytes(b"\xff\xfe")
        assert desk_call("next key").send(door + DESK).status_code == 401


@pytest.mark.parametrize(("path", "made"), [(DESK, desk_call), (ORG, org_call)])
def test_a_call_is_taken_at_its_time_only(settings: Settings, door: str, path: str, made: Any) -> None:
    def answer(seconds: int) -> httpx.Response:
        return made(at=datetime.now(UTC) + timedelta(seconds=seconds)).send(door + path)

    old, ahead = answer(-303), answer(303)
    assert (old.status_code, ahead.status_code) == (400, 400)
    assert old.json()["error"].startswith("signed 30")
    assert old.json()["error"].endswith("seconds ago; it may be 300 at most")
    assert "from now, by the clock here" in ahead.json()["error"]
    assert calls_kept(settings) == []
    # Whether it is taken or known already: it is let in.
    assert {answer(-297).status_code, answer(297).status_code} <= {200, 202}


@pytest.mark.parametrize("time", ["", "9" * 400, "yesterday", "2026-06-30T09:00:00+99:00", "12345678901234567890"])
def test_a_time_that_is_none_is_told(door: str, time: str) -> None:
    call = desk_call()
    headers = call.headers | {STAMP: time, "X-Zendesk-Webhook-Signature": _signature(time, call.body)}
    answer = replace(call, headers=headers).send(door + DESK)
    assert (answer.status_code, answer.json()["error"]) == (400, f"{STAMP} isn't a time as it should be")


def _signature(time: str, body: bytes) -> str:
    import base64
    import hmac

    return base64.b64encode(hmac.digest(DESK_KEY.encode(), time.encode() + body, "sha256")).decode()


# Nothing counts twice


def test_a_call_that_is_sent_again_has_no_effect(own: Settings) -> None:
    call = desk_call(invocation="i-1")
    again = {
        "replayed": call,
        # The id is in a header that nobody signs.
        "replayed under another id": altered(call, X_Zendesk_Webhook_Invocation_Id="i-2"),
        "sent again by the desk": desk_call(invocation="i-1", at=datetime.now(UTC) + timedelta(seconds=5)),
    }
    with served(own) as door:
        assert call.send(door + DESK).status_code == 202
        for name, one in again.items():
            answer = one.send(door + DESK)
            assert (name, answer.status_code, answer.json()) == (name, 200, {"status": "known"})
    # A new start forgets nothing.
    with served(own) as door:
        assert {one.send(door + DESK).status_code for one in again.values()} == {200}
        assert desk_call(invocation="i-3", at=datetime.now(UTC) - timedelta(seconds=5)).send(door + DESK).is_success
    assert [row["call_id"] for row in calls_kept(own)] == ["i-1", "i-3"]


def test_an_id_in_the_body_counts_before_one_in_the_header(settings: Settings, door: str) -> None:
    assert from_crm(ORG_KEY, account(), key="k-1").send(door + ORG).status_code == 202
    assert from_crm(ORG_KEY, account(occurred_at=None), key="k-2").send(door + ORG).json() == {"status": "known"}
    assert from_crm(ORG_KEY, account(id=None), key="k-3").send(door + ORG).status_code == 202
    assert [row["call_id"] for row in calls_kept(settings)] == ["c-1", "k-3"]


def test_one_id_at_once_from_many_is_one_call(settings: Settings, door: str) -> None:
    barrier = threading.Barrier(12)

    def send(number: int) -> int:
        call = from_crm(ORG_KEY, account(id="same", occurred_at=f"2026-06-30T09:00:{number:02}Z"))
        barrier.wait()
        return call.send(door + ORG).status_code

    with ThreadPoolExecutor(12) as pool:
        assert Counter(pool.map(send, range(12))) == {202: 1, 200: 11}
    assert len(calls_kept(settings)) == 1


# What a body may be


SHAPES: dict[str, tuple[str, Any, str]] = {
    "not JSON": (DESK, b"ticket=7", "isn't JSON"),
    "not UTF-8": (DESK, '{"ticket_id": "é"}'.encode("latin-1"), "isn't JSON in UTF-8"),
    "empty": (DESK, b"", "isn't JSON"),
    "a list": (ORG, b"[]", "no object"),
    "too deep": (ORG, b"[" * 200_000, "isn't JSON"),
    "a number beyond all measure": (ORG, b'{"id": ' + b"9" * 5000 + b"}", "isn't JSON"),
    "no ticket": (DESK, {"status": "open"}, "no ticket_id"),
    "a ticket that is no number": (DESK, ticket() | {"ticket_id": "7; drop table"}, "no ticket_id"),
    "a ticket that is true": (DESK, ticket() | {"ticket_id": True}, "no ticket_id"),
    "an event of something else": (DESK, ticket_event(7, at=NOW) | {"subject": "zen:user:7"}, "neither a ticket"),
    "no id of a call": (ORG, account(id=None), "has no id"),
    "an id that is no text": (ORG, account(id={"a": 1}), "no text"),
    "an id that is true": (ORG, account(id=True), "no text"),
    "an id beyond all measure": (ORG, account(id="x" * 201), "at most 200"),
    "an id with a line break": (ORG, account(id="a\nb"), "no text"),
    "half a character": (ORG, b'{"id": "\\ud800", "record_id": "%s"}' % ACCOUNT.encode(), "no text"),
    "nothing that changed": (ORG, account(record_id=None), "neither record_id nor account_id"),
    "a record that is none": (ORG, account(record_id="' or 1=1"), "15 or 18 characters"),
    "an object that is none": (ORG, account(object="Account;"), "isn't the name of one"),
    "records that are none": (ORG, {"id": "c", "records": []}, "list of 1 to 200"),
    "a record that is a text": (ORG, {"id": "c", "records": ["001"]}, "is no object"),
}


def test_what_cannot_be_understood_is_told_in_words(settings: Settings, door: str) -> None:
    for name, (path, content, words) in SHAPES.items():
        call = (
            from_support(DESK_KEY, content) if path == DESK else without(from_crm(ORG_KEY, content), "Idempotency-Key")
        )
        answer = call.send(door + path)
        assert (name, answer.status_code) == (name, 422)
        assert words in answer.json()["error"], name
        assert "drop table" not in answer.text
    assert calls_kept(settings) == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
def test_only_json_is_taken(door: str, kind: str) -> None:
    answer = altered(desk_call(), Content_Type=kind).send(door + DESK)
    assert (answer.status_code, answer.json()["error"]) == (415, "send application/json, not compressed")


def test_what_is_compressed_is_not_unpacked(door: str) -> None:
    call = from_support(DESK_KEY, gzip.compress(json.dumps(ticket()).encode()))
    assert altered(call, Content_Encoding="gzip").send(door + DESK).status_code == 415


@pytest.mark.parametrize("path", [DESK, "/hooks/zendesk/nobody"])
def test_a_body_that_is_too_large_is_refused(door: str, path: str) -> None:
    answer = from_support(DESK_KEY, b"x" * 1_000_001).send(door + path)
    assert (answer.status_code, answer.json()["error"]) == (413, "the body is larger than 1000000 bytes")


def test_a_body_that_is_said_to_be_too_large_is_not_waited_for(own: Settings) -> None:
    with served(own) as door, _connection(door) as connection:
        connection.settimeout(2)
        connection.sendall(f"POST {DESK} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000001\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
        assert _until_closed(connection)


def test_a_body_that_goes_on_is_not_read_to_its_end(tmp_path: Path) -> None:
    settings = home_with_callers(tmp_path, most_bytes=10_000)
    with served(settings) as door, _connection(door) as connection:
        connection.sendall(f"POST {DESK} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        sent = 0
        connection.settimeout(0.2)
        for _ in range(500):
            try:
                connection.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            except OSError:
                break
            sent += 4096
            if sent > 3 * 10_000:
                break
        connection.settimeout(2)
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
        assert _until_closed(connection)


def test_a_body_that_does_not_come_is_not_waited_for(own: Settings) -> None:
    with served(own, body_seconds=0.2) as door, _connection(door) as connection:
        connection.sendall(f"POST {DESK} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 408 ")
        assert _until_closed(connection)


def _connection(door: str) -> socket.socket:
    address = urlsplit(door)
    return socket.create_connection((address.hostname, address.port), timeout=2)


def _until_closed(connection: socket.socket) -> bool:
    try:
        while connection.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return True


# How many, and when it can't


def test_a_burst_of_one_system_is_put_off_without_others(tmp_path: Path) -> None:
    settings = home_with_callers(tmp_path, most_a_minute=3)
    with served(settings) as door:
        for _ in range(10):
            assert desk_call("wrong").send(door + DESK).status_code == 401
        answers = [
            desk_call(invocation=str(n), at=datetime.now(UTC) + timedelta(seconds=n)).send(door + DESK)
            for n in range(5)
        ]
        assert [answer.status_code for answer in answers] == [202, 202, 202, 429, 429]
        assert 1 <= int(answers[4].headers["Retry-After"]) <= 20
        assert org_call().send(door + ORG).status_code == 202
    assert len(calls_kept(settings)) == 4


def test_a_ledger_that_is_busy_is_told_and_the_call_may_come_again(own: Settings) -> None:
    with served(own, patience_seconds=0) as door:
        with Store.open(own) as store, store.writing() as con:
            con.execute(sa.text("delete from hook_calls"))
            call = org_call()
            answer = call.send(door + ORG)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
            assert httpx.get(f"{door}/healthz").status_code == 200
        assert call.send(door + ORG).status_code == 202


def test_health_says_whether_calls_can_be_kept(own: Settings) -> None:
    with served(own) as door:
        assert httpx.get(f"{door}/healthz").json() == {"status": "ok"}
        with Store.open(own) as store, store.writing() as con:
            con.execute(sa.text("alter table hook_calls rename to gone"))
        answer = httpx.get(f"{door}/healthz")
        assert (answer.status_code, answer.json()) == (503, {"status": "no ledger"})
        assert org_call().send(door + ORG).status_code == 503


def test_there_is_nothing_else_behind_the_door(door: str) -> None:
    assert httpx.get(door + DESK).status_code == 405
    for path in (
        "/",
        "/hooks",
        "/hooks/zendesk/",
        f"{DESK}/",
        "/hooks/imap/desk",
        "/hooks/zendesk/a/../desk/x",
        "/docs",
    ):
        answer = httpx.post(door + path, headers={"Host": "evil.example"})
        assert (path, answer.status_code) == (path, 404)
        assert "location" not in answer.headers


def test_refusals_do_not_fill_the_log(own: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with served(own) as door, caplog.at_level(logging.WARNING, "portal.hooks"), httpx.Client() as client:
        for _ in range(50):
            client.post(door + "/hooks/zendesk/nobody%0AERROR", content=b"{}")
    told = [record.getMessage() for record in caplog.records if record.name == "portal.hooks"]
    assert 30 <= len(told) < 40
    assert set(told) == {"an unknown system: refused with 401: the call isn't signed with the key of a system here"}


def test_the_portal_knows_nothing_of_dagster() -> None:
    told = "import sys, portal.app; print([m for m in sys.modules if m.startswith(('dagster', 'orchestration.defs'))])"
    assert subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout == "[]\n"
