"""How people sign in to the portal: the address they reach it at, and the identity provider that says who they are.

Here: the key `sign_in` of `access.yaml`. Not here: what a person may see and do (`access.py`), and how a provider is
spoken to (`portal/signin`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from orchestration.policy.base import Flag, PolicyModel, SecretName, Text, refuse, setting, shown_address
from orchestration.policy.problems import Finding, repeated
from orchestration.policy.systems import Https, https_address

# With a public key only: a provider's keys are known to everybody.
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


def _exact_https(text: str) -> str:
    # An issuer is compared letter by letter: a slash at its end belongs to it.
    https_address(text)
    return text


def _origin(text: str) -> str:
    if urlsplit(text).path:
        raise refuse("an address without a path, such as https://health.example.com", found=shown_address(text))
    return text


def _file_beside(text: str) -> str:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts:
        raise refuse("the name of a file in the folder of the policies")
    return text


Skew = Annotated[int, Field(strict=True, ge=0, le=300)]
FileBeside = Annotated[Text, AfterValidator(_file_beside)]


class OidcClaims(PolicyModel):
    """Which claims of an identity token say what."""

    person: Text = setting("The name a person has in the ledger and in `people`.", "claim", default="email")
    shown_as: Text = setting("The name that pages show.", "claim", default="name")
    owner_names: tuple[Text, ...] = setting(
        "What makes a seller the owner of accounts, beside `known_as`; only what people can't change themselves.",
        "claims",
        default=("name",),
    )
    groups: Text = setting("The groups a person is in.", "claim", default="groups")


class Oidc(PolicyModel):
    """Sign-in by OpenID Connect: code flow with PKCE."""

    label: Text = setting("What the button says.", "text", default="Sign in")
    issuer: Annotated[Text, AfterValidator(_exact_https)] = setting(
        "The provider, letter by letter as its tokens name it; what it offers is read from there.", "URL"
    )
    client_id: Text = setting("The portal's name at the provider.", "text")
    secret: SecretName | None = setting(
        "Name of the client secret; none for a public client.", "name of a secret", default=None
    )
    scopes: tuple[Text, ...] = setting("What is asked for.", "scopes", default=("openid", "profile", "email"))
    claims: OidcClaims = setting("Which claims say what.", "settings", default=OidcClaims())
    userinfo: Flag = setting(
        "Whether claims are asked for at the userinfo endpoint too: for providers with thin tokens.",
        "true or false",
        default=False,
    )
    trust_unverified_email: Flag = setting(
        "Whether an e-mail address names a person where the provider doesn't say whether it is verified; only for a"
        " provider at which nobody chooses their own address.",
        "true or false",
        default=False,
    )
    algorithms: tuple[Algorithm, ...] = setting(
        "How tokens may be signed.", "algorithms", default=("RS256", "PS256", "ES256"), min_length=1
    )


class SamlAttributes(PolicyModel):
    """Which attributes of an assertion say what; `name_id` is the assertion's subject itself."""

    person: Text = setting("The name a person has in the ledger and in `people`.", "attribute", default="name_id")
    shown_as: Text = setting("The name that pages show.", "attribute", default="displayName")
    owner_names: tuple[Text, ...] = setting(
        "What makes a seller the owner of accounts, beside `known_as`; only what people can't change themselves.",
        "attributes",
        default=("displayName",),
    )
    groups: Text = setting("The groups a person is in.", "attribute", default="groups")


class Saml(PolicyModel):
    """Sign-in by SAML 2.0, begun by the portal; assertions have to be signed."""

    label: Text = setting("What the button says.", "text", default="Sign in")
    metadata: FileBeside | None = setting(
        "File beside this one with the provider's metadata; instead of the four keys below.", "file", default=None
    )
    entity_id: Text | None = setting("The provider's entity id.", "URI", default=None)
    sign_in_url: Https | None = setting("Where the provider takes requests to sign in.", "URL", default=None)
    sign_out_url: Https | None = setting("Where the provider takes requests to sign out.", "URL", default=None)
    certificates: tuple[Text, ...] = setting(
        "The provider's signing certificates, in PEM: two while keys change.", "certificates", default=()
    )
    attributes: SamlAttributes = setting("Which attributes say what.", "settings", default=SamlAttributes())
    certificate: FileBeside | None = setting(
        "File beside this one with the portal's own certificate (PEM): requests are signed then.", "file", default=None
    )
    key: SecretName | None = setting(
        "Name of the private key (PEM) that belongs to it.", "name of a secret", default=None
    )


class SignIn(PolicyModel):
    """How people sign in."""

    base_url: Annotated[Https, AfterValidator(_origin)] | None = setting(
        "The address at which people reach the portal.", "URL", default=None
    )
    clock_skew_seconds: Skew = setting("So far the provider's clock may be off.", "seconds", default=60)
    oidc: Oidc | None = setting("The OpenID Connect provider.", "settings", default=None)
    saml: Saml | None = setting("The SAML 2.0 provider.", "settings", default=None)

    def lint(self) -> Iterator[Finding]:
        """What doesn't fit together; paths begin at this key."""
        if (self.oidc or self.saml) and self.base_url is None:
            yield Finding(
                ("sign_in", "base_url"), "no address", "the address of the portal: providers send people back there"
            )
        if self.oidc:
            yield from repeated(("sign_in", "oidc", "algorithms"), self.oidc.algorithms)
            if "openid" not in self.oidc.scopes:
                yield Finding(
                    ("sign_in", "oidc", "scopes"), "no openid", "openid among them: it asks for the identity token"
                )
        if self.saml:
            yield from _of_saml(self.saml)


def _of_saml(saml: Saml) -> Iterator[Finding]:
    given = {name: getattr(saml, name) for name in ("entity_id", "sign_in_url", "sign_out_url", "certificates")}
    if saml.metadata:
        for name, value in given.items():
            if value:
                yield Finding(
                    ("sign_in", "saml", name), "a value beside `metadata`", "nothing: the metadata file says it"
                )
    else:
        for name in ("entity_id", "sign_in_url", "certificates"):
            if not given[name]:
                yield Finding(("sign_in", "saml", name), "nothing", "a value, or a file as `metadata`")
    for number, certificate in enumerate(saml.certificates):
        if "PRIVATE KEY" in certificate or not certificate.startswith("-----BEGIN CERTIFICATE-----"):
            yield Finding(
                ("sign_in", "saml", "certificates", number),
                "a text that is no certificate",
                "a certificate in PEM, from -----BEGIN CERTIFICATE----- to its end; never a private key",
            )
    if (saml.certificate is None) != (saml.key is None):
        yield Finding(("sign_in", "saml", "key"), "one of `certificate` and `key`", "both, or neither")
