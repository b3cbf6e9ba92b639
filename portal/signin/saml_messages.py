"""What is said to a SAML 2.0 provider, and whether what it says is to be believed.

Signatures and XML are python3-saml's (with xmlsec). What it leaves open is closed here: an assertion has to be signed
itself, has to answer a request of ours, and has to name us as audience and recipient, letter by letter; a message that
signs somebody out has to be signed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from onelogin.saml2.auth import OneLogin_Saml2_Auth
from onelogin.saml2.authn_request import OneLogin_Saml2_Authn_Request
from onelogin.saml2.errors import OneLogin_Saml2_Error
from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser
from onelogin.saml2.logout_request import OneLogin_Saml2_Logout_Request
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from onelogin.saml2.utils import OneLogin_Saml2_Utils

from orchestration.policy.sign_in import Saml, SignIn
from orchestration.policy.systems import https_address
from orchestration.settings import Settings
from portal.signin.refusals import SignInRefused

PATH = "/sign-in/saml"
_LONGEST = 512 * 1024
# A message in an address is packed.
_LONGEST_PACKED = 16 * 1024
_POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
_REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
_CONFIRMATION = "/saml:Subject/saml:SubjectConfirmation/saml:SubjectConfirmationData"
_SIGNED_KEYS = ("SAMLRequest", "SAMLResponse", "RelayState", "SigAlg", "Signature")


class SamlSettingsError(ValueError):
    """What policy says of the provider can't be used; says why."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a believed assertion says."""

    assertion_id: str
    holds_seconds: float
    name_id: str
    name_format: str | None
    session_index: str | None
    attributes: Mapping[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Farewell:
    """A believed request to sign somebody out, and where its answer goes."""

    request_id: str
    name_id: str
    session_indexes: tuple[str, ...]
    answer_address: str


class Messages:
    """The messages between the portal and one provider; safe for many threads."""

    def __init__(self, policy: SignIn, settings: Settings) -> None:
        if policy.saml is None or policy.base_url is None:
            raise ValueError("policy names no provider")
        self._base = policy.base_url
        self._skew = policy.clock_skew_seconds
        self._acs = f"{policy.base_url}{PATH}/answer"
        self.entity_id = f"{policy.base_url}{PATH}/metadata"
        given = _given(policy.saml, settings, self.entity_id, self._acs, f"{policy.base_url}{PATH}/out")
        try:
            self._settings = OneLogin_Saml2_Settings(given)
            # A message that signs out is no assertion: it has to be signed as a whole.
            strictly = given | {"security": given["security"] | {"wantMessagesSigned": True}}
            self._of_sign_out = OneLogin_Saml2_Settings(strictly)
        except Exception as error:
            raise SamlSettingsError(f"sign_in.saml of access.yaml can't be used: {error}") from None
        self.can_sign_out = bool(self._settings.get_idp_slo_url())

    def provider_certificates(self) -> list[str]:
        """The certificates that answers may be signed with, in PEM."""
        return [
            OneLogin_Saml2_Utils.format_cert(one) for one in self._settings.get_idp_data()["x509certMulti"]["signing"]
        ]

    def metadata(self) -> str:
        """What the provider has to know of us, as XML."""
        found = self._settings.get_sp_metadata()
        return found.decode() if isinstance(found, bytes) else found

    def request_address(self, request_id: str, state: str) -> str:
        """Where a person is sent to sign in."""

        class Request(OneLogin_Saml2_Authn_Request):
            def _generate_request_id(self) -> str:
                return request_id

        auth = OneLogin_Saml2_Auth(self._said(f"{PATH}/answer"), self._settings)
        auth.authn_request_class = Request
        return auth.login(return_to=state)

    def believed(self, message: str, request_id: str) -> Told:
        """What a provider's answer to a request of ours says. Raises SignInRefused."""
        if not message or len(message) > _LONGEST:
            raise SignInRefused("there is no answer, or it is too long")
        try:
            response = OneLogin_Saml2_Response(self._settings, message)
            if not response.is_valid(self._said(f"{PATH}/answer", post={"SAMLResponse": message}), request_id):
                raise SignInRefused(f"the answer isn't valid: {response.get_error()}")
            return self._told(response, request_id)
        except SignInRefused:
            raise
        except Exception as error:
            # Whatever a library raises at what somebody sent.
            if getattr(error, "code", None) == OneLogin_Saml2_Error.PRIVATE_KEY_NOT_FOUND:
                raise SignInRefused("the answer is encrypted, and sign_in.saml of access.yaml names no key") from None
            raise SignInRefused(f"the answer can't be read: {type(error).__name__}: {error}") from None

    def farewell_address(self, name_id: str, name_format: str | None, session_index: str | None) -> str | None:
        """Where a person is sent to sign out there too; None where the provider has no such place."""
        if not self.can_sign_out:
            return None
        auth = OneLogin_Saml2_Auth(self._said(f"{PATH}/out"), self._settings)
        return auth.logout(name_id=name_id, name_id_format=name_format, session_index=session_index, return_to="/")

    def farewell(self, query: str) -> Farewell:
        """A provider's request to sign somebody out, of the query of an address. Raises SignInRefused."""
        auth, given = self._signed(query, "SAMLRequest")
        try:
            request = OneLogin_Saml2_Logout_Request(self._of_sign_out, given["SAMLRequest"])
            if not request.is_valid(auth._request_data):
                raise SignInRefused(f"the request to sign out isn't valid: {request.get_error()}")
            xml = request.get_xml()
            key = self._of_sign_out.get_sp_key() or None
            found = OneLogin_Saml2_Logout_Request
            return Farewell(
                request_id=found.get_id(xml),
                name_id=found.get_nameid(xml, key),
                session_indexes=tuple(found.get_session_indexes(xml)),
                answer_address=auth.process_slo(keep_local_session=True),
            )
        except SignInRefused:
            raise
        except Exception as error:
            raise SignInRefused(f"the request to sign out can't be read: {type(error).__name__}") from None

    def check_farewell_answer(self, query: str) -> None:
        """The provider's answer to our own request to sign out. Raises SignInRefused."""
        auth, _ = self._signed(query, "SAMLResponse")
        auth.process_slo(keep_local_session=True)
        if auth.get_errors():
            raise SignInRefused(f"the provider didn't sign out: {', '.join(auth.get_errors())}")

    def _signed(self, query: str, kind: str) -> tuple[OneLogin_Saml2_Auth, dict[str, str]]:
        """The query of an address whose signature is the provider's. Raises SignInRefused."""
        pairs = parse_qsl(query, keep_blank_values=True)
        names = [name for name, _ in pairs if name in _SIGNED_KEYS]
        given = dict(pairs)
        # What is signed is the text of the address: nothing in it may be there twice, or under another spelling.
        if len(names) != len(set(names)) or kind not in given or any(f"{name}=" not in query for name in names):
            raise SignInRefused("the address isn't one of a provider")
        if len(given[kind]) > _LONGEST_PACKED:
            raise SignInRefused("the message is too long")
        auth = OneLogin_Saml2_Auth(self._said(f"{PATH}/out", query=given, text=query), self._of_sign_out)
        check = auth.validate_request_signature if kind == "SAMLRequest" else auth.validate_response_signature
        if not check(given):
            raise SignInRefused("the message isn't signed by the provider")
        return auth, given

    def _told(self, response: OneLogin_Saml2_Response, request_id: str) -> Told:
        if response.get_in_response_to() != request_id:
            raise SignInRefused("the answer is to no request of this sign-in")
        if self.entity_id not in response.get_audiences():
            raise SignInRefused("the assertion is for somebody else")
        if response.document.get("Destination", self._acs) != self._acs:
            raise SignInRefused("the answer was sent elsewhere")
        # The library's own query is the one that looks in the assertion whose signature it verified, and nowhere else.
        confirmed = [
            data
            for data in response._query_assertion(_CONFIRMATION)
            if data.get("Recipient") == self._acs
            and data.get("InResponseTo") == request_id
            and data.get("NotOnOrAfter")
        ]
        if not confirmed:
            raise SignInRefused("the assertion doesn't say that it is for this portal and this sign-in")
        now = time.time()
        for conditions in response._query_assertion("/saml:Conditions"):
            first, last = conditions.get("NotBefore"), conditions.get("NotOnOrAfter")
            if first and OneLogin_Saml2_Utils.parse_SAML_to_time(first) > now + self._skew:
                raise SignInRefused("the assertion doesn't hold yet")
            if last and OneLogin_Saml2_Utils.parse_SAML_to_time(last) <= now - self._skew:
                raise SignInRefused("the assertion is expired")
        holds = max(OneLogin_Saml2_Utils.parse_SAML_to_time(data.get("NotOnOrAfter")) for data in confirmed) - now
        return Told(
            assertion_id=response.get_assertion_id(),
            holds_seconds=max(holds, 0),
            name_id=response.get_nameid(),
            name_format=response.get_nameid_format(),
            session_index=response.get_session_index(),
            attributes=response.get_friendlyname_attributes() | response.get_attributes(),
        )

    def _said(
        self,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        text: str = "",
        post: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """The request as python3-saml wants it; of policy's address, never of what a caller says this host is."""
        address = urlsplit(self._base)
        return {
            "https": "on" if address.scheme == "https" else "off",
            "http_host": address.netloc,
            "script_name": path,
            "get_data": dict(query or {}),
            "post_data": dict(post or {}),
            "query_string": text,
            "validate_signature_from_qs": True,
        }


def _given(saml: Saml, settings: Settings, entity_id: str, acs: str, out: str) -> dict[str, Any]:
    key = certificate = ""
    if saml.key and saml.certificate:
        certificate = _read(settings, saml.certificate)
        key = settings.secret(saml.key) or ""
        if not key:
            raise SamlSettingsError(f"sign_in.saml of access.yaml names the secret {saml.key}, which isn't set")
    return {
        "strict": True,
        "debug": False,
        "sp": {
            "entityId": entity_id,
            "assertionConsumerService": {"url": acs, "binding": _POST},
            "singleLogoutService": {"url": out, "binding": _REDIRECT},
            "NameIDFormat": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
            "x509cert": certificate,
            "privateKey": key,
        },
        "idp": _provider(saml, settings),
        "security": {
            "wantAssertionsSigned": True,
            "wantNameId": True,
            "wantAttributeStatement": False,
            "rejectDeprecatedAlgorithm": True,
            "requestedAuthnContext": False,
            "allowSingleLabelDomains": True,
            "authnRequestsSigned": bool(key),
            "logoutRequestSigned": bool(key),
            "logoutResponseSigned": bool(key),
        },
    }


def _provider(saml: Saml, settings: Settings) -> dict[str, Any]:
    if saml.metadata:
        try:
            found = OneLogin_Saml2_IdPMetadataParser.parse(_read(settings, saml.metadata).encode())["idp"]
        except SamlSettingsError:
            raise
        except Exception as error:
            raise SamlSettingsError(f"{saml.metadata} is no metadata of a provider: {error}") from None
        several = found.pop("x509certMulti", {}).get("signing") or [found.pop("x509cert", "")]
        found["x509certMulti"] = {"signing": several}
        for name in ("singleSignOnService", "singleLogoutService"):
            if name in found:
                _check_address(found[name]["url"], saml.metadata)
        return found
    provider = {
        "entityId": saml.entity_id,
        "singleSignOnService": {"url": saml.sign_in_url, "binding": _REDIRECT},
        "x509certMulti": {"signing": list(saml.certificates)},
    }
    if saml.sign_out_url:
        provider["singleLogoutService"] = {"url": saml.sign_out_url, "binding": _REDIRECT}
    return provider


def _check_address(url: str, where: str) -> None:
    try:
        https_address(url.partition("?")[0])
    except ValueError:
        raise SamlSettingsError(f"{where} leads to an address that isn't https") from None


def _read(settings: Settings, name: str) -> str:
    try:
        return (settings.policies / name).read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise SamlSettingsError(f"{name} beside access.yaml can't be read: {type(error).__name__}") from None
