"""What holds for every request: sessions and their cookies, forms of other sites, names, rates, sizes, headers."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime, timedelta
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
import uvicorn
from itsdangerous import Signer, URLSafeTimedSerializer
from typer.testing import CliRunner

from orchestration.cli import app as cli
from orchestration.ledger.store import Store
from orchestration.policy.load import load_policies
from orchestration.settings import Settings
from portal.access import Identity
from portal.app import create_app, server_config
from portal.security import CONTENT_SECURITY_POLICY, Rates
from portal.sessions import Sessions
from portal.web import SESSION_COOKIE, safe_path
from tests.support.portal import SELLER, Person, home, running, served, signed_in

SECURE_COOKIE = f"__Host-{SESSION_COOKIE}"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return home(tmp_path_factory.mktemp("security"), portal={"most_a_minute": 10_000, "most_sign_ins_a_minute": 10_000})


@pytest.fixture(scope="module")
def base(settings: Settings) -> Iterator[str]:
    with served(settings) as found:
        yield found


@pytest.fixture
def seller(base: str) -> Iterator[Person]:
    with closing(signed_in(base)) as found:
        yield found


# Where a sign-in leads.

ELSEWHERE = (
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    "https://evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "@evil.example",
    "/a\\..\\\\evil.example",
    "/\r\nLocation: https://evil.example",
    "/ evil",
    "",
)


@pytest.mark.parametrize("path", ELSEWHERE)
def test_a_sign_in_leads_nowhere_else(path: str, base: str) -> None:
    assert safe_path(path) == "/"
    for given in (path, quote(path, safe="")):
        answer = httpx.post(f"{base}/sign-in/development", data={"person": "Eve", "role": "seller", "path": given})
        assert answer.status_code == 303
        led = urlsplit(str(answer.request.url.join(answer.headers["location"])))
        assert f"{led.scheme}://{led.netloc}" == base
        assert not answer.headers["location"].startswith(("//", "/\\"))


@pytest.mark.parametrize("path", ["/", "/accounts/A-1?x=1&y=%2F%2Fevil", "/accounts/é", "/a//b"])
def test_a_sign_in_leads_to_a_page_of_this_server(path: str) -> None:
    assert safe_path(path) == path


def test_a_colour_leads_nowhere_else(seller: Person) -> None:
    for path in ELSEWHERE:
        answer = seller.submit("/theme", {"theme": "dark", "path": path}, follow_redirects=False)
        assert answer.headers["location"] == "/"


# Forms.


@pytest.mark.parametrize("token", [None, "", "x" * 43, "é"])
def test_a_form_without_its_token_is_not_done(token: str | None, seller: Person) -> None:
    data = {"theme": "dark"} | ({} if token is None else {"form_token": token})
    assert seller.post("/theme", data=data, follow_redirects=False).status_code == 403
    assert "account_health_theme" not in seller.cookies


def test_a_token_of_another_session_is_not_taken(seller: Person, base: str) -> None:
    with closing(signed_in(base)) as other:
        stolen = other.form_token()
    assert seller.post("/theme", data={"theme": "dark", "form_token": stolen}).status_code == 403
    assert seller.post("/theme", data={"theme": "dark"}, headers={"X-Form-Token": stolen}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://[bad"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://{host}"},
    ],
)
def test_a_form_of_another_site_is_not_done(headers: dict[str, str], seller: Person) -> None:
    host = seller.base_url.netloc.decode()
    sent = {name: value.replace("{host}", host) for name, value in headers.items()}
    answer = seller.submit("/theme", {"theme": "dark"}, headers=sent)
    assert answer.status_code == 403
    assert "another site" in answer.text


def test_a_form_of_this_site_is_done(seller: Person) -> None:
    host = seller.base_url.netloc.decode()
    headers = {"Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    assert seller.submit("/theme", {"theme": "dark"}, headers=headers, follow_redirects=False).status_code == 303


def test_a_link_changes_nothing(seller: Person) -> None:
    for path in ("/sign-out", "/theme"):
        assert seller.get(path, follow_redirects=False).status_code == 405
    assert seller.get("/accounts", follow_redirects=False).status_code == 200


# Sessions.


def is_in(base: str, cookie: str) -> bool:
    sent = f"{SESSION_COOKIE}={cookie}".encode()
    answer = httpx.get(f"{base}/accounts", headers={"Cookie": sent})
    assert answer.status_code in (200, 303)
    return answer.status_code == 200


def test_signing_out_ends_the_session_for_whoever_has_the_cookie(seller: Person, base: str) -> None:
    kept = seller.cookies[SESSION_COOKIE]
    assert is_in(base, kept)
    seller.submit("/sign-out")
    assert not is_in(base, kept)


def test_a_forged_cookie_is_nobody(seller: Person, base: str) -> None:
    good = seller.cookies[SESSION_COOKIE]
    name, _, signature = good.rpartition(".")
    forged = [
        name,
        f"{name}.",
        f"{name}.{signature[:-1]}",
        f"{name[:-1]}.{signature}",
        f"x{good}",
        Signer("another key", salt="session").sign(name).decode(),
        "",
        ".",
        "é",
        f"é{good}",
        "x" * 4_000,
    ]
    assert not any(is_in(base, cookie) for cookie in forged)
    assert is_in(base, good)


def test_a_new_sign_in_is_a_new_session(seller: Person, base: str) -> None:
    planted = seller.cookies[SESSION_COOKIE]
    seller.post("/sign-in/development", data={"person": SELLER, "role": "seller"})
    assert seller.cookies[SESSION_COOKIE] != planted
    assert not is_in(base, planted)


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 7, 1, 8)

    def __call__(self) -> datetime:
        return self.now

    def go(self, **by: float) -> None:
        self.now += timedelta(**by)


def test_sessions_end_by_themselves(settings: Settings) -> None:
    policy = load_policies(settings.policies).portal
    idle, longest = timedelta(minutes=policy.session_idle_minutes), timedelta(hours=policy.session_hours)
    clock = Clock()
    with Store.open(settings) as store:
        sessions = Sessions(store, policy, "key", clock=clock)
        cookie = sessions.begin(Identity("a", "a", "oidc"))
        clock.now += idle - timedelta(seconds=1)
        assert sessions.find(cookie)
        # Each request begins the idle time anew, up to the longest a session may be.
        began = clock.now - idle + timedelta(seconds=1)
        while clock.now + idle / 2 < began + longest:
            clock.now += idle / 2
            assert sessions.find(cookie)
        clock.now = began + longest
        assert sessions.find(cookie) is None
        other = sessions.begin(Identity("a", "a", "oidc"))
        clock.now += idle
        assert sessions.find(other) is None


# Behind TLS.


@pytest.fixture(scope="module")
def secure(settings: Settings) -> Iterator[str]:
    with served(settings, is_behind_tls=True) as found:
        yield found


def test_cookies_behind_tls_are_of_this_host_alone(secure: str) -> None:
    with httpx.Client(base_url=secure) as client:
        answer = client.post("/sign-in/development", data={"person": SELLER, "role": "seller"})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"{SECURE_COOKIE}=")
        parts = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= parts
        assert not any(part.startswith("domain") for part in parts)
        value = cookie.partition("=")[2].partition(";")[0]
        page = client.get("/accounts", headers={"Cookie": f"{SECURE_COOKIE}={value}"})
        assert page.status_code == 200
        assert "max-age=31536000" in page.headers["strict-transport-security"]
        # The cookie's name without its prefix can be set by others.
        assert client.get("/accounts", headers={"Cookie": f"{SESSION_COOKIE}={value}"}).status_code == 303
        token = re.search(r'name="form_token" value="([^"]+)"', page.text)
        assert token
        sent = {"Cookie": f"{SECURE_COOKIE}={value}", "Origin": secure}
        # A page of the same name without TLS isn't this site.
        assert client.post("/theme", data={"form_token": token[1]}, headers=sent).status_code == 403
        sent["Origin"] = secure.replace("http:", "https:")
        done = client.post("/theme", data={"form_token": token[1], "theme": "dark"}, headers=sent)
        assert done.status_code == 303
        assert "secure" in done.headers["set-cookie"].lower()


# Names of this server.


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "[bad", "", "a b", "127.0.0.1@evil"]
)
def test_another_name_is_refused(host: str, base: str) -> None:
    """A page elsewhere that has its name lead to loopback would else be this server's, to a browser."""
    answer = httpx.get(f"{base}/sign-in", headers={"Host": host})
    assert answer.status_code in (400, 421)
    assert "evil" not in answer.text


