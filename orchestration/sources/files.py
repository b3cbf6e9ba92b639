"""Report files: which file of a drop folder feeds a stream, and how its bytes become plain CSV that DuckDB can read.

Everything about a file's edges is here: names, settling, gzip, encodings, newlines, the header, the summary lines at
the end. A file is copied once, as UTF-8 with `\\n` line ends and without header and footer, and hashed on the way; only
that copy is parsed, so what was hashed is what was read. Cells are not looked at here (`values`, `records`).
"""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import os
import re
import stat
import time
import unicodedata
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from orchestration.sources.errors import SourceError
from orchestration.sources.records import Layout
from orchestration.sources.settings import ExtractionSettings, FileSource
from orchestration.sources.sqltext import Sql, compose, identifier, joined, literal
from orchestration.sources.streams import Stream

SUMMARY_LINE = "summary_line"

_EXTENSIONS = (".csv", ".tsv", ".txt")
_DELIMITERS = (",", ";", "\t", "|")
_CHUNK = 1 << 20
_HEAD_CHARACTERS = 1 << 20
_HEADER_RECORDS = 20
# Small archives may pack well without being bombs.
_RATIO_FROM_BYTES = 64 << 20
# A cell that DuckDB would take for NULL: none, so that a blank cell and a missing one differ.
_NO_NULLS = "\x01\x02"
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF8_SEQUENCE = re.compile(rb"[\xc3-\xf4][\x80-\xbf]+")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A settled, decoded copy of a file: `data` holds the records only (UTF-8, `\\n`), without header and footer."""

    data: Path
    file: str
    headers: tuple[str, ...]
    delimiter: str
    encoding: str
    sha256: str
    modified_ns: int
    summary_lines: int
    first_line: int


# -- finding ----------------------------------------------------------------------------------------------------------


def normalised_header(header: str) -> str:
    """A header as it is compared: without case, white space, underscores and byte-order marks."""
    return re.sub(r"[\s_\ufeff]+", "", unicodedata.normalize("NFKC", header).casefold())


def bare_stem(name: str) -> str:
    """A file name without its folder, `.gz` and table extension."""
    lowered = name.lower()
    for suffix in (".gz", *_EXTENSIONS):
        if lowered.endswith(suffix):
            lowered = lowered[: -len(suffix)]
    return name[: len(lowered)]


def has_table_extension(name: str) -> bool:
    """Whether a file name says that it holds a delimited table."""
    return name.lower().removesuffix(".gz").endswith(_EXTENSIONS)


def names_stream(name: str, stream: str) -> bool:
    """Whether a file called `name` is a report of `stream`: `activities.csv`, `Activities Report 2026-06-30.csv.gz`."""
    if not has_table_extension(name):
        return False
    stem = re.sub(r"[\s_\-.]+", "", bare_stem(name).casefold())
    return bool(
        re.fullmatch(rf"{re.escape(stream.replace('_', ''))}(report|export)?(\d{{8}}|\d{{14}})?(\(\d+\))?", stem)
    )


def list_folder(drop_dir: Path) -> list[str]:
    """The names in a drop folder, sorted, hidden ones left out."""
    try:
        return sorted(entry.name for entry in os.scandir(drop_dir) if not entry.name.startswith("."))
    except OSError as error:
        raise SourceError(
            f"the drop folder can't be read ({error.strerror}).",
            file=str(drop_dir),
            action="name an existing folder that this user may read",
        ) from error


def declared_files(drop_dir: Path, source: FileSource) -> list[str]:
    """The files that a declared source's `path` names, relative to the drop folder."""
    if not source.path:
        return []
    if Path(source.path).is_absolute() or ".." in Path(source.path).parts:
        raise SourceError(
            f"source {source.name} names a path outside the drop folder: {source.path!r}.",
            file="policies/sources.yaml",
            expected="a path relative to the drop folder, without ..",
            action="copy the file into the drop folder, or name that folder as the drop folder",
        )
    return sorted(str(path.relative_to(drop_dir)) for path in drop_dir.glob(source.path))


