"""Random pasts: every figure of the backtest and every suggestion against plain Python, and chance stays chance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import mean, median

import duckdb
import pytest

from tests.dbt.past import AS_OF, BASE, Past, built, gone_on
from tests.dbt.policy_folders import read_policy, write_policies
from tests.support import oracle_backtest as oracle
from tests.support.compiled import rows_of
from tests.support.inputs import Row
from tests.support.oracle_backtest import FACTORS, Truth

MONTH_ENDS = [date(2024 + month // 12, month % 12 + 1, 1) - timedelta(days=1) for month in range(7, 30)]
ADDITIONS = dict(zip(FACTORS, (15, 10, 25, 15, 10), strict=True))
LEAST = 20
EDGES = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 101]


def random_truth(random: Random, chance_of_leaving: float) -> Truth | None:
    """What is known of an account now; most are under contract, some left in the two years, some can't be told."""
    if random.random() < 0.03:
        return random.choice([None, Truth(), Truth(None, "churned", [(date(2023, 1, 1), date(2027, 1, 1))])])
    if random.random() < chance_of_leaving:
        day = MONTH_ENDS[0] + timedelta(days=random.randrange(720))
        return gone_on(day) if random.random() < 0.5 else Truth(contracts=[(date(2023, 1, 1), day)])
    starts = date(2023, 1, 1)
    contracts = []
    while starts < AS_OF:
        ends = starts + timedelta(days=random.choice([180, 364, 729]))
        contracts.append((starts, ends))
        starts = ends + timedelta(days=random.choice([-20, 1, 1, 1, 25, 30, 31, 60]))
    return Truth(contracts=contracts)


def random_past(seed: int, accounts: int, with_signal: bool) -> tuple[Past, dict[str, Truth | None]]:
    random = Random(seed)  # noqa: S311
    past, truths = Past(), {}
    for number in range(accounts):
        name = f"a{number:04}"
        risk = random.choice([0.05, 0.3, 0.8])
        truths[name] = truth = random_truth(random, risk if with_signal else 0.4)
        if truth is not None:
            past.knows(name, truth)
        for day in MONTH_ENDS:
            if random.random() < 0.05 or (truth and truth.churned_on and truth.churned_on <= day):
                continue
            says_at_random(past, random, name, day, risk)
    return past, truths


def says_at_random(past: Past, random: Random, name: str, day: date, risk: float) -> None:
    score = min(100, max(0, round(random.gauss(95 - 45 * risk, 10))))
    status = "GREEN" if score >= 80 else "YELLOW" if score >= 60 else "RED"
    present = {factor: random.random() < 0.25 for factor in FACTORS}
    renewal = random.choice([None, 30, 89, 90, 179, 180, 300])
    total = BASE[status] + sum(points for factor, points in ADDITIONS.items() if present[factor])
    total += 20 if renewal is not None and renewal < 90 else 10 if renewal is not None and renewal < 180 else 0
    calibrated = Decimal(random.randrange(1000)) / 10 if random.random() < 0.7 else None
    more = {"score": Decimal(score), "churn_probability": Decimal(min(95, total)), "days_to_renewal": renewal}
    past.says(name, status, day, **more, **present, churn_probability_calibrated=calibrated)


class Expected:
    """The scores of a horizon with what became of them."""

    def __init__(self, past: Past, truths: dict[str, Truth | None], horizon: int) -> None:
        dates = oracle.scoring_dates([row["as_of_date"] for row in past.said], AS_OF)
        self.periods = oracle.periods(dates, AS_OF, horizon)
        every = [
            row | {"outcome": oracle.outcome(truths[row["account_id"]], row["as_of_date"], horizon)}
            for row in past.said
            if row["as_of_date"] in self.periods
        ]
        self.left_out = [row["outcome"] for row in every if row["outcome"] not in ("left", "stayed")]
        self.rows = [row | {"left": row["outcome"] == "left"} for row in every if row["outcome"] in ("left", "stayed")]

    def told(self, predictor: str) -> tuple[list[float], list[bool]]:
        rows = [row for row in self.rows if row[predictor] is not None]
        return [float(row[predictor]) for row in rows], [row["left"] for row in rows]


