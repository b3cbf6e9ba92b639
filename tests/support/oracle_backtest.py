"""Predictions against what happened in plain Python: an independent reading, pair by pair and day by day.

Here: which dates count, what became of an account, and the statistics, each by another way than the models'. Not here:
wording.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import sqrt
from statistics import mean
from typing import Any

Row = dict[str, Any]

CHAIN_DAYS = 30
Z = 1.96
SHRINKAGE = 20
FACTORS = ("leadership_change", "budget_pressure", "competitive_inquiry", "recent_outage", "engagement_decline")


def scoring_dates(kept: Sequence[date], as_of: date, months: int = 24) -> list[date]:
    """The last date of each of the months before this one that count."""
    this = as_of.year * 12 + as_of.month
    by_month: dict[int, date] = {}
    for day in sorted(kept):
        month = day.year * 12 + day.month
        if day < as_of and this - months <= month:
            by_month[month] = day
    return sorted(by_month.values())


def periods(dates: Sequence[date], as_of: date, horizon: int) -> list[date]:
    """From the latest date whose horizon has passed backwards, each as late as the one after it allows."""
    chosen: list[date] = []
    free_until = as_of
    for day in sorted(dates, reverse=True):
        if day + timedelta(days=horizon) <= free_until:
            chosen.append(day)
            free_until = day
    return chosen


@dataclass
class Truth:
    """What is known of an account now; `contracts` are first and last days."""

    churned_on: date | None = None
    lifecycle: str | None = "active"
    contracts: list[tuple[date, date]] = field(default_factory=list)

    def covered(self, day: date) -> bool:
        return any(start <= day <= end for start, end in self.contracts)

    def goes_on(self, end: date) -> bool:
        """Whether some contract follows one that ends on `end`."""
        latest = end + timedelta(days=CHAIN_DAYS)
        return any(start <= latest and later > end for start, later in self.contracts)

    def lapses(self) -> list[date]:
        """The days on which the account was without a contract, and none followed."""
        return sorted({end + timedelta(days=1) for _, end in self.contracts if not self.goes_on(end)})


def outcome(truth: Truth | None, scored_on: date, horizon: int) -> str:
    ends_on = scored_on + timedelta(days=horizon)
    if truth is None:
        return "account_gone"
    if truth.churned_on is not None and truth.churned_on <= scored_on:
        return "left_before"
    if truth.churned_on is not None and truth.churned_on <= ends_on:
        return "left"
    if not truth.covered(ends_on) and any(
        scored_on < lapse <= ends_on and not any(lapse <= start <= ends_on for start, _ in truth.contracts)
        for lapse in truth.lapses()
    ):
        return "left"
    if truth.churned_on is not None:
        return "stayed"
    if truth.lifecycle == "churned":
        return "left_without_date"
    begun = [start for start, _ in truth.contracts if start <= ends_on]
    if not begun:
        return "no_contract"
    ended = [lapse for lapse in truth.lapses() if lapse <= scored_on]
    back = any(start <= ends_on and (not ended or start >= max(ended)) for start, _ in truth.contracts)
    return "stayed" if back else "left_before"


def auc(risks: Sequence[float], left: Sequence[bool]) -> float:
    """How often one that left had the greater risk than one that stayed, pair by pair; the same counts half."""
    pairs = [won(a, b) for a, gone in zip(risks, left, strict=True) if gone for b in _those(risks, left, False)]
    return mean(pairs)


def won(a: float, b: float) -> float:
    return 1.0 if a > b else 0.5 if a == b else 0.0


def delong(risks: Sequence[float], left: Sequence[bool]) -> tuple[float, float]:
    """The interval of the area by DeLong: the spread of each account's own share of pairs won."""
    gone, kept = _those(risks, left, True), _those(risks, left, False)
    of_gone = [mean(won(a, b) for b in kept) for a in gone]
    of_kept = [mean(won(a, b) for a in gone) for b in kept]
    area = mean(of_gone)
    se = sqrt(variance(of_gone) / len(gone) + variance(of_kept) / len(kept))
    return max(0.0, area - Z * se), min(1.0, area + Z * se)


def variance(values: Sequence[float]) -> float:
    middle = mean(values)
    return sum((value - middle) ** 2 for value in values) / (len(values) - 1)


def brier(probabilities: Sequence[float], left: Sequence[bool]) -> tuple[float, float, float]:
    """The score and its interval; probabilities in percent."""
    squares = [(p / 100 - gone) ** 2 for p, gone in zip(probabilities, left, strict=True)]
    middle = mean(squares)
    se = sqrt(sum((square - middle) ** 2 for square in squares)) / len(squares)
    return middle, max(0.0, middle - Z * se), min(1.0, middle + Z * se)


def wilson(part: float, whole: float) -> tuple[float, float]:
    """The shares, in percent, that a test of the one seen would not refuse: by bisection, not by the formula."""
    seen = part / whole

    def refused(share: float) -> bool:
        return abs(seen - share) > Z * sqrt(share * (1 - share) / whole)

    return 100 * _edge(0.0, seen, refused), 100 * _edge(1.0, seen, refused)


def _edge(outside: float, inside: float, refused: Callable[[float], bool]) -> float:
    if not refused(outside):
        return outside
    for _ in range(80):
        middle = (outside + inside) / 2
        outside, inside = (middle, inside) if refused(middle) else (outside, middle)
    return (outside + inside) / 2


def rising(means: list[tuple[float, float]]) -> list[float]:
    """The nearest rising sequence to weighted means, by pooling neighbours that fall (pool adjacent violators)."""
    pools: list[list[float]] = []
    for value, weight in means:
        pools.append([value * weight, weight, 1])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    return [total / weight for total, weight, size in pools for _ in range(int(size))]


def addition(rows: Sequence[Row], has_it: Callable[[Row], bool], same: Callable[[Row], Any]) -> Row:
    """By how much more of those with it left: each stratum's difference, weighed by what it can tell."""
    strata: dict[Any, tuple[list[bool], list[bool]]] = {}
    for row in rows:
        strata.setdefault(same(row), ([], []))[0 if has_it(row) else 1].append(row["left"])
    told = [(ones, others) for ones, others in strata.values() if ones and others]
    weights = [len(ones) * len(others) / (len(ones) + len(others)) for ones, others in told]
    if not told:
        return {"accounts": 0, "churned": 0, "compared_accounts": 0, "compared_churned": 0}
    differences = [mean(ones) - mean(others) for ones, others in told]
    spreads = [leaning(ones) + leaning(others) for ones, others in told]
    points = 100 * sum(w * d for w, d in zip(weights, differences, strict=True)) / sum(weights)
    se = 100 * sqrt(sum(w * w * s for w, s in zip(weights, spreads, strict=True))) / sum(weights)
    return {
        "accounts": sum(len(ones) for ones, _ in told),
        "churned": sum(sum(ones) for ones, _ in told),
        "compared_accounts": sum(len(others) for _, others in told),
        "compared_churned": sum(sum(others) for _, others in told),
        "points": points,
        "se": se,
        "weight": sum(weights),
    }


def leaning(fates: list[bool]) -> float:
    """The variance of a share that leans towards the middle by one account."""
    share = (sum(fates) + 0.5) / (len(fates) + 1)
    return share * (1 - share) / len(fates)


def shrunk(value: float, weight: float, value_now: float) -> float:
    return (weight * value + SHRINKAGE * value_now) / (weight + SHRINKAGE)


def _those(values: Sequence[float], left: Sequence[bool], gone: bool) -> list[float]:
    return [value for value, fate in zip(values, left, strict=True) if fate == gone]
