"""Extract: bring what the sources hold now into the landing zone, one stream at a time.

What systems hold was pulled before (`pull.py`); here it is a file like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from orchestration.actions.export import export_log
from orchestration.ledger.store import LedgerError, Store
from orchestration.operations.sources import SOURCES
from orchestration.policy.handover import extraction_settings, file_source, file_sources
from orchestration.policy.sources import Source
from orchestration.refresh.pull import HandedOn, handed_on, problems_of
from orchestration.refresh.run import Run
from orchestration.retention.forgotten import forgotten_accounts
from orchestration.sources.drop import ExtractionOutcome, extract_stream
from orchestration.sources.errors import SourceError
from orchestration.sources.landing import LandingZone
from orchestration.sources.settings import ExtractionSettings, FileSource
from orchestration.sources.streams import STREAMS
from orchestration.systems.base import DELETED
from orchestration.systems.inbox.taken import waiting


@dataclass(frozen=True)
class StreamExtraction:
    """What became of one stream: `landed`, `landed_before`, `absent` or `failed` (then `problem` says why).

    `stops`: nothing can be made without it. A system that doesn't answer stops nothing while its last answer serves.
    """

    stream: str
    status: str
    problem: str | None
    sources: tuple[dict[str, Any], ...]
    stops: bool = False

    @property
    def rows_read(self) -> int:
        return sum(source["rows_read"] for source in self.sources)


@dataclass(frozen=True)
class _Place:
    """A folder, what of it may be read, and how."""

    folder: Path
    sources: Sequence[FileSource]
    settings: ExtractionSettings
    passed_over: Mapping[str, int] = field(default_factory=dict)
    is_pulled: bool = False


def extract(run: Run, stream: str, extracted_at: datetime | None = None) -> StreamExtraction:
    """Land what the drop folder holds of `stream`, what was pulled of it and what was done in this home.

    A source that can't be read is reported in the result, not raised: what it costs is decided when the stream is
    checked, since an earlier extraction may still serve. What a run can't do without is for the caller to raise.
    `extracted_at`: when it is read, now when left out.
    """
    with run.timed(f"extract/{stream}"):
        zone, outcomes = LandingZone(run.settings.landing_path), []
        unread = [problem] if STREAMS[stream].from_ledger and (problem := _export(run, stream)) else []
        for place in _places(run, stream, zone):
            try:
                outcomes += _read(run, stream, place, zone, extracted_at)
            except SourceError as error:
                unread.append(str(error))
        unpulled = list(problems_of(run, stream))
        problem = "; ".join([*unread, *unpulled]) or None
        if problem is None and _is_missing(stream, outcomes, zone):
            problem = _missing(stream, run.settings.drop_path)
        stops = STREAMS[stream].required and problem is not None and (bool(unread) or not zone.extractions(stream))
        found = tuple(_told(outcome) for outcome in outcomes)
        result = StreamExtraction(stream, _status(problem, found), problem, found, stops)
        run.note(f"extraction/{stream}", vars(result))
    return result


def _read(
    run: Run, stream: str, place: _Place, zone: LandingZone, extracted_at: datetime | None
) -> tuple[ExtractionOutcome, ...]:
    try:
        left_out = forgotten_accounts(run.settings, tuple(run.policies.sources.matching.legal_forms))
    except ValueError as error:
        # Read without it, they would be back.
        raise SourceError(f"{error}.", file=str(run.settings.operations_path)) from None
    return extract_stream(
        stream,
        place.folder,
        zone,
        place.settings,
        time_zone=run.policies.calendar.time_zone,
        reporting_currency=run.policies.calendar.reporting_currency,
        sources=place.sources,
        passed_over=place.passed_over,
        only_declared=place.is_pulled,
        extracted_at=extracted_at,
        left_out=left_out,
    )


def _told(outcome: ExtractionOutcome) -> dict[str, Any]:
    return {
        "source": outcome.source,
        "status": outcome.status,
        "file": outcome.file,
        "extraction_id": outcome.extraction.extraction_id if outcome.extraction else None,
        "rows_read": outcome.rows_read,
        "passed_over": dict(outcome.passed_over),
        "seconds": round(outcome.seconds, 3),
    }


def _export(run: Run, stream: str) -> str | None:
    """Have the ledger write down what it knows by now; gives why it couldn't. The file of before then serves."""
    if not Store.exists(run.settings):
        return None
    try:
        with Store.open(run.settings) as store:
            export_log(store, stream, run.settings.operations_path)
    except (LedgerError, SQLAlchemyError, OSError) as error:
        return f"the ledger can't be read: {' '.join(str(error).split())}"
    return None


def _places(run: Run, stream: str, zone: LandingZone) -> Iterator[_Place]:
    """Where records of a stream may be: the drop folder, the home for what was done there, and what was pulled."""
    settings = extraction_settings(run.policies)
    # Who has connected systems needs no drop folder.
    if run.settings.drop_path.is_dir() or not any(source.system for source in run.policies.sources.sources):
        yield _Place(run.settings.drop_path, file_sources(run.policies), settings)
    if stream in SOURCES and run.settings.operations_path.is_dir():
        yield _Place(run.settings.operations_path, [SOURCES[stream]], settings)
    for source in run.policies.sources.sources:
        if source.system and source.stream == stream:
            handed = handed_on(run.settings, run.policies, source)
            if handed is not None:
                yield from _pulled(source, handed, zone, settings)


def _pulled(source: Source, handed: HandedOn, zone: LandingZone, settings: ExtractionSettings) -> Iterator[_Place]:
    """The files of one pulled source, each an extraction of its own."""
    # They are whole: written under another name first.
    settings = replace(settings, settle_seconds=0.0)
    if source.asks is None:
        yield from (_Place(folder, [file_source(source)], settings, is_pulled=True) for folder in handed.files)
        return
    if source.asks == "attachment":
        landed = {one.file for one in zone.extractions(source.stream) if one.source == source.name}
        for path in waiting(handed.files, landed):
            # Alone in its folder, so that the source's path is the same for every file and equal ones are known.
            yield _Place(path.parent, [file_source(source, path="*")], settings, is_pulled=True)
        return
    (path,) = handed.files
    # Its headers are the stream's own, and no record of it is a report's summary.
    written = file_source(source, path=path.name, query=None, columns={}, delimiter=",", encoding="utf-8")
    of_records = replace(settings, summary_line_patterns=())
    yield _Place(path.parent, [written], of_records, {DELETED: handed.deleted} if handed.deleted else {}, True)


def _is_missing(stream: str, outcomes: Sequence[ExtractionOutcome], zone: LandingZone) -> bool:
    """Whether a stream that a run can't do without has no file now and never had one."""
    nothing_now = all(outcome.status == "absent" for outcome in outcomes)
    return STREAMS[stream].required and nothing_now and not zone.extractions(stream)


def _missing(stream: str, drop: Path) -> str:
    return (
        f"{drop}: there is no file of {stream}, and none has ever been read. Put {stream}.csv there, or the CRM report "
        f"{stream.capitalize()}.csv as it was exported, or declare its file in policies/sources.yaml."
    )


def problems(run: Run) -> dict[str, str]:
    """By stream, what kept its newest extraction from landing in this run."""
    noted = {stream: run.noted(f"extraction/{stream}") for stream in STREAMS}
    return {stream: word["problem"] for stream, word in noted.items() if word and word["problem"]}


def _status(problem: str | None, found: tuple[dict[str, Any], ...]) -> str:
    if problem:
        return "failed"
    statuses = {source["status"] for source in found}
    return next((status for status in ("landed", "landed_before") if status in statuses), "absent")
