"""Publications to write back from, policies with a target, and looking into the queue."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from orchestration.ledger.store import Store
from orchestration.ledger.tables import write_queue, written_records
from orchestration.policy.models import Policies
from orchestration.policy.write_back import FEED
from orchestration.publishing.snapshot import publish_snapshot
from orchestration.settings import PROJECT_ROOT
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
        made = _tables(con, rows, actions, "run")
        yield Published(con, Manifest(as_of, f"run{next(_runs):05d}", frozenset(made)))


def publish(folder: Path, *rows: Row, actions: Sequence[Row] = (), as_of: date = AS_OF) -> None:
    """Publish these rows as a real publication in `folder`."""
    number = next(_runs)
    run_id = f"run{number:05d}"
    with duckdb.connect() as con:
        publish_snapshot(
            con,
            folder,
            run_id=run_id,
            as_of=as_of,
            policy_version="p1",
            published_at=datetime(2026, 7, 1) + timedelta(seconds=number),
            tables=_tables(con, rows, actions, run_id),
        )


def _tables(con: duckdb.DuckDBPyConnection, rows: Sequence[Row], actions: Sequence[Row], run_id: str) -> list[str]:
    con.execute("create schema published")
    tables = {"feed_sales": (_FEED, rows), "recommended_actions": (ACTIONS, actions)}
    for name, (schema, listed) in tables.items():
        con.register("rows", pa.Table.from_pylist(list(listed), schema=schema))
        con.execute(f"create table published.{name} as select *, '{run_id}' as run_id from rows")
        con.unregister("rows")
    return list(tables)


def write_policies(folder: Path, simulator: Simulator, dry_run: bool = False) -> Path:
    """The shipped policies as files, with one target in a CRM."""
    shutil.copytree(PROJECT_ROOT / "policies", folder)
    org = f"{{url: '{simulator.url}', sign_in: client_credentials, client_id: {simulator.salesforce.client_id},"
    _replace(
        folder / "systems.yaml",
        "\nsalesforce: {}",
        f"\nsalesforce: {{crm: {org} secret: crm_secret, api_version: '62.0'}}}}",
    )
    fields = ", ".join(f"{field}: {column}" for field, column in FIELDS.items())
    target = f"{{system: crm, dry_run: {str(dry_run).lower()}, fields: {{{fields}}}}}"
    _replace(folder / "write_back.yaml", "\ntargets: {}", f"\ntargets: {{{TARGET}: {target}}}")
    return folder


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


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
