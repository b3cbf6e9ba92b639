"""The command that makes a document when somebody asks for it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.shared import (
    FAILED,
    HomeOption,
    PoliciesOption,
    not_understood,
    policies_of,
    settings_of,
    short,
)

app = typer.Typer()


class Kind(StrEnum):
    """What is made."""

    BRIEF = "brief"
    QBR = "qbr"
    DECK = "deck"
    EXECUTIVE = "executive"


@app.command()
def document(
    kind: Annotated[
        Kind,
        typer.Argument(
            help="brief: the account on two pages; qbr: a deck for the customer's eyes; deck: the health-check deck;"
            " executive: the portfolio."
        ),
    ],
    account: Annotated[
        str | None, typer.Argument(help="The account: its id, or its name; none for the executive report.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write. Default: a name of its own, in this folder.")] = None,
    target: Annotated[
        str | None, typer.Option(help="The health-check target of a deck. Default: the first that is open.")
    ] = None,
    home: HomeOption = None,
    policies: PoliciesOption = None,
) -> None:
    """Make a document now: PDF or PowerPoint, from what is published."""
    from orchestration.documents import asked, shelf
    from orchestration.documents.rows import rows_of
    from orchestration.operations.accounts import UnknownAccountError, find_account
    from orchestration.publishing.errors import PublishingError
    from orchestration.publishing.reader import Publication

    settings = settings_of(home=home, policies=policies)
    known = policies_of(settings)
    if (account is None) != (kind is Kind.EXECUTIVE):
        not_understood("name the account" if account is None else "the executive report is of no single account")
    kinds = {Kind.BRIEF: asked.BRIEF, Kind.QBR: asked.QBR, Kind.DECK: asked.HEALTH_CHECK}
    try:
        with Publication.open(settings.published_path) as publication:
            rows, as_of = rows_of(publication), publication.manifest.as_of_date
            if account is None:
                made = asked.of_portfolio(rows, as_of, known, is_whole=True)
            else:
                forms = known.sources.matching.legal_forms
                found = find_account(publication, account, forms, "account_signals").account_id
                made = asked.of_account(rows, kinds[kind], found, as_of, known, target)
    except (UnknownAccountError, asked.NoSuchDocumentError) as error:
        not_understood(str(error))
    except PublishingError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(FAILED) from None
    file = out or Path(made.file_name)
    try:
        shelf.put(file, made.content)
    except OSError as error:
        typer.echo(f"{file} can't be written: {error.strerror}", err=True)
        raise typer.Exit(FAILED) from None
    typer.echo(f"{short(file)}, {len(made.content) / 1024:.0f} kB")
