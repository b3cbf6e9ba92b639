"""What all ways to sign in end in: a session with its cookie and an entry of the audit log, or a page that says no.

Everything here touches the database: routes that call it run in a thread.
"""

from __future__ import annotations

from typing import Protocol

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from portal import audit
from portal.access import Identity
from portal.forms import read_fields
from portal.signin.refusals import SignInRefused
from portal.web import Portal, check_rate, render, safe_path


class Way(Protocol):
    """A way to sign in that policy has set up."""

    method: str
    path: str
    label: str

    def sign_out_address(self, identity: Identity) -> str | None:
        """Where a person who signed out here signs out at the provider; None where that isn't possible."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


async def read_form(request: Request) -> FormData:
    """A form that comes from elsewhere, once it is sure that this address may try; raises Refusal, HTTPException."""
    check_attempts(request)
    return await read_fields(request, most_fields=50)


def check_attempts(request: Request) -> None:
    """Raises Refusal where this address tries too often."""
    portal: Portal = request.app.state.portal
    check_rate(portal.sign_in_rates, request.client.host if request.client else "nobody")


def begin_session(request: Request, identity: Identity, provider_session: str | None = None) -> str:
    """A session; gives the value of its cookie, which `welcomed` sets."""
    portal: Portal = request.app.state.portal
    return portal.sessions.begin(identity, provider_session)


def welcomed(request: Request, cookie: str, path: str | None) -> Response:
    """Make a session this browser's, and lead to where the person wanted to go."""
    portal: Portal = request.app.state.portal
    session = portal.sessions.find(cookie)
    if session is None:
        return turned_away(request, "session", SignInRefused("the session was over before it was entered"))
    # Whoever was signed in here before isn't any more: a session is never handed on.
    portal.sessions.end(request.cookies.get(portal.session_cookie))
    audit.record(portal.store, request, audit.Event.SIGN_IN, session.identity.person, session.identity.method)
    answer = RedirectResponse(safe_path(path), 303)
    answer.set_cookie(
        portal.session_cookie,
        cookie,
        max_age=portal.policies.portal.session_hours * 3600,
        httponly=True,
        samesite="lax",
        secure=portal.is_behind_tls,
        path="/",
    )
    return answer


def welcome(request: Request, identity: Identity, path: str | None, provider_session: str | None = None) -> Response:
    """Begin a session and lead to where the person wanted to go."""
    return welcomed(request, begin_session(request, identity, provider_session), path)


def turned_away(request: Request, method: str, refusal: SignInRefused) -> Response:
    """Log a sign-in that failed, and say so; why is for whoever reads the log, not for the person."""
    portal: Portal = request.app.state.portal
    audit.record(portal.store, request, audit.Event.SIGN_IN_REFUSED, None, method, detail=refusal.why)
    return render(request, "turned_away.html.j2", 403, refusal=refusal)
