"""The DuckDB 1.x client that stands for the BI tools: a Python of its own, made from requirements-duckdb1.lock."""

from __future__ import annotations

import os
from pathlib import Path

_HOME = Path(__file__).parents[2]


def duckdb1_python() -> Path:
    """The interpreter; fails with what to do when it is missing, since without it the promise to BI is untested."""
    path = Path(os.environ.get("ACCOUNT_HEALTH_DUCKDB1_PYTHON", _HOME / ".venv-duckdb1/bin/python"))
    assert path.exists(), f"{path} is missing: run `make setup-duckdb1`, which makes it from requirements-duckdb1.lock"
    return path
