"""What sqlfluff's Jinja lacks of dbt's: `adapter`, `env_var` and `execute`, so that the project's own macros render.

sqlfluff loads it by `library_path` in dbt_project/.sqlfluff. The macros are those of DuckDB. Nothing else imports it.
"""

from __future__ import annotations

import os
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context


class Adapter:
    """dbt's `adapter` as far as the macros use it."""

    @pass_context
    def dispatch(self, context: Context, name: str) -> Any:
        """The engine's own macro of a name, else the default one."""
        return context.get(f"duckdb__{name}") or context[f"default__{name}"]

    def quote(self, identifier: str) -> str:
        """A name in the engine's quotes."""
        return f'"{identifier}"'


adapter = Adapter()
execute = False


def env_var(name: str, default: str = "") -> str:
    """A folder stands for every variable: what is linted is never run."""
    return os.environ.get(name, default or "inputs")
