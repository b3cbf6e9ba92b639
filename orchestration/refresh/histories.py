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

from orchestration.policy.churn import FACTORS
from orchestration.policy.measures import DIMENSIONS, MEASURES
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
        pa.field("final_status", pa.string()),
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

ALERT_CONDITIONS_HISTORY = pa.schema(
    [
        pa.field("alert", pa.string()),
        pa.field("account_id", pa.string()),
        pa.field("subject", pa.string()),
        pa.field("dated_on", pa.date32()),
        pa.field("value", pa.decimal128(24, 6)),
        pa.field("evidence", pa.string()),
        pa.field("true_since", pa.date32()),
    ]
)

ALERT_TOTALS_HISTORY = pa.schema([pa.field("as_of_date", pa.date32()), pa.field("alert", pa.string())])

ACCOUNT_DIMENSIONS_HISTORY = pa.schema(
    [
        pa.field("as_of_date", pa.date32()),
        pa.field("account_id", pa.string()),
        *(pa.field(dimension, pa.decimal128(5, 1)) for dimension in DIMENSIONS),
    ]
)

AT_RISK_ACCOUNTS_HISTORY = pa.schema([pa.field("account_id", pa.string()), pa.field("at_risk_since", pa.date32())])

INTERVENTION_OUTCOMES_HISTORY = pa.schema(
    [
        pa.field("origin", pa.string()),
        pa.field("intervention_id", pa.string()),
        pa.field("account_id", pa.string()),
        pa.field("opened_on", pa.date32()),
        pa.field("opening_score", pa.decimal128(5, 1)),
        pa.field("runs_recovered", pa.int32()),
        pa.field("recovered_on", pa.date32()),
        pa.field("recovered_score", pa.decimal128(5, 1)),
        pa.field("closed_score", pa.decimal128(5, 1)),
    ]
)

ALERTS_HISTORY = pa.schema(
    [
        pa.field("alert_id", pa.string()),
        pa.field("alert", pa.string()),
        pa.field("account_id", pa.string()),
        pa.field("subject", pa.string()),
        pa.field("dated_on", pa.date32()),
        pa.field("value", pa.decimal128(24, 6)),
        pa.field("evidence", pa.string()),
        pa.field("raised_on", pa.date32()),
        pa.field("false_since", pa.date32()),
        pa.field("cleared_on", pa.date32()),
    ]
)

ACTION_EPISODES_HISTORY = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("action_id", "account_id", "action", "subject_kind", "subject")),
        *(pa.field(name, pa.date32()) for name in ("episode_started_on", "created_on", "auto_on")),
        *(pa.field(name, pa.bool_()) for name in ("is_capped", "is_open")),
    ]
)

ACCOUNT_CHURN_HISTORY = pa.schema(
    [
        pa.field("as_of_date", pa.date32()),
        pa.field("account_id", pa.string()),
        pa.field("score", pa.decimal128(5, 1)),
        pa.field("status", pa.string()),
        pa.field("churn_probability", pa.decimal128(5, 2)),
        pa.field("churn_probability_calibrated", pa.decimal128(5, 2)),
        pa.field("days_to_renewal", pa.int32()),
        *(pa.field(factor, pa.bool_()) for factor in FACTORS),
        pa.field("reconstructed", pa.bool_()),
    ]
)

PORTFOLIO_SUMMARY_HISTORY = pa.schema(
    [
        pa.field("as_of_date", pa.date32()),
        pa.field("section", pa.string()),
        pa.field("item", pa.string()),
        pa.field("unit", pa.string()),
        pa.field("figure", pa.decimal128(18, 2)),
    ]
)

SUCCESS_METRICS_HISTORY = pa.schema(
    [
        pa.field("name", pa.string()),
        pa.field("baseline", pa.decimal128(24, 6)),
        pa.field("baseline_on", pa.date32()),
    ]
)

# From the last month of a quarter back to the first one of the quarter before.
_MONTHS_TO_LAST_QUARTER = 5

