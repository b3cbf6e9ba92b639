"""Every table of every layer has the same columns, types and rows on Spark as on DuckDB, down to what is published.

New models are compared without a word here: tables are found where the engines left them.
"""

from __future__ import annotations

from tests.engines.comparison import differences, differences_of_snapshot
from tests.engines.conftest import Engines


def test_rows_of_the_demo_company(engines: Engines) -> None:
    assert not (found := differences(engines.demo)), "\n".join(found)


def test_rows_of_the_edge_world(engines: Engines) -> None:
    assert not (found := differences(engines.edges)), "\n".join(found)


def test_a_refresh_on_spark_publishes_what_duckdb_makes(engines: Engines) -> None:
    assert not (found := differences_of_snapshot(engines.demo, engines.snapshot)), "\n".join(found)
