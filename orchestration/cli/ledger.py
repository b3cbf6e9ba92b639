"""Commands on the ledger: see actions and alerts, decide, note what was done, carry out what is due."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from orchestration.cli.shared import (
    FAILED,
    NOT_UNDERSTOOD,
    HomeOption,
    PoliciesOption,
    not_understood,
    policies_of,
    settings_of,
    short,
    user,
)
from orchestration.settings import Settings

if TYPE_CHECKING:
    from orchestration.actions.decide import Desk
    from orchestration.ledger.store import Store

actions_app = typer.Typer(help="The ledger of actions: see, decide, carry out.", no_args_is_help=True)
alerts_app = typer.Typer(help="The ledger of alerts: see them, and note what was done.", no_args_is_help=True)

ByOption = Annotated[
    str | None, typer.Option("--by", help="Who decides, as policies/access.yaml has it. Default: the machine's user.")
]
ActionIds = Annotated[list[str], typer.Argument(help="Ids of actions, as `actions list` shows them.")]
AlertIds = Annotated[list[str], typer.Argument(help="Ids of alerts, as `alerts list` shows them.")]
ReasonOption = Annotated[str | None, typer.Option(help="Why, in words.")]
NoteOption = Annotated[str | None, typer.Option(help="What was found or done, in words.")]
# A table is wide where nobody sees its edges.
_WIDE = 200


@actions_app.command("list")
def actions_list(
    status: Annotated[
        list[str] | None, typer.Option(help="Only in this state; may be given several times. Default: all not over.")
    ] = None,
    account: Annotated[str | None, typer.Option(help="Only of this account: its id or name.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only of this owner: a person or a role.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 50,
    home: HomeOption = None,
) -> None:
    """The actions of the ledger, the most urgent first."""
    from orchestration.actions.listing import OPEN, show_actions
    from orchestration.actions.states import Status

    wanted = [str(one).strip().lower().replace(" ", "_") for one in status or OPEN]
    if unknown := set(wanted) - set(Status):
        not_understood(f"there is no state {', '.join(sorted(unknown))}; the states are {', '.join(Status)}")
    with _ledger(settings_of(home=home)) as store:
        show_actions(_console(), store, wanted, account, owner, limit)


@actions_app.command("history")
def actions_history(
    action_id: Annotated[str, typer.Argument(help="Id of the action.")], home: HomeOption = None
) -> None:
    """Who did what with an action, when and why."""
    from orchestration.actions.listing import show_history

    with _ledger(settings_of(home=home)) as store:
        if not show_history(_console(), store, action_id):
            not_understood(f"there is no action {action_id}; account-health actions list has their ids")


def _decision_command(name: str, meaning: str) -> None:
    """A command that decides on actions as the desk does it by the same name."""

    def command(
        ids: ActionIds,
        reason: ReasonOption = None,
        by: ByOption = None,
        home: HomeOption = None,
        policies: PoliciesOption = None,
    ) -> None:
        settings = settings_of(home=home, policies=policies)
        _decide(ids, by, settings, lambda desk, one: getattr(desk, name)(one, reason))

    actions_app.command(name, help=meaning)(command)


for _name, _meaning in (
    ("approve", "Let actions run that wait for approval."),
    ("reject", "Refuse actions that wait for approval, with a reason."),
    ("promote", "Ask for actions that are only recommended, or suppressed; somebody else approves them."),
    ("retry", "Have failed actions tried again, with a reason."),
):
    _decision_command(_name, _meaning)


@actions_app.command("snooze")
def actions_snooze(
    ids: ActionIds,
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Day on which they come back.")],
    reason: ReasonOption = None,
    by: ByOption = None,
    home: HomeOption = None,
    policies: PoliciesOption = None,
) -> None:
    """Put actions off until a day, with a reason."""
    day = until.date()
    _decide(ids, by, settings_of(home=home, policies=policies), lambda desk, one: desk.snooze(one, day, reason))


@actions_app.command("run")
def actions_run(
    limit: Annotated[
        int | None, typer.Option(min=1, help="So many actions and messages at most. Default: as the policy says.")
    ] = None,
    home: HomeOption = None,
    policies: PoliciesOption = None,
) -> None:
    """Carry out what is due now: clocks of alerts, messages, queued actions."""
    from orchestration.actions.connectors.base import SetUpError
    from orchestration.actions.deliver import deliver

    settings = settings_of(home=home, policies=policies)
    rules = policies_of(settings)
    with _ledger(settings) as store:
        try:
            delivered = deliver(store, settings, rules, limit)
        except SetUpError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(FAILED) from None
    typer.echo(delivered.words())
    for problem in delivered.worked.problems:
        typer.echo(problem, err=True)
    if delivered.worked.failed:
        raise typer.Exit(FAILED)


@alerts_app.command("list")
def alerts_list(
    everything: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    home: HomeOption = None,
    policies: PoliciesOption = None,
) -> None:
    """The alerts that are open, with what is due next."""
    from orchestration.actions.listing import show_alerts
    from orchestration.ledger.store import utc_now

    settings = settings_of(home=home, policies=policies)
    with _ledger(settings) as store:
        show_alerts(_console(), store, policies_of(settings), utc_now(), everything)


def _step_command(name: str, step: str, meaning: str) -> None:
    """A command that notes one step of alerts."""

    def command(
        ids: AlertIds,
        note: NoteOption = None,
        by: ByOption = None,
        home: HomeOption = None,
        policies: PoliciesOption = None,
    ) -> None:
        _note(ids, step, note, by, settings_of(home=home, policies=policies))

    alerts_app.command(name, help=meaning)(command)


for _name, _step, _meaning in (
    ("acknowledge", "acknowledged", "Say that you have seen alerts and answer for them."),
    ("assess", "assessed", "Note that alerts were assessed."),
    ("plan", "planned", "Note that it is planned what to do."),
    ("execute", "executed", "Note that the plan was carried out."),
    ("follow-up", "followed_up", "Note that it was followed up with the customer."),
    ("close", "closed", "End alerts at any point, with a note that says why."),
):
    _step_command(_name, _step, _meaning)


@contextmanager
def _ledger(settings: Settings) -> Iterator[Store]:
    """The ledger of the home, open; ends the command where there is none or it can't be used."""
    from sqlalchemy.exc import SQLAlchemyError

    from orchestration.ledger.store import LedgerError, Store

    if not Store.exists(settings):
        not_understood(f"there is no ledger in {short(settings.home_path)} yet; a refresh makes it")
    try:
        with Store.open(settings) as store:
            yield store
    except (LedgerError, SQLAlchemyError) as error:
        typer.echo(str(error).splitlines()[0], err=True)
        raise typer.Exit(FAILED) from None


