"""Pull: ask the connected systems for what extraction will read, where it is time to.

A source is asked once a day or week, as the cadence of its stream says, and only by a run as of today: what a system
says now belongs to no earlier date, unless nothing of it was ever known. Whoever wants it sooner forces it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from orchestration.policy.models import Policies
from orchestration.policy.sources import Source
from orchestration.publishing import durable
from orchestration.refresh.run import Run
from orchestration.retention.forgotten import Forgotten, forgotten_accounts, leave_out
from orchestration.settings import Settings
from orchestration.sources.errors import SourceError
from orchestration.systems.base import Pulled
from orchestration.systems.pull import Asked, folder_of, pull_system, sources_of

_HANDED = "handed_on.json"


@dataclass(frozen=True, slots=True)
class HandedOn:
    """What the last pull of a source that went well left for extraction. `pulled_at` is aware."""

    pulled_at: datetime
    files: tuple[Path, ...]
    deleted: int


@dataclass(frozen=True)
class SystemPull:
    """What came of asking one system: a row a source that was asked, as its asset shows it."""

    system: str
    sources: tuple[dict[str, Any], ...]

    @property
    def problems(self) -> dict[str, str]:
        """By source, why it couldn't be pulled."""
        return {row["source"]: row["problem"] for row in self.sources if row["problem"]}

    @property
    def problem(self) -> str | None:
        """The same as a sentence each: what keeps several sources is said once."""
        sources_by_words: dict[str, list[str]] = {}
        for source, words in self.problems.items():
            sources_by_words.setdefault(words, []).append(source)
        told = [f"{', '.join(sources)}: {words}" for words, sources in sources_by_words.items()]
        return "; ".join(told) or None

    def is_complete(self, policies: Policies) -> bool:
        """Whether it was asked for all of its sources, and answered."""
        asked = {row["source"] for row in self.sources if not row["problem"]}
        return asked == {source.name for source in sources_of(policies, self.system)}


def pull(
    run: Run,
    system: str,
    *,
    force: bool = False,
    whole: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> SystemPull:
    """Ask a system for those of its sources that are due, or for all of them, and leave word of it in the run.

    A source that can't be pulled is reported in the result, not raised: what was landed before may still serve.
    """
    today = now().astimezone(ZoneInfo(run.policies.calendar.time_zone)).date()
    wanted = sources_of(run.policies, system)
    due = [source for source in wanted if force or whole or _is_due(run, source, today)]
    with run.timed(f"pull/{system}"):
        found = pull_and_hand_on(system, run.settings, run.policies, due, whole=whole, now=now) if due else []
    result = SystemPull(system, tuple(found))
    run.note(f"pulls/{system}", {"sources": list(result.sources)})
    return result


def pull_and_hand_on(
    system: str,
    settings: Settings,
    policies: Policies,
    sources: Sequence[Source] | None = None,
    *,
    whole: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[dict[str, Any]]:
    """Ask a system for these sources, hand on what came, and give a row a source."""
    wanted = sources_of(policies, system) if sources is None else sources
    try:
        left_out = _left_out(settings, policies)
        found = pull_system(system, settings, policies, wanted, whole=whole, now=now)
    except SourceError as error:
        found = [Asked(source.name, source.stream, None, str(error)) for source in wanted]
    for asked in found:
        if asked.pulled is not None:
            leave_out(folder_of(settings, policies, asked.source), left_out)
            _hand_on(folder_of(settings, policies, asked.source), asked.pulled, now())
    return [_row(asked) for asked in found]


def handed_on(settings: Settings, policies: Policies, source: Source) -> HandedOn | None:
    """What extraction may read of a source; None where nothing was ever pulled, or it has been taken away."""
    folder = folder_of(settings, policies, source.name)
    try:
        raw = json.loads((folder / _HANDED).read_text(encoding="utf-8"))
        handed = HandedOn(
            datetime.fromisoformat(raw["pulled_at"]), tuple(folder / name for name in raw["files"]), int(raw["deleted"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return handed if all(path.exists() for path in handed.files) else None


def last_asked(settings: Settings, policies: Policies, system: str) -> dict[str, datetime | None]:
    """When each source of a system was pulled last without a fault; aware, None: never."""
    handed = {source.name: handed_on(settings, policies, source) for source in sources_of(policies, system)}
    return {name: one.pulled_at if one else None for name, one in handed.items()}


def problems_of(run: Run, stream: str) -> Iterator[str]:
    """Why sources of a stream couldn't be pulled in this run, each reason once."""
    noted = [run.noted(f"pulls/{system}") for system in run.policies.systems.by_name]
    rows = [row for word in noted if word for row in word["sources"] if row["problem"] and row["stream"] == stream]
    yield from dict.fromkeys(row["problem"] for row in rows)


def _left_out(settings: Settings, policies: Policies) -> Forgotten:
    try:
        return forgotten_accounts(settings, tuple(policies.sources.matching.legal_forms))
    except ValueError as error:
        # Asked without it, they would be back.
        raise SourceError(f"{error}.", file=str(settings.operations_path)) from None


def _is_due(run: Run, source: Source, today: date) -> bool:
    handed = handed_on(run.settings, run.policies, source)
    if handed is None:
        return True
    if run.as_of < today:
        return False
    last = handed.pulled_at.astimezone(ZoneInfo(run.policies.calendar.time_zone)).date()
    return (today - last).days >= run.policies.sources.streams[source.stream].cadence_days


def _hand_on(folder: Path, pulled: Pulled, now: datetime) -> None:
    content = {
        "pulled_at": now.isoformat(),
        "files": [str(path.relative_to(folder)) for path in pulled.files],
        "deleted": pulled.deleted,
    }
    durable.replace_text(folder / _HANDED, json.dumps(content))


def _row(asked: Asked) -> dict[str, Any]:
    figures = asdict(asked.pulled) if asked.pulled else {}
    kept = ("rows", "records", "deleted", "pages", "calls", "whole", "quota", "watermark", "notes")
    return {
        "source": asked.source,
        "stream": asked.stream,
        **{name: figures.get(name) for name in kept},
        "seconds": round(figures.get("seconds", 0.0), 3),
        "problem": asked.problem,
    }
