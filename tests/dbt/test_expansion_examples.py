"""Expansion by hand: which accounts could grow and how, what it may bring, and what makes it qualified.

One world holds an account for each edge. Scores are those of coloured_accounts.py unless a test says how they change.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dbt.coloured_accounts import AS_OF, Customers, built, day, number
from tests.support.compiled import rows_of
from tests.support.inputs import Row

TABLES = ("expansion_pipeline", "expansion_stages", "hygiene_issues", "account_health")
CRITERIA = (
    *("plan_limit", "approaching_limit", "seat_growth", "feature_requests", "high_health", "no_billing_issue"),
    "responsive",
)


def growing(customers: Customers, account_id: str, **more: object) -> str:
    """An account with a case: a new site of 10,000."""
    return customers.add(account_id, **{"new_site_planned": True, "new_site_arr": number("10000")} | more)


def cases(customers: Customers) -> None:
    potentials = {
        "capacity_upgrade_arr": number("30000"),
        "new_site_arr": number("40000"),
        "managed_services_arr": number("5000"),
    }
    customers.usage(customers.add("at-75-pct", **potentials), 0, capacity_used_pct="75")
    customers.usage(customers.add("over-75-pct", **potentials), 27, capacity_used_pct="75.000001")
    customers.usage(customers.add("capacity-long-ago", **potentials), 28, capacity_used_pct="90")
    customers.add("new-site", new_site_planned=True, new_site_count=2, new_site_timeline="Q3 2026", **potentials)
    customers.add("new-site-some-day", new_site_planned=True, **potentials)
    for name, days, used, contracted in (
        ("unused-service", 27, "3", "5"),
        ("all-services-used", 0, "5", "5"),
        ("unused-long-ago", 28, "3", "5"),
    ):
        customers.usage(customers.add(name), days, services_used=used, services_contracted=contracted)
    # The latest row counts, though it is blank.
    customers.usage(customers.add("unknown-of-late"), 0, logins="1")
    customers.usage("unknown-of-late", 1, services_used="3", services_contracted="5")
    for name, self_managed, days in (
        ("eleven-tickets", True, [89] * 11),
        ("ten-tickets", True, [5] * 10 + [90]),
        ("eleven-but-managed", False, [5] * 11),
    ):
        customers.add(name, self_managed=self_managed, **potentials)
        for ago in days:
            customers.ticket(name, ago)
    for colour in ("YELLOW", "RED"):
        customers.add(f"new-site-{colour}", colour, new_site_planned=True, **potentials)
    # The machine's status counts.
    customers.call(customers.add("called-red", new_site_planned=True, **potentials), "RED")
    customers.call(customers.add("called-green", "RED", new_site_planned=True, **potentials), "GREEN")
    # All four at once.
    customers.usage(
        customers.add("everything", new_site_planned=True, self_managed=True, **potentials),
        *(0,),
        capacity_used_pct="80",
        services_used="1",
        services_contracted="2",
    )
    for _ in range(11):
        customers.ticket("everything", 5)


def worth(customers: Customers) -> None:
    """82.6 without more. A reference brings 49.5455 of 55 points: 90.1. Expansions won add to the relationship."""
    growing(customers, "no-potential", new_site_arr=None)
    for name, potential in (("at-20000", "20000"), ("below-20000", "19999.99"), ("at-40000-82.6", "40000")):
        growing(customers, name, new_site_arr=number(potential))
    for name, potential in (("at-40000-90.1", "40000"), ("below-40000-90.1", "39999.99"), ("at-50000", "50000")):
        growing(customers, name, new_site_arr=number(potential), reference_customer=True)
    growing(customers, "over-50000", new_site_arr=number("50000.01"), reference_customer=True)
    for name, won in (("one-won", 1), ("three-won", 3)):
        growing(customers, name, reference_customer=True)
        for _ in range(won):
            customers.opportunity(name, 300, type="expansion", is_closed=True, is_won=True, close_date=day(5))


def criteria(customers: Customers) -> None:
    """Months that ended on or before 30 June: May and June."""
    for name, may, june in (
        ("full-two-months", "80", "80"),
        ("full-one-month", "79.999999", "84.999999"),
        ("nearly-full", "10", "85"),
        ("no-figures-for-may", None, "84"),
    ):
        growing(customers, name)
        customers.usage(name, 0, capacity_used_pct=june)
        if may is not None:
            customers.usage(name, 60, capacity_used_pct=may)
    for name, days, users, seats in (
        ("seats-at-90-pct", 27, "90", "100"),
        ("seats-below-90-pct", 0, "89.99", "100"),
        ("seats-long-ago", 28, "90", "100"),
    ):
        customers.usage(growing(customers, name), days, active_users=users, seats=seats)
    for name, days, before, now in (
        ("seats-up-10-pct", 89, "100", "110"),
        ("seats-up-less", 89, "100", "109.99"),
        ("seats-up-since-before", 90, "100", "110"),
    ):
        customers.usage(growing(customers, name), days, active_users="1", seats=before)
        customers.usage(name, 0, active_users="1", seats=now)
    for name, days in (("feature-179", 179), ("feature-180", 180)):
        customers.signal(growing(customers, name), "feature_request", days)
    growing(customers, "high", reference_customer=True)
    for name, issued, due, more in (
        ("failed-89", 89, None, {"status": "failed"}),
        ("failed-90", 90, None, {"status": "failed"}),
        ("disputed", 5, None, {"status": "disputed"}),
        ("overdue-30", 60, 30, {"status": "open"}),
        ("overdue-29", 60, 29, {"status": "open"}),
        ("paid-late", 80, 60, {"status": "paid", "paid_on": day(5)}),
        ("paid-tomorrow", 60, 40, {"status": "paid", "paid_on": day(-1)}),
    ):
        customers.invoice(growing(customers, name), issued, due, **more)
    for name, hours in (("answers-in-47", "47.999999"), ("answers-in-48", "48")):
        customers.activity(growing(customers, name), "email", 5, response_hours=number(hours))


def qualified(customers: Customers) -> None:
    growing(customers, "qualified", reference_customer=True)
    customers.signal("qualified", "feature_request", 5)
    growing(customers, "not-high")
    customers.signal("not-high", "feature_request", 5)
    growing(customers, "not-paying", reference_customer=True)
    customers.signal("not-paying", "feature_request", 5)
    customers.invoice("not-paying", 5, status="failed")
    growing(customers, "not-growing", reference_customer=True)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    folder, customers = tmp_path_factory.mktemp("expansion"), Customers()
    for fill in (cases, worth, criteria, qualified):
        fill(customers)
    with built(customers.world(folder), folder, *TABLES) as con:
        return {table: rows_of(con, f"select * from published.{table}") for table in TABLES}


@pytest.fixture(scope="module")
def pipeline(tables: dict[str, list[Row]]) -> dict[tuple[str, str], Row]:
    return {(row["account_id"], row["type"]): row for row in tables["expansion_pipeline"]}


@pytest.mark.parametrize(
    ("account_id", "types"),
    [
        ("at-75-pct", []),
        ("over-75-pct", ["capacity_upgrade"]),
        ("capacity-long-ago", []),
        ("new-site", ["new_site"]),
        ("unused-service", ["service_adoption"]),
        ("all-services-used", []),
        ("unused-long-ago", []),
        ("unknown-of-late", []),
        ("eleven-tickets", ["managed_services"]),
        ("ten-tickets", []),
        ("eleven-but-managed", []),
        ("new-site-YELLOW", []),
        ("new-site-RED", []),
        ("called-red", ["new_site"]),
        ("called-green", []),
        ("everything", ["capacity_upgrade", "new_site", "service_adoption", "managed_services"]),
    ],
)
def test_which_expansions_an_account_has(
    pipeline: dict[tuple[str, str], Row], account_id: str, types: list[str]
) -> None:
    found = sorted((row["type_rank"], kind) for (one, kind), row in pipeline.items() if one == account_id)
    assert [kind for _, kind in found] == types
    assert [pipeline[account_id, kind]["is_primary"] for kind in types] == [True, False, False, False][: len(types)]


@pytest.mark.parametrize(
    ("account_id", "kind", "timing", "justification"),
    [
        ("over-75-pct", "capacity_upgrade", "Immediate", "Capacity used was 75 % on average over the last 28 days, o"),
        ("new-site", "new_site", "Q3 2026", "2 new sites are planned, Q3 2026."),
        ("new-site-some-day", "new_site", None, "A new site is planned."),
        ("unused-service", "service_adoption", "Next QBR", "Of 5 services contracted, 3 were used on 3 June 2026."),
        ("eleven-tickets", "managed_services", "Next budget cycle", "Managed by the customer, with 11 tickets in the "),
    ],
)
def test_when_and_why(
    pipeline: dict[tuple[str, str], Row], account_id: str, kind: str, timing: str | None, justification: str
) -> None:
    row = pipeline[account_id, kind]
    assert row["timing"] == timing
    assert row["justification"].startswith(justification)
    assert row["description"]
    assert row["current_arr"] == 1000


@pytest.mark.parametrize(
    ("account_id", "kind", "chance", "expected", "priority"),
    [
        # Score 82.6: 0.50 + 0.05 + 0.10.
        ("at-20000", "new_site", "0.65", "13000", "MEDIUM"),
        ("below-20000", "new_site", "0.65", "12999.99", "LOW"),
        ("at-40000-82.6", "new_site", "0.65", "26000", "MEDIUM"),
        # Score 90.1: 0.50 + 0.25 + 0.10.
        ("at-40000-90.1", "new_site", "0.85", "34000", "HIGH"),
        ("below-40000-90.1", "new_site", "0.85", "33999.99", "MEDIUM"),
        # One expansion won adds 0.05; three would add 0.10, and 0.95 is the most.
        ("one-won", "new_site", "0.90", "9000", "LOW"),
        ("three-won", "new_site", "0.95", "9500", "LOW"),
        ("unused-service", "service_adoption", "0.65", "0", "LOW"),
        ("no-potential", "new_site", "0.65", None, None),
    ],
)
def test_what_it_may_bring(
    pipeline: dict[tuple[str, str], Row],
    account_id: str,
    kind: str,
    chance: str,
    expected: str | None,
    priority: str | None,
) -> None:
    row = pipeline[account_id, kind]
    assert row["close_probability"] == number(chance)
    assert row["expected_arr"] == (None if expected is None else number(expected))
    assert row["priority"] == priority


@pytest.mark.parametrize(("account_id", "needs"), [("at-50000", False), ("over-50000", True), ("no-potential", False)])
def test_a_large_potential_needs_verification(
    pipeline: dict[tuple[str, str], Row], account_id: str, needs: bool
) -> None:
    row = pipeline[account_id, "new_site"]
    assert (row["needs_verification"], row["verified_by"]) == (needs, "AE" if needs else None)


def test_the_pipeline_is_ordered_by_expected_arr(tables: dict[str, list[Row]]) -> None:
    rows = sorted(tables["expansion_pipeline"], key=lambda row: row["rank"])
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    expected = [row["expected_arr"] for row in rows]
    known = [amount for amount in expected if amount is not None]
    assert known == sorted(known, reverse=True)
    assert expected[len(known) :] == [None] * (len(expected) - len(known))
    assert rows[0]["account_id"] == "over-50000"


def test_a_missing_potential_is_an_issue(tables: dict[str, list[Row]]) -> None:
    issues = [row for row in tables["hygiene_issues"] if row["rule"] == "expansion_potential_known"]
    listed = sorted((row["account_id"], row["column_name"].removesuffix("_arr")) for row in issues)
    pipeline = tables["expansion_pipeline"]
    assert listed == sorted((row["account_id"], row["type"]) for row in pipeline if row["potential_arr"] is None)
    (issue,) = [row for row in issues if row["account_id"] == "no-potential"]
    assert (issue["account_id"], issue["record_key"], issue["column_name"]) == (
        "no-potential",
        "no-potential",
        "new_site_arr",
    )
    assert (issue["severity"], issue["stream"], issue["mended_by_role"]) == ("warning", "accounts", "revops")
    assert (issue["status"], issue["first_seen"], issue["owner_name"]) == ("open", AS_OF, "Olu Owner")
    assert issue["sentence"] == (
        "Account Account no-potential has a case for new site, but no new_site_arr: its potential can't be counted."
    )


@pytest.mark.parametrize(
    ("account_id", "criterion", "holds", "evidence"),
    [
        (
            "full-two-months",
            "plan_limit",
            True,
            "capacity used 80 % in May 2026, 80 % in June 2026; the limit is 80",
        ),
        ("full-one-month", "plan_limit", False, "capacity used 80"),
        ("no-figures-for-may", "plan_limit", False, "capacity used 84 % in June 2026; the limit is 80 % in each of 2 "),
        ("nearly-full", "approaching_limit", True, "capacity used 85 % in June 2026; near the limit is 85 %"),
        ("full-one-month", "approaching_limit", False, "capacity used 85"),
        ("high", "plan_limit", False, "no capacity figures in the last 2 months that ended"),
        ("high", "approaching_limit", False, "no capacity figures for June 2026"),
        ("seats-at-90-pct", "seat_growth", True, "90 of 100 seats in use on 3 June 2026, 100 seats on 3 June 2026"),
        ("seats-below-90-pct", "seat_growth", False, "89.99 of 100 seats in use on 30 June 2026"),
        ("seats-long-ago", "seat_growth", False, "no users and seats in the latest usage"),
        ("seats-up-10-pct", "seat_growth", True, "1 of 110 seats in use on 30 June 2026, 100 seats on 2 April 2026"),
        ("seats-up-less", "seat_growth", False, "1 of 109.99 seats in use"),
        ("seats-up-since-before", "seat_growth", False, "1 of 110 seats in use on 30 June 2026, 110 seats on 30 June "),
        ("feature-179", "feature_requests", True, "feature request on 2 January 2026 (signal s"),
        ("feature-180", "feature_requests", False, "none in the last 180 days"),
        ("high", "high_health", True, "score of 90.1; high is over 85"),
        ("not-high", "high_health", False, "score of 82.6; high is over 85"),
        ("failed-89", "no_billing_issue", False, "invoice i"),
        (
            "failed-90",
            "no_billing_issue",
            True,
            "no invoice of the last 90 days failed, disputed or overdue by 30",
        ),
        ("disputed", "no_billing_issue", False, "invoice i"),
        ("overdue-30", "no_billing_issue", False, "invoice i"),
        ("overdue-29", "no_billing_issue", True, "no invoice"),
        ("paid-late", "no_billing_issue", True, "no invoice"),
        ("paid-tomorrow", "no_billing_issue", False, "invoice i"),
        ("answers-in-47", "responsive", True, "answers e-mails within 48"),
        ("answers-in-48", "responsive", False, "answers e-mails within 48"),
        ("high", "responsive", False, "not known: no e-mail answered in the last 90 days"),
    ],
)
def test_a_criterion(
    pipeline: dict[tuple[str, str], Row], account_id: str, criterion: str, holds: bool, evidence: str
) -> None:
    row = pipeline[account_id, "new_site"]
    assert row[criterion] == holds
    assert row[f"{criterion}_evidence"].startswith(evidence)


@pytest.mark.parametrize(
    ("account_id", "is_qualified"),
    [("qualified", True), ("not-high", False), ("not-paying", False), ("not-growing", False)],
)
def test_qualified(pipeline: dict[tuple[str, str], Row], account_id: str, is_qualified: bool) -> None:
    assert pipeline[account_id, "new_site"]["qualified"] == is_qualified


def test_the_stages_of_a_qualified_expansion(tables: dict[str, list[Row]]) -> None:
    stages = sorted(
        (row for row in tables["expansion_stages"] if row["account_id"] == "qualified"), key=lambda row: row["week"]
    )
    assert [(row["week"], row["starts_on"], row["due_on"]) for row in stages] == [
        (1, AS_OF, day(-7)),
        (2, day(-7), day(-14)),
        (3, day(-14), day(-21)),
        (4, day(-21), day(-28)),
        (5, day(-28), day(-35)),
    ]
    assert [row["stage"] for row in stages] == [
        *("Data", "First conversation", "Proposal", "Decision support", "Close and implement"),
    ]
    assert "not-high" not in {row["account_id"] for row in tables["expansion_stages"]}


def test_what_isnt_known_qualifies_nobody(tmp_path: Path) -> None:
    customers = Customers("usage", "signals", "invoices", "activities")
    growing(customers, "a", reference_customer=True)
    with built(customers.world(tmp_path), tmp_path, "expansion_pipeline") as con:
        (row,) = rows_of(con, "select * from published.expansion_pipeline")
    told = {criterion: (row[criterion], row[f"{criterion}_evidence"]) for criterion in CRITERIA}
    high = told.pop("high_health")
    assert high[1].startswith("score of ")
    assert told == {
        "plan_limit": (False, "not known: usage never read"),
        "approaching_limit": (False, "not known: usage never read"),
        "seat_growth": (False, "not known: usage never read"),
        "feature_requests": (False, "not known: signals never read"),
        "no_billing_issue": (False, "not known: invoices never read"),
        "responsive": (False, "not known: activities never read"),
    }
    assert not row["qualified"]


def test_in_mid_month_the_month_before_is_the_latest(tmp_path: Path) -> None:
    customers = Customers()
    growing(customers, "a")
    given = customers.world(tmp_path)
    given.as_of = day(1)
    for days, capacity in ((1, "10"), (30, "85"), (60, "80")):
        customers.usage("a", days, capacity_used_pct=capacity)
    with built(given, tmp_path, "expansion_pipeline") as con:
        rows = {row["type"]: row for row in rows_of(con, "select * from published.expansion_pipeline")}
    # On 29 June the last months are May (31 May: 85, 1 May: 80) and April, of which nothing is known.
    assert rows["new_site"]["plan_limit_evidence"].startswith("capacity used 82.5 % in May 2026; the limit is 80 %")
    assert not rows["new_site"]["plan_limit"]
    assert not rows["new_site"]["approaching_limit"]
