"""Model: the inputs of the run, frozen, and the dbt models that read nothing else."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject, dbt_assets

from orchestration.dbt import DbtRunner, dbt_args, dbt_environment, environment
from orchestration.defs.actions import actions_metadata
from orchestration.defs.asof import ONE_RUN_A_DATE, run_of
from orchestration.defs.chart import bars
from orchestration.defs.check import WAREHOUSE_POOL, published_key
from orchestration.defs.extract import landing_key
from orchestration.defs.health import health_metadata
from orchestration.defs.progress import Progress
from orchestration.refresh.freeze import freeze
from orchestration.refresh.portfolio import portfolio
from orchestration.refresh.proposed import proposed
from orchestration.refresh.run import Run
from orchestration.settings import Settings
from orchestration.sources.streams import STREAMS
from orchestration.warehouse import published_rows

STREAMS_KEY = dg.AssetKey(["run", "streams"])
# dbt sources that the freeze writes; the landing assets are sources too, but extraction makes those.
_FROZEN = ("quality", "matching", "policy", "run", "history")


# Published tables whose pages have more than a number of rows.
_FIGURES: Mapping[str, Callable[[Run], Mapping[str, Any]]] = {
    "account_health": lambda run: health_metadata(portfolio(run)),
    "recommended_actions": lambda run: actions_metadata(proposed(run)),
}


class Translator(DagsterDbtTranslator):
    """Groups and owners of the models: their layer is the folder they stand in."""

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = manifest["nodes"].get(unique_id) or manifest["sources"][unique_id]
        if node["resource_type"] == "source":
            return spec
        layer = node["fqn"][1]
        return spec.replace_attributes(
            key=dg.AssetKey([layer, node["name"]]),
            group_name=layer,
            owners=["team:revenue-operations"] if layer == "published" else ["team:data-engineering"],
            tags={**spec.tags, "layer": layer},
        )


def model_assets(
    settings: Settings, manifest: Path, partitions: dg.PartitionsDefinition, progress: Progress
) -> list[dg.AssetsDefinition]:
    """The frozen inputs and the dbt models."""
    return [_inputs(settings, manifest, partitions, progress), _models(settings, manifest, partitions, progress)]


def _inputs(
    settings: Settings, manifest: Path, partitions: dg.PartitionsDefinition, progress: Progress
) -> dg.AssetsDefinition:
    content = json.loads(manifest.read_text(encoding="utf-8"))
    landed = [landing_key(stream) for stream in STREAMS]
    specs = [
        dg.AssetSpec(
            [source["source_name"], source["name"]],
            deps=landed,
            group_name="inputs",
            kinds={"parquet"},
            owners=["team:data-engineering"],
            tags={"layer": "inputs"},
            description=source["description"],
            skippable=False,
        )
        for source in content["sources"].values()
        if source["source_name"] in _FROZEN
    ]

    @dg.multi_asset(name="freeze_inputs", specs=specs, partitions_def=partitions, backfill_policy=ONE_RUN_A_DATE)
    def freeze_inputs(context: dg.AssetExecutionContext):
        progress.stage("freezing the inputs of the models")
        run = run_of(context, settings)
        sizes = freeze(run)
        for spec in specs:
            metadata: dict[str, Any] = {"dagster/row_count": sizes[".".join(spec.key.path)]}
            if spec.key == STREAMS_KEY:
                metadata |= _streams(run)
            yield dg.MaterializeResult(asset_key=spec.key, metadata=metadata)

    return freeze_inputs


def _models(
    settings: Settings, manifest: Path, partitions: dg.PartitionsDefinition, progress: Progress
) -> dg.AssetsDefinition:
    @dbt_assets(
        manifest=manifest,
        name="models",
        partitions_def=partitions,
        backfill_policy=ONE_RUN_A_DATE,
        pool=WAREHOUSE_POOL,
        dagster_dbt_translator=Translator(
            DagsterDbtTranslatorSettings(enable_asset_checks=False, enable_source_tests_as_checks=False)
        ),
    )
    def models(context: dg.AssetExecutionContext, dbt: DbtRunner):
        run = run_of(context, settings)
        nodes = len(context.op_execution_context.selected_output_names)
        progress.stage(f"running {nodes} models on {settings.engine.value}", total=nodes)
        settings.temporary_path.mkdir(parents=True, exist_ok=True)
        target = settings.home_path / "dbt" / settings.engine.value
        with run.timed("models"):
            with environment(dbt_environment(settings)):
                invocation = dbt.cli(dbt_args(), context=context, target_path=target)
            for event in invocation.stream():
                if isinstance(event, dg.Output | dg.MaterializeResult):
                    progress.advance(_name_of(event))
                yield event
        run.note("models", {"seconds": model_seconds(invocation.get_artifact("run_results.json"))})
        # Counted at the end, since dbt alone may open the warehouse while it runs.
        for table, rows in published_rows(settings).items():
            if published_key(table) in context.selected_asset_keys:
                more = _FIGURES[table](run) if table in _FIGURES else {}
                yield dg.AssetObservation(published_key(table), metadata={"dagster/row_count": rows, **more})

    return models


def model_seconds(run_results: Mapping[str, Any]) -> dict[str, float]:
    """Seconds each model took inside dbt, by name; tests aside."""
    return {
        result["unique_id"].rpartition(".")[2]: round(result["execution_time"], 4)
        for result in run_results["results"]
        if result["unique_id"].startswith("model.")
    }


def _streams(run: Run) -> dict[str, dg.MetadataValue]:
    """Where every row read went, by stream."""
    rows = run.noted("streams")["rows"]
    table = [
        dg.TableRecord(
            {
                "stream": row["stream"],
                "read": row["rows_read"],
                "used": row["rows_used"],
                "set aside": row["rows_set_aside"],
                "passed over": row["rows_read"] - row["rows_used"] - row["rows_set_aside"],
                "days old": "" if row["age_days"] is None else str(row["age_days"]),
                "note": _stream_note(row),
            }
        )
        for row in rows
    ]
    return {
        "rows by stream": dg.MetadataValue.table(table),
        "rows set aside": dg.MetadataValue.md(bars({row["stream"]: row["rows_set_aside"] for row in rows})),
    }


def _stream_note(row: Mapping[str, Any]) -> str:
    if not row["is_present"]:
        return "not there"
    return "stale" if row["is_stale"] else "reconstructed" if row["reconstructed"] else ""


def _name_of(event: dg.Output | dg.MaterializeResult) -> str:
    if isinstance(event, dg.Output):
        return event.output_name.rpartition("__")[2] if "__" not in event.output_name else event.output_name
    return event.asset_key.path[-1] if event.asset_key else ""