def test_machines_may_ask_for_health_by_any_name(base: str) -> None:
    assert httpx.get(f"{base}/healthz", headers={"Host": "10.0.0.7:8321"}).status_code == 200


def test_the_name_that_policy_gives_is_taken(tmp_path_factory: pytest.TempPathFactory) -> None:
    named = home(tmp_path_factory.mktemp("named"), access={"sign_in": {"base_url": "https://health.example.com"}})
    with served(named, development_sign_in=False) as found:
        answer = httpx.get(f"{found}/sign-in", headers={"Host": "health.example.com"})
        assert answer.status_code == 200
        # Nobody is set up to say who people are; the page says what to do.
        assert "sign_in" in answer.text
        assert "docs/portal.md" in answer.text
        assert httpx.get(f"{found}/sign-in", headers={"Host": "other.example.com"}).status_code == 421
        assert httpx.get(f"{found}/sign-in/development").status_code == 404
        assert httpx.post(f"{found}/sign-in/development", data={"person": "a", "role": "admin"}).status_code == 404


def test_the_development_sign_in_listens_on_loopback_only() -> None:
    told = CliRunner().invoke(cli, ["portal", "--development", "--host", "192.0.2.1"])
    assert told.exit_code == 2
    assert "--development" in told.output


# Rates and sizes.


