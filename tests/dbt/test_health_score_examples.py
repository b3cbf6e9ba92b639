"""Scores by hand: what is present, what is missing and why, availability, interval, confidence, calls, change.

The rows of each account are written out; the comments do the sums that the page of the specification asks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.compiled import compiled_models, rows_of
from tests.support.inputs import Row, World, account, activity, contract

AS_OF = date(2026, 6, 30)
NOON = datetime(2026, 6, 1, 12)
STREAMS = ("opportunities", "activities", "contacts", "signals", "tickets", "usage", "survey_responses", "invoices")
DIMENSIONS = ("support_quality", "engagement", "product_usage", "relationship", "sentiment")


def day(days_ago: int) -> date:
    return AS_OF - timedelta(days=days_ago)


def amount(text: str) -> Decimal:
    return Decimal(text)


def world(**streams: list[Row]) -> World:
    """A world in which every stream was read; `accounts` without a contract get one that is current."""
    full: dict[str, list[Row]] = {name: [] for name in STREAMS} | streams
    held = {row["account_id"] for row in full.setdefault("contracts", [])}
    for row in full["accounts"]:
        if row["account_id"] not in held:
            contract_id = f"c-{row['account_id']}"
            full["contracts"].append(contract(contract_id, row["account_id"], day(300), day(-300)))
    return World(AS_OF, full)


@contextmanager
def built(given: World, folder: Path, *tables: str) -> Iterator[duckdb.DuckDBPyConnection]:
    con = compiled_models().run(given.freeze(folder / "inputs"), *tables)
    try:
        yield con
    finally:
        con.close()


def health(given: World, folder: Path) -> dict[str, Row]:
    """account_health by account."""
    with built(given, folder, "account_health") as con:
        return {row["account_id"]: row for row in rows_of(con, "select * from published.account_health")}


def measures(given: World, folder: Path) -> dict[tuple[str, str], Row]:
    """account_health_measures by account and measure."""
    with built(given, folder, "account_health_measures") as con:
        found = rows_of(con, "select * from published.account_health_measures")
        return {(row["account_id"], row["measure"]): row for row in found}


def best(account_id: str = "best") -> dict[str, list[Row]]:
    """An account all of whose measures lie in their best bands."""
    return {
        "accounts": [
            account(account_id, customer_since=day(4000), reference_customer=True, sla_target_pct=amount("99.9"))
        ],
        "tickets": [
            {
                "ticket_id": f"{account_id}-t",
                "account_id": account_id,
                "created_at": NOON,
                "solved_at": NOON + timedelta(hours=1),
                "sla_met": True,
                "csat": amount("5"),
            }
        ],
        "activities": [
            activity(f"{account_id}-q", account_id, NOON, type="qbr", sentiment=amount("1")),
            activity(f"{account_id}-e", account_id, NOON, type="email", response_hours=amount("1")),
            activity(f"{account_id}-m", account_id, NOON, type="meeting", accepted=True),
        ],
        "usage": [
            {
                "account_id": account_id,
                "usage_date": AS_OF,
                "logins": amount("30"),
                "active_users": amount("110"),
                "capacity_used_pct": amount("50"),
                "uptime_pct": amount("99.9"),
                "services_used": amount("10"),
                "services_contracted": amount("10"),
            },
            {"account_id": account_id, "usage_date": day(28), "active_users": amount("100")},
        ],
        "opportunities": [
            {
                "opportunity_id": f"{account_id}-o{number}",
                "account_id": account_id,
                "type": "expansion",
                "created_on": day(400),
                "close_date": day(300),
                "is_closed": True,
                "is_won": True,
            }
            for number in range(3)
        ],
        "survey_responses": [
            {
                "survey_id": f"{account_id}-s",
                "account_id": account_id,
                "sent_on": day(20),
                "responded_on": day(10),
                "score": amount("10"),
            }
        ],
    }


def figures(row: Row, *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def test_an_account_with_everything_at_its_best_has_the_whole_hundred(tmp_path: Path) -> None:
    row = health(world(**best()), tmp_path)["best"]
    assert figures(row, *DIMENSIONS) == (25, 25, 20, 15, 15)
    assert figures(row, "score", "score_low", "score_high") == (100, 100, 100)
    assert figures(row, "confidence", "status", "tier", "needs_review") == ("high", "GREEN", "healthy", False)
    assert row["missing_dimensions"] is None


def test_an_account_nothing_is_recorded_of_is_scored_on_what_that_tells(tmp_path: Path) -> None:
    row = health(world(accounts=[account("quiet")]), tmp_path)["quiet"]
    # Support: 7 + 6 of 13 present, so 25. Relationship: 1 of 4 + 4 + 3, so 15 / 11 = 1.3636. Sentiment: 4 + 3 + 3
    # of 10, so 15. Together 41.3636 of 55, so 75.2066. Least: 13 + 1 + 10; most: that and 12 + 25 + 20 + 4 + 5.
    assert figures(row, *DIMENSIONS) == (25, None, None, amount("1.4"), 15)
    assert figures(row, "score", "score_low", "score_high") == (amount("75.2"), 24, 90)
    assert figures(row, "confidence", "status", "tier") == ("medium", "YELLOW", "stable")
    assert row["missing_dimensions"] == (
        "engagement (too little in its windows); product usage (too little in its windows)"
    )


def email(hours: str = "1") -> Row:
    return {"type": "email", "response_hours": amount(hours)}


CAPACITY = {"capacity_used_pct": amount("50")}
UPTIME = {"uptime_pct": amount("99.9")}
ADOPTION = {"services_used": amount("1"), "services_contracted": amount("1")}
USERS = {"active_users": amount("1")}
# What an account has of a dimension, and whether that makes half of the dimension's points.
HALVES: list[tuple[str, list[Row], bool]] = [
    ("product_usage", [CAPACITY], False),  # 6 of 20
    ("product_usage", [CAPACITY, USERS], True),  # exactly 10 of 20
    ("product_usage", [UPTIME, USERS], False),  # 9 of 20
    ("product_usage", [UPTIME, ADOPTION], True),  # 10 of 20
    ("engagement", [{"type": "qbr"}], False),  # 10 of 25
    ("engagement", [{"type": "qbr"}, {"type": "meeting", "accepted": True}], True),  # 13 of 25
    ("engagement", [email()], False),  # 8 of 25
    ("engagement", [email(), {"type": "meeting", "accepted": False}], False),  # 11 of 25
    ("engagement", [email(), {"type": "qbr"}], True),  # 18 of 25
]


def test_a_dimension_counts_from_half_of_its_points_on(tmp_path: Path) -> None:
    accounts, activities, usage = [], [], []
    for number, (dimension, rows, _) in enumerate(HALVES):
        account_id = f"a{number}"
        accounts.append(account(account_id, sla_target_pct=amount("99.9")))
        if dimension == "engagement":
            activities += [activity(f"{account_id}-{n}", account_id, NOON, **row) for n, row in enumerate(rows)]
        else:
            usage.append({key: value for row in rows for key, value in row.items()})
            usage[-1] |= {"account_id": account_id, "usage_date": AS_OF}
            usage.append({"account_id": account_id, "usage_date": day(40), "active_users": amount("1")})
    found = health(world(accounts=accounts, activities=activities, usage=usage), tmp_path)
    assert [found[f"a{n}"][dimension] is not None for n, (dimension, _, _) in enumerate(HALVES)] == [
        available for _, _, available in HALVES
    ]


def without(given: World, *streams: str) -> World:
    """The same world, had these streams never been read."""
    left = {name: rows for name, rows in given.streams.items() if name not in streams}
    return World(given.as_of, left)


@pytest.mark.parametrize(
    ("missing", "available", "confidence"),
    [
        ((), 5, "high"),
        (("usage",), 4, "medium"),  # engagement keeps 21 of 25 without logins
        (("tickets",), 4, "medium"),  # sentiment keeps 11 of 15 without escalations
        (("tickets", "usage"), 3, "medium"),
        (("tickets", "usage", "signals"), 2, "low"),  # sentiment is left with 5 of 15
        (("opportunities",), 5, "high"),  # relationship keeps 11 of 15
        (("opportunities", "survey_responses"), 4, "medium"),  # 7 of 15 is less than half
        (("opportunities", "survey_responses", "tickets", "usage", "signals"), 1, "low"),
    ],
)
def test_confidence_falls_with_the_dimensions_that_are_left(
    missing: tuple[str, ...], available: int, confidence: str, tmp_path: Path
) -> None:
    row = health(without(world(**best()), *missing), tmp_path)["best"]
    assert sum(row[dimension] is not None for dimension in DIMENSIONS) == available
    assert figures(row, "confidence", "needs_review") == (confidence, confidence == "low")
    # What is left is still at its best; the interval says how little that may mean.
    assert figures(row, "score", "score_high") == (100, 100)
    assert (row["score_low"] < 100) is bool(missing)


MEASURES_OF = {
    "tickets": {
        "ticket_volume", "escalation_rate", "resolution_hours", "sla_adherence", "csat", "escalations",
    },
    "usage": {"portal_logins", "capacity_utilisation", "uptime_vs_sla", "service_adoption", "usage_trend"},
    "opportunities": {"expansions"},
    "signals": {"competitive", "budget_pressure"},
    "survey_responses": {"nps"},
    "contacts": set(),
    "invoices": set(),
}  # fmt: skip


@pytest.fixture(scope="module")
def with_all_sources(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Row]:
    return measures(world(**best()), tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("how", ["never read", "omitted as stale"])
@pytest.mark.parametrize("stream", sorted(MEASURES_OF))
def test_a_source_that_is_gone_costs_its_own_measures_and_no_others(
    stream: str, how: str, with_all_sources: dict[tuple[str, str], Row], tmp_path: Path
) -> None:
    whole = world(**best())
    facts = {"is_stale": True, "is_omitted": True, "age_days": 9, "max_age_days": 2}
    gone = without(whole, stream) if how == "never read" else World(AS_OF, whole.streams, stream_facts={stream: facts})
    after = measures(gone, tmp_path)
    lost = {measure for (_, measure), row in after.items() if not row["is_present"]}
    assert lost == MEASURES_OF[stream]
    name = stream.replace("_", " ")
    words = f"{name} never read" if how == "never read" else f"{name} read 9 days ago, limit 2 days"
    assert {after["best", measure]["missing_reason"] for measure in lost} <= {words}
    kept = ("value", "points", "band", "source_records")
    for key, row in after.items():
        if key[1] not in lost:
            assert figures(row, *kept) == figures(with_all_sources[key], *kept), key


def test_a_crm_source_that_is_stale_goes_on_and_says_so(tmp_path: Path) -> None:
    stale = World(
        AS_OF,
        world(**best()).streams,
        stream_facts={"opportunities": {"is_stale": True, "age_days": 3, "max_age_days": 2}},
    )
    row = health(stale, tmp_path)["best"]
    assert figures(row, "score", "confidence") == (100, "high")
    assert row["stale_sources"] == "opportunities read 3 days ago, limit 2 days"


MISSING: list[tuple[dict[str, list[Row]], str]] = [
        ({"tickets": [{"created_at": NOON}]}, "csat"),
        ({"tickets": [{"created_at": NOON}]}, "sla_adherence"),
        ({"tickets": [{"created_at": NOON}]}, "resolution_hours"),
        # Solved before it was made: solved, but nobody knows after how long.
        ({"tickets": [{"created_at": NOON, "solved_at": NOON - timedelta(hours=1)}]}, "resolution_hours"),
        ({"activities": [{"type": "qbr", "status": None}]}, "qbr_attendance"),
        ({"activities": [{"type": "qbr", "status": "planned"}]}, "qbr_attendance"),
        ({"activities": [{"type": "meeting"}]}, "meeting_acceptance"),
        ({"activities": [{"type": "call", "response_hours": amount("1")}]}, "email_response_hours"),
        ({"activities": [{"type": "email"}]}, "tone"),
        ({"usage": [{"usage_date": AS_OF}]}, "portal_logins"),
        ({"usage": [{"usage_date": day(90), "logins": amount("9")}]}, "portal_logins"),
        ({"usage": [{"usage_date": day(28), "capacity_used_pct": amount("50")}]}, "capacity_utilisation"),
        ({"usage": [{"usage_date": AS_OF, "uptime_pct": amount("99.9")}]}, "uptime_vs_sla"),  # no target
        ({"usage": [{"usage_date": AS_OF, "services_used": amount("1"), "services_contracted": amount("0")}]},
         "service_adoption"),
        # The latest row decides, blank as it is.
        ({"usage": [{"usage_date": AS_OF},
                    {"usage_date": day(1), "services_used": amount("1"), "services_contracted": amount("1")}]},
         "service_adoption"),
        ({"usage": [{"usage_date": AS_OF, "active_users": amount("1")}]}, "usage_trend"),
        ({"usage": [{"usage_date": AS_OF, "active_users": amount("1")},
                    {"usage_date": day(28), "active_users": amount("0")}]}, "usage_trend"),
        ({"usage": [{"usage_date": day(28), "active_users": amount("1")}]}, "usage_trend"),
        ({"survey_responses": [{"sent_on": day(400), "responded_on": day(365), "score": amount("9")}]}, "nps"),
        ({"survey_responses": [{"sent_on": day(9), "score": amount("9")}]}, "nps"),
        ({"survey_responses": [{"sent_on": day(9), "responded_on": day(5)}]}, "nps"),
        # Answered after as_of: not answered yet.
        ({"survey_responses": [{"sent_on": day(9), "responded_on": day(-1), "score": amount("9")}]}, "nps"),
]  # fmt: skip


def test_what_can_not_be_told_is_missing(tmp_path: Path) -> None:
    ids = {"tickets": "ticket_id", "activities": "activity_id", "survey_responses": "survey_id"}
    streams: dict[str, list[Row]] = {"accounts": []}
    for number, (case, _) in enumerate(MISSING):
        account_id = f"a{number:02d}"
        streams["accounts"].append(account(account_id))
        for stream, rows in case.items():
            base: Row = {"account_id": account_id}
            if stream == "activities":
                base |= {"owner_name": "Pat", "subject": "Word", "occurred_at": NOON, "has_attachment": False}
            streams.setdefault(stream, []).extend(
                base | row | ({ids[stream]: f"{account_id}-{n}"} if stream in ids else {}) for n, row in enumerate(rows)
            )
    found = measures(world(**streams), tmp_path)
    shown = ("value", "points", "band", "is_present", "source_records", "next_band_gain")
    wrong = [
        (case, measure)
        for number, (case, measure) in enumerate(MISSING)
        for row in [found[f"a{number:02d}", measure]]
        if figures(row, *shown) != (None, None, None, False, 0, None) or row["missing_reason"] is None
    ]
    assert wrong == []


def test_who_is_scored(tmp_path: Path) -> None:
    accounts = [
        account("current"),
        account("last-day"),
        account("too-late"),
        account("yet-to-start"),
        account("gone", lifecycle="churned"),
        account("gone-later", lifecycle="churned", churned_on=day(-1)),
        account("gone-today", churned_on=AS_OF),
    ]
    contracts = [
        contract("c1", "current", day(10), day(-10)),
        contract("c2", "last-day", day(400), day(89)),
        contract("c3", "too-late", day(400), day(90)),
        contract("c4", "yet-to-start", day(-1), day(-300)),
        contract("c5", "gone", day(10), day(-10)),
        contract("c6", "gone-later", day(10), day(-10)),
        contract("c7", "gone-today", day(10), day(-10)),
    ]
    assert set(health(world(accounts=accounts, contracts=contracts), tmp_path)) == {
        "current", "last-day", "gone-later",
    }  # fmt: skip


def earlier(account_id: str, days_ago: int, score: str, tier: str, policy_version: str = "another") -> Row:
    return {
        "as_of_date": day(days_ago),
        "policy_version": policy_version,
        "account_id": account_id,
        "score": amount(score),
        "status": "GREEN",
        "tier": tier,
    }


def test_change_is_against_the_latest_row_old_enough_and_not_too_old(tmp_path: Path) -> None:
    names = ("six", "seven", "fourteen", "fifteen", "twenty-eight", "forty-five", "forty-six", "both")
    given = world(accounts=[account(name) for name in names])
    given.earlier["account_health"] = [
        earlier("six", 6, "80", "stable"),
        earlier("seven", 7, "80", "stable"),
        earlier("fourteen", 14, "80", "stable"),
        earlier("fifteen", 15, "80", "stable"),
        earlier("twenty-eight", 28, "90.3", "healthy"),
        earlier("forty-five", 45, "90.2", "healthy"),
        earlier("forty-six", 46, "50", "at_risk"),
        earlier("both", 7, "70", "stable"),
        earlier("both", 8, "20", "critical"),
    ]
    rows = health(given, tmp_path)
    # All of them score 75.2, stable.
    assert {name: figures(rows[name], "change_week", "change_month", "large_change") for name in names} == {
        "six": (None, None, False),
        "seven": (amount("-4.8"), None, False),
        "fourteen": (amount("-4.8"), None, False),
        "fifteen": (None, None, False),
        "twenty-eight": (None, amount("-15.1"), True),
        "forty-five": (None, amount("-15.0"), False),
        "forty-six": (None, None, False),
        "both": (amount("5.2"), None, False),
    }


def test_an_account_is_newly_at_risk_when_it_was_well_a_week_ago(tmp_path: Path) -> None:
    names = ("was-stable", "was-healthy", "was-at-risk", "was-well-long-ago", "unknown-before")
    signals = [
        {"signal_id": f"{name}-{number}", "account_id": name, "signal_type": kind, "observed_on": day(1)}
        for name in names
        for number, kind in enumerate(("rfp", "budget_pressure", "cost_reduction"))
    ]
    given = world(accounts=[account(name) for name in names], signals=signals)
    given.earlier["account_health"] = [
        earlier("was-stable", 7, "80", "stable"),
        earlier("was-healthy", 7, "90", "healthy"),
        earlier("was-at-risk", 7, "60", "at_risk"),
        earlier("was-well-long-ago", 15, "90", "healthy"),
    ]
    rows = health(given, tmp_path)
    # Sentiment 4 of 10, so 6 of 15: (25 + 1.3636 + 6) / 55 = 58.8.
    assert {row["tier"] for row in rows.values()} == {"at_risk"}
    assert {name for name in names if rows[name]["newly_at_risk"]} == {"was-stable", "was-healthy"}


def test_a_new_policy_is_told_apart_from_a_change_in_health(tmp_path: Path) -> None:
    given = world(accounts=[account("new-policy"), account("same-policy"), account("new-here")])
    version = _policy_version(tmp_path, given)
    # A day ago, under the other policy, the account scored 60 with values that earn 25 and 1.3636 today, and for
    # an open competitor: sentiment 7 of 10, so 10.5 of 15: (25 + 1.3636 + 10.5) / 55 = 67.0.
    values = {
        "ticket_volume": 0, "escalation_rate": 0, "escalations": 0, "competitive": 1, "budget_pressure": 0,
        "tenure_years": amount("0.8"), "expansions": 0, "reference": 0,
    }  # fmt: skip
    given.earlier["account_health"] = [
        earlier("new-policy", 1, "60", "at_risk"),
        earlier("same-policy", 1, "60", "at_risk", version),
    ]
    given.earlier["account_signals"] = [
        {"as_of_date": day(1), "policy_version": "another", "account_id": "new-policy", "segment": "smb"}
        | {name: Decimal(value) for name, value in values.items()},
        {"as_of_date": day(1), "policy_version": version, "account_id": "same-policy", "segment": "smb"}
        | {name: Decimal(value) for name, value in values.items()},
    ]
    rows = health(given, tmp_path / "second")
    assert figures(rows["new-policy"], "score", "change_from_policy", "change_from_data") == (
        amount("75.2"), amount("7.0"), amount("8.2"),
    )  # fmt: skip
    assert figures(rows["same-policy"], "change_from_policy", "change_from_data") == (0, amount("15.2"))
    assert figures(rows["new-here"], "change_from_policy", "change_from_data") == (None, None)


def _policy_version(folder: Path, given: World) -> str:
    with built(given, folder / "first", "account_health") as con:
        return rows_of(con, "select distinct policy_version from published.account_health")[0]["policy_version"]


def call(account_id: str, status: str, made: int, expires: int, **more: Any) -> Row:
    made_on = day(made)
    return {
        "call_id": f"{account_id}-{made}",
        "account_id": account_id,
        "status": status,
        "reason": f"{status} because",
        "called_by": "Cat",
        "called_at": datetime(made_on.year, made_on.month, made_on.day, 9),
        "expires_on": day(expires),
    } | more


def test_a_call_holds_until_it_expires_and_the_machine_is_kept_beside_it(tmp_path: Path) -> None:
    names = ("holds", "last-day", "expired", "replaced", "future", "too-long", "agrees", "none")
    given = world(
        accounts=[account(name) for name in names],
        csm_calls=[
            call("holds", "RED", 10, -10),
            call("last-day", "RED", 10, 0),
            call("expired", "RED", 10, 1),
            # The later call has expired; the one it replaced stays replaced.
            call("replaced", "RED", 20, -20),
            call("replaced", "GREEN", 10, 1),
            call("future", "RED", -1, -10),
            # A call holds 90 days at most.
            call("too-long", "RED", 91, -10),
            call("agrees", "YELLOW", 1, -10),
        ],
    )
    with built(given, tmp_path, "account_health", "status_disagreements") as con:
        rows = {row["account_id"]: row for row in rows_of(con, "select * from published.account_health")}
        disagreements = rows_of(con, "select * from published.status_disagreements order by account_id")
    machine = ("YELLOW", None, "YELLOW", "machine")
    held = ("YELLOW", "RED", "RED", "csm")
    shown = ("status", "csm_status", "final_status", "final_status_from")
    assert {name: figures(rows[name], *shown) for name in names} == {
        "holds": held,
        "last-day": held,
        "expired": machine,
        "replaced": machine,
        "future": machine,
        "too-long": machine,
        "agrees": ("YELLOW", "YELLOW", "YELLOW", "csm"),
        "none": machine,
    }
    assert [row["account_id"] for row in disagreements] == ["holds", "last-day"]
    assert disagreements[0]["csm_reason"] == "RED because"
    assert disagreements[0]["call_is"] == "worse"
    assert disagreements[0]["machine_reason"].startswith("the score is 75.2")


BASELINE: list[tuple[dict[str, Any], str, int]] = [
    ({"renewal": 90}, "days_to_renewal", 2),
    ({"renewal": 91}, "days_to_renewal", 0),
    ({"tickets": 2}, "tickets_open", 1),
    ({"tickets": 3}, "tickets_open", 2),
    ({"csat": "3.499999"}, "csat", 2),
    ({"csat": "3.5"}, "csat", 1),
    ({"csat": "4"}, "csat", 0),
    ({"blockers": ["major", "minor"]}, "blocker", 3),
    ({"blockers": [None]}, "blocker", 1),
    ({"users": "85"}, "usage_trend", 3),
    ({"users": "85.000001"}, "usage_trend", 1),
    ({"users": "95"}, "usage_trend", 1),
    ({"users": "95.000001"}, "usage_trend", 0),
    ({"services": "39"}, "service_adoption", 2),
    ({"services": "40"}, "service_adoption", 1),
    ({"services": "60"}, "service_adoption", 0),
]


def test_the_baseline_counts_each_field(tmp_path: Path) -> None:
    streams: dict[str, list[Row]] = {name: [] for name in ("accounts", "contracts", "tickets", "signals", "usage")}
    for number, (facts, _, _) in enumerate(BASELINE):
        mine = {"account_id": f"a{number:02d}"}
        streams["accounts"].append(account(mine["account_id"]))
        ends = day(-facts.get("renewal", 300))
        streams["contracts"].append(contract(f"c{number}", mine["account_id"], day(10), ends))
        for n in range(facts.get("tickets", 0)):
            streams["tickets"].append(mine | {"ticket_id": f"{number}-{n}", "created_at": datetime(2024, 1, 1)})
        if "csat" in facts:
            solved = {"ticket_id": f"{number}-s", "created_at": NOON, "solved_at": NOON, "csat": amount(facts["csat"])}
            streams["tickets"].append(mine | solved)
        for n, severity in enumerate(facts.get("blockers", [])):
            seen = {"signal_id": f"{number}-{n}", "signal_type": "blocker", "observed_on": day(500)}
            streams["signals"].append(mine | seen | {"severity": severity})
        if "users" in facts:
            streams["usage"].append(mine | {"usage_date": AS_OF, "active_users": amount(facts["users"])})
            streams["usage"].append(mine | {"usage_date": day(28), "active_users": amount("100")})
        if "services" in facts:
            services = {"services_used": amount(facts["services"]), "services_contracted": amount("100")}
            streams["usage"].append(mine | services | {"usage_date": AS_OF})
    found = health(world(**streams), tmp_path)
    for number, (facts, field, points) in enumerate(BASELINE):
        row = found[f"a{number:02d}"]
        assert figures(row, f"baseline_{field}_points", "baseline_points") == (points, points), facts
        assert row["baseline_label"] == ("Healthy" if points <= 2 else "Watch")


def test_one_band_better_is_worth_what_it_would_add(tmp_path: Path) -> None:
    rows = measures(world(accounts=[account("a")]), tmp_path)
    # 55 points count. Relationship has 11 of 15 present: a point more of tenure is 15 / 11 of 55, so 2.5 of 100.
    assert rows["a", "tenure_years"]["next_band_gain"] == amount("2.5")
    # From none to one expansion: two points.
    assert rows["a", "expansions"]["next_band_gain"] == amount("5.0")
    assert rows["a", "ticket_volume"]["next_band_gain"] == 0
    assert rows["a", "csat"]["next_band_gain"] is None
