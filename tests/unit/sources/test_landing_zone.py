"""The landing zone: the same content lands once, what is known when, and damage is named."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime

import pytest

from orchestration.sources.errors import LandingError
from orchestration.sources.landing import MANIFEST
from orchestration.sources.settings import FileSource
from tests.support.extraction import CONTRACTS, settings

ROW = "Acme,Gold,2026-01-01,2026-12-31,5\n"


def day(number: int, hour: int = 10) -> datetime:
    return datetime(2026, 6, number, hour, tzinfo=UTC)


def test_the_same_file_twice_lands_once(desk):
    desk.put("contracts.csv", CONTRACTS + ROW)
    first = desk.extract("contracts", day(1))
    second = desk.extract("contracts", day(2))
    assert (second.status, second.extraction.extraction_id) == ("landed_before", first.extraction.extraction_id)
    assert (second.rows_read, second.rows_landed, dict(second.passed_over)) == (1, 0, {"landed_before": 1})
    assert len(desk.landing.extractions("contracts")) == 1
    assert second.extraction.confirmations == ()


def test_the_same_content_exported_again_confirms_the_extraction(desk):
    path = desk.put("contracts.csv", CONTRACTS + ROW)
    desk.extract("contracts", day(1))
    later = path.stat().st_mtime_ns + 10**9
    os.utime(path, ns=(later, later))
    desk.extract("contracts", day(5))
    # Nothing new since: no second confirmation.
    desk.extract("contracts", day(9))
    (extraction,) = desk.landing.extractions("contracts")
    assert [moment for moment, _ in extraction.confirmations] == [day(5)]
    ages = [desk.landing.known_at("contracts", date(2026, 6, d), "UTC")[0].age_days for d in (1, 4, 5, 9)]
    assert ages == [0, 3, 0, 4]


def test_content_that_comes_back_lands_again(desk):
    for number, rows in enumerate((ROW, ROW * 2, ROW), start=1):
        desk.put("contracts.csv", CONTRACTS + rows)
        assert desk.extract("contracts", day(number)).status == "landed"
    assert [one.rows_landed for one in desk.landing.extractions("contracts")] == [1, 2, 1]


def test_what_changes_the_reading_lands_again(desk):
    desk.put("contracts.csv", CONTRACTS + ROW)
    desk.extract("contracts", day(1))
    desk.time_zone = "UTC"
    assert desk.extract("contracts", day(1)).status == "landed"
    desk.sources = (FileSource(name="files", stream="contracts", value_maps={"product": {"Gold": "Silver"}}),)
    assert desk.extract("contracts", day(1)).status == "landed"
    desk.settings = settings(threads=1)
    assert desk.extract("contracts", day(1)).status == "landed_before"


def test_what_is_known_when(desk):
    for number in (1, 10, 20):
        desk.put("contracts.csv", CONTRACTS + ROW * number)
        desk.extract("contracts", day(number))

    def known(number: int) -> list[tuple]:
        found = desk.landing.known_at("contracts", date(2026, 6, number), "UTC")
        return [(one.extraction.rows_landed, one.age_days, one.reconstructed) for one in found]

    assert known(25) == [(20, 5, False), (10, 15, False), (1, 24, False)]
    assert known(19) == [(10, 9, False), (1, 18, False)]
    assert desk.landing.known_at("contracts", date(2026, 5, 1), "UTC")[0].known_on == date(2026, 5, 1)
    before = desk.landing.known_at("contracts", date(2026, 5, 1), "UTC")
    assert [(one.extraction.rows_landed, one.age_days, one.reconstructed) for one in before] == [
        (20, 0, True),
        (10, 0, True),
        (1, 0, True),
    ]


def test_the_day_of_an_extraction_is_that_of_the_business_time_zone(desk):
    desk.put("contracts.csv", CONTRACTS + ROW)
    desk.extract("contracts", day(1, 23))
    assert desk.landing.known_at("contracts", date(2026, 6, 1), "Europe/Berlin")[0].reconstructed
    assert not desk.landing.known_at("contracts", date(2026, 6, 1), "UTC")[0].reconstructed


def test_sources_are_known_apart(desk):
    desk.sources = (FileSource(name="mailbox", stream="contracts", path="mailbox.csv"),)
    desk.put("contracts.csv", CONTRACTS + ROW)
    desk.extract_all("contracts", day(1))
    desk.put("mailbox.csv", CONTRACTS + ROW)
    desk.extract_all("contracts", day(5))
    found = desk.landing.known_at("contracts", date(2026, 6, 3), "UTC")
    assert [(one.source, one.reconstructed) for one in found] == [("files", False), ("mailbox", True)]


def test_extractions_of_one_instant_get_ids_of_their_own(desk):
    for rows in (ROW, ROW * 2, ROW):
        desk.put("contracts.csv", CONTRACTS + rows)
        desk.extract("contracts", day(1))
    found = desk.landing.extractions("contracts")
    assert len({one.extraction_id for one in found}) == 3
    assert found[0].rows_landed == 1


def test_a_manifest_tells_everything(desk):
    desk.put("contracts.csv", CONTRACTS + ROW + "Total,,,,5\n")
    extraction = desk.extract("contracts", day(1)).extraction
    raw = json.loads((extraction.folder / MANIFEST).read_text())
    assert extraction.extraction_id == f"20260601T100000000000Z-{raw['content_sha256'][:12]}"
    assert (raw["rows_read"], raw["rows_landed"], raw["passed_over"]) == (2, 1, {"summary_line": 1})
    assert raw["columns_found"] == ["Account", "Product", "Start Date", "End Date", "Amount"]
    assert raw["parts"] == [{"path": "part-00000.parquet", "rows": 1, "bytes": extraction.part_paths[0].stat().st_size}]
    assert extraction.part_paths[0].stat().st_mode & 0o222 == 0


@pytest.mark.parametrize("damage", ["", "{", '{"format": 99}', "[]", '{"format": 1}'])
def test_a_damaged_manifest_is_named(desk, damage):
    desk.put("contracts.csv", CONTRACTS + ROW)
    manifest = desk.extract("contracts").extraction.folder / MANIFEST
    manifest.write_text(damage)
    with pytest.raises(LandingError, match=r"manifest\.json") as caught:
        desk.landing.extractions("contracts")
    assert caught.value.file == str(manifest)


def test_a_part_that_is_gone_or_cut_is_named(desk):
    desk.put("contracts.csv", CONTRACTS + ROW)
    part = desk.extract("contracts").extraction.part_paths[0]
    part.chmod(0o644)
    part.write_bytes(b"PAR1")
    with pytest.raises(LandingError, match=r"part-00000\.parquet"):
        desk.landing.extractions("contracts")


def test_a_manifest_can_not_lead_outside_its_folder(desk):
    desk.put("contracts.csv", CONTRACTS + ROW)
    manifest = desk.extract("contracts").extraction.folder / MANIFEST
    manifest.write_text(manifest.read_text().replace("part-00000.parquet", "../../../etc/passwd"))
    with pytest.raises(LandingError, match="outside the folder"):
        desk.landing.extractions("contracts")


def test_only_streams_have_folders(desk):
    with pytest.raises(LandingError, match="no stream"):
        desk.landing.extractions("../../etc")


def test_a_stream_that_is_being_extracted_is_waited_for_and_then_named(desk):
    desk.put("contracts.csv", CONTRACTS + ROW)
    desk.settings = settings(lock_wait_seconds=0.1)
    with desk.landing.writing("contracts", 1), pytest.raises(LandingError, match="another extraction of contracts"):
        desk.extract("contracts")
    assert desk.extract("contracts").status == "landed"


def test_nothing_but_extractions_is_left_behind(desk):
    desk.put("contracts.csv", CONTRACTS + ROW)
    extraction = desk.extract("contracts").extraction
    desk.extract("contracts")
    assert sorted(path.name for path in extraction.folder.parent.iterdir()) == sorted(
        [".lock", extraction.extraction_id]
    )
