"""Files that are no reports, not yet whole, or made to do harm: a clear error, bounded work, nothing left behind."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tracemalloc

import pytest

from orchestration.sources import files
from orchestration.sources.errors import SourceError
from orchestration.sources.settings import FileSource
from tests.support.extraction import CONTRACTS, settings

ROW = "Acme,Gold,2026-01-01,2026-12-31,5\n"


def refused(desk, message: str, stream: str = "contracts") -> SourceError:
    with pytest.raises(SourceError, match=message) as caught:
        desk.extract(stream)
    assert desk.landing.extractions(stream) == []
    folder = desk.landing.folder(stream)
    assert not folder.exists() or [path.name for path in folder.iterdir()] == [".lock"]
    assert caught.value.action
    return caught.value


def test_an_empty_file(desk):
    desk.put("contracts.csv", b"")
    refused(desk, "empty")


def test_an_empty_file_in_gzip(desk):
    desk.put("contracts.csv.gz", gzip.compress(b""))
    refused(desk, "no header")


@pytest.mark.parametrize("content", ["\n\n\n", '""\n', " \n"])
def test_a_file_without_a_header(desk, content):
    desk.put("contracts.csv", content)
    refused(desk, "header")


def test_a_folder_in_place_of_a_file(desk):
    (desk.drop / "contracts.csv").mkdir()
    refused(desk, "this is a folder")


def test_a_pipe_in_place_of_a_file(desk):
    os.mkfifo(desk.drop / "contracts.csv")
    refused(desk, "no regular file")


def test_a_link_that_leads_outside(desk, tmp_path):
    (tmp_path / "secret.csv").write_text(CONTRACTS + ROW)
    (desk.drop / "contracts.csv").symlink_to(tmp_path / "secret.csv")
    refused(desk, "outside the drop folder")


def test_a_link_to_nowhere(desk):
    (desk.drop / "contracts.csv").symlink_to(desk.drop / "gone.csv")
    refused(desk, "can't be opened")


def test_a_link_inside_the_folder_is_fine(desk):
    desk.put("real/export.csv", CONTRACTS + ROW)
    (desk.drop / "contracts.csv").symlink_to(desk.drop / "real" / "export.csv")
    assert desk.extract("contracts").rows_landed == 1


def test_a_drop_folder_that_is_not_there(desk):
    desk.drop.rmdir()
    refused(desk, "drop folder can't be read")


@pytest.mark.parametrize("magic", [b"PK\x03\x04rest of a workbook", b"\xd0\xcf\x11\xe0old workbook"])
def test_a_workbook_that_calls_itself_csv(desk, magic):
    desk.put("contracts.csv", magic)
    refused(desk, "workbook")


def test_nul_characters(desk):
    desk.put("contracts.csv", CONTRACTS + "Ac\0me,Gold,2026-01-01,2026-12-31,5\n")
    refused(desk, "NUL")


def test_bytes_of_no_encoding(desk):
    desk.put("contracts.csv", CONTRACTS.encode() + b"\x81\x8d,Gold,2026-01-01,2026-12-31,5\n")
    refused(desk, "encoding")


def test_an_encoding_that_is_none(desk):
    desk.put("contracts.csv", CONTRACTS + ROW)
    for name in ("zip", "klingon", "hex"):
        desk.sources = (FileSource(name="files", stream="contracts", encoding=name),)
        refused(desk, "unknown encoding")


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_gzip_that_ends_too_early(desk, kept):
    whole = gzip.compress(
        (CONTRACTS + "".join(f"A{n},{n * n},2026-01-01,2026-12-31,5\n" for n in range(5000))).encode()
    )
    desk.put("contracts.csv.gz", whole[: int(len(whole) * kept)])
    refused(desk, "ends too early")


def test_a_gzip_that_is_damaged(desk):
    whole = bytearray(gzip.compress((CONTRACTS + ROW * 1000).encode()))
    whole[len(whole) // 2] ^= 0xFF
    desk.put("contracts.csv.gz", bytes(whole))
    refused(desk, "damaged|NUL|encoding")


def test_a_bomb_is_refused_by_its_ratio_within_bounded_memory(desk):
    bomb = gzip.compress(CONTRACTS.encode() + b"A,B,2026-01-01,2026-12-31,5\n" * 6_000_000, 9)
    desk.put("contracts.csv.gz", bomb)
    tracemalloc.start()
    refused(desk, "times its size")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 << 20


def test_a_file_over_the_bound_is_refused(desk):
    desk.settings = settings(max_file_bytes_decompressed=1 << 20)
    desk.put("contracts.csv", CONTRACTS + ROW * 40_000)
    refused(desk, "more than 1,048,576 bytes")


def test_an_endless_line(desk):
    desk.put("contracts.csv", CONTRACTS + "x" * 12_000_000)
    refused(desk, "longer than 4,194,304 bytes")


def test_an_endless_record_of_short_lines(desk):
    desk.put("contracts.csv", CONTRACTS + ROW + '"' + "x,y\n" * 1_500_000 + '"\n' + ROW)
    refused(desk, "record 2: a record is longer")


def test_a_name_of_ten_kilobytes_is_no_endless_line(desk):
    desk.put("contracts.csv", CONTRACTS + ROW.replace("Acme", "é" * 5_000))
    assert desk.extract("contracts").rows_landed == 1


@pytest.mark.parametrize("suffix", [".part", ".crdownload", ".tmp"])
def test_a_file_whose_name_says_it_is_not_done(desk, suffix):
    desk.put("contracts.csv" + suffix, CONTRACTS + ROW)
    refused(desk, "still being written")
    desk.put("Contracts.csv", CONTRACTS + ROW)
    assert desk.extract("contracts").rows_landed == 1


WRITER = """
import sys, time
with open(sys.argv[1], "w", buffering=1) as handle:
    handle.write(sys.argv[2])
    print("begun", flush=True)
    for _ in range(int(sys.argv[3])):
        handle.write(sys.argv[4])
        time.sleep(0.05)
