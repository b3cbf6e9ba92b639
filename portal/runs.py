"""Refreshes as their folders under `HOME/runs` tell of them: what people may know of a run without Dagster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestration.settings import Settings

# Folders that are looked at for what connected systems answered last.
_LOOKED_AT = 50


@dataclass(frozen=True)
class SeenRun:
    """One run. `changed_at`: when it last left word, UTC. `seconds`: of its stages together, None while unknown."""

    run_id: str
    changed_at: datetime
    as_of: str | None
    is_published: bool
    was_current: bool
    seconds: float | None
    slowest: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Outage:
    """A source that couldn't be asked by the last run that tried."""

    system: str
    source: str
    stream: str
    problem: str
    seen_at: datetime


def recent_runs(settings: Settings, most: int) -> list[SeenRun]:
    """The latest runs, newest first; what can't be read of one is left out."""
    return [_seen(folder, changed_at) for folder, changed_at in _folders(settings)[:most]]


def outages(settings: Settings, systems: set[str]) -> list[Outage]:
    """What these systems didn't answer when they were last asked; none for one that was never asked."""
    found: list[Outage] = []
    open_ones = set(systems)
    for folder, changed_at in _folders(settings)[:_LOOKED_AT]:
        for system in sorted(open_ones):
            noted = _read(folder / "pulls" / f"{system}.json")
            rows = noted.get("sources") if noted else None
            if not rows:
                continue
            open_ones.discard(system)
            found += [
                Outage(system, str(row.get("source")), str(row.get("stream")), str(row["problem"]), changed_at)
                for row in rows
                if isinstance(row, dict) and row.get("problem")
            ]
    return found


def _folders(settings: Settings) -> list[tuple[Path, datetime]]:
    root = settings.runs_path
    if not root.is_dir():
        return []
    found = [(folder, _changed_at(folder)) for folder in root.iterdir() if folder.is_dir()]
    return sorted(found, key=lambda one: (one[1], one[0].name), reverse=True)


def _changed_at(folder: Path) -> datetime:
    """When the run last left word: its own files, and those of its stages."""
    return datetime.fromtimestamp(max(_times(folder)), UTC).replace(tzinfo=None)


def _times(folder: Path) -> Iterator[float]:
    yield folder.stat().st_mtime
    for place in (folder, folder / "stages"):
        for file in place.glob("*.json"):
            try:
                yield file.stat().st_mtime
            except OSError:
                continue


def _seen(folder: Path, changed_at: datetime) -> SeenRun:
    summary, publication = _read(folder / "summary.json") or {}, _read(folder / "publication.json")
    stages = summary.get("stages")
    seconds = {str(name): float(value) for name, value in stages.items()} if isinstance(stages, dict) else {}
    slowest = sorted(seconds.items(), key=lambda one: -one[1])[:3]
    return SeenRun(
        run_id=folder.name,
        changed_at=changed_at,
        as_of=summary.get("as_of"),
        is_published=publication is not None,
        was_current=bool((publication or {}).get("is_current")),
        seconds=sum(seconds.values()) if seconds else None,
        slowest=tuple(slowest),
    )


def _read(file: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
