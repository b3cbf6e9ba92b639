"""The web app of a home, put together: a function, so that tests call it with other settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool

from orchestration.ledger.store import Store
from orchestration.policy.load import load_policies
from orchestration.settings import Settings
from portal.hooks import BODY_SECONDS, Door

# Whoever calls is waiting: a ledger that others write to for longer is told as busy.
_PATIENCE_SECONDS = 5
# Requests under way at once; whoever comes beyond is told to come again.
_MOST_AT_ONCE = 64
_KEEP_ALIVE_SECONDS, _LEAVE_SECONDS = 5, 10


def create_app(
    settings: Settings | None = None,
    *,
    patience_seconds: int = _PATIENCE_SECONDS,
    body_seconds: float = BODY_SECONDS,
) -> Starlette:
    """The app; `settings` default to the environment's.

    `patience_seconds`: so long a request waits for the ledger; `body_seconds`: so long its body may take to come.
    Policies are read once: a change of them needs a new start. Raises PolicyError when they don't load, and LedgerError
    when it starts without a ledger that can be used.
    """
    settings = settings or Settings()
    door = Door(settings, load_policies(settings.policies).systems, body_seconds)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        store = await run_in_threadpool(Store.open, settings, patience_seconds)
        door.open(store)
        try:
            yield
        finally:
            store.close()

    app = Starlette(routes=door.routes(), lifespan=lifespan)
    # An address that is nearly right is wrong: a redirect would be made of what the caller says this host is called.
    app.router.redirect_slashes = False
    return app


def server_config(app: Starlette, host: str, port: int) -> uvicorn.Config:
    """How the app is served: plain HTTP, for a proxy with TLS or for this machine alone."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_AT_ONCE,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_LEAVE_SECONDS,
    )
