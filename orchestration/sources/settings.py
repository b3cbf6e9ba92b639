"""What extraction is told: the limits of reading and the declared file sources. Their values come from policy."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType

DEFAULT_SOURCE = "files"

_NO_MAP: Mapping = MappingProxyType({})
_SOURCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractionSettings:
    """The `extraction` block of `policies/sources.yaml`; each key is explained there with its unit."""

    settle_seconds: float
    settle_attempts: int
    max_file_bytes_decompressed: int
    max_compression_ratio: float
    max_line_bytes: int
    max_columns: int
    memory_limit: str
    threads: int
    row_group_rows: int
    compare_from_records: int
    whole_again_above_pct: float
    whole_again_after: int
    lock_wait_seconds: float
    earliest_year: int
    latest_year: int
    keep_extra_columns: bool
    streams_without_extra_columns: tuple[str, ...]
    summary_line_patterns: tuple[str, ...]
    temporary_suffixes: tuple[str, ...]

    def keeps_extra_columns_of(self, stream: str) -> bool:
        """Whether columns that the stream doesn't know are landed (ticket text and users' names never are)."""
        return self.keep_extra_columns and stream not in self.streams_without_extra_columns


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSource:
    """One declared file source: how a foreign file becomes a canonical stream.

    Either `path` names the file (a glob relative to the drop folder), or `query` is one SELECT over the drop folder's
    files, each a table of text columns named by its file stem, for what must be joined or added up first ("a mapping
    may aggregate first"). With neither, the stream's own file names are looked for.

    `columns` maps canonical column -> header of the file; headers that already go by a canonical name need no entry.
    `constants` gives a column one text for every row; `value_maps` replaces whole cells (a blank key stands for a blank
    cell, a blank value makes one); `null_values` are texts that mean blank. `date_format` and `timestamp_format` are
    strptime formats; ISO dates are read beside them. `salesforce_ids`: ids of 15 characters become 18.
    """

    name: str
    stream: str
    path: str | None = None
    query: str | None = None
    columns: Mapping[str, str] = field(default_factory=lambda: _NO_MAP)
    constants: Mapping[str, str] = field(default_factory=lambda: _NO_MAP)
    value_maps: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: _NO_MAP)
    null_values: tuple[str, ...] = ()
    salesforce_ids: bool = False
    date_format: str | None = None
    timestamp_format: str | None = None
    delimiter: str | None = None
    encoding: str | None = None

    def __post_init__(self) -> None:
        if not _SOURCE_NAME.fullmatch(self.name):
            raise ValueError(f"a source's name is letters, digits, dots, dashes and underscores: {self.name!r}")
        if self.path and self.query:
            raise ValueError(f"source {self.name}: a path and a query exclude each other")

    def fingerprint(self) -> dict:
        """What of this source changes how its file is read."""
        plain = {key: value for key, value in asdict_shallow(self).items() if value not in (None, (), {}, False)}
        return json.loads(json.dumps(plain, default=dict, sort_keys=True))


def asdict_shallow(value: FileSource) -> dict:
    """The fields of a source as plain dicts and lists (dataclasses.asdict cannot copy read-only mappings)."""
    return {
        name: {key: dict(inner) if isinstance(inner, Mapping) else inner for key, inner in got.items()}
        if isinstance(got := getattr(value, name), Mapping)
        else got
        for name in value.__dataclass_fields__
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRules:
    """How the text of a cell is understood: everything a parsed value depends on besides the text."""

    time_zone: str
    reporting_currency: str
    earliest_year: int
    latest_year: int
    date_format: str | None = None
    timestamp_format: str | None = None


def digest(*parts: object) -> str:
    """A sha256 over the parts, written as canonical JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False, default=asdict).encode()).hexdigest()
