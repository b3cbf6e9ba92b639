"""Whether the ways to sign in that policy names work, as far as that shows without signing in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from cryptography import x509

from orchestration.policy.models import Policies
from orchestration.settings import Settings
from orchestration.systems.base import Found
from portal.signin.refusals import SignInRefused
from portal.signin.ways import SignInSettingsError, make_ways

_SOON_DAYS = 30
_MEND = "see docs/portal.md, setting up sign-in"


def examine_sign_in(settings: Settings, policies: Policies) -> Iterator[Found]:
    """What was found of each way; nothing where policy names none. Never raises."""
    policy = policies.access.sign_in
    try:
        ways = make_ways(policy, settings)
    except SignInSettingsError as error:
        yield Found("settings", str(error), mend=_MEND)
        return
    if policy.oidc:
        yield from _oidc(ways["oidc"].provider, settings)  # type: ignore[attr-defined]
    if policy.saml:
        yield from _saml(ways["saml"].messages.provider_certificates())  # type: ignore[attr-defined]
    for way in ways.values():
        way.close()


def _oidc(provider, settings: Settings) -> Iterator[Found]:
    name = provider.policy.secret
    if name and not settings.secret(name):
        where = f"ACCOUNT_HEALTH_SECRET_{name.upper()}, or a file {name} in the folder of ACCOUNT_HEALTH_SECRETS"
        yield Found(f"secret {name}", "missing", mend=f"set {where}")
    try:
        provider.offer()
        keys = provider.keys()
    except SignInRefused as refusal:
        yield Found("OpenID Connect", refusal.why, mend=_MEND)
        return
    if keys:
        yield Found("OpenID Connect", f"{provider.policy.issuer} answers and has {len(keys)} usable keys")
    else:
        yield Found("OpenID Connect", f"{provider.policy.issuer} has no key that signs", mend=_MEND)


def _saml(certificates: list[str]) -> Iterator[Found]:
    for certificate in certificates:
        try:
            ends = x509.load_pem_x509_certificate(certificate.encode()).not_valid_after_utc
        except ValueError:
            yield Found("SAML 2.0", "a certificate of the provider can't be read", mend=_MEND)
            continue
        left = (ends - datetime.now(UTC)).days
        words = f"the provider's certificate ends on {ends:%Y-%m-%d}"
        yield Found("SAML 2.0", words, mend="ask the provider for its next one" if left < _SOON_DAYS else None)
