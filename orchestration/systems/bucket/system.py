"""One folder of an object store: what of it a source reads is mirrored, object by object.

    pulled/<system>/<source>/mirror.json     which version of each object is there
    pulled/<system>/<source>/drop/…          the objects under their own names, with their own times

A file is replaced whole, then the mirror says so. What is gone there goes here, once all else is in place. A folder in
which nothing fits is an error, and what was mirrored stays: a wrong prefix must not look like a company without data.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from orchestration.policy.problems import nearest
from orchestration.policy.sources import Source
from orchestration.policy.systems import Bucket, Calling
from orchestration.publishing import durable
from orchestration.sources import files
from orchestration.sources.errors import SourceError
from orchestration.sources.settings import digest
from orchestration.systems.base import Context, Found, Pulled
from orchestration.systems.bucket.store import Object, ObjectStore
from orchestration.systems.patience import PassingError, Patience
from orchestration.systems.store import RecordStore

DROP, _MIRROR = "drop", "mirror.json"
_WILD = re.compile(r"[*?\[]")
_LONGEST_PART = 255


class BucketSystem:
    """A folder of a store; `secret`: key:secret, None for what the machine itself may. `deadline`: time.monotonic()."""

    def __init__(
        self, name: str, policy: Bucket, secret: str | None, calling: Calling, deadline: float | None = None
    ) -> None:
        self.name = name
        self._policy = policy
        self._store = ObjectStore(name, policy, secret, calling.timeout_seconds)
        self._patience = Patience(name, calling, deadline)

    def pull(self, source: Source, store: RecordStore, context: Context) -> Pulled:
        """Mirror what changed; raises SourceError."""
        folder = store.folder / DROP
        folder.mkdir(parents=True, exist_ok=True)
        calls = self._store.calls
        wanted = self._wanted(source)
        mirror = _Mirror(store.folder, digest(self._policy.url, self._policy.endpoint), anew=context.whole)
        fetched = 0
        for each in wanted:
            if mirror.has(each):
                continue
            if not mirror.has_content(each):
                self._patience.persist(lambda each=each: self._fetch(each, mirror))
                fetched += 1
            else:
                mirror.touch(each)
        mirror.remove_others({each.name for each in wanted})
        return Pulled(
            source.name,
            source.stream,
            (folder,),
            pages=fetched,
            calls=self._store.calls - calls,
            whole=context.whole,
        )

    def examine(self, sources: Sequence[Source]) -> Iterator[Found]:
        """List what each source reads, and begin to read it."""
        for source in sources:
            try:
                wanted = self._wanted(source, patient=False)
                self._store.first_byte(wanted[0])
            except (PassingError, SourceError) as error:
                told = error.error if isinstance(error, PassingError) else error
                yield Found(source.name, told.message, mend=told.action or told.expected or "try again later")
            else:
                names = ", ".join(each.name for each in wanted[:3])
                yield Found(source.name, f"{_objects(len(wanted))} and can be read: {names}")

    def close(self) -> None:
        """Nothing is kept open."""

    def _wanted(self, source: Source, *, patient: bool = True) -> list[Object]:
        """The objects that a source reads, by name; raises SourceError where there is none."""
        folder, depth = _where(source)
        found = (
            self._patience.persist(lambda: self._store.objects(folder, depth))
            if patient
            else self._store.objects(folder, depth)
        )
        fitting = sorted((each for each in found if _fits(each.name, source)), key=lambda each: each.name)
        if not fitting:
            names = [each.name for each in found]
            hint = nearest(source.path or f"{source.stream}.csv", names)
            raise SourceError(
                _none_fits(len(names), source.name) + (f" {hint[0].upper()}{hint[1:]}" if hint else ""),
                file=self.name,
                place=folder or "folder",
                expected=source.path or f"{source.stream}.csv or the like",
                action="check path of the source, and the folder's url in policies/systems.yaml",
            )
        for each in fitting:
            if each.size > self._policy.most_bytes:
                raise SourceError(
                    f"the object has {each.size:,} bytes.",
                    file=self.name,
                    place=each.name,
                    expected=f"at most {self._policy.most_bytes:,} (most_bytes of policies/systems.yaml)",
                    action="split the export, or raise the limit",
                )
        return fitting

    def _fetch(self, listed: Object, mirror: _Mirror) -> None:
        """Download one version of an object, whole."""
        wanted = self._store.again(listed)
        draft = mirror.draft(wanted)
        try:
            size = 0
            with draft.open("wb") as file:
                for piece in self._store.pieces(wanted):
                    self._patience.check_time()
                    size += len(piece)
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            if size != wanted.size or self._store.again(wanted).version != wanted.version:
                replaced = SourceError("the object was replaced while it was read.", file=self.name, place=wanted.name)
                raise PassingError(replaced)
            mirror.put(draft, wanted)
        except OSError as error:
            raise SourceError(
                f"the object can't be written here: {error.strerror or type(error).__name__}.",
                file=self.name,
                place=wanted.name,
                action="check the free space of the home folder",
            ) from None
        finally:
            draft.unlink(missing_ok=True)


class _Mirror:
    """What is here of the objects, by name."""

    def __init__(self, folder: Path, request: str, *, anew: bool) -> None:
        self._folder = folder
        self._request = request
        self._known: dict[str, list[Any]] = {}
        try:
            raw = json.loads((folder / _MIRROR).read_text(encoding="utf-8"))
            if raw["request"] == request and not anew:
                self._known = dict(raw["objects"])
        except (OSError, ValueError, KeyError, TypeError):
            pass

    def path(self, name: str) -> Path:
        return self._folder / DROP / name

    def draft(self, wanted: Object) -> Path:
        return self._folder / f"{durable.TEMPORARY_PREFIX}{digest(wanted.name)[:16]}"

    def has(self, wanted: Object) -> bool:
        """Whether this version is here."""
        return self._known.get(wanted.name) == wanted.version and self._is_whole(wanted)

    def has_content(self, wanted: Object) -> bool:
        """Whether the same content is here, of an earlier writing: a store's tag stands for what it is."""
        known = self._known.get(wanted.name)
        return bool(known and wanted.tag) and known[:2] == wanted.version[:2] and self._is_whole(wanted)

    def put(self, draft: Path, wanted: Object) -> None:
        """Put a download in its place."""
        target = self.path(wanted.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.utime(draft, ns=(wanted.modified_ns, wanted.modified_ns))
        durable.move(draft, target)
        self.note(wanted)

    def touch(self, wanted: Object) -> None:
        """Give what is here the time of a later writing."""
        os.utime(self.path(wanted.name), ns=(wanted.modified_ns, wanted.modified_ns))
        self.note(wanted)

    def note(self, wanted: Object) -> None:
        """The version that is here."""
        self._known[wanted.name] = wanted.version
        self._save()

    def remove_others(self, names: set[str]) -> None:
        """Remove what isn't among these."""
        for path in (self._folder / DROP).rglob("*"):
            if path.is_file() and path.relative_to(self._folder / DROP).as_posix() not in names:
                path.unlink()
        self._known = {name: version for name, version in self._known.items() if name in names}
        self._save()

    def _is_whole(self, wanted: Object) -> bool:
        path = self.path(wanted.name)
        return path.is_file() and path.stat().st_size == wanted.size

    def _save(self) -> None:
        content = json.dumps({"request": self._request, "objects": self._known})
        durable.replace_text(self._folder / _MIRROR, content)


def _objects(count: int) -> str:
    return "1 object fits" if count == 1 else f"{count:,} objects fit"


def _none_fits(count: int, source: str) -> str:
    if count == 0:
        return f"no object is there, so none that {source} reads."
    if count == 1:
        return f"the one object there isn't what {source} reads."
    return f"none of the {count:,} objects there is what {source} reads."


def _where(source: Source) -> tuple[str, int | None]:
    """(folder to list, how deep): no more than the source's pattern reaches."""
    parts = PurePosixPath(source.path or "*").parts
    plain = next((place for place, part in enumerate(parts) if _WILD.search(part)), len(parts) - 1)
    plain = min(plain, len(parts) - 1)
    return "/".join(parts[:plain]), None if "**" in parts else len(parts) - plain


def _fits(name: str, source: Source) -> bool:
    """Whether a source reads an object of that name, and a file may be called so."""
    from fsspec.utils import glob_translate

    parts = name.split("/")
    if any(part in ("", ".", "..") or len(part.encode()) > _LONGEST_PART for part in parts) or not name.isprintable():
        return False
    if source.path is None:
        return len(parts) == 1 and files.names_stream(name, source.stream)
    return re.fullmatch(glob_translate(source.path), name) is not None
