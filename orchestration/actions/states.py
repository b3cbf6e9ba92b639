"""The states of an action, and which of them may follow which: the one place that says so."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

# Freest first; a mode is stricter than those before it.
MODES = ("auto", "approve", "recommend", "suppress")


class Status(StrEnum):
    """Where an action stands."""

    RECOMMENDED = "recommended"
    SUPPRESSED = "suppressed"
    PENDING_APPROVAL = "pending_approval"
    APPROVED = "approved"
    QUEUED = "queued"
    EXECUTING = "executing"
    SNOOZED = "snoozed"
    DONE = "done"
    FAILED = "failed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CAUSE_CLEARED = "cause_cleared"


_S = Status

# Where an action begins, by its mode.
ENTRY: Mapping[str, Status] = MappingProxyType(
    {
        "auto": _S.QUEUED,
        "approve": _S.PENDING_APPROVAL,
        "recommend": _S.RECOMMENDED,
        "suppress": _S.SUPPRESSED,
    }
)

_BY_MODE = frozenset(ENTRY.values())

FOLLOWS: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        # Those that only the mode decides follow it; people promote, put off and reject.
        _S.RECOMMENDED: _BY_MODE - {_S.RECOMMENDED} | {_S.SNOOZED, _S.CAUSE_CLEARED},
        _S.SUPPRESSED: _BY_MODE - {_S.SUPPRESSED} | {_S.CAUSE_CLEARED},
        _S.PENDING_APPROVAL: _BY_MODE - {_S.PENDING_APPROVAL}
        | {_S.APPROVED, _S.REJECTED, _S.EXPIRED, _S.SNOOZED, _S.CAUSE_CLEARED},
        _S.APPROVED: frozenset({_S.QUEUED}),
        _S.QUEUED: _BY_MODE - {_S.QUEUED} | {_S.EXECUTING, _S.SNOOZED, _S.CAUSE_CLEARED},
        # Back to queued to be tried again.
        _S.EXECUTING: frozenset({_S.DONE, _S.FAILED, _S.QUEUED}),
        _S.SNOOZED: _BY_MODE | {_S.CAUSE_CLEARED},
        # A person may have it tried again.
        _S.FAILED: frozenset({_S.QUEUED}),
        _S.DONE: frozenset(),
        _S.REJECTED: frozenset(),
        _S.EXPIRED: frozenset(),
        _S.CAUSE_CLEARED: frozenset(),
    }
)

# Not yet run: what closes when its cause is gone, and follows what the engine says of it. (`approved` becomes queued
# in the same transaction.)
WAITING = frozenset({_S.RECOMMENDED, _S.SUPPRESSED, _S.PENDING_APPROVAL, _S.QUEUED, _S.SNOOZED})


class IllegalMoveError(ValueError):
    """A state that can't follow the one before."""


def check_move(before: Status | None, after: Status) -> None:
    """Raises IllegalMoveError unless `after` may follow `before` (None: the action enters the ledger)."""
    allowed = _BY_MODE if before is None else FOLLOWS[before]
    if after not in allowed:
        raise IllegalMoveError(f"an action that is {words(before)} can't become {words(after)}")


def may_become(after: Status) -> tuple[Status, ...]:
    """The states that `after` may follow."""
    return tuple(before for before in Status if after in FOLLOWS[before])


def words(status: Status | str | None) -> str:
    """A state as a sentence has it."""
    return "new" if status is None else str(status).replace("_", " ")
