"""The web app of a home, put together: a function, so that tests call it with other settings."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import duckdb
import uvicorn
from fastapi import FastAPI, Request
from itsdangerous import URLSafeTimedSerializer
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from orchestration.ledger.store import Store
from orchestration.policy.load import load_policies
from orchestration.settings import Settings
from portal import api, exports, operations, pages
from portal.access import OlderPublicationError, UnreadableTableError
from portal.background import Background
from portal.brief import lay_out
from portal.connections import protocol
from portal.hooks import BODY_SECONDS, Door
from portal.ledger_mirror import Mirror
from portal.listing import QuestionError
from portal.previews import Drafts
from portal.publications import Library
from portal.security import Rates, Shield
from portal.sessions import Sessions
from portal.signin import development, ways
from portal.signin.common import Way
from portal.signin.pending import Pending
from portal.things import Things
from portal.tokens import Tokens
from portal.web import STATIC, Portal, Refusal, SignInNeeded, absent, environment, refused, wants_page
from portal.worklist import Worklist

log = logging.getLogger("portal.app")

# Whoever calls is waiting: a ledger that others write to for longer is told as busy.
_PATIENCE_SECONDS = 5
# Connections at once, idle ones too; whoever comes beyond is told to come again. Work is bounded by threads. Fewer than
# the files that a process may have open, mostly 1,024.
_MOST_AT_ONCE = 512
_KEEP_ALIVE_SECONDS, _LEAVE_SECONDS = 5, 10
# Until a request is there with its body, and so long nothing of an answer may be taken: slow lines need less.
_REQUEST_SECONDS, _STALL_SECONDS = 30.0, 60.0
_KEY_FILE = "portal.key"
_KEY_BYTES = 32


def create_app(
    settings: Settings | None = None,
    *,
    development_sign_in: bool = False,
    is_behind_tls: bool = False,
    only_hooks: bool = False,
    patience_seconds: int = _PATIENCE_SECONDS,
    body_seconds: float = BODY_SECONDS,
) -> FastAPI:
    """The app; `settings` default to the environment's. Raises SignInSettingsError where sign-in can't be set up.

    `development_sign_in`: anybody who reaches the server may pick who to be; for loopback alone. `is_behind_tls`: a
    proxy with TLS stands before it, so cookies are Secure. `only_hooks`: nothing but the door for webhooks.
    `patience_seconds`: so long a request waits for the ledger; `body_seconds`: so long a webhook's body may take.
    Policies are read once: a change of them needs a new start. Raises PolicyError when they don't load, and LedgerError
    when it starts without a ledger that can be used.
    """
    settings = settings or Settings()
    policies = load_policies(settings.policies)
    door = Door(settings, policies.systems, body_seconds)
    found = {} if only_hooks else ways.make_ways(policies.access.sign_in, settings)
    library = Library(
        settings.published_path,
        settings.home_path / "tmp",
        policies.portal.database_memory_mb,
        [one.listing for one in exports.LISTINGS.values() if one.is_laid_out],
        [Things.of, lay_out],
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        figures = policies.portal
        background = Background(
            figures.simulation_seconds_most, figures.simulations_waiting_most, figures.simulations_kept
        )
        previews = Background(figures.preview_seconds_most, figures.previews_waiting_most, figures.previews_kept)
        store = await run_in_threadpool(Store.open, settings, patience_seconds)
        door.open(store)
        mirror = Mirror(store)
        if not only_hooks:
            key = await run_in_threadpool(_key, settings)
            app.state.portal = Portal(
                settings=settings,
                policies=policies,
                library=library,
                store=store,
                mirror=mirror,
                worklist=Worklist(store, mirror, policies),
                sessions=Sessions(store, policies.portal, key),
                tokens=Tokens(store, policies.access, policies.portal),
                rates=Rates(policies.portal.most_a_minute),
                sign_in_rates=Rates(policies.portal.most_sign_ins_a_minute),
                background=background,
                previews=previews,
                drafts=Drafts(figures.previews_kept),
                pending=Pending(store, key, is_behind_tls=is_behind_tls),
                said=URLSafeTimedSerializer(key, salt="said", signer_kwargs={"digest_method": hashlib.sha256}),
                ways=found,
                sign_ins=_sign_ins(found, development_sign_in),
                is_behind_tls=is_behind_tls,
            )
            library.begin()
            mirror.begin()
        try:
            yield
        finally:
            background.close()
            previews.close()
            for way in found.values():
                way.close()
            library.close()
            mirror.close()
            store.close()

    app = FastAPI(title="account-health", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    # An address that is nearly right is wrong: a redirect would be made of what the caller says this host is called.
    app.router.redirect_slashes = False
    app.router.routes.extend(door.routes())
    if only_hooks:
        return app
    app.state.templates = environment(policies)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for router in (*pages.ROUTERS, exports.router, api.router):
        app.include_router(router)
    for router in ways.routers(found):
        app.include_router(router)
    if development_sign_in:
        app.include_router(development.router)
    _answer_errors(app)
    _answer_what_is_not_published(app)
    app.include_router(operations.router)
    app.state.figures = operations.Figures()
    app.add_middleware(operations.Watch, figures=app.state.figures)
    app.add_middleware(Shield, is_behind_tls=is_behind_tls, base_url=policies.access.sign_in.base_url)
    return app


def _sign_ins(found: Mapping[str, Way], development_sign_in: bool) -> tuple[tuple[str, str], ...]:
    given = tuple((way.path, way.label) for way in found.values())
    return (*given, (development.PATH, "Sign in for development")) if development_sign_in else given


def _answer_errors(app: FastAPI) -> None:
    @app.exception_handler(Refusal)
    def _(request: Request, error: Refusal) -> Response:
        return refused(request, error)

    @app.exception_handler(SignInNeeded)
    def _(request: Request, _: SignInNeeded) -> Response:
        if not wants_page(request):
            return refused(
                request, Refusal(401, "Not signed in", "Send a service token.", {"WWW-Authenticate": "Bearer"})
            )
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        if request.method == "GET":
            return RedirectResponse(f"/sign-in?path={quote(target, safe='')}", 303)
        # A form may lead to pages of this server only: not on to a provider, but to a page with a link there.
        return RedirectResponse("/sign-in?stay=1", 303)

    @app.exception_handler(QuestionError)
    def _(request: Request, error: QuestionError) -> Response:
        return refused(request, Refusal(400, "The address asks for something else", f"{error}."))

    @app.exception_handler(HTTPException)
    def _(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return refused(request, absent())
        return refused(request, Refusal(error.status_code, "This can't be done", f"{error.detail}.", error.headers))

    @app.exception_handler(Exception)
    def _(request: Request, _: Exception) -> Response:
        number = request.scope.get("request_id", "")
        return refused(
            request, Refusal(500, "Something broke", f"It is logged under {number}; nothing was changed half-way.")
        )


def _answer_what_is_not_published(app: FastAPI) -> None:
    @app.exception_handler(UnreadableTableError)
    def _(request: Request, error: Exception) -> Response:
        log.warning("%s: %s", request.url.path, error)
        return refused(request, Refusal(404, "Not in this publication", "There is no such table, or it isn't yours."))

    @app.exception_handler(OlderPublicationError)
    @app.exception_handler(duckdb.BinderException)
    def _(request: Request, error: Exception) -> Response:
        log.warning("%s: the publication doesn't have it: %s", request.url.path, error)
        return refused(
            request,
            Refusal(503, "Not in this publication", "This publication is older than the portal: refresh once."),
        )


def _key(settings: Settings) -> str:
    """What signs cookies: the secret `portal_key`, else a file of this home, made once and readable by its owner only.

    Several servers of one portal need the secret, so that each takes the others' cookies.
    """
    if given := settings.secret("portal_key"):
        return given
    file: Path = settings.home_path / _KEY_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError), open(file, "x", encoding="ascii", opener=_private) as new:
        new.write(secrets.token_hex(_KEY_BYTES))
    return file.read_text(encoding="ascii")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def server_config(
    app: FastAPI,
    host: str,
    port: int,
    trusted_proxies: Sequence[str] = (),
    *,
    request_seconds: float = _REQUEST_SECONDS,
    stall_seconds: float = _STALL_SECONDS,
) -> uvicorn.Config:
    """How the app is served: plain HTTP, for a proxy with TLS or for this machine alone."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=protocol(request_seconds, stall_seconds),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies) or None,
        limit_concurrency=_MOST_AT_ONCE,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_LEAVE_SECONDS,
    )
