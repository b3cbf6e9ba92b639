"""What internal documents say of accounts, read from the published tables for many accounts at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from orchestration.documents.rows import Row, Rows, months_before

DIMENSIONS = ("support_quality", "engagement", "product_usage", "relationship", "sentiment")
FACTORS = ("leadership_change", "budget_pressure", "competitive_inquiry", "recent_outage", "engagement_decline")
# Actions that nobody waits for: those that are over, and those that are held back for more urgent ones.
_NOT_OPEN = ("held_back", "suppressed", "done", "failed", "rejected", "expired", "cause_cleared")


@dataclass(frozen=True)
class Facts:
    """One account. What isn't there is None or empty."""

    as_of: date
    account: Row
    churn: Row | None = None
    measures: Sequence[Row] = ()
    trend: Sequence[tuple[date, Any]] = ()
    themes: Sequence[Row] = ()
    targets: Sequence[Row] = ()
    actions: Sequence[Row] = ()
    plan: Sequence[Row] = ()
    metrics: Sequence[Row] = ()
    decisions: Sequence[Row] = ()
    alerts: Sequence[Row] = ()

    def of_dimension(self, dimension: str) -> list[Row]:
        """The measures of a dimension, in their order."""
        return [row for row in self.measures if row["dimension"] == dimension]


@dataclass
class _Found:
    """Rows of several accounts, by account."""

    of: dict[str, list[Row]] = field(default_factory=dict)

    def get(self, account_id: str) -> list[Row]:
        return self.of.get(account_id, [])


_QUERIES = {
    "churn": (
        "account_churn",
        "churn_probability, acts_on_probability, base, renewal_addition, expected_loss, save_probability,"
        " three_year_value, " + ", ".join(f"{name}, {name}_addition, {name}_evidence" for name in FACTORS),
        "account_id",
    ),
    "measures": (
        "account_health_measures",
        "measure, dimension, label, unit, value, points, max_points, is_present, missing_reason, next_band_gain",
        "measure_rank",
    ),
    "themes": ("account_themes", "theme, severity, is_root_cause, evidence", "place"),
    "targets": (
        "health_check_targets",
        "target_id, contract_id, product, milestone, anchor_date, due_date, window_opens_on, window_closes_on, status,"
        " completed_on, completed_by, near_miss, amount",
        "due_date, target_id",
    ),
    "actions": (
        "recommended_actions",
        "action, title, owner_role, owner, priority, status, due_on, subject_kind, subject",
        "priority, due_on, action_id",
    ),
    "plan": (
        "retention_plans",
        "step, action, purpose, owner_role, joined_by, phase, standing_due_on as due_on",
        'standing_due_on, "rank"',
    ),
    "metrics": ("retention_success_metrics", "title, unit, value_now, target, due_on", "metric_rank"),
    "decisions": ("executive_decisions", "title, decision_maker, urgency, due_on, why", '"rank"'),
    "alerts": ("alerts", "title, next_step, next_due_at, is_open", "next_due_at nulls last, alert_rank, alert_id"),
}

_ACCOUNTS = """
    select s.account_id, s.account_name, s.owner_name, s.csm_name, s.ae_name, s.geo, s.region, s.segment, s.lifecycle,
           s.is_churned, s.arr, s.tickets_open, s.urgent_tickets_open, s.open_major_blockers,
           h.score, h.score_low, h.score_high, h.confidence, h.status, h.final_status, h.tier,
           h.csm_status, h.csm_called_by, h.csm_called_on, h.csm_expires_on, h.csm_reason,
           h.change_month,
           h.root_cause, h.missing_dimensions, h.renewal_date, h.customer_until,
           h.support_quality, h.engagement, h.product_usage, h.relationship, h.sentiment
    from {account_signals} s
    left join {account_health} h on s.account_id = h.account_id
    where s.account_id in (select unnest($ids))
"""


def facts_of(rows: Rows, account_ids: Sequence[str], as_of: date, trend_months: int) -> dict[str, Facts]:
    """The facts of the accounts that there are among `account_ids`, by id."""
    ids = list(dict.fromkeys(account_ids))
    accounts = {row["account_id"]: row for row in rows(_ACCOUNTS, ids=ids)}
    found = {name: _by_account(rows, ids, *query) for name, query in _QUERIES.items()}
    scores = _by_account(
        rows,
        ids,
        "account_health_history",
        "as_of_date, score",
        "as_of_date",
        "as_of_date >= $since and as_of_date <= $as_of",
        since=months_before(as_of, trend_months - 1),
        as_of=as_of,
    )
    return {
        account_id: Facts(
            as_of=as_of,
            account=account,
            churn=next(iter(found["churn"].get(account_id)), None),
            measures=found["measures"].get(account_id),
            trend=monthly(scores.get(account_id), as_of, account["score"]),
            themes=found["themes"].get(account_id),
            targets=found["targets"].get(account_id),
            actions=[row for row in found["actions"].get(account_id) if row["status"] not in _NOT_OPEN],
            plan=found["plan"].get(account_id),
            metrics=found["metrics"].get(account_id),
            decisions=found["decisions"].get(account_id),
            alerts=[row for row in found["alerts"].get(account_id) if row["is_open"]],
        )
        for account_id, account in accounts.items()
    }


def monthly(scores: Sequence[Row], as_of: date, score: Any) -> list[tuple[date, Any]]:
    """The last score of each month by the month's first day; this month's is the score of now.

    A day's score adds no point of its own, so that a chart stays the same while nothing changes.
    """
    months = {row["as_of_date"].replace(day=1): row["score"] for row in scores if row["score"] is not None}
    if score is not None:
        months[as_of.replace(day=1)] = score
    return sorted(months.items())


def _by_account(
    rows: Rows, ids: list[str], table: str, columns: str, order: str, condition: str = "true", **values: Any
) -> _Found:
    query = (
        f"select account_id, {columns} from {{{table}}}"  # noqa: S608 - names of our own
        f" where account_id in (select unnest($ids)) and {condition} order by account_id, {order}"
    )
    found = _Found()
    for row in rows(query, ids=ids, **values):
        found.of.setdefault(row["account_id"], []).append(row)
    return found
