"""Retention by hand: who gets which plan and when, offers, figures of success, decisions, forecast of renewals."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tests.dbt.coloured_accounts import AS_OF, Customers, built, day, number
from tests.support.compiled import rows_of
from tests.support.inputs import Row

HIGH = ["executive_call", "root_cause_resolution", "support_improvement", "executive_qbr", "retention_offer"]
MEDIUM = ["csm_outreach", "value_review", "executive_reengagement", "qbr_rescheduled", "early_renewal_incentive"]
TIMELINE = {
    "renewal_risk_review": 180,
    "renewal_value_review": 120,
    "renewal_proposal": 90,
    "renewal_survey_and_negotiation": 60,
    "renewal_signature": 30,
}
TABLES = (
    *("retention_plans", "retention_offers", "retention_success_metrics", "executive_decisions", "renewal_forecast"),
    "account_health",
)


def at_probability(customers: Customers) -> None:
    """Accounts at the edges of the levels, far from renewal unless it is what makes them so likely."""
    customers.add("at-30", renews_in=50)
    customers.signal(customers.add("at-35"), "rfp", 5)
    # 40 + 20 = 60 is medium still; 10 + 20 + 25 + 15 = 70 is high but needs no validation.
    customers.add("at-60", "YELLOW", renews_in=50)
    customers.signal(customers.add("at-65", "YELLOW"), "rfp", 5)
    for kind in ("rfp", "leadership_change"):
        customers.signal(customers.add("at-70", renews_in=50) if kind == "rfp" else "at-70", kind, 5)
    customers.signal(customers.add("at-80-yellow", "YELLOW"), "rfp", 5)
    customers.signal("at-80-yellow", "leadership_change", 5)
    customers.add("red", "RED")
    customers.call(customers.add("called-red", renews_in=150), "RED")
    customers.call(customers.add("called-green", "RED"), "GREEN")


def renewing(customers: Customers) -> None:
    for days in (0, 30, 31, 120, 179, 180, 181):
        customers.add(f"renews-in-{days}", renews_in=days)
    customers.add("red-renews-in-121", "RED", renews_in=121)
    customers.add("red-renews-in-21", "RED", renews_in=21)
    # The chain: 30 days either side of the end, of the same product, ending later; the latest-ending one.
    for name, starts, more in (
        ("followed-after-30", -130, {}),
        ("followed-after-31", -131, {}),
        ("followed-before-30", -70, {}),
        ("followed-before-31", -69, {}),
        ("followed-by-another-product", -101, {"product": "Plus"}),
    ):
        customers.contract(customers.add(name, renews_in=100), starts, -500, **more)


def offered(customers: Customers) -> None:
    urgent = {"priority": "urgent", "is_incident": True}
    for name, days in (("two-incidents", (5, 89)), ("three-incidents", (5, 50, 89)), ("third-too-old", (5, 50, 90))):
        customers.add(name, "RED", arr="100000.01")
        for ago in days:
            customers.ticket(name, ago, **urgent)
    customers.usage(customers.add("full", "RED"), 0, capacity_used_pct="80.000001")
    customers.usage(customers.add("at-80-pct", "RED"), 0, capacity_used_pct="80")
    customers.signal(customers.add("pressed", "RED"), "cost_reduction", 5)
    for name, target, uptime in (
        ("below-sla", "99.9", "99.899999"),
        ("on-sla", "99.9", "99.9"),
        ("near-the-most", "99.95", "99"),
        ("over-the-most", "99.995", "99"),
    ):
        customers.usage(customers.add(name, "RED", sla_target_pct=number(target)), 0, uptime_pct=uptime)
    customers.usage(customers.add("full-but-staying"), 0, capacity_used_pct="90")


def deciding(customers: Customers) -> None:
    customers.add("red-100000", "RED", arr="100000")
    customers.add("red-100000.01", "RED", arr="100000.01")
    customers.add("yellow-200000", "YELLOW", arr="200000")
    customers.add("yellow-200000.01", "YELLOW", arr="200000.01")
    customers.call(customers.add("large-called-red", arr="500000"), "RED")
    customers.call(customers.add("large-called-green", "RED", arr="500000"), "GREEN")
    for name, kind, days in (
        ("tender-89", "rfp", 89),
        ("tender-90", "rfp", 90),
        ("complaint-89", "executive_complaint", 89),
        ("complaint-90", "executive_complaint", 90),
    ):
        customers.signal(customers.add(name), kind, days)
    # An answered complaint stays one.
    customers.signal(customers.add("complaint-answered"), "executive_complaint", 5, resolved_on=day(1))


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    folder, customers = tmp_path_factory.mktemp("retention"), Customers()
    for fill in (at_probability, renewing, offered, deciding):
        fill(customers)
    with built(customers.world(folder), folder, *TABLES) as con:
        return {table: rows_of(con, f"select * from published.{table}") for table in TABLES}


def of(rows: list[Row], account_id: str) -> list[Row]:
    return [row for row in rows if row["account_id"] == account_id]


@pytest.fixture(scope="module")
def plans(tables: dict[str, list[Row]]) -> dict[str, dict[str, Row]]:
    """By account and step, in the order of the account's ranks."""
    found: dict[str, dict[str, Row]] = {}
    for row in sorted(tables["retention_plans"], key=lambda row: row["rank"]):
        found.setdefault(row["account_id"], {})[row["step"]] = row
    return found


