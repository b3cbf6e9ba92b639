"""One refresh on Spark for all tests here, from the command line, and the same inputs through DuckDB."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from orchestration.demo import write_demo
from orchestration.publishing.manifest import current_snapshot_id
from orchestration.settings import Settings
from tests.engines.comparison import Pair, keys_of
from tests.engines.edge_world import edge_world
from tests.support.models import build_models

AS_OF = date(2026, 6, 30)
ACCOUNTS = 150
WITHOUT_TESTS = ("--exclude-resource-type", "test")
# Compiling less, of Java and of queries, suits runs over few rows; nobody needs the catalogue after a power cut.
SHORT_RUN = (
    "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -XX:+UseSerialGC -Dderby.system.durability=test"
    " -Dspark.sql.codegen.wholeStage=false -Dspark.sql.codegen.factoryMode=NO_CODEGEN"
)


@dataclass(frozen=True)
class Engines:
    """Two worlds, each built by both engines, and where the refresh of the demo company published."""

    demo: Pair
    edges: Pair
    published: Path

    @property
    def snapshot(self) -> Path:
        """The folder of the current publication."""
        return self.published / current_snapshot_id(self.published)


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Engines:
    """The demo company by `account-health refresh` on Spark, the edge world in the same Spark, and both on DuckDB."""
    work = tmp_path_factory.mktemp("engines")
    edge_inputs = edge_world(work / "policies").freeze(work / "edge-inputs")
    home = _refresh_on_spark(work, edge_inputs)
    demo = _build_on_duckdb(home / "inputs", work, "demo")
    edges = _build_on_duckdb(edge_inputs, work, "edges")
    keys = keys_of(work / "duckdb" / "target" / "manifest.json")
    return Engines(
        demo=Pair(demo, home / "spark" / "warehouse", keys),
        edges=Pair(edges, work / "edge-tables", keys),
        published=home / "published",
    )


def _refresh_on_spark(work: Path, edge_inputs: Path) -> Path:
    """Refresh the demo company on Spark; gives the home. The edge world's tables go to `edge-tables` on the way."""
    spark_dbt = Settings().spark_dbt
    if not spark_dbt.exists():
        pytest.fail(f"{spark_dbt} is not there: run `make setup-spark`")
    home, drop = work / "home", work / "drop"
    write_demo(drop, AS_OF, accounts=ACCOUNTS)
    both_worlds = work / "dbt"
    both_worlds.write_text(
        f'#!/bin/sh\nexec "{spark_dbt.with_name("python")}" "{Path(__file__).with_name("both_worlds_dbt.py")}" "$@"\n'
    )
    both_worlds.chmod(0o755)
    done = subprocess.run(
        [
            Path(sys.executable).with_name("account-health"),
            "refresh",
            f"--drop={drop}",
            f"--as-of={AS_OF}",
            f"--home={home}",
        ],
        env={
            **os.environ,
            "ACCOUNT_HEALTH_ENGINE": "spark",
            "ACCOUNT_HEALTH_SPARK_DBT": str(both_worlds),
            "ACCOUNT_HEALTH_SPARK_JAVA_OPTIONS": SHORT_RUN,
            "ACCOUNT_HEALTH_TEST_OTHER_INPUTS": str(edge_inputs),
            "ACCOUNT_HEALTH_TEST_OTHER_TABLES": str(work / "edge-tables"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        other = work / "edge-tables.log"
        pytest.fail(f"the refresh on Spark failed:\n{done.stdout}{done.stderr}\n{_end_of(other)}")
    return home


def _build_on_duckdb(inputs: Path, work: Path, name: str) -> Path:
    """The models over `inputs` on DuckDB; parsed once for both worlds, since they share a target folder."""
    (work / "duckdb").mkdir(exist_ok=True)
    warehouse = build_models(inputs, work / "duckdb", *WITHOUT_TESTS)
    return Path(shutil.move(warehouse, work / f"{name}.duckdb"))


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-30:]) if log.exists() else ""
