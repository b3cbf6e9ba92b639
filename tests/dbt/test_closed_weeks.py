"""Closed weeks of a sector: what they move, what they leave, and what is said of it. AS_OF is 30 June 2026."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

from tests.dbt.action_lab import OFF, Lab, changed
from tests.dbt.coloured_accounts import Customers, built
from tests.dbt.policy_folders import read_policy
from tests.support.compiled import rows_of
from tests.support.inputs import Row

SUMMER = {"industries": ["Education"], "from": "06-25", "to": "08-15", "why": "school holidays"}
FIRST, LAST, OPENS = date(2026, 6, 25), date(2026, 8, 15), date(2026, 8, 16)
CLOSED = "the industry is closed until 15 August 2026."


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, str], Row]:
    """Steps by account, level and name; of each industry one account at high, one at medium risk."""
    folder = tmp_path_factory.mktemp("closed")
    customers = Customers()
    for name, industry in (("school", " EDUCATION "), ("factory", "Manufacturing"), ("unnamed", None)):
        customers.add(f"{name}-high", "RED", industry=industry, renews_in=100)
        customers.add(f"{name}-medium", "YELLOW", industry=industry, renews_in=50)
    with built(customers.world(folder, calendar={"closed": [SUMMER]}), folder, "retention_plans") as con:
        rows = rows_of(con, "select * from marts.fct_retention_plans")
    return {(row["account_id"], row["level"], row["step"]): row for row in rows}


def test_what_reaches_the_customer_and_renewals_wait_until_the_sector_is_open(
    plans: dict[tuple[str, str, str], Row],
) -> None:
    moved = 0
    for (account, level, step), row in plans.items():
        name, risk = account.split("-")
        elsewhere = plans[f"factory-{risk}", level, step]
        is_held = row["reaches_customer"] or level == "renewal"
        if name == "school" and is_held and FIRST <= elsewhere["due_on"] <= LAST:
            assert (row["due_on"], row["is_overdue"]) == (OPENS, elsewhere["is_overdue"])
            assert row["starts_on"] == OPENS
            assert row["why"] == f"{elsewhere['why']} Moved from {said(elsewhere['due_on'])}: {CLOSED}"
            moved += 1
        else:
            for column in ("due_on", "starts_on", "why"):
                assert row[column] == elsewhere[column], (account, step, column)
    assert moved >= 5


def test_steps_of_all_kinds_were_looked_at(plans: dict[tuple[str, str, str], Row]) -> None:
    school = [row for (account, *_), row in plans.items() if account.startswith("school")]
    assert {row["level"] for row in school} == {"high", "medium", "renewal"}
    assert {row["due_on"] for row in school} > {OPENS}


def said(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def test_actions_that_reach_the_customer_wait_too(tmp_path: Path) -> None:
    def due(folder: str, closed: list[Row]) -> dict[tuple[str, str], date]:
        lab = Lab(tmp_path / folder, guards=changed("guards", OFF))
        file = lab.policies / "calendar.yaml"
        file.write_text(yaml.safe_dump(read_policy(lab.policies, "calendar") | {"closed": closed}), encoding="utf-8")
        lab.add("school", industry="Education")
        lab.add("factory", industry="Manufacturing")
        return {(row["account_id"], row["action"]): row["due_on"] for row in lab.actions(lab.world())}

    open_all_year, closed = due("open", []), due("shut", [SUMMER])
    assert closed["school", "send_check_in_email"] == OPENS
    assert closed["school", "notify_owner"] == open_all_year["school", "notify_owner"] != OPENS
    assert {key: day for key, day in closed.items() if key[0] == "factory"} == {
        key: day for key, day in open_all_year.items() if key[0] == "factory"
    }
