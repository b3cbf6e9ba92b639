"""The support desk: exports, organizations, groups, tickets.

The exports leave out what changed within the last minute, as the vendor's do: advance the company's clock to see it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from tests.simulators.company import Company, Row
from tests.simulators.wire import Answer, Request, Routes, Written, as_json

_MOST_EXPORTED, _MOST_LISTED = 1000, 100
_HIDDEN_SECONDS = 60
_SIDE_LOADS = {
    "users": ("user", "requester_id"),
    "groups": ("group", "group_id"),
    "organizations": ("organization", "organization_id"),
}
ROUTES = Routes()


class Zendesk:
    """The support desk's switches, and what it remembers."""

    def __init__(self, company: Company, written: list[Written]) -> None:
        self.company = company
        self.written = written
        self.url = ""
        self.email, self.token = "agent@vendor.example", "token of the simulated agent"
        self.bearer = "bearer of the simulated app"
        self.client_id, self.client_secret = "simulated_app", "secret of the simulated app"
        # The vendor allows 10 of the exports; None: any number.
        self.calls_a_minute: int | None = None
        self.account_calls_a_minute = 700
        # Tickets of a page where fewer are wanted than are asked for.
        self.page_rows: int | None = None
        self.idempotent: dict[str, tuple[bytes, Answer]] = {}
        self._export_times: list[float] = []
        self._times: list[float] = []

    def answer(self, request: Request) -> Answer:
        """Answer a call."""
        if request.path == "/oauth/tokens":
            return self._token(request)
        if not self._known(request.headers.get("authorization", "")):
            return reply({"error": "Couldn't authenticate you"}, 401)
        limited = self._limit(request)
        if limited:
            return limited
        found = ROUTES.find(request)
        answer = found[0](self, request, *found[1]) if found else not_found()
        return self._headed(answer)

    def _known(self, header: str) -> bool:
        pair = base64.b64encode(f"{self.email}/token:{self.token}".encode()).decode()
        return header in (f"Basic {pair}", f"Bearer {self.bearer}")

    def _token(self, request: Request) -> Answer:
        wanted = request.json or request.form
        if (wanted.get("client_id"), wanted.get("client_secret")) != (self.client_id, self.client_secret):
            return reply({"error": "invalid_client", "error_description": "Client authentication failed"}, 401)
        return reply({"access_token": self.bearer, "token_type": "bearer", "scope": "read", "expires_in": 172_800})

    def _limit(self, request: Request) -> Answer | None:
        now = self.company.clock.now().timestamp()
        times, most = self._times, self.account_calls_a_minute
        if request.path.startswith("/api/v2/incremental/") and self.calls_a_minute is not None:
            times, most = self._export_times, self.calls_a_minute
        times[:] = [one for one in times if one > now - 60]
        if len(times) >= most:
            words = {
                "error": "APIRateLimitExceeded",
                "description": "Number of allowed API requests per minute exceeded",
            }
            return self._headed(reply(words, 429, Retry_After=str(max(1, round(times[0] + 60 - now)))))
        times.append(now)
        return None

    def _headed(self, answer: Answer) -> Answer:
        left = str(max(0, self.account_calls_a_minute - len(self._times)))
        most = str(self.account_calls_a_minute)
        answer.headers |= {
            "X-Rate-Limit": most, "X-Rate-Limit-Remaining": left,
            "ratelimit-limit": most, "ratelimit-remaining": left, "ratelimit-reset": "60",
        }  # fmt: skip
        return answer


