"""The calls of a home as a table on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestration.operations.calls import Call

_STYLES = {"GREEN": "green", "YELLOW": "yellow", "RED": "red"}


def show_calls(console: Console, calls: Sequence[tuple[Call, bool]]) -> None:
    """Every call, newest first; the flag says whether it holds today."""
    if not calls:
        console.print("No calls have been made in this home.")
        return
    table = Table(title="CSM calls")
    for heading in ("made", "account", "status", "until", "holds", "by", "reason"):
        table.add_column(heading, overflow="fold")
    for call, holds in sorted(calls, key=lambda one: one[0].called_at, reverse=True):
        style = _STYLES.get(call.status)
        table.add_row(
            call.called_at[:16].replace("T", " "),
            escape(f"{call.account_name} ({call.account_id})"),
            f"[{style}]{call.status}[/]" if style else call.status.lower(),
            call.expires_on,
            "yes" if holds else "",
            escape(call.called_by),
            escape(call.reason),
        )
    console.print(table)
