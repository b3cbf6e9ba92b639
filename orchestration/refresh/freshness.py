"""How old each stream is at as_of, and where every row of it went: the rows of `source_freshness`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

import pyarrow as pa

from orchestration.quality.landed import LandedChecks, StreamChecks
from orchestration.refresh.inputs import STREAMS_SCHEMA
from orchestration.refresh.run import Run
from orchestration.sources.drop import FORGOTTEN
from orchestration.systems.base import DELETED

_REASONS = ("after_as_of", DELETED, "summary_line", "landed_before")


def stream_table(run: Run, found: LandedChecks, problems: Mapping[str, str]) -> pa.Table:
    """One row a stream, with the schema of `inputs.STREAMS_SCHEMA`.

    A stream fed by several sources is as old as its oldest one, since what depends on it needs them all.
    """
    rows = [_row(run, checks, problems.get(stream)) for stream, checks in found.streams.items()]
    return pa.Table.from_pylist(rows, schema=STREAMS_SCHEMA)


def _row(run: Run, checks: StreamChecks, problem: str | None) -> dict[str, Any]:
    settings = run.policies.sources.streams[checks.stream]
    used, counts = checks.used, checks.counts
    age = max((candidate.age_days for candidate in used), default=None)
    is_stale = age is not None and age > settings.max_age_days
    passed_over = dict(counts.passed_over)
    # Both are records that aren't to be had any more.
    passed_over[DELETED] = passed_over.get(DELETED, 0) + passed_over.pop(FORGOTTEN, 0)
    unknown = set(passed_over) - set(_REASONS)
    if unknown:
        raise ValueError(f"{checks.stream}: no column of source_freshness counts rows passed over as {unknown}")
    rejections = "; ".join(f"{r.extraction_id} of {r.source} was rejected: {r.reason}" for r in checks.rejections)
    return {
        "stream": checks.stream,
        "source": ", ".join(candidate.source for candidate in used) or None,
        "cadence": settings.cadence,
        "extraction_id": ", ".join(candidate.extraction.extraction_id for candidate in used) or None,
        "last_success_at": max(
            (candidate.extraction.extracted_at.astimezone(UTC).replace(tzinfo=None) for candidate in used), default=None
        ),
        "age_days": age,
        "max_age_days": settings.max_age_days,
        "on_stale": settings.on_stale,
        "is_present": bool(used),
        "is_stale": is_stale,
        "is_omitted": is_stale and settings.on_stale == "omit",
        "reconstructed": any(candidate.reconstructed for candidate in used),
        "rows_read": counts.rows_read,
        "rows_used": counts.rows_used,
        "rows_set_aside": counts.rows_set_aside,
        **{f"rows_{reason}": passed_over.get(reason, 0) for reason in _REASONS},
        "problem": "; ".join(filter(None, (problem, rejections))) or None,
    }
