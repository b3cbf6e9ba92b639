"""`account-health`: everything a person at a terminal does with the project, a module a group of commands.

Here: options, exit codes and what is printed. Not here: any work, which the packages do; heavy imports stay inside the
commands, so that `--help` answers at once.

Exit codes: 0 done, 1 the run failed (the last publication is still up), 2 the command was not understood.
"""

from __future__ import annotations

import atexit
import os
import sys

import typer

from orchestration.cli import (
    accounts,
    documents,
    hooks,
    hygiene,
    ledger,
    policies,
    portal,
    privacy,
    runs,
    systems,
    tokens,
    write_back,
)

app = typer.Typer(
    name="account-health",
    help="Which customer accounts need attention, why, and what may be done about it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(runs.app)
app.add_typer(systems.app)
app.add_typer(accounts.app)
app.add_typer(documents.app)
app.add_typer(ledger.actions_app, name="actions")
app.add_typer(ledger.alerts_app, name="alerts")
app.add_typer(hygiene.app, name="hygiene")
app.add_typer(portal.app)
app.add_typer(tokens.app, name="tokens")
app.add_typer(privacy.app)
app.add_typer(write_back.app, name="write-back")
app.add_typer(hooks.app, name="hooks")
app.add_typer(policies.app, name="policies")


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