def reply(content: Any, status: int = 200, **headers: str) -> Answer:
    """An answer in the support desk's JSON."""
    return as_json(content, lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ"), status, **headers)


def not_found() -> Answer:
    """404."""
    return reply({"error": "RecordNotFound", "description": "Not found"}, 404)


def _invalid(words: str, **details: Any) -> Answer:
    return reply({"error": "RecordInvalid", "description": words, "details": details}, 422)


# --- Exports.


@ROUTES.add("GET", "/api/v2/incremental/tickets/cursor.json")
@ROUTES.add("GET", "/api/v2/incremental/tickets/cursor")
def _export(self: Zendesk, request: Request) -> Answer:
    latest = int(self.company.clock.now().timestamp()) - _HIDDEN_SECONDS
    asked = request.query.get("cursor")
    if asked is None:
        start = _start(request, latest)
        if isinstance(start, Answer):
            return start
        after = (start - 1, 1 << 62)
    else:
        try:
            stamp, _, key = base64.b64decode(asked).decode().partition("||")
            after = (int(float(stamp)), int(key.rstrip("|")))
        except ValueError:
            return reply({"error": "InvalidValue", "description": "cursor is not valid"}, 422)
    rows = sorted(
        (row for row in self.company.tables["ticket"].values() if row["generated_timestamp"] <= latest),
        key=_place,
    )
    if request.query.get("exclude_deleted") == "true":
        rows = [row for row in rows if row["status"] != "deleted"]
    ahead = [row for row in rows if _place(row) > after]
    size = self.page_rows or min(int(request.query.get("per_page", _MOST_EXPORTED)), _MOST_EXPORTED)
    page, more = ahead[:size], len(ahead) > size
    cursor = _cursor(*_place(page[-1])) if page else asked
    if "export_duplicates" in request.faults:
        again = request.faults["export_duplicates"]["rows"] or 1
        page = [row for row in rows if _place(row) <= after][-again:] + page
    if "export_empty_page" in request.faults:
        # Another cursor, for the same place.
        page, more, cursor = [], True, _cursor(*after, zeros=_zeros(asked) + 1)
    if "export_cursor_repeats" in request.faults:
        more, cursor = True, asked or cursor
    return reply(
        _with_side_loads(self, request, {"tickets": [_ticket(self, row, request) for row in page]}, page)
        | {
            "after_url": cursor and f"{self.url}{request.path}?{urlencode({'cursor': cursor})}",
            "after_cursor": cursor,
            "before_url": None,
            "before_cursor": None,
            "end_of_stream": not more and "export_unfinished" not in request.faults,
        }
    )


@ROUTES.add("GET", "/api/v2/incremental/ticket_metric_events.json")
@ROUTES.add("GET", "/api/v2/incremental/ticket_metric_events")
def _metric_events(self: Zendesk, request: Request) -> Answer:
    if "page[size]" in request.query:
        return _listed(self, request, "ticket_metric_events", _since(self, "metric_event", "time", request))
    return _by_time(self, request, "ticket_metric_events", "metric_event", lambda row: int(row["time"].timestamp()))


@ROUTES.add("GET", "/api/v2/incremental/ticket_events.json")
def _ticket_events(self: Zendesk, request: Request) -> Answer:
    return _by_time(self, request, "ticket_events", "ticket_event", lambda row: row["timestamp"])


@ROUTES.add("GET", "/api/v2/incremental/organizations.json")
def _organizations_since(self: Zendesk, request: Request) -> Answer:
    return _by_time(self, request, "organizations", "organization", lambda row: int(row["updated_at"].timestamp()))


def _by_time(self: Zendesk, request: Request, word: str, name: str, stamp: Callable[[Row], int]) -> Answer:
    """An export by time: its next page begins with the time at which this one ends, whatever shares that time."""
    latest = int(self.company.clock.now().timestamp()) - _HIDDEN_SECONDS
    start = _start(request, latest)
    if isinstance(start, Answer):
        return start
    rows = sorted(
        (row for row in self.company.tables[name].values() if start <= stamp(row) <= latest),
        key=lambda row: (stamp(row), row["id"]),
    )
    size = self.page_rows or _MOST_EXPORTED
    page = rows[:size]
    end = stamp(page[-1]) if page else start
    return reply(
        {
            word: page,
            "count": len(page),
            "end_time": end,
            # The vendor doesn't say it of metric events: their end is a page that isn't full, or has nothing new.
            **({} if name == "metric_event" else {"end_of_stream": len(rows) <= size}),
            "next_page": f"{self.url}{request.path}?start_time={end}",
        }
    )


def _start(request: Request, latest: int) -> int | Answer:
    asked = request.query.get("start_time", "")
    if not asked.isdigit():
        return reply({"error": "InvalidParameter", "description": "start_time is missing or no number"}, 400)
    if int(asked) > latest:
        words = "Too recent start_time. Use a start_time older than 60 seconds"
        return reply({"error": "StartTimeTooRecent", "description": words}, 422)
    return int(asked)


def _since(self: Zendesk, name: str, stamp: str, request: Request) -> list[Row]:
    start = int(request.query.get("start_time", 0))
    rows = [row for row in self.company.tables[name].values() if row[stamp].timestamp() >= start]
    return sorted(rows, key=lambda row: (row[stamp], row["id"]))


def _place(row: Row) -> tuple[int, int]:
    return row["generated_timestamp"], row["id"]


def _cursor(stamp: int, key: int, zeros: int = 1) -> str:
    return base64.b64encode(f"{stamp}.{'0' * zeros}||{key}|".encode()).decode()


def _zeros(cursor: str | None) -> int:
    return len(base64.b64decode(cursor).partition(b".")[2].partition(b"|")[0]) if cursor else 1


def _ticket(self: Zendesk, row: Row, request: Request) -> Row:
    told = {name: value for name, value in row.items() if name != "metric_set"}
    if "metric_sets" in request.query.get("include", ""):
        told["metric_set"] = row["metric_set"]
    return told | {"url": f"{self.url}/api/v2/tickets/{row['id']}.json"}


def _with_side_loads(self: Zendesk, request: Request, content: Row, page: list[Row]) -> Row:
    for word in request.query.get("include", "").split(","):
        if word in _SIDE_LOADS:
            name, field = _SIDE_LOADS[word]
            keys = dict.fromkeys(row[field] for row in page if row[field] is not None)
            content[word] = [self.company.tables[name][key] for key in keys]
    return content


# --- Lists.


@ROUTES.add("GET", "/api/v2/organizations.json")
@ROUTES.add("GET", "/api/v2/organizations")
def _organizations(self: Zendesk, request: Request) -> Answer:
    return _listed(self, request, "organizations", self.company.rows("organization"))


@ROUTES.add("GET", "/api/v2/organizations/search.json")
@ROUTES.add("GET", "/api/v2/organizations/search")
def _search(self: Zendesk, request: Request) -> Answer:
    # By external id or by name; the case doesn't matter.
    known = [field for field in ("external_id", "name") if field in request.query]
    if len(known) != 1:
        return reply({"error": "InvalidParameter", "description": "One of name and external_id is needed"}, 400)
    wanted = request.query[known[0]].lower()
    rows = [row for row in self.company.rows("organization") if str(row.get(known[0]) or "").lower() == wanted]
    return _listed(self, request, "organizations", rows)


@ROUTES.add("GET", "/api/v2/groups.json")
@ROUTES.add("GET", "/api/v2/groups")
def _groups(self: Zendesk, request: Request) -> Answer:
    return _listed(self, request, "groups", self.company.rows("group"))


def _listed(self: Zendesk, request: Request, word: str, rows: list[Row]) -> Answer:
    """A list: by cursor where page[size] is given, else by numbered pages."""
    if "page[size]" not in request.query:
        number, size = int(request.query.get("page", 1)), int(request.query.get("per_page", _MOST_LISTED))
        page, more = rows[(number - 1) * size : number * size], len(rows) > number * size
        following = f"{self.url}{request.path}?page={number + 1}&per_page={size}" if more else None
        return reply({word: page, "next_page": following, "previous_page": None, "count": len(rows)})
    size = min(self.page_rows or _MOST_LISTED, int(request.query["page[size]"]), _MOST_LISTED)
    after = request.query.get("page[after]", "")
    start = int(base64.b64decode(after)) if after else 0
    page, more = rows[start : start + size], len(rows) > start + size
    cursor = base64.b64encode(str(start + len(page)).encode()).decode() if page else None
    kept = {name: value for name, value in request.query.items() if not name.startswith("page")}
    onward = urlencode(kept | {"page[size]": str(size), "page[after]": cursor or ""})
    return reply(
        {
            word: page,
            "meta": {"has_more": more, "after_cursor": cursor, "before_cursor": None},
            "links": {"next": f"{self.url}{request.path}?{onward}" if more else None, "prev": None},
        }
    )


@ROUTES.add("GET", "/api/v2/users/me.json")
@ROUTES.add("GET", "/api/v2/users/me")
def _me(self: Zendesk, request: Request) -> Answer:
    return reply({"user": {"id": 1, "name": "Integration", "email": self.email, "role": "admin", "active": True}})


@ROUTES.add("GET", "/api/v2/ticket_fields.json")
@ROUTES.add("GET", "/api/v2/ticket_fields")
def _ticket_fields(self: Zendesk, request: Request) -> Answer:
    return _listed(self, request, "ticket_fields", self.company.rows("ticket_field"))


# --- Tickets.


@ROUTES.add("GET", "/api/v2/tickets.json")
@ROUTES.add("GET", "/api/v2/tickets")
def _tickets(self: Zendesk, request: Request) -> Answer:
    rows = [row for row in self.company.rows("ticket") if row["status"] != "deleted"]
    if "external_id" in request.query:
        rows = [row for row in rows if row["external_id"] == request.query["external_id"]]
    return _listed(self, request, "tickets", [_ticket(self, row, request) for row in rows])


@ROUTES.add("POST", "/api/v2/tickets.json")
@ROUTES.add("POST", "/api/v2/tickets")
def _create(self: Zendesk, request: Request) -> Answer:
    key = request.headers.get("idempotency-key")
    if key in self.idempotent:
        body, kept = self.idempotent[key]
        if body != request.body:
            words = "Request parameters do not match those of the first request with this Idempotency-Key"
            return reply({"error": "IdempotentRequestError", "description": words}, 400)
        return Answer(kept.status, kept.body, kept.headers | {"x-idempotency-lookup": "hit"})
    sent = request.json.get("ticket", {})
    refused = _refused(self, sent)
    if refused:
        return refused
    words = sent.get("comment", {}).get("body") or sent.get("description")
    if not words:
        return _invalid("Record validation errors", base=[{"description": "Description: cannot be blank"}])
    ticket = self.company.add("ticket", **_stored(sent), description=words)
    self.written.append(Written("create", "ticket", ticket, sent))
    told = _ticket(self, self.company.get("ticket", ticket), request)
    answer = reply({"ticket": told, "audit": {"ticket_id": ticket, "events": []}}, 201, Location=told["url"])
    if key:
        self.idempotent[key] = (request.body, answer)
        answer = Answer(answer.status, answer.body, answer.headers | {"x-idempotency-lookup": "miss"})
    return answer


@ROUTES.add("GET", "/api/v2/tickets/{}")
def _read(self: Zendesk, request: Request, key: str) -> Answer:
    row = _found(self, key)
    return reply({"ticket": _ticket(self, row, request)}) if row else not_found()


@ROUTES.add("PUT", "/api/v2/tickets/{}")
def _change(self: Zendesk, request: Request, key: str) -> Answer:
    row, sent = _found(self, key), request.json.get("ticket", {})
    if row is None:
        return not_found()
    refused = _refused(self, sent)
    if refused:
        return refused
    if row["status"] == "closed":
        return _invalid("Record validation errors", status=[{"description": "Status: closed prevents ticket update"}])
    self.company.change("ticket", row["id"], **_stored(sent))
    self.written.append(Written("change", "ticket", row["id"], sent))
    return reply({"ticket": _ticket(self, row, request), "audit": {"ticket_id": row["id"], "events": []}})


def _found(self: Zendesk, key: str) -> Row | None:
    key = key.removesuffix(".json")
    row = self.company.tables["ticket"].get(int(key)) if key.isdigit() else None
    return None if row is None or row["status"] == "deleted" else row


def _refused(self: Zendesk, sent: Row) -> Answer | None:
    allowed = {
        "priority": ("low", "normal", "high", "urgent", None),
        "type": ("problem", "incident", "question", "task", None),
        "status": ("new", "open", "pending", "hold", "solved", "closed"),
    }
    for field, values in allowed.items():
        if field in sent and sent[field] not in values:
            return _invalid("Record validation errors", **{field: [{"description": f"{field}: is not valid"}]})
    if sent.get("organization_id") not in {None, *self.company.tables["organization"]}:
        return _invalid("Record validation errors", organization=[{"description": "Organization: is invalid"}])
    return None


def _stored(sent: Row) -> Row:
    # The comment becomes the conversation, which isn't kept here.
    kept = {name: value for name, value in sent.items() if name not in ("comment", "description", "id")}
    return kept | ({"raw_subject": sent["subject"]} if "subject" in sent else {})
