"""Decks: made when they are due, after the publication that says so; and the executive report as PDF."""

from pathlib import Path

import dagster as dg

from orchestration.defs.asof import ONE_RUN_A_DATE, run_of
from orchestration.defs.progress import Progress
from orchestration.defs.reports import GROUP
from orchestration.documents.batch import make_due, write_executive_report
from orchestration.settings import Settings

_SHOWN = 20


def deck_documents(settings: Settings, partitions: dg.PartitionsDefinition, progress: Progress) -> dg.AssetsDefinition:
    """The decks that are due as of the date, as far as their content isn't there yet."""

    @dg.asset(
        key=["documents", "decks"],
        deps=[dg.AssetKey(["publication", "snapshot"])],
        group_name=GROUP,
        kinds={"powerpoint", "pdf"},
        owners=["team:revenue-operations"],
        tags={"layer": "documents"},
        partitions_def=partitions,
        backfill_policy=ONE_RUN_A_DATE,
        description="The health-check decks that document_queue says are due, where their content has changed, and the"
        " executive report.",
    )
    def decks(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        run = run_of(context, settings)
        # A past date is looked at, not prepared for: its decks would replace those of now.
        if not run.noted("publication")["is_current"]:
            return dg.MaterializeResult(
                metadata={"made": 0, "why": "a later date is published: nothing is due by this"}
            )
        progress.advance("the decks that are due")
        snapshot = Path(run.noted("publication")["folder"])
        with run.timed("documents"):
            made = make_due(snapshot, settings.documents_path, run.policies, progress.advance)
            report = write_executive_report(snapshot, settings.reports_path, run.policies)
        for path, reason in made.failed:
            context.log.error(f"{path} can't be made: {reason}")
        return dg.MaterializeResult(
            metadata={
                "folder": dg.MetadataValue.path(str(settings.documents_path.relative_to(settings.home_path))),
                "made": len(made.made),
                "unchanged": made.unchanged,
                "need a person": len(made.needs_person),
                "failed": len(made.failed),
                "left for the next run": made.left,
                "seconds": round(made.seconds, 3),
                "executive report": dg.MetadataValue.path(str(report.relative_to(settings.home_path))),
                **_table("first made", ("path",), [(path,) for path in sorted(made.made)]),
                **_table("who needs a person", ("account", "missing"), made.needs_person),
                **_table("what failed", ("path", "reason"), made.failed),
            }
        )

    return decks


def _table(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> dict[str, dg.MetadataValue]:
    if not rows:
        return {}
    records = [dg.TableRecord(dict(zip(columns, row, strict=True))) for row in rows[:_SHOWN]]
    return {title: dg.MetadataValue.table(records)}
