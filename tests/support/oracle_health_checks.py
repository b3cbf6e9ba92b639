"""Health checks in plain Python: an independent reading of the rules, which the models are compared with.

Here: one function a table, written for clarity and without a look at the SQL. Rows and policies come in as plain
dictionaries (the policies as their YAML files say them), so nothing of the project's own code is trusted.
Not here: the wording of sentences; where a sentence names an activity, the oracle gives the activities that may be
named.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
DAY = timedelta(days=1)
CENTS = Decimal("0.01")
MILLIONTH = Decimal("0.000001")
CANDIDATE_ORDER = ("past_due", "pending", "upcoming")
NOT_WHEN_GONE = ("past_due", "pending", "upcoming", "beyond_horizon")


@dataclass(frozen=True)
class Span:
    """The dates of one target."""

    due: date
    opens: date
    closes: date
    expires: date


@dataclass(frozen=True)
class Influence:
    """One opportunity and one health check that influenced it."""

    credit_last_touch: Decimal
    credit_linear: Decimal
    amount: Decimal | None
    outcome: str


def rounded(value: Decimal, step: Decimal = CENTS) -> Decimal:
    """`value` to `step`, halves away from zero."""
    return value.quantize(step, rounding=ROUND_HALF_UP)


def plain(text: str) -> str:
    """A text as patterns are compared: no case, runs of spaces and hyphens as one space."""
    return re.sub(r"[ \-]+", " ", text.lower())


def resolve(policy: Row, segment: str | None, product: str | None) -> Row:
    """The policy for a segment and a product: weakest override first, so that the most specific has the last word."""
    result = dict(policy) | {"milestones": {name: dict(m) for name, m in policy["milestones"].items()}}
    result["minimum_term_days"] = dict(policy["minimum_term_days"])
    for wanted in ((True, False), (False, True), (True, True)):
        for override in policy.get("overrides") or []:
            names = (override.get("segment") is not None, override.get("product") is not None)
            fits = override.get("segment") in (None, segment) and override.get("product") in (None, product)
            if names != wanted or not fits:
                continue
            for key, value in override.items():
                if key == "milestones":
                    for name, changes in value.items():
                        result["milestones"][name] |= changes
                elif key == "minimum_term_days":
                    result["minimum_term_days"] |= value
                elif key not in ("segment", "product"):
                    result[key] = value
    return result


def spans(rules: Row, start: date, end: date) -> dict[str, Span]:
    """The milestones that a contract of these dates has, with their dates."""
    cut: dict[str, tuple[date, date, date]] = {}
    for name, milestone in rules["milestones"].items():
        if not milestone.get("enabled", True) or (end - start).days < rules["minimum_term_days"][name]:
            continue
        anchor = start if milestone["anchor"] == "contract_start" else end
        due = anchor + timedelta(days=milestone["offset_days"])
        opens = max(due - timedelta(days=milestone["opens_days_before"]), start)
        closes = min(due + timedelta(days=milestone["closes_days_after"]), end)
        cut[name] = (due, opens, closes)
    result = {}
    for name, (due, opens, closes) in cut.items():
        expires = end
        later = [other for other in cut.values() if other[0] > due]
        if later:
            next_due = min(other[0] for other in later)
            next_opens = min(other[1] for other in later if other[0] == next_due)
            expires = min(end, next_opens - DAY)
        result[name] = Span(due, opens, closes, max(expires, closes))
    return result


@dataclass
class Oracle:
    """Everything that follows from `streams`, the health-check policy and the calendar at `as_of`."""

    as_of: date
    streams: dict[str, list[Row]]
    policy: Row
    calendar: Row

    # -- what is known -------------------------------------------------------------------------------------------

    @cached_property
    def accounts(self) -> dict[str, Row]:
        return {row["account_id"]: row for row in self.streams["accounts"]}

    def is_churned(self, account: Row) -> bool:
        if account.get("churned_on") is not None:
            return account["churned_on"] <= self.as_of
        return account.get("lifecycle") == "churned"

    def local_date(self, at: datetime) -> date:
        return at.replace(tzinfo=UTC).astimezone(ZoneInfo(self.calendar["time_zone"])).date()

    def quarter(self, day: date) -> int:
        return (day.year * 12 + day.month - self.calendar["fiscal_year_start_month"]) // 3

    def quarter_start(self, day: date) -> date:
        months = self.quarter(day) * 3 + self.calendar["fiscal_year_start_month"] - 1
        return date(months // 12, months % 12 + 1, 1)

    def quarter_name(self, day: date) -> str:
        """Such as FY2026-Q2; a fiscal year is called after the calendar year it ends in."""
        start_month = self.calendar["fiscal_year_start_month"]
        began = day.year if day.month >= start_month else day.year - 1
        ends_in = began if start_month == 1 else began + 1
        return f"FY{ends_in}-Q{(day.month - start_month) % 12 // 3 + 1}"

    def converted(self, amount: Decimal | None, currency: str | None, on: date) -> Decimal | None:
        """`amount` to cents in the reporting currency at the latest rate of the smaller of as_of and `on`."""
        if amount is None:
            return None
        if currency is None or currency == self.calendar["reporting_currency"]:
            return rounded(amount)
        known = [
            row
            for row in self.streams.get("fx_rates", [])
            if row["currency"] == currency and row["valid_from"] <= min(self.as_of, on)
        ]
        return rounded(amount * max(known, key=lambda row: row["valid_from"])["rate_to_reporting"])

    # -- health checks -------------------------------------------------------------------------------------------

    def checks(self, account_id: str, rules: Row) -> list[Row]:
        """The activities of an account that are health checks under `rules` and seen at as_of."""
        patterns = [plain(pattern).strip() for pattern in rules["subject_patterns"]]
        return [
            row
            for row in self._activities.get(account_id, [])
            if row["on"] <= self.as_of and any(pattern in plain(row["subject"]) for pattern in patterns)
        ]

    @cached_property
    def _activities(self) -> dict[str, list[Row]]:
        by_account: dict[str, list[Row]] = {}
        for row in self.streams["activities"]:
            dated = row | {"on": self.local_date(row["occurred_at"])}
            by_account.setdefault(row["account_id"], []).append(dated)
        return by_account

    def lacks(self, check: Row, rules: Row) -> set[str]:
        """What keeps a health check from counting as delivered."""
        lacking = set()
        if rules["require_attachment"] and not check.get("has_attachment"):
            lacking.add("attachment")
        if check.get("status") in rules["not_delivered_statuses"]:
            lacking.add("status")
        return lacking

    # -- targets -------------------------------------------------------------------------------------------------

    @cached_property
    def targets(self) -> dict[tuple[str, str], Row]:
        """By contract and milestone. `near_misses` are the (activity, thing lacking) that a near miss may name."""
        result = {}
        for contract in self.streams["contracts"]:
            account = self.accounts[contract["account_id"]]
            rules = resolve(self.policy, account.get("segment"), contract["product"])
            for milestone, span in spans(rules, contract["start_date"], contract["end_date"]).items():
                target = self._target(contract, account, rules, milestone, span)
                result[contract["contract_id"], milestone] = target
        return result

    def _target(self, contract: Row, account: Row, rules: Row, milestone: str, span: Span) -> Row:
        checks = self.checks(account["account_id"], rules)
        served = [
            check for check in checks if not self.lacks(check, rules) and span.opens <= check["on"] <= span.expires
        ]
        # The span runs from the window's opening, so the earliest in it is in the window if any is.
        first = min(served, key=lambda check: (check["occurred_at"], check["activity_id"]), default=None)
        status = self._status(span, first, rules)
        gone = contract["start_date"] > self.as_of or self.is_churned(account)
        at_start = rules["milestones"][milestone]["anchor"] == "contract_start"
        return {
            "account_id": account["account_id"],
            "account_name": account["account_name"],
            "contract_id": contract["contract_id"],
            "product": contract["product"],
            "milestone": milestone,
            "anchor_date": contract["start_date"] if at_start else contract["end_date"],
            "due_date": span.due,
            "window_opens_on": span.opens,
            "window_closes_on": span.closes,
            "expires_on": span.expires,
            "status": "not_applicable" if gone and status in NOT_WHEN_GONE else status,
            "days_to_due": (span.due - self.as_of).days,
            "in_window": span.opens <= self.as_of <= span.closes,
            "completed_on": first and first["on"],
            "completed_by": first and first["owner_name"],
            "completing_activity_id": first and first["activity_id"],
            "near_misses": set() if first else self._near_misses(checks, rules, span),
            "amount": self.converted(contract["amount"], contract.get("currency"), contract["start_date"]),
            "source_amount": rounded(contract["amount"]),
            "source_currency": contract.get("currency") or self.calendar["reporting_currency"],
            **{name: account.get(name) for name in ("owner_name", "geo", "region", "segment")},
        }

    def _status(self, span: Span, first: Row | None, rules: Row) -> str:
        if first:
            return "completed" if first["on"] <= span.closes else "completed_late"
        if self.as_of > span.expires:
            return "missed"
        if self.as_of > span.due:
            return "past_due"
        ahead = self.quarter(span.due) - self.quarter(self.as_of)
        if self.as_of >= span.opens or ahead == 0:
            return "pending"
        return "upcoming" if 1 <= ahead <= rules["horizon_quarters"] else "beyond_horizon"

    def _near_misses(self, checks: list[Row], rules: Row, span: Span) -> set[tuple[str, str]]:
        found = set()
        for check in checks:
            lacking = self.lacks(check, rules)
            outside = max((span.opens - check["on"]).days, (check["on"] - span.expires).days)
            if outside > rules["near_miss_days"]:
                continue
            if outside > 0:
                lacking = lacking | {"date"}
            if len(lacking) == 1:
                found.add((check["activity_id"], lacking.pop()))
        return found

    # -- candidates and accounts ---------------------------------------------------------------------------------

    @cached_property
    def candidates(self) -> list[Row]:
        """In the order of their rank."""
        return sorted(
            (target for target in self.targets.values() if target["status"] in CANDIDATE_ORDER),
            key=lambda target: (
                CANDIDATE_ORDER.index(target["status"]),
                -target["amount"],
                target["due_date"],
                target["contract_id"],
                target["milestone"],
            ),
        )

    @cached_property
    def account_rows(self) -> dict[str, Row]:
        """By account, those with a candidate."""
        result: dict[str, Row] = {}
        for rank, target in enumerate(self.candidates, start=1):
            row = result.setdefault(
                target["account_id"],
                {
                    "most_urgent_status": target["status"],
                    "most_urgent_due_date": target["due_date"],
                    "most_urgent_rank": rank,
                    "next_due_date": target["due_date"],
                    "candidate_count": 0,
                    "candidate_amount": Decimal(0),
                },
            )
            row["candidate_count"] += 1
            row["candidate_amount"] += target["amount"]
            row["next_due_date"] = min(row["next_due_date"], target["due_date"])
        return result

    # -- influence -----------------------------------------------------------------------------------------------

    def _account_rules(self, account_id: str) -> Row:
        # An opportunity has no product, so only the segment's rules can speak for it.
        return resolve(self.policy, self.accounts[account_id].get("segment"), None)

    def _delivered(self, account_id: str) -> list[Row]:
        rules = self._account_rules(account_id)
        return [check for check in self.checks(account_id, rules) if not self.lacks(check, rules)]

    def _outcome(self, opportunity: Row) -> str:
        closes = opportunity.get("close_date")
        if closes is not None and closes > self.as_of:
            return "open"
        if opportunity.get("is_won"):
            return "won"
        return "lost" if opportunity.get("is_closed") else "open"

    @cached_property
    def _known_opportunities(self) -> list[Row]:
        return [row for row in self.streams["opportunities"] if row["created_on"] <= self.as_of]

    def _influencing(self, opportunity: Row) -> list[Row]:
        account_id, created = opportunity["account_id"], opportunity["created_on"]
        days = self._account_rules(account_id)["influence_days"]
        name = _name(opportunity.get("name"))
        alike = [
            other
            for other in self._known_opportunities
            if other["account_id"] == account_id and _name(other.get("name")) == name
        ]
        found = []
        for check in self._delivered(account_id):
            soon_after = 0 <= (created - check["on"]).days <= days
            by_id = check.get("opportunity_id") == opportunity["opportunity_id"]
            by_name = (
                check.get("opportunity_id") is None
                and check.get("opportunity_name") is not None
                and _name(check["opportunity_name"]) == name
                and len(alike) == 1
            )
            if soon_after or by_id or by_name:
                found.append(check)
        return found

    @cached_property
    def influence(self) -> dict[tuple[str, str, str], Influence]:
        """By account, opportunity (its id; a stand-in's name as compared) and activity."""
        result: dict[tuple[str, str, str], Influence] = {}
        if "opportunities" in self.streams:
            for opportunity in self._known_opportunities:
                amount = self.converted(
                    opportunity.get("amount"), opportunity.get("currency"), opportunity["created_on"]
                )
                key = (opportunity["account_id"], opportunity["opportunity_id"])
                result |= _credits(key, self._influencing(opportunity), amount, self._outcome(opportunity))
            return result
        for account_id in self.accounts:
            named: dict[str, list[Row]] = {}
            for check in self._delivered(account_id):
                if check.get("opportunity_name") is not None:
                    named.setdefault(_name(check["opportunity_name"]), []).append(check)
            for name, checks in named.items():
                # The latest of them that says a revenue speaks for the opportunity.
                latest = _latest([check for check in checks if check.get("revenue") is not None] or checks)
                amount = self.converted(latest.get("revenue"), latest.get("revenue_currency"), latest["on"])
                result |= _credits((account_id, name), checks, amount, "open")
        return result

    # -- performance ---------------------------------------------------------------------------------------------

    @cached_property
    def performance(self) -> dict[tuple[str, str, str], Row]:
        """By fiscal quarter of the due date, dimension and value."""
        groups: dict[tuple[str, str, str], list[Row]] = {}
        for target in self.targets.values():
            if target["due_date"] > self.as_of or target["status"] == "not_applicable":
                continue
            values = {"owner": target["owner_name"], "geo": target["geo"], "region": target["region"], "all": "all"}
            for dimension, value in values.items():
                key = (self.quarter_name(target["due_date"]), dimension, value or "(none)")
                groups.setdefault(key, []).append(target)
        return {key: self._performance(targets) for key, targets in groups.items()}

    def _performance(self, targets: list[Row]) -> Row:
        counts = {
            status: sum(target["status"] == status for target in targets)
            for status in ("completed", "completed_late", "past_due", "missed")
        }
        delays = [(target["completed_on"] - target["due_date"]).days for target in targets if target["completed_on"]]
        due = Decimal(len(targets))
        delivered = counts["completed"] + counts["completed_late"]
        completing = {target["completing_activity_id"] for target in targets}
        amounts = {"open": Decimal(0), "won": Decimal(0), "lost": Decimal(0)}
        for (_, _, activity_id), influence in self.influence.items():
            if influence.credit_last_touch == 1 and activity_id in completing:
                amounts[influence.outcome] += influence.amount or 0
        return counts | {
            "quarter_starts_on": self.quarter_start(targets[0]["due_date"]),
            "targets_due": len(targets),
            "completion_rate": rounded(100 * delivered / due, MILLIONTH),
            "on_time_rate": rounded(100 * counts["completed"] / due, MILLIONTH),
            "median_days_to_delivery": Decimal(str(median(delays))) if delays else None,
            "near_misses": sum(bool(target["near_misses"]) for target in targets),
            "influenced_pipeline": amounts["open"],
            "influenced_won": amounts["won"],
        }


def _name(text: str | None) -> str | None:
    """A name as names are compared within an account."""
    return None if text is None else text.strip().lower()


def _latest(checks: list[Row]) -> Row:
    return max(checks, key=lambda check: (check["occurred_at"], check["activity_id"]))


def _credits(
    key: tuple[str, str], checks: list[Row], amount: Decimal | None, outcome: str
) -> dict[tuple[str, str, str], Influence]:
    latest = _latest(checks)["activity_id"] if checks else None
    return {
        (*key, check["activity_id"]): Influence(
            Decimal(int(check["activity_id"] == latest)),
            rounded(Decimal(1) / len(checks), MILLIONTH),
            amount,
            outcome,
        )
        for check in checks
    }
