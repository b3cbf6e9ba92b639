"""Forgetting an account where Spark ran the models: its tables, its catalogue and its logs are in the home too."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from orchestration.policy.load import load_policies
from orchestration.retention.forget import forget
from orchestration.settings import Engine, Settings
from tests.engines.conftest import Engines
from tests.support.traces import holding


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
