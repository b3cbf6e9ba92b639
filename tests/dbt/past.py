"""Worlds with a past: what was said of accounts on earlier dates, and what is known of them now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from orchestration.settings import PROJECT_ROOT
from tests.support.compiled import compiled_models
from tests.support.inputs import Row, World, account, contract
from tests.support.oracle_backtest import FACTORS, Truth

AS_OF = date(2026, 6, 30)
# Its 180 days end on 29 June 2026.
SCORED_ON = date(2025, 12, 31)
HISTORY = "account_churn_monthly"
BASE = {"RED": 70, "YELLOW": 40, "GREEN": 10}


class Past:
    """Rows of a world, gathered account by account."""

    def __init__(self) -> None:
        # Without tickets and signals nobody would have a score now.
        self.streams: dict[str, list[Row]] = {"accounts": [], "contracts": [], "tickets": [], "signals": []}
        self.said: list[Row] = []

    def says(self, account_id: str, status: str = "GREEN", on: date = SCORED_ON, **more: Any) -> str:
        """A score that was kept: by its status, unless more is said."""
        score = {"RED": 50, "YELLOW": 70, "GREEN": 90}[status]
        row = {
            "as_of_date": on,
            "account_id": account_id,
            "score": Decimal(score),
            "status": status,
            "churn_probability": Decimal(BASE[status]),
            "churn_probability_calibrated": None,
            "days_to_renewal": 300,
            **dict.fromkeys(FACTORS, False),
            "reconstructed": False,
        }
        self.said.append(row | more)
        return account_id

    def knows(self, account_id: str, truth: Truth, **more: Any) -> None:
        """What is known of the account now."""
        columns = {"churned_on": truth.churned_on, "lifecycle": truth.lifecycle} | more
        self.streams["accounts"].append(account(account_id, **columns))
        for number, (start, end) in enumerate(truth.contracts):
            self.streams["contracts"].append(contract(f"{account_id}-{number}", account_id, start, end))

    def world(self, policies: Path = PROJECT_ROOT / "policies", as_of: date = AS_OF) -> World:
        return World(as_of, self.streams, policies, earlier={HISTORY: self.said})


def customer() -> Truth:
    """One that stayed."""
    return Truth(contracts=[(date(2023, 1, 1), date(2027, 12, 31))])


def gone_on(day: date) -> Truth:
    """One that left on a day."""
    return Truth(churned_on=day, lifecycle="churned", contracts=[(date(2023, 1, 1), day)])


def after(days: int, day: date = SCORED_ON) -> date:
    return day + timedelta(days=days)


@contextmanager
def built(given: World, folder: Path, *models: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """The models over a world."""
    con = compiled_models().run(given.freeze(folder / "inputs"), *models)
    try:
        yield con
    finally:
        con.close()
