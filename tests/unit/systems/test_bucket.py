"""Object stores: a folder of a real S3 server on loopback, mirrored whatever happens to it."""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestration.policy.sources import Source
from orchestration.policy.systems import Bucket, Calling, Pulling
from orchestration.sources.errors import SourceError
from orchestration.systems.base import Context, Pulled
from orchestration.systems.bucket.system import BucketSystem, _where
from orchestration.systems.store import RecordStore
from tests.support.proxy import proxy

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
PULLING = Pulling(longest_minutes=10, resume_hours=12, lookback_minutes=60, whole_every_days=7, memory_limit="256MB")
CALLING = Calling(
    timeout_seconds=2, attempts=3, first_wait_seconds=1, wait_factor=2, longest_wait_seconds=10, jitter_pct=0
)
SOURCE = {"name": "lake_invoices", "stream": "invoices", "system": "lake", "path": "invoices*.csv"}
KEYS = "AKIDEXAMPLE:the/secret+key"


_opened: dict[tuple[str | None, ...], Any] = {}


def _source(more: dict[str, Any]) -> Source:
    return Source(**{key: value for key, value in {**SOURCE, **more}.items() if value is not None})


class Lake:
    """A bucket of a test's own, and what was mirrored of it."""

    def __init__(self, endpoint: str, folder: Path, s3: Any) -> None:
        self.s3 = s3
        self.endpoint, self.folder, self.bucket = endpoint, folder, f"lake-{secrets.token_hex(4)}"
        self.secret: str | None = KEYS
        self.settings: dict[str, Any] = {}
        self.waited: list[float] = []
        self.s3.create_bucket(Bucket=self.bucket)

    def put(self, name: str, content: bytes = b"a,b\n1,2\n", folder: str = "crm/") -> None:
        self.s3.put_object(Bucket=self.bucket, Key=folder + name, Body=content)

    def delete(self, name: str) -> None:
        self.s3.delete_object(Bucket=self.bucket, Key=f"crm/{name}")

    def system(self, deadline: float | None = None) -> BucketSystem:
        policy = Bucket(**{"url": f"s3://{self.bucket}/crm", "endpoint": self.endpoint, **self.settings})
        system = BucketSystem("lake", policy, self.secret, CALLING, deadline)
        system._patience.sleep = self.waited.append
        # Making a connection takes longer than a pull.
        system._store._opened = _opened.get((self.secret, self.endpoint, *self.settings))
        return system

    def pull(self, *, whole: bool = False, deadline: float | None = None, **more: Any) -> Pulled:
        store = RecordStore(self.folder, PULLING, NOW)
        context = Context(self.folder, lambda name: self.folder, whole, lambda: NOW)
        system = self.system(deadline)
        try:
            return system.pull(_source(more), store, context)
        finally:
            _opened[(self.secret, self.endpoint, *self.settings)] = system._store._opened

    def here(self) -> dict[str, bytes]:
        drop = self.folder / "drop"
        return {path.relative_to(drop).as_posix(): path.read_bytes() for path in drop.rglob("*") if path.is_file()}

    def examine(self, **more: Any) -> Any:
        (found,) = self.system().examine([_source(more)])
        return found


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def s3(endpoint: str) -> Any:
    import boto3

    key, _, secret = KEYS.partition(":")
    return boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1"
    )


