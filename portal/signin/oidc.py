"""Sign-in by OpenID Connect: code flow with PKCE, sign-out there too, and being told that a session there is over."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from orchestration.policy.sign_in import SignIn
from orchestration.settings import Settings
from portal.access import Identity
from portal.sessions import provider_session_of
from portal.signin.common import check_attempts, read_form, turned_away, welcome
from portal.signin.oidc_provider import Provider
from portal.signin.oidc_tokens import Claims
from portal.signin.refusals import SignInRefused
from portal.web import Portal, safe_path

PATH = "/sign-in/oidc"
METHOD = "oidc"
router = APIRouter()
_LONGEST_NAME = 200
_MOST_GROUPS = 1_000


class Oidc:
    """The provider that policy names, as a way to sign in."""

    method = METHOD
    path = PATH

    def __init__(self, policy: SignIn, settings: Settings) -> None:
        if policy.oidc is None or policy.base_url is None:
            raise ValueError("policy names no provider")
        self.policy = policy.oidc
        self.label = policy.oidc.label
        self._out = f"{policy.base_url}/sign-in/out"
        name = policy.oidc.secret
        self.provider = Provider(
            policy.oidc,
            lambda: settings.secret(name) if name else None,
            f"{policy.base_url}{PATH}/callback",
            policy.clock_skew_seconds,
        )

    def sign_out_address(self, identity: Identity) -> str | None:
        """Where a person who signed out here signs out there; None where that isn't possible."""
        try:
            return self.provider.sign_out_address(identity.sign_out_hint or None, self._out)
        except SignInRefused:
            return None

    def close(self) -> None:
        self.provider.close()

    def person(self, claims: Claims, token: str) -> Identity:
        """Who somebody is, by the claims that policy names. Raises SignInRefused."""
        names = self.policy.claims
        person = one_name(claims.get(names.person))
        if person is None:
            raise SignInRefused(f"the token has no claim {names.person}", "The provider didn't say who you are.")
        verified = claims.get("email_verified", self.policy.trust_unverified_email)
        if names.person == "email" and verified is not True:
            raise SignInRefused("the e-mail address isn't verified", "Your e-mail address isn't verified.")
        owners = (one_name(claims.get(name)) for name in names.owner_names)
        return Identity(
            person=person,
            shown_as=one_name(claims.get(names.shown_as)) or person,
            method=METHOD,
            groups=group_names(claims.get(names.groups)),
            names=tuple(name for name in owners if name),
            sign_out_hint=token,
        )


def way(request: Request) -> Oidc:
    """The way of this app."""
    return request.app.state.portal.ways[METHOD]


@router.get(PATH)
def begin(request: Request) -> Response:
    """Lead to the provider."""
    check_attempts(request)
    portal: Portal = request.app.state.portal
    state = portal.pending.new_state()
    challenge = hashlib.sha256(portal.pending.proof(state, "verifier").encode()).digest()
    try:
        address = way(request).provider.address(
            state,
            portal.pending.proof(state, "nonce"),
            base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
        )
    except SignInRefused as refusal:
        return turned_away(request, METHOD, refusal)
    answer = RedirectResponse(address, 303)
    portal.pending.remember(answer, state, safe_path(request.query_params.get("path")))
    return answer


@router.get(f"{PATH}/callback")
def callback(request: Request) -> Response:
    """The provider's answer: a code, which is exchanged for who it is."""
    check_attempts(request)
    portal: Portal = request.app.state.portal
    asked = request.query_params
    state = asked.get("state") or ""
    try:
        path = portal.pending.recall(request, state)
        portal.pending.take_once("state", state)
        identity, session = _answered(way(request), portal, state, dict(asked))
    except SignInRefused as refusal:
        return turned_away(request, METHOD, refusal)
    answer = welcome(request, identity, path, session)
    portal.pending.forget(answer, state)
    return answer


def _answered(way: Oidc, portal: Portal, state: str, asked: dict[str, str]) -> tuple[Identity, str]:
    provider = way.provider
    issuer = asked.get("iss")
    if issuer is None and provider.offer().names_itself:
        raise SignInRefused("the answer doesn't say who it is of")
    if issuer is not None and issuer != provider.policy.issuer:
        raise SignInRefused("the answer is of another provider")
    if "error" in asked:
        raise SignInRefused(f"the provider says {asked['error'][:100]}", "The identity provider refused the sign-in.")
    if not asked.get("code"):
        raise SignInRefused("the answer has no code")
    token, access_token = provider.exchange(asked["code"], portal.pending.proof(state, "verifier"))
    claims = provider.identity(token, portal.pending.proof(state, "nonce"), access_token)
    return way.person(claims, token), provider_session_of(METHOD, claims["sub"], one_name(claims.get("sid")))


@router.post(f"{PATH}/back-channel")
def back_channel(request: Request, form: FormData = Depends(read_form)) -> Response:
    """The provider says that sessions are over."""
    portal: Portal = request.app.state.portal
    try:
        subject, session, name = way(request).provider.logout(str(form.get("logout_token") or ""))
        portal.pending.take_once("logout token", name)
    except SignInRefused as refusal:
        turned_away(request, METHOD, refusal)
        return Response(status_code=400)
    portal.sessions.end_of_provider(METHOD, subject, session)
    return Response(status_code=200)


def one_name(value: Any) -> str | None:
    """A name that a provider gives: one line, not too long; None where it is none."""
    if not isinstance(value, str):
        return None
    name = " ".join(value.split())
    return name if name and len(name) <= _LONGEST_NAME and name.isprintable() else None


def group_names(value: Any) -> tuple[str, ...]:
    """The groups of a claim: a list of texts, or one text."""
    values = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(dict.fromkeys(one for one in values if isinstance(one, str)))[:_MOST_GROUPS]
