"""Retention: after a publication, what is older than privacy.yaml keeps is removed."""

from datetime import UTC, datetime

import dagster as dg

from orchestration.defs.asof import ONE_RUN_A_DATE, run_of
from orchestration.defs.deliver import GROUP, LEDGER
from orchestration.defs.progress import Progress
from orchestration.retention.prune import prune
from orchestration.settings import Settings


def retention_asset(settings: Settings, partitions: dg.PartitionsDefinition, progress: Progress) -> dg.AssetsDefinition:
    """What is kept of the past; what goes wrong here never fails a publication, and the next refresh tries again."""

    @dg.asset(
        key=["operations", "retention"],
        deps=[LEDGER, dg.AssetKey(["documents", "reports"])],
        group_name=GROUP,
        kinds={"python"},
        owners=["team:revenue-operations"],
        tags={"layer": "operations"},
        partitions_def=partitions,
        backfill_policy=ONE_RUN_A_DATE,
        description="What is kept of the past: extractions, histories, documents and logs, as privacy.yaml says.",
    )
    def retention(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        progress.advance("what is too old")
        run = run_of(context, settings)
        with run.timed("retention"):
            try:
                removed, problem = prune(settings, run.policies, datetime.now(UTC)).words(), "none"
            except Exception as error:
                # The publication stands, whatever happens here.
                removed, problem = "nothing", f"{type(error).__name__}: {error}"
                context.log.error(problem)
        return dg.MaterializeResult(metadata={"removed": removed, "problem": problem})

    return retention