@pytest.fixture
def lake(endpoint: str, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    # Nothing of this machine's own, and nobody is asked for it.
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    return Lake(endpoint, tmp_path / "lake_invoices", s3)


@pytest.fixture
def signed(lake: Lake, endpoint: str) -> Iterator[None]:
    """Signatures and rights count."""
    httpx.post(f"{endpoint}/moto-api/reset-auth", content=b"0")
    yield
    httpx.post(f"{endpoint}/moto-api/reset-auth", content=b"Infinity")


# -- what is mirrored -------------------------------------------------------------------------------------------------


def test_what_the_source_reads_is_mirrored_with_its_own_time(lake):
    lake.put("invoices 06.csv")
    for other in ("accounts.csv", "old/invoices.csv", "invoices.txt"):
        lake.put(other)
    lake.put("invoices.csv", folder="crm-other/")
    lake.put("invoices.csv", folder="")
    pulled = lake.pull()
    assert lake.here() == {"invoices 06.csv": b"a,b\n1,2\n"}
    assert pulled.files == (lake.folder / "drop",)
    said = lake.s3.head_object(Bucket=lake.bucket, Key="crm/invoices 06.csv")["LastModified"]
    assert (lake.folder / "drop" / "invoices 06.csv").stat().st_mtime == said.timestamp()


def test_only_what_changed_is_fetched_and_what_is_gone_goes(lake):
    for month in ("04", "05"):
        lake.put(f"invoices {month}.csv")
    assert lake.pull().pages == 2
    assert lake.pull().pages == 0
    lake.put("invoices 05.csv", b"a,b\n3,4\n")
    lake.put("invoices 06.csv")
    lake.delete("invoices 04.csv")
    assert lake.pull().pages == 2
    assert lake.here() == {"invoices 05.csv": b"a,b\n3,4\n", "invoices 06.csv": b"a,b\n1,2\n"}
    assert lake.pull(whole=True).pages == 2


def test_the_same_export_once_more_is_newer_and_is_not_fetched(lake):
    lake.put("invoices.csv")
    lake.pull()
    file = lake.folder / "drop" / "invoices.csv"
    before = file.stat().st_mtime
    while lake.s3.head_object(Bucket=lake.bucket, Key="crm/invoices.csv")["LastModified"].timestamp() == before:
        time.sleep(0.2)
        lake.put("invoices.csv")
    assert lake.pull().pages == 0
    assert file.stat().st_mtime > before


def test_what_was_damaged_here_is_fetched_again(lake):
    lake.put("invoices.csv")
    lake.pull()
    (lake.folder / "drop" / "invoices.csv").write_bytes(b"half")
    (lake.folder / "drop" / "stranger.csv").write_bytes(b"x")
    assert lake.pull().pages == 1
    assert lake.here() == {"invoices.csv": b"a,b\n1,2\n"}
    (lake.folder / "mirror.json").write_text("{")
    assert lake.pull().pages == 1


@pytest.mark.parametrize(
    ("path", "fitting"),
    [
        ("invoices.csv", {"invoices.csv"}),
        ("a/b/invoices*.csv", {"a/b/invoices 1.csv"}),
        ("a/*/invoices*.csv", {"a/b/invoices 1.csv"}),
        ("**/invoices*.csv", {"invoices.csv", "a/b/invoices 1.csv"}),
        ("*/*.csv", {"a/x.csv"}),
        ("[ij]nvoices.csv", {"invoices.csv"}),
        (None, {"Invoices Report 2026-06-30.csv", "invoices.csv"}),
    ],
)
def test_a_pattern_reaches_as_far_as_in_the_drop_folder(lake, path, fitting):
    for name in ("invoices.csv", "a/b/invoices 1.csv", "a/x.csv", "Invoices Report 2026-06-30.csv", "a/b/c/y.csv"):
        lake.put(name)
    lake.pull(path=path)
    assert set(lake.here()) == fitting
    if path is not None:
        assert {
            found.relative_to(lake.folder / "drop").as_posix() for found in (lake.folder / "drop").glob(path)
        } == fitting


def test_names_that_are_no_files_names_are_left_there(lake):
    for name in (
        "../../invoices.csv",
        "a//invoices.csv",
        "./invoices.csv",
        "x" * 300 + "invoices.csv",
        "n\x01invoices.csv",
    ):
        lake.put(name)
    lake.put("", b"", folder="crm/invoices/")
    lake.put("invoices.csv")
    assert lake.pull(path="**/*.csv").pages == 1
    assert set(lake.here()) == {"invoices.csv"}
    assert len(list(lake.folder.parent.rglob("*.csv"))) == 1


@pytest.mark.parametrize(
    ("path", "where"),
    [
        (None, ("", 1)),
        ("invoices.csv", ("", 1)),
        ("a/b/invoices*.csv", ("a/b", 1)),
        ("a/*/c/*.csv", ("a", 3)),
        ("a/**/*.csv", ("a", None)),
    ],
)
def test_no_more_is_listed_than_a_pattern_reaches(path, where):
    assert _where(_source({"path": path})) == where


def test_a_folder_of_this_machine(tmp_path):
    (tmp_path / "exports" / "crm").mkdir(parents=True)
    file = tmp_path / "exports" / "crm" / "invoices.csv"
    file.write_bytes(b"a\n1\n")
    os.utime(file, (1_780_000_000, 1_780_000_000))
    policy = Bucket(url=f"file://{tmp_path}/exports/crm")
    for pages in (1, 0):
        store = RecordStore(tmp_path / "here", PULLING, NOW)
        system = BucketSystem("lake", policy, None, CALLING)
        assert system.pull(Source(**SOURCE), store, Context(tmp_path, lambda name: tmp_path)).pages == pages
    assert (tmp_path / "here" / "drop" / "invoices.csv").stat().st_mtime == 1_780_000_000


def test_a_store_that_doesn_t_pin_versions_is_looked_at_again(tmp_path, monkeypatch):
    from orchestration.systems.bucket.store import ObjectStore

    file = tmp_path / "invoices.csv"
    file.write_bytes(b"1" * 100)
    pieces, replaced = ObjectStore.pieces, []

    def replacing(self: ObjectStore, wanted: Any) -> Iterator[bytes]:
        yield from pieces(self, wanted)
        if not replaced:
            replaced.append(True)
            file.write_bytes(b"2" * 100)
            os.utime(file, (1_780_000_000, 1_780_000_000))

    monkeypatch.setattr(ObjectStore, "pieces", replacing)
    system = BucketSystem("lake", Bucket(url=f"file://{tmp_path}"), None, CALLING)
    system._patience.sleep = lambda _: None
    store = RecordStore(tmp_path / "here", PULLING, NOW)
    system.pull(Source(**SOURCE), store, Context(tmp_path, lambda name: tmp_path))
    assert (tmp_path / "here" / "drop" / "invoices.csv").read_bytes() == b"2" * 100


# -- what breaks off --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("after", "times"), [(0, 1), (100, 3), (3_000, 1), (20_000, 3)])
def test_a_connection_that_is_reset_is_made_again(lake, after, times):
    content = os.urandom(300_000)
    lake.put("invoices.csv", content)
    with proxy(int(lake.endpoint.rpartition(":")[2])) as between:
        lake.endpoint = f"http://127.0.0.1:{between.port}"
        between.cuts = [after] * times
        lake.pull()
        assert between.connections > times
    assert lake.here() == {"invoices.csv": content}


def test_a_store_that_always_breaks_off_is_given_up_and_what_was_stays(lake):
    lake.put("invoices.csv")
    lake.pull()
    lake.put("invoices.csv", os.urandom(300_000))
    with proxy(int(lake.endpoint.rpartition(":")[2])) as between:
        lake.endpoint = f"http://127.0.0.1:{between.port}"
        between.cuts = [20_000] * 50
        with pytest.raises(SourceError, match=r"invoices.csv: no whole answer came.*3 attempts"):
            lake.pull()
    assert lake.waited == [1.0, 2.0]
    assert lake.here() == {"invoices.csv": b"a,b\n1,2\n"}
    assert not list(lake.folder.glob(".tmp-*"))


@pytest.mark.parametrize("size", [9_000_000, 10])
def test_an_object_that_is_replaced_while_it_is_read_is_read_again(lake, size, monkeypatch):
    from orchestration.systems.bucket.store import ObjectStore

    lake.put("invoices.csv", b"1" * 9_000_000)
    pieces, replaced = ObjectStore.pieces, []

    def replacing(self: ObjectStore, wanted: Any) -> Iterator[bytes]:
        for piece in pieces(self, wanted):
            yield piece
            if not replaced:
                replaced.append(True)
                lake.put("invoices.csv", b"2" * size)

    monkeypatch.setattr(ObjectStore, "pieces", replacing)
    lake.pull()
    assert lake.here() == {"invoices.csv": b"2" * size}
    assert lake.waited == [1.0]


@pytest.mark.parametrize("size", [9_000_000, 10])
def test_an_object_that_is_always_replaced_is_told(lake, size, monkeypatch):
    from orchestration.systems.bucket.store import ObjectStore

    lake.put("invoices.csv", b"0" * size)
    pieces, times = ObjectStore.pieces, iter(b"123456789")

    def replacing(self: ObjectStore, wanted: Any) -> Iterator[bytes]:
        for piece in pieces(self, wanted):
            yield piece
            lake.put("invoices.csv", bytes([next(times)]) * size)

    monkeypatch.setattr(ObjectStore, "pieces", replacing)
    with pytest.raises(SourceError, match=r"invoices.csv: the object was replaced while it was read .3 attempts"):
        lake.pull()
    assert lake.here() == {}


def test_a_pull_that_was_killed_is_gone_on_with(lake, monkeypatch):
    from orchestration.systems.bucket import system

    for name in ("invoices 1.csv", "invoices 2.csv", "invoices 3.csv"):
        lake.put(name)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        put = system._Mirror.put
        patch.setattr(
            system._Mirror, "put", lambda self, *given: put(self, *given) if "1" in given[1].name else killed()
        )
        with pytest.raises(KeyboardInterrupt):
            lake.pull()
    with monkeypatch.context() as patch:
        patch.setattr(system._Mirror, "note", killed)
        with pytest.raises(KeyboardInterrupt):
            lake.pull()
    assert set(lake.here()) == {"invoices 1.csv", "invoices 2.csv"}
    assert lake.pull().pages == 2
    assert len(lake.here()) == 3


# -- what is wrong ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "secret", "told"),
    [
        ({"url": "s3://no-such-bucket-at-all/crm"}, KEYS, "it isn't there"),
        ({"url": "s3://{bucket}/nothing"}, KEYS, "it isn't there"),
        ({"url": "s3://{bucket}/crm/old"}, KEYS, "the one object there isn't what lake_invoices reads"),
        ({"url": "s3://Not_A_Bucket!/crm"}, KEYS, "can't be asked: ParamValidationError|it isn't there"),
        ({"endpoint": "http://127.0.0.1:1"}, KEYS, r"no whole answer came.*3 attempts"),
        ({}, "no colon", "not of the form key:secret|isn't of the form key:secret"),
        ({}, None, "can't be asked: NoCredentialsError"),
        ({"url": "gs://x/crm", "endpoint": None}, None, "needs the package gcsfs"),
        ({"url": "az://x/crm", "endpoint": None}, None, "needs the package adlfs"),
        ({"most_bytes": 7}, KEYS, r"has 8 bytes.*most_bytes"),
    ],
)
def test_what_is_wrong_is_told_and_what_was_stays(lake, settings, secret, told):
    lake.put("invoices.csv")
    lake.put("old/other.csv")
    lake.pull()
    lake.settings = {
        key: value.replace("{bucket}", lake.bucket) if isinstance(value, str) else value
        for key, value in settings.items()
    }
    lake.secret = secret
    with pytest.raises(SourceError, match=told) as error:
        lake.pull()
    assert lake.here() == {"invoices.csv": b"a,b\n1,2\n"}
    assert "secret+key" not in str(error.value)
    if told != r"has 8 bytes.*most_bytes":
        found = lake.examine()
        assert not found.is_ok
        assert found.mend


