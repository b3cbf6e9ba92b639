"""What the executive dashboard, the reviews and the success metrics show, and what they are measured against.

Here: `reports.yaml`. Not here: the figures (the dbt models) and the documents made of them (`orchestration/reports/`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from orchestration.policy.base import Number, Percent, PolicyFile, PolicyModel, Text, WindowDays, setting
from orchestration.policy.problems import Finding, below_another

_Listed = Annotated[int, Field(strict=True, ge=1, le=10_000)]


class Dashboard(PolicyModel):
    """How much the executive dashboard shows."""

    listed: _Listed = setting("Lists show the first so many.", "rows")
    flat_below_pct: Percent = setting("A change of less than this part of the former figure is none.", "%")


class Reviews(PolicyModel):
    """The weekly, monthly and quarterly reviews."""

    listed: _Listed = setting("Sections show the first so many accounts.", "rows")
    week_days: WindowDays = setting("Interventions of the weekly review closed in so many days.", "days")
    held_months: Annotated[int, Field(strict=True, ge=1, le=24)] = setting(
        "The criteria of expansions are those of the last as-of so many calendar months ago or later.", "months"
    )


class Measuring(PolicyModel):
    """How the success metrics are measured."""

    year_days: WindowDays = setting("Churn, expansions and interventions of so many days.", "days")
    csat_days: WindowDays = setting("Tickets created in so many days.", "days")
    satisfied_at_least: Annotated[Number, Field(ge=1, le=5)] = setting(
        "A ticket rated this or more satisfied.", "rating, 1 to 5"
    )
    renewal_quarters: Annotated[int, Field(strict=True, ge=1, le=40)] = setting(
        "Contracts that ended in so many fiscal quarters, this one included.", "fiscal quarters"
    )
    intervention_cost: Annotated[Number, Field(gt=0)] | None = setting(
        "What an intervention costs on average; without it the return isn't measured.",
        "reporting currency",
        default=None,
    )


class Target(PolicyModel):
    """A success metric and what is wanted of it."""

    title: Text = setting("As readers see it.", "text")
    at_least: Number | None = setting("Wanted: this or more.", "unit of the metric", default=None)
    below: Number | None = setting("Wanted: less than this.", "unit of the metric", default=None)
    up_to: Number | None = setting("The upper end of what at_least aims at.", "unit of the metric", default=None)


class SuccessMetrics(PolicyModel):
    """The success metrics."""

    annual_churn: Target = setting("Customers that left in a year.", "% of customers")
    early_warning_days: Target = setting("Days from the first warning to the day a customer leaves.", "days")
    red_retention: Target = setting("RED accounts that stayed.", "% of RED accounts")
    expansion_arr: Target = setting("Expansions won in a year.", "reporting currency")
    qbr_preparation_time: Target = setting("Hours to prepare a QBR.", "hours")
    accounts_per_csm: Target = setting("Accounts of a CSM.", "accounts")
    nps_gain: Target = setting("NPS after an intervention less NPS before it.", "points")
    csat: Target = setting("Tickets rated satisfied.", "% of ratings")
    critical_satisfaction: Target = setting("Urgent tickets rated satisfied.", "% of ratings")
    renewal_rate: Target = setting("Contracts renewed of those that ended.", "% of contracts")
    intervention_return: Target = setting("ARR kept by interventions for each unit of their cost.", "times")


class Reports(PolicyFile):
    """Dashboard, reviews and success metrics."""

    file_name: ClassVar[str] = "reports.yaml"

    dashboard: Dashboard = setting("The executive dashboard.", "settings")
    reviews: Reviews = setting("The reviews.", "settings")
    measuring: Measuring = setting("How success is measured.", "settings")
    success_metrics: SuccessMetrics = setting("What is measured, and what is wanted.", "settings")

    def lint(self) -> Iterator[Finding]:
        for name, target in self.success_metrics:
            path = ("success_metrics", name)
            if target.at_least is not None and target.below is not None:
                yield Finding((*path, "below"), str(target.below), "at_least or below, not both")
            if target.up_to is not None and target.at_least is None:
                yield Finding((*path, "up_to"), str(target.up_to), "up_to beside at_least only")
            elif target.up_to is not None:
                yield from below_another((*path, "up_to"), target.up_to, target.at_least, "at_least", strictly=True)
