"""Of the ledger's alerts, what every page says alike: how long there is for the next step, and whose it is."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from orchestration.ledger.tables import alerts
from orchestration.policy.access import Access

if TYPE_CHECKING:
    from portal.access import Viewer

_DAY_HOURS = 24


def clock(due: datetime | None, now: datetime) -> tuple[str, bool]:
    """A clock in words, and whether it has run out."""
    if due is None:
        return "nothing is due", False
    late = due <= now
    return (f"overdue by {_span(now, due)}" if late else f"{_span(due, now)} left"), late


def _span(later: datetime, earlier: datetime) -> str:
    minutes = int((later - earlier).total_seconds() // 60)
    hours, days = minutes // 60, minutes // (60 * _DAY_HOURS)
    if days >= 2:
        return f"{days:,} days"
    if hours >= 1:
        return f"{hours} h" if hours >= 10 or minutes % 60 == 0 else f"{hours} h {minutes % 60} min"
    return f"{minutes} min"


def answering_as(access: Access, viewer: Viewer) -> frozenset[str]:
    """The roles of accounts that the viewer answers for where nobody is named."""
    return frozenset(one for role in viewer.roles for one in access.answers_as.get(role, ()))


def is_with_viewer(access: Access, viewer: Viewer) -> sa.ColumnElement[bool]:
    """Whether an alert is with the viewer: by name, or by a role of theirs where nobody is named."""
    by_name = sa.func.lower(sa.func.trim(sa.func.coalesce(alerts.c.to_name, ""))).in_(list(viewer.names))
    return by_name | (alerts.c.to_name.is_(None) & alerts.c.to_role.in_(sorted(answering_as(access, viewer))))
