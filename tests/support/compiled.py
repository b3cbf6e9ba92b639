"""The models without dbt: compiled once for all tests, then run over any inputs in a DuckDB of this process.

What dbt adds beyond the SQL (contracts, data tests, hooks) isn't here; `build_models` has it. A run takes a second
where a start of dbt takes ten, so a test can look at many worlds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb

from tests.support.models import PROJECT

# Stands in the compiled SQL where the folder of the inputs goes.
_INPUTS = "/the-inputs-of-a-run"


@dataclass(frozen=True)
class _Model:
    """One model: what it is called, what it reads and its SQL for the inputs at `_INPUTS`."""

    name: str
    schema: str
    kind: str
    parents: tuple[str, ...]
    sql: str

    def create(self, inputs: Path) -> str:
        folder = str(inputs).replace("'", "''")
        return f"create {self.kind} {self.schema}.{self.name} as {self.sql.replace(_INPUTS, folder)}"


@dataclass(frozen=True)
class CompiledModels:
    """The SQL of every model, in an order in which each comes after what it reads."""

    models: Mapping[str, _Model]

    def run(self, inputs: Path, *wanted: str) -> duckdb.DuckDBPyConnection:
        """Run the models named and all that they read (without names: every model) over frozen inputs.

        Gives a connection to a new database with `<schema>.<model>` for each. The caller closes it; the inputs must
        stay while it looks at views. Raises AssertionError that names the model when one fails.
        """
        con = duckdb.connect(":memory:", config={"threads": 2})
        try:
            con.execute("set TimeZone = 'UTC'; set preserve_insertion_order = false")
            names = self.with_ancestors(wanted) if wanted else list(self.models)
            for schema in sorted({self.models[name].schema for name in names}):
                con.execute(f"create schema {schema}")
            for name in names:
                try:
                    con.execute(self.models[name].create(inputs))
                except duckdb.Error as error:
                    raise AssertionError(f"{name} failed: {error}") from error
        except BaseException:
            con.close()
            raise
        return con

    def with_ancestors(self, names: Iterable[str]) -> list[str]:
        """The models named and all that they read, in order; raises KeyError for a name that no model has."""
        found: set[str] = set()
        open_ones = list(names)
        while open_ones:
            name = open_ones.pop()
            if name not in found:
                found.add(name)
                open_ones += self.models[name].parents
        return [name for name in self.models if name in found]

    def of_schema(self, schema: str) -> list[str]:
        """The names of the models of a layer."""
        return [name for name, model in self.models.items() if model.schema == schema]


def rows_of(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    """The rows of `query` as dictionaries."""
    result = con.execute(query)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@cache
def compiled_models() -> CompiledModels:
    """All models as dbt compiles them for DuckDB, made once a process. Raises AssertionError when dbt fails."""
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        environment = {
            **os.environ,
            "ACCOUNT_HEALTH_ENGINE": "duckdb",
            "ACCOUNT_HEALTH_INPUTS": _INPUTS,
            # The name dbt gives the database is the one of the in-memory databases that run the SQL.
            "ACCOUNT_HEALTH_WAREHOUSE": ":memory:",
            "ACCOUNT_HEALTH_TEMP": str(work / "tmp"),
            "DBT_TARGET_PATH": str(work / "target"),
            "DBT_LOG_PATH": str(work / "logs"),
            "DBT_PROFILES_DIR": str(PROJECT),
        }
        dbt = Path(sys.executable).with_name("dbt")
        done = subprocess.run(
            [dbt, "--quiet", "compile", "--no-inject-ephemeral-ctes", "--select", "resource_type:model"],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"dbt failed: {done.stdout + done.stderr}")
        manifest = json.loads((work / "target" / "manifest.json").read_text(encoding="utf-8"))
    nodes = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    read = {key: [one for one in node["depends_on"]["nodes"] if one in nodes] for key, node in nodes.items()}
    order = TopologicalSorter(read).static_order()
    return CompiledModels(
        {
            nodes[key]["name"]: _Model(
                nodes[key]["name"],
                nodes[key]["schema"],
                nodes[key]["config"]["materialized"],
                tuple(nodes[one]["name"] for one in read[key]),
                nodes[key]["compiled_code"],
            )
            for key in order
        }
    )
