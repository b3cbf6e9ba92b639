"""What is known of each account at as_of, in plain Python: the ground on which the oracles of score and churn stand.

Here: which rows of a stream are seen, what of them is read as blank, windows, local dates, exact rounding, currency,
contracts and their chains. Written from the rules alone, without a look at the SQL. Not here: what follows from it
(oracle_health_score.py, oracle_churn.py, oracle_expansion.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, partial
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]

# The day of an event, and the days of later facts that are read as blank, by stream.
EVENT_DAY = {
    "activities": "occurred_at",
    "tickets": "created_at",
    "usage": "usage_date",
    "signals": "observed_on",
    "survey_responses": "sent_on",
    "invoices": "issued_on",
    "opportunities": "created_on",
}
LATER_FACTS = {
    "tickets": ("solved_at",),
    "signals": ("resolved_on",),
    "survey_responses": ("responded_on",),
    "invoices": ("paid_on",),
    "contacts": ("ended_on",),
}
CHAIN_DAYS = 30


def rounded(value: Fraction | Decimal | int, digits: int) -> Decimal:
    """`value` to so many decimals, halves away from zero."""
    exact = Fraction(value)
    units = (abs(exact) * 10**digits * 2 + 1) // 2
    return Decimal(units if exact >= 0 else -units).scaleb(-digits)


def six(value: Fraction | None) -> Decimal | None:
    """A measure, or whatever is compared with an edge, to six decimals."""
    return None if value is None else rounded(value, 6)


def cents(value: Fraction | Decimal | int | None) -> Decimal | None:
    return None if value is None else rounded(value, 2)


def mean(values: Iterable[Decimal | int | Fraction | None]) -> Fraction | None:
    """Over the values that are there; None when there are none."""
    there = [Fraction(value) for value in values if value is not None]
    return sum(there, Fraction(0)) / len(there) if there else None


def total(values: Iterable[Decimal | int | None]) -> Fraction | None:
    """Skips blanks; None when all are blank."""
    there = [Fraction(value) for value in values if value is not None]
    return sum(there, Fraction(0)) if there else None


def share(part: int, whole: int) -> Fraction | None:
    """In percent; None of nothing."""
    return Fraction(100 * part, whole) if whole else None


@dataclass
class Facts:
    """The streams of a world as they are seen at `as_of`.

    `omitted` streams are stale ones that aren't read. `earlier` are the kept rows of account_health of runs before,
    `earlier_signals` those of account_signals of the run before.
    """

    as_of: date
    streams: dict[str, list[Row]]
    calendar: Row
    omitted: frozenset[str] = frozenset()
    earlier: list[Row] = field(default_factory=list)
    earlier_signals: list[Row] = field(default_factory=list)
    policy_version: str = ""

    def known(self, stream: str) -> bool:
        return stream in self.streams and stream not in self.omitted

    # -- dates ---------------------------------------------------------------------------------------------------

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.calendar["time_zone"])

    def day(self, at: date | datetime) -> date:
        """The calendar day of an event in the business time zone."""
        if isinstance(at, datetime):
            return at.replace(tzinfo=UTC).astimezone(self.zone).date()
        return at

    def within(self, at: date | datetime | None, days: int, before: int = 0) -> bool:
        """Whether `at` lies in the window of `days`, which ends `before` days before as_of."""
        return at is not None and before <= (self.as_of - self.day(at)).days < before + days

    # -- rows ----------------------------------------------------------------------------------------------------

    @cached_property
    def accounts(self) -> dict[str, Row]:
        return {row["account_id"]: row for row in self.streams["accounts"]}

    @cached_property
    def _seen(self) -> dict[str, dict[str, list[Row]]]:
        seen: dict[str, dict[str, list[Row]]] = {}
        for stream, rows in self.streams.items():
            if stream in ("accounts", "fx_rates") or not self.known(stream):
                continue
            by_account = seen.setdefault(stream, {})
            for row in rows:
                event = row.get(EVENT_DAY.get(stream))
                if event is None or self.day(event) <= self.as_of:
                    by_account.setdefault(row["account_id"], []).append(self._as_known(stream, row))
        return seen

    def _as_known(self, stream: str, row: Row) -> Row:
        """`row` without what happened to it after as_of."""
        row = dict(row)
        if stream == "invoices" and self._is_later(row.get("paid_on")):
            row["status"] = "open"
        if stream == "opportunities" and self._is_later(row.get("close_date")):
            row |= {"is_closed": False, "is_won": False}
        for column in LATER_FACTS.get(stream, ()):
            if self._is_later(row.get(column)):
                row[column] = None
        return row

    def _is_later(self, at: date | datetime | None) -> bool:
        return at is not None and self.day(at) > self.as_of

    def of(self, stream: str, account_id: str) -> list[Row]:
        """The rows of an account that are seen at as_of; none of a stream that isn't known."""
        return self._seen.get(stream, {}).get(account_id, [])

    def in_days(self, stream: str, account_id: str, days: int, before: int = 0) -> list[Row]:
        """Those whose event lies in a window."""
        column = EVENT_DAY[stream]
        return [row for row in self.of(stream, account_id) if self.within(row[column], days, before)]

    def latest_usage(self, account_id: str, days: int = 28) -> Row:
        """The newest usage row in a window; an empty one when there is none."""
        rows = self.in_days("usage", account_id, days)
        return max(rows, key=lambda row: row["usage_date"]) if rows else {}

    # -- standing ------------------------------------------------------------------------------------------------

    def is_churned(self, account_id: str) -> bool:
        account = self.accounts[account_id]
        if account.get("churned_on") is not None:
            return account["churned_on"] <= self.as_of
        return account.get("lifecycle") == "churned"

    def is_scored(self, account_id: str) -> bool:
        """Not churned, and has or in the last 90 days had a contract."""
        return not self.is_churned(account_id) and any(
            row["start_date"] <= self.as_of and (self.as_of - row["end_date"]).days < 90
            for row in self.of("contracts", account_id)
        )

    @cached_property
    def scored(self) -> list[str]:
        return sorted(account_id for account_id in self.accounts if self.is_scored(account_id))

    def current_contracts(self, account_id: str) -> list[Row]:
        return [row for row in self.of("contracts", account_id) if row["start_date"] <= self.as_of <= row["end_date"]]

    def in_reporting_currency(self, contract: Row) -> Fraction:
        """The amount of a contract at the latest rate of the smaller of as_of and its start, to cents."""
        amount, currency = Fraction(contract["amount"]), contract.get("currency")
        if currency is not None and currency != self.calendar["reporting_currency"]:
            latest = max(
                (
                    row
                    for row in self.streams["fx_rates"]
                    if row["currency"] == currency and row["valid_from"] <= min(self.as_of, contract["start_date"])
                ),
                key=lambda row: row["valid_from"],
            )
            amount *= Fraction(latest["rate_to_reporting"])
        return Fraction(rounded(amount, 2))

    def annual(self, contract: Row) -> Fraction:
        """What a contract is worth a year."""
        term = (contract["end_date"] - contract["start_date"]).days + 1
        amount = self.in_reporting_currency(contract)
        return amount if term <= 366 else amount * 365 / term

    def arr(self, account_id: str) -> Decimal:
        return rounded(sum((self.annual(row) for row in self.current_contracts(account_id)), Fraction(0)), 2)

    def follower(self, contract: Row) -> Row | None:
        """The contract that carries on `contract`: of its product, near its end, ending later; the latest-ending."""
        followers = [
            row
            for row in self.of("contracts", contract["account_id"])
            if row["product"] == contract["product"]
            and abs((row["start_date"] - contract["end_date"]).days) <= CHAIN_DAYS
            and row["end_date"] > contract["end_date"]
        ]
        return max(followers, key=lambda row: (row["end_date"], row["contract_id"]), default=None)

    def renewal_date(self, account_id: str) -> date | None:
        """The earliest end of the chains of current contracts."""
        ends = []
        for contract in self.current_contracts(account_id):
            last = contract
            while (following := self.follower(last)) is not None:
                last = following
            ends.append(last["end_date"])
        return min(ends, default=None)

    def days_to_renewal(self, account_id: str) -> int | None:
        renewal = self.renewal_date(account_id)
        return None if renewal is None else (renewal - self.as_of).days

    def customer_until(self, account_id: str) -> date | None:
        """The latest end over all contracts, whatever their start, and opportunities won, however old the latter."""
        ends = [row["end_date"] for row in self.of("contracts", account_id)]
        ends += [
            row["contract_end_date"]
            for row in map(partial(self._as_known, "opportunities"), self.streams.get("opportunities", []))
            if row["account_id"] == account_id
            and row["created_on"] <= self.as_of
            and row.get("is_won")
            and row.get("contract_end_date") is not None
        ]
        return max(ends, default=None)

    # -- fiscal quarters -----------------------------------------------------------------------------------------

    def quarter_start(self, day: date) -> date:
        months = day.year * 12 + day.month - 1
        months -= (months - (self.calendar["fiscal_year_start_month"] - 1)) % 3
        return date(months // 12, months % 12 + 1, 1)

    def quarter_name(self, day: date) -> str:
        """Such as FY2026-Q2; a fiscal year is called after the calendar year it ends in."""
        first = self.calendar["fiscal_year_start_month"]
        year = day.year + (1 if first > 1 and day.month >= first else 0)
        return f"FY{year}-Q{(day.month - first) % 12 // 3 + 1}"

    def months_ended(self, count: int) -> list[tuple[date, date]]:
        """First and last day of the last calendar months that ended on or before as_of, newest first."""
        tomorrow = self.as_of + timedelta(days=1)
        first = tomorrow.replace(day=1)
        months = []
        for _ in range(count):
            last = first - timedelta(days=1)
            first = last.replace(day=1)
            months.append((first, last))
        return months