def find_file(
    drop_dir: Path,
    stream: Stream,
    source: FileSource,
    settings: ExtractionSettings,
    taken: frozenset[str] = frozenset(),
) -> Path | None:
    """The one file that `source` reads for `stream`, or None; files in `taken` belong to other sources."""
    names = [name for name in list_folder(drop_dir) if name not in taken]
    suffixes = tuple(suffix.lower() for suffix in settings.temporary_suffixes)
    if source.path:
        found = [name for name in declared_files(drop_dir, source) if not name.lower().endswith(suffixes)]
    else:
        found = [name for name in names if names_stream(name, stream.name)]
        unfinished = [
            name
            for name in names
            for suffix in suffixes
            if name.lower().endswith(suffix) and names_stream(name[: -len(suffix)], stream.name)
        ]
        if unfinished and not found:
            raise SourceError(
                "the file is still being written (its name says so).",
                file=str(drop_dir / unfinished[0]),
                expected=f"{stream.name}.csv",
                action="wait until it is complete, then run again; writers should rename when done",
            )
    if len(found) > 1:
        raise SourceError(
            f"{len(found)} files claim the stream {stream.name}: {', '.join(found)}.",
            file=str(drop_dir),
            expected="one file a stream and source",
            action="leave one of them in the folder, or declare a source for each in policies/sources.yaml",
        )
    return drop_dir / found[0] if found else None


def checked_path(path: Path, drop_dir: Path) -> Path:
    """The real path of a file of the drop folder; an error for folders, pipes and links that lead outside."""
    try:
        real = path.resolve(strict=True)
        mode = real.stat().st_mode
    except (OSError, RuntimeError) as error:
        raise SourceError(
            f"the file can't be opened ({getattr(error, 'strerror', None) or error}).",
            file=str(path),
            action="check the link and the permissions",
        ) from error
    if not real.is_relative_to(drop_dir.resolve()):
        raise SourceError(
            "the file is a link that leads outside the drop folder.",
            file=str(path),
            expected="a file inside the drop folder",
            action="copy the file into the drop folder",
        )
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise SourceError(
            f"this is {kind}, not a report.", file=str(path), expected="a CSV file", action="put the exported file here"
        )
    return real


# -- reading ----------------------------------------------------------------------------------------------------------


def settle(path: Path, settings: ExtractionSettings) -> os.stat_result:
    """Waits until a freshly written file has stopped changing; an error when it doesn't."""
    before = path.stat()
    for _ in range(settings.settle_attempts):
        if time.time() - before.st_mtime >= settings.settle_seconds:
            return before
        time.sleep(settings.settle_seconds)
        after = path.stat()
        if _same(before, after):
            return after
        before = after
    raise _still_written(path)


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_size, one.st_mtime_ns, one.st_ino) == (other.st_size, other.st_mtime_ns, other.st_ino)


def _still_written(path: Path) -> SourceError:
    return SourceError(
        "the file changes while it is read: it is still being written.",
        file=str(path),
        expected="a complete file",
        action="run again when the export is done; exporters should write to another name and rename",
    )


def take_snapshot(
    path: Path,
    drop_dir: Path,
    work_dir: Path,
    source: FileSource,
    settings: ExtractionSettings,
    recognise: Callable[[Sequence[str]], tuple[bool, int]],
    required_blank: Callable[[Sequence[str], Sequence[str]], bool] = lambda headers, cells: True,
) -> Snapshot:
    """Copies a settled file into `work_dir` as plain CSV; `recognise` says of a header (complete, columns known).

    `required_blank(headers, cells)` says whether a trailing line lacks a value that every record needs: only such
    lines may be summary lines.
    """
    real = checked_path(path, drop_dir)
    for _ in range(settings.settle_attempts):
        before = settle(real, settings)
        snapshot = _copy(real, path, work_dir, source, settings, recognise, required_blank, before.st_mtime_ns)
        if _same(before, real.stat()):
            return snapshot
    raise _still_written(path)


