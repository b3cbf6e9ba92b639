"""Taking a publication into the ledger: new actions enter, those whose cause is gone close, modes are followed.

All of it is one transaction of a few statements over whole sets. What people decided stands until the mode is stricter
than the one they decided under.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestration.actions import clocks
from orchestration.actions.intake import rows_of
from orchestration.actions.moves import Mover, by_mode, rank
from orchestration.actions.states import ENTRY, WAITING, Status, may_become
from orchestration.ledger.store import Store
from orchestration.ledger.tables import DESCRIBED, actions, alert_entries, alerts, publications, transitions
from orchestration.policy.models import Policies
from orchestration.publishing.reader import Publication

ENGINE = "engine"
TABLE = "recommended_actions"

_incoming = sa.Table(
    "incoming_actions",
    sa.MetaData(),
    sa.Column("action_id", sa.Text, primary_key=True),
    *(sa.Column(name, actions.c[name].type) for name in DESCRIBED),
    prefixes=["temporary"],
)


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What a publication changed in the ledger, in counts."""

    entered: int = 0
    cleared: int = 0
    followed_mode: int = 0
    taken_back: int = 0
    woken: int = 0
    expired: int = 0
    alerts_raised: int = 0
    alerts_cleared: int = 0

    def words(self) -> str:
        """The counts that aren't 0, as a line."""
        told = [f"{name.replace('_', ' ')} {count:,}" for name, count in asdict(self).items() if count]
        return ", ".join(told) or "nothing changed"


def take_in(store: Store, publication: Publication, policies: Policies, now: datetime) -> TakenIn | None:
    """Bring the ledger in line with a publication; None where it took in a later as-of date before.

    `now` is naive UTC. Taking the same publication in again changes nothing.
    """
    manifest = publication.manifest
    with store.writing() as con:
        store.alone(con, actions, transitions, alerts, alert_entries, publications)
        newest = con.execute(sa.select(sa.func.max(publications.c.as_of_date))).scalar()
        if newest is not None and newest > manifest.as_of_date:
            return None
        found: dict[str, int] = {}
        if TABLE in manifest.tables:
            found |= _actions(store, con, publication, policies, now)
        if clocks.TABLE in manifest.tables:
            found |= clocks.take_in(store, con, publication, now)
        con.execute(
            sa.insert(publications).values(as_of_date=manifest.as_of_date, run_id=manifest.run_id, taken_in_at=now)
        )
    return TakenIn(**found)


def tend(store: Store, policies: Policies, now: datetime) -> tuple[int, int]:
    """What time alone changes: actions put off come back, approvals nobody gave expire. Gives (woken, expired)."""
    with store.writing() as con:
        store.alone(con, actions, transitions)
        mover = Mover(con, now)
        return _wake(mover, policies, now), _expire(mover, policies, now)


def _actions(
    store: Store, con: Connection, publication: Publication, policies: Policies, now: datetime
) -> dict[str, int]:
    _incoming.create(con)
    store.load(con, _incoming, ["action_id", *DESCRIBED], rows_of(publication, _query(publication)))
    mover = Mover(con, now)
    found = {"entered": _enter(mover)}
    found["cleared"] = _clear(mover)
    _describe(con)
    found["woken"] = _wake(mover, policies, now)
    found["taken_back"] = _take_back(mover)
    found["followed_mode"] = _follow_mode(mover)
    found["expired"] = _expire(mover, policies, now)
    _incoming.drop(con)
    return found


def _query(publication: Publication) -> str:
    # The score goes along for the action that writes it to the CRM. Held-back rows compete again another day.
    described = ", ".join(f"h.{name}" if name == "score" else f"r.{name}" for name in DESCRIBED)
    return (
        f"select r.action_id, {described}"  # noqa: S608 - names of columns
        f" from published.{TABLE} r left join published.account_health h on h.account_id = r.account_id"
        " where r.status <> 'held_back'"
    )