@pytest.mark.usefixtures("signed")
def test_who_is_refused_learns_why_and_never_the_key(lake, endpoint):
    with pytest.raises(SourceError, match=r"the store refuses.*may list the folder") as error:
        lake.pull()
    assert "AKIDEXAMPLE" not in str(error.value)
    assert lake.waited == [], "it isn't tried again"
    told = lake.system()._store._scrubbed(PermissionError(f"no {KEYS}, no"))
    assert told == "no …:…, no"
    assert not lake.examine().is_ok


def test_a_disk_that_takes_no_more_is_told(lake):
    lake.put("invoices.csv")
    lake.folder.mkdir()
    (lake.folder / "drop").mkdir()
    (lake.folder / "drop" / "invoices.csv").mkdir()
    with pytest.raises(SourceError, match="can't be written here"):
        lake.pull()


def test_a_pull_takes_no_longer_than_it_may(lake):
    lake.put("invoices.csv")
    with pytest.raises(SourceError, match="taken as long as it may"):
        lake.pull(deadline=time.monotonic() - 1)


def test_doctor_tells_what_fits_and_what_lies_near(lake):
    lake.put("invoice.csv")
    assert "Did you mean invoice.csv?" in lake.examine(path="invoices.csv").words
    found = lake.examine(path="invoice*")
    assert found.is_ok
    assert found.words == "1 object fits and can be read: invoice.csv"
    lake.put("invoices.csv")
    assert lake.examine(path="invoice*").words == "2 objects fit and can be read: invoice.csv, invoices.csv"
    assert "none of the 2 objects there is what lake_invoices reads" in lake.examine(path="bill*").words


def test_a_folder_with_folders_only_has_no_object(lake):
    lake.put("old/invoices.csv")
    assert lake.examine().words == "no object is there, so none that lake_invoices reads."
