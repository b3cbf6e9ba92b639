"""Calls over HTTP against real servers on loopback: what is tried again, how long, and what nobody gets to see."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestration.policy.systems import Calling
from orchestration.systems.http import Api, ApiError, QuotaError
from orchestration.systems.unreached import reason
from tests.simulators.company import Company
from tests.simulators.fixtures import simulator
from tests.simulators.server import Simulator
from tests.support.receiver import Answer, Receiver, Request, receiver
from tests.support.salesforce import Time

__all__ = ["simulator"]

CALLING = {
    "timeout_seconds": 2,
    "attempts": 3,
    "first_wait_seconds": 1,
    "wait_factor": 3,
    "longest_wait_seconds": 20,
    "jitter_pct": 0,
}
TOKEN = "token-that-nobody-sees"  # noqa: S105


@pytest.fixture
def company() -> Company:
    return Company(0)


@pytest.fixture
def target() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def waits() -> Time:
    return Time()


def api(url: str, waits: Time, calling: dict[str, Any] | None = None, **more: Any) -> Api:
    told = Calling(**{**CALLING, **(calling or {})})
    signed = {"Authorization": f"Bearer {TOKEN}"}
    return Api("crm", url, told, **{"authorise": lambda _: signed, "sleep": waits.sleep, "clock": waits.clock, **more})


def answering(*answers: Answer) -> Callable[[Request], Answer]:
    """Answers one after the other, the last for ever."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def test_an_answer_comes_with_its_headers(target: Receiver, waits: Time) -> None:
    target.special = answering(Answer(200, b'{"a": 1}', {"X-Calls": "7"}))
    seen: list[str] = []
    called = api(target.url, waits, watch=lambda headers: seen.append(headers["x-calls"]))
    answer = called.json("GET", "/things", params={"q": "a b&c"})
    assert (answer.status, answer.body, called.calls, seen) == (200, {"a": 1}, 1, ["7"])
    assert target.requests[0].path == "/things?q=a+b%26c"
    assert target.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    called.close()


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(target: Receiver, waits: Time, status: int) -> None:
    target.special = answering(Answer(status, b"<html>no</html>"), Answer(status), Answer(200, b"[]"))
    assert api(target.url, waits).json("GET", "/things").body == []
    assert waits.waits == [1, 3]


@pytest.mark.parametrize("status", [301, 302, 307, 400, 403, 404, 410, 422])
def test_what_won_t_pass_is_not(target: Receiver, waits: Time, status: int) -> None:
    target.special = answering(Answer(status, b'{"error": "no"}', {"Location": "http://127.0.0.1:9/elsewhere"}))
    with pytest.raises(ApiError, match=f"it answered {status}") as caught:
        api(target.url, waits).json("GET", "/things")
    assert caught.value.status == status
    assert caught.value.body == {"error": "no"}
    assert len(target.requests) == 1


def test_attempts_end(target: Receiver, waits: Time) -> None:
    target.special = answering(Answer(503, b"<html><h1>Down</h1> for maintenance</html>"))
    with pytest.raises(ApiError, match=r"503: Down for maintenance \(3 attempts\)") as caught:
        api(target.url, waits).json("GET", "/things")
    assert "nothing is lost" in caught.value.action
    assert waits.waits == [1, 3]


def test_waits_grow_up_to_the_longest_and_spread_by_chance(target: Receiver, waits: Time) -> None:
    target.special = answering(Answer(503))
    with pytest.raises(ApiError):
        api(target.url, waits, {"attempts": 6, "jitter_pct": 50}).json("GET", "/things")
    for wait, plain in zip(waits.waits, [1, 3, 9, 20, 20], strict=True):
        assert plain <= wait <= plain * 1.5
    assert waits.waits != [1, 3, 9, 20, 20]


@pytest.mark.parametrize("how", ["seconds", "date"])
def test_a_wait_that_is_asked_for_is_kept(target: Receiver, waits: Time, how: str) -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=17), usegmt=True)
    target.special = answering(Answer(429, headers={"Retry-After": "17" if how == "seconds" else at}), Answer())
    api(target.url, waits).json("GET", "/things")
    assert 15 <= waits.waits[0] <= 17


def test_a_wait_that_is_too_long_ends_the_pull(target: Receiver, waits: Time) -> None:
    target.special = answering(Answer(429, headers={"Retry-After": "3600"}))
    with pytest.raises(QuotaError, match="left alone for 3600 seconds") as caught:
        api(target.url, waits).json("GET", "/things")
    assert "20 seconds at most" in caught.value.expected
    assert waits.waits == []
    assert len(target.requests) == 1


def test_writing_isn_t_repeated_unless_that_is_said(target: Receiver, waits: Time) -> None:
    target.special = answering(Answer(503))
    called = api(target.url, waits)
    with pytest.raises(ApiError):
        called.json("POST", "/things", body={"a": 1})
    assert len(target.requests) == 1
    with pytest.raises(ApiError):
        called.json("POST", "/things", body={"a": 1}, repeats=True)
    assert len(target.requests) == 4
    assert target.requests[0].json == {"a": 1}


