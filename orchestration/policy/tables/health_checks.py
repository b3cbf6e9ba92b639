"""The health-check policy as tables.

Which rows apply to a contract: `health_check_rules` has one row for the base and for every segment, product and
pair of both that an override names. The one with the greatest specificity whose segment and product are null or the
contract's own is the contract's scope; `scope_id` then joins the other health_check tables, whose values are final.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import pyarrow as pa

from orchestration.policy.health_checks import normalise_pattern, specificity
from orchestration.policy.models import Policies
from orchestration.policy.tables.columns import Row, Rows, Schemas, column

_Scope = tuple[str | None, str | None]

_SCOPE_COLUMNS = (
    column("scope_id", pa.string(), "which contracts the row is for; the same in all health_check tables"),
    column("segment", pa.string(), "the segment it is for; null: any", nullable=True),
    column("product", pa.string(), "the product it is for, as contracts write it; null: any", nullable=True),
    column("specificity", pa.int32(), "3 segment and product, 2 product, 1 segment, 0 any; the greatest wins"),
)

SCHEMAS: Schemas = MappingProxyType(
    {
        "health_check_rules": pa.schema(
            [
                *_SCOPE_COLUMNS,
                column("require_attachment", pa.bool_(), "delivered only with an attachment"),
                column("horizon_quarters", pa.int32(), "fiscal quarters after the current one that are looked at"),
                column("influence_days", pa.int32(), "days after delivery in which an opportunity is influenced"),
                column("prepare_days_before_due", pa.int32(), "days before due that the deck is prepared"),
                column("near_miss_days", pa.int32(), "days outside the span that still make a near miss"),
            ]
        ),
        "health_check_milestones": pa.schema(
            [
                *_SCOPE_COLUMNS,
                column("milestone", pa.string(), "name of the milestone"),
                column("anchor", pa.string(), "contract_start or contract_end"),
                column("offset_days", pa.int32(), "due date = anchor + offset"),
                column("opens_days_before", pa.int32(), "days the window opens before due"),
                column("closes_days_after", pa.int32(), "days the window closes after due"),
                column("minimum_term_days", pa.int32(), "least end_date - start_date, days"),
                column("is_enabled", pa.bool_(), "whether contracts have this milestone"),
            ]
        ),
        "health_check_subject_patterns": pa.schema(
            [
                *_SCOPE_COLUMNS,
                column("pattern", pa.string(), "looked for in lower-case subjects, spaces and hyphens as one space"),
            ]
        ),
        "health_check_not_delivered_statuses": pa.schema(
            [column("status", pa.string(), "an activity status that is no delivery")]
        ),
    }
)


def scope_id(segment: str | None, product: str | None) -> str:
    """A readable name of a scope; no product name can make two alike, since it goes last and segments are known."""
    parts = [] if segment is None else [f"segment={segment}"]
    if product is not None:
        parts.append(f"product={product}")
    return "&".join(parts) or "base"


def _scope_columns(scope: _Scope) -> Row:
    segment, product = scope
    return {
        "scope_id": scope_id(segment, product),
        "segment": segment,
        "product": product,
        "specificity": specificity(segment, product),
    }


def _rules(policies: Policies) -> Iterable[Row]:
    for scope in policies.health_checks.scopes():
        resolved = policies.health_checks.resolve(*scope)
        yield _scope_columns(scope) | {
            "require_attachment": resolved.require_attachment,
            "horizon_quarters": resolved.horizon_quarters,
            "influence_days": resolved.influence_days,
            "prepare_days_before_due": resolved.prepare_days_before_due,
            "near_miss_days": resolved.near_miss_days,
        }


def _milestones(policies: Policies) -> Iterable[Row]:
    for scope in policies.health_checks.scopes():
        resolved = policies.health_checks.resolve(*scope)
        for name, milestone in sorted(resolved.milestones.items()):
            yield _scope_columns(scope) | {
                "milestone": name,
                "anchor": milestone.anchor,
                "offset_days": milestone.offset_days,
                "opens_days_before": milestone.opens_days_before,
                "closes_days_after": milestone.closes_days_after,
                "minimum_term_days": resolved.minimum_term_days[name],
                "is_enabled": milestone.enabled,
            }


def _subject_patterns(policies: Policies) -> Iterable[Row]:
    for scope in policies.health_checks.scopes():
        patterns = policies.health_checks.resolve(*scope).subject_patterns
        for pattern in sorted({normalise_pattern(pattern) for pattern in patterns}):
            yield _scope_columns(scope) | {"pattern": pattern}


def _not_delivered_statuses(policies: Policies) -> Iterable[Row]:
    for status in sorted(policies.health_checks.not_delivered_statuses):
        yield {"status": status}


ROWS: Mapping[str, Rows] = MappingProxyType(
    {
        "health_check_rules": _rules,
        "health_check_milestones": _milestones,
        "health_check_subject_patterns": _subject_patterns,
        "health_check_not_delivered_statuses": _not_delivered_statuses,
    }
)