@contextmanager
def backtest(past: Past, folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    shipped = read_policy(Path("policies"), "churn")["calibration"]
    floors = {"calibration": shipped | {"least_churned": 10, "least_kept": 20}}
    with built(
        past.world(write_policies(folder / "policies", churn=floors)), folder, "score_backtest", "calibration"
    ) as con:
        yield con


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple]:
    past, truths = random_past(7, 300, with_signal=True)
    with backtest(past, tmp_path_factory.mktemp("random")) as con:
        yield con, past, truths


@pytest.fixture(scope="module", params=[90, 180])
def horizon(request: pytest.FixtureRequest, world: tuple) -> tuple[dict[tuple, Row], Expected]:
    con, past, truths = world
    found = rows_of(con, f"select * from published.score_backtest where horizon_days = {request.param}")
    keyed = {(row["section"], row["predictor"], row["item"], row["measure"]): row for row in found}
    return keyed, Expected(past, truths, request.param)


def near(found: Decimal | None, expected: float, places: int = 4) -> bool:
    return found is not None and abs(float(found) - expected) <= 0.6 * 10**-places


def test_periods_and_what_is_left_out(horizon: tuple[dict[tuple, Row], Expected]) -> None:
    found, expected = horizon
    row = found["periods", "score", "all", "periods"]
    left = sum(one["left"] for one in expected.rows)
    assert (row["figure"], row["accounts"], row["churned"]) == (len(expected.periods), len(expected.rows), left)
    assert left > 30
    out = {key[2]: value["accounts"] for key, value in found.items() if key[0] == "left_out"}
    assert out == {reason: expected.left_out.count(reason) for reason in set(expected.left_out)}
    assert len(out) == 4


@pytest.mark.parametrize("predictor", ["score", "churn_probability", "churn_probability_calibrated"])
def test_area_under_the_curve(horizon: tuple[dict[tuple, Row], Expected], predictor: str) -> None:
    found, expected = horizon
    said, left = expected.told(predictor)
    risks = [-value for value in said] if predictor == "score" else said
    row = found["auc", predictor, "all", "auc"]
    assert near(row["figure"], oracle.auc(risks, left), 6)
    low, high = oracle.delong(risks, left)
    assert near(row["low"], low, 6)
    assert near(row["high"], high, 6)
    assert (row["accounts"], row["churned"]) == (len(left), sum(left))


@pytest.mark.parametrize("predictor", ["churn_probability", "churn_probability_calibrated"])
def test_brier_scores(horizon: tuple[dict[tuple, Row], Expected], predictor: str) -> None:
    found, expected = horizon
    said, left = expected.told(predictor)
    score, low, high = oracle.brier(said, left)
    row = found["brier", predictor, "all", "brier"]
    assert near(row["figure"], score, 6)
    assert near(row["low"], low, 6)
    assert near(row["high"], high, 6)
    always, _, _ = oracle.brier([100 * mean(left)] * len(left), left)
    assert near(found["brier", predictor, "all", "brier_of_base_rate"]["figure"], always, 6)
    assert near(found["brier", predictor, "all", "skill"]["figure"], 1 - score / always, 5)


@pytest.mark.parametrize("predictor", ["churn_probability", "churn_probability_calibrated"])
def test_said_against_happened(horizon: tuple[dict[tuple, Row], Expected], predictor: str) -> None:
    found, expected = horizon
    said, left = expected.told(predictor)
    bands = 0
    for start, end in pairwise(EDGES):
        words = f"{start} or more" if start == 90 else f"{start} to {end}"
        of_band = [(value, gone) for value, gone in zip(said, left, strict=True) if start <= value < end]
        if not of_band:
            assert ("calibration", predictor, words, "said") not in found
            continue
        bands += 1
        gone = sum(fate for _, fate in of_band)
        happened = found["calibration", predictor, words, "happened"]
        assert near(found["calibration", predictor, words, "said"]["figure"], mean(value for value, _ in of_band), 6)
        assert (happened["accounts"], happened["churned"]) == (len(of_band), gone)
        low, high = oracle.wilson(gone, len(of_band))
        assert near(happened["figure"], 100 * gone / len(of_band), 6)
        assert near(happened["low"], low)
        assert near(happened["high"], high)
    assert bands > 7


