"""Dashboard and success metrics by hand: portfolios whose figures can be counted, and the quarter before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from tests.dbt.coloured_accounts import AS_OF, Customers, built, day, number
from tests.dbt.policy_folders import SHIPPED, read_policy
from tests.support.compiled import rows_of
from tests.support.inputs import Row

NO_STREAMS = ("opportunities", "tickets", "survey_responses", "interventions")
# AS_OF is in the second quarter of 2026.
QUARTER_END = date(2026, 3, 31)


def portfolio() -> Customers:
    """82.6 each: the RED one is lost at 70 % and 20 for a renewal soon, the YELLOW one at 40 %, GREEN at 10 %."""
    made = Customers()
    made.add("green", arr="1000")
    made.add("yellow", "YELLOW", arr="300000", csm_name="Cas Csm")
    made.add("red", "RED", renews_in=50, arr="150000")
    made.add("growing", arr="1000", new_site_planned=True, new_site_arr=number("60000"), reference_customer=True)
    made.signal("growing", "feature_request", 5)
    made.add("unknown", new_site_planned=True, new_site_arr=None)
    return made


def kept(as_of: date, section: str, item: str, unit: str, figure: str | None) -> Row:
    figure_then = None if figure is None else number(figure)
    return {"as_of_date": as_of, "section": section, "item": item, "unit": unit, "figure": figure_then}


EARLIER = [
    kept(date(2025, 12, 31), "trend", "accounts", "accounts", "99"),
    *(
        kept(QUARTER_END, *one)
        for one in (
            ("trend", "accounts", "accounts", "4"),
            ("trend", "mean_score", "points", "84.2"),
            ("trend", "arr", "USD", "448999.99"),
            ("trend", "at_risk_arr", "USD", "0"),
            ("trend", "expected_loss", "USD", "300000"),
            ("status", "RED", "accounts", "0"),
            ("summary", "portfolio", "sentence", None),
        )
    ),
    kept(date(2026, 3, 30), "trend", "accounts", "accounts", "98"),
    kept(date(2026, 5, 31), "trend", "accounts", "accounts", "97"),
]


@contextmanager
def summary(folder: Path, customers: Customers, earlier: list[Row] = (), **reports: object) -> Iterator[dict]:
    world = customers.world(folder, **({"reports": reports} if reports else {}))
    world.earlier["portfolio_summary"] = list(earlier)
    with built(world, folder, "portfolio_summary") as con:
        rows = rows_of(con, "select * from published.portfolio_summary")
    yield {(row["section"], row["item"], row["unit"]): row for row in rows}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str, str], Row]]:
    with summary(tmp_path_factory.mktemp("summary"), portfolio(), EARLIER) as found:
        yield found


def section(rows: dict[tuple[str, str, str], Row], name: str) -> list[Row]:
    return sorted((row for row in rows.values() if row["section"] == name), key=lambda row: row["rank"])


def test_statuses_with_accounts_and_arr(rows: dict[tuple[str, str, str], Row]) -> None:
    figures = {key[1:]: (row["rank"], row["figure"]) for key, row in rows.items() if key[0] == "status"}
    assert figures == {
        **{("RED", "accounts"): (1, 1), ("RED", "USD"): (1, 150000)},
        **{("YELLOW", "accounts"): (2, 1), ("YELLOW", "USD"): (2, 300000)},
        **{("GREEN", "accounts"): (3, 3), ("GREEN", "USD"): (3, 3000)},
        **{("none", "accounts"): (4, 0), ("none", "USD"): (4, 0)},
    }


def test_decisions_by_urgency(rows: dict[tuple[str, str, str], Row]) -> None:
    counts = [(row["item"], row["figure"]) for row in section(rows, "decisions")]
    assert counts == [("this_week", 1), ("next_30_days", 1)]
    listed = [(row["account_id"], row["figure"]) for row in section(rows, "decision")]
    assert listed == [("red", 150000), ("yellow", 300000)]


def test_whom_to_keep_first(rows: dict[tuple[str, str, str], Row]) -> None:
    """150,000 × 90 % × 50 % and 300,000 × 40 % × 75 %; at 10 % nobody has a plan."""
    assert [(row["account_id"], row["figure"]) for row in section(rows, "retention")] == [
        ("yellow", 90000),
        ("red", 67500),
    ]
    assert section(rows, "retention")[0]["text"] == (
        "Account yellow: 40 %: YELLOW 40; expected loss of 120,000 of 300,000 USD. CSM Cas Csm."
    )


def test_expansions_by_priority(rows: dict[tuple[str, str, str], Row]) -> None:
    """60,000 × 85 %; a potential that isn't known has no priority."""
    figures = {key[1:]: row["figure"] for key, row in rows.items() if key[0] == "expansion"}
    assert figures[("HIGH", "expansions")] == 1
    assert figures[("HIGH", "USD")] == 51000
    assert figures[("LOW", "expansions")] == 0
    assert figures[("none", "expansions")] == 1
    assert figures[("none", "USD")] == 0
    assert [row["account_id"] for row in section(rows, "expansion_case")] == ["growing", "unknown"]
    assert section(rows, "expansion_case")[0]["text"].endswith(
        "(HIGH), 51,000 USD expected. A new site is planned. Qualified."
    )


