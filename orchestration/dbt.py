"""The dbt project: where it is, how it is called for an engine, and what its manifest says of the published tables.

Here: paths, arguments and environment of a dbt call, each made by a plain function. Not here: the Dagster assets of
the models (`defs/model.py`).
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from dagster_dbt import DbtCliResource, DbtProject
from packaging.version import Version

from orchestration.policy.load import load_policies
from orchestration.policy.tables.actions import RULES_VARIABLE, rules_text
from orchestration.publishing.manifest import TableDescription
from orchestration.settings import Engine, Settings


class DbtRunner(DbtCliResource):
    """dagster-dbt's command line, without the adapter it would open in this process.

    That adapter would import dbt here (seconds), hold the warehouse open while dbt itself needs it, and has no Spark.
    """

    def _initialize_dbt_core_adapter(self, args: Any) -> None:
        return None

    @cached_property
    def _cli_version(self) -> Version:
        # Else a dbt is started twice a run, four seconds each, to print it; both environments are locked to this major.
        return Version(importlib.metadata.version("dbt-core"))


def dbt_project(settings: Settings) -> DbtProject:
    """The dbt project as dagster-dbt knows it."""
    return DbtProject(project_dir=settings.dbt_project, profiles_dir=settings.dbt_project, target=settings.engine.value)


def dbt_executable(settings: Settings) -> Path:
    """The dbt of the engine's environment; raises FileNotFoundError that says how to make it."""
    if settings.engine is Engine.SPARK:
        if not settings.spark_dbt.exists():
            raise FileNotFoundError(f"{settings.spark_dbt} is not there: run `make setup-spark` first")
        return settings.spark_dbt
    return Path(sys.executable).with_name("dbt")


def dbt_runner(settings: Settings) -> DbtRunner:
    """The resource that calls dbt."""
    return DbtRunner(project_dir=dbt_project(settings), dbt_executable=str(dbt_executable(settings)))


def dbt_args() -> list[str]:
    """What a run asks of dbt: the models. What they made is judged by the published checks; dbt's tests are CI's."""
    return ["build", "--fail-fast"]


def dbt_environment(settings: Settings) -> dict[str, str]:
    """What profiles.yml and the macros read from the environment."""
    dialect = "spark" if settings.engine is Engine.SPARK else "duckdb"
    shared = {
        "ACCOUNT_HEALTH_INPUTS": str(settings.inputs_path),
        RULES_VARIABLE: rules_text(load_policies(settings.policies), dialect),
        "DBT_EXCLUDE_RESOURCE_TYPES": "test unit_test",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    if settings.engine is Engine.SPARK:
        return shared | {
            "ACCOUNT_HEALTH_HOME": str(settings.home_path),
            "SPARK_LOCAL_IP": "127.0.0.1",
            # dbt-spark turns ANSI off; the plug-in in this folder turns it on again.
            "PYTHONPATH": str(settings.dbt_project / "spark"),
        }
    return shared | {
        "ACCOUNT_HEALTH_WAREHOUSE": str(settings.warehouse_path),
        "ACCOUNT_HEALTH_MEMORY_LIMIT": settings.memory_limit,
        "ACCOUNT_HEALTH_TEMP": str(settings.temporary_path),
    }


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """`values` in the environment for as long as a dbt process is started: dagster-dbt passes on its own."""
    former = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def manifest_path(settings: Settings) -> Path:
    """Where the manifest that the asset graph is built from lies."""
    return settings.dbt_project / "target" / "manifest.json"


def ensure_manifest(settings: Settings) -> Path:
    """The manifest, made anew when the project changed since; raises RuntimeError with dbt's words when it can't be."""
    manifest = manifest_path(settings)
    sources = [path for part in ("models", "macros", "tests") for path in (settings.dbt_project / part).rglob("*.*")]
    sources += [settings.dbt_project / "dbt_project.yml", settings.dbt_project / "profiles.yml"]
    if manifest.exists() and all(path.stat().st_mtime <= manifest.stat().st_mtime for path in sources):
        return manifest
    done = subprocess.run(  # noqa: S603 - our own dbt, our own arguments
        [str(Path(sys.executable).with_name("dbt")), "--quiet", "parse"],
        cwd=settings.dbt_project,
        env={**os.environ, "DBT_PROFILES_DIR": str(settings.dbt_project), "ACCOUNT_HEALTH_INPUTS": "inputs"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"dbt could not parse {settings.dbt_project}:\n{done.stdout}{done.stderr}")
    return manifest


def published_keys(manifest: Path) -> dict[str, list[str]]:
    """By published table, the columns that identify a row: those its primary_key test names."""
    content = _read(manifest)
    published = {node["unique_id"]: node["name"] for node in _published(content)}
    return {
        published[node["attached_node"]]: list(node["test_metadata"]["kwargs"]["columns"])
        for node in content["nodes"].values()
        if (node.get("test_metadata") or {}).get("name") == "primary_key" and node["attached_node"] in published
    }


def published_descriptions(manifest: Path) -> dict[str, TableDescription]:
    """By published table, what it and its columns mean."""
    return {
        node["name"]: TableDescription(
            description=node["description"],
            columns={name: column["description"] for name, column in node["columns"].items()},
        )
        for node in _published(_read(manifest))
    }


def _read(manifest: Path) -> dict[str, Any]:
    return json.loads(manifest.read_text(encoding="utf-8"))


def _published(content: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        node for node in content["nodes"].values() if node["resource_type"] == "model" and node["schema"] == "published"
    ]
