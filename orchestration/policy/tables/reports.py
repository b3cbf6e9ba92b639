"""The reports policy as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import pyarrow as pa

from orchestration.policy.models import Policies
from orchestration.policy.tables.columns import Row, Rows, Schemas, number, text, whole

# What each success metric is in; money is in the reporting currency, which has no name here.
UNITS: Mapping[str, str] = MappingProxyType(
    {
        "annual_churn": "percent",
        "early_warning_days": "days",
        "red_retention": "percent",
        "expansion_arr": "money",
        "qbr_preparation_time": "hours",
        "accounts_per_csm": "accounts",
        "nps_gain": "points",
        "csat": "percent",
        "critical_satisfaction": "percent",
        "renewal_rate": "percent",
        "intervention_return": "times",
    }
)

SCHEMAS: Schemas = MappingProxyType(
    {
        "report_settings": pa.schema(
            [
                whole("dashboard_listed", "rows of a list of the dashboard"),
                number("flat_below_pct", "a smaller change is none, percent of the former figure"),
                whole("reviews_listed", "rows of a section of a review"),
                whole("week_days", "window of the weekly review's interventions, days"),
                whole("held_months", "how far back criteria of expansions are taken from, calendar months"),
                whole("year_days", "window of churn, expansions and interventions, days"),
                whole("csat_days", "window of ratings, days"),
                number("satisfied_at_least", "a rating that is satisfied"),
                whole("renewal_quarters", "fiscal quarters in which contracts ended"),
                number(
                    "intervention_cost", "cost of an intervention, reporting currency; null: not set", nullable=True
                ),
            ]
        ),
        "success_targets": pa.schema(
            [
                text("metric", "which metric"),
                whole("metric_rank", "its place, from 1"),
                text("title", "as readers see it"),
                text("unit", "percent, days, money, hours, accounts, points or times"),
                number("at_least", "wanted: this or more; null: not said", nullable=True),
                number("below", "wanted: less than this; null: not said", nullable=True),
                number("up_to", "upper end of what at_least aims at; null: none", nullable=True),
            ]
        ),
    }
)


def _settings(policies: Policies) -> Iterable[Row]:
    reports = policies.reports
    lists = {"dashboard_listed": reports.dashboard.listed, "reviews_listed": reports.reviews.listed}
    others = {**dict(reports.dashboard), **dict(reports.reviews), **dict(reports.measuring)}
    others.pop("listed")
    yield lists | others


def _targets(policies: Policies) -> Iterable[Row]:
    for rank, (name, target) in enumerate(policies.reports.success_metrics, start=1):
        yield {"metric": name, "metric_rank": rank, "unit": UNITS[name]} | dict(target)


ROWS: Mapping[str, Rows] = MappingProxyType({"report_settings": _settings, "success_targets": _targets})
