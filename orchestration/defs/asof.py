"""As-of dates as partitions, and the run that a Dagster context stands for."""

from __future__ import annotations

from datetime import date

import dagster as dg

from orchestration.refresh.run import Run
from orchestration.settings import Settings

AS_OF_TAG = "account_health/as_of"
CADENCE_TAG = "account_health/cadence"


def as_of_partitions(settings: Settings, time_zone: str) -> dg.DailyPartitionsDefinition:
    """One partition an as-of date, up to and including today in the business time zone."""
    return dg.DailyPartitionsDefinition(
        start_date=settings.first_as_of.isoformat(), timezone=time_zone, end_offset=1
    )


def run_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, settings: Settings) -> Run:
    """What the Dagster run was asked for: the partition, else the as_of tag (dates beyond the partitions).

    Raises dg.Failure when it has neither.
    """
    tags = context.run.tags
    text = tags.get("dagster/partition") or tags.get(AS_OF_TAG)
    if text is None:
        raise dg.Failure(f"the run has no as-of date: choose a partition, or set the tag {AS_OF_TAG}")
    return Run(settings, date.fromisoformat(text), context.run.run_id, tags.get(CADENCE_TAG, "daily"))
