"""Random worlds for the health-check models, dense in edges and the same for the same seed.

Contracts are laid so that a date that matters (window opening, due date, close, expiry, start, a fiscal quarter's
edge) falls on as_of or a day beside it; health checks so that they fall on such a date or a day beside it.
Here: making rows. Not here: what should come of them (tests/support/oracle_health_checks.py).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from tests.dbt.policy_folders import read_policy
from tests.support import oracle_health_checks as oracle
from tests.support.inputs import World

Row = dict[str, Any]

HEALTH_CHECK_SUBJECTS = (
    "Health check",
    "Health-Check",
    "HEALTH   CHECK",
    "healthcheck review",
    "health  -check",
    "Q3 health - check: follow-up",
    "Pre-Health--Checkup",
    "HEALTHCHECK",
)
OTHER_SUBJECTS = (
    "Kick-off of the account",
    "Healthy check-in",
    "health_check",
    "health, check",
    "heal thcheck",
    "Check health",
)
SEGMENTS = ("smb", "mid_market", "enterprise", None)
PRODUCTS = ("Core", "Starter", "Plus & Minus")
STATUSES = ("completed",) * 5 + (None,) * 3 + ("planned", "declined", "no_show")
AMOUNTS = ("1000", "1000", "1000", "250000", "0", "-500", "0.005", "0.0149", "1250000.1250", "999.995")
CURRENCIES = (None, None, "USD", "EUR", "JPY", "GBP")
NEAR = (-31, -30, -29, -1, 0, 0, 1, 29, 30, 31)
TIMES = (time(0), time(0, 30), time(5, 29, 59), time(12), time(12), time(19, 0), time(23, 30), time(23, 59, 59, 999999))
NAMES = ("Renewal 2026", "Expansion", "expansion", "New site")
FINDING = {"rule": "check_has_attachment", "stream": "activities", "severity": "warning", "owner_role": "account_owner"}


class Maker:
    """Makes one world. `random` decides everything, so a seed is a world."""

    def __init__(self, seed: int, as_of: date, policies: Path, with_opportunities: bool) -> None:
        self.random = Random(seed)  # noqa: S311
        self.as_of = as_of
        self.policies = policies
        self.policy = read_policy(policies, "health_checks")
        self.calendar = read_policy(policies, "calendar")
        self.zone = ZoneInfo(self.calendar["time_zone"])
        self.with_opportunities = with_opportunities
        self.accounts: list[Row] = []
        self.contracts: list[Row] = []
        self.activities: list[Row] = []
        self.opportunities: list[Row] = []

    def world(self, accounts: int) -> World:
        """A world of so many accounts."""
        for number in range(accounts):
            self._account(f"A{number:04d}")
        streams = {
            "accounts": self.accounts,
            "contracts": self.contracts,
            "activities": self.activities,
            "fx_rates": list(self._rates()),
        }
        if self.with_opportunities:
            streams["opportunities"] = self.opportunities
        return World(self.as_of, streams, self.policies, row_failures=list(self._findings()), rules=[FINDING])

    # -- accounts and contracts ----------------------------------------------------------------------------------

    def _account(self, account_id: str) -> None:
        pick = self.random.choice
        account = {
            "account_id": account_id,
            "account_name": f"Åccount “{account_id}”",
            "owner_name": pick(("Olu Owner", "Zoë Álvarez", "olu owner", None)),
            "geo": pick(("EMEA", "AMER", None)),
            "region": pick(("North", "South", None)),
            "segment": pick(SEGMENTS),
            "lifecycle": pick(("active", "active", "active", "renewal", "churned", None)),
        }
        if self.random.random() < 0.2:
            account["churned_on"] = self._beside(self.as_of, (-400, -1, 0, 1, 200))
        self.accounts.append(account)
        for number in range(pick((0, 1, 1, 2, 2, 3))):
            self._contract(account, f"{account_id}-{number}")
        checks = [row for row in self.activities if row["account_id"] == account_id]
        if self.with_opportunities:
            self._account_opportunities(account, checks)
        else:
            self._stand_ins(account, checks)

    def _contract(self, account: Row, contract_id: str) -> None:
        product = self.random.choice(PRODUCTS)
        rules = oracle.resolve(self.policy, account["segment"], product)
        start, end = self._term(rules)
        self.contracts.append(
            {
                "contract_id": contract_id,
                "account_id": account["account_id"],
                "product": product,
                "start_date": start,
                "end_date": end,
                **self._money("amount", "currency", optional=False),
            }
        )
        spans = oracle.spans(rules, start, end)
        for number in range(self.random.choice((0, 0, 1, 1, 2, 3))):
            self._activity(account, f"{contract_id}-{number}", self._check_date(list(spans.values())), rules)

    def _term(self, rules: Row) -> tuple[date, date]:
        """Dates of a contract, one of which (or of its milestones) is laid beside as_of or a fiscal quarter's edge."""
        name = self.random.choice(sorted(rules["milestones"]))
        milestone, least = rules["milestones"][name], rules["minimum_term_days"][name]
        reach = abs(milestone["offset_days"]) + milestone["closes_days_after"]
        days = self.random.choice(
            (0, 1, least - 1, least, least, least + 1, reach - 1, reach, reach + 1, 210, 364, 365, 365, 366, 730, 1095)
        )
        term = timedelta(days=max(days, 0))
        offset = timedelta(days=milestone["offset_days"])
        day = self._beside(*self._edge())
        match self.random.choice(("start", "end", "due", "due", "due", "opens", "closes")):
            case "start":
                return day, day + term
            case "end":
                return day - term, day
            case "opens":
                day += timedelta(days=milestone["opens_days_before"])
            case "closes":
                day -= timedelta(days=milestone["closes_days_after"])
        anchor = day - offset
        return (anchor, anchor + term) if milestone["anchor"] == "contract_start" else (anchor - term, anchor)

    def _edge(self) -> tuple[date, tuple[int, ...]]:
        """A date that decides a status, and how far beside it to go."""
        if self.random.random() < 0.5:
            return self.as_of, NEAR
        view = oracle.Oracle(self.as_of, {}, self.policy, self.calendar)
        ahead = self.random.randint(-4, self.policy["horizon_quarters"] + 2)
        return view.quarter_start(self.as_of) + timedelta(days=round(ahead * 91.3125)), (-1, 0, 1, *range(-4, 4))

    # -- activities ----------------------------------------------------------------------------------------------

    def _check_date(self, spans: list[oracle.Span]) -> date:
        if not spans or self.random.random() < 0.1:
            return self._beside(self.as_of, (-200, -40, -1, 0, 1))
        span = self.random.choice(spans)
        return self._beside(self.random.choice((span.opens, span.due, span.closes, span.expires)), NEAR)

    def _activity(self, account: Row, activity_id: str, on: date, rules: Row) -> None:
        pick = self.random.choice
        local = datetime.combine(on, pick(TIMES), self.zone)
        activity = {
            "activity_id": activity_id,
            "account_id": account["account_id"],
            "owner_name": pick(("Pat Person", "Quinn", "René")),
            "subject": pick(HEALTH_CHECK_SUBJECTS * 2 + OTHER_SUBJECTS + tuple(rules["subject_patterns"])),
            "occurred_at": local.astimezone(UTC).replace(tzinfo=None),
            "has_attachment": pick((True, True, True, True, False, None)),
            "status": pick(STATUSES),
        }
        self.activities.append(activity)
        if self.random.random() < 0.2:
            # Another at the same instant: ties have to be settled by the key.
            self.activities.append(activity | {"activity_id": f"{activity_id}{pick('ab-')}", "owner_name": "Twin"})

    # -- opportunities -------------------------------------------------------------------------------------------

    def _account_opportunities(self, account: Row, checks: list[Row]) -> None:
        pick = self.random.choice
        for number in range(pick((0, 0, 1, 1, 2, 3))):
            reach = oracle.resolve(self.policy, account["segment"], None)["influence_days"]
            near = self.as_of if not checks else pick(checks)["occurred_at"].date()
            opportunity = {
                "opportunity_id": f"O-{account['account_id']}-{number}",
                "account_id": account["account_id"],
                "name": pick((*NAMES, None)),
                "type": pick(("new", "renewal", "expansion", None)),
                "created_on": self._beside(near, (-90, -1, 0, 1, reach - 1, reach, reach + 1)),
                "close_date": pick((None, self._beside(self.as_of, (-30, -1, 0, 1)))),
                "is_closed": pick((True, True, False, None)),
                "is_won": pick((True, False, None)),
                **self._money("amount", "currency", optional=True),
            }
            self.opportunities.append(opportunity)
        mine = [row for row in self.opportunities if row["account_id"] == account["account_id"]]
        for check in checks:
            if mine and self.random.random() < 0.3:
                check["opportunity_id"] = pick(mine)["opportunity_id"]
            elif self.random.random() < 0.3:
                check["opportunity_name"] = pick((*NAMES, "Nobody knows"))

    def _stand_ins(self, account: Row, checks: list[Row]) -> None:
        revenue = {name: self._money("revenue", "revenue_currency", optional=True) for name in NAMES}
        for check in checks:
            if self.random.random() < 0.5:
                name = self.random.choice(NAMES)
                check |= {"opportunity_name": name, "revenue": revenue[name]["revenue"]}

    # -- findings of the raw checks ------------------------------------------------------------------------------

    def _findings(self) -> list[Row]:
        """Things that are only listed, some of them in several rows of one record with different values."""
        without = [row for row in self.activities if not row["has_attachment"]]
        return [
            {
                "rule": FINDING["rule"],
                "stream": FINDING["stream"],
                "extraction_id": "e1",
                "row": number,
                "record_key": check["activity_id"][:7],
                "account_id": check["account_id"],
                "actual": f"found {number}",
                "sentence": "Logged without an attachment.",
                "effect": "listed",
            }
            for number, check in enumerate(without, start=1)
        ]

    # -- money and dates -----------------------------------------------------------------------------------------

    def _money(self, amount: str, currency: str, *, optional: bool) -> Row:
        value = None if optional and self.random.random() < 0.1 else Decimal(self.random.choice(AMOUNTS))
        return {amount: value, currency: self.random.choice(CURRENCIES)}

    def _rates(self) -> list[Row]:
        rates = []
        for currency in sorted({c for c in CURRENCIES if c} - {self.calendar["reporting_currency"]}):
            days = {date(1999, 1, 1), self.as_of, self.as_of + timedelta(days=1), self.as_of - timedelta(days=1)}
            dated = self.random.sample([row["start_date"] for row in self.contracts], k=min(10, len(self.contracts)))
            days |= {self._beside(day, (-1, 0, 1)) for day in dated}
            for day in sorted(days):
                rate = Decimal(self.random.randint(1, 3_000_000)).scaleb(-6)
                rates.append({"currency": currency, "valid_from": day, "rate_to_reporting": rate})
        return rates

    def _beside(self, day: date, by: tuple[int, ...]) -> date:
        return day + timedelta(days=self.random.choice(by))
