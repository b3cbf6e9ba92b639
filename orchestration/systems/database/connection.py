"""A connection that only reads, ends in time, and whose errors tell neither the address nor the password."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from orchestration.sources.errors import SourceError

if TYPE_CHECKING:
    import sqlalchemy as sa

_CONNECT_SECONDS = 30
_BETWEEN_CANCELS_SECONDS = 0.1
_LONGEST_TOLD = 300
_SHORTEST_SECRET = 3
_URL = "a URL such as postgresql://reader:password@host/database"
# What makes the next transaction one that can't write. Others rely on the rights of their user.
_READ_ONLY = {
    "postgresql": "SET TRANSACTION READ ONLY",
    "mysql": "SET TRANSACTION READ ONLY",
    "mariadb": "SET TRANSACTION READ ONLY",
    "oracle": "SET TRANSACTION READ ONLY",
    "sqlite": "PRAGMA query_only = ON",
}
_LATE = SourceError(
    "the pull has taken as long as it may.",
    expected="less than pulling.longest_minutes of policies/systems.yaml",
    action="let the query give less, or give the source a watermark: then the next pull goes on where this one stopped",
)


@dataclass
class Connecting:
    """How one database is connected to. `deadline`: of time.monotonic(), after which what is running is cancelled."""

    name: str
    secret: str = field(repr=False)
    deadline: float | None = None

    def url(self) -> sa.URL:
        """The parsed URL; raises SourceError."""
        import sqlalchemy as sa

        try:
            url = sa.make_url(self.secret.strip())
            # The driver that comes with the project.
            return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url
        except (sa.exc.ArgumentError, ValueError):
            raise self.error("the secret is no URL of a database.", expected=_URL) from None

    @contextmanager
    def connected(self, place: str = "") -> Iterator[sa.Connection]:
        """A connection in a transaction that is rolled back; raises SourceError for all that goes wrong with it."""
        url = self.url()
        with self._told(place, url):
            engine = self._engine(url)
            try:
                with engine.connect() as connection, self._ended_in_time(connection, place):
                    if statement := _READ_ONLY.get(engine.dialect.name):
                        connection.exec_driver_sql(statement)
                    yield connection
                    connection.rollback()
            finally:
                engine.dispose()

    def error(self, message: str, place: str = "", **more: str) -> SourceError:
        """An error of this database."""
        return SourceError(message, file=self.name, place=place, **more)

    def check_time(self, place: str) -> None:
        """Raises SourceError once the deadline has passed."""
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise self._late(place)

    def _late(self, place: str) -> SourceError:
        return self.error(_LATE.message, place, expected=_LATE.expected, action=_LATE.action)

    def _left(self) -> float | None:
        return None if self.deadline is None else max(self.deadline - time.monotonic(), 0.0)

    def _engine(self, url: sa.URL) -> sa.Engine:
        import sqlalchemy as sa

        kind, given = url.get_backend_name(), {}
        if kind == "postgresql":
            left = self._left()
            seconds = _CONNECT_SECONDS if left is None else max(2, min(_CONNECT_SECONDS, int(left)))
            given = {"connect_timeout": seconds, "keepalives_idle": 30, "keepalives_interval": 10}
            given = {name: value for name, value in given.items() if name not in url.query}
        elif kind == "duckdb":
            given = {"read_only": True}
        elif kind == "sqlite" and not (url.database and Path(url.database).is_file()):
            # SQLite would make it.
            raise self.error("the secret names a file that isn't there.", expected="the file of a SQLite database")
        return sa.create_engine(url, poolclass=sa.NullPool, connect_args=given)

    @contextmanager
    def _ended_in_time(self, connection: sa.Connection, place: str) -> Iterator[None]:
        """Cancels what the database is doing when the deadline passes."""
        left = self._left()
        if left is None:
            yield
            return
        late, done = threading.Event(), threading.Event()
        driver = connection.connection.driver_connection
        stop = getattr(driver, "cancel", None) or getattr(driver, "interrupt", None)

        def watch() -> None:
            if done.wait(left):
                return
            late.set()
            # Again and again: a query that begins just after isn't cancelled.
            while stop is not None and not done.wait(_BETWEEN_CANCELS_SECONDS):
                with suppress(Exception):
                    stop()

        threading.Thread(target=watch, daemon=True).start()
        try:
            yield
        except SourceError:
            raise
        except Exception:
            if late.is_set():
                raise self._late(place) from None
            raise
        finally:
            done.set()

    @contextmanager
    def _told(self, place: str, url: sa.URL) -> Iterator[None]:
        import sqlalchemy as sa

        try:
            yield
        except sa.exc.NoSuchModuleError:
            raise self.error(f"no dialect is installed for {url.drivername}.", place, expected=_URL) from None
        except ImportError as error:
            raise self.error(
                f"the driver for {url.drivername} isn't installed ({error.name}).",
                place,
                action=f"install the package that has {error.name}",
            ) from None
        except sa.exc.DBAPIError as error:
            raise self._failure(error, place, url) from None
        except sa.exc.SQLAlchemyError as error:
            raise self.error(f"the query can't be run: {type(error).__name__}.", place) from None

    def _failure(self, error: sa.exc.DBAPIError, place: str, url: sa.URL) -> SourceError:
        words = self.scrubbed(str(error.orig), url)
        state = str(getattr(error.orig, "sqlstate", None) or "")
        if state.startswith("28") or "authentication failed" in words:
            return self.error(
                f"the sign-in was refused: {words}", place, action="check user and password in the secret"
            )
        if state == "42501" or "permission denied" in words:
            return self.error(f"a right is missing: {words}", place, action="grant its user SELECT on what is asked")
        if error.statement is None:
            return self.error(f"no connection: {words}", place, action="check that the server runs and is reached")
        return self.error(f"the database refuses the query: {words}", place, action="mend the query, or try later")

    def scrubbed(self, words: str, url: sa.URL) -> str:
        """A driver's own words in one line, without anything of the URL that could be secret."""
        parts: list[Any] = [self.secret.strip(), url.password, url.host]
        # The file of a database that is one.
        parts += [url.database] if "/" in (url.database or "") else []
        parts += [value for values in url.query.values() for value in ([values] if isinstance(values, str) else values)]
        for part in sorted((str(part) for part in parts if part), key=len, reverse=True):
            for form in {part, quote(part, safe=""), quote_plus(part)}:
                if len(form) >= _SHORTEST_SECRET:
                    words = words.replace(form, "…")
        words = " ".join(words.split())
        return (words[:_LONGEST_TOLD] + "…") if len(words) > _LONGEST_TOLD else f"{words.rstrip('.')}."
