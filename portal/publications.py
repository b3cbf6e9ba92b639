"""The publication that the portal shows: held whole in memory, and changed for the next one between requests.

A request takes an `Edition` and keeps it to its end, so it never sees half of two publications. When `CURRENT` names
another snapshot, that one is loaded beside, while requests go on with the one there is; then it takes its place, and
the old one goes with the last request that holds it. One that can't be loaded changes nothing and is told.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestration.publishing.errors import NothingPublishedError, PublishingError
from orchestration.publishing.manifest import Manifest, current_snapshot_id
from orchestration.publishing.reader import Publication
from portal.access import prepare

log = logging.getLogger("portal.publications")


class Edition:
    """One publication in memory."""

    def __init__(self, publication: Publication) -> None:
        self._publication = publication
        self._lock = threading.Lock()
        self._holders = 1

    @property
    def manifest(self) -> Manifest:
        return self._publication.manifest

    @property
    def snapshot_id(self) -> str:
        return self._publication.snapshot.snapshot_id

    @property
    def connection(self):
        return self._publication.connection

    def hold(self) -> bool:
        """Keep it open for one more; False where it is gone."""
        with self._lock:
            if self._holders == 0:
                return False
            self._holders += 1
            return True

    def let_go(self) -> None:
        """One holder less; the last one closes it."""
        with self._lock:
            self._holders -= 1
            over = self._holders == 0
        if over:
            self._publication.close()


class Library:
    """Hands out the newest edition; safe for many threads."""

    def __init__(self, published_dir: Path) -> None:
        self._published_dir = published_dir
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._edition: Edition | None = None
        self._refused: str | None = None
        # Why the newest publication isn't the one that is shown; None while it is.
        self.problem: str | None = None

    @contextmanager
    def current(self) -> Iterator[Edition]:
        """The newest edition, until the end of the block; raises NothingPublishedError where there is none."""
        edition = self.take()
        try:
            yield edition
        finally:
            edition.let_go()

    def take(self) -> Edition:
        """The newest edition; whoever takes it lets it go."""
        self._keep_up()
        while True:
            with self._lock:
                edition = self._edition
            if edition is None:
                raise NothingPublishedError("nothing is published in this home yet")
            if edition.hold():
                return edition

    def close(self) -> None:
        """Let go of what is held; requests under way finish with theirs."""
        with self._lock:
            edition, self._edition = self._edition, None
        if edition is not None:
            edition.let_go()

    def _keep_up(self) -> None:
        with self._lock:
            edition = self._edition
        newest = current_snapshot_id(self._published_dir)
        if newest is None or newest == self._refused or (edition is not None and edition.snapshot_id == newest):
            return
        if edition is None:
            with self._loading:
                if self._edition is None:
                    self._load(newest)
        elif self._loading.acquire(blocking=False):
            threading.Thread(target=self._load_beside, args=(newest,), name="publication", daemon=True).start()

    def _load_beside(self, newest: str) -> None:
        try:
            self._load(newest)
        finally:
            self._loading.release()

    def _load(self, newest: str) -> None:
        try:
            edition = _opened(self._published_dir)
        except (PublishingError, OSError) as error:
            # Not tried again at every request: only another publication, or a new start, can be better.
            self._refused, self.problem = newest, f"publication {newest} can't be shown: {error}"
            log.error("%s", self.problem)
            if self._edition is None:
                raise
            return
        self._refused = self.problem = None
        with self._lock:
            old, self._edition = self._edition, edition
        if old is not None:
            old.let_go()
        log.info("publication %s is shown", edition.snapshot_id)


def _opened(published_dir: Path) -> Edition:
    publication = Publication.open(published_dir, load=True)
    try:
        prepare(publication.connection, publication.manifest)
    except BaseException:
        publication.close()
        raise
    return Edition(publication)
