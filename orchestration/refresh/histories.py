"""Histories: what one as-of date leaves to later ones, one Parquet file each, `HOME/history/<table>/<as_of>.parquet`.

Here: which published tables are kept, which columns and files of them the models of a later run get, keeping them, and
as which tables readers get them. Not here: what the models make of them, and how files get into a snapshot
(`publishing/history.py`).

A file is replaced by rename and never changed in place: inputs and snapshots are hard links to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType

import duckdb
import pyarrow as pa

from orchestration.policy.models import Policies
from orchestration.publishing import durable
from orchestration.publishing.manifest import TableDescription
from orchestration.publishing.snapshot import refuse_other_runs
from orchestration.publishing.sql import identifier, literal, read_parquet
from orchestration.refresh import history_columns as columns
from orchestration.refresh.run import Run
from orchestration.warehouse import PUBLISHED

# From the last month of a quarter back to the first one of the quarter before.
_MONTHS_TO_LAST_QUARTER = 5


def _none(policies: Policies) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class History:
    """One published table whose rows are kept by as_of.

    `kept`: the columns a file holds; None for all.
    `published`: the table as which readers get all its files; None where they don't.
    `logs_runs`: another run of the same as_of adds its rows instead of replacing those that are there.
    """

    table: str
    kept: tuple[str, ...] | None = None
    published: str | None = None
    logs_runs: bool = False

    def folder(self, root: Path) -> Path:
        """Where its files are."""
        return root / self.table


@dataclass(frozen=True, slots=True)
class Read:
    """What the models of a run get of a history: always of the latest earlier as_of, and of others as policies say.

    `name`: the input's table, `history.<name>`.
    `columns`: those that are read; a file from before one of them was kept reads as blank there.
    `days`: of every as_of so many days back.
    `months`: of the last as_of of each of so many calendar months back.
    """

    name: str
    history: str
    columns: pa.Schema
    days: Callable[[Policies], int] = _none
    months: Callable[[Policies], int] = _none


HISTORIES: Mapping[str, History] = MappingProxyType(
    {
        history.table: history
        for history in (
            History("hygiene_issues", kept=tuple(columns.HYGIENE_ISSUES.names)),
            History("account_health", published="account_health_history"),
            History("account_signals", kept=tuple(columns.ACCOUNT_SIGNALS.names)),
            History("account_churn", published="account_churn_history"),
            History("score_audit", published="score_audit", logs_runs=True),
            History("action_episodes", kept=tuple(columns.ACTION_EPISODES.names)),
            History("alert_conditions", kept=tuple(columns.ALERT_CONDITIONS.names)),
            History("alert_totals", kept=tuple(columns.ALERT_TOTALS.names)),
            History("alerts", kept=tuple(columns.ALERTS.names)),
            History("at_risk_accounts", kept=tuple(columns.AT_RISK_ACCOUNTS.names)),
            History("intervention_outcomes", kept=tuple(columns.INTERVENTION_OUTCOMES.names)),
            History("portfolio_summary", kept=tuple(columns.PORTFOLIO_SUMMARY.names)),
            History("success_metrics", kept=tuple(columns.SUCCESS_METRICS.names)),
            History("review_items", kept=tuple(columns.REVIEW_ITEMS.names)),
            History("expansion_pipeline", kept=tuple(columns.EXPANSION_PIPELINE.names)),
        )
    }
)

READS: Mapping[str, Read] = MappingProxyType(
    {
        read.name: read
        for read in (
            Read("hygiene_issues", "hygiene_issues", columns.HYGIENE_ISSUES),
            Read(
                "account_health",
                "account_health",
                columns.ACCOUNT_HEALTH,
                days=lambda policies: policies.health_score.change.month_oldest_days,
            ),
            Read("account_signals", "account_signals", columns.ACCOUNT_SIGNALS),
            Read(
                "account_churn_monthly",
                "account_churn",
                columns.ACCOUNT_CHURN,
                months=lambda policies: policies.backtest.months,
            ),
            Read("action_episodes", "action_episodes", columns.ACTION_EPISODES),
            Read("alert_conditions", "alert_conditions", columns.ALERT_CONDITIONS),
            Read("alert_totals", "alert_totals", columns.ALERT_TOTALS),
            Read("alerts", "alerts", columns.ALERTS),
            Read(
                "account_dimensions",
                "account_health",
                columns.ACCOUNT_DIMENSIONS,
                days=lambda policies: policies.health_score.change.month_oldest_days,
            ),
            Read("at_risk_accounts", "at_risk_accounts", columns.AT_RISK_ACCOUNTS),
            Read("intervention_outcomes", "intervention_outcomes", columns.INTERVENTION_OUTCOMES),
            Read(
                "portfolio_summary",
                "portfolio_summary",
                columns.PORTFOLIO_SUMMARY,
                months=lambda policies: _MONTHS_TO_LAST_QUARTER,
            ),
            Read("success_metrics", "success_metrics", columns.SUCCESS_METRICS),
            Read("review_items", "review_items", columns.REVIEW_ITEMS),
            Read(
                "expansion_pipeline",
                "expansion_pipeline",
                columns.EXPANSION_PIPELINE,
                months=lambda policies: policies.reports.reviews.held_months,
            ),
        )
    }
)


def earlier_files(root: Path, name: str, as_of: date, policies: Policies) -> list[Path]:
    """The files that a run as of `as_of` reads as `history.<name>`, oldest first; all strictly before it."""
    read = READS[name]
    earlier = [(day, file) for day, file in _dated_files(HISTORIES[read.history].folder(root)) if day < as_of]
    first_day = as_of - timedelta(days=read.days(policies))
    first_month = _month(as_of) - read.months(policies)
    months = [_month(day) for day, _ in earlier]
    return [
        file
        for (day, file), month, later in zip(earlier, months, [*months[1:], None], strict=False)
        if later is None or day >= first_day or (month >= first_month and month != later)
    ]


def _month(day: date) -> int:
    return day.year * 12 + day.month


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
