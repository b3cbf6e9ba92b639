"""Sign-in by SAML 2.0, begun by the portal: request, answer, and signing out on both sides.

The answer comes as a form that the provider's page sends, so the browser leaves this portal's cookies at home. It is
checked, and then the browser is led here once more: whoever comes then without the cookie of the sign-in that began
this doesn't get the session.
"""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from orchestration.policy.sign_in import SignIn
from orchestration.settings import Settings
from portal.access import Identity
from portal.sessions import provider_session_of
from portal.signin.common import begin_session, check_attempts, read_form, turned_away, welcomed
from portal.signin.oidc import group_names, one_name
from portal.signin.refusals import SignInRefused
from portal.signin.saml_messages import PATH, Messages, Told
from portal.web import Portal, safe_path

METHOD = "saml"
router = APIRouter()
_NAME_ID = "name_id"


class Saml:
    """The provider that policy names, as a way to sign in."""

    method = METHOD
    path = PATH

    def __init__(self, policy: SignIn, settings: Settings) -> None:
        if policy.saml is None:
            raise ValueError("policy names no provider")
        self.policy = policy.saml
        self.label = policy.saml.label
        self.messages = Messages(policy, settings)

    def sign_out_address(self, identity: Identity) -> str | None:
        """Where a person who signed out here signs out there; None where that isn't possible."""
        if not identity.sign_out_hint:
            return None
        name, format_, index = json.loads(identity.sign_out_hint)
        return self.messages.farewell_address(name, format_, index)

    def close(self) -> None:
        """Nothing is held."""

    def person(self, told: Told) -> Identity:
        """Who somebody is, by the attributes that policy names. Raises SignInRefused."""
        names = self.policy.attributes
        person = _one(told, names.person)
        if person is None:
            raise SignInRefused(f"the assertion has no {names.person}", "The provider didn't say who you are.")
        owners = (_one(told, name) for name in names.owner_names)
        return Identity(
            person=person,
            shown_as=_one(told, names.shown_as) or person,
            method=METHOD,
            groups=group_names(told.attributes.get(names.groups)),
            names=tuple(name for name in owners if name),
            sign_out_hint=json.dumps([told.name_id, told.name_format, told.session_index]),
        )


def way(request: Request) -> Saml:
    """The way of this app."""
    return request.app.state.portal.ways[METHOD]


@router.get(f"{PATH}/metadata")
def metadata(request: Request) -> Response:
    """What the provider has to know of the portal."""
    check_attempts(request)
    return Response(way(request).messages.metadata(), media_type="application/samlmetadata+xml")


@router.get(PATH)
def begin(request: Request) -> Response:
    """Lead to the provider."""
    check_attempts(request)
    portal: Portal = request.app.state.portal
    state = portal.pending.new_state()
    answer = RedirectResponse(way(request).messages.request_address(_request_id(portal, state), state), 303)
    portal.pending.remember(answer, state, safe_path(request.query_params.get("path")))
    return answer


@router.post(f"{PATH}/answer")
def answered(request: Request, form: FormData = Depends(read_form)) -> Response:
    """The provider's answer."""
    portal: Portal = request.app.state.portal
    message, state = str(form.get("SAMLResponse") or ""), str(form.get("RelayState") or "")
    try:
        told = way(request).messages.believed(message, _request_id(portal, state))
        # Kept for as long as it could be sent again, whatever clocks say.
        portal.pending.take_once("assertion", told.assertion_id, told.holds_seconds + 3600)
        identity = way(request).person(told)
    except SignInRefused as refusal:
        return turned_away(request, METHOD, refusal)
    cookie = begin_session(request, identity, provider_session_of(METHOD, told.name_id, told.session_index))
    answer = RedirectResponse(f"{PATH}/in?state={state}", 303)
    portal.pending.remember(answer, _taken(state), cookie)
    return answer


@router.get(f"{PATH}/in")
def enter(request: Request) -> Response:
    """The same browser once more, now with its cookies: the session is its own only if it began the sign-in."""
    check_attempts(request)
    portal: Portal = request.app.state.portal
    state = request.query_params.get("state") or ""
    cookie = None
    try:
        cookie = portal.pending.recall(request, _taken(state))
        path = portal.pending.recall(request, state)
        portal.pending.take_once("state", state)
    except SignInRefused as refusal:
        portal.sessions.end(cookie)
        return turned_away(request, METHOD, refusal)
    answer = welcomed(request, cookie, path)
    portal.pending.forget(answer, state)
    portal.pending.forget(answer, _taken(state))
    return answer


@router.get(f"{PATH}/out")
def out(request: Request) -> Response:
    """The provider asks to sign somebody out, or answers that it did."""
    check_attempts(request)
    portal: Portal = request.app.state.portal
    messages, query = way(request).messages, request.url.query
    try:
        if "SAMLResponse" in request.query_params:
            messages.check_farewell_answer(query)
            return RedirectResponse("/sign-in/out", 303)
        farewell = messages.farewell(query)
        portal.pending.take_once("logout request", farewell.request_id)
    except SignInRefused as refusal:
        return turned_away(request, METHOD, refusal)
    for index in farewell.session_indexes:
        portal.sessions.end_of_provider(METHOD, farewell.name_id, index)
    if not farewell.session_indexes:
        portal.sessions.end_of_provider(METHOD, farewell.name_id)
    return RedirectResponse(farewell.answer_address, 303)


def _request_id(portal: Portal, state: str) -> str:
    # Names in XML begin with a letter or a line.
    return f"_{portal.pending.proof(state, 'request')}"


def _taken(state: str) -> str:
    return f"{state}:taken"


def _one(told: Told, name: str) -> str | None:
    if name == _NAME_ID:
        return one_name(told.name_id)
    values: list[Any] = told.attributes.get(name) or [None]
    return one_name(values[0]) if len(values) == 1 else None
