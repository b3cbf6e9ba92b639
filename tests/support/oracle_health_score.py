"""The health score in plain Python: an independent reading of the rules, which the models are compared with.

The shipped numbers stand here as literals, so a policy file that says otherwise is found out too. Here: measures,
dimensions, score, confidence, baseline, changes and the CSM's call. Not here: wording, and themes, whose edges are
the project's own choice.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from tests.support.oracle_facts import Facts, Row, mean, rounded, share, six, total

HELD = ("completed", "declined", "no_show")
COMPETITIVE = ("rfp", "competitor_mention", "pricing_comparison")
BUDGET = ("budget_pressure", "pricing_inquiry", "cost_reduction")


@dataclass(frozen=True)
class Measure:
    """A measure's place and its bands, best first; what no band fits earns nothing."""

    dimension: str
    maximum: int
    bands: tuple[tuple[Callable[[Decimal], bool], int], ...]

    def fitting(self, value: Decimal) -> int:
        """The number of the first band that fits, from 0; one past the last when none does."""
        return next((number for number, (fits, _) in enumerate(self.bands) if fits(value)), len(self.bands))

    def points(self, number: int) -> int:
        return self.bands[number][1] if number < len(self.bands) else 0


def _edge(test: Callable[[Decimal, Decimal], bool], edge: str) -> Callable[[Decimal], bool]:
    return lambda value: test(value, Decimal(edge))


def below(edge: str) -> Callable[[Decimal], bool]:
    return _edge(operator.lt, edge)


def at_most(edge: str) -> Callable[[Decimal], bool]:
    return _edge(operator.le, edge)


def above(edge: str) -> Callable[[Decimal], bool]:
    return _edge(operator.gt, edge)


def at_least(edge: str) -> Callable[[Decimal], bool]:
    return _edge(operator.ge, edge)


def exactly(edge: str) -> Callable[[Decimal], bool]:
    return _edge(operator.eq, edge)


def between(low: str, high: str) -> Callable[[Decimal], bool]:
    return lambda value: Decimal(low) <= value <= Decimal(high)


WEIGHTS = {"support_quality": 25, "engagement": 25, "product_usage": 20, "relationship": 15, "sentiment": 15}
MEASURES = {
    "ticket_volume": Measure("support_quality", 7, ((below("3"), 7), (at_most("6"), 5), (at_most("10"), 3))),
    "escalation_rate": Measure("support_quality", 6, ((below("2"), 6), (at_most("5"), 4), (at_most("10"), 2))),
    "resolution_hours": Measure("support_quality", 5, ((below("4"), 5), (at_most("8"), 3), (at_most("24"), 1))),
    "sla_adherence": Measure("support_quality", 4, ((above("95"), 4), (at_least("90"), 3), (at_least("85"), 2))),
    "csat": Measure("support_quality", 3, ((above("4.5"), 3), (at_least("4"), 2), (at_least("3.5"), 1))),
    "qbr_attendance": Measure("engagement", 10, ((at_least("100"), 10), (at_least("75"), 7), (at_least("50"), 4))),
    "email_response_hours": Measure("engagement", 8, ((below("24"), 8), (at_most("48"), 5), (at_most("72"), 2))),
    "portal_logins": Measure("engagement", 4, ((above("4"), 4), (at_least("2"), 3), (at_least("1"), 1))),
    "meeting_acceptance": Measure("engagement", 3, ((above("80"), 3), (at_least("60"), 2), (at_least("40"), 1))),
    "capacity_utilisation": Measure(
        "product_usage", 6, ((between("40", "80"), 6), (between("20", "90"), 4), (between("10", "95"), 2))
    ),
    "uptime_vs_sla": Measure("product_usage", 5, ((at_least("0"), 5), (at_least("-0.1"), 3), (at_least("-0.5"), 1))),
    "service_adoption": Measure("product_usage", 5, ((at_least("80"), 5), (at_least("60"), 3), (at_least("40"), 1))),
    "usage_trend": Measure("product_usage", 4, ((at_least("5"), 4), (above("-5"), 3), (above("-15"), 1))),
    "tenure_years": Measure(
        "relationship", 4, ((at_least("5"), 4), (at_least("3"), 3), (at_least("1"), 2), (at_least("0"), 1))
    ),
    "expansions": Measure("relationship", 4, ((above("2"), 4), (at_least("1"), 2))),
    "reference": Measure("relationship", 3, ((exactly("1"), 3),)),
    "nps": Measure("relationship", 4, ((at_least("9"), 4), (at_least("7"), 2))),
    "tone": Measure("sentiment", 5, ((at_least("0.25"), 5), (at_least("-0.25"), 3))),
    "escalations": Measure("sentiment", 4, ((exactly("0"), 4), (exactly("1"), 2), (exactly("2"), 1))),
    "competitive": Measure("sentiment", 3, ((exactly("0"), 3),)),
    "budget_pressure": Measure("sentiment", 3, ((exactly("0"), 3), (exactly("1"), 1))),
}

