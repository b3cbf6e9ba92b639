"""Publications to write back from, policies with a target, and looking into the queue."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from orchestration.actions.store import Store
from orchestration.actions.tables import write_queue, written_records
from orchestration.policy.models import Policies
from orchestration.policy.write_back import FEED
from tests.simulators.server import Simulator
from tests.support.ledger import ACTIONS, AS_OF, Manifest, Published, policies

Row = dict[str, Any]

TARGET = "accounts"
FIELDS = {
    "Health_Score__c": "score",
    "Health_Status__c": "final_status",
    "Churn_Probability__c": "churn_probability",
    "Next_Action__c": "next_action",
}
_TYPES = {"text": pa.string(), "number": pa.decimal128(18, 2), "date": pa.date32(), "boolean": pa.bool_()}
_FEED = pa.schema([("account_id", pa.string()), *((name, _TYPES[kind]) for name, kind in FEED.items())])
_runs = itertools.count(1)


def account(account_id: str, score: str | None = "71.3", **more: Any) -> Row:
    """A row of feed_sales."""
    number = None if score is None else Decimal(score)
    told = {"account_id": account_id, "score": number, "final_status": "GREEN", "churn_probability": Decimal("12.5")}
    return told | more


@contextmanager
def feed(*rows: Row, actions: Sequence[Row] = (), as_of: date = AS_OF) -> Iterator[Published]:
    """A publication of these rows."""
    with duckdb.connect() as con:
        con.execute("create schema published")
        for name, schema, listed in (("feed_sales", _FEED, rows), ("recommended_actions", ACTIONS, actions)):
            con.register("rows", pa.Table.from_pylist(list(listed), schema=schema))
            con.execute(f"create table published.{name} as select * from rows")
            con.unregister("rows")
        yield Published(con, Manifest(as_of, f"run{next(_runs):05d}", frozenset(("feed_sales", "recommended_actions"))))


def rules(simulator: Simulator | None = None, target: Row | None = None, **more: Any) -> Policies:
    """The shipped policies with one target in a CRM; `more`: changes of the org, or of whole files."""
    org = {
        "url": simulator.url if simulator else "https://127.0.0.1:9",
        "sign_in": "client_credentials",
        "client_id": "3MVG9.simulated.client",
        "secret": "crm_secret",
        "api_version": "62.0",
        "key_field": "Account_Health_Key__c",
    } | more.pop("org", {})
    made = {"system": "crm", "dry_run": False, "fields": FIELDS} | (target or {})
    write_back = {"targets": {TARGET: made}} | more.pop("write_back", {})
    calling = {"timeout_seconds": 2, "attempts": 3, "first_wait_seconds": 1} | more.pop("calling", {})
    systems = {"salesforce": {"crm": org}, "calling": calling}
    return policies(systems=systems, write_back=write_back, **more)


def queued(store: Store) -> dict[str, Row]:
    """The queue by account."""
    with store.reading() as con:
        return {row["record_id"]: dict(row) for row in con.execute(sa.select(write_queue)).mappings()}


def accepted(store: Store) -> dict[str, Row]:
    """What was accepted, by account."""
    with store.reading() as con:
        found = con.execute(sa.select(written_records)).mappings()
        return {row["record_id"]: json.loads(row["written"]) for row in found}
