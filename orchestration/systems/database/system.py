"""One database: what a source's SELECT gives, whole or what is new by its watermark.

A page is a batch of rows as Parquet, every cell a text. With a watermark rows come in its order, so a pull that broke
off goes on from the newest it has; without one it begins anew. A row without watermark is an error: it would never be
seen to change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from orchestration.policy.problems import shown
from orchestration.policy.sources import Source
from orchestration.policy.systems import Database, Pulling
from orchestration.publishing import durable
from orchestration.sources.errors import SourceError
from orchestration.sources.settings import digest
from orchestration.systems.base import Context, Found, Pulled
from orchestration.systems.database import watermark as marks
from orchestration.systems.database.cells import texts
from orchestration.systems.database.columns import (
    PLACE,
    STAMP_CELL,
    Columns,
    columns_of,
    key_columns,
    records,
    unclear_deletion,
)
from orchestration.systems.database.connection import Connecting
from orchestration.systems.store import Journal, RecordStore

if TYPE_CHECKING:
    import pyarrow as pa
    import sqlalchemy as sa

# Changes with what a cell of a page says, so that everything is read anew by a newer version.
_FORMAT = 1
# Which rows of a query are asked for: none (for its columns), some, all by their watermark, or those since one.
_Rows = Literal["none", "some", "all", "since"]


@dataclass(frozen=True, slots=True)
class _Begin:
    """Where a pull begins: at the stamp `since`, or with everything; `place`: of the first row."""

    whole: bool
    since: str | None
    place: int = 0


class DatabaseSystem:
    """A database by its URL, which is the secret. `deadline`: of time.monotonic()."""

    def __init__(
        self, name: str, policy: Database, secret: str, pulling: Pulling, deadline: float | None = None
    ) -> None:
        self.name = name
        self._policy = policy
        self._pulling = pulling
        self._connecting = Connecting(name, secret, deadline)

    def pull(self, source: Source, store: RecordStore, context: Context) -> Pulled:
        """Read what is new, or everything; raises SourceError."""
        with self._connecting.connected(source.name) as connection:
            result = self._run(connection, source, "none" if source.watermark else None)
            # The columns first: which they are says whether what is known is of use.
            columns = self._columns(source, result)
            request = self._request(source, columns)
            base = store.base(request, whole=context.whole) if source.watermark else None
            known = base.watermark if base else None
            journal = store.journal(request)
            begin = _where_to_begin(journal, known)
            if source.watermark:
                result.close()
                result = self._run(connection, source, "since" if begin.since else "all", columns, begin.since)
            self._fetch(result, source, columns, journal, begin)
        newest = max(filter(None, (journal.position.get("since"), known)), default=None)
        newest = marks.capped(newest, store.now) if newest else None
        pages = len(journal.pages)
        found = records(source, columns, journal.pages)
        merged = store.merge(journal, found, columns.names, request, whole=begin.whole, watermark=newest)
        return Pulled(
            source.name,
            source.stream,
            (store.write_csv(source.stream, columns.names),),
            rows=merged.rows,
            records=merged.records,
            deleted=merged.deleted,
            pages=pages,
            calls=1,
            whole=begin.whole,
            watermark=str(marks.value_of(newest)) if newest else None,
        )

    def examine(self, sources: Sequence[Source]) -> Iterator[Found]:
        """Connect, then ask for the first row of every source."""
        try:
            with self._connecting.connected("sign-in"):
                yield Found("sign-in", "the database lets its user in")
        except SourceError as error:
            yield _found("sign-in", error)
            return
        for source in sources:
            try:
                with self._connecting.connected(source.name) as connection:
                    yield self._examine(connection, source)
            except SourceError as error:
                yield _found(source.name, error)

    def close(self) -> None:
        """Nothing is kept open."""

    def _examine(self, connection: sa.Connection, source: Source) -> Found:
        result = self._run(connection, source, "some" if source.watermark else None)
        columns = self._columns(source, result)
        row = result.first()
        if row is not None and columns.watermark is not None:
            self._kind_of_marks([row[columns.watermark]], source, None)
        return Found(source.name, f"its query runs, and gives {', '.join(columns.names)}")

    def _columns(self, source: Source, result: sa.CursorResult) -> Columns:
        return columns_of(source, list(map(str, result.keys())), self.name)

    def _request(self, source: Source, columns: Columns) -> dict[str, Any]:
        """What is asked for: when it changes, what is known is of no use."""
        url = self._connecting.url()
        return {
            "format": _FORMAT,
            "database": digest(url.get_backend_name(), url.host, url.port, url.database),
            "sql": source.sql,
            "found": columns.found,
            "cells": {name: list(positions) for name, positions in columns.cells.items()},
            "watermark": source.watermark,
            "deleted": source.deleted,
            "key": key_columns(source, columns) if source.watermark else [],
        }

    def _run(
        self,
        connection: sa.Connection,
        source: Source,
        which: _Rows | None = None,
        columns: Columns | None = None,
        since: str | None = None,
    ) -> sa.CursorResult:
        """Run the query as it stands, or wrapped for `which` of its rows."""
        import sqlalchemy as sa

        # Colons in somebody's SQL are what they are (`::date`, '12:30'), no parameters.
        asked = (source.sql or "").strip().rstrip(";").replace(":", r"\:")
        if which is not None:
            # The name as the database gave it; the newline ends a comment.
            name = columns.found[columns.watermark] if columns and columns.watermark is not None else ""
            mark = connection.dialect.identifier_preparer.quote(name).replace(":", r"\:")
            ending = {
                "none": "WHERE 1 = 0",
                "some": "",
                "all": f"ORDER BY {mark}",
                "since": f"WHERE {mark} >= :since OR {mark} IS NULL ORDER BY {mark}",
            }[which]
            asked = f"SELECT * FROM ({asked}\n) asked {ending}"  # noqa: S608 -- the query is policy, the rest is ours
        values = {} if since is None else {"since": marks.looked_back(since, self._pulling.lookback_minutes)}
        streamed = {"stream_results": True, "yield_per": self._policy.batch_rows}
        return connection.execute(sa.text(asked), values, execution_options=streamed)

    def _fetch(
        self, result: sa.CursorResult, source: Source, columns: Columns, journal: Journal, begin: _Begin
    ) -> None:
        """Put the rows down page by page."""
        import pyarrow as pa

        place, newest = begin.place, begin.since
        kind = marks.kind_of(marks.value_of(newest)) if newest else None
        for rows in _batches(result, self._policy.batch_rows):
            self._connecting.check_time(source.name)
            stamps = None
            if columns.watermark is not None:
                values = [row[columns.watermark] for row in rows]
                kind = self._kind_of_marks(values, source, kind)
                stamps = [marks.stamp_of(value) for value in values]
                newest = max([*stamps, *filter(None, (newest,))], default=None)
            page = journal.next_page("parquet")
            _write(page, self._table(rows, columns, stamps, place, source))
            place += len(rows)
            journal.add(page, {"whole": begin.whole, "since": newest, "place": place})
        # Merging needs the memory that Arrow would keep for the next page.
        pa.default_memory_pool().release_unused()

    def _kind_of_marks(self, values: Iterable[Any], source: Source, before: str | None) -> str | None:
        """The one kind that all watermarks have; raises SourceError."""
        for value in values:
            kind = marks.kind_of(value)
            if value is None:
                found = "is blank in a row"
            elif kind is None:
                found = f"is {shown(str(value))} ({type(value).__name__}) in a row"
            elif before not in (None, kind):
                found = f"is {kind} in one row and {before} in another, or was before"
            else:
                before = kind
                continue
            raise SourceError(
                f"the watermark {source.watermark} {found}.",
                file=self.name,
                place=source.name,
                expected="a timestamp, a date or a whole number in every row, of one kind",
                action="cast it or fill it in the query, or leave the watermark out: then everything is read each time",
            )
        return before

    def _table(
        self, rows: Sequence[Any], columns: Columns, stamps: list[str] | None, place: int, source: Source
    ) -> pa.Table:
        import pyarrow as pa

        by_position = list(zip(*rows, strict=True)) or [()] * len(columns.found)
        try:
            said = {position: texts(by_position[position]) for position in columns.used}
            cells = {f"c{position}": pa.array(cell, pa.string()) for position, cell in said.items()}
        except (UnicodeError, pa.ArrowException) as error:
            raise SourceError(
                f"a value can't be written as text: {type(error).__name__}.", file=self.name, place=source.name
            ) from None
        if columns.deleted is not None:
            self._check_deletions(said[columns.deleted], source)
        cells[STAMP_CELL] = pa.array(stamps if stamps is not None else [None] * len(rows), pa.string())
        cells[PLACE] = pa.array(range(place, place + len(rows)), pa.int64())
        return pa.table(cells)

    def _check_deletions(self, said: Iterable[str | None], source: Source) -> None:
        odd = unclear_deletion(said)
        if odd is not None:
            raise SourceError(
                f"the column {source.deleted}, which says what is deleted, says {shown(odd)}.",
                file=self.name,
                place=source.name,
                expected="true or false",
                action="make it so in the query, such as `deleted_at IS NOT NULL AS is_deleted`",
            )


def _where_to_begin(journal: Journal, known: str | None) -> _Begin:
    """Where a pull that broke off stopped, as its rows came in order; else at what is known, or with everything."""
    position = journal.position
    if position.get("since") and (position["whole"] or known is not None):
        return _Begin(position["whole"], position["since"], position["place"])
    journal.drop_pages({})
    return _Begin(known is None, known)


def _batches(result: sa.CursorResult, size: int) -> Iterator[Sequence[Any]]:
    """Batches of rows; an empty one where there is no row, so that there is a page."""
    none_yet = True
    for rows in result.partitions(size):
        none_yet = False
        yield rows
    if none_yet:
        yield []


def _write(page: Path, table: pa.Table) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, page, compression="zstd")
    durable.sync_file(page)


def _found(what: str, error: SourceError) -> Found:
    return Found(what, error.message, mend=error.action or error.expected or "look at the database's log")
