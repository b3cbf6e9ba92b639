"""SAML answers as a provider makes them, signed with a key of the tests', and ways to tamper with them.

For what a portal must refuse: a real provider makes none of these. Whole sign-ins with one are in `tests/browser`.
"""

from __future__ import annotations

import base64
import datetime as dt
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from lxml import etree

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
DS = "http://www.w3.org/2000/09/xmldsig#"
NS = {"saml": SAML, "samlp": SAMLP, "ds": DS}
IDP = "https://idp.example.com/saml"
_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"


@dataclass
class SigningKey:
    """A key and its certificate, in PEM."""

    name: str = "idp.example.com"
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65_537, 2_048))

    @property
    def pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def certificate(self) -> str:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        now = dt.datetime.now(dt.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=30))
            .sign(self.key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM).decode()


@dataclass
class Asked:
    """What the portal asked of the provider."""

    request_id: str
    state: str
    address: str


def begin(browser: httpx.Client, path: str = "/") -> Asked:
    """Click on the button of the sign-in page."""
    answer = browser.get("/sign-in/saml", params={"path": path}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    query = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    request = etree.fromstring(zlib.decompress(base64.b64decode(query["SAMLRequest"]), -15))
    return Asked(request.get("ID"), query["RelayState"], answer.headers["location"])


def moment(seconds: float = 0) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def response(base: str, asked: Asked, **changes: Any) -> etree._Element:
    """An answer as a good provider makes it, unsigned; `changes` by name, None takes a part away."""
    said: dict[str, Any] = {
        "issuer": IDP,
        "assertion_issuer": IDP,
        "audience": f"{base}/sign-in/saml/metadata",
        "recipient": f"{base}/sign-in/saml/answer",
        "destination": f"{base}/sign-in/saml/answer",
        "in_response_to": asked.request_id,
        "confirmed_for": asked.request_id,
        "not_before": moment(-10),
        "not_on_or_after": moment(300),
        "confirmed_until": moment(300),
        "name_id": "hanae.mori@accounts.example",
        "attributes": {"displayName": ["Hanae Mori"], "groups": ["sellers"]},
        "status": "urn:oasis:names:tc:SAML:2.0:status:Success",
        "session_index": f"index-{uuid.uuid4().hex}",
        "assertion_id": f"_{uuid.uuid4().hex}",
    } | changes
    restriction = (
        ""
        if said["audience"] is None
        else f"<saml:AudienceRestriction><saml:Audience>{said['audience']}</saml:Audience></saml:AudienceRestriction>"
    )
    values = "".join(
        f'<saml:Attribute Name="{name}">'
        + "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in given)
        + "</saml:Attribute>"
        for name, given in said["attributes"].items()
    )
    return etree.fromstring(
        f'<samlp:Response xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="_{uuid.uuid4().hex}" Version="2.0"'
        f' IssueInstant="{moment()}"{_given("Destination", said["destination"])}'
        f"{_given('InResponseTo', said['in_response_to'])}>"
        f"<saml:Issuer>{said['issuer']}</saml:Issuer>"
        f'<samlp:Status><samlp:StatusCode Value="{said["status"]}"/></samlp:Status>'
        f'<saml:Assertion ID="{said["assertion_id"]}" Version="2.0" IssueInstant="{moment()}">'
        f"<saml:Issuer>{said['assertion_issuer']}</saml:Issuer>"
        f"<saml:Subject><saml:NameID>{said['name_id']}</saml:NameID>"
        f'<saml:SubjectConfirmation Method="{_BEARER}"><saml:SubjectConfirmationData'
        f"{_given('NotOnOrAfter', said['confirmed_until'])}{_given('Recipient', said['recipient'])}"
        f"{_given('InResponseTo', said['confirmed_for'])}/></saml:SubjectConfirmation></saml:Subject>"
        f"<saml:Conditions{_given('NotBefore', said['not_before'])}{_given('NotOnOrAfter', said['not_on_or_after'])}>"
        f"{restriction}</saml:Conditions>"
        f'<saml:AuthnStatement AuthnInstant="{moment()}" SessionIndex="{said["session_index"]}"><saml:AuthnContext>'
        "<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef>"
        "</saml:AuthnContext></saml:AuthnStatement>"
        f"<saml:AttributeStatement>{values}</saml:AttributeStatement>"
        "</saml:Assertion></samlp:Response>".encode()
    )


def assertion_of(document: etree._Element) -> etree._Element:
    found = document.find(f"{{{SAML}}}Assertion")
    assert found is not None
    return found


def sign(element: etree._Element, key: SigningKey, *, sha1: bool = False) -> etree._Element:
    """Sign an assertion, or a whole answer, in place."""
    way = xmlsec.constants.TransformRsaSha1 if sha1 else xmlsec.constants.TransformRsaSha256
    signature = xmlsec.template.create(element, xmlsec.constants.TransformExclC14N, way, ns="ds")
    element.insert(1, signature)
    digest = xmlsec.constants.TransformSha1 if sha1 else xmlsec.constants.TransformSha256
    reference = xmlsec.template.add_reference(signature, digest, uri=f"#{element.get('ID')}")
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformEnveloped)
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformExclC14N)
    xmlsec.tree.add_ids(element, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(key.pem, xmlsec.constants.KeyDataFormatPem)
    context.sign(signature)
    return element


def encrypt(document: etree._Element, certificate: str) -> etree._Element:
    """Encrypt the assertion of an answer for the owner of a certificate, in place."""
    assertion = assertion_of(document)
    wrapper = etree.Element(f"{{{SAML}}}EncryptedAssertion", nsmap={"saml": SAML})
    document.replace(assertion, wrapper)
    wrapper.append(assertion)
    data = xmlsec.template.encrypted_data_create(
        document, xmlsec.constants.TransformAes256Gcm, type=xmlsec.constants.TypeEncElement, ns="xenc"
    )
    xmlsec.template.encrypted_data_ensure_cipher_value(data)
    info = xmlsec.template.encrypted_data_ensure_key_info(data, ns="ds")
    sent = xmlsec.template.add_encrypted_key(info, xmlsec.constants.TransformRsaOaep)
    xmlsec.template.encrypted_data_ensure_cipher_value(sent)
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(certificate.encode(), xmlsec.constants.KeyDataFormatCertPem))
    context = xmlsec.EncryptionContext(manager)
    context.key = xmlsec.Key.generate(xmlsec.constants.KeyDataAes, 256, xmlsec.constants.KeyDataTypeSession)
    context.encrypt_xml(data, assertion)
    return document


