"""Mailboxes: attachments of a real mail server, taken once, whatever is sent there."""

from __future__ import annotations

import base64
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from orchestration.policy.sources import Source
from orchestration.policy.systems import Calling, Inbox, Pulling
from orchestration.sources.errors import SourceError
from orchestration.systems.base import Context, Pulled
from orchestration.systems.inbox import answers
from orchestration.systems.inbox.system import InboxSystem
from orchestration.systems.inbox.taken import waiting
from orchestration.systems.store import RecordStore
from tests.support.mail_server import PASSWORD, USER, MailServer, mail_server
from tests.support.proxy import make_certificate, proxy

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
PULLING = Pulling(longest_minutes=10, resume_hours=12, lookback_minutes=60, whole_every_days=7, memory_limit="256MB")
CALLING = Calling(
    timeout_seconds=5, attempts=3, first_wait_seconds=1, wait_factor=2, longest_wait_seconds=10, jitter_pct=0
)
SOURCE = {"name": "mail", "stream": "activities", "system": "reports", "attachment": "Activities*.csv"}
CSV = b"Name,Account,Subject\nAnn,Acme,Call\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with mail_server() as found:
        yield found


@pytest.fixture
def mailbox(server: MailServer, tmp_path: Path) -> Mailbox:
    return Mailbox(server, tmp_path / "mail")


class Mailbox:
    """A folder of a test's own on the server, and what was pulled from it."""

    def __init__(self, server: MailServer, folder: Path) -> None:
        self.server, self.folder, self.name = server, folder, f"test-{secrets.token_hex(4)}"
        self.settings: dict[str, Any] = {"port": server.port, "security": "none"}
        self.now = NOW
        self.password = PASSWORD
        self.waited: list[float] = []

    def put(
        self,
        content: bytes = CSV,
        name: str | None = "Activities.csv",
        *,
        days: float = 1,
        sender: str = "Reports <reports@example.com>",
        subject: str = "Weekly activities",
        message_id: str | None = None,
    ) -> None:
        """Deliver a mail with one attachment, so many days ago."""
        mail = EmailMessage()
        mail["From"], mail["Subject"] = sender, subject
        mail["Message-ID"] = message_id or f"<{secrets.token_hex(8)}@example.com>"
        mail.set_content("Dear all, this is confidential.")
        if name is not None:
            mail.add_attachment(content, maintype="text", subtype="csv", filename=name)
        self.raw(mail.as_bytes(), days=days)

    def raw(self, mail: bytes, *, days: float = 1) -> None:
        self.server.put(self.name, mail, NOW - timedelta(days=days))

    def system(self, deadline: float | None = None) -> InboxSystem:
        wanted = {"host": "127.0.0.1", "user": USER, "folder": self.name, "secret": "reports_password"}
        policy = Inbox(**{**wanted, **self.settings})
        system = InboxSystem("reports", policy, self.password, CALLING, deadline, lambda: self.now)
        system._patience.sleep = self.waited.append
        return system

    def pull(self, deadline: float | None = None, **more: Any) -> Pulled:
        system = self.system(deadline)
        try:
            store = RecordStore(self.folder, PULLING, self.now)
            context = Context(self.folder, lambda name: self.folder, now=lambda: self.now)
            return system.pull(Source(**{**SOURCE, **more}), store, context)
        finally:
            system.close()

    def contents(self, **more: Any) -> list[bytes]:
        return [path.read_bytes() for path in self.pull(**more).files]

    def examine(self, **more: Any) -> dict[str, Any]:
        system = self.system()
        found = {one.what: one for one in system.examine([Source(**{**SOURCE, **more})])}
        system.close()
        return found


# -- what is taken ----------------------------------------------------------------------------------------------------


