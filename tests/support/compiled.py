"""The models without dbt, for tests: compiled once for as long as the dbt project stays as it is.

What dbt adds beyond the SQL (contracts, data tests, hooks) isn't here; `build_models` has it. A run takes a second
where a start of dbt takes ten, so a test can look at many worlds. Views are made as tables: over few rows, planning
them again for each that reads them takes longer than anything else.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from orchestration.policy.load import load_policies
from orchestration.policy.tables.actions import RULES_VARIABLE, rules_text
from orchestration.settings import PROJECT_ROOT
from orchestration.whatif.models import CompiledModels, Model, compile_models
from tests.support.models import PROJECT

SHIPPED = PROJECT_ROOT / "policies"


def rows_of(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    """The rows of `query` as dictionaries."""
    result = con.execute(query)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def compiled_models(**environment: str) -> CompiledModels:
    """All models as dbt compiles them for DuckDB; `environment` is what they read from it.

    Without other rules, actions follow by those of the shipped policy.
    """
    return _compiled(tuple(sorted(({RULES_VARIABLE: rules_of(SHIPPED)} | environment).items())))


@cache
def rules_of(policies: Path) -> str:
    """What the models read as `RULES_VARIABLE`, for the policies of a folder."""
    return rules_text(load_policies(policies), "duckdb")


@cache
def _compiled(environment: tuple[tuple[str, str], ...]) -> CompiledModels:
    models = _as_dbt_has_them(environment).models
    return CompiledModels({name: replace(model, kind="table") for name, model in models.items()})


def _as_dbt_has_them(environment: tuple[tuple[str, str], ...]) -> CompiledModels:
    # The processes of a test run, and the next one, share what was compiled: a file named for all that went into it.
    kept = PROJECT / "target" / f"compiled-{_fingerprint(dict(environment))}.json"
    if kept.exists():
        models = json.loads(kept.read_text(encoding="utf-8"))
        return CompiledModels({name: Model(**model) for name, model in models.items()})
    compiled = compile_models(PROJECT, dict(environment))
    kept.parent.mkdir(exist_ok=True)
    building = kept.with_suffix(f".{os.getpid()}")
    building.write_text(json.dumps({name: asdict(model) for name, model in compiled.models.items()}), encoding="utf-8")
    building.replace(kept)
    return compiled


def _fingerprint(environment: Mapping[str, str]) -> str:
    """Of every file that dbt reads, and of what the models read from the environment."""
    parts = [PROJECT / name for name in ("dbt_project.yml", "profiles.yml")]
    parts += [file for folder in ("models", "macros") for file in sorted((PROJECT / folder).rglob("*.*"))]
    found = hashlib.sha256(json.dumps(environment, sort_keys=True).encode())
    for file in parts:
        found.update(f"{file.relative_to(PROJECT)}\0".encode() + file.read_bytes() + b"\0")
    return found.hexdigest()[:16]