@pytest.mark.parametrize(
    ("item", "unit", "figure", "previous", "arrow"),
    [
        ("accounts", "accounts", "5", "4", "↑"),
        # (4 × 82.6 + 90.1) / 5 = 84.1: a fall of less than a hundredth.
        ("mean_score", "points", "84.1", "84.2", "→"),
        ("arr", "USD", "453000", "448999.99", "→"),
        ("at_risk_arr", "USD", "0", "0", "→"),
        # 135,000 + 120,000 + 3 × 100
        ("expected_loss", "USD", "255300", "300000", "↓"),
        ("expansion_arr", "USD", "51000", None, None),
        ("at_risk_accounts", "accounts", "0", None, None),
    ],
)
def test_trend_against_the_end_of_last_quarter(
    rows: dict[tuple[str, str, str], Row], item: str, unit: str, figure: str, previous: str | None, arrow: str | None
) -> None:
    row = rows["trend", item, unit]
    assert row["figure"] == number(figure)
    assert row["previous_figure"] == (None if previous is None else number(previous))
    assert row["previous_on"] == (None if previous is None else QUARTER_END)
    assert row["arrow"] == arrow


def test_the_trend_in_words(rows: dict[tuple[str, str, str], Row]) -> None:
    assert rows["trend", "accounts", "accounts"]["text"] == "Accounts scored: 5, up from 4 on 31 March 2026"
    assert rows["trend", "mean_score", "points"]["text"] == "Mean score: 84.1, down from 84.2 on 31 March 2026"
    assert rows["trend", "at_risk_arr", "USD"]["text"] == "ARR at risk or critical: 0 USD, as on 31 March 2026"
    assert rows["status", "RED", "accounts"]["arrow"] == "↑"


def test_a_change_of_a_hundredth_counts(tmp_path: Path) -> None:
    """453,000 against 448,514.85 is exactly a hundredth more; by policy the arrow can ask for more."""
    earlier = [kept(QUARTER_END, "trend", "arr", "USD", "448514.85")]
    with summary(tmp_path / "one", portfolio(), earlier) as rows:
        assert rows["trend", "arr", "USD"]["arrow"] == "↑"
    dashboard = {"listed": 1, "flat_below_pct": 2}
    with summary(tmp_path / "two", portfolio(), earlier, dashboard=dashboard) as rows:
        assert rows["trend", "arr", "USD"]["arrow"] == "→"
        assert [len(section(rows, name)) for name in ("decision", "retention", "expansion_case")] == [1, 1, 1]
        assert section(rows, "decision")[0]["account_id"] == "red"


def test_the_summary_in_sentences(rows: dict[tuple[str, str, str], Row]) -> None:
    assert [row["text"] for row in section(rows, "summary")] == [
        "5 accounts are scored, with ARR of 453,000 USD: 1 RED, 1 YELLOW and 3 GREEN.",
        "The mean score is 84.1, down from 84.2 on 31 March 2026.",
        "ARR of 0 USD is at risk or critical and 255,300 is expected to be lost; 0 accounts became so within a week.",
        "2 decisions wait for executives, 1 due this week.",
        "2 expansions are expected to bring 51,000 USD a year; 1 of them has priority HIGH.",
    ]


