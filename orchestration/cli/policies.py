"""Commands that check and show the policies."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

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

# A page of more would be long to load; the counts are of all.
LISTED_ON_PAGE = 1000

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


@app.command("diff")
def policies_diff(
    other: Annotated[Path, typer.Argument(help="Folder with the policies to compare with, all files of it.")],
    html: Annotated[Path | None, typer.Option(help="Write the whole comparison as a page to this file too.")] = None,
    rows: Annotated[int, typer.Option(min=0, help="How many changes of each kind are listed.")] = 20,
    home: HomeOption = None,
    policies: PoliciesOption = None,
) -> None:
    """What other policies would change across the portfolio, before anybody adopts them; nothing is published."""
    from orchestration.whatif.inputs import NoInputsError
    from orchestration.whatif.models import ModelsError, models_of
    from orchestration.whatif.page import write_page
    from orchestration.whatif.policy_diff import diff_policies
    from orchestration.whatif.show import show_diff

    settings = settings_of(home=home, policies=policies)
    now, then = policies_of(settings), policies_of(settings_of(policies=other))
    console = Console(width=None if sys.stdout.isatty() else 160)
    try:
        with console.status("running the models under both policies"):
            diff = diff_policies(
                settings.inputs_path,
                now,
                then,
                lambda policies: models_of(settings, policies),
                listed=max(rows, LISTED_ON_PAGE if html else 0),
                memory_limit=settings.memory_limit,
            )
    except NoInputsError as error:
        not_understood(str(error))
    except ModelsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(FAILED) from None
    show_diff(console, diff, rows)
    if html is not None:
        write_page(html, diff)
        typer.echo(f"Wrote {short(html)}")
