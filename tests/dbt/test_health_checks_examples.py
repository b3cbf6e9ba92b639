"""Health checks by example: every date worked out by hand, all in one world looked at on 2 June 2026.

Each case has an account of its own. Two contracts come back often:
`SPRING` 11 Feb 2026 to 10 Feb 2027: post_start due 12 May, window 12 Apr to 11 Jun, expires 28 Aug 2026, the day
before the window of pre_end (due 13 Oct) opens.
`AUTUMN` 1 Oct 2025 to 30 Sep 2026: post_start due 30 Dec 2025, window 30 Nov to 29 Jan, expires 17 Apr 2026;
pre_end due 2 Jun 2026, window 18 Apr to 2 Jul, expires 30 Sep 2026.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from duckdb import DuckDBPyConnection

from tests.dbt.policy_folders import write_policies
from tests.support.compiled import compiled_models, rows_of
from tests.support.inputs import Row, World, account, activity, contract

AS_OF = date(2026, 6, 2)
SPRING = (date(2026, 2, 11), date(2027, 2, 10))
AUTUMN = (date(2025, 10, 1), date(2026, 9, 30))
YEAR_FROM_JUNE = (date(2025, 6, 3), date(2026, 6, 2))

POLICY = {
    "overrides": [
        # Windows that open on the due date itself, so that only the quarter can make a target pending.
        {"product": "Narrow", "milestones": {"post_start": {"opens_days_before": 0}}},
        {"product": "Open book", "require_attachment": False},
        {"segment": "enterprise", "milestones": {"post_start": {"offset_days": 60}}},
        {"segment": "enterprise", "product": "Narrow", "milestones": {"post_start": {"offset_days": 70}}},
    ]
}


@dataclass(frozen=True)
class Case:
    """A contract, what was logged for its account, and what its targets must look like."""

    name: str
    term: tuple[date, date]
    expected: dict[str, dict[str, Any]]
    checks: tuple[Row, ...] = ()
    product: str = "Core"
    account: tuple[tuple[str, Any], ...] = ()


def hc(month: int, day: int, year: int = 2026, **more: Any) -> Row:
    return {"on": date(year, month, day)} | more


def post(status: str, **more: Any) -> dict[str, dict[str, Any]]:
    return {"post_start": {"status": status} | more}


def pre(status: str, **more: Any) -> dict[str, dict[str, Any]]:
    return {"pre_end": {"status": status} | more}


def term(days: int, start: date = date(2026, 1, 1)) -> tuple[date, date]:
    return start, date.fromordinal(start.toordinal() + days)


def until(end: date) -> tuple[date, date]:
    return date(2025, 6, 3), end


def since(start: date) -> tuple[date, date]:
    return start, date.fromordinal(start.toordinal() + 364)


SPRING_DATES = {
    "anchor_date": date(2026, 2, 11),
    "due_date": date(2026, 5, 12),
    "window_opens_on": date(2026, 4, 12),
    "window_closes_on": date(2026, 6, 11),
    "expires_on": date(2026, 8, 28),
}

CASES = (
    # -- the sentence of the rules themselves
    Case(
        "nothing logged",
        SPRING,
        post(
            "past_due",
            **SPRING_DATES,
            days_to_due=-21,
            in_window=True,
            near_miss=None,
            completed_on=None,
            flag_reason="Due 12 May 2026, 21 days ago; window closes 11 June",
        )
        | pre(
            "upcoming",
            anchor_date=date(2027, 2, 10),
            due_date=date(2026, 10, 13),
            window_opens_on=date(2026, 8, 29),
            window_closes_on=date(2026, 11, 12),
            expires_on=date(2027, 2, 10),
            days_to_due=133,
            in_window=False,
            flag_reason="Due 13 October 2026, in 133 days; window opens 29 August",
        ),
    ),
    # -- window opens
    Case(
        "the day before the window opens",
        SPRING,
        post("past_due", near_miss="logged 11 April by Pat Person, 1 day before the window opened"),
        (hc(4, 11),),
    ),
    Case(
        "the day the window opens",
        SPRING,
        post("completed", completed_on=date(2026, 4, 12), completed_by="Pat Person", near_miss=None),
        (hc(4, 12),),
    ),
    Case("the window opens today, due next quarter", since(date(2026, 4, 3)), post("pending", in_window=True)),
    Case(
        "the window opens tomorrow, due next quarter",
        since(date(2026, 4, 4)),
        post("upcoming", in_window=False, flag_reason="Due 3 July 2026, in 31 days; window opens 3 June"),
    ),
    # -- due
    Case(
        "due today", AUTUMN, pre("pending", days_to_due=0, flag_reason="Due 2 June 2026, today; window closes 2 July")
    ),
    Case("due yesterday", until(date(2026, 9, 29)), pre("past_due", days_to_due=-1)),
    Case("due tomorrow", until(date(2026, 10, 1)), pre("pending", days_to_due=1)),
    # -- window closes
    Case("the day the window closes", AUTUMN, post("completed", completed_on=date(2026, 1, 29)), (hc(1, 29),)),
    Case(
        "the day after the window closes",
        AUTUMN,
        post("completed_late", completed_on=date(2026, 1, 30), near_miss=None),
        (hc(1, 30),),
    ),
    # -- expires
    Case("the day it expires", AUTUMN, post("completed_late") | pre("pending"), (hc(4, 17),)),
    Case(
        "the day after it expires",
        AUTUMN,
        post("missed", near_miss="logged 18 April by Pat Person, 1 day after the target expired")
        | pre("completed", completed_on=date(2026, 4, 18)),
        (hc(4, 18),),
    ),
    Case("expires today", YEAR_FROM_JUNE, pre("past_due", expires_on=AS_OF, in_window=False)),
    Case("expired yesterday", until(date(2026, 6, 1)), pre("missed", expires_on=date(2026, 6, 1))),
    # -- near misses by date
    Case(
        "30 days before the span",
        AUTUMN,
        # The year is said where it isn't this one.
        post("missed", near_miss="logged 31 October 2025 by Pat Person, 30 days before the window opened"),
        (hc(10, 31, 2025),),
    ),
    Case("31 days before the span", AUTUMN, post("missed", near_miss=None), (hc(10, 30, 2025),)),
    Case("30 days after the span", AUTUMN, post("missed", near_miss=...) | pre("completed"), (hc(5, 17),)),
    Case("31 days after the span", AUTUMN, post("missed", near_miss=None) | pre("completed"), (hc(5, 18),)),
    # -- quarters
    Case("due the last day of this quarter", since(date(2026, 4, 1)), post("pending", in_window=False), (), "Narrow"),
    Case("due the first day of the next", since(date(2026, 4, 2)), post("upcoming"), (), "Narrow"),
    Case(
        "due the last day of the horizon",
        (date(2026, 1, 1), date(2027, 10, 28)),
        pre("upcoming", due_date=date(2027, 6, 30)),
    ),
    Case(
        "due the day after the horizon",
        (date(2026, 1, 1), date(2027, 10, 29)),
        pre("beyond_horizon", due_date=date(2027, 7, 1)),
    ),
    # -- which contracts have which milestone
    Case("term of 119 days", term(119), {}),
    Case("term of 120 days", term(120), post("missed", window_closes_on=date(2026, 5, 1))),
    Case("term of 179 days", term(179), post("past_due", expires_on=date(2026, 6, 29))),
    Case("term of 180 days", term(180), {"post_start": {}, "pre_end": {"window_opens_on": date(2026, 1, 16)}}),
    # -- one milestone beside the other: both due 1 April; each counts until the contract ends
    Case(
        "equal due dates",
        term(210),
        post("past_due", due_date=date(2026, 4, 1), expires_on=date(2026, 7, 30))
        | pre("past_due", due_date=date(2026, 4, 1), expires_on=date(2026, 7, 30)),
    ),
    # post_start's window opens 2 March, before pre_end's closes 30 April: pre_end doesn't end before its window.
    Case(
        "overlapping windows, pre_end first",
        term(209),
        pre("missed", due_date=date(2026, 3, 31), window_closes_on=date(2026, 4, 30), expires_on=date(2026, 4, 30))
        | post("past_due", due_date=date(2026, 4, 1), expires_on=date(2026, 7, 29)),
    ),
    Case(
        "overlapping windows, post_start first",
        term(211),
        post("missed", due_date=date(2026, 4, 1), window_closes_on=date(2026, 5, 1), expires_on=date(2026, 5, 1))
        | pre("past_due", due_date=date(2026, 4, 2), expires_on=date(2026, 7, 31)),
    ),
    # -- evidence and status
    Case(
        "without an attachment",
        SPRING,
        post("past_due", near_miss="logged 3 May by Pat Person without an attachment"),
        (hc(5, 3, has_attachment=False),),
    ),
    Case("attachment not said", SPRING, post("past_due", near_miss=...), (hc(5, 3, has_attachment=None),)),
    Case(
        "declined",
        SPRING,
        post("past_due", near_miss="logged 3 May by Pat Person, but marked declined"),
        (hc(5, 3, status="declined"),),
    ),
    Case("no show", SPRING, post("past_due", near_miss=...), (hc(5, 3, status="no_show"),)),
    Case("planned and past", SPRING, post("past_due", near_miss=...), (hc(5, 3, status="planned"),)),
    Case("planned and to come", SPRING, post("past_due", near_miss=None), (hc(6, 9, status="planned"),)),
    Case("empty status", SPRING, post("completed"), (hc(5, 3, status=None),)),
    Case(
        "lacking two things",
        SPRING,
        post("past_due", near_miss=None),
        (hc(5, 3, status="declined", has_attachment=False), hc(4, 11, has_attachment=False)),
    ),
    Case("no evidence asked for", SPRING, post("completed"), (hc(5, 3, has_attachment=False),), "Open book"),
    # -- what was logged when
    Case("logged today", SPRING, post("completed", completed_on=AS_OF), (hc(6, 2),)),
    Case("logged tomorrow", SPRING, post("past_due", near_miss=None), (hc(6, 3),)),
    Case(
        "the earliest one completes",
        SPRING,
        post("completed", completed_on=date(2026, 4, 20), completed_by="First"),
        (hc(5, 20), hc(4, 20, owner_name="First"), hc(5, 1)),
    ),
    Case(
        "the earlier one of a day",
        SPRING,
        post("completed", completed_by="Early"),
        ({"on": datetime(2026, 5, 1, 9, 1)}, {"on": datetime(2026, 5, 1, 9), "owner_name": "Early"}),
    ),
    Case(
        "two at once, the smaller key first",
        SPRING,
        post("completed", completed_by="By key"),
        (hc(5, 1, owner_name="By key"), hc(5, 1)),
    ),
    # -- subjects
    *(
        Case(f"subject {subject!r}", SPRING, post("completed"), (hc(5, 3, subject=subject),))
        for subject in ("Health-Check", "HEALTH   CHECK", "healthcheck review", "health  -check", "Re: Health - Checks")
    ),
    *(
        Case(f"subject {subject!r}", SPRING, post("past_due", near_miss=None), (hc(5, 3, subject=subject),))
        for subject in ("Healthy check-in", "health_check", "Check health", "heal thcheck")
    ),
    # -- contracts and accounts that are not there yet, or no longer
    Case("starts today", since(AS_OF), post("upcoming")),
    Case("starts tomorrow", since(date(2026, 6, 3)), post("not_applicable") | pre("not_applicable")),
    Case("churned today", AUTUMN, post("missed") | pre("not_applicable"), account=(("churned_on", AS_OF),)),
    Case(
        "churns tomorrow",
        AUTUMN,
        pre("pending"),
        account=(("churned_on", date(2026, 6, 3)), ("lifecycle", "churned")),
    ),
    Case("churned by lifecycle", SPRING, post("not_applicable"), account=(("lifecycle", "churned"),)),
    Case(
        "churned, but delivered before",
        AUTUMN,
        post("completed") | pre("not_applicable"),
        (hc(1, 2),),
        account=(("lifecycle", "churned"),),
    ),
    # -- overrides
    Case("by segment", SPRING, post("", due_date=date(2026, 4, 12)), account=(("segment", "enterprise"),)),
    Case(
        "by segment and product over either",
        SPRING,
        post("", due_date=date(2026, 4, 22), window_opens_on=date(2026, 4, 22)),
        (),
        "Narrow",
        account=(("segment", "enterprise"),),
    ),
)


def influence_world() -> dict[str, list[Row]]:
    """Accounts, health checks and opportunities of the influence examples. The HC of each was on 1 March 2026."""
    accounts = [account(name) for name in ("I-DAYS", "I-NAMED", "I-OTHER", "I-SHARE", "I-MONEY")]

    def check(activity_id: str, account_id: str, on: date | datetime = date(2026, 3, 1), **more: Any) -> Row:
        return activity(activity_id, account_id, on, **more)

    def deal(opportunity_id: str, account_id: str, created_on: date, **more: Any) -> Row:
        return {
            "opportunity_id": opportunity_id,
            "account_id": account_id,
            "name": opportunity_id,
            "created_on": created_on,
            "amount": Decimal("100"),
        } | more

    checks = [
        check("days", "I-DAYS", date(2025, 9, 1)),
        check("days-undelivered", "I-DAYS", date(2025, 9, 1), has_attachment=False),
        check("by-id", "I-NAMED", opportunity_id="named by id"),
        check("by-name", "I-NAMED", opportunity_name=" NAMED by name"),
        check("by-shared-name", "I-NAMED", opportunity_name="Twice"),
        check("of-another", "I-OTHER", opportunity_name="named by name"),
        check("of-another-by-id", "I-OTHER", opportunity_id="T1"),
        check("share-1", "I-SHARE", datetime(2026, 3, 1, 9)),
        check("share-2", "I-SHARE", datetime(2026, 3, 1, 15), owner_name="Last"),
        check("share-3", "I-SHARE", datetime(2026, 3, 1, 15), owner_name="Last by key"),
        check("money", "I-MONEY"),
    ]
    long_ago = date(2020, 1, 1)
    opportunities = [
        deal("the day before", "I-DAYS", date(2025, 8, 31)),
        deal("the same day", "I-DAYS", date(2025, 9, 1)),
        deal("after 180 days", "I-DAYS", date(2026, 2, 28)),
        deal("after 181 days", "I-DAYS", date(2026, 3, 1)),
        deal("named by id", "I-NAMED", long_ago),
        deal("named by name", "I-NAMED", long_ago),
        deal("T1", "I-NAMED", long_ago, name="Twice"),
        deal("T2", "I-NAMED", long_ago, name="Twice"),
        deal("shared", "I-SHARE", date(2026, 3, 2)),
        deal("tomorrow", "I-SHARE", date(2026, 6, 3)),
        # The rate of 1 April applies to what was created then, though there is a newer one.
        deal("euros", "I-MONEY", date(2026, 4, 5), currency="EUR", amount=Decimal("10.005")),
        deal("no amount", "I-MONEY", date(2026, 4, 5), amount=None, type="renewal"),
        deal("won", "I-MONEY", date(2026, 4, 5), is_won=True, is_closed=True, close_date=AS_OF),
        deal("won, undated", "I-MONEY", date(2026, 4, 5), is_won=True),
        deal("won tomorrow", "I-MONEY", date(2026, 4, 5), is_won=True, is_closed=True, close_date=date(2026, 6, 3)),
        deal("lost", "I-MONEY", date(2026, 4, 5), is_closed=True, close_date=date(2026, 5, 1)),
    ]
    rates = [
        {"currency": "EUR", "valid_from": day, "rate_to_reporting": Decimal(rate)}
        for day, rate in (
            (date(2025, 10, 1), "1.2"),
            (date(2025, 10, 2), "1.1"),
            (date(2026, 4, 1), "1.3"),
            (date(2026, 4, 6), "9"),
        )
    ]
    return {"accounts": accounts, "activities": checks, "opportunities": opportunities, "fx_rates": rates}


def performance_world() -> dict[str, list[Row]]:
    """Five AUTUMN contracts in a region of their own, to be counted by hand."""
    accounts = [account(f"P{number}", region="Perf", owner_name=None) for number in range(1, 6)]
    accounts[4]["lifecycle"] = "churned"
    return {
        "accounts": accounts,
        "contracts": [contract(f"P{number}", f"P{number}", *AUTUMN) for number in range(1, 6)],
        "activities": [
            activity("P1-early", "P1", date(2025, 12, 20)),
            activity("P2-late", "P2", date(2026, 2, 8)),
            activity("P4-near", "P4", date(2025, 12, 30), has_attachment=False),
        ],
        "opportunities": [
            {
                "opportunity_id": f"P1-{name}",
                "account_id": "P1",
                "created_on": date(2026, 1, 10),
                "amount": Decimal(amount),
                "is_closed": name != "open",
                "is_won": name == "won",
            }
            for name, amount in (("open", "500"), ("won", "700"), ("lost", "900"))
        ],
    }


def shared_account_world() -> dict[str, list[Row]]:
    """One account, two contracts, one HC; and candidates of several kinds."""
    return {
        "accounts": [account("TWO")],
        "contracts": [
            contract("TWO-a", "TWO", *SPRING, amount="300"),
            contract("TWO-b", "TWO", *AUTUMN, amount="50.005", currency="EUR"),
        ],
        "activities": [activity("TWO-hc", "TWO", date(2026, 5, 4))],
    }


TABLES = [f"health_check_{what}" for what in ("targets", "candidates", "accounts", "influence", "performance")]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> DuckDBPyConnection:
    work = tmp_path_factory.mktemp("examples")
    streams: dict[str, list[Row]] = {
        name: [] for name in ("accounts", "contracts", "activities", "opportunities", "fx_rates")
    }
    for number, case in enumerate(CASES):
        key = f"C{number:02d}"
        streams["accounts"].append(account(key, **dict(case.account)))
        streams["contracts"].append(contract(key, key, *case.term, product=case.product))
        for place, check in enumerate(case.checks):
            rest = {name: value for name, value in check.items() if name != "on"}
            streams["activities"].append(activity(f"{key}-{place}", key, check["on"], **rest))
    for part in (influence_world(), performance_world(), shared_account_world()):
        for name, more in part.items():
            streams[name] += more
    world = World(AS_OF, streams, write_policies(work / "policies", health_checks=POLICY))
    return compiled_models().run(world.freeze(work / "inputs"), *TABLES)


@pytest.fixture(scope="module")
def targets(warehouse: DuckDBPyConnection) -> dict[tuple[str, str], Row]:
    published = rows_of(warehouse, "select * from published.health_check_targets")
    return {(row["contract_id"], row["milestone"]): row for row in published}


@pytest.mark.parametrize(
    ("key", "case"), [(f"C{n:02d}", case) for n, case in enumerate(CASES)], ids=[case.name for case in CASES]
)
def test_target(key: str, case: Case, targets: dict[tuple[str, str], Row]) -> None:
    if case.name.startswith("term of"):
        assert {milestone for contract_id, milestone in targets if contract_id == key} == set(case.expected)
    for milestone, expected in case.expected.items():
        target = targets[key, milestone]
        for name, value in expected.items():
            if value is ...:
                assert target[name] is not None, name
            elif value != "":
                assert target[name] == value, name


def test_one_health_check_serves_every_target_whose_span_holds_it(targets: dict[tuple[str, str], Row]) -> None:
    served = {key for key, row in targets.items() if row["completing_activity_id"] == "TWO-hc"}
    assert served == {("TWO-a", "post_start"), ("TWO-b", "pre_end")}


def test_amount_is_at_the_rate_of_the_start(targets: dict[tuple[str, str], Row]) -> None:
    found = {
        row["contract_id"]: (row["amount"], row["source_amount"], row["source_currency"]) for row in targets.values()
    }
    assert found["TWO-a"] == (Decimal("300.00"), Decimal("300.00"), "USD")
    assert found["TWO-b"] == (Decimal("60.01"), Decimal("50.01"), "EUR")


def test_every_candidate_stands_in_the_default_order(warehouse: DuckDBPyConnection) -> None:
    flags = {"past_due": 1, "pending": 2, "upcoming": 3}
    candidates = rows_of(warehouse, "select * from published.health_check_candidates order by rank")
    order = [
        (flags[row["status"]], -row["amount"], row["due_date"], row["contract_id"], row["milestone"])
        for row in candidates
    ]
    assert order == sorted(order)
    assert [row["rank"] for row in candidates] == list(range(1, len(candidates) + 1))


def test_account_with_two_candidates(warehouse: DuckDBPyConnection, targets: dict[tuple[str, str], Row]) -> None:
    key = next(f"C{n:02d}" for n, case in enumerate(CASES) if case.name == "nothing logged")
    (row,) = rows_of(warehouse, f"select * from published.health_check_accounts where account_id = '{key}'")
    assert row["most_urgent_status"] == "past_due"
    assert row["candidate_count"] == 2
    assert row["candidate_amount"] == Decimal("2000.00")


def influence_of(warehouse: DuckDBPyConnection, account_id: str) -> set[tuple[str, str]]:
    query = (
        f"select opportunity_id, activity_id from published.health_check_influence where account_id = '{account_id}'"
    )
    return {(row["opportunity_id"], row["activity_id"]) for row in rows_of(warehouse, query)}


def test_influence_by_days(warehouse: DuckDBPyConnection) -> None:
    assert influence_of(warehouse, "I-DAYS") == {("the same day", "days"), ("after 180 days", "days")}


def test_influence_by_name_stays_in_the_account(warehouse: DuckDBPyConnection) -> None:
    """Named at any date; a name two opportunities share names neither. An id is one opportunity's, whoever says it."""
    assert influence_of(warehouse, "I-NAMED") == {
        ("named by id", "by-id"),
        ("named by name", "by-name"),
        ("T1", "of-another-by-id"),
    }
    assert influence_of(warehouse, "I-OTHER") == set()


