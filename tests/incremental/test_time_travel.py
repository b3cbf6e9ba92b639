"""Three landings that contradict each other: a date is made of what was known on it, whenever it is made.

Before the first landing nothing was known; there today's records serve, and rows say so.
"""

from __future__ import annotations

import csv
import os
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from orchestration.refresh.extract import extract
from orchestration.refresh.run import Run
from orchestration.settings import Settings
from tests.support.compiled import compiled_models
from tests.support.stages import Made, make

Row = dict[str, Any]

LANDINGS = {"first": date(2026, 3, 2), "second": date(2026, 5, 4), "third": date(2026, 6, 29)}
# Each a day after a landing, so that no source is too old; and one before them all.
AS_OF = {"first": date(2026, 3, 3), "second": date(2026, 5, 5), "third": date(2026, 6, 30)}
BEFORE = date(2026, 2, 10)
OWNER = {"first": "Ann", "second": "Ben", "third": "Cleo"}
# Whatever names a run, or tells when it was made.
OF_THE_RUN = {"run_id", "published_at"}


def written(file: Path, rows: list[Row], day: date) -> None:
    """A file exported on that day."""
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)
    os.utime(file, (noon(day).timestamp(),) * 2)


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def company(landing: str) -> dict[str, list[Row]]:
    """What the systems said: every landing tells the same past otherwise."""
    number = list(LANDINGS).index(landing)
    accounts = [
        {"account_id": name, "account_name": f"Account {name}", "owner_name": OWNER[landing], "geo": "EMEA",
         "region": "North", "segment": ("smb", "enterprise", "mid_market")[number], "lifecycle": "active",
         "customer_since": "2020-01-01", "churned_on": ""}
        for name in ("A", "B", "C")
    ]  # fmt: skip
    contracts = [
        {"contract_id": f"c-{name}", "account_id": name, "product": "Core", "start_date": "2026-01-01",
         "end_date": ("2026-12-31", "2026-10-31", "2026-08-31")[number], "amount": 12000 * (number + 1)}
        for name in ("A", "B", "C")
    ]  # fmt: skip
    tickets = [{"ticket_id": "t-C", "account_id": "C", "created_at": "2026-02-01 10:00:00", "solved_at": ""}]
    tickets.append({"ticket_id": "t", "account_id": "A", "created_at": "2026-02-01 10:00:00", "solved_at": ""})
    signals = [
        {"signal_id": f"s-{day}", "account_id": "C", "signal_type": "feature_request",
         "observed_on": f"2026-01-{day + number:02}"}
        for day in range(1, 9)
    ]  # fmt: skip
    if landing == "second":
        # Of before the first landing, but not known then; and taken back by the third.
        contracts.append(contracts[0] | {"contract_id": "c-plus", "product": "Plus"})
        tickets[1]["solved_at"] = "2026-02-01 11:00:00"
    if landing == "third":
        accounts[1]["churned_on"] = "2026-03-01"
        tickets[1] |= {"ticket_id": "another", "created_at": "2026-02-02 10:00:00", "solved_at": ""}
        # Observed before the other dates, told after them.
        for day in ("2026-02-08", "2026-03-01", "2026-04-30"):
            signals.append({"signal_id": day, "account_id": "A", "signal_type": "rfp", "observed_on": day})
    activities = [
        {"activity_id": f"a-{name}", "account_id": name, "owner_name": OWNER[landing], "subject": "Call",
         "type": "call", "occurred_at": "2026-01-20 09:00:00", "status": "completed", "has_attachment": "no"}
        for name in ("A", "B", "C")
    ]  # fmt: skip
    return {
        "accounts": accounts, "contracts": contracts, "tickets": tickets, "signals": signals, "activities": activities,
    }  # fmt: skip


