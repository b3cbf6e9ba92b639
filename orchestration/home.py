"""The home folder: what has to be in it before anything can run there."""

from __future__ import annotations

from pathlib import Path

from orchestration.settings import Settings

_DAGSTER_YAML = """\
# Dagster's own settings for this home: runs and events are kept here, nothing is sent anywhere.
telemetry:
  enabled: false
nux:
  enabled: false
# One writer of the warehouse at a time, and one refresh after the other.
concurrency:
  pools:
    default_limit: 1
    granularity: run
  runs:
    max_concurrent_runs: 1
retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days: {skipped: 7, failure: 30, success: 90}
"""


def prepare_home(settings: Settings) -> Path:
    """Make the folders of the home and Dagster's settings in it, where they aren't there; gives the home."""
    for folder in (settings.landing_path, settings.published_path, settings.runs_path, settings.dagster_path):
        folder.mkdir(parents=True, exist_ok=True)
    dagster_yaml = settings.dagster_path / "dagster.yaml"
    if not dagster_yaml.exists():
        dagster_yaml.write_text(_DAGSTER_YAML, encoding="utf-8")
    return settings.home_path
