"""One refresh: what it was asked to do, and the folder in which its stages leave word for each other.

Stages may run in different processes, so what one learns and another needs goes through `HOME/runs/<run_id>/`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from orchestration.policy.load import load_policies
from orchestration.policy.models import Policies
from orchestration.settings import Settings

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Run:
    """A refresh of everything as of one date."""

    settings: Settings
    as_of: date
    run_id: str
    cadence: str = "daily"
    # How much may be done by itself: a level of actions.yaml; None for the policy's own.
    automation_level: str | None = None

    def __post_init__(self) -> None:
        if not _RUN_ID.fullmatch(self.run_id):
            raise ValueError(f"a run id is letters, digits, dots, dashes and underscores: {self.run_id!r}")

    @cached_property
    def policies(self) -> Policies:
        """The policies, read and checked; raises PolicyError that lists every problem."""
        return load_policies(self.settings.policies)

    @property
    def folder(self) -> Path:
        return self.settings.runs_path / self.run_id

    @property
    def checks_folder(self) -> Path:
        return self.folder / "checks"

    def note(self, name: str, content: dict[str, Any]) -> None:
        """Leave `content` for later stages as `<name>.json` in the run's folder."""
        path = self.folder / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")
        temporary.replace(path)

    def noted(self, name: str) -> dict[str, Any] | None:
        """What an earlier stage left as `name`, or None when it left nothing."""
        path = self.folder / f"{name}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note the seconds that `stage` takes."""
        started = time.monotonic()
        yield
        self.note(f"stages/{stage}", {"seconds": round(time.monotonic() - started, 3)})

    def stage_seconds(self) -> dict[str, float]:
        """Seconds by stage so far, in the order the stages ended."""
        folder = self.folder / "stages"
        files = sorted(folder.rglob("*.json"), key=lambda path: path.stat().st_mtime_ns) if folder.exists() else []
        return {
            path.relative_to(folder).with_suffix("").as_posix(): json.loads(path.read_text(encoding="utf-8"))["seconds"]
            for path in files
        }
