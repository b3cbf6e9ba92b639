"""The ways to sign in that policy has set up."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter

from orchestration.policy.sign_in import SignIn
from orchestration.settings import Settings
from portal.signin.common import Way


class SignInSettingsError(ValueError):
    """What policy says of sign-in can't be used; says why."""


def make_ways(policy: SignIn, settings: Settings) -> dict[str, Way]:
    """The ways by their method; nobody is asked anything yet. Raises SignInSettingsError."""
    found: dict[str, Way] = {}
    if policy.oidc:
        from portal.signin.oidc import Oidc

        found["oidc"] = Oidc(policy, settings)
    if policy.saml:
        from portal.signin.saml import Saml
        from portal.signin.saml_messages import SamlSettingsError

        try:
            found["saml"] = Saml(policy, settings)
        except SamlSettingsError as error:
            raise SignInSettingsError(str(error)) from None
    return found


def routers(found: Mapping[str, Way]) -> list[APIRouter]:
    """Their routes."""
    made = []
    if "oidc" in found:
        from portal.signin import oidc

        made.append(oidc.router)
    if "saml" in found:
        from portal.signin import saml

        made.append(saml.router)
    return made
