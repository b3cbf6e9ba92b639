"""Signing in and out, and choosing light or dark."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from portal import audit
from portal.web import (
    THEME_COOKIE,
    Allowed,
    Portal,
    Visit,
    checked_form,
    render,
    safe_path,
)

router = APIRouter()
_A_YEAR_SECONDS = 365 * 24 * 3600


@router.get("/sign-in")
def sign_in(request: Request) -> Response:
    """The ways to sign in; where there is one only, it is taken, but not by whoever just left."""
    portal: Portal = request.app.state.portal
    path = safe_path(request.query_params.get("path"))
    if len(portal.sign_ins) == 1 and portal.ways and not request.query_params.get("stay"):
        return RedirectResponse(f"{portal.sign_ins[0][0]}?path={quote(path, safe='')}", 303)
    return render(request, "sign_in.html.j2", path=path, sign_ins=portal.sign_ins)


@router.post("/sign-out")
def sign_out(visit: Visit = Depends(Allowed(writes=True)), form: FormData = Depends(checked_form)) -> Response:
    """End the session, here and, where the provider can, there."""
    portal = visit.portal
    portal.sessions.end(visit.request.cookies.get(portal.session_cookie))
    visit.audit(audit.Event.SIGN_OUT)
    identity = visit.session.identity if visit.session else None
    way = portal.ways.get(identity.method) if identity else None
    further = way.sign_out_address(identity) if way and identity else None
    # A form may lead to pages of this server only, so the way to the provider begins on one.
    answer = (
        render(visit.request, "signed_out.html.j2", further=further)
        if further
        else RedirectResponse("/sign-in/out", 303)
    )
    answer.delete_cookie(portal.session_cookie, path="/", secure=portal.is_behind_tls, httponly=True, samesite="lax")
    return answer


@router.get("/sign-in/out")
def signed_out(request: Request) -> Response:
    """Where people are after they signed out, here or at the provider."""
    return render(request, "signed_out.html.j2", further=None)


@router.post("/theme")
def theme(visit: Visit = Depends(Allowed(writes=True)), form: FormData = Depends(checked_form)) -> Response:
    """Light, dark, or as the machine has it."""
    chosen = str(form.get("theme") or "")
    answer = RedirectResponse(safe_path(str(form.get("path") or "/")), 303)
    if chosen in ("light", "dark"):
        answer.set_cookie(
            THEME_COOKIE,
            chosen,
            max_age=_A_YEAR_SECONDS,
            httponly=True,
            samesite="lax",
            secure=visit.portal.is_behind_tls,
        )
    else:
        answer.delete_cookie(THEME_COOKIE)
    return answer
