"""Commands about what doesn't stay: forgetting an account, and pruning what is older than privacy.yaml keeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.shared import (
    FAILED,
    HomeOption,
    PoliciesOption,
    not_understood,
    policies_of,
    settings_of,
    user,
)

if TYPE_CHECKING:
    from orchestration.retention.forget import Done
    from orchestration.settings import Settings

app = typer.Typer()
_PLACES = {
    "landing": "the landing zone",
    "files": "other files of the home",
    "publication": "what is published",
    "ledger": "the ledger",
    "search": "a search of the whole home",
}


@app.command()
def forget(
    account: Annotated[str, typer.Argument(help="The account: its id, or its name.")],
    reason: Annotated[str, typer.Option(help="Why; it is recorded, so don't name the account in it.")] = "",
    by: Annotated[str, typer.Option(help="Who asks for it. Default: the user of this machine.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask for the name again.")] = False,
    may_return: Annotated[
        bool, typer.Option("--may-return", help="Let it come back with the next extraction, if sources still have it.")
    ] = False,
    home: HomeOption = None,
    policies: PoliciesOption = None,
) -> None:
    """Remove an account everywhere, the landing zone and the logs included. There is no way back.

    A record that it was done stays, without the account's name. From then on its rows are passed over.
    """
    from orchestration.retention import forget as forgetting
    from orchestration.retention.forgotten import read_pending
    from orchestration.retention.identity import UnclearAccountError, identify, spoken

    settings = settings_of(home=home, policies=policies)
    loaded = policies_of(settings)
    with _alone(settings):
        is_resumed = read_pending(settings) is not None
        try:
            identity = None if is_resumed and not dry_run else identify(settings, loaded, account)
        except UnclearAccountError as error:
            if forgetting.is_forgotten(settings, loaded, account):
                typer.echo("This account was forgotten before; nothing of it is here.")
                return
            not_understood(str(error))
        if dry_run:
            _tell(forgetting.look(settings, loaded, identity), "would be removed")
            return
        if not reason.strip():
            not_understood("--reason is needed: why is it to be forgotten?")
        if identity is not None and not yes and not _is_meant(spoken(identity)):
            not_understood("That is another name; nothing was changed.")
        try:
            done = forgetting.forget(
                settings,
                loaded,
                account,
                by=by or user(),
                reason=reason,
                may_return=may_return,
                step=lambda place: typer.echo(f"Removing it: {_PLACES[place]}", err=True),
            )
        except UnclearAccountError as error:
            not_understood(str(error))
        except (forgetting.StillThereError, ValueError) as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(FAILED) from None
    _tell(done, "removed")
    _tell_what_follows(done)


@app.command()
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed; change nothing.")] = False,
    home: HomeOption = None,
    policies: PoliciesOption = None,
) -> None:
    """Remove what is older than privacy.yaml keeps: extractions, histories, documents, logs. Refreshes do it daily."""
    from datetime import UTC, datetime

    from orchestration.retention.prune import prune as prune_home

    settings = settings_of(home=home, policies=policies)
    loaded = policies_of(settings)
    with _alone(settings):
        pruned = prune_home(settings, loaded, datetime.now(UTC), dry=dry_run)
    typer.echo(f"{'Would be removed' if dry_run else 'Removed'}: {pruned.words()}")


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Hold the home; ends the command while a refresh is at work."""
    from orchestration.launch import RefreshFailed, alone_in, running

    if not settings.home_path.is_dir():
        not_understood(f"there is no home {settings.home_path}")
    try:
        with alone_in(settings.home_path):
            if runs := running(settings):
                raise RefreshFailed([f"run {runs[0]} is at work in {settings.home_path}; try again when it is done"])
            yield
    except RefreshFailed as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(FAILED) from None


def _is_meant(name: str) -> bool:
    return typer.prompt(f"This can't be undone. Type the name to go on ({name})", err=True).strip() == name


def _tell(done: Done, word: str) -> None:
    if not done.places:
        typer.echo(f"Nothing {word}: nothing of it is in this home.")
        return
    for place, found in sorted(done.places.items()):
        told = [f"{count:,} {name}" for name, count in vars(found).items() if count]
        typer.echo(f"  {place:<12} {', '.join(told)}")
    typer.echo(f"{sum(found.rows for found in done.places.values()):,} rows {word}.")


def _tell_what_follows(done: Done) -> None:
    if done.record is None:
        return
    typer.echo(f"Recorded as forgotten account {done.record['number']} in operations/forgotten.json.")
    if done.sources:
        kept = "its rows are passed over" if done.record["kept_out"]["ids"] else "the next extraction brings it back"
        typer.echo(f"These files still have it, and {kept}:")
        for file in done.sources[:20]:
            typer.echo(f"  {file}")
    typer.echo("Sums (portfolio, forecasts) are counted without it from the next refresh on.")
    typer.echo("Backups, copies of publications and connected systems are yours to look after: docs/privacy.md.")
