"""Publications for tests of the ledger: `recommended_actions`, `alerts` and `account_health` from plain rows.

Only the columns that the ledger reads, as the published tables have them.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.policy.load import load_policies
from orchestration.policy.models import Policies
from orchestration.publishing.snapshot import publish_snapshot
from orchestration.settings import PROJECT_ROOT

Row = dict[str, Any]

AS_OF = date(2026, 6, 30)
NOW = datetime(2026, 6, 30, 9, 0)

_TEXT, _DAY, _YES = pa.string(), pa.date32(), pa.bool_()
ACTIONS = pa.schema(
    [
        *((name, _TEXT) for name in ("action_id", "account_id", "account_name", "action", "kind", "subject", "title")),
        *((name, _TEXT) for name in ("owner_role", "owner", "geo", "region", "segment", "priority", "sensitivity")),
        *((name, _TEXT) for name in ("mode", "status", "rationale", "evidence", "guards")),
        ("due_on", _DAY),
    ]
)
ALERTS = pa.schema(
    [
        *((name, _TEXT) for name in ("alert_id", "account_id", "account_name", "alert", "title", "evidence")),
        *((name, _TEXT) for name in ("to_role", "to_name")),
        ("at_once", _YES),
        ("is_open", _YES),
    ]
)
HEALTH = pa.schema([("account_id", _TEXT), ("score", pa.decimal128(4, 1))])

_runs = itertools.count(1)


def action(action_id: str, mode: str = "auto", **more: Any) -> Row:
    """A row of recommended_actions; its status is the one that the mode gives."""
    return {
        "action_id": action_id,
        "account_id": "a",
        "account_name": "Acme",
        "action": "notify_owner",
        "kind": "notification",
        "subject": "a",
        "title": "Tell the CSM or owner",
        "owner_role": "CSM",
        "owner": "Cas Manager",
        "geo": "EMEA",
        "region": "North",
        "segment": "smb",
        "priority": "P2",
        "sensitivity": "low",
        "mode": mode,
        "status": "queued",
        "rationale": "An alert is open.",
        "evidence": '{"alerts_open": 1}',
        "guards": None,
        "due_on": AS_OF,
    } | more


def alert(alert_id: str, kind: str = "urgent_ticket", **more: Any) -> Row:
    """A row of alerts that is open."""
    return {
        "alert_id": alert_id,
        "account_id": "a",
        "account_name": "Acme",
        "alert": kind,
        "title": "Urgent ticket open",
        "evidence": "Ticket T1 is urgent and open.",
        "to_role": "csm",
        "to_name": "Cas Manager",
        "at_once": False,
        "is_open": True,
    } | more


@dataclass(frozen=True)
class Manifest:
    """What the ledger asks of a publication's manifest."""

    as_of_date: date
    run_id: str
    tables: frozenset[str]


@dataclass(frozen=True)
class Published:
    """As much of a publication as the ledger reads, without files."""

    connection: duckdb.DuckDBPyConnection
    manifest: Manifest


@contextmanager
def published(
    actions: Iterable[Row] = (),
    alerts: Iterable[Row] = (),
    scores: dict[str, str] | None = None,
    as_of: date = AS_OF,
) -> Iterator[Published]:
    """A publication of these rows."""
    with duckdb.connect() as con:
        made = tables(con, actions, alerts, scores)
        yield Published(con, Manifest(as_of, f"run{next(_runs):05d}", frozenset(made)))


def tables(
    con: duckdb.DuckDBPyConnection,
    actions: Iterable[Row] = (),
    alerts: Iterable[Row] = (),
    scores: dict[str, str] | None = None,
    run_id: str = "run",
) -> list[str]:
    """Make the published tables in `con`; gives their names."""
    con.execute("create schema published")
    health = [{"account_id": name, "score": Decimal(score)} for name, score in (scores or {}).items()]
    made = {"recommended_actions": (ACTIONS, actions), "alerts": (ALERTS, alerts), "account_health": (HEALTH, health)}
    for name, (schema, rows) in made.items():
        con.register("rows", pa.Table.from_pylist(list(rows), schema=schema))
        con.execute(f"create table published.{name} as select *, '{run_id}' as run_id from rows")
        con.unregister("rows")
    return list(made)


PEOPLE = {
    "ann": ["approver_low"],
    "ben": ["approver_high"],
    "cas": ["seller"],
    "dee": ["manager"],
    "eve": ["approver_medium", "manager"],
}


def policies(**changes: Any) -> Policies:
    """The shipped policies with some people in them; `changes` by file replace parts (dictionaries, merged deeply)."""
    shipped = _shipped()
    access = shipped.access.model_copy(update={"people": {name: tuple(roles) for name, roles in PEOPLE.items()}})
    made = shipped.model_copy(update={"access": access})
    for name, values in changes.items():
        part = getattr(made, name)
        merged = _merged(part.model_dump(), values)
        made = made.model_copy(update={name: type(part).model_validate(merged)})
    return made


@functools.cache
def _shipped() -> Policies:
    return load_policies(PROJECT_ROOT / "policies")


def _merged(base: Any, over: Any) -> Any:
    if isinstance(base, dict) and isinstance(over, dict):
        return base | {key: _merged(base.get(key), value) for key, value in over.items()}
    return over


def publish(folder: Path, *rows: Row, alerts: Iterable[Row] = (), as_of: date = AS_OF) -> None:
    """Publish these rows as a real publication in `folder`."""
    number = next(_runs)
    with duckdb.connect() as con:
        made = tables(con, rows, alerts, {"a": "71.3"}, run_id=f"run{number:05d}")
        publish_snapshot(
            con,
            folder,
            run_id=f"run{number:05d}",
            as_of=as_of,
            policy_version="p1",
            published_at=datetime(2026, 7, 1) + timedelta(seconds=number),
            tables=made,
        )
