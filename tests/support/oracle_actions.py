"""Actions in plain Python: an independent reading of the rules, modes and guards, with the shipped numbers as literals.

Here: which actions follow from the rules with which priority, how far every action may go, and what budget and cap make
of it on a first run. What other origins call for (candidates, plans, stages, alerts, surveys) is taken as published;
other oracles hold that against the rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from tests.support.oracle_churn import ChurnOracle
from tests.support.oracle_facts import Facts, Row

MODES = ("auto", "approve", "recommend", "suppress")
# Sensitivity, smb, mid-market, enterprise, reaches the customer, touches price, due after days.
CATALOGUE: Mapping[str, tuple[str, str, str, str, bool, bool, int]] = {
    "create_discount_request": ("high", "approve", "approve", "approve", False, True, 7),
    "reassign_ownership": ("high", "approve", "approve", "approve", False, False, 5),
    "send_check_in_email": ("high", "approve", "approve", "approve", True, False, 3),
    "add_to_onboarding_recovery": ("medium", "auto", "approve", "approve", True, False, 2),
    "create_support_task": ("medium", "auto", "approve", "approve", False, False, 2),
    "escalate_to_specialist": ("medium", "auto", "auto", "auto", False, False, 1),
    "add_to_low_adoption_nurture": ("low", "auto", "auto", "approve", True, False, 3),
    "notify_owner": ("low", "auto", "auto", "approve", False, False, 0),
    "schedule_checkpoint": ("low", "auto", "auto", "approve", False, False, 7),
    "update_csm_health_score": ("low", "auto", "auto", "approve", False, False, 1),
}
ELSEWHERE = {
    "low": ("auto", "auto", "approve"),
    "medium": ("auto", "approve", "approve"),
    "high": ("approve", "approve", "approve"),
}
LEVELS = {
    "conservative": {"low": "recommend", "medium": "recommend", "high": "recommend"},
    "balanced": {"low": "auto", "medium": "approve", "high": "approve"},
    "aggressive": {"low": "auto", "medium": "auto", "high": "approve"},
}
BLOCKED_OUTRIGHT = ("add_to_low_adoption_nurture", "send_check_in_email")
WORSE = {"GREEN": 0, "YELLOW": 1, "RED": 2}


@dataclass
class ActionOracle:
    """Everything about actions that follows from the facts, on a run at a level."""

    churn: ChurnOracle
    alerts_open: Counter[str]
    level: str = "balanced"

    @property
    def facts(self) -> Facts:
        return self.churn.facts

    def _health(self, account_id: str) -> Row:
        return self.churn.health.health.get(account_id, {})

    def _measure(self, account_id: str, name: str) -> Decimal | None:
        return self.churn.health.values.get(account_id, {}).get(name)

    def _before(self, account_id: str) -> Row:
        day = self.churn.health.run_before
        return next(
            (
                row
                for row in self.facts.earlier
                if row["account_id"] == account_id and row["as_of_date"] == day and account_id in self.facts.scored
            ),
            {},
        )

    def _probability(self, account_id: str) -> Decimal | None:
        return self.churn.churn.get(account_id, {}).get("churn_probability")

    # -- signals ---------------------------------------------------------------------------------------------------

    def _all_of(self, stream: str, account_id: str) -> Iterable[Row]:
        return (row for row in self.facts.streams.get(stream, ()) if row["account_id"] == account_id)

    def plans_soon(self, account_id: str) -> int:
        last = self.facts.as_of + timedelta(days=7)
        return sum(
            row.get("status") == "planned" and self.facts.as_of <= self.facts.day(row["occurred_at"]) <= last
            for row in self._all_of("activities", account_id)
        )

    def completed_in_45_days(self, account_id: str) -> int:
        return sum(
            row.get("status") == "completed" or (row.get("status") is None and row.get("type") != "qbr")
            for row in self.facts.in_days("activities", account_id, 45)
        )

    @cached_property
    def _busy(self) -> set[str]:
        return {
            row["owner_name"]
            for row in self.facts.streams["activities"]
            if row.get("status") != "planned" and self.facts.within(row["occurred_at"], 60)
        }

    @cached_property
    def _somebody_reports(self) -> bool:
        return any(self.facts.in_days("usage", account_id, 14) for account_id in self.facts.accounts)

    def never_logged_in(self, account_id: str) -> bool:
        """No login in 14 days, as far as that is known."""
        if not self.facts.known("usage"):
            return False
        rows = self.facts.in_days("usage", account_id, 14)
        said = [row["logins"] for row in rows if row.get("logins") is not None]
        return sum(said) == 0 if said else not rows and self._somebody_reports

    def tickets_waiting(self, account_id: str) -> int:
        return sum(
            row.get("solved_at") is None
            and row.get("priority") in ("urgent", "high")
            and (self.facts.as_of - self.facts.day(row["created_at"])).days > 3
            for row in self.facts.of("tickets", account_id)
        )

    def incidents(self, account_id: str) -> int:
        return sum(bool(row.get("is_incident")) for row in self.facts.in_days("tickets", account_id, 90))

    def major_blockers(self, account_id: str) -> int:
        return sum(
            row["signal_type"] == "blocker" and row.get("severity") == "major" and row.get("resolved_on") is None
            for row in self.facts.of("signals", account_id)
        )

    def complains(self, account_id: str) -> bool:
        return any(
            row["signal_type"] == "executive_complaint" and row.get("resolved_on") is None
            for row in self.facts.in_days("signals", account_id, 30)
        )

    # -- rules -----------------------------------------------------------------------------------------------------

    @cached_property
    def followed(self) -> dict[tuple[str, str], str]:
        """The priority of what rules call for, by account and action."""
        return {
            (account_id, action): priority
            for account_id in self.facts.accounts
            for action, priority in self._followed(account_id)
        }

    def _followed(self, account_id: str) -> Iterable[tuple[str, str]]:
        yield from self._about_health(account_id)
        yield from self._about_use_and_support(account_id)
        yield from self._about_people(account_id)

    def _about_health(self, account_id: str) -> Iterable[tuple[str, str]]:
        health, before = self._health(account_id), self._before(account_id)
        final = health.get("final_status")
        # Nothing was ever written here, so every score is to be.
        if health.get("score") is not None:
            yield "update_csm_health_score", "P4"
        fell = final and before.get("status") and WORSE[final] > WORSE[before["status"]]
        if self.alerts_open[account_id] or fell:
            yield "notify_owner", "P1" if health.get("tier") == "critical" else "P2"
        if final in ("YELLOW", "RED") and self.plans_soon(account_id) == 0:
            yield "schedule_checkpoint", "P3"

    def _about_use_and_support(self, account_id: str) -> Iterable[tuple[str, str]]:
        lifecycle = self.facts.accounts[account_id].get("lifecycle")
        adoption, csat = self._measure(account_id, "service_adoption"), self._measure(account_id, "csat")
        uptime = self._measure(account_id, "uptime_vs_sla")
        is_low = adoption is not None and adoption < 40
        if is_low and lifecycle == "active":
            yield "add_to_low_adoption_nurture", "P3"
        if lifecycle == "onboarding" and (is_low or self.never_logged_in(account_id)):
            yield "add_to_onboarding_recovery", "P2"
        if self.tickets_waiting(account_id) or (csat is not None and csat < Decimal("3.5")):
            yield "create_support_task", "P2"
        is_down = uptime is not None and uptime < Decimal("-0.5")
        if self.major_blockers(account_id) or self.incidents(account_id) >= 3 or is_down:
            yield "escalate_to_specialist", "P1"

    def _about_people(self, account_id: str) -> Iterable[tuple[str, str]]:
        factors = self.churn.factors.get(account_id, {})
        final = self._health(account_id).get("final_status")
        if factors.get("engagement_decline") or self.completed_in_45_days(account_id) == 0:
            yield "send_check_in_email", "P2" if final == "RED" else "P3"
        owner = self.facts.accounts[account_id].get("owner_name")
        if final in ("YELLOW", "RED") and (owner is None or owner not in self._busy):
            yield "reassign_ownership", "P2"
        renewal, probability = self.facts.days_to_renewal(account_id), self._probability(account_id)
        is_near = renewal is not None and renewal <= 90
        if is_near and factors.get("budget_pressure") and probability is not None and probability > 30:
            yield "create_discount_request", "P2"

    # -- modes -----------------------------------------------------------------------------------------------------

    def facts_of(self, row: Row) -> tuple[str, tuple[str, ...], bool, bool]:
        """Sensitivity, modes by segment, reaches the customer, touches price."""
        if row["action"] in CATALOGUE:
            sensitivity, *modes, reaches, price, _ = CATALOGUE[row["action"]]
            return sensitivity, tuple(modes), reaches, price
        reaches, price = row["reaches_customer"], row["touches_price"]
        sensitivity = "high" if price else "medium" if reaches else "low"
        return sensitivity, ELSEWHERE[sensitivity], reaches, price

    def guards(self, row: Row, reviewed: bool) -> dict[str, str]:
        """What holds an action back, and what each guard leaves. `reviewed`: a person reviews its plan."""
        account_id, action = row["account_id"], row["action"]
        _, _, reaches, price = self.facts_of(row)
        belongs = row["origin"] in ("plan", "expansion")
        health, probability = self._health(account_id), self._probability(account_id)
        renewal = self.facts.days_to_renewal(account_id)
        found = {}
        if self.facts.is_churned(account_id):
            found["churned"] = "suppress"
        if self.complains(account_id) and reaches:
            found["executive_complaint"] = "suppress"
        if self.major_blockers(account_id) and reaches:
            found["major_blocker"] = "suppress" if action in BLOCKED_OUTRIGHT else "approve"
        if health.get("final_status") == "RED" and reaches:
            found["red_status"] = "approve"
        if probability is not None and probability > 70 and (reaches or price or belongs):
            found["churn_risk"] = "approve"
        if health.get("confidence", "low") == "low" and (reaches or price or belongs):
            found["low_confidence"] = "approve"
        if renewal is not None and renewal <= 30 and row["kind"] == "outreach":
            found["renewal"] = "approve"
        if reviewed:
            found["plan_review"] = "approve"
        return found

    def mode(self, row: Row, reviewed: bool) -> str:
        """The most restrictive of level, matrix and guards; cap aside."""
        sensitivity, by_segment, _, _ = self.facts_of(row)
        segment = self.facts.accounts[row["account_id"]].get("segment") or "enterprise"
        matrix = by_segment[("smb", "mid_market", "enterprise").index(segment)]
        level = LEVELS[self.level][sensitivity]
        stays = row["action"] in ("notify_owner", "update_csm_health_score")
        if self.level == "conservative" and stays and matrix == "auto":
            level = "auto"
        return max((matrix, level, *self.guards(row, reviewed).values()), key=MODES.index)

    def decided(self, rows: list[Row], reviewed: set[tuple[str, str]]) -> dict[str, Row]:
        """Mode, status and date of making by action id, on a first run: after each owner's budget and the cap."""
        modes = {row["action_id"]: self.mode(row, (row["account_id"], row["action"]) in reviewed) for row in rows}
        given: Counter[str] = Counter()
        automatic: Counter[str] = Counter()
        found = {}
        for row in sorted(rows, key=lambda row: (row["priority"], row["due_on"], row["action_id"])):
            owner = row["owner"] or row["owner_role"]
            is_new = modes[row["action_id"]] != "suppress" and given[owner] < 15
            given[owner] += is_new
            found[row["action_id"]] = self._row(modes[row["action_id"]], is_new)
        for row in sorted(rows, key=lambda row: (row["priority"], row["action_id"])):
            decision = found[row["action_id"]]
            if decision["mode"] == "auto" and decision["is_new"]:
                automatic[row["account_id"]] += 1
                if automatic[row["account_id"]] > 3:
                    found[row["action_id"]] = self._row("approve", True)
        return found

    def _row(self, mode: str, is_new: bool) -> Row:
        statuses = dict(zip(MODES, ("queued", "pending_approval", "recommended", "suppressed"), strict=True))
        created: date | None = self.facts.as_of if is_new else None
        held = mode != "suppress" and not is_new
        return {
            "mode": mode,
            "status": "held_back" if held else statuses[mode],
            "created_on": created,
            "is_new": is_new,
        }


def due_of(action: str, as_of: date) -> Any:
    """When an action of the catalogue is due that begins on as_of."""
    return as_of + timedelta(days=CATALOGUE[action][-1])
