"""Decisions of people: approve, reject, promote, put off, have a failed action tried again.

Who may decide what is policy (`policies/access.yaml`). Nobody approves what they asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestration.actions.moves import move_one
from orchestration.actions.states import IllegalMoveError, Status, check_move, words
from orchestration.actions.sync import local_day
from orchestration.ledger.store import Store, one
from orchestration.ledger.tables import actions
from orchestration.policy.models import Policies

_LONGEST_REASON = 1_000


class DecisionError(ValueError):
    """A decision that can't be made; says why in words for the person who tried."""


class NotAllowedError(DecisionError):
    """A decision that this person may not make."""


class Desk:
    """Where one person decides, at one moment (naive UTC).

    `roles`: those that sign-in gave; without them, the roles that policy has for the person.
    """

    def __init__(
        self, store: Store, policies: Policies, person: str, now: datetime, roles: frozenset[str] | None = None
    ) -> None:
        self.store = store
        self.policies = policies
        self.person = " ".join(person.split())
        self.now = now
        self.roles = policies.access.roles_of(self.person) if roles is None else roles
        if not self.person:
            raise DecisionError("a decision needs the name of who makes it")

    def approve(self, action_id: str, reason: str | None = None) -> Mapping[str, Any]:
        """Let an action run; raises DecisionError."""
        with self.store.writing() as con:
            action = self._waiting_for(con, action_id, Status.APPROVED)
            self._must_approve(action, "approve")
            if action["requested_by"] is not None and _same(action["requested_by"], self.person):
                raise NotAllowedError(f"{self.person} asked for action {action_id}, so somebody else has to approve it")
            under = action["decided_under"] or action["mode"]
            decided = {"approved_by": self.person, "decided_under": under}
            move_one(con, action, Status.APPROVED, self.person, self.now, _words(reason), **decided)
            approved = dict(action) | {"status": str(Status.APPROVED)}
            move_one(con, approved, Status.QUEUED, self.person, self.now, next_attempt_at=None)
            return self._now(con, action_id)

    def reject(self, action_id: str, reason: str | None) -> Mapping[str, Any]:
        """Refuse an action for good; raises DecisionError."""
        told = _needed(reason, "a rejection")
        with self.store.writing() as con:
            action = self._waiting_for(con, action_id, Status.REJECTED)
            self._must_approve(action, "reject")
            move_one(con, action, Status.REJECTED, self.person, self.now, told)
            return self._now(con, action_id)

    def promote(self, action_id: str, reason: str | None) -> Mapping[str, Any]:
        """Ask for what the machine only recommends, or suppresses: somebody else approves it; raises DecisionError."""
        told = _needed(reason, "a promotion")
        with self.store.writing() as con:
            action = self._action(con, action_id)
            roles = self.policies.access.promoters(action["status"])
            if not roles:
                raise DecisionError(
                    f"action {action_id} is {words(action['status'])}; only what is recommended or suppressed can be"
                    " promoted"
                )
            self._must_have(roles, "promote", action)
            asked = {"requested_by": self.person, "decided_under": action["mode"]}
            move_one(con, action, Status.PENDING_APPROVAL, self.person, self.now, told, **asked)
            return self._now(con, action_id)

    def snooze(self, action_id: str, until: date, reason: str | None) -> Mapping[str, Any]:
        """Put an action off until a day; raises DecisionError."""
        told = _needed(reason, "putting off")
        today = local_day(self.now, self.policies)
        latest = today + timedelta(days=self.policies.ledger.snooze_most_days)
        if not today < until <= latest:
            raise DecisionError(f"{until} can't be: an action is put off until a day after {today}, at most {latest}")
        with self.store.writing() as con:
            action = self._waiting_for(con, action_id, Status.SNOOZED)
            self._must_have(frozenset(self.policies.access.snooze), "put off", action)
            move_one(con, action, Status.SNOOZED, self.person, self.now, f"{told} (until {until})", snoozed_until=until)
            return self._now(con, action_id)

    def retry(self, action_id: str, reason: str | None) -> Mapping[str, Any]:
        """Have a failed action tried again; raises DecisionError.

        Where it isn't known whether the last call arrived, the target is asked first. Where it can't be asked, who
        says "again" has looked: with no attempts on the count, the worker calls.
        """
        told = _needed(reason, "another try")
        with self.store.writing() as con:
            action = self._action(con, action_id)
            if action["status"] != Status.FAILED:
                raise DecisionError(f"action {action_id} is {words(action['status'])}; only what failed is tried again")
            self._must_approve(action, "retry")
            again = {"attempts": 0, "next_attempt_at": None, "problem": None}
            again |= {"approved_by": self.person, "decided_under": action["decided_under"] or action["mode"]}
            move_one(con, action, Status.QUEUED, self.person, self.now, told, **again)
            return self._now(con, action_id)

    def _action(self, con: Connection, action_id: str) -> Mapping[str, Any]:
        found = one(con, sa.select(actions).where(actions.c.action_id == action_id).with_for_update())
        if found is None:
            raise DecisionError(f"there is no action {action_id}; account-health actions list has their ids")
        return found

    def _waiting_for(self, con: Connection, action_id: str, after: Status) -> Mapping[str, Any]:
        action = self._action(con, action_id)
        try:
            check_move(Status(action["status"]), after)
        except IllegalMoveError:
            raise DecisionError(
                f"action {action_id} is {words(action['status'])}, so it can't become {words(after)}"
            ) from None
        if action["called_at"] is not None:
            raise DecisionError(f"action {action_id} was just sent; it isn't known yet whether it arrived")
        return action

    def _must_approve(self, action: Mapping[str, Any], verb: str) -> None:
        self._must_have(self.policies.access.approvers(action["action"], action["sensitivity"]), verb, action)

    def _must_have(self, roles: frozenset[str], verb: str, action: Mapping[str, Any]) -> None:
        if not roles & self.roles:
            raise NotAllowedError(
                f"{self.person} may not {verb} {action['action']} of {action['sensitivity']} sensitivity;"
                f" that takes one of {', '.join(sorted(roles))} (policies/access.yaml)"
            )

    @staticmethod
    def _now(con: Connection, action_id: str) -> Mapping[str, Any]:
        found = one(con, sa.select(actions).where(actions.c.action_id == action_id))
        if found is None:
            raise DecisionError(f"there is no action {action_id}")
        return found


def _same(one_person: str, another: str) -> bool:
    return one_person.casefold() == another.casefold()


def _words(reason: str | None) -> str | None:
    told = " ".join((reason or "").split())[:_LONGEST_REASON]
    return told or None


def _needed(reason: str | None, what: str) -> str:
    told = _words(reason)
    if told is None:
        raise DecisionError(f"{what} needs a reason")
    return told
