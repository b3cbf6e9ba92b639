"""Commands about one account: explaining it, and the calls of CSMs."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from orchestration.cli.shared import (
    FAILED,
    HomeOption,
    Level,
    PoliciesOption,
    not_understood,
    policies_of,
    settings_of,
    today,
    user,
)
from orchestration.settings import Settings

app = typer.Typer()


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

    settings = settings_of(home=home, policies=policies)
    forms = policies_of(settings).sources.matching.legal_forms
    try:
        facts = facts_of(settings.published_path, account, as_of.date() if as_of else None, forms)
    except (UnknownAccountError, NoSuchDateError) as error:
        not_understood(str(error))
    except PublishingError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(FAILED) from None
    # A page is wide where nobody sees its edges.
    show_brief(Console(width=None if sys.stdout.isatty() else 160), facts)


@app.command()
def simulate(
    account: Annotated[
        str | None, typer.Argument(help="A real account (id or name), an example, or what a typed one is called.")
    ] = None,
    level: Annotated[
        Level | None, typer.Option(help="Level of automation. Default: that of the last run, else the policy's.")
    ] = None,
    segment: Annotated[str | None, typer.Option(help="Typed: smb, mid_market or enterprise.")] = None,
    lifecycle: Annotated[str | None, typer.Option(help="Typed: onboarding, active, renewal or churned.")] = None,
    days_to_renewal: Annotated[int | None, typer.Option(help="Typed: days to its renewal.")] = None,
    usage_trend: Annotated[str | None, typer.Option(help="Typed: declining, stable or growing.")] = None,
    adoption: Annotated[str | None, typer.Option(help="Typed: low, medium or high.")] = None,
    open_issues: Annotated[int | None, typer.Option(help="Typed: open tickets.")] = None,
    urgent_issues: Annotated[int | None, typer.Option(help="Typed: urgent ones among them.")] = None,
    csat: Annotated[str | None, typer.Option(help="Typed: 1 to 5.")] = None,
    blocker: Annotated[str | None, typer.Option(help="Typed: none, minor or major.")] = None,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Typed: the date. Default: today.")
    ] = None,
    home: HomeOption = None,
    policies: PoliciesOption = None,
) -> None:
    """What one account is like and which actions follow at a level of automation, by the batch's own models."""
    from orchestration.whatif.show import show_simulation
    from orchestration.whatif.simulate import SimulationError, simulation

    settings = settings_of(home=home, policies=policies)
    rules = policies_of(settings)
    typed = {
        "segment": segment,
        "lifecycle": lifecycle,
        "days_to_renewal": days_to_renewal,
        "usage_trend": usage_trend,
        "adoption": adoption,
        "open_issues": open_issues,
        "urgent_issues": urgent_issues,
        "csat": csat,
        "blocker": blocker,
    }
    given = {name: value for name, value in typed.items() if value is not None}
    day = as_of.date() if as_of else today(settings)
    console = Console(width=None if sys.stdout.isatty() else 160)
    try:
        with console.status("compiling the models and running them"):
            facts = simulation(settings, rules, account, given, day, level.value if level else None)
    except SimulationError as error:
        not_understood(str(error))
    show_simulation(console, facts)


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

    settings = settings_of(home=home, policies=policies)
    rules = policies_of(settings)
    now = datetime.now(UTC)
    today = now.astimezone(ZoneInfo(rules.calendar.time_zone)).date()
    found = _account(settings, account, rules)
    try:
        if withdraw:
            if status is not None or until is not None:
                raise calls.CallError("--withdraw takes the call back as it is, so it goes without status and --until")
            if not _is_called(settings, found.account_id, today, rules.calendar.time_zone):
                raise calls.CallError(f"there is no call for {found.account_name} that could be taken back")
            made = calls.new_call(found, calls.WITHDRAWN, reason or "Taken back", by or user(), today, now)
        else:
            if until is None:
                raise calls.CallError("a call needs its last day: --until YYYY-MM-DD")
            made = calls.new_call(
                found,
                calls.checked_status(calls.checked_text(status, "status")),
                calls.checked_text(reason, "reason: --reason TEXT"),
                calls.checked_text(by or user(), "name: --by NAME"),
                calls.checked_until(until.date(), today, rules.health_score.csm_calls.most_days),
                now,
            )
        calls.add_call(settings.operations_path, made)
    except calls.CallError as error:
        not_understood(str(error))
    who = f"{made.account_name} ({made.account_id})"
    what = "The call is taken back" if withdraw else f"Called {made.status} until {made.expires_on}"
    typer.echo(f"{what}: {who}. It counts from the next refresh as of {today} or later.")


@app.command("calls")
def list_calls(home: HomeOption = None, policies: PoliciesOption = None) -> None:
    """The calls made in this home, and which of them hold today."""
    from orchestration.operations import calls
    from orchestration.operations.listing import show_calls

    settings = settings_of(home=home, policies=policies)
    zone = policies_of(settings).calendar.time_zone
    try:
        made = calls.read_calls(settings.operations_path)
    except calls.CallError as error:
        not_understood(str(error))
    held = {one.account_id: calls.holding(made, one.account_id, today(settings), zone) for one in made}
    show_calls(Console(), [(one, held[one.account_id] == one) for one in made])


def _account(settings: Settings, text: str, rules):
    """The published account that `text` means; ends the command when there is none."""
    from orchestration.operations.accounts import UnknownAccountError, find_account
    from orchestration.publishing.errors import PublishingError
    from orchestration.publishing.reader import Publication

    try:
        with Publication.open(settings.published_path) as publication:
            return find_account(publication, text, rules.sources.matching.legal_forms)
    except UnknownAccountError as error:
        not_understood(str(error))
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
