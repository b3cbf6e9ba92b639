"""Who calls the API: a machine with a token, or somebody who is signed in. Both only read."""

from __future__ import annotations

from fastapi import Request

from portal import audit
from portal.access import viewer_of
from portal.web import ALL, Portal, Refusal, SignInNeeded, Visit, check_rate

_ASK_FOR_TOKEN = {"WWW-Authenticate": 'Bearer realm="account-health"'}


def reads(request: Request) -> Visit:
    """A dependency that makes the visit of whoever calls; closed as those of pages are."""
    portal: Portal = request.app.state.portal
    shown = request.headers.get("authorization")
    visit = _by_session(request, portal) if shown is None else _by_token(request, portal, shown)
    request.state.visit = visit
    return visit


def _by_token(request: Request, portal: Portal, shown: str) -> Visit:
    kind, _, itself = shown.partition(" ")
    found = portal.tokens.find(itself.strip()) if kind.lower() == "bearer" else None
    if found is None:
        check_rate(portal.sign_in_rates, _address(request))
        audit.record(portal.store, request, audit.Event.DENIED, None, request.url.path, detail="no valid token")
        raise Refusal(401, "Not a valid token", "It has ended, was revoked, or never was one.", _ASK_FOR_TOKEN)
    token, viewer = found
    check_rate(portal.tokens.rates, token.token_id)
    return Visit(request, portal, viewer, None)


def _by_session(request: Request, portal: Portal) -> Visit:
    session = portal.sessions.find(request.cookies.get(portal.session_cookie))
    if session is None:
        raise SignInNeeded
    viewer = viewer_of(portal.policies.access, session.identity)
    check_rate(portal.rates, viewer.person)
    if not viewer.may(*ALL):
        audit.record(portal.store, request, audit.Event.DENIED, viewer.person, request.url.path, detail="no role")
        raise Refusal(403, "Not for you yet", "You are in no role yet; roles are given in policies/access.yaml.")
    return Visit(request, portal, viewer, session)


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
