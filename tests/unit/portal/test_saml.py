"""Sign-in by SAML 2.0, against answers that were tampered with: what gets in, and what doesn't."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import sqlalchemy as sa
from lxml import etree

from orchestration.ledger.store import Store
from orchestration.ledger.tables import audit_log
from orchestration.policy.load import load_policies
from orchestration.settings import Settings
from portal.signin.examine import examine_sign_in
from portal.signin.ways import SignInSettingsError, make_ways
from tests.support.portal import SELLER, free_port, home, served
from tests.support.saml import (
    DS,
    IDP,
    NS,
    SAML,
    SAMLP,
    Asked,
    SigningKey,
    assertion_of,
    begin,
    encrypt,
    moment,
    packed,
    response,
    send,
    sign,
    signed_query,
)

SESSION = "account_health_session"
KEY, STRANGER, OURS = SigningKey(), SigningKey(), SigningKey("health.example.com")
Tamper = Callable[[etree._Element, str], "etree._Element | bytes"]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    saml = {
        "entity_id": IDP,
        "sign_in_url": f"{IDP}/in",
        "sign_out_url": f"{IDP}/out",
        "certificates": [KEY.certificate.strip()],
    }
    sign_in = {"base_url": f"http://127.0.0.1:{free_port()}", "clock_skew_seconds": 30, "saml": saml}
    return home(
        tmp_path_factory.mktemp("saml"),
        access={"groups": {"sellers": {"roles": ["seller"]}, "chiefs": {"roles": ["executive"]}}, "sign_in": sign_in},
        portal={"most_sign_ins_a_minute": 10_000, "most_a_minute": 10_000},
    )


@pytest.fixture(scope="module")
def base(settings: Settings) -> Iterator[str]:
    port = urlsplit(load_policies(settings.policies).access.sign_in.base_url or "").port
    with served(settings, development_sign_in=False, port=port or 0) as found:
        yield found


@pytest.fixture
def browser(base: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=base, timeout=20) as client:
        yield client


def good(base: str, asked: Asked, **changes: object) -> etree._Element:
    document = response(base, asked, **changes)
    sign(assertion_of(document), KEY)
    return document


def refused(settings: Settings, answer: httpx.Response, why: str) -> None:
    assert answer.status_code == 403, answer.status_code
    assert SESSION not in answer.cookies
    with Store.open(settings) as store, store.reading() as con:
        last = con.execute(sa.select(audit_log).order_by(audit_log.c.entry_id.desc()).limit(1)).mappings().one()
    assert last["event"] == "sign_in_refused"
    assert why in last["detail"], last["detail"]


def test_a_sign_in_leads_to_where_it_began(browser: httpx.Client, base: str) -> None:
    deep = "/?status=past_due"
    asked = begin(browser, deep)
    done = send(browser, good(base, asked), asked.state)
    assert (done.status_code, done.headers["location"]) == (303, deep)
    assert SELLER in browser.get("/").text


@pytest.fixture(scope="module")
def with_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, str]]:
    """A portal with a key of its own, for which the provider encrypts: its settings and address."""
    saml = {
        "entity_id": IDP,
        "sign_in_url": f"{IDP}/in",
        "certificates": [KEY.certificate.strip()],
        "key": "saml_key",
        "certificate": "portal.crt",
    }
    base = f"http://127.0.0.1:{free_port()}"
    given = {"groups": {"sellers": {"roles": ["seller"]}}, "sign_in": {"base_url": base, "saml": saml}}
    settings = home(tmp_path_factory.mktemp("key"), access=given)
    (settings.policies / "portal.crt").write_text(OURS.certificate, encoding="ascii")
    (settings.secrets / "saml_key").write_bytes(OURS.pem)
    with served(settings, development_sign_in=False, port=urlsplit(base).port or 0) as found:
        yield settings, found


def test_an_assertion_that_is_encrypted_for_the_portal_gets_in(with_key: tuple[Settings, str]) -> None:
    _, base = with_key
    with httpx.Client(base_url=base, timeout=20) as browser:
        asked = begin(browser)
        answer = encrypt(good(base, asked), OURS.certificate)
        assert b"EncryptedAssertion" in etree.tostring(answer)
        assert SELLER.encode() not in etree.tostring(answer)
        assert send(browser, answer, asked.state).status_code == 303
        assert SELLER in browser.get("/").text


@pytest.mark.parametrize(("how", "why"), [("for somebody else", "can't be read"), ("unsigned", "not signed")])
def test_an_encrypted_assertion_is_believed_no_more_than_another(
    with_key: tuple[Settings, str], how: str, why: str
) -> None:
    settings, base = with_key
    with httpx.Client(base_url=base, timeout=20) as browser:
        asked = begin(browser)
        answer = (
            encrypt(good(base, asked), STRANGER.certificate)
            if how == "for somebody else"
            else encrypt(response(base, asked), OURS.certificate)
        )
        refused(settings, send(browser, answer, asked.state), why)


def test_an_encrypted_assertion_without_a_key_is_refused_in_words(
    browser: httpx.Client, base: str, settings: Settings
) -> None:
    asked = begin(browser)
    answer = encrypt(good(base, asked), OURS.certificate)
    refused(settings, send(browser, answer, asked.state), "is encrypted, and sign_in.saml of access.yaml")


def test_the_portal_describes_itself(browser: httpx.Client, base: str) -> None:
    found = etree.fromstring(browser.get("/sign-in/saml/metadata").content)
    assert found.get("entityID") == f"{base}/sign-in/saml/metadata"
    described = found[0]
    assert described.get("WantAssertionsSigned") == "true"
    consumer = described.find("{urn:oasis:names:tc:SAML:2.0:metadata}AssertionConsumerService")
    assert consumer is not None
    assert consumer.get("Location") == f"{base}/sign-in/saml/answer"


# Numbers are seconds from now.
CHANGES = {
    "another audience": ({"audience": "https://other.example"}, "is not a valid audience"),
    "no audience": ({"audience": None}, "for somebody else"),
    "another recipient": ({"recipient": "https://evil.example/acs"}, "valid SubjectConfirmation"),
    "a recipient that begins like ours": ({"recipient": "{base}/sign-in/saml/answer.evil"}, "for this portal"),
    "no recipient": ({"recipient": None}, "for this portal"),
    "another destination": ({"destination": "https://evil.example/acs"}, "instead of"),
    "a destination that begins like ours": ({"destination": "{base}/sign-in/saml/answer.evil"}, "sent elsewhere"),
    "to another request": ({"in_response_to": "_other"}, "does not match"),
    "to no request": ({"in_response_to": None}, "to no request"),
    "confirmed for another request": ({"confirmed_for": "_other"}, "valid SubjectConfirmation"),
    "confirmed for no request": ({"confirmed_for": None}, "for this portal"),
    "confirmed for ever": ({"confirmed_until": None}, "for this portal"),
    "confirmed until yesterday": ({"confirmed_until": -86_400}, "valid SubjectConfirmation"),
    "expired": ({"not_on_or_after": -60}, "expired"),
    "not yet valid": ({"not_before": 120}, "doesn't hold yet"),
    "another provider": ({"issuer": "https://evil.example"}, "Invalid issuer"),
    "an assertion of another provider": ({"assertion_issuer": "https://evil.example"}, "Invalid issuer"),
    "no success": ({"status": "urn:oasis:names:tc:SAML:2.0:status:Responder"}, "not Success"),
    "nobody": ({"name_id": ""}, ""),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_answer_that_is_not_for_this_lets_nobody_in(
    name: str, browser: httpx.Client, base: str, settings: Settings
) -> None:
    changes, why = CHANGES[name]
    asked = begin(browser)
    changed = {
        key: moment(value) if isinstance(value, int) else value.format(base=base) if isinstance(value, str) else value
        for key, value in changes.items()
    }
    refused(settings, send(browser, good(base, asked, **changed), asked.state), why)


def _unsigned(document: etree._Element, base: str) -> etree._Element:
    assertion_of(document).remove(assertion_of(document).find("ds:Signature", NS))
    return document


def _only_the_envelope(document: etree._Element, base: str) -> etree._Element:
    return sign(_unsigned(document, base), KEY)


def _by_a_stranger(document: etree._Element, base: str) -> etree._Element:
    sign(assertion_of(_unsigned(document, base)), STRANGER)
    return document


def _with_sha1(document: etree._Element, base: str) -> etree._Element:
    sign(assertion_of(_unsigned(document, base)), KEY, sha1=True)
    return document


def _changed(document: etree._Element, base: str) -> etree._Element:
    document.find(".//saml:NameID", NS).text = "boss@accounts.example"
    return document


def _evil(document: etree._Element) -> etree._Element:
    """The assertion with another person in it, another id and no signature."""
    evil = copy.deepcopy(assertion_of(document))
    evil.set("ID", f"_evil{uuid.uuid4().hex}")
    evil.find(".//saml:NameID", NS).text = "boss@accounts.example"
    for value in evil.findall(".//saml:Attribute[@Name='groups']/saml:AttributeValue", NS):
        value.text = "chiefs"
    signature = evil.find("ds:Signature", NS)
    if signature is not None:
        evil.remove(signature)
    return evil


def _wrapped_before(document: etree._Element, base: str) -> etree._Element:
    assertion_of(document).addprevious(_evil(document))
    return document


def _wrapped_after(document: etree._Element, base: str) -> etree._Element:
    document.append(_evil(document))
    return document


def _evil_around_the_good(document: etree._Element, base: str) -> etree._Element:
    evil, real = _evil(document), assertion_of(document)
    real.addprevious(evil)
    evil.append(real)
    return document


def _good_in_the_evils_signature(document: etree._Element, base: str) -> etree._Element:
    evil, real = _evil(document), assertion_of(document)
    signature = real.find("ds:Signature", NS)
    real.addprevious(evil)
    document.remove(real)
    real.remove(signature)
    evil.insert(1, signature)
    holder = etree.SubElement(signature, f"{{{DS}}}Object")
    holder.append(real)
    return document


def _good_in_extensions(document: etree._Element, base: str) -> etree._Element:
    evil, real = _evil(document), assertion_of(document)
    real.addprevious(evil)
    extensions = etree.Element(f"{{{SAMLP}}}Extensions")
    document.insert(1, extensions)
    extensions.append(real)
    return document


def _evil_with_the_same_id(document: etree._Element, base: str) -> etree._Element:
    evil, real = _evil(document), assertion_of(document)
    evil.set("ID", real.get("ID"))
    real.addprevious(evil)
    return document


def _evil_response_around(document: etree._Element, base: str) -> etree._Element:
    outer = copy.deepcopy(document)
    outer.set("ID", f"_evil{uuid.uuid4().hex}")
    outer.replace(assertion_of(outer), _evil(document))
    status = outer.find("samlp:Status", NS)
    detail = etree.SubElement(status, f"{{{SAMLP}}}StatusDetail")
    detail.append(document)
    return outer


def _twice_signed(document: etree._Element, base: str) -> etree._Element:
    real = assertion_of(document)
    real.insert(2, copy.deepcopy(real.find("ds:Signature", NS)))
    return document


def _reference_to_nothing(document: etree._Element, base: str) -> etree._Element:
    document.find(".//ds:Reference", NS).set("URI", "")
    return document


def _two_subjects(document: etree._Element, base: str) -> etree._Element:
    subject = document.find(".//saml:Subject", NS)
    other = copy.deepcopy(subject)
    other.find("saml:NameID", NS).text = "boss@accounts.example"
    subject.addprevious(other)
    return document


def _entities(document: etree._Element, base: str) -> bytes:
    text = etree.tostring(document).decode()
    return f'<!DOCTYPE r [<!ENTITY who "boss">]>{text.replace("hanae.mori@", "&who;@")}'.encode()


def _outside_entity(document: etree._Element, base: str) -> bytes:
    text = etree.tostring(document).decode()
    return f'<!DOCTYPE r [<!ENTITY who SYSTEM "file:///etc/passwd">]>{text.replace("hanae.mori", "&who;")}'.encode()


def _entity_bomb(document: etree._Element, base: str) -> bytes:
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 10}">' for n in range(12))
    return f"<!DOCTYPE r [{bomb}]>{etree.tostring(document).decode().replace('hanae.mori', '&e11;')}".encode()


TAMPERED: dict[str, Tamper] = {
    "unsigned": _unsigned,
    "only the envelope is signed": _only_the_envelope,
    "signed by a stranger": _by_a_stranger,
    "signed with SHA-1": _with_sha1,
    "changed after signing": _changed,
    "wrapped: evil before the good": _wrapped_before,
    "wrapped: evil after the good": _wrapped_after,
    "wrapped: evil around the good": _evil_around_the_good,
    "wrapped: good in the evil's signature": _good_in_the_evils_signature,
    "wrapped: good in the extensions": _good_in_extensions,
    "wrapped: evil with the same id": _evil_with_the_same_id,
    "wrapped: evil response around": _evil_response_around,
    "signed twice": _twice_signed,
    "a reference to the whole document": _reference_to_nothing,
    "two subjects": _two_subjects,
    "entities": _entities,
    "an entity from a file": _outside_entity,
    "an entity bomb": _entity_bomb,
    "no XML": lambda document, base: b"hello",
    "nothing": lambda document, base: b"",
    "another document": lambda document, base: f'<saml:Assertion xmlns:saml="{SAML}"/>'.encode(),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_an_answer_that_was_tampered_with_lets_nobody_in(
    name: str, browser: httpx.Client, base: str, settings: Settings
) -> None:
    asked = begin(browser)
    refused(settings, send(browser, TAMPERED[name](good(base, asked), base), asked.state), "")


def test_a_comment_in_a_name_cuts_nothing_off(browser: httpx.Client, base: str, settings: Settings) -> None:
    """Signatures don't cover comments: who reads a name only up to one takes boss@x<!-- -->.evil for boss@x."""
    asked = begin(browser)
    document = response(base, asked, name_id="boss@accounts.example.evil.example")
    sign(assertion_of(document), KEY)
    text = etree.tostring(document).replace(b"boss@accounts.example", b"boss@accounts.example<!-- cut -->")
    assert send(browser, text, asked.state).status_code == 303
    with Store.open(settings) as store, store.reading() as con:
        last = con.execute(sa.select(audit_log).order_by(audit_log.c.entry_id.desc()).limit(1)).mappings().one()
    assert (last["event"], last["person"]) == ("sign_in", "boss@accounts.example.evil.example")


