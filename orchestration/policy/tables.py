"""Policies as the tables that dbt models join: every column with its type, every override already worked out.

Here: the Arrow schemas and the rows, in a fixed order. Not here: what the values mean (the models) and where the
files are written (the freezing of inputs).

Which rows apply to a contract: `health_check_rules` has one row for the base and for every segment, product and
pair of both that an override names. The one with the greatest specificity whose segment and product are null or the
contract's own is the contract's scope; `scope_id` then joins the other health_check tables, whose values are final.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from orchestration.policy.health_checks import normalise_pattern, specificity
from orchestration.policy.models import Policies
from orchestration.sources.streams import STREAMS

Row = dict[str, Any]
_Scope = tuple[str | None, str | None]


def _column(name: str, kind: pa.DataType, meaning: str, nullable: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"description": meaning})


_SCOPE_COLUMNS = (
    _column("scope_id", pa.string(), "which contracts the row is for; the same in all health_check tables"),
    _column("segment", pa.string(), "the segment it is for; null: any", nullable=True),
    _column("product", pa.string(), "the product it is for, as contracts write it; null: any", nullable=True),
    _column("specificity", pa.int32(), "3 segment and product, 2 product, 1 segment, 0 any; the greatest wins"),
)

SCHEMAS: Mapping[str, pa.Schema] = MappingProxyType(
    {
        "calendar": pa.schema(
            [
                _column("time_zone", pa.string(), "business time zone, IANA name"),
                _column("fiscal_year_start_month", pa.int32(), "month 1 to 12"),
                _column("reporting_currency", pa.string(), "ISO 4217"),
            ]
        ),
        "health_check_rules": pa.schema(
            [
                *_SCOPE_COLUMNS,
                _column("require_attachment", pa.bool_(), "delivered only with an attachment"),
                _column("horizon_quarters", pa.int32(), "fiscal quarters after the current one that are looked at"),
                _column("influence_days", pa.int32(), "days after delivery in which an opportunity is influenced"),
                _column("prepare_days_before_due", pa.int32(), "days before due that the deck is prepared"),
                _column("near_miss_days", pa.int32(), "days outside the span that still make a near miss"),
            ]
        ),
        "health_check_milestones": pa.schema(
            [
                *_SCOPE_COLUMNS,
                _column("milestone", pa.string(), "name of the milestone"),
                _column("anchor", pa.string(), "contract_start or contract_end"),
                _column("offset_days", pa.int32(), "due date = anchor + offset"),
                _column("opens_days_before", pa.int32(), "days the window opens before due"),
                _column("closes_days_after", pa.int32(), "days the window closes after due"),
                _column("minimum_term_days", pa.int32(), "least end_date - start_date, days"),
                _column("is_enabled", pa.bool_(), "whether contracts have this milestone"),
            ]
        ),
        "health_check_subject_patterns": pa.schema(
            [
                *_SCOPE_COLUMNS,
                _column("pattern", pa.string(), "looked for in lower-case subjects, spaces and hyphens as one space"),
            ]
        ),
        "health_check_not_delivered_statuses": pa.schema(
            [_column("status", pa.string(), "an activity status that is no delivery")]
        ),
        "stream_settings": pa.schema(
            [
                _column("stream", pa.string(), "stream"),
                _column("cadence", pa.string(), "how often it is extracted: daily or weekly"),
                _column("max_age_days", pa.int32(), "an extraction older than this is stale, days"),
                _column("on_stale", pa.string(), "use_last_known or omit"),
                _column("is_required", pa.bool_(), "whether a run needs the stream"),
            ]
        ),
        "stream_sources": pa.schema(
            [
                _column("stream", pa.string(), "stream"),
                _column("source", pa.string(), "source that feeds it"),
                _column("source_rank", pa.int32(), "1 wins when two sources have the same key"),
            ]
        ),
    }
)


def policy_tables(policies: Policies) -> dict[str, pa.Table]:
    """Every policy table, by name; the same policies give the same tables, row by row."""
    rows: dict[str, Iterable[Row]] = {name: build(policies) for name, build in _ROWS.items()}
    return {name: pa.Table.from_pylist(list(rows[name]), schema=schema) for name, schema in SCHEMAS.items()}


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


def _calendar(policies: Policies) -> Iterable[Row]:
    calendar = policies.calendar
    yield {
        "time_zone": calendar.time_zone,
        "fiscal_year_start_month": calendar.fiscal_year_start_month,
        "reporting_currency": calendar.reporting_currency,
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


def _stream_settings(policies: Policies) -> Iterable[Row]:
    for stream, settings in sorted(policies.sources.streams.items()):
        yield {
            "stream": stream,
            "cadence": settings.cadence,
            "max_age_days": settings.max_age_days,
            "on_stale": settings.on_stale,
            "is_required": STREAMS[stream].required,
        }


def _stream_sources(policies: Policies) -> Iterable[Row]:
    for stream in sorted(policies.sources.streams):
        for rank, source in enumerate(policies.sources.source_order(stream), start=1):
            yield {"stream": stream, "source": source, "source_rank": rank}


_ROWS: Mapping[str, Callable[[Policies], Iterable[Row]]] = MappingProxyType(
    {
        "calendar": _calendar,
        "health_check_rules": _rules,
        "health_check_milestones": _milestones,
        "health_check_subject_patterns": _subject_patterns,
        "health_check_not_delivered_statuses": _not_delivered_statuses,
        "stream_settings": _stream_settings,
        "stream_sources": _stream_sources,
    }
)
