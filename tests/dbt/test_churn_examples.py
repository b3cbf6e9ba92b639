"""Churn by hand: what is a risk and what is none, to the day; probability and value at risk, to the cent.

One world holds an account for each edge. Its rows stand beside what should come of them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dbt.coloured_accounts import AS_OF, Customers, built, day, number
from tests.support.compiled import rows_of
from tests.support.inputs import Row

FACTORS = ("leadership_change", "budget_pressure", "competitive_inquiry", "recent_outage", "engagement_decline")


def quiet_accounts(customers: Customers) -> None:
    customers.add("green")
    customers.add("yellow", "YELLOW")
    customers.add("red", "RED")
    for days in (0, 89, 90, 179, 180):
        customers.add(f"renews-in-{days}", renews_in=days)
    customers.add("no-contract", renews_in=None)


def leadership(customers: Customers) -> set[str]:
    """Accounts for each edge; gives those whose leadership changed."""
    for name, days in (("signal-179", 179), ("signal-180", 180), ("signal-tomorrow", -1)):
        customers.signal(customers.add(name), "leadership_change", days)
    for name, days in (("left-179", 179), ("left-180", 180), ("leaves-tomorrow", -1)):
        customers.contact(customers.add(name), "executive", 500, days)
    for name, role, started in (
        ("came-179", "executive", 179),
        ("came-180", "executive", 180),
        ("comes-tomorrow", "executive", -1),
        ("came-in-business", "business", 10),
    ):
        customers.contact(customers.add(name), role, 500)
        customers.contact(name, role, started)
    customers.contact(customers.add("the-first"), "executive", 10)
    customers.contact(customers.add("both-at-once"), "executive", 10)
    customers.contact("both-at-once", "executive", 10)
    customers.contact(customers.add("after-one-of-unknown-start"), "technical", None)
    customers.contact("after-one-of-unknown-start", "technical", 10)
    customers.contact(customers.add("the-first-of-another-role"), "executive", 500)
    customers.contact("the-first-of-another-role", "technical", 10)
    customers.contact(customers.add("business-left"), "business", 500, 10)
    return {"signal-179", "left-179", "came-179", "after-one-of-unknown-start"}


def budget(customers: Customers) -> set[str]:
    for name, kind, days in (
        ("pricing-89", "pricing_inquiry", 89),
        ("pricing-90", "pricing_inquiry", 90),
        ("cuts", "cost_reduction", 0),
        ("pressed", "budget_pressure", 1),
        ("pressed-tomorrow", "budget_pressure", -1),
    ):
        customers.signal(customers.add(name), kind, days)
    return {"pricing-89", "cuts", "pressed"}


def competition(customers: Customers) -> set[str]:
    for name, kind, days in (
        ("rfp-89", "rfp", 89),
        ("rfp-90", "rfp", 90),
        ("mentioned", "competitor_mention", 5),
        ("compared", "pricing_comparison", 5),
    ):
        customers.signal(customers.add(name), kind, days)
    for name, more in (
        ("open-against-rival", {}),
        ("lost-to-rival", {"is_closed": True, "close_date": day(1)}),
        ("lost-later", {"is_closed": True, "close_date": day(-1)}),
        ("lost-some-day", {"is_closed": True}),
        ("won-some-day", {"is_won": True}),
    ):
        customers.opportunity(customers.add(name), 300, competitor="Rival", **more)
    customers.opportunity(customers.add("open-without-rival"), 300)
    return {"rfp-89", "mentioned", "compared", "open-against-rival", "lost-later"}


def outages(customers: Customers) -> set[str]:
    customers.signal(customers.add("outage-89"), "outage", 89)
    customers.signal(customers.add("outage-90"), "outage", 90)
    urgent = {"priority": "urgent", "is_incident": True}
    customers.ticket(customers.add("incident-89"), 89, **urgent)
    customers.ticket(customers.add("incident-90"), 90, **urgent)
    customers.ticket(customers.add("high-incident"), 5, **urgent | {"priority": "high"})
    customers.ticket(customers.add("urgent-question"), 5, **urgent | {"is_incident": False})
    # The last 28 days are those to 27 days ago, the 28 before those to 55 days ago.
    for name, now, before, days_now, days_before in (
        ("uptime-fell-by-a-tenth", "99.8", "99.9", 27, 28),
        ("uptime-fell-by-less", "99.800001", "99.9", 27, 28),
        ("uptime-rose", "99.9", "99.8", 27, 28),
        ("uptime-of-long-before", "99", "99.9", 27, 56),
        ("uptime-now-unknown", "99", "99.9", 28, 55),
    ):
        customers.usage(customers.add(name), days_now, uptime_pct=now)
        customers.usage(name, days_before, uptime_pct=before)
    # 0.1 - 1/3 of a millionth is rounded to six decimals first: 99.9 - 299.400001 / 3 = 0.099999667 -> 0.1.
    customers.usage(customers.add("uptime-fell-by-a-rounded-tenth"), 28, uptime_pct="99.9")
    for days, uptime in ((1, "99.8"), (2, "99.8"), (3, "99.800001")):
        customers.usage("uptime-fell-by-a-rounded-tenth", days, uptime_pct=uptime)
    return {"outage-89", "incident-89", "uptime-fell-by-a-tenth", "uptime-fell-by-a-rounded-tenth"}


def qbrs(customers: Customers, account_id: str, days_ago: int, completed: int, declined: int) -> None:
    for status, times in (("completed", completed), ("declined", declined)):
        for _ in range(times):
            customers.activity(account_id, "qbr", days_ago, status=status)


def answers(customers: Customers, account_id: str, days_ago: int, hours: str) -> None:
    customers.activity(account_id, "email", days_ago, response_hours=number(hours))


def engagement(customers: Customers) -> set[str]:
    """Logins of 80 after 100 are a fall of 20 %; answers in 12 hours after 10 a rise of 20 %."""

    def logins(name: str, now: str, before: str, days: tuple[int, int] = (89, 90)) -> str:
        customers.usage(customers.add(name), days[0], logins=now)
        customers.usage(name, days[1], logins=before)
        return name

    logins("only-logins", "80", "100")
    answers(customers, logins("logins-and-answers", "80", "100"), 89, "12")
    answers(customers, "logins-and-answers", 90, "10")
    answers(customers, logins("answers-a-little-faster", "80", "100"), 89, "11.999999")
    answers(customers, "answers-a-little-faster", 90, "10")
    answers(customers, logins("one-more-login", "80.0001", "100"), 89, "12")
    answers(customers, "one-more-login", 90, "10")
    # Attendance of 80 % after 100 %.
    qbrs(customers, logins("logins-and-qbrs", "79", "100"), 0, 4, 1)
    qbrs(customers, "logins-and-qbrs", 179, 3, 0)
    # None before, or 0 before, is no decline; nor is none now.
    qbrs(customers, logins("qbrs-begun", "80", "100"), 5, 0, 2)
    qbrs(customers, logins("qbrs-all-declined-before", "80", "100"), 5, 0, 2)
    qbrs(customers, "qbrs-all-declined-before", 100, 0, 2)
    qbrs(customers, logins("qbrs-ended", "80", "100"), 100, 2, 0)
    qbrs(customers, logins("no-logins-before", "5", "0"), 5, 0, 2)
    qbrs(customers, "no-logins-before", 100, 2, 0)
    # 180 days ago is before the 90 days before.
    qbrs(customers, logins("long-before", "80", "100", (89, 180)), 5, 0, 2)
    qbrs(customers, "long-before", 100, 2, 0)
    # No login at all after some is a fall of 100 %.
    qbrs(customers, logins("gone-quiet", "0", "100"), 5, 0, 2)
    qbrs(customers, "gone-quiet", 100, 2, 0)
    return {"logins-and-answers", "logins-and-qbrs", "gone-quiet"}


def values(customers: Customers) -> None:
    customers.add("half-a-cent", arr="100.05")
    customers.add("everything", "RED", renews_in=45, arr="120000")
    for kind in ("leadership_change", "rfp", "outage", "budget_pressure"):
        customers.signal("everything", kind, 5)
    # Both score 82.6 now. A fall of 17.4 points makes the first one more urgent; a rise changes nothing.
    customers.scored_before(customers.add("fell", "YELLOW", arr="10000"), 28, "100")
    customers.scored_before(customers.add("rose", "YELLOW", arr="10000"), 28, "50")
    customers.call(customers.add("called-red"), "RED")
    customers.call(customers.add("called-green", "RED"), "GREEN")
    customers.add("growing", new_site_planned=True)
    customers.add("red-and-growing", "RED", new_site_planned=True)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Row], dict[str, set[str]]]:
    """account_churn by account, and by factor the accounts made for it that should have it."""
    folder, customers = tmp_path_factory.mktemp("churn"), Customers()
    quiet_accounts(customers)
    expected = {
        "leadership_change": leadership(customers),
        "budget_pressure": budget(customers),
        "competitive_inquiry": competition(customers),
        "recent_outage": outages(customers),
        "engagement_decline": engagement(customers),
    }
    values(customers)
    with built(customers.world(folder), folder, "account_churn") as con:
        return {row["account_id"]: row for row in rows_of(con, "select * from published.account_churn")}, expected


@pytest.fixture(scope="module")
def churn(outcome: tuple[dict[str, Row], dict[str, set[str]]]) -> dict[str, Row]:
    return outcome[0]


@pytest.mark.parametrize("factor", FACTORS)
def test_who_has_a_factor(outcome: tuple[dict[str, Row], dict[str, set[str]]], factor: str) -> None:
    churn, expected = outcome
    assert {name for name, row in churn.items() if row[factor]} - {"everything"} == expected[factor]


@pytest.mark.parametrize("factor", FACTORS)
def test_what_a_factor_adds(churn: dict[str, Row], factor: str) -> None:
    points = dict(zip(FACTORS, (15, 10, 25, 15, 10), strict=True))[factor]
    for name, row in churn.items():
        assert row[f"{factor}_addition"] == (points if row[factor] else 0), name


@pytest.mark.parametrize(
    ("account_id", "factor", "parts"),
    [
        ("signal-179", "leadership_change", ["leadership change on 2 January 2026 (signal s"]),
        ("left-179", "leadership_change", ["the executive contact left on 2 January 2026 (contact p"]),
        ("came-179", "leadership_change", ["a new executive contact on 2 January 2026 (contact p"]),
        ("signal-180", "leadership_change", ["none in the last 180 days"]),
        ("rfp-89", "competitive_inquiry", ["RFP on 2 April 2026 (signal s"]),
        ("open-against-rival", "competitive_inquiry", ["open opportunity of 3 September 2025 names Rival (oppor"]),
        ("incident-89", "recent_outage", ["urgent incident on 2 April 2026 (ticket t"]),
        ("uptime-fell-by-a-tenth", "recent_outage", ["uptime of 99.800 % in the 28 days to 30 June 2026, 99.900 %"]),
        (
            "logins-and-answers",
            "engagement_decline",
            ["logins from 100 to 80 in the 90 days to 30 June 2026", "answer e-mails from 10 to 12 hours"],
        ),
        ("logins-and-qbrs", "engagement_decline", ["QBR attendance from 100 % to 80 %"]),
        ("only-logins", "engagement_decline", ["fewer than 2 of QBR attendance, logins and response time"]),
    ],
)
def test_a_factor_says_what_when_and_which_record(
    churn: dict[str, Row], account_id: str, factor: str, parts: list[str]
) -> None:
    for part in parts:
        assert part in churn[account_id][f"{factor}_evidence"]


def test_evidence_begins_with_the_latest(tmp_path: Path) -> None:
    customers = Customers()
    customers.add("a")
    for days in (30, 10, 20):
        customers.signal("a", "outage", days, signal_id=f"s{days}")
    with built(customers.world(tmp_path), tmp_path, "account_churn") as con:
        (row,) = rows_of(con, "select * from published.account_churn")
    assert [part[-4:-1] for part in row["recent_outage_evidence"].split("; ")] == ["s10", "s20", "s30"]


@pytest.mark.parametrize(
    ("account_id", "base", "addition", "probability"),
    [
        ("green", 10, 0, 10),
        ("yellow", 40, 0, 40),
        ("red", 70, 0, 70),
        ("renews-in-0", 10, 20, 30),
        ("renews-in-89", 10, 20, 30),
        ("renews-in-90", 10, 10, 20),
        ("renews-in-179", 10, 10, 20),
        ("renews-in-180", 10, 0, 10),
        ("no-contract", 10, 0, 10),
        # The machine's status counts, whatever the CSM says.
        ("called-red", 10, 0, 10),
        ("called-green", 70, 0, 70),
        ("rfp-89", 10, 0, 35),
        ("logins-and-qbrs", 10, 0, 20),
        # 70 + 20 + 15 + 10 + 25 + 15 = 155.
        ("everything", 70, 20, 95),
    ],
)
def test_probability(churn: dict[str, Row], account_id: str, base: int, addition: int, probability: int) -> None:
    row = churn[account_id]
    assert (row["base"], row["renewal_addition"], row["churn_probability"]) == (base, addition, probability)
    assert row["acts_on_probability"] == probability


def test_the_reason_has_every_part(churn: dict[str, Row]) -> None:
    assert churn["everything"]["probability_reason"] == (
        "95 %: RED 70, renewal in 45 days 20, leadership change 15, budget pressure 10, competitive inquiry 25, "
        "recent outage 15; 155 in all, capped"
    )
    assert churn["green"]["probability_reason"] == "10 %: GREEN 10"
    assert churn["no-contract"]["days_to_renewal"] is None


def test_without_outcomes_nothing_is_calibrated(churn: dict[str, Row]) -> None:
    assert {row["churn_probability_calibrated"] for row in churn.values()} == {None}
    assert churn["green"]["calibration_reason"] == (
        "not calibrated: no outcomes are known, and it takes 50 churned accounts and 200 kept ones"
    )


@pytest.mark.parametrize(
    ("account_id", "worth"),
    [
        # 10 %: ten years at most; 90 % may be saved; 10.005 rounds away from zero. 100.05 x 0.1 x 0.9 = 9.0045.
        ("half-a-cent", ("300.15", "10.01", "1000.50", "90", "9.00")),
        # 40 %: 1 / 0.4 = 2.5 years. 10,000 x 0.4 x 0.75 = 3,000, x (1 + 17.4 / 50) = 4,044.
        ("fell", ("30000.00", "4000.00", "25000.00", "75", "4044.00")),
        ("rose", ("30000.00", "4000.00", "25000.00", "75", "3000.00")),
        # 95 %: 120,000 / 0.95 = 126,315.789; 120,000 x 0.95 x 0.5.
        ("everything", ("360000.00", "114000.00", "126315.79", "50", "57000.00")),
        ("no-contract", ("0", "0", "0", "90", "0")),
    ],
)
def test_value_at_risk(churn: dict[str, Row], account_id: str, worth: tuple[str, ...]) -> None:
    row = churn[account_id]
    columns = ("three_year_value", "expected_loss", "lifetime_value", "save_probability", "intervention_priority")
    assert [row[column] for column in columns] == [number(text) for text in worth]


@pytest.mark.parametrize(
    ("account_id", "days", "reason"),
    [
        ("red", 5, "RED: reach out within 5 days"),
        ("yellow", 30, "YELLOW: reach out within 30 days"),
        ("green", None, "GREEN without an expansion: no outreach is due"),
        ("growing", 60, "GREEN with an expansion: reach out within 60 days"),
        ("red-and-growing", 5, "RED: reach out within 5 days"),
        ("called-red", 5, "RED by the CSM's call, GREEN by score: reach out within 5 days"),
        ("called-green", None, "GREEN without an expansion: no outreach is due"),
    ],
)
def test_outreach(churn: dict[str, Row], account_id: str, days: int | None, reason: str) -> None:
    row = churn[account_id]
    assert row["outreach_due_on"] == (None if days is None else day(-days))
    assert row["outreach_reason"] == reason
    assert row["as_of_date"] == AS_OF


def test_an_absent_factor_whose_source_is_missing_is_not_known(tmp_path: Path) -> None:
    customers = Customers("signals", "usage")
    customers.opportunity(customers.add("seen-elsewhere"), 10, competitor="Rival")
    with built(customers.world(tmp_path), tmp_path, "account_churn") as con:
        (row,) = rows_of(con, "select * from published.account_churn")
    assert row["competitive_inquiry"]
    assert row["competitive_inquiry_evidence"].startswith("open opportunity of 20 June 2026 names Rival")
    told = {factor: row[f"{factor}_evidence"] for factor in FACTORS if not row[factor]}
    assert told == {
        "leadership_change": "not known: signals never read",
        "budget_pressure": "not known: signals never read",
        "recent_outage": "not known: signals never read, usage never read",
        "engagement_decline": "not known: usage never read",
    }


def test_policy_can_act_on_the_calibrated_probability(tmp_path: Path) -> None:
    """While nothing is calibrated, the prior stands in."""
    customers = Customers()
    customers.add("red", "RED", renews_in=45)
    changes = {"calibration": {"least_churned": 1, "least_kept": 2, "acts_on": "calibrated"}, "cap_pct": 80}
    with built(customers.world(tmp_path, churn=changes), tmp_path, "account_churn") as con:
        (row,) = rows_of(con, "select * from published.account_churn")
    assert (row["churn_probability"], row["acts_on_probability"]) == (80, 80)
    assert row["probability_reason"] == "80 %: RED 70, renewal in 45 days 20; 90 in all, capped"


def test_an_account_without_a_score_has_no_probability(tmp_path: Path) -> None:
    # Without a stream but the three, tenure and reference are 7 of the relationship's 15 points: too few.
    customers = Customers("opportunities", "contacts", "signals", "tickets", "usage", "survey_responses", "invoices")
    customers.add("unknown")
    with built(customers.world(tmp_path), tmp_path, "account_churn", "account_health") as con:
        assert rows_of(con, "select score from published.account_health") == [{"score": None}]
        assert rows_of(con, "select * from published.account_churn") == []