def test_deciles(horizon: tuple[dict[tuple, Row], Expected]) -> None:
    found, expected = horizon
    scores = sorted(row["score"] for row in expected.rows)
    groups: dict[int, list[bool]] = {}
    for row in expected.rows:
        middle = Decimal(sum(score < row["score"] for score in scores)) + Decimal(scores.count(row["score"])) / 2
        groups.setdefault(int(10 * middle / len(scores)) + 1, []).append(row["left"])
    assert {key[2] for key in found if key[0] == "deciles"} == {str(group) for group in groups}
    share = mean(row["left"] for row in expected.rows)
    for group, left in groups.items():
        rate, lift = (found["deciles", "score", str(group), measure] for measure in ("churn_rate", "lift"))
        assert (rate["accounts"], rate["churned"]) == (lift["accounts"], lift["churned"]) == (len(left), sum(left))
        assert near(rate["figure"], 100 * mean(left), 6)
        assert near(lift["figure"], mean(left) / share, 6)
        assert near(lift["low"], oracle.wilson(sum(left), len(left))[0] / 100 / share)
    assert len(groups[1]) > 0.05 * len(scores)


def test_statuses(horizon: tuple[dict[tuple, Row], Expected]) -> None:
    found, expected = horizon
    all_left = sum(row["left"] for row in expected.rows)
    for status in BASE:
        left = [row["left"] for row in expected.rows if row["status"] == status]
        rate = found["status", "status", status, "churn_rate"]
        share = found["status", "status", status, "share_of_churned"]
        assert (rate["accounts"], rate["churned"], share["accounts"], share["churned"]) == (
            *(len(left), sum(left)),
            *(all_left, sum(left)),
        )
        assert near(rate["low"], oracle.wilson(sum(left), len(left))[0])
        assert near(share["high"], oracle.wilson(sum(left), all_left)[1])


def test_days_of_warning(world: tuple) -> None:
    con, past, truths = world
    found = {
        row["account_id"]: int(row["figure"])
        for row in rows_of(con, "select * from published.score_backtest where measure = 'warning_days'")
    }
    dates = oracle.scoring_dates([row["as_of_date"] for row in past.said], AS_OF)
    expected = {}
    for name, truth in truths.items():
        left_on = left(truth)
        before = [r for r in past.said if r["account_id"] == name and r["as_of_date"] in dates]
        before = [(r["as_of_date"], r["status"]) for r in before if left_on and r["as_of_date"] < left_on]
        if before:
            expected[name] = 0
            for day, status in reversed(before):
                if status == "GREEN":
                    break
                expected[name] = (left_on - day).days
    assert found == expected
    assert len(found) > 50
    (row,) = rows_of(con, "select * from published.score_backtest where measure = 'median_days'")
    assert float(row["figure"]) == median(expected.values())


def left(truth: Truth | None) -> date | None:
    """The day on which an account left for good, as known now."""
    if truth is None:
        return None
    if truth.churned_on is not None and truth.churned_on <= AS_OF:
        return truth.churned_on
    lapses = [day for day in truth.lapses() if day <= AS_OF]
    begun = [start for start, _ in truth.contracts if start <= AS_OF]
    return max(lapses) if lapses and max(lapses) > max(begun) else None


# Suggestions