def test_reports_are_taken_in_the_order_they_came_each_a_file_of_its_own(mailbox):
    for days, content in ((1, b"a\nnew\n"), (8, b"a\nold\n"), (30.2, b"a\ntoo old\n")):
        mailbox.put(content, days=days)
    pulled = mailbox.pull()
    assert [path.read_bytes() for path in pulled.files] == [b"a\nold\n", b"a\nnew\n"]
    assert pulled.files[1].name.startswith("20260629T120000Z-")
    assert pulled.files[1].name.endswith("-Activities.csv")
    assert pulled.files[1].stat().st_mtime == datetime(2026, 6, 29, 12, tzinfo=UTC).timestamp()
    assert (pulled.pages, pulled.watermark, pulled.notes) == (2, "2026-06-29T12:00:00+00:00", ())


def test_no_news_hands_the_newest_on_as_it_was(mailbox):
    mailbox.put(days=8)
    mailbox.put(b"a\nnew\n")
    mailbox.pull()
    mailbox.now += timedelta(days=1)
    before = {path.name: path.stat().st_mtime_ns for path in mailbox.folder.rglob("*.csv")}
    again = mailbox.pull()
    assert again.files[-1].read_bytes() == b"a\nnew\n"
    assert {path.name: path.stat().st_mtime_ns for path in again.files} == before
    assert again.pages == 0


def test_files_stay_as_long_as_their_mails_are_looked_for_and_the_newest_for_ever(mailbox):
    for days in (20, 10):
        mailbox.put(f"a\n{days}\n".encode(), days=days)
    other = mailbox.folder / "handed_on.json"
    assert len(mailbox.pull().files) == 2
    other.write_text("{}")
    for later, left in ((11, 2), (13, 1), (60, 1)):
        mailbox.now = NOW + timedelta(days=later)
        assert len(mailbox.pull().files) == left
    assert mailbox.contents() == [b"a\n10\n"]
    assert other.exists(), "what others keep there is theirs"


def test_the_same_report_once_more_is_news(mailbox):
    mailbox.put(days=8)
    first = mailbox.pull().files
    mailbox.put(days=1)
    second = mailbox.pull().files
    assert len(second) == 2
    assert second[1].read_bytes() == first[0].read_bytes()
    assert second[1].stat().st_mtime_ns > first[0].stat().st_mtime_ns


def test_a_mail_under_another_number_is_taken_once(mailbox):
    mailbox.put(message_id="<one@example.com>", days=2)
    mailbox.put(message_id="<two@example.com>", days=1)
    before = mailbox.pull().files
    # A copy in the same folder, then the folder anew: other numbers, another UIDVALIDITY.
    mailbox.put(message_id="<two@example.com>", days=1)
    assert mailbox.pull().files == before
    mailbox.server.take_away(mailbox.name)
    mailbox.put(message_id="<one@example.com>", days=2)
    mailbox.put(message_id="<two@example.com>", days=1)
    again = mailbox.pull()
    assert (again.files, again.pages, again.notes) == (before, 0, ())
    mailbox.server.take_away(mailbox.name)
    mailbox.put(b"a\nnew\n", days=0.5)
    assert mailbox.contents()[-1] == b"a\nnew\n", "its number is one that another mail had"


def test_a_mail_without_an_id_is_known_by_when_it_came(mailbox):
    mailbox.raw(_mail(_part(NAMED, CSV)))
    before = mailbox.pull().files
    mailbox.server.take_away(mailbox.name)
    mailbox.raw(_mail(_part(NAMED, CSV)))
    again = mailbox.pull()
    assert (again.files, again.pages) == (before, 0)


def test_what_comes_late_never_stands_in_the_place_of_newer_facts(mailbox):
    mailbox.put(b"a\nnew\n", days=1)
    before = mailbox.pull().files
    mailbox.put(b"a\nold\n", days=3)
    late = mailbox.pull()
    assert late.files == before
    assert "came to the folder after a newer one" in late.notes[0]
    assert mailbox.pull().notes == (), "told once"


def test_nothing_on_the_server_changes_and_no_text_is_kept(mailbox):
    mailbox.put()
    before = mailbox.server.flags(mailbox.name)
    with proxy(mailbox.server.port) as between:
        mailbox.settings["port"] = between.port
        mailbox.pull()
        said = bytes(between.passed)
    assert b" EXAMINE " in said
    assert b" SELECT " not in said
    assert mailbox.server.flags(mailbox.name) == before
    assert b"Seen" not in before
    kept = b"".join(path.read_bytes() for path in mailbox.folder.rglob("*") if path.is_file())
    for word in (b"confidential", b"Weekly", b"reports@", b"@example.com"):
        assert word not in kept


