"""Histories in a snapshot: one Parquet file an as-of date, hard-linked from where they are kept, never copied.

Whoever keeps a history replaces its files by rename, never in place: a link shares the bytes.
"""

from __future__ import annotations

import os
from pathlib import Path

from orchestration.publishing import durable
from orchestration.publishing.errors import PublishingError
from orchestration.publishing.manifest import PublishedFile, Snapshot
from orchestration.publishing.parquet import seal


def link_history(folder: Path, table: str, source: Path, previous: Snapshot | None) -> tuple[PublishedFile, ...]:
    """Link `source/*.parquet` into `folder/<table>/`; the measures of files that `previous` has too come from there."""
    paths = sorted(source.glob("*.parquet"))
    if not paths:
        raise PublishingError(f"history {table}: {source} has no Parquet file")
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
