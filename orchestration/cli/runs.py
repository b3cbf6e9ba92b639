"""Commands that refresh: one date, many dates, or a made-up company."""

from __future__ import annotations

import sys
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from orchestration.backfill import Every, as_of_dates
from orchestration.cli.shared import (
    FAILED,
    HomeOption,
    Level,
    PoliciesOption,
    settings_of,
    short,
    today,
)
from orchestration.settings import Settings

app = typer.Typer()


class Cadence(StrEnum):
    """Which refresh it is; all of them publish every account, the later ones make more reports."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"


@app.command()
def refresh(
    drop: Annotated[
        Path | None,
        typer.Option(help="Folder with <stream>.csv files or CRM reports. Default: the drop folder of the home."),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Date the results are for. Default: today in the business time zone."),
    ] = None,
    home: HomeOption = None,
    cadence: Annotated[Cadence, typer.Option(help="Which refresh this is.")] = Cadence.DAILY,
    level: Annotated[
        Level | None, typer.Option(help="How much may be done by itself. Default: what actions.yaml says.")
    ] = None,
    policies: PoliciesOption = None,
) -> None:
    """Read the sources, score, check and publish everything as of one date."""
    settings = settings_of(home=home, drop=drop, policies=policies)
    if drop is not None and not drop.is_dir():
        raise typer.BadParameter(f"{drop} is not a folder; name the folder that holds the files", param_hint="--drop")
    _refresh(settings, as_of.date() if as_of else None, cadence, level)


@app.command()
def backfill(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="Earliest as-of date.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Latest as-of date.")],
    every: Annotated[Every, typer.Option(help="How far apart the dates are, counted back from --to.")] = Every.MONTH,
    drop: Annotated[
        Path | None,
        typer.Option(help="Folder with <stream>.csv files or CRM reports. Default: the drop folder of the home."),
    ] = None,
    home: HomeOption = None,
    policies: PoliciesOption = None,
) -> None:
    """Refresh as of many dates, the earliest first, so that each finds the history it is compared with."""
    settings = settings_of(home=home, drop=drop, policies=policies)
    try:
        days = as_of_dates(first.date(), last.date(), every)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--from") from None
    _backfill(settings, days)


@app.command()
def demo(
    home: HomeOption = None,
    accounts: Annotated[int, typer.Option(min=100, help="Accounts beside the four examples.")] = 500,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Date the company's records end. Default: yesterday.")
    ] = None,
    policies: PoliciesOption = None,
) -> None:
    """Make up a company with a known share of dirt, and refresh it."""
    from orchestration.demo import write_demo

    settings = settings_of(home=home, policies=policies)
    # Yesterday is over: no record of the company is dated later than it is read.
    day = as_of.date() if as_of else today(settings) - timedelta(days=1)
    drop = settings.home_path / "demo"
    summary = write_demo(drop, day, accounts)
    console = Console()
    console.print(
        f"Made a company of [bold]{accounts + 4}[/] accounts as of {day}: {sum(summary.rows.values()):,} rows in "
        f"{len(summary.rows)} files in {short(drop)}"
    )
    _refresh(settings.model_copy(update={"drop": drop}), day, Cadence.DAILY)


def _refresh(settings: Settings, as_of: date | None, cadence: Cadence, level: Level | None = None) -> None:
    from orchestration.launch import RefreshFailed, launch
    from orchestration.policy.problems import PolicyError
    from orchestration.terminal import Reporter, show_failure, show_summary

    # Named, since the run's own output is turned away from sys.stdout.
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120)
    try:
        day = as_of or today(settings)
        with Reporter(console) as progress:
            summary = launch(settings, day, cadence.value, progress, level.value if level else None)
    except (RefreshFailed, PolicyError) as error:
        show_failure(Console(stderr=True), error, settings)
        raise typer.Exit(FAILED) from None
    show_summary(console, summary, settings)


def _backfill(settings: Settings, days: list[date]) -> None:
    """One refresh a date; a date that fails doesn't stop those after it."""
    from orchestration.launch import RefreshFailed, launch
    from orchestration.policy.problems import PolicyError
    from orchestration.terminal import Reporter, backfill_line, show_failure

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120)
    failed = []
    for number, day in enumerate(days, start=1):
        try:
            with Reporter(console) as progress:
                summary = launch(settings, day, Cadence.DAILY.value, progress)
        except PolicyError as error:
            show_failure(Console(stderr=True), error, settings)
            raise typer.Exit(FAILED) from None
        except RefreshFailed as error:
            failed.append(day)
            console.print(f"{number:>4} of {len(days)}  {day}  [red]failed[/]")
            show_failure(Console(stderr=True), error, settings)
        else:
            console.print(f"{number:>4} of {len(days)}  {backfill_line(summary)}")
    console.print(f"{len(days) - len(failed)} of {len(days)} as-of dates refreshed")
    if failed:
        raise typer.Exit(FAILED)