def test_suggestions(world: tuple) -> None:
    con, past, truths = world
    found = {row["parameter"]: row for row in rows_of(con, "select * from published.calibration")}
    rows = Expected(past, truths, 180).rows
    suggested = 0
    for row in rows:
        days = row["days_to_renewal"]
        row["renewal"] = "none" if days is None or days >= 180 else "soon" if days < 90 else "later"
    for status, base in BASE.items():
        fates = [
            row["left"]
            for row in rows
            if row["status"] == status and row["renewal"] == "none" and not any(row[factor] for factor in FACTORS)
        ]
        given = found[f"base_pct.{status.lower()}"]
        assert (given["accounts"], given["churned"], given["value_now"]) == (len(fates), sum(fates), base)
        if len(fates) >= LEAST:
            suggested += 1
            part, whole = sum(fates) + oracle.SHRINKAGE * base / 100, len(fates) + oracle.SHRINKAGE
            assert near(given["suggested_value"], 100 * part / whole, 2)
            assert near(given["low"], oracle.wilson(part, whole)[0])
            assert near(given["high"], oracle.wilson(part, whole)[1])
    cases = [(f"factors.{name}.addition", points, (name,), None) for name, points in ADDITIONS.items()]
    cases += [("renewal.soon_addition", 20, (), "soon"), ("renewal.later_addition", 10, (), "later")]
    for parameter, points, factor, renewal in cases:
        others = [name for name in FACTORS if name not in factor]
        fitting = [row for row in rows if renewal is None or row["renewal"] in ("none", renewal)]
        made = oracle.addition(
            fitting,
            lambda row, factor=factor, renewal=renewal: row[factor[0]] if factor else row["renewal"] == renewal,
            lambda row, others=others, factor=factor: (
                row["status"],
                row["renewal"] if factor else "",
                *(row[name] for name in others),
            ),
        )
        given = found[parameter]
        for name in ("accounts", "churned", "compared_accounts", "compared_churned"):
            assert given[name] == made[name], (parameter, name)
        assert near(given["observed"], made["points"])
        assert (given["suggested_value"] is None) == (min(made["accounts"], made["compared_accounts"]) < LEAST)
        if given["suggested_value"] is not None:
            suggested += 1
            reach = oracle.Z * made["se"]
            for column, value, places in (
                ("suggested_value", made["points"], 2),
                ("low", made["points"] - reach, 4),
                ("high", made["points"] + reach, 4),
            ):
                bounded = min(100, max(0, oracle.shrunk(value, made["weight"], points)))
                assert near(given[column], bounded, places), (parameter, column)
    assert suggested > 7


def test_calibrated_probabilities(world: tuple) -> None:
    con, past, truths = world
    found = rows_of(con, "select * from published.calibration where kind = 'probability' order by parameter_order")
    rows = Expected(past, truths, 180).rows
    told = []
    for start, end in pairwise(EDGES):
        band = [row for row in rows if start <= row["churn_probability"] < end]
        if band:
            said = mean(float(row["churn_probability"]) for row in band)
            happened = 100 * mean(row["left"] for row in band)
            told.append((start, oracle.shrunk(happened, len(band), said), len(band) + oracle.SHRINKAGE))
    fitted = oracle.rising([(value, weight) for _, value, weight in told])
    given = {int(row["from_pct"]): row for row in found}
    assert len(given) == 10
    assert len(told) > 7
    for (start, _, _), value in zip(told, fitted, strict=True):
        assert near(given[start]["suggested_value"], value, 2)
        assert given[start]["low"] - Decimal("0.01") <= given[start]["suggested_value"]
    assert len(set(fitted)) < len(fitted), "some bands were pooled"


# Chance and signal


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_chance_stays_chance_and_signal_is_found(tmp_path: Path, seed: int) -> None:
    areas = {}
    for with_signal in (False, True):
        past, _ = random_past(seed, 400, with_signal)
        with backtest(past, tmp_path / str(with_signal)) as con:
            areas[with_signal] = rows_of(
                con,
                "select figure, low, high from published.score_backtest"
                " where measure = 'auc' and predictor <> 'churn_probability_calibrated'",
            )
    for row in areas[False]:
        assert row["low"] <= Decimal("0.5") <= row["high"]
        assert abs(row["figure"] - Decimal("0.5")) < Decimal("0.1")
    for row in areas[True]:
        assert row["low"] > Decimal("0.5")
