"""The records that make a typed account: what its CRM, support desk and usage would have to say for its facts to hold.

Rows by stream, by canonical column, for one account as of one date. The models read them like any others, so what the
simulator shows is what the batch would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any

from orchestration.policy.simulator import Neutral, Simulator, TypedAccount
from orchestration.sources.streams import STREAMS

Row = dict[str, Any]

ACCOUNT_ID = "typed"
OWNER, CSM, AE = "The owner", "The CSM", "The AE"
# Measures look back 90 days at most, and compare them with the 90 before; reviews count for a year.
_QUARTER, _YEAR = 90, 365
# Four weeks against the four before are what a usage trend compares.
_WEEKS = 28
_USERS = 1000
_SERVICES = 100
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class _Maker:
    account: TypedAccount
    neutral: Neutral
    usage_change_pct: Decimal
    adoption_pct: Decimal
    as_of: date

    def back(self, days: int) -> date:
        return self.as_of - timedelta(days=days)

    @property
    def ends_on(self) -> date:
        return self.as_of + timedelta(days=self.account.days_to_renewal)

    @property
    def term_days(self) -> int:
        """Whole years, the fewest that have begun by as_of."""
        return _YEAR * (self.account.days_to_renewal // _YEAR + 1)

    @property
    def starts_on(self) -> date:
        return self.ends_on - timedelta(days=self.term_days - 1)


def rows_of(
    account: TypedAccount, simulator: Simulator, as_of: date, account_id: str = ACCOUNT_ID
) -> dict[str, list[Row]]:
    """The rows of every stream that the account needs; raises KeyError for a word that the policy doesn't know."""
    maker = _Maker(
        account,
        simulator.neutral,
        simulator.words.usage_trend[account.usage_trend],
        simulator.words.adoption[account.adoption],
        as_of,
    )
    makers = {
        "accounts": _accounts,
        "contracts": _contracts,
        "opportunities": _opportunities,
        "activities": _activities,
        "contacts": _contacts,
        "signals": _signals,
        "tickets": _tickets,
        "usage": _usage,
        "survey_responses": _survey_responses,
        "invoices": _invoices,
    }
    return {stream: [_named(stream, row, account_id) for row in make(maker)] for stream, make in makers.items()}


def _named(stream: str, row: Row, account_id: str) -> Row:
    """The row with its account, and its key told apart from those of other accounts."""
    keys = {key: f"{account_id}-{row[key]}" for key in STREAMS[stream].key if key in row and key != "usage_date"}
    return {"account_id": account_id} | row | keys


def _accounts(maker: _Maker) -> Iterator[Row]:
    account, neutral = maker.account, maker.neutral
    since = maker.back(int(neutral.tenure_years * Decimal("365.25")))
    yield {
        "account_name": account.name,
        "owner_name": OWNER,
        "csm_name": CSM,
        "ae_name": AE,
        "segment": account.segment,
        "lifecycle": account.lifecycle,
        "customer_since": maker.starts_on if account.lifecycle == "onboarding" else since,
        "reference_customer": neutral.reference_customer,
        "self_managed": False,
        "sla_target_pct": neutral.sla_target_pct,
    }


def _contracts(maker: _Maker) -> Iterator[Row]:
    amount = maker.neutral.arr * maker.term_days / _YEAR
    yield {
        "contract_id": "contract",
        "product": "Service",
        "start_date": maker.starts_on,
        "end_date": maker.ends_on,
        "amount": amount.quantize(_CENT, ROUND_HALF_UP),
    }


def _opportunities(maker: _Maker) -> Iterator[Row]:
    for number in range(maker.neutral.expansions):
        won_on = maker.back(_YEAR + number)
        yield {
            "opportunity_id": f"expansion-{number}",
            "name": "Expansion",
            "type": "expansion",
            "amount": Decimal(1000),
            "created_on": won_on,
            "close_date": won_on,
            "is_closed": True,
            "is_won": True,
        }


