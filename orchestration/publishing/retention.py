"""Removing old snapshots: the newest stay, and so do the current one and those that somebody reads."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from orchestration.publishing import durable
from orchestration.publishing.errors import PublishingError
from orchestration.publishing.manifest import MANIFEST, current_snapshot_id, is_snapshot_id


@dataclass(frozen=True, slots=True)
class Pruned:
    """What retention did: the snapshots it removed, and those it would have but for their readers."""

    removed: tuple[str, ...]
    held: tuple[str, ...]


def prune(published_dir: Path, keep: int, *, spared: str | None = None) -> Pruned:
    """Keep the newest `keep` snapshots, and the one named by `spared`; a held one goes the next time.

    Readers that take no lock (a BI tool that follows `CURRENT` by itself) are safe for as long as `keep` publications
    last.
    """
    if keep < 1:
        raise PublishingError(f"snapshots to keep must be at least 1, not {keep}")
    removed, held, doomed = [], [], []
    with durable.nobody_choosing(published_dir):
        current = current_snapshot_id(published_dir)
        snapshots = sorted((path.name for path in published_dir.iterdir() if is_snapshot_id(path.name)), reverse=True)
        for name in snapshots[keep:]:
            if name in (current, spared):
                continue
            descriptor = durable.try_hold_alone(published_dir / name / MANIFEST)
            if descriptor is None:
                held.append(name)
                continue
            # A rename is quick, deleting isn't: readers wait for the first only. The next publisher sweeps what a
            # kill leaves.
            away = published_dir / f"{durable.TEMPORARY_PREFIX}pruned-{name}"
            (published_dir / name).rename(away)
            os.close(descriptor)
            doomed.append(away)
            removed.append(name)
    for away in doomed:
        shutil.rmtree(away, ignore_errors=True)
    return Pruned(tuple(removed), tuple(held))
