"""The publication that the portal shows: copied for it alone, and changed for the next one between requests.

Its tables are copied into a database file of this process, rows of an account beside each other, of which a bounded
part is in memory; what is read all the time stands there as arrays (`portal.sheets`) or as answers (`Edition.rows`).

A request takes an `Edition` and keeps it to its end, so it never sees half of two publications. When `CURRENT` names
another snapshot, that one is loaded beside, while requests go on with the one there is; then it takes its place, and
the old one goes with the last request that holds it. One that can't be loaded changes nothing and is told. Where the
old one was taken from the disk meanwhile, an account was forgotten (nothing else removes what a reader holds): it isn't
shown any more, and requests wait for the new one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from orchestration.publishing.errors import NothingPublishedError, PublishingError
from orchestration.publishing.manifest import (
    MANIFEST,
    Manifest,
    PublishedTable,
    Snapshot,
    current_snapshot_id,
    hold_current,
)
from orchestration.publishing.sql import identifier, literal, read_parquet
from portal.access import prepare
from portal.kept import Kept
from portal.listing import Listing
from portal.scratch import Scratch
from portal.sheets import Sheets

log = logging.getLogger("portal.publications")

Made = TypeVar("Made")
_Rows = tuple[Sequence[str], Sequence[tuple[Any, ...]]]
# Answers that are kept: values of all of them together, and of one.
_MOST_VALUES = 400_000
_MOST_VALUES_OF_ONE = 20_000
# So many characters of a question weigh as one value of its answer.
_CHARACTERS_A_VALUE = 16
_FILE = "edition.duckdb"
# Of a query: requests are many at once, so each is better off with a thread of its own. Laying a publication out takes
# half the memory that way, and leaves processors to the requests that go on meanwhile.
_THREADS = 1


class Edition:
    """One publication, open."""

    def __init__(
        self, snapshot: Snapshot, connection: duckdb.DuckDBPyConnection, sheets: Sheets, hold: ExitStack
    ) -> None:
        self.manifest: Manifest = snapshot.manifest
        self.snapshot_id = snapshot.snapshot_id
        self._file = snapshot.folder / MANIFEST
        self.connection = connection
        self.sheets = sheets
        self._hold = hold
        self._answers: Kept[_Rows] = Kept(_MOST_VALUES, _values_of, _values_of_key)
        self._fixed: Kept[_Rows] = Kept(_MOST_VALUES, _size_of, _values_of_key)
        self._tables: dict[Any, str] = {}
        self._made: dict[Callable[[Edition], Any], Any] = {}
        self._making = threading.Lock()
        self._made_once = threading.Lock()
        self._lock = threading.Lock()
        self._holders = 1

    def rows(self, text: str, values: Mapping[str, Any], *, is_fixed: bool = False) -> _Rows:
        """The column names and rows of a query; the same question gets the same answer, since nothing here changes.

        `is_fixed`: nothing in it is of a request but who asks, so an answer without rows is kept too.
        """
        key = (text, tuple((name, _frozen(value)) for name, value in sorted(values.items())))
        answers = self._fixed if is_fixed else self._answers
        return answers.get(key, lambda: self._ask(text, values))

    def table_of(self, text: str, values: Mapping[str, Any]) -> str:
        """A table with the rows of a query, made once."""
        key = (text, *((name, _frozen(value)) for name, value in sorted(values.items())))
        if key not in self._tables:
            with self._making:
                if key not in self._tables:
                    name = f"main.kept_{len(self._tables)}"
                    self.connection.cursor().execute(f"create table {name} as {text}", dict(values))
                    self._tables[key] = name
        return self._tables[key]

    def made(self, make: Callable[[Edition], Made]) -> Made:
        """What a function makes of this edition, made once."""
        if make not in self._made:
            with self._made_once:
                if make not in self._made:
                    self._made[make] = make(self)
        return self._made[make]

    @property
    def is_withdrawn(self) -> bool:
        """Whether the publication was taken from the disk, though it is held."""
        return not self._file.exists()

    def _ask(self, text: str, values: Mapping[str, Any]) -> _Rows:
        cursor = self.connection.cursor().execute(text, dict(values))
        return [column[0] for column in cursor.description or ()], cursor.fetchall()

    def hold(self) -> bool:
        """Keep it open for one more; False where it is gone."""
        with self._lock:
            if self._holders == 0:
                return False
            self._holders += 1
            return True

    def let_go(self) -> None:
        """One holder less; the last one closes it."""
        with self._lock:
            self._holders -= 1
            over = self._holders == 0
        if over:
            self._hold.close()


def _frozen(value: Any) -> Any:
    return tuple(_frozen(one) for one in value) if isinstance(value, list | tuple) else (type(value), value)


def _values_of(answer: _Rows) -> int:
    # Whoever asks for what isn't there can do so in any number of ways.
    return _size_of(answer) if answer[1] else _MOST_VALUES + 1


def _size_of(answer: _Rows) -> int:
    names, rows = answer
    size = (len(names) or 1) * (len(rows) + 1)
    return size if size <= _MOST_VALUES_OF_ONE else _MOST_VALUES + 1


def _values_of_key(key: Hashable) -> int:
    return len(repr(key)) // _CHARACTERS_A_VALUE


class Library:
    """Hands out the newest edition; safe for many threads."""

    def __init__(
        self,
        published_dir: Path,
        scratch_dir: Path,
        memory_mb: int,
        listings: Sequence[Listing] = (),
        makers: Sequence[Callable[[Edition], Any]] = (),
    ) -> None:
        """`memory_mb`: of the database; `listings`: those that are laid out before a publication is shown.

        `makers`: what else is made of a publication by then (`Edition.made`).
        """
        self._published_dir = published_dir
        self._scratch = Scratch(scratch_dir)
        self._memory_mb = memory_mb
        self._listings = tuple(listings)
        self._makers = tuple(makers)
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._edition: Edition | None = None
        self._refused: str | None = None
        # Why the newest publication isn't the one that is shown; None while it is.
        self.problem: str | None = None

    def begin(self) -> None:
        """Open the newest edition beside whoever starts, so that the first request waits less."""
        threading.Thread(target=self._open_first, name="publication", daemon=True).start()

    def _open_first(self) -> None:
        # Whoever asks is told what is wrong.
        with suppress(PublishingError, OSError, duckdb.Error):
            self._keep_up()

    @contextmanager
    def current(self) -> Iterator[Edition]:
        """The newest edition, until the end of the block; raises NothingPublishedError where there is none."""
        edition = self.take()
        try:
            yield edition
        finally:
            edition.let_go()

    def take(self) -> Edition:
        """The newest edition; whoever takes it lets it go."""
        while True:
            edition = self._keep_up()
            if edition is None:
                raise NothingPublishedError("nothing is published in this home yet")
            if edition.hold():
                return edition

    def close(self) -> None:
        """Let go of what is held; requests under way finish with theirs."""
        with self._lock:
            edition = self._edition
        self._drop(edition)

    def _drop(self, edition: Edition | None) -> None:
        """Show this one no longer, unless another is shown already."""
        with self._lock:
            if edition is None or self._edition is not edition:
                return
            self._edition = None
        edition.let_go()

    def _keep_up(self) -> Edition | None:
        """The edition to show; has the newest one loaded where it is another, and waits for that only where it must."""
        while True:
            with self._lock:
                edition = self._edition
            newest = current_snapshot_id(self._published_dir)
            if newest is None or (edition is not None and edition.snapshot_id == newest):
                return edition
            if edition is not None and edition.is_withdrawn:
                self._drop(edition)
            elif newest == self._refused:
                return edition
            elif edition is None:
                with self._loading:
                    if self._edition is None and newest != self._refused:
                        self._load(newest)
            else:
                if self._loading.acquire(blocking=False):
                    threading.Thread(target=self._load_beside, args=(newest,), name="publication", daemon=True).start()
                return edition

    def _load_beside(self, newest: str) -> None:
        try:
            # Where the one that was shown is gone meanwhile, requests say what is wrong.
            with suppress(PublishingError, OSError, duckdb.Error):
                self._load(newest)
        finally:
            self._loading.release()

    def _load(self, newest: str) -> None:
        try:
            edition = self._opened()
        except (PublishingError, OSError, duckdb.Error) as error:
            # Not tried again at every request: only another publication, or a new start, can be better.
            self._refused, self.problem = newest, f"publication {newest} can't be shown: {error}"
            log.error("%s", self.problem)
            if self._edition is None:
                raise
            return
        self._refused = self.problem = None
        with self._lock:
            old, self._edition = self._edition, edition
        if old is not None:
            old.let_go()
        log.info("publication %s is shown", edition.snapshot_id)

    def _opened(self) -> Edition:
        edition = _opened(self._published_dir, self._scratch, self._memory_mb, self._listings)
        try:
            for make in self._makers:
                edition.made(make)
            # Showing it takes less than laying it out, and the next one is laid out while this one is shown.
            edition.connection.execute(f"set memory_limit = '{self._memory_mb // 2}MB'")
            edition.connection.execute("set lock_configuration = true")
        except BaseException:
            edition.let_go()
            raise
        return edition


def _opened(published_dir: Path, scratch: Scratch, memory_mb: int, listings: Sequence[Listing]) -> Edition:
    with ExitStack() as stack:
        snapshot = stack.enter_context(hold_current(published_dir))
        folder = stack.enter_context(scratch.folder())
        connection = stack.enter_context(duckdb.connect(folder / _FILE))
        _limit(connection, snapshot, folder, memory_mb)
        _fill(connection, snapshot)
        prepare(connection, snapshot.manifest)
        sheets = Sheets(connection, snapshot.manifest)
        for listing in listings:
            sheets.of(listing)
        connection.execute("checkpoint")
        # From here on the edition lets go; an error before lets go at once.
        return Edition(snapshot, connection, sheets, stack.pop_all())


def _limit(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, folder: Path, memory_mb: int) -> None:
    connection.execute(f"set memory_limit = '{int(memory_mb)}MB'")
    connection.execute(f"set threads = {_THREADS}")
    connection.execute(f"set temp_directory = {literal(folder / 'spilled')}")
    # Whatever is asked of this connection, it reads this snapshot and nothing else of the machine.
    allowed = ", ".join(literal(f"{one}/") for one in (snapshot.folder, folder))
    connection.execute(f"set allowed_directories = [{allowed}]")
    connection.execute("set enable_external_access = false")


def _fill(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot) -> None:
    connection.execute("create schema published")
    for name, table in snapshot.manifest.tables.items():
        # A history grows with every as-of date: it is read where it lies, a file a date.
        kind = "view" if table.is_history else "table"
        order = "" if table.is_history else _beside_each_other(table)
        source = read_parquet(snapshot.paths(name))
        connection.execute(f"create {kind} published.{identifier(name)} as from {source}{order}")


def _beside_each_other(table: PublishedTable) -> str:
    """Puts the rows of an account beside each other, so that a page of it reads a small part of the file."""
    names = {column.name for column in table.columns}
    if "account_id" not in names or table.key[:1] == ("account_id",):
        return ""
    return f" order by {', '.join(identifier(name) for name in ('account_id', *table.key))}"
