"""Commands on issues of hygiene: taking one as it is until a day, and taking that back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

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
    today,
    user,
)
from orchestration.settings import Settings

app = typer.Typer(help="Issues of the sources: accept one until a day, take that back.", no_args_is_help=True)

IssueId = Annotated[str, typer.Argument(help="Id of the issue, as hygiene_issues has it.")]
ByOption = Annotated[
    str | None, typer.Option("--by", help="Who decides, as policies/access.yaml has it. Default: the machine's user.")
]


@app.command("accept")
def accept_issue(
    issue: IssueId,
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Last day on which it is accepted.")],
    reason: Annotated[str | None, typer.Option(help="Why, in words.")] = None,
    by: ByOption = None,
    home: HomeOption = None,
    policies: PoliciesOption = None,
) -> None:
    """Take an issue as it is until a day; it is open again afterwards, unless it has cleared."""
    from orchestration.operations import acceptances

    settings = settings_of(home=home, policies=policies)
    access = policies_of(settings).access
    status = _status(settings, issue)
    day, now = today(settings), datetime.now(UTC)
    try:
        if status == "cleared":
            raise acceptances.AcceptanceError(f"issue {issue} has cleared, so there is nothing to accept")
        made = acceptances.accept(settings.operations_path, access, issue, reason, by or user(), until.date(), day, now)
    except acceptances.AcceptanceError as error:
        not_understood(str(error))
    typer.echo(f"Accepted until {made.accepted_until}: issue {issue}. It counts from the next refresh.")


@app.command("withdraw")
def withdraw_acceptance(
    issue: IssueId,
    reason: Annotated[str | None, typer.Option(help="Why, in words.")] = None,
    by: ByOption = None,
    home: HomeOption = None,
    policies: PoliciesOption = None,
) -> None:
    """Take the acceptance of an issue back: it is open again from the next refresh."""
    from orchestration.operations import acceptances

    settings = settings_of(home=home, policies=policies)
    access = policies_of(settings).access
    status = _status(settings, issue)
    folder, day = settings.operations_path, today(settings)
    try:
        last = acceptances.latest_by_issue(acceptances.read_acceptances(folder)).get(issue)
        is_accepted = acceptances.holds(last, day) if last is not None else status == acceptances.ACCEPTED
        if not is_accepted:
            raise acceptances.AcceptanceError(f"issue {issue} isn't accepted, so there is nothing to take back")
        acceptances.withdraw(folder, access, issue, reason, by or user(), day, datetime.now(UTC))
    except acceptances.AcceptanceError as error:
        not_understood(str(error))
    typer.echo(f"Taken back: issue {issue}. It counts from the next refresh.")


@app.command("list")
def list_acceptances(home: HomeOption = None, policies: PoliciesOption = None) -> None:
    """What was accepted in this home, newest first, and what of it holds today."""
    from orchestration.operations import acceptances

    settings = settings_of(home=home, policies=policies)
    try:
        made = acceptances.read_acceptances(settings.operations_path)
    except acceptances.AcceptanceError as error:
        not_understood(str(error))
    if not made:
        typer.echo("Nothing was accepted in this home.")
        return
    last = acceptances.latest_by_issue(made)
    table = Table(title="Accepted issues")
    for heading in ("made (UTC)", "issue", "", "until", "holds", "by", "reason"):
        table.add_column(heading, overflow="fold")
    for one in reversed(made):
        is_held = last[one.issue_id] == one and acceptances.holds(one, today(settings))
        table.add_row(
            one.accepted_at[:16].replace("T", " "),
            one.issue_id,
            one.status,
            one.accepted_until if one.status == acceptances.ACCEPTED else "",
            "yes" if is_held else "",
            escape(one.accepted_by),
            escape(one.reason),
        )
    Console().print(table)


def _status(settings: Settings, issue: str) -> str:
    """The published status of an issue; ends the command where there is no such issue."""
    from orchestration.publishing.errors import PublishingError
    from orchestration.publishing.reader import Publication

    try:
        with Publication.open(settings.published_path) as publication:
            found = publication.rows("select status from hygiene_issues where issue_id = ?", [issue])
    except PublishingError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(FAILED) from None
    if not found:
        not_understood(f"there is no issue {issue}; hygiene_issues has their ids")
    return found[0]["status"]
