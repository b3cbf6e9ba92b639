"""The definitions load, and every asset, check, job and schedule in them says what it is."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster_dbt import DagsterDbtTranslator

from orchestration.defs.check import LANDED, WAREHOUSE_POOL
from orchestration.defs.extract import READABLE
from orchestration.quality.suites import load_published_suites, load_suites
from orchestration.sources.streams import STREAMS
from tests.defs.refreshes import Home

LAYERS = {
    "landing": "extract",
    "quality": "inputs",
    "matching": "inputs",
    "policy": "inputs",
    "run": "inputs",
    "history": "inputs",
    "staging": "staging",
    "intermediate": "intermediate",
    "marts": "marts",
    "published": "published",
    "publication": "publication",
    "documents": "documents",
    "operations": "operations",
}


@pytest.fixture(scope="module")
def graph(home: Home):
    return home.definitions.resolve_asset_graph()


def test_definitions_are_whole(home: Home) -> None:
    dg.Definitions.validate_loadable(home.definitions)


def test_every_asset_stands_in_its_stage_and_says_what_it_is(graph) -> None:
    for key in graph.get_all_asset_keys():
        asset = graph.get(key)
        assert len(key.path) == 2, f"{key} is not layer/name"
        assert asset.group_name == LAYERS[key.path[0]], key
        assert asset.kinds, f"{key} has no kind"
        assert asset.owners, f"{key} has no owner"
        assert asset.tags.get("layer"), f"{key} has no layer"
        assert asset.description, f"{key} has no description"
        assert asset.is_partitioned, f"{key} has no as-of dates"


def test_models_are_published_from_what_landed(graph) -> None:
    assert graph.get(dg.AssetKey(["published", "health_check_targets"])).kinds == {"dbt", "duckdb"}
    staging = graph.get(dg.AssetKey(["staging", "stg_landing__accounts"]))
    assert dg.AssetKey(["landing", "accounts"]) in staging.parent_keys
    published = {key for key in graph.get_all_asset_keys() if key.path[0] == "published"}
    assert published
    assert published <= graph.get(dg.AssetKey(["publication", "snapshot"])).parent_keys


@pytest.mark.parametrize("stream", STREAMS)
def test_every_rule_of_a_stream_is_a_check_of_its_landing_asset(home: Home, graph, stream: str) -> None:
    suite = load_suites(home.settings.expectations)[stream]
    specs = {key.name: graph.get_check_spec(key) for key in graph.get(dg.AssetKey(["landing", stream])).check_keys}
    assert set(specs) == {READABLE, LANDED, *(rule.name for rule in suite.rules)}
    for rule in suite.rules:
        assert specs[rule.name].description == rule.description
        assert specs[rule.name].blocking is STREAMS[stream].required
        assert specs[rule.name].metadata["severity"] == rule.severity


def test_every_rule_of_a_published_table_blocks(home: Home, graph) -> None:
    for table, suite in load_published_suites(home.settings.expectations).items():
        for rule in suite.rules:
            spec = graph.get_check_spec(dg.AssetCheckKey(dg.AssetKey(["published", table]), rule.name))
            assert spec.blocking


def test_only_one_step_at_a_time_opens_the_warehouse(home: Home) -> None:
    nodes = home.definitions.resolve_job_def("daily").nodes
    pools = {node.name: node.definition.pools for node in nodes}
    for step in ("models", "check_published", "publication__snapshot"):
        assert pools[step] == {WAREHOUSE_POOL}


def test_tests_on_sources_stay_out_of_the_checks(home: Home) -> None:
    """With them in, dbt is exempt from the other blocking checks of its sources, and the gate is open (see the
    test of contracts with bad rows, which shows it shut)."""
    [models] = [asset for asset in home.definitions.assets if asset.node_def.name == "models"]
    [translator] = {
        value
        for metadata in models.metadata_by_key.values()
        for value in metadata.values()
        if isinstance(value, DagsterDbtTranslator)
    }
    assert translator.settings.enable_source_tests_as_checks is False


def test_a_job_a_cadence_over_the_same_assets(home: Home) -> None:
    jobs = {name: home.definitions.resolve_job_def(name) for name in ("daily", "weekly", "monthly", "quarterly")}
    steps = {name: {node.name for node in job.nodes} for name, job in jobs.items()}
    assert all(of == steps["daily"] for of in steps.values())
    for name, job in jobs.items():
        assert job.tags["account_health/cadence"] == name
        assert job.partitions_def is not None
        assert job.description


def test_calls_from_outside_refresh_the_same_assets(home: Home) -> None:
    touched, daily = (home.definitions.resolve_job_def(name) for name in ("touched", "daily"))
    assert {node.name for node in touched.nodes} == {node.name for node in daily.nodes}
    assert home.definitions.resolve_sensor_def("refresh_what_changed").job_name == "touched"