REVIEW_ITEMS_HISTORY = pa.schema(
    [
        pa.field("report", pa.string()),
        pa.field("section", pa.string()),
        pa.field("section_place", pa.int32()),
        pa.field("rank", pa.int32()),
        pa.field("account_id", pa.string()),
        pa.field("text", pa.string()),
        pa.field("figure", pa.decimal128(18, 2)),
        pa.field("unit", pa.string()),
        pa.field("made_on", pa.date32()),
    ]
)

EXPANSION_PIPELINE_HISTORY = pa.schema(
    [
        pa.field("as_of_date", pa.date32()),
        pa.field("account_id", pa.string()),
        pa.field("type", pa.string()),
        *(
            pa.field(name, pa.bool_())
            for name in (
                "is_primary",
                "qualified",
                "plan_limit",
                "approaching_limit",
                "seat_growth",
                "feature_requests",
                "high_health",
                "no_billing_issue",
                "responsive",
            )
        ),
    ]
)


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
            History("hygiene_issues", kept=tuple(HYGIENE_ISSUES_HISTORY.names)),
            History("account_health", published="account_health_history"),
            History("account_signals", kept=tuple(ACCOUNT_SIGNALS_HISTORY.names)),
            History("account_churn", published="account_churn_history"),
            History("score_audit", published="score_audit", logs_runs=True),
            History("action_episodes", kept=tuple(ACTION_EPISODES_HISTORY.names)),
            History("alert_conditions", kept=tuple(ALERT_CONDITIONS_HISTORY.names)),
            History("alert_totals", kept=tuple(ALERT_TOTALS_HISTORY.names)),
            History("alerts", kept=tuple(ALERTS_HISTORY.names)),
            History("at_risk_accounts", kept=tuple(AT_RISK_ACCOUNTS_HISTORY.names)),
            History("intervention_outcomes", kept=tuple(INTERVENTION_OUTCOMES_HISTORY.names)),
            History("portfolio_summary", kept=tuple(PORTFOLIO_SUMMARY_HISTORY.names)),
            History("success_metrics", kept=tuple(SUCCESS_METRICS_HISTORY.names)),
            History("review_items", kept=tuple(REVIEW_ITEMS_HISTORY.names)),
            History("expansion_pipeline", kept=tuple(EXPANSION_PIPELINE_HISTORY.names)),
        )
    }
)

READS: Mapping[str, Read] = MappingProxyType(
    {
        read.name: read
        for read in (
            Read("hygiene_issues", "hygiene_issues", HYGIENE_ISSUES_HISTORY),
            Read(
                "account_health",
                "account_health",
                ACCOUNT_HEALTH_HISTORY,
                days=lambda policies: policies.health_score.change.month_oldest_days,
            ),
            Read("account_signals", "account_signals", ACCOUNT_SIGNALS_HISTORY),
            Read(
                "account_churn_monthly",
                "account_churn",
                ACCOUNT_CHURN_HISTORY,
                months=lambda policies: policies.backtest.months,
            ),
            Read("action_episodes", "action_episodes", ACTION_EPISODES_HISTORY),
            Read("alert_conditions", "alert_conditions", ALERT_CONDITIONS_HISTORY),
            Read("alert_totals", "alert_totals", ALERT_TOTALS_HISTORY),
            Read("alerts", "alerts", ALERTS_HISTORY),
            Read(
                "account_dimensions",
                "account_health",
                ACCOUNT_DIMENSIONS_HISTORY,
                days=lambda policies: policies.health_score.change.month_oldest_days,
            ),
            Read("at_risk_accounts", "at_risk_accounts", AT_RISK_ACCOUNTS_HISTORY),
            Read("intervention_outcomes", "intervention_outcomes", INTERVENTION_OUTCOMES_HISTORY),
            Read(
                "portfolio_summary",
                "portfolio_summary",
                PORTFOLIO_SUMMARY_HISTORY,
                months=lambda policies: _MONTHS_TO_LAST_QUARTER,
            ),
            Read("success_metrics", "success_metrics", SUCCESS_METRICS_HISTORY),
            Read("review_items", "review_items", REVIEW_ITEMS_HISTORY),
            Read(
                "expansion_pipeline",
                "expansion_pipeline",
                EXPANSION_PIPELINE_HISTORY,
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
