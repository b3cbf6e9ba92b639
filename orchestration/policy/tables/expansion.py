"""The expansion policy as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType

import pyarrow as pa

from orchestration.policy.bands import LEAST, intervals
from orchestration.policy.models import Policies
from orchestration.policy.tables.columns import Row, Rows, Schemas, flag, number, text, whole

SCHEMAS: Schemas = MappingProxyType(
    {
        "expansion_types": pa.schema(
            [
                text("type", "type of expansion"),
                whole("type_rank", "1 the primary one"),
                text("timing", "when it comes; null: the account says", nullable=True),
                text("description", "what is offered"),
            ]
        ),
        "expansion_settings": pa.schema(
            [
                text("status", "status of the machine an account must have"),
                number("capacity_above", "utilisation above this speaks for more capacity, percent"),
                whole("tickets_above", "more tickets speak for managed services"),
                whole("tickets_days", "window of these tickets, days"),
                number("close_base", "the chance to close begins with this, 0 to 1"),
                number("close_proactive", "added because we come first, 0 to 1"),
                number("close_most", "the greatest chance, 0 to 1"),
                number("plan_limit_pct", "monthly mean of capacity at the plan's limit, percent"),
                whole("plan_limit_months", "in each of so many months"),
                number("approaching_pct", "mean of the latest month that approaches it, percent"),
                number("seats_pct", "share of the seats in use, percent"),
                number("seats_growth_pct", "or growth of the seats, percent"),
                whole("seats_days", "window of that growth, days"),
                whole("feature_days", "window of feature requests, days"),
                number("high_health_above", "a score above this is high health"),
                whole("billing_days", "window of invoices, days"),
                whole("overdue_days", "unpaid so many days after due is an issue"),
                number("responsive_below_hours", "answers faster than this are responsive, hours"),
                number("verification_above", "a potential above this needs verification, reporting currency"),
                text("verification_role", "who verifies"),
            ]
        ),
        "expansion_close_additions": pa.schema(
            [
                text("kind", "score or expansions"),
                number("value_from", "the least value of the interval"),
                number("value_to", "the greatest value of the interval"),
                number("addition", "what it adds to the chance, 0 to 1"),
            ]
        ),
        "expansion_priorities": pa.schema(
            [
                text("priority", "priority"),
                whole("priority_rank", "place, from 1; the first that fits counts"),
                number("potential_at_least", "from this potential on, reporting currency"),
                number("score_at_least", "and from this score on"),
            ]
        ),
        "expansion_stages": pa.schema(
            [
                whole("week", "week of the work, from 1"),
                text("stage", "what it is called"),
                text("work", "what is done"),
                flag("reaches_customer", "whether it reaches the customer"),
                flag("touches_price", "whether it touches price"),
            ]
        ),
    }
)


def _types(policies: Policies) -> Iterable[Row]:
    for rank, kind in enumerate(policies.expansion.types, start=1):
        yield {"type_rank": rank} | dict(kind)


def _settings(policies: Policies) -> Iterable[Row]:
    expansion = policies.expansion
    yield {
        **dict(expansion.signals),
        "close_base": expansion.close.base,
        "close_proactive": expansion.close.proactive,
        "close_most": expansion.close.most,
        **dict(expansion.qualification),
        "verification_above": expansion.verification.above,
        "verification_role": expansion.verification.role,
    }


def _close_additions(policies: Policies) -> Iterable[Row]:
    for kind in ("score", "expansions"):
        bands = getattr(policies.expansion.close, kind)
        for interval in intervals(bands):
            yield {
                "kind": kind,
                "value_from": interval.value_from,
                "value_to": interval.value_to,
                "addition": Decimal(0) if interval.band is None else bands[interval.band].addition,
            }


def _priorities(policies: Policies) -> Iterable[Row]:
    for rank, priority in enumerate(policies.expansion.priorities, start=1):
        edges = {name: value for name, value in priority if name != "priority"}
        yield {"priority": priority.priority, "priority_rank": rank} | {
            name: LEAST if value is None else value for name, value in edges.items()
        }


def _stages(policies: Policies) -> Iterable[Row]:
    return (dict(stage) for stage in policies.expansion.stages)


ROWS: Mapping[str, Rows] = MappingProxyType(
    {
        "expansion_types": _types,
        "expansion_settings": _settings,
        "expansion_close_additions": _close_additions,
        "expansion_priorities": _priorities,
        "expansion_stages": _stages,
    }
)
