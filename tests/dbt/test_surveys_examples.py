"""Surveys by hand: who is asked, who is asked again, what the answers come to and what follows from them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.coloured_accounts import AS_OF, Customers, built, day, key, noon, number
from tests.dbt.policy_folders import SHIPPED, read_policy
from tests.support.compiled import rows_of
from tests.support.inputs import Row

TABLES = ("survey_queue", "survey_steps", "nps_summary")


def sent(
    customers: Customers, account_id: str, days_ago: int, survey_type: str | None = "quarterly", **more: Any
) -> Row:
    """A survey that was sent so many days ago and answered the same day, without a score."""
    columns = {"survey_id": key("s"), "survey_type": survey_type, "sent_on": day(days_ago)}
    return customers.row("survey_responses", account_id, **columns | {"responded_on": day(days_ago)} | more)


def new(customers: Customers, account_id: str, started: int) -> str:
    """A customer since its one contract began."""
    customers.add(account_id, renews_in=364 - started, customer_since=None)
    return account_id


def solved(customers: Customers, account_id: str, days_ago: int, **more: Any) -> None:
    customers.ticket(account_id, days_ago + 1, **{"priority": "urgent", "solved_at": noon(days_ago)} | more)


def regular(customers: Customers) -> None:
    for tenure in (90, 91):
        customers.add(f"tenure-{tenure}", customer_since=day(tenure))
        # Its contract began before that: what the CRM says goes first.
        new(customers, f"contract-{tenure}", tenure)
    for ago in (89, 90):
        sent(customers, customers.add(f"quarterly-{ago}"), ago)
        sent(customers, customers.add(f"type-not-said-{ago}"), ago, None)
    customers.add("churned", churned_on=day(0))
    customers.add("leaves-tomorrow", churned_on=day(-1))
    customers.add("without-contract", renews_in=None)
    # Renewal 60 days away would ask for another one.
    for ago in (13, 14):
        sent(customers, customers.add(f"other-{ago}"), ago, "onboarding")


def at_the_start(customers: Customers) -> None:
    for started in (29, 30, 44, 45):
        new(customers, f"started-{started}", started)
    sent(customers, new(customers, "started-and-asked", 40), 20, "onboarding")


def after_support(customers: Customers) -> None:
    for name in ("solved-13", "solved-14", "open", "high"):
        sent(customers, customers.add(name), 80)
    solved(customers, "solved-13", 13)
    solved(customers, "solved-14", 14)
    solved(customers, "open", 5, solved_at=datetime.combine(day(-1), time(0)))
    solved(customers, "high", 5, priority="high")


def before_renewal(customers: Customers) -> None:
    for days in (0, 60, 61):
        sent(customers, customers.add(f"renews-in-{days}", renews_in=days), 80)
    for name, ago in (("asked-60-before", 30), ("asked-61-before", 31)):
        sent(customers, customers.add(name, renews_in=30), ago, "pre_renewal")
        sent(customers, name, 80)


def together(customers: Customers) -> None:
    """All four at once, in the order of their weight; each without the one before."""
    for name, parts in (
        ("all", "post_support pre_renewal onboarding"),
        ("but-support", "pre_renewal onboarding"),
        ("but-renewal", "onboarding"),
    ):
        customers.add(name, renews_in=50 if "pre_renewal" in parts else 300, customer_since=day(200))
        customers.streams["contracts"][-1]["start_date"] = day(30)
        if "post_support" in parts:
            solved(customers, name, 1, ticket_id="t-all")


def unanswered(customers: Customers) -> None:
    for ago in (6, 7, 21, 22):
        sent(customers, customers.add(f"sent-{ago}"), ago, survey_id=f"s-{ago}", responded_on=None)
    sent(
        customers,
        customers.add("answers-tomorrow"),
        10,
        survey_id="s-tomorrow",
        responded_on=day(-1),
        score=number("9"),
    )
    sent(customers, customers.add("gone", churned_on=day(1)), 10, responded_on=None)


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    folder, customers = tmp_path_factory.mktemp("queue"), Customers()
    for fill in (regular, at_the_start, after_support, before_renewal, together, unanswered):
        fill(customers)
    with built(customers.world(folder), folder, *TABLES) as con:
        rows = rows_of(con, "select * from published.survey_queue")
    by_account: dict[str, list[Row]] = {row["account_id"]: [] for row in customers.streams["accounts"]}
    for row in rows:
        by_account[row["account_id"]].append(row)
    return by_account


@pytest.mark.parametrize(
    ("account_id", "due"),
    [
        ("tenure-90", None),
        ("tenure-91", ("quarterly", day(0))),
        ("contract-90", None),
        ("contract-91", ("quarterly", day(0))),
        ("quarterly-89", None),
        ("quarterly-90", ("quarterly", day(0))),
        # Not known to be a quarterly one.
        ("type-not-said-89", ("quarterly", day(4000 - 91))),
        ("churned", None),
        ("leaves-tomorrow", ("quarterly", day(4000 - 91))),
        ("without-contract", None),
        ("other-13", None),
        ("other-14", ("quarterly", day(4000 - 91))),
        ("started-29", None),
        ("started-30", ("onboarding", day(0))),
        ("started-44", ("onboarding", day(14))),
        ("started-45", None),
        ("started-and-asked", None),
        ("solved-13", ("post_support", day(13))),
        ("solved-14", None),
        ("open", None),
        ("high", None),
        ("renews-in-0", ("pre_renewal", day(60))),
        ("renews-in-60", ("pre_renewal", day(0))),
        ("renews-in-61", None),
        ("asked-60-before", None),
        ("asked-61-before", ("pre_renewal", day(30))),
        ("all", ("post_support", day(1))),
        ("but-support", ("pre_renewal", day(10))),
        ("but-renewal", ("onboarding", day(0))),
    ],
)
def test_a_survey_is_due(queue: dict[str, list[Row]], account_id: str, due: tuple[str, date] | None) -> None:
    found = [(row["survey_type"], row["due_on"]) for row in queue[account_id] if row["kind"] == "survey"]
    assert found == ([due] if due else [])
    assert all(row["sent_on"] is None for row in queue[account_id] if row["kind"] == "survey")


def test_the_others_wait(queue: dict[str, list[Row]]) -> None:
    held_back = {name: queue[name][0]["held_back"] for name in ("all", "but-support", "but-renewal", "started-30")}
    assert held_back == {
        "all": "pre_renewal, onboarding, quarterly",
        "but-support": "onboarding, quarterly",
        "but-renewal": "quarterly",
        "started-30": None,
    }


def test_a_ticket_is_asked_about_once(tmp_path: Path) -> None:
    """As shipped, whoever was asked since is left in peace anyway."""
    customers = Customers()
    for ago in (10, 11):
        solved(customers, customers.add(f"asked-{ago}"), 10)
        solved(customers, f"asked-{ago}", 12)
        sent(customers, f"asked-{ago}", ago, "post_support")
        sent(customers, f"asked-{ago}", 80)
    # The same day, the greater key.
    solved(customers, "asked-11", 10, ticket_id="t~")
    with built(customers.world(tmp_path, surveys={"throttle_days": 10}), tmp_path, "survey_queue") as con:
        rows = rows_of(con, "select account_id, subject from published.survey_queue")
    assert rows == [{"account_id": "asked-11", "subject": "t~"}]


@pytest.mark.parametrize(("account_id", "survey_id", "due"), [("sent-7", "s-7", 0), ("sent-21", "s-21", 14)])
def test_who_has_not_answered_is_asked_again(
    queue: dict[str, list[Row]], account_id: str, survey_id: str, due: int
) -> None:
    (row,) = [row for row in queue[account_id] if row["kind"] == "follow_up"]
    assert (row["subject"], row["due_on"], row["survey_type"]) == (survey_id, day(due), "quarterly")
    assert row["sent_on"] == day(int(account_id.removeprefix("sent-")))


@pytest.mark.parametrize("account_id", ["sent-6", "sent-22", "gone", "quarterly-89"])
def test_who_is_not_asked_again(queue: dict[str, list[Row]], account_id: str) -> None:
    assert [row for row in queue[account_id] if row["kind"] == "follow_up"] == []


def test_an_answer_of_tomorrow_is_none_yet(queue: dict[str, list[Row]]) -> None:
    assert [row["subject"] for row in queue["answers-tomorrow"]] == ["s-tomorrow"]


def test_reasons_and_subjects(queue: dict[str, list[Row]]) -> None:
    (row,) = queue["quarterly-90"]
    assert (row["subject"], row["reason"]) == (
        "quarterly 2026-06-30",
        "The last one was sent on 1 April 2026; a customer since 18 July 2015.",
    )
    assert queue["tenure-91"][0]["reason"] == "The account was never asked; a customer since 31 March 2026."
    assert queue["renews-in-60"][0]["reason"] == "The renewal is on 29 August 2026."
    assert (queue["all"][0]["subject"], queue["all"][0]["reason"]) == (
        "t-all",
        "Urgent ticket t-all was solved on 29 June 2026.",
    )
    assert queue["started-30"][0]["reason"] == "The first contract started on 31 May 2026."
    follow_up = next(row for row in queue["sent-7"] if row["kind"] == "follow_up")
    assert follow_up["reason"] == "Survey s-7 of 23 June 2026 is not answered."


# -- answers -------------------------------------------------------------------------------------------------------


def rated(customers: Customers, account_id: str, *scores: str, days_ago: int = 5, sent_ago: int = 6) -> None:
    for score in scores:
        sent(customers, account_id, sent_ago, responded_on=day(days_ago), score=number(score))


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    folder, customers = tmp_path_factory.mktemp("answers"), Customers()
    # Six promoters, two passives, two detractors; ten were answered of sixteen, and one of those says no score.
    rated(customers, customers.add("ten", owner_name="Ten"), "9", "9", "9", "10", "10", "10", "7", "8", "0", "6")
    for _ in range(5):
        sent(customers, "ten", 5, responded_on=None)
    sent(customers, "ten", 5)
    # Sent in the first quarter, answered in the second.
    rated(customers, customers.add("late", owner_name="Late"), "3", days_ago=90, sent_ago=91)
    rated(customers, "late", "8.5", "6.5")
    customers.add("nobody's", owner_name=None)
    customers.streams["accounts"][-1]["segment"] = None
    sent(customers, "nobody's", 1, responded_on=None)
    rated(customers, customers.add("on-the-edge", arr="100000"), "6", days_ago=44)
    rated(customers, customers.add("large", arr="100000.01", csm_name="Cas Csm", ae_name="Ada Ae"), "6", days_ago=44)
    rated(customers, customers.add("too-long-ago"), "6", days_ago=45)
    rated(customers, customers.add("churned", churned_on=day(0)), "6")
    with built(customers.world(folder), folder, *TABLES) as con:
        return {table: rows_of(con, f"select * from published.{table}") for table in TABLES}


def cell(rows: list[Row], quarter: str, owner_name: str) -> dict[str, Any]:
    (row,) = [row for row in rows if (row["fiscal_quarter"], row["owner_name"]) == (quarter, owner_name)]
    return row


COUNTS = ("sent", "answered", "answers", "promoters", "passives", "detractors")


def test_the_net_promoter_score(answers: dict[str, list[Row]]) -> None:
    row = cell(answers["nps_summary"], "FY2026-Q2", "Ten")
    assert [row[name] for name in COUNTS] == [16, 11, 10, 6, 2, 2]
    assert (row["response_rate"], row["nps"]) == (number("68.75"), 40)
    # 60 % less 20 %: the variance is 0.6 + 0.2 - 0.4² = 0.64, the error 0.8 / √10 = 0.252982, 1.96 of it 49.5845.
    assert (row["nps_low"], row["nps_high"]) == (number("-9.5845"), number("89.5845"))
    assert (row["segment"], row["quarter_starts_on"]) == ("smb", date(2026, 4, 1))


def test_surveys_count_when_sent_and_answers_when_they_come(answers: dict[str, list[Row]]) -> None:
    before, after = (cell(answers["nps_summary"], f"FY2026-Q{quarter}", "Late") for quarter in (1, 2))
    assert [before[name] for name in COUNTS] == [1, 1, 0, 0, 0, 0]
    assert (before["response_rate"], before["nps"], before["nps_low"], before["nps_high"]) == (100, None, None, None)
    # What lies between the groups is passive.
    assert [after[name] for name in COUNTS] == [2, 2, 3, 0, 2, 1]
    assert after["nps"] == number("-33.333333")


def test_whoever_has_no_owner_is_counted_too(answers: dict[str, list[Row]]) -> None:
    row = cell(answers["nps_summary"], "FY2026-Q2", "(none)")
    assert (row["segment"], row["sent"], row["answered"], row["response_rate"]) == ("(none)", 1, 0, 0)


def test_an_interval_ends_where_the_score_does(tmp_path: Path) -> None:
    customers = Customers()
    rated(customers, customers.add("a"), "10", "10", "10", "6")
    policy = {"nps": read_policy(SHIPPED, "surveys")["nps"] | {"z": 3}}
    with built(customers.world(tmp_path, surveys=policy), tmp_path, *TABLES) as con:
        (row,) = rows_of(con, "select * from published.nps_summary")
    # 1 - 0.5² = 0.75 over four: 0.4330 is the error.
    assert (row["nps"], row["nps_low"], row["nps_high"]) == (50, number("-79.9038"), 100)


def steps_of(rows: list[Row], account_id: str) -> dict[str, Row]:
    return {row["step"]: row for row in rows if row["account_id"] == account_id}


def test_what_follows_from_a_bad_answer(answers: dict[str, list[Row]]) -> None:
    steps = steps_of(answers["survey_steps"], "large")
    midnight = datetime.combine(day(43), time(0))
    assert {name: row["due_at"] - midnight for name, row in steps.items()} == {
        "contact": timedelta(hours=24),
        "root_cause": timedelta(hours=48),
        "plan": timedelta(hours=72),
        "escalation": timedelta(hours=24),
        "survey_again": timedelta(days=30),
    }
    assert (steps["contact"]["assigned_to"], steps["escalation"]["assigned_to"]) == ("Cas Csm", None)
    assert set(steps_of(answers["survey_steps"], "on-the-edge")) == set(steps) - {"escalation"}
    assert steps_of(answers["survey_steps"], "too-long-ago") == {}
    assert steps_of(answers["survey_steps"], "churned") == {}


def test_what_follows_from_other_answers(answers: dict[str, list[Row]]) -> None:
    of_ten = [row for row in answers["survey_steps"] if row["account_id"] == "ten"]
    counted = {step: len([row for row in of_ten if row["step"] == step]) for step in {row["step"] for row in of_ten}}
    assert counted == {
        "advocacy_list": 6,
        "expansion_list": 6,
        "feedback_ask": 2,
        "contact": 2,
        "root_cause": 2,
        "plan": 2,
        "survey_again": 2,
    }
    assert {row["assigned_to"] for row in of_ten if row["owner_role"] == "csm"} == {"Ten"}
    assert AS_OF - of_ten[0]["responded_on"] == timedelta(days=5)