def tables(made: Made) -> dict[str, list[tuple]]:
    """Every published table, its rows in an order of their own."""
    found = {}
    for name in compiled_models().of_schema("published"):
        relation = made.con.table(name)
        columns = ", ".join(f'"{column}"' for column in relation.columns if column not in OF_THE_RUN)
        found[name] = sorted(relation.project(columns).fetchall(), key=repr)
    return found


class Seen:
    """What one run published."""

    def __init__(self, made: Made) -> None:
        self.tables = tables(made)
        self.health = {row["account_id"]: row for row in made.rows("select * from account_health")}
        self.churn = {row["account_id"]: row for row in made.rows("select * from account_churn")}
        self.open = {
            row["account_id"]: row["tickets_open"]
            for row in made.rows("select account_id, tickets_open from account_signals")
        }
        self.freshness = made.rows("select * from source_freshness where is_present")
        made.con.close()


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    """All dates made when everything had landed; the first also when nothing else had."""
    work = tmp_path_factory.mktemp("time")
    drop = work / "drop"
    drop.mkdir()
    settings = Settings(home=work / "home", drop=drop)
    found = {}
    for landing, day in LANDINGS.items():
        for stream, rows in company(landing).items():
            written(drop / f"{stream}.csv", rows, day)
            extract(Run(settings, day, landing), stream, noon(day))
        if landing == "first":
            found["first then"] = Seen(make(Run(settings, AS_OF[landing], "first-then"), noon(day)))
    now = noon(max(LANDINGS.values()))
    for landing, as_of in AS_OF.items():
        found[landing] = Seen(make(Run(settings, as_of, f"{landing}-later"), now))
    found["before"] = Seen(make(Run(settings, BEFORE, "before"), now))
    return found


def test_a_date_made_later_is_what_it_was(seen: dict[str, Seen]) -> None:
    then, later = seen["first then"].tables, seen["first"].tables
    assert then.keys() == later.keys()
    for name, rows in then.items():
        assert later[name] == rows, name
    assert then["account_health"]


@pytest.mark.parametrize("landing", LANDINGS)
def test_a_date_is_made_of_the_landing_known_on_it(seen: dict[str, Seen], landing: str) -> None:
    found = seen[landing]
    row = found.health["A"]
    number = list(LANDINGS).index(landing)
    assert row["owner_name"] == OWNER[landing]
    assert row["segment"] == ("smb", "enterprise", "mid_market")[number]
    # Contracts of a year or less count whole; the second landing has one more.
    assert row["arr"] == (12000, 48000, 36000)[number]
    assert row["renewal_date"] == (date(2026, 12, 31), date(2026, 10, 31), date(2026, 8, 31))[number]
    assert found.open["A"] == (1, 0, 1)[number]
    # That B left on 1 March was told at the end of June; so were the requests for proposals.
    assert ("B" in found.health) == (landing != "third")
    assert found.churn["A"]["competitive_inquiry"] == (landing == "third")
    assert not row["reconstructed"]
    assert {one["stream"] for one in found.freshness} >= {"accounts", "contracts", "tickets", "signals", "activities"}
    for one in found.freshness:
        assert (one["reconstructed"], one["age_days"], one["is_stale"]) == (False, 1, False), one["stream"]
        assert one["last_success_at"].date() == LANDINGS[landing]


def test_before_the_first_landing_rows_say_that_they_are_reconstructed(seen: dict[str, Seen]) -> None:
    """Today's records, without what is dated later: B hadn't left, two of the requests hadn't come."""
    found = seen["before"]
    assert {row["owner_name"] for row in found.health.values()} == {"Cleo"}
    assert set(found.health) == {"A", "B", "C"}
    assert found.health["A"]["arr"] == 36000
    assert found.open["A"] == 1
    evidence = found.churn["A"]["competitive_inquiry_evidence"]
    assert "8 February 2026" in evidence
    assert "March" not in evidence
    assert all(row["reconstructed"] for row in (*found.health.values(), *found.churn.values()))
    assert {one["reconstructed"] for one in found.freshness} == {True}
    assert {one["age_days"] for one in found.freshness} == {0}