@pytest.mark.parametrize(
    ("wanted", "mail", "is_taken"),
    [
        ({"sender": "Reports@Example.com"}, {}, True),
        ({"sender": "reports@example.com"}, {"sender": '"reports@example.com" <evil@example.org>'}, False),
        (
            {"sender": "reports@example.com"},
            {"sender": "=?utf-8?q?reports=40example=2Ecom?= <evil@example.org>"},
            False,
        ),
        ({"sender": "reports@example.com"}, {"sender": "xreports@example.com"}, False),
        ({"subject": "weekly  ACTIVITIES"}, {"subject": "Re: Weekly activities (EMEA)"}, True),
        ({"subject": "Wöchentlich"}, {"subject": "=?iso-8859-1?Q?W=F6chentlich?="}, True),
        ({"subject": "Weekly"}, {"subject": "=?utf-8?B?V2Vla2x5?="}, True),
        ({"subject": "Weekly"}, {"subject": "Monthly"}, False),
        ({"attachment": "activities.CSV"}, {}, True),
        ({"attachment": "Aktivitäten*.csv"}, {"name": "Aktivitäten 30.06.csv"}, True),
        ({"attachment": "Activities.csv"}, {"name": "Activities.csv.exe"}, False),
        ({"attachment": "*.csv"}, {"name": None}, False),
    ],
)
def test_a_mail_is_the_sources_when_all_that_is_asked_for_holds(mailbox, wanted, mail, is_taken):
    mailbox.put(**{"name": "Activities.csv", **mail})
    if is_taken:
        assert mailbox.contents(**wanted) == [CSV]
        return
    with pytest.raises(SourceError, match="no mail of the last 30 days has what mail asks for"):
        mailbox.pull(**wanted)


def test_two_sources_of_one_mailbox_take_each_their_own(mailbox, tmp_path):
    mailbox.put()
    mailbox.put(b"x", "Accounts.csv")
    assert mailbox.contents() == [CSV]
    mailbox.folder = tmp_path / "other"
    assert mailbox.contents(attachment="Accounts*.csv") == [b"x"]


def test_when_something_else_is_asked_for_what_was_taken_is_no_more(mailbox):
    mailbox.put(days=2)
    mailbox.put(b"x", "Accounts.csv", days=3)
    assert mailbox.contents() == [CSV]
    assert mailbox.contents(attachment="Accounts*.csv") == [b"x"]
    assert len(list((mailbox.folder / "reports").iterdir())) == 1


def test_more_mails_than_are_asked_for_at_once(mailbox, monkeypatch):
    monkeypatch.setattr("orchestration.systems.inbox.system._MAILS_AT_ONCE", 2)
    for day in range(1, 6):
        mailbox.put(f"a\n{day}\n".encode(), days=day)
    assert mailbox.contents() == [f"a\n{day}\n".encode() for day in (5, 4, 3, 2, 1)]


# -- how attachments are sent -----------------------------------------------------------------------------------------


def _mail(*parts: bytes, kind: bytes = b"mixed") -> bytes:
    """A mail as bytes of a test's choice."""
    body = b"".join(b"--B\r\n" + part + b"\r\n" for part in parts) + b"--B--\r\n"
    head = b'From: reports@example.com\r\nSubject: s\r\nContent-Type: multipart/%s; boundary="B"\r\n\r\n' % kind
    return head + body


def _part(disposition: bytes, body: bytes, encoding: bytes = b"7bit", kind: bytes = b"text/csv") -> bytes:
    head = b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: " + encoding
    return head + b"\r\nContent-Disposition: " + disposition + b"\r\n\r\n" + body


NAMED = b'attachment; filename="Activities.csv"'


