"""Calls from outside ask for one small refresh, none twice, and the pull of a refresh takes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from orchestration.defs import pull as defs_pull
from orchestration.defs.asof import CADENCE_TAG, as_of_partitions
from orchestration.defs.hooks import ACCOUNTS_TAG, JOB, SENSOR, cadence_of, hooks_sensor, touched_job
from orchestration.defs.progress import Quiet
from orchestration.defs.pull import SYSTEMS_TAG, pull_assets, pull_jobs
from orchestration.ledger.store import Store, utc_now
from orchestration.policy.load import load_policies
from orchestration.systems.hooks.calls import Call, Changed
from orchestration.systems.hooks.waiting import count_waiting, put_down, recent
from tests.support.crm_database import Crm


@pytest.fixture
def crm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Crm:
    made = Crm(tmp_path, monkeypatch)
    made.settings.home_path.mkdir(exist_ok=True)
    return made


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    folder = tmp_path / "dagster"
    folder.mkdir()
    with dg.DagsterInstance.local_temp(str(folder)) as made:
        yield made


@pytest.fixture
def definitions(crm: Crm) -> dg.Definitions:
    """The job and the sensor, over nothing but the system that is asked."""
    policies, touched = load_policies(crm.settings.policies), touched_job()
    return dg.Definitions(
        assets=pull_assets(crm.settings, policies, as_of_partitions(crm.settings, "UTC"), Quiet()),
        jobs=[touched, *pull_jobs(policies)],
        sensors=[hooks_sensor(crm.settings, policies, touched)],
        executor=dg.in_process_executor,
    )


class Ticks:
    """The sensor, evaluated again and again as the daemon does it."""

    def __init__(self, definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
        self._definitions = definitions
        self._instance = instance
        self.cursor: str | None = None

    def tick(self) -> dg.RunRequest | str:
        """What it asks for, or why it doesn't."""
        repository = self._definitions.get_repository_def()
        context = dg.build_sensor_context(self._instance, cursor=self.cursor, repository_def=repository)
        found = repository.get_sensor_def(SENSOR).evaluate_tick(context)
        self.cursor = found.cursor or self.cursor
        if not found.run_requests:
            return found.skip_message
        [request] = found.run_requests
        return request

    def run(self, request: dg.RunRequest, job: str = JOB) -> dg.ExecuteInProcessResult:
        """Does what was asked for."""
        return self._definitions.resolve_job_def(job).execute_in_process(
            partition_key=request.partition_key, tags=request.tags, instance=self._instance, raise_on_error=False
        )


@pytest.fixture
def ticks(definitions: dg.Definitions, instance: dg.DagsterInstance) -> Ticks:
    return Ticks(definitions, instance)


def called(crm: Crm, name: str, *accounts: str, system: str = "crm", kind: str = "salesforce", **ago: float) -> None:
    """A call came of that system."""
    changed = tuple(Changed("Account", account, account) for account in accounts)
    with Store.open(crm.settings) as store:
        now = utc_now() - timedelta(**ago)
        assert put_down(store, system, kind, Call(name, changed), f"signature of {name}", now, timedelta(days=30))


def waits(crm: Crm) -> dict[str, int]:
    with Store.open(crm.settings) as store:
        return count_waiting(store)


def test_nothing_is_asked_for_without_calls(crm: Crm, ticks: Ticks) -> None:
    assert "no ledger yet" in ticks.tick()
    Store.open(crm.settings).close()
    assert "no call waits" in ticks.tick()
    # Nobody reads from that system, so there is nothing to refresh.
    called(crm, "c1", "A1", system="elsewhere")
    assert "no call waits" in ticks.tick()


def test_many_calls_ask_for_one_run_and_none_twice(crm: Crm, ticks: Ticks) -> None:
    for number in range(5):
        called(crm, f"c{number}", f"A{number % 2}")
    request = ticks.tick()
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == datetime.now(ZoneInfo("UTC")).date().isoformat()
    told = {SYSTEMS_TAG: "crm", ACCOUNTS_TAG: "A0, A1", CADENCE_TAG: "daily"}
    assert {name: request.tags[name] for name in told} == told
    # Nobody did it yet, and still it isn't asked for again.
    assert "no call waits" in ticks.tick()
    assert ticks.run(request).success
    assert waits(crm) == {}
    assert "no call waits" in ticks.tick()
    called(crm, "c9", "A1")
    following = ticks.tick()
    assert isinstance(following, dg.RunRequest)
    assert following.run_key != request.run_key


