"""`account-health`: everything a person at a terminal does with the project.

Here: options, exit codes and what is printed. Not here: any work, which the packages do; heavy imports stay inside the
commands, so that `--help` answers at once.

Exit codes: 0 done, 1 the run failed (the last publication is still up), 2 the command was not understood.
"""

from __future__ import annotations

import atexit
import getpass
import os
import sys
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from orchestration.backfill import Every, as_of_dates
from orchestration.settings import Settings

app = typer.Typer(
    name="account-health",
    help="Which customer accounts need attention, why, and what may be done about it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
policies_app = typer.Typer(help="Check and read the policies: every number that shapes a result.", no_args_is_help=True)
app.add_typer(policies_app, name="policies")

FAILED = 1
NOT_UNDERSTOOD = 2

HomeOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder that holds everything a run reads and writes. Default: ACCOUNT_HEALTH_HOME, else .account-health."
    ),
]
PoliciesOption = Annotated[
    Path | None, typer.Option(help="Folder with the policy files. Default: the project's policies folder.")
]


class Cadence(StrEnum):
    """Which refresh it is; all of them publish every account."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


def main() -> None:
    """The console script."""
    code = 0
    try:
        app()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    _leave(code)


def _leave(code: int) -> None:
    """End the process without tearing the interpreter down.

    There, DuckDB 2.0's bindings take their own constants for leaks where pandas was imported too, and print sixty lines
    after the summary. Everything that is to be done at exit has been done by then.
    """
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


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
    policies: PoliciesOption = None,
) -> None:
    """Read the sources, score, check and publish everything as of one date."""
    settings = _settings(home=home, drop=drop, policies=policies)
    if drop is not None and not drop.is_dir():
        raise typer.BadParameter(f"{drop} is not a folder; name the folder that holds the files", param_hint="--drop")
    _refresh(settings, as_of.date() if as_of else None, cadence)


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
    settings = _settings(home=home, drop=drop, policies=policies)
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

    settings = _settings(home=home, policies=policies)
    # Yesterday is over: no record of the company is dated later than it is read.
    day = as_of.date() if as_of else _today(settings) - timedelta(days=1)
    drop = settings.home_path / "demo"
    summary = write_demo(drop, day, accounts)
    console = Console()
    console.print(
        f"Made a company of [bold]{accounts + 4}[/] accounts as of {day}: {sum(summary.rows.values()):,} rows in "
        f"{len(summary.rows)} files in {_short(drop)}"
    )
    _refresh(settings.model_copy(update={"drop": drop}), day, Cadence.DAILY)


@app.command()
def explain(
    account: Annotated[str, typer.Argument(help="The account: its id, or its name.")],
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Date it is to be explained for. Default: the newest.")
    ] = None,
    home: HomeOption = None,
    policies: PoliciesOption = None,
) -> None:
    """Everything published of one account: score, measures, causes, churn, what to do, and the sources of it all."""
    from orchestration.explain.brief import show_brief
    from orchestration.explain.facts import NoSuchDateError, facts_of
    from orchestration.operations.accounts import UnknownAccountError
    from orchestration.publishing.errors import PublishingError

    settings = _settings(home=home, policies=policies)
    forms = _policies(settings).sources.matching.legal_forms
    try:
        facts = facts_of(settings.published_path, account, as_of.date() if as_of else None, forms)
    except (UnknownAccountError, NoSuchDateError) as error:
        _not_understood(str(error))
    except PublishingError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(FAILED) from None
    # A page is wide where nobody sees its edges.
    show_brief(Console(width=None if sys.stdout.isatty() else 160), facts)


@app.command()
def call(
    account: Annotated[str, typer.Argument(help="The account: its id, or its name.")],
    status: Annotated[str | None, typer.Argument(help="GREEN, YELLOW or RED.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why, in words.")] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day on which the call holds.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who makes the call. Default: the user of this machine.")] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take the account's call back instead.")] = False,
    home: HomeOption = None,
    policies: PoliciesOption = None,
) -> None:
    """Set the status of an account by hand until a day; the machine's status stands beside it."""
    from orchestration.operations import calls

    settings = _settings(home=home, policies=policies)
    rules = _policies(settings)
    now = datetime.now(UTC)
    today = now.astimezone(ZoneInfo(rules.calendar.time_zone)).date()
    found = _account(settings, account, rules)
    try:
        if withdraw:
            if status is not None or until is not None:
                raise calls.CallError("--withdraw takes the call back as it is, so it goes without status and --until")
            if not _is_called(settings, found.account_id, today, rules.calendar.time_zone):
                raise calls.CallError(f"there is no call for {found.account_name} that could be taken back")
            made = calls.new_call(found, calls.WITHDRAWN, reason or "Taken back", by or _user(), today, now)
        else:
            if until is None:
                raise calls.CallError("a call needs its last day: --until YYYY-MM-DD")
            made = calls.new_call(
                found,
                calls.checked_status(calls.checked_text(status, "status")),
                calls.checked_text(reason, "reason: --reason TEXT"),
                calls.checked_text(by or _user(), "name: --by NAME"),
                calls.checked_until(until.date(), today, rules.health_score.csm_calls.most_days),
                now,
            )
        calls.add_call(settings.operations_path, made)
    except calls.CallError as error:
        _not_understood(str(error))
    who = f"{made.account_name} ({made.account_id})"
    what = "The call is taken back" if withdraw else f"Called {made.status} until {made.expires_on}"
    typer.echo(f"{what}: {who}. It counts from the next refresh as of {today} or later.")