def _copy(
    real: Path,
    path: Path,
    work_dir: Path,
    source: FileSource,
    settings: ExtractionSettings,
    recognise: Callable[[Sequence[str]], tuple[bool, int]],
    required_blank: Callable[[Sequence[str], Sequence[str]], bool],
    modified_ns: int,
) -> Snapshot:
    file = str(path)
    encoding, guesses = _encodings(real, file, source, settings)
    while True:
        data = work_dir / f"{bare_stem(path.name)[:40]}-{os.urandom(4).hex()}.csv"
        hasher = hashlib.sha256()
        try:
            pieces = _decoded(real, file, encoding, settings, hasher)
            head, rest_of_pieces = _take_head(pieces)
            headers, delimiter, offset, lines = _find_header(head, file, source, settings, recognise)
            with data.open("wb") as target:
                target.write(head[offset:].encode())
                for piece in rest_of_pieces:
                    target.write(piece.encode())
            break
        except UnicodeDecodeError as error:
            data.unlink(missing_ok=True)
            if not guesses:
                raise SourceError(
                    f"byte {error.object[error.start]:#04x} is not {encoding}.",
                    file=file,
                    expected="UTF-8, UTF-16 or Windows-1252",
                    action="export as UTF-8, or set `encoding` of the source in policies/sources.yaml",
                ) from error
            _refuse_mixed(real, file, settings)
            encoding = guesses.pop()
        except OSError as error:
            raise SourceError(
                f"the file can't be copied into the landing zone ({error.strerror or error}).",
                file=file,
                action="check the file, and the free space of the home folder, and run again",
            ) from error
    summary_lines = _cut_summary_lines(data, headers, delimiter, settings, required_blank)
    return Snapshot(
        data=data,
        file=path.name,
        headers=headers,
        delimiter=delimiter,
        encoding=encoding,
        sha256=hasher.hexdigest(),
        modified_ns=modified_ns,
        summary_lines=summary_lines,
        first_line=lines + 1,
    )


def _chunks(
    real: Path, file: str, settings: ExtractionSettings, hasher: hashlib._Hash | None = None
) -> Iterator[bytes]:
    """The file's bytes, unpacked where it is gzip, within the bound for unpacked size."""
    with real.open("rb") as raw:
        magic = raw.read(4)
        raw.seek(0)
        if not magic:
            raise SourceError(
                "the file is empty (0 bytes), without even a header.",
                file=file,
                expected="a header line",
                action="export it again",
            )
        if magic[:4] == b"PK\x03\x04" or magic[:4] == b"\xd0\xcf\x11\xe0":
            raise SourceError(
                "this is a workbook or a ZIP archive, not CSV.", file=file, expected="CSV", action="save it as CSV"
            )
        source = _Hashing(raw, hasher)
        stream: BinaryIO = gzip.GzipFile(fileobj=source, mode="rb") if magic[:2] == b"\x1f\x8b" else source  # type: ignore[assignment]
        total = 0
        try:
            while chunk := stream.read(_CHUNK):
                total += len(chunk)
                _refuse_huge(total, source.count, file, settings)
                yield chunk
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise SourceError(
                f"the gzip data is damaged or ends too early ({error}).",
                file=file,
                expected="a complete .gz file",
                action="copy or export it again",
            ) from error
        while source.read(_CHUNK):
            pass


class _Hashing(io.RawIOBase):
    """Passes bytes on, hashing and counting them."""

    def __init__(self, raw: BinaryIO, hasher: hashlib._Hash | None) -> None:
        self._raw = raw
        self._hasher = hasher
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        data = self._raw.read(len(buffer))
        buffer[: len(data)] = data
        self.count += len(data)
        if self._hasher is not None:
            self._hasher.update(data)
        return len(data)


def _refuse_huge(total: int, packed: int, file: str, settings: ExtractionSettings) -> None:
    if total > settings.max_file_bytes_decompressed:
        raise SourceError(
            f"the file holds more than {settings.max_file_bytes_decompressed:,} bytes.",
            file=file,
            expected="at most extraction.max_file_bytes_decompressed of policies/sources.yaml",
            action="split the export, or raise that limit if the file is meant",
        )
    if total > _RATIO_FROM_BYTES and total > packed * settings.max_compression_ratio:
        raise SourceError(
            f"the archive unpacks to more than {settings.max_compression_ratio:g} times its size.",
            file=file,
            expected="at most extraction.max_compression_ratio of policies/sources.yaml",
            action="check where the file comes from; raise that limit if it is meant",
        )


