"""The columns that later runs read of each history, with their types. What is read how far back is in `histories`."""

from __future__ import annotations

import pyarrow as pa

from orchestration.policy.churn import FACTORS
from orchestration.policy.measures import DIMENSIONS, MEASURES

HYGIENE_ISSUES = pa.schema(
    [
        *(
            pa.field(name, pa.string())
            for name in (
                "issue_id",
                "rule",
                "severity",
                "source",
                "stream",
                "record_key",
                "account_id",
                "column_name",
                "expected",
                "actual",
                "sentence",
                "suggestion",
                "mended_by_role",
                "owner_name",
                "geo",
            )
        ),
        pa.field("occurrences", pa.int32()),
        pa.field("first_seen", pa.date32()),
        pa.field("last_seen", pa.date32()),
        pa.field("status", pa.string()),
        pa.field("cleared_on", pa.date32()),
    ]
)

ACCOUNT_HEALTH = pa.schema(
    [
        pa.field("as_of_date", pa.date32()),
        pa.field("policy_version", pa.string()),
        pa.field("account_id", pa.string()),
        pa.field("score", pa.decimal128(5, 1)),
        pa.field("status", pa.string()),
        pa.field("tier", pa.string()),
        pa.field("final_status", pa.string()),
    ]
)

ACCOUNT_SIGNALS = pa.schema(
    [
        pa.field("as_of_date", pa.date32()),
        pa.field("policy_version", pa.string()),
        pa.field("account_id", pa.string()),
        pa.field("segment", pa.string()),
        *(pa.field(measure, pa.decimal128(24, 6)) for measure in MEASURES),
    ]
)

ALERT_CONDITIONS = pa.schema(
    [
        pa.field("alert", pa.string()),
        pa.field("account_id", pa.string()),
        pa.field("subject", pa.string()),
        pa.field("dated_on", pa.date32()),
        pa.field("value", pa.decimal128(24, 6)),
        pa.field("evidence", pa.string()),
        pa.field("true_since", pa.date32()),
    ]
)

ALERT_TOTALS = pa.schema([pa.field("as_of_date", pa.date32()), pa.field("alert", pa.string())])

ACCOUNT_DIMENSIONS = pa.schema(
    [
        pa.field("as_of_date", pa.date32()),
        pa.field("account_id", pa.string()),
        *(pa.field(dimension, pa.decimal128(5, 1)) for dimension in DIMENSIONS),
    ]
)

AT_RISK_ACCOUNTS = pa.schema([pa.field("account_id", pa.string()), pa.field("at_risk_since", pa.date32())])

INTERVENTION_OUTCOMES = pa.schema(
    [
        pa.field("origin", pa.string()),
        pa.field("intervention_id", pa.string()),
        pa.field("account_id", pa.string()),
        pa.field("opened_on", pa.date32()),
        pa.field("opening_score", pa.decimal128(5, 1)),
        pa.field("runs_recovered", pa.int32()),
        pa.field("recovered_on", pa.date32()),
        pa.field("recovered_score", pa.decimal128(5, 1)),
        pa.field("closed_score", pa.decimal128(5, 1)),
    ]
)

ALERTS = pa.schema(
    [
        pa.field("alert_id", pa.string()),
        pa.field("alert", pa.string()),
        pa.field("account_id", pa.string()),
        pa.field("subject", pa.string()),
        pa.field("dated_on", pa.date32()),
        pa.field("value", pa.decimal128(24, 6)),
        pa.field("evidence", pa.string()),
        pa.field("raised_on", pa.date32()),
        pa.field("false_since", pa.date32()),
        pa.field("cleared_on", pa.date32()),
    ]
)

ACTION_EPISODES = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("action_id", "account_id", "action", "subject_kind", "subject")),
        *(pa.field(name, pa.date32()) for name in ("episode_started_on", "created_on", "auto_on")),
        *(pa.field(name, pa.bool_()) for name in ("is_capped", "is_open")),
    ]
)

ACCOUNT_CHURN = pa.schema(
    [
        pa.field("as_of_date", pa.date32()),
        pa.field("account_id", pa.string()),
        pa.field("score", pa.decimal128(5, 1)),
        pa.field("status", pa.string()),
        pa.field("churn_probability", pa.decimal128(5, 2)),
        pa.field("churn_probability_calibrated", pa.decimal128(5, 2)),
        pa.field("days_to_renewal", pa.int32()),
        *(pa.field(factor, pa.bool_()) for factor in FACTORS),
        pa.field("reconstructed", pa.bool_()),
    ]
)

PORTFOLIO_SUMMARY = pa.schema(
    [
        pa.field("as_of_date", pa.date32()),
        pa.field("section", pa.string()),
        pa.field("item", pa.string()),
        pa.field("unit", pa.string()),
        pa.field("figure", pa.decimal128(18, 2)),
    ]
)

SUCCESS_METRICS = pa.schema(
    [
        pa.field("name", pa.string()),
        pa.field("baseline", pa.decimal128(24, 6)),
        pa.field("baseline_on", pa.date32()),
    ]
)

REVIEW_ITEMS = pa.schema(
    [
        pa.field("report", pa.string()),
        pa.field("section", pa.string()),
        pa.field("section_place", pa.int32()),
        pa.field("rank", pa.int32()),
        pa.field("account_id", pa.string()),
        pa.field("text", pa.string()),
        pa.field("figure", pa.decimal128(18, 2)),
        pa.field("unit", pa.string()),
        pa.field("made_on", pa.date32()),
    ]
)

EXPANSION_PIPELINE = pa.schema(
    [
        pa.field("as_of_date", pa.date32()),
        pa.field("account_id", pa.string()),
        pa.field("type", pa.string()),
        *(
            pa.field(name, pa.bool_())
            for name in (
                "is_primary",
                "qualified",
                "plan_limit",
                "approaching_limit",
                "seat_growth",
                "feature_requests",
                "high_health",
                "no_billing_issue",
                "responsive",
            )
        ),
    ]
)
