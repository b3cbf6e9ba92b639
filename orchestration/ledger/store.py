"""Where the ledger lives: SQLite in the home, or the PostgreSQL that a URL names; here its schema is kept up to date.

A transaction that writes has the ledger to itself on SQLite (BEGIN IMMEDIATE), so that what it read still holds when it
writes; on PostgreSQL rows are locked where they are read for that.
"""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from orchestration.settings import Settings

FILE = "operations.db"
HEAD = "0004"

_PATIENCE_SECONDS = 60
# Any number: it names the lock that migrations of one database wait for.
_MIGRATION_LOCK = 7_301_188
_MIGRATIONS = Path(__file__).parent / "migrations"
_READS = "account_health_reads"


class LedgerError(RuntimeError):
    """The ledger can't be used; says why, without any password."""


class Store:
    """An open ledger."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"

    @classmethod
    def open(cls, settings: Settings, patience_seconds: int = _PATIENCE_SECONDS) -> Store:
        """The ledger of a home, made or brought up to date where need be; raises LedgerError when it can't be.

        `patience_seconds`: so long SQLite waits for another writer, and PostgreSQL may take to be reached.
        """
        return cls.at(settings.ledger_url() or sqlite_url(settings.home_path / FILE), patience_seconds)

    @classmethod
    def at(cls, url: str, patience_seconds: int = _PATIENCE_SECONDS) -> Store:
        """The ledger at a URL."""
        store = cls(_engine(url, patience_seconds))
        try:
            store._bring_up_to_date()
        except LedgerError:
            store.close()
            raise
        except (sa.exc.SQLAlchemyError, OSError) as error:
            store.close()
            raise LedgerError(f"the ledger can't be opened: {_plain(error)}") from None
        return store

    @staticmethod
    def exists(settings: Settings) -> bool:
        """Whether there is a ledger to read; one that a URL names is taken to be there."""
        return settings.ledger_url() is not None or (settings.home_path / FILE).exists()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with self.engine.connect().execution_options(**{_READS: True}) as con, con.begin():
            yield con

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes: all of it, or none."""
        with self.engine.begin() as con:
            yield con

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def alone(self, con: Connection, *tables: sa.Table) -> None:
        """Keep every other writer of these tables out until the transaction ends."""
        if not self.is_sqlite:
            names = ", ".join(con.dialect.identifier_preparer.format_table(table) for table in tables)
            # It waits for rows that are only locked, too: a weaker one and a worker would wait for each other.
            con.exec_driver_sql(f"lock table {names} in exclusive mode")

    @staticmethod
    def counted(con: Connection, statement: sa.Executable) -> int:
        """Run a statement over a set of rows; gives how many it touched."""
        # Without the option, drivers don't tell of an insert from a query.
        return con.execute(statement, execution_options={"preserve_rowcount": True}).rowcount

    def load(self, con: Connection, table: sa.Table, columns: Sequence[str], rows: Iterator[Sequence[Any]]) -> None:
        """Append many rows fast; values are texts, numbers and None as the database reads them."""
        names = [con.dialect.identifier_preparer.quote(name) for name in columns]
        into = con.dialect.identifier_preparer.format_table(table)
        driver = con.connection.driver_connection
        if isinstance(driver, sqlite3.Connection):
            places = ", ".join("?" * len(names))
            driver.executemany(f"insert into {into} ({', '.join(names)}) values ({places})", rows)  # noqa: S608 - names
            return
        with driver.cursor() as cursor, cursor.copy(f"copy {into} ({', '.join(names)}) from stdin") as copy:
            for row in rows:
                copy.write_row(row)

    def _bring_up_to_date(self) -> None:
        with self.engine.connect() as con:
            if _version(con) == HEAD:
                return
        with self._one_migration_at_a_time(), self.engine.connect() as con:
            _migrate(con)

    @contextmanager
    def _one_migration_at_a_time(self) -> Iterator[None]:
        if self.is_sqlite:
            file = Path(self.engine.url.database or "")
            with file.with_name(f".{file.name}.migrating").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
            return
        with self.engine.connect() as con:
            con.execute(sa.select(sa.func.pg_advisory_lock(_MIGRATION_LOCK)))
            try:
                yield
            finally:
                con.execute(sa.select(sa.func.pg_advisory_unlock(_MIGRATION_LOCK)))


def sqlite_url(file: Path) -> str:
    """The URL of a ledger in a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # It names people, sessions and what was decided: for its owner alone, as the files that SQLite puts beside it.
    file.touch(mode=0o600)
    return f"sqlite:///{file}"


def utc_now() -> datetime:
    """The moment, as the ledger keeps it: naive, UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def one(con: Connection, query: sa.Select) -> Mapping[str, Any] | None:
    """The first row of a query by column name, or None."""
    return con.execute(query).mappings().first()


def _engine(url: str, patience_seconds: int) -> Engine:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "postgresql":
        query = {"connect_timeout": str(patience_seconds), **parsed.query}
        return sa.create_engine(parsed.set(drivername="postgresql+psycopg", query=query), pool_pre_ping=True)
    if parsed.get_backend_name() != "sqlite":
        raise LedgerError(f"a ledger is kept in SQLite or PostgreSQL, not in {parsed.get_backend_name()}")
    engine = sa.create_engine(parsed, connect_args={"timeout": patience_seconds})
    sa.event.listen(engine, "connect", _on_connect)
    sa.event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: sqlite3.Connection, _: object) -> None:
    # The driver's own transactions begin too late: _on_begin says when.
    connection.isolation_level = None
    connection.execute("pragma journal_mode = wal")
    # What was recorded stays recorded when the power goes: it decides whether a call is made again.
    connection.execute("pragma synchronous = full")


def _on_begin(con: Connection) -> None:
    con.exec_driver_sql("begin" if con.get_execution_options().get(_READS) else "begin immediate")


def _version(con: Connection) -> str | None:
    if not sa.inspect(con).has_table("alembic_version"):
        return None
    return con.execute(sa.text("select version_num from alembic_version")).scalar()


def _migrate(con: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = con
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise LedgerError(f"the ledger was made by another version of this project: {_plain(error)}") from None
    con.commit()


def _plain(error: Exception) -> str:
    """What went wrong, in one line; a URL with its password is never part of it."""
    cause = getattr(error, "orig", None) or error
    return " ".join(str(cause).split())
