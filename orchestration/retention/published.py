"""Taking an account out of what readers see: a snapshot without it becomes current, then those before it go.

At every instant CURRENT names a whole publication. Figures that sum accounts up (the portfolio, forecasts) stay as that
publication has them; the next refresh counts anew.
"""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

from orchestration.publishing import durable
from orchestration.publishing.bi_file import BI_FILE, publish_bi_file, snapshot_in_bi_file
from orchestration.publishing.manifest import (
    MANIFEST,
    PUBLICATION_TABLE,
    PublishedTable,
    Snapshot,
    current_snapshot_id,
    is_snapshot_id,
    make_snapshot_id,
    read_snapshot,
)
from orchestration.publishing.parquet import seal
from orchestration.publishing.postgres import publish_postgres
from orchestration.publishing.snapshot import finish, free_snapshot_id
from orchestration.retention.parquet import Found, Rewriter

# So long readers of an older publication may end what they do.
WAIT_SECONDS = 10.0
_POLL_SECONDS = 0.1


def clean_published(published_dir: Path, rewriter: Rewriter, postgres_url: str | None, wait_seconds: float) -> Found:
    """Publish the current tables again without the account, in every medium, and remove all other snapshots."""
    snapshot_id = current_snapshot_id(published_dir)
    total = Found()
    for folder in _snapshots(published_dir):
        total.add(_look(folder, rewriter))
    if rewriter.dry or snapshot_id is None:
        return total
    current = read_snapshot(published_dir / snapshot_id)
    if _look(current.folder, rewriter):
        current = _renew(published_dir, current, rewriter)
    if snapshot_in_bi_file(published_dir) != current.snapshot_id and (published_dir / BI_FILE).exists():
        publish_bi_file(current)
    if total and postgres_url is not None:
        # What the former publication read from stays for one more: the second one removes it.
        publish_postgres(postgres_url, current)
        publish_postgres(postgres_url, current)
    _remove_others(published_dir, current, rewriter, wait_seconds)
    return total


def _snapshots(published_dir: Path) -> list[Path]:
    if not published_dir.is_dir():
        return []
    return sorted(path for path in published_dir.iterdir() if is_snapshot_id(path.name))


def _look(folder: Path, rewriter: Rewriter) -> Found:
    """What a snapshot has of the account; nothing is changed."""
    looking, total = Rewriter(rewriter.identity, dry=True), Found()
    for file in sorted(folder.rglob("*.parquet")):
        total.add(looking.rewrite(file))
    return total


def _renew(published_dir: Path, current: Snapshot, rewriter: Rewriter) -> Snapshot:
    with durable.publish_lock(published_dir):
        was = current.manifest
        snapshot_id = free_snapshot_id(published_dir, make_snapshot_id(datetime.now(UTC), was.run_id))
        folder = published_dir / f"{durable.TEMPORARY_PREFIX}{snapshot_id}"
        folder.mkdir()
        kept = {
            name: _table(current, folder, name, table, rewriter)
            for name, table in was.tables.items()
            if name != PUBLICATION_TABLE
        }
        return finish(folder, was.model_copy(update={"snapshot_id": snapshot_id, "tables": kept}))


def _table(current: Snapshot, folder: Path, name: str, table: PublishedTable, rewriter: Rewriter) -> PublishedTable:
    files = []
    for file in table.files:
        old, new = current.folder / file.path, folder / file.path
        new.parent.mkdir(exist_ok=True)
        if not rewriter.rewrite(old, new):
            os.link(old, new)
            files.append(file)
        else:
            files.append(seal(new, folder))
    if table.is_history:
        durable.sync_directory(folder / name)
    return table.model_copy(update={"files": tuple(files)})


def _remove_others(published_dir: Path, current: Snapshot, rewriter: Rewriter, wait_seconds: float) -> None:
    """Remove every snapshot that has the account, held or not: readers had their time to come to an end."""
    deadline = time.monotonic() + wait_seconds
    with durable.publish_lock(published_dir):
        for folder in _snapshots(published_dir):
            if folder.name == current.snapshot_id or not _look(folder, rewriter):
                continue
            while (descriptor := durable.try_hold_alone(folder / MANIFEST)) is None and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
            with durable.nobody_choosing(published_dir):
                away = published_dir / f"{durable.TEMPORARY_PREFIX}forgotten-{folder.name}"
                folder.rename(away)
            if descriptor is not None:
                os.close(descriptor)
            shutil.rmtree(away)
