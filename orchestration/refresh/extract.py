"""Extract: bring what the sources hold now into the landing zone, one stream at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from orchestration.actions.export import export_log
from orchestration.actions.store import LedgerError, Store
from orchestration.operations.sources import SOURCES
from orchestration.policy.handover import extraction_settings, file_sources
from orchestration.refresh.run import Run
from orchestration.sources.drop import ExtractionOutcome, extract_stream
from orchestration.sources.errors import SourceError
from orchestration.sources.landing import LandingZone
from orchestration.sources.settings import FileSource
from orchestration.sources.streams import STREAMS


@dataclass(frozen=True)
class StreamExtraction:
    """What became of one stream: `landed`, `landed_before`, `absent` or `failed` (then `problem` says why)."""

    stream: str
    status: str
    problem: str | None
    sources: tuple[dict[str, Any], ...]

    @property
    def rows_read(self) -> int:
        return sum(source["rows_read"] for source in self.sources)


def extract(run: Run, stream: str) -> StreamExtraction:
    """Land what the drop folder holds of `stream`, and what was done in this home, and leave word of it.

    A source that can't be read is reported in the result, not raised: what it costs is decided when the stream is
    checked, since an earlier extraction may still serve. A required stream's failure is for the caller to raise.
    """
    with run.timed(f"extract/{stream}"):
        problems_found, outcomes, zone = [], [], LandingZone(run.settings.landing_path)
        if STREAMS[stream].from_ledger and (problem := _export(run, stream)):
            problems_found.append(problem)
        for folder, sources in _places(run, stream):
            try:
                outcomes += extract_stream(
                    stream,
                    folder,
                    zone,
                    extraction_settings(run.policies),
                    time_zone=run.policies.calendar.time_zone,
                    reporting_currency=run.policies.calendar.reporting_currency,
                    sources=sources,
                )
            except SourceError as error:
                problems_found.append(str(error))
        problem = "; ".join(problems_found) or None
        if problem is None and _is_missing(stream, outcomes, zone):
            problem = _missing(stream, run.settings.drop_path)
        found = tuple(
            {
                "source": outcome.source,
                "status": outcome.status,
                "file": outcome.file,
                "extraction_id": outcome.extraction.extraction_id if outcome.extraction else None,
                "rows_read": outcome.rows_read,
                "passed_over": dict(outcome.passed_over),
                "seconds": round(outcome.seconds, 3),
            }
            for outcome in outcomes
        )
        result = StreamExtraction(stream, _status(problem, found), problem, found)
        run.note(f"extraction/{stream}", vars(result))
    return result


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


def _places(run: Run, stream: str) -> Iterator[tuple[Path, Sequence[FileSource]]]:
    """Where records of a stream may be: the drop folder, and the home for what was done there."""
    yield run.settings.drop_path, file_sources(run.policies)
    if stream in SOURCES and run.settings.operations_path.is_dir():
        yield run.settings.operations_path, [SOURCES[stream]]


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
