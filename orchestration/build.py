"""The one place that puts the definitions together: a function, so that tests call it with other settings."""

from __future__ import annotations

import warnings
from datetime import date

import dagster as dg

from orchestration.dbt import dbt_runner, ensure_manifest
from orchestration.defs.asof import as_of_partitions
from orchestration.defs.check import published_checks, raw_checks
from orchestration.defs.deliver import deliver_job, deliver_sensor, ledger_asset
from orchestration.defs.documents import deck_documents
from orchestration.defs.extract import extract_assets
from orchestration.defs.hooks import hooks_sensor, touched_job
from orchestration.defs.jobs import failure_sensor, job_schedule, refresh_jobs, refresh_schedules
from orchestration.defs.model import model_assets
from orchestration.defs.progress import Progress, Quiet
from orchestration.defs.publish import publish_assets
from orchestration.defs.pull import pull_assets, pull_cron, pull_jobs, pulled_by_stream
from orchestration.defs.reports import report_documents
from orchestration.defs.retention import retention_asset
from orchestration.defs.write_back import write_back_asset
from orchestration.policy.load import load_policies
from orchestration.settings import Settings


def build_defs(
    settings: Settings | None = None, progress: Progress | None = None, as_of: date | None = None
) -> dg.Definitions:
    """Everything Dagster knows of the project.

    `settings` default to the environment's. `progress` is told what a run in this process is doing. `as_of` is a date
    that will be run, though it may be out of the range that the UI offers. Raises PolicyError when the policies don't
    load and RuntimeError when dbt can't parse the models.
    """
    with warnings.catch_warnings():
        # Backfill policies are "beta" in this Dagster; a test holds them to what they do here, one run a date.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _build(settings or Settings(), progress or Quiet(), as_of)


def _build(settings: Settings, progress: Progress, as_of: date | None) -> dg.Definitions:
    policies = load_policies(settings.policies)
    calendar = policies.calendar
    manifest = ensure_manifest(settings)
    partitions = as_of_partitions(settings, calendar.time_zone, also=as_of)
    jobs, asking = refresh_jobs(), pull_jobs(policies)
    delivery, touched = deliver_job(settings), touched_job()
    return dg.Definitions(
        assets=[
            *pull_assets(settings, policies, partitions, progress),
            *extract_assets(settings, partitions, progress, pulled_by_stream(policies)),
            *model_assets(settings, manifest, partitions, progress),
            *publish_assets(settings, manifest, partitions, progress),
            report_documents(settings, partitions, progress),
            deck_documents(settings, partitions, progress),
            ledger_asset(settings, partitions, progress),
            write_back_asset(settings, partitions, progress),
            retention_asset(settings, partitions, progress),
        ],
        asset_checks=[raw_checks(settings, progress), published_checks(settings, progress)],
        jobs=[*jobs, *asking, touched, delivery],
        schedules=[
            *refresh_schedules(jobs, calendar.time_zone, calendar.fiscal_year_start_month),
            *(
                job_schedule(job, calendar.time_zone, pull_cron(policies, job.name.removeprefix("pull_")), job.name)
                for job in asking
            ),
        ],
        sensors=[
            failure_sensor(settings),
            deliver_sensor(settings, delivery),
            hooks_sensor(settings, policies, touched),
        ],
        resources={"dbt": dbt_runner(settings)},
        # Steps that start a process each would import Dagster and Great Expectations a dozen times over.
        executor=dg.in_process_executor,
    )