# -- plans ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account_id", "level", "steps"),
    [
        ("at-35", "medium", MEDIUM),
        ("at-60", "medium", MEDIUM),
        ("at-65", "high", [*HIGH, "competitive_defence"]),
        ("at-70", "high", [*HIGH, "competitive_defence"]),
        ("red", "high", HIGH),
    ],
)
def test_the_plan_for_a_probability(
    plans: dict[str, dict[str, Row]], account_id: str, level: str, steps: list[str]
) -> None:
    found = [row for row in plans[account_id].values() if row["level"] != "renewal"]
    assert [row["step"] for row in found] == steps
    assert {row["level"] for row in found} == {level}


def test_a_step_of_after_the_renewal_says_so(plans: dict[str, dict[str, Row]]) -> None:
    steps = plans["red-renews-in-21"]
    late = {step for step, row in steps.items() if row["is_after_renewal"]}
    # The executive QBR falls on the very day.
    assert late == {"retention_offer"}
    said = " Its day, 28 July 2026, comes after the renewal on 21 July 2026: do it before."
    assert {step for step, row in steps.items() if row["why"].endswith(said)} == late
    # A renewal that nobody knows is never too early.
    assert not any(row["is_after_renewal"] for row in plans["red"].values())


def test_on_a_first_run_a_step_stands_since_today(plans: dict[str, dict[str, Row]]) -> None:
    rows = [row for steps in plans.values() for row in steps.values()]
    assert {row["standing_since"] for row in rows} == {AS_OF}
    assert all(row["standing_due_on"] == row["due_on"] for row in rows)


def test_up_to_30_percent_there_is_no_plan(plans: dict[str, dict[str, Row]]) -> None:
    assert {row["level"] for row in plans["at-30"].values()} == {"renewal"}
    assert "full-but-staying" not in plans


@pytest.mark.parametrize(
    ("account_id", "step", "phase", "owner_role", "days"),
    [
        ("red", "executive_call", "immediate", "CEO or VP Sales", 5),
        ("red", "root_cause_resolution", "immediate", "VP Operations", 7),
        ("red", "support_improvement", "immediate", "VP Customer Success", 7),
        ("red", "executive_qbr", "short_term", "CEO, VP Sales and VP Operations", 21),
        ("red", "retention_offer", "short_term", "VP Sales with CFO", 28),
        ("at-65", "competitive_defence", "short_term", "VP Sales with Marketing", 28),
        ("at-35", "csm_outreach", "immediate", "CSM", 7),
        ("at-35", "value_review", "short_term", "CSM with AE", 14),
        ("at-35", "executive_reengagement", "short_term", "VP Sales or VP Customer Success", 21),
        ("at-35", "qbr_rescheduled", "short_term", "CSM", 28),
        ("at-35", "early_renewal_incentive", "short_term", "AE", 42),
    ],
)
def test_a_step(
    plans: dict[str, dict[str, Row]], account_id: str, step: str, phase: str, owner_role: str, days: int
) -> None:
    row = plans[account_id][step]
    assert (row["phase"], row["owner_role"], row["starts_on"], row["due_on"]) == (phase, owner_role, AS_OF, day(-days))
    assert (row["is_overdue"], row["joined_by"]) == (False, None)
    assert row["action"]
    assert row["purpose"]
    assert row["audience"]


def test_why_a_step_is_in_the_plan(plans: dict[str, dict[str, Row]]) -> None:
    assert plans["at-35"]["csm_outreach"]["why"] == "Churn probability is 35 %: GREEN 10, competitive inquiry 25."
    why = plans["at-65"]["competitive_defence"]["why"]
    assert why.startswith(
        "Churn probability is 65 %: YELLOW 40, competitive inquiry 25. Competitive inquiry: RFP on 25 "
    )


