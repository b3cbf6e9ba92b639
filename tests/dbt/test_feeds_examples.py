"""Feeds by hand: what sales, product management, finance and marketing are told, with an account for each edge.

Scores are those of coloured_accounts.py: 82.6, or 90.1 for a reference customer, unless a test says how they change.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.dbt.coloured_accounts import Customers, built, day, number
from tests.support.compiled import rows_of
from tests.support.inputs import Row

TABLES = ("feed_sales", "feed_product", "feed_finance", "feed_marketing")
Tables = dict[str, list[Row]]


def failing(customers: Customers, account_id: str, **more: object) -> None:
    """Three tickets escalated and rated 0: (25 × 7/16 + 5.4545 + 15 × 6/10) / 55 = 46.2, tier critical."""
    customers.add(account_id, **more)
    for _ in range(3):
        customers.ticket(account_id, 5, escalated=True, csat=number("0"))


def sold(customers: Customers) -> None:
    customers.add("plain", renews_in=50, arr="1000")
    customers.add("no-renewal", renews_in=None)
    site = {"new_site_planned": True, "new_site_arr": number("60000"), "reference_customer": True}
    customers.add("handed", **site)
    customers.signal("handed", "feature_request", 5, note="  Single\tSign-on ")
    customers.usage("handed", 0, services_used="1", services_contracted="2")
    customers.add("waiting", **site)
    failing(customers, "shaky", colour="RED", renews_in=50)
    customers.scored_before("shaky", 7, "90")


def asked(customers: Customers) -> None:
    customers.add("asks", arr="5000")
    for note, days in (("single sign-on", 179), ("SINGLE SIGN-ON", 3), (None, 3), (" ", 4), ("dark mode", 180)):
        customers.signal("asks", "feature_request", days, note=note)
    customers.signal("asks", "rfp", 3, note="single sign-on")
    customers.add("gone", arr="7000", lifecycle="churned")
    customers.signal("gone", "feature_request", 3, note="dark mode")


def growing(customers: Customers) -> None:
    """Twenty users before: twenty-one are five in a hundred more. Users of the last day alone are a mean."""
    for name, now in (("grows-5", "21"), ("grows-4.9", "20.98")):
        customers.add(name, reference_customer=True)
        customers.usage(name, 0, active_users=now)
        customers.usage(name, 30, active_users="20")
    customers.add("grows-but-low")
    customers.usage("grows-but-low", 0, active_users="30")
    customers.usage("grows-but-low", 30, active_users="20")


def billed(customers: Customers) -> None:
    customers.add("owes", arr="3650")
    customers.invoice("owes", 200, 150, status="failed", amount=number("100"), invoice_id="i-failed")
    customers.invoice("owes", 20, 10, status="disputed", amount=number("200"), invoice_id="i-disputed")
    customers.invoice("owes", 31, 1, status="open", amount=number("300.50"), invoice_id="i-overdue")
    customers.invoice("owes", 30, 0, status="open", amount=number("400"), invoice_id="i-due-today")
    customers.invoice("owes", 30, 2, status="paid", paid_on=day(1), amount=number("500"), invoice_id="i-paid")
    customers.invoice("owes", 30, None, status="open", amount=number("600"), invoice_id="i-never-due")
    customers.invoice("owes", 3, 1, status="failed", amount=number("7"), currency="XTS", invoice_id="i-no-rate")
    # Due in the last 90 days: 4 and 0 days late, 10 while open. In the 90 before: 2.
    customers.add("slower")
    customers.invoice("slower", 100, 89, paid_on=day(85), status="paid")
    customers.invoice("slower", 60, 50, paid_on=day(55), status="paid")
    customers.invoice("slower", 60, 10, status="open")
    customers.invoice("slower", 100, 90, paid_on=day(88), status="paid")
    customers.invoice("slower", 190, 179, paid_on=day(177), status="paid")
    customers.invoice("slower", 190, 180, paid_on=day(1), status="paid")
    customers.invoice("slower", 40, 20, status="paid")
    customers.add("faster")
    customers.invoice("faster", 60, 40, paid_on=day(40), status="paid")
    customers.invoice("faster", 160, 140, paid_on=day(130), status="paid")
    customers.add("steady")
    customers.invoice("steady", 60, 40, paid_on=day(39), status="paid")
    customers.invoice("steady", 160, 140, paid_on=day(139), status="paid")
    customers.add("left-owing", lifecycle="churned")
    customers.invoice("left-owing", 60, 40, status="open", amount=number("9"))
    customers.add("left-paid", lifecycle="churned")
    customers.invoice("left-paid", 60, 40, paid_on=day(40), status="paid", amount=number("9"))
    # Paid after as_of: open until then.
    customers.add("pays-tomorrow")
    customers.invoice("pays-tomorrow", 60, 40, paid_on=day(-1), status="paid", amount=number("9"))


def advocates(customers: Customers) -> None:
    """A reference and a promoter scores 92.3, and so is healthy; a promoter alone 85.7."""

    def promoter(account_id: str, *, answer: str = "9", years: int = 4000, **more: object) -> str:
        customers.add(account_id, customer_since=day(years), **more)
        customers.row(
            *("survey_responses", account_id),
            survey_id=f"n-{account_id}",
            sent_on=day(20),
            responded_on=day(10),
            score=number(answer),
        )
        return account_id

    promoter("promoter")
    promoter("passive", answer="8.99", reference_customer=True)
    # 730 days are 1.9986 years, 731 are 2.0014. An expansion won makes up for what short tenure lacks.
    promoter("young-reference", years=730, reference_customer=True)
    for name, years in (("two-years", 731), ("nearly-two-years", 730)):
        promoter(name, years=years)
        customers.opportunity(name, 300, type="expansion", is_closed=True, is_won=True, close_date=day(5))
    for name, resolved in (("blocked", None), ("unblocked", day(1))):
        promoter(name, reference_customer=True)
        customers.signal(name, "blocker", 5, severity="minor", resolved_on=resolved)
    promoter("expanded", reference_customer=True, sla_target_pct=number("99"))
    customers.opportunity("expanded", 300, type="expansion", is_closed=True, is_won=True, close_date=day(5))
    customers.usage("expanded", 0, uptime_pct="99.95", services_used="4", services_contracted="5")
    customers.add("silent", reference_customer=True)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    folder, customers = tmp_path_factory.mktemp("feeds"), Customers()
    for fill in (sold, asked, growing, billed, advocates):
        fill(customers)
    with built(customers.world(folder), folder, *TABLES) as con:
        return {table: rows_of(con, f"select * from published.{table}") for table in TABLES}


def by(tables: Tables, table: str, account_id: str) -> Row:
    (row,) = [row for row in tables[table] if row["account_id"] == account_id]
    return row


def figures(row: Row, *names: str) -> tuple[object, ...]:
    return tuple(row[name] for name in names)


FORECAST = ("renewal_date", "renewal_quarter", "arr", "expected_churned_arr", "expected_retained_arr")


def test_sales_hears_of_churn_and_renewal(tables: Tables) -> None:
    plain = by(tables, "feed_sales", "plain")
    assert figures(plain, "score", "tier", "is_at_risk", "churn_probability") == (number("82.6"), "stable", False, 30)
    assert figures(plain, *FORECAST) == (date(2026, 8, 19), "FY2026-Q3", 1000, 300, 700)
    gone = by(tables, "feed_sales", "no-renewal")
    assert figures(gone, *FORECAST) == (None, None, 0, None, None)
    shaky = by(tables, "feed_sales", "shaky")
    assert figures(shaky, "score", "tier", "change_week", "is_at_risk") == (
        *(number("46.2"), "critical"),
        *(number("-43.8"), True),
    )
    assert figures(shaky, "newly_at_risk", "churn_probability", "expected_churned_arr") == (True, 90, 900)


def test_sales_gets_qualified_expansions(tables: Tables) -> None:
    """A new site comes before unused services; a request qualifies it."""
    names = ("expansion_type", "is_handed_off", "expansion_priority", "expansion_potential_arr")
    assert figures(by(tables, "feed_sales", "handed"), *names) == ("new_site", True, "HIGH", 60000)
    assert figures(by(tables, "feed_sales", "waiting"), *names) == ("new_site", False, "HIGH", 60000)
    assert figures(by(tables, "feed_sales", "plain"), *names) == (None, False, None, None)
    worth = ("expansion_expected_arr", "expansion_close_probability", "expansion_verified_by")
    assert figures(by(tables, "feed_sales", "handed"), *worth) == (51000, number("0.85"), "AE")


def product(tables: Tables, section: str, *names: str) -> list[tuple[object, ...]]:
    rows = sorted((row for row in tables["feed_product"] if row["section"] == section), key=lambda row: row["rank"])
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    return [figures(row, *names) for row in rows]


def test_product_hears_what_is_used(tables: Tables) -> None:
    assert product(tables, "usage", "account_id", "services_used", "services_contracted", "service_adoption") == [
        ("handed", 1, 2, 50),
        ("expanded", 4, 5, 80),
        *((name, None, None, None) for name in ("grows-4.9", "grows-5", "grows-but-low")),
    ]
    trends = dict(product(tables, "usage", "account_id", "usage_trend"))
    assert trends == {
        **{"handed": None, "expanded": None, "grows-5": 5, "grows-but-low": 50},
        "grows-4.9": number("4.9"),
    }
    reasons = dict(product(tables, "usage", "account_id", "reason"))
    assert reasons["handed"] == "1 of 2 services used on 30 June 2026; trend of users not known"
    assert reasons["grows-4.9"] == "adoption not known; active users up 4.9 %"


def test_product_hears_what_is_asked_for(tables: Tables) -> None:
    """A theme is the note without case and extra spaces; the 180th day counts no more, nor an account that has left."""
    columns = ("theme", "requests", "accounts", "arr", "latest_request_on")
    assert product(tables, "theme", *columns) == [
        ("single sign on", 3, 2, 6000, day(3)),
        ("unspecified", 2, 1, 5000, day(3)),
    ]
    assert product(tables, "request", "account_id", *columns) == [
        ("asks", "single sign on", 2, 1, 5000, day(3)),
        ("asks", "unspecified", 2, 1, 5000, day(3)),
        ("handed", "single sign on", 1, 1, 1000, day(5)),
    ]


def test_beta_candidates_score_high_and_grow(tables: Tables) -> None:
    (candidate,) = product(tables, "beta_candidate", "account_id", "arr", "reason")
    assert candidate == ("grows-5", 1000, "score of 90.1; adoption not known; active users up 5 %")


def test_finance_hears_of_unpaid_invoices(tables: Tables) -> None:
    owes = by(tables, "feed_finance", "owes")
    assert owes["has_billing_alert"]
    assert figures(owes, "failed_invoices", "failed_amount") == (2, 100)
    assert figures(owes, "disputed_invoices", "disputed_amount") == (1, 200)
    assert figures(owes, "overdue_invoices", "overdue_amount") == (1, number("300.50"))
    assert figures(owes, "alert_amount", "oldest_due_on") == (number("600.50"), day(150))
    assert owes["billing_evidence"] == (
        "invoice i-failed of 100 USD failed, due 31 January 2026; invoice i-overdue of 300.50 USD overdue, due 29"
        " June 2026; invoice i-disputed of 200 USD disputed, due 20 June 2026; invoice i-no-rate of unknown amount"
        " failed, due 29 June 2026"
    )
    none = by(tables, "feed_finance", "plain")
    assert figures(none, "has_billing_alert", "failed_invoices", "alert_amount") == (False, 0, None)
    assert none["billing_evidence"] == "no invoice failed, disputed or overdue"


def test_finance_hears_of_invoices_of_those_who_left(tables: Tables) -> None:
    left = by(tables, "feed_finance", "left-owing")
    assert figures(left, "overdue_amount", "tier", "at_risk_arr", "expected_churned_arr") == (9, None, None, None)
    assert "left-paid" not in {row["account_id"] for row in tables["feed_finance"]}
    assert by(tables, "feed_finance", "pays-tomorrow")["overdue_amount"] == 9


def test_finance_hears_what_is_at_risk(tables: Tables) -> None:
    names = ("at_risk_arr", "churn_probability", "expected_churned_arr", "lifetime_value")
    assert figures(by(tables, "feed_finance", "shaky"), *names) == (1000, 90, 900, number("1111.11"))
    assert figures(by(tables, "feed_finance", "plain"), *names) == (0, 30, 300, number("3333.33"))


@pytest.mark.parametrize(
    ("account_id", "expected"),
    [
        # (4 + 0 + 10) / 3 against (2 + 2) / 2: due 180 days ago is before both, paid without a date isn't told.
        ("slower", (3, number("4.666667"), 2, 2, number("2.666667"), "later")),
        ("faster", (1, 0, 1, 10, -10, "sooner")),
        ("steady", (1, 1, 1, 1, 0, "as before")),
        ("pays-tomorrow", (1, 40, 0, None, None, None)),
        ("plain", (0, None, 0, None, None, None)),
    ],
)
def test_payment_trend(tables: Tables, account_id: str, expected: tuple[object, ...]) -> None:
    names = ("invoices_due", "mean_days_late", "invoices_due_before", "mean_days_late_before", "days_late_change")
    assert figures(by(tables, "feed_finance", account_id), *names, "payment_trend") == expected


def test_marketing_hears_who_may_speak_for_us(tables: Tables) -> None:
    rows = sorted(tables["feed_marketing"], key=lambda row: row["rank"])
    assert [row["account_id"] for row in rows] == ["expanded", "unblocked", "young-reference", "promoter", "two-years"]
    assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5]
    names = ("is_reference", "nps", "nps_answered_on", "score", "service_adoption", "uptime_pct", "expansions")
    assert figures(rows[0], *names) == (True, 9, day(10), number("97.3"), 80, number("99.95"), 1)
    assert rows[0]["reason"] == (
        "answered 9 of 10 on 20 June 2026, reference customer, customer for 11 years, score of 97.3, uptime of 99.95 %,"
        " uses 80 % of its services, expanded 1 time"
    )


def test_without_a_source_nothing_is_told_of_it(tmp_path: Path) -> None:
    customers = Customers("signals", "usage", "invoices")
    advocates(customers)
    asked(customers)
    billed(customers)
    with built(customers.world(tmp_path), tmp_path, *TABLES) as con:
        rows = {table: rows_of(con, f"select * from published.{table}") for table in TABLES}
    assert rows["feed_marketing"] == []
    assert rows["feed_product"] == []
    told = {figures(row, "failed_invoices", "invoices_due", "billing_evidence") for row in rows["feed_finance"]}
    assert told == {(None, None, "not known: invoices can not be used")}
    assert rows["feed_sales"]
