"""What people did since a publication was made, laid beside what it says there is to do (`portal.things`).

Statuses of actions come from the mirror of the ledger. Alerts are read once a publication; every request looks at two
marks in the ledger first, and reads the alerts of new entries again, so what was noted, or went up a role, is seen at
once. What the ledger doesn't have yet, nobody can do anything about.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestration.actions.clocks import CLOSED, STEPS, due_at, next_step
from orchestration.actions.states import Status
from orchestration.ledger.store import Store
from orchestration.ledger.tables import alert_entries, alerts, publications
from orchestration.policy.models import Policies
from portal.kept import Kept
from portal.ledger_mirror import Mirror
from portal.ledger_sheet import Sheet
from portal.things import Things

if TYPE_CHECKING:
    from portal.publications import Edition
    from portal.whose import Whose

STATUSES = {str(status): place for place, status in enumerate(Status)}
# What waits for a person.
_WAITING = frozenset({str(one) for one in (Status.RECOMMENDED, Status.PENDING_APPROVAL, Status.FAILED)})
OVER, NOBODY = -1, -1
NEVER = np.iinfo(np.int64).max
_EPOCH = datetime(1970, 1, 1)
# On PostgreSQL an entry may be committed after others with a higher number: so far back it is looked for.
_LATE = 200
# Bytes of what is worked out for viewers, a publication.
_MOST_BYTES = 48 * 2**20


@dataclass(frozen=True)
class Alerts:
    """The alerts of `Things.alert_ids` as they are now: arrays in that order, never changed."""

    # What is to be done next, as the place in `STEPS`; OVER where nothing is.
    step: np.ndarray
    # By when, in seconds since 1970; NEVER where nothing is due.
    due: np.ndarray
    # With whom: the number of a name and of a role; NOBODY where none is named.
    name: np.ndarray
    role: np.ndarray


@dataclass(frozen=True, eq=False)
class Actions:
    """The actions of `Things.actions` as they are now, never changed."""

    # The place in `Status` of what waits for people; OVER for all else, and where there is no such action.
    status: np.ndarray
    # Who asked for those that wait for approval because somebody did, by place.
    asked_by: Mapping[int, str]

    def is_like(self, other: Actions) -> bool:
        """Whether the same wait for the same."""
        return self.asked_by == other.asked_by and np.array_equal(self.status, other.status)


class Numbers:
    """Texts by number, in the order they came up; who compares them leaves case and blanks around them out."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._numbers: dict[str, int] = {}
        self._alike: dict[str, list[int]] = {}

    def of(self, text: str | None) -> int:
        """The number of a text, a new one where it has none; NOBODY for None."""
        if text is None:
            return NOBODY
        if text not in self._numbers:
            self._texts.append(text)
            self._alike.setdefault(text.strip().lower(), []).append(len(self._texts) - 1)
            self._numbers[text] = len(self._texts) - 1
        return self._numbers[text]

    def text(self, number: int) -> str | None:
        """The text with a number."""
        return None if number == NOBODY else self._texts[number]

    def among(self, texts: Iterable[str], numbers: np.ndarray) -> np.ndarray:
        """Which of these numbers are those of these texts, which are in lower case."""
        # The last place is that of nobody.
        fits = np.zeros(len(self._texts) + 1, np.bool_)
        for text in texts:
            fits[list(self._alike.get(text, ()))] = True
        return fits[numbers]


@dataclass(frozen=True)
class _Marks:
    # Of the publication that was taken in last: alerts may have cleared with it.
    change: int
    # The last entry, and how many there are as far back as late ones are looked for.
    last: int
    count: int


