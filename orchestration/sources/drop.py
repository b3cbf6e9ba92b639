"""Extraction of report files: one stream from the drop folder into the landing zone.

This ties the steps together (find, copy, hash, parse, check that the file is decidable, commit); each step's how is in
its own module. What a bad cell or row costs is decided later, by the checks.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import duckdb

from orchestration.sources import delta, files, lines, queries, records, values, whole
from orchestration.sources.errors import SourceError
from orchestration.sources.landing import GONE, Extraction, LandingZone
from orchestration.sources.settings import (
    DEFAULT_SOURCE,
    ExtractionSettings,
    FileSource,
    ReadingRules,
    digest,
)
from orchestration.sources.sqltext import Sql, compose, identifier, joined, literal, texts
from orchestration.sources.streams import STREAMS, Kind, Stream, landing_schema

LANDED, LANDED_BEFORE, ABSENT = "landed", "landed_before", "absent"
# Why a record was passed over: its account is to be forgotten.
FORGOTTEN = "forgotten"

# Changes with the meaning of a parsed cell, so that a file is read again by a newer version.
READER_VERSION = 1
_PART = "part-00000.parquet"


_NOTHING: Mapping[str, int] = MappingProxyType({})
# Nothing reads them, and somebody who drops one expects it to be read.
_WORKBOOKS = (".xlsx", ".xls")


class LeftOut(Protocol):
    """Accounts whose records aren't to land."""

    def __bool__(self) -> bool: ...
    def strip(self, file: Path, *, ids_are_given: bool) -> int:
        """Take their records out of a Parquet file; gives how many there were."""
        ...


@dataclass(frozen=True, slots=True)
class ExtractionOutcome:
    """What came of looking for one stream of one source."""

    stream: str
    source: str
    status: str
    extraction: Extraction | None = None
    file: str | None = None
    rows_read: int = 0
    rows_landed: int = 0
    passed_over: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0


def extract_stream(
    stream_name: str,
    drop_dir: Path,
    landing: LandingZone,
    settings: ExtractionSettings,
    *,
    time_zone: str,
    reporting_currency: str,
    sources: Sequence[FileSource] = (),
    passed_over: Mapping[str, int] = _NOTHING,
    only_declared: bool = False,
    extracted_at: datetime | None = None,
    left_out: LeftOut | None = None,
) -> tuple[ExtractionOutcome, ...]:
    """Lands what the drop folder holds for a stream, source by source.

    Declared sources come first, then the default source `files` with what no declared source names, where it finds a
    file of the stream's own name (or nothing else is declared). Every source is tried before the first error is raised.
    `passed_over`: records, by reason, that whoever made the file left out of it; they count as read. `only_declared`:
    nothing else is looked for. `left_out`: accounts whose records are passed over.
    """
    stream = STREAMS[stream_name]
    drop_dir = Path(drop_dir)
    declared = [source for source in sources if source.stream == stream_name]
    taken = _taken(drop_dir, sources)
    default = FileSource(name=DEFAULT_SOURCE, stream=stream_name)
    if not only_declared and not any(source.name == DEFAULT_SOURCE for source in declared):
        declared.append(default)
    outcomes: list[ExtractionOutcome] = []
    errors: list[SourceError] = []
    for source in declared:
        started = time.perf_counter()
        try:
            outcome = _extract(
                stream,
                source,
                drop_dir,
                landing,
                settings,
                time_zone,
                reporting_currency,
                extracted_at,
                taken if source.path is None else frozenset(),
                passed_over,
                left_out,
                started,
            )
        except SourceError as error:
            errors.append(error)
        else:
            outcomes.append(outcome)
    if errors:
        for other in errors[1:]:
            errors[0].add_note(str(other))
        raise errors[0]
    found = [outcome for outcome in outcomes if outcome.status != ABSENT]
    return tuple(found or outcomes[:1])


def unclaimed_files(drop_dir: Path, sources: Sequence[FileSource]) -> list[str]:
    """The files of the drop folder that look like tables and that no stream reads; none where there is no folder."""
    if not drop_dir.is_dir():
        return []
    taken = _taken(drop_dir, sources)
    return [
        name
        for name in files.list_folder(drop_dir)
        if (files.has_table_extension(name) or name.lower().endswith(_WORKBOOKS))
        and name not in taken
        and not any(files.names_stream(name, stream) for stream in STREAMS)
    ]


