"""`account-health hooks`: receiving calls as a process of its own, and seeing which came."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import httpx
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.ledger.store import Store, utc_now
from orchestration.settings import Settings
from orchestration.systems.hooks.waiting import newest, take
from tests.simulators.callouts import from_crm, from_support
from tests.support.doors import DESK_KEY, ORG_KEY, home_with_callers


def command(settings: Settings, *arguments: str) -> subprocess.Popen[str]:
    """`account-health hooks …` as a process."""
    places = ["--home", str(settings.home), "--policies", str(settings.policies)]
    return subprocess.Popen(
        [sys.executable, "-c", "from orchestration.cli import main; main()", "hooks", *arguments, *places],
        env=os.environ | {"ACCOUNT_HEALTH_SECRETS": str(settings.secrets)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def listed(settings: Settings) -> str:
    return CliRunner().invoke(app, ["hooks", "list", "--home", str(settings.home)]).output


def test_calls_are_received_until_the_process_is_told_to_end(tmp_path: Path) -> None:
    settings = home_with_callers(tmp_path)
    assert "there is no ledger" in listed(settings)
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    process = command(settings, "serve", "--port", str(port))
    try:
        url = f"http://127.0.0.1:{port}"
        _until_open(url, process)
        assert listed(settings) == "No call has come.\n"
        desk = from_support(DESK_KEY, {"ticket_id": 7, "note": "zzsecretzz"})
        assert desk.send(f"{url}/hooks/zendesk/desk").status_code == 202
        org = from_crm(ORG_KEY, {"id": "c-1", "record_id": "0015g00000Ab1cD", "occurred_at": "2026-06-30T09:00:00Z"})
        assert org.send(f"{url}/hooks/salesforce/org").status_code == 202
        assert from_crm("another key", {}).send(f"{url}/hooks/salesforce/org").status_code == 401
        process.send_signal(signal.SIGINT)
        told, log = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0, log
    assert told == (
        f"Calls are received on {url}, as\n"
        "  POST /hooks/salesforce/lost_org   (refused: the secret lost_key isn't there)\n"
        "  POST /hooks/salesforce/org\n"
        "  POST /hooks/zendesk/desk\n"
    )
    lines = [line.split(" ", 2)[2] for line in log.splitlines()]
    assert lines == [
        "INFO desk: ticket 7",
        "INFO org: Account 0015g00000Ab1cDAAR",
        "WARNING org: refused with 401: the call isn't signed with the key of a system here",
    ]
    with Store.open(settings) as store:
        take(store, "org", newest(store, "org", utc_now()), "run-1-of-many")
    shown = listed(settings)
    assert "2026-06-30 09:00:00 │ read by run run-1-of" in shown
    assert "│ desk   │ ticket  │ 7 " in shown
    assert "Waiting to be read: 1 of desk." in shown


def test_other_machines_are_let_in_with_a_warning_only(tmp_path: Path) -> None:
    settings = home_with_callers(tmp_path)
    with closing(socket.create_server(("0.0.0.0", 0))) as taken:  # noqa: S104 - a port that is taken
        port = taken.getsockname()[1]
        process = command(settings, "serve", "--host", "0.0.0.0", "--port", str(port))  # noqa: S104
        told, problems = process.communicate(timeout=30)
    assert process.returncode == 1
    assert problems.startswith("0.0.0.0 can be reached from other machines, and what listens there speaks plain HTTP")
    assert "put a proxy with TLS before it" in problems
    assert problems.splitlines()[1:] == [
        f"port {port} of 0.0.0.0 is taken; end what listens there, or choose another with --port"
    ]
    assert told == ""


def test_without_anybody_to_receive_calls_from_nothing_is_served(tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["hooks", "serve", "--home", str(tmp_path)])
    assert shown.exit_code == 2
    assert "no system of systems.yaml has a hook_secret" in shown.output
    assert not list(tmp_path.iterdir())


def _until_open(url: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        try:
            if httpx.get(f"{url}/healthz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("it doesn't open")
