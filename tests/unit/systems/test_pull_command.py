"""`account-health pull`: what a person reads of it, also where nothing came, and on Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.cli.systems import _is_interrupt
from orchestration.settings import Settings
from tests.simulators.company import Company
from tests.simulators.fixtures import simulator
from tests.simulators.server import Simulator
from tests.support.connected import ACCOUNTS, CONTRACTS, TASKS, TICKETS, connect

__all__ = ["simulator"]


@pytest.fixture
def company() -> Company:
    return Company(2)


@pytest.fixture
def home(simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("ACCOUNT_HEALTH_SECRET_CRM_SECRET", simulator.salesforce.client_secret)
    monkeypatch.setenv("ACCOUNT_HEALTH_SECRET_DESK_TOKEN", simulator.zendesk.token)
    lost = CONTRACTS | {"name": "lost_contracts", "object": "Contrakt"}
    return connect(
        tmp_path,
        simulator.url,
        simulator.salesforce.client_id,
        simulator.zendesk.email,
        (ACCOUNTS, lost, TASKS, TICKETS),
    )


def places(settings: Settings) -> list[str]:
    return ["--home", str(settings.home), "--policies", str(settings.policies)]


def pulled(settings: Settings, system: str) -> tuple[int, str]:
    shown = CliRunner().invoke(app, ["pull", system, *places(settings)])
    return shown.exit_code, shown.output


def test_a_reason_is_told_once_and_no_table_is_empty(
    home: Settings, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    code, told = pulled(home, "crm")
    words = " ".join(told.split())
    assert code == 1
    assert words.startswith("salesforce_accounts, lost_contracts, salesforce_tasks: crm, /services/")
    assert words.count("certificate isn't trusted") == 1
    assert "fetched" not in words


def test_a_source_is_named_once_beside_those_that_came(home: Settings) -> None:
    code, told = pulled(home, "crm")
    words = " ".join(told.split())
    assert code == 1
    assert "lost_contracts, object, Contrakt: the org has no object Contrakt" in words
    assert words.count("lost_contracts") == 1
    assert "fetched" in words


def test_up_to_is_a_time(home: Settings) -> None:
    code, told = pulled(home, "desk")
    assert code == 0, told
    assert "│ 20" in told.split("zendesk_tickets")[1]


def test_ctrl_c_is_answered_with_a_sentence(home: Settings, simulator: Simulator) -> None:
    simulator.faults.add("hangs", seconds=30)
    process = subprocess.Popen(
        [sys.executable, "-c", "from orchestration.cli import main; main()", "pull", "desk", *places(home)],
        env=os.environ.copy(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 30
        while not simulator.calls and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, problems = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130
    assert problems == "Stopped: what was fetched is kept, and the next pull goes on from there.\n"


def test_ctrl_c_in_a_query_is_no_other_error() -> None:
    assert _is_interrupt(RuntimeError("Query interrupted"))
    assert not _is_interrupt(RuntimeError("dictionary changed size during iteration"))
