"""The policy of the backtest as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import pyarrow as pa

from orchestration.policy.models import Policies
from orchestration.policy.tables.columns import Row, Rows, Schemas, column, number, text, whole

SCHEMAS: Schemas = MappingProxyType(
    {
        "backtest_settings": pa.schema(
            [
                whole("months", "calendar months before this one whose scores count"),
                column("reconstructed_too", pa.bool_(), "whether scores of reconstructed dates count"),
                whole("score_groups", "groups of accounts by score"),
                number("interval_z", "half the width of intervals, standard deviations"),
                whole("fitted_horizon_days", "probabilities are about leaving within so many days"),
                whole("shrinkage_accounts", "accounts that the value in force weighs as much as"),
                whole("least_accounts", "accounts that a suggestion takes"),
            ]
        ),
        "backtest_horizons": pa.schema([whole("horizon_days", "days after the score at which is looked")]),
        "backtest_bands": pa.schema(
            [
                whole("band", "place, from 1, the lowest probabilities first"),
                number("from_pct", "least probability of the band, percent"),
                number("below_pct", "first probability above the band, percent; null in the last one", nullable=True),
            ]
        ),
        "backtest_warning_statuses": pa.schema([text("status", "status that warns of leaving")]),
    }
)


def _settings(policies: Policies) -> Iterable[Row]:
    backtest = policies.backtest
    yield {
        "months": backtest.months,
        "reconstructed_too": backtest.reconstructed_too,
        "score_groups": backtest.score_groups,
        "interval_z": backtest.interval_z,
        "fitted_horizon_days": backtest.fitting.horizon_days,
        "shrinkage_accounts": backtest.fitting.shrinkage_accounts,
        "least_accounts": backtest.fitting.least_accounts,
    }


def _horizons(policies: Policies) -> Iterable[Row]:
    for days in sorted(set(policies.backtest.horizons_days)):
        yield {"horizon_days": days}


def _bands(policies: Policies) -> Iterable[Row]:
    edges = policies.backtest.probability_edges_pct
    for band, (start, end) in enumerate(zip((0, *edges), (*edges, None), strict=True), start=1):
        yield {"band": band, "from_pct": start, "below_pct": end}


def _warning_statuses(policies: Policies) -> Iterable[Row]:
    for status in sorted(set(policies.backtest.warning_statuses)):
        yield {"status": status}


ROWS: Mapping[str, Rows] = MappingProxyType(
    {
        "backtest_settings": _settings,
        "backtest_horizons": _horizons,
        "backtest_bands": _bands,
        "backtest_warning_statuses": _warning_statuses,
    }
)