@app.command("calls")
def list_calls(home: HomeOption = None, policies: PoliciesOption = None) -> None:
    """The calls made in this home, and which of them hold today."""
    from orchestration.operations import calls
    from orchestration.operations.listing import show_calls

    settings = _settings(home=home, policies=policies)
    zone = _policies(settings).calendar.time_zone
    try:
        made = calls.read_calls(settings.operations_path)
    except calls.CallError as error:
        _not_understood(str(error))
    held = {one.account_id: calls.holding(made, one.account_id, _today(settings), zone) for one in made}
    show_calls(Console(), [(one, held[one.account_id] == one) for one in made])


@policies_app.command("check")
def policies_check(policies: PoliciesOption = None) -> None:
    """Check every policy file; each problem names file, line, key and what was expected."""
    from orchestration.policy.load import check
    from orchestration.policy.problems import Severity

    settings = _settings(policies=policies)
    problems = check(settings.policies)
    for problem in problems:
        typer.echo(str(problem), err=problem.severity is not Severity.WARNING)
    errors = [problem for problem in problems if problem.severity is not Severity.WARNING]
    if errors:
        typer.echo(f"{len(errors)} {'problem' if len(errors) == 1 else 'problems'} in {settings.policies}", err=True)
        raise typer.Exit(FAILED)
    typer.echo(f"The policies in {settings.policies} are good: version {_policies(settings).version}")


@policies_app.command("show")
def policies_show(policies: PoliciesOption = None) -> None:
    """Every policy value with its unit and meaning."""
    from orchestration.terminal import show_policies

    show_policies(Console(), _policies(_settings(policies=policies)))


@policies_app.command("schema")
def policies_schema(policies: PoliciesOption = None) -> None:
    """Write the JSON Schemas beside the policies, for editors."""
    from orchestration.policy.schema import write_schemas

    folder = _settings(policies=policies).policies
    write_schemas(folder)
    typer.echo(f"Wrote the schemas to {folder / 'schema'}")


def _refresh(settings: Settings, as_of: date | None, cadence: Cadence) -> None:
    from orchestration.launch import RefreshFailed, launch
    from orchestration.policy.problems import PolicyError
    from orchestration.terminal import Reporter, show_failure, show_summary

    # Named, since the run's own output is turned away from sys.stdout.
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120)
    try:
        day = as_of or _today(settings)
        with Reporter(console) as progress:
            summary = launch(settings, day, cadence.value, progress)
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


def _account(settings: Settings, text: str, rules):
    """The published account that `text` means; ends the command when there is none."""
    from orchestration.operations.accounts import UnknownAccountError, find_account
    from orchestration.publishing.errors import PublishingError
    from orchestration.publishing.reader import Publication

    try:
        with Publication.open(settings.published_path) as publication:
            return find_account(publication, text, rules.sources.matching.legal_forms)
    except UnknownAccountError as error:
        _not_understood(str(error))
    except PublishingError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(FAILED) from None


def _is_called(settings: Settings, account_id: str, today: date, zone: str) -> bool:
    """Whether a call holds: one of this home, or one that was published, from wherever it came."""
    from orchestration.operations import calls
    from orchestration.publishing.reader import Publication

    made = calls.read_calls(settings.operations_path)
    if any(one.account_id == account_id for one in made):
        return calls.holding(made, account_id, today, zone) is not None
    with Publication.open(settings.published_path) as publication:
        return bool(
            publication.rows(
                "select 1 as one from account_health where account_id = ? and csm_status is not null", [account_id]
            )
        )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def _not_understood(words: str) -> NoReturn:
    typer.echo(words, err=True)
    raise typer.Exit(NOT_UNDERSTOOD) from None


def _today(settings: Settings) -> date:
    return datetime.now(ZoneInfo(_policies(settings).calendar.time_zone)).date()


def _policies(settings: Settings):
    from orchestration.policy.load import load_policies
    from orchestration.policy.problems import PolicyError

    try:
        return load_policies(settings.policies)
    except PolicyError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(FAILED) from None


def _settings(**given: Path | None) -> Settings:
    from pydantic import ValidationError

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        for problem in error.errors():
            name = f"ACCOUNT_HEALTH_{'_'.join(str(part) for part in problem['loc']).upper()}"
            typer.echo(f"{name}: {problem['msg']}", err=True)
        raise typer.Exit(2) from None


def _short(path: Path) -> str:
    relative = os.path.relpath(path)
    return relative if len(relative) < len(str(path)) else str(path)
