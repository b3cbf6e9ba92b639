"""A landing zone in small for tests: rows given as dictionaries, written as the Parquet that extraction lands."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.quality.landed import LandedChecks, check_landed
from orchestration.quality.names import MatchSettings
from orchestration.quality.suites import Suite
from orchestration.quality.views import CheckContext
from orchestration.sources.streams import STREAMS, landing_schema

EXPECTATIONS = Path(__file__).parents[3] / "expectations"
AS_OF = dt.date(2026, 6, 30)
EXTRACTED_AT = dt.datetime(2026, 6, 30, 18, 0, tzinfo=dt.UTC)


@dataclass(frozen=True)
class FakeExtraction:
    extraction_id: str
    extracted_at: dt.datetime
    rows_read: int
    rows_landed: int
    passed_over: Mapping[str, int]
    part_paths: tuple[Path, ...]
    gone_path: Path | None = None
    places_path: Path | None = None


@dataclass(frozen=True)
class FakeCandidate:
    source: str
    extraction: FakeExtraction


def policy_tables() -> dict[str, pa.Table]:
    patterns = {"pattern": ["health check", "healthcheck"], "segment": [None, None], "product": [None, None]}
    statuses = {"status": ["declined", "no_show", "planned"]}
    sources = {"stream": ["tickets"] * 2, "source": ["zendesk", "files"], "source_rank": [1, 2]}
    return {
        "health_check_subject_patterns": pa.table(patterns),
        "health_check_not_delivered_statuses": pa.table(statuses),
        "stream_sources": pa.table(sources),
        "score_settings": pa.table({"call_most_days": pa.array([90], pa.int32())}),
    }


@dataclass
class LandingBuilder:
    """Collects extractions; `land` the newest of a source first, as the landing zone lists them."""

    folder: Path
    candidates: dict[str, list[FakeCandidate]] = field(default_factory=dict)

    def land(
        self,
        stream_name: str,
        rows: Sequence[Mapping[str, object]],
        *,
        source: str = "files",
        extraction_id: str | None = None,
        extracted_at: dt.datetime = EXTRACTED_AT,
        passed_over: Mapping[str, int] | None = None,
        schema: pa.Schema | None = None,
    ) -> FakeCandidate:
        stream = STREAMS[stream_name]
        known = self.candidates.setdefault(stream_name, [])
        extraction_id = extraction_id or f"{stream_name}-{source}-{len(known)}"
        schema = schema or landing_schema(stream)
        table = pa.Table.from_pylist(
            [_landed(row, number, extraction_id, source, schema) for number, row in enumerate(rows, start=1)],
            schema=schema,
        )
        path = self.folder / stream_name / extraction_id / "part-00000.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(table, path)
        passed = dict(passed_over or {})
        candidate = FakeCandidate(
            source,
            FakeExtraction(extraction_id, extracted_at, len(rows) + sum(passed.values()), len(rows), passed, (path,)),
        )
        known.append(candidate)
        return candidate

    def check(self, suites: Mapping[str, Suite], work_dir: Path, **options) -> Checked:
        context = options.pop("context", CheckContext(AS_OF, "UTC", "USD"))
        tables = options.pop("policy", policy_tables())
        matching = options.pop("matching", MatchSettings(("Inc", "GmbH"), (), pair_limit=10_000, name_limit=100))
        checks = check_landed(self.candidates, suites, tables, context, matching, work_dir, **options)
        return Checked(checks)


@dataclass(frozen=True)
class Checked:
    """What the checks found, read back from the files they wrote."""

    checks: LandedChecks

    @property
    def failures(self) -> list[dict[str, object]]:
        return pq.read_table(self.checks.row_failures).to_pylist()

    @property
    def known(self) -> dict[str, dict]:
        return json.loads(self.checks.known.read_text())

    def rows(self, stream: str, rule: str) -> list[object]:
        """The row numbers that failed the rule, in order."""
        return [f["row"] for f in self.failures if (f["stream"], f["rule"]) == (stream, rule)]

    def keys(self, stream: str, rule: str) -> list[object]:
        """The business keys that failed the rule, in order."""
        return sorted(f["record_key"] for f in self.failures if (f["stream"], f["rule"]) == (stream, rule))

    def failure(self, stream: str, rule: str) -> dict[str, object]:
        """The one failing row of the rule."""
        (found,) = [f for f in self.failures if (f["stream"], f["rule"]) == (stream, rule)]
        return found

    def result(self, stream: str, rule: str):
        (found,) = [r for r in self.checks.streams[stream].results if r.rule == rule]
        return found

    def counts(self, stream: str):
        return self.checks.streams[stream].counts


def _landed(row: Mapping[str, object], number: int, extraction_id: str, source: str, schema: pa.Schema) -> dict:
    cells = dict(row)
    faults = cells.pop("_faults", None)
    name = cells.get("account_name")
    landed: dict[str, object] = {
        "_extraction_id": extraction_id,
        "_source": source,
        "_file": "test.csv",
        "_row": number,
        "_faults": [{"column": c, "value": v} for c, v in faults.items()] if faults else None,
        "_account_name_folded": name.strip().casefold() if isinstance(name, str) else None,
    }
    for cell in schema:
        if cell.name in cells:
            landed[cell.name] = _typed(cells.pop(cell.name), cell.type)
    assert not cells, f"no such columns: {cells}"
    return landed


def _typed(value: object, kind: pa.DataType) -> object:
    if value is None:
        return None
    if pa.types.is_date(kind) and isinstance(value, str):
        return dt.date.fromisoformat(value)
    if pa.types.is_timestamp(kind) and isinstance(value, str):
        return dt.datetime.fromisoformat(value)
    if pa.types.is_decimal(kind):
        return Decimal(str(value)).quantize(Decimal(1).scaleb(-kind.scale))
    return value
