"""The models' SQL: in the project's style, and SQL to a parser of either engine's dialect once macros are rendered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.settings import PROJECT_ROOT

SQLFLUFF = Path(sys.executable).with_name("sqlfluff")
MODELS = PROJECT_ROOT / "dbt_project" / "models"
BROKEN = "select a, from from {{ ref('stg_run__context') }} group"


def findings(models: Path, engine: str, *arguments: str) -> list[str]:
    """What sqlfluff finds in the models as `engine` gets them, one line each."""
    done = subprocess.run(
        [
            SQLFLUFF,
            "lint",
            models,
            "--config",
            MODELS.parent / ".sqlfluff",
            "--format=json",
            "--processes=2",
            "--disable-progress-bar",
            *arguments,
        ],
        cwd=MODELS.parent,
        env={**os.environ, "ACCOUNT_HEALTH_LINT_ENGINE": engine},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    files = json.loads(done.stdout)
    assert files
    return [
        f"{Path(file['filepath']).name}:{violation['start_line_no']} {violation['code']} {violation['description']}"
        for file in files
        for violation in file["violations"]
    ]


def test_models_are_in_style_and_parse_as_duckdb() -> None:
    assert not (found := findings(MODELS, "duckdb")), "\n".join(found)


def test_models_parse_as_spark() -> None:
    # Style is the same for both; one cheap rule makes this a run for parse errors, which are always told.
    assert not (found := findings(MODELS, "spark", "--dialect=sparksql", "--rules=LT12")), "\n".join(found)


@pytest.mark.parametrize(("engine", "dialect"), [("duckdb", "duckdb"), ("spark", "sparksql")])
def test_what_is_no_sql_is_found(tmp_path: Path, engine: str, dialect: str) -> None:
    (tmp_path / "broken.sql").write_text(BROKEN)
    assert any(" PRS " in found for found in findings(tmp_path, engine, f"--dialect={dialect}", "--rules=LT12"))
