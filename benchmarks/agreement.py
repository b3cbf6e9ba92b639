"""Holds two sets of tables against each other, row by row: what was published and what the floor or the peer made.

A speed ratio between programs that answer differently says nothing, so the runner refuses to report one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

# table: its key, and what must be equal for each key
Compares = dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
TARGET_VALUES = (
    "account_id", "due_date", "window_opens_on", "window_closes_on", "expires_on", "status", "days_to_due", "in_window",
    "completed_on", "completed_by", "completing_activity_id", "amount",
)  # fmt: skip
HEALTH_VALUES = (
    "score", "score_low", "score_high", "confidence", "status", "tier", "support_quality", "engagement",
    "product_usage", "relationship", "sentiment", "arr", "customer_until", "renewal_date", "days_to_renewal",
    "baseline_points", "baseline_label", "final_status",
)  # fmt: skip
MEASURE_VALUES = ("dimension", "value", "points", "max_points", "is_present", "source_records", "next_band_gain")
CHURN_VALUES = (
    "base", "renewal_addition", "leadership_change", "budget_pressure", "competitive_inquiry", "recent_outage",
    "engagement_decline", "churn_probability", "arr", "three_year_value", "expected_loss", "lifetime_value",
    "save_probability", "intervention_priority",
)  # fmt: skip
EXPANSION_VALUES = (
    "rank", "is_primary", "current_arr", "potential_arr", "close_probability", "expected_arr", "priority",
    "needs_verification", "qualified", "plan_limit", "approaching_limit", "seat_growth", "feature_requests",
    "high_health", "no_billing_issue", "responsive",
)  # fmt: skip
FORECAST_VALUES = (
    "accounts", "arr_up_for_renewal", "expected_churned_arr", "expected_retained_arr", "at_risk_arr_red",
    "at_risk_arr_yellow", "arr_green", "arr_without_score", "contracts_ended", "contracts_renewed",
    "gross_retention_pct", "net_retention_pct",
)  # fmt: skip
# What pandas computes as the floor does.
HEALTH_COMPARES: Compares = {
    "account_health": (("account_id",), HEALTH_VALUES),
    "account_health_measures": (("account_id", "measure"), MEASURE_VALUES),
    "account_churn": (("account_id",), CHURN_VALUES),
    "retention_offers": (("account_id", "component"), ("credit_amount", "sla_pct")),
    "executive_decisions": (("account_id", "decision"), ("urgency", "due_on")),
    "expansion_pipeline": (("account_id", "type"), EXPANSION_VALUES),
}
FLOOR_COMPARES: Compares = {
    "health_check_targets": (("contract_id", "milestone"), TARGET_VALUES),
    "health_check_candidates": (("contract_id", "milestone"), ("rank", "status", "amount")),
    "health_check_accounts": (
        ("account_id",),
        ("candidate_count", "candidate_amount", "next_due_date", "most_urgent_status"),
    ),
    "health_check_influence": (
        ("opportunity_id", "activity_id"),
        ("delivered_by", "credit_last_touch", "credit_linear", "amount", "outcome"),
    ),
    "health_check_performance": (
        ("quarter_starts_on", "dimension", "value"),
        (
            "targets_due", "completed", "completed_late", "past_due", "missed", "median_days_to_delivery",
            "influenced_pipeline", "influenced_won",
        ),
    ),
    **HEALTH_COMPARES,
    "retention_plans": (("account_id", "step"), ("starts_on", "due_on", "requires_review")),
    "renewal_forecast": (("quarter_starts_on", "owner_name", "geo", "region", "segment"), FORECAST_VALUES),
}  # fmt: skip
PEER_COMPARES: Compares = {
    "health_check_targets": (
        ("contract_id", "milestone"),
        ("due_date", "status", "completing_activity_id", "amount"),
    ),
    "health_check_candidates": (("contract_id", "milestone"), ("rank", "status")),
    **HEALTH_COMPARES,
    "retention_plans": (("account_id", "step"), ("starts_on", "due_on", "requires_review")),
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """How one table compares: rows on both sides, and how many of them differ; `example` is one that does."""

    table: str
    rows: int
    other_rows: int
    differing: int
    example: str | None

    @property
    def agrees(self) -> bool:
        return self.differing == 0 and self.rows == self.other_rows

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "agrees": self.agrees}


def compare(published: Path, other: Path, compares: Compares) -> list[Comparison]:
    """Compares `published/<table>.parquet` with `other/<table>.parquet`, for each table of `compares`."""
    with duckdb.connect() as con:
        con.execute("set enable_progress_bar = false")
        con.execute("set timezone = 'UTC'")
        return [
            _compare_table(con, table, published / f"{table}.parquet", other / f"{table}.parquet", *columns)
            for table, columns in compares.items()
        ]


def _compare_table(
    con: duckdb.DuckDBPyConnection, table: str, mine: Path, theirs: Path, key: tuple[str, ...], values: tuple[str, ...]
) -> Comparison:
    names = (*key, *values)
    types = dict(zip(names, con.read_parquet(str(mine)).select(*names).types, strict=True))

    def side(file: Path) -> str:
        columns = ", ".join(f'"{column}"::{_meeting_type(str(kind))} as "{column}"' for column, kind in types.items())
        return f"(select {columns}, true as here from read_parquet('{file}'))"

    differs = " or ".join(f'm."{v}" is distinct from t."{v}"' for v in values)
    query = f"""
        with joined as (
            select
                m.here as mine, t.here as theirs,
                m.here is null or t.here is null or {differs} as is_different,
                concat('published ', m, '; other ', t) as shown
            from {side(mine)} m full join {side(theirs)} t using ({", ".join(key)})
        )
        select count(mine), count(theirs), count(*) filter (is_different), min(shown) filter (is_different) from joined
    """
    rows, other_rows, differing, example = con.execute(query).fetchall()[0]
    return Comparison(table, rows, other_rows, differing, example)


def _meeting_type(kind: str) -> str:
    """Numbers meet as decimals and dates as dates, whatever each side stored them as."""
    if kind.startswith("DECIMAL") or kind in ("INTEGER", "BIGINT", "HUGEINT", "DOUBLE"):
        return "decimal(38, 6)"
    return kind