def test_an_answer_counts_once(browser: httpx.Client, base: str, settings: Settings) -> None:
    asked = begin(browser)
    document = good(base, asked)
    kept = dict(browser.cookies)
    assert send(browser, document, asked.state).status_code == 303
    with httpx.Client(base_url=base, cookies=kept) as copied:
        refused(settings, send(copied, document, asked.state), "taken before")


def test_somebody_elses_answer_lets_nobody_in(browser: httpx.Client, base: str, settings: Settings) -> None:
    """An attacker's own answer, sent by another person's browser: that browser didn't begin the sign-in."""
    with httpx.Client(base_url=base) as attacker:
        asked = begin(attacker)
        begin(browser)
        refused(settings, send(browser, good(base, asked), asked.state), "no sign-in with this state")
    assert browser.get("/", follow_redirects=False).status_code == 303


def test_an_answer_nobody_asked_for_lets_nobody_in(browser: httpx.Client, base: str, settings: Settings) -> None:
    nobody = Asked("_none", "none", "")
    refused(settings, send(browser, good(base, nobody, in_response_to=None, confirmed_for=None), ""), "")


@pytest.mark.parametrize("state", ["https://evil.example", "//evil.example", "/\\evil.example", "x\r\nSet-Cookie: a=b"])
def test_relay_state_leads_nowhere(state: str, browser: httpx.Client, base: str, settings: Settings) -> None:
    asked = begin(browser)
    answer = send(browser, good(base, asked), state)
    refused(settings, answer, "")
    assert "location" not in answer.headers
    assert "evil" not in str(answer.headers)


