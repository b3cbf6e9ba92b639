"""Connections that come to nothing are ended: idle ones, requests that don't get finished, answers that nobody takes.

The server itself ends only what is idle after an answer; whoever connects and says nothing, or a letter now and then,
would keep a place for good, of which there are few.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol


def protocol(request_seconds: float, stall_seconds: float) -> type[asyncio.Protocol]:
    """The server's protocol with an end to its patience.

    `request_seconds`: from the connection, or from the first byte of a later request, until a request is there with its
    body; `stall_seconds`: so long nothing of an answer may be taken.
    """

    class Patient(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
        _late: asyncio.TimerHandle | None = None
        _stalled: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._late = self.loop.call_later(request_seconds, transport.close)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            cycle = self.cycle
            if cycle is not None and not cycle.more_body and not cycle.response_complete:
                self._late = _ended(self._late)
            elif self._late is None and not self.transport.is_closing():
                self._late = self.loop.call_later(request_seconds, self.transport.close)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._stalled = self.loop.call_later(stall_seconds, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._stalled = _ended(self._stalled)

        def connection_lost(self, exc: Exception | None) -> None:
            self._late, self._stalled = _ended(self._late), _ended(self._stalled)
            super().connection_lost(exc)

    return Patient


def _ended(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