def test_credit(warehouse: DuckDBPyConnection) -> None:
    found = rows_of(warehouse, "select * from published.health_check_influence where account_id = 'I-SHARE'")
    assert {row["opportunity_id"] for row in found} == {"shared"}
    assert {row["activity_id"]: row["credit_last_touch"] for row in found} == {"share-1": 0, "share-2": 0, "share-3": 1}
    assert {row["credit_linear"] for row in found} == {Decimal("0.333333")}


@pytest.mark.parametrize(
    ("opportunity", "outcome", "amount"),
    [
        ("euros", "open", Decimal("13.01")),
        ("no amount", "open", None),
        ("won", "won", Decimal("100.00")),
        ("won, undated", "won", Decimal("100.00")),
        ("won tomorrow", "open", Decimal("100.00")),
        ("lost", "lost", Decimal("100.00")),
    ],
)
def test_influence_outcome(
    warehouse: DuckDBPyConnection, opportunity: str, outcome: str, amount: Decimal | None
) -> None:
    query = f"select * from published.health_check_influence where opportunity_id = '{opportunity}'"
    (row,) = rows_of(warehouse, query)
    assert (row["outcome"], row["amount"]) == (outcome, amount)


def test_performance(warehouse: DuckDBPyConnection) -> None:
    query = "select * from published.health_check_performance where dimension = 'region' and value = 'Perf'"
    found = {row["fiscal_quarter"]: row for row in rows_of(warehouse, query)}
    assert found.keys() == {"FY2025-Q4", "FY2026-Q2"}
    expected = {
        "quarter_starts_on": date(2025, 10, 1),
        "targets_due": 5,
        "completed": 1,
        "completed_late": 1,
        "past_due": 0,
        # What a churned account missed stays missed; what it would still owe isn't counted.
        "missed": 3,
        "completion_rate": 40,
        "on_time_rate": 20,
        # 10 days early and 40 days late.
        "median_days_to_delivery": 15,
        "near_misses": 1,
        "influenced_pipeline": 500,
        "influenced_won": 700,
    }
    assert {name: found["FY2025-Q4"][name] for name in expected} == expected
    assert found["FY2026-Q2"]["targets_due"] == 4
    assert found["FY2026-Q2"]["completion_rate"] == 0
    assert found["FY2026-Q2"]["median_days_to_delivery"] is None


