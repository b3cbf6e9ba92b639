"""What all ways to sign in end in: a session, its cookie, an entry of the audit log."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from portal import audit
from portal.access import Identity
from portal.web import SESSION_COOKIE, Portal, safe_path


def welcome(request: Request, identity: Identity, path: str | None, provider_session: str | None = None) -> Response:
    """Begin a session and lead to where the person wanted to go. Touches the database: call it in a thread."""
    portal: Portal = request.app.state.portal
    # Whoever was signed in here before isn't any more: a session is never handed on.
    portal.sessions.end(request.cookies.get(SESSION_COOKIE))
    cookie = portal.sessions.begin(identity, provider_session)
    audit.record(portal.store, request, audit.Event.SIGN_IN, identity.person, identity.method)
    answer = RedirectResponse(safe_path(path), 303)
    answer.set_cookie(
        SESSION_COOKIE,
        cookie,
        max_age=portal.policies.portal.session_hours * 3600,
        httponly=True,
        samesite="lax",
        secure=portal.is_behind_tls,
        path="/",
    )
    return answer


def turned_away(request: Request, method: str, why: str) -> None:
    """Log a sign-in that failed; `why` is for whoever reads the log, not for the person."""
    portal: Portal = request.app.state.portal
    audit.record(portal.store, request, audit.Event.SIGN_IN_REFUSED, None, method, detail=why)
