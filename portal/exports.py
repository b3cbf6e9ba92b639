"""Tables as files: the rows of a page's question, all of them, as CSV or XLSX.

Streamed: a file is sent in batches, and the publication is held to its last row. Whole rows are wide, and putting
them in order takes as much memory as there are rows: so only their keys are, while the rows are written to a file as
they come and read from it in that order. One that breaks in the middle breaks the connection off, so that half a file
never looks like a whole one. Spreadsheets run what looks like a formula, so a text that begins like one gets an
apostrophe before it; the file's last column names the columns of the row where that was done, so that a program can
take it away again.
"""

from __future__ import annotations

import asyncio
import logging
import math
import pickle
import re
import tempfile
from array import array
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from threading import Lock
from typing import IO, Any

import duckdb
import numpy as np
import xlsxwriter
from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from orchestration.publishing.sql import identifier
from portal import audit
from portal.access import Reader
from portal.listing import Filter, Listing, Question, listing_keys
from portal.pages.account import ACCOUNTS
from portal.pages.hygiene import ISSUES, SCORECARD
from portal.pages.portfolio import DECISIONS, EXPANSIONS, RETENTION
from portal.pages.targets import CANDIDATES
from portal.publications import Edition
from portal.spool import Spool, places
from portal.web import ALL, Allowed, Refusal, Visit, absent

log = logging.getLogger("portal.exports")
router = APIRouter()

NEUTRALISED = "neutralised_columns"
# What a spreadsheet takes for the beginning of a formula, in both widths, behind blanks and marks that aren't seen too.
_FORMULA = r"^(?:[\s\x{00}\p{Z}\p{Cf}]*[=+\-@＝＋－＠]|[\t\r\n])"
_BATCH_ROWS = 2_000
_PIECE_BYTES = 1 << 16
_BYTE_ORDER_MARK = "\ufeff"
_MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# What a cell of XLSX holds, and the first year that its dates have.
_LONGEST_CELL = 32_767
_FIRST_YEAR = 1900
_WIDEST = 60
# Files under way at once: putting rows in order takes memory and the processors, which pages need too.
_MOST_AT_ONCE = 2
# Whoever takes nothing for so long isn't there any more, or keeps others from theirs; a slow line takes something.
_STALL_SECONDS = 60.0


@dataclass(frozen=True)
class Export:
    """A listing that can be had as a file, and who may have it."""

    listing: Listing
    roles: tuple[str, ...] = ALL
    # Whether a page shows the listing, so that it is laid out for that.
    is_laid_out: bool = True


_PORTFOLIO = ("manager", "executive", "admin")

# By the name in the address. The columns are those of the table as it is published.
LISTINGS: Mapping[str, Export] = {
    "targets": Export(CANDIDATES),
    "accounts": Export(ACCOUNTS),
    "hygiene": Export(ISSUES),
    "hygiene_scorecard": Export(SCORECARD),
    "decisions": Export(DECISIONS, _PORTFOLIO),
    "retention": Export(RETENTION, _PORTFOLIO),
    "expansions": Export(EXPANSIONS, _PORTFOLIO),
    # As the publication has them; the pages show the ledger, where people have gone on since.
    "actions": Export(
        Listing(
            source="recommended_actions",
            columns=(),
            filters=(
                Filter("status", "Status", "status"),
                Filter("account", "Account", "account_id"),
                Filter("priority", "Priority", "priority"),
                Filter("action", "Action", "action"),
                Filter("segment", "Segment", "segment"),
                Filter("geo", "GEO", "geo"),
            ),
            searched=("account_name", "title", "rationale"),
            order="priority, due_on nulls last, action_id",
            key="action_id",
        ),
        is_laid_out=False,
    ),
    "alerts": Export(
        Listing(
            source="alerts",
            columns=(),
            filters=(Filter("account", "Account", "account_id"), Filter("kind", "Kind", "alert")),
            searched=("account_name", "title", "evidence"),
            order="raised_at, alert_id",
            key="alert_id",
        ),
        is_laid_out=False,
    ),
}


