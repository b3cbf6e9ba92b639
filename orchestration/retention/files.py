"""Taking an account out of any other file of a home, by what kind of file it is.

Rows go from CSV, JSON lines and JSON; a text keeps its other words; databases of SQLite keep their other values. What
can't be rewritten and can be made again (documents, archives) goes whole.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from orchestration.publishing import durable
from orchestration.retention.identity import Identity
from orchestration.retention.parquet import Found, Rewriter

_SQLITE = b"SQLite format 3\x00"
_SQLITE_SUFFIXES = ("-wal", "-shm", "-journal")
_PATIENCE_SECONDS = 60
# What is made again whenever it is asked for or due.
_MADE = (".pdf", ".pptx", ".xlsx", ".zip", ".docx", ".png")
# Headers of cells that name another account than the row's own.
_PARENT = "parent"


def clean_file(file: Path, rewriter: Rewriter) -> Found:
    """Take the account out of one file; a file that doesn't name it isn't touched."""
    if file.name.endswith(_SQLITE_SUFFIXES):
        return Found()
    if file.suffix == ".parquet":
        return rewriter.rewrite(file)
    if _begins_with(file, _SQLITE):
        return _clean_database(file, rewriter)
    if file.suffix in _MADE or file.suffix == ".gz":
        return _remove_if(_names_inside(file, rewriter.identity), file, rewriter.dry)
    try:
        text = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return _remove_if(names_raw(file.read_bytes(), rewriter.identity), file, rewriter.dry)
    new, found = _cleaned_text(file, text, rewriter.identity)
    if found and not rewriter.dry:
        _replace(file, new)
    return found


def names_raw(content: bytes, identity: Identity) -> bool:
    """Whether bytes hold one of the account's texts in UTF-8 or, as Office and some databases write, UTF-16."""
    traces = identity.traces
    if traces.is_in(content.decode("utf-8", "ignore")):
        return True
    return any(text.encode("utf-16-le") in content for text in traces.texts)


def contents(file: Path) -> Iterator[bytes]:
    """What a file holds, unpacked: of a gzip or a zip, what is inside of it too."""
    yield file.read_bytes()
    with suppress(OSError, EOFError, zipfile.BadZipFile):
        if file.suffix == ".gz":
            yield gzip.decompress(file.read_bytes())
        elif zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                yield from (archive.read(name) for name in archive.namelist())


def remove(path: Path) -> None:
    """Remove a file or a folder with what is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _begins_with(file: Path, mark: bytes) -> bool:
    with file.open("rb") as handle:
        return handle.read(len(mark)) == mark


def _names_inside(file: Path, identity: Identity) -> bool:
    # Text of a PDF is packed in ways of its own, so one that isn't known to be free of it counts as naming it.
    return file.suffix == ".pdf" or any(names_raw(content, identity) for content in contents(file))


def _remove_if(is_named: bool, file: Path, dry: bool) -> Found:
    if is_named and not dry:
        file.unlink()
    return Found(files=int(is_named))


def _replace(file: Path, text: str) -> None:
    draft = file.with_name(f"{durable.TEMPORARY_PREFIX}{file.name}-{os.getpid()}")
    draft.write_bytes(text.encode("utf-8"))
    draft.chmod(file.stat().st_mode & 0o777)
    durable.sync_file(draft)
    durable.move(draft, file)


def _cleaned_text(file: Path, text: str, identity: Identity) -> tuple[str, Found]:
    traces = identity.traces
    if not traces.is_in(text) and not any(one in text for one in traces.ids):
        return text, Found()
    if file.suffix == ".csv":
        new, rows = _cleaned_csv(text, identity)
    elif file.suffix == ".jsonl":
        lines = text.splitlines(keepends=True)
        kept = [line for line in lines if not traces.is_in(line)]
        new, rows = "".join(kept), len(lines) - len(kept)
    elif file.suffix == ".json":
        new, rows = _cleaned_json(text, identity), 0
    else:
        new, rows = text, 0
    cleaned = traces.cleaned(new)
    return cleaned, Found(rows, int(cleaned != text and not rows), int(cleaned != text))


def _cleaned_csv(text: str, identity: Identity) -> tuple[str, int]:
    try:
        header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    except (csv.Error, ValueError):
        return text, 0
    own = [place for place, name in enumerate(header) if not name.strip().casefold().startswith(_PARENT)]

    def is_own(row: list[str]) -> bool:
        cells = [row[place] for place in own if place < len(row)]
        return any(cell in identity.ids or (cell and identity.is_own_name(cell)) for cell in cells)

    kept = [row for row in rows if not is_own(row)]
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL if text.startswith('"') else csv.QUOTE_MINIMAL, lineterminator="\n")
    writer.writerows([header, *kept])
    return out.getvalue(), len(rows) - len(kept)


def _cleaned_json(text: str, identity: Identity) -> str:
    try:
        value: Any = json.loads(text)
    except ValueError:
        return text
    return json.dumps(identity.traces.value(value), indent=2, ensure_ascii=False) + "\n"


def _clean_database(file: Path, rewriter: Rewriter) -> Found:
    """Rewrite the values of a SQLite database that name the account, and the file, so that no freed page does."""
    found = Found()
    traces = rewriter.identity.traces
    with closing(sqlite3.connect(file, timeout=_PATIENCE_SECONDS, isolation_level=None)) as con:
        con.execute("pragma secure_delete = on")
        con.create_function(
            "names_it", 1, lambda text: isinstance(text, str) and traces.is_in(text), deterministic=True
        )
        con.create_function("without_it", 1, traces.cleaned, deterministic=True)
        tables = con.execute(
            "select name from sqlite_master"
            " where type = 'table' and name not like 'sqlite_%' and sql not like '%virtual%'"
        ).fetchall()
        for (table,) in tables:
            for column in con.execute(f'pragma table_info("{table}")').fetchall():
                place, where = f'"{table}"', f'"{column[1]}"'
                if rewriter.dry:
                    query = f"select count(*) from {place} where names_it({where})"  # noqa: S608 - names of its own
                    found.cells += con.execute(query).fetchall()[0][0]
                else:
                    statement = f"update {place} set {where} = without_it({where}) where names_it({where})"  # noqa: S608
                    found.cells += con.execute(statement).rowcount
        found.files = int(bool(found.cells))
        if found and not rewriter.dry:
            con.execute("vacuum")
            con.execute("pragma wal_checkpoint(truncate)")
    return found