@pytest.mark.parametrize("days", [0, 30, 31, 120, 179, 180])
def test_the_way_to_a_renewal(plans: dict[str, dict[str, Row]], days: int) -> None:
    rows = {step: row for step, row in plans[f"renews-in-{days}"].items() if row["level"] == "renewal"}
    assert list(rows) == list(TIMELINE)
    for step, before in TIMELINE.items():
        due = max(AS_OF, day(before - days))
        assert (rows[step]["phase"], rows[step]["starts_on"], rows[step]["due_on"]) == ("renewal", due, due)
        assert rows[step]["is_overdue"] == (before > days)


def test_a_renewal_further_away_has_no_steps_yet(plans: dict[str, dict[str, Row]]) -> None:
    assert "renews-in-181" not in plans


def test_a_step_whose_date_has_passed_says_so(plans: dict[str, dict[str, Row]]) -> None:
    steps = plans["renews-in-31"]
    assert steps["renewal_survey_and_negotiation"]["why"] == (
        "Renewal on 31 July 2026, in 31 days; this step, 60 days before, was due 1 June 2026, so now."
    )
    assert steps["renewal_signature"]["why"] == "Renewal on 31 July 2026, in 31 days; this step comes 30 days before."
    assert plans["renews-in-0"]["renewal_signature"]["why"].startswith("Renewal on 30 June 2026, today; ")


def test_at_high_risk_a_sponsor_joins_from_120_days_on(plans: dict[str, dict[str, Row]]) -> None:
    joined = {step: plans["red-renews-in-121"][step]["joined_by"] for step in TIMELINE}
    assert joined == dict.fromkeys(TIMELINE, "Executive sponsor") | {"renewal_risk_review": None}
    # 60 % is no high risk.
    assert {plans["at-60"][step]["joined_by"] for step in TIMELINE} == {None}


@pytest.mark.parametrize(
    ("account_id", "renewal"),
    [
        ("followed-after-30", None),
        ("followed-after-31", day(-100)),
        ("followed-before-30", None),
        # Both run now, and neither follows the other: the earliest end counts.
        ("followed-before-31", day(-100)),
        ("followed-by-another-product", day(-100)),
    ],
)
def test_a_renewal_is_the_end_of_the_chain(
    plans: dict[str, dict[str, Row]], account_id: str, renewal: date | None
) -> None:
    """Followed contracts renew in 500 days: too far for steps."""
    dates = {row["renewal_date"] for row in plans.get(account_id, {}).values()}
    assert dates == ({renewal} if renewal else set())


@pytest.mark.parametrize(
    ("account_id", "review", "validation", "reason"),
    [
        ("at-70", False, False, ""),
        (
            "at-80-yellow",
            True,
            True,
            "churn probability of 80 % is over 70 %: a person validates the plan",
        ),
        ("red", True, False, "RED: an executive reviews the plan before it runs"),
        ("called-red", True, False, "RED by the CSM's call: an executive reviews the plan before it runs"),
        ("called-green", False, False, ""),
    ],
)
def test_review(plans: dict[str, dict[str, Row]], account_id: str, review: bool, validation: bool, reason: str) -> None:
    for row in plans[account_id].values():
        assert (row["requires_review"], row["requires_validation"], row["review_reason"]) == (
            review,
            validation,
            reason,
        )


# -- offers and figures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account_id", "offer"),
    [
        ("two-incidents", None),
        ("third-too-old", None),
        # 100,000.01 / 6 = 16,666.668.
        ("three-incidents", ("service_credit", number("16666.67"), None, None)),
        ("full", ("capacity_doubled", None, None, None)),
        ("at-80-pct", None),
        ("pressed", ("price_lock", None, 3, None)),
        ("below-sla", ("enhanced_sla", None, None, number("99.95"))),
        ("on-sla", None),
        ("near-the-most", ("enhanced_sla", None, None, number("99.99"))),
        ("over-the-most", ("enhanced_sla", None, None, number("99.995"))),
        # At 10 % nobody is offered anything.
        ("full-but-staying", None),
    ],
)
def test_offers(tables: dict[str, list[Row]], account_id: str, offer: tuple | None) -> None:
    columns = ("component", "credit_amount", "price_lock_years", "sla_pct")
    found = [tuple(row[column] for column in columns) for row in of(tables["retention_offers"], account_id)]
    assert found == ([offer] if offer else [])