def _activities(maker: _Maker) -> Iterator[Row]:
    """Reviews over the year, e-mails and meetings in this quarter as in the one before, so that nothing declines."""
    neutral = maker.neutral
    done = partial(_done, maker)
    for number, days in enumerate(_spread(neutral.reviews_per_year, _YEAR)):
        yield done(f"review-{number}", "qbr", "Business review", days)
    for first in (0, _QUARTER):
        for number, days in enumerate(_spread(neutral.emails_per_quarter, _QUARTER)):
            e_mail = done(f"email-{first}-{number}", "email", "E-mail", first + days)
            yield e_mail | {"response_hours": neutral.response_hours}
        for number, days in enumerate(_spread(neutral.meetings_per_quarter, _QUARTER)):
            yield done(f"meeting-{first}-{number}", "meeting", "Meeting", first + days) | {"accepted": True}


def _done(maker: _Maker, key: str, kind: str, subject: str, days_ago: int) -> Row:
    return {
        "activity_id": key,
        "owner_name": OWNER,
        "type": kind,
        "subject": subject,
        "occurred_at": _noon(maker.back(days_ago)),
        "has_attachment": False,
        "status": "completed",
        "sentiment": maker.neutral.tone,
    }


def _contacts(maker: _Maker) -> Iterator[Row]:
    yield {"contact_id": "executive", "role": "executive"}


def _signals(maker: _Maker) -> Iterator[Row]:
    if maker.account.blocker != "none":
        yield {
            "signal_id": "blocker",
            "signal_type": "blocker",
            "observed_on": maker.back(maker.neutral.issue_age_days),
            "severity": maker.account.blocker,
        }


def _tickets(maker: _Maker) -> Iterator[Row]:
    """The open issues, the urgent ones first, and as many solved ones as make an ordinary quarter."""
    account, neutral = maker.account, maker.neutral
    for number in range(account.open_issues):
        yield _ticket(f"open-{number}", maker.back(neutral.issue_age_days), account) | {
            "priority": "urgent" if number < account.urgent_issues else "normal"
        }
    solved = max(0, neutral.tickets_per_month * 3 - account.open_issues)
    for number, days in enumerate(_spread(solved, _QUARTER)):
        ticket = _ticket(f"solved-{number}", maker.back(days), account)
        took = timedelta(microseconds=int(neutral.resolution_hours * 3_600_000_000))
        yield ticket | {"priority": "normal", "solved_at": ticket["created_at"] + took, "sla_met": True}


def _ticket(key: str, created_on: date, account: TypedAccount) -> Row:
    return {
        "ticket_id": key,
        "created_at": datetime.combine(created_on, time()),
        "is_incident": False,
        "escalated": False,
        "csat": account.csat,
    }


def _usage(maker: _Maker) -> Iterator[Row]:
    """A row a day; the last four weeks differ from the four before by the trend."""
    neutral = maker.neutral
    logins = {first + days for first in (0, _QUARTER) for days in _spread(neutral.logins_per_month * 3, _QUARTER)}
    often = neutral.logins_per_month * 3 > _QUARTER
    now = _USERS * (100 + maker.usage_change_pct) / 100
    for days in range(2 * _QUARTER):
        yield {
            "usage_date": maker.back(days),
            "active_users": now if days < _WEEKS else Decimal(_USERS),
            "seats": Decimal(2 * _USERS),
            "logins": Decimal(neutral.logins_per_month * 3) / _QUARTER if often else Decimal(days in logins),
            "capacity_used_pct": neutral.capacity_used_pct,
            "uptime_pct": neutral.uptime_pct,
            "services_used": maker.adoption_pct * _SERVICES / 100,
            "services_contracted": Decimal(_SERVICES),
        }


def _survey_responses(maker: _Maker) -> Iterator[Row]:
    yield {
        "survey_id": "answered",
        "survey_type": "quarterly",
        "sent_on": maker.back(_QUARTER // 2),
        "responded_on": maker.back(_QUARTER // 2),
        "score": maker.neutral.nps,
    }


def _invoices(maker: _Maker) -> Iterator[Row]:
    yield {
        "invoice_id": "paid",
        "issued_on": maker.starts_on,
        "due_on": maker.starts_on,
        "paid_on": maker.starts_on,
        "amount": maker.neutral.arr.quantize(_CENT, ROUND_HALF_UP),
        "status": "paid",
    }


def _spread(count: int, days: int) -> list[int]:
    """`count` days ago out of so many, evenly, today first."""
    return [number * days // count for number in range(count)]


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12))
