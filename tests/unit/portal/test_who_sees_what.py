"""Every route for every kind of visitor, every published table for every kind of viewer, every page for one seller.

Routes and tables are found, not listed: what is added without a decision about who may see it fails here.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from html import unescape
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount, Route

from orchestration.policy.load import load_policies
from orchestration.refresh.histories import HISTORIES
from orchestration.settings import PROJECT_ROOT, Settings
from portal.access import CUTS, Cut, Identity, Reader, UnreadableTableError, Viewer, viewer_of
from portal.api.callers import reads
from portal.app import create_app
from portal.exports import LISTINGS
from portal.signin import oidc, saml
from portal.web import Allowed, checked_form
from tests.support.portal import (
    GEO,
    HOSTILE,
    OTHER_GEO,
    OTHER_SELLER,
    ROLES,
    SELLER,
    Person,
    entered,
    home,
    published,
    running,
    signed_in,
)

# Routes that anybody may ask, each with why that shows nothing of anybody.
PUBLIC = {
    "/static": "style and script",
    "/sign-in": "how to sign in",
    "/sign-in/out": "that one is signed out",
    "/sign-in/development": "on loopback only, where it was switched on",
    "/sign-in/oidc": "leads to the provider",
    "/sign-in/oidc/callback": "takes an answer that is tied to this browser",
    "/sign-in/oidc/back-channel": "takes a message that the provider signed",
    "/sign-in/saml": "leads to the provider",
    "/sign-in/saml/metadata": "addresses of the portal",
    "/sign-in/saml/answer": "takes an answer that the provider signed",
    "/sign-in/saml/in": "takes a session that is tied to this browser",
    "/sign-in/saml/out": "takes a message that the provider signed",
    "/hooks/zendesk/{system}": "takes a call that the system signed",
    "/hooks/salesforce/{system}": "takes a call that the system signed",
    "/healthz": "whether the portal is up",
    "/readyz": "whether the portal can answer",
    "/metrics": "for loopback, or who shows the token of the metrics",
    "/auth/dagster": "answers 401 or 403 by itself",
}
# What stands for a part of an address.
PARTS = {"kind": "csv", "name": "targets", "table": "account_signals", "stem": "calendar"}
NOBODY_HERE = "no-such-thing"


@dataclass(frozen=True)
class Site:
    """The portal as it is served, and what is behind it."""

    app: FastAPI
    base: str
    settings: Settings


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    settings = home(
        tmp_path_factory.mktemp("seen"),
        access={"groups": {"sellers": {"roles": ["seller"]}}},
        portal={"most_a_minute": 100_000, "most_sign_ins_a_minute": 100_000},
    )
    app = create_app(settings, development_sign_in=True)
    with running(app) as base:
        yield Site(app, base, settings)


def every_route(routes: Any) -> Iterator[BaseRoute]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is None:
            yield route
        else:
            yield from every_route(inner.routes)


def found_routes() -> list[BaseRoute]:
    """All routes there can be: also of sign-ins that this policy hasn't set up."""
    found = list(every_route(create_app(Settings(), development_sign_in=True).routes))
    return [*found, *oidc.router.routes, *saml.router.routes]


def gate(route: BaseRoute) -> Allowed | None:
    """What lets people through to a route."""
    gates = [call for call in calls(route) if isinstance(call, Allowed)]
    assert len(gates) <= 1
    return gates[0] if gates else None


def calls(route: BaseRoute) -> list[Any]:
    """What a route depends on."""
    if not isinstance(route, APIRoute):
        return []
    found, left = [], [route.dependant]
    while left:
        dependant = left.pop()
        found += [one.call for one in dependant.dependencies]
        left += dependant.dependencies
    return found


ROUTES = found_routes()
GATED = [route for route in ROUTES if isinstance(route, APIRoute) and gate(route)]
OF_THE_API = [route for route in ROUTES if reads in calls(route)]
_NAMES = [f"{next(iter(route.methods or ['?']))} {route.path}" for route in GATED]


def test_every_route_is_for_somebody_or_known_to_be_for_all() -> None:
    for route in ROUTES:
        assert isinstance(route, APIRoute | Route | Mount), route
        open_to_all = gate(route) is None and reads not in calls(route)
        assert open_to_all == (route.path in PUBLIC), f"{route.path}: say who may see it"


def test_every_route_that_changes_something_asks_for_the_token_of_a_form() -> None:
    for route in GATED:
        changes = not (route.methods or set()) <= {"GET", "HEAD"}
        allowed = gate(route)
        assert allowed
        assert allowed.writes == changes, f"{route.path}: writes={allowed.writes}"
        assert (checked_form in calls(route)) == changes, f"{route.path}: Depends(checked_form)"
    for route in OF_THE_API:
        assert isinstance(route, APIRoute)
        assert route.methods <= {"GET", "HEAD"}


