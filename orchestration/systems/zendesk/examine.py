"""What `doctor` tries of a Zendesk account: everything that a pull asks, one page of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from orchestration.policy.sources import Source
from orchestration.sources.errors import SourceError, sentence
from orchestration.systems.base import Found
from orchestration.systems.http import Api
from orchestration.systems.zendesk import events, fields, organizations, tickets

_ME = "/api/v2/users/me.json"
_LOOK_AT = 100


def examine(exports: Api, lists: Api, sources: Sequence[Source]) -> Iterator[Found]:
    """What was found, thing by thing; the first refusal of the sign-in ends it."""
    signed_in, found = _sign_in(lists)
    yield from found
    if not signed_in:
        return
    asked = [field for source in sources for field in source.fields]
    body, found = _try("tickets", lambda: _export(exports), "their export can be read")
    yield found
    own, found = _try("own fields", lambda: fields.own_fields(lists), "the account's own fields of tickets are told")
    if any(field.startswith(fields.CUSTOM) for field in asked):
        yield found
    for source in sources:
        yield from _fields(source, own or [], body)
    if fields.SLA_MET in asked:
        yield _try("SLA events", lambda: _events(exports), "their export can be read")[1]
    if set(fields.OF_ORGANIZATION) & set(asked):
        yield _try("organizations", lambda: _organizations(lists), "their list can be read")[1]


def _sign_in(api: Api) -> tuple[bool, list[Found]]:
    body, found = _try("sign-in", lambda: api.json("GET", _ME).body, "it signs in")
    user = body.get("user") if isinstance(body, dict) else None
    if found.mend is not None:
        return False, [found]
    if not isinstance(user, dict) or not user.get("id"):
        # To a caller that it doesn't know it answers as to anybody who looks at its pages.
        words = "it takes the call for an anonymous one"
        return False, [Found("sign-in", words, mend="see that the address is the account's own, and the token active")]
    role = user.get("role")
    signed_in = Found("sign-in", f"signed in as {user.get('name') or user['id']}")
    if role == "admin":
        return True, [signed_in, Found("role", "admin, as the exports need")]
    mend = "make the user an admin, or use the token of one: the exports of tickets and SLA events are for admins only"
    return True, [signed_in, Found("role", f"{role or 'none'} instead of admin", mend=mend)]


def _export(api: Api) -> Any:
    params = {"start_time": "0", "per_page": str(_LOOK_AT), "include": "metric_sets,groups"}
    return api.json("GET", tickets.PATH, params=params).body


def _events(api: Api) -> Any:
    return api.json("GET", events.PATH, params={"start_time": "0"}).body


def _organizations(api: Api) -> Any:
    return api.json("GET", organizations.PATH, params={"page[size]": "1"}).body


def _fields(source: Source, own: Sequence[fields.OwnField], body: Any) -> Iterator[Found]:
    wrong = {problem.place: problem for problem in fields.problems(source, own)}
    seen = [ticket for ticket in (body or {}).get("tickets") or () if isinstance(ticket, dict)]
    for field in source.fields:
        what = f"{source.name}: {field}"
        problem = wrong.get(f"ticket.{field}")
        if problem is not None:
            yield Found(what, problem.message, mend=f"{problem.action}: {problem.expected}")
        elif field in fields.DERIVED or not seen or any(_has(ticket, field) for ticket in seen):
            yield Found(what, "made here" if field in fields.DERIVED else "there" if seen else "no ticket to see it in")
        else:
            mend = "see that the account's plan has it; it stays blank until tickets have it"
            yield Found(what, f"in none of the first {len(seen)} tickets", mend=mend)


def _has(ticket: dict[str, Any], path: str) -> bool:
    if path.startswith(fields.CUSTOM):
        wanted = path.removeprefix(fields.CUSTOM)
        return any(str(field.get("id")) == wanted for field in ticket.get("custom_fields") or ())
    found: Any = ticket
    for part in path.split("."):
        if found is None:
            # Blank in this ticket, and with it what is below.
            return True
        if not isinstance(found, dict) or part not in found:
            return False
        found = found[part]
    return True


def _try(what: str, call: Callable[[], Any], words: str) -> tuple[Any, Found]:
    try:
        return call(), Found(what, words)
    except SourceError as error:
        told = f"{error.message} Expected: {sentence(error.expected)}" if error.expected else error.message
        return None, Found(what, told, mend=error.action or error.expected or "look at the account")
