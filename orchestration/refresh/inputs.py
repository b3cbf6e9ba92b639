"""The frozen inputs of a run: everything the models read, in one folder, so that what they make is a function of it.

Here: how a folder of inputs is laid out and put in place. Not here: which extractions are in use (quality/landed.py),
what a policy table holds (policy/tables.py), or what earlier runs left (histories.py).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.sources.streams import STREAMS, landing_schema

# A table of inputs is either written, or linked from files that never change.
Content = pa.Table | Sequence[Path]

CONTEXT_SCHEMA = pa.schema(
    [
        pa.field("as_of_date", pa.date32()),
        pa.field("policy_version", pa.string()),
        pa.field("run_id", pa.string()),
        pa.field("published_at", pa.timestamp("us")),
        pa.field("cadence", pa.string()),
        pa.field("time_zone", pa.string()),
        pa.field("reporting_currency", pa.string()),
        pa.field("fiscal_year_start_month", pa.int32()),
        pa.field("automation_level", pa.string()),
    ]
)

STREAMS_SCHEMA = pa.schema(
    [
        pa.field("stream", pa.string()),
        pa.field("source", pa.string()),
        pa.field("cadence", pa.string()),
        pa.field("extraction_id", pa.string()),
        pa.field("last_success_at", pa.timestamp("us")),
        pa.field("age_days", pa.int32()),
        pa.field("max_age_days", pa.int32()),
        pa.field("on_stale", pa.string()),
        pa.field("is_present", pa.bool_()),
        pa.field("is_stale", pa.bool_()),
        pa.field("is_omitted", pa.bool_()),
        pa.field("reconstructed", pa.bool_()),
        pa.field("rows_read", pa.int64()),
        pa.field("rows_used", pa.int64()),
        pa.field("rows_set_aside", pa.int64()),
        pa.field("rows_after_as_of", pa.int64()),
        pa.field("rows_deleted_at_source", pa.int64()),
        pa.field("rows_summary_line", pa.int64()),
        pa.field("rows_landed_before", pa.int64()),
        pa.field("problem", pa.string()),
    ]
)


# What the checks found: rows that break a rule, what follows for rows in use, the rules, and how names were matched.
ROW_FAILURES_SCHEMA = pa.schema(
    [
        pa.field("rule", pa.string()),
        pa.field("stream", pa.string()),
        pa.field("extraction_id", pa.string()),
        pa.field("row", pa.int64()),
        pa.field("record_key", pa.string()),
        pa.field("account_id", pa.string()),
        pa.field("column_name", pa.string()),
        pa.field("actual", pa.string()),
        pa.field("expected", pa.string()),
        pa.field("sentence", pa.string()),
        pa.field("suggestion", pa.string()),
        pa.field("effect", pa.string()),
    ]
)
ROW_EFFECTS_SCHEMA = pa.schema(
    [
        pa.field("stream", pa.string()),
        pa.field("source", pa.string()),
        pa.field("landed_row", pa.int64()),
        pa.field("effect", pa.string()),
        pa.field("column_name", pa.string()),
    ]
)
RULES_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("rule", "stream", "severity", "title", "description", "owner_role", "expected")]
)
ACCOUNT_MATCHES_SCHEMA = pa.schema(
    [("account_name", pa.string()), ("account_id", pa.string()), ("method", pa.string())]
)

# What a support desk's organizations were found to be, each with the time in which it held: what pulls of tickets leave
# beside them.
SUPPORT_ORGANIZATIONS_SCHEMA = pa.schema(
    [
        *(
            (name, pa.string())
            for name in (
                "source",
                "organization_id",
                "organization_name",
                "external_id",
                "domains",
                "account_id",
                "matched_by",
            )
        ),
        pa.field("created_at", pa.timestamp("us")),
        pa.field("known_from", pa.timestamp("us")),
        pa.field("known_until", pa.timestamp("us")),
    ]
)


def context_table(
    *,
    as_of: date,
    policy_version: str,
    run_id: str,
    published_at: datetime,
    cadence: str,
    time_zone: str,
    reporting_currency: str,
    fiscal_year_start_month: int,
    automation_level: str | None = None,
) -> pa.Table:
    """The one row that says what a run was asked to do. `published_at` is a naive UTC timestamp."""
    row = {
        "as_of_date": as_of,
        "policy_version": policy_version,
        "run_id": run_id,
        "published_at": published_at,
        "cadence": cadence,
        "time_zone": time_zone,
        "reporting_currency": reporting_currency,
        "fiscal_year_start_month": fiscal_year_start_month,
        "automation_level": automation_level,
    }
    return pa.Table.from_pylist([row], schema=CONTEXT_SCHEMA)


def empty_landing() -> dict[tuple[str, str], Content]:
    """An empty table for every stream, for those nothing is known of."""
    return {("landing", name): landing_schema(stream).empty_table() for name, stream in STREAMS.items()}


def freeze_inputs(folder: Path, tables: Mapping[tuple[str, str], Content]) -> None:
    """Put `tables`, by (schema, table), into `folder` as `<schema>/<table>/*.parquet`, replacing what was there.

    Files are linked, not copied, where the file system allows. The former inputs stay until the new ones are whole.
    """
    building = folder.with_name(f".{folder.name}.building")
    former = folder.with_name(f".{folder.name}.former")
    for leftover in (building, former):
        shutil.rmtree(leftover, ignore_errors=True)
    for (schema, table), content in tables.items():
        place = building / schema / table
        place.mkdir(parents=True)
        if isinstance(content, pa.Table):
            pq.write_table(content, place / "part-00000.parquet", compression="zstd")
        else:
            for number, file in enumerate(content):
                _link(file, place / f"part-{number:05d}.parquet")
    if folder.exists():
        folder.rename(former)
    building.rename(folder)
    shutil.rmtree(former, ignore_errors=True)


def _link(file: Path, place: Path) -> None:
    try:
        os.link(file, place)
    except OSError:
        shutil.copyfile(file, place)