Found = tuple[Fraction | None, int]  # a value, and how many records made it


@dataclass
class HealthOracle:
    """Everything about health that follows from the facts."""

    facts: Facts

    # -- the values of the measures ------------------------------------------------------------------------------

    @cached_property
    def found(self) -> dict[str, dict[str, Found]]:
        """By account and measure: the exact value and the number of records."""
        return {
            account_id: self._support(account_id)
            | self._engagement(account_id)
            | self._usage(account_id)
            | self._relationship(account_id)
            | self._sentiment(account_id)
            for account_id in self.facts.scored
        }

    @cached_property
    def values(self) -> dict[str, dict[str, Decimal | None]]:
        """By account and measure, as they meet the bands."""
        return {
            account_id: {measure: six(value) for measure, (value, _) in found.items()}
            for account_id, found in self.found.items()
        }

    def _support(self, account_id: str) -> dict[str, Found]:
        if not self.facts.known("tickets"):
            return dict.fromkeys(
                ("ticket_volume", "escalation_rate", "resolution_hours", "sla_adherence", "csat", "escalations"),
                (None, 0),
            )
        created = self.facts.in_days("tickets", account_id, 90)
        escalated = sum(bool(row.get("escalated")) for row in created)
        hours = [
            hours
            for row in self.facts.of("tickets", account_id)
            if self.facts.within(row.get("solved_at"), 90) and (hours := _hours(row)) is not None
        ]
        says = [row["sla_met"] for row in created if row.get("sla_met") is not None]
        csat = [row["csat"] for row in created if row.get("csat") is not None]
        return {
            "ticket_volume": (Fraction(len(created), 3), len(created)),
            "escalation_rate": (share(escalated, len(created)) or Fraction(0), len(created)),
            "resolution_hours": (mean(hours), len(hours)),
            "sla_adherence": (share(sum(says), len(says)), len(says)),
            "csat": (mean(csat), len(csat)),
            "escalations": (Fraction(escalated), escalated),
        }

    def _engagement(self, account_id: str) -> dict[str, Found]:
        held = [row for row in self.facts.in_days("activities", account_id, 365) if is_held_qbr(row)]
        recent = self.facts.in_days("activities", account_id, 90)
        hours = response_hours(recent)
        says = [row["accepted"] for row in recent if row.get("type") == "meeting" and row.get("accepted") is not None]
        logins = [row["logins"] for row in self.facts.in_days("usage", account_id, 90) if row.get("logins") is not None]
        in_all = total(logins)
        return {
            "qbr_attendance": (attendance(held), len(held)),
            "email_response_hours": (mean(hours), len(hours)),
            "portal_logins": (None if in_all is None else in_all / 3, len(logins)),
            "meeting_acceptance": (share(sum(says), len(says)), len(says)),
        }

    def _usage(self, account_id: str) -> dict[str, Found]:
        capacity = self._column(account_id, "capacity_used_pct", 28)
        uptime = self._column(account_id, "uptime_pct", 90)
        target = self.facts.accounts[account_id].get("sla_target_pct")
        users, users_before = (self._column(account_id, "active_users", 28, before) for before in (0, 28))
        latest = self.facts.latest_usage(account_id)
        used, contracted = latest.get("services_used"), latest.get("services_contracted")
        adoption = Fraction(used) * 100 / Fraction(contracted) if used is not None and contracted else None
        trend = (mean(users) / mean(users_before) - 1) * 100 if users and mean(users_before) else None
        return {
            "capacity_utilisation": (mean(capacity), len(capacity)),
            "uptime_vs_sla": (mean(uptime) - Fraction(target) if uptime and target is not None else None, len(uptime)),
            "service_adoption": (adoption, 1),
            "usage_trend": (trend, len(users) + len(users_before)),
        }

    def _column(self, account_id: str, column: str, days: int, before: int = 0) -> list[Decimal]:
        rows = self.facts.in_days("usage", account_id, days, before)
        return [row[column] for row in rows if row.get(column) is not None]

    def _relationship(self, account_id: str) -> dict[str, Found]:
        account = self.facts.accounts[account_id]
        since = account.get("customer_since")
        if since is None:
            since = min(row["start_date"] for row in self.facts.of("contracts", account_id))
        expansions = sum(
            row.get("type") == "expansion" and bool(row.get("is_won")) and row.get("close_date") is not None
            for row in self.facts.of("opportunities", account_id)
        )
        answers = [
            row
            for row in self.facts.of("survey_responses", account_id)
            if row.get("score") is not None and self.facts.within(row.get("responded_on"), 365)
        ]
        latest = max(answers, key=lambda row: (row["responded_on"], row["survey_id"]), default=None)
        return {
            "tenure_years": (Fraction((self.facts.as_of - since).days * 100, 36525), 1),
            "expansions": (Fraction(expansions), expansions) if self.facts.known("opportunities") else (None, 0),
            "reference": (Fraction(bool(account.get("reference_customer"))), 1),
            "nps": (latest and Fraction(latest["score"]), 1),
        }

    def _sentiment(self, account_id: str) -> dict[str, Found]:
        tones = [
            row["sentiment"]
            for row in self.facts.in_days("activities", account_id, 90)
            if row.get("sentiment") is not None
        ]
        result: dict[str, Found] = {"tone": (mean(tones), len(tones))}
        for measure, types in (("competitive", COMPETITIVE), ("budget_pressure", BUDGET)):
            count = sum(row["signal_type"] in types for row in self.facts.in_days("signals", account_id, 90))
            result[measure] = (Fraction(count), count) if self.facts.known("signals") else (None, 0)
        return result

    # -- from measures to score ----------------------------------------------------------------------------------

    @cached_property
    def scores(self) -> dict[str, Row]:
        """By account: score, its range, confidence, status, tier and the dimensions' points."""
        return {account_id: score_of(values) for account_id, values in self.values.items()}

    @cached_property
    def measures(self) -> dict[tuple[str, str], Row]:
        """By account and measure."""
        result = {}
        for account_id, values in self.values.items():
            gains = band_gains(values)
            for measure, value in values.items():
                spec = MEASURES[measure]
                result[account_id, measure] = {
                    "dimension": spec.dimension,
                    "value": value,
                    "points": None if value is None else Decimal(spec.points(spec.fitting(value))),
                    "max_points": Decimal(spec.maximum),
                    "is_present": value is not None,
                    "next_band_gain": gains[measure],
                    "source_records": 0 if value is None else self.found[account_id][measure][1],
                }
        return result

    # -- baseline ------------------------------------------------------------------------------------------------

    @cached_property
    def baseline(self) -> dict[str, dict[str, tuple[Decimal | None, int]]]:
        """By account and field: the value and the points it brings."""
        return {account_id: self._baseline(account_id) for account_id in self.facts.scored}

    def _baseline(self, account_id: str) -> dict[str, tuple[Decimal | None, int]]:
        values = self.values[account_id]
        renewal = self.facts.days_to_renewal(account_id)
        fields = {
            "days_to_renewal": (None if renewal is None else Decimal(renewal), ((at_most("90"), 2),)),
            "usage_trend": (values["usage_trend"], ((at_most("-15"), 3), (at_most("-5"), 1))),
            "service_adoption": (values["service_adoption"], ((below("40"), 2), (below("60"), 1))),
            "tickets_open": (self.tickets_open(account_id), ((at_least("3"), 2), (at_least("1"), 1))),
            "csat": (values["csat"], ((below("3.5"), 2), (below("4"), 1))),
            "blocker": (self.blocker(account_id), ((exactly("2"), 3), (exactly("1"), 1))),
        }
        return {
            name: (value, next((points for fits, points in bands if value is not None and fits(value)), 0))
            for name, (value, bands) in fields.items()
        }

    def tickets_open(self, account_id: str) -> Decimal | None:
        if not self.facts.known("tickets"):
            return None
        return Decimal(sum(row.get("solved_at") is None for row in self.facts.of("tickets", account_id)))

    def blocker(self, account_id: str) -> Decimal | None:
        """The worst open one: 2 major, 1 minor, 0 none."""
        if not self.facts.known("signals"):
            return None
        open_ones = [
            row
            for row in self.facts.of("signals", account_id)
            if row["signal_type"] == "blocker" and row.get("resolved_on") is None
        ]
        return Decimal(max((2 if row.get("severity") == "major" else 1 for row in open_ones), default=0))

    # -- change against earlier runs -----------------------------------------------------------------------------

    def earlier(self, account_id: str, at_least_days: int, at_most_days: int) -> Row:
        """The account's latest kept row of at least so many days ago; empty when there is none, or it is too old."""
        rows = [
            row
            for row in self._earlier_by_account.get(account_id, [])
            if (self.facts.as_of - row["as_of_date"]).days >= at_least_days
        ]
        latest = max(rows, key=lambda row: row["as_of_date"], default={})
        return latest if latest and (self.facts.as_of - latest["as_of_date"]).days <= at_most_days else {}

    @cached_property
    def _earlier_by_account(self) -> dict[str, list[Row]]:
        kept: dict[str, list[Row]] = {}
        for row in self.facts.earlier:
            if row["as_of_date"] < self.facts.as_of:
                kept.setdefault(row["account_id"], []).append(row)
        return kept

    @cached_property
    def run_before(self) -> date | None:
        """The latest earlier as_of of any account."""
        return max((row["as_of_date"] for rows in self._earlier_by_account.values() for row in rows), default=None)

    def changes(self, account_id: str) -> Row:
        """Against a week and a month ago, and since the run before."""
        now = self.scores[account_id]
        week, month = self.earlier(account_id, 7, 14), self.earlier(account_id, 28, 45)
        change_month = difference(now["score"], month.get("score"))
        return {
            "change_week": difference(now["score"], week.get("score")),
            "change_month": change_month,
            "large_change": change_month is not None and abs(change_month) > 15,
            "newly_at_risk": week.get("tier") in ("healthy", "stable") and now["tier"] in ("at_risk", "critical"),
        } | self._split_change(account_id)

    def _split_change(self, account_id: str) -> Row:
        """The change since the run before: what another policy makes of that run's values, and the rest."""
        rows = self._earlier_by_account.get(account_id, [])
        before = next((row for row in rows if row["as_of_date"] == self.run_before), {})
        whole = difference(self.scores[account_id]["score"], before.get("score"))
        of_policy = None
        if whole is not None and before["policy_version"] == self.facts.policy_version:
            of_policy = Decimal("0.0")
        elif whole is not None:
            kept = self._kept_values[account_id]
            of_policy = difference(score_of({name: kept.get(name) for name in MEASURES})["score"], before["score"])
        return {"change_from_policy": of_policy, "change_from_data": difference(whole, of_policy)}

    @cached_property
    def _kept_values(self) -> dict[str, Row]:
        return {row["account_id"]: row for row in self.facts.earlier_signals if row["as_of_date"] == self.run_before}

    # -- the CSM's call ------------------------------------------------------------------------------------------

    def call(self, account_id: str) -> str | None:
        """The status a CSM set, while it holds."""
        calls = [row for row in self.facts.streams.get("csm_calls", []) if row["account_id"] == account_id]
        made = [row for row in calls if self.facts.day(row["called_at"]) <= self.facts.as_of]
        if not made:
            return None
        latest = max(made, key=lambda row: (row["called_at"], row["call_id"]))
        called_on = self.facts.day(latest["called_at"])
        until = called_on + timedelta(days=90)
        if latest.get("expires_on") is not None:
            until = min(until, latest["expires_on"])
        return latest["status"] if self.facts.as_of <= until else None

    @cached_property
    def health(self) -> dict[str, Row]:
        """The rows of account_health, by account."""
        result = {}
        for account_id in self.facts.scored:
            row = self.scores[account_id] | self.changes(account_id)
            call = self.call(account_id)
            points = sum(points for _, points in self.baseline[account_id].values())
            result[account_id] = row | {
                "baseline_points": points,
                "baseline_label": "Healthy" if points <= 2 else "Watch" if points <= 5 else "At risk",
                "arr": self.facts.arr(account_id),
                "renewal_date": self.facts.renewal_date(account_id),
                "days_to_renewal": self.facts.days_to_renewal(account_id),
                "customer_until": self.facts.customer_until(account_id),
                "csm_status": call,
                "final_status": call or row["status"],
            }
        return result


