"""The floor: the published results by hand-written DuckDB SQL, straight over the landed Parquet of a home.

No orchestration, no checks, no policies as tables, no history, no words: the least that gives the same figures. The
shipped policy's numbers stand in the SQL as they are; overrides by segment or product, near misses, sentences and
evidence, and an Opportunity named in text where there is no opportunities stream are left out. It takes every stream
as read and fresh, and resolves accounts by id and by exact name, which is what the generated files need. What it
computes must agree with what was published (`benchmarks/agreement.py`).

`python -m benchmarks.floor` runs it. A module a domain holds the SQL; this one runs it in order.
"""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import duckdb

from benchmarks.floor import churn, expansion, health_checks, health_score, known, retention, streams

# published table: the floor's own
TABLES = {
    "health_check_targets": "targets",
    "health_check_candidates": "candidates",
    "health_check_accounts": "accounts",
    "health_check_influence": "influence",
    "health_check_performance": "performance",
    "account_health": "account_health",
    "account_health_measures": "account_health_measures",
    "account_churn": "account_churn",
    "retention_plans": "retention_plans",
    "retention_offers": "retention_offers",
    "executive_decisions": "executive_decisions",
    "renewal_forecast": "renewal_forecast",
    "expansion_pipeline": "expansion_pipeline",
}
STREAMS = (
    "accounts", "contracts", "opportunities", "activities", "tickets", "usage", "contacts", "signals",
    "survey_responses", "invoices", "csm_calls", "fx_rates",
)  # fmt: skip
STEPS = {
    **known.STEPS,
    **health_checks.STEPS,
    **streams.STEPS,
    **health_score.STEPS,
    **churn.STEPS,
    **retention.STEPS,
    **expansion.STEPS,
}


def compute(landing: Path, as_of: date, out: Path) -> dict[str, float]:
    """Computes the tables from `landing` into `out/<table>.parquet`; returns seconds by step."""
    out.mkdir(parents=True, exist_ok=True)
    seconds: dict[str, float] = {}
    with duckdb.connect() as con:
        con.execute("set enable_progress_bar = false")
        con.execute("set timezone = 'UTC'")
        con.execute("set preserve_insertion_order = false")
        con.execute("set variable as_of = ?::date", [as_of])
        for stream in STREAMS:
            files = f"{landing}/{stream}/*/*.parquet"
            con.execute(f"create view landed_{stream} as select * from read_parquet('{files}')")
        for step, statements in STEPS.items():
            started = time.monotonic()
            con.execute(statements)
            seconds[step] = round(time.monotonic() - started, 3)
        started = time.monotonic()
        for published, table in TABLES.items():
            con.execute(f"copy (from {table}) to '{out}/{published}.parquet' (format parquet)")
        seconds["write"] = round(time.monotonic() - started, 3)
    return seconds
