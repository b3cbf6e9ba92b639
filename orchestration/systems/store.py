"""What a pull keeps: the pages it is fetching, the records as they were last known, and the file extraction reads.

    pulled/<system>/<source>/pull/journal.json, page-00001.json …   a pull under way, page by page as they came
    pulled/<system>/<source>/state.json, records-<n>.parquet        the records, one row each, as of the last pull
    pulled/<system>/<source>/<stream>.csv                           the same as a file with canonical headers

A page is there once the journal names it; the records change once state.json names another file; the CSV is replaced
whole. So a kill at any instant costs at most the page being fetched, and the next pull goes on from there. Deleting the
folder costs a pull of everything.

Records are rows of texts: `_key`, `_stamp` (when the system last changed it, as text that orders), `_deleted`, and the
columns. A record whose columns (but updated_at) are what they were is no change and keeps its old row: what we wrote
ourselves, and what no column shows, doesn't come back as news.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from orchestration.policy.systems import Pulling
from orchestration.publishing import durable
from orchestration.sources.errors import SourceError
from orchestration.sources.settings import digest
from orchestration.sources.sqltext import Sql, compose, identifier, joined, literal

KEY, STAMP, GONE = "_key", "_stamp", "_deleted"
# Not part of what a record says: it changes with every writing, ours too.
_UNTOLD = "updated_at"
_STATE, _PULL, _JOURNAL = "state.json", "pull", "journal.json"
_THREADS = 2


@dataclass(frozen=True, slots=True)
class State:
    """What was known after the last pull. Times are aware."""

    request: str
    file: str
    columns: tuple[str, ...]
    records: int
    deleted: int
    watermark: str | None
    pulled_at: datetime
    whole_at: datetime


@dataclass(frozen=True, slots=True)
class Merged:
    """What a pull changed, in records."""

    rows: int
    changed: int
    records: int
    deleted: int


class Journal:
    """A pull under way. `position` is the system's own word for where to go on; {} at the beginning."""

    def __init__(self, folder: Path, content: dict[str, Any]) -> None:
        self._folder = folder
        self._content = content

    @property
    def position(self) -> Mapping[str, Any]:
        return self._content["position"]

    @property
    def begun_at(self) -> datetime:
        """When the pull began; aware."""
        return datetime.fromisoformat(self._content["begun_at"])

    @property
    def is_resumed(self) -> bool:
        return bool(self._content["pages"] or self._content["position"])

    @property
    def pages(self) -> tuple[Path, ...]:
        """The pages so far, in the order they came."""
        return tuple(self._folder / name for name in self._content["pages"])

    def pages_of(self, kind: str) -> tuple[Path, ...]:
        """The pages that were added as `kind`."""
        return tuple(page for page in self.pages if page.name.startswith(f"{kind}-"))

    def next_page(self, ending: str, kind: str = "page") -> Path:
        """Where the next page is to be written; it counts once `add` was told."""
        return self._folder / f"{kind}-{len(self._content['pages']) + 1:05d}.{ending}"

    def add(self, page: Path, position: Mapping[str, Any]) -> None:
        """A page that is written and synced, and where to go on after it."""
        durable.sync_directory(self._folder)
        self._content["pages"].append(page.name)
        self.note(position)

    def add_json(self, content: Any, position: Mapping[str, Any], kind: str = "page") -> Path:
        """Writes an answer as a page and adds it."""
        page = self.next_page("json", kind)
        durable.write_text(page, json.dumps(content, ensure_ascii=False))
        self.add(page, position)
        return page

    def note(self, position: Mapping[str, Any]) -> None:
        """Where to go on, when no page came (a job that was begun)."""
        self._content["position"] = dict(position)
        durable.replace_text(self._folder / _JOURNAL, json.dumps(self._content))

    def drop_pages(self, position: Mapping[str, Any], kind: str | None = None) -> None:
        """Begin again from `position`: the pages so far, or those of one kind, are of no use."""
        dropped = set(self.pages if kind is None else self.pages_of(kind))
        self._content["pages"] = [page.name for page in self.pages if page not in dropped]
        self.note(position)
        for page in dropped:
            page.unlink(missing_ok=True)


