"""Signing in and out, and choosing light or dark."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from portal import audit
from portal.web import (
    SESSION_COOKIE,
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
    """The ways to sign in; where there is one only, it is taken."""
    portal: Portal = request.app.state.portal
    path = safe_path(request.query_params.get("path"))
    return render(request, "sign_in.html.j2", path=path, sign_ins=portal.sign_ins)


@router.post("/sign-out")
def sign_out(visit: Visit = Depends(Allowed(writes=True)), form: FormData = Depends(checked_form)) -> Response:
    """End the session, here and, where the provider can, there."""
    visit.portal.sessions.end(visit.request.cookies.get(SESSION_COOKIE))
    visit.audit(audit.Event.SIGN_OUT)
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(SESSION_COOKIE, path="/")
    return answer


@router.post("/theme")
def theme(visit: Visit = Depends(Allowed(writes=True)), form: FormData = Depends(checked_form)) -> Response:
    """Light, dark, or as the machine has it."""
    chosen = str(form.get("theme") or "")
    answer = RedirectResponse(safe_path(str(form.get("path") or "/")), 303)
    if chosen in ("light", "dark"):
        answer.set_cookie(THEME_COOKIE, chosen, max_age=_A_YEAR_SECONDS, httponly=True, samesite="lax")
    else:
        answer.delete_cookie(THEME_COOKIE)
    return answer
