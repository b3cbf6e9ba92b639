"""Reads from a home how long the stages of its latest run and its dbt models took.

A run leaves `runs/<run_id>.json` (`stages`, `dbt_model_seconds`), or a folder `runs/<run_id>/` of notes: one
`stages/<stage>.json` a stage (a part of a stage in a folder of the stage's name), and dbt's `run_results.json`
wherever it was kept in the home.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """Seconds by stage and by dbt model; empty where the home doesn't say."""

    stages: dict[str, float] = field(default_factory=dict)
    models: dict[str, float] = field(default_factory=dict)


def measured_run(home: Path) -> MeasuredRun:
    """The latest run of `home`."""
    runs = home / "runs"
    found = sorted(runs.iterdir(), key=lambda entry: entry.stat().st_mtime_ns) if runs.exists() else []
    stages: dict[str, float] = {}
    models: dict[str, float] = {}
    summaries = [entry for entry in found if entry.suffix == ".json"]
    folders = [entry for entry in found if entry.is_dir()]
    if summaries:
        summary = json.loads(summaries[-1].read_text(encoding="utf-8"))
        stages, models = summary.get("stages", {}), summary.get("dbt_model_seconds", {})
    if not stages and folders:
        stages = _stage_notes(folders[-1] / "stages")
    if not models:
        models = _dbt_seconds(home)
    return MeasuredRun(stages, models)


def _stage_notes(folder: Path) -> dict[str, float]:
    notes = sorted(folder.rglob("*.json"), key=lambda note: note.stat().st_mtime_ns)
    return {
        str(note.relative_to(folder).with_suffix("")): json.loads(note.read_text(encoding="utf-8"))["seconds"]
        for note in notes
    }


def _dbt_seconds(home: Path) -> dict[str, float]:
    results = sorted(home.rglob("run_results.json"), key=lambda file: file.stat().st_mtime_ns)
    if not results:
        return {}
    nodes = json.loads(results[-1].read_text(encoding="utf-8"))["results"]
    return {
        node["unique_id"].split(".")[-1]: round(node["execution_time"], 3)
        for node in nodes
        if node["unique_id"].startswith("model.")
    }
