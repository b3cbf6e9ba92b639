"""The command that serves the portal."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Annotated

import typer

from orchestration.cli.hooks import check_free
from orchestration.cli.shared import FAILED, HomeOption, PoliciesOption, not_understood, policies_of, settings_of, short
from orchestration.loopback import is_loopback

_LOOPBACK = "127.0.0.1"
_PORT = 8321
_TURN_SECONDS = 0.0005
app = typer.Typer()


@app.command()
def portal(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen on.")] = _PORT,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but loopback needs a proxy with TLS before it.")
    ] = _LOOPBACK,
    development: Annotated[
        bool, typer.Option("--development", help="Let anybody on this machine pick who to be; only on loopback.")
    ] = False,
    behind_tls: Annotated[bool, typer.Option("--behind-tls", help="A proxy with TLS stands before it.")] = False,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(help="Address, or network, of a proxy whose X-Forwarded-For is believed; may be given often."),
    ] = None,
    home: HomeOption = None,
    policies: PoliciesOption = None,
) -> None:
    """Serve the portal, until Ctrl-C: pages, API, documents, and the door for webhooks."""
    import uvicorn

    from orchestration.ledger.store import LedgerError, Store
    from orchestration.logs import set_up
    from portal.app import create_app, server_config
    from portal.signin.ways import SignInSettingsError

    settings = settings_of(home=home, policies=policies)
    sign_in = policies_of(settings).access.sign_in
    if development and not is_loopback(host):
        not_understood(f"--development lets anybody in, so it can't listen on {host}; set up sign-in (docs/portal.md)")
    try:
        Store.open(settings).close()
    except LedgerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(FAILED) from None
    check_free(host, port)
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if not (development or sign_in.oidc or sign_in.saml):
        typer.echo(
            "Nobody can sign in yet: name an identity provider in policies/access.yaml (docs/portal.md), or try it on"
            " this machine with --development"
        )
    typer.echo(f"The portal of {short(settings.home_path)} is on {address}   (Ctrl-C ends it)")
    set_up(settings.log_format)
    try:
        created = create_app(settings, development_sign_in=development, is_behind_tls=behind_tls)
    except SignInSettingsError as error:
        not_understood(str(error))
    # A thread that calculates lets others have a turn so often: those that take requests wait for it otherwise.
    sys.setswitchinterval(_TURN_SECONDS)
    server = uvicorn.Server(server_config(created, host, port, trusted_proxy or ()))
    with suppress(KeyboardInterrupt, SystemExit):
        server.run()
    if not server.started:
        raise typer.Exit(FAILED)
