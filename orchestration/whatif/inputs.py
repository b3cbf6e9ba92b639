"""Inputs that no extraction made: an account from rows alone, and a home's frozen inputs under other policies.

Here: the folders that compiled models run over. Not here: what is in the rows (`typed.py`) and what comes of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.policy.models import Policies
from orchestration.policy.tables import policy_tables
from orchestration.refresh.histories import READS
from orchestration.refresh.inputs import (
    ACCOUNT_MATCHES_SCHEMA,
    ROW_EFFECTS_SCHEMA,
    ROW_FAILURES_SCHEMA,
    RULES_SCHEMA,
    STREAMS_SCHEMA,
    SUPPORT_ORGANIZATIONS_SCHEMA,
    Content,
    context_table,
    empty_landing,
    freeze_inputs,
)
from orchestration.sources.streams import STREAMS, landing_schema

Row = Mapping[str, Any]

# What rows without an extraction say of theirs.
EXTRACTION, SOURCE = "e1", "files"
RUN_ID = "what-if"


class NoInputsError(RuntimeError):
    """A home in which nothing has run yet; says what to do."""


def made_up_tables(
    streams: Mapping[str, Sequence[Row]],
    policies: Policies,
    as_of: date,
    *,
    run_id: str = RUN_ID,
    published_at: datetime | None = None,
    cadence: str = "daily",
    level: str | None = None,
) -> dict[tuple[str, str], Content]:
    """The inputs of a run that read these rows, by schema and table: nothing was wrong with them, nothing came before.

    `streams` by canonical column; a stream that isn't in it was never read. Raises KeyError for a stream or column that
    isn't one.
    """
    calendar = policies.calendar
    tables: dict[tuple[str, str], Content] = empty_landing()
    tables |= {("landing", name): landed(name, rows) for name, rows in streams.items()}
    tables |= {
        ("quality", "row_failures"): ROW_FAILURES_SCHEMA.empty_table(),
        ("quality", "row_effects"): ROW_EFFECTS_SCHEMA.empty_table(),
        ("quality", "rules"): RULES_SCHEMA.empty_table(),
        ("matching", "account_matches"): ACCOUNT_MATCHES_SCHEMA.empty_table(),
        ("matching", "support_organizations"): SUPPORT_ORGANIZATIONS_SCHEMA.empty_table(),
    }
    tables |= {("history", name): read.columns.empty_table() for name, read in READS.items()}
    tables |= {("policy", name): table for name, table in policy_tables(policies).items()}
    rows = [stream_row(name, len(streams[name]) if name in streams else None) for name in STREAMS]
    tables["run", "streams"] = pa.Table.from_pylist(rows, schema=STREAMS_SCHEMA)
    tables["run", "context"] = context_table(
        as_of=as_of,
        policy_version=policies.version,
        run_id=run_id,
        published_at=published_at or datetime.combine(as_of, datetime.min.time()),
        cadence=cadence,
        automation_level=level,
        time_zone=calendar.time_zone,
        reporting_currency=calendar.reporting_currency,
        fiscal_year_start_month=calendar.fiscal_year_start_month,
    )
    return tables


def landed(stream: str, rows: Sequence[Row]) -> pa.Table:
    """`rows` as they would have landed: bookkeeping columns added, absent columns null."""
    schema = landing_schema(STREAMS[stream])
    unknown = {column for row in rows for column in row} - set(schema.names)
    if unknown:
        raise KeyError(f"stream {stream} has no column {', '.join(sorted(unknown))}")
    book = {"_extraction_id": EXTRACTION, "_source": SOURCE, "_file": f"{stream}.csv"}
    return pa.Table.from_pylist([book | {"_row": n} | dict(row) for n, row in enumerate(rows, start=1)], schema=schema)


def stream_row(stream: str, rows: int | None) -> dict[str, Any]:
    """What run.streams says of a stream of which so many rows were just read (None: it was never read)."""
    counted = rows or 0
    return {
        "stream": stream,
        "source": SOURCE,
        "extraction_id": EXTRACTION,
        "is_present": rows is not None,
        "is_stale": False,
        "is_omitted": False,
        "reconstructed": False,
        "rows_read": counted,
        "rows_used": counted,
        "rows_set_aside": 0,
        "rows_after_as_of": 0,
        "rows_deleted_at_source": 0,
        "rows_summary_line": 0,
        "rows_landed_before": 0,
    }


def under_other_policies(inputs: Path, folder: Path, policies: Policies, level: str | None = None) -> Path:
    """A home's frozen inputs as they would be under these policies (and at this level of automation), in `folder`.

    Records, findings and histories are linked, not copied. Raises NoInputsError where nothing has been frozen.
    """
    context = inputs / "run" / "context" / "part-00000.parquet"
    if not context.exists():
        raise NoInputsError(f"{inputs.parent}: nothing has run here yet; run `account-health refresh` first")
    tables: dict[tuple[str, str], Content] = {
        # Inputs that were frozen by a version before this one don't have it.
        ("matching", "support_organizations"): SUPPORT_ORGANIZATIONS_SCHEMA.empty_table()
    }
    tables |= {
        (table.parent.name, table.name): sorted(table.glob("*.parquet"))
        for table in inputs.glob("*/*")
        if table.is_dir()
    }
    tables |= {("policy", name): table for name, table in policy_tables(policies).items()}
    (row,) = pq.read_table(context).to_pylist()
    calendar, as_of = policies.calendar, row.pop("as_of_date")
    tables["run", "context"] = context_table(
        **row
        | {
            "as_of": as_of,
            "policy_version": policies.version,
            "automation_level": level or row["automation_level"],
            "time_zone": calendar.time_zone,
            "reporting_currency": calendar.reporting_currency,
            "fiscal_year_start_month": calendar.fiscal_year_start_month,
        }
    )
    freeze_inputs(folder, tables)
    return folder


def as_of_date(inputs: Path) -> date:
    """The as_of of frozen inputs; raises NoInputsError where there are none."""
    context = inputs / "run" / "context" / "part-00000.parquet"
    if not context.exists():
        raise NoInputsError(f"{inputs.parent}: nothing has run here yet; run `account-health refresh` first")
    return pq.read_table(context).column("as_of_date")[0].as_py()
