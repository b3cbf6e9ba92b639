"""The ledger's logs as files that extraction reads: who did what with actions and alerts, oldest first."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from orchestration.ledger.store import Store
from orchestration.ledger.tables import alert_entries, transitions
from orchestration.operations.sources import ACTION_LOG, ALERT_LOG, SOURCES
from orchestration.publishing import durable

_ROWS_AT_ONCE = 10_000
_TABLES: Mapping[str, sa.Table] = MappingProxyType({ACTION_LOG: transitions, ALERT_LOG: alert_entries})


def export_log(store: Store, stream: str, folder: Path) -> int:
    """Write the log of a stream where extraction finds it, replacing the file whole; gives its rows."""
    table = _TABLES[stream]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / str(SOURCES[stream].path)
    # One refresh at a time: what a killed one left is written over.
    temporary = path.with_name(f".{path.name}.exporting")
    key = next(iter(table.primary_key.columns))
    written = 0
    texts = [_text_of(column) for column in table.columns]
    with temporary.open("w", newline="", encoding="utf-8") as file, store.reading() as con:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([column.name for column in table.columns])
        rows = con.execution_options(yield_per=_ROWS_AT_ONCE).execute(sa.select(table).order_by(key))
        for part in rows.partitions():
            writer.writerows([[text(value) for text, value in zip(texts, row, strict=True)] for row in part])
            written += len(part)
    durable.sync_file(temporary)
    durable.move(temporary, path)
    return written


def _text_of(column: sa.Column) -> Callable[[Any], str]:
    if column.primary_key:
        # As wide as any number will be, so that keys order as texts.
        return lambda number: f"{number:015d}"
    if isinstance(column.type, sa.DateTime):
        return _moment
    return lambda value: "" if value is None else " ".join(str(value).split())


def _moment(value: datetime) -> str:
    return value.isoformat(timespec="microseconds") + "Z"
