"""What is done to keep an account: plans, the renewal timeline, offers, targets and what executives decide.

Here: `retention.yaml`. Not here: who is at risk (`churn.yaml`) and the plans themselves (the dbt models).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from orchestration.policy.base import Count, Name, Number, Percent, PolicyFile, PolicyModel, Text, WindowDays, setting
from orchestration.policy.churn import FACTORS

Status = Literal["GREEN", "YELLOW", "RED"]
ChurnFactor = Literal[FACTORS]
DecisionSignal = Literal[
    "competitive",
    "budget_pressure",
    "leadership_change",
    "outage",
    "feature_request",
    "rfp",
    "executive_complaint",
    "blocker",
]
Urgency = Literal["this_week", "next_30_days"]
Money = Annotated[Number, Field(ge=0)]
Points = Annotated[int, Field(strict=True, ge=0, le=100)]

_STEP = ("The step's key; each stands once in its list.", "name")
_ACTION = ("What is done, as a title.", "text")
_PURPOSE = ("What it is for.", "text")
_OWNER = ("Who does it.", "role")
_AUDIENCE = ("For whom.", "text")


class PlanStep(PolicyModel):
    """A step of a retention plan."""

    step: Name = setting(*_STEP)
    phase: Literal["immediate", "short_term"] = setting("The phase it stands in.", "immediate or short_term")
    action: Text = setting(*_ACTION)
    purpose: Text = setting(*_PURPOSE)
    owner_role: Text = setting(*_OWNER)
    audience: Text = setting(*_AUDIENCE)
    due_days: Count = setting("Due so many days after as_of.", "days", le=3660)
    only_with: ChurnFactor = setting("Only where this risk factor is present.", "risk factor", default=None)


class RenewalStep(PolicyModel):
    """A step on the way to a renewal."""

    step: Name = setting(*_STEP)
    action: Text = setting(*_ACTION)
    purpose: Text = setting(*_PURPOSE)
    owner_role: Text = setting(*_OWNER)
    audience: Text = setting(*_AUDIENCE)
    days_before_renewal: Count = setting("Due so many days before the renewal.", "days", le=3660)
    only_with: ChurnFactor = setting("Only where this risk factor is present.", "risk factor", default=None)


class Plans(PolicyModel):
    """Who gets a plan, and what stands in it."""

    high_above: Percent = setting("A plan of high risk above this churn probability.", "% probability")
    medium_above: Percent = setting("A plan of medium risk above this one.", "% probability")
    high: Annotated[tuple[PlanStep, ...], Field(min_length=1)] = setting("Steps at high risk.", "steps in order")
    medium: Annotated[tuple[PlanStep, ...], Field(min_length=1)] = setting("Steps at medium risk.", "steps in order")


class RenewalTimeline(PolicyModel):
    """What is done on the way to a renewal, whatever the risk."""

    within_days: WindowDays = setting("For accounts with a renewal within so many days.", "days")
    sponsor_from_days: Count = setting(
        "At high risk the sponsor joins the steps due so many days before renewal or later.", "days", le=3660
    )
    sponsor_role: Text = setting("Who joins.", "role")
    steps: Annotated[tuple[RenewalStep, ...], Field(min_length=1)] = setting("The steps.", "steps in order")


class Review(PolicyModel):
    """What a person must look at before it runs."""

    validation_above: Percent = setting("A person validates plans above this churn probability.", "% probability")
    status: Status = setting("Plans of accounts with this final status need an executive's review.", "status")


class Offers(PolicyModel):
    """When an offer has which component."""

    incidents_days: WindowDays = setting("Urgent incidents are counted over so many days.", "days")
    incidents_above: Count = setting("More of them than this earn a service credit.", "incidents")
    credit_months: Annotated[Number, Field(gt=0, le=120)] = setting(
        "The credit is so many months of recurring revenue.", "months"
    )
    capacity_above: Annotated[Number, Field(ge=0)] = setting(
        "Capacity utilisation above this doubles capacity at no added cost.", "% of capacity"
    )
    sla_addition: Annotated[Percent, Field(gt=0)] = setting(
        "An account below its SLA is promised its target plus this.", "percentage points"
    )
    sla_most: Percent = setting("But never more than this (nor less than it has).", "% uptime")
    price_lock_years: Annotated[int, Field(strict=True, ge=1, le=100)] = setting(
        "Budget pressure locks the price for so many years.", "years"
    )


class Targets(PolicyModel):
    """What a plan must reach."""

    first_days: WindowDays = setting("The first look at the score.", "days after as_of")
    first_points: Points = setting("It should have risen by this.", "points of 100")
    second_days: WindowDays = setting("The second look at the score.", "days after as_of")
    second_points: Points = setting("It should have risen by this since the start.", "points of 100")
    renewal_score: Points = setting("The score at renewal.", "score, 0 to 100")
    qbr_pct: Points = setting("QBR attendance.", "%")
    urgent_tickets: Count = setting("Open urgent tickets.", "tickets")


class ExecutiveRule(PolicyModel):
    """What calls for an executive's decision: a status with much at stake, or a signal."""

    decision: Name = setting("The rule's key; each stands once.", "name")
    title: Text = setting("What is to be decided, as a title.", "text")
    final_status: Status = setting("Accounts of this final status …", "status", default=None)
    arr_above: Money = setting("… with more ARR than this.", "reporting currency", default=None)
    signal_group: DecisionSignal = setting("Or accounts with a signal of this group …", "signal group", default=None)
    within_days: WindowDays = setting("… in so many days.", "days", default=None)
    decision_maker: Text = setting("Who decides.", "role")
    urgency: Urgency = setting("By when.", "this_week or next_30_days")


class UrgencyDays(PolicyModel):
    """How long an urgency gives."""

    this_week: WindowDays = setting("Due in so many days.", "days")
    next_30_days: WindowDays = setting("Due in so many days.", "days")


class Executives(PolicyModel):
    """What executives decide."""

    urgency_days: UrgencyDays = setting("How long an urgency gives.", "days")
    decisions: Annotated[tuple[ExecutiveRule, ...], Field(min_length=1)] = setting(
        "What calls for a decision, the most pressing first.", "rules in order"
    )


class Outreach(PolicyModel):
    """How soon somebody gets in touch."""

    red_days: WindowDays = setting("With a RED account.", "days")
    yellow_days: WindowDays = setting("With a YELLOW account.", "days")
    green_days: WindowDays = setting("With a GREEN account that has an expansion.", "days")


class Retention(PolicyFile):
    """Retention plans, offers and executive decisions."""

    file_name: ClassVar[str] = "retention.yaml"

    plans: Plans = setting("Retention plans.", "settings")
    renewal: RenewalTimeline = setting("The renewal timeline.", "settings")
    review: Review = setting("Review by people.", "settings")
    offers: Offers = setting("Components of offers.", "settings")
    targets: Targets = setting("Success metrics.", "settings")
    executives: Executives = setting("Executive decisions.", "settings")
    outreach: Outreach = setting("Timing of outreach.", "settings")