def send(
    browser: httpx.Client, document: etree._Element | bytes, state: str, *, through: bool = True
) -> httpx.Response:
    """Send an answer as the provider's page has the browser do; then, where it leads on, go there.

    The first is a form of another site, so the browser sends it without the portal's cookies.
    """
    message = document if isinstance(document, bytes) else etree.tostring(document)
    bare = httpx.post(
        f"{browser.base_url}/sign-in/saml/answer".replace("//sign", "/sign"),
        data={"SAMLResponse": base64.b64encode(message).decode(), "RelayState": state},
    )
    for name, value in bare.cookies.items():
        browser.cookies.set(name, value, domain="127.0.0.1", path="/")
    if bare.status_code != 303:
        return bare
    return browser.get(bare.headers["location"], follow_redirects=False)


def packed(xml: str) -> str:
    """A message as it stands in an address, before it is quoted."""
    packer = zlib.compressobj(wbits=-15)
    return base64.b64encode(packer.compress(xml.encode()) + packer.flush()).decode()


def signed_query(parts: Mapping[str, str], key: SigningKey) -> str:
    """The query of an address, signed as the redirect binding has it."""
    parts = {**parts, "SigAlg": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"}
    text = "&".join(f"{name}={quote(value, safe='')}" for name, value in parts.items())
    signature = key.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}&Signature={quote(base64.b64encode(signature).decode(), safe='')}"


def _given(name: str, value: str | None) -> str:
    return "" if value is None else f' {name}="{value}"'
