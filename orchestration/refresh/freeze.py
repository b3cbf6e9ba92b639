"""Freeze: put everything the models read into one folder, so that what they make is a function of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.policy.tables import policy_tables
from orchestration.refresh.histories import READS, earlier_files
from orchestration.refresh.inputs import (
    STREAMS_SCHEMA,
    SUPPORT_ORGANIZATIONS_SCHEMA,
    Content,
    context_table,
    empty_landing,
    freeze_inputs,
)
from orchestration.refresh.run import Run
from orchestration.systems.pull import organization_files

_CHECKED = {
    ("quality", "row_failures"): "row_failures",
    ("quality", "row_effects"): "row_effects",
    ("quality", "rules"): "rules",
    ("matching", "account_matches"): "account_matches",
}


class StageError(RuntimeError):
    """A stage was asked to run before the one it builds on."""


def freeze(run: Run) -> dict[str, int]:
    """Write the inputs of the models; gives the number of rows by schema.table.

    Raises StageError when the raw checks of this run haven't passed.
    """
    parts, streams = run.noted("parts"), run.noted("streams")
    if parts is None or streams is None:
        raise StageError(
            f"run {run.run_id} has no checked extractions: run the checks of the landing assets in the same run"
        )
    with run.timed("freeze"):
        tables: dict[tuple[str, str], Content] = empty_landing()
        tables |= {("landing", stream): [Path(part) for part in files] for stream, files in parts.items() if files}
        tables |= {key: [run.checks_folder / f"{name}.parquet"] for key, name in _CHECKED.items()}
        tables |= {("policy", name): table for name, table in policy_tables(run.policies).items()}
        tables |= {("history", name): before(run, name) for name in READS}
        organizations = organization_files(run.settings, run.policies)
        tables["matching", "support_organizations"] = organizations or SUPPORT_ORGANIZATIONS_SCHEMA.empty_table()
        tables["run", "streams"] = _streams(streams["rows"])
        tables["run", "context"] = _context(run)
        freeze_inputs(run.settings.inputs_path, tables)
    return {f"{schema}.{table}": _size(content) for (schema, table), content in tables.items()}


def published_at(run: Run) -> datetime:
    """The one moment all of the run's rows carry, naive UTC; taken when it is first asked for."""
    noted = run.noted("published_at")
    if noted is None:
        noted = {"published_at": datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")}
        run.note("published_at", noted)
    return datetime.fromisoformat(noted["published_at"])


def _context(run: Run) -> pa.Table:
    calendar = run.policies.calendar
    return context_table(
        as_of=run.as_of,
        policy_version=run.policies.version,
        run_id=run.run_id,
        published_at=published_at(run),
        cadence=run.cadence,
        time_zone=calendar.time_zone,
        reporting_currency=calendar.reporting_currency,
        fiscal_year_start_month=calendar.fiscal_year_start_month,
        automation_level=run.automation_level,
    )


def _streams(rows: list[dict]) -> pa.Table:
    for row in rows:
        if row["last_success_at"] is not None:
            row["last_success_at"] = datetime.fromisoformat(row["last_success_at"])
    return pa.Table.from_pylist(rows, schema=STREAMS_SCHEMA)


def before(run: Run, name: str) -> Content:
    """The files that earlier as-ofs left of a history, or an empty table."""
    columns = READS[name].columns
    files = earlier_files(run.settings.history_path, name, run.as_of, run.policies)
    return [_with_columns(file, columns, run.folder / "history" / name) for file in files] or columns.empty_table()


def _with_columns(file: Path, columns: pa.Schema, folder: Path) -> Path:
    """The file; where it is from before one of the columns was kept, a copy in `folder` that is blank there."""
    there = set(pq.read_schema(file).names)
    if there.issuperset(columns.names):
        return file
    table = pq.read_table(file, columns=[name for name in columns.names if name in there])
    for field in columns:
        if field.name not in there:
            table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.select(columns.names).cast(columns), folder / file.name, compression="zstd")
    return folder / file.name


def _size(content: Content) -> int:
    if isinstance(content, pa.Table):
        return content.num_rows
    return sum(pq.read_metadata(file).num_rows for file in content)
