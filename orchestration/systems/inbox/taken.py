"""What was taken from a mailbox for one source, and what is still to be landed.

    pulled/<system>/<source>/taken.json     mails looked at, attachments taken or refused
    pulled/<system>/<source>/reports/20260503T143000Z-3f9a1c22b0de/20260503T143000Z-3f9a1c22b0de-Activities.csv
                                            each attachment, by arrival and content, alone in a folder

A file stays as long as its mail is looked for, the newest for ever, and is there before taken.json names it. Its name
is made of what it is, so taking it twice after a kill gives the same file, and what has landed is told by name. Of a
mail only its numbers, a hash of its Message-ID and the name of its attachment are kept.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestration.publishing import durable
from orchestration.sources.settings import digest
from orchestration.systems.inbox.answers import Mail, safe_name

_TAKEN, _REPORTS = "taken.json", "reports"
_SHORT = 12
_KEPT_LONGER = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Attachment:
    """One attachment that was taken, or refused and why. `arrived`: of its mail, in UTC."""

    mail: str
    arrived: str
    sha256: str = ""
    file: str = ""
    refused: str = ""


@dataclass
class Taken:
    """The ledger of one source. `looked_at`: mails by number, of the folder as `validity` names it."""

    folder: Path
    request: str
    validity: str = ""
    looked_at: set[int] = field(default_factory=set)
    attachments: list[Attachment] = field(default_factory=list)

    @classmethod
    def of(cls, folder: Path, request: object) -> Taken:
        """What was taken so far; nothing where something else was asked for."""
        wanted = digest(request)
        try:
            raw = json.loads((folder / _TAKEN).read_text(encoding="utf-8"))
            known = cls(
                folder,
                raw["request"],
                raw["validity"],
                set(raw["looked_at"]),
                [Attachment(**each) for each in raw["attachments"]],
            )
        except (OSError, ValueError, KeyError, TypeError):
            return cls(folder, wanted)
        return known if known.request == wanted else cls(folder, wanted)

    @property
    def reports(self) -> Path:
        """Where the files are."""
        return self.folder / _REPORTS

    def path(self, name: str) -> Path:
        """Where a file of that name is."""
        when, content, _ = name.split("-", 2)
        return self.reports / f"{when}-{content}" / name

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are there, the one that came last at the end."""
        names = [each.file for each in self._in_order() if each.file]
        return tuple(path for name in dict.fromkeys(names) if (path := self.path(name)).is_file())

    @property
    def newest(self) -> str:
        """When the newest that was taken arrived; empty where none was."""
        return max((each.arrived for each in self.attachments if each.file), default="")

    @property
    def refused(self) -> list[str]:
        """Why attachments were refused that are newer than what was taken."""
        return [each.refused for each in self._in_order() if each.refused and each.arrived >= self.newest]

    def knows(self, mail: Mail) -> bool:
        """Whether something was taken of this mail, perhaps under another number."""
        known = _mail_key(mail)
        return any(each.mail == known and each.file for each in self.attachments if known)

    def has(self, mail: Mail, sha256: str) -> bool:
        """Whether this content came with this mail before, perhaps under another number."""
        known = _mail_key(mail)
        return any((each.mail, each.sha256) == (known, sha256) for each in self.attachments if known)

    def note(self, mail: Mail, *, sha256: str = "", file: str = "", refused: str = "") -> None:
        """An attachment that was taken or refused."""
        noted = Attachment(_mail_key(mail), stamp_of(mail), sha256, file, refused)
        if noted not in self.attachments:
            self.attachments.append(noted)
        self.done([mail.uid])

    def done(self, uids: Collection[int]) -> None:
        """Mails that need not be looked at again."""
        self.looked_at |= set(uids)
        content = {
            "request": self.request,
            "validity": self.validity,
            "looked_at": sorted(self.looked_at),
            "attachments": [asdict(each) for each in self.attachments],
        }
        durable.replace_text(self.folder / _TAKEN, json.dumps(content))

    def renumbered(self, validity: str) -> None:
        """The folder as it is named now: when that changes, its numbers mean other mails."""
        if validity != self.validity:
            self.validity = validity
            self.looked_at = set()

    def tidy(self, oldest: datetime, found: Collection[int]) -> None:
        """Forget what is too old to be found again, all but the newest file, and remove files that nothing knows."""
        newest = {path.name for path in self.files[-1:]}
        limit = (oldest.astimezone(UTC) - _KEPT_LONGER).isoformat()
        self.attachments = [each for each in self.attachments if each.arrived >= limit or each.file in newest]
        self.looked_at &= set(found)
        self.done([])
        known = {path.parent for path in self.files}
        for path in self.reports.iterdir():
            if path.is_file():
                path.unlink()
            elif path not in known:
                shutil.rmtree(path)

    def _in_order(self) -> list[Attachment]:
        return sorted(self.attachments, key=lambda each: each.arrived)


def stamp_of(mail: Mail) -> str:
    """When a mail arrived, as text that orders."""
    return mail.arrived.astimezone(UTC).isoformat()


def file_name(mail: Mail, name: str, sha256: str) -> str:
    """What the file of an attachment is called."""
    return f"{mail.arrived.astimezone(UTC):%Y%m%dT%H%M%SZ}-{sha256[:_SHORT]}-{safe_name(name)}"


def waiting(files: Sequence[Path], landed: Collection[str]) -> tuple[Path, ...]:
    """Of the files of a pull those that are to be read, in order: all that came after the last one that has landed; the
    newest alone where all have, so that it is read again when the way of reading it changed.

    `landed`: names of the files of the source's extractions. One that said what the one before it said has none.
    """
    last = max((position for position, path in enumerate(files) if path.name in landed), default=-1)
    return tuple(files[last + 1 :]) or tuple(files[-1:])


def _mail_key(mail: Mail) -> str:
    return digest(mail.message_id)[:_SHORT] if mail.message_id else ""