def _farewell(base: str, name: str, index: str | None, **changes: str) -> str:
    said = {"issuer": IDP, "destination": f"{base}/sign-in/saml/out", "until": moment(300)} | changes
    indexes = "" if index is None else f"<samlp:SessionIndex>{index}</samlp:SessionIndex>"
    return packed(
        f'<samlp:LogoutRequest xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="_{uuid.uuid4().hex}" Version="2.0"'
        f' IssueInstant="{moment()}" Destination="{said["destination"]}" NotOnOrAfter="{said["until"]}">'
        f"<saml:Issuer>{said['issuer']}</saml:Issuer><saml:NameID>{name}</saml:NameID>{indexes}</samlp:LogoutRequest>"
    )


@pytest.mark.parametrize("named", [True, False])
def test_the_provider_ends_sessions(named: bool, browser: httpx.Client, base: str, settings: Settings) -> None:
    asked = begin(browser)
    index, name = f"i-{uuid.uuid4().hex}", f"leaver-{uuid.uuid4().hex}@accounts.example"
    assert send(browser, good(base, asked, session_index=index, name_id=name), asked.state).status_code == 303
    assert browser.get("/").status_code == 200
    query = signed_query({"SAMLRequest": _farewell(base, name, index if named else None), "RelayState": "r"}, KEY)
    told = httpx.get(f"{base}/sign-in/saml/out?{query}")
    assert told.status_code == 303
    led = urlsplit(told.headers["location"])
    assert f"{led.scheme}://{led.netloc}{led.path}" == f"{IDP}/out"
    assert parse_qs(led.query)["RelayState"] == ["r"]
    assert browser.get("/", follow_redirects=False).status_code == 303
    refused(settings, httpx.get(f"{base}/sign-in/saml/out?{query}"), "taken before")


