"""What every connector can do, and the ways a call can end."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from orchestration.actions.messages import Message


class Found(StrEnum):
    """What a target says of a call that may have reached it."""

    ARRIVED = "arrived"
    NOT_ARRIVED = "not_arrived"
    CANNOT_TELL = "cannot_tell"


class SetUpError(ValueError):
    """A connector that lacks what it needs; says what, and where it is looked for."""


class CallError(RuntimeError):
    """A call that didn't end well; says why, without secrets."""


class RefusedError(CallError):
    """The target didn't take it, and never will as it is."""


class NotTakenError(CallError):
    """The target didn't take it now; it may later. `wait_seconds`: how long it asks to be left alone.

    `certain`: nothing of it can have arrived. An inner error may have come after the work was done.
    """

    def __init__(self, words: str, wait_seconds: float | None = None, *, certain: bool = True) -> None:
        self.wait_seconds = wait_seconds
        self.certain = certain
        super().__init__(words)


class UnknownOutcomeError(CallError):
    """The call may have arrived or not: the answer never came."""


class Connector(Protocol):
    """One target. Calls are made by one worker at a time for a key, and may be made again with the same key."""

    name: str
    timeout_seconds: int
    # Whether `find` can tell.
    can_be_asked: bool

    def call(self, message: Message) -> str | None:
        """Bring the message; gives the target's own reference of it. Raises CallError."""

    def find(self, message: Message) -> tuple[Found, str | None]:
        """Whether a call with the message's key arrived, and the target's reference. Raises CallError."""