def address(route: APIRoute, **parts: str) -> str:
    """An address of a route; parts that nothing stands for name what isn't there."""
    given = PARTS | parts
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda part: quote(given.get(part[1], NOBODY_HERE), safe=""), route.path)


@pytest.fixture(scope="module")
def people(site: Site) -> Iterator[dict[str, Person]]:
    """One of each role, and one without."""
    found = {role: signed_in(site.base, SELLER, [role], [GEO]) for role in ROLES}
    found["no role"] = entered(site.base, site.settings, Identity(SELLER, SELLER, "oidc", groups=("strangers",)))
    found["nobody"] = Person(base_url=site.base, follow_redirects=True, timeout=30)
    yield found
    for person in found.values():
        person.close()


@pytest.mark.parametrize("route", GATED, ids=_NAMES)
def test_a_route_lets_through_whom_it_is_for(route: APIRoute, people: dict[str, Person], site: Site) -> None:
    allowed = gate(route)
    assert allowed
    for kind, person in people.items():
        method = "GET" if "GET" in route.methods else "POST"
        data = {} if method == "GET" else {"data": {"form_token": "of nobody"}}
        told = person.request(method, address(route), follow_redirects=False, **data)
        if kind == "nobody":
            assert told.status_code == 303, (kind, route.path, told.status_code)
            assert told.headers["location"].startswith("/sign-in?")
        elif kind not in allowed.roles or method == "POST":
            # A form without its token isn't done, whoever sends it.
            assert told.status_code == 403, (kind, route.path, told.status_code)
            assert ("Not for your role" in told.text) == (kind not in allowed.roles)
        else:
            assert told.status_code in (200, 404), (kind, route.path, told.status_code)


@pytest.mark.parametrize("route", OF_THE_API, ids=lambda route: route.path)
def test_the_api_is_for_people_with_a_role(route: APIRoute, people: dict[str, Person]) -> None:
    for kind, person in people.items():
        told = person.get(address(route), follow_redirects=False)
        expected = {"nobody": (401,), "no role": (403,)}.get(kind, (200, 404))
        assert told.status_code in expected, (kind, route.path, told.status_code)


def test_runs_are_for_who_sees_all_accounts(people: dict[str, Person]) -> None:
    """Dagster's pages name accounts of everybody; the portal answers for the proxy before it."""
    statuses = {kind: person.get("/auth/dagster").status_code for kind, person in people.items()}
    assert {kind for kind, status in statuses.items() if status == 200} == {"executive", "revops", "admin"}
    assert statuses["nobody"] == 401


VIEWERS = {
    "an owner": Identity(SELLER, SELLER, "development", roles=("seller",)),
    "another owner": Identity(OTHER_SELLER, OTHER_SELLER, "development", roles=("seller",)),
    "an owner, written otherwise": Identity("x", "x", "oidc", roles=("seller",), names=(f"  {SELLER.upper()} ",)),
    "a seller by what pages call them": Identity("eve@example.com", SELLER, "oidc", roles=("seller",)),
    "a seller of nothing": Identity("Nobody Atall", "Nobody Atall", "development", roles=("seller",)),
    "a seller named like a pattern": Identity("%", "_%", "development", roles=("seller",), names=("' or true --",)),
    "a manager of a GEO": Identity("Boss", "Boss", "development", roles=("manager",), geos=(GEO,)),
    "a manager of another GEO": Identity("Boss", "Boss", "development", roles=("manager",), geos=(OTHER_GEO,)),
    "a manager of a region": Identity("Boss", "Boss", "development", roles=("manager",), regions=("Nordics",)),
    "a manager of nothing": Identity("Boss", "Boss", "development", roles=("manager",)),
    "a manager who owns": Identity(SELLER, SELLER, "development", roles=("manager",), geos=(OTHER_GEO,)),
    "a manager who sells": Identity(SELLER, SELLER, "development", roles=("manager", "seller"), geos=(OTHER_GEO,)),
    "an approver": Identity(SELLER, SELLER, "development", roles=("approver_high",), geos=(GEO,)),
    "of no role": Identity(SELLER, SELLER, "development", geos=(GEO,)),
    "an executive": Identity("Chief", "Chief", "development", roles=("executive",)),
    "revenue operations": Identity("Ops", "Ops", "development", roles=("revops",)),
    "an administrator": Identity("Root", "Root", "development", roles=("admin",)),
}
# Tables without an account in their rows, by what their rows are of. All others are of accounts.
OF_NO_ACCOUNT = {
    "renewal_forecast": "owner or area",
    "hygiene_scorecard": "owner or area",
    "health_check_performance": "dimension",
    "action_budget": "owner",
    **dict.fromkeys(
        ("alert_totals", "calibration", "intervention_metrics", "nps_summary", "portfolio_mix", "success_metrics"),
        "the company",
    ),
    "publication": "everyone",
    "source_freshness": "everyone",
}