@pytest.mark.parametrize(
    ("part", "content"),
    [
        (_part(NAMED, b"a,b\r\n1,2"), b"a,b\r\n1,2"),
        (_part(NAMED, b"a=2Cb=\r\n=0A1", b"quoted-printable"), b"a,b\n1"),
        (_part(NAMED, base64.encodebytes(CSV), b"BASE64"), CSV),
        (_part(NAMED, base64.b64encode(CSV), b"base64"), CSV),
        (_part(NAMED, "ä;ö".encode("latin-1"), b"8bit"), "ä;ö".encode("latin-1")),
        (_part(b"inline; filename=Activities.csv", b"a"), b"a"),
        (_part(b"attachment; filename*=utf-8''Activities%20%C3%A4.csv", b"a"), b"a"),
        (_part(b"attachment; filename*0=Acti; filename*1=vities.csv", b"a"), b"a"),
        (_part(b"attachment; filename*0*=utf-8''Act; filename*1*=ivities.csv", b"a"), b"a"),
        (_part(b'attachment; filename="=?utf-8?B?QWN0aXZpdGllcy5jc3Y=?="', b"a"), b"a"),
        (_part(b"attachment", b"a", kind=b'text/csv; name="Activities.csv"'), b"a"),
    ],
)
def test_however_an_attachment_is_sent_its_bytes_are_what_they_were(mailbox, part, content):
    mailbox.raw(_mail(part))
    assert [found.rstrip(b"\r\n") for found in mailbox.contents()] == [content.rstrip()]


def test_attachments_within_other_parts_and_within_forwarded_mails(mailbox):
    nested = _mail(
        b"Content-Type: text/plain\r\n\r\nhello", _part(b"attachment; filename=x.png", b"png"), kind=b"alternative"
    )
    nested = nested.partition(b"Subject: s\r\n")[2].replace(b"--B", b"--D").replace(b'"B"', b'"D"')
    mailbox.raw(_mail(nested, _part(NAMED, b"second part")), days=3)
    alone = b"From: a@b\r\nContent-Type: text/csv\r\nContent-Disposition: " + NAMED + b"\r\n\r\nalone"
    mailbox.raw(_mail(b"Content-Type: message/rfc822\r\n\r\n" + alone), days=1)
    mailbox.raw(alone, days=0.5)
    assert [content.strip() for content in mailbox.contents()] == [b"second part", b"alone", b"alone"]


def test_parts_are_numbered_as_the_standard_has_them():
    # The example of RFC 3501, 6.4.5, each leaf with its number as its name.
    def leaf(number: str) -> str:
        return f'("text" "csv" ("name" "{number}") NIL NIL "7bit" 9 1)'

    def message(number: str, body: str) -> str:
        return f'("message" "rfc822" ("name" "{number}") NIL NIL "7bit" 9 NIL {body} 1)'

    third = message("3", f'({leaf("3.1")} {leaf("3.2")} "mixed")')
    fourth = f'({leaf("4.1")} {message("4.2", leaf("4.2.1"))} ({leaf("4.3.1")} "alternative") "mixed")'
    whole = f'({leaf("1")} {leaf("2")} {third} {fourth} "mixed")'
    text = f'1 (UID 7 INTERNALDATE "29-Jun-2026 12:00:00 +0000" BODYSTRUCTURE {whole})'
    parts = answers.mail(answers.messages([text.encode()])[0]).parts
    assert [part.number for part in parts] == [part.name for part in parts]
    assert len(parts) == 9


def test_a_large_attachment_comes_in_pieces(mailbox, monkeypatch):
    monkeypatch.setattr("orchestration.systems.inbox.session._PIECE_BYTES", 10_000)
    content = b"a,b\n" + os.urandom(30_000).hex().encode()
    mailbox.put(content)
    assert mailbox.contents() == [content]


