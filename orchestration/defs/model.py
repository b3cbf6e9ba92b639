"""Model: the inputs of the run, frozen, and the dbt models that read nothing else."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject, dbt_assets

from orchestration.dbt import DbtRunner, dbt_args, dbt_environment, environment
from orchestration.defs.asof import run_of
from orchestration.defs.extract import landing_key
from orchestration.defs.progress import Progress
from orchestration.refresh.freeze import freeze
from orchestration.settings import Settings
from orchestration.sources.streams import STREAMS

WAREHOUSE_POOL = "warehouse"
# dbt sources that the freeze writes; the landing assets are sources too, but extraction makes those.
_FROZEN = ("quality", "matching", "policy", "run", "history")


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
            description=source["description"],
            skippable=False,
        )
        for source in content["sources"].values()
        if source["source_name"] in _FROZEN
    ]

    @dg.multi_asset(name="freeze_inputs", specs=specs, partitions_def=partitions)
    def freeze_inputs(context: dg.AssetExecutionContext):
        progress.stage("freezing the inputs of the models")
        sizes = freeze(run_of(context, settings))
        for spec in specs:
            yield dg.MaterializeResult(
                asset_key=spec.key, metadata={"rows or files": sizes[".".join(spec.key.path)]}
            )

    return freeze_inputs


def _models(
    settings: Settings, manifest: Path, partitions: dg.PartitionsDefinition, progress: Progress
) -> dg.AssetsDefinition:
    @dbt_assets(
        manifest=manifest,
        name="models",
        partitions_def=partitions,
        pool=WAREHOUSE_POOL,
        dagster_dbt_translator=Translator(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=False)),
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

    return models


def model_seconds(run_results: Mapping[str, Any]) -> dict[str, float]:
    """Seconds each model took inside dbt, by name; tests aside."""
    return {
        result["unique_id"].rpartition(".")[2]: round(result["execution_time"], 4)
        for result in run_results["results"]
        if result["unique_id"].startswith("model.")
    }


def _name_of(event: dg.Output | dg.MaterializeResult) -> str:
    if isinstance(event, dg.Output):
        return event.output_name.rpartition("__")[2] if "__" not in event.output_name else event.output_name
    return event.asset_key.path[-1] if event.asset_key else ""
