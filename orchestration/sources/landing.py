"""The landing zone: what every extraction read, kept for ever in immutable folders, so that the past stays answerable.

    landing/<stream>/<extraction_id>/part-00000.parquet … manifest.json     committed extractions
    landing/<stream>/<extraction_id>/gone.parquet, places.parquet           … where it shares parts with the one before
    landing/<stream>/<extraction_id>/confirmed-<time>.json                  the same content was exported again then
    landing/<stream>/.lines-<extraction_id>.parquet                         hashes to compare the next file with
    landing/<stream>/.tmp-…                                                 work in progress; swept by the next one
    landing/<stream>/.lock                                                  one extraction of a stream at a time

An extraction exists once its folder has its final name: everything in it, the manifest last, was written and synced
under a `.tmp-` name before, and renaming is atomic. What is *accepted* is decided by the checks, not here.

An extraction most of whose records are those of the one before holds the same parts (hard links to the same files), a
part of its own with what is new, the `_row` numbers of what is gone, and at which place of the file each row stands.
Its rows are read through `whole`, never from the parts alone.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from orchestration.sources.errors import LandingError
from orchestration.sources.streams import STREAMS

FORMAT = 2
# The first format had no shared parts.
_READABLE_FORMATS = (1, 2)
MANIFEST = "manifest.json"
_WORK = ".tmp-"
_LINES = ".lines-"
GONE, PLACES = "gone.parquet", "places.parquet"
_EXTRACTION_ID = re.compile(r"\d{8}T\d{12}Z-[0-9a-f]{12}")
_LOCK_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Part:
    """One Parquet file of an extraction."""

    path: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Extraction:
    """One committed extraction of a stream, as its manifest tells it. Times are aware UTC."""

    stream: str
    source: str
    extraction_id: str
    file: str
    extracted_at: datetime
    sequence: int
    content_sha256: str
    file_sha256: str
    file_modified_ns: int
    rows_read: int
    rows_landed: int
    passed_over: Mapping[str, int]
    parts: tuple[Part, ...]
    columns_found: tuple[str, ...]
    columns_ignored: tuple[str, ...]
    encoding: str
    delimiter: str
    seconds: float
    folder: Path
    confirmations: tuple[tuple[datetime, int], ...] = ()
    # How its cells were read; None where not every record is a line of its own, so that lines can't be compared.
    reading: str | None = None
    gone: Part | None = None
    places: Part | None = None

    @property
    def part_paths(self) -> tuple[Path, ...]:
        """The extraction's Parquet files, with the rows that are gone where `gone_path` names some."""
        return tuple(self.folder / part.path for part in self.parts)

    @property
    def gone_path(self) -> Path | None:
        """The file of the `_row` numbers that the parts hold and the extraction doesn't."""
        return self.folder / self.gone.path if self.gone else None

    @property
    def places_path(self) -> Path | None:
        """The file that says where in the report each `_row` stands; without it `_row` says so itself."""
        return self.folder / self.places.path if self.places else None

    @property
    def last_modified_ns(self) -> int:
        """When the file was last written, as of the landing or the latest confirmation."""
        return max([self.file_modified_ns, *(modified for _, modified in self.confirmations)])

    def confirmed_on(self, as_of: date, zone: ZoneInfo) -> date | None:
        """The latest local date on or before `as_of` on which this content was extracted or exported again."""
        moments = [self.extracted_at, *(moment for moment, _ in self.confirmations)]
        days = [day for moment in moments if (day := moment.astimezone(zone).date()) <= as_of]
        return max(days) if days else None


@dataclass(frozen=True, slots=True)
class KnownExtraction:
    """An extraction as it may be used at an as-of date; reconstructed: none that old was kept, a later one serves."""

    extraction: Extraction
    source: str
    known_on: date
    age_days: int
    reconstructed: bool


