"""What the terminal shows: progress while a refresh works, and its outcome in a few tables."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from orchestration.policy.describe import describe
from orchestration.policy.models import Policies
from orchestration.refresh.summary import Summary
from orchestration.settings import Settings

_SEVERITY_STYLE = {"critical": "bold red", "warning": "yellow", "info": "cyan"}
_MOST_ISSUES = 12


class Reporter:
    """A progress line on a terminal; plain lines, one a stage, where output goes to a file."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[what]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish()
        self._progress.stop()

    def stage(self, name: str, total: int | None = None) -> None:
        """Begin a stage; the one before is done."""
        self._finish()
        self._task = self._progress.add_task(name, total=total, what="")
        if not self._console.is_terminal:
            self._console.print(f"… {name}")

    def advance(self, what: str) -> None:
        """One piece of the stage has begun or is done."""
        if self._task is not None:
            self._progress.update(self._task, advance=1, what=what)

    def _finish(self) -> None:
        if self._task is not None:
            task = next(task for task in self._progress.tasks if task.id == self._task)
            done = task.total or max(task.completed, 1)
            self._progress.update(self._task, total=done, completed=done, what="")


def show_summary(console: Console, summary: Summary, settings: Settings) -> None:
    """What was read, what was set aside, what came out, and where to look next."""
    console.print()
    console.print(_streams(summary))
    if summary.issues:
        console.print(_issues(summary))
    console.print(_outcome(summary))
    if summary.candidates:
        console.print(_candidates(summary))
    console.print(_health(summary))
    if summary.at_risk:
        console.print(_at_risk(summary))
    for stream in summary.streams:
        if stream["problem"]:
            console.print(f"[yellow]{stream['stream']}[/]: {escape(stream['problem'])}")
    if summary.unread_files:
        console.print(f"[yellow]Files that no stream reads[/]: {escape(', '.join(summary.unread_files))}")
    console.print(_stages(summary))
    console.print(Panel(_where(summary, settings), title="Published", border_style="green", expand=False))


def backfill_line(summary: Summary) -> str:
    """One refresh of a backfill in a line: the date, how the accounts score, how long it took."""
    scores = ", ".join(f"{row['accounts']:,} {_coloured(row['status'])}" for row in summary.health) or "no scores"
    newly = sum(row["newly_at_risk"] for row in summary.health)
    return f"{summary.as_of}  {scores}  [dim]{newly:,} newly at risk, {sum(summary.stages.values()):.0f} s[/]"


def show_failure(console: Console, error: Exception, settings: Settings) -> None:
    """Why nothing was published, and that readers still have what they had."""
    reasons = getattr(error, "reasons", None) or [str(error)]
    text = "\n\n".join(escape(reason) for reason in reasons)
    snapshot = getattr(error, "snapshot", None)
    current = settings.published_path / "CURRENT"
    if snapshot is not None:
        kept = f"The tables are published: {escape(_short(snapshot))}. What is said above is not."
    elif current.exists():
        place = settings.published_path / current.read_text(encoding="utf-8").strip()
        kept = f"The last publication stays up: {escape(_short(place))}"
    else:
        kept = "Nothing has been published in this home yet."
    run_id = getattr(error, "run_id", None)
    if run_id:
        kept += f"\nMore in {escape(_short(settings.runs_path / run_id))} and in the run's events (make dev)."
    console.print(Panel(f"{text}\n\n{kept}", title="The refresh failed", border_style="red", expand=False))


def show_policies(console: Console, policies: Policies) -> None:
    """Every policy value with its unit and meaning."""
    table = Table(title=f"Policies, version {policies.version}", show_lines=False)
    for heading in ("file", "key", "value", "unit", "meaning"):
        table.add_column(heading, overflow="fold")
    for setting in describe(policies):
        cells = (setting.file, setting.key, setting.value, setting.unit, setting.meaning)
        table.add_row(*(escape(str(cell)) for cell in cells))
    console.print(table)


