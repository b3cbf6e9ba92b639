"""The CRM: sign-in, versions, describe, queries with pages, limits.

Writing, reports and query jobs are in modules of their own that add to the same routes.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.simulators import bulk, reports, writing  # noqa: F401 -- writing only adds its routes
from tests.simulators.company import Company, Row
from tests.simulators.objects import Field, Object, make_id
from tests.simulators.replies import ROUTES, Refusal, not_found, reply
from tests.simulators.soql import Query, QueryError, Runner, parse
from tests.simulators.wire import Answer, Request, Written

_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# An assertion may be good for so long.
_LONGEST_ASSERTION = timedelta(minutes=3)
_LEAST_BATCH, _MOST_BATCH = 200, 2000


@dataclass
class Cursor:
    """A query under way: which records, and the fields wanted. Their values are read page by page."""

    query: Query
    keys: list[str]
    everything: bool
    # Records of `mass`, as they are sent.
    made: list[Row] | None = None


class Salesforce:
    """The CRM's switches, and what it remembers."""

    def __init__(self, company: Company, written: list[Written]) -> None:
        self.company = company
        self.written = written
        self.url = ""
        # What the answer to sign-in names as the address of all else; the simulator's own when blank.
        self.instance_url = ""
        self.client_id, self.client_secret = "3MVG9.simulated.client", "secret of the simulated client"
        self.username = "integration@vendor.example"
        self.audiences = {"https://login.salesforce.com", "https://test.salesforce.com"}
        self.public_key: str | None = None
        self.session_seconds = 7200
        self.versions = ["58.0", "59.0", "60.0", "61.0", "62.0", "63.0"]
        self.daily_calls = 100_000
        self.calls_today = 0
        # Rows of a page where fewer are wanted than the least batch that can be asked for.
        self.page_rows: int | None = None
        # The right Query All Files: links of files may be asked for without saying whose.
        self.query_all_files = False
        self.hidden: set[tuple[str, str]] = set()
        self.forbidden: set[str] = set()
        self.sessions: dict[str, datetime] = {}
        self.cursors: dict[str, Cursor] = {}
        self.jobs = bulk.Jobs()
        self.reports = reports.standard_reports()

    # --- Switches.

    @property
    def private_key(self) -> str:
        """A key that the app is registered with once it was asked for (PEM)."""
        private, self.public_key = _key_pair()
        return private

    def hide(self, name: str, *fields: str) -> None:
        """Take the right to fields, or delete them: the vendor answers the same."""
        self.hidden |= {(name, field) for field in fields}

    def forbid(self, *names: str) -> None:
        """Take the right to objects."""
        self.forbidden |= set(names)

    def retype(self, name: str, field: str, new_type: str) -> None:
        """Change a field's type."""
        self.company.objects[name].fields[field].type = new_type

    def visible(self) -> dict[str, Object]:
        """What the user may read."""
        found = {}
        for name, one in self.company.objects.items():
            if name in self.forbidden:
                continue
            seen = copy(one)
            seen.fields = {field: kept for field, kept in one.fields.items() if (name, field) not in self.hidden}
            found[name] = seen
        return found

    def runner(self) -> Runner:
        """What runs the user's queries."""
        return Runner(self.company, self.visible(), all_files=self.query_all_files)

    def object(self, name: str) -> Object:
        """An object that the user may read."""
        found = self.visible().get(name)
        if found is None:
            raise not_found()
        return found

    def field(self, name: str, field: str) -> Field:
        """A field that the user may read."""
        found = self.object(name).fields.get(field)
        if found is None:
            raise Refusal(400, "INVALID_FIELD", f"No such column '{field}' on sobject of type {name}", (field,))
        return found

    # --- Answering.

    def answer(self, request: Request) -> Answer:
        """Answer a call."""
        if request.path == "/services/oauth2/token":
            return self._token(request) if request.method == "POST" else Answer(405)
        try:
            answer = self._signed_in(request)
        except Refusal as refusal:
            answer = reply(refusal.content(), refusal.status)
        except QueryError as error:
            answer = reply([{"message": error.message, "errorCode": error.code}], 400)
        answer.headers["Sforce-Limit-Info"] = f"api-usage={self.calls_today}/{self.daily_calls}"
        return answer

    def _signed_in(self, request: Request) -> Answer:
        if request.path != "/services/data":
            self._admit(request)
        if request.too_long:
            return Answer(414, b"<html><body><h1>URI Too Long</h1></body></html>", {"Content-Type": "text/html"})
        found = ROUTES.find(request)
        if found is None:
            raise not_found()
        function, (*arguments,) = found
        if arguments and arguments[0] not in self.versions:
            raise not_found()
        return function(self, request, *arguments)

    def _admit(self, request: Request) -> None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ").removeprefix("OAuth ")
        if "session_expires" in request.faults:
            self.sessions.pop(token, None)
        if self.sessions.get(token, self.company.clock.now()) <= self.company.clock.now():
            raise Refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")
        if "quota_spent" in request.faults or self.calls_today >= self.daily_calls:
            raise Refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self.calls_today += 1

    # --- Sign-in.

    def _token(self, request: Request) -> Answer:
        form = request.form
        refused = self._by_secret(form) if form.get("grant_type") == "client_credentials" else self._by_key(form)
        if refused:
            error, words = refused
            return reply({"error": error, "error_description": words}, 400)
        token = "00D5g000000abcd!" + secrets.token_urlsafe(24)
        self.sessions[token] = self.company.clock.now() + timedelta(seconds=self.session_seconds)
        # The answer doesn't say how long the session lasts.
        content = {
            "access_token": token,
            "scope": "api",
            "instance_url": self.instance_url or self.url,
            "id": f"{self.url}/id/00D5g000000abcdEAA/0055g000000000DAAQ",
            "token_type": "Bearer",
        }
        if form.get("grant_type") == "client_credentials":
            content |= {"issued_at": str(int(self.company.clock.now().timestamp() * 1000)), "signature": "c2ln"}
        return reply(content)

    def _by_secret(self, form: dict[str, str]) -> tuple[str, str] | None:
        if form.get("client_id") != self.client_id:
            return "invalid_client_id", "client identifier invalid"
        if form.get("client_secret") != self.client_secret:
            return "invalid_client", "invalid client credentials"
        return None

    def _by_key(self, form: dict[str, str]) -> tuple[str, str] | None:
        if form.get("grant_type") != _JWT:
            return "unsupported_grant_type", "grant type not supported"
        try:
            claims = jwt.decode(
                form.get("assertion", ""), self.public_key or "", ["RS256"],
                options={"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )  # fmt: skip
        except (jwt.PyJWTError, ValueError):
            return "invalid_grant", "invalid assertion"
        now, expires = self.company.clock.now().timestamp(), claims.get("exp", 0)
        checks = (
            (claims.get("iss") == self.client_id, "invalid_client_id", "client identifier invalid"),
            (claims.get("aud") in self.audiences | {self.url}, "invalid_grant", "audience is invalid"),
            (now < expires, "invalid_grant", "expired authorization code"),
            (expires <= now + _LONGEST_ASSERTION.total_seconds(), "invalid_grant", "invalid assertion"),
            (claims.get("sub") == self.username, "invalid_grant", "user hasn't approved this consumer"),
        )
        return next(((error, words) for fine, error, words in checks if not fine), None)


@cache
def _key_pair() -> tuple[str, str]:
    # Making one takes a while, and nothing is protected by it.
    key = rsa.generate_private_key(65537, 2048)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


# --- Versions, describe, limits.


@ROUTES.add("GET", "/services/data")
def _versions(self: Salesforce, request: Request) -> Answer:
    return reply([{"label": f"v{one}", "url": f"/services/data/v{one}", "version": one} for one in self.versions])


@ROUTES.add("GET", "/services/data/v{}")
def _resources(self: Salesforce, request: Request, version: str) -> Answer:
    names = ("sobjects", "query", "queryAll", "limits", "jobs", "composite", "analytics")
    return reply({name: f"/services/data/v{version}/{name}" for name in names})


@ROUTES.add("GET", "/services/data/v{}/sobjects")
def _objects(self: Salesforce, request: Request, version: str) -> Answer:
    found = [one.describe() for one in self.visible().values()]
    return reply({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": found})


@ROUTES.add("GET", "/services/data/v{}/sobjects/{}/describe")
def _describe(self: Salesforce, request: Request, version: str, name: str) -> Answer:
    found = self.object(name)
    return reply(found.describe() | {"fields": [one.describe() for one in found.fields.values()]})


@ROUTES.add("GET", "/services/data/v{}/limits")
def _limits(self: Salesforce, request: Request, version: str) -> Answer:
    jobs = len(self.jobs.all)
    return reply(
        {
            "DailyApiRequests": {"Max": self.daily_calls, "Remaining": self.daily_calls - self.calls_today},
            "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": 10_000 - jobs},
            "DailyBulkV2QueryFileStorageMB": {"Max": 976_562, "Remaining": 976_562},
        }
    )


# --- Queries.


@ROUTES.add("GET", "/services/data/v{}/query")
def _query(self: Salesforce, request: Request, version: str) -> Answer:
    return _first_page(self, request, version, everything=False)


@ROUTES.add("GET", "/services/data/v{}/queryAll")
def _query_all(self: Salesforce, request: Request, version: str) -> Answer:
    return _first_page(self, request, version, everything=True)


@ROUTES.add("GET", "/services/data/v{}/query/{}")
@ROUTES.add("GET", "/services/data/v{}/queryAll/{}")
def _next(self: Salesforce, request: Request, version: str, locator: str) -> Answer:
    key, _, start = locator.partition("-")
    if key not in self.cursors or not start.isdigit() or "cursor_gone" in request.faults:
        raise Refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    return _page(self, request, version, key, int(start))


def _first_page(self: Salesforce, request: Request, version: str, *, everything: bool) -> Answer:
    query = parse(request.query.get("q", ""))
    mass = self.jobs.mass
    if mass is not None and query.name == mass.name and query.counts:
        return reply({"totalSize": mass.count(query, everything=everything), "done": True, "records": []})
    key = make_id("01g", 1 + len(self.cursors))
    if mass is not None and query.name == mass.name:
        found = [_nested(row) for row in mass.rows(query, everything=everything)]
        self.cursors[key] = Cursor(query, [], everything, found)
        return _page(self, request, version, key, 0)
    found = self.runner().run(query, everything=everything)
    if query.counts:
        return reply({"totalSize": len(found), "done": True, "records": []})
    self.cursors[key] = Cursor(query, [row["Id"] for row in found], everything)
    return _page(self, request, version, key, 0)


def _page(self: Salesforce, request: Request, version: str, key: str, start: int) -> Answer:
    cursor, rows = self.cursors[key], _batch(self, request)
    end = start + rows
    if "duplicate_rows" in request.faults:
        start = max(0, start - (request.faults["duplicate_rows"]["rows"] or 1))
    if "empty_page" in request.faults:
        end = start
    total = len(cursor.keys if cursor.made is None else cursor.made)
    content: Row = {
        "totalSize": total,
        "done": end >= total and "empty_page" not in request.faults,
        "records": _read(self, cursor, version, start, end) if cursor.made is None else cursor.made[start:end],
    }
    if "cursor_repeats" in request.faults:
        content |= {"done": False, "nextRecordsUrl": f"/services/data/v{version}/query/{key}-{start}"}
    elif not content["done"]:
        # A page without rows names another one all the same.
        again = "0" if "empty_page" in request.faults else ""
        content["nextRecordsUrl"] = f"/services/data/v{version}/query/{key}-{again}{end}"
    return reply(content)


def _read(self: Salesforce, cursor: Cursor, version: str, start: int, end: int) -> list[Row]:
    table, write = self.company.tables[cursor.query.name], writer(self, cursor.query)
    # What was purged since the query was asked isn't there any more.
    return [write(table[key], version) for key in cursor.keys[start:end] if key in table]


def _nested(row: Row) -> Row:
    found: Row = {"attributes": {"type": "Task"}}
    for path, value in row.items():
        *links, last = path.split(".")
        inner = found
        for link in links:
            inner = inner.setdefault(link, {"attributes": {"type": link}})
        inner[last] = value
    return found


def _batch(self: Salesforce, request: Request) -> int:
    if self.page_rows is not None:
        return self.page_rows
    _, _, wanted = request.headers.get("sforce-query-options", "").replace(" ", "").partition("batchSize=")
    return min(max(int(wanted), _LEAST_BATCH), _MOST_BATCH) if wanted.isdigit() else _MOST_BATCH


def writer(self: Salesforce, query: Query) -> Callable[[Row, str], Row]:
    """A function that writes a record with the fields asked for, parents nested; a parent that isn't there is null."""
    runner = self.runner()
    tree: Row = {}
    for path in query.fields:
        node = tree
        for link in path.split("."):
            node = node.setdefault(link, {})

    def write(name: str, row: Row, node: Row, version: str) -> Row:
        found: Row = {"attributes": {"type": name, "url": f"/services/data/v{version}/sobjects/{name}/{row['Id']}"}}
        for part, below in node.items():
            if below:
                parent = runner.parent(name, part, row)
                found[part] = parent and write(*parent, below, version)
            else:
                found[part] = row[part]
        return found

    return lambda row, version: write(query.name, row, tree, version)
