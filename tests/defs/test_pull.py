"""Connected systems among the assets: one each, with its job, schedule and figures, and what an outage looks like."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from orchestration.build import build_defs
from orchestration.defs import pull as defs_pull
from orchestration.defs.asof import as_of_partitions
from orchestration.defs.progress import Quiet
from orchestration.defs.pull import ANSWERED, SYSTEMS_TAG, pull_assets, pull_cron, pull_jobs, pulled_key
from orchestration.policy.load import load_policies
from orchestration.refresh.pull import pull
from orchestration.refresh.run import Run
from tests.support.crm_database import Crm

KEY = pulled_key("crm")


@pytest.fixture
def crm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Crm:
    return Crm(tmp_path, monkeypatch)


def today() -> str:
    return datetime.now(ZoneInfo("UTC")).date().isoformat()


def asked(crm: Crm, job: str | None = "pull_crm", tags: dict[str, str] | None = None) -> dg.ExecuteInProcessResult:
    """Runs the system's own job, or its asset in a job of another name."""
    policies = load_policies(crm.settings.policies)
    assets = pull_assets(crm.settings, policies, as_of_partitions(crm.settings, "UTC"), Quiet())
    jobs = pull_jobs(policies) if job else [dg.define_asset_job("daily", executor_def=dg.in_process_executor)]
    definitions = dg.Definitions(assets=assets, jobs=jobs)
    return definitions.resolve_job_def(job or "daily").execute_in_process(
        partition_key=today(), raise_on_error=False, tags=tags or {}
    )


def figures(result: dg.ExecuteInProcessResult) -> dict:
    [made] = result.asset_materializations_for_node("pulled__crm")
    return {name: value.value for name, value in made.metadata.items()}


def check_of(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    [check] = result.get_asset_check_evaluations()
    assert (check.asset_key, check.check_name, check.blocking) == (KEY, ANSWERED, False)
    return check


def test_as_shipped_nothing_is_asked(home) -> None:
    repository = home.definitions.get_repository_def()
    assert not [name for name in repository.job_names if name.startswith("pull_")]
    assert not [key for key in repository.asset_graph.get_all_asset_keys() if key.path[0] == "pulled"]


def test_a_connected_system_stands_before_what_it_feeds(crm: Crm) -> None:
    definitions = build_defs(crm.settings)
    graph = definitions.resolve_asset_graph()
    assert graph.get(KEY).child_keys == {dg.AssetKey(["landing", "accounts"]), dg.AssetKey(["landing", "usage"])}
    assert graph.get(KEY).pools == {"api_crm"}
    schedules = {schedule.name: schedule for schedule in definitions.get_repository_def().schedule_defs}
    assert schedules["pull_crm"].cron_schedule == "0 4 * * *"
    assert schedules["pull_crm"].default_status is dg.DefaultScheduleStatus.STOPPED


def test_a_system_of_weekly_streams_is_asked_weekly(crm: Crm) -> None:
    path = crm.settings.policies / "sources.yaml"
    head, _, tail = path.read_text().partition("  - name: crm_accounts")
    path.write_text(head + "  - name: crm_usage" + tail.partition("  - name: crm_usage")[2])
    assert pull_cron(load_policies(crm.settings.policies), "crm") == "0 3 * * 1"


def test_its_figures_are_on_its_page(crm: Crm) -> None:
    result = asked(crm)
    assert result.success
    assert check_of(result).passed
    found = figures(result)
    assert {name: found[name] for name in ("status", "rows", "pages")} == {"status": "asked", "rows": 3, "pages": 2}
    [table] = [value for value in found["sources"] if isinstance(value, list)]
    by_source = {record.data["source"]: record.data for record in table}
    assert by_source["crm_accounts"]["records"] == 2
    assert by_source["crm_accounts"]["watermark"]
    today_asked = found["asked last"]
    assert today_asked.count(today()) == 2
    crm.goes_away()
    assert figures(asked(crm, job=None, tags={SYSTEMS_TAG: "crm"}))["asked last"] == today_asked


def test_a_person_asks_whatever_is_due_and_a_schedule_and_a_refresh_don_t(crm: Crm) -> None:
    assert figures(asked(crm))["rows"] == 3
    assert figures(asked(crm))["status"] == "asked"
    assert "not asked" in figures(asked(crm, tags={"dagster/schedule_name": "pull_crm"}))["status"]
    assert "not asked" in figures(asked(crm, job=None))["status"]


def test_a_tag_names_the_systems_that_are_asked(crm: Crm) -> None:
    assert "not asked" in figures(asked(crm, job=None, tags={SYSTEMS_TAG: "other"}))["status"]
    assert figures(asked(crm, job=None, tags={SYSTEMS_TAG: "other,crm"}))["status"] == "asked"
    assert figures(asked(crm, job=None, tags={SYSTEMS_TAG: "crm"}))["status"] == "asked"


def test_its_own_job_tries_again_and_then_fails(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defs_pull, "_FIRST_WAIT_SECONDS", 0)
    crm.goes_away()
    result = asked(crm)
    assert not result.success
    retried = [event for event in result.all_events if event.is_step_up_for_retry]
    assert len(retried) == defs_pull._RETRIES
    [failure] = result.get_step_failure_events()
    assert "crm_accounts" in failure.step_failure_data.error.message


def test_a_refresh_goes_on_without_it_and_says_so(crm: Crm) -> None:
    crm.goes_away()
    result = asked(crm, job=None)
    assert result.success
    check = check_of(result)
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert "crm_accounts" in (check.description or "")
    assert figures(result)["status"] == "failed"


def test_only_what_failed_is_asked_again_by_a_schedule(crm: Crm) -> None:
    crm.run("alter table usage rename to usage_away")
    now = datetime.now(UTC)
    run = Run(crm.settings, now.date(), "first")
    first = {row["source"]: row["problem"] for row in pull(run, "crm").sources}
    assert first["crm_accounts"] is None
    assert first["crm_usage"]
    crm.run("alter table usage_away rename to usage")
    assert [row["source"] for row in pull(Run(crm.settings, now.date(), "second"), "crm").sources] == ["crm_usage"]