def test_an_offer_in_words(tables: dict[str, list[Row]]) -> None:
    (offer,) = of(tables["retention_offers"], "below-sla")
    assert offer["offer"] == "Uptime of 99.95 % promised"
    assert offer["why"] == "uptime is 0.000001 points below the 99.9 % promised"
    (credit,) = of(tables["retention_offers"], "three-incidents")
    assert credit["offer"] == "Service credit of 2 months of recurring revenue"
    assert credit["why"] == "3 urgent incidents in the last 90 days, more than 2"


def test_figures_of_success(tables: dict[str, list[Row]]) -> None:
    rows = {row["metric"]: row for row in of(tables["retention_success_metrics"], "at-60")}
    found = {metric: (row["value_now"], row["target"], row["due_on"]) for metric, row in rows.items()}
    assert found == {
        "score_first": (number("82.6"), number("97.6"), day(-30)),
        # 107.6 is more than there are.
        "score_second": (number("82.6"), Decimal(100), day(-60)),
        "score_at_renewal": (number("82.6"), Decimal(80), day(-50)),
        "qbr_attendance": (None, Decimal(100), None),
        "urgent_tickets_open": (Decimal(0), Decimal(0), None),
        "contract_renewed": (Decimal(0), Decimal(1), day(-50)),
    }
    assert sorted(row["metric_rank"] for row in rows.values()) == [1, 2, 3, 4, 5, 6]


def test_only_plans_are_measured(tables: dict[str, list[Row]]) -> None:
    planned = {row["account_id"] for row in tables["retention_plans"] if row["level"] != "renewal"}
    assert {row["account_id"] for row in tables["retention_success_metrics"]} == planned


def test_open_urgent_tickets_are_counted(tables: dict[str, list[Row]]) -> None:
    (row,) = [
        row
        for row in of(tables["retention_success_metrics"], "three-incidents")
        if row["metric"] == "urgent_tickets_open"
    ]
    assert row["value_now"] == 3


# -- decisions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account_id", "decision", "days"),
    [
        ("red-100000", None, None),
        ("red-100000.01", "red_large_account", 7),
        ("yellow-200000", None, None),
        ("yellow-200000.01", "yellow_large_account", 30),
        ("large-called-red", "red_large_account", 7),
        ("large-called-green", None, None),
        ("tender-89", "rfp", 7),
        ("tender-90", None, None),
        ("complaint-89", "executive_complaint", 7),
        ("complaint-90", None, None),
        ("complaint-answered", "executive_complaint", 7),
    ],
)
def test_decisions(tables: dict[str, list[Row]], account_id: str, decision: str | None, days: int | None) -> None:
    found = [(row["decision"], row["due_on"]) for row in of(tables["executive_decisions"], account_id)]
    assert found == ([] if days is None else [(decision, day(-days))])


def test_a_decision_says_why(tables: dict[str, list[Row]]) -> None:
    why = {row["account_id"]: row["why"] for row in tables["executive_decisions"]}
    assert why["red-100000.01"] == "RED with ARR of 100,000 USD, over 100,000"
    assert why["large-called-red"] == "RED by the CSM's call with ARR of 500,000 USD, over 100,000"
    assert why["tender-89"].startswith("RFP on 2 April 2026 (signal s")


def test_decisions_come_by_urgency_then_priority(tables: dict[str, list[Row]]) -> None:
    rows = sorted(tables["executive_decisions"], key=lambda row: row["rank"])
    order = [(row["due_on"], -row["intervention_priority"], row["account_id"]) for row in rows]
    assert order == sorted(order)
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    assert {row["account_id"]: row["urgency"] for row in rows}["yellow-200000.01"] == "next_30_days"


# -- forecast ------------------------------------------------------------------------------------------------------


