"""Reading a publication: how the portal and the command line see it. Never the warehouse, never half of two runs.

A `Publication` holds one snapshot from opening to closing: retention leaves it alone, and newer publications don't
show through. Open another one to see them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from orchestration.publishing.manifest import Manifest, Snapshot, hold_current, hold_snapshot
from orchestration.publishing.sql import identifier, literal, read_parquet


class Publication:
    """The current publication, held whole: an in-memory DuckDB with its tables in schema `published`."""

    def __init__(self, snapshot: Snapshot, connection: duckdb.DuckDBPyConnection, hold: ExitStack) -> None:
        self.snapshot = snapshot
        self.connection = connection
        self._hold = hold

    @classmethod
    def open(cls, published_dir: Path, *, load: bool = False) -> Self:
        """Open what `CURRENT` names; `load` copies the current tables into memory, for processes that ask a lot."""
        with ExitStack() as stack:
            return cls._held(stack, stack.enter_context(hold_current(published_dir)), load=load)

    @classmethod
    def open_snapshot(cls, folder: Path) -> Self:
        """Open one snapshot by its folder, current or not."""
        with ExitStack() as stack:
            return cls._held(stack, stack.enter_context(hold_snapshot(folder)), load=False)

    @classmethod
    def _held(cls, stack: ExitStack, snapshot: Snapshot, *, load: bool) -> Self:
        connection = stack.enter_context(duckdb.connect())
        _fill(connection, snapshot, load=load)
        # From here on `close` lets go; an error before lets go at once.
        return cls(snapshot, connection, stack.pop_all())

    @property
    def manifest(self) -> Manifest:
        """What the publication says about itself: run, as-of date, policy version, tables, columns."""
        return self.snapshot.manifest

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Run a query; its rows by column name."""
        cursor = self.connection.cursor()
        cursor.execute(f"use {_SCHEMA}")
        cursor.execute(query, list(parameters))
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def close(self) -> None:
        """Let go of the snapshot."""
        self._hold.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_SCHEMA = "published"


def _fill(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, *, load: bool) -> None:
    connection.execute(f"create schema {_SCHEMA}")
    for name, table in snapshot.manifest.tables.items():
        # A history grows with every as-of date: it is read where it lies.
        kind = "table" if load and not table.is_history else "view"
        source = read_parquet(snapshot.paths(name))
        connection.execute(f"create {kind} {_SCHEMA}.{identifier(name)} as from {source}")
    connection.execute(f"use {_SCHEMA}")
    # Whatever is asked of this connection, it reads this snapshot and nothing else of the machine.
    connection.execute(f"set allowed_directories = [{literal(f'{snapshot.folder}/')}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