def _taken(drop_dir: Path, sources: Sequence[FileSource]) -> frozenset[str]:
    """The files that declared sources read, by path or in a query."""
    named = {name for source in sources for name in files.declared_files(drop_dir, source)}
    tables = set().union(*(queries.tables_named(source)[0] for source in sources if source.query))
    if tables:
        named |= {
            name
            for name in files.list_folder(drop_dir)
            if files.has_table_extension(name) and queries.table_name(name) in tables
        }
    return frozenset(named)


def _extract(
    stream: Stream,
    source: FileSource,
    drop_dir: Path,
    landing: LandingZone,
    settings: ExtractionSettings,
    time_zone: str,
    reporting_currency: str,
    extracted_at: datetime | None,
    taken: frozenset[str],
    before: Mapping[str, int],
    left_out: LeftOut | None,
    started: float,
) -> ExtractionOutcome:
    path = None
    if not source.query:
        path = files.find_file(drop_dir, stream, source, settings, taken)
        if path is None:
            return ExtractionOutcome(stream.name, source.name, ABSENT, seconds=time.perf_counter() - started)
    rules = ReadingRules(
        time_zone=time_zone,
        reporting_currency=reporting_currency,
        earliest_year=settings.earliest_year,
        latest_year=settings.latest_year,
        date_format=source.date_format,
        timestamp_format=source.timestamp_format,
    )
    with landing.writing(stream.name, settings.lock_wait_seconds) as work:
        if path is not None:
            read = files.take_snapshot(
                path,
                drop_dir,
                work,
                source,
                settings,
                lambda headers: _recognised(stream, source, headers),
                lambda headers, cells: _lacks_required(stream, source, headers, cells),
            )
        else:
            read = queries.run_query(source, drop_dir, work, settings)
            if read is None:
                return ExtractionOutcome(stream.name, source.name, ABSENT, seconds=time.perf_counter() - started)
        layout, ignored = files.layout_of(stream, source, read.headers, settings, read.file)
        manner = (
            stream.name,
            source.fingerprint(),
            rules,
            list(settings.summary_line_patterns),
            settings.keeps_extra_columns_of(stream.name),
            str(landing_schema(stream)),
        )
        content = digest(FORMAT_OF_CONTENT, read.sha256, *manner)
        newest = landing.newest(stream.name, source.name)
        now = extracted_at or datetime.now(UTC)
        if newest is not None and newest.content_sha256 == content:
            if read.modified_ns > newest.last_modified_ns:
                newest = landing.confirm(newest, now, read.modified_ns)
            return ExtractionOutcome(
                stream.name,
                source.name,
                LANDED_BEFORE,
                newest,
                read.file,
                newest.rows_read,
                0,
                {LANDED_BEFORE: newest.rows_read},
                time.perf_counter() - started,
            )
        extraction_id, moment = landing.free_extraction_id(stream.name, now, content)
        reader = _Reader(stream, source, layout, rules, read, settings, work, extraction_id, left_out)
        try:
            landed = reader.land(landing, newest, manner)
        except (duckdb.OutOfMemoryException, duckdb.IOException, duckdb.InvalidInputException) as error:
            raise SourceError(
                f"the file can't be parsed: {str(error).strip().splitlines()[0]}",
                file=read.file,
                expected=f"a table that is read within {settings.memory_limit} of memory and the disk's free space",
                action="free disk space, or raise extraction.memory_limit in policies/sources.yaml",
            ) from error
        skipped = read.summary_lines + landed.blank_rows
        passed_over = dict(before) | ({files.SUMMARY_LINE: skipped} if skipped else {})
        passed_over |= {FORGOTTEN: landed.forgotten} if landed.forgotten else {}
        extraction = landing.commit(
            work,
            extraction_id,
            stream=stream.name,
            source=source.name,
            file=read.file,
            extracted_at=moment,
            content_sha256=content,
            file_sha256=read.sha256,
            file_modified_ns=read.modified_ns,
            rows_read=sum(landed.parts.values()) - landed.gone + sum(passed_over.values()),
            passed_over=passed_over,
            parts=landed.parts,
            gone=landed.gone,
            places=landed.places,
            reading=landed.reading,
            columns_found=tuple(read.headers),
            columns_ignored=tuple(ignored),
            encoding=getattr(read, "encoding", "query"),
            delimiter=getattr(read, "delimiter", "query"),
            seconds=time.perf_counter() - started,
        )
        landing.keep_lines(extraction, landed.hashes)
    return ExtractionOutcome(
        stream.name,
        source.name,
        LANDED,
        extraction,
        read.file,
        extraction.rows_read,
        extraction.rows_landed,
        extraction.passed_over,
        time.perf_counter() - started,
    )