def _streams(summary: Summary) -> Table:
    table = Table(title=f"Read, as of {summary.as_of}")
    table.add_column("stream")
    for heading in ("read", "used", "set aside", "passed over", "age"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for stream in summary.streams:
        if not stream["is_present"]:
            table.add_row(stream["stream"], *("–" * 5), "[dim]not there[/]")
            continue
        age = f"{stream['age_days']} d"
        note = "[yellow]stale[/]" if stream["is_stale"] else "[dim]reconstructed[/]" if stream["reconstructed"] else ""
        aside = f"[yellow]{stream['rows_set_aside']:,}[/]" if stream["rows_set_aside"] else "0"
        table.add_row(
            stream["stream"],
            f"{stream['rows_read']:,}",
            f"{stream['rows_used']:,}",
            aside,
            f"{stream['rows_passed_over']:,}",
            age,
            note,
        )
    return table


def _issues(summary: Summary) -> Table:
    table = Table(title="To be mended (hygiene_issues)")
    for heading in ("severity", "stream", "rule"):
        table.add_column(heading)
    table.add_column("issues", justify="right")
    table.add_column("for example", overflow="fold", max_width=70)
    for issue in summary.issues[:_MOST_ISSUES]:
        table.add_row(
            f"[{_SEVERITY_STYLE[issue['severity']]}]{issue['severity']}[/]",
            issue["stream"],
            issue["rule"],
            f"{issue['issues']:,}",
            escape(issue["example"] or ""),
        )
    rest = summary.issues[_MOST_ISSUES:]
    if rest:
        table.caption = f"and {sum(issue['issues'] for issue in rest):,} more of {len(rest)} rules"
    return table


def _outcome(summary: Summary) -> Table:
    table = Table(title="Health checks")
    table.add_column("status")
    table.add_column("targets", justify="right")
    table.add_column("")
    most = max((row["targets"] for row in summary.targets), default=1)
    for row in summary.targets:
        table.add_row(row["status"], f"{row['targets']:,}", "█" * max(1, round(30 * row["targets"] / most)))
    return table


def _candidates(summary: Summary) -> Table:
    table = Table(title="First in line")
    table.add_column("", justify="right")
    for heading in ("account", "owner", "product", "why"):
        table.add_column(heading, overflow="fold")
    table.add_column("amount", justify="right")
    for row in summary.candidates:
        table.add_row(
            str(row["rank"]),
            escape(row["account_name"]),
            escape(row["owner_name"] or "nobody"),
            escape(row["product"]),
            row["flag_reason"],
            f"{row['amount']:,.2f}",
        )
    return table


def _stages(summary: Summary) -> str:
    stages: dict[str, float] = {}
    for name, seconds in summary.stages.items():
        stages[name.partition("/")[0]] = stages.get(name.partition("/")[0], 0.0) + seconds
    inside = sum(summary.models.values())
    timed = ", ".join(f"{name.replace('_', ' ')} {seconds:.1f} s" for name, seconds in stages.items())
    return f"[dim]Time: {timed} (of models, {inside:.1f} s in the engine)[/]"


def _where(summary: Summary, settings: Settings) -> str:
    lines = [f"Tables    {_short(summary.snapshot)}"]
    if summary.is_current:
        lines.append(f"BI tools  {_short(settings.published_path / 'account_health.duckdb')}")
    else:
        lines.append("A later as-of date stays current; this one stands beside it.")
    lines.append(f"Policies  version {summary.policy_version}")
    if settings.home_path == Settings().home_path:
        lines.append("Next      make portal opens the pages: sign in as whoever you want to be")
        lines.append("          make dev opens the runs, assets and checks in the Dagster UI")
    else:
        home = _short(settings.home_path)
        lines.append(f"Next      account-health portal --development --home {home}")
        lines.append(f"          ACCOUNT_HEALTH_HOME={home} make dev")
    return "\n".join(escape(line) for line in lines)


def _short(path: Path) -> str:
    relative = os.path.relpath(path)
    return relative if len(relative) < len(str(path)) else str(path)


_COLOURS = {"GREEN": "green", "YELLOW": "yellow", "RED": "red"}


def _coloured(status: str | None) -> str:
    return f"[{_COLOURS.get(status or '', 'dim')}]{status or 'none'}[/]"


def _health(summary: Summary) -> Table:
    table = Table(title="Health scores")
    table.add_column("status")
    for heading in ("accounts", "ARR", "little known", "newly at risk"):
        table.add_column(heading, justify="right")
    table.add_column("")
    most = max((row["accounts"] for row in summary.health), default=1)
    for row in summary.health:
        counts = (f"{row[name]:,}" for name in ("accounts", "arr", "low_confidence", "newly_at_risk"))
        bar = "█" * max(1, round(30 * row["accounts"] / most))
        table.add_row(_coloured(row["status"]), *counts, f"[{_COLOURS.get(row['status'] or '', 'dim')}]{bar}[/]")
    return table


def _at_risk(summary: Summary) -> Table:
    table = Table(title="Where an intervention is worth most")
    table.add_column("account")
    for heading in ("score", "churn", "expected loss"):
        table.add_column(heading, justify="right")
    table.add_column("why")
    for row in summary.at_risk:
        table.add_row(
            f"{_coloured(row['final_status'])} {escape(row['account_name'])}",
            f"{row['score']}",
            f"{row['churn_probability']:.0f} %",
            f"{row['expected_loss']:,.2f}",
            escape(row["summary"]),
        )
    return table
