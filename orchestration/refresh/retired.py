"""Which sources still count: one that policy no longer names gives way to those that it names now.

Extractions stay in the landing zone for ever, so a source that was renamed or replaced would go on standing beside its
successor, and every record would be there twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestration.operations.sources import NAME as OPERATIONS
from orchestration.refresh.run import Run
from orchestration.sources.landing import KnownExtraction
from orchestration.sources.settings import DEFAULT_SOURCE


def in_use(run: Run, stream: str, known: Sequence[KnownExtraction]) -> list[KnownExtraction]:
    """What is known at the run's as-of date, without the extractions of sources that have been replaced.

    A source that policy doesn't name has been, once one that it names is known at that date: before, it is what was
    known then. The default source, files, needs no naming. It has been replaced by connected systems where the drop
    folder has no file of the stream any more, and had none since a system was asked first.
    """
    declared = {source.name: source for source in run.policies.sources.sources if source.stream == stream}
    named = {*declared, OPERATIONS}
    now = [one for one in known if one.source in named and not one.reconstructed]
    pulled = [one for one in now if one.source in declared and declared[one.source].system]

    def is_used(one: KnownExtraction) -> bool:
        if one.source in named or not now:
            return True
        if one.source != DEFAULT_SOURCE:
            return False
        return (
            not pulled or _has_file(run, stream) or _last_seen(known) >= min(p.extraction.extracted_at for p in pulled)
        )

    return [one for one in known if is_used(one)]


def _has_file(run: Run, stream: str) -> bool:
    noted = run.noted(f"extraction/{stream}") or {"sources": []}
    return any(source["source"] == DEFAULT_SOURCE and source["file"] for source in noted["sources"])


def _last_seen(known: Sequence[KnownExtraction]):
    """When the default source had a file last."""
    moments = [
        moment
        for one in known
        if one.source == DEFAULT_SOURCE
        for moment in (one.extraction.extracted_at, *(at for at, _ in one.extraction.confirmations))
    ]
    return max(moments)
