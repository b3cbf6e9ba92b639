"""One query of an org: its text, the conditions it has, and what a journal holds of its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from orchestration.systems.http import ApiError
from orchestration.systems.salesforce import pages
from orchestration.systems.salesforce.describe import Field, Object
from orchestration.systems.store import Journal

STAMP = "SystemModstamp"


class AnewError(ApiError):
    """What was fetched can't be gone on with; asking anew may help."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query: an object, its fields (the id first), and conditions that all hold."""

    object: Object
    fields: tuple[Field, ...]
    where: tuple[str, ...] = ()

    @property
    def has_stamp(self) -> bool:
        return self.object.has(STAMP)

    def counting(self) -> str:
        return _soql("COUNT()", self.object.name, self.where)

    def text(self, *, ordered: bool) -> str:
        """`ordered`: by stamp, as pages should be. A bulk job that has to order is slower, and may time out."""
        fields = ", ".join(field.path for field in self.fields)
        return _soql(
            fields, self.object.name, self.where, f"ORDER BY {STAMP}, Id" if ordered and self.has_stamp else ""
        )


class Part:
    """What a journal holds of one of several queries: its pages, by `kind`, and where it is."""

    def __init__(self, journal: Journal, kind: str) -> None:
        self.journal = journal
        self.kind = kind

    @property
    def at(self) -> Mapping[str, Any]:
        return self.journal.position.get(self.kind, {})

    @property
    def pages(self) -> tuple[Path, ...]:
        return self.journal.pages_of(self.kind)

    @property
    def is_done(self) -> bool:
        return bool(self.at.get("done"))

    def note(self, **more: Any) -> None:
        """Go on from here; what isn't told stays."""
        self.journal.note(self._position(more))

    def add(self, page: Path, **more: Any) -> None:
        self.journal.add(page, self._position(more))

    def add_records(self, records: Sequence[Any], **more: Any) -> None:
        """A page of records as an answer has them; none without any."""
        if not records:
            self.note(**more)
            return
        page = self.next_page("jsonl")
        pages.write_lines(page, records)
        self.add(page, **more)

    def next_page(self, ending: str) -> Path:
        return self.journal.next_page(ending, self.kind)

    def begin_again(self) -> None:
        """Forget what was fetched."""
        left = {kind: at for kind, at in self.journal.position.items() if kind != self.kind}
        self.journal.drop_pages(left, self.kind)

    def _position(self, more: Mapping[str, Any]) -> dict[str, Any]:
        return {**self.journal.position, self.kind: {**self.at, **more}}


def _soql(what: str, name: str, where: Sequence[str], order: str = "") -> str:
    conditions = " AND ".join(f"({one})" for one in where)
    parts = ("SELECT", what, "FROM", name, "WHERE" if conditions else "", conditions, order)
    return " ".join(part for part in parts if part)


def since(watermark: str | None, minutes: int) -> str | None:
    """The condition for what changed since `minutes` before a stamp; None without one: everything."""
    if watermark is None:
        return None
    at = datetime.fromisoformat(watermark) - timedelta(minutes=minutes)
    return f"{STAMP} >= {stamp(at)}"


def stamp(at: datetime) -> str:
    """A time as records have it here: UTC, to the millisecond."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def in_texts(field: str, values: Sequence[str]) -> str:
    """A condition: the field is one of these ids."""
    return f"{field} IN ({', '.join(text(value) for value in values)})"


def text(value: str) -> str:
    """A text as the query language writes it."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