def _encodings(real: Path, file: str, source: FileSource, settings: ExtractionSettings) -> tuple[str, list[str]]:
    """The encoding to try first, and those to fall back to."""
    if source.encoding:
        try:
            info = codecs.lookup(source.encoding)
        except LookupError:
            info = None
        if info is None or not getattr(info, "_is_text_encoding", True):
            raise SourceError(
                f"source {source.name} declares an unknown encoding: {source.encoding!r}.",
                file="policies/sources.yaml",
                expected="a name such as utf-8, utf-16, windows-1252",
                action="correct it",
            )
        name = info.name
        return ("utf-8-sig" if name == "utf-8" else name), []
    head = next(_chunks(real, file, settings), b"")[:4096]
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name, []
    # UTF-16 without a mark: every other byte of a header is NUL.
    if len(head) >= 8 and head[1::2].count(0) > len(head) // 2 * 0.8:
        return "utf-16-le", []
    if len(head) >= 8 and head[0::2].count(0) > len(head) // 2 * 0.8:
        return "utf-16-be", []
    return "utf-8", ["windows-1252"]


def _refuse_mixed(real: Path, file: str, settings: ExtractionSettings) -> None:
    """No file is read as Windows-1252 that also holds UTF-8 letters: one of both would come out garbled."""
    for chunk in _chunks(real, file, settings):
        for found in _UTF8_SEQUENCE.finditer(chunk):
            try:
                sample = found.group().decode()
            except UnicodeDecodeError:
                continue
            raise SourceError(
                f"the file mixes encodings: it holds UTF-8 letters ({sample!r}) and bytes that are not UTF-8.",
                file=file,
                expected="one encoding throughout",
                action="export as UTF-8, or set `encoding` of the source in policies/sources.yaml",
            )


def _decoded(
    real: Path, file: str, encoding: str, settings: ExtractionSettings, hasher: hashlib._Hash
) -> Iterator[str]:
    """The file's text in pieces, with `\\n` line ends; an error for NUL characters and endless lines."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    line_so_far = 0
    for chunk in _chunks(real, file, settings, hasher):
        text = newlines.decode(decoder.decode(chunk))
        if "\0" in text:
            raise SourceError(
                "the file holds NUL characters: it is no text, or damaged.",
                file=file,
                expected="a CSV file",
                action="export it again",
            )
        last = text.rfind("\n")
        line_so_far = len(text) - last - 1 if last >= 0 else line_so_far + len(text)
        if line_so_far > settings.max_line_bytes:
            raise line_too_long(file, settings)
        yield text
    yield newlines.decode(decoder.decode(b"", True), True)


def line_too_long(file: str, settings: ExtractionSettings, place: str = "") -> SourceError:
    """The error for a record over the bound."""
    return SourceError(
        f"a record is longer than {settings.max_line_bytes:,} bytes.",
        file=file,
        place=place,
        expected="records of at most extraction.max_line_bytes; a quote that is never closed also looks like this",
        action="look for an open quote, or raise that limit in policies/sources.yaml",
    )


def _take_head(pieces: Iterator[str]) -> tuple[str, Iterator[str]]:
    head = ""
    for piece in pieces:
        head += piece
        if len(head) >= _HEAD_CHARACTERS:
            break
    return head, pieces


# -- the header -------------------------------------------------------------------------------------------------------


def _find_header(
    head: str,
    file: str,
    source: FileSource,
    settings: ExtractionSettings,
    recognise: Callable[[Sequence[str]], tuple[bool, int]],
) -> tuple[tuple[str, ...], str, int, int]:
    """(headers, delimiter, characters up to the first record, lines up to it).

    Title lines above the header are passed over only when the line that is taken has every required column.
    """
    delimiters = (source.delimiter,) if source.delimiter else _DELIMITERS
    candidates = [found for delimiter in delimiters for found in _header_candidates(head, delimiter, recognise)]
    best = max(candidates, key=lambda candidate: candidate[0], default=None)
    if best is None:
        raise SourceError("the file has no header.", file=file, expected="a header line", action="export it again")
    _, headers, delimiter, lines = best
    if len(headers) > settings.max_columns:
        raise SourceError(
            f"the header has {len(headers):,} columns.",
            file=file,
            place=f"line {lines}",
            expected=f"at most {settings.max_columns:,} (extraction.max_columns of policies/sources.yaml)",
            action="check the delimiter, or raise that limit",
        )
    offset = 0
    for _ in range(lines):
        end = head.find("\n", offset)
        offset = len(head) if end < 0 else end + 1
    return headers, delimiter, offset, lines


def _header_candidates(
    head: str, delimiter: str, recognise: Callable[[Sequence[str]], tuple[bool, int]]
) -> Iterator[tuple[tuple, tuple[str, ...], str, int]]:
    """(score, headers, delimiter, lines) of the first records, up to the first that has every required column."""
    reader = csv.reader(io.StringIO(head), delimiter=delimiter)
    for position in range(_HEADER_RECORDS):
        try:
            cells = next(reader)
        except (StopIteration, csv.Error):
            # The end, or a cell over the csv module's bound: no header.
            return
        headers = tuple(cell.strip().lstrip("\ufeff") for cell in cells)
        if not any(headers):
            continue
        complete, known = recognise(headers)
        first = position == 0
        score = (complete, known if complete or first else 0, len(headers) if first else 0, -position)
        yield score, headers, delimiter, reader.line_num
        if complete:
            return


def map_header(stream: Stream, source: FileSource, headers: Sequence[str]) -> dict[str, int]:
    """Canonical column -> position of its header: declared columns first, then canonical names, then aliases."""
    normal = [normalised_header(header) for header in headers]
    positions: dict[str, int] = {}
    taken: set[int] = set()

    def claim(column: str, wanted: str) -> None:
        if column in positions or not wanted:
            return
        for position, name in enumerate(normal):
            if name == wanted and position not in taken:
                positions[column] = position
                taken.add(position)
                return

    for column, header in source.columns.items():
        claim(column, normalised_header(header))
    free = [c for c in stream.columns if c.name not in source.columns and c.name not in source.constants]
    for column in free:
        claim(column.name, normalised_header(column.name))
    for column in free:
        for alias in column.aliases:
            claim(column.name, normalised_header(alias))
    return positions


def missing_columns(stream: Stream, source: FileSource, positions: dict[str, int]) -> list[str]:
    """The required columns that neither the file nor the source's constants give, in words."""
    given = positions.keys() | source.constants.keys()
    missing = [column.name for column in stream.columns if column.required and column.name not in given]
    missing += [column for column in source.columns if column not in given]
    if stream.refers_to_account and not {"account_id", "account_name"} & given:
        missing.insert(0, "account_id (or account_name)")
    return list(dict.fromkeys(missing))