def _decide(
    ids: list[str], by: str | None, settings: Settings, decision: Callable[[Desk, str], Mapping[str, Any]]
) -> None:
    """Decide on each; one that can't be decided doesn't stop the others."""
    from orchestration.actions.decide import DecisionError, Desk
    from orchestration.ledger.store import utc_now

    rules = policies_of(settings)

    def one_of_them(store: Store, one: str) -> str:
        row = decision(Desk(store, rules, by or user(), utc_now()), one)
        return f"{one} is {str(row['status']).replace('_', ' ')}: {_about(row)}"

    _each(settings, ids, one_of_them, DecisionError)


def _note(ids: list[str], step: str, note: str | None, by: str | None, settings: Settings) -> None:
    """Note a step of each alert; one that can't have it doesn't stop the others."""
    from orchestration.actions.clocks import StepError, note_step
    from orchestration.ledger.store import utc_now

    rules = policies_of(settings)

    def one_of_them(store: Store, one: str) -> str:
        row = note_step(store, rules, one, step, by or user(), utc_now(), note)
        return f"{one} is {step.replace('_', ' ')}: {_about(row)}"

    _each(settings, ids, one_of_them, StepError)


def _each(settings: Settings, ids: list[str], done: Callable[[Store, str], str], refusal: type[ValueError]) -> None:
    refused = False
    with _ledger(settings) as store:
        for one in ids:
            try:
                typer.echo(done(store, one))
            except refusal as error:
                refused = True
                typer.echo(str(error), err=True)
    if refused:
        raise typer.Exit(NOT_UNDERSTOOD)


def _about(row: Mapping[str, Any]) -> str:
    from orchestration.actions.messages import plain

    return f"{plain(row['title'], _WIDE)}, {plain(row['account_name'], _WIDE) or row['account_id']}"


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else _WIDE)
