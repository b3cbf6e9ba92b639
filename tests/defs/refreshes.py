"""Refreshes in this process: a home, what runs there, and what its events say."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from orchestration.build import build_defs
from orchestration.home import prepare_home
from orchestration.publishing.manifest import Snapshot, current_snapshot_id, read_snapshot
from orchestration.settings import Settings

AS_OF = date(2026, 6, 30)
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Home:
    """A home and the definitions that are built for it; runs of one home share an instance without a disk."""

    settings: Settings
    definitions: dg.Definitions
    instance: dg.DagsterInstance

    @classmethod
    def make(cls, folder: Path, drop: Path) -> Home:
        made = Settings(home=folder, drop=drop)
        prepare_home(made)
        return cls(made, build_defs(made), dg.DagsterInstance.ephemeral())

    def refresh(self, as_of: date = AS_OF, job: str = "daily") -> Refresh:
        """Run the job as of a date."""
        return Refresh(
            self.definitions.resolve_job_def(job).execute_in_process(
                instance=self.instance, partition_key=as_of.isoformat(), run_config=QUIET, raise_on_error=False
            )
        )

    @property
    def current(self) -> Snapshot | None:
        """The publication that readers have."""
        found = current_snapshot_id(self.settings.published_path)
        return read_snapshot(self.settings.published_path / found) if found else None

    @property
    def snapshots(self) -> list[Snapshot]:
        """All publications, oldest as_of first."""
        folders = [path.parent for path in self.settings.published_path.glob("*/manifest.json")]
        return sorted((read_snapshot(folder) for folder in folders), key=lambda made: made.manifest.as_of_date)


@dataclass(frozen=True)
class Refresh:
    """What came of one run."""

    result: dg.ExecuteInProcessResult

    @property
    def success(self) -> bool:
        return self.result.success

    @property
    def ran(self) -> set[str]:
        """The steps that ended well."""
        return {event.step_key for event in self.result.all_events if event.is_step_success}

    @property
    def not_run(self) -> set[str]:
        """The steps that were skipped, or never came to their turn."""
        planned = {node.name for node in self.result.job_def.nodes}
        return planned - self.ran - self.failed

    @property
    def failed(self) -> set[str]:
        return {event.step_key for event in self.result.get_step_failure_events()}

    @property
    def failures(self) -> str:
        """What the steps that failed say."""
        words = []
        for event in self.result.get_step_failure_events():
            error = event.step_failure_data.error
            while error is not None:
                words.append(error.message)
                error = error.cause
        return "\n".join(words)

    def metadata(self, *key: str) -> dict[str, Any]:
        """Metadata of the asset's materialisation, as plain values."""
        for event in self.result.all_events:
            if event.is_step_materialization and event.asset_key == dg.AssetKey(key):
                return values(event.step_materialization_data.materialization.metadata)
        raise AssertionError(f"{key} was not materialised")

    def observed(self, *key: str) -> dict[str, Any]:
        """Metadata of the asset's observation, as plain values."""
        for event in self.result.all_events:
            if event.is_asset_observation and event.asset_key == dg.AssetKey(key):
                return values(event.asset_observation_data.asset_observation.metadata)
        raise AssertionError(f"{key} was not observed")

    def checks(self, *key: str) -> dict[str, dg.AssetCheckEvaluation]:
        """The evaluations of an asset's checks, by name."""
        return {
            check.check_name: check
            for check in self.result.get_asset_check_evaluations()
            if check.asset_key == dg.AssetKey(key)
        }


def values(metadata: Mapping[str, dg.MetadataValue]) -> dict[str, Any]:
    """Metadata without its wrapping."""
    return {name: value.value for name, value in metadata.items()}


def changed(drop: Path, folder: Path, **files: str) -> Path:
    """A copy of a drop folder with the content of some streams' files replaced; an empty one leaves the file out."""
    shutil.copytree(drop, folder)
    for stream, text in files.items():
        path = folder / f"{stream}.csv"
        path.unlink()
        if text:
            path.write_text(text, encoding="utf-8")
    return folder


def blanked(drop: Path, stream: str, column: str, every: int) -> str:
    """The stream's file with `column` blank on every n-th row."""
    with (drop / f"{stream}.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    place = header.index(column)
    for row in rows[::every]:
        row[place] = ""
    return "\n".join(",".join(f'"{cell}"' for cell in row) for row in [header, *rows])


def copy_of(home: Home, folder: Path, drop: Path) -> Home:
    """A home with the same content, which a test may change."""
    shutil.copytree(home.settings.home_path, folder)
    return Home.make(folder, drop)
