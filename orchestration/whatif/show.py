"""What one account would get, and what other policies would change, on the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestration.explain.brief import show_assessment
from orchestration.explain.facts import Facts
from orchestration.whatif.policy_diff import Changes, PolicyDiff

_NOTHING = "–"


def show_simulation(console: Console, facts: Facts) -> None:
    """The assessment of an account, its baseline score field by field, and its actions."""
    show_assessment(console, facts)
    levels = {row["level"] for row in facts.actions}
    console.print(f"[dim]Level of automation: {', '.join(sorted(levels)) or 'none needed'}. Nothing was published.[/]")


def show_diff(console: Console, diff: PolicyDiff, rows: int) -> None:
    """Which values differ, what moves how often, and the first `rows` changes of each kind."""
    console.print(f"As of {diff.as_of}, policies {diff.before_version} against {diff.after_version}")
    if not diff.values:
        console.print("No policy value differs.")
        return
    values = _table("Policy values that differ", "value", "now", "then")
    for place, before, after in diff.values:
        values.add_row(escape(place), escape(before) or _NOTHING, escape(after) or _NOTHING)
    console.print(values, _counts(diff))
    for changes in diff.changes.values():
        if changes.rows and rows:
            console.print(_listed(changes, rows))


def _counts(diff: PolicyDiff) -> Table:
    table = _table("What would change", "of", "from", "to", right=("how many",))
    for changes in diff.changes.values():
        sums = f"; {changes.money}" if changes.money else ""
        title = f"{changes.comparison.title} ({changes.before:,} now, {changes.after:,} then{sums})"
        if not changes.moves:
            table.add_row(title, _NOTHING, _NOTHING, "0", end_section=True)
        for number, (before, after, count) in enumerate(changes.commonest, start=1):
            last = number == len(changes.moves)
            table.add_row(title if number == 1 else "", *_move(before, after), f"{count:,}", end_section=last)
        if changes.others:
            table.add_row("", "in other ways", "", f"{changes.others:,}", end_section=True)
    return table


def _listed(changes: Changes, rows: int) -> Table:
    table = _table(changes.comparison.title, "account", "which", "from", "to")
    for row in changes.rows[:rows]:
        account = f"{row['account_name'] or ''} ({row['account_id']})".strip()
        table.add_row(escape(account), escape(row["thing"] or ""), *_move(row["before"], row["after"]))
    if changes.count > rows:
        table.caption = f"{changes.count - rows:,} more"
    return table


def _move(before: str | None, after: str | None) -> tuple[str, str]:
    return escape(before or "not there"), escape(after or "not there")


def _table(title: str, *columns: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, caption_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for column in right:
        table.add_column(column, justify="right")
    return table
