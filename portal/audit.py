"""The audit log: who signed in, was refused, exported, decided, looked at what a policy would change. It only grows."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import sqlalchemy as sa

from orchestration.ledger.store import Store, utc_now
from orchestration.ledger.tables import audit_log

if TYPE_CHECKING:
    from starlette.requests import Request

_LONGEST = 1_000


class Event(StrEnum):
    """What is logged."""

    SIGN_IN = "sign_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGN_OUT = "sign_out"
    DENIED = "denied"
    EXPORT = "export"
    DOCUMENT = "document"
    DECISION = "decision"
    ALERT_STEP = "alert_step"
    HYGIENE_ACCEPTED = "hygiene_accepted"
    POLICY_PREVIEW = "policy_preview"
    TOKEN_MADE = "token_made"  # noqa: S105 - a name
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - a name


def record(
    store: Store,
    request: Request | None,
    event: Event,
    person: str | None,
    subject: str | None = None,
    account_id: str | None = None,
    detail: str | None = None,
) -> None:
    """Write one entry."""
    with store.writing() as con:
        con.execute(
            sa.insert(audit_log).values(
                happened_at=utc_now(),
                person=person,
                event=str(event),
                subject=_cut(subject),
                account_id=_cut(account_id),
                detail=_cut(detail),
                address=None if request is None or request.client is None else request.client.host,
                request_id=None if request is None else request.scope.get("request_id"),
            )
        )


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:_LONGEST]
