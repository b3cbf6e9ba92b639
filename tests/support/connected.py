"""A home that is connected to the simulated CRM and support desk, with whole mappings.

`connect` writes the policies; what is asked runs through the project's own stages.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml

from orchestration.refresh.extract import StreamExtraction, extract
from orchestration.refresh.pull import pull
from orchestration.refresh.run import Run
from orchestration.settings import Settings

SHIPPED = Path(__file__).parents[2] / "policies"

ACCOUNTS = {
    "name": "salesforce_accounts",
    "stream": "accounts",
    "system": "crm",
    "object": "Account",
    "columns": {
        "account_id": "Id",
        "account_name": "Name",
        "owner_name": "Owner.Name",
        "owner_email": "Owner.Email",
        "csm_name": "CSM__r.Name",
        "geo": "BillingCountry",
        "region": "BillingState",
        "segment": "Segment__c",
        "lifecycle": "Lifecycle__c",
        "customer_since": "Customer_Since__c",
        "health_data_enrolled": "Enrolled__c",
        "sla_target_pct": "SLA_Target__c",
        "updated_at": "SystemModstamp",
    },
    "extra": ["Website"],
    "value_maps": {"segment": {"SMB": "smb", "Mid-Market": "mid_market", "Enterprise": "enterprise"}},
}
CONTRACTS = {
    "name": "salesforce_contracts",
    "stream": "contracts",
    "system": "crm",
    "object": "Contract",
    "columns": {
        "contract_id": "Id",
        "account_id": "AccountId",
        "product": "Product__c",
        "start_date": "StartDate",
        "end_date": "EndDate",
        "amount": "Amount__c",
        "currency": "CurrencyIsoCode",
        "auto_renew": "Auto_Renew__c",
    },
}
TASKS = {
    "name": "salesforce_tasks",
    "stream": "activities",
    "system": "crm",
    "object": "Task",
    "where": "IsRecurrence = false",
    "columns": {
        "activity_id": "Id",
        "account_id": "AccountId",
        "owner_name": "Owner.Name",
        "owner_email": "Owner.Email",
        "subject": "Subject",
        "occurred_at": ["CompletedDateTime", "ActivityDate", "CreatedDate"],
        "has_attachment": "has_evidence",
        "type": "TaskSubtype",
        "status": "IsClosed",
        "response_hours": "Response_Hours__c",
    },
    "value_maps": {
        "type": {"Call": "call", "Email": "email", "Task": "task"},
        "status": {"true": "completed", "false": "planned"},
    },
}
TICKETS = {
    "name": "zendesk_tickets",
    "stream": "tickets",
    "system": "desk",
    "object": "ticket",
    "columns": {
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
    },
    "value_maps": {
        "is_incident": {"incident": True, "problem": False, "question": False, "task": False},
        "csat": {"good": 5, "bad": 1, "offered": None, "unoffered": None},
    },
}
SOURCES = (ACCOUNTS, CONTRACTS, TASKS, TICKETS)

# Waits of tests are short.
_QUICK = {"timeout_seconds": 10, "attempts": 4, "first_wait_seconds": 1, "wait_factor": 1, "longest_wait_seconds": 2}


def connect(
    folder: Path,
    url: str,
    client_id: str,
    email: str,
    sources: Sequence[Mapping[str, Any]] = SOURCES,
    **changed: Mapping[str, Any],
) -> Settings:
    """Policies in `folder/policies`, and the settings of a home there. `changed`: keys of systems.yaml by block.

    The secrets are crm_secret and desk_token; whoever runs it sets them in the environment.
    """
    policies = Path(shutil.copytree(SHIPPED, folder / "policies"))
    org = {"url": url, "sign_in": "client_credentials", "client_id": client_id, "secret": "crm_secret"}
    desk = {"url": url, "sign_in": "token", "user": email, "secret": "desk_token", "calls_a_minute": 10_000}
    systems = yaml.safe_load((SHIPPED / "systems.yaml").read_text())
    systems["salesforce"] = {"crm": org | {"key_field": "Account_Health_Key__c"} | dict(changed.pop("crm", {}))}
    systems["zendesk"] = {"desk": desk | dict(changed.pop("desk", {}))}
    systems["calling"] |= _QUICK
    for block, values in changed.items():
        systems[block] |= values
    (policies / "systems.yaml").write_text(yaml.safe_dump(systems, sort_keys=False))
    mapped = yaml.safe_load((SHIPPED / "sources.yaml").read_text()) | {"sources": [dict(source) for source in sources]}
    (policies / "sources.yaml").write_text(yaml.safe_dump(mapped, sort_keys=False, allow_unicode=True))
    return Settings(home=folder / "home", policies=policies)


def refresh_sources(
    settings: Settings, as_of: date, now: datetime | None = None, *, force: bool = False
) -> dict[str, StreamExtraction]:
    """Asks both systems as a refresh does, and lands what came; by stream."""
    run = Run(settings, as_of, f"run-{as_of}")
    moment = now or datetime.now(UTC)
    for system in run.policies.systems.by_name:
        pull(run, system, force=force, now=lambda: moment)
    streams = {source.stream for source in run.policies.sources.sources}
    return {stream: extract(run, stream, moment) for stream in sorted(streams)}
