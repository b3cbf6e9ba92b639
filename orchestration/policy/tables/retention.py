"""The retention policy as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import pyarrow as pa

from orchestration.policy.models import Policies
from orchestration.policy.tables.columns import WHOLE, Row, Rows, Schemas, column, flag, number, text, whole

SCHEMAS: Schemas = MappingProxyType(
    {
        "retention_steps": pa.schema(
            [
                text("level", "high or medium: a plan of that risk; renewal: the way to a renewal"),
                text("step", "the step's key"),
                whole("step_rank", "place in the level, from 1"),
                text("phase", "immediate, short_term or renewal"),
                text("action", "what is done, as a title"),
                text("purpose", "what it is for"),
                text("owner_role", "who does it"),
                text("audience", "for whom"),
                flag("reaches_customer", "whether it reaches the customer"),
                flag("touches_price", "whether it touches price"),
                column("due_days", WHOLE, "days after as_of; null on the way to a renewal", nullable=True),
                column("days_before_renewal", WHOLE, "days before the renewal; null in a plan", nullable=True),
                text("only_with", "a risk factor that must be present; null: none", nullable=True),
            ]
        ),
        "retention_settings": pa.schema(
            [
                number("high_above", "high risk above this churn probability, percent"),
                number("medium_above", "medium risk above this churn probability, percent"),
                whole("renewal_within_days", "days to renewal that begin the renewal timeline"),
                whole("sponsor_from_days", "days before renewal from which a sponsor joins at high risk"),
                text("sponsor_role", "who joins"),
                number("validation_above", "validation above this churn probability, percent"),
                text("review_status", "final status whose plans need an executive's review"),
                whole("incidents_days", "window of urgent incidents, days"),
                whole("incidents_above", "more incidents earn a service credit"),
                number("credit_months", "months of recurring revenue that the credit is"),
                number("capacity_above", "utilisation above this doubles capacity, percent"),
                number("sla_addition", "what is promised above the SLA, percentage points"),
                number("sla_most", "the highest SLA that is promised, percent"),
                whole("price_lock_years", "years that the price is locked"),
                whole("target_30_days", "days to the first look at the score"),
                whole("target_30_points", "points the score should have risen by then"),
                whole("target_60_days", "days to the second look at the score"),
                whole("target_60_points", "points the score should have risen by then"),
                whole("renewal_score", "score that is wanted at renewal"),
                whole("qbr_target", "QBR attendance that is wanted, percent"),
                whole("urgent_target", "open urgent tickets that are wanted"),
                whole("outreach_red_days", "days to get in touch with a RED account"),
                whole("outreach_yellow_days", "days to get in touch with a YELLOW account"),
                whole("outreach_green_days", "days to get in touch with a GREEN account with an expansion"),
            ]
        ),
        "executive_rules": pa.schema(
            [
                text("decision", "the rule's key"),
                whole("decision_rank", "place of the rule, from 1"),
                text("title", "what is to be decided"),
                text("final_status", "accounts of this final status; null: any", nullable=True),
                number("arr_above", "with more ARR than this, reporting currency; null: any", nullable=True),
                text("signal_group", "accounts with a signal of this group; null: any", nullable=True),
                column("within_days", WHOLE, "in so many days; null: no signal is asked for", nullable=True),
                text("decision_maker", "who decides"),
                text("urgency", "this_week or next_30_days"),
                whole("due_days", "days after as_of"),
            ]
        ),
    }
)


def _steps(policies: Policies) -> Iterable[Row]:
    plans = policies.retention.plans
    for level, steps in (("high", plans.high), ("medium", plans.medium)):
        for rank, step in enumerate(steps, start=1):
            yield {"level": level, "step_rank": rank, "days_before_renewal": None} | dict(step)
    for rank, step in enumerate(policies.retention.renewal.steps, start=1):
        yield {"level": "renewal", "step_rank": rank, "phase": "renewal", "due_days": None} | dict(step)


def _settings(policies: Policies) -> Iterable[Row]:
    retention = policies.retention
    yield {
        "high_above": retention.plans.high_above,
        "medium_above": retention.plans.medium_above,
        "renewal_within_days": retention.renewal.within_days,
        "sponsor_from_days": retention.renewal.sponsor_from_days,
        "sponsor_role": retention.renewal.sponsor_role,
        "validation_above": retention.review.validation_above,
        "review_status": retention.review.status,
        **dict(retention.offers),
        "target_30_days": retention.targets.first_days,
        "target_30_points": retention.targets.first_points,
        "target_60_days": retention.targets.second_days,
        "target_60_points": retention.targets.second_points,
        "renewal_score": retention.targets.renewal_score,
        "qbr_target": retention.targets.qbr_pct,
        "urgent_target": retention.targets.urgent_tickets,
        **{f"outreach_{name}": days for name, days in retention.outreach},
    }


def _executive_rules(policies: Policies) -> Iterable[Row]:
    executives = policies.retention.executives
    for rank, rule in enumerate(executives.decisions, start=1):
        yield dict(rule) | {"decision_rank": rank, "due_days": getattr(executives.urgency_days, rule.urgency)}


ROWS: Mapping[str, Rows] = MappingProxyType(
    {"retention_steps": _steps, "retention_settings": _settings, "executive_rules": _executive_rules}
)
