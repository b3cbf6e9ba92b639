"""The door for calls from outside: `POST /hooks/zendesk/<system>` and `POST /hooks/salesforce/<system>`.

What is checked, in this order, and what is answered:

| | |
|---|---|
| the body's size and how long it takes to come | 413, 408 |
| the system is one that sends calls, and the signature is right | 401 for either, in the same time and words |
| the age of what was signed | 400 |
| how many came of this system within a minute | 429 with Retry-After |
| the body says what changed | 415, 422 |
| whether it was seen before, or is our own doing | 200 and no effect, so that nobody sends it again |
| kept, so that a refresh reads what changed | 202 |

A ledger that can't be written to for the moment is 503 with Retry-After. Nothing of a body is kept or logged but ids.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from orchestration.ledger.store import Store, utc_now
from orchestration.ledger.tables import hook_calls
from orchestration.policy.systems import System, Systems
from orchestration.settings import Settings
from orchestration.systems.hooks.allowance import Allowance
from orchestration.systems.hooks.calls import Call, ShapeError, kind_of, read_call
from orchestration.systems.hooks.signatures import (
    SALESFORCE,
    ZENDESK,
    NotSignedError,
    Signed,
    TooOldError,
    check_age,
    check_signature,
)
from orchestration.systems.hooks.waiting import put_down

log = logging.getLogger("portal.hooks")

# A body comes within this, or not at all.
BODY_SECONDS = 10.0
# Vendors try again where they are told to wait less than a minute.
_BUSY_SECONDS = 30
_LONGEST_WAIT_SECONDS = 55
# Writers of the ledger at once.
_WRITERS = 4
# Lines about refused calls: anybody can cause them.
_REFUSALS_TOLD_A_MINUTE = 30
_REFUSED = "refused"
_UNKNOWN = "an unknown system"
# Answers to bodies that weren't read to their end.
_UNREAD = (408, 413)


class _Refusal(Exception):
    """An answer that isn't what the caller hoped for; `words` may be read by anybody."""

    def __init__(self, status: int, words: str, wait_seconds: int | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.words = words
        self._wait_seconds = wait_seconds

    def answer(self) -> Response:
        headers = {} if self._wait_seconds is None else {"Retry-After": str(self._wait_seconds)}
        if self.status in _UNREAD:
            # Else the rest of the body would be waited for, and read without end.
            headers["Connection"] = "close"
        return JSONResponse({"error": self.words}, self.status, headers)


class Door:
    """Takes calls of the systems that policy has; open once it has a ledger."""

    def __init__(self, settings: Settings, systems: Systems, body_seconds: float = BODY_SECONDS) -> None:
        self._settings = settings
        self._systems = systems
        self._body_seconds = body_seconds
        self._allowance = Allowance(systems.by_name, systems.hooks.most_a_minute)
        self._telling = Allowance((_REFUSED,), _REFUSALS_TOLD_A_MINUTE)
        self._writers = asyncio.Semaphore(_WRITERS)
        self._store: Store | None = None

    def open(self, store: Store) -> None:
        """Keep calls in this ledger."""
        self._store = store

    def routes(self) -> list[Route]:
        """Where calls come in, and where somebody asks whether the door works."""
        return [
            Route("/hooks/zendesk/{system}", self._receiver(ZENDESK), methods=["POST"]),
            Route("/hooks/salesforce/{system}", self._receiver(SALESFORCE), methods=["POST"]),
            Route("/healthz", self._health, methods=["GET"]),
        ]

    def _receiver(self, kind: str) -> Callable[[Request], Any]:
        async def receive(request: Request) -> Response:
            name = request.path_params["system"]
            system = self._systems.by_name.get(name)
            if system is None or kind_of(system) != kind:
                name, system = _UNKNOWN, None
            try:
                return await self._receive(request, kind, name, system)
            except _Refusal as refusal:
                if not self._telling.wait_seconds(_REFUSED):
                    log.warning("%s: refused with %d: %s", name, refusal.status, refusal.words)
                return refusal.answer()

        return receive

    async def _receive(self, request: Request, kind: str, name: str, system: System | None) -> Response:
        body = await self._body(request)
        signed = self._signed(request, kind, system, body)
        wait_seconds = self._allowance.wait_seconds(name)
        if wait_seconds:
            raise _Refusal(429, "too many calls", min(math.ceil(wait_seconds), _LONGEST_WAIT_SECONDS))
        call = _read(request, system, body, signed)
        if not call.changed:
            return JSONResponse({"status": "ours"})
        if not await self._put_down(name, kind, call, signed):
            return JSONResponse({"status": "known"})
        log.info("%s: %s %s", name, call.changed[0].object, call.changed[0].record_id or call.changed[0].account_id)
        return JSONResponse({"status": "taken"}, 202)

    async def _body(self, request: Request) -> bytes:
        """The body, as far as it may go: what is longer isn't read to its end."""
        most = self._systems.hooks.most_bytes
        too_large = _Refusal(413, f"the body is larger than {most} bytes")
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > most:
            raise too_large
        parts: list[bytes] = []
        length = 0
        try:
            async with asyncio.timeout(self._body_seconds):
                async for part in request.stream():
                    length += len(part)
                    if length > most:
                        raise too_large
                    parts.append(part)
        except TimeoutError:
            raise _Refusal(408, "the body didn't come in time") from None
        except ClientDisconnect:
            raise _Refusal(400, "the body broke off") from None
        return b"".join(parts)

    def _signed(self, request: Request, kind: str, system: System | None, body: bytes) -> Signed:
        try:
            signed = check_signature(kind, request.headers, body, self._key(system))
        except NotSignedError:
            raise _Refusal(401, "the call isn't signed with the key of a system here") from None
        try:
            check_age(kind, signed, time.time(), self._systems.hooks.max_age_seconds)
        except TooOldError as error:
            raise _Refusal(400, str(error)) from None
        return signed

    def _key(self, system: System | None) -> bytes:
        """A system's key, read anew each time so that it can be changed. Nothing is signed with an empty one."""
        if system is None or system.hook_secret is None:
            return b""
        try:
            return (self._settings.secret(system.hook_secret) or "").encode()
        except (OSError, ValueError) as error:
            log.error("the secret %s can't be read: %s", system.hook_secret, type(error).__name__)
            return b""

    async def _put_down(self, name: str, kind: str, call: Call, signed: Signed) -> bool:
        if self._store is None:
            raise _Refusal(503, "not open yet", _BUSY_SECONDS)
        hooks = self._systems.hooks
        # A call signed ahead of its time is taken twice its age after it came, at most.
        remember = timedelta(days=hooks.remember_days, seconds=2 * hooks.max_age_seconds)
        now = utc_now()
        try:
            async with self._writers:
                return await run_in_threadpool(put_down, self._store, name, kind, call, signed.digest, now, remember)
        except sa.exc.SQLAlchemyError as error:
            log.error("%s: the ledger can't be written to: %s", name, type(error).__name__)
            raise _Refusal(503, "busy", _BUSY_SECONDS) from None

    async def _health(self, _: Request) -> Response:
        """Whether calls can be kept."""
        is_well = self._store is not None and await run_in_threadpool(_can_be_read, self._store)
        return JSONResponse({"status": "ok"}) if is_well else JSONResponse({"status": "no ledger"}, 503)


def _can_be_read(store: Store) -> bool:
    try:
        with store.reading() as con:
            con.execute(sa.select(hook_calls.c.number).limit(1))
    except sa.exc.SQLAlchemyError:
        return False
    return True


def _read(request: Request, system: System, body: bytes, signed: Signed) -> Call:
    kind, _, _ = request.headers.get("content-type", "").partition(";")
    if kind.strip().lower() != "application/json" or "content-encoding" in request.headers:
        raise _Refusal(415, "send application/json, not compressed")
    try:
        return read_call(system, request.headers, body, signed)
    except ShapeError as error:
        raise _Refusal(422, str(error)) from None
