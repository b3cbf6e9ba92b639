"""Everything that is published of one account, for the pages that show it: rows, in the order they are read in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from orchestration.policy.models import Policies
from portal.access import Reader, Row
from portal.publications import Edition

FACTORS = ("leadership_change", "budget_pressure", "competitive_inquiry", "recent_outage", "engagement_decline")
CRITERIA = (
    *("plan_limit", "approaching_limit", "seat_growth", "feature_requests", "high_health"),
    *("no_billing_issue", "responsive"),
)
DIMENSIONS = ("support_quality", "engagement", "product_usage", "relationship", "sentiment")
# The lists of an account: table, condition beside the account's, order.
_LISTS = {
    "measures": ("account_health_measures", "true", "measure_rank"),
    "themes": ("account_themes", "true", "place"),
    "plan": ("retention_plans", "true", 'due_on, "rank"'),
    "offers": ("retention_offers", "true", "component_rank"),
    "goals": ("retention_success_metrics", "true", "metric_rank"),
    "decisions": ("executive_decisions", "true", '"rank"'),
    "expansion": ("expansion_pipeline", "true", "type_rank"),
    "stages": ("expansion_stages", "is_primary", "week"),
    "targets": ("health_check_targets", "true", "due_date desc, contract_id, milestone"),
    "influence": ("health_check_influence", "true", "created_on desc, influence_id"),
    "actions": ("recommended_actions", "true", "priority, due_on, action_id"),
    "alerts": ("alerts", "true", "is_open desc, next_due_at nulls last, raised_at desc, alert_id"),
    "interventions": ("intervention_outcomes", "true", "opened_on desc, intervention_id"),
    "surveys": ("survey_queue", "true", "due_on, kind"),
    "issues": ("hygiene_issues", "status = 'open'", "severity, stream, record_key, issue_id"),
}
_HISTORY = "account_health_history"
# A history has a file an as-of date: what a page shows of it is laid out by account.
_SCORES = (
    "select account_id, as_of_date, policy_version, score, confidence, status"  # noqa: S608 - names of our own
    f" from published.{_HISTORY} order by account_id, as_of_date"
)


@dataclass(frozen=True)
class Brief:
    """One account. `health` and `churn` are None where it has no score; a list is empty where nothing is known."""

    signals: Row
    health: Row | None
    churn: Row | None
    # Scores over time, the oldest first.
    history: Sequence[Row]
    lists: dict[str, list[Row]]
    sources: Sequence[Row]

    def __getitem__(self, name: str) -> list[Row]:
        """A list by name."""
        return self.lists[name]

    @property
    def name(self) -> str | None:
        return self.signals["account_name"]

    @property
    def marks(self) -> list[tuple[date, str]]:
        """The days from which other policies held, so that a step of the score isn't taken for the account's."""
        changes = zip(self.history, self.history[1:], strict=False)
        return [
            (after["as_of_date"], f"policy {after['policy_version'][:8]}")
            for before, after in changes
            if before["policy_version"] != after["policy_version"]
        ]

    @property
    def profile(self) -> list[tuple[str, Decimal | None, Decimal]]:
        """Points of each dimension, and the most it could have; None where it isn't available."""
        return [] if self.health is None else profile(self.health, self["measures"])

    @property
    def contracts(self) -> list[Row]:
        """Contracts with their health-check targets, the latest first: contract_id, product, amount, targets."""
        found: dict[str, Row] = {}
        for row in self["targets"]:
            contract = found.setdefault(
                row["contract_id"],
                {name: row[name] for name in ("contract_id", "product", "amount", "source_amount", "source_currency")}
                | {"targets": []},
            )
            contract["targets"].append(row)
        return list(found.values())

    @property
    def baseline(self) -> list[tuple[str, Decimal | None, int]]:
        """The baseline score field by field: name, value, points of risk."""
        return baseline(self.health) if self.health else []


def profile(health: Row, measures: Sequence[Row]) -> list[tuple[str, Decimal | None, Decimal]]:
    """Dimensions with points and the most they could have, of a row of account_health and its measures."""
    most: dict[str, Decimal] = {}
    for row in measures:
        most[row["dimension"]] = most.get(row["dimension"], Decimal(0)) + row["max_points"]
    return [(name, health[name], most[name]) for name in DIMENSIONS if name in most]


def baseline(health: Row) -> list[tuple[str, Decimal | None, int]]:
    """The fields of the baseline score of a row of account_health: name, value, points of risk."""
    fields = [
        name.removesuffix("_points")
        for name in health
        if name.startswith("baseline_") and name.endswith("_points") and name != "baseline_points"
    ]
    return [
        (field.removeprefix("baseline_").replace("_", " "), health[field], health[f"{field}_points"])
        for field in fields
    ]


def lay_out(edition: Edition) -> None:
    """Make what briefs read, so that the first one doesn't wait for it."""
    if _HISTORY in edition.manifest.tables:
        edition.table_of(_SCORES, {})


def brief_of(reader: Reader, account_id: str) -> Brief | None:
    """The account, None where the viewer doesn't see it; what an older publication doesn't have is empty."""

    def rows(table: str, condition: str = "true", order: str = "1") -> list[Row]:
        if not reader.has(table):
            return []
        # All of it is text of our own; the account is a parameter.
        query = f"select * from {{{table}}} where account_id = $account_id and {condition} order by {order}"  # noqa: S608
        return reader.rows(query, account_id=account_id)

    signals = next(iter(rows("account_signals")), None)
    if signals is None:
        return None
    return Brief(
        signals=signals,
        health=next(iter(rows("account_health")), None),
        churn=next(iter(rows("account_churn")), None),
        history=_history(reader, account_id),
        lists={name: rows(table, condition, order) for name, (table, condition, order) in _LISTS.items()},
        sources=reader.rows("from {source_freshness} order by is_present desc, stream"),
    )


def _history(reader: Reader, account_id: str) -> list[Row]:
    if not reader.has(_HISTORY):
        return []
    query = f"from {reader.excerpt(_HISTORY, _SCORES)} where account_id = $account_id order by as_of_date"
    return reader.rows(query, account_id=account_id)


def status_bands(policies: Policies, segment: str | None) -> list[tuple[Any, Any, str]]:
    """From, to and name of the colours of the score."""
    cuts = policies.health_score.status_cutoffs(segment or "unknown")
    return [
        (0, cuts.yellow_at_least, "RED"),
        (cuts.yellow_at_least, cuts.green_at_least, "YELLOW"),
        (cuts.green_at_least, 100, "GREEN"),
    ]
