"""Histories in PostgreSQL: chunks of as-of dates that are loaded once and that publications share.

A chunk is a table of its own in a private schema, named for the checksums of its files: what hasn't changed is there
already. A view puts the chunks of a publication together. Chunks never change, so a reader's transaction sees those of
the publication it reads, as with the builds of current tables.

Days of the newest month are a chunk each, earlier months one together: a daily refresh loads one day, and a reader of
all dates locks some tens of tables instead of one a day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path

import psycopg
from psycopg import sql

from orchestration.publishing.errors import PublishingError
from orchestration.publishing.history import as_of_of
from orchestration.publishing.manifest import PublishedFile
from orchestration.publishing.postgres_types import LONGEST_NAME_BYTES, PostgresColumn

# Marks the schema of chunks as ours.
HISTORY_COMMENT = "account-health histories, private to publishing"
AS_OF_COLUMN = "as_of_date"

_DIGEST_LENGTH = 20


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some files of a history as one table; `first` and `last` bound its as-of dates."""

    name: str
    files: tuple[PublishedFile, ...]
    first: date
    last: date


def chunks(table: str, files: Iterable[PublishedFile], columns: Iterable[PostgresColumn]) -> list[Chunk]:
    """How the files of a history make tables, oldest first."""
    dated = sorted((as_of_of(Path(file.path)), file) for file in files)
    newest = dated[-1][0]
    shape = [f"{column.name} {column.type}" for column in columns]

    def together(entry: tuple[date, PublishedFile]) -> tuple[int, int, int]:
        day = entry[0]
        is_newest_month = (day.year, day.month) == (newest.year, newest.month)
        return day.year, day.month, day.day if is_newest_month else 0

    made = []
    for _, group in groupby(dated, key=together):
        days, members = zip(*group, strict=True)
        content = "\n".join([table, *shape, *(file.sha256 for file in members)])
        digest = hashlib.sha256(content.encode()).hexdigest()[:_DIGEST_LENGTH]
        name = f"{table[: LONGEST_NAME_BYTES - _DIGEST_LENGTH - 1]}_{digest}"
        made.append(Chunk(name, members, days[0], days[-1]))
    return made


def chunk_schema(schema: str) -> str:
    """Where the chunks of the histories in `schema` are."""
    return f"{schema}_history_chunks"


def prepare_chunks(connection: psycopg.Connection, schema: str) -> set[str]:
    """Make the schema of chunks where it lacks; gives the chunks that are there."""
    name = chunk_schema(schema)
    row = connection.execute(
        "select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = %s", [name]
    ).fetchone()
    if row is None:
        connection.execute(
            sql.SQL("create schema {0}; comment on schema {0} is {1}").format(
                sql.Identifier(name), sql.Literal(HISTORY_COMMENT)
            )
        )
    elif row[0] != HISTORY_COMMENT:
        raise PublishingError(f"schema {name} isn't one that publishing made; rename or drop it, then publish again")
    return set(standing_chunks(connection, schema))


def standing_chunks(connection: psycopg.Connection, schema: str) -> list[str]:
    """The chunks that are there, in use or not."""
    rows = connection.execute(
        "select tablename from pg_tables where schemaname = %s order by 1", [chunk_schema(schema)]
    ).fetchall()
    return [row[0] for row in rows]


def bounds(chunk: Chunk, columns: Iterable[PostgresColumn]) -> sql.Composable:
    """A constraint by which a query for some as-of dates passes over the other chunks."""
    if all(column.name != AS_OF_COLUMN for column in columns):
        return sql.SQL("")
    return sql.SQL(", check ({} between {} and {})").format(
        sql.Identifier(AS_OF_COLUMN), sql.Literal(chunk.first), sql.Literal(chunk.last)
    )
