"""Decisions of people: approve, reject, promote, put off, have a failed action tried again.

Who may decide what is policy (`policies/access.yaml`). Nobody approves what they asked for, under whichever of their
names. Whoever decides on what
they saw says so with its `stamp`: where that was changed meanwhile, nothing is done, and they are told who did what.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestration.actions.moves import move_one
from orchestration.actions.states import IllegalMoveError, Status, check_move, words
from orchestration.actions.sync import local_day
from orchestration.ledger.store import Store, one
from orchestration.ledger.tables import actions, transitions
from orchestration.policy.models import Policies

_LONGEST_REASON = 1_000
# What a person decides on: where it stands, and what is said for and against it.
_JUDGED = ("status", "status_since", "mode", "sensitivity", "priority", "rationale", "evidence", "guards")
_DID = {
    Status.APPROVED: "approved it",
    Status.REJECTED: "rejected it",
    Status.SNOOZED: "put it off",
    Status.PENDING_APPROVAL: "sent it to approval",
    Status.QUEUED: "queued it",
}


class DecisionError(ValueError):
    """A decision that can't be made; says why in words for the person who tried."""


class NotAllowedError(DecisionError):
    """A decision that this person may not make."""


class IncompleteError(DecisionError):
    """A decision without its reason, or with a date that can't be."""


class ConflictError(DecisionError):
    """The action isn't any more what the person saw; says who did what and when."""


def stamp(action: Mapping[str, Any]) -> str:
    """What a person sees of an action, as a short text that changes with it."""
    told = json.dumps([str(action[name]) for name in _JUDGED])
    return hashlib.sha256(told.encode()).hexdigest()[:24]


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

    def asked_for(self, action: Mapping[str, Any]) -> bool:
        """Whether the person asked for an action, under whichever name."""
        return action["requested_by"] is not None and self.is_me(action["requested_by"])

    def is_me(self, person: str) -> bool:
        """Whether a name is one of the person's."""
        return _seen(person) in self._names

    @cached_property
    def _names(self) -> frozenset[str]:
        return _names_of(self.person, self.policies.access.known_as)

    def approve(self, action_id: str, reason: str | None = None, seen: str | None = None) -> Mapping[str, Any]:
        """Let an action run; raises DecisionError. `seen`, of every decision: the stamp of what the person saw."""
        with self.store.writing() as con:
            action = self._waiting_for(con, action_id, Status.APPROVED, seen)
            self._must_approve(action, "approve")
            if self.asked_for(action):
                asker = action["requested_by"]
                known = "" if is_same_person(asker, self.person) else f", who is {asker} in policies/access.yaml,"
                raise NotAllowedError(
                    f"{self.person}{known} asked for action {action_id}, so somebody else has to approve it"
                )
            under = action["decided_under"] or action["mode"]
            decided = {"approved_by": self.person, "decided_under": under}
            move_one(con, action, Status.APPROVED, self.person, self.now, _words(reason), **decided)
            approved = dict(action) | {"status": str(Status.APPROVED)}
            move_one(con, approved, Status.QUEUED, self.person, self.now, next_attempt_at=None)
            return self._now(con, action_id)

    def reject(self, action_id: str, reason: str | None, seen: str | None = None) -> Mapping[str, Any]:
        """Refuse an action for good; raises DecisionError."""
        told = _needed(reason, "a rejection")
        with self.store.writing() as con:
            action = self._waiting_for(con, action_id, Status.REJECTED, seen)
            self._must_approve(action, "reject")
            move_one(con, action, Status.REJECTED, self.person, self.now, told)
            return self._now(con, action_id)

    def promote(self, action_id: str, reason: str | None, seen: str | None = None) -> Mapping[str, Any]:
        """Ask for what the machine only recommends, or suppresses: somebody else approves it; raises DecisionError."""
        told = _needed(reason, "a promotion")
        with self.store.writing() as con:
            action = self._action(con, action_id, seen)
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

    def snooze(self, action_id: str, until: date, reason: str | None, seen: str | None = None) -> Mapping[str, Any]:
        """Put an action off until a day; raises DecisionError."""
        told = _needed(reason, "putting off")
        today = local_day(self.now, self.policies)
        latest = today + timedelta(days=self.policies.ledger.snooze_most_days)
        if not today < until <= latest:
            raise IncompleteError(f"{until} can't be: an action is put off until a day after {today}, at most {latest}")
        with self.store.writing() as con:
            action = self._waiting_for(con, action_id, Status.SNOOZED, seen)
            self._must_have(frozenset(self.policies.access.snooze), "put off", action)
            move_one(con, action, Status.SNOOZED, self.person, self.now, f"{told} (until {until})", snoozed_until=until)
            return self._now(con, action_id)

    def retry(self, action_id: str, reason: str | None, seen: str | None = None) -> Mapping[str, Any]:
        """Have a failed action tried again; raises DecisionError.

        Where it isn't known whether the last call arrived, the target is asked first. Where it can't be asked, who
        says "again" has looked: with no attempts on the count, the worker calls.
        """
        told = _needed(reason, "another try")
        with self.store.writing() as con:
            action = self._action(con, action_id, seen)
            if action["status"] != Status.FAILED:
                raise DecisionError(f"action {action_id} is {words(action['status'])}; only what failed is tried again")
            self._must_approve(action, "retry")
            again = {"attempts": 0, "next_attempt_at": None, "problem": None}
            # Who approved it stays so: whoever asked for it may have it tried again, not become its approver.
            again["approved_by"] = action["approved_by"] or self.person
            again["decided_under"] = action["decided_under"] or action["mode"]
            move_one(con, action, Status.QUEUED, self.person, self.now, told, **again)
            return self._now(con, action_id)

    def _action(self, con: Connection, action_id: str, seen: str | None) -> Mapping[str, Any]:
        found = one(con, sa.select(actions).where(actions.c.action_id == action_id).with_for_update())
        if found is None:
            raise DecisionError(f"there is no action {action_id}; account-health actions list has their ids")
        # In the transaction that decides: nobody comes between this and the move.
        if seen is not None and seen != stamp(found):
            raise ConflictError(_what_happened(con, found))
        return found

    def _waiting_for(self, con: Connection, action_id: str, after: Status, seen: str | None) -> Mapping[str, Any]:
        action = self._action(con, action_id, seen)
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


