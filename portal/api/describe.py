"""The API in OpenAPI 3.1, made from the publication: a path a table, with its columns as they are published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestration.actions.states import Status
from orchestration.publishing.manifest import PublishedColumn, PublishedTable
from portal.api.questions import DEEPEST_OFFSET, DEFAULT_ROWS, LONGEST_VALUE, OPERATORS, json_kind

_PROBLEM = "application/problem+json"
_REFUSALS = {
    "400": "The address asks for something that there is not; says what, and what comes near it.",
    "401": "Nobody is signed in, or the token holds no longer.",
    "404": "Not there, or not the caller's to see.",
    "410": "The cursor belongs to a publication that is shown no longer: begin again.",
    "429": "Too many requests; Retry-After says when to come again.",
    "503": "Nothing is published yet.",
}
_ABOUT = (
    "Every published table, cut by what the caller may see. It only reads. A machine sends a service token, a person's"
    " browser the cookie of its session.\n\n"
    "A column is narrowed down by its name: `status=past_due`, or with an operator behind it: `amount.gte=10000`,"
    " `owner_name.is_null=true`, `status.in=past_due,pending`. Operators: " + ", ".join(OPERATORS) + ".\n\n"
    "Exact numbers are texts, so that no digit is lost on the way; dates are ISO 8601; times are UTC.\n\n"
    "An answer belongs to one publication, which it names. `next` leads to the rows after it; once another publication"
    " is shown, it answers 410. Nothing in it is meant to be read or made by hand."
)


def document(
    path: str,
    tables: Mapping[str, PublishedTable],
    rows_most: int,
    of_actions: Sequence[str],
    of_an_account: Sequence[str],
) -> dict[str, Any]:
    """The whole document, of the tables that a caller may read."""
    paths: dict[str, Any] = {
        f"{path}/publication": _get("Which publication is shown", "publication", _ref("PublicationShown")),
        f"{path}/tables": _get("The tables with their columns", "tables", _ref("Tables")),
    }
    schemas: dict[str, Any] = _shared_schemas()
    for name, table in tables.items():
        schemas[name] = _row(table)
        parameters = [*_paging(table, rows_most), *(_filter(column) for column in table.columns)]
        paths[f"{path}/tables/{name}"] = _get(
            table.description or name, f"rows_of_{name}", _rows(name), parameters, ("400", "410")
        )
    account = [name for name in of_an_account if name in tables]
    paths[f"{path}/accounts/{{account_id}}"] = _get(
        "What is published of one account, by table", "account", _account(account), [_in_path("account_id")], ("404",)
    )
    if "recommended_actions" in tables:
        paths[f"{path}/actions"] = _get(
            "Actions as they stand in the ledger now, by their id",
            "actions",
            _actions(of_actions),
            _of_actions(rows_most),
            ("400",),
            changes=False,
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": "account-health", "version": "1", "description": _ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A service token."},
                "session": {"type": "apiKey", "in": "cookie", "name": "account_health_session"},
            },
        },
    }


def _get(
    summary: str,
    operation: str,
    schema: Mapping[str, Any],
    parameters: Sequence[Mapping[str, Any]] = (),
    refusals: Sequence[str] = (),
    *,
    changes: bool = True,
) -> dict[str, Any]:
    answers: dict[str, Any] = {
        "200": {"description": "The answer.", "content": {"application/json": {"schema": schema}}}
    }
    if changes:
        answers["200"]["headers"] = {
            "ETag": {"description": "For If-None-Match.", "required": True, "schema": {"type": "string"}}
        }
        answers["304"] = {"description": "As it was, for whoever sent its ETag in If-None-Match."}
    for status in sorted({"401", "429", "503", *refusals}):
        answers[status] = {
            "description": _REFUSALS[status],
            "content": {_PROBLEM: {"schema": _ref("Problem")}},
        }
    return {"get": {"summary": summary, "operationId": operation, "parameters": list(parameters), "responses": answers}}


def _paging(table: PublishedTable, rows_most: int) -> list[dict[str, Any]]:
    names = [column.name for column in table.columns]
    ordered = [*names, *(f"-{name}" for name in names)]
    return [
        _query(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": rows_most, "default": min(DEFAULT_ROWS, rows_most)},
            "So many rows at most.",
        ),
        _query("offset", {"type": "integer", "minimum": 0, "maximum": DEEPEST_OFFSET}, "So many rows are left out."),
        _several("order", ordered, "In this order, `-` turns a column; the key settles what is equal."),
        _several("columns", names, "Only these columns."),
    ]


def _several(name: str, values: Sequence[str], description: str) -> dict[str, Any]:
    """A list with commas between."""
    schema = {"type": "array", "items": {"enum": list(values)}, "minItems": 1, "uniqueItems": True}
    return _query(name, schema, description) | {"style": "form", "explode": False}


def _of_actions(rows_most: int) -> list[dict[str, Any]]:
    return [
        _query("status", {"type": "string", "enum": [str(one) for one in Status]}, "Only in this state."),
        _query("account_id", {"type": "string"}, "Only of this account."),
        _query("after", {"type": "string"}, "Only those after this action: `next_after` of the answer before."),
        _query("limit", {"type": "integer", "minimum": 1, "maximum": rows_most}, "So many at most."),
    ]


def _query(name: str, schema: Mapping[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _filter(column: PublishedColumn) -> dict[str, Any]:
    schema = _type(column.type)
    if column.type == "VARCHAR":
        schema["maxLength"] = LONGEST_VALUE
    return _query(column.name, schema, f"Only where it is this. {column.description}".strip())


def _type(kind: str) -> dict[str, Any]:
    if kind == "BOOLEAN":
        return {"type": "boolean"}
    if kind == "DATE":
        return {"type": "string", "format": "date"}
    if kind.startswith("TIMESTAMP"):
        return {"type": "string", "format": "date-time"}
    if kind.startswith("DECIMAL"):
        return {"type": "string", "pattern": r"^-?\d{1,18}(\.\d{1,8})?$"}
    if kind in ("DOUBLE", "FLOAT"):
        return {"type": "number"}
    if kind.endswith("INT") or kind == "INTEGER":
        width = 2**63 - 1 if kind == "BIGINT" else 2**31 - 1
        return {"type": "integer", "minimum": -width, "maximum": width}
    return {"type": "string"} if kind == "VARCHAR" else {}


def _row(table: PublishedTable) -> dict[str, Any]:
    properties = {}
    for column in table.columns:
        schema = _type(column.type)
        if "type" in schema:
            schema["type"] = [schema["type"], "null"]
        properties[column.name] = schema | {"description": column.description or json_kind(column.type)}
    return {
        "type": "object",
        "description": table.description,
        "properties": properties,
        "additionalProperties": False,
    }


def _rows(name: str) -> dict[str, Any]:
    return _object(
        {
            "publication": _ref("Publication"),
            "table": {"const": name},
            "total": {"type": "integer", "description": "Rows that fit, on all answers together."},
            "rows": {"type": "array", "items": _ref(name)},
            "next": {"type": ["string", "null"], "description": "The address of the rows after these."},
        }
    )


def _account(tables: Sequence[str]) -> dict[str, Any]:
    of_tables = {name: {"type": "array", "items": _ref(name)} for name in tables}
    return _object({"publication": _ref("Publication"), "account_id": {"type": "string"}, "tables": _object(of_tables)})


def _actions(columns: Sequence[str]) -> dict[str, Any]:
    row = _object({name: {"type": ["string", "null"]} for name in columns})
    return _object({"actions": {"type": "array", "items": row}, "next_after": {"type": ["string", "null"]}})


def _shared_schemas() -> dict[str, Any]:
    publication = {
        "snapshot_id": {"type": "string"},
        "as_of_date": {"type": "string", "format": "date"},
        "policy_version": {"type": "string"},
        "published_at": {"type": "string", "format": "date-time"},
    }
    problem = {"type": ["string", "null"], "description": "Why a newer one isn't shown; null while there is none."}
    column = _object({name: {"type": "string"} for name in ("name", "type", "description")})
    table = _object(
        {
            "name": {"type": "string"},
            "description": {"type": "string"},
            "key": {"type": "array", "items": {"type": "string"}},
            "is_history": {"type": "boolean"},
            "columns": {"type": "array", "items": column},
            "path": {"type": "string"},
        }
    )
    return {
        "Publication": _object(publication),
        "PublicationShown": _object({**publication, "problem": problem}),
        "Tables": _object({"publication": _ref("Publication"), "tables": {"type": "array", "items": table}}),
        "Problem": {
            "type": "object",
            "description": "RFC 9457.",
            "properties": {
                "type": {"type": "string"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
            },
            "required": ["type", "title", "status", "detail"],
        },
    }


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