# -- what strangers send ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../../etc/Activities.csv", "Activities.csv"),
        ("C:\\Windows\\Activities.csv", "Activities.csv"),
        ("Activities\u202evsc.csv", "Activitiesvsc.csv"),
        ("Activities [x]*?{y}.csv", "Activities_x_y_.csv"),
        ("Activities " + "a" * 400 + ".csv", "a" * 56 + ".csv"),
        ("Activities ünï.csv", "Activities_u_ni_.csv"),
        ("Activities;rm -rf $(HOME).csv", "Activities_rm_-rf_HOME_.csv"),
        ("Activities\x00.csv", "Activities.csv"),
    ],
)
def test_a_file_name_is_never_more_than_a_name(mailbox, name, kept):
    part = b"attachment; filename*=utf-8''" + "".join(f"%{byte:02X}" for byte in name.encode()).encode()
    mailbox.raw(_mail(_part(part, b"a")))
    files = mailbox.pull().files
    assert [path.name.split("-", 2)[2] for path in files] == [kept]
    assert files[0].parent.parent == mailbox.folder / "reports"
    assert len(list(mailbox.folder.parent.rglob("*.csv"))) == 1


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (_part(NAMED, b"YQ=\r\n" + b"Y" * 9, b"base64"), None),
        (_part(NAMED, b"YWJjZ", b"base64"), "is damaged"),
        (_part(NAMED, b"", b"base64"), "is empty"),
        (_part(NAMED, b"x", b"x-uuencode"), "encoded in a way"),
        (_part(NAMED, base64.b64encode(b"PK\x03\x04" + b"\0" * 99), b"base64"), "workbook or a ZIP"),
        (_part(NAMED, b"x" * 2_000), "larger than 1,000 bytes"),
        (_part(NAMED, base64.encodebytes(b"x" * 1_001), b"base64"), "larger than 1,000 bytes"),
        (_part(NAMED, b"a") + b"\r\n--B\r\n" + _part(NAMED, b"b"), "2 attachments that match"),
    ],
)
def test_what_can_not_be_used_is_refused_and_told_and_stops_nothing(mailbox, part, told):
    mailbox.settings["most_bytes"] = 1_000
    mailbox.put(b"good", days=5)
    mailbox.raw(_mail(part), days=3)
    for _ in range(2):
        pulled = mailbox.pull()
        if told is None:
            assert len(pulled.files) == 2
            continue
        assert [path.read_bytes() for path in pulled.files] == [b"good"]
        assert told in pulled.notes[0]
        assert "2026-06-27" in pulled.notes[0]
    mailbox.put(b"good again", days=1)
    assert mailbox.pull().notes == (), "of the past, once a newer one came"
    assert not list(mailbox.folder.rglob(".tmp-*"))


def test_what_is_too_large_is_not_fetched(mailbox):
    mailbox.settings["most_bytes"] = 1_000
    mailbox.put(b"x" * 300_000)
    came: list[int] = []
    with proxy(mailbox.server.port) as between:
        between.on_answer = came.append
        mailbox.settings["port"] = between.port
        with pytest.raises(SourceError, match="larger than 1,000 bytes"):
            mailbox.pull()
    assert max(came) < 100_000


@pytest.mark.parametrize(
    "mail",
    [
        b"\r\n\r\n",
        b"no header at all",
        b"From: a@b\r\nContent-Type: multipart/mixed\r\n\r\n--x\r\n",
        b'From: a@b\r\nContent-Type: multipart/mixed; boundary="B"\r\n\r\n--B\r\nContent-Type: text/csv; name="Acti',
        b"From: a@b\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: message/rfc822\r\n\r\n",
        b"From: " + b"\xff\xfe" * 50 + b"\r\nSubject: =?utf-8?B?!!!?= =?no-such?Q?x?=\r\n\r\nx",
        b"From: a@b\r\nSubject: " + b"x" * 100_000 + b"\r\n\r\nx",
        _mail(_part(b"attachment; filename*=no-such''%FF", b"x"), _part(b"attachment; filename*=broken", b"x")),
        _mail(_part(b'attachment; filename="a\\"b{5}(c)[d]"', b"x")),
    ],
)
def test_mails_that_make_no_sense_are_no_matter(mailbox, mail):
    mailbox.raw(mail, days=3)
    mailbox.put()
    assert mailbox.contents() == [CSV]


