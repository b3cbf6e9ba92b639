"""As-of dates as partitions, and the run that a Dagster context stands for."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import dagster as dg

from orchestration.policy.actions import LEVELS
from orchestration.refresh.run import Run
from orchestration.settings import Settings

CADENCE_TAG = "account_health/cadence"
# How much may be done by itself; a run without it goes by the policy.
LEVEL_TAG = "account_health/level"
# A run is of one as-of date: a backfill of several is as many runs.
ONE_RUN_A_DATE = dg.BackfillPolicy.multi_run(max_partitions_per_run=1)


def as_of_partitions(
    settings: Settings, time_zone: str, also: date | None = None, today: date | None = None
) -> dg.DailyPartitionsDefinition:
    """One partition an as-of date: from the first of settings to today in the business time zone, today included.

    `also` is a date that has to be among them; Dagster runs partitioned assets as of their partitions only, so a date
    before or after widens the range.
    """
    today = today or datetime.now(ZoneInfo(time_zone)).date()
    also = also or today
    return dg.DailyPartitionsDefinition(
        start_date=min(settings.first_as_of, also).isoformat(),
        timezone=time_zone,
        end_offset=max((also - today).days, 0) + 1,
    )


def run_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, settings: Settings) -> Run:
    """What the Dagster run was asked for; raises dg.Failure when it has no partition, or a level that there isn't."""
    tags = context.run.tags
    text = partition_of(tags)
    if text is None:
        raise dg.Failure("the run has no as-of date: choose a partition")
    level = tags.get(LEVEL_TAG)
    if level is not None and level not in LEVELS:
        raise dg.Failure(f"{LEVEL_TAG} is {level!r}: choose one of {', '.join(LEVELS)}")
    return Run(settings, date.fromisoformat(text), context.run.run_id, tags.get(CADENCE_TAG, "daily"), level)


def partition_of(tags: dict[str, str]) -> str | None:
    """The as-of date among a run's tags."""
    return tags.get("dagster/partition")
