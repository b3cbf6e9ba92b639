"""The backtest by hand: which scores count, what became of an account to the day, and what is made of it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from orchestration.policy.churn import FACTORS as POLICY_FACTORS
from orchestration.refresh.histories import READS
from tests.dbt.past import AS_OF, HISTORY, SCORED_ON, Past, after, built, customer, gone_on
from tests.dbt.policy_folders import read_policy, write_policies
from tests.support.compiled import compiled_models, rows_of
from tests.support.inputs import Row, World, account, contract
from tests.support.oracle_backtest import FACTORS, Truth, outcome

LONG_AGO = date(2023, 1, 1)
LAST_DAY = after(180)

# What is known of an account now, and what it means for the score of 31 December and its 180 days to 29 June.
FATES: dict[str, tuple[Truth | None, str]] = {
    "left-on-the-day-of-the-score": (gone_on(SCORED_ON), "left_before"),
    "left-on-the-day-after": (gone_on(after(1)), "left"),
    "left-on-the-last-day": (gone_on(LAST_DAY), "left"),
    "left-on-the-day-after-the-last": (gone_on(after(181)), "stayed"),
    "will-leave": (Truth(date(2027, 1, 1), "churned", [(LONG_AGO, date(2026, 12, 31))]), "stayed"),
    "left-on-a-day-under-contract": (Truth(after(10), "churned", [(LONG_AGO, after(400))]), "left"),
    "ends-before-it-leaves": (Truth(after(200), "churned", [(LONG_AGO, after(100))]), "left"),
    # Contracts that ended: the day after is the first one without.
    "not-renewed": (Truth(contracts=[(LONG_AGO, after(60))]), "left"),
    "ended-the-day-before": (Truth(contracts=[(LONG_AGO, after(-1))]), "left_before"),
    "ended-on-the-day": (Truth(contracts=[(LONG_AGO, SCORED_ON)]), "left"),
    "ended-the-day-before-the-last": (Truth(contracts=[(LONG_AGO, after(179))]), "left"),
    "ends-on-the-last-day": (Truth(contracts=[(LONG_AGO, LAST_DAY)]), "stayed"),
    "renewed-after-30-days": (Truth(contracts=[(LONG_AGO, after(170)), (after(200), after(600))]), "stayed"),
    "renewed-after-31-days": (Truth(contracts=[(LONG_AGO, after(170)), (after(201), after(600))]), "left"),
    "back-before-the-end": (Truth(contracts=[(LONG_AGO, after(60)), (after(160), after(600))]), "stayed"),
    "back-on-the-last-day": (Truth(contracts=[(LONG_AGO, after(60)), (LAST_DAY, after(600))]), "stayed"),
    "back-and-gone-again": (Truth(contracts=[(LONG_AGO, after(20)), (after(80), after(120))]), "left"),
    "back-after-it-had-ended": (Truth(contracts=[(LONG_AGO, after(-60)), (after(5), after(600))]), "stayed"),
    "within-a-longer-one": (Truth(contracts=[(LONG_AGO, after(600)), (after(-30), after(30))]), "stayed"),
    "one-after-another": (
        Truth(contracts=[(LONG_AGO, after(-10)), (after(-9), after(90)), (after(91), after(200))]),
        "stayed",
    ),
    "called-churned": (Truth(None, "churned", [(LONG_AGO, after(600))]), "left_without_date"),
    "called-churned-and-not-renewed": (Truth(None, "churned", [(LONG_AGO, after(60))]), "left"),
    "without-contracts": (Truth(), "no_contract"),
    "in-no-source": (None, "account_gone"),
}


@pytest.fixture(scope="module")
def fates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    past = Past()
    for name, (truth, _) in FATES.items():
        past.says(name)
        if truth is not None:
            past.knows(name, truth)
    with built(past.world(), tmp_path_factory.mktemp("fates"), "int_backtest__outcomes") as con:
        found = rows_of(
            con, "select account_id, outcome from intermediate.int_backtest__outcomes where horizon_days = 180"
        )
    assert len(found) == len(FATES)
    return {row["account_id"]: row["outcome"] for row in found}


@pytest.mark.parametrize("name", FATES)
def test_what_became_of_an_account(fates: dict[str, str], name: str) -> None:
    truth, expected = FATES[name]
    assert fates[name] == expected
    assert outcome(truth, SCORED_ON, 180) == expected, "the oracle"


def figures(past: Past, folder: Path, where: str, policies: Path | None = None) -> list[Row]:
    """Rows of score_backtest."""
    world = past.world(policies) if policies else past.world()
    with built(world, folder, "score_backtest") as con:
        return rows_of(con, f"select * from published.score_backtest where {where} order by horizon_days, item_order")


def test_what_cannot_be_told_is_left_out_and_counted(tmp_path: Path) -> None:
    past = Past()
    for name, (truth, _) in FATES.items():
        past.says(name)
        if truth is not None:
            past.knows(name, truth)
    found = figures(past, tmp_path, "section in ('left_out', 'periods') and horizon_days = 180")
    counts = {row["item"]: row["accounts"] for row in found}
    assert counts == {"all": 19, "left_before": 2, "left_without_date": 1, "no_contract": 1, "account_gone": 1}
    (periods,) = [row for row in found if row["section"] == "periods"]
    assert (periods["figure"], periods["churned"]) == (1, 10)
    assert periods["note"] == "scores of 31 December 2025; 10 accounts left, 9 stayed"


def says_monthly(past: Past, account_id: str, *days: date) -> None:
    for day in days:
        past.says(account_id, on=day)


def periods_of(past: Past, folder: Path, as_of: date = AS_OF) -> dict[int, list[date]]:
    with built(past.world(as_of=as_of), folder, "int_backtest__periods") as con:
        found = rows_of(con, "select * from intermediate.int_backtest__periods order by scored_on desc")
    return {days: [row["scored_on"] for row in found if row["horizon_days"] == days] for days in (90, 180)}


def test_the_last_date_of_a_month_counts_once_its_days_have_passed(tmp_path: Path) -> None:
    past = Past()
    says_monthly(past, "a", date(2026, 3, 1), date(2026, 3, 30), date(2026, 4, 1), date(2026, 4, 2))
    # 90 days from 1 April end on 30 June, but 2 April is the last of its month.
    assert periods_of(past, tmp_path / "now") == {90: [date(2026, 3, 30)], 180: []}
    # Those of 2 April end on 1 July; they begin after those of 30 March, which end on 28 June.
    assert periods_of(past, tmp_path / "later", date(2026, 7, 1)) == {90: [date(2026, 4, 2)], 180: []}
    assert periods_of(past, tmp_path / "before", date(2026, 6, 27)) == {90: [], 180: []}


def test_periods_of_a_horizon_do_not_overlap(tmp_path: Path) -> None:
    past = Past()
    ends = [date(2025, 1, 31), date(2025, 2, 28), date(2025, 3, 31), date(2025, 4, 30), date(2025, 5, 31)]
    ends += [date(2025, 6, 30), date(2025, 7, 31), date(2025, 8, 31), date(2025, 9, 30), date(2025, 10, 31)]
    ends += [date(2025, 11, 30), SCORED_ON, date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)]
    says_monthly(past, "a", *ends)
    # From 31 March 90 days back is 31 December, from there 2 October, from 30 September 2 July, …
    assert periods_of(past, tmp_path) == {
        90: [date(2026, 3, 31), SCORED_ON, date(2025, 9, 30), date(2025, 6, 30), date(2025, 3, 31)],
        180: [SCORED_ON, date(2025, 6, 30)],
    }


def test_only_so_many_months_count(tmp_path: Path) -> None:
    past = Past()
    says_monthly(past, "a", date(2024, 5, 31), date(2024, 6, 1), date(2024, 12, 31))
    assert periods_of(past, tmp_path) == {
        90: [date(2024, 12, 31), date(2024, 6, 1)],
        180: [date(2024, 12, 31), date(2024, 6, 1)],
    }


def test_reconstructed_scores_count_unless_they_must_not_and_are_told(tmp_path: Path) -> None:
    past = Past()
    for name in ("a", "b"):
        past.says(name, on=SCORED_ON, reconstructed=True)
        past.says(name, on=date(2025, 9, 30))
        past.knows(name, customer())
    sections = "section in ('periods', 'left_out', 'reconstructed')"
    found = figures(past, tmp_path / "as-shipped", sections)
    assert [(row["section"], row["horizon_days"], row["item"], row["accounts"]) for row in found] == [
        ("reconstructed", 0, "counted", 2),
        ("periods", 90, "all", 4),
        ("periods", 180, "all", 2),
    ]
    policies = write_policies(tmp_path / "policies", backtest={"reconstructed_too": False})
    found = figures(past, tmp_path / "told-to", sections, policies)
    assert [(row["section"], row["horizon_days"], row["item"], row["accounts"]) for row in found] == [
        ("reconstructed", 0, "left_out", 2),
        ("periods", 90, "all", 2),
        ("periods", 180, "all", 2),
    ]


# Nothing later than the score


def test_later_facts_change_nothing_that_was_said(tmp_path: Path) -> None:
    """The models run on the day of the score; half a year later, with all that came after, its score is what it was."""
    early, late = date(2025, 1, 1), after(30)
    streams: dict[str, list[Row]] = {
        "accounts": [account(name, customer_since=LONG_AGO) for name in ("a", "b")],
        "contracts": [contract(f"c-{name}", name, early, after(200)) for name in ("a", "b")],
        **{name: [] for name in ("signals", "tickets", "contacts", "usage", "survey_responses", "opportunities")},
    }
    with built(World(SCORED_ON, streams), tmp_path / "then", "account_churn") as con:
        said = rows_of(con, "select * from published.account_churn")
    assert len(said) == 2
    kept = [{name: row[name] for name in READS[HISTORY].columns.names} for row in said]

    def backtest(folder: str, more: dict[str, list[Row]]) -> tuple[list[Row], list[Row]]:
        now = {name: rows + more.get(name, []) for name, rows in streams.items()}
        now["accounts"] = more.get("accounts", now["accounts"])
        with built(
            World(AS_OF, now, earlier={HISTORY: kept}), tmp_path / folder, "score_backtest", "account_churn"
        ) as con:
            outcomes = rows_of(con, "select * exclude outcome from intermediate.int_backtest__outcomes order by all")
            return outcomes, rows_of(con, "select * from published.account_churn order by account_id")

    at = datetime.combine(after(130), time(12))
    urgent = {"escalated": True, "priority": "urgent", "is_incident": True, "created_at": at}
    answer = {"survey_id": "n", "survey_type": "quarterly", "sent_on": late, "responded_on": late, "score": Decimal(0)}
    kinds = ("rfp", "outage", "budget_pressure", "leadership_change")
    planted = {
        "signals": [{"signal_id": f"s-{kind}", "signal_type": kind, "observed_on": after(170)} for kind in kinds],
        "tickets": [{"ticket_id": f"t-{number}"} | urgent for number in range(40)],
        "contacts": [{"contact_id": "p", "role": "executive", "started_on": early, "ended_on": late}],
        "usage": [{"usage_date": after(175), "logins": Decimal(1)}],
        "survey_responses": [answer],
        "opportunities": [{"opportunity_id": "o", "created_on": late, "competitor": "Rival"}],
    }
    planted = {stream: [{"account_id": "a"} | row for row in rows] for stream, rows in planted.items()}
    facts = {"customer_since": late, "segment": "enterprise", "reference_customer": True}
    planted["accounts"] = [account(name, **facts) for name in ("a", "b")]
    without, now_without = backtest("without", {})
    with_it, now_with = backtest("with", planted)
    assert without == with_it
    assert len(without) == 4, "a and b at 180 days and at 90"
    assert now_without != now_with, "the planted facts are seen where they may be"


def test_what_was_said_comes_from_the_history_alone() -> None:
    """Of what is known now, only accounts and contracts reach the backtest: when they left."""
    ancestors = compiled_models().with_ancestors(["fct_score_backtest", "fct_calibration"])
    read = {name for name in ancestors if name.startswith("stg_")}
    assert {name for name in read if not name.startswith(("stg_policy__", "stg_run__", "stg_quality__"))} == {
        "stg_history__account_churn_monthly",
        "stg_landing__accounts",
        "stg_landing__contracts",
    }


# Figures by hand


def ten_accounts() -> Past:
    """Ten accounts of which three left: RED, RED, YELLOW; of the others one is RED, two YELLOW, four GREEN."""
    past = Past()
    for name, status, left in (
        ("r1", "RED", True), ("r2", "RED", True), ("r3", "RED", False),
        ("y1", "YELLOW", True), ("y2", "YELLOW", False), ("y3", "YELLOW", False),
        ("g1", "GREEN", False), ("g2", "GREEN", False), ("g3", "GREEN", False), ("g4", "GREEN", False),
    ):  # fmt: skip
        past.says(name, status)
        past.knows(name, gone_on(after(100)) if left else customer())
    return past


def by_key(rows: list[Row], *columns: str) -> dict[tuple, tuple]:
    return {tuple(row[name] for name in columns): (row["figure"], row["accounts"], row["churned"]) for row in rows}


def test_figures_of_ten_accounts(tmp_path: Path) -> None:
    found = figures(ten_accounts(), tmp_path, "horizon_days = 180")
    of = by_key(found, "section", "predictor", "item", "measure")
    # Pairs: each RED that left beats 6 of 7 and ties with 1; the YELLOW beats 4 and ties with 2: 6.5 + 6.5 + 5 of 21.
    area = Decimal("0.857143")
    assert of["auc", "score", "all", "auc"] == of["auc", "churn_probability", "all", "auc"] == (area, 10, 3)
    assert of["auc", "churn_probability_calibrated", "all", "auc"] == (None, 0, 0)
    # 2 x .09 + .49 + .36 + 2 x .16 + 4 x .01 = 1.39, of 10; had 30 % been said of each: 3 x .49 + 7 x .09 = 2.1.
    assert of["brier", "churn_probability", "all", "brier"] == (Decimal("0.139"), 10, 3)
    assert of["brier", "churn_probability", "all", "brier_of_base_rate"] == (Decimal("0.21"), 10, 3)
    assert of["brier", "churn_probability", "all", "skill"] == (Decimal("0.338095"), 10, 3)
    # Three scores only: RED fill the groups 1 to 3 and stand in the second, YELLOW 4 to 6, GREEN 7 to 10.
    rate = {key: value for key, value in of.items() if key[0] == "deciles" and key[3] == "churn_rate"}
    assert {key[2]: value for key, value in rate.items()} == {
        "2": (Decimal("66.666667"), 3, 2),
        "5": (Decimal("33.333333"), 3, 1),
        "9": (0, 4, 0),
    }
    assert of["deciles", "score", "2", "lift"] == (Decimal("2.222222"), 3, 2)
    assert of["calibration", "churn_probability", "70 to 80", "said"] == (70, 3, 2)
    assert of["calibration", "churn_probability", "70 to 80", "happened"] == (Decimal("66.666667"), 3, 2)
    assert of["calibration", "churn_probability", "10 to 20", "happened"] == (0, 4, 0)
    assert of["status", "status", "RED", "churn_rate"] == (Decimal("66.666667"), 3, 2)
    assert of["status", "status", "RED", "share_of_churned"] == (Decimal("66.666667"), 3, 2)
    assert of["status", "status", "YELLOW", "share_of_churned"] == (Decimal("33.333333"), 3, 1)
    assert of["status", "status", "GREEN", "share_of_churned"] == (0, 3, 0)
    # Wilson's interval of 2 of 3, from a table: 20.8 to 93.9 %.
    (red,) = [row for row in found if row["item"] == "RED" and row["measure"] == "churn_rate"]
    assert (round(red["low"], 1), round(red["high"], 1)) == (Decimal("20.8"), Decimal("93.9"))


@pytest.mark.parametrize(
    ("left", "stayed", "note"),
    [
        (0, 3, "none of 3 accounts left"),
        (2, 0, "all of 2 accounts left"),
        (0, 0, "no score that was kept is 180 days old, the time after which is looked"),
    ],
)
def test_what_cannot_be_measured_says_why(tmp_path: Path, left: int, stayed: int, note: str) -> None:
    past = Past()
    for number in range(left + stayed):
        past.knows(past.says(f"a{number}"), gone_on(after(9)) if number < left else customer())
    found = figures(
        past, tmp_path, "horizon_days = 180 and measure = 'auc' and predictor <> 'churn_probability_calibrated'"
    )
    assert [(row["figure"], row["low"], row["note"]) for row in found] == [(None, None, note)] * 2


@pytest.mark.parametrize(("left_status", "area"), [("RED", 1), ("GREEN", 0)])
def test_perfect_order_of_a_few_is_no_certainty(tmp_path: Path, left_status: str, area: int) -> None:
    """DeLong's variance is 0 there; the interval must still be wide."""
    past = Past()
    for number in range(4):
        past.knows(past.says(f"l{number}", left_status), gone_on(after(9)))
        past.knows(past.says(f"k{number}", "YELLOW"), customer())
    found = figures(past, tmp_path, "horizon_days = 180 and measure = 'auc' and predictor = 'score'")
    (row,) = found
    # Wilson's interval of 4 of 4: from 51 %.
    ends = (row["low"], row["high"]) if area else (1 - row["high"], 1 - row["low"])
    assert row["figure"] == area
    assert (round(ends[0], 3), ends[1]) == (Decimal("0.510"), 1)