def _enter(mover: Mover) -> int:
    change = mover.next_change()
    known = sa.select(sa.literal(1)).where(actions.c.action_id == _incoming.c.action_id).exists()
    described = [_incoming.c[name] for name in DESCRIBED]
    status = sa.case({mode: str(entry) for mode, entry in ENTRY.items()}, value=_incoming.c.mode)
    new = sa.select(
        _incoming.c.action_id,
        *described,
        status,
        sa.literal(mover.now, sa.DateTime),
        sa.literal(change, sa.BigInteger),
    ).where(~known)
    columns = ["action_id", *DESCRIBED, "status", "status_since", "moved_in"]
    entered = Store.counted(mover.con, sa.insert(actions).from_select(columns, new))
    mover.log(change, ENGINE, actions.c.guards)
    return entered


def _waiting() -> sa.ColumnElement[bool]:
    # A call whose outcome isn't known has to be settled first.
    return actions.c.status.in_([str(status) for status in WAITING]) & actions.c.called_at.is_(None)


def _clear(mover: Mover) -> int:
    there = sa.select(sa.literal(1)).where(_incoming.c.action_id == actions.c.action_id).exists()
    return mover.move(_waiting() & ~there, Status.CAUSE_CLEARED, ENGINE, "its cause is gone", next_attempt_at=None)


def _describe(con: Connection) -> None:
    differs = sa.or_(*(actions.c[name].is_distinct_from(_incoming.c[name]) for name in DESCRIBED))
    con.execute(
        sa.update(actions)
        .where(actions.c.action_id == _incoming.c.action_id, _waiting(), differs)
        .values({name: _incoming.c[name] for name in DESCRIBED})
    )


def _take_back(mover: Mover) -> int:
    """Decisions that were made under a freer mode than the action has now."""
    decided = actions.c.status.in_([str(Status.PENDING_APPROVAL), str(Status.QUEUED)])
    stricter = rank(actions.c.mode) > rank(actions.c.decided_under)
    return mover.move(
        _waiting() & decided & stricter & (by_mode != actions.c.status),
        by_mode,
        ENGINE,
        sa.literal("held back more than when it was decided: ", sa.Text)
        + sa.func.coalesce(actions.c.guards, actions.c.mode),
        decided_under=None,
        requested_by=None,
        approved_by=None,
    )


def _follow_mode(mover: Mover) -> int:
    """What no person has touched stands where its mode puts it, freer or stricter."""
    untouched = actions.c.decided_under.is_(None) & actions.c.status.in_([str(status) for status in ENTRY.values()])
    return mover.move(
        _waiting() & untouched & (by_mode != actions.c.status),
        by_mode,
        ENGINE,
        sa.func.coalesce(actions.c.guards, sa.literal("its mode is now ", sa.Text) + actions.c.mode),
    )


def _wake(mover: Mover, policies: Policies, now: datetime) -> int:
    """Actions put off until today: back to where they were, where people decided that, else to where the mode is."""
    today = local_day(now, policies)
    kept = sa.and_(actions.c.decided_under.is_not(None), actions.c.previous_status.is_not(None))
    due = (actions.c.status == str(Status.SNOOZED)) & (actions.c.snoozed_until <= today)
    back = sa.case((kept, actions.c.previous_status), else_=by_mode)
    return mover.move(due, back, ENGINE, "put off until now", snoozed_until=None)


def _expire(mover: Mover, policies: Policies, now: datetime) -> int:
    oldest = now - timedelta(days=policies.ledger.approval_expires_days)
    waits = actions.c.status.in_([str(s) for s in may_become(Status.EXPIRED)]) & (actions.c.status_since <= oldest)
    days = policies.ledger.approval_expires_days
    return mover.move(waits, Status.EXPIRED, ENGINE, f"nobody approved it in {days} days")


def local_day(now: datetime, policies: Policies) -> date:
    """The business date of a moment (naive UTC)."""
    return now.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(policies.calendar.time_zone)).date()
