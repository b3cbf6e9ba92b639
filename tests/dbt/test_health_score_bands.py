"""Every band edge of every measure, worked out by hand: the value an account's records make and the points it earns.

One world holds an account a case. Values that no whole records can make exactly are made with 6-decimal inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.support.compiled import compiled_models, rows_of
from tests.support.inputs import Row, World, account, activity, contract

AS_OF = date(2026, 6, 30)
NOON = datetime(2026, 6, 1, 12)
Rows = dict[str, list[Row]]
Maker = Callable[[str], Rows]


def day(days_ago: int) -> date:
    return AS_OF - timedelta(days=days_ago)


def tickets(count: int, flagged: int = 0, **flag: Any) -> Maker:
    """`count` tickets of June; the first `flagged` of them have `flag`."""

    def make(account_id: str) -> Rows:
        return {
            "tickets": [
                {"ticket_id": f"{account_id}-{number}", "account_id": account_id, "created_at": NOON}
                | (flag if number < flagged else {})
                for number in range(count)
            ]
        }

    return make


def shares(yes: int, no: int, column: str) -> Maker:
    """Tickets of which `yes` have `column` true and `no` have it false."""

    def make(account_id: str) -> Rows:
        return {
            "tickets": [
                {
                    "ticket_id": f"{account_id}-{number}",
                    "account_id": account_id,
                    "created_at": NOON,
                    column: number < yes,
                }
                for number in range(yes + no)
            ]
        }

    return make


def solved_after(microseconds: int) -> Maker:
    def make(account_id: str) -> Rows:
        solved_at = NOON + timedelta(microseconds=microseconds)
        return {
            "tickets": [{"ticket_id": account_id, "account_id": account_id, "created_at": NOON, "solved_at": solved_at}]
        }

    return make


def activities(*rows: dict[str, Any]) -> Maker:
    def make(account_id: str) -> Rows:
        base = {"subject": "Call", "has_attachment": False}
        return {
            "activities": [
                activity(f"{account_id}-{number}", account_id, NOON, **(base | row)) for number, row in enumerate(rows)
            ]
        }

    return make


def qbrs(completed: int, missed: int) -> Maker:
    rows = [{"type": "qbr", "status": "completed"}] * completed + [{"type": "qbr", "status": "no_show"}] * missed
    return activities(*rows)


def meetings(accepted: int, refused: int) -> Maker:
    return activities(
        *[{"type": "meeting", "accepted": True}] * accepted, *[{"type": "meeting", "accepted": False}] * refused
    )


def usage(*rows: dict[str, Any], **facts: Any) -> Maker:
    """Usage rows by `days_ago`; `facts` are of the account."""

    def make(account_id: str) -> Rows:
        return {
            "usage": [
                {"account_id": account_id, "usage_date": day(row.get("days_ago", 0))}
                | {name: Decimal(str(value)) for name, value in row.items() if name != "days_ago"}
                for row in rows
            ],
            "accounts": [facts],
        }

    return make


def facts(**values: Any) -> Maker:
    return lambda account_id: {"accounts": [values]}


def signals(*types: str) -> Maker:
    return lambda account_id: {
        "signals": [
            {"signal_id": f"{account_id}-{n}", "account_id": account_id, "signal_type": kind, "observed_on": day(5)}
            for n, kind in enumerate(types)
        ]
    }


def expansions(won: int) -> Maker:
    return lambda account_id: {
        "opportunities": [
            {
                "opportunity_id": f"{account_id}-{number}",
                "account_id": account_id,
                "type": "expansion",
                "created_on": day(500),
                "close_date": day(400),
                "is_closed": True,
                "is_won": True,
            }
            for number in range(won)
        ]
    }


def answer(score: str) -> Maker:
    return lambda account_id: {
        "survey_responses": [
            {
                "survey_id": account_id,
                "account_id": account_id,
                "sent_on": day(20),
                "responded_on": day(10),
                "score": Decimal(score),
            }
        ]
    }


def csat(value: str) -> Maker:
    return tickets(1, 1, csat=Decimal(value))


def hours(value: str) -> Maker:
    return activities({"type": "email", "response_hours": Decimal(value)})


def tone(value: str) -> Maker:
    return activities({"sentiment": Decimal(value)})


def trend(now: str) -> Maker:
    return usage({"active_users": now}, {"days_ago": 28, "active_users": 100})


_HOUR = 3_600_000_000

# measure, what makes it, its value, its points
CASES: list[tuple[str, Maker, str, int]] = [
    ("ticket_volume", tickets(0), "0", 7),
    ("ticket_volume", tickets(8), "2.666667", 7),
    ("ticket_volume", tickets(9), "3", 5),
    ("ticket_volume", tickets(18), "6", 5),
    ("ticket_volume", tickets(19), "6.333333", 3),
    ("ticket_volume", tickets(30), "10", 3),
    ("ticket_volume", tickets(31), "10.333333", 0),
    ("escalation_rate", tickets(0), "0", 6),
    ("escalation_rate", tickets(51, 1, escalated=True), "1.960784", 6),
    ("escalation_rate", tickets(50, 1, escalated=True), "2", 4),
    ("escalation_rate", tickets(40, 2, escalated=True), "5", 4),
    ("escalation_rate", tickets(39, 2, escalated=True), "5.128205", 2),
    ("escalation_rate", tickets(10, 1, escalated=True), "10", 2),
    ("escalation_rate", tickets(9, 1, escalated=True), "11.111111", 0),
    ("resolution_hours", solved_after(4 * _HOUR - 3_600), "3.999999", 5),
    ("resolution_hours", solved_after(4 * _HOUR - 1), "4", 3),
    ("resolution_hours", solved_after(8 * _HOUR), "8", 3),
    ("resolution_hours", solved_after(8 * _HOUR + 3_600), "8.000001", 1),
    ("resolution_hours", solved_after(24 * _HOUR), "24", 1),
    ("resolution_hours", solved_after(24 * _HOUR + 3_600), "24.000001", 0),
    ("sla_adherence", shares(24, 1, "sla_met"), "96", 4),
    ("sla_adherence", shares(19, 1, "sla_met"), "95", 3),
    ("sla_adherence", shares(9, 1, "sla_met"), "90", 3),
    ("sla_adherence", shares(8, 1, "sla_met"), "88.888889", 2),
    ("sla_adherence", shares(17, 3, "sla_met"), "85", 2),
    ("sla_adherence", shares(16, 3, "sla_met"), "84.210526", 0),
    ("csat", csat("4.500001"), "4.500001", 3),
    ("csat", csat("4.5"), "4.5", 2),
    ("csat", csat("4"), "4", 2),
    ("csat", csat("3.999999"), "3.999999", 1),
    ("csat", csat("3.5"), "3.5", 1),
    ("csat", csat("3.499999"), "3.499999", 0),
    ("qbr_attendance", qbrs(1, 0), "100", 10),
    ("qbr_attendance", qbrs(3, 1), "75", 7),
    ("qbr_attendance", qbrs(2, 1), "66.666667", 4),
    ("qbr_attendance", qbrs(1, 1), "50", 4),
    ("qbr_attendance", qbrs(1, 2), "33.333333", 0),
    ("email_response_hours", hours("23.999999"), "23.999999", 8),
    ("email_response_hours", hours("24"), "24", 5),
    ("email_response_hours", hours("48"), "48", 5),
    ("email_response_hours", hours("48.000001"), "48.000001", 2),
    ("email_response_hours", hours("72"), "72", 2),
    ("email_response_hours", hours("72.000001"), "72.000001", 0),
    ("portal_logins", usage({"logins": "12.000003"}), "4.000001", 4),
    ("portal_logins", usage({"logins": 12}), "4", 3),
    ("portal_logins", usage({"logins": 6}), "2", 3),
    ("portal_logins", usage({"logins": 5}), "1.666667", 1),
    ("portal_logins", usage({"logins": 3}), "1", 1),
    ("portal_logins", usage({"logins": 0}), "0", 0),
    ("meeting_acceptance", meetings(5, 1), "83.333333", 3),
    ("meeting_acceptance", meetings(4, 1), "80", 2),
    ("meeting_acceptance", meetings(3, 2), "60", 2),
    ("meeting_acceptance", meetings(1, 1), "50", 1),
    ("meeting_acceptance", meetings(2, 3), "40", 1),
    ("meeting_acceptance", meetings(1, 2), "33.333333", 0),
    ("capacity_utilisation", usage({"capacity_used_pct": "9.999999"}), "9.999999", 0),
    ("capacity_utilisation", usage({"capacity_used_pct": 10}), "10", 2),
    ("capacity_utilisation", usage({"capacity_used_pct": "19.999999"}), "19.999999", 2),
    ("capacity_utilisation", usage({"capacity_used_pct": 20}), "20", 4),
    ("capacity_utilisation", usage({"capacity_used_pct": "39.999999"}), "39.999999", 4),
    ("capacity_utilisation", usage({"capacity_used_pct": 40}), "40", 6),
    ("capacity_utilisation", usage({"capacity_used_pct": 80}), "80", 6),
    ("capacity_utilisation", usage({"capacity_used_pct": "80.000001"}), "80.000001", 4),
    ("capacity_utilisation", usage({"capacity_used_pct": 90}), "90", 4),
    ("capacity_utilisation", usage({"capacity_used_pct": "90.000001"}), "90.000001", 2),
    ("capacity_utilisation", usage({"capacity_used_pct": 95}), "95", 2),
    ("capacity_utilisation", usage({"capacity_used_pct": "95.000001"}), "95.000001", 0),
    ("uptime_vs_sla", usage({"uptime_pct": "99.9"}, sla_target_pct=Decimal("99.9")), "0", 5),
    ("uptime_vs_sla", usage({"uptime_pct": "99.899999"}, sla_target_pct=Decimal("99.9")), "-0.000001", 3),
    ("uptime_vs_sla", usage({"uptime_pct": "99.8"}, sla_target_pct=Decimal("99.9")), "-0.1", 3),
    ("uptime_vs_sla", usage({"uptime_pct": "99.799999"}, sla_target_pct=Decimal("99.9")), "-0.100001", 1),
    ("uptime_vs_sla", usage({"uptime_pct": "99.4"}, sla_target_pct=Decimal("99.9")), "-0.5", 1),
    ("uptime_vs_sla", usage({"uptime_pct": "99.399999"}, sla_target_pct=Decimal("99.9")), "-0.500001", 0),
    # The mean is 99.7999995: rounded first it would be 99.8 and a band better.
    (
        "uptime_vs_sla",
        usage({"uptime_pct": "99.8"}, {"days_ago": 1, "uptime_pct": "99.799999"}, sla_target_pct=Decimal("99.9")),
        "-0.100001",
        1,
    ),
    ("service_adoption", usage({"services_used": 8, "services_contracted": 10}), "80", 5),
    ("service_adoption", usage({"services_used": 7, "services_contracted": 9}), "77.777778", 3),
    ("service_adoption", usage({"services_used": 6, "services_contracted": 10}), "60", 3),
    ("service_adoption", usage({"services_used": 5, "services_contracted": 9}), "55.555556", 1),
    ("service_adoption", usage({"services_used": 4, "services_contracted": 10}), "40", 1),
    ("service_adoption", usage({"services_used": 3, "services_contracted": 8}), "37.5", 0),
    ("usage_trend", trend("105"), "5", 4),
    ("usage_trend", trend("104.999999"), "4.999999", 3),
    ("usage_trend", trend("95.000001"), "-4.999999", 3),
    ("usage_trend", trend("95"), "-5", 1),
    ("usage_trend", trend("85.000001"), "-14.999999", 1),
    ("usage_trend", trend("85"), "-15", 0),
    ("tenure_years", facts(customer_since=day(1827)), "5.002053", 4),
    ("tenure_years", facts(customer_since=day(1826)), "4.999316", 3),
    ("tenure_years", facts(customer_since=day(1096)), "3.000684", 3),
    ("tenure_years", facts(customer_since=day(1095)), "2.997947", 2),
    ("tenure_years", facts(customer_since=day(366)), "1.002053", 2),
    ("tenure_years", facts(customer_since=day(365)), "0.999316", 1),
    ("tenure_years", facts(customer_since=AS_OF), "0", 1),
    ("tenure_years", facts(customer_since=day(-1)), "-0.002738", 0),
    ("tenure_years", facts(), "0.821355", 1),
    ("expansions", expansions(3), "3", 4),
    ("expansions", expansions(2), "2", 2),
    ("expansions", expansions(1), "1", 2),
    ("expansions", expansions(0), "0", 0),
    ("reference", facts(reference_customer=True), "1", 3),
    ("reference", facts(reference_customer=False), "0", 0),
    ("reference", facts(), "0", 0),
    ("nps", answer("9"), "9", 4),
    ("nps", answer("8.999999"), "8.999999", 2),
    ("nps", answer("7"), "7", 2),
    ("nps", answer("6.999999"), "6.999999", 0),
    ("tone", tone("0.25"), "0.25", 5),
    ("tone", tone("0.249999"), "0.249999", 3),
    ("tone", tone("-0.25"), "-0.25", 3),
    ("tone", tone("-0.250001"), "-0.250001", 0),
    ("escalations", tickets(4, 0), "0", 4),
    ("escalations", tickets(4, 1, escalated=True), "1", 2),
    ("escalations", tickets(4, 2, escalated=True), "2", 1),
    ("escalations", tickets(4, 3, escalated=True), "3", 0),
    ("competitive", signals(), "0", 3),
    ("competitive", signals("rfp"), "1", 0),
    ("competitive", signals("competitor_mention", "pricing_comparison"), "2", 0),
    ("budget_pressure", signals("rfp"), "0", 3),
    ("budget_pressure", signals("pricing_inquiry"), "1", 1),
    ("budget_pressure", signals("budget_pressure", "cost_reduction"), "2", 0),
]
IDS = [f"{measure}={value} earns {points}" for measure, _, value, points in CASES]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, Any]]:
    streams: Rows = {name: [] for name in ("accounts", "contracts", "activities", "tickets", "usage", "signals")}
    streams |= {"opportunities": [], "survey_responses": []}
    for number, (_, make, _, _) in enumerate(CASES):
        account_id = f"a{number:03d}"
        made = make(account_id)
        facts_of_account = made.pop("accounts", [{}])[0]
        streams["accounts"].append(account(account_id, **facts_of_account))
        streams["contracts"].append(contract(f"c{number:03d}", account_id, day(300), day(-64)))
        for stream, rows in made.items():
            streams[stream] += rows
    inputs = World(AS_OF, streams).freeze(tmp_path_factory.mktemp("bands") / "inputs")
    with compiled_models().run(inputs, "account_health_measures") as con:
        found = rows_of(con, "select account_id, measure, value, points from published.account_health_measures")
    return {(row["account_id"], row["measure"]): row for row in found}


@pytest.mark.parametrize("number", range(len(CASES)), ids=IDS)
def test_a_value_earns_the_points_of_the_first_band_that_fits(
    number: int, outcomes: dict[tuple[str, str], dict[str, Any]]
) -> None:
    measure, _, value, points = CASES[number]
    row = outcomes[f"a{number:03d}", measure]
    assert (row["value"], row["points"]) == (Decimal(value), points)
