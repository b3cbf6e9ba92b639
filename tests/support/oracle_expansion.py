"""The expansion pipeline in plain Python: an independent reading of the rules, with the shipped numbers as literals.

Here: which expansions there are, what they may bring, and which are qualified. Not here: wording.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from tests.support.oracle_facts import Facts, Row, cents, mean, six
from tests.support.oracle_health_score import HealthOracle

TYPES = ("capacity_upgrade", "new_site", "service_adoption", "managed_services")
POTENTIALS = {
    "capacity_upgrade": "capacity_upgrade_arr",
    "new_site": "new_site_arr",
    "managed_services": "managed_services_arr",
}


@dataclass
class ExpansionOracle:
    """Where GREEN accounts can grow."""

    health: HealthOracle

    @property
    def facts(self) -> Facts:
        return self.health.facts

    @cached_property
    def pipeline(self) -> dict[tuple[str, str], Row]:
        """By account and type."""
        result = {}
        for account_id, health in self.health.health.items():
            if health["status"] != "GREEN":
                continue
            types = self._types(account_id)
            criteria = self.criteria(account_id) if types else {}
            for kind in types:
                potential = self._potential(account_id, kind)
                close = self._close_probability(account_id)
                result[account_id, kind] = {
                    "is_primary": kind == types[0],
                    "potential_arr": cents(potential),
                    "close_probability": close,
                    "expected_arr": None if potential is None else cents(Fraction(potential) * Fraction(close)),
                    "priority": _priority(potential, health["score"]),
                    "current_arr": health["arr"],
                    "needs_verification": potential is not None and potential > 50_000,
                } | criteria
        return result

    @cached_property
    def order(self) -> list[tuple[str, str]]:
        """Keys of the pipeline by expected ARR from large to small, unknown ones last."""
        return sorted(self.pipeline, key=self.order_of)

    def order_of(self, key: tuple[str, str]) -> tuple[bool, Decimal]:
        expected = self.pipeline[key]["expected_arr"]
        return (expected is None, -(expected or Decimal(0)))

    def _types(self, account_id: str) -> list[str]:
        account, values = self.facts.accounts[account_id], self.health.values[account_id]
        latest = self.facts.latest_usage(account_id)
        used, contracted = latest.get("services_used"), latest.get("services_contracted")
        present = {
            "capacity_upgrade": (values["capacity_utilisation"] or 0) > 75,
            "new_site": bool(account.get("new_site_planned")),
            "service_adoption": used is not None and contracted is not None and contracted > used,
            "managed_services": bool(account.get("self_managed"))
            and len(self.facts.in_days("tickets", account_id, 90)) > 10,
        }
        return [kind for kind in TYPES if present[kind]]

    def _potential(self, account_id: str, kind: str) -> Decimal | None:
        if kind == "service_adoption":
            return Decimal(0)
        return self.facts.accounts[account_id].get(POTENTIALS[kind])

    def _close_probability(self, account_id: str) -> Decimal:
        score, expansions = self.health.scores[account_id]["score"], self.health.values[account_id]["expansions"] or 0
        close = Decimal("0.60")
        close += Decimal("0.25" if score >= 90 else "0.15" if score >= 85 else "0.05" if score >= 80 else "0")
        close += Decimal("0.10" if expansions > 2 else "0.05" if expansions > 0 else "0")
        return min(close, Decimal("0.95"))

    # -- qualification -------------------------------------------------------------------------------------------

    def criteria(self, account_id: str) -> dict[str, bool]:
        newest, one_before = (self._month_mean(account_id, *month) for month in self.facts.months_ended(2))
        hours = self.health.values[account_id]["email_response_hours"]
        found = {
            "plan_limit": newest is not None and one_before is not None and newest >= 80 and one_before >= 80,
            "approaching_limit": newest is not None and newest >= 85,
            "seat_growth": self._seat_growth(account_id),
            "feature_requests": any(
                row["signal_type"] == "feature_request" for row in self.facts.in_days("signals", account_id, 180)
            ),
            "high_health": self.health.scores[account_id]["score"] > 85,
            "no_billing_issue": self.facts.known("invoices")
            and not any(self._is_billing_issue(row) for row in self.facts.in_days("invoices", account_id, 90)),
            "responsive": hours is not None and hours < 48,
        }
        growing = ("plan_limit", "approaching_limit", "seat_growth", "feature_requests")
        found["qualified"] = found["high_health"] and found["no_billing_issue"] and any(found[name] for name in growing)
        return found

    def _month_mean(self, account_id: str, first, last) -> Decimal | None:
        return six(
            mean(
                row.get("capacity_used_pct")
                for row in self.facts.of("usage", account_id)
                if first <= row["usage_date"] <= last
            )
        )

    def _seat_growth(self, account_id: str) -> bool:
        """The newest row of 28 days nearly fills its seats, or has a tenth more than the oldest of 90 days."""
        latest = self.facts.latest_usage(account_id)
        users, seats = latest.get("active_users"), latest.get("seats")
        if not seats:
            return False
        if users is not None and six(Fraction(users) * 100 / Fraction(seats)) >= 90:
            return True
        rows = [row for row in self.facts.in_days("usage", account_id, 90) if row.get("seats")]
        oldest = min(rows, key=lambda row: row["usage_date"])["seats"]
        return six((Fraction(seats) / Fraction(oldest) - 1) * 100) >= 10

    def _is_billing_issue(self, invoice: Row) -> bool:
        if invoice.get("status") in ("failed", "disputed"):
            return True
        due = invoice.get("due_on")
        unpaid = invoice.get("status") != "paid" and invoice.get("paid_on") is None
        return unpaid and due is not None and (self.facts.as_of - due).days >= 30


def _priority(potential: Decimal | None, score: Decimal) -> str | None:
    if potential is None:
        return None
    if potential >= 40_000 and score >= 85:
        return "HIGH"
    return "MEDIUM" if potential >= 20_000 and score >= 80 else "LOW"