def test_a_new_sign_in_is_asked_for_once(target: Receiver, waits: Time) -> None:
    asked: list[bool] = []

    def authorise(renew: bool) -> dict[str, str]:
        asked.append(renew)
        return {"Authorization": "new" if renew else "old"}

    target.special = lambda request: Answer(200 if request.headers["authorization"] == "new" else 401)
    assert api(target.url, waits, authorise=authorise).json("GET", "/things").body == {}
    assert asked == [False, True]
    assert waits.waits == []
    target.special = answering(Answer(401, b'{"why": "no"}'))
    with pytest.raises(ApiError, match="401"):
        api(target.url, waits, authorise=authorise).json("GET", "/things")
    assert asked[2:] == [False, True]


def test_a_new_sign_in_takes_no_attempt_away(target: Receiver, waits: Time) -> None:
    target.special = answering(Answer(401), Answer(503), Answer(503), Answer(200))
    assert api(target.url, waits).json("GET", "/things").status == 200


def test_even_writing_is_repeated_with_a_new_sign_in(target: Receiver, waits: Time) -> None:
    target.special = answering(Answer(401), Answer(201))
    assert api(target.url, waits).json("POST", "/things", body=1).status == 201


@pytest.mark.parametrize(
    "path", ["https://elsewhere.example/x", "//elsewhere.example/x", "http://127.0.0.1:9/x", "https://u@127.0.0.1/x"]
)
def test_another_host_isn_t_called(target: Receiver, waits: Time, path: str) -> None:
    with pytest.raises(ApiError, match="outside itself"):
        api(target.url, waits).json("GET", path)
    assert target.requests == []


def test_a_judge_has_the_word(target: Receiver, waits: Time) -> None:
    def judge(status: int, body: Any) -> ApiError:
        return QuotaError("used up", status=status) if body == 1 else ApiError("judged", status=status)

    called = api(target.url, waits, judge=judge)
    target.special = answering(Answer(403, b"1"))
    with pytest.raises(QuotaError, match="used up") as caught:
        called.json("GET", "/things")
    assert caught.value.place == "/things"
    target.special = answering(Answer(404, b"2"))
    with pytest.raises(ApiError, match="judged"):
        called.json("GET", "/things")


def test_no_more_calls_a_minute_than_the_pace(target: Receiver, waits: Time) -> None:
    called = api(target.url, waits, pace=3)
    target.special = answering(Answer())
    for _ in range(7):
        called.json("GET", "/things")
    assert waits.waits == [60, 60]


def test_the_deadline_holds_for_waits_too(target: Receiver, waits: Time) -> None:
    target.special = answering(Answer(503))
    with pytest.raises(ApiError, match="as long as it may"):
        api(target.url, waits, {"attempts": 9}, deadline=10).json("GET", "/things")
    assert sum(waits.waits) <= 10
    called = api(target.url, waits, deadline=waits.seconds - 1)
    before = len(target.requests)
    with pytest.raises(ApiError, match="longest_minutes"):
        called.json("GET", "/things")
    with pytest.raises(ApiError, match="longest_minutes"):
        called.pause(1)
    assert len(target.requests) == before


def test_secrets_stay_out_of_errors(target: Receiver, waits: Time) -> None:
    hidden = "secret-in-the-address"
    called = api(target.url, waits)
    target.special = answering(Answer(400, b"no"))
    for act in (
        lambda: called.json("GET", f"/things?key={hidden}"),
        lambda: called.json("GET", "/things", params={"key": hidden}),
        lambda: called.json("POST", "/things", form={"key": hidden}),
        lambda: api("http://127.0.0.1:1", waits).json("GET", f"/things?key={hidden}"),
    ):
        with pytest.raises(ApiError) as caught:
            act()
        assert hidden not in str(caught.value)
        assert TOKEN not in str(caught.value)
        assert "crm, /things" in str(caught.value)


def test_nobody_there_is_told(waits: Time) -> None:
    with pytest.raises(ApiError, match=r"nothing listens at its address \(3 attempts\)\.") as caught:
        api("http://127.0.0.1:1", waits).json("GET", "/things")
    assert not caught.value.reached
    assert "firewall" in caught.value.action
    assert "127.0.0.1" not in str(caught.value)
    assert waits.waits == [1, 3]


def test_a_name_that_isn_t_known_is_told(waits: Time) -> None:
    with pytest.raises(ApiError, match=r"the name in its address isn't known \(3 attempts\)\.") as caught:
        api("https://hidden.invalid", waits).json("GET", "/things")
    assert "(DNS)" in caught.value.action
    assert "hidden" not in str(caught.value)