def test_a_quiet_portfolio_has_three_sentences(tmp_path: Path) -> None:
    quiet = Customers()
    quiet.add("green")
    with summary(tmp_path, quiet) as rows:
        texts = [row["text"] for row in section(rows, "summary")]
    assert texts == [
        "1 account is scored, with ARR of 1,000 USD: 0 RED, 0 YELLOW and 1 GREEN.",
        "The mean score is 82.6; none is kept of the quarter before.",
        "ARR of 0 USD is at risk or critical and 100 is expected to be lost; 0 accounts became so within a week.",
    ]


# Success metrics


def measured(folder: Path, customers: Customers, earlier: list[Row] = (), **reports: object) -> dict[str, Row]:
    world = customers.world(folder, **({"reports": reports} if reports else {}))
    world.earlier["success_metrics"] = list(earlier)
    with built(world, folder, "success_metrics") as con:
        return {row["name"]: row for row in rows_of(con, "select * from published.success_metrics")}


def successes() -> Customers:
    made = Customers()
    made.streams["interventions"] = []
    # With the score of today this one has come back.
    made.scored_before("stayed", 3, "80")
    # Contracts of 365 days: customers on the day before the year are those whose contract ran on 30 June 2025.
    for name, more in (
        ("stayed", {}),
        ("left", {"churned_on": day(0)}),
        ("left-first-day", {"churned_on": day(364)}),
        ("left-before", {"churned_on": day(365)}),
        ("leaves-tomorrow", {"churned_on": day(-1)}),
        ("left-some-day", {"lifecycle": "churned"}),
    ):
        made.add(name, csm_name="Cas Csm", **more)
        made.contract(name, 729, 365, product="Old")
    made.contract(made.add("new", csm_name="Dan Csm"), 364, 0, product="Old")
    made.contract(made.add("ended"), 729, 366, product="Old")
    # Ratings of the last 90 days: three of four satisfied, one of two on urgent tickets.
    for days, priority, csat in (
        (0, "urgent", "5"),
        (89, "urgent", "3.99"),
        (5, "low", "4"),
        (5, None, "4.5"),
        (90, "urgent", "5"),
        (5, "urgent", None),
    ):
        made.ticket("stayed", days, priority=priority, csat=None if csat is None else number(csat))
    for created, closed, amount, more in (
        (400, 364, "1000", {}),
        (30, 0, "500.50", {}),
        (30, 0, None, {}),
        (400, 365, "7", {}),
        (30, 0, "9", {"type": "renewal"}),
        (30, 0, "9", {"is_won": False}),
    ):
        facts = {"type": "expansion", "is_closed": True, "is_won": True, "close_date": day(closed)}
        made.opportunity("stayed", created, amount=None if amount is None else number(amount), **facts | more)
    # Detractor, then promoter; passive both times; one who never answered after.
    answers = {
        "stayed": [(100, "2"), (60, "6"), (40, "3"), (5, "9")],
        "new": [(60, "8"), (5, "7")],
        "left": [(60, "3")],
    }
    for name, given in answers.items():
        for number_, (days, score) in enumerate(given):
            made.row(
                *("survey_responses", name),
                survey_id=f"{name}-{number_}",
                sent_on=day(days + 1),
                responded_on=day(days),
                score=number(score),
            )
    for name, opened, closed, outcome in (
        ("stayed", 50, 10, "recovered"),
        ("stayed", 30, 5, "recovered"),
        ("new", 50, 10, "lost"),
        ("left", 50, None, None),
        ("ended", 400, 365, "recovered"),
    ):
        made.row(
            *("interventions", name),
            intervention_id=f"v-{name}-{opened}",
            strategy="Executive call",
            opened_on=day(opened),
            closed_on=None if closed is None else day(closed),
            outcome=outcome,
        )
    return made


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    measuring = read_policy(SHIPPED, "reports")["measuring"] | {"intervention_cost": 250}
    return measured(tmp_path_factory.mktemp("metrics"), successes(), measuring=measuring)


