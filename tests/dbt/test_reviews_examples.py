"""Reviews by hand: what each report says, which cadence makes it, and that another one carries it over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from tests.dbt.coloured_accounts import AS_OF, Customers, built, day, number
from tests.support.compiled import rows_of
from tests.support.inputs import Row

Items = dict[tuple[str, str], list[Row]]
REPORTS = ("weekly_review", "monthly_report", "playbook_review")


def failing(customers: Customers, account_id: str, **more: object) -> None:
    """Three tickets escalated and rated 0: a score of 46.2, tier critical."""
    customers.add(account_id, **more)
    for _ in range(3):
        customers.ticket(account_id, 5, escalated=True, csat=number("0"))


def portfolio() -> Customers:
    made = Customers()
    failing(made, "falling", colour="RED", renews_in=50, csm_name="Cas Csm")
    made.scored_before("falling", 7, "90")
    made.scored_before("falling", 28, "62")
    failing(made, "falling-too", arr="9000")
    made.scored_before("falling-too", 7, "80")
    # An intervention that worked: 50 before it, 75 three days ago, 80 now.
    made.add("back", csm_name="Cas Csm")
    made.scored_before("back", 40, "50")
    made.scored_before("back", 28, "67.6")
    made.scored_before("back", 3, "75")
    made.streams["interventions"] = []
    intervened(made, "back", 40, None, "Executive_call")
    intervened(made, "falling", 31, 20, "Price_cut")
    made.add("growing", arr="1000", new_site_planned=True, new_site_arr=number("60000"), reference_customer=True)
    made.signal("growing", "feature_request", 5)
    made.opportunity("growing", 40, type="expansion", is_closed=True, is_won=True, close_date=day(10))
    made.add("tendering", renews_in=100)
    made.signal("tendering", "rfp", 3)
    for name, days, score in (("growing", 5, "9"), ("back", 100, "3"), ("tendering", 200, "9")):
        made.row(
            *("survey_responses", name),
            survey_id=f"n-{name}",
            sent_on=day(days),
            responded_on=day(days - 1),
            score=number(score),
        )
    made.row("survey_responses", "falling", survey_id="n-silent", sent_on=day(5))
    return made


def intervened(made: Customers, account_id: str, opened: int, closed: int | None, strategy: str) -> None:
    made.row(
        *("interventions", account_id),
        intervention_id=f"v-{account_id}",
        strategy=strategy,
        opened_on=day(opened),
        closed_on=None if closed is None else day(closed),
    )


def pipeline(account_id: str, as_of: date, *met: str, is_primary: bool = True) -> Row:
    return {"as_of_date": as_of, "account_id": account_id, "type": "new_site", "is_primary": is_primary} | {
        criterion: criterion in met
        for criterion in (
            *("qualified", "plan_limit", "approaching_limit", "seat_growth", "feature_requests", "high_health"),
            *("no_billing_issue", "responsive"),
        )
    }


# March's last, kept three calendar months ago; February's is too old, May's is later.
PIPELINES = [
    pipeline("growing", date(2026, 3, 31), "qualified", "feature_requests"),
    pipeline("back", date(2026, 3, 31), "feature_requests"),
    pipeline("falling", date(2026, 3, 31)),
    pipeline("growing", date(2026, 2, 28), "seat_growth"),
    pipeline("growing", date(2026, 5, 31), "responsive"),
]


@contextmanager
def reviewed(
    folder: Path, customers: Customers, cadence: str, kept: list[Row] = (), pipelines: list[Row] = (), **changes: object
) -> Iterator[Items]:
    world = customers.world(folder, **changes)
    world.cadence = cadence
    world.earlier |= {"review_items": list(kept), "expansion_pipeline": list(pipelines)}
    with built(world, folder, "review_items", *REPORTS) as con:
        items: Items = {}
        for row in rows_of(con, 'select * from published.review_items order by section_place, "rank"'):
            items.setdefault((row["report"], row["section"]), []).append(row)
        for report in REPORTS:
            columns = 'section, section_place, "rank", account_id, text, figure, unit, made_on'
            part = con.execute(f"select {columns} from published.review_items where report = '{report}' order by all")
            assert part.fetchall() == con.execute(f"select {columns} from published.{report} order by all").fetchall()
    yield items


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Items]:
    with reviewed(tmp_path_factory.mktemp("reviews"), portfolio(), "quarterly", (), PIPELINES) as found:
        yield found


def told(rows: list[Row]) -> list[tuple[object, ...]]:
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    return [(row["account_id"], row["figure"], row["unit"]) for row in rows]


def test_the_sections_in_their_order(items: Items) -> None:
    assert list(dict.fromkeys(key for key in items if key[0] == "weekly_review")) == [
        ("weekly_review", section)
        for section in (
            *("newly_at_risk", "week_over_week", "interventions_worked", "support_needed", "expansion_status"),
            "churn_forecast",
        )
    ]
    assert {row["made_on"] for rows in items.values() for row in rows} == {AS_OF}


# Weekly review


def test_newly_at_risk_by_what_can_be_saved(items: Items) -> None:
    """1,000 × 90 % × 50 % × 43.8 %; 9,000 × 10 % × 90 %: a fall counts in a month only."""
    rows = items["weekly_review", "newly_at_risk"]
    assert told(rows) == [(None, 2, "accounts"), ("falling-too", 9000, "USD"), ("falling", 1000, "USD")]
    assert rows[0]["text"] == "2 accounts became at risk or critical within a week, with ARR of 10,000 USD."
    assert rows[2]["text"] == (
        "Account falling fell to 46.2 (critical), down 43.8 in a week; support strain: CSAT 0 (below 3.5); escalation"
        " rate 100 % (above 10); expected loss of 900 of 1,000 USD, renews in 50 days; CSM Cas Csm."
    )


def test_week_over_week(items: Items) -> None:
    """Three scores are kept of a week ago: all fell or rose by what they are now less what they were."""
    rows = items["weekly_review", "week_over_week"]
    assert told(rows) == [(None, number("-38.80"), "points"), (None, 1, "accounts"), (None, 4, "accounts")]
    assert rows[0]["text"] == "Scores of 0 accounts rose and of 2 accounts fell; the mean is down 38.8."
    assert rows[1]["text"] == "RED: 1 account with ARR of 1,000 USD, 20 % of all, up 20 points in a week."


def test_interventions_that_worked(items: Items) -> None:
    rows = items["weekly_review", "interventions_worked"]
    assert told(rows) == [(None, 1, "interventions"), ("back", 30, "points")]
    assert rows[1]["text"] == (
        "Account back: Executive call, opened on 21 May 2026, brought the score from 50 to 80 in 40 days."
    )


def test_support_needed_from_others(items: Items) -> None:
    rows = items["weekly_review", "support_needed"]
    assert rows[0]["text"].startswith("Waiting for others: 1 decision of executives and ")
    assert rows[0]["figure"] == len(rows) - 1
    assert rows[1]["account_id"] == "tendering"
    assert rows[1]["text"].startswith("CEO/VP: Decide how to answer the tender – Account tendering, until 7 July 2026.")
    assert any(row["text"].startswith("support lead: ") and row["account_id"] == "falling" for row in rows)
    # What the account's own people do, messages and records are no support from others.
    assert not [row for row in rows if row["text"].lower().startswith(("csm", "ae ", "ae:", "owner", "revops"))]


def test_expansion_status(items: Items) -> None:
    rows = items["weekly_review", "expansion_status"]
    assert told(rows) == [(None, 54000, "USD"), ("growing", 54000, "USD")]
    assert rows[0]["text"] == "1 expansion in the pipeline, 1 of them qualified, with 54,000 USD expected a year."


def test_churn_forecast_of_the_next_quarter(items: Items) -> None:
    """July to September: the RED one in 50 days at 90 %. In 100 days is the quarter after."""
    rows = items["weekly_review", "churn_forecast"]
    assert [row["figure"] for row in rows] == [1000, 900, 100, 1000, 0]
    assert rows[0]["text"] == "FY2026-Q3: 1,000 USD up for renewal, of 1 account."


# Monthly report


def test_large_changes(items: Items) -> None:
    """15.8 down and 15 up: only the one is over 15."""
    rows = items["monthly_report", "large_changes"]
    assert told(rows) == [(None, 1, "accounts"), ("falling", number("-15.80"), "points")]
    assert rows[0]["text"] == "0 accounts rose and 1 account fell by over 15 points in a month."


def test_at_risk_and_critical(items: Items) -> None:
    rows = items["monthly_report", "at_risk_and_critical"]
    assert [row["account_id"] for row in rows] == [None, "falling-too", "falling"]
    assert rows[0]["text"] == "2 accounts are critical and 0 accounts are at risk, with ARR of 10,000 USD."
    assert "expected loss of 900 of 1,000 USD, renews in 50 days; CSM Cas Csm" in rows[2]["text"]


def test_outreach_plan_names_facts_to_talk_about(items: Items) -> None:
    """RED at 90 %; GREEN at 45 % with a tender has no outreach date; GREEN with an expansion has no risk."""
    rows = items["monthly_report", "outreach_plan"]
    assert told(rows) == [(None, 1, "accounts"), ("falling", number("592.20"), "USD")]
    assert rows[0]["text"] == "1 account to get in touch with, 0 without a CSM."
    assert rows[1]["text"] == (
        "Account falling, until 5 July 2026, CSM Cas Csm. Talk about: support strain (CSAT 0 (below 3.5); escalation"
        " rate 100 % (above 10)); the score, down 15.8 in a month; the renewal in 50 days; at stake are 900 of 1,000"
        " USD."
    )


def test_last_months_interventions(items: Items) -> None:
    """Opened on 30 May and closed in June; opened on 21 May."""
    rows = items["monthly_report", "last_month_interventions"]
    assert [row["account_id"] for row in rows] == [None, "back", "falling"]
    assert rows[0]["text"] == "May 2026: 2 interventions opened, closed or at their goal, 1 recovered."
    assert rows[2]["text"].startswith(
        "Account falling: Price cut, opened on 30 May 2026, closed on 10 June 2026, not recovered"
    )


# Playbook review


def test_success_by_strategy(items: Items) -> None:
    rows = items["playbook_review", "success_by_strategy"]
    assert [row["figure"] for row in rows][:2] == [100, 0]
    assert rows[0]["text"].startswith("Executive call: 1 of 1 recovered, 100 % (between 20.65 and 100 %).")
    assert rows[1]["text"].startswith("Price cut: 0 of 1 recovered, 0 % (between 0 and 79.35 %).")
    assert rows[-1]["text"].startswith("Without an intervention: 0 of 2 recovered")


def test_which_signals_foretold_churn(items: Items) -> None:
    rows = items["playbook_review", "signals_that_foretold"]
    assert len(rows) == 7
    texts = {row["text"] for row in rows}
    assert "competitive inquiry: no account had it that others can be compared with." in texts
    assert "renewal soon: no account had it that others can be compared with." in texts


def test_which_expansion_criteria_held(items: Items) -> None:
    """Of those in the pipeline on 31 March one won: it was qualified, and one of two that had asked for features."""
    rows = items["playbook_review", "expansion_criteria"]
    assert len(rows) == 8
    assert rows[0]["text"] == (
        "qualified: 1 of 1 accounts that met it on 31 March 2026 won an expansion since, 0 of 2 others."
    )
    assert rows[0]["figure"] is None
    features = next(row for row in rows if row["text"].startswith("feature requests"))
    assert "1 of 2 accounts that met it on 31 March 2026 won an expansion since, 0 of 1 others." in features["text"]
    seats = next(row for row in rows if row["text"].startswith("seat growth"))
    assert "0 of 0 accounts that met it on 31 March 2026 won an expansion since, 1 of 3 others." in seats["text"]


def test_how_much_more_often_a_criterion_won(tmp_path: Path) -> None:
    """Two of two against one of two: twice as many."""
    made = Customers()
    for name, won in (("a", True), ("b", True), ("c", True), ("d", False)):
        made.add(name)
        if won:
            made.opportunity(name, 40, type="expansion", is_closed=True, is_won=True, close_date=day(10))
    # Won on the very day, or lost, is not won since.
    made.opportunity("d", 200, type="expansion", is_closed=True, is_won=True, close_date=date(2026, 3, 31))
    made.opportunity("d", 200, type="expansion", is_closed=True, is_won=False, close_date=day(1))
    kept = [
        *(pipeline(name, date(2026, 3, 31), "responsive") for name in "ab"),
        *(pipeline(name, date(2026, 3, 31)) for name in "cd"),
        pipeline("d", date(2026, 3, 31), "responsive", is_primary=False) | {"type": "service_adoption"},
    ]
    with reviewed(tmp_path, made, "quarterly", (), kept) as items:
        (row,) = [row for row in items["playbook_review", "expansion_criteria"] if "responsive" in row["text"]]
    assert (row["figure"], row["unit"]) == (2, "times")
    assert row["text"].endswith("won an expansion since, 1 of 2 others: 2 times as many.")


def test_survey_results_of_two_quarters(items: Items) -> None:
    """200 days ago was the last quarter of 2025; 100 days ago the first of 2026, answered in it too."""
    rows = items["playbook_review", "survey_results"]
    assert [row["text"] for row in rows] == [
        "FY2026-Q2, enterprise: 0 answers; 0 of 1 surveys answered, 0 %.",
        "FY2026-Q2, smb: 1 answer, NPS of 100; 1 of 1 surveys answered, 100 %.",
        "FY2026-Q1, smb: 1 answer, NPS of -100; 1 of 1 surveys answered, 100 %.",
    ]


# Which reports are made


def item(report: str, made_on: date, rank: int = 1) -> Row:
    return {
        **{"report": report, "section": "kept", "section_place": 1, "rank": rank, "account_id": None},
        **{"text": "Said then.", "figure": number("1.50"), "unit": "points", "made_on": made_on},
    }


KEPT = [item("weekly_review", day(8)), item("weekly_review", day(8), 2), item("monthly_report", day(29))]


@pytest.mark.parametrize(
    ("cadence", "made"),
    [
        ("daily", ()),
        ("weekly", ("weekly_review",)),
        ("monthly", ("weekly_review", "monthly_report")),
        ("quarterly", REPORTS),
    ],
)
def test_a_report_that_is_not_made_stands_as_it_was(tmp_path: Path, cadence: str, made: tuple[str, ...]) -> None:
    quiet = Customers()
    quiet.add("green")
    with reviewed(tmp_path, quiet, cadence, KEPT) as items:
        dates = {(report, row["made_on"]) for (report, _), rows in items.items() for row in rows}
        carried = {key: rows for key, rows in items.items() if key[1] == "kept"}
    left = [row for row in KEPT if row["report"] not in made]
    assert dates == {(report, AS_OF) for report in made} | {(row["report"], row["made_on"]) for row in left}
    assert sum(len(rows) for rows in carried.values()) == len(left)
    for rows in carried.values():
        assert {(row["text"], row["figure"], row["unit"]) for row in rows} == {("Said then.", number("1.50"), "points")}


def test_lists_are_cut_by_policy(tmp_path: Path) -> None:
    many = Customers()
    for number_ in range(4):
        failing(many, f"falling-{number_}", arr=str(1000 - number_))
        many.scored_before(f"falling-{number_}", 7, "90")
    with reviewed(
        tmp_path, many, "monthly", reports={"reviews": {"listed": 3, "week_days": 7, "held_months": 3}}
    ) as items:
        rows = items["weekly_review", "newly_at_risk"]
        at_risk = items["monthly_report", "at_risk_and_critical"]
    assert [row["account_id"] for row in rows] == [None, "falling-0", "falling-1", "falling-2"]
    assert rows[0]["figure"] == 4
    assert [row["account_id"] for row in at_risk] == [None, "falling-0", "falling-1", "falling-2"]


def test_a_quiet_week(tmp_path: Path) -> None:
    quiet = Customers()
    quiet.add("green", renews_in=None)
    with reviewed(tmp_path, quiet, "weekly") as items:
        texts = [row["text"] for rows in items.values() for row in rows]
    assert texts == [
        "0 accounts became at risk or critical within a week, with ARR of 0 USD.",
        "No score of a week ago is kept to compare with.",
        "GREEN: 1 account with ARR of 0 USD, 100 % of all.",
        "No intervention brought an account back this week.",
        "Nothing is needed from others.",
        "0 expansions in the pipeline, 0 of them qualified, with 0 USD expected a year.",
        "FY2026-Q3: 0 USD up for renewal, of 0 accounts.",
        "FY2026-Q3: 0 USD expected to be lost.",
        "FY2026-Q3: 0 USD expected to be kept.",
        "FY2026-Q3: 0 USD with RED accounts.",
        "FY2026-Q3: 0 USD with YELLOW accounts.",
    ]
