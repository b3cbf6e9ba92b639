"""Histories in a snapshot: one Parquet file an as-of date, hard-linked from where they are kept, never copied.

Whoever keeps a history replaces its files by rename, never in place: a link shares the bytes.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

from orchestration.publishing import durable
from orchestration.publishing.errors import PublishingError
from orchestration.publishing.manifest import PublishedFile, Snapshot
from orchestration.publishing.parquet import seal


def link_history(
    folder: Path, table: str, source: Path, as_of: date, previous: Snapshot | None
) -> tuple[PublishedFile, ...]:
    """Link the files of `source` that are not later than `as_of` into `folder/<table>/`.

    The measures of files that `previous` has too come from there.
    """
    paths = sorted(path for path in source.glob("*.parquet") if as_of_of(path) <= as_of)
    if not paths:
        raise PublishingError(f"history {table}: {source} has no Parquet file of {as_of} or before")
    (folder / table).mkdir()
    known: dict[str, PublishedFile] = {}
    if previous is not None and table in previous.manifest.tables:
        known = {file.path: file for file in previous.manifest.tables[table].files}
    files = []
    for path in paths:
        link = folder / table / path.name
        os.link(path, link)
        former = known.get(f"{table}/{path.name}")
        unchanged = former is not None and previous is not None and link.samefile(previous.folder / former.path)
        files.append(former if unchanged else seal(link, folder))
    durable.sync_directory(folder / table)
    return tuple(files)


def as_of_of(path: Path) -> date:
    """The as-of date that a history's file is named for."""
    try:
        return date.fromisoformat(path.stem)
    except ValueError:
        raise PublishingError(
            f"{path} is no file of a history: those are named <as_of>.parquet; move it away"
        ) from None
