"""The web app of a home, put together: a function, so that tests call it with other settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool

from orchestration.actions.store import Store
from orchestration.policy.load import load_policies
from orchestration.settings import Settings
from portal.hooks import Door

# Whoever calls is waiting; a ledger that others write to for longer is told as busy.
_PATIENCE_SECONDS = 5


def create_app(settings: Settings | None = None) -> Starlette:
    """The app; `settings` default to the environment's.

    Policies are read once: a change of them needs a new start. Raises PolicyError when they don't load, and LedgerError
    when it starts without a ledger that can be used.
    """
    settings = settings or Settings()
    door = Door(settings, load_policies(settings.policies).systems)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        store = await run_in_threadpool(Store.open, settings, _PATIENCE_SECONDS)
        door.open(store)
        try:
            yield
        finally:
            store.close()

    app = Starlette(routes=door.routes(), lifespan=lifespan)
    # An address that is nearly right is wrong: redirects would be made of what the caller says this host is called.
    app.router.redirect_slashes = False
    return app
