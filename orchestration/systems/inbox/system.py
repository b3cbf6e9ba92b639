"""One mailbox: the attachments that a source is made of, each a file of its own, each taken once.

A mail that can't be used (too large, damaged, several attachments that match) is refused for good and told with every
pull until a newer one is taken: whoever can write to the mailbox must not be able to stop it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestration.policy.sources import Source
from orchestration.policy.systems import Calling, Inbox
from orchestration.publishing import durable
from orchestration.sources.errors import SourceError
from orchestration.systems.base import Context, Found, Pulled
from orchestration.systems.inbox import answers
from orchestration.systems.inbox.answers import Mail, Part
from orchestration.systems.inbox.decoding import DamagedError, decode
from orchestration.systems.inbox.session import Session, UnreadableError
from orchestration.systems.inbox.taken import Taken, file_name, stamp_of
from orchestration.systems.patience import PassingError, Patience
from orchestration.systems.store import RecordStore

_MAILS_AT_ONCE = 100
# Base64 with its line ends, and what servers count beside it.
_SENT_LARGER, _SENT_BESIDE = 1.4, 4_096


class InboxSystem:
    """A mailbox by IMAP; the secret is its password. `deadline`: of time.monotonic()."""

    def __init__(
        self,
        name: str,
        policy: Inbox,
        secret: str,
        calling: Calling,
        deadline: float | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.name = name
        self._policy = policy
        self._now = now
        self._session = Session(name, policy, secret, calling.timeout_seconds)
        self._patience = Patience(name, calling, deadline)

    def pull(self, source: Source, store: RecordStore, context: Context) -> Pulled:
        """Take what is new; raises SourceError, also where nothing was ever found."""
        now = context.now()
        taken = Taken.of(store.folder, self._request(source))
        taken.reports.mkdir(parents=True, exist_ok=True)
        before = set(taken.attachments)
        oldest = now - timedelta(days=self._policy.since_days)
        found = self._patience.persist(lambda: self._bring(source, taken, oldest))
        new = [each for each in taken.attachments if each not in before]
        taken.tidy(oldest, found)
        if not taken.files:
            raise self._nothing_found(source, taken)
        return Pulled(
            source.name,
            source.stream,
            taken.files,
            pages=sum(bool(each.file) for each in new),
            calls=len(found),
            watermark=taken.newest,
            notes=tuple(dict.fromkeys([each.refused for each in new if each.refused] + taken.refused)),
        )

    def examine(self, sources: Sequence[Source]) -> Iterator[Found]:
        """Sign in, open the folder, and look for a mail for every source."""
        try:
            self._opened()
        except SourceError as error:
            yield Found(error.place or "connection", error.message, mend=error.action or error.expected)
            return
        yield Found("sign-in", f"the server lets {self._policy.user} read {self._policy.folder}")
        oldest = self._now() - timedelta(days=self._policy.since_days)
        for source in sources:
            try:
                fitting = [
                    mail for mail in self._mails(self._search(source, oldest)) if self._fits(mail, source, oldest)
                ]
            except (PassingError, SourceError) as error:
                told = error.error if isinstance(error, PassingError) else error
                yield Found(source.name, told.message, mend=told.action or "try again later")
                continue
            words = f"{len(fitting)} mails of the last {self._policy.since_days} days have {source.attachment}"
            mend = None if fitting else "check attachment, subject and sender of the source, and the folder's mails"
            yield Found(source.name, words, mend=mend)

    def close(self) -> None:
        """Sign out."""
        self._session.close()

    def _request(self, source: Source) -> list[str | None]:
        policy = self._policy
        wanted = [source.attachment, source.subject, source.sender]
        return [policy.host, policy.user, policy.folder, str(policy.most_bytes), *wanted]

    def _opened(self) -> None:
        try:
            self._session.open()
        except PassingError as failed:
            raise failed.error from None

    def _search(self, source: Source, oldest: datetime) -> list[int]:
        # A server counts days in its own zone.
        return self._session.search((oldest - timedelta(days=1)).date(), source.sender)

    def _bring(self, source: Source, taken: Taken, oldest: datetime) -> list[int]:
        """Take what is new, the oldest first; gives the numbers of all mails that may be asked for again."""
        self._session.open()
        taken.renumbered(self._session.validity)
        found = self._search(source, oldest)
        mails = self._mails([uid for uid in found if uid not in taken.looked_at], taken)
        fitting = sorted(
            (mail for mail in mails if self._fits(mail, source, oldest)), key=lambda mail: (mail.arrived, mail.uid)
        )
        taken.done({mail.uid for mail in mails} - {mail.uid for mail in fitting})
        for mail in fitting:
            self._patience.check_time()
            self._take(mail, source, taken)
        return found

    def _mails(self, uids: Sequence[int], taken: Taken | None = None) -> list[Mail]:
        """What is known of these mails; one that the server can't tell of is refused, not all beside it."""
        mails: list[Mail] = []
        waiting = [uids[begin : begin + _MAILS_AT_ONCE] for begin in range(0, len(uids), _MAILS_AT_ONCE)]
        while waiting:
            some = waiting.pop(0)
            try:
                mails += self._session.mails(some)
            except UnreadableError:
                # Perhaps in the middle of an answer.
                self._session.open()
                if len(some) > 1:
                    waiting[:0] = [some[: len(some) // 2], some[len(some) // 2 :]]
                elif taken is not None:
                    taken.done(some)
        return mails

    def _fits(self, mail: Mail, source: Source, oldest: datetime) -> bool:
        """Whether a mail is one of the source's; what the server found is only likely to be."""
        subject = " ".join((source.subject or "").split()).casefold()
        return (
            mail.arrived >= oldest
            and (source.sender is None or mail.senders == {source.sender.casefold()})
            and subject in mail.subject.casefold()
            and bool(_matching(mail, source))
        )

    def _take(self, mail: Mail, source: Source, taken: Taken) -> None:
        parts = _matching(mail, source)
        if stamp_of(mail) < taken.newest:
            # It would stand in the place of newer facts.
            if taken.knows(mail):
                taken.done([mail.uid])
            else:
                taken.note(mail, refused=f"{_named(mail, parts[0])} came to the folder after a newer one was taken")
            return
        if len(parts) > 1:
            told = f"the mail of {mail.arrived:%Y-%m-%d %H:%M} has {len(parts)} attachments that match"
            taken.note(mail, refused=f"{told}; expected: one, so name it more exactly in the source's attachment")
            return
        sent, draft = (taken.reports / f"{durable.TEMPORARY_PREFIX}{mail.uid}.{ending}" for ending in ("sent", "csv"))
        try:
            self._download(mail, parts[0], sent)
            sha256 = decode(sent, draft, parts[0].encoding, self._policy.most_bytes)
            self._keep(draft, mail, parts[0], sha256, taken)
        except DamagedError as error:
            taken.note(mail, refused=f"{_named(mail, parts[0])} {error}")
        except UnreadableError as error:
            taken.note(mail, refused=f"{_named(mail, parts[0])} isn't handed out by the server: {error}")
        finally:
            for path in (sent, draft):
                path.unlink(missing_ok=True)

    def _download(self, mail: Mail, part: Part, target: Path) -> None:
        most = int(self._policy.most_bytes * _SENT_LARGER) + _SENT_BESIDE
        too_large = DamagedError(f"is larger than {self._policy.most_bytes:,} bytes")
        # What the server says of its size, then what comes.
        if part.size > most:
            raise too_large
        size = 0
        with target.open("wb") as file:
            for piece in self._session.pieces(mail.uid, part.number):
                self._patience.check_time()
                size += len(piece)
                if size > most:
                    raise too_large
                file.write(piece)

    def _keep(self, draft: Path, mail: Mail, part: Part, sha256: str, taken: Taken) -> None:
        name = file_name(mail, part.name, sha256)
        if taken.has(mail, sha256):
            taken.done([mail.uid])
            return
        # The report's time is when it came: no news keeps it, the same news once more is newer.
        moment = int(mail.arrived.timestamp()) * 10**9
        os.utime(draft, ns=(moment, moment))
        taken.path(name).parent.mkdir(exist_ok=True)
        durable.move(draft, taken.path(name))
        taken.note(mail, sha256=sha256, file=name)

    def _nothing_found(self, source: Source, taken: Taken) -> SourceError:
        wanted = [f"an attachment {source.attachment}"]
        wanted += [f"a subject with {source.subject!r}"] if source.subject else []
        wanted += [f"the sender {source.sender}"] if source.sender else []
        refused = f" Refused: {'; '.join(taken.refused)}." if taken.refused else ""
        return SourceError(
            f"no mail of the last {self._policy.since_days} days has what {source.name} asks for.{refused}",
            file=self.name,
            place=self._policy.folder,
            expected=", ".join(wanted),
            action="check the report's subscription, the mailbox's rules, and the source in policies/sources.yaml",
        )


def _matching(mail: Mail, source: Source) -> list[Part]:
    return [part for part in mail.parts if answers.fits(part.name, source.attachment or "")]


def _named(mail: Mail, part: Part) -> str:
    return f"{answers.safe_name(part.name)} of {mail.arrived.astimezone(UTC):%Y-%m-%d %H:%M}"
