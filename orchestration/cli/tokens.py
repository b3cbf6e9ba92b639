"""Commands on service tokens: make, list, revoke."""

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
    from orchestration.ledger.store import Store
    from portal.tokens import Tokens

app = typer.Typer(help="Service tokens: what machines show to the API.", no_args_is_help=True)
_ADMIN = "admin"
_SHOWN = "%Y-%m-%d"

ByOption = Annotated[
    str | None, typer.Option("--by", help="Who does it, as policies/access.yaml has it. Default: the machine's user.")
]


@app.command()
def make(
    name: Annotated[str, typer.Argument(help="What uses it.")],
    role: Annotated[list[str], typer.Option(help="It sees what this role sees; may be given several times.")],
    days: Annotated[int, typer.Option(min=1, help="So long it holds.")],
    table: Annotated[
        list[str] | None, typer.Option(help="A table it may read; may be given several times. Default: all.")
    ] = None,
    geo: Annotated[list[str] | None, typer.Option(help="A GEO whose accounts it sees, as a manager.")] = None,
    region: Annotated[list[str] | None, typer.Option(help="A region whose accounts it sees, as a manager.")] = None,
    owner: Annotated[list[str] | None, typer.Option(help="Whose accounts it sees, as a seller.")] = None,
    by: ByOption = None,
    home: HomeOption = None,
    policies: PoliciesOption = None,
) -> None:
    """Make a token, and print it: it is never shown again."""
    from portal import audit
    from portal.access import CUTS
    from portal.tokens import Scope, TokenError
    from portal.web import ALL

    for given, known, what in ((role, ALL, "role"), (table or [], CUTS, "table")):
        if unknown := [one for one in given if one not in known]:
            not_understood(f"there is no {what} {unknown[0]}; there is: {', '.join(sorted(known))}")
    scope = Scope(
        tuple(role), tuple(table) if table else None, tuple(owner or ()), tuple(geo or ()), tuple(region or ())
    )
    with _tokens(home, policies, by) as (store, tokens, person):
        try:
            made, itself = tokens.make(name, scope, days, person, None)
        except TokenError as error:
            not_understood(f"{error}.")
        audit.record(store, None, audit.Event.TOKEN_MADE, person, made.token_id, detail=f"{made.name}; {scope}")
    typer.echo(f"{made.token_id} holds until {made.expires_at:{_SHOWN}}. The token, which isn't shown again:", err=True)
    typer.echo(itself)


@app.command("list")
def list_tokens(home: HomeOption = None, policies: PoliciesOption = None, by: ByOption = None) -> None:
    """Every token that was made, the newest first."""
    from orchestration.ledger.store import utc_now

    with _tokens(home, policies, by) as (_, tokens, _person):
        listed = tokens.listed()
    if not listed:
        typer.echo("No token was made yet.")
    now = utc_now()
    for token in listed:
        used = f"last used {token.last_used_at:{_SHOWN}}" if token.last_used_at else "never used"
        tables = "all tables" if token.scope.tables is None else ", ".join(token.scope.tables)
        typer.echo(
            f"{token.token_id}  {token.state(now):8} {token.name}: {', '.join(token.scope.roles)}; {tables};"
            f" until {token.expires_at:{_SHOWN}}, {used}"
        )


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(help="Id of a token, as `tokens list` shows it.")],
    by: ByOption = None,
    home: HomeOption = None,
    policies: PoliciesOption = None,
) -> None:
    """End a token now."""
    from portal import audit

    with _tokens(home, policies, by) as (store, tokens, person):
        token = tokens.revoke(token_id)
        if token is None:
            typer.echo(f"There is no token {token_id}, or it was revoked before.", err=True)
            raise typer.Exit(FAILED)
        audit.record(store, None, audit.Event.TOKEN_REVOKED, person, token_id, detail=token.name)
    typer.echo(f"The token {token.name} holds no longer.")


@contextmanager
def _tokens(home, policies, by: str | None) -> Iterator[tuple[Store, Tokens, str]]:
    """The tokens of a home, for an administrator."""
    from orchestration.ledger.store import LedgerError, Store
    from portal.tokens import Tokens

    settings = settings_of(home=home, policies=policies)
    read = policies_of(settings)
    person = by or user()
    if _ADMIN not in read.access.roles_of(person):
        not_understood(f"{person or 'nobody'} is no admin in policies/access.yaml, and only one handles tokens")
    try:
        store = Store.open(settings)
    except LedgerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(FAILED) from None
    with store:
        yield store, Tokens(store, read.access, read.portal), person
