"""Spark's ANSI mode, which dbt-spark 1.11 forces off: on again, so that overflow and bad casts fail, not turn null.

dbt imports modules named ``dbt_*`` at its start, so this acts where this folder is on PYTHONPATH, and only for runs
on Spark. Nothing else belongs here: other settings of the session are in profiles.yml. The macro ``check_engine``
stops a build in which this has not acted.
"""

from __future__ import annotations

from typing import Any

try:
    from dbt.adapters.spark.session import Cursor
except ImportError:  # the environment of the other engine
    Cursor = None

if Cursor is not None:
    _execute = Cursor.execute

    def execute(self: Any, sql: str, *parameters: Any) -> None:
        """Run a statement in ANSI mode; the adapter writes its settings to the session before each one."""
        self.server_side_parameters["spark.sql.ansi.enabled"] = "true"
        _execute(self, sql, *parameters)

    Cursor.execute = execute
