"""Alerts, accounts at risk and interventions over several as-ofs, each knowing what the one before published."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from orchestration.refresh.histories import READS
from tests.dbt.policy_folders import write_policies
from tests.support.compiled import compiled_models, rows_of
from tests.support.inputs import Row, World, account, contract

FIRST = date(2026, 6, 1)
TABLES = ("alerts", "at_risk_accounts", "intervention_outcomes")
KEPT = ("alerts", "alert_conditions", "alert_totals", "at_risk_accounts", "intervention_outcomes")
# Whether the account is heard of, by days after the first; and whether its sentiment makes a bad score.
HEARD = {0: False, 1: True, 3: False, 4: True, 7: False, 8: False}
UNHAPPY = {0: True, 1: True, 3: True, 4: True, 7: False, 8: False}


def world(number: int, earlier: dict[str, list[Row]], policies: Path) -> World:
    as_of = FIRST + timedelta(days=number)
    usage = [{"account_id": "other", "usage_date": as_of, "logins": Decimal(1)}]
    if HEARD[number]:
        usage.append({"account_id": "a", "usage_date": as_of, "logins": Decimal(1)})
    signals = [
        {"account_id": "a", "signal_id": f"s{n}", "signal_type": kind, "observed_on": FIRST}
        for n, kind in enumerate(("rfp", "budget_pressure", "budget_pressure"))
        if UNHAPPY[number]
    ]
    opened = {"account_id": "a", "intervention_id": "v", "strategy": "QBR", "opened_on": FIRST}
    streams: dict[str, list[Row]] = {
        "accounts": [account(name, customer_since=date(2015, 1, 1)) for name in ("a", "other")],
        "contracts": [
            contract(f"c-{name}", name, as_of - timedelta(days=200), as_of + timedelta(days=300))
            for name in ("a", "other")
        ],
        "activities": [],
        "tickets": [],
        "usage": usage,
        "signals": signals,
        "interventions": [opened],
    }
    return World(as_of, streams, policies, earlier=earlier)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, list[Row]]]:
    folder = tmp_path_factory.mktemp("runs")
    # 25 of support quality and 15 of sentiment, or 6 where it is bad, are known: 100 or 77.5.
    recovery = {"score_at_least": 80, "runs": 2, "opening_within_days": 7}
    tier = [{"segment": "smb", "tier": {"healthy_at_least": 90, "stable_at_least": 80, "at_risk_at_least": 1}}]
    policies = write_policies(
        folder / "policies", interventions={"recovery": recovery}, health_score={"overrides": tier}
    )
    found: dict[int, dict[str, list[Row]]] = {}
    earlier: dict[str, list[Row]] = {}
    for number in HEARD:
        inputs = world(number, earlier, policies).freeze(folder / str(number))
        with compiled_models().run(inputs, *KEPT, "account_health") as con:
            found[number] = {table: rows_of(con, f"select * from published.{table}") for table in TABLES}
            earlier = {name: _read(con, name) for name in KEPT}
            earlier["account_health"] = _read(con, "account_health")
    return found


def _read(con: Any, name: str) -> list[Row]:
    """What a later run would read of the published table: its columns, with the types they are kept in."""
    columns = READS[name].columns
    selected = ", ".join(f'"{column}"' for column in columns.names)
    table = con.sql(f"select {selected} from published.{READS[name].history}").to_arrow_table()
    return pa.Table.cast(table, columns).to_pylist()


def day(number: int | None) -> date | None:
    return None if number is None else FIRST + timedelta(days=number)


@pytest.mark.parametrize(
    ("number", "episodes"),
    [
        (0, [(0, None, None)]),
        (1, [(0, 1, None)]),
        # False for two days: the same alert.
        (3, [(0, None, None)]),
        (4, [(0, 4, None)]),
        # False for three days: another one.
        (7, [(0, 4, 4), (7, None, None)]),
        (8, [(0, 4, 4), (7, None, None)]),
    ],
)
def test_one_alert_an_episode(
    runs: dict[int, dict[str, list[Row]]], number: int, episodes: list[tuple[int | None, ...]]
) -> None:
    rows = [row for row in runs[number]["alerts"] if (row["alert"], row["account_id"]) == ("inactive", "a")]
    found = sorted(((row["raised_on"], row["false_since"], row["cleared_on"]) for row in rows), key=lambda row: row[0])
    assert found == [tuple(map(day, episode)) for episode in episodes]


def test_an_alert_keeps_its_key(runs: dict[int, dict[str, list[Row]]]) -> None:
    raised = {row["alert_id"] for number in (0, 1, 3, 4, 7, 8) for row in runs[number]["alerts"]
              if (row["alert"], row["account_id"]) == ("inactive", "a")}  # fmt: skip
    assert len(raised) == 2


def test_at_risk_since_the_first_day(runs: dict[int, dict[str, list[Row]]]) -> None:
    since = {
        number: [row["at_risk_since"] for row in tables["at_risk_accounts"] if row["account_id"] == "a"]
        for number, tables in runs.items()
    }
    assert since == {number: [FIRST] if UNHAPPY[number] else [] for number in UNHAPPY}


def test_recovered_at_the_second_run(runs: dict[int, dict[str, list[Row]]]) -> None:
    found = {}
    for number, tables in runs.items():
        (row,) = [row for row in tables["intervention_outcomes"] if row["origin"] == "stream"]
        found[number] = (row["runs_recovered"], row["recovered_on"], row["recovery_days"])
    assert found == {n: (0, None, None) for n in (0, 1, 3, 4)} | {7: (1, None, None), 8: (2, day(8), 8)}
    (helped,) = [row for row in runs[8]["intervention_outcomes"] if row["origin"] == "none"]
    assert (helped["opened_on"], helped["is_counted"], helped["recovered_on"]) == (FIRST, False, day(8))
