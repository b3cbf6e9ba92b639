"""The addresses of the API."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from orchestration.actions.states import Status
from orchestration.ledger.tables import actions
from portal.access import CUTS, Cut, Row
from portal.api.callers import reads
from portal.api.describe import document
from portal.api.questions import RESERVED, ask
from portal.web import Allowed, Refusal, Visit

PATH = "/api/v1"
router = APIRouter()
# What is told of one account, where it is published and the caller may read it.
OF_AN_ACCOUNT = (
    "account_signals",
    "account_health",
    "account_health_measures",
    "account_churn",
    "retention_plans",
    "expansion_pipeline",
    "health_check_targets",
    "at_risk_accounts",
    "hygiene_issues",
)
# Columns of the ledger's actions that are told, all of them published with the action or about its way.
_OF_ACTIONS = (
    "action_id",
    "account_id",
    "account_name",
    "kind",
    "action",
    "title",
    "status",
    "mode",
    "priority",
    "sensitivity",
    "owner",
    "owner_role",
    "due_on",
    "rationale",
)


@router.get("/api")
def page(visit: Visit = Depends(Allowed())) -> Response:
    """The API for people: its tables with their columns, and how to ask."""
    return visit.page("api.html.j2", tables=_tables(visit), path=PATH, reserved=RESERVED)


@router.get(f"{PATH}/openapi.json")
def openapi(visit: Visit = Depends(reads)) -> Response:
    """The API in OpenAPI 3.1, as far as the caller may use it."""
    described = document(PATH, _tables(visit), visit.policies.portal.api_rows_most, _OF_ACTIONS, OF_AN_ACCOUNT)
    return _answer(visit, described)


@router.get(f"{PATH}/publication")
def publication(visit: Visit = Depends(reads)) -> Response:
    """Which publication is shown."""
    return _answer(visit, _publication(visit) | {"problem": visit.portal.library.problem})


@router.get(f"{PATH}/tables")
def tables(visit: Visit = Depends(reads)) -> Response:
    """The tables that the caller may read, with their columns."""
    listed = [
        {
            "name": name,
            "description": table.description,
            "key": list(table.key),
            "is_history": table.is_history,
            "columns": [
                {"name": column.name, "type": column.type, "description": column.description}
                for column in table.columns
            ],
            "path": f"{PATH}/tables/{name}",
        }
        for name, table in _tables(visit).items()
    ]
    return _answer(visit, {"publication": _publication(visit), "tables": listed})


@router.get(PATH + "/tables/{table}")
def rows(table: str, visit: Visit = Depends(reads)) -> Response:
    """Rows of a table: some of them, in an order, and where the next ones are."""
    found = _tables(visit).get(table)
    if found is None:
        raise _absent()
    request, snapshot_id = visit.request, visit.reader.manifest.snapshot_id
    question = ask(table, found, request.query_params, snapshot_id, visit.policies.portal.api_rows_most)
    if unchanged := _unchanged(visit):
        return unchanged
    count, query = question.queries()
    total = visit.reader.row(count, **question.values)
    answered = visit.reader.rows(query, **question.parameters())
    cursor = question.next_cursor(snapshot_id, answered)
    following = None
    if cursor:
        asked = [(name, text) for name, text in request.query_params.multi_items() if name not in ("cursor", "offset")]
        following = f"{request.url.path}?{urlencode([*asked, ('cursor', cursor)])}"
    content = {
        "publication": _publication(visit),
        "table": table,
        "total": total["n"] if total else 0,
        "rows": [{name: row[name] for name in question.columns} for row in answered[: question.limit]],
        "next": following,
    }
    return _answer(visit, content)


@router.get(PATH + "/accounts/{account_id}")
def account(account_id: str, visit: Visit = Depends(reads)) -> Response:
    """What is published of one account, by table."""
    if not visit.reader.sees_account(account_id):
        raise _absent()
    readable = _tables(visit)
    told = {
        name: visit.reader.rows(
            f"select * from {{{name}}} where account_id = $account_id order by all limit 1000",  # noqa: S608 - declared
            account_id=account_id,
        )
        for name in OF_AN_ACCOUNT
        if name in readable
    }
    return _answer(visit, {"publication": _publication(visit), "account_id": account_id, "tables": told})


@router.get(f"{PATH}/actions")
def ledger_actions(visit: Visit = Depends(reads)) -> Response:
    """Actions as they stand in the ledger now, which the publication doesn't know yet."""
    if "recommended_actions" not in _tables(visit):
        raise _absent()
    query = visit.request.query_params
    _check_names(visit.request, ("status", "account_id", "after", "limit"))
    most = visit.policies.portal.api_rows_most
    text = query.get("limit") or "100"
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= most):
        raise Refusal(400, "The address asks for something else", f"limit is a number from 1 to {most}.")
    condition = sa.true()
    if status := query.get("status"):
        if status not in tuple(str(one) for one in Status):
            known = ", ".join(str(one) for one in Status)
            raise Refusal(400, "No such status", f"There is no status {status[:60]}; there is: {known}.")
        condition &= actions.c.status == status
    if account_id := query.get("account_id"):
        condition &= actions.c.account_id == account_id
    if after := query.get("after"):
        condition &= actions.c.action_id > after
    found, following = _seen_actions(visit, condition, int(text))
    return _answer(visit, {"actions": found, "next_after": following}, is_published=False)