def _hours(ticket: Row) -> Fraction | None:
    """From created to solved; None where it was solved before it was created."""
    took = ticket["solved_at"] - ticket["created_at"]
    return Fraction(took // timedelta(microseconds=1), 3_600_000_000) if took >= timedelta(0) else None


def is_held_qbr(activity: Row) -> bool:
    return activity.get("type") == "qbr" and activity.get("status") in HELD


def attendance(held: list[Row]) -> Fraction | None:
    """QBRs completed of those completed, declined or missed, in percent."""
    return share(sum(row["status"] == "completed" for row in held), len(held))


def response_hours(activities: list[Row]) -> list[Decimal]:
    return [
        row["response_hours"]
        for row in activities
        if row.get("type") == "email" and row.get("response_hours") is not None
    ]


def difference(now: Decimal | None, then: Decimal | None) -> Decimal | None:
    return None if now is None or then is None else now - then


def _dimension(values: dict[str, Decimal | None], dimension: str) -> tuple[Fraction, int, bool]:
    """Points of the measures that are there, the maximum of these, and whether the dimension is available."""
    points, there, whole = Fraction(0), 0, 0
    for measure, spec in MEASURES.items():
        if spec.dimension == dimension:
            whole += spec.maximum
            value = values[measure]
            if value is not None:
                there += spec.maximum
                points += spec.points(spec.fitting(value))
    return points, there, there * 2 >= whole


def score_of(values: dict[str, Decimal | None]) -> Row:
    """What the score of these measures is, and all that is read off it."""
    earned: dict[str, Fraction | None] = {}
    low = high = Fraction(0)
    for dimension, weight in WEIGHTS.items():
        points, there, available = _dimension(values, dimension)
        whole = sum(spec.maximum for spec in MEASURES.values() if spec.dimension == dimension)
        earned[dimension] = points * weight / there if available else None
        low += points * weight / whole
        high += (points + whole - there) * weight / whole
    available = [dimension for dimension, points in earned.items() if points is not None]
    score = None
    if available:
        points = sum(earned[dimension] for dimension in available)
        score = rounded(points * 100 / sum(WEIGHTS[dimension] for dimension in available), 1)
    score_low, score_high = rounded(low, 1), rounded(high, 1)
    if score is not None:
        score_low, score_high = min(score_low, score), max(score_high, score)
    confidence = "high" if len(available) == 5 else "medium" if len(available) >= 3 else "low"
    return {
        "score": score,
        "score_low": score_low,
        "score_high": score_high,
        "confidence": confidence,
        "needs_review": confidence == "low",
        "status": first_above(score, (("GREEN", 80), ("YELLOW", 60), ("RED", 0))),
        "tier": first_above(score, (("healthy", 85), ("stable", 70), ("at_risk", 50), ("critical", 0))),
    } | {dimension: None if points is None else rounded(points, 1) for dimension, points in earned.items()}


def first_above(score: Decimal | None, steps: tuple[tuple[str, int], ...]) -> str | None:
    return None if score is None else next(name for name, edge in steps if score >= edge)


def band_gains(values: dict[str, Decimal | None]) -> dict[str, Decimal | None]:
    """What one band better would add to the score, by measure."""
    dimensions = {dimension: _dimension(values, dimension) for dimension in WEIGHTS}
    weight = sum(WEIGHTS[dimension] for dimension, (_, _, available) in dimensions.items() if available)
    gains: dict[str, Decimal | None] = {}
    for measure, value in values.items():
        spec = MEASURES[measure]
        _, there, available = dimensions[spec.dimension]
        if value is None:
            gains[measure] = None
            continue
        band = spec.fitting(value)
        if band == 0 or not available:
            gains[measure] = Decimal("0.0")
            continue
        more = spec.points(band - 1) - spec.points(band)
        gains[measure] = rounded(Fraction(more * WEIGHTS[spec.dimension] * 100, there * weight), 1)
    return gains