def test_forecast_by_hand(tmp_path: Path) -> None:
    customers = Customers()
    customers.add("red", "RED", renews_in=10, arr="1000")
    customers.add("yellow", "YELLOW", renews_in=20, arr="333.33", region=None)
    customers.add("green", renews_in=300, arr="100.05")
    customers.add("green-too", renews_in=300, arr="0.10")
    # Not scored: left, or without a contract for 90 days. What became of their contracts counts all the same.
    customers.add("left", renews_in=5, arr="70", churned_on=day(1))
    with built(customers.world(tmp_path), tmp_path, "renewal_forecast") as con:
        rows = rows_of(con, "select * from published.renewal_forecast order by quarter_starts_on, arr_up_for_renewal")
    columns = (
        *("fiscal_quarter", "quarter_starts_on", "region", "segment", "accounts", "arr_up_for_renewal"),
        *("expected_churned_arr", "expected_retained_arr", "at_risk_arr_red", "at_risk_arr_yellow", "arr_green"),
    )
    assert [tuple(row[column] for column in columns) for row in rows] == [
        # 333.33 x 0.6 = 199.998.
        (
            "FY2026-Q3",
            date(2026, 7, 1),
            "(none)",
            "mid_market",
            1,
            *map(number, ("333.33", "200.00", "133.33", "0", "333.33", "0")),
        ),
        (
            "FY2026-Q3",
            date(2026, 7, 1),
            "North",
            "enterprise",
            1,
            *map(number, ("1000.00", "900.00", "100.00", "1000.00", "0", "0")),
        ),
        # A tenth of 100.05 and of 0.10 is 10.015, rounded once; the rest is 90.135.
        (
            "FY2027-Q2",
            date(2027, 4, 1),
            "North",
            "smb",
            2,
            *map(number, ("100.15", "10.02", "90.14", "0", "0", "100.15")),
        ),
    ]
    assert {row["gross_retention_pct"] for row in rows} == {None}


def test_retention_to_date_by_hand(tmp_path: Path) -> None:
    """Contracts that ended in the quarter, by what followed them."""
    customers = Customers()
    customers.add("a")
    # 100 after 100, 200 after 100, 40 after 100, none after 100; credits are nothing to keep.
    for product, ended, new in (("A", 30, "100"), ("B", 0, "200"), ("C", 60, "40"), ("D", 90, None), ("E", 5, "7")):
        amount = "-50" if product == "E" else "100"
        customers.contract("a", ended + 364, ended, amount, product=product)
        if new is not None:
            customers.contract("a", ended - 30, ended - 394, new, product=product)
    # Ended a quarter earlier, followed by two: the latest-ending counts. Two years for 200 are 100 a year.
    customers.contract("a", 91 + 730, 91, "200.27", product="F")
    customers.contract("a", 90, -100, "10", product="F")
    customers.contract("a", 90, -200, "60", product="F")
    # Followed too late.
    customers.contract("a", 120 + 364, 120, "100", product="G")
    customers.contract("a", 89, -300, "100", product="G")
    with built(customers.world(tmp_path), tmp_path, "renewal_forecast") as con:
        rows = rows_of(con, "select * from published.renewal_forecast order by quarter_starts_on")
    told = {
        row["fiscal_quarter"]: (
            row["contracts_ended"],
            row["contracts_renewed"],
            row["gross_retention_pct"],
            row["net_retention_pct"],
        )
        for row in rows
        if row["contracts_ended"]
    }
    # Term 731 days: 200.27 x 365 / 731 = 99.998016 a year. The follower's 290 days bring 60, as ARR has it.
    # Gross 60 / (100 + 99.998016), net the same.
    assert told["FY2026-Q1"] == (2, 1, number("30.000298"), number("30.000298"))
    # 1 April is 90 days ago. Gross (100 + 100 + 40) / 400, net (100 + 200 + 40) / 400.
    assert told["FY2026-Q2"] == (4, 3, number("60"), number("85"))
    assert told.keys() == {"FY2026-Q1", "FY2026-Q2"}


def test_accounts_without_a_score_renew_too(tmp_path: Path) -> None:
    """The three CRM reports alone give the way to a renewal, and the ARR of the forecast without a loss."""
    customers = Customers("opportunities", "contacts", "signals", "tickets", "usage", "survey_responses", "invoices")
    customers.add("unknown", renews_in=100, arr="500")
    customers.call(customers.add("called-red", renews_in=100, arr="200000"), "RED")
    with built(customers.world(tmp_path), tmp_path, *TABLES) as con:
        plans = rows_of(con, "select * from published.retention_plans")
        (forecast,) = rows_of(con, "select * from published.renewal_forecast")
        decisions = rows_of(con, "select * from published.executive_decisions")
    assert {row["step"] for row in of(plans, "unknown")} == TIMELINE.keys()
    assert {row["requires_review"] for row in of(plans, "unknown")} == {False}
    assert {row["requires_review"] for row in of(plans, "called-red")} == {True}
    columns = ("accounts", "arr_up_for_renewal", "expected_churned_arr", "expected_retained_arr", "arr_without_score")
    assert [forecast[column] for column in columns] == [2, 200500, 0, 200500, 200500]
    assert [(row["account_id"], row["decision"]) for row in decisions] == [("called-red", "red_large_account")]
