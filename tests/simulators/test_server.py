"""The server, its program, the company it serves, and the webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest

from orchestration.systems import signing
from tests.simulators.callouts import from_crm, from_support, ticket_event
from tests.simulators.company import Company
from tests.simulators.objects import long_id
from tests.simulators.server import serve
from tests.support.receiver import receiver


def test_only_who_trusts_its_authority_may_call(simulator, monkeypatch):
    assert httpx.get(f"{simulator.url}/services/data").status_code == 200
    assert httpx.get(simulator.url.replace("127.0.0.1", "localhost") + "/services/data").status_code == 200
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{simulator.url}/services/data")


def test_a_connection_is_kept_and_stopping_ends_it():
    with serve(Company(2)) as simulator:
        folder = simulator.ca_file.parent
        client = httpx.Client(base_url=simulator.url, verify=ssl.create_default_context(cafile=simulator.ca_file))
        for _ in range(3):
            client.get("/services/data")
        (connection,) = client._transport._pool.connections
        assert connection.info().endswith("Request Count: 3")
        began = time.monotonic()
    assert time.monotonic() - began < 2
    assert not folder.exists()
    with pytest.raises(httpx.HTTPError):
        client.get("/services/data")


def test_a_mistake_of_the_simulator_is_no_fault_of_the_system(simulator, crm):
    simulator.company.tables.pop("Event")

    assert (crm.ask("SELECT Id FROM Event").status_code, len(simulator.mistakes)) == (500, 1)
    simulator.mistakes.clear()


@pytest.fixture
def program():
    command = [sys.executable, "-m", "tests.simulators.server", "--accounts", "3", "--mass-tasks", "500"]
    running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield running
    running.kill()
    running.wait(5)


def _command(program, **wanted):
    program.stdin.write(json.dumps(wanted) + "\n")
    program.stdin.flush()
    return json.loads(program.stdout.readline())


def test_the_program_says_where_it_is_takes_commands_and_ends_with_its_input(program, monkeypatch):
    told = json.loads(program.stdout.readline())
    monkeypatch.setenv("SSL_CERT_FILE", told["ca_file"])
    form = {"grant_type": "client_credentials", "client_id": told["client_id"], "client_secret": told["client_secret"]}
    answer = httpx.post(f"{told['url']}/services/oauth2/token", data=form)
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    count = {"q": "SELECT COUNT() FROM Task"}
    tasks = httpx.get(f"{told['url']}/services/data/v60.0/query", params=count, headers=headers).json()["totalSize"]
    key = _command(program, add="Account", fields={"Name": "Fourth"})["done"]

    assert 0 < tasks < 500
    assert _command(program, change="Account", key=key, fields={"Name": "4th"}) == {"done": None}
    assert _command(program, delete="Account", key=key) == {"done": None}
    assert _command(program, calls="* /services/*") == {"done": 2}
    assert _command(program, written=True) == {"done": []}
    assert _command(program, set="salesforce.page_rows", value=5) == {"done": None}
    assert "AttributeError" in _command(program, set="salesforce.nothing", value=5)["error"]
    assert _command(program, advance=120) == {"done": None}
    ahead = parsedate_to_datetime(httpx.get(f"{told['url']}/services/data").headers["Date"]).timestamp()
    assert 100 < ahead - time.time() < 121
    assert "unknown command" in _command(program, unheard=1)["error"]
    assert _command(program, fault="status", status=418, body="") == {"done": None}
    assert httpx.get(f"{told['url']}/services/data").status_code == 418
    assert _command(program, clear=True) == {"done": None}
    program.stdin.close()
    assert program.wait(5) == 0
    assert not Path(told["ca_file"]).exists()


def test_the_program_ends_with_its_parent(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'tests.simulators.server', '--accounts', '1'],\n"
        "    stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _is_running(child):
        time.sleep(0.02)
    assert not _is_running(child)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


# --- The company.


def test_a_company_is_the_same_for_the_same_seed():
    one, same, other = Company(6), Company(6), Company(6, seed=1)

    assert one.tables == same.tables
    assert one.tables != other.tables
    assert len(Company(2).rows("Account")) == 2


def test_a_company_has_what_sources_are_known_for(company):
    tasks, events = company.rows("Task"), company.rows("Event")
    checks = [row for row in tasks if "health check" in row["Subject"]]

    assert any(row["IsArchived"] for row in checks)
    assert any(row["IsDeleted"] for row in tasks)
    assert any(row["IsArchived"] for row in events)
    assert any(row["IsDeleted"] for row in events)
    assert any(row["IsRecurrence"] for row in tasks)
    assert any("\n" in (row["Description"] or "") and '"' in row["Description"] for row in tasks)
    assert any(not user["IsActive"] for user in company.rows("User"))
    assert len({row["SystemModstamp"] for row in tasks}) < len(tasks)
    assert max(row["SystemModstamp"] for row in tasks) <= company.at
    assert len({row["Id"][:15].lower() for row in tasks}) < len(tasks)
    assert {row["satisfaction_rating"]["score"] for row in company.rows("ticket")} >= {"good", "bad", "offered"}


def test_ids_of_18_end_in_what_tells_the_case_of_their_letters():
    # The vendor's own examples.
    assert long_id("001D000000IRFma") == "001D000000IRFmaIAH"
    assert long_id("0061a00000IFQ2e") == "0061a00000IFQ2eAAH"


def test_the_clock_stands_moves_and_is_off(company):
    company.clock.set(company.at)
    company.clock.advance(60)
    assert (company.clock.now() - company.at).total_seconds() == 60
    company.clock.skew(-3600)
    assert -3602 < company.clock.now().timestamp() - time.time() < -3598


def test_archiving_is_no_change_and_records_are_found_by_15(company):
    task = company.rows("Task")[-1]
    before = task["SystemModstamp"]
    company.archive("Task", task["Id"][:15])

    assert (task["IsArchived"], task["SystemModstamp"]) == (True, before)


# --- Webhooks.


def test_callouts_are_signed_as_their_systems_sign(company):
    sent = from_support("s3cret", ticket_event(3, organization=7, at=company.at), at=company.at, invocation="i-1")
    stamp = sent.headers["X-Zendesk-Webhook-Signature-Timestamp"]
    expected = base64.b64encode(hmac.new(b"s3cret", stamp.encode() + sent.body, hashlib.sha256).digest()).decode()

    assert stamp == "2026-06-30T18:00:00Z"
    assert sent.headers["X-Zendesk-Webhook-Signature"] == expected
    assert sent.headers["X-Zendesk-Webhook-Invocation-Id"] == "i-1"
    assert json.loads(sent.body)["detail"] == {"id": "3", "organization_id": "7"}

    ours = from_crm("s3cret", {"account_id": "1"}, at=company.at)
    stamp = ours.headers[signing.TIMESTAMP]
    assert ours.headers[signing.SIGNATURE] == signing.sign(b"s3cret", stamp, ours.body)
    assert int(stamp) == company.at.timestamp()


def test_callouts_are_sent():
    with receiver() as target:
        assert from_crm("s", b"{}", key="k").send(f"{target.url}/hooks").status_code == 200

    assert (target.requests[0].body, target.requests[0].headers["idempotency-key"]) == (b"{}", "k")
