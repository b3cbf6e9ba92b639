"""What a document for the customer's eyes may say: a list of the columns that it reads, and nothing beside it.

A column that isn't named here can't reach such a document, because it is never read for one. Whoever adds one decides
that a customer may know it. Not here, and so never shown: score, status and tier, churn and what it comes from, value
at risk, offers and decisions, actions and plans, calls of CSMs, signals, near misses, internal priorities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from orchestration.documents.rows import Row, Rows

# Tables and the columns of them that a customer may know; account_id only tells which rows are the customer's.
MAY_KNOW: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "account_signals": ("account_name", "owner_name", "csm_name", "ae_name", "is_churned"),
        "account_health": ("renewal_date", "support_quality", "engagement", "product_usage"),
        "account_health_measures": (
            *("measure", "dimension", "label", "unit", "value", "points", "max_points", "is_present", "measure_rank"),
        ),
        "health_check_targets": (
            *("target_id", "contract_id", "product", "milestone", "due_date", "status", "completed_on", "completed_by"),
        ),
    }
)
# The areas that are about the service; how the relationship and the tone are judged is for the team.
AREAS = ("support_quality", "engagement", "product_usage")
# The measures of them that the customer could count too.
MEASURES = (
    *("ticket_volume", "resolution_hours", "sla_adherence", "csat"),
    *("qbr_attendance", "meeting_acceptance", "portal_logins"),
    *("capacity_utilisation", "uptime_vs_sla", "service_adoption", "usage_trend"),
)


@dataclass(frozen=True)
class CustomerFacts:
    """What the customer may know of their account."""

    as_of: date
    account: Row
    health: Row
    measures: Sequence[Row]
    targets: Sequence[Row]

    def of_area(self, area: str) -> list[Row]:
        """The measures of an area that may be shown."""
        return [row for row in self.measures if row["dimension"] == area and row["measure"] in MEASURES]


def customer_facts_of(rows: Rows, account_id: str, as_of: date) -> CustomerFacts | None:
    """What the customer may know; None where there is no such account."""

    def read(table: str, order: str = "account_id") -> list[Row]:
        columns = ", ".join(MAY_KNOW[table])
        return rows(
            f"select {columns} from {{{table}}} where account_id = $account_id order by {order}",  # noqa: S608 - our own
            account_id=account_id,
        )

    account = next(iter(read("account_signals")), None)
    if account is None:
        return None
    return CustomerFacts(
        as_of=as_of,
        account=account,
        health=next(iter(read("account_health")), {}),
        measures=[row for row in read("account_health_measures", "measure_rank") if row["dimension"] in AREAS],
        targets=read("health_check_targets", "due_date, target_id"),
    )