@router.get("/export/{name}.{kind}")
def export(name: str, kind: str, visit: Visit = Depends(Allowed())) -> Response:
    """The rows that the page with the same query shows, on all its pages."""
    if name not in LISTINGS or kind not in _MEDIA:
        raise absent()
    found = LISTINGS[name]
    if not visit.viewer.may(*found.roles):
        raise absent()
    question = found.listing.ask(visit.request.query_params)
    rows = _count(visit, question)
    _check_length(visit, kind, rows)
    asked = question.url(page=None).removeprefix("?")
    pieces = Pieces(visit.reader.edition, turns.take(visit.viewer.person))
    try:
        table = Table.of(visit.reader, question, visit.portal.settings.home_path / "tmp")
        if kind == "csv":
            pieces.begin(csv_pieces(table))
        else:
            pieces.begin(_file_pieces(write_xlsx(table, _about(visit, name, asked, rows))))
        visit.audit(audit.Event.EXPORT, f"{name}.{kind}", detail=f"{rows} rows; {asked or 'everything'}")
    except duckdb.OutOfMemoryException as error:
        pieces.close()
        log.warning("%s.%s of %d rows isn't made: %s", name, kind, rows, error)
        raise Refusal(
            503, "Too much at once", "Others are at work; try again in a minute, or narrow it down.", _LATER
        ) from None
    except BaseException:
        pieces.close()
        raise
    file = f"{name}-{visit.today.isoformat()}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{file}"', "X-Rows": str(rows)}
    return Download(pieces, media_type=_MEDIA[kind], headers=headers)


def _count(visit: Visit, question: Question) -> int:
    where, values = question.where()
    # Its names are declared, its values parameters: see portal.listing.
    found = visit.reader.row(f"select count(*) as n from {question.listing.relation} where {where}", **values)  # noqa: S608
    return found["n"] if found else 0


def _check_length(visit: Visit, kind: str, rows: int) -> None:
    policy = visit.policies.portal
    most = policy.export_rows_most if kind == "csv" else min(policy.export_rows_most, policy.xlsx_rows_most)
    if rows > most:
        other = " CSV takes more." if kind == "xlsx" and rows <= policy.export_rows_most else ""
        raise Refusal(
            422,
            "Too much for one file",
            f"These are {rows:,} rows; a file of this kind has {most:,} at most. Narrow it down by a filter.{other}",
        )


def _about(visit: Visit, name: str, asked: str, rows: int) -> Sequence[tuple[str, Any]]:
    manifest = visit.reader.manifest
    return (
        ("Table", name),
        ("As of", manifest.as_of_date),
        ("Published at (UTC)", manifest.published_at),
        ("Policy version", manifest.policy_version),
        ("Publication", manifest.snapshot_id),
        ("Asked for", asked or "everything"),
        ("Rows", rows),
        ("Made for", visit.viewer.person),
        (
            "Neutralised",
            "Spreadsheets run what looks like a formula. A text that begins like one has an apostrophe before it;"
            f" {NEUTRALISED} names the columns where that was done.",
        ),
        (
            "Exact values",
            f"Numbers here have the 15 digits of a spreadsheet, and texts end at {_LONGEST_CELL:,} characters; CSV has"
            " everything.",
        ),
    )


class Turns:
    """Who has an export under way: one a person, and few at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._people: set[str] = set()

    def take(self, person: str) -> Callable[[], None]:
        """A turn of this person; returns what gives it back. Raises Refusal where there is none."""
        with self._lock:
            if person in self._people:
                raise Refusal(429, "One at a time", "Another export of yours is still being made or sent.", _SOON)
            if len(self._people) >= self._most:
                raise Refusal(503, "Others are exporting", "Try again in a minute.", _LATER)
            self._people.add(person)
        return partial(self._people.discard, person)


_SOON = {"Retry-After": "10"}
_LATER = {"Retry-After": "60"}
turns = Turns(_MOST_AT_ONCE)


class Pieces:
    """What is sent, piece by piece; lets go of everything at its end, whichever end it is."""

    def __init__(self, edition: Edition, give_back: Callable[[], None]) -> None:
        """`edition` is held from here on by its own; `give_back` is called once."""
        self._edition = edition
        self._give_back = give_back
        self._edition.hold()
        self._lock = Lock()
        self._open = True
        self._source: Generator[bytes, None, None] | None = None
        self._first: bytes | None = None

    def begin(self, source: Generator[bytes, None, None]) -> None:
        """Make the first piece: what is wrong from the beginning is told before anything is sent."""
        self._source = source
        self._first = next(source)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        first, self._first = self._first, None
        if first is not None:
            return first
        try:
            if self._source is None or not self._open:
                raise StopIteration
            return next(self._source)
        except BaseException:
            # Before the end is told, so that whoever has read it can ask for the next file.
            self.close()
            raise

    def close(self) -> None:
        """Let go of everything; never while a piece is being made."""
        with self._lock:
            was_open, self._open = self._open, False
        if was_open:
            self._give_back()
            if self._source is not None:
                self._source.close()
            self._edition.let_go()

    # Whoever called may be gone before the answer begins.
    __del__ = close


class StalledError(Exception):
    """A download that nobody takes pieces of."""


class Download(StreamingResponse):
    """An answer of pieces, let go of when it ends: sent, broken off by either side, or stalled."""

    def __init__(self, pieces: Pieces, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(pieces, media_type=media_type, headers=headers)
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises StalledError, or what broke while a piece was made: then the connection is broken off."""

        async def sent(message: Message) -> None:
            try:
                async with asyncio.timeout(_STALL_SECONDS):
                    await send(message)
            except TimeoutError:
                raise StalledError(f"nothing was taken for {_STALL_SECONDS:.0f} s") from None

        try:
            await super().__call__(scope, receive, sent)
        finally:
            # In a thread: whoever lets go last closes the publication.
            await run_in_threadpool(self._pieces.close)