def test_nobody_else_signs_people_out(browser: httpx.Client, base: str, settings: Settings) -> None:
    asked = begin(browser)
    index, name = f"i-{uuid.uuid4().hex}", f"stayer-{uuid.uuid4().hex}@accounts.example"
    assert send(browser, good(base, asked, session_index=index, name_id=name), asked.state).status_code == 303
    message = _farewell(base, name, index)
    signed = signed_query({"SAMLRequest": _farewell(base, "another", None)}, KEY)
    from urllib.parse import quote

    queries = [
        f"SAMLRequest={quote(message, safe='')}",
        signed_query({"SAMLRequest": message}, STRANGER),
        signed_query({"SAMLRequest": _farewell(base, name, index, issuer="https://evil.example")}, KEY),
        signed_query({"SAMLRequest": _farewell(base, name, index, destination="https://evil.example")}, KEY),
        signed_query({"SAMLRequest": _farewell(base, name, index, until=moment(-600))}, KEY),
        # A good signature, and the message beside it.
        f"{signed}&SAMLRequest={quote(message, safe='')}",
        f"{signed}&SAML%52equest={quote(message, safe='')}",
        f"SAML%52equest={quote(message, safe='')}&{signed}",
        "SAMLRequest=%%%",
        "SAMLResponse=x&Signature=y",
        "",
    ]
    for query in queries:
        refused(settings, httpx.get(f"{base}/sign-in/saml/out?{query}"), "")
    assert browser.get("/").status_code == 200


def test_settings_that_cannot_work_are_told(settings: Settings) -> None:
    policy = load_policies(settings.policies).access.sign_in
    assert policy.saml
    for saml, words in (
        (policy.saml.model_copy(update={"metadata": "gone.xml"}), "gone.xml beside access.yaml can't be read"),
        (policy.saml.model_copy(update={"metadata": "calendar.yaml"}), "no metadata of a provider"),
        (policy.saml.model_copy(update={"certificate": "calendar.yaml", "key": "saml_key"}), "saml_key"),
    ):
        with pytest.raises(SignInSettingsError, match=words):
            make_ways(policy.model_copy(update={"saml": saml}), settings)


def test_doctor_says_how_long_certificates_hold(settings: Settings) -> None:
    (found,) = examine_sign_in(settings, load_policies(settings.policies))
    # The tests' own holds for a month, less a moment.
    assert not found.is_ok
    assert "certificate ends on" in found.words