class Oracle:
    """Which rows somebody may see, worked out row by row, without SQL and without the portal's words for it."""

    def __init__(self, accounts: list[dict[str, Any]], identity: Identity) -> None:
        roles = set(identity.roles)
        self.all = bool(roles & {"executive", "revops", "admin"})
        self.any = self.all or bool(roles & {"seller", "manager"})
        self.names = {plain(name) for name in (identity.person, *identity.names)} if "seller" in roles else set()
        manages = "manager" in roles
        self.geos = {plain(geo) for geo in identity.geos} if manages else set()
        self.regions = {plain(region) for region in identity.regions} if manages else set()
        self.accounts = {row["account_id"] for row in accounts if self.of(row, "owner_name", "csm_name", "ae_name")}

    def of(self, row: dict[str, Any], *owners: str) -> bool:
        """Whether a row with owners, GEO and region is of somebody's."""
        return (
            any(plain(row.get(owner)) in self.names for owner in owners)
            or plain(row.get("geo")) in self.geos
            or plain(row.get("region")) in self.regions
        )

    def sees(self, table: str, row: dict[str, Any]) -> bool:
        kind = OF_NO_ACCOUNT.get(table, "an account")
        if self.all or kind == "everyone":
            return True
        if not self.any or kind == "the company":
            return False
        if kind == "an account":
            nobodys = table == "hygiene_issues" and row["account_id"] is None
            return row["account_id"] in self.accounts or (nobodys and self.of(row, "owner_name"))
        if kind == "owner":
            return plain(row["owner"]) in self.names
        if kind == "dimension":
            mine = {"owner": self.names, "geo": self.geos, "region": self.regions}.get(row["dimension"], set())
            return plain(row["value"]) in mine
        return self.of(row, "owner_name")


def plain(text: str | None) -> str | None:
    return None if text is None else text.strip(" ").lower()


def test_every_published_table_has_a_cut() -> None:
    models = {file.stem for file in (PROJECT_ROOT / "dbt_project" / "models" / "published").rglob("*.sql")}
    kept = {history.published for history in HISTORIES.values() if history.published}
    assert models | kept | {"publication"} == set(CUTS)


@pytest.fixture(scope="module")
def tables(site: Site) -> dict[str, list[dict[str, Any]]]:
    """Every published table, read from its files."""
    return {name: published(site.settings, f'select * from "{name}"') for name in CUTS}


@pytest.mark.parametrize("kind", VIEWERS)
def test_a_viewer_gets_exactly_their_rows(kind: str, site: Site, tables: dict[str, list[dict[str, Any]]]) -> None:
    identity = VIEWERS[kind]
    viewer = viewer_of(load_policies(site.settings.policies).access, identity)
    oracle = Oracle(tables["account_signals"], identity)
    seen = 0
    with site.app.state.portal.library.current() as edition:
        reader = Reader(edition, viewer)
        for name, rows in tables.items():
            expected = counted(row for row in rows if oracle.sees(name, row))
            assert counted(reader.rows(f"select * from {{{name}}}")) == expected, name
            seen += sum(expected.values()) if name not in ("publication", "source_freshness") else 0
        ids = reader.account_ids
        assert (ids is None) == oracle.all
        assert oracle.all or ids == oracle.accounts
    nothing = ("a seller of nothing", "named like a pattern", "by what pages call", "manager of nothing", "no role")
    assert (seen == 0) == (any(one in kind for one in (*nothing, "approver")))


def counted(rows: Any) -> Counter[tuple[Any, ...]]:
    return Counter(tuple((name, repr(value)) for name, value in sorted(row.items())) for row in rows)


def test_answers_that_are_kept_are_nobody_elses(site: Site, tables: dict[str, list[dict[str, Any]]]) -> None:
    """The same query of several viewers, again and again: what one was told isn't told to the next."""
    access = load_policies(site.settings.policies).access
    with site.app.state.portal.library.current() as edition:
        for _ in range(3):
            for identity in VIEWERS.values():
                found = Reader(edition, viewer_of(access, identity)).rows("select account_id from {account_signals}")
                oracle = Oracle(tables["account_signals"], identity)
                expected = len(tables["account_signals"]) if oracle.all else len(oracle.accounts)
                assert len(found) == expected


