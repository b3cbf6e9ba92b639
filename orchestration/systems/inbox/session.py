"""A session with a mail server that only looks: the folder is opened for reading, and nothing is marked as seen."""

from __future__ import annotations

import base64
import imaplib
import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from typing import Any

from orchestration.loopback import is_loopback
from orchestration.policy.systems import Inbox
from orchestration.sources.errors import SourceError
from orchestration.systems.inbox import answers
from orchestration.systems.patience import PassingError

# RFC 3501 has them in English.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PIECE_BYTES = 1 << 20
_LONGEST_TOLD = 200
_WANTED = "(UID INTERNALDATE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (FROM SUBJECT MESSAGE-ID)])"


class UnreadableError(Exception):
    """The server refuses to tell of a mail, or tells it in a way that can't be read."""


class Session:
    """One session with one mailbox. Raises SourceError, and PassingError for what another attempt may mend."""

    def __init__(self, name: str, policy: Inbox, password: str, timeout_seconds: float) -> None:
        self.name = name
        self.validity = ""
        self._policy = policy
        self._password = password
        self._timeout = timeout_seconds
        self._server: imaplib.IMAP4 | None = None

    def open(self) -> None:
        """Connect, sign in, and open the folder for reading."""
        policy = self._policy
        self.close()
        if policy.security == "none" and not is_loopback(policy.host):
            raise self._error(
                "the password would go there for everyone to read.",
                expected="security tls or starttls; none is for a server on this machine",
                action="set security in policies/systems.yaml",
            )
        with self._told("connection"):
            self._server = self._connected()
        with self._told("sign-in"):
            self._sign_in(self._server)
        with self._told(policy.folder):
            status, told = self._server.select(_quoted(_utf7(policy.folder)), readonly=True)
            if status != "OK":
                raise self._error(f"the folder can't be opened: {_words(told)}.", place=policy.folder)
            self.validity = _words(self._server.response("UIDVALIDITY")[1])

    def close(self) -> None:
        """Sign out."""
        if self._server is not None:
            with suppress(OSError, imaplib.IMAP4.error):
                self._server.logout()
            self._server = None

    def search(self, since: date, sender: str | None) -> list[int]:
        """The numbers of mails that came on or after a day, perhaps of one sender."""
        wanted = ["SINCE", f"{since.day:02d}-{_MONTHS[since.month - 1]}-{since.year}"]
        # Only a part of what is looked for: what servers make of encoded headers differs.
        if sender and sender.isascii():
            wanted += ["FROM", _quoted(sender)]
        with self._told(self._policy.folder):
            status, data = self._opened.uid("SEARCH", *wanted)
            if status != "OK":
                raise self._error(f"the folder can't be searched: {_words(data)}.", place=self._policy.folder)
            return sorted({int(uid) for piece in data if piece for uid in piece.split() if uid.isdigit()})

    def mails(self, uids: Sequence[int]) -> list[answers.Mail]:
        """What the headers of some mails say; raises UnreadableError where they can't be had."""
        with self._told(self._policy.folder):
            try:
                status, data = self._opened.uid("FETCH", ",".join(map(str, uids)), _WANTED)
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error as error:
                raise UnreadableError(self._scrubbed(str(error))) from None
            if status != "OK":
                raise UnreadableError(_words(data))
            found = [answers.mail(items) for items in answers.messages([piece for piece in data if piece])]
        return [mail for mail in found if mail is not None and mail.uid in uids]

    def pieces(self, uid: int, part: str) -> Iterator[bytes]:
        """An attachment as it is encoded, piece by piece."""
        begin = 0
        while True:
            with self._told(f"mail {uid}"):
                status, data = self._opened.uid("FETCH", str(uid), f"(BODY.PEEK[{part}]<{begin}.{_PIECE_BYTES}>)")
                if status != "OK":
                    raise UnreadableError(_words(data))
                found = answers.messages([piece for piece in data if piece])
            pieces = [
                value for items in found for name, value in items.items() if name.startswith(f"BODY[{part.upper()}]")
            ]
            if not pieces or not isinstance(pieces[0], bytes):
                return
            yield pieces[0]
            begin += len(pieces[0])
            if len(pieces[0]) < _PIECE_BYTES:
                return

    @property
    def _opened(self) -> imaplib.IMAP4:
        assert self._server is not None  # noqa: S101 -- open() comes first
        return self._server

    def _connected(self) -> imaplib.IMAP4:
        policy = self._policy
        if policy.security == "tls":
            context = ssl.create_default_context()
            return imaplib.IMAP4_SSL(policy.host, policy.port, ssl_context=context, timeout=self._timeout)
        server = imaplib.IMAP4(policy.host, policy.port, timeout=self._timeout)
        if policy.security == "starttls":
            if "STARTTLS" not in server.capabilities:
                raise self._error("the server offers no TLS on this port.", expected="STARTTLS", action="use tls")
            server.starttls(ssl.create_default_context())
        return server

    def _sign_in(self, server: imaplib.IMAP4) -> None:
        user, password = self._policy.user, self._password
        try:
            if "AUTH=PLAIN" in server.capabilities:
                server.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
            elif "LOGINDISABLED" in server.capabilities:
                raise self._error(
                    "the server takes no password on this way.", place="sign-in", action="use tls or starttls"
                )
            else:
                server.login(_quoted(user), password)
        except imaplib.IMAP4.abort:
            raise
        except (imaplib.IMAP4.error, UnicodeError) as error:
            raise self._error(
                f"the sign-in was refused: {self._scrubbed(str(error))}.",
                place="sign-in",
                action="check the user, the secret, and that the mailbox may be read over IMAP with a password",
            ) from None

    @contextmanager
    def _told(self, place: str) -> Iterator[None]:
        try:
            yield
        except ssl.SSLCertVerificationError as error:
            raise self._error(
                f"the server's certificate isn't trusted: {error.verify_message}.",
                place=place,
                action="name the authority's certificate in SSL_CERT_FILE, or the host as the certificate has it",
            ) from None
        except imaplib.IMAP4.abort as error:
            raise PassingError(
                self._error(f"the connection broke off: {self._scrubbed(str(error))}.", place=place)
            ) from None
        except OSError as error:
            raise PassingError(self._error(f"no connection: {_reason(error)}.", place=place)) from None
        except imaplib.IMAP4.error as error:
            raise self._error(f"the server refuses: {self._scrubbed(str(error))}.", place=place) from None

    def _error(self, message: str, **more: str) -> SourceError:
        return SourceError(message, file=self.name, **more)

    def _scrubbed(self, words: str) -> str:
        for secret in (self._password, base64.b64encode(self._password.encode()).decode()):
            words = words.replace(secret, "…") if secret else words
        return " ".join(words.split())[:_LONGEST_TOLD].rstrip(".")


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "it didn't answer in time"
    return error.strerror or type(error).__name__


def _words(data: Any) -> str:
    pieces = [piece.decode("utf-8", "replace") for piece in data or [] if isinstance(piece, bytes)]
    return " ".join(" ".join(pieces).split())[:_LONGEST_TOLD].rstrip(".")


def _quoted(text: str) -> str:
    """A string of the protocol; line ends would be commands of their own."""
    plain = re.sub(r"[\r\n\0]", " ", text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _utf7(text: str) -> str:
    """A folder's name as IMAP writes it."""

    def encoded(found: re.Match[str]) -> str:
        return "&" + base64.b64encode(found[0].encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"

    return re.sub(r"[^\x20-\x7e]+", encoded, text.replace("&", "&-"))
