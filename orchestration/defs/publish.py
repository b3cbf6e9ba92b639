"""Publish: the snapshot that everybody reads, and the media made from it."""

from pathlib import Path

import dagster as dg

from orchestration.dbt import published_descriptions, published_keys
from orchestration.defs.asof import ONE_RUN_A_DATE, run_of
from orchestration.defs.chart import bars
from orchestration.defs.check import WAREHOUSE_POOL, published_key
from orchestration.defs.progress import Progress
from orchestration.publishing.reader import Publication
from orchestration.refresh.publish import is_newest, publish, publish_database, publish_file
from orchestration.refresh.run import Run
from orchestration.settings import Settings

GROUP = "publication"
_SLOWEST = 8


def publish_assets(
    settings: Settings, manifest: Path, partitions: dg.PartitionsDefinition, progress: Progress
) -> list[dg.AssetsDefinition]:
    """The publication: snapshot, BI file, and PostgreSQL where one is set."""
    keys, descriptions = published_keys(manifest), published_descriptions(manifest)
    shared = {
        "group_name": GROUP,
        "owners": ["team:data-engineering"],
        "tags": {"layer": "publication"},
        "partitions_def": partitions,
        "backfill_policy": ONE_RUN_A_DATE,
    }

    @dg.asset(
        key=["publication", "snapshot"],
        deps=[published_key(table) for table in descriptions],
        kinds={"parquet"},
        pool=WAREHOUSE_POOL,
        description="An immutable folder of every published table; CURRENT names the newest.",
        **shared,
    )
    def snapshot(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        progress.stage("publishing")
        run = run_of(context, settings)
        newest = is_newest(run)
        made, pruned = publish(run, keys, descriptions)
        rows = {name: table.rows for name, table in made.manifest.tables.items()}
        return dg.MaterializeResult(
            metadata={
                "folder": dg.MetadataValue.path(str(made.folder.relative_to(settings.home_path))),
                "is current": newest,
                "rows": dg.MetadataValue.table(
                    [dg.TableRecord({"table": name, "rows": count}) for name, count in rows.items()]
                ),
                "dagster/row_count": sum(rows.values()),
                "snapshots removed": len(pruned.removed),
                **_timings(run),
                **_glance(made.folder),
            }
        )

    @dg.asset(
        key=["publication", "bi_file"],
        deps=[snapshot],
        kinds={"duckdb"},
        description="A DuckDB file for BI tools, replaced whole; DuckDB 1.x reads it too.",
        **shared,
    )
    def bi_file(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        progress.advance("the file for BI tools")
        return dg.MaterializeResult(metadata={"replaced": publish_file(run_of(context, settings))})

    @dg.asset(
        key=["publication", "postgres"],
        deps=[snapshot],
        kinds={"postgres"},
        description="The same tables in PostgreSQL, swapped in one transaction; nothing where no database is set.",
        **shared,
    )
    def postgres(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        progress.advance("PostgreSQL")
        outcome = publish_database(run_of(context, settings))
        if outcome is None:
            return dg.MaterializeResult(metadata={"published": False, "why": "no database is set"})
        return dg.MaterializeResult(
            metadata={
                "published": not outcome.superseded,
                "swap attempts": outcome.swap_attempts,
                "notes": "; ".join(outcome.notes) or "none",
            }
        )

    return [snapshot, bi_file, postgres]


def _timings(run: Run) -> dict[str, dg.MetadataValue]:
    """Seconds by stage, and of the slowest models."""
    stages: dict[str, float] = {}
    for stage, seconds in run.stage_seconds().items():
        whole = stage.partition("/")[0].replace("_", " ")
        stages[whole] = stages.get(whole, 0.0) + seconds
    models = (run.noted("models") or {}).get("seconds", {})
    slowest = dict(sorted(models.items(), key=lambda item: -item[1])[:_SLOWEST])
    return {
        "seconds": dg.MetadataValue.float(round(sum(stages.values()), 3)),
        "seconds by stage": dg.MetadataValue.md(bars(stages)),
        "seconds of the slowest models": dg.MetadataValue.md(bars(slowest)),
    }


def _glance(folder: Path) -> dict[str, dg.MetadataValue]:
    """What the publication says, small enough for the asset's page."""
    with Publication.open_snapshot(folder) as publication:
        statuses = publication.rows(
            "select status, count(*) as targets from health_check_targets group by 1 order by 2 desc, 1"
        )
        issues = publication.rows(
            "select severity, count(*) as issues from hygiene_issues where status = 'open'"
            " group by 1 order by 2 desc, 1"
        )
        first = publication.rows(
            'select "rank", account_name, product, flag_reason, amount::text as amount'
            ' from health_check_candidates order by "rank" limit 10'
        )
    glance: dict[str, dg.MetadataValue] = {
        "targets by status": dg.MetadataValue.md(
            bars({row["status"].replace("_", " "): row["targets"] for row in statuses})
        ),
        "open issues": dg.MetadataValue.md(bars({row["severity"]: row["issues"] for row in issues})),
    }
    if first:
        glance["first candidates"] = dg.MetadataValue.table([dg.TableRecord(row) for row in first])
    return glance
