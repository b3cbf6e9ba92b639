"""Trying again: what holds for systems that aren't spoken to over `http.Api`."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from orchestration.policy.systems import Calling
from orchestration.sources.errors import SourceError

T = TypeVar("T")


class PassingError(Exception):
    """An attempt that failed for a reason that may pass. `error`: what is told when it doesn't."""

    def __init__(self, error: SourceError) -> None:
        self.error = error
        super().__init__(error.message)


@dataclass
class Patience:
    """Attempts with growing waits, up to a deadline of `clock`."""

    name: str
    calling: Calling
    deadline: float | None = None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def persist(self, attempt: Callable[[], T]) -> T:
        """What an attempt gives; raises SourceError where none of them succeeds, or there is no more time."""
        wait = float(self.calling.first_wait_seconds)
        for number in range(1, self.calling.attempts + 1):
            self.check_time()
            try:
                return attempt()
            except PassingError as failed:
                if number == self.calling.attempts:
                    raise _told(failed.error, number) from None
                # Chance spreads callers that met once; it needs no secrecy.
                jitter = 1 + random.random() * float(self.calling.jitter_pct) / 100  # noqa: S311
                seconds = min(wait, float(self.calling.longest_wait_seconds)) * jitter
                self.check_time(seconds)
                self.sleep(seconds)
                wait *= self.calling.wait_factor
        raise AssertionError("unreachable")

    def check_time(self, more: float = 0) -> None:
        """Raises SourceError where the deadline has passed, or will have after `more` seconds."""
        if self.deadline is not None and self.clock() + more > self.deadline:
            raise SourceError(
                "the pull has taken as long as it may.",
                file=self.name,
                expected="less than pulling.longest_minutes of policies/systems.yaml",
                action="nothing is lost: the next pull goes on where this one stopped",
            )


def _told(error: SourceError, attempts: int) -> SourceError:
    if attempts > 1:
        error.message = f"{error.message.rstrip('.')} ({attempts} attempts)."
    if not error.action:
        error.action = "nothing is lost: the next pull goes on where this one stopped"
    return error
