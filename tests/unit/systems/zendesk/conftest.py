"""A support desk on loopback, and pulls of its tickets. No test waits: sleeping moves the clocks on."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from orchestration.policy.load import load_policies
from orchestration.policy.models import Policies
from orchestration.policy.sources import Source
from orchestration.policy.systems import Zendesk
from orchestration.settings import PROJECT_ROOT
from orchestration.systems.base import Context, Pulled
from orchestration.systems.store import RecordStore
from orchestration.systems.zendesk.system import ZendeskSystem
from tests.simulators.company import Company
from tests.simulators.fixtures import simulator
from tests.simulators.server import Simulator

__all__ = ["company", "desk", "simulator"]

Row = dict[str, Any]
COLUMNS = {
    "ticket_id": "id",
    "account_id": "account_id",
    "account_name": "organization_name",
    "created_at": "created_at",
    "solved_at": "metric_set.solved_at",
    "priority": "priority",
    "is_incident": "type",
    "escalated": "escalated",
    "sla_met": "sla_met",
    "csat": "satisfaction_rating.score",
}
# Without what other lists than the tickets' own are read for.
PLAIN = {name: COLUMNS[name] for name in ("ticket_id", "created_at", "solved_at", "priority")}
NOW = datetime(2026, 7, 1, 6, tzinfo=UTC)


@cache
def _policies() -> Policies:
    return load_policies(PROJECT_ROOT / "policies")


class Desk:
    """One support desk, what policy says of it, and the folder that pulls leave."""

    def __init__(self, simulator: Simulator, home: Path) -> None:
        self.simulator, self.home = simulator, home
        self.company, self.zendesk, self.faults = simulator.company, simulator.zendesk, simulator.faults
        self.now = NOW
        self.policies = _policies()
        self.facts: Row = {
            "url": simulator.url,
            "sign_in": "token",
            "user": self.zendesk.email,
            "secret": "zendesk_token",
            # The limit is tried by a test of its own.
            "calls_a_minute": 100_000,
        }
        self.secret = self.zendesk.token
        self.calling = self.policies.systems.calling.model_copy(update={"timeout_seconds": 5})
        self.pulling = self.policies.systems.pulling
        self.columns: Row = dict(PLAIN)
        self.source_facts: Row = {}
        self.slept: list[float] = []

    def with_all_columns(self) -> None:
        """From now on organizations and SLA events are read too."""
        self.columns = dict(COLUMNS)

    @property
    def source(self) -> Source:
        facts = {"name": "desk", "stream": "tickets", "system": "support", "object": "ticket", "columns": self.columns}
        return Source.model_validate(facts | self.source_facts)

    @property
    def folder(self) -> Path:
        return self.home / "desk"

    @property
    def slept_seconds(self) -> float:
        return sum(self.slept)

    def system(self, longest_seconds: float | None = None) -> ZendeskSystem:
        """Its clock runs only while it sleeps; so does the company's."""

        def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            self.company.clock.advance(seconds)

        return ZendeskSystem(
            "support",
            Zendesk.model_validate(self.facts),
            self.secret,
            self.calling,
            longest_seconds,
            public_domains=load_policies(PROJECT_ROOT / "policies").systems.public_domains,
            sleep=sleep,
            clock=lambda: self.slept_seconds,
        )

    def pull(self, *, whole: bool = False, longest_seconds: float | None = None) -> Pulled:
        """One pull, some hours after the last one."""
        self.now += timedelta(hours=3)
        self.slept.clear()
        self.simulator.calls.clear()
        context = Context(self.home, lambda name: self.home / name, whole, lambda: self.now)
        system = self.system(longest_seconds)
        try:
            return system.pull(self.source, RecordStore(self.folder, self.pulling, self.now), context)
        finally:
            system.close()

    def rows(self) -> dict[str, Row]:
        """What extraction would read, by ticket; fails where a ticket is there twice."""
        with (self.folder / "tickets.csv").open(encoding="utf-8", newline="") as file:
            listed = list(csv.DictReader(file))
        found = {row["ticket_id"]: row for row in listed}
        assert len(found) == len(listed)
        return found

    def expected(self) -> set[str]:
        """The tickets that the company has."""
        return {str(row["id"]) for row in self.company.rows("ticket") if row["status"] != "deleted"}

    def ticket(self, **fields: Any) -> str:
        """A new ticket, an hour old; its id."""
        at = self.company.clock.stamp() - timedelta(hours=1)
        return str(self.company.add("ticket", at=at, **fields))

    def change(self, ticket: str, **fields: Any) -> None:
        """Change a ticket, and let a while go by."""
        self.company.change("ticket", int(ticket), **fields)
        self.company.clock.advance(300)

    def files(self) -> Iterator[Path]:
        """Every file that pulls left or are writing."""
        return (path for path in self.home.rglob("*") if path.is_file())


@pytest.fixture
def company() -> Company:
    """Six accounts: 38 tickets, 7 organizations."""
    return Company(6)


@pytest.fixture
def desk(simulator: Simulator, tmp_path: Path) -> Desk:
    """The support desk, without limits; nothing was pulled yet."""
    simulator.zendesk.calls_a_minute = None
    return Desk(simulator, tmp_path)
