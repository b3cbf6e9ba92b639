"""Documents: the dashboard and the reviews of a publication, written for people, after it is made."""

from pathlib import Path

import dagster as dg

from orchestration.defs.asof import ONE_RUN_A_DATE, run_of
from orchestration.defs.progress import Progress
from orchestration.reports.documents import Written, write_documents
from orchestration.settings import Settings

GROUP = "documents"


def report_documents(
    settings: Settings, partitions: dg.PartitionsDefinition, progress: Progress
) -> dg.AssetsDefinition:
    """The executive dashboard of every run, and the reviews that the run's cadence makes."""

    @dg.asset(
        key=["documents", "reports"],
        deps=[dg.AssetKey(["publication", "snapshot"])],
        group_name=GROUP,
        kinds={"html", "markdown"},
        owners=["team:revenue-operations"],
        tags={"layer": "documents"},
        partitions_def=partitions,
        backfill_policy=ONE_RUN_A_DATE,
        description="The executive dashboard and the reviews made as of the date, as HTML and Markdown.",
    )
    def reports(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        progress.advance("the reports")
        run = run_of(context, settings)
        with run.timed("reports"):
            written = write_documents(Path(run.noted("publication")["folder"]), settings.reports_path)
        return dg.MaterializeResult(
            metadata={
                "folder": dg.MetadataValue.path(str(settings.reports_path.relative_to(settings.home_path))),
                **{one.document.title: _shown(one) for one in written},
            }
        )

    return reports


def _shown(written: Written) -> dg.MetadataValue:
    return dg.MetadataValue.md(written.text())
