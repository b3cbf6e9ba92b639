"""Small helpers for DuckDB statements whose names and paths can't be parameters."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def identifier(name: str) -> str:
    """A quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str | Path) -> str:
    """A quoted string."""
    return "'" + str(text).replace("'", "''") + "'"


def read_parquet(paths: Iterable[Path]) -> str:
    """A table function over Parquet files; files of an older major version may lack the columns added last."""
    files = ", ".join(literal(path) for path in paths)
    return f"read_parquet([{files}], union_by_name = true)"
