"""From a change in a simulated system, through its signed call and the sensor, to the records that a refresh reads."""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from orchestration.defs.asof import as_of_partitions
from orchestration.defs.hooks import JOB, SENSOR, hooks_sensor, touched_job
from orchestration.defs.progress import Quiet
from orchestration.defs.pull import SYSTEMS_TAG, pull_assets
from orchestration.ledger.store import Store
from orchestration.ledger.tables import hook_calls
from orchestration.policy.load import load_policies
from orchestration.settings import Settings
from orchestration.systems.hooks.waiting import count_waiting
from tests.simulators.callouts import Callout, from_crm, from_support, ticket_event
from tests.simulators.company import Company
from tests.simulators.fixtures import simulator
from tests.simulators.server import Simulator
from tests.support.connected import ACCOUNTS, TICKETS, connect
from tests.support.doors import DESK_KEY, ORG_KEY, served

__all__ = ["simulator"]


@pytest.fixture
def company() -> Company:
    return Company(3)


@pytest.fixture
def settings(tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Settings:
    secrets = {
        "CRM_SECRET": simulator.salesforce.client_secret,
        "DESK_TOKEN": simulator.zendesk.token,
        "ORG_KEY": ORG_KEY,
        "DESK_KEY": DESK_KEY,
    }
    for name, secret in secrets.items():
        monkeypatch.setenv(f"ACCOUNT_HEALTH_SECRET_{name}", secret)
    return connect(
        tmp_path,
        simulator.url,
        simulator.salesforce.client_id,
        simulator.zendesk.email,
        [ACCOUNTS, TICKETS],
        crm={"hook_secret": "org_key"},
        desk={"hook_secret": "desk_key"},
    )


class Loop:
    """The sensor and the run that it asks for, of nothing but the systems."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        policies, job = load_policies(settings.policies), touched_job()
        self._settings, self._instance = settings, instance
        self._definitions = dg.Definitions(
            assets=pull_assets(settings, policies, as_of_partitions(settings, "UTC"), Quiet()),
            jobs=[job],
            sensors=[hooks_sensor(settings, policies, job)],
        )
        self._cursor: str | None = None

    def goes_round(self) -> str | None:
        """Which systems were asked; None where nothing was to be done."""
        repository = self._definitions.get_repository_def()
        context = dg.build_sensor_context(self._instance, cursor=self._cursor, repository_def=repository)
        found = repository.get_sensor_def(SENSOR).evaluate_tick(context)
        self._cursor = found.cursor or self._cursor
        for request in found.run_requests or ():
            assert self._definitions.resolve_job_def(JOB).execute_in_process(
                partition_key=request.partition_key, tags=request.tags, instance=self._instance
            )
            return request.tags[SYSTEMS_TAG]
        return None

    def records(self, system: str, source: str, key: str) -> dict[str, dict[str, str]]:
        """What a refresh reads of a source."""
        [file] = (self._settings.pulled_path / system / source).glob("*.csv")
        with file.open(encoding="utf-8", newline="") as lines:
            return {row[key]: row for row in csv.DictReader(lines)}

    def time_goes_by(self, company: Company, seconds: int) -> None:
        """Here and there."""
        company.clock.advance(seconds)
        with Store.open(self._settings) as store, store.writing() as con:
            for number, received_at in con.execute(sa.select(hook_calls.c.number, hook_calls.c.received_at)).all():
                moved = received_at - timedelta(seconds=seconds)
                con.execute(sa.update(hook_calls).where(hook_calls.c.number == number).values(received_at=moved))


def test_what_changed_there_is_here_soon(settings: Settings, simulator: Simulator, tmp_path: Path) -> None:
    company = simulator.company
    ticket, account = company.rows("ticket")[0]["id"], company.rows("Account")[0]["Id"]

    def sent(call: Callout, path: str) -> int:
        return call.send(door + path).status_code

    (tmp_path / "dagster").mkdir()
    with served(settings) as door, dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        loop = Loop(settings, instance)
        assert loop.goes_round() is None
        company.change("ticket", ticket, priority="urgent")
        call = from_support(DESK_KEY, ticket_event(ticket, kind="priority_changed", at=company.clock.now()))
        assert sent(call, "/hooks/zendesk/desk") == 202
        assert sent(call, "/hooks/zendesk/desk") == 200
        # The desk's export doesn't tell yet.
        assert loop.goes_round() is None
        loop.time_goes_by(company, 80)
        assert loop.goes_round() == "desk"
        assert loop.records("desk", "zendesk_tickets", "ticket_id")[str(ticket)]["priority"] == "urgent"
        assert not (settings.pulled_path / "crm").exists()

        company.change("Account", account, Name="Renamed Ltd")
        content: dict[str, Any] = {"id": "c-1", "object": "Account", "record_id": account[:15]}
        assert sent(from_crm(ORG_KEY, content), "/hooks/salesforce/crm") == 202
        assert loop.goes_round() == "crm"
        assert loop.records("crm", "salesforce_accounts", "account_id")[account]["account_name"] == "Renamed Ltd"
        assert loop.goes_round() is None
    with Store.open(settings) as store:
        assert count_waiting(store) == {}