def _seen_actions(visit: Visit, condition: Any, limit: int) -> tuple[list[Row], str | None]:
    """The first actions that fit and are of accounts the caller sees, and after which one there are more."""
    seen = visit.reader.account_ids
    columns = [actions.c[name] for name in _OF_ACTIONS]
    found: list[Row] = []
    with visit.store.reading() as con:
        rows = con.execute(sa.select(*columns).where(condition).order_by(actions.c.action_id)).mappings()
        for row in rows:
            if seen is not None and row["account_id"] not in seen:
                continue
            if len(found) == limit:
                rows.close()
                return found, found[-1]["action_id"]
            found.append(dict(row))
    return found, None


def _tables(visit: Visit) -> Mapping[str, Any]:
    """The tables that the caller may ask for at all, by name."""
    manifest, viewer = visit.reader.manifest, visit.viewer
    return {
        name: table
        for name, table in sorted(manifest.tables.items())
        if visit.reader.has(name) and (CUTS[name] is not Cut.COMPANY or viewer.sees_all)
    }


def _publication(visit: Visit) -> dict[str, Any]:
    manifest = visit.reader.manifest
    return {
        "snapshot_id": manifest.snapshot_id,
        "as_of_date": manifest.as_of_date,
        "policy_version": manifest.policy_version,
        "published_at": manifest.published_at,
    }


def _check_names(request: Request, known: tuple[str, ...]) -> None:
    for name in request.query_params:
        if name not in known:
            raise Refusal(400, "No such parameter", f"There is no {name[:60]}; there is: {', '.join(known)}.")


def _absent() -> Refusal:
    return Refusal(404, "Not here", "There is no such thing, or it isn't yours to see.")


def _tag(visit: Visit) -> str:
    """Names what is answered: another publication, another viewer or another question has another one."""
    viewer = visit.viewer
    seen = (sorted(viewer.roles), viewer.names, viewer.geos, viewer.regions, sorted(viewer.tables or ("*",)))
    asked = (visit.request.url.path, visit.request.url.query, visit.portal.library.problem)
    digest = hashlib.sha256(repr((seen, asked)).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f'"{visit.reader.manifest.snapshot_id}-{digest}"'


def _unchanged(visit: Visit) -> Response | None:
    tag = _tag(visit)
    known = [part.strip().removeprefix("W/") for part in visit.request.headers.get("if-none-match", "").split(",")]
    return Response(status_code=304, headers=_headers(tag)) if tag in known else None


def _headers(tag: str | None) -> dict[str, str]:
    headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    return headers | ({"ETag": tag} if tag else {})


def _answer(visit: Visit, content: Any, *, is_published: bool = True) -> Response:
    if is_published and (unchanged := _unchanged(visit)):
        return unchanged
    text = json.dumps(content, default=_plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    tag = _tag(visit) if is_published else None
    return Response(text, media_type="application/json", headers=_headers(tag))


def _plain(value: Any) -> Any:
    """What JSON doesn't have: exact numbers as texts, dates and UTC times as ISO 8601 has them."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return f"{value.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