class RecordStore:
    """The folder of one source of one system. `now`: aware, when this pull began."""

    def __init__(self, folder: Path, pulling: Pulling, now: datetime) -> None:
        self.folder = folder
        self.pulling = pulling
        self.now = now

    def state(self) -> State | None:
        """What the last pull left; None where there was none, or where what it left can't be read."""
        try:
            raw = json.loads((self.folder / _STATE).read_text(encoding="utf-8"))
            times = {name: datetime.fromisoformat(raw[name]) for name in ("pulled_at", "whole_at")}
            state = State(**{**raw, **times, "columns": tuple(raw["columns"])})
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return state if (self.folder / state.file).is_file() else None

    def base(self, request: Mapping[str, Any], *, whole: bool) -> State | None:
        """The state that a pull may go on from; None where everything has to be read: at first, when what is asked for
        has changed, when it was long since everything was read, or when `whole` says so."""
        state = self.state()
        if whole or state is None or state.request != digest(request) or state.watermark is None:
            return None
        return state if self.now - state.whole_at < timedelta(days=self.pulling.whole_every_days) else None

    def journal(self, request: Mapping[str, Any]) -> Journal:
        """The pull under way where it asks for the same and isn't too old; else a new one."""
        folder = self.folder / _PULL
        wanted = digest(request)
        oldest = self.now - timedelta(hours=self.pulling.resume_hours)
        try:
            content = json.loads((folder / _JOURNAL).read_text(encoding="utf-8"))
            begun_at = datetime.fromisoformat(content["begun_at"])
            is_usable = content["request"] == wanted and begun_at >= oldest
            is_usable = is_usable and all((folder / name).is_file() for name in content["pages"])
        except (OSError, ValueError, KeyError, TypeError):
            is_usable = False
        if not is_usable:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            content = {"request": wanted, "begun_at": self.now.isoformat(), "position": {}, "pages": []}
        return Journal(folder, content)

    def merge(
        self,
        journal: Journal,
        fetched: Sql,
        columns: Sequence[str],
        request: Mapping[str, Any],
        *,
        whole: bool,
        watermark: str | None = None,
        not_after: str | None = None,
    ) -> Merged:
        """Bring the records in line with what was fetched, and forget the pages.

        `fetched`: a SELECT over the pages of `_key`, `_stamp`, `_deleted` and `columns`, all text but the boolean
        `_deleted`, with `_place` telling the order in which they came. Of several versions the one with the newest
        stamp stays, of equal stamps the one that came last. `whole`: records that weren't fetched are gone.
        `watermark`: the newest stamp of all when left out, and none later than `not_after`: what changed while a pull
        went on may have been read before it changed. Without any stamp it is that.
        """
        before = self.state()
        number = 1 + int(before.file.partition("-")[2].partition(".")[0]) if before else 1
        file = self.folder / f"records-{number}.parquet"
        with self.connected() as con:
            con.execute(compose("CREATE TABLE fetched AS {fetched}", fetched=fetched))
            old = before if before is not None and list(before.columns) == list(columns) else None
            con.execute(compose("CREATE VIEW known AS {known}", known=self._known(columns, old)))
            rows, keys, seen = con.execute(
                "SELECT count(*), count(DISTINCT _key), max(_stamp) FROM fetched"
            ).fetchall()[0]
            con.execute(compose("CREATE VIEW latest AS {latest}", latest=_latest(is_unique=rows == keys)))
            if whole or old is None:
                merged = _all_anew(columns)
            else:
                # The few rows that are news first: what is known may be millions, and most of it only moves on.
                con.execute(compose("CREATE TABLE news AS {news}", news=_news(columns)))
                merged = _brought_forward(columns)
            con.execute(
                compose(
                    "COPY ({merged}) TO {file} (FORMAT parquet, COMPRESSION zstd)",
                    merged=merged,
                    file=literal(str(file)),
                )
            )
            records, deleted, changed, newest = con.execute(
                compose(
                    "SELECT count(*) FILTER (NOT _deleted), count(*) FILTER (_deleted), count(*) FILTER (_changed),"
                    " max(_stamp) FROM read_parquet({file})",
                    file=literal(str(file)),
                )
            ).fetchall()[0]
            # The rows that stay as they were keep their old stamps, the newest seen may be among the fetched.
            newest = max(filter(None, (newest, seen)), default=None)
        durable.sync_file(file)
        kept = before.watermark if before is not None and not whole else None
        seen = watermark or max(filter(None, (newest, kept)), default=None)
        state = {
            "request": digest(request),
            "file": file.name,
            "columns": list(columns),
            "records": records,
            "deleted": deleted,
            "watermark": min(filter(None, (seen, not_after)), default=None),
            "pulled_at": self.now.isoformat(),
            "whole_at": (self.now if whole or before is None else before.whole_at).isoformat(),
        }
        durable.replace_text(self.folder / _STATE, json.dumps(state))
        shutil.rmtree(self.folder / _PULL, ignore_errors=True)
        for other in self.folder.glob("records-*.parquet"):
            if other != file:
                other.unlink()
        return Merged(rows, changed, records, deleted)

    def write_csv(
        self, name: str, columns: Sequence[str], select: Sql | None = None, prepare: Callable[..., None] | None = None
    ) -> Path:
        """Write the records that aren't deleted as `<name>.csv`, ordered by key, and give its path.

        Its time is now also where its content is what it was: the system was asked. `select`: what to write instead of
        the records themselves, from a view `records` of them; it must give `_key` and `columns`.
        """
        state = self.state()
        if state is None:
            raise SourceError("there are no records to write.", file=str(self.folder))
        target, draft = self.folder / f"{name}.csv", self.folder / f"{durable.TEMPORARY_PREFIX}{name}.csv"
        with self.connected() as con:
            if prepare is not None:
                prepare(con)
            con.execute(
                compose(
                    "CREATE VIEW records AS SELECT * FROM read_parquet({file}) WHERE NOT _deleted",
                    file=literal(str(self.folder / state.file)),
                )
            )
            con.execute(
                compose(
                    "COPY (SELECT {columns} FROM ({select}) ORDER BY _key) TO {target}"
                    " (FORMAT csv, HEADER, NULLSTR '', FORCE_QUOTE ({columns}))",
                    columns=joined(identifier(column) for column in columns),
                    select=select or Sql("SELECT * FROM records"),
                    target=literal(str(draft)),
                )
            )
        durable.sync_file(draft)
        durable.move(draft, target)
        return target

    def _known(self, columns: Sequence[str], before: State | None) -> Sql:
        if before is not None:
            return compose("SELECT * FROM read_parquet({file})", file=literal(str(self.folder / before.file)))
        return compose(
            "SELECT '' AS _key, '' AS _stamp, false AS _deleted, {blank} WHERE false",
            blank=joined(compose("CAST(NULL AS VARCHAR) AS {c}", c=identifier(column)) for column in columns),
        )

    def connected(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own, within the memory that pulls may use."""
        self.folder.mkdir(parents=True, exist_ok=True)
        con = duckdb.connect(
            config={
                "memory_limit": self.pulling.memory_limit,
                "threads": _THREADS,
                "temp_directory": str(self.folder / "spill"),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        con.execute("SET TimeZone = 'UTC'")
        return con


def _same(columns: Sequence[str]) -> Sql:
    told = [column for column in columns if column != _UNTOLD]
    pairs = [compose("newest.{c} IS NOT DISTINCT FROM known.{c}", c=identifier(column)) for column in told]
    return joined([Sql("newest._deleted = known._deleted"), *pairs], " AND ")


def _is_known(columns: Sequence[str]) -> Sql:
    """Whether what was fetched says what was known."""
    return compose("known._key IS NOT NULL AND {same}", same=_same(columns))


def _latest(is_unique: bool) -> Sql:
    """The newest version of each record that was fetched."""
    if is_unique:
        return Sql("SELECT * EXCLUDE (_place) FROM fetched")
    return Sql(
        "SELECT * EXCLUDE (_place) FROM fetched"
        " QUALIFY row_number() OVER (PARTITION BY _key ORDER BY _stamp DESC NULLS LAST, _place DESC) = 1"
    )


def _all_anew(columns: Sequence[str]) -> Sql:
    """Only what was fetched; where it says what was known, the row that was known."""
    chosen = [compose("newest.{c}", c=identifier(name)) for name in (KEY, GONE, *columns) if name != _UNTOLD]
    chosen += [
        compose(
            "CASE WHEN {is_known} THEN known.{c} ELSE newest.{c} END AS {c}",
            is_known=_is_known(columns),
            c=identifier(name),
        )
        for name in (STAMP, _UNTOLD)
        if name == STAMP or name in columns
    ]
    return compose(
        "SELECT {chosen}, NOT ({is_known}) AS _changed"
        " FROM latest AS newest LEFT JOIN known ON newest._key = known._key",
        chosen=joined(chosen),
        is_known=_is_known(columns),
    )


def _news(columns: Sequence[str]) -> Sql:
    """What was fetched and is new or says something else, unless something newer is known."""
    return compose(
        "SELECT newest.* FROM latest AS newest LEFT JOIN known ON newest._key = known._key"
        " WHERE NOT ({is_known}) AND (known._key IS NULL OR newest._stamp >= known._stamp)",
        is_known=_is_known(columns),
    )


def _brought_forward(columns: Sequence[str]) -> Sql:
    """What was known, with the news in their places."""
    return compose(
        "SELECT {listed}, true AS _changed FROM news UNION ALL"
        " SELECT {listed}, false FROM known WHERE _key NOT IN (SELECT _key FROM news)",
        listed=joined(identifier(name) for name in (KEY, STAMP, GONE, *columns)),
    )


def first_filled(cells: Sequence[Sql]) -> Sql:
    """The first of several texts that isn't blank."""
    return compose("coalesce({cells})", cells=joined(compose("nullif(trim({c}), '')", c=cell) for cell in cells))
