"""What every page shares: who asks, of which publication, may they, and how an answer or an error looks.

A page is a function with a `Visit`, which `Allowed` makes: `visit: Visit = Depends(Allowed("manager"))`. A route
without one, that isn't among the public ones, is a fault that a test finds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from fastapi.routing import APIRoute
from itsdangerous import BadData, URLSafeTimedSerializer
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from orchestration.actions.decide import Desk
from orchestration.ledger.store import Store, utc_now
from orchestration.policy.models import Policies
from orchestration.publishing.errors import NothingPublishedError
from orchestration.settings import Settings
from portal import audit, charts, words
from portal.access import Reader, Viewer, viewer_of
from portal.background import Background
from portal.forms import read_fields, read_upload
from portal.ledger_mirror import Mirror
from portal.previews import Drafts
from portal.publications import Edition, Library
from portal.security import Rates, cookie_name, is_same_site
from portal.sessions import Session, Sessions
from portal.tokens import Tokens
from portal.worklist import Worklist

if TYPE_CHECKING:
    from portal.signin.common import Way
    from portal.signin.pending import Pending

STATIC = Path(__file__).parent / "static"
SESSION_COOKIE = "account_health_session"
THEME_COOKIE = "account_health_theme"
FORM_TOKEN = "form_token"  # noqa: S105 - the name of a field
_SAID_COOKIE = "account_health_said"
_SAID_SECONDS = 30
_MOST_FIELDS = 2_000
# Everybody who may sign in at all.
ALL = ("seller", "manager", "executive", "revops", "approver_low", "approver_medium", "approver_high", "admin")


class Refusal(Exception):
    """An answer that isn't the page: its words are shown to the person."""

    def __init__(self, status: int, title: str, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {title}")
        self.status = status
        self.title = title
        self.text = text
        self.headers = dict(headers or {})


class SignInNeeded(Exception):
    """Nobody is signed in; a page leads to sign-in, the API says 401."""


def absent() -> Refusal:
    """What one may not see, and what isn't there, answer alike."""
    return Refusal(404, "Not here", "There is no such page, or it isn't yours to see.")


@dataclass
class Portal:
    """What the app has at hand for every request; `app.state.portal`."""

    settings: Settings
    policies: Policies
    library: Library
    store: Store
    # The actions of the ledger, as their queue looks for them.
    mirror: Mirror
    # What there is to do, of each publication, as the ledger has it now.
    worklist: Worklist
    sessions: Sessions
    tokens: Tokens
    rates: Rates
    sign_in_rates: Rates
    # Where simulations run.
    background: Background
    # Where previews of policies run, and what came of them.
    previews: Background
    drafts: Drafts
    # Sign-ins under way.
    pending: Pending
    # Signs what a page says after a write.
    said: URLSafeTimedSerializer
    # Ways to sign in that policy has set up, by their method.
    ways: Mapping[str, Way] = field(default_factory=dict)
    # All ways to sign in, by the path they begin at: (path, label).
    sign_ins: tuple[tuple[str, str], ...] = ()
    is_behind_tls: bool = False
    # Looking sessions up, and pages that read, wait for their turn before they begin, not while. The interpreter runs
    # one thread at a time, and another while the first is in the database: more of them would make each page later.
    lookups: CapacityLimiter = field(default_factory=partial(CapacityLimiter, 1))
    pages: CapacityLimiter = field(default_factory=partial(CapacityLimiter, 2))

    def shows(self, snapshot_id: str) -> None:
        """What was worked out of other publications goes: they may name an account that was forgotten since."""
        for one in (self.background, self.previews):
            one.shows(snapshot_id)

    @cached_property
    def policy_version(self) -> str:
        """Of the policies that the portal runs with."""
        return self.policies.version

    @property
    def session_cookie(self) -> str:
        """The name of the cookie that names a session."""
        return cookie_name(SESSION_COOKIE, self.is_behind_tls)


@dataclass
class Visit:
    """One request of somebody who is signed in, with the publication it sees to its end."""

    request: Request
    portal: Portal
    viewer: Viewer
    session: Session | None
    # Whether the form of this request may have a file.
    takes_files: bool = False
    _edition: Edition | None = None

    @property
    def policies(self) -> Policies:
        return self.portal.policies

    @property
    def store(self) -> Store:
        return self.portal.store

    @cached_property
    def reader(self) -> Reader:
        """The viewer's sight of the publication; raises Refusal where nothing is published."""
        if self._edition is None:
            try:
                self._edition = self.portal.library.take()
                self.portal.shows(self._edition.snapshot_id)
            except NothingPublishedError:
                raise Refusal(
                    503,
                    "Nothing is published yet",
                    "The first refresh makes the first publication: account-health refresh, or make demo.",
                ) from None
        return Reader(self._edition, self.viewer)

    @property
    def today(self) -> date:
        """The date the publication speaks for: what is "ago" is so from there, not from the clock."""
        return self.reader.manifest.as_of_date

    @cached_property
    def desk(self) -> Desk:
        """Where the viewer decides on actions, with the roles that sign-in gave."""
        return Desk(self.store, self.policies, self.viewer.person, utc_now(), self.viewer.roles)

    def audit(self, event: audit.Event, subject: str | None = None, **more: str | None) -> None:
        """Log what the viewer does."""
        audit.record(self.store, self.request, event, self.viewer.person, subject, **more)

    def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page of this visit."""
        return render(self.request, template, status, visit=self, **values)

    def back(self, path: str, said: str | None = None) -> RedirectResponse:
        """After a write: to a page of this server, with a sentence about what was done."""
        answer = RedirectResponse(path, 303)
        if said:
            answer.set_cookie(
                _SAID_COOKIE,
                self.portal.said.dumps([self.viewer.person, said[:300]]),
                max_age=_SAID_SECONDS,
                httponly=True,
                samesite="lax",
                secure=self.portal.is_behind_tls,
            )
        return answer

    def close(self) -> None:
        """Let go of the publication."""
        if self._edition is not None:
            self._edition.let_go()
            self._edition = None


class Allowed:
    """A dependency that makes the visit of a route; only for people with one of these roles.

    The visit is closed at the end of the answer (`portal.operations.Watch`).
    """

    def __init__(self, *roles: str, writes: bool = False, takes_files: bool = False) -> None:
        self.roles = frozenset(roles or ALL)
        self.writes = writes
        self.takes_files = takes_files

    async def __call__(self, request: Request) -> Visit:
        portal: Portal = request.app.state.portal
        cookie = request.cookies.get(portal.session_cookie)
        session = await to_thread.run_sync(portal.sessions.look, cookie, limiter=portal.lookups)
        if session is None:
            raise SignInNeeded
        if session.unnoted:
            # Whoever writes to the ledger meanwhile may take a while.
            await run_in_threadpool(portal.sessions.note, session)
        viewer = viewer_of(portal.policies.access, session.identity)
        check_rate(portal.rates, viewer.person)
        visit = Visit(request, portal, viewer, session, self.takes_files)
        request.state.visit = visit
        if self.roles.isdisjoint(viewer.roles):
            detail = f"{request.method} by {_listed(viewer.roles)}"
            await run_in_threadpool(visit.audit, audit.Event.DENIED, request.url.path, detail=detail)
            raise Refusal(
                403,
                "Not for your role",
                f"{_listed(self.roles)} may do this; you are {_listed(viewer.roles) or 'in no role yet'}."
                " Roles are given in policies/access.yaml.",
            )
        host = request.headers.get("host", "")
        if self.writes and not is_same_site(request.headers, host, is_behind_tls=portal.is_behind_tls):
            detail = "a form of another site"
            await run_in_threadpool(visit.audit, audit.Event.DENIED, request.url.path, detail=detail)
            raise Refusal(403, "Not from here", "This was asked for by a page of another site, so it wasn't done.")
        return visit


async def checked_form(request: Request) -> FormData:
    """The form of a write, made by a page of this session; raises Refusal. A dependency of every route that writes."""
    import hmac

    visit: Visit | None = getattr(request.state, "visit", None)
    if visit is not None and visit.takes_files:
        form = await read_upload(request, _MOST_FIELDS)
    else:
        form = await read_fields(request, _MOST_FIELDS)
    session = visit.session if visit else None
    given = request.headers.get("x-form-token") or form.get(FORM_TOKEN)
    expected = session.form_token.encode() if session else b""
    if session is None or not isinstance(given, str) or not hmac.compare_digest(given.encode(), expected):
        if visit is not None:
            visit.audit(audit.Event.DENIED, request.url.path, detail="a form without the token of this session")
        raise Refusal(403, "This form is too old", "Load the page again, then send the form.")
    return form


def check_rate(rates: Rates, key: str) -> None:
    """Raises Refusal where too many requests of this key came."""
    if waits := rates.wait_seconds(key):
        raise Refusal(429, "Too many requests", f"Try again in {waits} seconds.", {"Retry-After": str(waits)})


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page, also for nobody in particular."""
    environment: Environment = request.app.state.templates
    visit = values.setdefault("visit", None)
    theme = request.cookies.get(THEME_COOKIE)
    values |= {
        "request": request,
        "portal": request.app.state.portal,
        "viewer": visit.viewer if visit else None,
        "form_token": visit.session.form_token if visit and visit.session else "",
        "theme": theme if theme in ("light", "dark") else "",
        "said": _said(request, visit),
    }
    text = environment.get_template(template).render(values)
    answer = HTMLResponse(text, status)
    if _SAID_COOKIE in request.cookies:
        answer.delete_cookie(_SAID_COOKIE)
    return answer


def _said(request: Request, visit: Visit | None) -> str | None:
    """The sentence that this portal left for this person a moment ago; nobody else's is shown."""
    if visit is None:
        return None
    try:
        person, text = visit.portal.said.loads(request.cookies.get(_SAID_COOKIE, ""), max_age=_SAID_SECONDS)
    except (BadData, ValueError, TypeError):
        return None
    return str(text) if person == visit.viewer.person else None


class PageRoute(APIRoute):
    """A route of pages that only read: those wait for their turn before they are worked on, not while."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        reads = more.get("methods") in (["GET"], {"GET"})
        super().__init__(path, _in_turn(endpoint) if reads else endpoint, **more)


def _in_turn(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(endpoint)
    async def answered(visit: Visit, **named: Any) -> Any:
        return await to_thread.run_sync(partial(endpoint, visit=visit, **named), limiter=visit.portal.pages)

    return answered


class Pages(Environment):
    """Templates whose rows are dictionaries: their columns are looked up as such first, not as attributes."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """The column of a row, or the attribute of anything else."""
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


def environment(policies: Policies) -> Environment:
    """The templates with their filters; everything is escaped."""
    made = Pages(
        loader=PackageLoader("portal"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= words.filters(policies.calendar.reporting_currency)
    made.globals["navigation"] = NAVIGATION
    made.globals["chart"] = charts
    made.globals["form_field"] = FORM_TOKEN
    return made


# (path, label, roles that see it in the navigation)
NAVIGATION = (
    ("/", "Targets", ALL),
    ("/accounts", "Accounts", ALL),
    ("/actions", "Actions", ALL),
    ("/alerts", "Alerts", ALL),
    ("/hygiene", "Hygiene", ALL),
    ("/portfolio", "Portfolio", ("manager", "executive", "admin")),
    ("/simulator", "Simulator", ALL),
    ("/policies", "Policies", ("revops", "admin")),
    ("/status", "Status", ALL),
    ("/audit", "Audit", ("admin",)),
)


def wants_page(request: Request) -> bool:
    """Whether an error is read by a person, not by a program."""
    return not request.url.path.startswith("/api/")


def refused(request: Request, refusal: Refusal) -> Response:
    """How a refusal is answered."""
    if not wants_page(request):
        return _problem(refusal)
    visit = getattr(request.state, "visit", None)
    answer = render(request, "refused.html.j2", refusal.status, visit=visit, refusal=refusal)
    answer.headers.update(refusal.headers)
    return answer


def _problem(refusal: Refusal) -> Response:
    """A refusal for a program (RFC 9457)."""
    content = {"type": "about:blank", "title": refusal.title, "status": refusal.status, "detail": refusal.text}
    return JSONResponse(content, refusal.status, refusal.headers, media_type="application/problem+json")


def safe_path(text: str | None) -> str:
    """Where a sign-in leads: a path of this server, or its first page; never another host."""
    if not text or not text.startswith("/") or text.startswith(("//", "/\\")) or any(ord(one) < 33 for one in text):
        return "/"
    return text if "\\" not in text else "/"


def _listed(roles: frozenset[str]) -> str:
    return ", ".join(sorted(role.replace("_", " ") for role in roles))
