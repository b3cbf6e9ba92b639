"""A refresh as Dagster runs it: what its events tell, what a backfill leaves, and what stands in its way."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from orchestration.dbt import DbtRunner
from orchestration.demo.company import WRITTEN
from orchestration.publishing.reader import Publication
from orchestration.sources.streams import STREAMS
from tests.defs.conftest import BEFORE
from tests.defs.refreshes import AS_OF, QUIET, Home, Refresh, blanked, changed, copy_of, values

GATED = {"freeze_inputs", "models", "check_published", "publication__snapshot", "publication__bi_file"}


def rows(home: Home, query: str) -> list[dict[str, Any]]:
    with Publication.open(home.settings.published_path) as publication:
        return publication.rows(query)


# What a run tells


def test_every_step_of_a_refresh_runs(refreshed: Refresh) -> None:
    assert refreshed.success, refreshed.failures
    assert not refreshed.not_run


@pytest.mark.parametrize("stream", WRITTEN)
def test_landing_tells_rows_and_seconds(refreshed: Refresh, stream: str) -> None:
    metadata = refreshed.metadata("landing", stream)
    assert metadata["status"] in ("landed", "landed_before")
    assert metadata["dagster/row_count"] > 0
    assert metadata["rows passed over"] >= 0
    assert metadata["seconds"] > 0


@pytest.mark.parametrize("stream", WRITTEN)
def test_every_row_read_is_accounted_for_on_the_landing_asset(home: Home, refreshed: Refresh, stream: str) -> None:
    check = refreshed.checks("landing", stream)["landed"]
    told = values(check.metadata)
    assert check.passed
    assert told["rows read"] == told["rows used"] + told["rows set aside"] + told["rows passed over"] > 0
    [published] = rows(home, f"select * from source_freshness where stream = '{stream}'")
    assert told["rows set aside"] == published["rows_set_aside"]
    assert told["rows used"] == published["rows_used"]


def test_inputs_tell_where_the_rows_of_every_stream_went(refreshed: Refresh) -> None:
    told = refreshed.metadata("run", "streams")
    table = {record.data["stream"]: record.data for record in told["rows by stream"].records}
    assert set(table) == set(STREAMS)
    assert table["contracts"]["set aside"] > 0
    assert "█" in told["rows set aside"]
    assert refreshed.metadata("quality", "row_failures")["dagster/row_count"] > 0


def test_models_tell_seconds_and_published_ones_rows(home: Home, refreshed: Refresh) -> None:
    assert refreshed.metadata("intermediate", "int_contracts__converted")["Execution Duration"] > 0
    [counted] = rows(home, "select count(*) as targets from health_check_targets")
    assert refreshed.observed("published", "health_check_targets")["dagster/row_count"] == counted["targets"]


def test_the_publication_tells_what_is_in_it_and_what_took_how_long(refreshed: Refresh) -> None:
    told = refreshed.metadata("publication", "snapshot")
    assert told["is current"]
    assert {record.data["table"] for record in told["rows"].records} >= {"health_check_targets", "hygiene_issues"}
    assert told["dagster/row_count"] == sum(record.data["rows"] for record in told["rows"].records)
    assert told["seconds"] > 0
    for stage in ("extract", "check landed", "models", "publish snapshot"):
        assert stage in told["seconds by stage"]
    assert "█" in told["seconds of the slowest models"]
    assert "█" in told["targets by status"]
    assert told["first candidates"].records[0].data["rank"] == 1
    assert not Path(told["folder"]).is_absolute()


def test_a_failing_check_shows_its_rule_counts_sample_and_the_way_to_all_rows(home: Home, refreshed: Refresh) -> None:
    check = refreshed.checks("landing", "contracts")["end_on_or_after_start"]
    told = values(check.metadata)
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert f"{told['rows failed']:,} of {told['rows checked']:,} rows fail" in check.description
    assert "A contract's end date is on or after its start date." in told["report"]
    assert "| record_key |" in told["report"]
    assert told["sample keys"]
    assert all(key in told["report"] for key in told["sample keys"].split(", "))
    assert told["as of"] == AS_OF.isoformat()
    assert told["published in"] == dg.AssetKey(["published", "hygiene_issues"])
    listed = rows(
        home, f"select record_key from hygiene_issues where status = 'open' and {told['rows of hygiene_issues']}"
    )
    assert len(listed) == told["rows failed"]
    assert all(issue["record_key"] in told["report"] for issue in listed[:1])
    file = home.settings.home_path / told["all failing rows"]
    with duckdb.connect() as con:
        where = told["rows of hygiene_issues"]
        counted = con.execute(f"select count(*) from read_parquet(?) where {where}", [str(file)]).fetchall()
    assert counted == [(told["rows failed"],)]


def test_warnings_do_not_stop_a_refresh(refreshed: Refresh) -> None:
    warned = [
        check
        for stream in ("accounts", "contracts", "activities")
        for check in refreshed.checks("landing", stream).values()
        if not check.passed
    ]
    assert warned
    assert {check.severity for check in warned} == {dg.AssetCheckSeverity.WARN}
    assert "publication__snapshot" in refreshed.ran


def test_published_checks_are_run(refreshed: Refresh) -> None:
    checks = refreshed.checks("published", "health_check_targets")
    assert checks["key_unique"].passed
    assert values(checks["key_unique"].metadata)["rows checked"] > 0
    assert "published in" not in checks["key_unique"].metadata


# Backfills


def test_a_backfill_publishes_every_date_and_the_newest_stays_current(
    home: Home, backfilled: dict[date, Refresh]
) -> None:
    assert all(refresh.success for refresh in backfilled.values())
    # The newest stands there twice: again with the history that the last one added.
    assert [made.manifest.as_of_date for made in home.snapshots] == [BEFORE, AS_OF, AS_OF]
    assert home.current is not None
    assert home.current.manifest.as_of_date == AS_OF
    assert home.current.manifest.run_id == backfilled[AS_OF].result.run_id
    assert backfilled[BEFORE].metadata("publication", "snapshot")["is current"] is False
    assert backfilled[BEFORE].metadata("publication", "bi_file")["replaced"] is True


def test_a_backfill_in_any_order_ends_with_all_its_dates_in_the_histories(
    home: Home, backfilled: dict[date, Refresh]
) -> None:
    for history in ("account_health_history", "account_churn_history", "score_audit"):
        found = rows(home, f"select as_of_date, count(distinct run_id) as runs from {history} group by 1 order by 1")
        assert [row["as_of_date"] for row in found] == [BEFORE, AS_OF], history
        assert {row["runs"] for row in found} == {1}, history
    with duckdb.connect(home.settings.published_path / "account_health.duckdb", read_only=True) as con:
        days = con.execute("select count(distinct as_of_date) from published.account_health_history").fetchall()
    assert days == [(2,)]


def test_the_newest_date_of_a_history_is_the_current_table(home: Home, refreshed: Refresh) -> None:
    current = rows(home, "select * from account_health order by account_id")
    kept = rows(home, f"select * from account_health_history where as_of_date = '{AS_OF}' order by account_id")
    assert kept == current != []


def test_each_date_of_a_backfill_is_a_partition_of_every_asset(home: Home, backfilled: dict[date, Refresh]) -> None:
    for key in (["landing", "accounts"], ["published", "health_check_targets"], ["publication", "snapshot"]):
        done = home.instance.get_materialized_partitions(dg.AssetKey(key))
        assert done == {as_of.isoformat() for as_of in backfilled}


def test_each_date_of_a_backfill_is_a_run_of_its_own(home: Home) -> None:
    graph = home.definitions.resolve_asset_graph()
    policies = {graph.get(key).backfill_policy for key in graph.get_all_asset_keys()}
    assert policies == {dg.BackfillPolicy.multi_run(max_partitions_per_run=1)}


# What stands in the way


@pytest.fixture
def published(tmp_path: Path, home: Home, backfilled: dict[date, Refresh]) -> Callable[[Path], Home]:
    """Makes a copy of the home, with its publications, that reads another drop folder."""

    def make(drop: Path) -> Home:
        return copy_of(home, tmp_path / "home", drop)

    return make


def test_too_many_bad_contracts_stop_the_models_and_the_publication(
    tmp_path: Path, drop: Path, published: Callable[[Path], Home]
) -> None:
    """The gate itself: what `enable_source_tests_as_checks` must stay off for."""
    bad = changed(drop, tmp_path / "drop", contracts=blanked(drop, "contracts", "amount", every=10))
    home = published(bad)
    before = home.current
    refresh = home.refresh()
    check = refresh.checks("landing", "contracts")["amount_present"]
    assert not refresh.success
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert "over the limit of 5 %" in check.description
    assert refresh.not_run >= GATED
    assert home.current == before


def test_a_required_file_that_cannot_be_read_stops_the_refresh(
    tmp_path: Path, drop: Path, published: Callable[[Path], Home]
) -> None:
    home = published(changed(drop, tmp_path / "drop", accounts="nothing,of,the,kind\n1,2,3,4\n"))
    before = home.current
    refresh = home.refresh()
    assert not refresh.success
    assert refresh.failed == {"landing__accounts"}
    assert "accounts.csv" in refresh.failures
    assert refresh.not_run >= GATED
    assert home.current == before


def test_a_required_stream_that_never_landed_stops_the_refresh(tmp_path: Path, drop: Path) -> None:
    home = Home.make(tmp_path / "home", changed(drop, tmp_path / "drop", contracts=""))
    refresh = home.refresh()
    assert not refresh.success
    assert refresh.failed == {"landing__contracts"}
    assert "contracts.csv" in refresh.failures
    assert refresh.not_run >= GATED
    assert home.current is None


def test_a_failing_check_of_a_published_table_blocks_the_publication(
    drop: Path, published: Callable[[Path], Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = published(drop)
    before = home.current
    with duckdb.connect(str(home.settings.warehouse_path)) as con:
        con.execute("insert into published.health_check_targets select * from published.health_check_targets limit 3")
    order = home.definitions.resolve_asset_graph().toposorted_asset_keys
    monkeypatch.setattr(DbtRunner, "cli", lambda self, *_, context, **__: ModelsAsTheyAre(context, order))
    refresh = home.refresh()
    assert refresh.failed == {"check_published"}, refresh.failures
    check = refresh.checks("published", "health_check_targets")["key_unique"]
    assert "models" in refresh.ran
    assert not refresh.success
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert values(check.metadata)["rows failed"] == 3
    assert refresh.not_run >= {"publication__snapshot", "publication__bi_file", "publication__postgres"}
    assert home.current == before


def test_a_run_without_a_date_says_what_to_do(home: Home) -> None:
    result = home.definitions.resolve_job_def("daily").execute_in_process(
        instance=dg.DagsterInstance.ephemeral(), run_config=QUIET, raise_on_error=False
    )
    assert "the run has no as-of date: choose a partition" in Refresh(result).failures


@dataclasses.dataclass
class ModelsAsTheyAre:
    """Stands for a dbt that leaves the warehouse as it finds it."""

    context: dg.AssetExecutionContext
    order: Sequence[dg.AssetKey]

    def stream(self) -> Iterator[dg.Output]:
        names = {key: name for name, key in self.context.assets_def.keys_by_output_name.items()}
        for key in self.order:
            if key in names:
                yield dg.Output(None, names[key])

    def get_artifact(self, _name: str) -> dict[str, Any]:
        return {"results": []}
