"""The oracles of score, churn and expansion against cases worked out by hand, so that they may judge the models."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from tests.support.inputs import account, activity, contract
from tests.support.oracle_churn import ChurnOracle
from tests.support.oracle_expansion import ExpansionOracle
from tests.support.oracle_facts import Facts, rounded
from tests.support.oracle_health_score import MEASURES, HealthOracle, band_gains, score_of

AS_OF = date(2026, 6, 30)
CALENDAR = {"time_zone": "America/New_York", "fiscal_year_start_month": 4, "reporting_currency": "USD"}
BEST = {
    "ticket_volume": "2.999999",
    "escalation_rate": "0",
    "resolution_hours": "3.999999",
    "sla_adherence": "95.000001",
    "csat": "4.500001",
    "qbr_attendance": "100",
    "email_response_hours": "23.999999",
    "portal_logins": "4.000001",
    "meeting_acceptance": "80.000001",
    "capacity_utilisation": "80",
    "uptime_vs_sla": "0",
    "service_adoption": "80",
    "usage_trend": "5",
    "tenure_years": "5",
    "expansions": "3",
    "reference": "1",
    "nps": "9",
    "tone": "0.25",
    "escalations": "0",
    "competitive": "0",
    "budget_pressure": "0",
}


def values(**changes: str | None) -> dict[str, Decimal | None]:
    """The best of each measure but for `changes`."""
    return {name: None if value is None else Decimal(value) for name, value in (BEST | changes).items()}


def ago(days: int) -> date:
    return AS_OF - timedelta(days=days)


def facts(**streams: list[dict[str, Any]]) -> Facts:
    """A world of one account with a contract that ends in 100 days."""
    base = {
        "accounts": [account("A", sla_target_pct=Decimal("99.9"))],
        "contracts": [contract("C", "A", ago(265), ago(-100), "120000")],
        "activities": [],
    }
    return Facts(AS_OF, base | streams, CALENDAR)


@pytest.mark.parametrize(
    ("exact", "digits", "expected"),
    [("0.0000005", 6, "0.000001"), ("-0.0000005", 6, "-0.000001"), ("0.00000049", 6, "0"), ("79.95", 1, "80.0")],
)
def test_halves_go_away_from_zero(exact: str, digits: int, expected: str) -> None:
    assert rounded(Fraction(exact), digits) == Decimal(expected)


def test_the_maxima_are_the_weights() -> None:
    assert sum(measure.maximum for measure in MEASURES.values()) == 100
    assert all(measure.bands[0][1] == measure.maximum for measure in MEASURES.values())


def test_the_best_of_everything_is_100() -> None:
    row = score_of(values())
    assert (row["score"], row["score_low"], row["score_high"]) == (100, 100, 100)
    assert (row["status"], row["tier"], row["confidence"]) == ("GREEN", "healthy", "high")


def test_a_missing_dimension_scales_the_others() -> None:
    # Usage has only its trend left, 4 of 20: not available. 20 of 25, 25, 15 and 15 are 75 of 80: 93.75.
    gone = dict.fromkeys(("capacity_utilisation", "uptime_vs_sla", "service_adoption"))
    row = score_of(values(**gone, resolution_hours="30"))
    assert (row["score"], row["product_usage"], row["support_quality"]) == (Decimal("93.8"), None, 20)
    assert (row["score_low"], row["score_high"], row["confidence"]) == (79, 95, "medium")


def test_a_missing_measure_scales_its_dimension() -> None:
    # 15 of the 18 points that are there, of 25: 20.8333; with the 75 of the others 95.8333.
    row = score_of(values(ticket_volume=None, sla_adherence="90", csat="3.5"))
    assert (row["support_quality"], row["score"]) == (Decimal("20.8"), Decimal("95.8"))
    assert (row["score_low"], row["score_high"]) == (90, 97)


def test_half_of_a_dimension_makes_it_available() -> None:
    # Relationship: 7 of 15 aren't half; with NPS in the place of the reference they are 8.
    assert score_of(values(expansions=None, nps=None))["relationship"] is None
    assert score_of(values(expansions=None, reference=None))["relationship"] == 15


def test_nothing_at_all_is_no_score() -> None:
    row = score_of(dict.fromkeys(BEST))
    assert (row["score"], row["status"], row["tier"], row["confidence"]) == (None, None, None, "low")
    assert (row["score_low"], row["score_high"]) == (0, 100)


def test_what_one_band_better_adds() -> None:
    gains = band_gains(values(qbr_attendance="75", csat=None, capacity_utilisation="9"))
    assert (gains["qbr_attendance"], gains["csat"], gains["capacity_utilisation"]) == (3, None, 2)
    assert gains["tone"] == 0


def test_local_days_make_windows() -> None:
    """In New York 2026-04-02T03:59 is 1 April, 90 days before 30 June: out; a minute later is in."""
    tickets = [
        {"ticket_id": "1", "account_id": "A", "created_at": datetime(2026, 4, 2, 3, 59)},
        {"ticket_id": "2", "account_id": "A", "created_at": datetime(2026, 4, 2, 4, 0)},
        {"ticket_id": "3", "account_id": "A", "created_at": datetime(2026, 7, 1, 3, 59)},
        {"ticket_id": "4", "account_id": "A", "created_at": datetime(2026, 7, 1, 4, 0)},
    ]
    assert HealthOracle(facts(tickets=tickets)).values["A"]["ticket_volume"] == Decimal("0.666667")


def test_chains_end_where_nothing_follows() -> None:
    contracts = [
        contract("C1", "A", ago(100), ago(-10)),
        contract("C2", "A", ago(-40), ago(-200)),
        contract("C3", "A", ago(-231), ago(-500)),
        contract("C4", "A", ago(-40), ago(-300), product="Other"),
    ]
    assert facts(contracts=contracts).days_to_renewal("A") == 200
    contracts[2]["start_date"] = ago(-230)
    assert facts(contracts=contracts).days_to_renewal("A") == 500


def test_arr_is_by_the_year() -> None:
    contracts = [
        contract("C1", "A", ago(0), ago(-365), "1000"),
        contract("C2", "A", ago(0), ago(-366), "1000"),
        contract("C3", "A", ago(10), ago(1), "1000"),
    ]
    assert facts(contracts=contracts).arr("A") == Decimal("1994.55")


def test_churn_of_a_red_account_at_the_cap() -> None:
    signals = [
        {"signal_id": str(number), "account_id": "A", "signal_type": kind, "observed_on": ago(89)}
        for number, kind in enumerate(("rfp", "cost_reduction", "outage"))
    ]
    # Two meetings nobody came to: engagement alone is available, and has nothing.
    held = [activity(str(n), "A", ago(n), type="qbr", status="no_show") for n in (1, 2)]
    held += [activity(f"m{n}", "A", ago(n), type="email", response_hours=Decimal(100)) for n in (1, 2)]
    churn = ChurnOracle(HealthOracle(facts(signals=signals, activities=held))).churn["A"]
    # 70 + 10 for a renewal in 100 days + 25 + 10 + 15: the cap.
    assert (churn["base"], churn["renewal_addition"], churn["churn_probability"]) == (70, 10, 95)
    assert churn["expected_loss"] == 114_000
    assert churn["lifetime_value"] == Decimal("126315.79")
    assert churn["intervention_priority"] == 57_000


def test_offer_never_promises_less_than_before() -> None:
    for target, enhanced in (("99.9", "99.95"), ("99.95", "99.99"), ("99.995", "99.995")):
        usage = [{"account_id": "A", "usage_date": AS_OF, "uptime_pct": Decimal("98")}]
        accounts = [account("A", sla_target_pct=Decimal(target))]
        held = [activity("1", "A", ago(1), type="qbr", status="no_show")]
        held += [activity("2", "A", ago(1), type="email", response_hours=Decimal(100))]
        oracle = ChurnOracle(HealthOracle(facts(accounts=accounts, usage=usage, activities=held)))
        assert oracle.offers["A", "enhanced_sla"] == Decimal(enhanced)


def test_expansion_of_a_green_account() -> None:
    accounts = [account("A", new_site_planned=True, new_site_arr=Decimal("40000"), customer_since=ago(4000))]
    held = [activity("1", "A", ago(1), type="qbr", sentiment=Decimal(1))]
    held += [activity("2", "A", ago(1), type="email", response_hours=Decimal(1))]
    row = ExpansionOracle(HealthOracle(facts(accounts=accounts, activities=held))).pipeline["A", "new_site"]
    assert (row["close_probability"], row["expected_arr"]) == (Decimal("0.85"), 34_000)
    assert (row["priority"], row["is_primary"], row["qualified"]) == ("HIGH", True, False)