class LandingZone:
    """The landing folders under `root`; safe for several processes."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def folder(self, stream: str) -> Path:
        """The folder of a stream; names that aren't streams are refused, so no name leads outside."""
        if stream not in STREAMS:
            raise LandingError(f"there is no stream {stream!r}.", file=str(self.root), expected=", ".join(STREAMS))
        return self.root / stream

    # -- reading --

    def extractions(self, stream: str) -> list[Extraction]:
        """Every committed extraction of a stream, newest first."""
        folder = self.folder(stream)
        if not folder.is_dir():
            return []
        found = [
            read_manifest(Path(entry.path)) for entry in os.scandir(folder) if _EXTRACTION_ID.fullmatch(entry.name)
        ]
        return sorted(found, key=lambda one: (one.extracted_at, one.sequence, one.extraction_id), reverse=True)

    def newest(self, stream: str, source: str) -> Extraction | None:
        """The newest committed extraction of one source."""
        return next((one for one in self.extractions(stream) if one.source == source), None)

    def known_at(self, stream: str, as_of: date, time_zone: str) -> list[KnownExtraction]:
        """What may be used at `as_of`, source by source, newest first: the checks take the first they accept.

        Known are extractions made, or confirmed by a newer export of the same content, on or before `as_of`'s local
        date. A source without any gives its later ones, marked reconstructed, at age 0.
        """
        zone = ZoneInfo(time_zone)
        by_source: dict[str, list[Extraction]] = {}
        for extraction in self.extractions(stream):
            by_source.setdefault(extraction.source, []).append(extraction)
        known: list[KnownExtraction] = []
        for source, extractions in sorted(by_source.items()):
            dated = [(one, day) for one in extractions if (day := one.confirmed_on(as_of, zone)) is not None]
            known += [KnownExtraction(one, source, day, (as_of - day).days, False) for one, day in dated]
            if not dated:
                known += [KnownExtraction(one, source, as_of, 0, True) for one in extractions]
        return known

    # -- writing --

    @contextmanager
    def writing(self, stream: str, wait_seconds: float) -> Iterator[Path]:
        """Holds a stream's lock, sweeps what killed extractions left, and gives a fresh work folder, removed after."""
        folder = self.folder(stream)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("a+") as handle:
            _lock(handle, wait_seconds, folder)
            # Whoever holds the lock is alone: every other work folder belongs to a process that is gone.
            for entry in os.scandir(folder):
                if entry.name.startswith(_WORK):
                    shutil.rmtree(entry.path, ignore_errors=True)
            work = folder / f"{_WORK}{os.getpid()}-{os.urandom(4).hex()}"
            work.mkdir()
            try:
                yield work
            finally:
                shutil.rmtree(work, ignore_errors=True)

    def commit(
        self,
        work: Path,
        extraction_id: str,
        *,
        stream: str,
        source: str,
        file: str,
        extracted_at: datetime,
        content_sha256: str,
        file_sha256: str,
        file_modified_ns: int,
        rows_read: int,
        passed_over: Mapping[str, int],
        parts: Mapping[str, int],
        gone: int = 0,
        places: int = 0,
        reading: str | None = None,
        columns_found: tuple[str, ...],
        columns_ignored: tuple[str, ...],
        encoding: str,
        delimiter: str,
        seconds: float,
    ) -> Extraction:
        """Makes the parts (name -> rows) that lie in `work` an extraction, all at once; hold `writing` meanwhile.

        `gone` and `places` are the rows of the files of these names, 0 where there is none.
        """
        staged = work / extraction_id
        staged.mkdir()

        def keep(name: str, rows: int) -> dict[str, str | int]:
            (work / name).replace(staged / name)
            _sync(staged / name)
            (staged / name).chmod(0o444)
            return {"path": name, "rows": rows, "bytes": (staged / name).stat().st_size}

        manifest = {
            "format": FORMAT,
            "stream": stream,
            "source": source,
            "extraction_id": extraction_id,
            "file": file,
            "extracted_at": extracted_at.astimezone(UTC).isoformat(),
            "sequence": 1 + max((one.sequence for one in self.extractions(stream)), default=0),
            "content_sha256": content_sha256,
            "file_sha256": file_sha256,
            "file_modified_ns": file_modified_ns,
            "rows_read": rows_read,
            "rows_landed": sum(parts.values()) - gone,
            "passed_over": dict(passed_over),
            "parts": [keep(name, rows) for name, rows in parts.items()],
            "gone": keep(GONE, gone) if gone else None,
            "places": keep(PLACES, places) if places else None,
            "reading": reading,
            "columns_found": list(columns_found),
            "columns_ignored": list(columns_ignored),
            "encoding": encoding,
            "delimiter": delimiter,
            "seconds": round(seconds, 3),
        }
        _write_synced(staged / MANIFEST, manifest)
        _sync(staged)
        final = self.folder(stream) / extraction_id
        staged.rename(final)
        _sync(final.parent)
        return read_manifest(final)

    def free_extraction_id(self, stream: str, extracted_at: datetime, content_sha256: str) -> tuple[str, datetime]:
        """An id that is not taken: its time is `extracted_at`, or microseconds later where that was used before."""
        moment = extracted_at.astimezone(UTC)
        while True:
            name = f"{moment:%Y%m%dT%H%M%S%fZ}-{content_sha256[:12]}"
            if not (self.folder(stream) / name).exists():
                return name, moment
            moment += timedelta(microseconds=1)

    def lines(self, extraction: Extraction) -> Path:
        """Where the hashes of an extraction's lines are kept, if they are: what they are for can do without them."""
        return self.folder(extraction.stream) / f"{_LINES}{extraction.extraction_id}.parquet"

    def keep_lines(self, extraction: Extraction, hashes: Path | None) -> None:
        """Keeps the hashes of the newest extraction of its source, and none of those before it; hold `writing`."""
        if hashes is not None:
            # Not synced: a line whose hash was lost is read again.
            hashes.replace(self.lines(extraction))
        newest: dict[str, Path] = {}
        for one in self.extractions(extraction.stream):
            newest.setdefault(one.source, self.lines(one))
        for kept in self.folder(extraction.stream).glob(f"{_LINES}*"):
            if kept not in newest.values():
                kept.unlink()

    def confirm(self, extraction: Extraction, at: datetime, file_modified_ns: int) -> Extraction:
        """Notes that the extraction's content was exported again; its age counts from there."""
        moment = at.astimezone(UTC)
        marker = extraction.folder / f"confirmed-{moment:%Y%m%dT%H%M%S%fZ}.json"
        draft = extraction.folder / f".{marker.name}-{os.getpid()}"
        _write_synced(draft, {"confirmed_at": moment.isoformat(), "file_modified_ns": file_modified_ns})
        draft.replace(marker)
        _sync(extraction.folder)
        return read_manifest(extraction.folder)