@dataclass(frozen=True)
class Table:
    """The rows of a question, with every column of its table: the columns with their types, and how to get the rows."""

    names: tuple[str, ...]
    # DuckDB's names of the types.
    types: tuple[str, ...]
    reader: Reader
    question: Question
    # Where rows wait on the disk.
    folder: Path

    @classmethod
    def of(cls, reader: Reader, question: Question, folder: Path) -> Table:
        """The rows of a question that somebody sees."""
        described = reader.rows(f"describe select * from {question.listing.relation}")  # noqa: S608 - a declared listing
        names = tuple(row["column_name"] for row in described)
        return cls(names, tuple(str(row["column_type"]) for row in described), reader, question, folder)

    def spooled(
        self, spool: Spool, chosen: Sequence[str], packed: Callable[[Sequence[Any]], bytes]
    ) -> Generator[bytes, None, np.ndarray]:
        """Put the rows into a spool, with such expressions over the columns, packed.

        Yields an empty piece after every batch, so that whoever is gone is seen to be; returns the rows' numbers in the
        spool, in the order of the question. Raises duckdb.OutOfMemoryException.
        """
        keys = [identifier(name) for name in listing_keys(self.question.listing)]
        # Eight bytes a row, whatever the key: rows are found again by it, in whichever order they come.
        key = f"hash({', '.join(keys)})"
        where, values = self.question.where()
        source = f"from {self.question.listing.relation} where {where}"
        # Nothing of a URL is in the texts: names are declared, values are parameters. See portal.listing.
        text = f"select {key} as row_key {source} order by {self.question.order}"
        wanted = self.reader.cursor(text, **values).fetchnumpy()["row_key"]
        found = array("Q")
        cursor = self.reader.cursor(f"select {key}, {', '.join(chosen)} {source}", **values)
        while batch := cursor.fetchmany(_BATCH_ROWS):
            found.extend(row[0] for row in batch)
            spool.add(packed(row[1:]) for row in batch)
            yield b""
        return places(np.asarray(wanted, dtype=np.uint64), np.frombuffer(found, dtype=np.uint64))

    @property
    def columns(self) -> Iterator[tuple[str, str]]:
        return zip(self.names, self.types, strict=True)

    @property
    def neutralised(self) -> str:
        """Names of a row's columns whose text was neutralised, in SQL."""
        found = [
            f"case when {_is_formula(identifier(name))} then '{name}' end"
            for name, kind in self.columns
            if kind == "VARCHAR"
        ]
        return f"concat_ws(' ', {', '.join(found)})" if found else "''"


def _is_formula(column: str) -> str:
    return f"regexp_matches({column}, '{_FORMULA}')"


def _safe(column: str) -> str:
    return f"case when {_is_formula(column)} then '''' || {column} else {column} end"


def csv_pieces(table: Table) -> Generator[bytes, None, None]:
    """The table as CSV: UTF-8 with a byte order mark, lines as RFC 4180 has them, texts quoted where need be.

    Lines are put together by the database, many at once, so that a long file leaves the processors to the pages.
    """
    fields = [_field(identifier(name), kind) for name, kind in table.columns]
    fields.append(table.neutralised)
    chosen = [f"concat_ws(',', {', '.join(fields)})"]
    head = f"{_BYTE_ORDER_MARK}{','.join((*table.names, NEUTRALISED))}\r\n".encode()
    with Spool(table.folder) as spool:
        numbers = yield from table.spooled(spool, chosen, lambda row: f"{row[0]}\r\n".encode())
        yield head
        yield from spool.pieces(numbers)


