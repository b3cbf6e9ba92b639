"""Every table of every layer has the same columns, types and rows on Spark as on DuckDB, down to what is published.

New models are compared without a word here: tables are found where the engines left them. What else is asked of a
Spark refresh stands here too, since making one takes minutes and files may run in different processes.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from orchestration.policy.load import load_policies
from orchestration.retention.forget import forget
from orchestration.settings import Engine, Settings
from tests.engines.comparison import differences, differences_of_snapshot
from tests.engines.conftest import Engines
from tests.support.traces import holding


def test_rows_of_the_demo_company(engines: Engines) -> None:
    assert not (found := differences(engines.demo)), "\n".join(found)


def test_rows_of_the_edge_world(engines: Engines) -> None:
    assert not (found := differences(engines.edges)), "\n".join(found)


def test_a_refresh_on_spark_publishes_what_duckdb_makes(engines: Engines) -> None:
    assert not (found := differences_of_snapshot(engines.demo, engines.snapshot)), "\n".join(found)


def test_nothing_of_an_account_is_left_where_spark_ran(engines: Engines, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(engines.published.parent, home, symlinks=True)
    settings = Settings(home=home, engine=Engine.SPARK)
    file = engines.snapshot / "account_health.parquet"
    account_id, name = duckdb.sql(
        f"select account_id, account_name from read_parquet('{file}') where account_name like '% %' order by 1 limit 1"
    ).fetchall()[0]
    before = {Path(file).parts[0] for file in holding(home, [account_id, name])}
    assert before >= {"landing", "published", "history", "spark", "operations.db"}

    forget(settings, load_policies(settings.policies), account_id, by="maria", reason="asked for", wait_seconds=0)

    assert holding(home, [account_id, name, name.upper(), name.casefold()]) == []
