"""Commands that check and show the policies."""

from __future__ import annotations

import typer
from rich.console import Console

from orchestration.cli.shared import (
    FAILED,
    PoliciesOption,
    policies_of,
    settings_of,
)

app = typer.Typer(help="Check and read the policies: every number that shapes a result.", no_args_is_help=True)


@app.command("check")
def policies_check(policies: PoliciesOption = None) -> None:
    """Check every policy file; each problem names file, line, key and what was expected."""
    from orchestration.policy.load import check
    from orchestration.policy.problems import Severity

    settings = settings_of(policies=policies)
    problems = check(settings.policies)
    for problem in problems:
        typer.echo(str(problem), err=problem.severity is not Severity.WARNING)
    errors = [problem for problem in problems if problem.severity is not Severity.WARNING]
    if errors:
        typer.echo(f"{len(errors)} {'problem' if len(errors) == 1 else 'problems'} in {settings.policies}", err=True)
        raise typer.Exit(FAILED)
    typer.echo(f"The policies in {settings.policies} are good: version {policies_of(settings).version}")


@app.command("show")
def policies_show(policies: PoliciesOption = None) -> None:
    """Every policy value with its unit and meaning."""
    from orchestration.terminal import show_policies

    show_policies(Console(), policies_of(settings_of(policies=policies)))


@app.command("schema")
def policies_schema(policies: PoliciesOption = None) -> None:
    """Write the JSON Schemas beside the policies, for editors."""
    from orchestration.policy.schema import write_schemas

    folder = settings_of(policies=policies).policies
    write_schemas(folder)
    typer.echo(f"Wrote the schemas to {folder / 'schema'}")