def read_manifest(folder: Path) -> Extraction:
    """The extraction in a committed folder; an error that names the file when it is damaged."""
    path = folder / MANIFEST
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["format"] not in _READABLE_FORMATS:
            raise ValueError(f"format {raw['format']!r}")
        extraction = Extraction(
            stream=raw["stream"],
            source=raw["source"],
            extraction_id=raw["extraction_id"],
            file=raw["file"],
            extracted_at=_aware(raw["extracted_at"]),
            sequence=int(raw["sequence"]),
            content_sha256=raw["content_sha256"],
            file_sha256=raw["file_sha256"],
            file_modified_ns=int(raw["file_modified_ns"]),
            rows_read=int(raw["rows_read"]),
            rows_landed=int(raw["rows_landed"]),
            passed_over={str(reason): int(rows) for reason, rows in raw["passed_over"].items()},
            parts=tuple(_part(part) for part in raw["parts"]),
            gone=_part(raw["gone"]) if raw.get("gone") else None,
            places=_part(raw["places"]) if raw.get("places") else None,
            reading=raw.get("reading"),
            columns_found=tuple(raw["columns_found"]),
            columns_ignored=tuple(raw["columns_ignored"]),
            encoding=raw["encoding"],
            delimiter=raw["delimiter"],
            seconds=float(raw["seconds"]),
            folder=folder,
            confirmations=_confirmations(folder),
        )
        if extraction.extraction_id != folder.name or extraction.stream != folder.parent.name:
            raise ValueError("it belongs to another folder")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LandingError(
            f"the manifest of an extraction can't be read ({type(error).__name__}: {error}).",
            file=str(path),
            expected=f"a manifest of format {FORMAT}",
            action="restore the folder from a backup, or move it out of the landing zone and extract again",
        ) from error
    for part in (*extraction.parts, *filter(None, (extraction.gone, extraction.places))):
        file = folder / part.path
        if not file.is_file() or file.stat().st_size != part.bytes:
            raise LandingError(
                "a part of an extraction is gone or has another size than its manifest says.",
                file=str(file),
                expected=f"{part.bytes:,} bytes",
                action="restore the folder from a backup, or move it out of the landing zone and extract again",
            )
    return extraction


def _confirmations(folder: Path) -> tuple[tuple[datetime, int], ...]:
    found = []
    for path in sorted(folder.glob("confirmed-*.json")):
        raw = json.loads(path.read_text(encoding="utf-8"))
        found.append((_aware(raw["confirmed_at"]), int(raw["file_modified_ns"])))
    return tuple(found)


def _aware(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without zone: {text}")
    return moment.astimezone(UTC)


def _part(raw: Mapping) -> Part:
    return Part(_plain_name(raw["path"]), int(raw["rows"]), int(raw["bytes"]))


def _plain_name(name: str) -> str:
    if name != Path(name).name or name in ("", ".", ".."):
        raise ValueError(f"a part outside the folder: {name!r}")
    return name


def _lock(handle, wait_seconds: float, folder: Path) -> None:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise LandingError(
                    f"another extraction of {folder.name} has been running for {wait_seconds:g} seconds.",
                    file=str(folder),
                    action="wait for it, or raise extraction.lock_wait_seconds in policies/sources.yaml",
                ) from None
            time.sleep(_LOCK_POLL_SECONDS)


def _write_synced(path: Path, content: Mapping) -> None:
    with path.open("w", encoding="utf-8") as handle:
        json.dump(content, handle, indent=1, ensure_ascii=False)
        handle.flush()
        os.fsync(handle.fileno())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
