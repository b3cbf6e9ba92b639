"""Commands about calls from outside: receive them, and see which came and which wait."""

from __future__ import annotations

import errno
import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestration.cli.shared import (
    FAILED,
    HomeOption,
    PoliciesOption,
    not_understood,
    policies_of,
    settings_of,
    short,
)
from orchestration.loopback import is_loopback
from orchestration.settings import Settings

if TYPE_CHECKING:
    from orchestration.policy.systems import Systems

app = typer.Typer(help="Calls from outside that say what changed: webhooks, callouts.", no_args_is_help=True)

_LOOPBACK = "127.0.0.1"
_WIDE = 160


@app.command()
def serve(
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Port to listen on. Default: as systems.yaml says.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but loopback needs a proxy with TLS before it.")
    ] = _LOOPBACK,
    home: HomeOption = None,
    policies: PoliciesOption = None,
) -> None:
    """Receive calls, until Ctrl-C."""
    import uvicorn

    from orchestration.ledger.store import LedgerError, Store
    from portal.app import create_app, server_config

    settings = settings_of(home=home, policies=policies)
    systems = policies_of(settings).systems
    addresses = list(_addresses(systems, settings))
    if not addresses:
        not_understood("no system of systems.yaml has a hook_secret, so there is nobody to receive calls from")
    try:
        Store.open(settings).close()
    except LedgerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(FAILED) from None
    port = port or systems.hooks.port
    if not is_loopback(host):
        typer.echo(
            f"{host} can be reached from other machines, and what listens there speaks plain HTTP: put a proxy with "
            "TLS before it, and let nobody else through.",
            err=True,
        )
    check_free(host, port)
    typer.echo(f"Calls are received on http://{f'[{host}]' if ':' in host else host}:{port}, as")
    for address, problem in addresses:
        typer.echo(f"  POST {address}" + (f"   (refused: {problem})" if problem else ""))
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    server = uvicorn.Server(server_config(create_app(settings, only_hooks=True), host, port))
    # It ends by raising what ended it: Ctrl-C, or that it couldn't begin, which it has told by then.
    with suppress(KeyboardInterrupt, SystemExit):
        server.run()
    if not server.started:
        raise typer.Exit(FAILED)


@app.command("list")
def list_calls(
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 50,
    home: HomeOption = None,
) -> None:
    """The last calls, and how many wait."""
    from sqlalchemy.exc import SQLAlchemyError

    from orchestration.ledger.store import LedgerError, Store
    from orchestration.systems.hooks.waiting import count_waiting, recent

    settings = settings_of(home=home)
    if not Store.exists(settings):
        not_understood(f"there is no ledger in {short(settings.home_path)} yet; a refresh or `hooks serve` makes it")
    try:
        with Store.open(settings) as store:
            rows, waits = recent(store, limit), count_waiting(store)
    except (LedgerError, SQLAlchemyError) as error:
        typer.echo(str(error).splitlines()[0], err=True)
        raise typer.Exit(FAILED) from None
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    if not rows:
        console.print("No call has come.")
        return
    table = Table(title="Calls from outside (times are UTC)", title_justify="left")
    for heading in ("received", "system", "object", "record", "account", "changed", ""):
        table.add_column(heading, overflow="fold")
    for row in rows:
        standing = f"read by run {row['taken_in_run'][:8]}" if row["taken_in_run"] else "waits"
        texts = (row["system"], row["object"], row["record_id"], row["account_id"])
        changed = f"{row['occurred_at']:%Y-%m-%d %H:%M:%S}" if row["occurred_at"] else ""
        table.add_row(
            f"{row['received_at']:%Y-%m-%d %H:%M:%S}", *(escape(text or "") for text in texts), changed, standing
        )
    console.print(table)
    told = ", ".join(f"{count:,} of {escape(system)}" for system, count in waits.items())
    console.print(f"Waiting to be read: {told}." if told else "None waits.")


def _addresses(systems: Systems, settings: Settings) -> Iterator[tuple[str, str | None]]:
    """(path, why calls there are refused) of every system that may call."""
    from orchestration.systems.hooks.calls import kind_of

    for name, system in systems.by_name.items():
        kind = kind_of(system)
        if kind is None or system.hook_secret is None:
            continue
        key = settings.secret(system.hook_secret)
        yield f"/hooks/{kind}/{name}", None if key else f"the secret {system.hook_secret} isn't there"


def check_free(host: str, port: int) -> None:
    """End the command where nothing can listen there: better than after saying that something does."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # As the server itself does: a port whose last connections are only being forgotten is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            words = f"port {port} of {host} is taken; end what listens there, or choose another with --port"
        else:
            words = f"nothing can listen on port {port} of {host}: {error.strerror}"
        typer.echo(words, err=True)
        raise typer.Exit(FAILED) from None