def _field(column: str, kind: str) -> str:
    """One value as it stands in CSV, in SQL; nothing where there is none."""
    if kind == "VARCHAR":
        text = _quoted(_safe(column))
    elif kind.startswith("TIMESTAMP"):
        text = f"strftime({column}, '%Y-%m-%dT%H:%M:%S.%fZ')"
    elif kind.endswith("]") or kind.startswith(("STRUCT", "MAP")):
        text = _quoted(f"cast(to_json({column}) as varchar)")
    else:
        text = f"cast({column} as varchar)"
    return f"coalesce({text}, '')"


def _quoted(text: str) -> str:
    """A text in quotes where it has a comma, a quote, an end of line, or blanks at an end."""
    return (
        f"case when regexp_matches({text}, '[\",\\r\\n]|^\\s|\\s$|^$')"
        f" then '\"' || replace({text}, '\"', '\"\"') || '\"' else {text} end"
    )


def write_xlsx(table: Table, about: Sequence[tuple[str, Any]]) -> IO[bytes]:
    """The table as XLSX in a file without a name, at its beginning; the second sheet says where it comes from."""
    table.folder.mkdir(parents=True, exist_ok=True)
    file = tempfile.TemporaryFile(suffix=".xlsx", dir=table.folder)  # noqa: SIM115 - whoever sends it closes it
    try:
        options = {"constant_memory": True, "tmpdir": str(table.folder)}
        as_text = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        with xlsxwriter.Workbook(file, options | as_text) as book:
            _rows_sheet(book, table)
            _about_sheet(book, about)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _rows_sheet(book: xlsxwriter.Workbook, table: Table) -> None:
    sheet = book.add_worksheet("Rows")
    head = book.add_format({"bold": True, "bottom": 1})
    names = (*table.names, NEUTRALISED)
    sheet.freeze_panes(1, 0)
    for place, name in enumerate(names):
        sheet.set_column(place, place, min(_WIDEST, max(12, len(name) + 2)))
        sheet.write_string(0, place, name, head)
    write = _Writer(book, sheet)
    chosen = [_safe(identifier(name)) if kind == "VARCHAR" else identifier(name) for name, kind in table.columns]
    number = 0
    with Spool(table.folder) as spool:
        numbers = _all_of(table.spooled(spool, [*chosen, table.neutralised], pickle.dumps))
        for number, packed in enumerate(spool.rows(numbers), 1):
            # Packed above, in a file that nobody else can open.
            for place, value in enumerate(pickle.loads(packed)):  # noqa: S301
                write(number, place, value)
    sheet.autofilter(0, 0, number, len(names) - 1)


def _all_of(spooling: Generator[bytes, None, np.ndarray]) -> np.ndarray:
    while True:
        try:
            next(spooling)
        except StopIteration as over:
            return over.value


def _about_sheet(book: xlsxwriter.Workbook, about: Sequence[tuple[str, Any]]) -> None:
    sheet = book.add_worksheet("About")
    sheet.set_column(0, 0, 22)
    sheet.set_column(1, 1, 90)
    write = _Writer(book, sheet)
    for number, (label, value) in enumerate(about):
        write(number, 0, label)
        write(number, 1, neutral(value) if isinstance(value, str) else value)


class _Writer:
    """Writes values as cells of their kind: numbers, dates, texts; never a formula."""

    def __init__(self, book: xlsxwriter.Workbook, sheet: Any) -> None:
        self._sheet = sheet
        self._day = book.add_format({"num_format": "yyyy-mm-dd"})
        self._moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})

    def __call__(self, row: int, column: int, value: Any) -> None:
        sheet = self._sheet
        if value is None or value == "":
            return
        if isinstance(value, str):
            sheet.write_string(row, column, value[:_LONGEST_CELL])
        elif isinstance(value, bool):
            sheet.write_boolean(row, column, value)
        elif isinstance(value, int | float | Decimal):
            number = float(value)
            if math.isfinite(number):
                sheet.write_number(row, column, number)
            else:
                sheet.write_string(row, column, str(value))
        elif isinstance(value, date) and value.year >= _FIRST_YEAR:
            kind = self._moment if isinstance(value, datetime) else self._day
            sheet.write_datetime(row, column, value.replace(tzinfo=None) if kind is self._moment else value, kind)
        else:
            sheet.write_string(row, column, str(value)[:_LONGEST_CELL])


def neutral(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if _BEGINS_AS_FORMULA.match(text) else text


_BEGINS_AS_FORMULA = re.compile(r"[\s\x00\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]*[=+\-@＝＋－＠]|[\t\r\n]")


def _file_pieces(file: IO[bytes]) -> Generator[bytes, None, None]:
    with file:
        while piece := file.read(_PIECE_BYTES):
            yield piece
