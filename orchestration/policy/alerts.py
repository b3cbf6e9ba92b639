"""What needs a human by a deadline: the alerts, whom they go to and their clocks.

Here: `alerts.yaml`. Not here: which conditions hold and what follows (the dbt models), and who did what when (the
ledger).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, ClassVar

from pydantic import Field

from orchestration.policy.base import (
    Days,
    Flag,
    Name,
    Number,
    PolicyFile,
    PolicyModel,
    Text,
    WindowDays,
    setting,
)
from orchestration.policy.problems import Finding, below_another, repeated, shown

# A year: past any deadline of a person, and within the calendar of all engines.
Hours = Annotated[int, Field(strict=True, ge=1, le=8_784)]
Score = Annotated[Number, Field(ge=0, le=100)]
Answer = Annotated[Number, Field(ge=0, le=10)]
Points = Annotated[Number, Field(ge=0, le=100)]

STEPS = ("acknowledge", "assess", "plan", "execute", "follow_up")


class Alert(PolicyModel):
    """What every alert has."""

    title: Text = setting("What it says, as a title.", "text")
    to_roles: Annotated[tuple[Name, ...], Field(min_length=1)] = setting(
        "Whom it goes to; the first one answers for it.", "roles in order"
    )
    escalates_to: Name = setting("Who gets it when nobody acknowledges it in time.", "role")
    acknowledge_hours: Hours = setting("To be acknowledged within so many hours.", "hours")
    at_once: Flag = setting("Whether it is sent at once, not with the day's digest.", "true or false")


class Inactive(Alert):
    """Nobody uses the product."""

    silent_days: WindowDays = setting("No login and no active user in so many days.", "days")


class CriticalScore(Alert):
    """A score far down."""

    score_below: Score = setting("A score below this.", "score, 0 to 100")


class Detractor(Alert):
    """A bad answer to a survey."""

    answer_at_most: Answer = setting("An answer up to this.", "answer, 0 to 10")
    holds_days: WindowDays = setting("It holds for so many days after the answer.", "days")


class LargeDrop(Alert):
    """A score that fell fast."""

    fall_above: Points = setting("A fall in a month of more than this.", "points of 100")


class AlertKinds(PolicyModel):
    """Every alert there is, each with what its condition needs."""

    inactive: Inactive = setting("No login and no active user for days.", "settings")
    critical_score: CriticalScore = setting("The score is critical.", "settings")
    billing: Alert = setting("An invoice failed or is disputed.", "settings")
    urgent_ticket: Alert = setting("An urgent ticket is open.", "settings")
    detractor: Detractor = setting("A detractor's answer came in.", "settings")
    large_drop: LargeDrop = setting("The score fell by much in a month.", "settings")
    hc_past_due: Alert = setting("A health check is past due.", "settings")


class Clock(PolicyModel):
    """When the steps after acknowledging are due."""

    assess_hours: Hours = setting("To be assessed.", "hours after it was raised")
    plan_hours: Hours = setting("To be planned.", "hours after it was raised")
    execute_hours: Hours = setting("To be executed.", "hours after it was raised")
    follow_up_hours: Hours = setting("To be followed up.", "hours after it was raised")


class Alerts(PolicyFile):
    """Alerts and their clocks."""

    file_name: ClassVar[str] = "alerts.yaml"

    first_run_new_days: Days = setting(
        "On a first run, what is dated at most so many days before as_of counts as new.", "days"
    )
    clears_after_days: Days = setting(
        "An alert has cleared when its condition has been false for so many days; until then it isn't raised again.",
        "days",
    )
    kept_days: Days = setting("So many days after it cleared, an alert leaves the table.", "days")
    clock: Clock = setting("The response clock.", "settings")
    alerts: AlertKinds = setting("The alerts.", "settings")

    def lint(self) -> Iterator[Finding]:
        clock = list(self.clock)
        for (before, hours_before), (name, hours) in pairwise(clock):
            yield from below_another(("clock", name), hours, hours_before, f"clock.{before}")
        for name, alert in self.alerts:
            yield from repeated(("alerts", name, "to_roles"), alert.to_roles)
            if alert.escalates_to in alert.to_roles:
                expected = f"a role other than {', '.join(alert.to_roles)}"
                yield Finding(("alerts", name, "escalates_to"), shown(alert.escalates_to), expected)