def test_a_token_for_some_tables_reads_no_other(site: Site) -> None:
    viewer = Viewer(
        "machine", "machine", frozenset({"executive"}), sees=frozenset({"all"}), tables=frozenset({"alerts"})
    )
    with site.app.state.portal.library.current() as edition:
        reader = Reader(edition, viewer)
        reader.rows("select * from {alerts}")
        assert [name for name in CUTS if reader.has(name)] == ["alerts"]
        with pytest.raises(UnreadableTableError):
            reader.rows("select * from {account_signals}")
        with pytest.raises(UnreadableTableError):
            reader.rows("select * from {no_such_table}")


def test_cuts_are_of_the_kinds_that_are_tested() -> None:
    kinds = {
        Cut.AREA: "owner or area",
        Cut.DIMENSION: "dimension",
        Cut.OWNER: "owner",
        Cut.COMPANY: "the company",
        Cut.EVERYONE: "everyone",
    }
    for table, cut in CUTS.items():
        assert OF_NO_ACCOUNT.get(table) == kinds.get(cut), table


# One seller, everything they can get at.


@dataclass(frozen=True)
class Foreign:
    """What a seller must never read: ids and names of accounts that aren't theirs."""

    ids: frozenset[str]
    texts: frozenset[str]
    own_id: str

    def check(self, where: str, text: str) -> None:
        found = next((one for one in self.texts if one in text), None)
        assert found is None, f"{where} tells of {found!r}"


@pytest.fixture(scope="module")
def foreign(site: Site, tables: dict[str, list[dict[str, Any]]]) -> Foreign:
    # The demo company has the accounts that the simulator shows as examples to everybody.
    examples = {one.name for one in load_policies(site.settings.policies).simulator.examples}
    oracle = Oracle(tables["account_signals"], VIEWERS["another owner"])
    own = [row for row in tables["account_signals"] if row["account_id"] in oracle.accounts]
    others = [row for row in tables["account_signals"] if row["account_id"] not in oracle.accounts]
    assert len(own) >= 2
    own_text = " ".join(" ".join((row["account_id"], row["account_name"] or "")) for row in own)
    names = {row["account_name"] for row in others if row["account_name"] and row["account_name"] not in own_text}
    names -= examples
    contracts = {
        row["contract_id"]
        for row in tables["health_check_targets"]
        if row["contract_id"] and row["account_id"] not in oracle.accounts
    }
    assert len(names) > 50
    assert len(contracts) > 50
    ids = frozenset(row["account_id"] for row in others)
    # A huge name is cut where it is shown; its beginning is as telling.
    texts = {text[:60] for text in ids | names | contracts if len(text) > 3}
    return Foreign(ids, frozenset(texts), own[0]["account_id"])


def readable(told: httpx.Response) -> str:
    """What somebody reads in an answer, whatever it is."""
    kind = told.headers.get("content-type", "")
    if "html" in kind or "text" in kind or "json" in kind or "csv" in kind:
        return unescape(told.text)
    if "presentation" in kind:
        from pptx import Presentation

        texts = []
        for slide in Presentation(BytesIO(told.content)).slides:
            for shape in slide.shapes:
                texts.append(shape.text_frame.text if shape.has_text_frame else "")
                if shape.has_table:
                    texts += [cell.text for row in shape.table.rows for cell in row.cells]
            texts.append(slide.notes_slide.notes_text_frame.text if slide.has_notes_slide else "")
        return "\n".join(texts)
    if "spreadsheet" in kind:
        from openpyxl import load_workbook

        book = load_workbook(BytesIO(told.content), read_only=True)
        return "\n".join(str(value) for sheet in book for row in sheet.values for value in row if value is not None)
    return ""


def walk(person: Person, starts: list[str], most: int) -> Iterator[tuple[str, httpx.Response]]:
    """Pages by their links, each kind of question once: of links that differ only in a value, the first few."""
    waiting, known, kinds = list(starts), set(starts), Counter[str]()
    while waiting and most:
        path = waiting.pop(0)
        told = person.get(path)
        most -= 1
        yield path, told
        if "html" not in told.headers.get("content-type", ""):
            continue
        for link in re.findall(r'(?:href|action|hx-get|src)="([^"]+)"', told.text):
            target = unescape(link)
            parts = urlsplit(target)
            if parts.netloc or parts.path.startswith(("/static", "/sign-")) or target.startswith("#"):
                continue
            target = f"{parts.path or urlsplit(path).path}{f'?{parts.query}' if parts.query else ''}"
            kind = re.sub(r"/[^/]*\d[^/]*", "/#", parts.path) + str(sorted(name for name, _ in parse_qsl(parts.query)))
            if target not in known and kinds[kind] < 4:
                kinds[kind] += 1
                known.add(target)
                waiting.append(target)


