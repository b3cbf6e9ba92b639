"""The one place that puts the definitions together: a function, so that tests call it with other settings."""

from __future__ import annotations

import dagster as dg

from orchestration.dbt import dbt_runner, ensure_manifest
from orchestration.defs.asof import as_of_partitions
from orchestration.defs.check import published_checks, raw_checks
from orchestration.defs.extract import extract_assets
from orchestration.defs.jobs import failure_sensor, refresh_jobs, refresh_schedules
from orchestration.defs.model import model_assets
from orchestration.defs.progress import Progress, Quiet
from orchestration.defs.publish import publish_assets
from orchestration.policy.load import load_policies
from orchestration.settings import Settings


def build_defs(settings: Settings | None = None, progress: Progress | None = None) -> dg.Definitions:
    """Everything Dagster knows of the project.

    `settings` default to the environment's. `progress` is told what a run in this process is doing. Raises PolicyError
    when the policies don't load and RuntimeError when dbt can't parse the models.
    """
    settings = settings or Settings()
    progress = progress or Quiet()
    time_zone = load_policies(settings.policies).calendar.time_zone
    manifest = ensure_manifest(settings)
    partitions = as_of_partitions(settings, time_zone)
    jobs = refresh_jobs(partitions)
    return dg.Definitions(
        assets=[
            *extract_assets(settings, partitions, progress),
            *model_assets(settings, manifest, partitions, progress),
            *publish_assets(settings, manifest, partitions, progress),
        ],
        asset_checks=[raw_checks(settings, progress), published_checks(settings, progress)],
        jobs=jobs,
        schedules=refresh_schedules(jobs, time_zone),
        sensors=[failure_sensor(settings)],
        resources={"dbt": dbt_runner(settings)},
        # Steps that start a process each would import Dagster and Great Expectations a dozen times over.
        executor=dg.in_process_executor,
    )