def test_one_person_asks_so_often_a_minute(tmp_path_factory: pytest.TempPathFactory) -> None:
    limits = {"most_a_minute": 5, "most_sign_ins_a_minute": 8}
    with served(home(tmp_path_factory.mktemp("rates"), portal=limits)) as base:
        with closing(signed_in(base, "Busy", ["seller"])) as busy, closing(signed_in(base, "Calm", ["seller"])) as calm:
            statuses = [busy.get("/status").status_code for _ in range(8)]
            assert statuses[:5] == [200] * 5
            assert statuses[-1] == 429
            told = busy.get("/status")
            assert int(told.headers["retry-after"]) >= 1
            # A new session is the same person; somebody else isn't.
            with closing(signed_in(base, "Busy", ["seller"])) as again:
                assert again.get("/status").status_code == 429
            assert calm.get("/status").status_code == 200
        sign_ins = [
            httpx.post(f"{base}/sign-in/development", data={"person": f"p{n}", "role": "seller"}).status_code
            for n in range(12)
        ]
        assert sign_ins[-1] == 429
        # Whoever isn't a proxy that is trusted doesn't choose the address they come from.
        other = httpx.post(
            f"{base}/sign-in/development",
            data={"person": "x", "role": "seller"},
            headers={"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"},
        )
        assert other.status_code == 429


def test_rates_fill_up_again() -> None:
    now = [0.0]
    rates = Rates(60, clock=lambda: now[0])
    assert [rates.wait_seconds("a") for _ in range(61)][-2:] == [0, 2]
    now[0] += 2
    assert [rates.wait_seconds("a") for _ in range(3)][:2] == [0, 0]
    assert rates.wait_seconds("b") == 0


def test_a_body_that_is_too_large_is_not_read(seller: Person) -> None:
    token = seller.form_token()
    large = b"theme=dark&x=" + b"a" * (5 * 1024 * 1024)
    head = {"X-Form-Token": token, "Content-Type": "application/x-www-form-urlencoded"}
    told = seller.post("/theme", content=large, headers=head)
    assert told.status_code == 413

    def pieces() -> Iterator[bytes]:
        for _ in range(90):
            yield b"a" * 65_536

    # Without a length: it ends at the limit, and nothing was done.
    try:
        told = seller.post("/theme", content=pieces(), headers=head, follow_redirects=False)
    except httpx.HTTPError:
        pass
    else:
        assert told.status_code >= 400
    assert "account_health_theme" not in seller.cookies


@pytest.mark.parametrize("fields", [3_000, 60])
def test_forms_have_so_many_fields_at_most(fields: int, seller: Person, base: str) -> None:
    data = {f"f{number}": "x" for number in range(fields)}
    if fields > 2_000:
        assert seller.submit("/theme", data, follow_redirects=False).status_code == 400
    else:
        assert httpx.post(f"{base}/sign-in/development", data=data).status_code == 400


FORM = "application/x-www-form-urlencoded"
PLACES = ("/sign-in/development", "/theme", "/policies/calendar")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "kind",
    [
        f"{FORM}; charset=punycode",
        f"{FORM}; charset=utf-7",
        'multipart/form-data; boundary=X; charset="punycode"',
        "multipart/form-data; boundary=X; CHARSET=unicode_escape",
        "multipart/form-data; boundary=X; charset=utf-8; charset=utf-16",
        "multipart/form-data; boundary=X; " + "a=b;" * 200,
        "multipart/mixed; boundary=X",
        "application/json",
        "text/plain",
        "",
    ],
)
def test_forms_are_in_utf_8_and_no_other_letters(kind: str, place: str, base: str) -> None:
    with closing(signed_in(base, roles=["revops"])) as person:
        answer = person.post(place, content=b"--X", headers={"Content-Type": kind, "X-Form-Token": person.form_token()})
    assert answer.status_code == 415
    assert "Forms are" in answer.text


