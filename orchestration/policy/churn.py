"""How likely an account is to leave: bases, additions, the risk factors behind them, and what is at stake.

Here: `churn.yaml`. Not here: the types of signals a factor looks for (`health_score.yaml`, signal_groups) and the
factors themselves (the dbt models).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from orchestration.policy.base import (
    Count,
    Number,
    Percent,
    PolicyFile,
    PolicyModel,
    PositiveCount,
    WindowDays,
    setting,
)
from orchestration.policy.problems import Finding, below_another, repeated

FACTORS = ("leadership_change", "budget_pressure", "competitive_inquiry", "recent_outage", "engagement_decline")
ContactRole = Literal["executive", "technical", "business", "other"]

_ADDITION = ("What the factor adds to the base.", "percentage points")
_WINDOW = ("How far back it is looked for.", "days")

# Nobody's chance of leaving is nothing: the lifetime of a customer is 1 ÷ it.
Chance = Annotated[Percent, Field(gt=0)]


class Base(PolicyModel):
    """The base of each status."""

    red: Chance = setting("The base of a RED account.", "% probability")
    yellow: Chance = setting("The base of a YELLOW account.", "% probability")
    green: Chance = setting("The base of a GREEN account.", "% probability")


class Renewal(PolicyModel):
    """When a renewal is near, and which contract it renews."""

    soon_days: WindowDays = setting("Fewer days than this to renewal add soon_addition.", "days")
    soon_addition: Percent = setting("What a renewal that soon adds.", "percentage points")
    later_days: WindowDays = setting("Else fewer than this add later_addition.", "days")
    later_addition: Percent = setting("What a renewal after that adds.", "percentage points")
    chain_days: Count = setting(
        "A contract of the same product that starts within so many days of another's end, either side, follows it.",
        "days",
        le=3660,
    )


class Factor(PolicyModel):
    """A risk factor that signals speak for."""

    addition: Percent = setting(*_ADDITION)
    window_days: WindowDays = setting(*_WINDOW)


class LeadershipChange(Factor):
    """Signals and contacts that say who decides has changed."""

    roles: Annotated[tuple[ContactRole, ...], Field(min_length=1)] = setting(
        "The contacts whose coming and going counts.", "roles of contacts"
    )


class RecentOutage(Factor):
    """The service was down."""

    uptime_drop_days: WindowDays = setting("Mean uptime of so many days is held against as many before.", "days")
    uptime_drop_points: Annotated[Percent, Field(gt=0)] = setting(
        "A fall of the mean uptime by this or more counts as an outage.", "percentage points"
    )


class EngagementDecline(Factor):
    """QBR attendance, logins and response times got worse."""

    window_days: WindowDays = setting("So many days are held against as many before.", "days")
    decline_pct: Annotated[Number, Field(gt=0, le=1000)] = setting(
        "A figure that got worse by this or more has declined.", "% of the figure before"
    )
    least: Annotated[int, Field(strict=True, ge=1, le=3)] = setting(
        "So many of the three figures must have declined.", "figures, 1 to 3"
    )


class Factors(PolicyModel):
    """The five risk factors."""

    leadership_change: LeadershipChange = setting("Somebody who decides came or went.", "settings")
    budget_pressure: Factor = setting("Signals that money is short.", "settings")
    competitive_inquiry: Factor = setting("Signals or an open opportunity that name a competitor.", "settings")
    recent_outage: RecentOutage = setting("Outage signals, urgent incidents, or uptime that fell.", "settings")
    engagement_decline: EngagementDecline = setting("QBR attendance, logins and response times.", "settings")


class Calibration(PolicyModel):
    """When enough outcomes are known to calibrate the probability, and which of the two acts."""

    least_churned: PositiveCount = setting("So many accounts must have left.", "accounts")
    least_kept: PositiveCount = setting("So many accounts must have stayed.", "accounts")
    acts_on: Literal["prior", "calibrated"] = setting(
        "Which probability drives actions; calibrated falls back on the prior while it isn't known.",
        "prior or calibrated",
    )


class Save(PolicyModel):
    """How often an intervention saves an account of a status."""

    green: Percent = setting("Of GREEN accounts.", "% probability")
    yellow: Percent = setting("Of YELLOW accounts.", "% probability")
    red: Percent = setting("Of RED accounts.", "% probability")


class ValueAtRisk(PolicyModel):
    """What is at stake, and what to save first."""

    value_years: Annotated[int, Field(strict=True, ge=1, le=100)] = setting(
        "The value over years is ARR × this.", "years"
    )
    lifetime_most_years: Annotated[Number, Field(gt=0, le=100)] = setting(
        "The lifetime of a customer is 1 ÷ probability, never longer than this.", "years"
    )
    save_pct: Save = setting("How often an intervention saves an account, by status.", "% probability")
    fall_cap_points: Annotated[Percent, Field(gt=0)] = setting(
        "A monthly fall of the score raises priority by fall ÷ this; a greater fall counts as this.", "points of 100"
    )


class Churn(PolicyFile):
    """Churn probability and value at risk."""

    file_name: ClassVar[str] = "churn.yaml"

    base_pct: Base = setting("The probability that a status begins with.", "% probability")
    renewal: Renewal = setting("What a renewal that comes near adds.", "settings")
    factors: Factors = setting("The risk factors.", "settings")
    cap_pct: Chance = setting("No probability is above this.", "% probability")
    calibration: Calibration = setting("Probabilities held against what happened.", "settings")
    value_at_risk: ValueAtRisk = setting("What is at stake.", "settings")

    def lint(self) -> Iterator[Finding]:
        base, renewal = self.base_pct, self.renewal
        yield from below_another(("base_pct", "red"), base.red, base.yellow, "yellow")
        yield from below_another(("base_pct", "yellow"), base.yellow, base.green, "green")
        yield from below_another(("cap_pct",), self.cap_pct, max(base.red, base.yellow, base.green), "every base_pct")
        yield from below_another(("renewal", "later_days"), renewal.later_days, renewal.soon_days, "soon_days", True)
        yield from below_another(
            ("renewal", "soon_addition"), renewal.soon_addition, renewal.later_addition, "later_addition"
        )
        yield from repeated(("factors", "leadership_change", "roles"), self.factors.leadership_change.roles)