def test_parts_within_parts_without_end(mailbox):
    deep = b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n'
    mailbox.raw(b"From: a@b\r\n" + b"".join(deep % (level, level) for level in range(60)) + b"x", days=3)
    mailbox.put()
    assert mailbox.contents() == [CSV]
    text = b'1 (UID 7 INTERNALDATE "29-Jun-2026 12:00:00 +0000" BODYSTRUCTURE ' + b"(" * 50_000 + b")" * 50_000 + b")"
    assert answers.mail(answers.messages([text])[0]).parts == ()


# -- what breaks off --------------------------------------------------------------------------------------------------


def test_of_several_files_those_after_the_last_that_landed_are_waiting():
    files = [Path(name) for name in ("1", "2", "3")]
    cases = {
        (): ["1", "2", "3"],
        ("1",): ["2", "3"],
        ("2",): ["3"],
        ("1", "2", "3"): ["3"],
        ("other",): ["1", "2", "3"],
    }
    for landed, left in cases.items():
        assert [path.name for path in waiting(files, landed)] == left
    assert waiting([], ["1"]) == ()


def test_a_pull_that_was_killed_is_gone_on_with(mailbox, monkeypatch):
    for days in (3, 2, 1):
        mailbox.put(f"a\n{days}\n".encode(), days=days)
    from orchestration.systems.inbox.taken import Taken

    note, noted = Taken.note, []

    def killed(self: Taken, *given: Any, **more: Any) -> None:
        if noted:
            raise KeyboardInterrupt
        noted.append(given)
        note(self, *given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Taken, "note", killed)
        with pytest.raises(KeyboardInterrupt):
            mailbox.pull()
    half = mailbox.folder / "reports" / ".tmp-9.csv"
    half.write_bytes(b"half")
    assert len(list((mailbox.folder / "reports").glob("2*/2*.csv"))) == 2, "one is there and not noted"
    assert mailbox.contents() == [b"a\n3\n", b"a\n2\n", b"a\n1\n"]
    assert not half.exists()


@pytest.mark.parametrize("after", [0, 60, 900, 20_000, 50_000])
def test_a_connection_that_breaks_off_is_made_again(mailbox, after, monkeypatch):
    monkeypatch.setattr("orchestration.systems.inbox.session._PIECE_BYTES", 10_000)
    content = b"a\n" + b"x" * 60_000
    mailbox.put(content)
    with proxy(mailbox.server.port) as between:
        between.cuts = [after]
        mailbox.settings["port"] = between.port
        assert mailbox.contents() == [content]
        assert between.connections == 2
    assert mailbox.waited == [1.0]


def test_a_server_that_always_breaks_off_is_given_up_and_what_was_stays(mailbox):
    mailbox.put(days=2)
    before = mailbox.pull().files
    mailbox.put(b"a\n" + b"x" * 80_000)
    with proxy(mailbox.server.port) as between:
        between.cuts = [50_000] * 9
        mailbox.settings["port"] = between.port
        with pytest.raises(SourceError, match=r"(broke off|no connection).*3 attempts"):
            mailbox.pull()
    assert mailbox.waited == [1.0, 2.0]
    mailbox.settings["port"] = mailbox.server.port
    assert mailbox.pull().files[0] == before[0]


def test_a_server_that_is_silent_or_gone_is_given_up_in_time(mailbox):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mailbox.settings["port"] = silent.getsockname()[1]
        system = mailbox.system()
        system._session._timeout = 0.1
        with pytest.raises(SourceError, match=r"didn't answer in time.*3 attempts"):
            system._patience.persist(system._session.open)
    with pytest.raises(SourceError, match="no connection: Connection refused"):
        mailbox.pull()
    with pytest.raises(SourceError, match="taken as long as it may"):
        mailbox.pull(deadline=time.monotonic() - 1)


# -- the way there ----------------------------------------------------------------------------------------------------


