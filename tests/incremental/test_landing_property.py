"""Whatever changes between exports: what an extraction after many others holds equals one of the same file alone."""

from __future__ import annotations

from pathlib import Path
from random import Random

import duckdb
import pytest

from orchestration.sources import whole
from orchestration.sources.errors import SourceError
from orchestration.sources.landing import Extraction, LandingZone
from orchestration.sources.sqltext import identifier, joined
from orchestration.sources.streams import STREAMS, landing_schema
from tests.incremental.exports import REPORTS, Export
from tests.support.extraction import Desk, settings

EAGER = settings(compare_from_records=1, whole_again_above_pct=60, whole_again_after=3)
WORLDS, EXPORTS = 4, 7
# Names of the run that read it, not of what was read.
_OF_THE_RUN = {"_extraction_id", "_file"}


def rows(extraction: Extraction) -> list[tuple]:
    """Every row of an extraction, its number in the file first."""
    with duckdb.connect() as con:
        parts = [str(path) for path in extraction.part_paths]
        described = con.execute("describe select * from read_parquet(?, union_by_name = true)", [parts]).fetchall()
        extras = sorted(name for name, *_ in described if name.startswith("x_"))
        names = [
            n for n in landing_schema(STREAMS[extraction.stream]).names if n not in _OF_THE_RUN | {"_row"}
        ] + extras
        select = whole.rows(extraction, ["_row", *names])
        places = whole.places(extraction)
        if places is not None:
            listed = joined(identifier(name) for name in names)
            select = f"select place as _row, {listed} from ({select}) join ({places}) using (_row)"
        return con.execute(f"select * from ({select}) order by _row").fetchall()


def counts(extraction: Extraction) -> tuple:
    return extraction.rows_read, extraction.rows_landed, dict(extraction.passed_over), extraction.columns_found


def extract(drop: Path, landing: Path, stream: str):
    desk = Desk(drop, LandingZone(landing), EAGER)
    try:
        return desk.extract(stream).extraction
    except SourceError as error:
        return str(error)


@pytest.mark.parametrize("stream", REPORTS)
def test_extractions_after_others_hold_what_one_alone_holds(stream: str, tmp_path: Path) -> None:
    shared = 0
    for seed in range(WORLDS):
        export = Export(stream, Random(f"{stream}-{seed}"))  # noqa: S311 - a test world
        drop, landing = tmp_path / f"drop-{seed}", tmp_path / f"landing-{seed}"
        drop.mkdir()
        kept: list[tuple[Extraction, list[tuple]]] = []
        for number in range(EXPORTS):
            export.write(drop)
            found = extract(drop, landing, stream)
            alone = extract(drop, tmp_path / f"alone-{seed}-{number}", stream)
            place = f"world {seed}, export {number}"
            if isinstance(alone, str):
                assert found == alone, place
            else:
                assert counts(found) == counts(alone), place
                assert rows(found) == rows(alone), place
                kept.append((found, rows(found)))
                shared += found.places is not None
            export.change()
        # What was landed before stays as it was.
        for extraction, before in kept:
            assert rows(extraction) == before
    assert shared >= WORLDS


def test_extractions_share_their_parts_until_too_much_changed(tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    desk = Desk(tmp_path / "drop", LandingZone(tmp_path / "landing"), settings(compare_from_records=1))
    lines = [f"T{n},A1,2026-06-01\n" for n in range(100)]

    def landed() -> Extraction:
        desk.put("tickets.csv", "ticket_id,account_id,created_at\n" + "".join(lines))
        return desk.extract("tickets").extraction

    first = landed()
    lines[7] = "T7,A2,2026-06-01\n"
    second = landed()
    assert [part.rows for part in second.parts] == [100, 1]
    assert (second.gone.rows, second.rows_landed) == (1, 100)
    assert second.part_paths[0].samefile(first.part_paths[0])
    del lines[20:30]
    third = landed()
    assert ([part.rows for part in third.parts], third.gone.rows, third.rows_landed) == ([100, 1], 11, 90)
    lines[40:45] = [f"N{n},A1,2026-06-02\n" for n in range(5)]
    assert [part.rows for part in landed().parts] == [89 + 1]


def test_hashes_are_kept_of_the_newest_extraction_only(tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    zone = LandingZone(tmp_path / "landing")
    desk = Desk(tmp_path / "drop", zone, settings(compare_from_records=1))
    for day in range(1, 4):
        desk.put("tickets.csv", f"ticket_id,account_id,created_at\nT0,A1,2026-06-0{day}\nT1,A1,2026-06-01\n")
        newest = desk.extract("tickets").extraction
        assert list(zone.folder("tickets").glob(".lines-*")) == [zone.lines(newest)]


@pytest.mark.parametrize("damage", [b"", b"PAR1", None])
def test_without_its_hashes_a_file_is_read_whole(tmp_path: Path, damage: bytes | None) -> None:
    (tmp_path / "drop").mkdir()
    zone = LandingZone(tmp_path / "landing")
    desk = Desk(tmp_path / "drop", zone, settings(compare_from_records=1))
    text = "ticket_id,account_id,created_at\n" + "".join(f"T{n},A1,2026-06-01\n" for n in range(50))
    desk.put("tickets.csv", text)
    hashes = zone.lines(desk.extract("tickets").extraction)
    hashes.unlink()
    if damage is not None:
        hashes.write_bytes(damage)
    desk.put("tickets.csv", text + "T50,A1,2026-06-01\n")
    assert [part.rows for part in desk.extract("tickets").extraction.parts] == [51]


def test_dates_that_only_the_rest_decided_are_an_error(tmp_path: Path) -> None:
    """The file alone is judged, though most of it was read before."""
    (tmp_path / "drop").mkdir()
    desk = Desk(tmp_path / "drop", LandingZone(tmp_path / "landing"), settings(compare_from_records=1))
    undecided = "".join(f"T{n},A1,03/04/2026\n" for n in range(50))
    desk.put("tickets.csv", "ticket_id,account_id,created_at\n" + undecided + "T99,A1,2026-06-01\n")
    assert desk.extract("tickets").extraction.rows_landed == 51
    desk.put("tickets.csv", "ticket_id,account_id,created_at\n" + undecided)
    with pytest.raises(SourceError, match="can't be decided"):
        desk.extract("tickets")
