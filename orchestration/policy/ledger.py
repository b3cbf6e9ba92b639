"""How the ledger of actions and alerts is kept: deadlines of decisions, work and retries, messages.

Here: `ledger.yaml`. Not here: who may decide (`access.py`) and where messages go (`connectors.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from orchestration.policy.base import PolicyFile, PolicyModel, PositiveCount, WindowDays, setting
from orchestration.policy.problems import Finding, below_another

Seconds = Annotated[int, Field(strict=True, ge=1, le=86_400)]
Hour = Annotated[int, Field(strict=True, ge=0, le=23)]
# A name or sentence shorter than this says nothing; longer ones are refused by the channels.
Characters = Annotated[int, Field(strict=True, ge=20, le=3_000)]


class Work(PolicyModel):
    """Leases, attempts and waits of the worker."""

    lease_seconds: Seconds = setting("How long a worker has an action to itself.", "seconds")
    attempts: PositiveCount = setting("How often an action is tried before it has failed.", "times")
    first_wait_seconds: Seconds = setting("Wait after the first attempt that fails.", "seconds")
    wait_factor: Annotated[int, Field(strict=True, ge=1, le=10)] = setting(
        "Every further wait is the one before times this.", "factor"
    )
    longest_wait_seconds: Seconds = setting(
        "No wait is longer than this, whatever the target asks for (Retry-After).", "seconds"
    )
    at_most: PositiveCount = setting("How many actions and messages one call of the worker takes on.", "actions")


class Messages(PolicyModel):
    """Lengths of what is sent."""

    longest_name: Characters = setting("Names and titles are cut after so many.", "characters")
    longest_text: Characters = setting("Rationales are cut after so many.", "characters")
    digest_lines: PositiveCount = setting("Alerts that a digest names; the rest is counted.", "alerts")


class Ledger(PolicyFile):
    """Deadlines of decisions, work, retries and messages."""

    file_name: ClassVar[str] = "ledger.yaml"
    shapes_results: ClassVar[bool] = False

    approval_expires_days: WindowDays = setting("So long an action waits for approval before it expires.", "days")
    snooze_most_days: WindowDays = setting("An action is put off so long at most.", "days")
    digest_hour: Hour = setting("From this hour on, the day's digests are sent.", "hour in the business time zone")
    work: Work = setting("How actions are carried out.", "settings")
    messages: Messages = setting("How long the parts of a message may be.", "settings")

    def lint(self) -> Iterator[Finding]:
        yield from below_another(
            ("work", "longest_wait_seconds"),
            self.work.longest_wait_seconds,
            self.work.first_wait_seconds,
            "work.first_wait_seconds",
        )
