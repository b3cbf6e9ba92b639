"""Writing to the CRM: one record at a time, or up to 200 in a call with a result for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from tests.simulators.company import Row
from tests.simulators.objects import Field, long_id
from tests.simulators.replies import ROUTES, Refusal, not_found, reply
from tests.simulators.wire import Answer, Request, Written

if TYPE_CHECKING:
    from tests.simulators.salesforce import Salesforce

_MOST = 200
_TEXTS = ("string", "picklist", "combobox", "textarea", "email", "url", "id", "reference")
_NUMBERS = ("double", "currency", "percent", "int")
_ROLLED_BACK = "Record rolled back because not all records were valid and the request was using AllOrNone header"


# --- One record.


@ROUTES.add("POST", "/services/data/v{}/sobjects/{}")
def _create_one(self: Salesforce, request: Request, version: str, name: str) -> Answer:
    self.object(name)
    key = _write(self, name, None, request.json)
    return reply({"id": key, "success": True, "errors": []}, 201)


@ROUTES.add("GET", "/services/data/v{}/sobjects/{}/{}")
def _read_one(self: Salesforce, request: Request, version: str, name: str, key: str) -> Answer:
    return _told(self, request, name, _known(self, name, key))


@ROUTES.add("PATCH", "/services/data/v{}/sobjects/{}/{}")
def _change_one(self: Salesforce, request: Request, version: str, name: str, key: str) -> Answer:
    self.object(name)
    _write(self, name, _known(self, name, key), request.json)
    return Answer(204)


@ROUTES.add("DELETE", "/services/data/v{}/sobjects/{}/{}")
def _delete_one(self: Salesforce, request: Request, version: str, name: str, key: str) -> Answer:
    self.object(name)
    key = _known(self, name, key)
    self.company.delete(name, key)
    self.written.append(Written("delete", name, key, {}))
    return Answer(204)


@ROUTES.add("GET", "/services/data/v{}/sobjects/{}/{}/{}")
def _read_by(self: Salesforce, request: Request, version: str, name: str, field: str, value: str) -> Answer:
    found = _by(self, name, field, value)
    if found is None:
        raise not_found()
    return _told(self, request, name, found)


@ROUTES.add("PATCH", "/services/data/v{}/sobjects/{}/{}/{}")
def _upsert_one(self: Salesforce, request: Request, version: str, name: str, field: str, value: str) -> Answer:
    found = _by(self, name, field, value)
    key = _write(self, name, found, request.json | ({field: value} if found is None else {}))
    created = found is None
    return reply({"id": key, "success": True, "errors": [], "created": created}, 201 if created else 200)


def _told(self: Salesforce, request: Request, name: str, key: str) -> Answer:
    row, fields = self.company.get(name, key), self.object(name).fields
    wanted = request.query.get("fields", "").split(",") if request.query.get("fields") else list(fields)
    for field in wanted:
        self.field(name, field)
    return reply({"attributes": {"type": name}} | {field: row[field] for field in wanted})


# --- Up to 200.


@ROUTES.add("PATCH", "/services/data/v{}/composite/sobjects/{}/{}")
def _upsert(self: Salesforce, request: Request, version: str, name: str, field: str) -> Answer:
    if not self.field(name, field).external_id:
        raise Refusal(
            400, "INVALID_FIELD", f"Field name provided, {field} does not match an External ID for {name}", (field,)
        )
    records = _records(request)
    if any(record["attributes"]["type"] != name for record in records):
        raise Refusal(400, "INVALID_INPUT", f"All records must be of type {name}")
    times = Counter(str(record.get(field)).lower() for record in records)

    def one(record: Row) -> Row:
        value = record.get(field)
        if value in (None, ""):
            raise Refusal(400, "MISSING_ARGUMENT", f"{field} not specified")
        if times[str(value).lower()] > 1:
            raise Refusal(400, "DUPLICATE_VALUE", f"Duplicate external id specified: {value}")
        found = _by(self, name, field, str(value))
        fields = _fields(record) if found is None else _fields(record, field)
        return {"id": _write(self, name, found, fields), "created": found is None}

    return _each(self, request, records, one)


@ROUTES.add("POST", "/services/data/v{}/composite/sobjects")
def _create(self: Salesforce, request: Request, version: str) -> Answer:
    def one(record: Row) -> Row:
        return {"id": _write(self, record["attributes"]["type"], None, _fields(record))}

    return _each(self, request, _records(request), one)


@ROUTES.add("PATCH", "/services/data/v{}/composite/sobjects")
def _change(self: Salesforce, request: Request, version: str) -> Answer:
    def one(record: Row) -> Row:
        name = record["attributes"]["type"]
        key = record.get("id") or record.get("Id")
        if not key:
            raise Refusal(400, "MISSING_ARGUMENT", "Id not specified in an update call")
        try:
            key = _known(self, name, key)
        except Refusal as refusal:
            words = "invalid cross reference id"
            raise (
                refusal if refusal.code != "NOT_FOUND" else Refusal(400, "INVALID_CROSS_REFERENCE_KEY", words)
            ) from None
        return {"id": _write(self, name, key, _fields(record, "id", "Id"))}

    return _each(self, request, _records(request), one)


def _records(request: Request) -> list[Row]:
    records: list[Row] = request.json.get("records", [])
    if len(records) > _MOST:
        words = f"record limit reached. cannot submit more than {_MOST} records into this call"
        raise Refusal(400, "EXCEEDED_ID_LIMIT", words)
    if any("type" not in record.get("attributes", {}) for record in records):
        raise Refusal(400, "INVALID_INPUT", "Each record must have attributes with its type")
    return records


def _fields(record: Row, *without: str) -> Row:
    return {name: value for name, value in record.items() if name not in ("attributes", *without)}


def _each(self: Salesforce, request: Request, records: Sequence[Row], one: Any) -> Answer:
    # What can't be read as the object's fields refuses the whole call, before any record is written.
    for record in records:
        self.object(record["attributes"]["type"])
        for field in _fields(record):
            self.field(record["attributes"]["type"], "Id" if field == "id" else field)
    before = {name: {key: dict(row) for key, row in self.company.tables[name].items()} for name in self.company.objects}
    noted, results = len(self.written), []
    for position, record in enumerate(records):
        try:
            _strike(request, position)
            results.append({**one(record), "success": True, "errors": []})
        except Refusal as refusal:
            results.append(_failed(refusal.code, refusal.message, refusal.fields))
    if request.json.get("allOrNone") and not all(result["success"] for result in results):
        self.company.tables.update(before)
        del self.written[noted:]
        rolled_back = _failed("ALL_OR_NONE_OPERATION_ROLLED_BACK", _ROLLED_BACK)
        results = [rolled_back if result["success"] else result for result in results]
    return reply(results)


def _strike(request: Request, position: int) -> None:
    for what, code, words in (
        ("row_locked", "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records"),
        ("row_refused", "FIELD_CUSTOM_VALIDATION_EXCEPTION", "This account is closed for changes."),
    ):
        fault = request.faults.get(what)
        if fault and (fault["rows"] is None or position in fault["rows"]):
            raise Refusal(400, fault["code"] or code, words)


def _failed(code: str, message: str, fields: tuple[str, ...] = ()) -> Row:
    return {"success": False, "errors": [{"statusCode": code, "message": message, "fields": list(fields)}]}


# --- What is checked, and what follows.


def _known(self: Salesforce, name: str, key: str) -> str:
    key = long_id(key) if len(key) == 15 else key
    row = self.company.tables.get(name, {}).get(key)
    if row is None:
        raise not_found()
    if row["IsDeleted"]:
        raise Refusal(404, "ENTITY_IS_DELETED", "entity is deleted")
    return key


def _by(self: Salesforce, name: str, field: str, value: str) -> str | None:
    if field == "Id":
        return _known(self, name, value)
    if not self.field(name, field).external_id:
        raise not_found()
    found = [
        key
        for key, row in self.company.tables[name].items()
        if not row["IsDeleted"] and str(row[field] or "").lower() == value.lower()
    ]
    if len(found) > 1:
        raise Refusal(300, "MULTIPLE_CHOICES", f"{len(found)} records have this {field}")
    return found[0] if found else None


def _write(self: Salesforce, name: str, key: str | None, sent: Row) -> str:
    """Create a record, or change the one of a key; its id."""
    values = {}
    for field_name, value in sent.items():
        field = self.field(name, field_name)
        if field.read_only:
            raise Refusal(
                400,
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                f"Unable to create/update fields: {field_name}. Please check the security settings of this field and "
                "verify that it is read/write for your profile or permission set.",
                (field_name,),
            )
        values[field_name] = _value(self, field, value)
    _check_unique(self, name, key, values)
    required = [field.name for field in self.object(name).fields.values() if field.required]
    missing = [field for field in required if (key is None or field in values) and not values.get(field)]
    if missing:
        words = f"Required fields are missing: [{', '.join(missing)}]"
        raise Refusal(400, "REQUIRED_FIELD_MISSING", words, tuple(missing))
    how = "change"
    if key is None:
        how, key = "create", self.company.add(name, **values)
    else:
        self.company.change(name, key, **values)
    if name == "Task":
        _finish_task(self, key)
    self.written.append(Written(how, name, key, dict(sent)))
    return key


def _value(self: Salesforce, field: Field, value: Any) -> Any:
    if value is None or value == "":
        return False if field.type == "boolean" else None
    try:
        return _converted(self, field, value)
    except (TypeError, ValueError):
        words = f"{field.name}: value not of required type: {value}"
        raise Refusal(400, "INVALID_TYPE_ON_FIELD_IN_RECORD", words, (field.name,)) from None


def _converted(self: Salesforce, field: Field, value: Any) -> Any:
    if field.type == "boolean" and isinstance(value, bool):
        return value
    if field.type in _NUMBERS and isinstance(value, int | float) and not isinstance(value, bool):
        return int(value) if field.type == "int" else float(value)
    if field.type == "date" and isinstance(value, str):
        return date.fromisoformat(value[:10])
    if field.type == "datetime" and isinstance(value, str):
        return datetime.fromisoformat(value).astimezone(UTC)
    if field.type not in _TEXTS or not isinstance(value, str):
        raise TypeError
    if field.parents:
        return _reference(self, field, value)
    most = field.length or 255
    if len(value) > most:
        words = f"{field.label}: data value too large: {value[:20]} (max length={most})"
        raise Refusal(400, "STRING_TOO_LONG", words, (field.name,))
    return value


def _reference(self: Salesforce, field: Field, value: str) -> str:
    if len(value) not in (15, 18):
        raise Refusal(400, "MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", (field.name,))
    key = long_id(value[:15])
    if not any(key in self.company.tables[parent] for parent in field.parents):
        raise Refusal(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", (field.name,))
    return key


def _check_unique(self: Salesforce, name: str, key: str | None, values: Row) -> None:
    for field, value in values.items():
        if value is None or not self.field(name, field).external_id:
            continue
        other = _by(self, name, field, str(value))
        if other not in (None, key):
            words = f"duplicate value found: {field} duplicates value on record with id: {other}"
            raise Refusal(400, "DUPLICATE_VALUE", words, (field,))


def _finish_task(self: Salesforce, key: str) -> None:
    row = self.company.get("Task", key)
    what = self.company.tables["Opportunity"].get(row["WhatId"]) or {"AccountId": row["WhatId"]}
    row["AccountId"] = row["AccountId"] or what["AccountId"]
    row["OwnerId"] = row["OwnerId"] or next(iter(self.company.tables["User"]))
    row["Status"] = row["Status"] or "Not Started"
    row["Priority"] = row["Priority"] or "Normal"
    row["TaskSubtype"] = row["TaskSubtype"] or "Task"
    row["IsClosed"] = row["Status"] == "Completed"
    row["CompletedDateTime"] = (row["CompletedDateTime"] or row["SystemModstamp"]) if row["IsClosed"] else None
