"""A support desk beside a CRM, connected by policy: tickets reach the accounts that the company means."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.policy.load import load_policies
from orchestration.policy.models import Policies
from orchestration.refresh.check import check
from orchestration.refresh.extract import extract
from orchestration.refresh.freeze import freeze
from orchestration.refresh.pull import pull
from orchestration.refresh.run import Run
from orchestration.settings import Settings
from orchestration.sources.streams import STREAMS
from orchestration.systems.pull import organization_files, pull_system
from tests.support.compiled import compiled_models
from tests.support.connected import connect


@pytest.fixture
def home(simulator: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Settings, Policies]:
    """A home whose accounts come from the CRM and tickets from the support desk."""
    salesforce, zendesk = simulator.salesforce, simulator.zendesk
    zendesk.calls_a_minute = None
    monkeypatch.setenv("ACCOUNT_HEALTH_SECRET_CRM_SECRET", salesforce.client_secret)
    monkeypatch.setenv("ACCOUNT_HEALTH_SECRET_DESK_TOKEN", zendesk.token)
    domains = {"domains_from": {"source": "salesforce_accounts", "column": "Website"}}
    settings = connect(tmp_path, simulator.url, salesforce.client_id, zendesk.email, desk=domains)
    return settings, load_policies(settings.policies)


def test_every_ticket_reaches_the_account_it_is_of(simulator: Any, home: tuple[Settings, Policies]) -> None:
    settings, policies = home
    assert organization_files(settings, policies) == []
    for name in ("crm", "desk"):
        asked = pull_system(name, settings, policies)
        assert {one.problem for one in asked} == {None}
    assert asked[0].pulled.notes == ()
    company = simulator.company
    # The company means the account of the same name.
    meant = {row["Name"]: row["Id"] for row in company.rows("Account")}
    names = {row["id"]: row["name"] for row in company.rows("organization")}
    with (settings.pulled_path / "desk" / "zendesk_tickets" / "tickets.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["ticket_id"]: row["account_id"] for row in csv.DictReader(file)}
    assert rows == {
        str(ticket["id"]): meant.get(names.get(ticket["organization_id"]), "A-1" if ticket["organization_id"] else "")
        for ticket in company.rows("ticket")
        if ticket["status"] != "deleted"
    }
    (file,) = organization_files(settings, policies)
    with duckdb.connect() as con:
        query = "SELECT matched_by, count(*) FROM read_parquet(?) GROUP BY ALL ORDER BY ALL"
        # A third by an id of 18 characters, a third of 15, a third by domain; and a stranger with an id of its own.
        assert con.execute(query, [str(file)]).fetchall() == [("domain", 2), ("external_id", 5)]


def test_organizations_are_published_as_they_were_known(simulator: Any, home: tuple[Settings, Policies]) -> None:
    settings, _ = home
    moment = simulator.company.at
    run = Run(settings, moment.date(), "run")
    for name in ("crm", "desk"):
        pull(run, name, now=lambda: moment)
    for stream in STREAMS:
        assert not extract(run, stream, moment).stops
    assert not check(run).blocked
    assert freeze(run)["matching.support_organizations"] == 7
    with compiled_models().run(settings.inputs_path, "support_organizations") as con:
        rows = con.execute(
            "SELECT matched_by, is_account_known, is_reconstructed, count(*) FROM published.support_organizations"
            " GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    assert rows == [
        ("domain", True, False, 2),
        ("external_id", False, False, 1),
        ("external_id", True, False, 4),
    ]
