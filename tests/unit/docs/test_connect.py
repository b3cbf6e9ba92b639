"""The page about connecting: its mappings are policies that fit, and bring records from the simulated systems."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.policy.load import load_policies
from tests.simulators.fixtures import company, simulator
from tests.simulators.server import Simulator
from tests.support.connected import connect, refresh_sources

__all__ = ["company", "simulator"]

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "connect.md").read_text(encoding="utf-8")
NOW = datetime(2026, 7, 1, 10, tzinfo=UTC)


def _blocks() -> list[dict[str, Any]]:
    return [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


def _sources(*systems: str) -> list[dict[str, Any]]:
    listed = [source for block in _blocks() for source in block.get("sources", ())]
    return [source for source in listed if source["system"] in systems]


def test_the_page_s_systems_and_mappings_fit_together(tmp_path):
    folder = Path(shutil.copytree(ROOT / "policies", tmp_path / "policies"))
    systems = yaml.safe_load((folder / "systems.yaml").read_text())
    for block in _blocks():
        systems |= {kind: named for kind, named in block.items() if kind != "sources"}
    mapped = yaml.safe_load((folder / "sources.yaml").read_text())
    named = [
        *systems["salesforce"],
        *systems["zendesk"],
        *systems["databases"],
        *systems["inboxes"],
        *systems["buckets"],
    ]
    mapped["sources"] = _sources(*named)
    (folder / "systems.yaml").write_text(yaml.safe_dump(systems, sort_keys=False))
    (folder / "sources.yaml").write_text(yaml.safe_dump(mapped, sort_keys=False))
    policies = load_policies(folder)
    assert set(policies.systems.by_name) == {"crm", "support", "product", "reports", "lake"}
    assert Counter(source.stream for source in policies.sources.sources) == {
        "accounts": 1,
        "contracts": 1,
        "opportunities": 1,
        "activities": 2,
        "contacts": 1,
        "tickets": 1,
        "usage": 1,
        "survey_responses": 1,
        "invoices": 1,
    }


@pytest.mark.parametrize("keys", ["salesforce", "zendesk", "databases", "inboxes", "buckets"])
def test_every_kind_of_system_has_an_example(keys):
    assert any(keys in block for block in _blocks())


def test_the_mappings_bring_records(simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    crm, desk = simulator.salesforce, simulator.zendesk
    monkeypatch.setenv("ACCOUNT_HEALTH_SECRET_CRM_SECRET", crm.client_secret)
    monkeypatch.setenv("ACCOUNT_HEALTH_SECRET_DESK_TOKEN", desk.token)
    sources = _sources("crm", "support")
    for source in sources:
        source["system"] = {"support": "desk"}.get(source["system"], source["system"])
    settings = connect(
        tmp_path,
        simulator.url,
        crm.client_id,
        desk.email,
        sources,
        desk={"domains_from": {"source": "salesforce_accounts", "column": "Website"}},
    )
    found = refresh_sources(settings, NOW.date(), NOW)
    rows = {row["source"]: row for stream in found.values() for row in stream.sources}
    assert {name for name, row in rows.items() if row["status"] == "landed" and row["rows_read"]} == {
        source["name"] for source in sources
    }
    assert [stream.problem for stream in found.values()] == [None] * 6
