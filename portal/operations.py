"""For those who run the portal: is it ready, how does it do, who may look at Dagster; and a line a request in the log.

| | |
|---|---|
| `GET /healthz` | the process answers (`hooks.py`) |
| `GET /readyz` | 200 where ledger and publication can be used, else 503 and what can't |
| `GET /metrics` | figures for Prometheus; for this machine alone, or for who has the secret `metrics_token` |
| `GET /auth/dagster` | asked by a proxy before the Dagster UI: 200 with `X-Dagster-Access` full or read, 401, 403 |
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import sqlalchemy as sa
from fastapi import APIRouter, Request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestration.ledger.store import utc_now
from orchestration.ledger.tables import actions, alerts, hook_calls, notices, sessions, write_queue
from orchestration.logs import FIELDS
from orchestration.loopback import is_loopback
from orchestration.publishing.errors import PublishingError
from orchestration.publishing.manifest import Manifest, current_snapshot_id, read_snapshot
from portal.access import viewer_of
from portal.web import Portal, Refusal, Visit, absent, refused

if TYPE_CHECKING:
    from starlette.applications import Starlette

log = logging.getLogger("portal.requests")
router = APIRouter()

# Who may start and stop things in the Dagster UI; whoever else may sign in looks only.
OPERATORS = frozenset({"revops", "admin"})
_TOKEN_SECRET = "metrics_token"  # noqa: S105 - the name of a secret
# Headers that say that somebody asks through a proxy, so that the address is the proxy's.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
# Seconds.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_UNMATCHED = "unmatched"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Figures:
    """What is counted of the requests of one app, and asked of its stores when somebody looks."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "account_health_requests", "Requests.", ("route", "method", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "account_health_request_seconds",
            "Time to the end of an answer.",
            ("route",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)

    def text(self, portal: Portal) -> bytes:
        """All figures as Prometheus reads them."""
        asked = CollectorRegistry()
        asked.register(_Stores(portal))
        return generate_latest(self.registry) + generate_latest(asked)


class _Stores:
    """Figures of publication and ledger, as they are now."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._publication()
        yield from self._ledger()

    def _publication(self) -> Iterator[GaugeMetricFamily]:
        manifest, _ = _published(self._portal)
        usable = manifest is not None and self._portal.library.problem is None
        yield _gauge("publication_usable", "1 where the newest publication is the one that is shown.", int(usable))
        if manifest is not None:
            age = (utc_now() - manifest.published_at).total_seconds()
            yield _gauge("publication_age_seconds", "Time since the newest publication was made.", age)
            behind = (utc_now().date() - manifest.as_of_date).days
            yield _gauge("publication_as_of_age_days", "Days since the date that it speaks for (UTC).", behind)

    def _ledger(self) -> Iterator[GaugeMetricFamily]:
        try:
            with self._portal.store.reading() as con:
                counted = [
                    (name, text, label, con.execute(query).all()) for name, text, label, query in self._questions()
                ]
        except sa.exc.SQLAlchemyError:
            yield _gauge("ledger_usable", "1 where the ledger can be read.", 0)
            return
        yield _gauge("ledger_usable", "1 where the ledger can be read.", 1)
        for name, text, label, rows in counted:
            family = GaugeMetricFamily(f"account_health_{name}", text, labels=[label] if label else [])
            for *value, count in rows:
                family.add_metric([str(one) for one in value], count)
            yield family

    def _questions(self) -> Iterator[tuple[str, str, str | None, sa.Select]]:
        """(name, what it says, label, query of label and count)."""
        count = sa.func.count()
        for name, table, column, text in (
            ("actions", actions, actions.c.status, "Actions of the ledger."),
            ("notices", notices, notices.c.status, "Messages about alerts."),
            ("records_to_write", write_queue, write_queue.c.status, "Records that wait to be written back."),
        ):
            yield name, text, "status", sa.select(column, count).select_from(table).group_by(column)
        open_alerts = alerts.c.step.not_in(("closed", "cleared"))
        yield "alerts_open", "Alerts that aren't over.", None, sa.select(count).select_from(alerts).where(open_alerts)
        waiting = hook_calls.c.taken_in_run.is_(None)
        told = "Records named by calls from outside that wait for a refresh."
        yield "hook_records_waiting", told, None, sa.select(count).select_from(hook_calls).where(waiting)
        idle = timedelta(minutes=self._portal.policies.portal.session_idle_minutes)
        now = utc_now()
        holds = (sessions.c.ends_at > now) & (sessions.c.last_seen_at > now - idle)
        yield "sessions", "People who are signed in.", None, sa.select(count).select_from(sessions).where(holds)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"account_health_{name}", text, value=value)


def _published(portal: Portal) -> tuple[Manifest | None, str]:
    """The newest publication, and how it is: ok, none, or unreadable."""
    folder = portal.settings.published_path
    try:
        snapshot_id = current_snapshot_id(folder)
        if snapshot_id is None:
            return None, "none"
        return read_snapshot(folder / snapshot_id).manifest, "unreadable" if portal.library.problem else "ok"
    except (PublishingError, OSError):
        return None, "unreadable"


@router.get("/readyz")
def ready(request: Request) -> Response:
    """Whether requests can be answered; no more than that is told to anybody who asks."""
    portal: Portal = request.app.state.portal
    try:
        with portal.store.reading() as con:
            con.execute(sa.select(1))
        ledger = "ok"
    except sa.exc.SQLAlchemyError:
        ledger = "unreachable"
    _, publication = _published(portal)
    is_ready = ledger == publication == "ok"
    return JSONResponse({"ready": is_ready, "ledger": ledger, "publication": publication}, 200 if is_ready else 503)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Figures for Prometheus; whoever may not have them is told there is nothing."""
    portal: Portal = request.app.state.portal
    if not _may_have_figures(request, portal.settings.secret(_TOKEN_SECRET)):
        raise absent()
    figures: Figures = request.app.state.figures
    return Response(figures.text(portal), media_type=CONTENT_TYPE_LATEST)


