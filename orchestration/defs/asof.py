"""As-of dates as partitions, and the run that a Dagster context stands for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import dagster as dg

from orchestration.refresh.run import Run
from orchestration.settings import Settings

AS_OF_TAG = "account_health/as_of"
CADENCE_TAG = "account_health/cadence"


def as_of_partitions(settings: Settings, time_zone: str) -> dg.DailyPartitionsDefinition:
    """One partition an as-of date, up to and including today in the business time zone."""
    return dg.DailyPartitionsDefinition(start_date=settings.first_as_of.isoformat(), timezone=time_zone, end_offset=1)


def as_of_text(tags: Mapping[str, str]) -> str | None:
    """The as-of date of a run with these tags, as it was given."""
    return tags.get("dagster/partition") or tags.get(AS_OF_TAG)


def run_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, settings: Settings) -> Run:
    """What the Dagster run was asked for: the partition, else the as_of tag (dates beyond the partitions).

    Raises dg.Failure when it has neither.
    """
    tags = context.run.tags
    text = as_of_text(tags)
    if text is None:
        raise dg.Failure(f"the run has no as-of date: choose a partition, or set the tag {AS_OF_TAG}")
    return Run(settings, date.fromisoformat(text), context.run.run_id, tags.get(CADENCE_TAG, "daily"))