def test_no_owner_is_a_value_of_its_own(warehouse: DuckDBPyConnection) -> None:
    query = "select * from published.health_check_performance where dimension = 'owner' and value = '(none)'"
    assert {row["targets_due"] for row in rows_of(warehouse, query)} == {5, 4}


def test_the_named_opportunity_stands_in_where_there_is_no_opportunities_stream(tmp_path: Path) -> None:
    delivered = {"opportunity_name": "Big deal", "revenue": Decimal("250000")}
    streams = {
        "accounts": [account("A"), account("B")],
        "contracts": [],
        "activities": [
            activity("a1", "A", date(2026, 3, 1), **delivered),
            activity("a2", "A", date(2026, 4, 1), **delivered),
            activity("b1", "B", date(2026, 3, 1), opportunity_name="Big deal", revenue=Decimal("7")),
            activity("b2", "B", date(2026, 3, 2), opportunity_name="Undelivered", has_attachment=False),
            activity("b3", "B", date(2026, 3, 2), subject="Call", opportunity_name="No health check"),
            activity("b4", "B", date(2026, 3, 2)),
        ],
    }
    inputs = World(AS_OF, streams).freeze(tmp_path / "inputs")
    with compiled_models().run(inputs, "health_check_influence") as con:
        made = rows_of(con, "select * from published.health_check_influence")
    assert {row["activity_id"]: (row["opportunity_name"], row["amount"], row["outcome"]) for row in made} == {
        "a1": ("Big deal", Decimal("250000.00"), "open"),
        "a2": ("Big deal", Decimal("250000.00"), "open"),
        "b1": ("Big deal", Decimal("7.00"), "open"),
    }
    assert {row["activity_id"]: row["credit_linear"] for row in made} == {
        "a1": Decimal("0.5"),
        "a2": Decimal("0.5"),
        "b1": Decimal("1"),
    }
    assert len({row["opportunity_id"] for row in made}) == 2
