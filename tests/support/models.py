"""Runs the dbt models over frozen inputs and reads what they made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb

from orchestration.policy.load import load_policies
from orchestration.policy.tables.actions import RULES_VARIABLE, rules_text
from orchestration.settings import PROJECT_ROOT

PROJECT = PROJECT_ROOT / "dbt_project"
# A build without dbt's own tests, for worlds that others build with them.
MODELS_ONLY = ("--exclude-resource-type", "test", "unit_test")


def build_models(inputs: Path, work: Path, *arguments: str) -> Path:
    """`dbt build` over `inputs` on DuckDB; gives the warehouse file. Raises AssertionError when a node fails."""
    warehouse = work / "warehouse.duckdb"
    target = work / "target"
    environment = {
        **os.environ,
        "ACCOUNT_HEALTH_INPUTS": str(inputs),
        RULES_VARIABLE: rules_text(load_policies(PROJECT_ROOT / "policies"), "duckdb"),
        "ACCOUNT_HEALTH_WAREHOUSE": str(warehouse),
        "ACCOUNT_HEALTH_TEMP": str(work / "tmp"),
        "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test",
        "DBT_TARGET_PATH": str(target),
        "DBT_LOG_PATH": str(work / "logs"),
        "DBT_PROFILES_DIR": str(PROJECT),
    }
    dbt = Path(sys.executable).with_name("dbt")
    done = subprocess.run(
        [dbt, "--quiet", "build", *arguments], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise AssertionError(f"dbt failed: {_failures(target) or done.stdout + done.stderr}")
    return warehouse


def _failures(target: Path) -> list[str]:
    results = target / "run_results.json"
    if not results.exists():
        return []
    return [
        f"{result['unique_id']}: {result['message']}"
        for result in json.loads(results.read_text())["results"]
        if result["status"] in ("error", "fail")
    ]


def rows(warehouse: Path, query: str) -> list[dict[str, Any]]:
    """The rows of `query` as dictionaries."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        result = con.execute(query)
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
