"""What a snapshot folder says about itself: its tables, their columns, files, sizes and checksums.

The manifest is written last, so a folder that has one is whole. Reading rows is `reader`'s part, making them
`snapshot`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from os import close
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from orchestration.publishing import durable
from orchestration.publishing.errors import NothingPublishedError, PublishingError

CURRENT = "CURRENT"
MANIFEST = "manifest.json"
# The one-row table that names the publication; made by publishing, since only it knows the snapshot.
PUBLICATION_TABLE = "publication"

_SNAPSHOT_ID = re.compile(r"\d{8}T\d{12}Z-[A-Za-z0-9]{1,8}(-\d+)?")
_RUN_PART_LENGTH = 8


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PublishedColumn(_Frozen):
    """A column as readers of the Parquet files see it; `type` is DuckDB's name of the type."""

    name: str
    type: str
    description: str = ""


class PublishedFile(_Frozen):
    """One Parquet file, its path relative to the snapshot folder."""

    path: str
    rows: int
    bytes: int
    sha256: str


class PublishedTable(_Frozen):
    """A table of the snapshot; a history has several files, `<table>/<as_of>.parquet`, one an as-of date."""

    key: tuple[str, ...] = ()
    is_history: bool = False
    description: str = ""
    columns: tuple[PublishedColumn, ...]
    files: tuple[PublishedFile, ...]

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)


class TableDescription(_Frozen):
    """What a table and its columns mean, for readers: from the model's documentation."""

    description: str = ""
    columns: dict[str, str] = {}


class Manifest(_Frozen):
    """The content of manifest.json."""

    format: int = 1
    snapshot_id: str
    run_id: str
    as_of_date: date
    policy_version: str
    published_at: datetime
    tables: dict[str, PublishedTable]


class Snapshot(_Frozen):
    """A whole snapshot folder on disk."""

    folder: Path
    manifest: Manifest

    @property
    def snapshot_id(self) -> str:
        return self.manifest.snapshot_id

    @property
    def published_dir(self) -> Path:
        return self.folder.parent

    def paths(self, table: str) -> list[Path]:
        """The Parquet files of one table."""
        return [self.folder / file.path for file in self.manifest.tables[table].files]


def utc_naive(moment: datetime) -> datetime:
    """UTC without a zone, as published; a moment without a zone is UTC already."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def make_snapshot_id(published_at: datetime, run_id: str) -> str:
    """A folder name that sorts by time; nothing of the run id but letters and digits gets into it."""
    run_part = re.sub(r"[^A-Za-z0-9]", "", run_id)[:_RUN_PART_LENGTH]
    return f"{utc_naive(published_at):%Y%m%dT%H%M%S%f}Z-{run_part or 'run'}"


def is_snapshot_id(name: str) -> bool:
    """Whether a name is one that `make_snapshot_id` gives (anything else in the folder is not ours to touch)."""
    return _SNAPSHOT_ID.fullmatch(name) is not None


def current_snapshot_id(published_dir: Path) -> str | None:
    """The snapshot that CURRENT names, None when nothing is published yet."""
    try:
        name = (published_dir / CURRENT).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not is_snapshot_id(name):
        raise PublishingError(
            f"{published_dir / CURRENT} doesn't name a snapshot; write the name of a folder beside it into it, "
            "or run `account-health refresh`"
        )
    return name


def read_snapshot(folder: Path) -> Snapshot:
    """Read the manifest of a snapshot folder."""
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise PublishingError(f"snapshot {folder} has no {MANIFEST}; run `account-health refresh`") from None
    except ValidationError as error:
        raise PublishingError(f"{folder / MANIFEST} can't be read: {error.errors()[0]['msg']}") from error
    return Snapshot(folder=folder, manifest=manifest)


@contextmanager
def hold_current(published_dir: Path) -> Iterator[Snapshot]:
    """The snapshot that CURRENT names, safe from retention inside the block."""
    nothing = NothingPublishedError(f"nothing is published in {published_dir} yet; run `account-health refresh`")
    try:
        with durable.choosing(published_dir):
            # Read again under the lock: what CURRENT named a moment ago may be gone.
            snapshot_id = current_snapshot_id(published_dir)
            if snapshot_id is None:
                raise nothing
            folder = (published_dir / snapshot_id).absolute()
            descriptor = durable.hold_shared(folder / MANIFEST)
    except (FileNotFoundError, NotADirectoryError):
        if current_snapshot_id(published_dir) is None:
            raise nothing from None
        raise PublishingError(
            f"{published_dir / CURRENT} names a snapshot that isn't there; run `account-health refresh`"
        ) from None
    try:
        yield read_snapshot(folder)
    finally:
        close(descriptor)


@contextmanager
def hold_snapshot(folder: Path) -> Iterator[Snapshot]:
    """One snapshot by its folder, current or not, safe from retention inside the block."""
    try:
        with durable.choosing(folder.parent):
            descriptor = durable.hold_shared(folder / MANIFEST)
    except (FileNotFoundError, NotADirectoryError):
        raise PublishingError(f"snapshot {folder} isn't there; retention may have removed it") from None
    try:
        yield read_snapshot(folder.absolute())
    finally:
        close(descriptor)


@contextmanager
def hold_if_current(snapshot: Snapshot) -> Iterator[bool]:
    """Whether `snapshot` is still the current one; if so, retention leaves it alone inside the block."""
    with hold_current(snapshot.published_dir) as current:
        yield current.snapshot_id == snapshot.snapshot_id
