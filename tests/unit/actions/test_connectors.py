"""Connectors against real servers on loopback: what they send, what they keep to themselves, how calls end."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from orchestration.actions.connectors.base import (
    Found,
    NotTakenError,
    RefusedError,
    SetUpError,
    UnknownOutcomeError,
)
from orchestration.actions.connectors.build import build_connectors
from orchestration.actions.connectors.dry_run import DryRun
from orchestration.actions.connectors.email import Email
from orchestration.actions.connectors.slack import Slack, escaped
from orchestration.actions.connectors.teams import Teams
from orchestration.actions.connectors.webhook import Webhook
from orchestration.actions.messages import Message, plain, shortened
from orchestration.policy.connectors import Connector as ConnectorPolicy
from orchestration.policy.models import Policies
from orchestration.settings import Settings
from orchestration.systems.http import wait_seconds
from orchestration.systems.signing import KEY, SIGNATURE, TIMESTAMP
from tests.support.ledger import policies
from tests.support.receiver import Answer, Receiver, Request, receiver

# What an account name may try: markup of each channel, headers, direction marks.
HOSTILE = "<!channel> *bold* [x](http://evil) <b>&\r\nBcc: all@example.com\u202e\u200b @here `code` " + "x" * 10_000

MESSAGE = Message(
    key="m1",
    action="notify_owner",
    kind="notification",
    title="Tell the CSM or owner",
    account_id="a1",
    account_name="Acme",
    rationale="An alert is open.\nThe score fell.",
    due_on=date(2026, 7, 1),
    owner_role="CS manager",
    owner="Cas Manager",
)


@pytest.fixture
def target() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def hostile(rules: Policies) -> Message:
    raw = Message(key="m1", action="a", kind="k", title=HOSTILE, account_name=HOSTILE, rationale=HOSTILE)
    return shortened(raw, rules.ledger.messages)


# Messages


def test_messages_are_short_plain_lines(rules: Policies) -> None:
    made = hostile(rules)
    assert len(made.account_name or "") == 150
    assert len(made.title) == 150
    assert len(made.rationale or "") <= 600 * 2
    for line in made.lines():
        assert line == line.strip()
        assert not any(char in line for char in "\r\n\t\u202e\u200b")
    assert made.lines()[0].startswith("<!channel> *bold* [x](http://evil) <b>&")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("  a \t b\u2028c ", "a b c"),
        ("\u202eevil\u202c", "evil"),
        ("\x00\x1b[31mred", "[31mred"),
        ("e\u0301", "é"),
        ("🙂 ok", "🙂 ok"),
        ("\ud800", None),
        ("", None),
        (None, None),
        ("a" * 21, "a" * 19 + "…"),
    ],
)
def test_texts_lose_what_does_not_show(text: str | None, shown: str | None) -> None:
    assert plain(text, 20) == shown


def test_a_message_holds_nothing_but_account_title_rationale_and_due_date() -> None:
    assert MESSAGE.lines() == [
        "Acme: Tell the CSM or owner",
        "An alert is open.",
        "The score fell.",
        "Due 2026-07-01",
    ]


# Webhook


def webhook(target: Receiver, asked: bool = True) -> Webhook:
    return Webhook("hook", f"{target.url}/hook", f"{target.url}/asked/{{key}}" if asked else None, "s3cret", 1)


def signed(request: Request, what: bytes) -> bool:
    timestamp = request.headers[TIMESTAMP.lower()]
    expected = hmac.new(b"s3cret", f"{timestamp}.".encode() + what, hashlib.sha256).hexdigest()
    return hmac.compare_digest(request.headers[SIGNATURE.lower()], expected) and abs(time.time() - int(timestamp)) < 5


def test_the_webhook_is_signed_over_time_and_body(target: Receiver) -> None:
    target.answers = [Answer(201, b'{"id": 77}')]
    assert webhook(target).call(MESSAGE) == "77"
    [request] = target.requests
    assert signed(request, request.body)
    assert not signed(request, request.body + b" ")
    assert request.headers[KEY.lower()] == "m1"
    assert request.json == {
        "action_id": "m1",
        "action": "notify_owner",
        "kind": "notification",
        "account_id": "a1",
        "account_name": "Acme",
        "title": "Tell the CSM or owner",
        "rationale": "An alert is open.\nThe score fell.",
        "due_on": "2026-07-01",
        "owner_role": "CS manager",
    }


def test_the_webhook_is_asked_with_a_signature_too(target: Receiver) -> None:
    hook = webhook(target)
    assert hook.find(MESSAGE) == (Found.NOT_ARRIVED, None)
    hook.call(MESSAGE)
    assert hook.find(MESSAGE) == (Found.ARRIVED, None)
    asked = target.requests[-1]
    assert (asked.method, asked.path) == ("GET", "/asked/m1")
    assert signed(asked, b"m1")
    assert webhook(target, asked=False).find(MESSAGE) == (Found.CANNOT_TELL, None)
    assert (hook.can_be_asked, webhook(target, asked=False).can_be_asked) == (True, False)


def test_a_score_goes_along_only_where_it_is_written(target: Receiver) -> None:

    webhook(target).call(replace(MESSAGE, score=Decimal("71.3")))
    assert target.requests[0].json["score"] == 71.3


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (Answer(500), NotTakenError, "answered 500"),
        (Answer(503, headers={"Retry-After": "7"}), NotTakenError, "answered 503"),
        (Answer(400, b"bad"), RefusedError, "answered 400: bad"),
        (Answer(302, headers={"Location": "/elsewhere"}), RefusedError, "answered 302"),
        (Answer(hangs_seconds=1.3), UnknownOutcomeError, "didn't answer: ReadTimeout"),
        (Answer(resets=True), UnknownOutcomeError, "didn't answer: ReadError"),
    ],
    ids=["500", "503", "400", "redirect", "hangs", "resets"],
)
def test_every_end_of_a_call_is_told_apart(
    target: Receiver, answer: Answer, error: type[Exception], words: str
) -> None:
    target.answers = [answer]
    with pytest.raises(error, match=words) as ended:
        webhook(target).call(MESSAGE)
    assert "s3cret" not in str(ended.value)
    assert len(target.requests) == 1
    if isinstance(ended.value, NotTakenError):
        assert ended.value.certain is (answer.status == 503)
        assert ended.value.wait_seconds == (7 if answer.status == 503 else None)


def test_an_answer_without_end_is_cut(target: Receiver) -> None:
    target.answers = [Answer(200, b"x" * 3_000_000)]
    assert webhook(target).call(MESSAGE) is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("5", 5), ("0", 0), ("-5", None), ("soon", None), (None, None), ("1.5", None)]
)
def test_retry_after_in_seconds(text: str | None, seconds: float | None) -> None:
    assert wait_seconds(text) == seconds


def test_retry_after_as_a_date() -> None:
    assert wait_seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    in_a_minute = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 60))
    assert 57 <= (wait_seconds(in_a_minute) or 0) <= 60


# Slack


@dataclass
class Workspace:
    """As much of Slack as the connector uses."""

    posted: list[dict[str, Any]] = field(default_factory=list)
    says: list[dict[str, Any]] = field(default_factory=list)
    page: int = 100

    def __call__(self, request: Request) -> Answer:
        asked = request.json
        if request.headers["authorization"] != "Bearer xoxb-token":
            return Answer(200, b'{"ok": false, "error": "invalid_auth"}')
        if self.says:
            return Answer(200, json.dumps(self.says.pop(0)).encode())
        if request.path == "/api/chat.postMessage":
            self.posted.append(asked | {"ts": f"{len(self.posted)}.5"})
            return Answer(200, json.dumps({"ok": True, "ts": self.posted[-1]["ts"]}).encode())
        assert request.path == "/api/conversations.history"
        assert asked["include_all_metadata"]
        here = [one for one in reversed(self.posted) if one["channel"] == asked["channel"]]
        start = int(asked.get("cursor", 0))
        page, more = here[start : start + self.page], len(here) > start + self.page
        cursor = {"next_cursor": str(start + self.page) if more else ""}
        return Answer(200, json.dumps({"ok": True, "messages": page, "response_metadata": cursor}).encode())


def slack(target: Receiver, token: str = "xoxb-token", **more: Any) -> Slack:  # noqa: S107 - of a server of the test
    to = {"cs_manager": "#managers", "default": "#health"}
    made = ConnectorPolicy(**{"kind": "slack", "secret": "t", "url": f"{target.url}/api", "to": to, **more})
    return Slack("chat", made, token)


def test_slack_gets_plain_text_and_is_asked_by_metadata(target: Receiver) -> None:
    target.special = workspace = Workspace(page=1)
    chat = slack(target)
    assert chat.find(MESSAGE) == (Found.NOT_ARRIVED, None)
    assert chat.call(MESSAGE) == "0.5"

    chat.call(replace(MESSAGE, key="m2"))
    assert chat.find(MESSAGE) == (Found.ARRIVED, "0.5")
    assert chat.find(replace(MESSAGE, key="m3")) == (Found.NOT_ARRIVED, None)
    posted = workspace.posted[0]
    assert posted["channel"] == "#managers"
    assert posted["blocks"][0]["text"]["type"] == "plain_text"
    assert posted["blocks"][0]["text"]["text"].endswith("Due 2026-07-01")
    chat.call(replace(MESSAGE, owner_role="CSM"))
    assert workspace.posted[-1]["channel"] == "#health"


def test_slack_reads_no_markup_in_a_message(target: Receiver, rules: Policies) -> None:
    target.special = workspace = Workspace()
    slack(target).call(hostile(rules))
    [posted] = workspace.posted
    assert (posted["mrkdwn"], posted["parse"], posted["link_names"], posted["unfurl_links"]) == (
        False,
        "none",
        False,
        False,
    )
    assert "<" not in posted["text"]
    assert posted["text"].startswith("&lt;!channel&gt;")
    assert {block["text"]["type"] for block in posted["blocks"]} == {"plain_text"}
    assert len(posted["blocks"][0]["text"]["text"]) <= 3_000
    assert escaped("<@U1> & <!here>") == "&lt;@U1&gt; &amp; &lt;!here&gt;"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"ok": False, "error": "channel_not_found"}, RefusedError),
        ({"ok": False, "error": "ratelimited"}, NotTakenError),
        ({"ok": False}, RefusedError),
    ],
)
def test_slack_says_no_with_status_200(target: Receiver, said: dict[str, Any], error: type[Exception]) -> None:
    target.special = Workspace(says=[said])
    with pytest.raises(error, match="Slack said") as ended:
        slack(target).call(MESSAGE)
    assert "xoxb" not in str(ended.value)


def test_slack_without_a_channel_for_the_role(target: Receiver) -> None:
    with pytest.raises(RefusedError, match="has no channel for CS manager, and no default"):
        slack(target, to={"csm": "#csm"}).call(MESSAGE)


# Teams


def test_teams_gets_a_card_of_text_runs(target: Receiver, rules: Policies) -> None:
    teams = Teams("teams", f"{target.url}/workflow/s3cret", 1)
    teams.call(hostile(rules))
    [request] = target.requests
    body = request.json["attachments"][0]["content"]["body"]
    assert {block["type"] for block in body} == {"RichTextBlock"}
    assert {run["type"] for block in body for run in block["inlines"]} == {"TextRun"}
    assert request.headers["idempotency-key"] == "m1"
    assert (teams.find(MESSAGE), teams.can_be_asked) == ((Found.CANNOT_TELL, None), False)
    target.answers = [Answer(429, headers={"Retry-After": "30"}, takes=False)]
    with pytest.raises(NotTakenError) as ended:
        teams.call(MESSAGE)
    assert ended.value.wait_seconds == 30
    assert "workflow" not in str(ended.value)


# E-mail


@dataclass
class Mailbox:
    """A mail server's end: what it took, or what it answers instead."""

    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    answer: str | None = None
    breaks_off: bool = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.breaks_off:
            server.transport.abort()
            return "250 never said"
        if self.answer:
            return self.answer
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        return "250 taken"


