"""What is done about accounts at risk, by which week, and when it has worked.

Here: `interventions.yaml`. Not here: who is at risk (the tier, `health_score.yaml`) and the figures (the dbt models).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from orchestration.policy.base import Days, Name, Number, OneLine, Percent, PolicyFile, PolicyModel, WindowDays, setting
from orchestration.policy.problems import Finding, below_another, repeated

Score = Annotated[Number, Field(ge=0, le=100)]
Weeks = Annotated[int, Field(strict=True, ge=0, le=520)]
RunsInARow = Annotated[int, Field(strict=True, ge=1, le=10)]
Hours = Annotated[Number, Field(gt=0, le=8_784)]


class Phase(OneLine):
    """What an account at risk is in for."""

    phase: Name = setting("The phase's key; each stands once.", "name")
    from_week: Weeks = setting("It begins so many whole weeks after the account became at risk.", "weeks")

    def words(self) -> str:
        return f"{self.phase} from week {self.from_week}"


class FellFirst(PolicyModel):
    """Which dimension's fall came first."""

    points: Annotated[Number, Field(gt=0, le=100)] = setting(
        "A dimension has fallen when it is at least so far below where it was.", "points of its weight"
    )


class Recovery(PolicyModel):
    """When an account has recovered."""

    score_at_least: Score = setting("The score is back at this or more …", "score, 0 to 100")
    runs: RunsInARow = setting("… at so many as-of dates in a row after the intervention opened.", "as-of dates")
    opening_within_days: Days = setting(
        "Without a score at opening, the first one within so many days after it stands in.", "days"
    )


class Plans(PolicyModel):
    """Retention plans that count as interventions."""

    gap_days: WindowDays = setting(
        "A step done more than so many days after the one before begins another intervention.", "days"
    )


class Targets(PolicyModel):
    """What interventions should reach."""

    success_rate_low: Percent = setting("Share of accounts that recover: from this …", "%")
    success_rate_high: Percent = setting("… to this.", "%")
    recovery_days_low: Days = setting("Days to recovery: from this …", "days")
    recovery_days_high: Days = setting("… to this.", "days")
    score_gain_low: Score = setting("Rise of the score: from this …", "points of 100")
    score_gain_high: Score = setting("… to this.", "points of 100")
    response_hours_below: Hours = setting("Hours to acknowledge a critical alert: less than this.", "hours")


class Interventions(PolicyFile):
    """Accounts at risk, interventions and whether they worked."""

    file_name: ClassVar[str] = "interventions.yaml"

    phases: Annotated[tuple[Phase, ...], Field(min_length=1)] = setting("The phases.", "phases in order")
    fell_first: FellFirst = setting("What fell first.", "settings")
    recovery: Recovery = setting("Recovery.", "settings")
    plans: Plans = setting("Plans in the ledger.", "settings")
    kept_days: WindowDays = setting("Interventions opened so many days ago are counted.", "days")
    z: Annotated[Number, Field(gt=0, le=10)] = setting(
        "Half the width of the intervals; 1.96 for 95 %.", "standard deviations"
    )
    targets: Targets = setting("Targets.", "settings")

    def lint(self) -> Iterator[Finding]:
        yield from repeated(("phases",), [phase.phase for phase in self.phases])
        if self.phases[0].from_week != 0:
            yield Finding(("phases", 0, "from_week"), str(self.phases[0].from_week), "0 (weeks): the first phase")
        for index, phase in enumerate(self.phases[1:], start=1):
            before = self.phases[index - 1]
            path = ("phases", index, "from_week")
            yield from below_another(path, phase.from_week, before.from_week, before.phase, strictly=True)
        targets = self.targets
        for name in ("success_rate", "recovery_days", "score_gain"):
            low, high = getattr(targets, f"{name}_low"), getattr(targets, f"{name}_high")
            yield from below_another(("targets", f"{name}_high"), high, low, f"{name}_low")
