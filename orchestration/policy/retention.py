"""What is done to keep an account: plans, the renewal timeline, offers, targets and what executives decide.

Here: `retention.yaml`. Not here: who is at risk (`churn.yaml`) and the plans themselves (the dbt models).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from orchestration.policy.base import (
    Count,
    Flag,
    Name,
    Number,
    OneLine,
    Percent,
    PolicyFile,
    PolicyModel,
    Text,
    WindowDays,
    setting,
)
from orchestration.policy.churn import FACTORS
from orchestration.policy.health_score import SignalGroups
from orchestration.policy.problems import Finding, Severity, below_another, repeated

Status = Literal["GREEN", "YELLOW", "RED"]
ChurnFactor = Literal[FACTORS]
DecisionSignal = Literal[tuple(SignalGroups.model_fields)]
Urgency = Literal["this_week", "next_30_days"]
Money = Annotated[Number, Field(ge=0)]
Points = Annotated[int, Field(strict=True, ge=0, le=100)]

_STEP = ("The step's key; each stands once in its list.", "name")
_ACTION = ("What is done, as a title.", "text")
_PURPOSE = ("What it is for.", "text")
_OWNER = ("Who does it.", "role")
_AUDIENCE = ("For whom.", "text")
_REACHES = ("Whether it reaches the customer.", "true or false")
_PRICE = ("Whether it touches price.", "true or false")


class PlanStep(OneLine):
    """A step of a retention plan."""

    step: Name = setting(*_STEP)
    phase: Literal["immediate", "short_term"] = setting("The phase it stands in.", "immediate or short_term")
    action: Text = setting(*_ACTION)
    purpose: Text = setting(*_PURPOSE)
    owner_role: Text = setting(*_OWNER)
    audience: Text = setting(*_AUDIENCE)
    reaches_customer: Flag = setting(*_REACHES)
    touches_price: Flag = setting(*_PRICE)
    due_days: Count = setting("Due so many days after as_of.", "days", le=3660)
    only_with: ChurnFactor = setting("Only where this risk factor is present.", "risk factor", default=None)

    def words(self) -> str:
        return _step_words(self, f"{self.phase}, due after {self.due_days} d")


class RenewalStep(OneLine):
    """A step on the way to a renewal."""

    step: Name = setting(*_STEP)
    action: Text = setting(*_ACTION)
    purpose: Text = setting(*_PURPOSE)
    owner_role: Text = setting(*_OWNER)
    audience: Text = setting(*_AUDIENCE)
    reaches_customer: Flag = setting(*_REACHES)
    touches_price: Flag = setting(*_PRICE)
    days_before_renewal: Count = setting("Due so many days before the renewal.", "days", le=3660)
    only_with: ChurnFactor = setting("Only where this risk factor is present.", "risk factor", default=None)

    def words(self) -> str:
        return _step_words(self, f"{self.days_before_renewal} d before renewal")


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


class ExecutiveRule(OneLine):
    """What calls for an executive's decision: a status with much at stake, or a signal."""

    decision: Name = setting("The rule's key; each stands once.", "name")
    title: Text = setting("What is to be decided, as a title.", "text")
    final_status: Status = setting("Accounts of this final status …", "status", default=None)
    arr_above: Money = setting("… with more ARR than this.", "reporting currency", default=None)
    signal_group: DecisionSignal = setting("Or accounts with a signal of this group …", "signal group", default=None)
    within_days: WindowDays = setting("… in so many days.", "days", default=None)
    decision_maker: Text = setting("Who decides.", "role")
    urgency: Urgency = setting("By when.", "this_week or next_30_days")

    def words(self) -> str:
        of_status = f"{self.final_status} with ARR above {self.arr_above}"
        when = of_status if self.final_status else f"{self.signal_group} within {self.within_days} d"
        return f"{self.decision}: {self.title} ({when}; {self.decision_maker}, {self.urgency})"


class UrgencyDays(PolicyModel):
    """The days of each urgency."""

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

    def lint(self) -> Iterator[Finding]:
        plans, targets = self.plans, self.targets
        yield from below_another(("plans", "high_above"), plans.high_above, plans.medium_above, "medium_above", True)
        for level in ("high", "medium"):
            yield from repeated(("plans", level), [step.step for step in getattr(plans, level)])
            yield from _phase_findings(("plans", level), getattr(plans, level))
        yield from repeated(("renewal", "steps"), [step.step for step in self.renewal.steps])
        yield from self._renewal_findings()
        yield from below_another(
            ("targets", "second_days"), targets.second_days, targets.first_days, "first_days", strictly=True
        )
        yield from below_another(
            ("targets", "second_points"), targets.second_points, targets.first_points, "first_points"
        )
        yield from self._decision_findings()

    def _renewal_findings(self) -> Iterator[Finding]:
        within = self.renewal.within_days
        for index, step in enumerate(self.renewal.steps):
            path = ("renewal", "steps", index, "days_before_renewal")
            days = step.days_before_renewal
            before = self.renewal.steps[index - 1].days_before_renewal if index else None
            if before is not None and days > before:
                yield Finding(path, str(days), f"at most the step before, {before} (days): steps in order")
            elif days > within:
                expected = f"at most within_days, {within} (days)"
                yield Finding(path, str(days), expected, "the step is late before it is seen", Severity.WARNING)

    def _decision_findings(self) -> Iterator[Finding]:
        decisions, days = self.executives.decisions, self.executives.urgency_days
        yield from repeated(("executives", "decisions"), [rule.decision for rule in decisions])
        for index, rule in enumerate(decisions):
            given = [name for name in _CONDITIONS if getattr(rule, name) is not None]
            if given not in (_CONDITIONS[:2], _CONDITIONS[2:]):
                expected = "final_status with arr_above, or signal_group with within_days"
                yield Finding(("executives", "decisions", index), ", ".join(given) or "no condition", expected)
        path = ("executives", "urgency_days", "next_30_days")
        yield from below_another(path, days.next_30_days, days.this_week, "this_week", strictly=True)


def _step_words(step: PlanStep | RenewalStep, when: str) -> str:
    only = f", only with {step.only_with}" if step.only_with else ""
    return f"{step.step}: {step.action} – {step.purpose} ({step.owner_role} · {step.audience} · {when}{only})"


# The first two go together, and the last two.
_CONDITIONS = ["final_status", "arr_above", "signal_group", "within_days"]


def _phase_findings(path: tuple[str | int, ...], steps: tuple[PlanStep, ...]) -> Iterator[Finding]:
    """What is immediate is due no later than what isn't."""
    first = min((step.due_days for step in steps if step.phase == "short_term"), default=None)
    for index, step in enumerate(steps):
        if first is not None and step.phase == "immediate" and step.due_days > first:
            expected = f"at most the first short_term step, {first} (days)"
            yield Finding((*path, index, "due_days"), str(step.due_days), expected)
