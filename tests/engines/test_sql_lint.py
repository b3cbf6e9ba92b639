"""The models' SQL is in the project's style, as DuckDB gets it once macros are rendered.

Whether it is SQL to Spark as well needs no parser: the tests beside this one run all of it there.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from orchestration.settings import PROJECT_ROOT

SQLFLUFF = Path(sys.executable).with_name("sqlfluff")
MODELS = PROJECT_ROOT / "dbt_project" / "models"
BROKEN = "select a, from from {{ ref('stg_run__context') }} group"


def findings(models: Path, *arguments: str) -> list[str]:
    """What sqlfluff finds in the models, one line each."""
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
    assert not (found := findings(MODELS)), "\n".join(found)


def test_what_is_no_sql_is_found(tmp_path: Path) -> None:
    (tmp_path / "broken.sql").write_text(BROKEN)
    assert any(" PRS " in found for found in findings(tmp_path, "--rules=LT12"))
