"""Files that are whole after a kill at any instant, and the locks between publishers, readers and retention.

Only the mechanics: writing, syncing, renaming, locking. What is written belongs to the modules that publish.
Locks are `flock`: the kernel lets go of them when their process dies, so there is no stale lock to clean up.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestration.publishing.errors import PublishingError

TEMPORARY_PREFIX = ".tmp-"
PUBLISH_LOCK = ".publish.lock"
READERS_LOCK = ".readers.lock"
# How long a publisher waits for another one: longer than any publication should take.
PUBLISH_LOCK_TIMEOUT_S = 600.0
_LOCK_POLL_S = 0.02


def sync_file(path: Path) -> None:
    """Push the bytes of a file to the disk."""
    _sync(path, os.O_RDONLY)


def sync_directory(path: Path) -> None:
    """Push the names in a folder to the disk: without it a rename can be lost in a power cut."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write a new file and push it to the disk; not atomic, so only inside a folder nobody reads yet."""
    path.write_text(text, encoding="utf-8")
    sync_file(path)


def move(source: Path, target: Path) -> None:
    """Rename in one step, replacing a file that stands there; `target` is then the old whole or the new whole."""
    source.replace(target)
    sync_directory(target.parent)


def replace_text(path: Path, text: str) -> None:
    """Replace a small file atomically."""
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{path.name}-{os.getpid()}")
    write_text(temporary, text)
    move(temporary, path)


def sweep(folder: Path) -> None:
    """Remove what publishers that died left behind; call it only under the publish lock, else it eats live work."""
    for leftover in folder.glob(f"{TEMPORARY_PREFIX}*"):
        if leftover.is_dir():
            # Retention may be deleting the same folder just now.
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


@contextmanager
def publish_lock(published_dir: Path, timeout: float = PUBLISH_LOCK_TIMEOUT_S) -> Iterator[None]:
    """One publisher at a time; clears the leftovers of dead ones first."""
    published_dir.mkdir(parents=True, exist_ok=True)
    with _locked(published_dir / PUBLISH_LOCK, timeout):
        sweep(published_dir)
        yield


@contextmanager
def choosing(published_dir: Path) -> Iterator[None]:
    """Held by a reader from reading CURRENT until it holds the snapshot; retention waits that long."""
    try:
        # Read-only, so that readers need no right to write here; publishers made the file.
        descriptor = hold_shared(published_dir / READERS_LOCK)
    except FileNotFoundError:
        # A copy of a publication put elsewhere: nothing is ever removed there.
        yield
        return
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def nobody_choosing(published_dir: Path) -> Iterator[None]:
    """Held by retention while it takes snapshots away."""
    make_readers_lock(published_dir)
    descriptor = os.open(published_dir / READERS_LOCK, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def make_readers_lock(published_dir: Path) -> None:
    """Make the file that readers lock."""
    (published_dir / READERS_LOCK).touch(exist_ok=True)


def hold_shared(path: Path) -> int:
    """Take a shared lock on a file; returns the descriptor whose closing lets go of it."""
    descriptor = os.open(path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def try_hold_alone(path: Path) -> int | None:
    """Take an exclusive lock on a file unless somebody holds it: then None."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


@contextmanager
def _locked(path: Path, timeout: float) -> Iterator[None]:
    path.touch(exist_ok=True)
    deadline = time.monotonic() + timeout
    while (descriptor := try_hold_alone(path)) is None:
        if time.monotonic() >= deadline:
            raise PublishingError(
                f"another process has been publishing to {path.parent} for more than {timeout:.0f} s; "
                "wait for it or stop it, then run again"
            )
        time.sleep(_LOCK_POLL_S)
    try:
        yield
    finally:
        os.close(descriptor)
