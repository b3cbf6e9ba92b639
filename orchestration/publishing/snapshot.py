"""Writing a snapshot: every table of the warehouse's schema `published` as Parquet, then `CURRENT`.

The folder is built under a temporary name, pushed to disk, and renamed; only then is `CURRENT` replaced. A kill at
any instant leaves the former publication readable. The same rows give the same bytes: the order is fixed and nothing
else of a file depends on time or on the number of threads.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

import duckdb

from orchestration.publishing import durable
from orchestration.publishing.errors import PublishingError
from orchestration.publishing.history import link_history
from orchestration.publishing.manifest import (
    CURRENT,
    MANIFEST,
    PUBLICATION_TABLE,
    Manifest,
    PublishedTable,
    Snapshot,
    TableDescription,
    current_snapshot_id,
    make_snapshot_id,
    read_snapshot,
    utc_naive,
)
from orchestration.publishing.parquet import describe_table, seal
from orchestration.publishing.sql import identifier, literal

PUBLISHED_SCHEMA = "published"

_TABLE_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Parquet has no 128-bit integer: DuckDB would write these as double, and lose digits without a word.
_INEXACT_TYPES = re.compile(r"\bU?HUGEINT\b")

_PUBLICATION_DESCRIPTION = TableDescription(
    description="One row: the publication that all tables beside this one belong to.",
    columns={
        "snapshot_id": "Name of the publication; later publications sort after earlier ones",
        "run_id": "The run that made it, as on every row of every table",
        "as_of_date": "The date that everything in it is true for",
        "policy_version": "Content hash of the policies it was made with",
        "published_at": "When it was made (UTC)",
        "tables": "How many tables there are beside this one",
        "rows": "How many rows those tables have together",
    },
)


def publication_description() -> TableDescription:
    """What the table `publication` and its columns mean."""
    return _PUBLICATION_DESCRIPTION


def publish_snapshot(
    con: duckdb.DuckDBPyConnection,
    published_dir: Path,
    *,
    run_id: str,
    as_of: date,
    policy_version: str,
    published_at: datetime,
    keys: Mapping[str, Sequence[str]] | None = None,
    tables: Sequence[str] | None = None,
    descriptions: Mapping[str, TableDescription] | None = None,
    history: Mapping[str, Path] | None = None,
    make_current: bool = True,
    lock_timeout: float = durable.PUBLISH_LOCK_TIMEOUT_S,
) -> Snapshot:
    """Publish the tables and views of schema `published` of `con` as a new snapshot, and make it the current one.

    Without `make_current` it stands beside the current one (a refresh of an earlier as_of).

    `keys` gives the unique columns that order each table; `tables` narrows what is published; `history` names folders
    of `<as_of>.parquet` files; those up to `as_of` are linked, not copied, into the snapshot as tables of their own.
    """
    names = _table_names(con, tables, set(history or ()))
    descriptions = descriptions or {}
    with durable.publish_lock(published_dir, lock_timeout):
        durable.make_readers_lock(published_dir)
        snapshot_id = free_snapshot_id(published_dir, make_snapshot_id(published_at, run_id))
        folder = published_dir / f"{durable.TEMPORARY_PREFIX}{snapshot_id}"
        folder.mkdir()
        published = {
            name: _export(con, folder, name, tuple((keys or {}).get(name, ())), descriptions, run_id) for name in names
        }
        published |= _link_histories(
            folder, history or {}, as_of, keys or {}, descriptions, _current_or_none(published_dir)
        )
        manifest = Manifest(
            snapshot_id=snapshot_id,
            run_id=run_id,
            as_of_date=as_of,
            policy_version=policy_version,
            published_at=utc_naive(published_at),
            tables=published,
        )
        return finish(folder, manifest, make_current=make_current)


def renew_histories(
    published_dir: Path,
    history: Mapping[str, Path],
    *,
    moment: datetime,
    keys: Mapping[str, Sequence[str]],
    descriptions: Mapping[str, TableDescription],
    lock_timeout: float = durable.PUBLISH_LOCK_TIMEOUT_S,
) -> Snapshot:
    """Publish the current tables again, linked, with the histories as they are now, and make that the current snapshot.

    For what became known of earlier as-ofs since: the tables, their run and its time stay, only the snapshot is new.
    """
    with durable.publish_lock(published_dir, lock_timeout):
        current = _current_or_none(published_dir)
        if current is None:
            raise PublishingError(f"nothing is published in {published_dir} yet, so there is nothing to publish again")
        was = current.manifest
        # Named by when it was made: retention counts publications by their names.
        snapshot_id = free_snapshot_id(published_dir, make_snapshot_id(moment, was.run_id))
        folder = published_dir / f"{durable.TEMPORARY_PREFIX}{snapshot_id}"
        folder.mkdir()
        kept = {
            name: table
            for name, table in was.tables.items()
            if name not in history and name != PUBLICATION_TABLE and not table.is_history
        }
        for table in kept.values():
            for file in table.files:
                os.link(current.folder / file.path, folder / file.path)
        linked = _link_histories(folder, history, was.as_of_date, keys, descriptions, current)
        return finish(folder, was.model_copy(update={"snapshot_id": snapshot_id, "tables": kept | linked}))


def _link_histories(
    folder: Path,
    history: Mapping[str, Path],
    as_of: date,
    keys: Mapping[str, Sequence[str]],
    descriptions: Mapping[str, TableDescription],
    previous: Snapshot | None,
) -> dict[str, PublishedTable]:
    linked = {}
    for table, source in sorted(history.items()):
        files = link_history(folder, table, source, as_of, previous)
        linked[table] = describe_table(
            folder, files, descriptions.get(table), tuple(keys.get(table, ())), is_history=True
        )
    return linked


def finish(folder: Path, manifest: Manifest, *, make_current: bool = True) -> Snapshot:
    """Write what names the publication, and put the folder in its place; hold the publish lock meanwhile."""
    tables = manifest.tables | {PUBLICATION_TABLE: _write_publication(folder, manifest)}
    manifest = manifest.model_copy(update={"tables": dict(sorted(tables.items()))})
    durable.write_text(folder / MANIFEST, manifest.model_dump_json(indent=2) + "\n")
    durable.sync_directory(folder)
    published_dir, final = folder.parent, folder.parent / manifest.snapshot_id
    durable.move(folder, final)
    if make_current:
        durable.replace_text(published_dir / CURRENT, manifest.snapshot_id)
    return Snapshot(folder=final.absolute(), manifest=manifest)


def _table_names(con: duckdb.DuckDBPyConnection, wanted: Sequence[str] | None, histories: set[str]) -> list[str]:
    present = {
        row[0]
        for row in con.execute(
            "select table_name from information_schema.tables"
            " where table_schema = ? and table_catalog = current_database()",
            [PUBLISHED_SCHEMA],
        ).fetchall()
    }
    names = set(wanted) if wanted is not None else present - histories
    if missing := sorted(names - present):
        raise PublishingError(f"schema {PUBLISHED_SCHEMA} has no table {', '.join(missing)}")
    if not names:
        raise PublishingError(f"schema {PUBLISHED_SCHEMA} has no tables, so there is nothing to publish")
    if twice := sorted(names & histories):
        raise PublishingError(f"{', '.join(twice)}: both a table and a history; publish it as one of them")
    if PUBLICATION_TABLE in names | histories:
        raise PublishingError(f"table {PUBLICATION_TABLE} is made by publishing itself; give the model another name")
    if odd := sorted(name for name in names | histories if not _TABLE_NAME.fullmatch(name)):
        raise PublishingError(f"{', '.join(odd)}: published tables are named in snake_case")
    return sorted(names)


def free_snapshot_id(published_dir: Path, wanted: str) -> str:
    """A name of a snapshot that none has: the wanted one, or it with a number."""
    # A step that is retried has the same run and time; the folder of its first try may be in readers' hands.
    snapshot_id, number = wanted, 1
    while (published_dir / snapshot_id).exists():
        number += 1
        snapshot_id = f"{wanted}-{number}"
    return snapshot_id


def _current_or_none(published_dir: Path) -> Snapshot | None:
    snapshot_id = current_snapshot_id(published_dir)
    return read_snapshot(published_dir / snapshot_id) if snapshot_id else None


def _export(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    table: str,
    key: tuple[str, ...],
    descriptions: Mapping[str, TableDescription],
    run_id: str,
) -> PublishedTable:
    relation = _relation(table)
    types = {row[0]: row[1] for row in con.execute(f"describe {relation}").fetchall()}
    if unknown := [column for column in key if column not in types]:
        raise PublishingError(f"{table} has no column {', '.join(unknown)}, which its key names")
    if inexact := [column for column, type_ in types.items() if _INEXACT_TYPES.search(type_)]:
        raise PublishingError(
            f"{table}: {', '.join(inexact)} is a 128-bit integer, which Parquet can't hold; "
            "cast it to bigint or decimal"
        )
    if "run_id" in types:
        refuse_other_runs(con, table, run_id)
    # A key is unique (tested before), so it makes the order total; without one all columns do, for half as much again.
    order = key or tuple(types)
    by = ", ".join(f"{identifier(column)} asc nulls last" for column in order)
    path = folder / f"{table}.parquet"
    con.execute(
        # S608: names are quoted and the path is a literal; COPY takes no parameters.
        f"copy (select * from {relation} order by {by}) to {literal(path)} (format parquet, compression zstd)"  # noqa: S608
    )
    return describe_table(folder, [seal(path, folder)], descriptions.get(table), key)


def _relation(table: str) -> str:
    return f"{identifier(PUBLISHED_SCHEMA)}.{identifier(table)}"


def refuse_other_runs(con: duckdb.DuckDBPyConnection, table: str, run_id: str) -> None:
    """Raise PublishingError where rows of the published table `table` aren't of this run."""
    strays = con.execute(
        f"select count(*), any_value(run_id) from {_relation(table)} where run_id is distinct from ?",  # noqa: S608
        [run_id],
    ).fetchall()[0]
    if strays[0]:
        raise PublishingError(
            f"{table} has {strays[0]} rows of another run ({strays[1]} instead of {run_id}): "
            "it wasn't built in this run, and a publication never mixes runs"
        )


def _write_publication(folder: Path, manifest: Manifest) -> PublishedTable:
    path = folder / f"{PUBLICATION_TABLE}.parquet"
    with duckdb.connect() as con:
        con.execute(
            "create table publication (snapshot_id varchar, run_id varchar, as_of_date date, policy_version varchar,"
            ' published_at timestamp, "tables" bigint, "rows" bigint)'
        )
        con.execute(
            "insert into publication values (?, ?, ?, ?, ?, ?, ?)",
            [
                manifest.snapshot_id,
                manifest.run_id,
                manifest.as_of_date,
                manifest.policy_version,
                manifest.published_at,
                len(manifest.tables),
                sum(table.rows for table in manifest.tables.values()),
            ],
        )
        con.execute(f"copy publication to {literal(path)} (format parquet, compression zstd)")
    return describe_table(folder, [seal(path, folder)], _PUBLICATION_DESCRIPTION, ("snapshot_id",))
