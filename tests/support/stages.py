"""A refresh up to what the models make, by its own stages, without Dagster and without a start of dbt.

Files are read, landed, judged and frozen as in every refresh; the models run compiled. Nothing is published. It takes
a tenth of the time of a whole refresh, so a test can have many.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from orchestration.quality.landed import LandedChecks
from orchestration.refresh.check import check
from orchestration.refresh.extract import extract
from orchestration.refresh.freeze import freeze
from orchestration.refresh.pull import pull
from orchestration.refresh.run import Run
from orchestration.sources.streams import STREAMS
from tests.support.compiled import compiled_models, rows_of


@dataclass(frozen=True)
class Made:
    """What a run made: the verdicts on what landed, and a database with the table of every model."""

    checks: LandedChecks
    con: duckdb.DuckDBPyConnection

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query over the published models."""
        return rows_of(self.con, query)


def make(run: Run, now: datetime | None = None) -> Made:
    """Pull, extract, check, freeze and model; AssertionError where a stage that a run can't do without fails.

    `now`: when sources are asked and read; aware, the machine's time when left out.
    """
    for system in run.policies.systems.by_name:
        pull(run, system, now=lambda: now or datetime.now(UTC))
    for stream in STREAMS:
        assert not extract(run, stream, now).stops, stream
    checks = check(run)
    assert not checks.blocked, checks.blocked
    freeze(run)
    con = compiled_models().run(run.settings.inputs_path)
    con.execute("use published")
    return Made(checks, con)