FORMAT_OF_CONTENT = f"account-health reader {READER_VERSION}"


def _recognised(stream: Stream, source: FileSource, headers: Sequence[str]) -> tuple[bool, int]:
    positions = files.map_header(stream, source, headers)
    return not files.missing_columns(stream, source, positions), len(positions)


def _lacks_required(stream: Stream, source: FileSource, headers: Sequence[str], cells: Sequence[str]) -> bool:
    """Whether a line lacks a value that every record needs, as totals do."""
    positions = files.map_header(stream, source, headers)
    needed = [positions[c.name] for c in stream.columns if c.required_value and c.name in positions]
    references = [positions[name] for name in ("account_id", "account_name") if name in positions]
    if stream.refers_to_account and not any(cells[position] for position in references):
        return True
    return any(not cells[position] for position in needed)


@dataclass(frozen=True, slots=True)
class _Landed:
    """The files of an extraction in the work folder, before they are committed. `parts`: name -> rows."""

    parts: Mapping[str, int]
    blank_rows: int = 0
    forgotten: int = 0
    gone: int = 0
    places: int = 0
    reading: str | None = None
    hashes: Path | None = None


@dataclass(frozen=True, slots=True)
class _WorkFiles:
    """The same files, for reading their rows."""

    extraction_id: str
    part_paths: Sequence[Path]
    gone_path: Path | None = None
    places_path: Path | None = None


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one copied file, or the result of one query, into the work folder: its new lines, or all of it."""

    stream: Stream
    source: FileSource
    layout: records.Layout
    rules: ReadingRules
    read: files.Snapshot | queries.QueryResult
    settings: ExtractionSettings
    work: Path
    extraction_id: str
    left_out: LeftOut | None = None

    def land(self, landing: LandingZone, newest: Extraction | None, manner: Sequence[object]) -> _Landed:
        """Reads what can't be taken over from the newest extraction; an error where the dates can't be decided."""
        read, settings = self.read, self.settings
        if (
            not isinstance(read, files.Snapshot)
            # A record takes two bytes at least.
            or read.data.stat().st_size < 2 * settings.compare_from_records
        ):
            return self._whole(None)
        reading = digest(FORMAT_OF_CONTENT, *manner, read.headers, read.delimiter, duckdb.__version__)
        base = delta.may_compare(landing, newest, reading, settings)
        if base is None:
            # Beside the parsing, which can't use more than one processor.
            with ThreadPoolExecutor(1) as aside:
                hashing = aside.submit(self._hash_lines, read)
                landed = self._whole(reading)
                return self._comparable(landed, hashing.result())
        hashes = self._hash_lines(read)
        taken = delta.take_over(landing, base, hashes, settings) if hashes else None
        landed = self._changes(read, taken) if taken else None
        if landed is not None:
            return replace(landed, reading=reading, hashes=hashes)
        return self._comparable(self._whole(reading), hashes)

    def _whole(self, reading: str | None) -> _Landed:
        rows, blank_rows, torn = self._write_part(self.read, self.work / _PART)
        if torn or blank_rows or (reading and self._counts_equals(self.read)):
            reading = None
        forgotten = self._strip(self.work / _PART)
        landed = _Landed({_PART: rows - forgotten}, blank_rows, forgotten, reading=None if forgotten else reading)
        self._refuse_undecidable(landed)
        return landed

    def _strip(self, part: Path) -> int:
        """Takes out the records of accounts that are to be forgotten; gives how many there were."""
        if not self.left_out:
            return 0
        given = "account_id" in self.layout.positions or "account_id" in self.source.constants
        return self.left_out.strip(part, ids_are_given=given or self.stream.name != "accounts")

    def _comparable(self, landed: _Landed, hashes: Path | None) -> _Landed:
        """The extraction with what the next file is compared with, where that could be done line by line."""
        rows = sum(landed.parts.values())
        if landed.reading is None or hashes is None or rows != lines.count(hashes):
            return replace(landed, reading=None)
        return replace(landed, hashes=hashes) if rows >= self.settings.compare_from_records else landed

    def _changes(self, read: files.Snapshot, taken: delta.Taken) -> _Landed | None:
        """Reads the new lines only; None where one of them is no record by itself."""
        added, new_lines, new_part = taken.changes.added, self.work / "added.csv", self.work / "added.parquet"
        if not lines.copy_lines(read.data, added, len(taken.changes.was), new_lines):
            return None
        if len(added):
            few = replace(read, data=new_lines)
            rows, blank_rows, torn = self._write_part(few, new_part, first_row=taken.first_new_row)
            if torn or blank_rows or rows != len(added) or self._counts_equals(few) or self._strip(new_part):
                return None
        parts = delta.share_parts(taken, new_part, self.work)
        if parts is None:
            return None
        gone, places = delta.note_places(taken, self.work)
        landed = _Landed(parts, gone=gone, places=places)
        self._refuse_undecidable(landed)
        return landed

    def _counts_equals(self, read: files.Snapshot) -> bool:
        """Whether an id of these records depends on other records."""
        cells = compose(
            "SELECT CAST(NULL AS VARCHAR) AS _ragged, * FROM {cells}",
            cells=files.read_csv(read, self.settings, store_rejects=False),
        )
        counting = records.numbered_among_equals(self.stream, self.source, self.layout, cells)
        if counting is None:
            return False
        with queries.connect(self.settings, self.work) as con:
            return bool(con.execute(counting).fetchall()[0][0])

    def _hash_lines(self, read: files.Snapshot) -> Path | None:
        with queries.connect(self.settings, self.work) as con:
            return delta.hash_lines(con, read.data, self.settings, self.work / "lines.parquet")

    def _write_part(
        self, read: files.Snapshot | queries.QueryResult, part: Path, first_row: int = 1
    ) -> tuple[int, int, bool]:
        """Writes the typed records, their `_row` counted from `first_row`.

        Returns (rows landed, rows of nothing but delimiters that were passed over, whether lines didn't fit).
        """
        settings = self.settings

        def write(raw: Sql) -> None:
            if first_row > 1:
                raw = compose("SELECT * REPLACE (_row + {n} AS _row) FROM ({raw})", n=literal(first_row - 1), raw=raw)
            typed = records.typed_records(
                self.stream, self.source, self.layout, self.rules, raw, self.extraction_id, read.file
            )
            _copy(con, typed, part, settings)

        with queries.connect(settings, self.work) as con:
            records.register_fold(con)
            if isinstance(read, queries.QueryResult):
                attach, raw = queries.attached_cells(read)
                con.execute(attach)
            else:
                raw = _file_cells(read, settings, rejected=False)
            write(raw)
            blank_rows = None
            if isinstance(read, files.Snapshot) and con.execute("SELECT count(*) FROM reject_errors").fetchall()[0][0]:
                _number_rejects(con, read, settings)
                blank_rows = _blank_rows(con, read, settings)
                write(_file_cells(read, settings, rejected=True))
            rows, last = con.execute(
                compose("SELECT count(*), coalesce(max(_row), 0) FROM read_parquet({part})", part=literal(str(part)))
            ).fetchall()[0]
        torn = blank_rows is not None
        # Blank rows at the end were cut off before, so that the last record's number counts those in between.
        return rows, max(0, last - first_row + 1 - rows) if blank_rows is None else blank_rows, torn

    def _refuse_undecidable(self, landed: _Landed) -> None:
        """An error where a column's dates can't be read at all, and look like dates whose order must be declared."""
        moments = [
            column.name
            for column in self.stream.columns
            if column.kind in (Kind.DATE, Kind.TIMESTAMP) and column.name in self.layout.positions
        ]
        if not moments:
            return
        places = _WorkFiles(
            self.extraction_id,
            [self.work / name for name in landed.parts],
            self.work / GONE if landed.gone else None,
        )
        with queries.connect(self.settings, self.work) as con:
            suspects = con.execute(
                compose(
                    """SELECT fault."column", min(fault."value"), count(*)
                    FROM (SELECT unnest(_faults) AS fault FROM ({rows}) WHERE _faults IS NOT NULL)
                    WHERE fault."column" IN {columns} AND regexp_matches(fault."value", {undecided})
                    GROUP BY ALL ORDER BY 1""",
                    rows=whole.rows(places, ["_faults"]),
                    columns=texts(moments),
                    undecided=values.UNDECIDED_DATE,
                )
            ).fetchall()
            for name, sample, count in suspects:
                readable = con.execute(
                    compose("SELECT count({c}) FROM ({rows})", c=identifier(name), rows=whole.rows(places, [name]))
                ).fetchall()[0][0]
                if not readable:
                    raise self._undecidable(name, sample, count)

    def _undecidable(self, name: str, sample: str, count: int) -> SourceError:
        setting = "timestamp_format" if self.stream.column(name).kind is Kind.TIMESTAMP else "date_format"
        return SourceError(
            f"the dates of this column can't be decided from the file alone: {sample!r} ({count:,} such values).",
            file=self.read.file,
            place=f"column {self.read.headers[self.layout.positions[name]]!r} ({name})",
            expected="YYYY-MM-DD, or a declared format",
            action=f"add `{setting}` (for example '%d/%m/%Y' or '%m/%d/%Y') to a source of stream {self.stream.name}"
            " in policies/sources.yaml",
        )


def _blank_rows(con: duckdb.DuckDBPyConnection, snapshot: files.Snapshot, settings: ExtractionSettings) -> int:
    return con.execute(
        compose(
            "SELECT count(*) FROM {cells} WHERE NOT ({filled})",
            cells=files.read_csv(snapshot, settings, store_rejects=False),
            filled=_any_filled(snapshot),
        )
    ).fetchall()[0][0]


def _any_filled(snapshot: files.Snapshot) -> Sql:
    cells = (compose("{c} <> ''", c=identifier(f"c{position}")) for position in range(len(snapshot.headers)))
    return joined(cells, " OR ")


def _copy(con: duckdb.DuckDBPyConnection, select: Sql, part: Path, settings: ExtractionSettings) -> None:
    con.execute(
        compose(
            "COPY ({select}) TO {part} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {rows})",
            select=select,
            part=literal(str(part)),
            rows=literal(settings.row_group_rows),
        )
    )


def _file_cells(snapshot: files.Snapshot, settings: ExtractionSettings, rejected: bool) -> Sql:
    """The records of a copied file: numbered as in the file, rows of nothing but delimiters left out.

    With `rejected`, the lines that don't fit the header take part too, as records without cells.
    """
    width = len(snapshot.headers)
    filled = _any_filled(snapshot)
    good = compose(
        "SELECT row_number() OVER () AS _row, CAST(NULL AS VARCHAR) AS _ragged, * FROM {cells}",
        cells=files.read_csv(snapshot, settings, store_rejects=not rejected),
    )
    if not rejected:
        return compose("SELECT * FROM ({good}) WHERE {filled}", good=good, filled=filled)
    return compose(
        """SELECT _row + coalesce(shift, 0) AS _row, * EXCLUDE (_row, behind, shift)
            FROM ({good}) ASOF LEFT JOIN shifts ON _row > behind WHERE {filled}
        UNION ALL SELECT _row, _ragged, {no_cells} FROM rejected_lines""",
        good=good,
        filled=filled,
        no_cells=joined(Sql("CAST(NULL AS VARCHAR)") for _ in range(width)),
    )


def _number_rejects(con: duckdb.DuckDBPyConnection, snapshot: files.Snapshot, settings: ExtractionSettings) -> None:
    """Makes `rejected_lines` and `shifts` (how far records behind them move); errors where records were swallowed."""
    for line, kind, text in con.execute(
        """SELECT line, error_type, left(csv_line, 200) FROM reject_errors
        WHERE error_type = 'LINE SIZE OVER MAXIMUM' OR (error_type = 'UNQUOTED VALUE' AND contains(csv_line, chr(10)))
        ORDER BY line LIMIT 1"""
    ).fetchall():
        if kind == "LINE SIZE OVER MAXIMUM":
            raise files.line_too_long(snapshot.file, settings, f"record {line}")
        raise SourceError(
            f"a quote is opened and not closed as it should be, so records run into each other: {text!r}.",
            file=snapshot.file,
            place=f"record {line}",
            expected='quotes inside a quoted cell doubled ("")',
            action="mend that record, or export the file again",
        )
    con.execute(
        """CREATE TEMP TABLE rejected_lines AS
        SELECT CAST(line AS BIGINT) AS _row, coalesce(any_value(csv_line), '') AS _ragged
        FROM reject_errors GROUP BY line ORDER BY line"""
    )
    con.execute(
        """CREATE TEMP TABLE shifts AS
        SELECT _row - number AS behind, max(number) AS shift
        FROM (SELECT _row, row_number() OVER (ORDER BY _row) AS number FROM rejected_lines) GROUP BY behind"""
    )
