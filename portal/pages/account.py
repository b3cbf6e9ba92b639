"""One account: the brief."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.responses import Response

from portal.web import Allowed, Visit, absent

router = APIRouter()


@router.get("/accounts/{account_id}")
def account(account_id: str, visit: Visit = Depends(Allowed())) -> Response:
    """Everything that is published of an account."""
    if not visit.reader.sees(account_id):
        raise absent()
    return visit.page("account.html.j2", account_id=account_id)
