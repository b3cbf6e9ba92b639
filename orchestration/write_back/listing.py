"""The queue, and what a dry run noted, as tables on the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

import sqlalchemy as sa
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestration.actions.messages import plain
from orchestration.ledger.store import Store
from orchestration.ledger.tables import write_queue
from orchestration.write_back.queue import Standing
from orchestration.write_back.round import Noted

_LONGEST = 300


def show_queue(console: Console, store: Store, at_most: int, *, only_dead: bool) -> None:
    """Accounts that wait to be written, or were refused, with the other side's words."""
    queue = write_queue.c
    fits = (queue.status == str(Standing.DEAD)) if only_dead else sa.true()
    with store.reading() as con:
        count = con.execute(sa.select(sa.func.count()).select_from(write_queue).where(fits)).scalar_one()
        query = sa.select(write_queue).where(fits).order_by(queue.target, queue.status, queue.record_id).limit(at_most)
        rows = con.execute(query).mappings().all()
    if not count:
        console.print("Nothing waits to be written, and nothing was refused.")
        return
    table = Table(title=f"{count:,} {'account' if count == 1 else 'accounts'} to be written")
    for heading in ("target", "account", "", "since (UTC)", "attempts", "again at (UTC)", "values", "problem"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        style = "red" if row["status"] == Standing.DEAD else "default"
        table.add_row(
            escape(row["target"]),
            escape(row["record_id"]),
            f"[{style}]{row['status']}[/]",
            f"{row['first_wanted_at']:%Y-%m-%d %H:%M}",
            str(row["attempts"]),
            f"{row['next_attempt_at']:%Y-%m-%d %H:%M}" if row["next_attempt_at"] else "",
            _values(json.loads(row["wanted"]), {}),
            _text(row["problem"]),
        )
    console.print(table)
    _say_more(console, count - len(rows))


def show_noted(console: Console, target: str, noted: Noted, at_most: int) -> None:
    """What a dry run would write: only the values that differ from those accepted last."""
    if not noted.records:
        console.print(f"{escape(target)}: nothing has changed; nothing would be written.")
        return
    table = Table(title=f"{escape(target)}: {noted.records:,} accounts would be written")
    table.add_column("account", overflow="fold")
    table.add_column("values", overflow="fold")
    with noted.file.open(encoding="utf-8") as lines:
        for line in islice(lines, at_most):
            told = json.loads(line)
            table.add_row(escape(told["record_id"]), _values(told["wanted"], told["written"]))
    console.print(table)
    _say_more(console, noted.records - at_most)


def _say_more(console: Console, more: int) -> None:
    if more > 0:
        console.print(f"and {more:,} more: --limit")


def _values(wanted: Mapping[str, Any], written: Mapping[str, Any] | None) -> str:
    told = []
    for field, value in wanted.items():
        if written is None or not written:
            told.append(f"{field} {_shown(value)}")
        elif field not in written or written[field] != value:
            told.append(f"{field} {_shown(written.get(field))} → {_shown(value)}")
    return _text(", ".join(told))


def _shown(value: Any) -> str:
    return "blank" if value is None else str(value)


def _text(value: str | None) -> str:
    return escape(plain(value, _LONGEST) or "")
