"""The page about connecting: its mappings bring records from the simulated systems."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simulators.fixtures import company, simulator
from tests.simulators.server import Simulator
from tests.support.connected import connect, refresh_sources

__all__ = ["company", "simulator"]

PAGE = (Path(__file__).parents[3] / "docs" / "connect.md").read_text(encoding="utf-8")
NOW = datetime(2026, 7, 1, 10, tzinfo=UTC)


def _sources(*systems: str) -> list[dict[str, Any]]:
    blocks = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
    listed = [source for block in blocks for source in block.get("sources", ())]
    return [source for source in listed if source["system"] in systems]


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