"""


def writer(path, lines: int) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), CONTRACTS, str(lines), ROW], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "begun\n"
    return process


def test_a_file_that_is_being_written_is_waited_for(desk):
    desk.settings = settings(settle_seconds=0.5, settle_attempts=10)
    with writer(desk.drop / "contracts.csv", 12) as process:
        outcome = desk.extract("contracts")
        assert process.wait() == 0
    assert outcome.rows_landed == 12


def test_a_file_that_never_settles_is_an_error(desk):
    desk.settings = settings(settle_seconds=0.3, settle_attempts=2)
    with writer(desk.drop / "contracts.csv", 1_000) as process:
        refused(desk, "still being written")
        process.kill()


@pytest.mark.parametrize(("changes", "lands"), [(1, True), (99, False)])
def test_a_file_that_changes_while_it_is_read_is_read_again(desk, monkeypatch, changes, lands):
    path = desk.put("contracts.csv", CONTRACTS + ROW)
    left = changes
    copy = files._copy

    def copy_then_change(*arguments):
        nonlocal left
        copied = copy(*arguments)
        if left:
            left -= 1
            path.write_text(path.read_text() + ROW)
        return copied

    monkeypatch.setattr(files, "_copy", copy_then_change)
    if lands:
        assert desk.extract("contracts").rows_landed == 2
    else:
        refused(desk, "still being written")


def test_what_dead_extractions_left_is_swept(desk):
    dead = desk.landing.folder("contracts") / ".tmp-99999-dead"
    dead.mkdir(parents=True)
    (dead / "part-00000.parquet").write_bytes(b"half")
    desk.put("contracts.csv", CONTRACTS + ROW)
    desk.extract("contracts")
    assert not dead.exists()


def test_a_full_disk_is_named_and_leaves_nothing(desk, monkeypatch):
    desk.put("contracts.csv", CONTRACTS + ROW)

    def full(*_arguments):
        raise OSError(28, "No space left on device")
        yield

    monkeypatch.setattr(files, "_decoded", full)
    refused(desk, "No space left on device")


def test_too_little_memory_is_a_clear_error(desk):
    desk.settings = settings(memory_limit="1MB")
    desk.put("contracts.csv", CONTRACTS + "".join(f"A{n},Gold,2026-01-01,2026-12-31,5\n" for n in range(50_000)))
    refused(desk, "can't be parsed")
