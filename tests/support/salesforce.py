"""What the tests of reading Salesforce share: one simulated org, a source of tasks, and what ought to come out."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from orchestration.policy.sources import Source
from orchestration.policy.systems import Calling, Pulling, Salesforce
from orchestration.systems.base import Context, Found, Pulled
from orchestration.systems.salesforce.system import SalesforceSystem
from orchestration.systems.store import RecordStore
from tests.simulators.server import Simulator

# What the sources of these tests map, and how the company's rows say the same.
TASKS = Source(
    name="crm_tasks",
    stream="activities",
    system="crm",
    object="Task",
    where="IsRecurrence = false",
    columns={
        "activity_id": "Id",
        "account_id": "AccountId",
        "opportunity_id": "WhatId",
        "owner_name": "Owner.Name",
        "subject": "Subject",
        "occurred_at": ("CompletedDateTime", "ActivityDate"),
        "has_attachment": "has_evidence",
        "status": "IsClosed",
        "response_hours": "Response_Hours__c",
    },
    extra=("Description",),
    value_maps={"status": {"true": "completed", "false": "planned"}},
)
ACCOUNTS = Source(
    name="crm_accounts",
    stream="accounts",
    system="crm",
    object="Account",
    columns={
        "account_id": "Id",
        "account_name": "Name",
        "owner_name": "Owner.Name",
        "geo": "BillingCountry",
        "region": "BillingState",
        "segment": "Segment__c",
        "sla_target_pct": "SLA_Target__c",
        "health_data_enrolled": "Enrolled__c",
        "customer_since": "Customer_Since__c",
        "updated_at": "SystemModstamp",
    },
    value_maps={"segment": {"SMB": "smb"}},
)
CALLING = Calling(
    timeout_seconds=3, attempts=3, first_wait_seconds=1, wait_factor=2, longest_wait_seconds=60, jitter_pct=0
)
PULLING = Pulling(longest_minutes=5, resume_hours=12, lookback_minutes=60, whole_every_days=7, memory_limit="128MB")


@dataclass
class Time:
    """A clock that only waiting moves on."""

    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds

    def clock(self) -> float:
        return self.seconds


@dataclass
class Org:
    """One org as a connected system, and the folder of what was pulled from it. `now` moves only when told."""

    simulator: Simulator
    folder: Path
    time: Time = field(default_factory=Time)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    secret: str = ""
    deadline: float | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    wall: float | None = None

    @property
    def crm(self):
        return self.simulator.salesforce

    def system(self, **settings: Any) -> SalesforceSystem:
        """The org, not signed in to yet."""
        told = {
            "url": self.simulator.url,
            "sign_in": "client_credentials",
            "client_id": self.crm.client_id,
            "secret": "crm_secret",
            "api_version": "63.0",
        }
        policy = Salesforce(**(told | self.settings | settings))
        more = {} if self.wall is None else {"wall": lambda: self.wall}
        return SalesforceSystem(
            "crm",
            policy,
            self.secret or self.crm.client_secret,
            CALLING,
            PULLING,
            self.deadline,
            sleep=self.time.sleep,
            clock=self.time.clock,
            **more,
        )

    def pull(self, source: Source = TASKS, *, whole: bool = False, **settings: Any) -> Pulled:
        """Pull a source, as one process would."""
        system = self.system(**settings)
        try:
            return system.pull(source, self.store(source), Context(self.folder, self.folder.joinpath, whole, self._now))
        finally:
            system.close()

    def examine(self, *sources: Source, **settings: Any) -> list[Found]:
        system = self.system(**settings)
        try:
            return list(system.examine(sources))
        finally:
            system.close()

    def store(self, source: Source = TASKS) -> RecordStore:
        return RecordStore(self.folder / source.name, PULLING, self.now)

    def later(self, **delta: float) -> None:
        """Time passes, here and there."""
        self.now += timedelta(**delta)
        self.simulator.company.clock.advance(timedelta(**delta).total_seconds())

    def file(self, source: Source = TASKS) -> Path:
        return self.folder / source.name / f"{source.stream}.csv"

    def rows(self, source: Source = TASKS) -> list[dict[str, str]]:
        """What was handed on."""
        with self.file(source).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def tasks(self) -> list[dict[str, str]]:
        """What ought to be handed on of tasks, from the company's own books."""
        company = self.simulator.company
        gone = {one["Id"] for one in company.rows("ContentDocument") if one["IsDeleted"]}
        filed = {one["ParentId"] for one in company.rows("Attachment") if not one["IsDeleted"]} | {
            one["LinkedEntityId"]
            for one in company.rows("ContentDocumentLink")
            if not one["IsDeleted"] and one["ContentDocumentId"] not in gone
        }
        users = {one["Id"]: one["Name"] for one in company.rows("User")}
        found = [
            {
                "activity_id": one["Id"],
                "account_id": one["AccountId"] or "",
                # What a task is about may be anything.
                "opportunity_id": one["WhatId"] if (one["WhatId"] or "").startswith("006") else "",
                "owner_name": users.get(one["OwnerId"], ""),
                "subject": one["Subject"] or "",
                "occurred_at": _written(one["CompletedDateTime"] or one["ActivityDate"]),
                "has_attachment": "true" if one["Id"] in filed else "false",
                "status": "true" if one["IsClosed"] else "false",
                "response_hours": "" if one["Response_Hours__c"] is None else f"{one['Response_Hours__c']:g}",
                "Description": one["Description"] or "",
            }
            for one in company.rows("Task")
            if not one["IsDeleted"] and not one["IsRecurrence"]
        ]
        return sorted(found, key=lambda row: row["activity_id"])

    def calls(self, pattern: str) -> int:
        """How many calls matched."""
        return len(self.simulator.called(pattern))

    def _now(self) -> datetime:
        return self.now


def _written(value: Any) -> str:
    if value is None:
        return ""
    return value.strftime("%Y-%m-%dT%H:%M:%S.000Z") if isinstance(value, datetime) else value.isoformat()
