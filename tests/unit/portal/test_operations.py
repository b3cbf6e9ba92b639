"""Readiness, figures, the log of requests, and what answers when something breaks."""

from __future__ import annotations

import json
import logging
from io import StringIO

import httpx
import pytest
from fastapi import APIRouter

from orchestration.logs import JsonFormatter, TextFormatter
from portal.app import create_app
from tests.support import portal

TOKEN = "a-token-of-the-tests"  # noqa: S105


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return portal.home(tmp_path_factory.mktemp("operations"))


@pytest.fixture
def log():
    """What is logged as JSON, as a function of the lines so far."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("portal.requests")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture(scope="module")
def base(home):
    created = create_app(home, development_sign_in=True)
    broken = APIRouter()

    @broken.get("/breaks/{account_id}")
    def breaks(account_id: str) -> str:
        raise RuntimeError(f"no {account_id}")

    created.include_router(broken)
    with portal.running(created) as address:
        yield address


def figures(base: str, **headers: str) -> dict[str, float]:
    answer = httpx.get(f"{base}/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_it_is_ready_with_ledger_and_publication(base):
    answer = httpx.get(f"{base}/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "ledger": "ok", "publication": "ok"})
    assert httpx.get(f"{base}/healthz").status_code == 200


def test_it_isnt_ready_without_a_publication(tmp_path):
    settings = portal.home(tmp_path)
    (settings.published_path / "CURRENT").unlink()
    with portal.served(settings) as address:
        answer = httpx.get(f"{address}/readyz")
        assert (answer.status_code, answer.json()["publication"]) == (503, "none")
        assert figures(address)["account_health_publication_usable"] == 0


def test_requests_are_counted_by_route_and_status(base):
    seller = portal.signed_in(base)
    before = figures(base)
    seller.get("/")
    seller.get("/no/such/page")
    after = figures(base)
    page = 'account_health_requests_total{method="GET",route="/",status="200"}'
    missing = 'account_health_requests_total{method="GET",route="unmatched",status="404"}'
    for name in (page, missing, 'account_health_request_seconds_count{route="/"}'):
        assert after.get(name, 0) - before.get(name, 0) == 1, name
    assert after["account_health_publication_usable"] == 1
    assert after["account_health_publication_age_seconds"] > 0
    assert after["account_health_ledger_usable"] == 1
    assert after["account_health_sessions"] >= 1
    assert any(name.startswith("account_health_actions{") and value > 0 for name, value in after.items())


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_figures_arent_for_who_comes_through_a_proxy(base, header):
    assert httpx.get(f"{base}/metrics", headers={header: "127.0.0.1"}).status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.0.0.7:8321", "[bad"])
def test_figures_are_given_by_the_names_of_this_machine_only(base, host):
    """A page elsewhere that has its name lead to loopback could else read them."""
    assert httpx.get(f"{base}/metrics", headers={"Host": host}).status_code in (400, 404)
    assert httpx.get(f"{base}/metrics", headers={"Host": "localhost:8321"}).status_code == 200


def test_with_a_token_figures_are_for_who_has_it(home):
    (home.secrets / "metrics_token").write_text(TOKEN, encoding="utf-8")
    try:
        with portal.served(home) as address:
            assert figures(address, Authorization=f"Bearer {TOKEN}")
            assert figures(address, Authorization=f"Bearer {TOKEN}", Host="10.0.0.7:8321")
            for given in ({}, {"Authorization": "Bearer other"}, {"Authorization": TOKEN}):
                assert httpx.get(f"{address}/metrics", headers=given).status_code == 404
    finally:
        (home.secrets / "metrics_token").unlink()


def test_a_line_a_request_names_nobody_and_no_account(base, log):
    seller = portal.signed_in(base, person="Hanae Mori")
    answer = seller.get("/accounts/A-00001", params={"q": "a secret question"})
    lines = [line for line in log() if line.get("request_id") == answer.headers["x-request-id"]]
    assert len(lines) == 1
    (line,) = lines
    assert (line["method"], line["status"], line["level"]) == ("GET", answer.status_code, "info")
    assert line["route"] == "/accounts/{account_id:path}"
    assert line["ms"] > 0
    assert len(line["person"]) == 12
    text = json.dumps(log())
    assert not [word for word in ("Hanae", "A-00001", "secret question") if word in text]


def test_what_breaks_is_logged_under_its_number_and_answered_with_headers(base, log):
    answer = httpx.get(f"{base}/breaks/A-1")
    number = answer.headers["x-request-id"]
    assert answer.status_code == 500
    assert number in answer.text
    assert "RuntimeError" not in answer.text
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    broke, told = (line for line in log() if line["request_id"] == number)
    assert "RuntimeError" in broke["error"]
    assert told["status"] == 500
    assert told["route"] == "/breaks/{account_id}"


def test_lines_for_people_have_the_fields_too():
    record = logging.LogRecord("portal", logging.INFO, "", 0, "request", None, None)
    record.fields = {"route": "/", "person": None}
    assert TextFormatter().format(record).endswith("INFO request route=/")


def test_lines_of_a_run_have_its_id():
    record = logging.LogRecord("dagster", logging.INFO, "", 0, "made", None, None)
    record.dagster_meta = {"run_id": "r1", "step_key": None}
    line = json.loads(JsonFormatter().format(record))
    assert (line["run_id"], line["message"]) == ("r1", "made")
    assert "step_key" not in line
