"""Jobs and schedules: one job a cadence, all over the same assets, each for one as-of date.

Schedules run in the business time zone and are off until somebody turns them on in the UI. A run that fails leaves the
last publication up; the sensor here says so where a webhook is set.
"""

import json
import urllib.request
from collections.abc import Mapping
from types import MappingProxyType
from zoneinfo import ZoneInfo

import dagster as dg

from orchestration.defs.asof import CADENCE_TAG, partition_of
from orchestration.settings import Settings

# Cadence -> when it is due, in the business time zone: after the sources' nightly exports. Where several are due on a
# day, the one that makes more reports comes later. The months of quarterly hang on the fiscal year.
SCHEDULES: Mapping[str, str] = MappingProxyType(
    {"daily": "0 5 * * *", "weekly": "0 6 * * 1", "monthly": "0 7 1 * *", "quarterly": "0 8 1 {months} *"}
)
_MONTHS, _MONTHS_OF_QUARTER = 12, 3


def cron_of(cadence: str, fiscal_year_start_month: int) -> str:
    """When a cadence is due; quarterly on the first day of each fiscal quarter."""
    first = range(fiscal_year_start_month - 1, fiscal_year_start_month - 1 + _MONTHS, _MONTHS_OF_QUARTER)
    months = sorted(month % _MONTHS + 1 for month in first)
    return SCHEDULES[cadence].format(months=",".join(map(str, months)))


def refresh_jobs() -> list:
    """One job a cadence. All publish every account; the cadence decides which reports are made too."""
    return [
        dg.define_asset_job(
            cadence,
            selection=dg.AssetSelection.all(),
            executor_def=dg.in_process_executor,
            tags={CADENCE_TAG: cadence},
            description=f"The {cadence} refresh: extract, check, model and publish everything as of one date.",
        )
        for cadence in SCHEDULES
    ]


def refresh_schedules(jobs: list, time_zone: str, fiscal_year_start_month: int) -> list[dg.ScheduleDefinition]:
    """One schedule a job, off by default."""
    return [
        job_schedule(job, time_zone, cron_of(job.name, fiscal_year_start_month), f"{job.name}_refresh") for job in jobs
    ]


def job_schedule(job, time_zone: str, cron: str, name: str) -> dg.ScheduleDefinition:
    """A schedule of one job, off by default, for the date it is in the business time zone."""

    @dg.schedule(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone=time_zone,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=f"Starts {job.name} for the date it is in the business time zone.",
    )
    def scheduled(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        # A retried or late tick still asks for the date it was due on.
        as_of = context.scheduled_execution_time.astimezone(ZoneInfo(time_zone)).date().isoformat()
        return dg.RunRequest(run_key=as_of, partition_key=as_of)

    return scheduled


def failure_sensor(settings: Settings) -> dg.SensorDefinition:
    """Tells the webhook of settings that a run failed; on by default, silent without a webhook."""

    @dg.run_failure_sensor(
        name="tell_of_failed_runs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Says that a refresh failed and that the last publication is still up.",
    )
    def tell_of_failed_runs(context: dg.RunFailureSensorContext) -> None:
        message = failure_message(context)
        context.log.error(message)
        if settings.webhook_on_failure is not None:
            tell(settings.webhook_on_failure.get_secret_value(), message)

    return tell_of_failed_runs


def failure_message(context: dg.RunFailureSensorContext) -> str:
    """The failure in two sentences: what failed and what readers see meanwhile."""
    run = context.dagster_run
    as_of = partition_of(run.tags) or "an unknown date"
    return (
        f"The {run.job_name} refresh as of {as_of} failed (run {run.run_id}): {context.failure_event.message} "
        "The last publication stays up."
    )


def tell(url: str, message: str, timeout_seconds: float = 10) -> None:
    """Post `message` to a webhook as JSON; raises URLError when it can't be reached."""
    if not url.startswith(("https://", "http://")):
        raise ValueError("the failure webhook must be an http or https address")
    request = urllib.request.Request(  # noqa: S310 - the scheme was just checked
        url, data=json.dumps({"text": message}).encode(), headers={"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=timeout_seconds):  # noqa: S310 - the same
        pass
