"""Service tokens: an administrator makes, sees and revokes them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.responses import Response

from orchestration.ledger.store import utc_now
from portal import audit
from portal.access import CUTS
from portal.tokens import Scope, TokenError, split_list
from portal.web import ALL, Allowed, Visit, checked_form

router = APIRouter()
PATH = "/tokens"
_MOST_DIGITS = 5


@router.get(PATH)
def tokens(visit: Visit = Depends(Allowed("admin"))) -> Response:
    """Every token that was made, and the form for another."""
    return _page(visit)


@router.post(PATH)
def make(visit: Visit = Depends(Allowed("admin", writes=True)), form: FormData = Depends(checked_form)) -> Response:
    """Make a token; it is shown in the answer, and never again."""
    days = str(form.get("days") or "")
    chosen = tuple(str(one) for one in form.getlist("table") if one in CUTS)
    try:
        scope = Scope(
            roles=tuple(str(one) for one in form.getlist("role") if one in ALL),
            tables=chosen if form.get("all_tables") is None else None,
            names=tuple(split_list(str(form.get("names") or ""))),
            geos=tuple(split_list(str(form.get("geos") or ""))),
            regions=tuple(split_list(str(form.get("regions") or ""))),
        )
        whole = int(days) if days.isascii() and days.isdigit() and len(days) <= _MOST_DIGITS else 0
        made, itself = visit.portal.tokens.make(
            str(form.get("name") or ""), scope, whole, visit.viewer.person, visit.viewer
        )
    except TokenError as error:
        return _page(visit, 422, problem=f"{error}.", typed=form)
    visit.audit(audit.Event.TOKEN_MADE, made.token_id, detail=f"{made.name}; {scope}")
    return _page(visit, made=made, itself=itself)


@router.post(PATH + "/{token_id}/revoke")
def revoke(
    token_id: str, visit: Visit = Depends(Allowed("admin", writes=True)), form: FormData = Depends(checked_form)
) -> Response:
    """End a token now."""
    token = visit.portal.tokens.revoke(token_id)
    if token is None:
        return visit.back(PATH, "There is no such token, or it was revoked before.")
    visit.audit(audit.Event.TOKEN_REVOKED, token_id, detail=token.name)
    return visit.back(PATH, f"The token {token.name} holds no longer.")


def _page(visit: Visit, status: int = 200, **values: Any) -> Response:
    shown = {"made": None, "itself": None, "problem": None, "typed": None} | values
    now = utc_now()
    return visit.page(
        "tokens.html.j2",
        status,
        tokens=[(token, token.state(now)) for token in visit.portal.tokens.listed()],
        roles=ALL,
        tables=sorted(CUTS),
        days_most=visit.policies.portal.token_days_most,
        **shown,
    )
