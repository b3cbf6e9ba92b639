"""The policy of the backtest: every way it can be wrong is told, and its tables hold what it says."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from broken import Case, assert_told

from orchestration.policy.load import load_policies
from orchestration.policy.tables import policy_tables
from orchestration.settings import PROJECT_ROOT

BACK = "backtest.yaml"
EDGES = "[10, 20, 30, 40, 50, 60, 70, 80, 90]"

CASES = [
    Case("horizon twice", BACK, "[90, 180]", "[90, 180, 90]", "horizons_days:", "horizons_days[2]", '"90" again',
         "each once"),
    Case("no horizon", BACK, "[90, 180]", "[]", "horizons_days:", "horizons_days", "a list of 0", "at least 1"),
    Case("horizon of no day", BACK, "[90, 180]", "[0, 180]", "horizons_days:", "horizons_days[0]", "0",
         "at least 1 (days)"),
    Case("horizon beyond the months", BACK, "[90, 180]", "[180, 673]", "horizons_days:", "horizons_days[1]", "673",
         "at most 672: the months that count must be longer"),
    Case("fitted to no horizon", BACK, "horizon_days: 180", "horizon_days: 120", "horizon_days: 120",
         "fitting.horizon_days", "120", "one of horizons_days: 90, 180"),
    Case("edges out of order", BACK, EDGES, "[10, 30, 20]", "probability_edges_pct:", "probability_edges_pct[2]", "20",
         "more than the edge before, 30"),
    Case("edge twice", BACK, EDGES, "[10, 10]", "probability_edges_pct:", "probability_edges_pct[1]", "10",
         "more than the edge before, 10"),
    Case("edge at the end", BACK, EDGES, "[50, 100]", "probability_edges_pct:", "probability_edges_pct[1]", "100",
         "less than 100"),
    Case("edge at the beginning", BACK, EDGES, "[0, 50]", "probability_edges_pct:", "probability_edges_pct[0]", "0",
         "more than 0"),
    Case("GREEN warns", BACK, "[YELLOW, RED]", "[YELLOW, GREEN]", "warning_statuses:", "warning_statuses[1]",
         '"GREEN"', "one of YELLOW, RED"),
    Case("warns twice", BACK, "[YELLOW, RED]", "[RED, RED]", "warning_statuses:", "warning_statuses[1]",
         '"RED" again', "each once"),
    Case("one group", BACK, "score_groups: 10", "score_groups: 1", "score_groups: 1", "score_groups", "1",
         "at least 2 (groups)"),
    Case("intervals of nothing", BACK, "interval_z: 1.96", "interval_z: 0", "interval_z: 0", "interval_z", "0",
         "more than 0"),
    Case("reconstructed perhaps", BACK, "reconstructed_too: true", "reconstructed_too: maybe", "maybe",
         "reconstructed_too", '"maybe"', "true or false"),
    Case("nothing in force", BACK, "shrinkage_accounts: 20", "shrinkage_accounts: 0", "shrinkage_accounts: 0",
         "fitting.shrinkage_accounts", "0", "at least 1 (accounts)"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_fault_is_told(folder: Path, case: Case) -> None:
    assert_told(folder, case)


def test_the_tables_hold_the_shipped_values() -> None:
    tables = {
        name: table.to_pylist() for name, table in policy_tables(load_policies(PROJECT_ROOT / "policies")).items()
    }
    assert list(tables["backtest_settings"][0].values()) == [24, True, 10, Decimal("1.96"), 180, 20, 20]
    assert [row["horizon_days"] for row in tables["backtest_horizons"]] == [90, 180]
    bands = [tuple(row.values()) for row in tables["backtest_bands"]]
    assert bands[0] == (1, 0, 10)
    assert bands[-1] == (10, 90, None)
    assert [row["status"] for row in tables["backtest_warning_statuses"]] == ["RED", "YELLOW"]
