"""Accounts at risk and interventions by hand: since when, in which phase, what fell first, and what brought them back.

Every account scores 82.6 (see `coloured_accounts`); who is at risk is so by the cut-offs of its segment.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.coloured_accounts import AS_OF, CUTOFFS, Customers, built, day, key, number
from tests.dbt.policy_folders import SHIPPED, read_policy, write_policies
from tests.support.compiled import rows_of
from tests.support.inputs import Row, World

TABLES = ("at_risk_accounts", "intervention_outcomes", "intervention_metrics")
SCORE = number("82.6")
# Mid-market accounts are at risk, enterprise accounts critical, the others healthy.
TIERS = {
    "smb": {"healthy_at_least": 3, "stable_at_least": 2, "at_risk_at_least": 1},
    "mid_market": {"healthy_at_least": 100, "stable_at_least": 99, "at_risk_at_least": 1},
    "enterprise": {"healthy_at_least": 100, "stable_at_least": 99, "at_risk_at_least": 98},
}
AT_RISK, CRITICAL, HEALTHY = "YELLOW", "RED", "GREEN"
DIMENSIONS = ("support_quality", "engagement", "product_usage", "relationship", "sentiment")


def world_of(customers: Customers, folder: Path, **earlier: list[Row]) -> World:
    """The world of these customers and of what was kept."""
    overrides = [{"segment": name, "status": CUTOFFS[name], "tier": tiers} for name, tiers in TIERS.items()]
    world = customers.world(folder / "unused")
    world.policies = write_policies(folder / "policies", health_score={"overrides": overrides})
    world.earlier |= earlier
    return world


@contextmanager
def tables_of(world: World, folder: Path) -> Iterator[dict[str, list[Row]]]:
    with built(world, folder, *TABLES) as con:
        yield {table: rows_of(con, f"select * from published.{table}") for table in TABLES}


def made(customers: Customers, folder: Path, **earlier: list[Row]) -> dict[str, list[Row]]:
    with tables_of(world_of(customers, folder, **earlier), folder) as tables:
        return tables


def opened(customers: Customers, account_id: str, days_ago: int, strategy: str = "QBR", **more: Any) -> str:
    columns = {"intervention_id": key("v"), "strategy": strategy, "opened_on": day(days_ago)} | more
    return customers.row("interventions", account_id, **columns)["intervention_id"]


def customers_with_interventions() -> Customers:
    customers = Customers()
    customers.streams["interventions"] = []
    customers.streams["action_log"] = []
    customers.streams["alert_log"] = []
    return customers


# -- at risk -------------------------------------------------------------------------------------------------------

# 82.6 is 25 of support quality, 5.5 of relationship and 15 of sentiment; the others aren't known.
NOW = {"support_quality": "25.0", "relationship": "5.5", "sentiment": "15.0"}


def dimensions(account_id: str, days_ago: int, **points: str) -> Row:
    values = {name: number(points[name]) if name in points else None for name in DIMENSIONS}
    return {"as_of_date": day(days_ago), "account_id": account_id} | values


@pytest.fixture(scope="module")
def at_risk(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    folder, customers = tmp_path_factory.mktemp("at_risk"), customers_with_interventions()
    earlier: list[Row] = []
    kept: list[Row] = []
    for days in (0, 6, 7, 13, 14, 34, 35, 62, 63):
        name = customers.add(f"for-{days}-days", AT_RISK)
        if days:
            earlier.append({"account_id": name, "at_risk_since": day(days)})
    customers.add("healthy", HEALTHY)
    earlier.append({"account_id": "healthy", "at_risk_since": day(20)})
    customers.add("critical", CRITICAL, arr="100000")
    for name, days, more in (
        ("critical", 28, {"sentiment": "16.0", "relationship": "6.4"}),
        ("critical", 14, {"sentiment": "15.1", "relationship": "6.4"}),
        ("critical", 7, {"sentiment": "15.0", "relationship": "6.4"}),
    ):
        kept.append(dimensions(name, days, **NOW | more))
    # Sentiment was down first and came back; relationship fell later, and engagement isn't known any more.
    customers.add("came-back", AT_RISK)
    for days, more in (
        (28, {"sentiment": "15.0", "relationship": "8.0", "engagement": "20.0"}),
        (21, {"sentiment": "9.0", "relationship": "8.0", "engagement": "10.0"}),
        (14, {"sentiment": "9.0", "relationship": "5.5", "engagement": "10.0"}),
    ):
        kept.append(dimensions("came-back", days, **NOW | more))
    # Both fell on one day, the second by more; a dimension that is known only later starts there.
    customers.add("both-at-once", AT_RISK)
    kept.append(dimensions("both-at-once", 20, relationship="7.5", sentiment="18.0"))
    kept.append(dimensions("both-at-once", 10, **NOW | {"support_quality": "40.0"}))
    customers.scored_before("both-at-once", 7, "83")
    customers.scored_before("both-at-once", 28, "90.5")
    customers.signal("both-at-once", "blocker", 3, severity="major")
    opened(customers, "both-at-once", 9, "QBR")
    opened(customers, "both-at-once", 8, "Executive call")
    opened(customers, "both-at-once", 3, "Too late", closed_on=day(1))
    customers.add("churned", AT_RISK, churned_on=AS_OF)
    rows = made(customers, folder, at_risk_accounts=earlier, account_dimensions=kept)["at_risk_accounts"]
    return {row["account_id"]: row for row in rows}


@pytest.mark.parametrize(
    ("days", "weeks", "phase", "last"),
    [
        (0, 0, "identification", 6),
        (6, 0, "identification", 0),
        (7, 1, "assessment", 6),
        (13, 1, "assessment", 0),
        (14, 2, "intervention", 20),
        (34, 4, "intervention", 0),
        (35, 5, "resolution", 27),
        (62, 8, "resolution", 0),
        (63, 9, "overdue", None),
    ],
)
def test_the_phase_goes_by_whole_weeks(
    at_risk: dict[str, Row], days: int, weeks: int, phase: str, last: int | None
) -> None:
    row = at_risk[f"for-{days}-days"]
    assert (row["at_risk_since"], row["weeks_at_risk"], row["phase"]) == (day(days), weeks, phase)
    assert row["phase_ends_on"] == (None if last is None else day(-last))


def test_who_is_at_risk(at_risk: dict[str, Row]) -> None:
    assert not {"healthy", "churned"} & at_risk.keys()
    assert {row["tier"] for name, row in at_risk.items() if name != "critical"} == {"at_risk"}
    assert (at_risk["critical"]["tier"], at_risk["critical"]["rank"]) == ("critical", 1)
    assert sorted(row["rank"] for row in at_risk.values()) == list(range(1, len(at_risk) + 1))


@pytest.mark.parametrize(
    ("account_id", "dimension", "days_ago", "words"),
    [
        # 0.9 points are no fall.
        ("critical", "sentiment", 7, "sentiment on 23 June 2026, from 16 to 15 points now"),
        ("came-back", "relationship", 14, "relationship on 16 June 2026, from 8 to 5.5 points now"),
        ("both-at-once", "sentiment", 10, "sentiment on 20 June 2026, from 18 to 15 points now"),
        ("for-0-days", None, None, None),
    ],
)
def test_what_fell_first(
    at_risk: dict[str, Row], account_id: str, dimension: str | None, days_ago: int | None, words: str | None
) -> None:
    row = at_risk[account_id]
    fallen_on = None if days_ago is None else day(days_ago)
    assert (row["fell_first"], row["fell_first_on"], row["fell_first_words"]) == (dimension, fallen_on, words)


def test_the_pack(at_risk: dict[str, Row]) -> None:
    row = at_risk["both-at-once"]
    assert row["score_trend"] == "Score 82.6, 83 a week ago, 90.5 a month ago"
    assert row["pain_points"].startswith("blocker: ")
    assert row["root_cause"] == "blocker"
    # The last one that is under way.
    assert (row["strategy"], row["intervention_opened_on"]) == ("Executive call", day(8))
    # YELLOW, so 40 % of 1,000; saved with 75 %; a fall of 7.9 points: × (1 + 7.9 / 50).
    assert (row["expected_loss"], row["save_probability"]) == (400, 75)
    assert row["intervention_priority"] == number("347.40")
    assert at_risk["for-0-days"]["score_trend"] == "Score 82.6"
    assert at_risk["for-0-days"]["strategy"] is None


# -- recovery ------------------------------------------------------------------------------------------------------


def outcome(account_id: str, intervention_id: str, days_ago: int, runs: int, **more: Any) -> Row:
    """What an earlier run left of an intervention."""
    row = {"origin": "stream", "intervention_id": intervention_id, "account_id": account_id, "opened_on": day(days_ago)}
    return row | {"runs_recovered": runs, "opening_score": number("50")} | more


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    """All are at 82.6 today, which is enough."""
    folder, customers = tmp_path_factory.mktemp("outcomes"), customers_with_interventions()
    earlier: list[Row] = []

    def go_on(name: str, runs: int, days_ago: int = 40, closed: int | None = None, **more: Any) -> None:
        closed_on = None if closed is None else day(closed)
        intervention = opened(customers, customers.add(name), days_ago, intervention_id=name, closed_on=closed_on)
        earlier.append(outcome(name, intervention, days_ago, runs, **more))

    go_on("was-below", 0)
    go_on("was-back", 1)
    go_on("recovered-before", 5, recovered_on=day(9), recovered_score=number("71"))
    go_on("closed-before", 0, closed=5, closed_score=number("60"))
    go_on("closed-now", 0, closed=1)
    go_on("closed-and-recovers", 1, closed=5, closed_score=number("60"))
    go_on("no-opening-score", 0, opening_score=None)
    # Seen for the first time: scores that were kept tell of the time since.
    for name, days_ago, scores in (
        ("opened-today", 0, {1: "90", 2: "90"}),
        ("opened-yesterday", 1, {1: "71", 2: "72"}),
        ("seen-late", 10, {12: "40", 9: "69.9", 8: "70", 7: "70", 6: "20"}),
        ("fell-again", 10, {12: "40", 9: "70", 8: "69.9", 7: "70", 6: "69.9"}),
        ("first-score-7-days-on", 10, {3: "44"}),
        ("first-score-8-days-on", 10, {2: "44"}),
    ):
        opened(customers, customers.add(name), days_ago, intervention_id=name)
        for ago, score in scores.items():
            customers.scored_before(name, ago, score)
    opened(customers, customers.add("no-score", churned_on=day(0)), 10, intervention_id="no-score")
    opened(customers, customers.add("kept-730"), 729, intervention_id="kept-730")
    opened(customers, customers.add("kept-731"), 730, intervention_id="kept-731")
    # Another intervention under the key of one that was read before.
    opened(customers, customers.add("other-opening"), 3, intervention_id="other-opening")
    earlier.append(outcome("other-opening", "other-opening", 5, 3, recovered_on=day(1), recovered_score=SCORE))
    rows = made(customers, folder, intervention_outcomes=earlier)["intervention_outcomes"]
    return {row["intervention_id"]: row for row in rows}


@pytest.mark.parametrize(
    ("name", "runs", "recovered_ago", "days"),
    [
        ("was-below", 1, None, None),
        ("was-back", 2, 0, 40),
        ("recovered-before", 6, 9, 31),
        ("closed-before", 1, None, None),
        ("closed-and-recovers", 2, 0, 40),
        ("opened-today", 0, None, None),
        # The day it was opened doesn't count.
        ("opened-yesterday", 1, None, None),
        ("seen-late", 1, 7, 3),
        ("fell-again", 1, None, None),
        ("no-score", 0, None, None),
        ("other-opening", 1, None, None),
    ],
)
def test_recovered_after_two_runs_in_a_row(
    outcomes: dict[str, Row], name: str, runs: int, recovered_ago: int | None, days: int | None
) -> None:
    row = outcomes[name]
    assert row["runs_recovered"] == runs
    assert row["has_recovered"] == (recovered_ago is not None)
    assert row["recovered_on"] == (None if recovered_ago is None else day(recovered_ago))
    assert row["recovery_days"] == days


@pytest.mark.parametrize(
    ("name", "opening", "gain"),
    [
        ("was-below", "50", "32.6"),
        # 71 when it recovered, whatever came after.
        ("recovered-before", "50", "21"),
        ("closed-before", "50", "10"),
        ("closed-now", "50", "32.6"),
        ("closed-and-recovers", "50", "32.6"),
        ("opened-today", "82.6", "0"),
        ("opened-yesterday", "71", "11.6"),
        ("seen-late", "40", "30"),
        ("first-score-7-days-on", "44", "38.6"),
        ("first-score-8-days-on", None, None),
        ("no-opening-score", None, None),
        ("no-score", None, None),
    ],
)
def test_the_gain_is_from_opening(outcomes: dict[str, Row], name: str, opening: str | None, gain: str | None) -> None:
    row = outcomes[name]
    assert (row["opening_score"], row["score_gain"]) == tuple(
        None if text is None else number(text) for text in (opening, gain)
    )


def test_old_interventions_go(outcomes: dict[str, Row]) -> None:
    assert "kept-730" in outcomes
    assert "kept-731" not in outcomes


# -- plans and the baseline ----------------------------------------------------------------------------------------


def step_done(customers: Customers, account_id: str, days_ago: int, action: str = "value_review", **more: Any) -> None:
    columns = {"transition_id": key("x"), "action_id": key("n"), "action": action, "to_status": "done"} | more
    at = datetime.combine(day(days_ago), datetime.min.time()) + timedelta(hours=9)
    customers.row("action_log", account_id, **columns | {"acted_by": "Cas Csm", "acted_at": at})


def test_plans_that_people_worked_on_are_interventions(tmp_path: Path) -> None:
    customers = customers_with_interventions()
    customers.add("a")
    # 90 days apart is one plan, 91 are two.
    for days_ago in (1, 91, 182, 183, 183):
        step_done(customers, "a", days_ago)
    customers.add("b")
    step_done(customers, "b", 91, "executive_call")
    step_done(customers, "b", 40, "renewal_proposal")
    step_done(customers, "b", 20, "notify_owner")
    step_done(customers, "b", 10, to_status="approved")
    rows = made(customers, tmp_path)["intervention_outcomes"]
    plans = {(row["account_id"], row["opened_on"], row["closed_on"], row["is_closed"]) for row in rows}
    assert plans == {
        ("a", day(183), day(182), True),
        ("a", day(91), None, False),
        ("b", day(91), day(91), True),
    }
    assert {(row["origin"], row["strategy"]) for row in rows} == {("ledger", "retention_plan")}
    assert len({row["intervention_id"] for row in rows}) == 3


def baseline_row(account_id: str, days_ago: int, **more: Any) -> Row:
    return outcome(account_id, f"since-{days_ago}-{account_id}", days_ago, 0, **{"origin": "none"} | more)


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    folder, customers = tmp_path_factory.mktemp("baseline"), customers_with_interventions()
    customers.add("new", AT_RISK)
    customers.add("healthy", HEALTHY)
    customers.add("goes-on", AT_RISK)
    customers.add("again", AT_RISK)
    customers.add("not-at-risk-now", HEALTHY)
    helped = {"before-and-closed": (60, 41), "before-and-open": (60, None), "during": (20, 10), "after": (5, None)}
    for name, (start, end) in helped.items():
        opened(customers, customers.add(name, AT_RISK), start, closed_on=None if end is None else day(end))
    opened(customers, customers.add("closed-that-day", AT_RISK), 60, closed_on=day(40))
    recovered = {"recovered_on": day(10), "recovered_score": number("75")}
    earlier = [
        baseline_row("goes-on", 40),
        baseline_row("again", 40, **recovered),
        baseline_row("not-at-risk-now", 40),
        *(baseline_row(name, 40) for name in (*helped, "closed-that-day") if name != "after"),
        baseline_row("after", 40, **recovered),
    ]
    since = [{"account_id": name, "at_risk_since": day(40)} for name in ("goes-on", *helped)]
    since += [{"account_id": "again", "at_risk_since": day(3)}]
    rows = made(customers, folder, intervention_outcomes=earlier, at_risk_accounts=since)["intervention_outcomes"]
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["opened_on"]):
        if row["origin"] == "none":
            found.setdefault(row["account_id"], []).append(row)
    return found


@pytest.mark.parametrize(
    ("account_id", "since", "is_counted"),
    [
        ("new", [0], [True]),
        ("goes-on", [40], [True]),
        # It recovered and became at risk again.
        ("again", [40, 3], [True, True]),
        ("not-at-risk-now", [40], [True]),
        ("before-and-closed", [40], [True]),
        ("before-and-open", [40], [False]),
        ("closed-that-day", [40], [False]),
        ("during", [40], [False]),
        # Helped after it had recovered, while it was at risk for the second time.
        ("after", [40, 40], [True, False]),
    ],
)
def test_the_baseline_is_of_those_whom_nobody_helped(
    baseline: dict[str, list[Row]], account_id: str, since: list[int], is_counted: list[bool]
) -> None:
    rows = sorted(baseline[account_id], key=lambda row: (row["opened_on"], not row["is_counted"]))
    assert [row["opened_on"] for row in rows] == [day(days) for days in since]
    assert [row["is_counted"] for row in rows] == is_counted
    assert "healthy" not in baseline


# -- figures -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, str], Row]:
    folder, customers = tmp_path_factory.mktemp("figures"), customers_with_interventions()
    earlier: list[Row] = []
    # Three of four recovered, after 30, 50 and 40 days, by 20, 30 and 25 points; the fourth is closed 5 points down.
    for name, days, gain in (("r30", 30, 20), ("r50", 50, 30), ("r40", 40, 25)):
        intervention = opened(customers, customers.add(name), 60, intervention_id=name)
        recovered = {"recovered_on": day(60 - days), "recovered_score": number(str(50 + gain))}
        earlier.append(outcome(name, intervention, 60, 3, **recovered))
    opened(customers, customers.add("lost"), 60, intervention_id="lost", closed_on=day(20), outcome="lost")
    earlier.append(outcome("lost", "lost", 60, 0, closed_score=number("45")))
    # One that goes on, of the quarter before, and of no segment.
    opened(customers, customers.add("going-on"), 95, intervention_id="going-on")
    earlier.append(outcome("going-on", "going-on", 95, 0, opening_score=None))
    customers.streams["accounts"][-1]["segment"] = None
    earlier += [baseline_row(customers.add("alone"), 60), baseline_row(customers.add("alone-too"), 61)]
    earlier[-1] |= {"recovered_on": day(30), "recovered_score": number("70")}
    # Two critical alerts: answered after 2 and 6 hours; one isn't, one is of another quarter, one of another kind.
    for alert, alert_id, account_id, raised, hours in (
        ("critical_score", "a1", "r30", 20, 2),
        ("critical_score", "a2", "r50", 20, 6),
        ("critical_score", "a3", "r50", 10, None),
        ("critical_score", "a4", "r50", 95, 1),
        ("billing", "a5", "r50", 10, 1),
    ):
        at = datetime.combine(day(raised), datetime.min.time())
        entry = {"alert_id": alert_id, "alert": alert, "acted_by": "Cas Csm"}
        customers.row("alert_log", account_id, entry_id=key("e"), step="raised", acted_at=at, **entry)
        if hours is not None:
            done = at + timedelta(hours=hours)
            customers.row("alert_log", account_id, entry_id=key("e"), step="acknowledged", acted_at=done, **entry)
    rows = made(customers, folder, intervention_outcomes=earlier)["intervention_metrics"]
    return {(row["strategy"], row["segment"], row["fiscal_quarter"]): row for row in rows}


def test_what_is_counted(figures: dict[tuple[str, str, str], Row]) -> None:
    counts = ("interventions", "accounts", "recovered", "not_recovered", "under_way")
    assert {key: tuple(row[name] for name in counts) for key, row in figures.items()} == {
        ("QBR", "smb", "FY2026-Q2"): (4, 4, 3, 1, 0),
        ("QBR", "(none)", "FY2026-Q1"): (1, 1, 0, 0, 1),
        ("none", "smb", "FY2026-Q2"): (2, 2, 1, 0, 1),
    }
    assert figures["QBR", "smb", "FY2026-Q2"]["quarter_starts_on"] == date(2026, 4, 1)


def test_figures_against_hand_numbers(figures: dict[tuple[str, str, str], Row]) -> None:
    row = figures["QBR", "smb", "FY2026-Q2"]
    # Wilson, 3 of 4 at 1.96: (3 + 1.9208 ± 1.96 √(3 · 1 / 4 + 0.9604)) / 7.8416 = 0.627525 ± 0.326889.
    found = [row[f"success_rate{end}"] for end in ("", "_from", "_to")]
    assert found == [75, number("30.0636"), number("95.4414")]
    # 30, 40, 50: mean 40, deviation 10, error 10 / √3 = 5.7735.
    found = [row[f"recovery_days{end}"] for end in ("", "_from", "_to")]
    assert found == [40, number("28.6839"), number("51.3161")]
    # 20, 30, 25, -5: mean 17.5, squares of the distances 725, error √(725 / 3 / 4) = 7.7728.
    found = [row[f"score_gain{end}"] for end in ("", "_from", "_to")]
    assert (row["score_gains"], found) == (4, [number("17.5"), number("2.2653"), number("32.7347")])
    # 2 and 6 hours: mean 4, deviation √8, error 2.
    assert (row["critical_alerts"], row["critical_alerts_answered"]) == (3, 2)
    found = [row[f"response_hours{end}"] for end in ("", "_from", "_to")]
    assert found == [4, number("0.08"), number("7.92")]


def test_targets_and_baseline_stand_beside(figures: dict[tuple[str, str, str], Row]) -> None:
    row = figures["QBR", "smb", "FY2026-Q2"]
    targets = read_policy(SHIPPED, "interventions")["targets"]
    for name in ("success_rate", "recovery_days", "score_gain"):
        assert [row[f"{name}_target_{end}"] for end in ("low", "high")] == [
            targets[f"{name}_{end}"] for end in ("low", "high")
        ]
    assert row["response_hours_target"] == targets["response_hours_below"]
    assert (row["baseline_accounts"], row["baseline_success_rate"]) == (2, 50)
    none = figures["none", "smb", "FY2026-Q2"]
    assert (none["baseline_accounts"], none["baseline_success_rate"]) == (None, None)
    other = figures["QBR", "(none)", "FY2026-Q1"]
    assert (other["baseline_accounts"], other["baseline_success_rate"]) == (0, None)


def test_one_number_has_no_interval(figures: dict[tuple[str, str, str], Row]) -> None:
    row = figures["none", "smb", "FY2026-Q2"]
    assert [row[f"recovery_days{end}"] for end in ("", "_from", "_to")] == [31, None, None]
    empty = figures["QBR", "(none)", "FY2026-Q1"]
    assert [empty[name] for name in ("success_rate", "recovery_days", "score_gain", "response_hours")] == [
        0,
        None,
        None,
        None,
    ]
    assert empty["success_rate_from"] == 0