def layout_of(
    stream: Stream, source: FileSource, headers: Sequence[str], settings: ExtractionSettings, file: str
) -> tuple[Layout, list[str]]:
    """Which cell feeds which column, and the headers that are not landed; an error when a required one is missing."""
    unknown = [name for name in (*source.columns, *source.constants, *source.value_maps) if not _has(stream, name)]
    if unknown:
        raise SourceError(
            f"source {source.name} maps columns that {stream.name} doesn't have: {', '.join(sorted(set(unknown)))}.",
            file="policies/sources.yaml",
            expected=", ".join(column.name for column in stream.columns),
            action="correct the names",
        )
    positions = map_header(stream, source, headers)
    missing = missing_columns(stream, source, positions)
    if missing:
        shown = [
            f"{name} (declared as header {source.columns[name]!r})" if name in source.columns else name
            for name in missing
        ]
        raise SourceError(
            f"required column{'s' if len(missing) > 1 else ''} missing: {', '.join(shown)}."
            f" Columns found: {', '.join(header or '(blank)' for header in headers)}.",
            file=file,
            place="header",
            expected=", ".join(column.name for column in stream.columns if column.required),
            action="add the column to the export, or map its header in policies/sources.yaml",
        )
    _refuse_twins(stream, source, headers, positions, file)
    keep = settings.keeps_extra_columns_of(stream.name)
    used = set(positions.values())
    extras: dict[str, int] = {}
    ignored: list[str] = []
    for position, header in enumerate(headers):
        if position in used:
            continue
        if not keep:
            ignored.append(header)
            continue
        extras[_extra_name(header, position, extras)] = position
    return Layout(positions=positions, extras=extras, width=len(headers)), ignored


def _has(stream: Stream, name: str) -> bool:
    return any(column.name == name for column in stream.columns)


def _refuse_twins(
    stream: Stream, source: FileSource, headers: Sequence[str], positions: dict[str, int], file: str
) -> None:
    """A header that stands twice can't be told apart from its twin, where it feeds a column."""
    normal = [normalised_header(header) for header in headers]
    for column, position in positions.items():
        if normal.count(normal[position]) > 1:
            raise SourceError(
                f"the header {headers[position]!r} stands {normal.count(normal[position])} times, for {column}.",
                file=file,
                place="header",
                expected="each column once",
                action="leave one of them in the export, or rename the other",
            )


