"""The ledger among the assets, and the rounds that carry out what is due."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from orchestration.actions.export import export_log
from orchestration.defs.asof import as_of_partitions
from orchestration.defs.deliver import EVERY_SECONDS, LEDGER, TAKEN_IN, deliver_job, deliver_sensor, ledger_asset
from orchestration.defs.progress import Quiet
from orchestration.ledger.store import Store, utc_now
from orchestration.refresh.extract import extract
from orchestration.refresh.run import Run
from orchestration.settings import Settings
from orchestration.sources.landing import LandingZone
from tests.support.ledger import action, alert, publish


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "drop").mkdir()
    return Settings(home=tmp_path)


def taken_in(settings: Settings) -> dg.ExecuteInProcessResult:
    asset = ledger_asset(settings, as_of_partitions(settings, "UTC"), Quiet())
    return dg.materialize([asset], partition_key="2026-06-30", raise_on_error=False)


def check_of(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    [check] = result.get_asset_check_evaluations()
    assert (check.asset_key, check.check_name) == (LEDGER, TAKEN_IN)
    return check


def test_a_publication_is_taken_in_carried_out_and_read_again(settings: Settings) -> None:
    publish(settings.published_path, action("m1"), action("m2", "approve"))
    result = taken_in(settings)
    assert result.success
    assert check_of(result).passed
    [made] = result.asset_materializations_for_node("operations__ledger")
    assert made.metadata["changed"].value == "entered 2"

    job = deliver_job(settings)
    assert job.execute_in_process().success
    assert '"key": "m1"' in (settings.operations_path / "dry_run.jsonl").read_text()
    # The next refresh reads what came of it.
    extracted = extract(Run(settings, date(2026, 7, 1), "run-1"), "action_log")
    assert (extracted.status, extracted.problem, extracted.rows_read) == ("landed", None, 4)
    [landed] = LandingZone(settings.landing_path).extractions("action_log")
    assert landed.source == "operations"
    again = extract(Run(settings, date(2026, 7, 1), "run-2"), "action_log")
    assert again.status == "landed_before"


@pytest.mark.parametrize("broken", ["nothing published", "no database", "no mode"])
def test_what_goes_wrong_never_fails_a_run(settings: Settings, broken: str) -> None:
    if broken != "nothing published":
        row = action("m1")
        if broken == "no mode":
            row["mode"] = None
        publish(settings.published_path, row)
    if broken == "no database":
        (settings.home_path / "operations.db").write_bytes(b"not a database" * 100)
    result = taken_in(settings)
    assert result.success
    check = check_of(result)
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert check.description.startswith("the ledger didn't take the publication in: ")


def test_a_ledger_that_cannot_be_read_leaves_the_log_of_before(settings: Settings) -> None:
    publish(settings.published_path, action("m1"))
    taken_in(settings)
    run = Run(settings, date(2026, 7, 1), "run-1")
    assert extract(run, "action_log").rows_read == 1
    for file in settings.home_path.glob("operations.db*"):
        file.unlink()
    (settings.home_path / "operations.db").write_bytes(b"not a database" * 100)
    extracted = extract(run, "action_log")
    assert extracted.status == "failed"
    assert "the ledger can't be read: the ledger can't be opened: file is not a database" in extracted.problem
    assert (settings.operations_path / "action_log.csv").read_text().count("\n") == 2


def test_an_export_cut_short_is_done_over(settings: Settings) -> None:
    publish(settings.published_path, action("m1"))
    taken_in(settings)
    settings.operations_path.mkdir(exist_ok=True)
    (settings.operations_path / ".action_log.csv.exporting").write_text("half a li")
    with Store.open(settings) as store:
        assert export_log(store, "action_log", settings.operations_path) == 1
    assert [path.name for path in settings.operations_path.iterdir()] == ["action_log.csv"]


def test_the_sensor_is_off_until_turned_on_and_waits_its_turn(settings: Settings) -> None:
    job = deliver_job(settings)
    sensor = deliver_sensor(settings, job)
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
    assert (sensor.minimum_interval_seconds, EVERY_SECONDS) == (900, 900)
    with dg.DagsterInstance.ephemeral() as instance, dg.build_sensor_context(instance) as context:
        assert "no ledger yet" in sensor(context).skip_message
        Store.open(settings).close()
        assert isinstance(sensor(context), dg.RunRequest)
        instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
        assert "still under way" in sensor(context).skip_message


def test_a_round_says_what_failed(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "policies"
    shutil.copytree(settings.policies, folder)
    hook = "connectors:\n  hook: {kind: webhook, url: 'http://127.0.0.1:9/hook', secret: hook_key}\ndefault: hook\n"
    (folder / "connectors.yaml").write_text(hook)
    settings = Settings(home=tmp_path, policies=folder)
    publish(settings.published_path, action("m1"), alerts=[alert("l1", at_once=True)])
    taken_in(settings)
    job = deliver_job(settings)
    failed = job.execute_in_process(raise_on_error=False)
    assert not failed.success
    [failure] = failed.get_step_failure_events()
    assert "set ACCOUNT_HEALTH_SECRET_HOOK_KEY, or put it into a file hook_key" in str(failure.step_failure_data.error)
    # Deadlines and clocks were seen to all the same.
    with Store.open(settings) as store, store.reading() as con:
        assert ("alert:l1",) in con.exec_driver_sql("select notice_id from notices").fetchall()
    monkeypatch.setenv("ACCOUNT_HEALTH_SECRET_HOOK_KEY", "s3cret")
    assert job.execute_in_process().success
    with Store.open(settings) as store, store.reading() as con:
        problem, attempt = con.exec_driver_sql("select problem, next_attempt_at from actions").one()
    assert "127.0.0.1 can't be reached" in problem
    assert attempt > str(utc_now())
