"""Commands on writing back to a CRM: do it, see what it would do, what waits and what was refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from orchestration.cli.shared import (
    FAILED,
    HomeOption,
    PoliciesOption,
    not_understood,
    policies_of,
    settings_of,
    short,
)
from orchestration.settings import Settings

if TYPE_CHECKING:
    from orchestration.ledger.store import Store
    from orchestration.publishing.reader import Publication
    from orchestration.write_back.round import Report, Round

app = typer.Typer(help="Write scores, status, churn and next action back to a CRM's accounts.")

LimitOption = Annotated[int, typer.Option(min=1, help="So many rows are shown at most.")]
# A table is wide where nobody sees its edges.
_WIDE = 200


@app.callback(invoke_without_command=True)
def write_back(
    context: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be written; nothing is sent, nothing remembered.")
    ] = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="Write every account, not only what changed since it was last accepted.")
    ] = False,
    limit: LimitOption = 20,
    home: HomeOption = None,
    policies: PoliciesOption = None,
) -> None:
    """Write what changed in the current publication to every target of policies/write_back.yaml."""
    if context.invoked_subcommand is not None:
        return
    from orchestration.write_back.round import Round

    settings = settings_of(home=home, policies=policies)
    rules = policies_of(settings)
    if not rules.write_back.targets:
        typer.echo("policies/write_back.yaml has no target: nothing is written back.")
        return
    work = Round(settings, rules)
    with _publication(settings) as publication:
        if dry_run:
            _note(work, settings, publication, limit)
            return
        with _opened(settings) as store:
            reports = work.write(store, publication, whole=whole)
    _tell(reports)


@app.command("list")
def write_back_list(
    dead: Annotated[bool, typer.Option("--dead", help="Only what was refused, or tried too often.")] = False,
    limit: LimitOption = 50,
    home: HomeOption = None,
) -> None:
    """Accounts that wait to be written, and those that were refused, with the CRM's words."""
    from orchestration.write_back.listing import show_queue

    with _ledger(settings_of(home=home)) as store:
        show_queue(_console(), store, limit, only_dead=dead)


@app.command("retry")
def write_back_retry(
    ids: Annotated[list[str], typer.Argument(help="Accounts, as `write-back list --dead` shows them.")],
    home: HomeOption = None,
) -> None:
    """Have refused accounts tried again when it is written next."""
    from orchestration.write_back import queue

    with _ledger(settings_of(home=home)) as store:
        found = queue.retry(store, ids)
    for one in found:
        typer.echo(f"{one} is tried again")
    if unknown := sorted(set(ids) - set(found)):
        not_understood(f"nothing was refused of {', '.join(unknown)}; account-health write-back list --dead has them")


def _note(work: Round, settings: Settings, publication: Publication, limit: int) -> None:
    from orchestration.ledger.store import Store
    from orchestration.write_back.listing import show_noted

    store = Store.open(settings) if Store.exists(settings) else None
    try:
        reports = [work.note(store, publication, name) for name in work.policies.write_back.targets]
    finally:
        if store is not None:
            store.close()
    for report in reports:
        if report.noted is not None:
            show_noted(_console(), report.target, report.noted, limit)
            typer.echo(f"All of it is in {short(report.noted.file)}")
    _tell([report for report in reports if report.noted is None])


def _tell(reports: list[Report]) -> None:
    for report in reports:
        typer.echo(report.words(), err=not report.is_fine)
        for problem in report.sent.problems if report.sent else ():
            typer.echo(f"  {problem}", err=True)
    if any(not report.is_fine for report in reports):
        raise typer.Exit(FAILED)


@contextmanager
def _publication(settings: Settings) -> Iterator[Publication]:
    from orchestration.publishing.errors import PublishingError
    from orchestration.publishing.reader import Publication

    try:
        opened = Publication.open(settings.published_path)
    except (PublishingError, OSError) as error:
        not_understood(f"there is nothing to write back in {short(settings.home_path)}: {error}")
    with opened:
        yield opened


@contextmanager
def _ledger(settings: Settings) -> Iterator[Store]:
    from orchestration.ledger.store import Store

    if not Store.exists(settings):
        not_understood(f"there is no ledger in {short(settings.home_path)} yet; a refresh makes it")
    with _opened(settings) as store:
        yield store


@contextmanager
def _opened(settings: Settings) -> Iterator[Store]:
    from sqlalchemy.exc import SQLAlchemyError

    from orchestration.ledger.store import LedgerError, Store

    try:
        with Store.open(settings) as store:
            yield store
    except (LedgerError, SQLAlchemyError) as error:
        typer.echo(str(error).splitlines()[0], err=True)
        raise typer.Exit(FAILED) from None


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else _WIDE)