@contextmanager
def mail_server(box: Mailbox) -> Iterator[int]:
    controller = Controller(box, hostname="127.0.0.1", port=0)
    # It looks for its own port before it is there when told to take any.
    controller.port = _free_port()
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def _free_port() -> int:

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def email(port: int, **more: Any) -> Email:
    given = {
        "kind": "email",
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "health@example.com",
        "to": {"default": "all@example.com", "cs_manager": "managers@example.com"},
        "timeout_seconds": 2,
    }
    return Email("mail", ConnectorPolicy(**given | more), None)


def test_mail_is_plain_text_for_the_owner_or_the_role(rules: Policies) -> None:
    box = Mailbox()
    with mail_server(box) as port:
        assert email(port).call(MESSAGE) == "<m1@example.com>"
        email(port, people={"Cas Manager": "cas@example.com"}).call(MESSAGE)
    first, second = box.mails
    assert (first["From"], first["To"], first["Subject"]) == (
        "health@example.com",
        "managers@example.com",
        "Acme: Tell the CSM or owner",
    )
    assert first["Message-ID"] == "<m1@example.com>"
    assert first["Auto-Submitted"] == "auto-generated"
    assert first.get_content_type() == "text/plain"
    assert first.get_content().replace("\r\n", "\n").strip().endswith("The score fell.\nDue 2026-07-01")
    assert second["To"] == "cas@example.com"


