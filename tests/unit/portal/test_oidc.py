"""Sign-in by OpenID Connect, against a provider that lies: what gets in, and what doesn't, whatever is signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, replace
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from orchestration.ledger.store import Store
from orchestration.ledger.tables import audit_log, sessions
from orchestration.policy.load import load_policies
from orchestration.settings import Settings
from portal.access import Identity, viewer_of
from portal.sessions import Sessions
from portal.signin.examine import examine_sign_in
from portal.signin.oidc import Oidc
from portal.signin.refusals import SignInRefused
from tests.support.issuer import CLIENT, SECRET, Issuer, answer, begin, issuing
from tests.support.portal import SELLER, free_port, home, served

SESSION = "account_health_session"
ACCESS = {
    "groups": {"sellers": {"roles": ["seller"]}, "chiefs": {"roles": ["executive"]}},
    "people": {},
}


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as found:
        yield found


@pytest.fixture(scope="module")
def settings(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    port = free_port()
    oidc = {"issuer": issuer.base, "client_id": CLIENT, "secret": "portal_oidc", "algorithms": ["RS256", "ES256"]}
    made = home(
        tmp_path_factory.mktemp("oidc"),
        access=ACCESS | {"sign_in": {"base_url": f"http://127.0.0.1:{port}", "clock_skew_seconds": 30, "oidc": oidc}},
        portal={"most_sign_ins_a_minute": 10_000, "most_a_minute": 10_000},
    )
    assert made.secrets is not None
    (made.secrets / "portal_oidc").write_text(SECRET)
    return made


@pytest.fixture(scope="module")
def base(settings: Settings) -> Iterator[str]:
    port = urlsplit(load_policies(settings.policies).access.sign_in.base_url or "").port
    with served(settings, development_sign_in=False, port=port or 0) as found:
        yield found


@pytest.fixture
def browser(base: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=base, timeout=20) as client:
        yield client


@pytest.fixture(autouse=True)
def honest(issuer: Issuer) -> Iterator[None]:
    """Every test begins with a provider that doesn't lie."""
    yield
    issuer.claims, issuer.header, issuer.sign, issuer.userinfo, issuer.discovery = {}, {}, None, {}, {}
    issuer.taken.clear()


def refused(settings: Settings, answer: httpx.Response, why: str) -> None:
    """Nobody is in, the page says so, and the log says why."""
    assert answer.status_code == 403, answer.status_code
    assert SESSION not in answer.cookies
    assert "Sign-in didn&#39;t work" in answer.text or "Sign-in didn't work" in answer.text
    with Store.open(settings) as store, store.reading() as con:
        last = con.execute(sa.select(audit_log).order_by(audit_log.c.entry_id.desc()).limit(1)).mappings().one()
    assert last["event"] == "sign_in_refused"
    assert why in last["detail"]
    assert why not in answer.text


def test_a_sign_in_leads_to_where_it_began(issuer: Issuer, browser: httpx.Client, base: str) -> None:
    deep = "/?status=past_due&q=a%20b"
    first = browser.get(deep, follow_redirects=False)
    assert first.status_code == 303
    assert first.headers["location"].startswith("/sign-in?path=")
    # There is one way, so nobody has to choose it.
    second = browser.get(first.headers["location"], follow_redirects=False)
    assert second.headers["location"].startswith("/sign-in/oidc?path=")
    asked = begin(browser, issuer, deep)
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"{base}/sign-in/oidc/callback"
    done = answer(browser, asked)
    assert (done.status_code, done.headers["location"]) == (303, deep)
    assert SELLER in browser.get("/").text
    form = next(form for asked, form in reversed(issuer.asked) if asked == "token")
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    assert _letters(digest) == issuer.challenge
    assert form["authorization"] == "Basic " + base64.b64encode(b"account-health:secret+of+the+portal").decode()


Lie = Callable[[Issuer], None]


def _claims(**changes: Any) -> Lie:
    return lambda issuer: issuer.claims.update(changes)


def _now(offset: int) -> int:
    return int(time.time()) + offset


def _signed_by(key: Any, algorithm: str, **header: Any) -> Lie:
    def lie(issuer: Issuer) -> None:
        issuer.sign = lambda head, said: jwt.encode(
            head | {"alg": algorithm} | header, said, key, algorithms=[algorithm]
        )

    return lie


