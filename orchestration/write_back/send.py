"""Sending what waits: calls of up to 200 accounts, each row's result kept.

Rows are leased and marked as called, then the call is made, then what became of each row is recorded, the accepted
values in the same transaction. A kill between call and record leaves rows whose outcome nobody knows; once their lease
has ended they are sent again, with what is wanted then. That is safe: a record is found by its id, and the same values
written twice are the same. Several workers may be at one target; none sends a row that another has.

A call that fails as a whole is no fault of its rows and costs them no attempt: it is made again after a wait, as often
as policy has calls tried, then the round ends and the rows wait for the next. So they do when the day's calls are used.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestration.ledger.store import Store, utc_now
from orchestration.policy.ledger import Work
from orchestration.policy.systems import Calling
from orchestration.policy.write_back import Target
from orchestration.sources.errors import SourceError
from orchestration.systems.http import NOTHING_LOST, ApiError, QuotaError
from orchestration.systems.salesforce.write import Writable, Writer, may_pass
from orchestration.write_back import queue
from orchestration.write_back.queue import Row

_LEAST_SERVER_ERROR = 500
_BUSY = (408, 425, 429)


@dataclass(slots=True)
class Sent:
    """What one round sent to a target, in accounts, and why it ended early."""

    sent: int = 0
    accepted: int = 0
    again: int = 0
    dead: int = 0
    calls: int = 0
    quota: str | None = None
    stopped: str | None = None
    problems: list[str] = field(default_factory=list)


class Sender:
    """One target, for one round."""

    def __init__(
        self,
        store: Store,
        name: str,
        target: Target,
        writer: Writer,
        *,
        work: Work,
        calling: Calling,
        rows_a_call: int,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        on_step: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.store, self.name, self.target, self.writer = store, name, target, writer
        self.work, self.calling, self.rows_a_call = work, calling, rows_a_call
        self.now, self.sleep, self.on_step = now, sleep, on_step
        self.owner = f"write_back-{secrets.token_hex(8)}"
        self.sent = Sent()
        self._failures = 0

    def run(self) -> Sent:
        """Send until nothing is due, or calls fail as a whole too often."""
        fields: Mapping[str, Writable] | None = None
        while self.sent.stopped is None and queue.is_due(self.store, self.name, self.now()):
            try:
                # Before rows are leased: what is asked here may take its time.
                fields = fields or self.writer.fields(self.target)
                self._send(fields)
            except SourceError as error:
                self._fail(error)
        self.sent.calls, self.sent.quota = self.writer.session.calls, self.writer.session.quota
        return self.sent

    def _send(self, fields: Mapping[str, Writable]) -> None:
        rows = queue.claim(self.store, self.name, self.owner, self.now(), self.work, self.rows_a_call)
        self.on_step("claimed")
        values: list[tuple[str, Mapping[str, Any]]] = [(row.record_id, json.loads(row.wanted)) for row in rows]
        if not rows:
            return
        self.on_step("calling")
        try:
            outcomes = self.writer.update(self.target, fields, values)
        except ApiError as error:
            in_doubt = _may_have_arrived(error)
            queue.release(self.store, self.name, self.owner, rows, told(error), in_doubt=in_doubt)
            raise
        self.on_step("called")
        results = dict(zip(rows, outcomes, strict=True))
        recorded = queue.record(self.store, self.name, self.owner, results, self.now(), self.work, self.on_step)
        self.on_step("recorded")
        self._failures = 0
        self._count(rows, recorded)

    def _count(self, rows: Sequence[Row], recorded: Mapping[Row, queue.Outcome]) -> None:
        self.sent.sent += len(rows)
        for row, outcome in recorded.items():
            if outcome.problem is None:
                self.sent.accepted += 1
                continue
            is_dead = not outcome.again or row.attempts + 1 >= self.work.attempts
            self.sent.dead += is_dead
            self.sent.again += not is_dead
            self.sent.problems.append(f"{row.record_id}: {outcome.problem}")

    def _fail(self, error: SourceError) -> None:
        """Wait for the next attempt, or end the round."""
        self._failures += 1
        calling = self.calling
        wait = min(
            calling.first_wait_seconds * calling.wait_factor ** (self._failures - 1), calling.longest_wait_seconds
        )
        asked = error.wait_seconds or 0.0 if isinstance(error, ApiError) else 0.0
        if not _is_passing(error) or self._failures >= calling.attempts or asked > calling.longest_wait_seconds:
            self.sent.stopped = told(error)
        else:
            self.sleep(max(wait, asked))


def told(error: SourceError) -> str:
    """An error in words, without advice that is for reading only."""
    action = "" if error.action == NOTHING_LOST else error.action
    return str(SourceError(error.message, file=error.file, place=error.place, expected=error.expected, action=action))


def _may_have_arrived(error: ApiError) -> bool:
    """Whether a call may have written; what is refused, or never reached the system, hasn't."""
    if isinstance(error, QuotaError) or not error.reached:
        return False
    return error.status is None or error.status >= _LEAST_SERVER_ERROR


def _is_passing(error: SourceError) -> bool:
    if not isinstance(error, ApiError) or isinstance(error, QuotaError):
        return False
    status = error.status
    return status is None or status >= _LEAST_SERVER_ERROR or status in _BUSY or may_pass(error)