def test_a_run_under_way_is_waited_for(crm: Crm, ticks: Ticks, instance: dg.DagsterInstance) -> None:
    called(crm, "c1", "A1")
    run = instance.create_run_for_job(ticks._definitions.resolve_job_def(JOB), status=dg.DagsterRunStatus.STARTED)
    assert "still under way" in ticks.tick()
    instance.delete_run(run.run_id)
    assert isinstance(ticks.tick(), dg.RunRequest)


def test_a_desk_s_call_waits_until_its_export_can_tell(crm: Crm, ticks: Ticks) -> None:
    called(crm, "t1", "A1", kind="zendesk")
    assert "no call waits" in ticks.tick()
    called(crm, "t0", "A1", kind="zendesk", minutes=2)
    request = ticks.tick()
    assert isinstance(request, dg.RunRequest)
    assert "no call waits" in ticks.tick()


def test_a_ledger_put_in_another_s_place_is_seen(crm: Crm, ticks: Ticks) -> None:
    for number in range(3):
        called(crm, f"c{number}", "A1")
    assert isinstance(ticks.tick(), dg.RunRequest)
    for file in crm.settings.home_path.glob("operations.db*"):
        file.unlink()
    called(crm, "c1", "A1")
    assert isinstance(ticks.tick(), dg.RunRequest)


def test_a_clock_that_was_put_back_hides_no_call(crm: Crm, ticks: Ticks) -> None:
    called(crm, "c1", "A1")
    assert isinstance(ticks.tick(), dg.RunRequest)
    called(crm, "c2", "A1", minutes=5)
    assert isinstance(ticks.tick(), dg.RunRequest)


def test_calls_are_taken_by_the_refresh_that_read_what_changed(
    crm: Crm, ticks: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    called(crm, "c1", "A1")
    request = ticks.tick()
    elsewhere = dg.RunRequest(partition_key=request.partition_key, tags={SYSTEMS_TAG: "another"})
    assert ticks.run(elsewhere).success
    assert waits(crm) == {"crm": 1}
    # Asking alone refreshes nothing.
    assert ticks.run(dg.RunRequest(partition_key=request.partition_key), "pull_crm").success
    assert waits(crm) == {"crm": 1}
    crm.goes_away()
    assert ticks.run(request).success
    assert waits(crm) == {"crm": 1}
    crm.comes_back()
    # What comes while the system is asked may not be in its answer.
    asks = defs_pull.pull
    monkeypatch.setattr(defs_pull, "pull", lambda *a, **k: (asks(*a, **k), called(crm, "c2", "A1"))[0])
    result = ticks.run(request)
    with Store.open(crm.settings) as store:
        taken = {row["call_id"]: row["taken_in_run"] for row in recent(store, 9)}
    assert taken == {"c1": result.dagster_run.run_id, "c2": None}


def test_the_reports_of_the_day_stand(ticks: Ticks, crm: Crm, instance: dg.DagsterInstance) -> None:
    today = datetime.now(ZoneInfo("UTC")).date().isoformat()

    def done(cadence: str, status: dg.DagsterRunStatus = dg.DagsterRunStatus.SUCCESS, day: str = today) -> None:
        job = ticks._definitions.resolve_job_def(JOB)
        instance.create_run_for_job(job, tags={"dagster/partition": day, CADENCE_TAG: cadence}, status=status)

    assert cadence_of(instance, today) == "daily"
    done("daily")
    done("quarterly", dg.DagsterRunStatus.FAILURE)
    done("monthly", day="2026-01-01")
    assert cadence_of(instance, today) == "daily"
    done("weekly")
    done("daily")
    called(crm, "c1", "A1")
    assert ticks.tick().tags[CADENCE_TAG] == "weekly"
    done("monthly")
    assert cadence_of(instance, today) == "monthly"


def test_it_is_off_until_turned_on_and_looks_as_often_as_policy_says(definitions: dg.Definitions) -> None:
    sensor = definitions.resolve_sensor_def(SENSOR)
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
    assert (sensor.job_name, sensor.minimum_interval_seconds) == (JOB, 60)