def test_a_seller_reads_nothing_of_others(site: Site, foreign: Foreign) -> None:
    with closing(signed_in(site.base, OTHER_SELLER, ["seller"])) as seller:
        starts = ["/", "/api"]
        kinds = ("csv", "xlsx", "brief.pdf", "qbr.pptx", "health-check.pptx")
        for route in GATED:
            allowed = gate(route)
            if "GET" in route.methods and allowed and "seller" in allowed.roles:
                given = [{"kind": kind} for kind in kinds] if "{kind}" in route.path else [{}]
                starts += [address(route, account_id=foreign.own_id, **parts) for parts in given]
        starts += [f"/export/{name}.{kind}" for name, kind in itertools.product(LISTINGS, ("csv", "xlsx"))]
        starts += [f"/api/v1/tables/{name}?limit=1000" for name in CUTS]
        starts += [f"/api/v1/accounts/{foreign.own_id}", "/api/v1/actions", "/api/v1/openapi.json"]
        read = Counter[int]()
        for path, told in walk(seller, list(dict.fromkeys(starts)), 220):
            assert told.status_code < 500, (path, told.status_code)
            read[told.status_code] += 1
            foreign.check(path, readable(told))
        assert read[200] > 40, read


def test_an_account_of_others_answers_as_one_that_is_not_there(site: Site, foreign: Foreign) -> None:
    some = [next(one for one in foreign.ids if one not in HOSTILE), *HOSTILE]
    with (
        closing(signed_in(site.base, OTHER_SELLER, ["seller"])) as seller,
        closing(signed_in(site.base, "Chief", ["executive"])) as chief,
    ):
        for route in [*GATED, *OF_THE_API]:
            if "{account_id" not in route.path or "GET" not in route.methods:
                continue
            for kind in ("brief.pdf", "qbr.pptx") if "{kind}" in route.path else ("",):
                absent = seller.get(address(route, account_id="A-99999", kind=kind))
                assert absent.status_code == 404
                for account_id in some:
                    told = seller.get(address(route, account_id=account_id, kind=kind))
                    assert (told.status_code, bare(told, account_id)) == (404, bare(absent, "A-99999")), account_id
            assert chief.get(address(route, account_id=some[0], kind="brief.pdf")).status_code == 200
        # What narrows a list down finds nothing of others either.
        for path in ("/", "/accounts", "/actions", "/alerts", "/hygiene"):
            for account_id in some[:3]:
                for name in ("account", "q"):
                    told = seller.get(path, params={name: account_id})
                    assert foreign_rows(told, foreign) == 0, (path, name)


def bare(told: httpx.Response, account_id: str) -> str:
    """An answer without what it repeats of the question."""
    text = unescape(told.text)
    for form in (account_id, quote(account_id, safe=""), quote(account_id)):
        text = text.replace(form, "…")
    return re.sub(r'name="path" value="[^"]*"', "", text)


def foreign_rows(told: httpx.Response, foreign: Foreign) -> int:
    links = {unescape(link) for link in re.findall(r'href="/accounts/([^"?]+)"', told.text)}
    return sum(1 for one in foreign.ids if quote(one, safe="") in links or one in links)


def test_hostile_names_are_only_text(site: Site) -> None:
    """Names with markup, quotes, SQL, marks of direction, of ten thousand letters: on every page of their owner."""
    with closing(signed_in(site.base, SELLER, ["seller"])) as seller:
        starts = ["/", "/accounts", *(f"/accounts/{quote(one, safe='')}" for one in HOSTILE)]
        pages = 0
        for path, told in walk(seller, starts, 120):
            assert told.status_code < 500, (path, told.status_code)
            if "html" not in told.headers.get("content-type", ""):
                continue
            pages += 1
            for markup in ("<script>alert", "<img src=x", "{{ 7", "<b>"):
                assert markup not in told.text or markup == "{{ 7", (path, markup)
            assert "Long " * 100 not in told.text, path
            assert not re.search(r"\son[a-z]+=|\sstyle=|<script(?! src=)|javascript:", strip_text(told.text)), path
        assert pages > 30


def strip_text(page: str) -> str:
    """A page's tags alone, with quoted values that hold no quote taken out of what isn't an attribute's name."""
    return " ".join(re.sub(r'"[^"]*"', '""', tag) for tag in re.findall(r"<[^!][^>]*>", page))