def test_tls_from_the_beginning_with_an_authority_of_ones_own(mailbox, certificate, monkeypatch):
    mailbox.put()
    with proxy(mailbox.server.port, certificate) as between:
        mailbox.settings |= {"port": between.port, "security": "tls"}
        with pytest.raises(SourceError, match=r"certificate isn't trusted.*SSL_CERT_FILE"):
            mailbox.pull()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert mailbox.contents() == [CSV]
        mailbox.settings["host"] = "localhost"
        with pytest.raises(SourceError, match="certificate isn't trusted: Hostname mismatch"):
            mailbox.pull()


def test_tls_after_the_greeting(mailbox, certificate, monkeypatch):
    with mail_server(certificate) as server:
        mailbox.server = server
        mailbox.settings |= {"port": server.port, "security": "starttls"}
        mailbox.put()
        with pytest.raises(SourceError, match="certificate isn't trusted"):
            mailbox.pull()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert mailbox.contents() == [CSV]


def test_a_password_goes_nowhere_unsecured(mailbox):
    mailbox.settings |= {"security": "starttls"}
    with proxy(mailbox.server.port) as between:
        mailbox.settings["port"] = between.port
        with pytest.raises(SourceError, match="offers no TLS"):
            mailbox.pull()
        assert b"AUTH" not in bytes(between.passed).upper()
    mailbox.settings |= {"security": "none", "host": "mail.example.com"}
    with pytest.raises(SourceError, match="for everyone to read"):
        mailbox.pull()


@pytest.mark.parametrize(
    ("capabilities", "said", "told"),
    [
        ("IMAP4rev1 LOGINDISABLED", None, "takes no password on this way"),
        ("IMAP4rev1", b'LOGIN "reports@example.com" "p\\"assword"', "sign-in was refused"),
    ],
)
def test_servers_that_sign_in_another_way(mailbox, capabilities, said, told):
    heard: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client, client.makefile("rwb") as stream:
            stream.write(f"* OK [CAPABILITY {capabilities}] hello\r\n".encode())
            stream.flush()
            for line in stream:
                tag, _, command = line.strip().partition(b" ")
                heard.append(command)
                known = command in (b"CAPABILITY", b"LOGOUT")
                stream.write(f"* CAPABILITY {capabilities}\r\n".encode() if command == b"CAPABILITY" else b"")
                stream.write(tag + (b" OK done\r\n" if known else b" NO not you\r\n"))
                stream.flush()

    mailbox.password = 'p"assword'  # noqa: S105
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        mailbox.settings["port"] = listener.getsockname()[1]
        with pytest.raises(SourceError, match=told):
            mailbox.pull()
        thread.join(5)
    assert said is None or said in heard


def test_who_is_refused_learns_why_and_never_the_password(mailbox):
    mailbox.password = "wrong Secret"  # noqa: S105
    with pytest.raises(SourceError, match="sign-in was refused") as error:
        mailbox.pull()
    assert "Secret" not in str(error.value)
    assert mailbox.waited == [], "it isn't tried again: accounts get locked"
    found = mailbox.examine()
    assert [(name, one.is_ok) for name, one in found.items()] == [("sign-in", False)]


@pytest.mark.parametrize("folder", ["Entwürfe & 日本/Berichte", 'with "quotes"'])
def test_any_folder_name_and_one_that_is_not_there(mailbox, folder):
    mailbox.settings["folder"] = folder
    with pytest.raises(SourceError, match="the folder can't be opened"):
        mailbox.pull()
    written = {"Entwürfe & 日本/Berichte": "Entw&APw-rfe &- &ZeVnLA-/Berichte", 'with "quotes"': 'with \\"quotes\\"'}
    mailbox.name = written[folder]
    mailbox.put()
    assert mailbox.contents() == [CSV]


# -- doctor -----------------------------------------------------------------------------------------------------------


def test_doctor_tells_how_many_mails_fit(mailbox):
    mailbox.put(days=1)
    mailbox.put(days=2)
    found = mailbox.examine()
    assert all(one.is_ok for one in found.values())
    assert found["mail"].words.startswith("2 mails of the last 30 days")
    found = mailbox.examine(subject="Monthly")
    assert "check attachment, subject and sender" in found["mail"].mend