def _extra_name(header: str, position: int, taken: dict[str, int]) -> str:
    stem = re.sub(r"[^0-9a-z]+", "_", unicodedata.normalize("NFKC", header).casefold()).strip("_")[:60]
    name = f"x_{stem or f'column_{position + 1}'}"
    number, unique = 2, name
    while unique in taken:
        unique, number = f"{name}_{number}", number + 1
    return unique


# -- the footer -------------------------------------------------------------------------------------------------------


def _cut_summary_lines(
    data: Path,
    headers: tuple[str, ...],
    delimiter: str,
    settings: ExtractionSettings,
    required_blank: Callable[[Sequence[str], Sequence[str]], bool],
) -> int:
    """Cuts the summary lines that exporters add off the end of the copy; returns how many held anything.

    From the end backwards, lines that are blank, that look like a total or a footer by policy, or that have one cell
    only (report and company names) are collected; the lone cells before the first blank or footer line are records.
    """
    patterns = [re.compile(pattern, re.IGNORECASE) for pattern in settings.summary_line_patterns]
    tail: list[tuple[str, int, int]] = []  # (kind, start, end), last line first
    for line, start, end in _lines_backwards(data):
        kind = _line_kind(line, headers, delimiter, patterns, required_blank)
        if kind == "record":
            break
        tail.append((kind, start, end))
    tail.reverse()
    while tail and tail[0][0] == "lone":
        tail.pop(0)
    if not any(kind == "footer" for kind, _, _ in tail):
        # Without a footer only blank lines at the very end go.
        while any(kind == "lone" for kind, _, _ in tail):
            tail.pop(0)
    if not tail:
        return 0
    os.truncate(data, tail[0][1])
    return sum(kind != "blank" for kind, _, _ in tail)


def _line_kind(
    line: str,
    headers: tuple[str, ...],
    delimiter: str,
    patterns: list[re.Pattern[str]],
    required_blank: Callable[[Sequence[str], Sequence[str]], bool],
) -> str:
    if not line.strip():
        return "blank"
    if line.count('"') % 2:
        return "record"
    try:
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
    except (csv.Error, StopIteration):
        return "record"
    filled = [cell for cell in cells if cell]
    if not filled:
        return "empty"
    whole = line.strip().strip('"')
    if any(pattern.fullmatch(filled[0]) or pattern.fullmatch(whole) for pattern in patterns) and (
        len(cells) != len(headers) or required_blank(headers, cells)
    ):
        return "footer"
    return "lone" if len(cells) == 1 and len(headers) > 1 else "record"


def _lines_backwards(data: Path) -> Iterator[tuple[str, int, int]]:
    """(line, start, end) from the last line to the first, in blocks."""
    with data.open("rb") as handle:
        end = position = handle.seek(0, os.SEEK_END)
        rest = b""
        while position > 0:
            size = min(1 << 16, position)
            position -= size
            handle.seek(position)
            rest = handle.read(size) + rest
            lines = rest.split(b"\n")
            for line in reversed(lines[1:]):
                start = end - len(line)
                yield line.decode("utf-8", "replace"), start, end
                end = start - 1
            rest = lines[0]
        yield rest.decode("utf-8", "replace"), 0, end


# -- the cells --------------------------------------------------------------------------------------------------------


def read_csv(snapshot: Snapshot, settings: ExtractionSettings, store_rejects: bool) -> Sql:
    """The DuckDB table function over the copy: text columns `c0`, `c1`, …; lines that don't fit are rejects."""
    return compose(
        "read_csv({data}, auto_detect = false, header = false, delim = {delimiter}, quote = '\"', escape = '\"',"
        " columns = {columns}, nullstr = {no_nulls}, max_line_size = {most}, {rejects})",
        data=literal(str(snapshot.data)),
        delimiter=literal(snapshot.delimiter),
        columns=compose(
            "struct_pack({all})",
            all=joined(
                compose("{name} := 'VARCHAR'", name=identifier(f"c{position}"))
                for position in range(len(snapshot.headers))
            ),
        ),
        no_nulls=literal(_NO_NULLS),
        most=literal(settings.max_line_bytes),
        rejects=Sql("store_rejects = true, rejects_limit = 0") if store_rejects else Sql("ignore_errors = true"),
    )
