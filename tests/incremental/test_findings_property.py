"""What the checks find, and leave out, doesn't depend on how often a report was read before."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import duckdb
import pyarrow.parquet as pq
import pytest

from orchestration.policy.load import load_policies
from orchestration.policy.tables import policy_tables
from orchestration.quality.landed import LandedChecks, check_landed
from orchestration.quality.names import MatchSettings
from orchestration.quality.suites import load_suites
from orchestration.quality.views import CheckContext
from orchestration.settings import PROJECT_ROOT
from orchestration.sources.landing import LandingZone
from orchestration.sources.streams import STREAMS, landing_schema
from tests.incremental.exports import REPORTS, Export
from tests.support.extraction import Desk, settings

EAGER = settings(compare_from_records=1, whole_again_above_pct=60, whole_again_after=20)
FIRST_DAY = datetime(2026, 6, 28, 20, tzinfo=UTC)
ZONE = "UTC"


@dataclass(frozen=True)
class Found:
    """The checks of one landing zone."""

    checks: LandedChecks

    @property
    def failures(self) -> list[dict]:
        """Every failing row, by its place in its file."""
        told = pq.read_table(self.checks.row_failures).to_pylist()
        return sorted((without_ids(row) for row in told), key=str)

    @property
    def matches(self) -> list[dict]:
        return pq.read_table(self.checks.account_matches).to_pylist()

    @property
    def known(self) -> dict:
        streams = json.loads(self.checks.known.read_text())
        return {
            name: without_ids(known | {"extractions": len(known["extractions"])}) for name, known in streams.items()
        }

    def read_by_models(self, stream: str) -> list[tuple]:
        """What is left of the landed files for the models: the same join as macro usable_rows, by hand."""
        candidates = self.checks.streams[stream].used
        columns = [name for name in landing_schema(STREAMS[stream]).names if not name.startswith("_")]
        with duckdb.connect() as con:
            con.execute("create table effects as from read_parquet(?)", [str(self.checks.row_effects)])
            con.execute("delete from effects where stream <> ?", [stream])
            found = []
            for candidate in candidates:
                listed = ", ".join(
                    f"case when not exists (select 1 from effects e where e.effect = 'blank_value'"
                    f" and e.column_name = '{name}' and e.source = _source and e.landed_row = _row) then {name} end"
                    for name in columns
                )
                found += con.execute(
                    f"select {listed} from read_parquet(?) where not exists (select 1 from effects e"
                    " where e.effect in ('gone', 'set_aside') and e.source = _source and e.landed_row = _row)",
                    [[str(path) for path in candidate.extraction.part_paths]],
                ).fetchall()
        return sorted(found, key=str)


def without_ids(row: dict) -> dict:
    return {name: value for name, value in row.items() if name not in ("extraction_id", "rejections")}


def checked(zone: LandingZone, as_of: date, work: Path) -> Found:
    policies = load_policies(PROJECT_ROOT / "policies")
    # Only the newest, so that a rejected one has no older one to fall back on in either zone.
    candidates = {name: zone.known_at(name, as_of, ZONE)[:1] for name in STREAMS}
    return Found(
        check_landed(
            candidates,
            load_suites(PROJECT_ROOT / "expectations"),
            policy_tables(policies),
            CheckContext(as_of, ZONE, "USD"),
            MatchSettings(("Inc", "GmbH", "Ltd"), (), pair_limit=10_000, name_limit=100),
            work,
            # Chance makes worse files than any source does; none is to be refused.
            thresholds=lambda source, stream, rule: 100,
        )
    )


@pytest.mark.parametrize("seed", range(2))
def test_findings_after_many_exports_are_those_of_the_last_alone(seed: int, tmp_path: Path) -> None:
    exports = {stream: Export(stream, Random(f"{stream}+{seed}")) for stream in REPORTS}  # noqa: S311 - a test world
    drop, zone = tmp_path / "drop", LandingZone(tmp_path / "landing")
    drop.mkdir()
    shared = 0
    for number in range(4):
        alone = LandingZone(tmp_path / f"alone-{number}")
        # The clock moves on: rows dated ahead come into view.
        at = FIRST_DAY + timedelta(days=number)
        for stream, export in exports.items():
            export.write(drop)
            landed = Desk(drop, zone, EAGER, time_zone=ZONE).extract(stream, at).extraction
            Desk(drop, alone, EAGER, time_zone=ZONE).extract(stream, at)
            shared += landed.places is not None
            export.change()
        if not number:
            continue
        after_others = checked(zone, at.date(), tmp_path / f"checks-{number}")
        by_itself = checked(alone, at.date(), tmp_path / f"checks-alone-{number}")
        assert after_others.failures == by_itself.failures
        assert after_others.matches == by_itself.matches
        assert after_others.known == by_itself.known
        for stream in REPORTS:
            assert after_others.read_by_models(stream) == by_itself.read_by_models(stream), stream
    assert shared
