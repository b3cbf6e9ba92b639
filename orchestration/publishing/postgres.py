"""Publishing to PostgreSQL by URL: a snapshot is loaded beside what stands and then takes its place in one moment.

Everything that readers can see changes in one transaction, loading included: a publisher that is killed leaves
nothing behind. Types are `postgres_types`' part, rows `postgres_load`'s, views `postgres_swap`'s.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from orchestration.publishing.durable import PUBLISH_LOCK_TIMEOUT_S
from orchestration.publishing.errors import PublishingError
from orchestration.publishing.manifest import Snapshot, hold_if_current
from orchestration.publishing.postgres_load import TablePlan, create_build, load_tables, plan_tables
from orchestration.publishing.postgres_swap import drop_builds, drop_chunks, in_use, swap_views

PUBLISHED_SCHEMA = "published"
READER_ROLE = "account_health_reader"
# How long the swap goes on asking readers for their locks before it leaves the former publication standing.
SWAP_TIMEOUT_S = 120.0

_CONNECT_TIMEOUT_S = 15
_LOCK_POLL_S = 0.1
_SHORTEST_RETRY_S, _LONGEST_RETRY_S = 0.1, 3.0
# One '@', after the user and before the host: anything else is a password whose characters need encoding, and libpq
# would print part of it as the host's or the port's name.
_URL = re.compile(r"postgres(ql)?://([^@/?#\s]*@)?[^@/?#\s]*(/[^@?#\s]*)?(\?[^@#\s]*)?")


@dataclass(slots=True)
class PostgresOutcome:
    """What publishing to PostgreSQL did; `superseded` means nothing, since a newer publication is current by now."""

    superseded: bool = False
    build: str | None = None
    swap_attempts: int = 0
    dropped_tables: list[str] = field(default_factory=list)
    dropped_builds: list[str] = field(default_factory=list)
    dropped_chunks: list[str] = field(default_factory=list)
    rows_loaded: int = 0
    nul_values_replaced: int = 0
    notes: list[str] = field(default_factory=list)


def publish_postgres(
    url: str,
    snapshot: Snapshot,
    *,
    schema: str = PUBLISHED_SCHEMA,
    reader_role: str = READER_ROLE,
    lock_timeout: float = PUBLISH_LOCK_TIMEOUT_S,
    swap_timeout: float = SWAP_TIMEOUT_S,
) -> PostgresOutcome:
    """Publish `snapshot` as views of `schema`; on any error what was published before still stands."""
    plans = plan_tables(snapshot)
    with _connection(url) as connection:
        _wait_for_turn(connection, schema, lock_timeout)
        # Asked only now that it is our turn: a newer publication's publisher comes, or came, with its own.
        with hold_if_current(snapshot) as is_current:
            if not is_current:
                return PostgresOutcome(superseded=True)
            return _publish(connection, snapshot, plans, schema, reader_role, swap_timeout)


def _publish(
    connection: psycopg.Connection,
    snapshot: Snapshot,
    plans: list[TablePlan],
    schema: str,
    reader_role: str,
    swap_timeout: float,
) -> PostgresOutcome:
    outcome = PostgresOutcome()
    role = _prepare(connection, schema, reader_role, outcome)
    with connection.transaction():
        connection.execute("set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0")
        former = in_use(connection, schema)
        outcome.build = create_build(connection, snapshot)
        loaded = load_tables(connection, snapshot, plans, outcome.build, schema)
        outcome.rows_loaded, outcome.nul_values_replaced = loaded.rows, loaded.nul_values_replaced
        for attempt in _attempts(swap_timeout):
            with attempt:
                outcome.swap_attempts += 1
                outcome.dropped_tables = swap_views(connection, schema, loaded.sources, plans, role)
    # What the former publication reads from stays for one more run: readers may be in the midst of it.
    outcome.dropped_builds = drop_builds(connection, {outcome.build, *former.builds})
    outcome.dropped_chunks = drop_chunks(connection, schema, in_use(connection, schema).chunks | former.chunks)
    if outcome.nul_values_replaced:
        outcome.notes.append(
            f"{outcome.nul_values_replaced} text values hold a NUL character, which PostgreSQL can't store; "
            "each stands there as U+FFFD"
        )
    return outcome


def _attempts(timeout: float) -> Retrying:
    return Retrying(
        retry=retry_if_exception_type((psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)),
        wait=wait_random_exponential(multiplier=_SHORTEST_RETRY_S, max=_LONGEST_RETRY_S),
        stop=stop_after_delay(timeout),
        reraise=True,
    )


def _prepare(connection: psycopg.Connection, schema: str, reader_role: str, outcome: PostgresOutcome) -> str | None:
    """Make the schema and the readers' role where they lack; returns the role if it can be granted rights."""
    connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))
    try:
        known = connection.execute("select 1 from pg_roles where rolname = %s", [reader_role]).fetchone()
        if not known:
            connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(reader_role)))
    except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        pass  # Another database of this server was quicker.
    except psycopg.errors.InsufficientPrivilege:
        outcome.notes.append(
            f"role {reader_role} doesn't exist and may not be created by this user; have an administrator run "
            f"`create role {reader_role} nologin`: the next publication grants it the right to read"
        )
        return None
    names = {"schema": sql.Identifier(schema), "role": sql.Identifier(reader_role)}
    connection.execute(
        sql.SQL(
            "grant usage on schema {schema} to {role};"
            "alter default privileges in schema {schema} grant select on tables to {role}"
        ).format(**names)
    )
    return reader_role


def _wait_for_turn(connection: psycopg.Connection, schema: str, timeout: float) -> None:
    """Take the publishers' lock of this database; the server lets go of it when the connection ends."""
    deadline = time.monotonic() + timeout
    while True:
        row = connection.execute(
            "select pg_try_advisory_lock(hashtextextended(%s, 0))", [f"account-health publishing {schema}"]
        ).fetchone()
        if row and row[0]:
            return
        if time.monotonic() >= deadline:
            raise PublishingError(
                f"another process has been publishing to this PostgreSQL database for more than {timeout:.0f} s; "
                "wait for it or stop it, then run again"
            )
        time.sleep(_LOCK_POLL_S)


@contextmanager
def _connection(url: str) -> Iterator[psycopg.Connection]:
    """A connection whose errors come out without the password, and without the rows they happened at."""
    if not _URL.fullmatch(url):
        raise PublishingError(
            "the PostgreSQL URL isn't valid; expected postgresql://user:password@host:5432/database, with the "
            "password's special characters percent-encoded"
        )
    try:
        with psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=_CONNECT_TIMEOUT_S,
            application_name="account-health publishing",
            client_encoding="UTF8",
        ) as connection:
            yield connection
    except psycopg.errors.LockNotAvailable:
        raise PublishingError(
            "readers held the published views in PostgreSQL without a pause, so the former publication still stands "
            "there; end long transactions, then run again"
        ) from None
    except psycopg.Error as error:
        reason = error.diag.message_primary or str(error).splitlines()[0]
        raise PublishingError(f"PostgreSQL: {_without_password(reason, url)}") from None


def _without_password(text: str, url: str) -> str:
    parts = urlsplit(url)
    queried = re.findall(r"[?&](?:ssl)?password=([^&]*)", url)
    for password in [parts.password, *queried]:
        for form in filter(None, {password, unquote(password or "")}):
            text = text.replace(form, "***")
    return text
