"""When refreshes are due, for which date, and who is told when one fails."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import cron_string_iterator
from pydantic import SecretStr

from orchestration.defs.asof import as_of_partitions
from orchestration.defs.jobs import cron_of, failure_sensor, refresh_jobs, refresh_schedules, tell
from orchestration.settings import Settings
from tests.defs.refreshes import Home

ZONES = ("UTC", "America/New_York", "Asia/Tokyo", "Pacific/Auckland")


# Partitions


@pytest.mark.parametrize(
    ("zone", "last"),
    [("UTC", "2026-06-30"), ("Asia/Tokyo", "2026-07-01"), ("America/New_York", "2026-06-30")],
)
def test_today_in_the_business_time_zone_is_the_last_date(zone: str, last: str) -> None:
    partitions = as_of_partitions(Settings(), zone)
    now = datetime(2026, 6, 30, 22, 0, tzinfo=ZoneInfo("UTC"))
    assert partitions.timezone == zone
    assert partitions.get_partition_keys(current_time=now)[-1] == last
    assert partitions.get_first_partition_key() == "2015-01-01"


def test_a_date_out_of_the_range_widens_it() -> None:
    settings, today = Settings(first_as_of=date(2026, 1, 1)), datetime.now(ZoneInfo("Asia/Tokyo")).date()
    plain = as_of_partitions(settings, "Asia/Tokyo")
    assert not plain.has_partition_key("2025-12-31")
    assert as_of_partitions(settings, "Asia/Tokyo", also=date(2025, 12, 31)).has_partition_key("2025-12-31")
    later = today.replace(year=today.year + 1, day=1)
    assert not plain.has_partition_key(later.isoformat())
    assert as_of_partitions(settings, "Asia/Tokyo", also=later).get_last_partition_key() == later.isoformat()
    assert as_of_partitions(settings, "Asia/Tokyo", also=today).get_last_partition_key() == today.isoformat()


def test_definitions_can_be_built_for_a_date_out_of_the_range(home: Home) -> None:
    from orchestration.build import build_defs

    early = build_defs(home.settings, as_of=date(2014, 12, 31)).resolve_job_def("daily").partitions_def
    assert early is not None
    assert early.has_partition_key("2014-12-31")


# Schedules


def test_schedules_are_off_until_somebody_turns_them_on(home: Home) -> None:
    repository = home.definitions.get_repository_def()
    assert {schedule.name for schedule in repository.schedule_defs} == {
        "daily_refresh",
        "weekly_refresh",
        "monthly_refresh",
        "quarterly_refresh",
    }
    for schedule in repository.schedule_defs:
        assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
        assert schedule.execution_timezone == "UTC"  # the shipped policy's
        assert schedule.description


@pytest.mark.parametrize("zone", ZONES)
def test_a_schedule_asks_for_the_date_it_is_in_its_zone(zone: str) -> None:
    for schedule in refresh_schedules(refresh_jobs(), zone, 2):
        assert schedule.execution_timezone == zone
        ticks = cron_string_iterator(datetime(2026, 1, 1).timestamp(), cron_of(schedule.job_name, 2), zone)
        for tick in islice(ticks, 400):
            at = tick.astimezone(ZoneInfo("UTC"))  # as the daemon hands it over, whatever its zone
            request = _request(schedule, at)
            assert request.partition_key == tick.date().isoformat()
            assert request.run_key == request.partition_key


@pytest.mark.parametrize(("job", "weekday", "day"), [("daily", None, None), ("weekly", 0, None), ("monthly", None, 1)])
def test_weekly_is_due_on_mondays_and_monthly_on_the_first(job: str, weekday: int | None, day: int | None) -> None:
    ticks = cron_string_iterator(datetime(2026, 1, 1).timestamp(), cron_of(job, 1), "UTC")
    dates = [tick.date() for tick in islice(ticks, 30)]
    assert all(weekday is None or on.weekday() == weekday for on in dates)
    assert all(day is None or on.day == day for on in dates)
    steps = {(after - before).days for before, after in pairwise(dates)}
    assert steps <= {"daily": {1}, "weekly": {7}, "monthly": {28, 29, 30, 31}}[job]


@pytest.mark.parametrize(
    ("fiscal_year_start_month", "months"), [(1, [1, 4, 7, 10]), (2, [2, 5, 8, 11]), (12, [3, 6, 9, 12])]
)
def test_quarterly_is_due_on_the_first_day_of_fiscal_quarters(fiscal_year_start_month: int, months: list[int]) -> None:
    ticks = cron_string_iterator(
        datetime(2025, 12, 2).timestamp(), cron_of("quarterly", fiscal_year_start_month), "UTC"
    )
    dates = [tick.date() for tick in islice(ticks, 4)]
    assert sorted(on.month for on in dates) == months
    assert {on.day for on in dates} == {1}


def test_of_the_cadences_due_on_a_day_the_one_with_more_reports_comes_later() -> None:
    """1 January 2029 is a Monday, and the first of a month, a quarter and a year."""
    hours = [
        next(iter(cron_string_iterator(datetime(2029, 1, 1).timestamp(), cron_of(cadence, 1), "UTC")))
        for cadence in ("daily", "weekly", "monthly", "quarterly")
    ]
    assert hours == sorted(set(hours))
    assert {at.date() for at in hours} == {date(2029, 1, 1)}


@pytest.mark.parametrize(
    ("changes_on", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25)], ids=["spring", "autumn"]
)
def test_clock_changes_neither_skip_nor_repeat_a_date(changes_on: date, hours: int) -> None:
    zone = ZoneInfo("America/New_York")
    start = datetime(changes_on.year, changes_on.month, changes_on.day, tzinfo=zone).timestamp() - 86400
    ticks = list(islice(cron_string_iterator(start, cron_of("daily", 1), zone.key), 4))
    daily = next(s for s in refresh_schedules(refresh_jobs(), zone.key, 1) if s.job_name == "daily")
    asked = [_request(daily, tick.astimezone(ZoneInfo("UTC"))).partition_key for tick in ticks]
    assert len(set(asked)) == len(asked)
    assert changes_on.isoformat() in asked
    assert {tick.astimezone(zone).hour for tick in ticks} == {5}
    gaps = {round((after.timestamp() - before.timestamp()) / 3600) for before, after in pairwise(ticks)}
    assert gaps == {24, hours}


def _request(schedule: dg.ScheduleDefinition, at: datetime) -> dg.RunRequest:
    asked = schedule(dg.build_schedule_context(scheduled_execution_time=at))
    assert isinstance(asked, dg.RunRequest)
    return asked


# Failed runs


@contextmanager
def webhook(status: int = 200) -> Iterator[tuple[str, list[dict]]]:
    """A web server on loopback; yields its address and the messages it was sent."""
    received: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append({"type": self.headers["Content-Type"], **json.loads(body)})
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing: the test looks at what was received."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", received
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _failed_run(settings: Settings) -> tuple[dg.SensorDefinition, dg.RunFailureSensorContext]:
    @dg.op
    def breaks() -> None:
        raise ValueError("out of paper")

    @dg.job(name="daily")
    def job() -> None:
        breaks()

    instance = dg.DagsterInstance.ephemeral()
    result = job.execute_in_process(
        instance=instance,
        raise_on_error=False,
        tags={"dagster/partition": "2026-06-30"},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    [failure] = [event for event in result.all_events if event.is_run_failure]
    sensor = failure_sensor(settings)
    context = dg.build_run_status_sensor_context(
        sensor_name=sensor.name, dagster_instance=instance, dagster_run=result.dagster_run, dagster_event=failure
    )
    return sensor, context.for_run_failure()


def test_a_failed_run_is_told_to_the_webhook() -> None:
    with webhook() as (url, received):
        sensor, context = _failed_run(Settings(webhook_on_failure=SecretStr(url)))
        sensor(context)
    [message] = received
    assert message["type"] == "application/json"
    assert message["text"].startswith("The daily refresh as of 2026-06-30 failed (run ")
    assert context.dagster_run.run_id in message["text"]
    assert "breaks" in message["text"]
    assert message["text"].endswith("The last publication stays up.")


def test_without_a_webhook_a_failed_run_is_logged_only() -> None:
    sensor, context = _failed_run(Settings(webhook_on_failure=None))
    sensor(context)
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


def test_a_webhook_that_refuses_is_an_error_of_the_sensor() -> None:
    with webhook(status=500) as (url, _), pytest.raises(OSError, match="500"):
        tell(url, "anything")


def test_a_webhook_is_a_web_address() -> None:
    with pytest.raises(ValueError, match="http or https"):
        tell("file:///etc/passwd", "anything")
