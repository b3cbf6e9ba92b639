"""The worker: carries out what is queued, once in effect, however often it is killed.

A piece of work is claimed with a lease and marked as called in one transaction, then the call is made, then its outcome
is recorded. Whoever finds a claim whose lease ran out, or a call without an outcome, asks the target first; where the
target can't tell, the work has failed and a person has to look. The lease is longer than any call can take, and only
its holder records.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestration.actions.connectors.base import (
    CallError,
    Connector,
    Found,
    NotTakenError,
    RefusedError,
    SetUpError,
    UnknownOutcomeError,
)
from orchestration.actions.messages import SCORE_ACTION, Message, shortened
from orchestration.actions.moves import move_one
from orchestration.actions.states import Status
from orchestration.ledger.store import Store, utc_now
from orchestration.ledger.tables import actions, notices
from orchestration.policy.models import Policies

WORKER = "worker"
# What a call may take beyond its timeout: connecting, asking, recording.
_TIMES_TIMEOUT = 2
_LOOKED_FOR_AT_ONCE = 500

Row = Mapping[str, Any]


@dataclass(slots=True)
class Worked:
    """What one call of the worker did, in counts."""

    done: int = 0
    found_done: int = 0
    waiting: int = 0
    failed: int = 0
    lost: int = 0
    problems: list[str] = field(default_factory=list)

    def words(self) -> str:
        """The counts as a line."""
        found = f" ({self.found_done} of them had arrived before)" if self.found_done else ""
        return f"{self.done} done{found}, {self.waiting} to be tried again, {self.failed} failed"


class _Lane(Protocol):
    """A kind of work: its table, and how its rows are told and moved."""

    table: sa.Table
    key: sa.Column

    def order(self) -> list[sa.ColumnElement]: ...

    def message(self, row: Row) -> Message: ...

    def route(self, row: Row) -> tuple[str, str, str | None]: ...

    def move(self, con: Connection, row: Row, to: Status, now: datetime, reason: str | None, **values: Any) -> None: ...


class _Actions:
    table = actions
    key = actions.c.action_id

    def order(self) -> list[sa.ColumnElement]:
        return [actions.c.priority, sa.nulls_last(actions.c.due_on), actions.c.action_id]

    def message(self, row: Row) -> Message:
        return Message(
            key=row["action_id"],
            action=row["action"],
            kind=row["kind"],
            title=row["title"],
            account_id=row["account_id"],
            account_name=row["account_name"],
            rationale=row["rationale"],
            due_on=row["due_on"],
            owner_role=row["owner_role"],
            owner=row["owner"],
            priority=row["priority"],
            score=row["score"] if row["action"] == SCORE_ACTION else None,
        )

    def route(self, row: Row) -> tuple[str, str, str | None]:
        return row["action"], row["kind"], row["owner_role"]

    def move(self, con: Connection, row: Row, to: Status, now: datetime, reason: str | None, **values: Any) -> None:
        written = row["score"] if to is Status.DONE and row["action"] == SCORE_ACTION else None
        move_one(con, row, to, WORKER, now, reason, written, **values)


class _Notices:
    table = notices
    key = notices.c.notice_id

    def order(self) -> list[sa.ColumnElement]:
        return [notices.c.made_at, notices.c.notice_id]

    def message(self, row: Row) -> Message:
        return Message(
            key=row["notice_id"],
            action=row["kind"],
            kind="alert",
            title=row["title"],
            rationale=row["body"],
            owner_role=row["to_role"],
            owner=row["to_name"],
        )

    def route(self, row: Row) -> tuple[str, str, str | None]:
        return row["kind"], "alert", row["to_role"]

    def move(self, con: Connection, row: Row, to: Status, now: datetime, reason: str | None, **values: Any) -> None:
        con.execute(sa.update(notices).where(notices.c.notice_id == row["notice_id"]).values(status=str(to), **values))


@dataclass(frozen=True, slots=True)
class _Outcome:
    to: Status
    reason: str | None
    reference: str | None = None
    # Whether the call may have arrived, so that the target has to be asked before it is made again.
    unknown: bool = False
    wait_seconds: float | None = None
    found: bool = False


class Worker:
    """One worker. Any number may be at one ledger at once."""

    def __init__(
        self,
        store: Store,
        connectors: Mapping[str, Connector],
        policies: Policies,
        now: Callable[[], datetime] = utc_now,
        on_step: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.store = store
        self.connectors = connectors
        self.policies = policies
        self.now = now
        self.on_step = on_step
        self.name = f"{WORKER}-{secrets.token_hex(8)}"
        longest = max((connector.timeout_seconds for connector in connectors.values()), default=0)
        if policies.ledger.work.lease_seconds <= _TIMES_TIMEOUT * longest:
            raise SetUpError(
                f"work.lease_seconds of ledger.yaml is {policies.ledger.work.lease_seconds}; with messages that may"
                f" take {longest} seconds (timeout_seconds of connectors.yaml, as often as a message has calls)"
                f" it must be more than {_TIMES_TIMEOUT * longest}"
            )

    def run(self, at_most: int | None = None) -> Worked:
        """Carry out what is due: messages about alerts first, then actions, the most urgent first."""
        worked = Worked()
        left = at_most if at_most is not None else self.policies.ledger.work.at_most
        for lane in (_Notices(), _Actions()):
            claimed = True
            # Until there is nothing, or others have all of it.
            while left > 0 and claimed:
                claimed = False
                for key in self._due(lane, left):
                    row = self._claim(lane, key)
                    if row is not None:
                        claimed = True
                        left -= 1
                        self._carry_out(lane, row, worked)
        return worked

    def _due(self, lane: _Lane, at_most: int) -> list[str]:
        """The keys of what may be claimed, the most urgent first: looked for once for many claims."""
        query = sa.select(lane.key).where(self._may_be_claimed(lane)).order_by(*lane.order())
        with self.store.reading() as con:
            return list(con.execute(query.limit(min(at_most, _LOOKED_FOR_AT_ONCE))).scalars())

    def _may_be_claimed(self, lane: _Lane) -> sa.ColumnElement[bool]:
        table, now = lane.table, self.now()
        due = (table.c.status == str(Status.QUEUED)) & (
            table.c.next_attempt_at.is_(None) | (table.c.next_attempt_at <= now)
        )
        left_behind = (table.c.status == str(Status.EXECUTING)) & (table.c.lease_until < now)
        return due | left_behind

    def _claim(self, lane: _Lane, key: str) -> Row | None:
        """The row, leased and marked as called; as it was before, so that `called_at` says whether to ask.

        None where another worker was quicker.
        """
        table, now = lane.table, self.now()
        query = sa.select(table).where(lane.key == key, self._may_be_claimed(lane))
        with self.store.writing() as con:
            row = con.execute(query.with_for_update(skip_locked=True)).mappings().first()
            if row is None:
                return None
            connector = row["connector"] if row["called_at"] else self.policies.connectors.serving(*lane.route(row))
            values = {
                "connector": connector,
                "attempts": row["attempts"] + 1,
                "lease_owner": self.name,
                "lease_until": now + timedelta(seconds=self.policies.ledger.work.lease_seconds),
                "called_at": row["called_at"] or now,
            }
            if row["status"] == Status.QUEUED:
                lane.move(con, row, Status.EXECUTING, now, None, **values)
            else:
                con.execute(sa.update(table).where(lane.key == row[lane.key.name]).values(**values))
            self.on_step("claiming")
        self.on_step("claimed")
        return {**row, "connector": connector, "status": str(Status.EXECUTING)}

    def _carry_out(self, lane: _Lane, row: Row, worked: Worked) -> None:
        outcome = self._outcome(lane, row)
        self.on_step("answered")
        if not self._record(lane, row, outcome):
            worked.lost += 1
            return
        if outcome.to is Status.DONE:
            worked.done += 1
            worked.found_done += outcome.found
        elif outcome.to is Status.FAILED:
            worked.failed += 1
        else:
            worked.waiting += 1
        if outcome.to is not Status.DONE:
            worked.problems.append(f"{row[lane.key.name]}: {outcome.reason}")

    def _outcome(self, lane: _Lane, row: Row) -> _Outcome:
        connector = self.connectors.get(row["connector"])
        may_have_arrived = row["called_at"] is not None
        if connector is None:
            words = f"there is no connector {row['connector']}"
            return _Outcome(Status.FAILED, words, unknown=may_have_arrived)
        message = shortened(lane.message(row), self.policies.ledger.messages)
        try:
            if may_have_arrived:
                found, reference = connector.find(message)
                if found is Found.ARRIVED:
                    return _Outcome(Status.DONE, f"{connector.name}: it had arrived", reference, found=True)
                # No attempts: a person looked, and said "again".
                if found is Found.CANNOT_TELL and row["attempts"] > 0:
                    return _unclear(connector.name, "a call broke off")
                may_have_arrived = False
            self.on_step("calling")
            reference = connector.call(message)
            self.on_step("called")
        except RefusedError as error:
            return _Outcome(Status.FAILED, f"{connector.name}: {error}", unknown=may_have_arrived)
        except NotTakenError as error:
            unknown = may_have_arrived or (not error.certain and connector.can_be_asked)
            return self._again(row, f"{connector.name}: {error}", unknown, error.wait_seconds)
        except UnknownOutcomeError as error:
            if not connector.can_be_asked:
                return _unclear(connector.name, str(error))
            return self._again(row, f"{connector.name}: {error}", True, None)
        except CallError as error:
            return _Outcome(Status.FAILED, f"{connector.name}: {error}", unknown=True)
        return _Outcome(Status.DONE, connector.name, reference)

    def _again(self, row: Row, words: str, unknown: bool, asked_wait: float | None) -> _Outcome:
        work, attempt = self.policies.ledger.work, row["attempts"] + 1
        if attempt >= work.attempts:
            return _Outcome(Status.FAILED, f"{words} ({attempt} attempts)", unknown=unknown)
        wait = work.first_wait_seconds * work.wait_factor ** (attempt - 1)
        wait = min(max(wait, asked_wait or 0), work.longest_wait_seconds)
        return _Outcome(Status.QUEUED, f"{words}; again in {wait:.0f} seconds", unknown=unknown, wait_seconds=wait)

    def _record(self, lane: _Lane, row: Row, outcome: _Outcome) -> bool:
        """Write down how it ended; False where another worker has it by now."""
        table, now = lane.table, self.now()
        mine = sa.select(table).where(
            lane.key == row[lane.key.name],
            table.c.lease_owner == self.name,
            table.c.status == str(Status.EXECUTING),
        )
        with self.store.writing() as con:
            held = con.execute(mine.with_for_update()).mappings().first()
            if held is None:
                return False
            values: dict[str, Any] = {"lease_owner": None, "lease_until": None, "reference": outcome.reference}
            values["problem"] = None if outcome.to is Status.DONE else outcome.reason
            if not outcome.unknown:
                values["called_at"] = None
            if outcome.wait_seconds is not None:
                values["next_attempt_at"] = now + timedelta(seconds=outcome.wait_seconds)
            lane.move(con, held, outcome.to, now, outcome.reason, **values)
            self.on_step("recording")
        self.on_step("recorded")
        return True


def _unclear(connector: str, words: str) -> _Outcome:
    told = f"{connector}: {words}, and it can't be asked whether it arrived; look before it is tried again"
    return _Outcome(Status.FAILED, told, unknown=True)
