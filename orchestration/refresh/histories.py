"""Histories: what one as-of date leaves to later ones, one Parquet file each, `HOME/history/<table>/<as_of>.parquet`.

Here: which published tables are kept, which columns and files of them the models of a later run get, keeping them, and
as which tables readers get them. Not here: what the models make of them, and how files get into a snapshot
(`publishing/history.py`).

A file is replaced by rename and never changed in place: inputs and snapshots are hard links to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType

import duckdb
import pyarrow as pa

from orchestration.policy.measures import MEASURES
from orchestration.policy.models import Policies
from orchestration.publishing import durable
from orchestration.publishing.manifest import TableDescription
from orchestration.publishing.snapshot import refuse_other_runs
from orchestration.publishing.sql import identifier, literal, read_parquet
from orchestration.refresh.run import Run
from orchestration.warehouse import PUBLISHED

HYGIENE_ISSUES_HISTORY = pa.schema(
    [
        *(
            pa.field(name, pa.string())
            for name in (
                "issue_id",
                "rule",
                "severity",
                "source",
                "stream",
                "record_key",
                "account_id",
                "column_name",
                "expected",
                "actual",
                "sentence",
                "suggestion",
                "mended_by_role",
                "owner_name",
                "geo",
            )
        ),
        pa.field("occurrences", pa.int32()),
        pa.field("first_seen", pa.date32()),
        pa.field("last_seen", pa.date32()),
        pa.field("status", pa.string()),
        pa.field("cleared_on", pa.date32()),
    ]
)

ACCOUNT_HEALTH_HISTORY = pa.schema(
    [
        pa.field("as_of_date", pa.date32()),
        pa.field("policy_version", pa.string()),
        pa.field("account_id", pa.string()),
        pa.field("score", pa.decimal128(5, 1)),
        pa.field("status", pa.string()),
        pa.field("tier", pa.string()),
    ]
)

ACCOUNT_SIGNALS_HISTORY = pa.schema(
    [
        pa.field("as_of_date", pa.date32()),
        pa.field("policy_version", pa.string()),
        pa.field("account_id", pa.string()),
        pa.field("segment", pa.string()),
        *(pa.field(measure, pa.decimal128(24, 6)) for measure in MEASURES),
    ]
)


@dataclass(frozen=True, slots=True)
class History:
    """One published table whose rows are kept by as_of.

    `read`: the columns that models of later runs read; None where none does.
    `kept`: the columns a file holds; None for all.
    `is_recent_read`: models read the files of recent dates too, not the latest earlier one alone.
    `published`: the table as which readers get all its files; None where they don't.
    `logs_runs`: another run of the same as_of adds its rows instead of replacing those that are there.
    """

    table: str
    read: pa.Schema | None = None
    kept: tuple[str, ...] | None = None
    is_recent_read: bool = False
    published: str | None = None
    logs_runs: bool = False

    def folder(self, root: Path) -> Path:
        """Where its files are."""
        return root / self.table


HISTORIES: Mapping[str, History] = MappingProxyType(
    {
        history.table: history
        for history in (
            History("hygiene_issues", read=HYGIENE_ISSUES_HISTORY, kept=tuple(HYGIENE_ISSUES_HISTORY.names)),
            History(
                "account_health", read=ACCOUNT_HEALTH_HISTORY, is_recent_read=True, published="account_health_history"
            ),
            History("account_signals", read=ACCOUNT_SIGNALS_HISTORY, kept=tuple(ACCOUNT_SIGNALS_HISTORY.names)),
            History("account_churn", published="account_churn_history"),
            History("score_audit", published="score_audit", logs_runs=True),
        )
    }
)


def read_histories() -> dict[str, pa.Schema]:
    """The histories that are inputs of the models, with the columns they read."""
    return {name: history.read for name, history in HISTORIES.items() if history.read is not None}


def earlier_files(root: Path, name: str, as_of: date, policies: Policies) -> list[Path]:
    """The files of one history that a run as of `as_of` reads, oldest first; all strictly before it."""
    history = HISTORIES[name]
    earlier = [(day, file) for day, file in _dated_files(history.folder(root)) if day < as_of]
    recent = policies.health_score.change.month_oldest_days if history.is_recent_read else 0
    first = as_of - timedelta(days=recent)
    return [file for number, (day, file) in enumerate(earlier, start=1) if day >= first or number == len(earlier)]


@dataclass(frozen=True, slots=True)
class PublishedHistories:
    """The histories that readers get, by the name they get them under: where the files are, and what is in them."""

    folders: Mapping[str, Path]
    keys: Mapping[str, Sequence[str]]
    descriptions: Mapping[str, TableDescription]

    @classmethod
    def of(
        cls, run: Run, keys: Mapping[str, Sequence[str]], descriptions: Mapping[str, TableDescription]
    ) -> PublishedHistories:
        """Those of a run, from the keys and descriptions of the published models they are kept from."""
        published = {history.published: history for history in HISTORIES.values() if history.published is not None}
        return cls(
            {name: history.folder(run.settings.history_path) for name, history in published.items()},
            {name: history_key(keys[history.table], history) for name, history in published.items()},
            {name: _described(history, descriptions[history.table]) for name, history in published.items()},
        )


def history_key(key: Sequence[str], history: History) -> tuple[str, ...]:
    """What tells the rows of a history apart: those of its table, by as_of and, in a log, by run."""
    first = ("as_of_date", "run_id") if history.logs_runs else ("as_of_date",)
    return tuple(dict.fromkeys((*first, *key)))


def history_description(history: History, description: str) -> str:
    """What a history is, from what its table is."""
    if history.logs_runs:
        return f"{description} Kept of every run of every as_of."
    return f"{description} Kept of every as_of; running one again replaces its rows."


def _described(history: History, current: TableDescription) -> TableDescription:
    return current.model_copy(update={"description": history_description(history, current.description)})


def keep(run: Run, con: duckdb.DuckDBPyConnection, keys: Mapping[str, Sequence[str]]) -> None:
    """Keep what this run's models made, as the files of its as_of; what an earlier run of that date left goes."""
    for history in HISTORIES.values():
        refuse_other_runs(con, history.table, run.run_id)
        folder = history.folder(run.settings.history_path)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{run.as_of}.parquet"
        building = folder / f".{run.as_of}.building"
        columns = ", ".join(map(identifier, history.kept)) if history.kept else "*"
        rows = f"select {columns} from {PUBLISHED}.{identifier(history.table)}"  # noqa: S608 - names of our own
        order = list(keys[history.table])
        if history.logs_runs:
            order = ["run_id", *order]
            if file.exists():
                others = f"from {read_parquet([file])} where run_id <> {literal(run.run_id)}"
                rows = f"{rows} union all by name {others}"
        by = ", ".join(f"{identifier(column)} asc nulls last" for column in order)
        con.execute(
            f"copy (select * from ({rows}) order by {by})"  # noqa: S608 - as above, and a quoted path
            f" to {literal(building)} (format parquet, compression zstd)"
        )
        durable.sync_file(building)
        durable.move(building, file)


def _dated_files(folder: Path) -> list[tuple[date, Path]]:
    return sorted((date.fromisoformat(file.stem), file) for file in folder.glob("*.parquet"))
