"""Documents to take away: brief, decks and the executive report, made of the rows that the viewer sees."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from orchestration.documents import asked
from portal.audit import Event
from portal.web import Allowed, Refusal, Visit, absent

log = logging.getLogger("portal.documents")
router = APIRouter()

_LONGEST_TARGET = 1_000


@router.get("/accounts/{account_id}/documents/{kind}")
async def of_account(
    account_id: str, kind: str, target: str | None = None, visit: Visit = Depends(Allowed())
) -> Response:
    """A document of an account: `brief.pdf`, `qbr.pptx`, or `health-check.pptx`, that one for a target."""
    if kind not in asked.KINDS or (target is not None and len(target) > _LONGEST_TARGET):
        raise absent()

    def make() -> asked.Asked:
        if not visit.reader.sees(account_id):
            raise absent()
        return asked.of_account(visit.reader.rows, kind, account_id, visit.today, visit.policies, target)

    return await _made(visit, kind, make, account_id)


@router.get("/portfolio/executive.pdf")
async def of_portfolio(visit: Visit = Depends(Allowed("manager", "executive", "admin"))) -> Response:
    """The executive report, of the accounts that the viewer sees."""

    def make() -> asked.Asked:
        return asked.of_portfolio(visit.reader.rows, visit.today, visit.policies, is_whole=visit.viewer.sees_all)

    return await _made(visit, asked.EXECUTIVE, make, None)


async def _made(visit: Visit, kind: str, make: Callable[[], asked.Asked], account_id: str | None) -> Response:
    """The document as a download, once it is its turn; logged before it is sent."""
    async with _turn(visit):
        started = time.monotonic()
        try:
            made = await run_in_threadpool(make)
        except asked.NoSuchDocumentError:
            raise absent() from None
        seconds = time.monotonic() - started
    log.info("%s made in %.2f s, %d bytes", kind, seconds, len(made.content))
    await run_in_threadpool(visit.audit, Event.DOCUMENT, kind, account_id=account_id, detail=made.file_name)
    return Response(
        made.content,
        media_type=made.media_type,
        # The name is made of letters, digits, - and _ alone.
        headers={"Content-Disposition": f'attachment; filename="{made.file_name}"'},
    )


@asynccontextmanager
async def _turn(visit: Visit) -> AsyncIterator[None]:
    """One of the few that are made at once; whoever waits holds no thread. Raises Refusal after too long a wait."""
    policy, state = visit.policies.documents, visit.request.app.state
    turns: asyncio.Semaphore | None = getattr(state, "document_turns", None)
    if turns is None:
        turns = state.document_turns = asyncio.Semaphore(policy.made_at_once)
    try:
        # A free turn is taken at once, however short the wait may be.
        await (asyncio.wait_for(turns.acquire(), policy.wait_seconds) if turns.locked() else turns.acquire())
    except TimeoutError:
        raise Refusal(
            503,
            "Too many documents at once",
            "Others are being made; try again in a minute.",
            {"Retry-After": "60"},
        ) from None
    try:
        yield
    finally:
        turns.release()