def test_https_spoken_to_http_is_told(target: Receiver, waits: Time) -> None:
    with pytest.raises(ApiError, match=r"doesn't speak https\. What to do: check scheme and port"):
        api(target.url.replace("http:", "https:"), waits).json("GET", "/things")
    assert waits.waits == []


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("SSL_CERT_FILE", None, "SSL_CERT_FILE names a file that isn't there"),
        ("SSL_CERT_FILE", "no certificate", "SSL_CERT_FILE names a file that has no certificates"),
        ("SSL_CERT_DIR", None, "SSL_CERT_DIR names a folder that isn't there"),
    ],
)
def test_authorities_that_can_t_be_loaded_are_told(
    waits: Time, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, content: str | None, told: str
) -> None:
    place = tmp_path / "authorities"
    if content is not None:
        place.write_text(content)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv(name, str(place))
    with pytest.raises(ApiError, match=told) as caught:
        api("https://127.0.0.1:1", waits).json("GET", "/things")
    assert str(place) in caught.value.message
    assert "or unset it" in caught.value.action
    assert not caught.value.reached
    assert waits.waits == []


def test_an_answer_that_is_too_large_is_refused(target: Receiver, waits: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.systems.http._MOST_JSON_BYTES", 1_000)
    target.special = answering(Answer(200, b'"' + b"x" * 2_000 + b'"'))
    with pytest.raises(ApiError, match="larger than any page"):
        api(target.url, waits).json("GET", "/things")


# Over TLS, with a server that breaks off.

VERSIONS = "/services/data"


@pytest.mark.parametrize("fault", ["html_503", "html_200", "reset", "answer_lost", "reset_in_body", "ends_in_body"])
def test_broken_answers_are_asked_for_again(simulator: Simulator, waits: Time, fault: str, tmp_path: Path) -> None:
    called = api(simulator.url, waits)
    struck = simulator.faults.add(fault)
    assert len(called.json("GET", VERSIONS).body) == 6
    again = simulator.faults.add(fault)
    target = tmp_path / "page"
    called.save(VERSIONS, target, content_type="application/json")
    assert target.stat().st_size > 300
    assert (struck.struck, again.struck, waits.waits) == (1, 1, [1, 1])
    called.close()


@pytest.mark.parametrize("fault", ["html_503", "html_200", "reset_in_body", "ends_in_body"])
def test_no_part_of_a_broken_answer_stays(simulator: Simulator, waits: Time, fault: str, tmp_path: Path) -> None:
    simulator.faults.add(fault, times=None)
    with pytest.raises(ApiError):
        api(simulator.url, waits).save(VERSIONS, tmp_path / "page", content_type="application/json")
    assert list(tmp_path.iterdir()) == []


def test_a_silent_server_ends_by_time_out(simulator: Simulator, waits: Time) -> None:
    simulator.faults.add("hangs", seconds=30)
    started = time.monotonic()
    with pytest.raises(ApiError, match="ReadTimeout"):
        api(simulator.url, waits, {"timeout_seconds": 1, "attempts": 1}).json("GET", VERSIONS)
    assert time.monotonic() - started < 3


def test_a_body_in_drops_ends_by_the_deadline(simulator: Simulator, waits: Time) -> None:
    simulator.faults.add("slow", seconds=10)
    started = time.monotonic()
    called = api(simulator.url, waits, clock=time.monotonic, deadline=started + 0.5)
    called.calling = called.calling.model_copy(update={"timeout_seconds": 4})
    with pytest.raises(ApiError, match="as long as it may"):
        called.json("GET", VERSIONS)
    assert time.monotonic() - started < 8


def test_an_unknown_certificate_is_refused(simulator: Simulator, waits: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ApiError, match="its certificate isn't trusted: unable to get local issuer") as caught:
        api(simulator.url, waits).json("GET", VERSIONS)
    assert "SSL_CERT_FILE" in caught.value.action
    assert (simulator.calls, waits.waits) == ([], [])


def test_http_spoken_to_https_is_told(simulator: Simulator, waits: Time) -> None:
    with pytest.raises(ApiError, match="no whole answer came") as caught:
        api(simulator.url.replace("https:", "http:"), waits).json("GET", VERSIONS)
    assert "if it speaks https, say so in url" in caught.value.action


@pytest.mark.parametrize(
    ("code", "told", "action"),
    [
        (10, "its certificate has expired.", "its owner has to renew it"),
        (9, "its certificate isn't valid yet.", "the clock"),
        (62, "its certificate is another address's.", "check scheme and port"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_told(code: int, told: str, action: str) -> None:
    inner = ssl.SSLCertVerificationError(1, "certificate verify failed")
    inner.verify_code, inner.verify_message = code, "not valid for 'hidden.example'"
    error = httpx.ConnectError("hidden.example")
    error.__cause__ = inner
    why = reason(error, "https://hidden.example")
    assert why.words == told
    assert why.action.startswith(action) or action in why.action
    assert not why.may_pass
