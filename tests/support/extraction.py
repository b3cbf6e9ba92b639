"""What the tests of extraction share: settings, a one-column reader, and short ways to drop a file and land it."""

from __future__ import annotations

import dataclasses
import gzip
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import duckdb

from orchestration.sources import values
from orchestration.sources.drop import ExtractionOutcome, LeftOut, extract_stream
from orchestration.sources.landing import Extraction, LandingZone
from orchestration.sources.settings import ExtractionSettings, FileSource, ReadingRules
from orchestration.sources.sqltext import Sql, compose, identifier, joined
from orchestration.sources.streams import Kind

SETTINGS = ExtractionSettings(
    settle_seconds=0,
    settle_attempts=3,
    max_file_bytes_decompressed=1 << 30,
    max_compression_ratio=200,
    max_line_bytes=1 << 22,
    max_columns=200,
    memory_limit="512MB",
    threads=2,
    row_group_rows=122_880,
    compare_from_records=50_000,
    whole_again_above_pct=20,
    whole_again_after=30,
    lock_wait_seconds=30,
    earliest_year=1900,
    latest_year=2199,
    keep_extra_columns=True,
    streams_without_extra_columns=("tickets", "usage"),
    summary_line_patterns=(
        r"(grand |sub ?)?totals?\s*[:=(\-]?[\s\d.,$€£()]*(records?|rows?)?\)?",
        r"(sum|count|record count|records|rows)\s*[:=]?[\s\d.,$€£()]*",
        r"\d[\d.,]* (records?|rows?)",
        r"copyright .*",
        r"confidential.*",
        r"(report )?(generated|exported|created|run|printed) (by|on|at)\b.*",
    ),
    temporary_suffixes=(".part", ".tmp", ".crdownload"),
)
RULES = ReadingRules(time_zone="Europe/Berlin", reporting_currency="USD", earliest_year=1900, latest_year=2199)

CONTRACTS = "Account,Product,Start Date,End Date,Amount\n"
ACTIVITIES = "Name,Account,Opportunity,Subject,Revenue,Timestamp,Attachment\n"
ACCOUNTS = "Owner,Account,GEO,Region\n"


def settings(**changed) -> ExtractionSettings:
    """The tests' settings with some changed."""
    return dataclasses.replace(SETTINGS, **changed)


def cell_reader(
    kind: Kind, words: Sequence[str] = (), **changed_rules
) -> Callable[[Sequence[str]], list[tuple[object, str | None, bool | None]]]:
    """A function that reads texts as cells of `kind`: [(value, currency found, whether its writing is loose)]."""
    rules = dataclasses.replace(RULES, **changed_rules)
    reading = values.read(kind, identifier("cell"), "h_", rules, words)
    select = compose(
        "SELECT *, {cell} AS cell FROM (SELECT generate_subscripts($1, 1) AS position, unnest($1) AS raw)",
        cell=values.trimmed(identifier("raw"), Sql("true")),
    )
    for layer in reading.layers:
        select = compose(
            "SELECT *, {helpers} FROM ({select})",
            helpers=joined(compose("{sql} AS {name}", sql=sql, name=identifier(name)) for name, sql in layer),
            select=select,
        )
    select = compose(
        "SELECT CAST({value} AS {type}), {currency}, {loose} FROM ({select}) ORDER BY position",
        value=reading.value,
        type=values.SQL_TYPES[kind],
        currency=reading.currency or Sql("NULL"),
        loose=reading.currency_is_loose or Sql("NULL"),
        select=select,
    )
    con = duckdb.connect(config={"threads": 1})
    con.execute("SET TimeZone = 'UTC'")
    return lambda texts: con.execute(select, [list(texts)]).fetchall()


def read_one(kind: Kind, text: str, words: Sequence[str] = (), **changed_rules) -> object:
    """One text read as a cell of `kind`."""
    return cell_reader(kind, words, **changed_rules)([text])[0][0]


@dataclasses.dataclass
class Desk:
    """A drop folder and a landing zone."""

    drop: Path
    landing: LandingZone
    settings: ExtractionSettings = SETTINGS
    sources: tuple[FileSource, ...] = ()
    time_zone: str = "Europe/Berlin"
    reporting_currency: str = "USD"
    left_out: LeftOut | None = None

    def put(self, name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
        """Writes a file into the drop folder; text by its encoding, gzipped where the name says so."""
        data = content if isinstance(content, bytes) else content.encode(encoding)
        path = self.drop / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") and isinstance(content, str) else data)
        return path

    def extract(self, stream: str, at: datetime | None = None) -> ExtractionOutcome:
        """Extracts a stream that has one source."""
        (outcome,) = self.extract_all(stream, at)
        return outcome

    def extract_all(self, stream: str, at: datetime | None = None) -> tuple[ExtractionOutcome, ...]:
        """Extracts a stream from all of its sources."""
        return extract_stream(
            stream,
            self.drop,
            self.landing,
            self.settings,
            time_zone=self.time_zone,
            reporting_currency=self.reporting_currency,
            sources=self.sources,
            extracted_at=at,
            left_out=self.left_out,
        )

    def rows(self, stream: str, *columns: str, at: datetime | None = None) -> list[tuple]:
        """Extracts a stream and gives the landed rows' columns, in the order of the rows."""
        return landed(self.extract(stream, at).extraction, *columns)


def landed(extraction: Extraction | None, *columns: str) -> list[tuple]:
    """Columns of an extraction's rows, by row number."""
    assert extraction is not None
    listed = ", ".join(f'"{column}"' for column in columns) or "*"
    paths = [str(path) for path in extraction.part_paths]
    return duckdb.connect().execute(f"SELECT {listed} FROM read_parquet(?) ORDER BY _row", [paths]).fetchall()