# Warnings


MONTH_ENDS = [date(2025, 12, 31), date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]
WARNINGS = {
    # Colours by month, left on, days of warning, since.
    "warned-all-the-time": ("RRYYR", date(2026, 5, 10), 130, MONTH_ENDS[0]),
    "warned-lately": ("GGGYR", date(2026, 5, 10), 40, MONTH_ENDS[3]),
    "warned-with-a-break": ("RRGRR", date(2026, 5, 10), 40, MONTH_ENDS[3]),
    "not-warned": ("RRRRG", date(2026, 5, 10), 0, None),
    "left-on-a-scoring-date": ("GRRG ", MONTH_ENDS[3], 59, MONTH_ENDS[1]),
    "scored-after-it-left": ("GRRRG", date(2026, 4, 29), 88, MONTH_ENDS[1]),
    "without-a-score-for-a-while": ("GR   ", date(2026, 5, 10), 99, MONTH_ENDS[1]),
}


@pytest.fixture(scope="module")
def warnings(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    past = Past()
    for name, (colours, left_on, _, _) in WARNINGS.items():
        for colour, day in zip(colours, MONTH_ENDS, strict=True):
            status = {"R": "RED", "Y": "YELLOW", "G": "GREEN"}.get(colour)
            if status:
                past.says(name, status, day)
        past.knows(name, gone_on(left_on))
    past.knows(past.says("lapsed", "RED", MONTH_ENDS[4]), Truth(contracts=[(LONG_AGO, date(2026, 5, 9))]))
    past.knows(past.says("kept", "RED", MONTH_ENDS[4]), customer())
    past.knows(past.says("leaves-tomorrow", "RED", MONTH_ENDS[4]), gone_on(AS_OF + timedelta(days=1)))
    past.knows("never-scored", gone_on(date(2026, 5, 10)))
    return figures(past, tmp_path_factory.mktemp("warnings"), "section = 'warning'")


@pytest.mark.parametrize("name", WARNINGS)
def test_days_of_warning(warnings: list[Row], name: str) -> None:
    _, left_on, days, since = WARNINGS[name]
    (row,) = [row for row in warnings if row["item"] == name]
    assert (row["figure"], row["account_id"], row["unit"]) == (days, name, "days")
    assert row["note"].startswith(f"left on {left_on.day} {left_on:%B %Y}, ")
    told = f"warned of since {since.day} {since:%B %Y}" if since else "no warning on 30 April 2026"
    assert told in row["note"]
    assert row["note"].endswith(", the first score kept") == (name == "warned-all-the-time")


def test_warnings_together(warnings: list[Row]) -> None:
    rows = {row["measure"]: row for row in warnings if row["item"] == "all"}
    (lapsed,) = [row for row in warnings if row["item"] == "lapsed"]
    assert lapsed["figure"] == 10
    assert lapsed["note"].startswith("contracts not renewed after 10 May 2026, warned of since 30 April 2026")
    # 0, 10, 40, 40, 59, 88, 99, 130.
    assert (rows["median_days"]["figure"], rows["mean_days"]["figure"]) == (Decimal("49.5"), Decimal("58.3"))
    assert [rows["warned_rate"][name] for name in ("figure", "accounts", "churned")] == [Decimal("87.5"), 8, 7]
    assert len(warnings) == 8 + 3


def test_without_departures_nothing_can_be_said_of_warnings(tmp_path: Path) -> None:
    past = Past()
    past.knows(past.says("kept"), customer())
    found = figures(past, tmp_path, "section = 'warning'")
    assert [(row["figure"], row["accounts"]) for row in found] == [(None, 0)] * 3
    assert {row["note"] for row in found} == {"no account is known to have left after a score that was kept"}


# Calibration


def enough(**churn: int | str) -> dict[str, dict[str, int | str]]:
    """Floors that ten accounts reach."""
    shipped = read_policy(Path("policies"), "churn")["calibration"]
    return {"churn": {"calibration": shipped | {"least_churned": 3, "least_kept": 7} | churn}}


def calibration(past: Past, folder: Path, **changes: dict) -> dict[str, Row]:
    policies = write_policies(folder / "policies", **changes)
    with built(past.world(policies), folder, "calibration") as con:
        return {row["parameter"]: row for row in rows_of(con, "select * from published.calibration")}


@pytest.mark.parametrize(
    ("floors", "reason"),
    [
        ({}, None),
        ({"least_churned": 4}, "3 churned accounts and 7 kept ones are known 180 days after their scores, and it takes"
                               " 4 churned accounts and 7 kept ones"),
        ({"least_kept": 8}, "3 churned accounts and 7 kept ones are known 180 days after their scores, and it takes"
                            " 3 churned accounts and 8 kept ones"),
    ],
)  # fmt: skip
def test_a_suggestion_takes_enough_outcomes(tmp_path: Path, floors: dict[str, int], reason: str | None) -> None:
    rows = calibration(ten_accounts(), tmp_path, **enough(**floors))
    band = rows["probability 70 to 80"]
    assert band["reason"] == reason
    assert (band["suggested_value"] is None) == (band["low"] is None) == (reason is not None)
    assert (band["accounts"], band["churned"], band["value_now"]) == (3, 2, 70)


def test_kept_accounts_are_counted_once_however_often_they_stayed(tmp_path: Path) -> None:
    past = ten_accounts()
    for name in ("g1", "g2"):
        past.says(name, on=date(2025, 6, 30))
    rows = calibration(past, tmp_path, **enough(least_kept=8))
    assert rows["base_pct.green"]["reason"].startswith("3 churned accounts and 7 kept ones are known")
    assert rows["base_pct.green"]["accounts"] == 6


def test_suggestions_by_hand(tmp_path: Path) -> None:
    """The value in force weighs as much as two accounts here."""
    fitting = {"horizon_days": 180, "shrinkage_accounts": 2, "least_accounts": 3}
    rows = calibration(ten_accounts(), tmp_path, **enough(), backtest={"fitting": fitting})
    # RED: (200 + 2 x 70) / 5. YELLOW: (100 + 2 x 40) / 5. GREEN: (0 + 2 x 10) / 6.
    assert {name: rows[f"base_pct.{name}"]["suggested_value"] for name in ("red", "yellow", "green")} == {
        "red": Decimal("68"),
        "yellow": Decimal("36"),
        "green": Decimal("3.33"),
    }
    assert {name: rows[f"base_pct.{name}"]["observed"] for name in ("red", "yellow", "green")} == {
        "red": Decimal("66.6667"),
        "yellow": Decimal("33.3333"),
        "green": 0,
    }
    assert rows["probability 70 to 80"]["suggested_value"] == 68
    # Nobody was given these: what holds of the next band above that anybody was given, else of the one below.
    assert rows["probability 20 to 30"]["suggested_value"] == 36
    assert rows["probability 90 or more"]["suggested_value"] == 68
    assert rows["probability 20 to 30"]["value_now"] is None
    outage = rows["factors.recent_outage.addition"]
    assert outage["reason"] == "0 accounts with it, 0 without that are the same in all else, and it takes 3 of each"
    assert outage["suggested_value"] is None


def test_an_addition_compares_what_is_the_same_in_all_else(tmp_path: Path) -> None:
    """With an outage 3 of 4 RED and 1 of 2 GREEN left, without 1 of 4 RED and 0 of 4 GREEN; a YELLOW has no match."""
    past = Past()
    fates = [("RED", True, 3, 1), ("RED", False, 1, 3), ("GREEN", True, 1, 1), ("GREEN", False, 0, 4)]
    for status, outage, left, stayed in [*fates, ("YELLOW", True, 1, 0)]:
        for number in range(left + stayed):
            name = f"{status}-{outage}-{number}"
            past.says(name, status, recent_outage=outage)
            past.knows(name, gone_on(after(9)) if number < left else customer())
    fitting = {"horizon_days": 180, "shrinkage_accounts": 2, "least_accounts": 6}
    rows = calibration(past, tmp_path, **enough(), backtest={"fitting": fitting})
    found = rows["factors.recent_outage.addition"]
    counts = [found[name] for name in ("accounts", "churned", "compared_accounts", "compared_churned")]
    assert counts == [6, 4, 8, 1]
    # RED: 50 points at weight 4 x 4 / 8 = 2; GREEN: 50 points at 2 x 4 / 6 = 4/3. (10/3 x 50 + 2 x 15) / (10/3 + 2).
    assert found["observed"] == 50
    assert found["suggested_value"] == Decimal("36.88")
    assert rows["renewal.soon_addition"]["accounts"] == 0


def test_a_greater_prior_is_no_smaller_probability(tmp_path: Path) -> None:
    """Of those given 70 % fewer left than of those given 40 %: both bands get what they have together."""
    past = Past()
    for status, left, stayed in (("RED", 1, 29), ("YELLOW", 6, 4), ("GREEN", 0, 10)):
        for number in range(left + stayed):
            name = f"{status}-{number}"
            past.knows(past.says(name, status), gone_on(after(9)) if number < left else customer())
    rows = calibration(past, tmp_path, **enough())
    # (100 x 7 + 20 x 70 + 20 x 40) / (40 + 40).
    assert {rows[f"probability {band}"]["suggested_value"] for band in ("40 to 50", "70 to 80")} == {Decimal("36.25")}
    assert rows["probability 10 to 20"]["suggested_value"] == Decimal("6.67")
    assert all(
        row["low"] <= row["suggested_value"] + Decimal("0.01") for row in rows.values() if row["low"] is not None
    )


# The calibrated probability of accounts now


@pytest.mark.parametrize("acts_on", ["prior", "calibrated"])
def test_the_calibrated_probability_of_an_account(tmp_path: Path, acts_on: str) -> None:
    past = ten_accounts()
    policies = write_policies(tmp_path / "policies", **enough(acts_on=acts_on))
    with built(past.world(policies), tmp_path, "account_churn", "calibration") as con:
        rows = rows_of(con, "select * from published.account_churn")
        bands = rows_of(con, "select * from published.calibration where kind = 'probability'")
    assert len(rows) == 7
    for row in rows:
        (band,) = [
            band
            for band in bands
            if band["from_pct"] <= row["churn_probability"]
            and (band["below_pct"] is None or row["churn_probability"] < band["below_pct"])
        ]
        assert row["churn_probability_calibrated"] == band["suggested_value"]
        chosen = "churn_probability" if acts_on == "prior" else "churn_probability_calibrated"
        assert row["acts_on_probability"] == row[chosen]
    assert rows[0]["churn_probability"] != rows[0]["churn_probability_calibrated"]
    assert rows[0]["calibration_reason"] == (
        "of 4 accounts given 10 to 20 %, 0 left within 180 days; "
        "evened out with what was said and with the bands beside"
    )


def test_the_cap_holds_for_the_calibrated_probability_too(tmp_path: Path) -> None:
    past = Past()
    for number in range(12):
        name = past.says(f"a{number}", "GREEN")
        past.knows(name, gone_on(after(9)) if number < 11 else customer())
    changes = enough(least_churned=1, least_kept=1)
    changes["churn"] |= {"cap_pct": 72}
    fitting = {"horizon_days": 180, "shrinkage_accounts": 1, "least_accounts": 1}
    policies = write_policies(tmp_path / "policies", **changes, backtest={"fitting": fitting})
    with built(past.world(policies), tmp_path, "account_churn", "int_backtest__bands") as con:
        (row,) = rows_of(con, "select * from published.account_churn")
        bands = rows_of(con, "select * from intermediate.int_backtest__bands where band = 2")
    assert bands[0]["fitted_pct"] > 72
    assert row["churn_probability_calibrated"] == 72


def test_factors_are_those_of_the_policy() -> None:
    assert FACTORS == POLICY_FACTORS
