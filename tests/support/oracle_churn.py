"""Churn, retention and the renewal forecast in plain Python: an independent reading of the rules.

The shipped numbers stand here as literals. Here: factors, probability, value at risk, plans, offers, metrics,
decisions, outreach, forecast. Not here: wording, and the expansion pipeline (oracle_expansion.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

from tests.support.oracle_facts import Facts, Row, cents, mean, six, total
from tests.support.oracle_health_score import (
    BUDGET,
    COMPETITIVE,
    HealthOracle,
    attendance,
    is_held_qbr,
    response_hours,
)

ADDITIONS = {
    "leadership_change": 15,
    "budget_pressure": 10,
    "competitive_inquiry": 25,
    "recent_outage": 15,
    "engagement_decline": 10,
}
FACTOR_SOURCES = {
    "leadership_change": ("signals", "contacts"),
    "budget_pressure": ("signals",),
    "competitive_inquiry": ("signals", "opportunities"),
    "recent_outage": ("signals", "tickets", "usage"),
    "engagement_decline": ("activities", "usage"),
}
BASE = {"RED": 70, "YELLOW": 40, "GREEN": 10}
SAVE = {"RED": 50, "YELLOW": 75, "GREEN": 90}

# Step: days until it is due. Those of at most seven days are immediate.
HIGH_STEPS = {
    "executive_call": 5,
    "root_cause_resolution": 7,
    "support_improvement": 7,
    "executive_qbr": 21,
    "retention_offer": 28,
    "competitive_defence": 28,
}
MEDIUM_STEPS = {
    "csm_outreach": 7,
    "value_review": 14,
    "executive_reengagement": 21,
    "qbr_rescheduled": 28,
    "early_renewal_incentive": 42,
}
# Step: days before the renewal.
RENEWAL_STEPS = {
    "renewal_risk_review": 180,
    "renewal_value_review": 120,
    "renewal_proposal": 90,
    "renewal_survey_and_negotiation": 60,
    "renewal_signature": 30,
}


@dataclass
class ChurnOracle:
    """Everything about leaving and staying that follows from the facts and the health score."""

    health: HealthOracle

    @property
    def facts(self) -> Facts:
        return self.health.facts

    # -- risk factors --------------------------------------------------------------------------------------------

    @cached_property
    def factors(self) -> dict[str, dict[str, bool]]:
        """By account and factor."""
        return {
            account_id: {
                "leadership_change": self._leadership_change(account_id),
                "budget_pressure": self.signalled(account_id, BUDGET, 90),
                "competitive_inquiry": self._competitive_inquiry(account_id),
                "recent_outage": self._recent_outage(account_id),
                "engagement_decline": self._engagement_decline(account_id),
            }
            for account_id in self.facts.scored
        }

    def source_is_missing(self, factor: str) -> bool:
        """Whether something the factor rests on isn't known at all."""
        return any(not self.facts.known(stream) for stream in FACTOR_SOURCES[factor])

    def signalled(self, account_id: str, types: tuple[str, ...], days: int) -> bool:
        return any(row["signal_type"] in types for row in self.facts.in_days("signals", account_id, days))

    def _leadership_change(self, account_id: str) -> bool:
        if self.signalled(account_id, ("leadership_change",), 180):
            return True
        leaders = [
            row for row in self.facts.of("contacts", account_id) if row.get("role") in ("executive", "technical")
        ]
        for row in leaders:
            if self.facts.within(row.get("ended_on"), 180):
                return True
            started = row.get("started_on")
            if self.facts.within(started, 180) and any(
                other["role"] == row["role"] and (other.get("started_on") is None or other["started_on"] < started)
                for other in leaders
            ):
                return True
        return False

    def _competitive_inquiry(self, account_id: str) -> bool:
        return self.signalled(account_id, COMPETITIVE, 90) or any(
            row.get("competitor") is not None and not row.get("is_closed") and not row.get("is_won")
            for row in self.facts.of("opportunities", account_id)
        )

    def urgent_incidents(self, account_id: str) -> int:
        return sum(
            row.get("priority") == "urgent" and bool(row.get("is_incident"))
            for row in self.facts.in_days("tickets", account_id, 90)
        )

    def _recent_outage(self, account_id: str) -> bool:
        if self.signalled(account_id, ("outage",), 90) or self.urgent_incidents(account_id):
            return True
        now, before = (
            mean(row.get("uptime_pct") for row in self.facts.in_days("usage", account_id, 28, ago)) for ago in (0, 28)
        )
        return now is not None and before is not None and six(before - now) >= Decimal("0.1")

    def _engagement_decline(self, account_id: str) -> bool:
        worse = 0
        for now, before, rising_is_bad in self._engagement(account_id):
            if now is None or not before:
                continue
            fall = (now - before if rising_is_bad else before - now) * 100 / before
            worse += six(fall) >= 20
        return worse >= 2

    def _engagement(self, account_id: str) -> list[tuple[Fraction | None, Fraction | None, bool]]:
        """QBR attendance, logins and response hours: now, in the 90 days before, and whether a rise is bad."""
        now, before = (self.facts.in_days("activities", account_id, 90, ago) for ago in (0, 90))
        usage, usage_before = (self.facts.in_days("usage", account_id, 90, ago) for ago in (0, 90))
        return [
            (attendance([r for r in now if is_held_qbr(r)]), attendance([r for r in before if is_held_qbr(r)]), False),
            (total(r.get("logins") for r in usage), total(r.get("logins") for r in usage_before), False),
            (mean(response_hours(now)), mean(response_hours(before)), True),
        ]

    # -- probability and value -----------------------------------------------------------------------------------

    @cached_property
    def churn(self) -> dict[str, Row]:
        """The rows of account_churn, by account: those with a score."""
        return {
            account_id: self._churn(account_id, row)
            for account_id, row in self.health.health.items()
            if row["score"] is not None
        }

    def _churn(self, account_id: str, health: Row) -> Row:
        factors = self.factors[account_id]
        days = health["days_to_renewal"]
        renewal_addition = 0 if days is None or days >= 180 else 10 if days >= 90 else 20
        additions = {name: ADDITIONS[name] if present else 0 for name, present in factors.items()}
        base = BASE[health["status"]]
        probability = min(95, base + renewal_addition + sum(additions.values()))
        arr, risk = Fraction(health["arr"]), Fraction(probability, 100)
        loss = arr * risk
        fall = min(max(-(health["change_month"] or Decimal(0)), Decimal(0)), Decimal(50))
        save = SAVE[health["status"]]
        return (
            {
                "churn_probability": Decimal(probability),
                "base": Decimal(base),
                "renewal_addition": Decimal(renewal_addition),
                "days_to_renewal": days,
                "arr": health["arr"],
                "three_year_value": cents(3 * arr),
                "expected_loss": cents(loss),
                "lifetime_value": cents(arr * min(Fraction(10), 1 / risk)),
                "save_probability": Decimal(save),
                "intervention_priority": cents(loss * Fraction(save, 100) * (1 + Fraction(fall) / 50)),
            }
            | factors
            | {f"{name}_addition": Decimal(points) for name, points in additions.items()}
        )

    # -- retention -----------------------------------------------------------------------------------------------

    @cached_property
    def plans(self) -> dict[tuple[str, str], Row]:
        """By account and step."""
        as_of, result = self.facts.as_of, {}
        for account_id in self.churn:
            for step, days in self._plan_steps(account_id).items():
                result[account_id, step] = {
                    "phase": "immediate" if days <= 7 else "short_term",
                    "starts_on": as_of,
                    "due_on": as_of + timedelta(days=days),
                    "is_overdue": False,
                    "is_joined": False,
                } | self._review(account_id)
        for account_id, health in self.health.health.items():
            renewal = health["renewal_date"]
            if renewal is None or health["days_to_renewal"] > 180:
                continue
            for step, days in RENEWAL_STEPS.items():
                due = max(as_of, renewal - timedelta(days=days))
                result[account_id, step] = {
                    "phase": "renewal",
                    "starts_on": due,
                    "due_on": due,
                    "is_overdue": renewal - timedelta(days=days) < as_of,
                    "is_joined": days <= 120 and self._probability(account_id) > 60,
                } | self._review(account_id)
        return result

    def _probability(self, account_id: str) -> Decimal:
        return self.churn[account_id]["churn_probability"] if account_id in self.churn else Decimal(0)

    def _review(self, account_id: str) -> Row:
        """Who has to look at an account's steps before they run: an executive, or a person to validate them."""
        is_doubtful = self._probability(account_id) > 70
        return {
            "requires_review": self.health.health[account_id]["final_status"] == "RED" or is_doubtful,
            "requires_validation": is_doubtful,
        }

    def _plan_steps(self, account_id: str) -> dict[str, int]:
        churn = self.churn[account_id]
        if churn["churn_probability"] <= 30:
            return {}
        if churn["churn_probability"] <= 60:
            return MEDIUM_STEPS
        return {
            step: days
            for step, days in HIGH_STEPS.items()
            if step != "competitive_defence" or churn["competitive_inquiry"]
        }

    @cached_property
    def planned(self) -> list[str]:
        """The accounts with a plan."""
        return [account_id for account_id, row in self.churn.items() if row["churn_probability"] > 30]

    @cached_property
    def offers(self) -> dict[tuple[str, str], Decimal | None]:
        """By account and component, what it comes to: an amount, percentage points or nothing."""
        result: dict[tuple[str, str], Decimal | None] = {}
        for account_id in self.planned:
            values = self.health.values[account_id]
            if self.urgent_incidents(account_id) > 2:
                result[account_id, "service_credit"] = cents(Fraction(self.churn[account_id]["arr"]) / 6)
            if values["capacity_utilisation"] is not None and values["capacity_utilisation"] > 80:
                result[account_id, "capacity_doubled"] = None
            if self.factors[account_id]["budget_pressure"]:
                result[account_id, "price_lock"] = Decimal(3)
            if values["uptime_vs_sla"] is not None and values["uptime_vs_sla"] < 0:
                target = self.facts.accounts[account_id]["sla_target_pct"]
                result[account_id, "enhanced_sla"] = max(target, min(target + Decimal("0.05"), Decimal("99.99")))
        return result

    @cached_property
    def metrics(self) -> dict[tuple[str, str], Row]:
        """By account with a plan and what success is measured by."""
        result = {}
        for account_id in self.planned:
            score, renewal = self.health.scores[account_id]["score"], self.health.health[account_id]["renewal_date"]
            rows = {
                "score_first": (score, min(Decimal(100), score + 15), self.facts.as_of + timedelta(days=30)),
                "score_second": (score, min(Decimal(100), score + 25), self.facts.as_of + timedelta(days=60)),
                "qbr_attendance": (self.health.values[account_id]["qbr_attendance"], Decimal(100), None),
                "urgent_tickets_open": (self._urgent_open(account_id), Decimal(0), None),
            }
            if renewal is not None:
                rows["score_at_renewal"] = (score, Decimal(80), renewal)
                rows["contract_renewed"] = (Decimal(0), Decimal(1), renewal)
            for metric, (now, target, due_on) in rows.items():
                result[account_id, metric] = {"value_now": now, "target": target, "due_on": due_on}
        return result

    def _urgent_open(self, account_id: str) -> Decimal | None:
        if not self.facts.known("tickets"):
            return None
        return Decimal(
            sum(
                row.get("priority") == "urgent" and row.get("solved_at") is None
                for row in self.facts.of("tickets", account_id)
            )
        )

    # -- decisions, outreach -------------------------------------------------------------------------------------

    @cached_property
    def decisions(self) -> dict[tuple[str, str], date]:
        """By account and decision: when it is due."""
        as_of, result = self.facts.as_of, {}
        for account_id, row in self.health.health.items():
            soon, later = as_of + timedelta(days=7), as_of + timedelta(days=30)
            if row["final_status"] == "RED" and row["arr"] > 100_000:
                result[account_id, "red_large_account"] = soon
            if row["final_status"] == "YELLOW" and row["arr"] > 200_000:
                result[account_id, "yellow_large_account"] = later
            if self.signalled(account_id, ("rfp",), 90):
                result[account_id, "rfp"] = soon
            if self.signalled(account_id, ("executive_complaint",), 90):
                result[account_id, "executive_complaint"] = soon
        return result

    def outreach_due(self, account_id: str, has_expansion: bool) -> date | None:
        """When to reach out, by the final status; a GREEN account only to grow."""
        status = self.health.health[account_id]["final_status"]
        days = {"RED": 5, "YELLOW": 30, "GREEN": 60 if has_expansion else None}.get(status)
        return None if days is None else self.facts.as_of + timedelta(days=days)

    # -- forecast ------------------------------------------------------------------------------------------------

    @cached_property
    def forecast(self) -> dict[tuple[Any, ...], Row]:
        """By quarter's first day, owner, GEO, region and segment: ARR up for renewal and what becomes of it.

        A cell is there too where contracts have but ended. Money is exact; it is rounded where it is compared.
        """
        result: dict[tuple[Any, ...], Row] = {cell: self._empty_cell() for cell in self.retention}
        for account_id, row in self.health.health.items():
            if row["renewal_date"] is None:
                continue
            cell = result.setdefault(self._cell(account_id, row["renewal_date"]), self._empty_cell())
            arr = Fraction(row["arr"])
            cell["accounts"] += 1
            cell["arr"] += arr
            cell[row["status"]] += arr
            if account_id in self.churn:
                cell["churned"] += arr * Fraction(self.churn[account_id]["churn_probability"]) / 100
        return result

    @staticmethod
    def _empty_cell() -> Row:
        return {"accounts": 0} | dict.fromkeys(("arr", "churned", "RED", "YELLOW", "GREEN", None), Fraction(0))

    def _cell(self, account_id: str, day: date) -> tuple[Any, ...]:
        account = self.facts.accounts[account_id]
        place = (account.get(name) or "(none)" for name in ("owner_name", "geo", "region", "segment"))
        return (self.facts.quarter_start(day), *place)

    @cached_property
    def retention(self) -> dict[tuple[Any, ...], Row]:
        """By the same keys: how many contracts ended by as_of, how many of them were renewed, and what was kept."""
        result: dict[tuple[Any, ...], Row] = {}
        for account_id in self.facts.accounts:
            for contract in self.facts.of("contracts", account_id):
                # A credit isn't revenue that could be kept.
                if contract["end_date"] > self.facts.as_of or contract["amount"] < 0:
                    continue
                cell = result.setdefault(
                    self._cell(account_id, contract["end_date"]),
                    dict.fromkeys(("ended", "renewed", "arr", "gross", "net"), Fraction(0)),
                )
                old, follower = self.facts.annual(contract), self.facts.follower(contract)
                new = Fraction(0) if follower is None else max(Fraction(0), self.facts.annual(follower))
                cell["ended"] += 1
                cell["renewed"] += follower is not None
                cell["arr"] += old
                cell["gross"] += min(old, new)
                cell["net"] += new
        return result