@pytest.mark.parametrize(
    ("name", "value", "n", "is_met", "unit"),
    [
        # Two of stayed, left, left-first-day, leaves-tomorrow.
        ("annual_churn", "50", 4, False, "percent"),
        ("expansion_arr", "1500.50", 3, None, "USD"),
        # Scored are those that haven't left: stayed, leaves-tomorrow, new and, without CSM, ended.
        ("accounts_per_csm", "1.5", 2, False, "accounts"),
        # Before: 6 and 8; after: 9 and 7. From −50 to 50.
        ("nps_gain", "100", 2, True, "points"),
        ("csat", "75", 4, False, "percent"),
        ("critical_satisfaction", "50", 2, False, "percent"),
        # ARR of 1,000, kept once, for three interventions that cost 250 each.
        ("intervention_return", "1.333333", 3, None, "times"),
    ],
)
def test_what_is_measured(
    metrics: dict[str, Row], name: str, value: str, n: int, is_met: bool | None, unit: str
) -> None:
    row = metrics[name]
    assert (row["value"], row["n"], row["is_met"], row["unit"]) == (number(value), n, is_met, unit)
    assert row["reason"] is None
    assert (row["baseline"], row["baseline_on"]) == (row["value"], AS_OF)


def test_contracts_renewed(tmp_path: Path) -> None:
    """Of the contracts that ended from 1 July 2025 on: one followed by another, one not, one that ended before."""
    made = Customers()
    made.add("renewed")
    made.contract("renewed", 700, 365, product="Old")
    made.contract("renewed", 430, 65, product="Core")
    made.contract(made.add("ended"), 700, 364, product="Old")
    row = measured(tmp_path, made)["renewal_rate"]
    assert (row["value"], row["n"], row["is_met"]) == (50, 2, False)
    assert row["period"] == "contracts that ended from 1 July 2025 to 30 June 2026"


def test_what_cannot_be_measured_says_why(metrics: dict[str, Row], tmp_path: Path) -> None:
    assert metrics["qbr_preparation_time"]["reason"] == "no source says how long preparing a QBR takes"
    assert metrics["early_warning_days"]["reason"] == "no account is known to have left after a score that was kept"
    assert metrics["red_retention"]["reason"] == "no RED score that was kept is old enough to tell"
    lone = Customers(*NO_STREAMS)
    lone.add("new")
    found = {name: (row["value"], row["reason"]) for name, row in measured(tmp_path / "lone", lone).items()}
    assert found["annual_churn"] == (None, "no account had a contract when the period began")
    assert found["expansion_arr"] == (None, "opportunities can not be used")
    assert found["accounts_per_csm"] == (None, "no account names a CSM")
    assert found["nps_gain"] == (None, "interventions can not be used")
    assert found["csat"] == found["critical_satisfaction"] == (None, "tickets can not be used")
    assert found["intervention_return"] == (None, "interventions can not be used")


def test_quiet_streams_are_no_missing_ones(tmp_path: Path) -> None:
    quiet = Customers()
    quiet.add("new")
    quiet.streams["interventions"] = []
    found = {name: (row["value"], row["reason"]) for name, row in measured(tmp_path, quiet).items()}
    assert found["expansion_arr"] == (0, None)
    assert found["nps_gain"] == (None, "no account answered before and after an intervention")
    assert found["csat"] == (None, "no ticket was rated")
    assert found["critical_satisfaction"] == (None, "no urgent ticket was rated")
    assert found["renewal_rate"] == (None, "no contract ended")
    assert found["intervention_return"] == (
        *(None, "no cost of an intervention is set (intervention_cost in policies/reports.yaml)"),
    )


def test_the_first_value_kept_is_the_baseline(tmp_path: Path) -> None:
    earlier = [
        {"name": "csat", "baseline": number("60"), "baseline_on": date(2025, 1, 31)},
        {"name": "annual_churn", "baseline": None, "baseline_on": None},
    ]
    found = measured(tmp_path, successes(), earlier)
    assert (found["csat"]["baseline"], found["csat"]["baseline_on"]) == (60, date(2025, 1, 31))
    assert (found["annual_churn"]["baseline"], found["annual_churn"]["baseline_on"]) == (50, AS_OF)
    assert (found["qbr_preparation_time"]["baseline"], found["qbr_preparation_time"]["baseline_on"]) == (None, None)


def test_targets_in_words(metrics: dict[str, Row]) -> None:
    words = {name: row["target_words"] for name, row in metrics.items()}
    assert words["annual_churn"] == "below 5"
    assert words["nps_gain"] == "10 to 15"
    assert words["csat"] == "at least 85"
    assert words["qbr_preparation_time"] is None
    assert [metrics[name]["rank"] for name in ("annual_churn", "intervention_return")] == [1, 11]