def _what_happened(con: Connection, action: Mapping[str, Any]) -> str:
    """Who changed an action last, in words for somebody who decided on what it was before."""
    of_it = sa.select(transitions).where(
        transitions.c.action_id == action["action_id"], transitions.c.acted_at == action["status_since"]
    )
    # An approval and the queueing that goes with it have one time: the first says what was decided.
    last = one(con, of_it.order_by(transitions.c.transition_id))
    if last is None:
        return f"It is {words(action['status'])} now, and wasn't when you looked. Nothing was done."
    did = _DID.get(last["to_status"], f"made it {words(last['to_status'])}")
    why = f" ({last['reason']})" if last["reason"] else ""
    return (
        f"{last['acted_by']} {did} on {last['acted_at']:%Y-%m-%d at %H:%M} UTC{why}; it is {words(action['status'])},"
        " and what is said of it isn't what you saw. Nothing was done: look again."
    )


def is_same_person(one_person: str, another: str, known_as: Mapping[str, Sequence[str]] = MappingProxyType({})) -> bool:
    """Whether two names are one person's: they look the same, whatever their case, their accents' bytes, and signs
    nobody sees; or `known_as` of the access policy leads from one to the other.
    """
    return _seen(another) in _names_of(one_person, known_as)


def _names_of(person: str, known_as: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Every name of a person: what they are called, what another sign-in of theirs is called too, and so on."""
    together = [frozenset(_seen(one) for one in (name, *others)) for name, others in known_as.items()]
    names = frozenset((_seen(person),))
    while more := [group for group in together if group & names and not group <= names]:
        names = names.union(*more)
    return names


def _seen(person: str) -> str:
    name = unicodedata.normalize("NFKC", person).casefold()
    # Again: case folding takes some letters apart.
    name = unicodedata.normalize("NFKC", name)
    return " ".join("".join(sign for sign in name if unicodedata.category(sign) != "Cf").split())


def _words(reason: str | None) -> str | None:
    told = " ".join((reason or "").split())[:_LONGEST_REASON]
    return told or None


def _needed(reason: str | None, what: str) -> str:
    told = _words(reason)
    if told is None:
        raise IncompleteError(f"{what} needs a reason")
    return told