def test_nothing_in_a_message_becomes_a_header(rules: Policies) -> None:
    box = Mailbox()
    with mail_server(box) as port:
        email(port).call(hostile(rules))
    [mail] = box.mails
    assert mail["Bcc"] is None
    assert box.envelopes == [("health@example.com", ["all@example.com"])]
    assert "\n" not in mail["Subject"]
    assert mail["Subject"].startswith("<!channel> *bold*")


@pytest.mark.parametrize(
    ("box", "error"),
    [
        (Mailbox(answer="451 try later"), NotTakenError),
        (Mailbox(answer="554 no"), RefusedError),
        (Mailbox(breaks_off=True), UnknownOutcomeError),
    ],
    ids=["later", "never", "breaks off"],
)
def test_every_end_of_a_mail_is_told_apart(box: Mailbox, error: type[Exception]) -> None:
    with mail_server(box) as port, pytest.raises(error):
        email(port).call(MESSAGE)
    assert box.mails == []


def test_a_mail_server_that_is_down_or_wants_more_than_it_gives() -> None:
    with pytest.raises(NotTakenError, match=r"127\.0\.0\.1 can't be reached"):
        email(9).call(MESSAGE)
    with mail_server(Mailbox()) as port:
        with pytest.raises(NotTakenError, match="SMTPNotSupportedError"):
            email(port, security="starttls").call(MESSAGE)
        with pytest.raises(RefusedError, match="has no address for CS manager"):
            email(port, to={"csm": "csm@example.com"}).call(MESSAGE)
    assert (email(9).find(MESSAGE), email(9).can_be_asked) == ((Found.CANNOT_TELL, None), False)


