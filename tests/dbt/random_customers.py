"""Random worlds for health score, churn, retention and expansion, dense in edges and the same for the same seed.

An account has a mood: how often its figures are drawn from the better end of a ladder, so that every status comes up.
Ladders hold the edges of the bands and what lies a millionth beside them; days are the first and last of windows and
those beside. Here: making rows. Not here: what should come of them (tests/support/oracle_*.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from tests.dbt.policy_folders import read_policy
from tests.support.inputs import World

Row = dict[str, Any]
HOUR = timedelta(hours=1)
TIMES = (time(0), time(0), time(3, 59, 59), time(5, 30), time(12), time(19), time(23, 30), time(23, 59, 59, 999999))

# Days ago. A negative one lies ahead.
IN_28, OUT_28 = (0, 1, 13, 26, 27), (28, 29, -1)
BEFORE_28 = (28, 29, 40, 54, 55)
IN_90 = (0, 0, 1, 27, 28, 60, 88, 89, 89)
OUT_90 = (-1, 90, 90, 91, 179, 180, 364, 365, 400)
BEFORE_90 = (90, 90, 91, 120, 178, 179)
ANY = (-1, 0, 1, 89, 90, 91, 179, 180, 181)

# Ladders, best first.
CSAT = ("5", "4.500001", "4.5", "4.499999", "4", "3.999999", "3.5", "3.499999", "1")
HOURS_TO_SOLVE = tuple(
    HOUR * hours + timedelta(microseconds=beside)
    for hours, beside in (
        *((1, 0), (4, -1801), (4, -1800), (4, 0), (8, 0), (8, 1799), (8, 1800), (24, 0)),
        *((24, 1799), (24, 1800), (24, 3600_000), (300, 0)),
    )
)
RESPONSE = ("2", "23.999999", "24", "24.000001", "47.999999", "48", "48.000001", "72", "72.000001", "200")
RESPONSE_RISES = ("20", "100", "119.999999", "120", "120.000001", "150")
CAPACITY = ("60", "75", "75.000001", "80", "40", "39.999999", "80.000001", "84.999999", "85", "20", "90", "19.999999")
CAPACITY += ("90.000001", "10", "95", "9.999999", "95.000001", "0", "400")
BESIDE_SLA = ("0.05", "0.01", "0", "-0.000001", "-0.1", "-0.100001", "-0.5", "-0.500001", "-3")
UPTIME_DROP = ("0", "0", "0", "0.099999", "0.1", "0.100001", "-1")
SLA_TARGETS = ("99.5", "99.9", "99.94", "99.95", "99.99", "99.995", None)
USERS = ("1100", "1050", "1049.999995", "1049.999994", "1049.99999", "1000", "950.00001", "950.000005", "950")
USERS += ("850.00001", "850.000004", "850", "10", "0")
SERVICES = (("10", "10"), ("11", "10"), ("8", "10"), ("79.999999", "100"), ("6", "10"), ("59.999999", "100"))
SERVICES += (("4", "10"), ("39.999999", "100"), ("0", "10"), ("1", "3"), (None, "10"), ("5", None), ("5", "0"))
MONTHS_OF_CAPACITY = (("80",), ("80", "79.999999"), ("85",), ("84.999999", "85"))
USAGE_VALUES = ("active_users", "seats", "logins", "capacity_used_pct", "uptime_pct", "services_used")
LOGINS_FALLING = ((79, 100), (80, 100), (80, 100), (81, 100), (0, 100))
LOGINS = (200, 13, 12, 11, 7, 6, 5, 4, 3, 2, 0)
LOGINS_BEFORE = (250, 100, 15, 10, 0)
SEATS = (("1000", "1000"), ("1100", "1000"), ("1099.99999", "1000"), ("1111.111111", "1111.111111"), ("0", "1000"))
SEATS += ((None, "100"), ("2000", "1800"), ("2000", None), ("2000", "0"))
TONE = ("0.9", "0.25", "0.249999", "0", "-0.25", "-0.250001", "-1")
NPS = ("10", "9", "8.999999", "7", "6.999999", "0", None)
POTENTIALS = ("50000.01", "50000", "40000", "39999.99", "20000", "19999.99", "100", "0", None)
AMOUNTS = (
    "250000",
    "200000.01",
    "200000",
    "150000",
    "100000.01",
    "100000",
    "99999.99",
    "12000",
    "999.995",
    "0",
    "-500.55",
)
CURRENCIES = (None, None, None, "USD", "EUR", "JPY")
SIGNALS = (
    *("leadership_change", "budget_pressure", "pricing_inquiry", "cost_reduction", "rfp", "competitor_mention"),
    *("pricing_comparison", "executive_complaint", "feature_request", "blocker", "outage"),
)
EARLIER_DAYS = (1, 2, 6, 7, 8, 13, 14, 15, 27, 28, 29, 44, 45, 46)
EARLIER_SCORES = ("100.0", "90.0", "85.0", "84.9", "70.0", "69.9", "60.0", "50.0", "49.9", "30.0", "0.0", None)

# Values of measures that an earlier run kept.
KEPT = {
    "ticket_volume": ("0", "2.999999", "3", "6", "10", "10.000001", None),
    "escalation_rate": ("0", "1.999999", "2", "5", "10", "10.000001", None),
    "resolution_hours": ("1", "4", "8", "24", "25", None),
    "sla_adherence": ("100", "95.000001", "95", "90", "85", "84", None),
    "csat": ("5", "4.5", "4", "3.5", "1", None),
    "qbr_attendance": ("100", "99.999999", "75", "50", "0", None),
    "email_response_hours": ("1", "24", "48", "72", "73", None),
    "portal_logins": ("5", "4", "2", "1", "0", None),
    "meeting_acceptance": ("100", "80", "60", "40", "0", None),
    "capacity_utilisation": ("60", "40", "80", "80.000001", "90", "95", "5", None),
    "uptime_vs_sla": ("0.05", "0", "-0.1", "-0.5", "-0.500001", None),
    "service_adoption": ("100", "80", "60", "40", "0", None),
    "usage_trend": ("7", "5", "-4.999999", "-5", "-15", None),
    "tenure_years": ("6", "5", "3", "1", "0", "-0.000001"),
    "expansions": ("3", "2", "1", "0", None),
    "reference": ("1", "0"),
    "nps": ("10", "9", "7", "6", None),
    "tone": ("1", "0.25", "-0.25", "-0.250001", None),
    "escalations": ("0", "1", "2", "3", None),
    "competitive": ("0", "1", None),
    "budget_pressure": ("0", "1", "2", None),
}


class Maker:
    """Makes one world. `random` decides everything, so a seed is a world."""

    def __init__(self, seed: int, as_of: date, policies: Path, policy_version: str) -> None:
        self.random = Random(seed)  # noqa: S311
        self.as_of = as_of
        self.policies = policies
        self.policy_version = policy_version
        self.calendar = read_policy(policies, "calendar")
        self.zone = ZoneInfo(self.calendar["time_zone"])
        self.streams: dict[str, list[Row]] = {
            name: []
            for name in (
                *("accounts", "contracts", "opportunities", "activities", "contacts", "signals", "tickets"),
                *("usage", "survey_responses", "invoices", "fx_rates"),
            )
        }
        self.calls: list[Row] = []
        self.earlier: list[Row] = []
        self.earlier_signals: list[Row] = []
        self.mood = 0.5
        self.declining = False
        self.id = ""

    def world(self, accounts: int, *, missing: Sequence[str] = (), omitted: Sequence[str] = ()) -> World:
        """A world of so many accounts; `missing` streams were never read, `omitted` ones are too old to be."""
        for number in range(accounts):
            self._account(f"A{number:04d}")
        self._rates()
        streams = {name: rows for name, rows in self.streams.items() if name not in missing}
        old = {"is_stale": True, "age_days": 12, "max_age_days": 8, "on_stale": "omit"}
        facts = {name: old | {"is_omitted": True} for name in omitted}
        if "invoices" not in omitted:
            facts["invoices"] = old | {"on_stale": "use_last_known"}
        return World(self.as_of, streams, self.policies, stream_facts=facts)

    # -- drawing -------------------------------------------------------------------------------------------------

    def pick(self, values: Sequence[Any]) -> Any:
        return self.random.choice(values)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def rung(self, ladder: Sequence[Any]) -> Any:
        """From the better end in a good mood, else from anywhere."""
        return self.pick(ladder[: max(1, len(ladder) // 4)] if self.chance(self.mood) else ladder)

    def number(self, ladder: Sequence[str | None]) -> Decimal | None:
        value = self.rung(ladder)
        return None if value is None else Decimal(value)

    def ago(self, days: int) -> date:
        return self.as_of - timedelta(days=days)

    def moment(self, days_ago: int) -> datetime:
        """A time on a day of the business time zone, in UTC; often on the day's very edge."""
        return datetime.combine(self.ago(days_ago), self.pick(TIMES), self.zone).astimezone(UTC).replace(tzinfo=None)

    def add(self, stream: str, **row: Any) -> Row:
        """A row of the account at hand, with a key of its own."""
        rows = self.streams[stream]
        keys = {"contracts": "contract_id", "survey_responses": "survey_id", "usage": None}
        key = keys.get(stream, stream[:-1].replace("ie", "y") + "_id" if stream != "activities" else "activity_id")
        if stream == "opportunities":
            key = "opportunity_id"
        if key is not None:
            row = {key: f"{self.id}-{stream[:2]}{len(rows):05d}"} | row
        row = {"account_id": self.id} | row
        rows.append(row)
        return row

    # -- accounts and contracts ----------------------------------------------------------------------------------

    def _account(self, account_id: str) -> None:
        self.id, self.mood = account_id, self.pick((0.0, 0.3, 0.6, 0.8, 0.9, 0.98))
        account = {
            "account_id": account_id,
            "account_name": f"Account {account_id}",
            "owner_name": self.pick(("Olu Owner", "Zoë Álvarez", None)),
            "csm_name": self.pick(("Cas Csm", None)),
            "ae_name": self.pick(("Ada Ae", None)),
            "geo": self.pick(("EMEA", "AMER", None)),
            "region": self.pick(("North", None)),
            "segment": self.pick(("smb", "mid_market", "enterprise", None)),
            "lifecycle": self.pick(("onboarding", "active", "active", "active", "renewal", None)),
            "customer_since": self.pick((None, self.ago(self.rung((1827, 1826, 1096, 1095, 366, 365, 0, -1, -400))))),
            "reference_customer": self.rung((True, True, False, None)),
            "self_managed": self.pick((True, False, None)),
            "sla_target_pct": self.number(SLA_TARGETS),
            "capacity_upgrade_arr": _decimal(self.pick(POTENTIALS)),
            "new_site_planned": self.pick((True, False, None)),
            "new_site_arr": _decimal(self.pick(POTENTIALS)),
            "new_site_timeline": self.pick(("Q3", None)),
            "managed_services_arr": _decimal(self.pick(POTENTIALS)),
        }
        if self.chance(0.1):
            account["lifecycle"] = "churned"
        if self.chance(0.1):
            account["churned_on"] = self.ago(self.pick((-200, -1, 0, 1, 400)))
        self.streams["accounts"].append(account)
        self.declining = self.chance(0.15)
        self._contracts()
        self._tickets()
        self._activities()
        self._usage(account["sla_target_pct"])
        self._signals()
        self._opportunities()
        self._surveys()
        self._invoices()
        self._contacts()
        self._call()
        self._earlier()

    def _contract(self, start: date, end: date, product: str = "Core") -> None:
        amount, currency = Decimal(self.pick(AMOUNTS)), self.pick(CURRENCIES)
        self.add("contracts", product=product, start_date=start, end_date=end, amount=amount, currency=currency)

    def _contracts(self) -> None:
        if self.chance(0.03):
            return
        left = self.pick((0, 1, 29, 30, 31, 59, 60, 89, 90, 91, 119, 120, 121, 179, 180, 181, 365, 500))
        end = self.as_of + timedelta(days=left)
        kind = self.random.random()
        if kind < 0.12:  # what is only just still a customer, or isn't
            end = self.ago(self.pick((1, 88, 89, 89, 90, 90, 91)))
        elif kind < 0.16:  # what isn't one yet
            start = self.ago(self.pick((0, -1, -1, -30)))
            self._contract(start, start + timedelta(days=364))
            return
        term = self.pick((365, 365, 366, 367, 730, 1095, max(left, 0) + 1))
        self._contract(end - timedelta(days=max(term, left + 1) - 1), end)
        self._chain(end)
        if self.chance(0.2):
            start = self.ago(self.pick((0, 100, 365)))
            self._contract(start, start + timedelta(days=self.pick((100, 365, 400, 600))), self.pick(("Core", "Plus")))

    def _chain(self, end: date) -> None:
        """Contracts that carry on from `end`, or only just don't."""
        while self.chance(0.4):
            for _ in range(self.pick((1, 1, 2))):
                start = end + timedelta(days=self.pick((-31, -30, -30, -1, 0, 1, 1, 29, 30, 30, 31)))
                stop = max(start, end + timedelta(days=self.pick((-1, 0, 1, 100, 365))))
                self._contract(start, stop, self.pick(("Core", "Core", "Core", "Plus")))
            end = stop

    # -- tickets -------------------------------------------------------------------------------------------------

    def _tickets(self) -> None:
        if self.chance(0.05):
            return
        count = self.rung((1, 11, 2, 8, 9, 10, 0, 1, 17, 18, 19, 20, 29, 30, 31))
        csat, took = self.number(CSAT), self.rung(HOURS_TO_SOLVE)
        escalated = self.rung((0, 0, 0, 0, 1, 1, 2, 3))
        unmet = self.rung((0, 0, 0, 1, 1, 2, 3))
        if self.chance(0.12):
            # Shares that lie on an edge: 95, 90 and 85 % in time, 2, 5 and 10 % escalated.
            count, unmet, escalated = self.pick(((20, 1, 1), (20, 2, 2), (20, 3, 1), (50, 0, 1)))
        says = self.chance(0.8)
        for number in range(count):
            row = self._ticket(self.pick(IN_90), csat, took)
            row |= {"escalated": number < escalated, "sla_met": number >= unmet if says else None}
            if not row["escalated"] and self.chance(0.2):
                row["escalated"] = None
        for _ in range(self.pick((0, 0, 1, 2))):
            row = self._ticket(self.pick(OUT_90), self.number(CSAT), self.rung(HOURS_TO_SOLVE))
            row |= {"escalated": True, "sla_met": self.pick((True, False, None))}

    def _ticket(self, days_ago: int, csat: Decimal | None, took: timedelta) -> Row:
        created = self.moment(days_ago)
        solved: datetime | None = created + took
        if self.chance(0.1 * (1.2 - self.mood)):
            solved = self.pick(
                (None, created - HOUR, self.moment(0), self.moment(-1), self.moment(89), self.moment(90))
            )
        if csat is not None and self.chance(0.3):
            csat = self.pick((None, csat, max(Decimal(1), csat - Decimal("0.000001"))))
        if solved is not None and self.chance(0.05):
            solved += timedelta(microseconds=self.pick((1, -1)))
        return self.add(
            "tickets",
            created_at=created,
            solved_at=solved,
            priority=self.rung(("normal", "low", None, "high", "urgent")),
            is_incident=self.pick((True, False, None)),
            csat=csat,
        )

    # -- activities ----------------------------------------------------------------------------------------------

    def _activity(self, days_ago: int, kind: str | None, **more: Any) -> None:
        self.add(
            "activities",
            owner_name="Pat Person",
            subject="Talk",
            occurred_at=self.moment(days_ago),
            has_attachment=False,
            type=kind,
            **more,
        )

    def _activities(self) -> None:
        if self.chance(0.08):
            return
        if self.declining:
            self._falling_attendance()
        else:
            for _ in range(self.pick((0, 1, 1, 2, 4, 5))):
                self._activity(self.pick((*IN_90, *BEFORE_90, 180, 363, 364, 365, 366)), "qbr", status=self._qbr())
        self._mails()
        self._meetings()
        tone = self.number(TONE)
        for _ in range(self.pick((0, 1, 2))):
            self._activity(self.pick(IN_90), self.pick(("call", "task", "other", None)), sentiment=tone)
        for _ in range(self.pick((0, 1, 2))):
            kind = self.pick(("email", "meeting", "qbr", "call"))
            extra = {
                "response_hours": Decimal(500),
                "sentiment": Decimal(-1),
                "accepted": self.pick((True, False, None)),
            }
            self._activity(self.pick(OUT_90), kind, status=self.pick(("planned", "completed", None)), **extra)

    def _mails(self) -> None:
        if self.declining:
            self._slower_mails()
        elif self.chance(0.9):
            hours = self.number(RESPONSE)
            for _ in range(self.pick((1, 2, 3))):
                self._mail(self.pick(IN_90), hours)
        if self.chance(0.3):
            for _ in range(self.pick((1, 2))):
                self._mail(self.pick((*BEFORE_90, 180)), Decimal(self.pick(("100", "100", "50", "0"))))

    def _slower_mails(self) -> None:
        """A hundred hours before; now two mails, some of which meet in the middle of a millionth."""
        self._mail(self.pick(BEFORE_90), Decimal(100))
        now = Decimal(self.pick(RESPONSE_RISES))
        self._mail(self.pick(IN_90), now)
        self._mail(self.pick(IN_90), now + self.pick((Decimal(0), Decimal("0.000001"))))

    def _meetings(self) -> None:
        accepted, said = self.rung(((5, 5), (1, 1), (81, 100), (4, 5), (3, 5), (2, 5), (1, 3), (0, 1), (0, 0)))
        if said == 100 and self.chance(0.8):
            return
        for number in range(said):
            status = self.pick(("completed", None))
            self._activity(self.pick(IN_90), "meeting", status=status, accepted=number < accepted)

    def _qbr(self) -> str | None:
        return self.rung(("completed", "completed", "completed", "declined", "no_show", "planned", None))

    def _mail(self, days_ago: int, hours: Decimal | None) -> None:
        self._activity(days_ago, "email", response_hours=hours if self.chance(0.9) else None)

    def _falling_attendance(self) -> None:
        """All of five before; now four, which is a fall of exactly a fifth, or all."""
        lost = self.pick(("completed", "declined", "no_show", "planned", None))
        for number in range(5):
            self._activity(self.pick(BEFORE_90), "qbr", status="completed")
            self._activity(self.pick(IN_90), "qbr", status=lost if number == 0 else "completed")

    # -- usage ---------------------------------------------------------------------------------------------------

    def _usage(self, target: Decimal | None) -> None:
        days = self._usage_days()
        level = (target or Decimal("99.9")) + Decimal(self.rung(BESIDE_SLA))
        drop = Decimal(self.rung(UPTIME_DROP))
        users, users_before = self.number(USERS), Decimal(self.pick(("1000", "1000", "1000", "1000", "0")))
        capacities = (
            [self.number(CAPACITY)] if self.chance(0.7) else [Decimal(c) for c in self.pick(MONTHS_OF_CAPACITY)]
        )
        used, contracted = (_decimal(value) for value in self.rung(SERVICES))
        seats, seats_before = (_decimal(value) for value in self.pick(SEATS))
        logins, before = (sum(since <= day < since + 90 for day in days) for since in (0, 90))
        amounts = self.pick(LOGINS_FALLING) if self.declining else (self.rung(LOGINS), self.pick(LOGINS_BEFORE))
        logins, before = (self._split(amount, rows) for amount, rows in zip(amounts, (logins, before), strict=True))
        blank = {name for name in USAGE_VALUES if self.chance(0.05)}
        uneven = self.chance(0.3)
        for day in sorted(days):
            sums = logins if day < 90 else before
            row = {
                "active_users": users if day < 28 else users_before,
                "seats": seats if day < 28 else seats_before,
                "logins": Decimal(sums.pop()) if sums and day >= 0 else None,
                "capacity_used_pct": self.pick(capacities),
                "uptime_pct": min(level + drop if 28 <= day < 56 else level, Decimal(100)),
                "services_used": used,
                "services_contracted": contracted,
            }
            if uneven:
                self._make_uneven(row)
            self.add("usage", usage_date=self.ago(day), **row | dict.fromkeys(blank))

    def _usage_days(self) -> list[int]:
        """On which days, counted back from as_of, the account has a row."""
        kind = self.random.random()
        if kind < 0.1:
            return []
        if kind < 0.15:
            return [-1, self.pick((28, 55, 56, 89, 90, 400))]
        days = set(self.random.sample((*IN_28, *BEFORE_28, 30, 56, 75, 88, 89, 90, 91, 120, 179, 180), 8))
        days |= set(self.random.sample(self._month_borders(), 4))
        return sorted(days | {-1} if self.chance(0.2) else days)

    def _make_uneven(self, row: Row) -> None:
        """A blank here, a millionth there."""
        for name in ("capacity_used_pct", "uptime_pct"):
            if row[name] and self.chance(0.3):
                row[name] -= Decimal("0.000001")
        if self.chance(0.3):
            row[self.pick(USAGE_VALUES)] = None

    def _month_borders(self) -> list[int]:
        """Days ago of the first and last days of the months around the last two that ended."""
        first = (self.as_of + timedelta(days=1)).replace(day=1)
        days = []
        for _ in range(3):
            days += [(self.as_of - first).days + 1, (self.as_of - first).days]
            first = (first - timedelta(days=1)).replace(day=1)
        return [day for day in days if day >= 0] + [15, 45]

    def _split(self, amount: int, parts: int) -> list[int]:
        """`amount` over so many rows."""
        return [amount // parts + (number < amount % parts) for number in range(parts)] if parts else []

    # -- signals, opportunities, surveys, invoices, contacts -------------------------------------------------------

    def _signals(self) -> None:
        for _ in range(self.pick((0, 0, 1, 1, 2, 3, 4))):
            kind = self.pick((*SIGNALS, "blocker", "feature_request"))
            observed = self.pick(ANY)
            self.add(
                "signals",
                signal_type=kind,
                observed_on=self.ago(observed),
                severity=self.pick(("minor", "major", None)),
                resolved_on=self.pick((None, None, self.ago(0), self.ago(-1), self.ago(1))),
                note=self.pick(("Heard in a call", None)),
            )

    def _opportunities(self) -> None:
        for _ in range(self.rung((3, 1, 0, 2, 0, 0, 1, 2, 4))):
            self._opportunity(
                self.pick(("expansion", "expansion", "expansion", "renewal")),
                close_date=self.pick((self.ago(0), self.ago(100), self.ago(100), self.ago(-1), None)),
                is_closed=self.pick((True, True, None)),
                is_won=True,
            )
        if self.chance(0.3):
            self._opportunity(
                self.pick(("new", "renewal", "expansion", None)),
                close_date=self.pick((None, self.ago(0), self.ago(1), self.ago(-1))),
                is_closed=self.pick((True, False, None)),
                is_won=self.pick((True, False, False, None)),
                competitor=self.pick((None, "Rival")),
            )

    def _opportunity(self, kind: str | None, **more: Any) -> None:
        self.add(
            "opportunities",
            name="Deal",
            type=kind,
            created_on=self.ago(self.pick((200, 200, 200, 0, -1))),
            contract_end_date=self.pick((None, None, self.ago(self.pick((-90, -400, -700, 30))))),
            **more,
        )

    def _surveys(self) -> None:
        for _ in range(self.rung((1, 2, 1, 0, 3))):
            sent = self.pick((0, 1, 30, 30, 363, 364, 365, 400, -1))
            answered = self.pick((None, sent, sent, 30, 364, 365, 0, -1))
            self.add(
                "survey_responses",
                survey_type=self.pick(("quarterly", "onboarding", "post_support", "pre_renewal", None)),
                sent_on=self.ago(sent),
                responded_on=None if answered is None else self.ago(min(answered, sent)),
                score=self.number(NPS),
            )

    def _invoices(self) -> None:
        for _ in range(self.pick((0, 1, 1, 2))):
            self.add(
                "invoices",
                issued_on=self.ago(self.pick(ANY)),
                due_on=self.pick((None, self.ago(self.pick((28, 29, 30, 31, 60))))),
                paid_on=self.pick((self.ago(20), self.ago(0), None, None, self.ago(-1))),
                amount=Decimal(100),
                status=self.pick(("paid", "paid", "paid", "open", "open", "failed", "disputed", None)),
            )

    def _contacts(self) -> None:
        for _ in range(self.pick((0, 0, 1, 2, 3))):
            self.add(
                "contacts",
                role=self.pick(("executive", "executive", "technical", "business", "other", None)),
                started_on=self.pick((None, self.ago(self.pick((*ANY, 400))), self.ago(400))),
                ended_on=self.pick((None, None, self.ago(self.pick(ANY)))),
            )

    # -- what was known before -------------------------------------------------------------------------------------

    def _call(self) -> None:
        for number in range(self.pick((0, 0, 0, 1, 2, 3))):
            called = self.pick((-1, 0, 1, 5, 29, 30, 89, 90, 91))
            expires = self.ago(called) + timedelta(days=self.pick((1, 29, 30, 90, 91, 200)))
            self.calls.append(
                {
                    "call_id": f"{self.id}-{number}",
                    "account_id": self.id,
                    "status": self.pick(("RED", "YELLOW", "GREEN")),
                    "reason": "Heard it from them",
                    "called_by": "Cas Csm",
                    "called_at": self.moment(called),
                    "expires_on": self.pick((expires, expires, self.as_of, self.ago(1), self.ago(-1))),
                }
            )

    def _earlier(self) -> None:
        for days in self.random.sample(EARLIER_DAYS, self.pick((0, 1, 2, 4, 8))):
            score = _decimal(self.pick(EARLIER_SCORES))
            self.earlier.append(
                {
                    "as_of_date": self.ago(days),
                    "policy_version": self.policy_version,
                    "account_id": self.id,
                    "score": score,
                    "status": _step(score, (("GREEN", 80), ("YELLOW", 60), ("RED", 0))),
                    "tier": _step(score, (("healthy", 85), ("stable", 70), ("at_risk", 50), ("critical", 0))),
                }
            )

            if days == EARLIER_DAYS[0]:
                values = {name: _decimal(self.rung(ladder)) for name, ladder in KEPT.items()}
                kept = {"as_of_date": self.ago(days), "policy_version": self.policy_version, "account_id": self.id}
                self.earlier_signals.append(kept | values)

    def _rates(self) -> None:
        starts = [row["start_date"] for row in self.streams["contracts"] if row["currency"]]
        for currency in sorted({c for c in CURRENCIES if c} - {self.calendar["reporting_currency"]}):
            days = {date(1999, 1, 1), self.as_of, self.ago(-1), self.ago(1)}
            for day in self.random.sample(starts, min(6, len(starts))):
                days |= {day, day + timedelta(days=1), day - timedelta(days=1)}
            for day in sorted(days):
                rate = Decimal(self.random.randint(1, 3_000_000)).scaleb(-6)
                self.streams["fx_rates"].append({"currency": currency, "valid_from": day, "rate_to_reporting": rate})


def _decimal(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _step(score: Decimal | None, steps: Sequence[tuple[str, int]]) -> str | None:
    return None if score is None else next(name for name, edge in steps if score >= edge)