@pytest.mark.parametrize("kind", [f"{FORM}; charset=UTF-8", FORM.upper(), f'{FORM};charset="utf-8"'])
def test_a_form_may_say_that_it_is_in_utf_8(kind: str, seller: Person) -> None:
    headers = {"Content-Type": kind, "X-Form-Token": seller.form_token()}
    assert seller.post("/theme", content=b"theme=dark", headers=headers, follow_redirects=False).status_code == 303


def test_files_are_taken_where_policies_are_edited_and_nowhere_else(base: str) -> None:
    with closing(signed_in(base, roles=["revops"])) as person:
        assert person.submit("/theme", files={"upload": ("x", b"x")}).status_code == 415
        assert person.post("/sign-in/development", files={"upload": ("x", b"x")}).status_code == 415
        given = {"upload": ("calendar.yaml", b"x: 1\n", "text/plain; charset=punycode")}
        assert person.submit("/policies/calendar", files=given).status_code == 200


def test_letters_that_take_long_to_read_hold_up_nobody(base: str) -> None:
    body = b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"x" * 60_000 + b"-4gq" + b"a" * 500_000
    headers = {"Content-Type": "multipart/form-data; boundary=X; charset=punycode"}
    began = time.monotonic()
    answer = httpx.post(f"{base}/sign-in/development", content=body + b"\r\n--X--\r\n", headers=headers)
    assert answer.status_code == 415
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("text", [b"%00", b"\0", b"%ED%A0%80", b"\xed\xa0\x80", b"%FF", b"\xff"])
def test_what_is_no_text_is_refused(text: bytes, seller: Person, base: str) -> None:
    headers = {"Content-Type": FORM, "X-Form-Token": seller.form_token()}
    for body in (b"path=/%b" % text, b"%b=x" % text):
        assert seller.post("/theme", content=body, headers=headers).status_code == 400
        answer = httpx.post(f"{base}/sign-in/development", content=body, headers={"Content-Type": FORM})
        assert answer.status_code == 400


def test_nul_in_an_edited_policy_is_refused(base: str) -> None:
    with closing(signed_in(base, roles=["revops"])) as person:
        answer = person.submit("/policies/calendar", {"text": "a\0b"}, files={"x": ("", b"")})
    assert answer.status_code == 400


def test_a_form_of_somebody_who_is_not_signed_in_is_short(base: str) -> None:
    long = b"person=a&role=seller&x=" + b"a" * 256 * 1024
    headers = {"Content-Type": FORM}

    def pieces() -> Iterator[bytes]:
        yield long

    for content in (long, pieces()):
        answer = httpx.post(f"{base}/sign-in/development", content=content, headers=headers)
        assert answer.status_code == 413


def test_attempts_are_counted_before_a_form_is_read(tmp_path_factory: pytest.TempPathFactory) -> None:
    with served(home(tmp_path_factory.mktemp("attempts"), portal={"most_sign_ins_a_minute": 1})) as base:
        address = urlsplit(base)
        told = []
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", address.port or 0), timeout=10) as line:
                # The body never comes.
                head = f"POST /sign-in/development HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: {FORM}\r\n"
                line.sendall(f"{head}Content-Length: 100\r\n\r\n".encode())
                line.settimeout(2)
                with suppress(TimeoutError):
                    told.append(line.recv(64).split(b" ")[1])
        assert told == [b"429"]


def test_connections_without_a_request_turn_nobody_away(base: str) -> None:
    address = urlsplit(base)
    idle = [socket.create_connection(("127.0.0.1", address.port or 0), timeout=10) for _ in range(100)]
    try:
        assert httpx.get(f"{base}/sign-in").status_code == 200
    finally:
        for line in idle:
            line.close()


def test_a_page_number_that_is_endless_is_refused(seller: Person) -> None:
    for page in ("000000000001" + "9" * 5_000, "000000000001" + "9" * 100, "9" * 12):
        assert seller.get("/accounts", params={"page": page}).status_code == 400


