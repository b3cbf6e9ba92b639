"""Rows of a publication as the ledger's database takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from orchestration.publishing.reader import Publication

_CHUNK = 20_000


def rows_of(publication: Publication, query: str) -> Iterator[Sequence[Any]]:
    """Rows of a query with every value as text or None, a chunk at a time."""
    cursor = publication.connection.cursor()
    names = [column[0] for column in cursor.execute(f"{query} limit 0").description]
    # PostgreSQL has no NUL in texts.
    texts = ", ".join(f'replace("{name}"::varchar, chr(0), \'\') as "{name}"' for name in names)
    cursor.execute(f"select {texts} from ({query})")  # noqa: S608 - names of columns
    while chunk := cursor.fetchmany(_CHUNK):
        yield from chunk