def _letters(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _unsigned(algorithm: str) -> Lie:
    def lie(issuer: Issuer) -> None:
        issuer.sign = lambda head, said: (
            f"{_letters(json.dumps(head | {'alg': algorithm}).encode())}.{_letters(json.dumps(said).encode())}."
        )

    return lie


def _hs256_with_the_public_key(issuer: Issuer) -> None:
    def sign(head: dict[str, Any], said: dict[str, Any]) -> str:
        text = f"{_letters(json.dumps(head | {'alg': 'HS256'}).encode())}.{_letters(json.dumps(said).encode())}"
        public = issuer.keys[0].as_pem(private=False)
        return f"{text}.{_letters(hmac.new(public, text.encode(), hashlib.sha256).digest())}"

    issuer.sign = sign


def _changed_after_signing(issuer: Issuer) -> None:
    def sign(head: dict[str, Any], said: dict[str, Any]) -> str:
        header, _, signature = jwt.encode(head, said, issuer.keys[0]).split(".")
        return f"{header}.{_letters(json.dumps(said | {'groups': ['chiefs']}).encode())}.{signature}"

    issuer.sign = sign


_STRANGER = RSAKey.generate_key(2048, {"kid": "stranger"})
LIES: dict[str, tuple[Lie, str]] = {
    "expired": (lambda i: i.claims.update(exp=_now(-31)), "expired"),
    "never expires": (_claims(exp=None), "never expires"),
    "of the future": (lambda i: i.claims.update(iat=_now(120)), "of the future"),
    "made long ago": (lambda i: i.claims.update(iat=_now(-3600)), "too long ago"),
    "without a time": (_claims(iat=None), "iat is no time"),
    "a time that is text": (_claims(exp="9999999999"), "exp is no time"),
    "not yet valid": (lambda i: i.claims.update(nbf=_now(120)), "doesn't hold yet"),
    "another audience": (_claims(aud="somebody-else"), "for somebody else"),
    "two audiences and no party": (_claims(aud=[CLIENT, "other"]), "made for somebody else"),
    "another party": (_claims(azp="other"), "made for somebody else"),
    "another issuer": (_claims(iss="https://evil.example"), "another issuer"),
    "an issuer with a slash": (lambda i: i.claims.update(iss=f"{i.base}/"), "another issuer"),
    "no nonce": (_claims(nonce=None), "answers another sign-in"),
    "another nonce": (_claims(nonce="n" * 43), "answers another sign-in"),
    "of nobody": (_claims(sub=None), "of nobody"),
    "without a name": (_claims(email=None), "no claim email"),
    "a name that is a list": (_claims(email=["a", "b"]), "no claim email"),
    "a name with a control character": (_claims(email="a\x00b"), "no claim email"),
    "an address nobody verified": (_claims(email_verified=False), "isn't verified"),
    "an address of which nothing is said": (_claims(email_verified=None), "isn't verified"),
    "an address verified in words": (_claims(email_verified="true"), "isn't verified"),
    "another access token": (_claims(at_hash="AAAA"), "another access token"),
    "alg none": (_unsigned("none"), "algorithm that policy doesn't take"),
    "alg None": (_unsigned("None"), "algorithm that policy doesn't take"),
    "no signature": (_unsigned("RS256"), "isn't signed as it should be"),
    "HS256 with the public key": (_hs256_with_the_public_key, "algorithm that policy doesn't take"),
    "changed after signing": (_changed_after_signing, "isn't signed as it should be"),
    "a stranger's key": (_signed_by(_STRANGER, "RS256"), "isn't signed as it should be"),
    "a key that isn't known": (_signed_by(_STRANGER, "RS256", kid="stranger"), "a key that the provider doesn't have"),
    "a key of its own in the header": (
        _signed_by(_STRANGER, "RS256", kid="stranger", jwk=_STRANGER.as_dict(private=False)),
        "a key that the provider doesn't have",
    ),
    "RSA key, other algorithm": (_signed_by(ECKey.generate_key("P-256"), "ES256"), "a key that the provider doesn't"),
    "an algorithm policy doesn't list": (
        lambda i: _signed_by(i.keys[0], "PS256")(i),
        "algorithm that policy doesn't take",
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_a_token_that_lies_lets_nobody_in(name: str, issuer: Issuer, browser: httpx.Client, settings: Settings) -> None:
    lie, why = LIES[name]
    asked = begin(browser, issuer)
    lie(issuer)
    refused(settings, answer(browser, asked), why)


@pytest.mark.parametrize(
    ("trusts", "claims", "gets_in"),
    [
        (False, {"email": "a@b"}, False),
        (False, {"email": "a@b", "email_verified": True}, True),
        (True, {"email": "a@b"}, True),
        (True, {"email": "a@b", "email_verified": None}, False),
        (True, {"email": "a@b", "email_verified": False}, False),
        (True, {"email": "a@b", "email_verified": "false"}, False),
    ],
)
def test_a_provider_may_be_trusted_with_addresses(
    trusts: bool, claims: dict[str, Any], gets_in: bool, settings: Settings
) -> None:
    policy = load_policies(settings.policies).access.sign_in
    assert policy.oidc is not None
    oidc = policy.oidc.model_copy(update={"trust_unverified_email": trusts})
    with closing(Oidc(policy.model_copy(update={"oidc": oidc}), settings)) as way:
        if gets_in:
            assert way.person(claims, "token").person == "a@b"
        else:
            with pytest.raises(SignInRefused, match="isn't verified"):
                way.person(claims, "token")


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "x" * 200_000, "..", "é.é.é"])
def test_what_is_no_token_lets_nobody_in(token: str, issuer: Issuer, browser: httpx.Client, settings: Settings) -> None:
    asked = begin(browser, issuer)
    issuer.sign = lambda head, said: token
    refused(settings, answer(browser, asked), "token")


def test_clocks_may_be_off_by_what_policy_says(issuer: Issuer, browser: httpx.Client) -> None:
    asked = begin(browser, issuer)
    issuer.claims.update(exp=_now(-20), iat=_now(20), nbf=_now(20))
    assert answer(browser, asked).status_code == 303


def test_an_answer_counts_once(issuer: Issuer, browser: httpx.Client, settings: Settings) -> None:
    asked = begin(browser, issuer)
    kept = dict(browser.cookies)
    assert answer(browser, asked).status_code == 303
    issuer.taken.clear()
    # With the cookie of the sign-in brought back, as somebody does who has a copy of it.
    with httpx.Client(base_url=browser.base_url, cookies=kept) as copy:
        refused(settings, answer(copy, asked), "taken before")


def test_a_code_that_was_taken_lets_nobody_in(issuer: Issuer, browser: httpx.Client, settings: Settings) -> None:
    asked = begin(browser, issuer)
    issuer.taken.add(f"code-of-{asked['state']}")
    refused(settings, answer(browser, asked), "invalid_grant")


@pytest.mark.parametrize("state", [None, "", "another", "x" * 5_000])
def test_a_state_of_another_sign_in_lets_nobody_in(
    state: str | None, issuer: Issuer, browser: httpx.Client, settings: Settings
) -> None:
    asked = begin(browser, issuer)
    refused(settings, answer(browser, asked, state=state), "no sign-in with this state")


def test_somebody_elses_answer_lets_nobody_in(issuer: Issuer, base: str, settings: Settings) -> None:
    """A link with a code of the attacker's, clicked by another person: the browser didn't begin that sign-in."""
    with httpx.Client(base_url=base) as attacker, httpx.Client(base_url=base) as other:
        asked = begin(attacker, issuer)
        begin(other, issuer)
        refused(settings, answer(other, asked), "no sign-in with this state")


def test_a_forged_cookie_of_a_sign_in_lets_nobody_in(issuer: Issuer, browser: httpx.Client, settings: Settings) -> None:
    asked = begin(browser, issuer)
    name, value = next((name, value) for name, value in browser.cookies.items() if name.startswith("account_health_s"))
    browser.cookies.clear()
    browser.cookies.set(name, value[:-2] + ("AA" if value[-2:] != "AA" else "BB"), domain="127.0.0.1")
    refused(settings, answer(browser, asked), "no sign-in with this state")


def test_an_answer_of_another_provider_lets_nobody_in(
    issuer: Issuer, browser: httpx.Client, settings: Settings
) -> None:
    asked = begin(browser, issuer)
    refused(settings, answer(browser, asked, iss="https://evil.example"), "another provider")


def test_a_refusal_of_the_provider_is_told_without_its_words(
    issuer: Issuer, browser: httpx.Client, settings: Settings
) -> None:
    asked = begin(browser, issuer)
    told = answer(browser, asked, code=None, error="<script>alert(1)</script>", error_description="<b>evil</b>")
    refused(settings, told, "<script>")
    assert "evil" not in told.text


def test_keys_may_change_between_sign_ins(issuer: Issuer, browser: httpx.Client) -> None:
    assert answer(browser, begin(browser, issuer)).status_code == 303
    former = issuer.keys
    issuer.keys = [ECKey.generate_key("P-256", {"kid": "second", "use": "sig"})]
    try:
        assert answer(browser, begin(browser, issuer)).status_code == 303
    finally:
        issuer.keys = former


def test_keys_that_are_not_known_are_asked_for_a_few_times_only(issuer: Issuer, browser: httpx.Client) -> None:
    _signed_by(_STRANGER, "RS256", kid="stranger")(issuer)
    before = issuer.calls("keys")
    for _ in range(20):
        assert answer(browser, begin(browser, issuer)).status_code == 403
    assert issuer.calls("keys") - before <= 7


def test_a_former_session_is_never_gone_on_with(issuer: Issuer, browser: httpx.Client, settings: Settings) -> None:
    """Whoever plants a cookie in a browser knows nothing after its owner signed in."""
    assert answer(browser, begin(browser, issuer)).status_code == 303
    planted = browser.cookies[SESSION]
    assert answer(browser, begin(browser, issuer)).status_code == 303
    assert browser.cookies[SESSION] != planted
    with httpx.Client(base_url=browser.base_url, cookies={SESSION: planted}) as attacker:
        assert attacker.get("/").status_code == 303


def test_who_is_in_no_group_sees_no_page(issuer: Issuer, browser: httpx.Client) -> None:
    asked = begin(browser, issuer)
    issuer.claims.update(groups=["strangers"])
    assert answer(browser, asked).status_code == 303
    page = browser.get("/")
    assert page.status_code == 403
    assert "no role yet" in page.text


@pytest.mark.parametrize("groups", [None, "sellers", ["x", "sellers"], {"sellers": True}, 7])
def test_groups_come_as_they_come(groups: Any, issuer: Issuer, browser: httpx.Client) -> None:
    asked = begin(browser, issuer)
    issuer.claims.update(groups=groups)
    assert answer(browser, asked).status_code == 303
    assert browser.get("/").status_code == (200 if groups in ("sellers", ["x", "sellers"]) else 403)


def test_what_pages_call_somebody_gives_no_accounts(issuer: Issuer, browser: httpx.Client, settings: Settings) -> None:
    """`shown_as` may be chosen by people at many a provider; `owner_names` are what policy trusts."""
    access = load_policies(settings.policies).access
    viewer = viewer_of(access, Identity("eve@example.com", SELLER, "oidc", groups=("sellers",)))
    assert viewer.names == ("eve@example.com",)


def test_signing_out_leads_to_the_provider_too(issuer: Issuer, browser: httpx.Client, base: str) -> None:
    assert answer(browser, begin(browser, issuer)).status_code == 303
    token = re.search(r'name="form_token" value="([^"]+)"', browser.get("/").text)
    assert token
    kept = browser.cookies[SESSION]
    out = browser.post("/sign-out", data={"form_token": token[1]}, follow_redirects=False)
    assert out.status_code == 200
    led = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', out.text)
    assert led
    address = urlsplit(unescape(led[1]))
    asked = parse_qs(address.query)
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{issuer.base}/end"
    assert asked["post_logout_redirect_uri"] == [f"{base}/sign-in/out"]
    assert asked["id_token_hint"][0].count(".") == 2
    with httpx.Client(base_url=base, cookies={SESSION: kept}) as copy:
        assert copy.get("/").status_code == 303
    assert "Sign in again" in browser.get("/sign-in/out").text


def _logout(issuer: Issuer, **claims: Any) -> str:
    said = {
        "nonce": None,
        "exp": None,
        "email": None,
        "jti": f"logout-{time.time_ns()}",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    }
    return issuer.token(**(said | claims))


@pytest.mark.parametrize("named", [{}, {"sid": None}, {"sub": None}])
def test_the_provider_ends_sessions(named: dict[str, Any], issuer: Issuer, browser: httpx.Client) -> None:
    issuer.claims.update(sub="leaver", sid="their session")
    assert answer(browser, begin(browser, issuer)).status_code == 303
    token = _logout(issuer, **named)
    told = browser.post("/sign-in/oidc/back-channel", data={"logout_token": token})
    assert told.status_code == 200
    assert browser.get("/", follow_redirects=False).status_code == 303
    # The same once more is refused, and nobody else is signed out by it.
    assert browser.post("/sign-in/oidc/back-channel", data={"logout_token": token}).status_code == 400


@pytest.mark.parametrize(
    "claims",
    [
        {"events": None},
        {"events": {}},
        {"nonce": "n"},
        {"sid": None, "sub": None},
        {"jti": None},
        {"aud": "other"},
        {"iss": "https://evil.example"},
        {"iat": 1},
    ],
)
def test_what_is_no_logout_ends_no_session(claims: dict[str, Any], issuer: Issuer, browser: httpx.Client) -> None:
    assert answer(browser, begin(browser, issuer)).status_code == 303
    told = browser.post("/sign-in/oidc/back-channel", data={"logout_token": _logout(issuer, **claims)})
    assert told.status_code == 400
    assert browser.get("/", follow_redirects=False).status_code == 200


def test_sessions_of_others_stay(issuer: Issuer, browser: httpx.Client, base: str, settings: Settings) -> None:
    issuer.claims.update(sub="100%", sid="a")
    assert answer(browser, begin(browser, issuer)).status_code == 303
    with httpx.Client(base_url=base) as other:
        issuer.claims.update(sub="100", sid="b")
        assert answer(other, begin(other, issuer)).status_code == 303
        told = other.post("/sign-in/oidc/back-channel", data={"logout_token": _logout(issuer, sub="100%", sid=None)})
        assert told.status_code == 200
        assert other.get("/", follow_redirects=False).status_code == 200
    assert browser.get("/", follow_redirects=False).status_code == 303


def test_the_database_has_neither_cookies_nor_secrets(
    issuer: Issuer, browser: httpx.Client, settings: Settings
) -> None:
    assert answer(browser, begin(browser, issuer)).status_code == 303
    name = browser.cookies[SESSION].partition(".")[0]
    with Store.open(settings) as store, store.reading() as con:
        kept = str([tuple(row) for row in con.execute(sa.select(sessions))])
    assert name not in kept
    assert SECRET not in kept
    assert not re.search(r"eyJ[\w-]+\.eyJ[\w-]+\.", kept), "the identity token is encrypted"
    assert hashlib.sha256(name.encode()).hexdigest() in kept


def test_a_session_whose_token_cant_be_read_signs_out_without_it(settings: Settings) -> None:
    identity = Identity("ann@example.com", "Ann", "oidc", sign_out_hint="e.y.J")
    policy = load_policies(settings.policies).portal
    with Store.open(settings) as store:
        kept = Sessions(store, policy, "key")
        cookie = kept.begin(identity)
        found = kept.find(cookie)
        assert found is not None
        assert found.identity == identity
        # As an earlier version kept it.
        old = json.dumps(asdict(identity))
        with store.writing() as con:
            con.execute(sa.update(sessions).where(sessions.c.person == identity.person).values(identity=old))
        found = kept.find(cookie)
        assert found is not None
        assert found.identity == replace(identity, sign_out_hint="")


def test_doctor_says_whether_people_can_sign_in(issuer: Issuer, settings: Settings) -> None:
    policies = load_policies(settings.policies)
    (found,) = examine_sign_in(settings, policies)
    assert found.is_ok
    assert found.words == f"{issuer.base} answers and has 1 usable keys"
    without = settings.model_copy(update={"secrets": None})
    assert [one.words for one in examine_sign_in(without, policies) if not one.is_ok] == ["missing"]
    issuer.discovery["issuer"] = "https://other.example"
    (found,) = examine_sign_in(settings, policies)
    assert not found.is_ok
    assert "another issuer" in found.words