# Dry run, and building


def test_the_dry_run_keeps_a_line_a_key(tmp_path: Path) -> None:
    dry, other = DryRun("dry_run", tmp_path), DryRun("dry_run", tmp_path)
    assert dry.find(MESSAGE) == (Found.NOT_ARRIVED, None)
    dry.call(MESSAGE)
    other.call(MESSAGE)
    assert other.find(MESSAGE) == (Found.ARRIVED, None)
    [line] = (tmp_path / "dry_run.jsonl").read_text().splitlines()
    assert json.loads(line) == {
        "key": "m1",
        "action": "notify_owner",
        "to": "Cas Manager",
        "lines": MESSAGE.lines(),
        "score": None,
    }


def test_a_line_of_the_dry_run_that_was_cut_short_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "dry_run.jsonl").write_text('{"key": "m1"')
    assert DryRun("dry_run", tmp_path).find(MESSAGE) == (Found.NOT_ARRIVED, None)


def test_as_shipped_nothing_leaves_the_machine(rules: Policies, tmp_path: Path) -> None:
    made = build_connectors(rules, Settings(home=tmp_path))
    assert {type(connector) for connector in made.values()} == {DryRun}
    assert rules.connectors.serving("anything", "any", None) == "dry_run"


def test_secrets_come_from_the_environment_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = {"kind": "webhook", "url": "https://hook.example", "secret": "hook_key"}
    declared = policies(connectors={"connectors": {"hook": hook}, "default": "hook"})
    with pytest.raises(
        SetUpError, match="connector hook needs the secret hook_key: set ACCOUNT_HEALTH_SECRET_HOOK_KEY"
    ):
        build_connectors(declared, Settings(home=tmp_path))
    (tmp_path / "hook_key").write_text("of the file\n")
    settings = Settings(home=tmp_path, secrets=tmp_path)
    assert build_connectors(declared, settings)["hook"]._secret == b"of the file"
    monkeypatch.setenv("ACCOUNT_HEALTH_SECRET_HOOK_KEY", "of the environment")
    assert build_connectors(declared, settings)["hook"]._secret == b"of the environment"