def _may_have_figures(request: Request, token: str | None) -> bool:
    if token:
        given = request.headers.get("authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    if any(name in request.headers for name in _FORWARDED):
        return False
    # A page elsewhere that has its name lead to this machine asks from loopback too, but by that name.
    return request.client is not None and is_loopback(request.client.host) and is_loopback(_called(request))


def _called(request: Request) -> str:
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


@router.get("/auth/dagster")
def dagster(request: Request) -> Response:
    """What a session may do in the Dagster UI, for the proxy before it; nothing about it is counted as a visit."""
    portal: Portal = request.app.state.portal
    session = portal.sessions.find(request.cookies.get(portal.session_cookie))
    if session is None:
        return Response(status_code=401)
    viewer = viewer_of(portal.policies.access, session.identity)
    if not viewer.sees_all:
        # Pages of runs name accounts of everybody.
        return Response(status_code=403)
    return Response(status_code=200, headers={"X-Dagster-Access": "full" if viewer.may(*OPERATORS) else "read"})


class Watch:
    """Middleware: closes the visit of every request, counts and logs it, and answers what broke.

    Written as plain ASGI, so that exports stream. It stands inside of `Shield`, so that an answer to what broke has the
    security headers too.
    """

    def __init__(self, app: ASGIApp, *, figures: Figures) -> None:
        self._app = app
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception:
            log.exception("a request broke", extra={FIELDS: {"request_id": scope.get("request_id")}})
            if status:
                # Half of an answer is out: cutting it off is the only way left to say so.
                raise
            await _broken(scope)(scope, receive, sent)
        finally:
            if visit := _visit(scope):
                visit.close()
            self._tell(scope, status, time.perf_counter() - began)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._figures.requests.labels(route, method, str(status)).inc()
        self._figures.seconds.labels(route).observe(seconds)
        fields = {
            "request_id": scope.get("request_id"),
            "method": method,
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 1),
            "person": _person(scope),
        }
        log.log(
            logging.DEBUG if route in ("/healthz", "/readyz", "/metrics", "/static") else logging.INFO,
            "request",
            extra={FIELDS: fields},
        )


def _broken(scope: Scope) -> Response:
    number = scope.get("request_id", "")
    return refused(
        Request(scope), Refusal(500, "Something broke", f"It is logged under {number}; nothing was changed half-way.")
    )


def _route(scope: Scope) -> str:
    """The route's template: what was asked for may name an account."""
    route = scope.get("route")
    if template := getattr(route, "path", None):
        return str(template)
    first = scope["path"].split("/")[1]
    if first in ("static", "hooks", "healthz"):
        return f"/{first}"
    return _UNMATCHED


def _visit(scope: Scope) -> Visit | None:
    return scope.get("state", {}).get("visit")


def _person(scope: Scope) -> str | None:
    """Who asked, as a hash that tells people apart and names nobody."""
    visit = _visit(scope)
    if visit is None:
        return None
    app: Starlette = scope["app"]
    key = app.state.portal.sessions.pseudonym_key
    return hmac.new(key, visit.viewer.person.encode(), hashlib.sha256).hexdigest()[:12]
