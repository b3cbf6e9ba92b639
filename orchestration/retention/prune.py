"""Removing what is older than `privacy.yaml` keeps.

Never removed: the newest extraction of a source and those the current publication was made from; for every day that is
kept, what was known on it; of histories, what the next run reads. So a date within the limits gives the same again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import sqlalchemy as sa

from orchestration.ledger.store import Store
from orchestration.ledger.tables import audit_log, sessions
from orchestration.policy.models import Policies
from orchestration.publishing import durable
from orchestration.publishing.manifest import Snapshot, current_snapshot_id, read_snapshot
from orchestration.publishing.sql import read_parquet
from orchestration.refresh.histories import HISTORIES, READS, earlier_files
from orchestration.retention.ledger import changeable
from orchestration.settings import Settings
from orchestration.sources.landing import Extraction, LandingZone
from orchestration.sources.streams import STREAMS

RECORD = "pruned.jsonl"
_LOCK_SECONDS = 60


@dataclass
class Pruned:
    """How many of each were removed, or would be."""

    extractions: int = 0
    history_files: int = 0
    documents: int = 0
    runs: int = 0
    audit_entries: int = 0
    sessions: int = 0

    def counts(self) -> dict[str, int]:
        return {name: count for name, count in asdict(self).items() if count}

    def words(self) -> str:
        """The counts as a line."""
        return ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in self.counts().items()) or "nothing"


def prune(settings: Settings, policies: Policies, now: datetime, *, dry: bool = False) -> Pruned:
    """Remove what is too old at `now` (aware); hold the home meanwhile. What was removed is noted in the home."""
    keep, pruned = policies.privacy, Pruned()
    current = _current(settings)

    def before(days: int) -> datetime:
        return now - timedelta(days=days)

    pruned.extractions = _prune_landing(settings, policies, before(keep.landing_days), current, dry)
    for file in _old_history(settings, policies, before(keep.history_days).date()):
        pruned.history_files += 1
        _remove(file, dry)
    for file in _old_files(settings.home_path / "documents", before(keep.documents_days)):
        pruned.documents += 1
        _remove(file, dry)
    for folder in _old_runs(settings, before(keep.runs_days), current):
        pruned.runs += 1
        _remove(folder, dry)
    if Store.exists(settings):
        with Store.open(settings) as store:
            _prune_ledger(store, before(keep.audit_log_days), now, pruned, dry)
    if pruned.counts() and not dry:
        _note(settings, pruned, now)
    return pruned


def _current(settings: Settings) -> Snapshot | None:
    snapshot_id = current_snapshot_id(settings.published_path)
    return read_snapshot(settings.published_path / snapshot_id) if snapshot_id else None


def _prune_landing(
    settings: Settings, policies: Policies, oldest: datetime, current: Snapshot | None, dry: bool
) -> int:
    zone, removed, used = LandingZone(settings.landing_path), 0, _used(current)
    # Which of their files were read is told by their extractions.
    by_file = {source.name for source in policies.sources.sources if source.asks == "attachment"}
    for stream in STREAMS:
        if not (settings.landing_path / stream).is_dir():
            continue
        old = [one for one in _old_extractions(zone.extractions(stream), oldest) if one.extraction_id not in used]
        old = [one for one in old if one.source not in by_file]
        removed += len(old)
        if dry or not old:
            continue
        with zone.writing(stream, _LOCK_SECONDS) as work:
            for one in old:
                # Out of sight at once; what is left of it after a kill is swept with the work folder.
                one.folder.rename(work / one.extraction_id)
                zone.lines(one).unlink(missing_ok=True)
    return removed


def _old_extractions(extractions: list[Extraction], oldest: datetime) -> Iterator[Extraction]:
    """Those that no date from `oldest` on asks for: of each source, all that something newer stood for by then."""
    known: set[str] = set()
    for one in extractions:
        # Newest first: of a source, the first that was there before the limit is what was known at it.
        last = max([one.extracted_at, *(at for at, _ in one.confirmations)])
        if last < oldest and one.source in known:
            yield one
        elif one.extracted_at < oldest or last < oldest:
            known.add(one.source)


def _used(current: Snapshot | None) -> set[str]:
    """The extractions that the current publication was made from."""
    if current is None or "source_freshness" not in current.manifest.tables:
        return set()
    with duckdb.connect() as con:
        rows = con.execute(
            f"select extraction_id from {read_parquet(current.paths('source_freshness'))}"  # noqa: S608 - quoted paths
        ).fetchall()
    return {one.strip() for (ids,) in rows if ids for one in ids.split(",")}


def _old_history(settings: Settings, policies: Policies, oldest: date) -> list[Path]:
    old = []
    newest = max(
        (
            date.fromisoformat(file.stem)
            for table in HISTORIES
            for file in (settings.history_path / table).glob("*.parquet")
        ),
        default=None,
    )
    if newest is None:
        return []
    # What a run of tomorrow, or of the newest date again, reads.
    needed = {
        file
        for name in READS
        for as_of in (newest, newest + timedelta(days=1))
        for file in earlier_files(settings.history_path, name, as_of, policies)
    }
    for history in HISTORIES.values():
        files = sorted(history.folder(settings.history_path).glob("*.parquet"))
        old += [file for file in files[:-1] if date.fromisoformat(file.stem) < oldest and file not in needed]
    return old


def _old_files(folder: Path, oldest: datetime) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and _changed(path) < oldest]


def _old_runs(settings: Settings, oldest: datetime, current: Snapshot | None) -> list[Path]:
    spared = current.manifest.run_id if current else None
    folders = [settings.runs_path, settings.dagster_path / "storage"]
    return [
        path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.is_dir() and path.name != spared and max(map(_changed, (path, *path.rglob("*")))) < oldest
    ]


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _remove(path: Path, dry: bool) -> None:
    if dry:
        return
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _prune_ledger(store: Store, oldest: datetime, now: datetime, pruned: Pruned, dry: bool) -> None:
    old_entries = audit_log.c.happened_at < oldest.astimezone(UTC).replace(tzinfo=None)
    ended = sessions.c.ends_at < now.astimezone(UTC).replace(tzinfo=None)
    with store.reading() as con:
        pruned.audit_entries = con.execute(
            sa.select(sa.func.count()).select_from(audit_log).where(old_entries)
        ).scalar_one()
        pruned.sessions = con.execute(sa.select(sa.func.count()).select_from(sessions).where(ended)).scalar_one()
    if dry or not (pruned.audit_entries or pruned.sessions):
        return
    with store.writing() as con, changeable(con, store):
        con.execute(sa.delete(audit_log).where(old_entries))
        con.execute(sa.delete(sessions).where(ended))


def _note(settings: Settings, pruned: Pruned, now: datetime) -> None:
    file = settings.operations_path / RECORD
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as handle:
        handle.write(json.dumps({"pruned_at": now.isoformat(timespec="seconds"), **pruned.counts()}) + "\n")
    durable.sync_file(file)
