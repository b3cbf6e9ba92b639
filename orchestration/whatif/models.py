"""The batch's models without the batch: dbt compiles them once, and their SQL runs over any inputs in this process.

What dbt adds beyond the SQL (contracts, data tests, hooks) isn't here: nothing that is made this way is published. It
takes seconds where a run of dbt takes a minute. DuckDB alone.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb

from orchestration.policy.models import Policies
from orchestration.policy.tables.actions import RULES_VARIABLE, rules_text
from orchestration.settings import Settings

# Stands in the compiled SQL where the folder of the inputs goes.
_INPUTS = "/the-inputs-of-a-run"
_DATABASE = ":memory:"
# What dbt read of the project, kept beside its manifest: dbt itself sees what changed since. Reading takes it longer
# than compiling, and doesn't depend on what the models read from the environment.
_PARSED = "partial_parse.msgpack"
_KEPT = Path("target") / "compile" / _PARSED


class ModelsError(RuntimeError):
    """The models can't be compiled, or one fails; says which and why."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model: what it is called, what it reads and its SQL for the inputs at `_INPUTS`."""

    name: str
    schema: str
    kind: str
    parents: tuple[str, ...]
    sql: str

    def create(self, inputs: Path) -> str:
        """The statement that makes it from the inputs in that folder."""
        folder = str(inputs).replace("'", "''")
        return f"create {self.kind} {self.schema}.{self.name} as {self.sql.replace(_INPUTS, folder)}"


@dataclass(frozen=True, slots=True)
class CompiledModels:
    """The SQL of every model, in an order in which each comes after what it reads."""

    models: Mapping[str, Model]

    def run(self, inputs: Path, *wanted: str, memory_limit: str | None = None) -> duckdb.DuckDBPyConnection:
        """Run the models named and all that they read (without names: every model) over frozen inputs.

        Gives a connection to a new database with `<schema>.<model>` for each. The caller closes it; the inputs must
        stay while it looks at views. Raises ModelsError that names the model when one fails.
        """
        config: dict[str, str | int] = {"threads": 2}
        if memory_limit is not None:
            config["memory_limit"] = memory_limit
        con = duckdb.connect(_DATABASE, config=config)
        try:
            con.execute("set TimeZone = 'UTC'; set preserve_insertion_order = false")
            names = self.with_ancestors(wanted) if wanted else list(self.models)
            for schema in sorted({self.models[name].schema for name in names}):
                con.execute(f"create schema {schema}")
            for name in names:
                try:
                    con.execute(self.models[name].create(inputs))
                except duckdb.Error as error:
                    raise ModelsError(f"{name} failed: {error}") from error
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


def models_of(settings: Settings, policies: Policies) -> CompiledModels:
    """The models as a refresh under these policies would run them on DuckDB; raises ModelsError."""
    return compile_models(settings.dbt_project, {RULES_VARIABLE: rules_text(policies, "duckdb")})


def compile_models(project: Path, environment: Mapping[str, str]) -> CompiledModels:
    """All models of the dbt project as dbt compiles them for DuckDB; raises ModelsError with dbt's words.

    `environment`: what the models read from it beside the folder of the inputs.
    """
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        (work / "target").mkdir()
        with suppress(OSError):
            shutil.copyfile(project / _KEPT, work / "target" / _PARSED)
        done = subprocess.run(  # noqa: S603 - our own dbt, our own arguments
            [
                *(str(Path(sys.executable).with_name("dbt")), "--quiet", "compile"),
                *("--no-inject-ephemeral-ctes", "--select", "resource_type:model"),
            ],
            cwd=project,
            env={
                **os.environ,
                **environment,
                "ACCOUNT_HEALTH_ENGINE": "duckdb",
                "ACCOUNT_HEALTH_INPUTS": _INPUTS,
                # The name dbt gives the database is the one of the in-memory databases that run the SQL.
                "ACCOUNT_HEALTH_WAREHOUSE": _DATABASE,
                # A fixed word: dbt reads all of the project again where a profile changed. Compiling spills nothing.
                "ACCOUNT_HEALTH_TEMP": ".tmp",
                "DBT_TARGET_PATH": str(work / "target"),
                "DBT_LOG_PATH": str(work / "logs"),
                "DBT_PROFILES_DIR": str(project),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ModelsError(f"dbt could not compile {project}:\n{done.stdout}{done.stderr}")
        manifest = json.loads((work / "target" / "manifest.json").read_text(encoding="utf-8"))
        _keep_parsed(work / "target" / _PARSED, project / _KEPT)
    return _of_manifest(manifest["nodes"])


def _keep_parsed(parsed: Path, kept: Path) -> None:
    """For the next time; where the project can't be written to, dbt reads all of it again."""
    building = kept.with_suffix(f".{os.getpid()}-{time.monotonic_ns()}")
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(parsed, building)
        building.replace(kept)


def _of_manifest(all_nodes: Mapping[str, dict]) -> CompiledModels:
    nodes = {key: node for key, node in all_nodes.items() if node["resource_type"] == "model"}
    read = {key: [one for one in node["depends_on"]["nodes"] if one in nodes] for key, node in nodes.items()}
    return CompiledModels(
        {
            nodes[key]["name"]: Model(
                nodes[key]["name"],
                nodes[key]["schema"],
                nodes[key]["config"]["materialized"],
                tuple(nodes[one]["name"] for one in read[key]),
                nodes[key]["compiled_code"],
            )
            for key in TopologicalSorter(read).static_order()
        }
    )
