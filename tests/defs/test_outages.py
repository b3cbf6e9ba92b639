"""A connected system is down for a day, three days, a week: what that costs, by the ages of spec 10, and no more.

One home is connected to a CRM and a support desk, both simulated, and was refreshed while both were up. Copies of it
are refreshed on later days while systems don't answer. Rows are compared with a copy on the same day for which both
were up: what an outage doesn't touch must be the same.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestration.refresh.check import check
from orchestration.refresh.extract import extract
from orchestration.refresh.pull import pull
from orchestration.refresh.run import Run
from orchestration.sources.streams import STREAMS
from tests.simulators.company import Company
from tests.simulators.server import Simulator, serve
from tests.support.connected import connect
from tests.support.stages import Made, make

UP = datetime(2026, 7, 1, 10, tzinfo=UTC)
CRM, DESK = ("accounts", "activities", "contracts"), ("tickets",)
PATHS = {"crm": "* /services/*", "desk": "* /api/v2/*"}
RUN = {"run_id", "published_at", "policy_version"}


class World:
    """A home that was refreshed while both systems were up, and copies of it on later days."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.folder, self.simulator = folder, simulator
        crm, desk = simulator.salesforce, simulator.zendesk
        self.settings = connect(folder, simulator.url, crm.client_id, desk.email, calling={"attempts": 1})
        self._made: dict[tuple[int, tuple[str, ...]], Made] = {}
        make(self.run(self.settings.home, 0), UP)

    def run(self, home: Path, day: int) -> Run:
        """A run so many days later."""
        settings = self.settings.model_copy(update={"home": home})
        return Run(settings, UP.date() + timedelta(days=day), f"day-{day}")

    def copy(self, of: Path, name: str) -> Path:
        return Path(shutil.copytree(of, self.folder / name))

    @contextmanager
    def outage(self, *down: str) -> Iterator[None]:
        for system in down:
            self.simulator.faults.add("html_503", when=PATHS[system], times=None)
        yield
        self.simulator.faults.clear()

    def after(self, days: int, *down: str) -> Made:
        """What a refresh so many days later makes while systems are down."""
        if (days, down) not in self._made:
            home = self.copy(self.settings.home, "-".join([str(days), *down]))
            with self.outage(*down):
                self._made[days, down] = make(self.run(home, days), UP + timedelta(days=days))
        return self._made[days, down]

    def freshness(self, days: int, *down: str, home: Path | None = None) -> dict[str, dict[str, Any]]:
        """How old each stream is so many days later, without what the models make of it."""
        run = self.run(home or self.copy(self.settings.home, "-".join(["age", str(days), *down])), days)
        moment = UP + timedelta(days=days)
        with self.outage(*down):
            for system in run.policies.systems.by_name:
                pull(run, system, now=lambda: moment)
        for stream in STREAMS:
            extract(run, stream, moment)
        check(run)
        return {row["stream"]: row for row in (run.noted("streams") or {})["rows"]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with serve(Company(12)) as simulator, pytest.MonkeyPatch.context() as environment:
        environment.setenv("SSL_CERT_FILE", str(simulator.ca_file))
        environment.setenv("ACCOUNT_HEALTH_SECRET_CRM_SECRET", simulator.salesforce.client_secret)
        environment.setenv("ACCOUNT_HEALTH_SECRET_DESK_TOKEN", simulator.zendesk.token)
        yield World(tmp_path_factory.mktemp("outages"), simulator)


def table(made: Made, name: str, without: set[str] = frozenset()) -> list[dict[str, Any]]:
    rows = made.rows(f"select * from {name}")
    return sorted(({key: row[key] for key in row if key not in RUN | without} for row in rows), key=repr)


def test_while_all_are_up_nothing_ages(world: World) -> None:
    rows = {row["stream"]: row for row in world.after(3).rows("select * from source_freshness")}
    for stream in (*CRM, *DESK):
        assert (rows[stream]["age_days"], rows[stream]["is_stale"], rows[stream]["problem"]) == (0, False, None)


@pytest.mark.parametrize("days", [1, 3, 7])
def test_ages_and_what_becomes_of_the_stale(world: World, days: int) -> None:
    """Both are down: the CRM's records are used as last known and flagged, tickets are left out once they are stale."""
    found = world.freshness(days, "crm", "desk")
    for stream in (*CRM, *DESK):
        row = found[stream]
        assert (row["age_days"], row["is_present"], row["is_stale"]) == (days, True, days > 2), stream
        assert row["is_omitted"] == (stream in DESK and days > 2), stream
        assert "503" in row["problem"]


def test_one_that_is_down_doesn_t_age_the_other(world: World) -> None:
    for down, aged, fresh in (("crm", CRM, DESK), ("desk", DESK, CRM)):
        rows = {row["stream"]: row for row in world.after(3, down).rows("select * from source_freshness")}
        assert {rows[stream]["age_days"] for stream in aged} == {3}
        assert {(rows[stream]["age_days"], rows[stream]["problem"]) for stream in fresh} == {(0, None)}


def test_a_day_costs_nothing(world: World) -> None:
    for name in ("account_health", "account_health_measures", "account_churn", "health_check_targets"):
        assert table(world.after(1, "crm", "desk"), name) == table(world.after(1), name), name


def test_scores_say_which_sources_are_stale(world: World) -> None:
    def stale(*down: str) -> set[str | None]:
        return {row["stale_sources"] for row in world.after(3, *down).rows("select * from account_health")}

    assert stale() == {None}
    (words,) = stale("crm")
    assert all(stream in (words or "") for stream in CRM)
    (words,) = stale("desk")
    assert "tickets" in (words or "")


def test_without_the_support_desk_only_what_rests_on_tickets_is_missing(world: World) -> None:
    sound, hurt = world.after(3), world.after(3, "desk")
    by_key = {(row["account_id"], row["measure"]): row for row in sound.rows("select * from account_health_measures")}
    for row in hurt.rows("select * from account_health_measures"):
        if row["source"] == "tickets":
            assert (row["is_present"], row["points"]) == (False, None)
            assert row["missing_reason"] == "tickets read 3 days ago, limit 2 days"
        else:
            before = by_key[row["account_id"], row["measure"]]
            assert (row["value"], row["points"]) == (before["value"], before["points"]), row["measure"]
    assert {row["support_quality"] for row in hurt.rows("select * from account_health")} == {None}
    assert table(hurt, "health_check_targets") == table(sound, "health_check_targets")


def test_a_stale_crm_changes_no_figure(world: World) -> None:
    """The records are those of before, as nothing changed meanwhile; only what tells of their age differs."""
    told = {"stale_sources", "confidence", "summary", "score_low", "score_high", "needs_review"}
    for name in ("account_health", "health_check_targets"):
        assert table(world.after(3, "crm"), name, told) == table(world.after(3), name, told)


def test_a_system_that_comes_back_is_asked_and_all_is_fresh(world: World) -> None:
    world.after(3, "crm")
    found = world.freshness(4, home=world.copy(world.folder / "3-crm", "back"))
    assert {(found[stream]["age_days"], found[stream]["is_stale"]) for stream in (*CRM, *DESK)} == {(0, False)}