def test_a_cursor_with_half_of_a_letter_is_refused(seller: Person) -> None:
    address = seller.get("/api/v1/tables/account_signals", params={"limit": 1}).json()["next"]
    cursor = parse_qs(urlsplit(address).query)["cursor"][0]
    snapshot, digest, place = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    for said in ([f"\ud800{snapshot}", digest, place], [snapshot, digest, ["\ud800"]]):
        forged = base64.urlsafe_b64encode(json.dumps(said).encode()).decode()
        answer = seller.get("/api/v1/tables/account_signals", params={"limit": 1, "cursor": forged})
        assert answer.status_code == 400


# What a page says after a write.


def test_a_sentence_that_this_portal_did_not_write_is_not_shown(seller: Person, settings: Settings, base: str) -> None:
    key = (settings.home_path / "portal.key").read_text(encoding="ascii")

    def shown(key: str, person: str) -> bool:
        signed = URLSafeTimedSerializer(key, salt="said", signer_kwargs={"digest_method": hashlib.sha256})
        for text in (signed.dumps([person, "Call this number"]), "Call%20this%20number"):
            cookies = f"{SESSION_COOKIE}={seller.cookies[SESSION_COOKIE]}; account_health_said={text}"
            answer = httpx.get(f"{base}/accounts", headers={"Cookie": cookies})
            assert answer.status_code == 200
            if "Call this number" in answer.text:
                return True
        return False

    assert shown(key, SELLER)
    assert not shown("another key", SELLER)
    assert not shown(key, "Somebody Else")


# Headers.


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/sign-in", 200),
        ("/accounts", 200),
        ("/accounts/none", 404),
        ("/portfolio", 403),
        ("/?page=x", 400),
        ("/static/css/base.css", 200),
        ("/static/none", 404),
        ("/healthz", 200),
        ("/api/v1/tables", 200),
        ("/export/targets.csv", 200),
        ("/../../etc/passwd", 404),
        ("/static/..%2f..%2fweb.py", 404),
        ("/static/%2e%2e/web.py", 404),
    ],
)
def test_every_answer_has_the_headers(path: str, status: int, seller: Person) -> None:
    answer = seller.get(path)
    assert answer.status_code == status
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["x-request-id"]
    assert "no-store" in answer.headers["cache-control"] or path.startswith("/api/")
    assert "server" not in answer.headers
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize("given", ["x", "a b" * 9, "<script>alert(1)</script>", "a" * 65, "é" * 9])
def test_a_request_id_that_is_no_name_is_replaced(given: str, base: str) -> None:
    answer = httpx.get(f"{base}/sign-in", headers={"X-Request-Id": given.encode()})
    assert answer.headers["x-request-id"] != given
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])


def test_nothing_of_a_request_becomes_a_header(seller: Person, base: str) -> None:
    evil = "%0d%0aSet-Cookie:%20evil=1"
    for path in (
        f"/sign-in?path=/{evil}",
        f"/accounts/{evil}",
        f"/{evil}",
        f"/?q={evil}",
        f"/export/targets.csv?q={evil}",
    ):
        for client in (seller, httpx.Client(base_url=base)):
            answer = client.get(path, follow_redirects=False)
            assert answer.status_code < 500
            assert "evil" not in answer.headers.get("set-cookie", "")


def test_what_is_no_http_is_refused(base: str) -> None:
    port = urlsplit(base).port
    for raw in (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"\x16\x03\x01\x00\x00", b"GET / HTTP/9.9\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
            line.sendall(raw)
            line.shutdown(socket.SHUT_WR)
            assert line.recv(64).partition(b"\r\n")[0].split(b" ")[1:2] in ([b"400"], [b"421"], [])


def test_what_breaks_says_nothing_of_the_inside(settings: Settings) -> None:
    app = create_app(settings, development_sign_in=True)

    @app.get("/breaks")
    def breaks() -> None:
        raise RuntimeError("secret of the inside")

    with running(app) as found:
        answer = httpx.get(f"{found}/breaks")
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert "RuntimeError" not in answer.text
        assert answer.headers["x-request-id"] in answer.text
        assert answer.headers["content-security-policy"]


def test_a_proxy_that_is_trusted_says_where_people_come_from(settings: Settings) -> None:
    def config(trusted: tuple[str, ...]) -> uvicorn.Config:
        found = server_config(create_app(settings, only_hooks=True), "127.0.0.1", 0, trusted)
        found.load()
        return found

    assert config(()).proxy_headers is False
    assert config(("10.0.0.1",)).forwarded_allow_ips == ["10.0.0.1"]