class Board:
    """What is to be done of one publication, with what the ledger knows better; safe for many threads."""

    def __init__(self, things: Things, store: Store, mirror: Mirror, policies: Policies) -> None:
        self.things = things
        # What is worked out of them, by viewer (`portal.whose`).
        self.viewers: Kept[Whose] = Kept(_MOST_BYTES, lambda whose: whose.size)
        self._store = store
        self._mirror = mirror
        self._policies = policies
        self._late = 0 if store.is_sqlite else _LATE
        self._lock = threading.Lock()
        self.names, self.roles = Numbers(), Numbers()
        self._alert_places = {one: place for place, one in enumerate(things.alert_ids.to_pylist())}
        count = len(self._alert_places)
        nothing = np.full(count, OVER, np.int8), np.full(count, NEVER, np.int64)
        self._none = Alerts(*nothing, *(np.full(count, NOBODY, np.int32) for _ in range(2)))
        self._alerts = self._none
        self._marks_asked = _asked(0 if store.is_sqlite else _LATE)
        self._marks: _Marks | None = None
        self._ids: pa.Array | None = None
        self._places = np.empty(0, np.int32)
        self._actions: tuple[Sheet, Actions] | None = None

    def alerts(self) -> Alerts:
        """The alerts, with every entry that was committed before the call."""
        with self._store.reading() as con:
            marks = self._look(con)
        if marks != self._marks:
            with self._lock:
                self._follow()
        return self._alerts

    def actions(self) -> Actions:
        """The actions, with every move that was committed before the call; another one where any moved."""
        sheet = self._mirror.sheet()
        kept = self._actions
        if kept is None or kept[0] is not sheet:
            with self._lock:
                now = self._as_of(sheet)
                # Most moves are of what nobody has to do anything about.
                kept = self._actions = (sheet, kept[1] if kept is not None and kept[1].is_like(now) else now)
        return kept[1]

    def status(self, actions: Actions, number: int) -> Status:
        """The status of the action of a row."""
        return [*Status][actions.status[self.things.actions.searchsorted(np.int32(number))]]

    def _as_of(self, sheet: Sheet) -> Actions:
        if not len(sheet):
            return Actions(np.full(len(self.things.actions), OVER, np.int8), {})
        if self._ids is not sheet.ids:
            found = pc.index_in(self.things.action_ids, value_set=sheet.ids).fill_null(NOBODY)
            self._ids, self._places = sheet.ids, found.to_numpy(zero_copy_only=False).astype(np.int32)
        status, asked = sheet.columns["status"], sheet.columns["requested_by"]
        # The last one is for what has no place.
        of_codes = [STATUSES[one] if one in _WAITING else OVER for one in status.values.to_pylist()]
        now = np.where(
            self._places < 0, np.int8(OVER), np.array([*of_codes, OVER], np.int8)[status.codes][self._places]
        )
        rows = np.flatnonzero((asked.codes < len(asked.values)) & status.among([str(Status.PENDING_APPROVAL)]))
        places = np.flatnonzero(np.isin(self._places, rows)) if len(rows) else rows
        return Actions(now, dict(zip(places.tolist(), asked.at(self._places[places]), strict=True)))

    def _look(self, con: Connection) -> _Marks:
        return _Marks(*con.execute(self._marks_asked).one())

    def _follow(self) -> None:
        with self._store.reading() as con:
            # First the marks: whatever is noted while rows are read is followed by the next request.
            marks, before = self._look(con), self._marks
            if before is not None and before.change == marks.change and before.last <= marks.last:
                since = alert_entries.c.entry_id > before.last - self._late
                moved = sa.select(alert_entries.c.alert_id).where(since)
                rows = self._rows(con, alerts.c.alert_id.in_(moved))
                self._alerts = self._changed(self._alerts, rows)
            else:
                rows = self._rows(con, alerts.c.cleared_at.is_(None) & (alerts.c.step != CLOSED))
                self._alerts = self._changed(self._none, rows)
            self._marks = marks

    @staticmethod
    def _rows(con: Connection, condition: sa.ColumnElement[bool]) -> list[Mapping[str, Any]]:
        columns = ("alert_id", "alert", "to_role", "to_name", "raised_at", "step", "cleared_at")
        return list(con.execute(sa.select(*(alerts.c[name] for name in columns)).where(condition)).mappings())

    def _changed(self, before: Alerts, rows: Iterable[Mapping[str, Any]]) -> Alerts:
        after = Alerts(*(getattr(before, name).copy() for name in ("step", "due", "name", "role")))
        for row in rows:
            place = self._alert_places.get(row["alert_id"])
            if place is None:
                continue
            following = None if row["cleared_at"] or row["step"] == CLOSED else next_step(row["step"])
            after.step[place] = OVER if following is None else STEPS.index(following)
            after.due[place] = _seconds(due_at(row, self._policies))
            after.name[place] = self.names.of(row["to_name"])
            after.role[place] = self.roles.of(row["to_role"])
        return after


class Worklist:
    """The boards of the publications that requests hold."""

    def __init__(self, store: Store, mirror: Mirror, policies: Policies) -> None:
        self._store = store
        self._mirror = mirror
        self._policies = policies
        self._lock = threading.Lock()
        self._boards: WeakKeyDictionary[Edition, Board] = WeakKeyDictionary()

    def of(self, edition: Edition) -> Board:
        """The board of a publication, made when it is first asked for."""
        board = self._boards.get(edition)
        if board is None:
            with self._lock:
                board = self._boards.get(edition)
                if board is None:
                    board = Board(edition.made(Things.of), self._store, self._mirror, self._policies)
                    self._boards[edition] = board
        return board


def _asked(late: int) -> sa.Select:
    number = alert_entries.c.entry_id
    change = sa.select(sa.func.coalesce(sa.func.max(publications.c.change), 0)).scalar_subquery()
    last = sa.select(sa.func.coalesce(sa.func.max(number), 0)).scalar_subquery()
    count = sa.select(sa.func.count()).where(number > last - late).scalar_subquery()
    return sa.select(change, last, count if late else sa.literal(0))


def moment(seconds: int) -> datetime | None:
    """The moment of an alert's `due`."""
    return None if seconds == NEVER else _EPOCH + timedelta(seconds=int(seconds))


def _seconds(due: datetime | None) -> int:
    return NEVER if due is None else int((due - _EPOCH).total_seconds())
