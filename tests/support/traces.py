"""Looking for texts in every file of a home, by other means than the code that removes them.

Parquet is read by DuckDB, value by value; every other file as bytes, unpacked where it is packed.
"""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path

import duckdb


def holding(folder: Path, texts: Collection[str], but: Collection[Path] = ()) -> list[str]:
    """The files below `folder`, but for those in `but`, that hold one of the texts in their name or content."""
    # As JSON writes them too, also inside of a text of JSON.
    written = {
        form for text in texts for form in (text, json.dumps(text)[1:-1], json.dumps(json.dumps(text)[1:-1])[1:-1])
    }
    wanted = [text.encode() for text in written] + [text.encode("utf-16-le") for text in texts]
    found = []
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or any(file.is_relative_to(path) for path in but):
            continue
        name = str(file.relative_to(folder))
        contents = [name.encode(), *_contents(file)]
        if any(text in content for text in wanted for content in contents):
            found.append(name)
    return found


def _contents(file: Path) -> Iterator[bytes]:
    if file.suffix == ".parquet":
        yield _values(file)
        return
    content = file.read_bytes()
    yield content
    if content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content)
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            yield from (archive.read(name) for name in archive.namelist())


def _values(file: Path) -> bytes:
    with duckdb.connect() as con:
        relation = con.read_parquet(str(file))
        columns = ", ".join(f'"{name}"::varchar' for name in relation.columns)
        rows = relation.project(columns).fetchall()
    return "\n".join(str(value) for row in rows for value in row if value is not None).encode()
