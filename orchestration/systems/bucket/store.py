"""An object store by fsspec: one listing, one object, and errors that tell neither key nor secret."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from orchestration.policy.systems import Bucket
from orchestration.sources.errors import SourceError
from orchestration.systems.patience import PassingError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_PACKAGES = MappingProxyType({"s3": "s3fs", "gs": "gcsfs", "az": "adlfs", "abfs": "adlfs"})
_PIECE_BYTES = 8 << 20
_LONGEST_TOLD = 200
# By name: they come from packages that need not be there.
_FOR_GOOD = frozenset(
    {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "ParamValidationError", "InvalidRegionError"}
)


@dataclass(frozen=True, slots=True)
class Object:
    """One object: its name within the folder, and what tells its versions apart; `modified_ns` as the store says."""

    name: str
    path: str
    size: int
    tag: str
    modified_ns: int

    @property
    def version(self) -> list[Any]:
        """What changes with its content, or with its being written."""
        return [self.tag, self.size, self.modified_ns]


class ObjectStore:
    """A folder of a store. Raises SourceError, and PassingError for what another attempt may mend."""

    def __init__(self, name: str, policy: Bucket, secret: str | None, timeout_seconds: float) -> None:
        self.name = name
        self.calls = 0
        self._policy = policy
        self._secret = secret
        self._timeout = timeout_seconds
        self._opened: AbstractFileSystem | None = None

    def objects(self, folder: str, depth: int | None) -> list[Object]:
        """The objects below a folder within this one; `depth`: of folders, None for all."""
        place = folder or "folder"
        files = self._files
        with self._told(place):
            root = files._strip_protocol(self._policy.url).rstrip("/")
            self.calls += 1
            found = files.find(f"{root}/{folder}".rstrip("/"), maxdepth=depth, detail=True)
            if not found and not files.isdir(root):
                raise FileNotFoundError
            listed = [
                _object(path, path.removeprefix(root).removeprefix("/"), about)
                for path, about in found.items()
                if about.get("type") != "directory"
            ]
        return [each for each in listed if each is not None]

    def again(self, known: Object) -> Object:
        """The object as it is now."""
        with self._told(known.name):
            self.calls += 1
            found = _object(known.path, known.name, self._files.info(known.path))
        if found is None:
            raise self._error("the store tells neither its size nor its time.", known.name)
        return found

    def pieces(self, wanted: Object) -> Iterator[bytes]:
        """The object's bytes, all of one version."""
        with self._told(wanted.name):
            file = self._files.open(wanted.path, "rb", cache_type="none")
        try:
            while True:
                with self._told(wanted.name):
                    self.calls += 1
                    piece = file.read(_PIECE_BYTES)
                if not piece:
                    return
                yield piece
        finally:
            file.close()

    def first_byte(self, wanted: Object) -> None:
        """Read as much as shows that it may be read."""
        with self._told(wanted.name):
            self._files.cat_file(wanted.path, start=0, end=1)

    @property
    def _files(self) -> AbstractFileSystem:
        if self._opened is None:
            self._opened = self._made()
        return self._opened

    def _made(self) -> AbstractFileSystem:
        import fsspec

        scheme = self._policy.url.partition("://")[0]
        try:
            make = fsspec.get_filesystem_class(scheme)
        except ImportError:
            package = _PACKAGES.get(scheme, scheme)
            raise self._error(f"{scheme}:// needs the package {package}.", action=f"install {package}") from None
        with self._told("secret"):
            files = make(skip_instance_cache=True, use_listings_cache=False, **self._options(scheme))
        # s3fs would try again by itself, with waits of its own.
        files.retries = 1
        return files

    def _options(self, scheme: str) -> dict[str, Any]:
        endpoint = {"endpoint_url": self._policy.endpoint} if self._policy.endpoint else {}
        match scheme:
            case "s3":
                limits = {
                    "connect_timeout": self._timeout,
                    "read_timeout": self._timeout,
                    "retries": {"max_attempts": 0},
                }
                key, secret = self._pair("the access key") if self._secret else (None, None)
                return {"key": key, "secret": secret, "config_kwargs": limits, **endpoint}
            case "gs":
                return ({"token": self._service_account()} if self._secret else {}) | endpoint
            case "az" | "abfs" if self._secret:
                account, key = self._pair("the storage account's name")
                return {"account_name": account, "account_key": key}
        return {}

    def _pair(self, first: str) -> tuple[str, str]:
        key, separator, secret = (self._secret or "").strip().partition(":")
        if not separator or not key or not secret:
            raise self._error(
                "the secret isn't of the form key:secret.", expected=f"{first}, a colon, the key's secret"
            )
        return key, secret

    def _service_account(self) -> Any:
        try:
            return json.loads(self._secret or "")
        except ValueError:
            raise self._error("the secret is no service account.", expected="the JSON of a key of one") from None

    @contextmanager
    def _told(self, place: str) -> Iterator[None]:
        try:
            yield
        except (SourceError, PassingError):
            raise
        except PermissionError as error:
            raise self._error(
                f"the store refuses: {self._scrubbed(error)}.",
                place,
                action="check the secret, and that its user may list the folder and read its objects",
            ) from None
        except FileNotFoundError:
            raise self._error("it isn't there.", place, expected=f"{self._policy.url}, and what it holds") from None
        # Every store has errors of its own, and their words may hold the address.
        except Exception as error:
            kind = type(error).__name__
            if kind == "FileExpired":
                raise PassingError(self._error("the object was replaced while it was read.", place)) from None
            if kind in _FOR_GOOD or isinstance(error, ValueError | TypeError):
                raise self._error(f"the store can't be asked: {kind}.", place, action="check the secret") from None
            raise PassingError(self._error(f"no whole answer came: {kind}.", place)) from None

    def _error(self, message: str, place: str = "", **more: str) -> SourceError:
        return SourceError(message, file=self.name, place=place, **more)

    def _scrubbed(self, error: Exception) -> str:
        words = str(error)
        for part in (self._secret or "").split(":"):
            words = words.replace(part, "…") if part else words
        return " ".join(words.split())[:_LONGEST_TOLD].rstrip(".") or "access is denied"


def _object(path: str, name: str, about: Mapping[str, Any]) -> Object | None:
    """What a store says of an object; None where it says too little. Stores differ in their words."""
    moment = next(filter(None, (about.get(key) for key in ("LastModified", "last_modified", "updated", "mtime"))), None)
    read: Callable[[Any], int] | None = _MOMENTS.get(type(moment))
    if read is None or about.get("size") is None:
        return None
    tag = about.get("ETag") or about.get("etag") or about.get("md5Hash") or ""
    return Object(name, path, int(about["size"]), str(tag).strip('"'), read(moment))


def _nanoseconds(moment: datetime) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1_000) * 10**6


_MOMENTS: Mapping[type, Callable[[Any], int]] = MappingProxyType(
    {
        datetime: _nanoseconds,
        float: lambda seconds: int(seconds * 1_000) * 10**6,
        str: lambda text: _nanoseconds(datetime.fromisoformat(text)),
    }
)
