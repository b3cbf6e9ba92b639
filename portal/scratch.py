"""Folders for what a running portal needs beside memory; gone with it, however it ends."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "portal-"
_LOCK = "held"


class Scratch:
    """Makes folders below one that several portals may share."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A new folder, until the end of the block; what a killed portal left is removed first."""
        self._parent.mkdir(parents=True, exist_ok=True)
        self._remove_left()
        made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._parent))
        descriptor = os.open(made / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)
            os.close(descriptor)

    def _remove_left(self) -> None:
        for folder in self._parent.glob(f"{_PREFIX}*"):
            try:
                descriptor = os.open(folder / _LOCK, os.O_RDWR)
            except OSError:
                continue
            try:
                # Whoever made it holds the lock as long as it lives.
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            except OSError:
                pass
            finally:
                os.close(descriptor)
