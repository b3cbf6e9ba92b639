"""Worlds for the examples of churn, retention and expansion: accounts whose colour is given, all with the same score.

The segments have cut-offs of their own here, so that an account is GREEN, YELLOW or RED by its segment. An account
without further rows scores 82.6: support quality 25 of 25, relationship 4 of 11 measured points of 15, sentiment 15 of
15, engagement and product usage unknown: (25 + 5.4545 + 15) / 55.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

from tests.dbt.policy_folders import write_policies
from tests.support.compiled import compiled_models
from tests.support.inputs import Row, World, account, contract

AS_OF = date(2026, 6, 30)
STREAMS = ("opportunities", "activities", "contacts", "signals", "tickets", "usage", "survey_responses", "invoices")
SEGMENT = {"GREEN": "smb", "YELLOW": "mid_market", "RED": "enterprise"}
CUTOFFS = {
    "smb": {"green_at_least": 2, "yellow_at_least": 1},
    "mid_market": {"green_at_least": 100, "yellow_at_least": 1},
    "enterprise": {"green_at_least": 100, "yellow_at_least": 99},
}
# Far enough away that no renewal adds to a probability.
FAR = 300

_numbers = count(1)


def day(days_ago: int) -> date:
    return AS_OF - timedelta(days=days_ago)


def noon(days_ago: int) -> datetime:
    return datetime.combine(day(days_ago), time(12))


def number(text: str) -> Decimal:
    return Decimal(text)


def key(prefix: str) -> str:
    """A key that no other row has."""
    return f"{prefix}{next(_numbers)}"


class Customers:
    """Rows of a world, gathered account by account."""

    def __init__(self, *missing: str) -> None:
        self.missing = missing
        self.streams: dict[str, list[Row]] = {name: [] for name in ("accounts", "contracts", *STREAMS, "csm_calls")}
        self.earlier: list[Row] = []

    def add(
        self, account_id: str, colour: str = "GREEN", renews_in: int | None = FAR, arr: str = "1000", **more: Any
    ) -> str:
        """An account with one contract of a year that ends in so many days; None: it ended ten days ago."""
        self.streams["accounts"].append(
            account(account_id, segment=SEGMENT[colour], **{"customer_since": day(4000)} | more)
        )
        ends = 10 if renews_in is None else -renews_in
        self.contract(account_id, ends + 364, ends, arr, contract_id=f"c-{account_id}")
        return account_id

    def row(self, stream: str, account_id: str, **columns: Any) -> Row:
        row = {"account_id": account_id} | columns
        self.streams[stream].append(row)
        return row

    def contract(self, account_id: str, starts: int, ends: int, amount: str = "1000", **more: Any) -> Row:
        """Starts and ends are days before as_of."""
        contract_id = more.pop("contract_id", None) or key("c")
        row = contract(contract_id, account_id, day(starts), day(ends), amount, **more)
        self.streams["contracts"].append(row)
        return row

    def signal(self, account_id: str, signal_type: str, days_ago: int, **more: Any) -> Row:
        columns = {"signal_id": key("s"), "signal_type": signal_type, "observed_on": day(days_ago)} | more
        return self.row("signals", account_id, **columns)

    def contact(self, account_id: str, role: str, started: int | None, ended: int | None = None) -> Row:
        dates = [None if days is None else day(days) for days in (started, ended)]
        return self.row("contacts", account_id, contact_id=key("p"), role=role, started_on=dates[0], ended_on=dates[1])

    def ticket(self, account_id: str, days_ago: int, **more: Any) -> Row:
        return self.row("tickets", account_id, **{"ticket_id": key("t"), "created_at": noon(days_ago)} | more)

    def usage(self, account_id: str, days_ago: int, **figures: str) -> Row:
        columns = {name: number(figure) for name, figure in figures.items()}
        return self.row("usage", account_id, usage_date=day(days_ago), **columns)

    def activity(self, account_id: str, kind: str, days_ago: int, **more: Any) -> Row:
        columns = {
            "activity_id": key("a"),
            "owner_name": "Pat Person",
            "subject": "Talk",
            "type": kind,
            "occurred_at": noon(days_ago),
            "status": "completed",
        } | more
        return self.row("activities", account_id, **columns)

    def opportunity(self, account_id: str, created: int, **more: Any) -> Row:
        columns = {"opportunity_id": key("o"), "created_on": day(created)} | more
        return self.row("opportunities", account_id, **columns)

    def invoice(self, account_id: str, issued: int, due: int | None = None, **more: Any) -> Row:
        columns = {"invoice_id": key("i"), "issued_on": day(issued), "due_on": None if due is None else day(due)} | more
        return self.row("invoices", account_id, **columns)

    def call(self, account_id: str, status: str) -> Row:
        """The CSM says so."""
        return self.row(
            "csm_calls",
            account_id,
            call_id=key("k"),
            status=status.lower(),
            reason="Met them",
            called_by="Cas Csm",
            called_at=noon(1),
            expires_on=day(-30),
        )

    def scored_before(self, account_id: str, days_ago: int, score: str) -> None:
        self.earlier.append(
            {
                "as_of_date": day(days_ago),
                "policy_version": "another",
                "account_id": account_id,
                "score": number(score),
                "status": "GREEN",
                "tier": "healthy",
            }
        )

    def world(self, folder: Path, **changes: Any) -> World:
        """The world of these rows; `changes` are policies beside the cut-offs."""
        overrides = [{"segment": segment, "status": cutoffs} for segment, cutoffs in CUTOFFS.items()]
        policies = write_policies(folder / "policies", health_score={"overrides": overrides}, **changes)
        streams = {name: rows for name, rows in self.streams.items() if name not in self.missing}
        return World(AS_OF, streams, policies, earlier={"account_health": self.earlier})


@contextmanager
def built(given: World, folder: Path, *tables: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """The models over a world."""
    con = compiled_models().run(given.freeze(folder / "inputs"), *tables)
    try:
        yield con
    finally:
        con.close()
