"""The audit log for administrators: who signed in, was refused, exported, decided. Rows of the ledger, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import APIRouter, Depends
from starlette.datastructures import QueryParams
from starlette.responses import Response

from orchestration.ledger.tables import audit_log
from portal.audit import Event
from portal.listing import QuestionError
from portal.web import Allowed, Visit

router = APIRouter()
_LONGEST_TEXT = 200
_MOST_DIGITS = 12


@dataclass(frozen=True)
class Question:
    """What a URL asks of the log."""

    event: str | None = None
    person: str = ""
    account: str = ""
    first: date | None = None
    last: date | None = None
    # Entries older than this one: pages stay what they are while the log grows.
    before: int | None = None

    @classmethod
    def of(cls, query: QueryParams) -> Question:
        """Raises QuestionError."""
        event = query.get("event") or None
        if event is not None and event not in set(Event):
            raise QuestionError(f"event is one of {', '.join(Event)}, not {event[:_LONGEST_TEXT]}")
        return cls(
            event=event,
            person=(query.get("person") or "").strip()[:_LONGEST_TEXT],
            account=(query.get("account") or "").strip()[:_LONGEST_TEXT],
            first=_day("first", query.get("first")),
            last=_day("last", query.get("last")),
            before=_number(query.get("before")),
        )

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """In SQL, without the page."""
        found = []
        if self.event:
            found.append(audit_log.c.event == self.event)
        if self.person:
            found.append(audit_log.c.person.icontains(self.person, autoescape=True))
        if self.account:
            found.append(audit_log.c.account_id == self.account)
        if self.first:
            found.append(audit_log.c.happened_at >= datetime.combine(self.first, time()))
        if self.last:
            found.append(audit_log.c.happened_at < datetime.combine(self.last + timedelta(days=1), time()))
        return found

    def url(self, before: int | None = None) -> str:
        """The query of the URL that asks this from another entry on."""
        parts = {"event": self.event, "person": self.person, "account": self.account}
        parts |= {"first": self.first, "last": self.last, "before": before}
        return "?" + urlencode({name: value for name, value in parts.items() if value})

    @property
    def is_narrowed(self) -> bool:
        return bool(self.conditions())


@router.get("/audit")
def log(visit: Visit = Depends(Allowed("admin"))) -> Response:
    """Entries of the log that the URL asks for, a page of them."""
    question = Question.of(visit.request.query_params)
    most = visit.policies.portal.rows_a_page
    conditions = question.conditions()
    older = [audit_log.c.entry_id < question.before] if question.before else []
    with visit.store.reading() as con:
        total = con.execute(sa.select(sa.func.count()).select_from(audit_log).where(*conditions)).scalar_one()
        query = sa.select(audit_log).where(*conditions, *older).order_by(audit_log.c.entry_id.desc()).limit(most + 1)
        rows: Sequence[Any] = con.execute(query).mappings().all()
    following = rows[most - 1]["entry_id"] if len(rows) > most else None
    return visit.page(
        "audit.html.j2", question=question, rows=rows[:most], total=total, following=following, events=list(Event)
    )


def _day(name: str, text: str | None) -> date | None:
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise QuestionError(f"{name} is a day such as 2026-06-30, not {text[:_LONGEST_TEXT]}") from None
    return min(found, date.max - timedelta(days=1))


def _number(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise QuestionError(f"before is the number of an entry, not {text[:_LONGEST_TEXT]}")
    return int(text)
