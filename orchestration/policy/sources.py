"""Where records come from: how old each stream may be, how files are read, how account names are matched.

Here: `sources.yaml`. Not here: extraction itself (`orchestration/sources`), and connectors' secrets, which come from
the environment. Nothing in this file is part of `policy_version`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar, Literal

import duckdb
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from orchestration.policy.base import (
    Bytes,
    Count,
    Days,
    Flag,
    Name,
    Number,
    Percent,
    PolicyFile,
    PolicyModel,
    PositiveCount,
    Text,
    refuse,
    setting,
)
from orchestration.policy.problems import Finding, Severity, nearest, repeated, shown
from orchestration.sources.settings import DEFAULT_SOURCE
from orchestration.sources.streams import STREAMS, Kind

_DAYS_OF_CADENCE = {"daily": 1, "weekly": 7}
_MEMORY = r"^[1-9][0-9]*(\.[0-9]+)? ?([KMGT]i?B)$"
# What both Python and DuckDB read in a date format.
_DIRECTIVES = frozenset("aAbBdjmyYHIpMSfzZ%-")


def _regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise refuse(f"a regular expression: {error}") from None
    return text


def _encoding(name: str) -> str:
    try:
        "".encode(name)
    except LookupError:
        raise refuse("a text encoding such as utf-8 or windows-1252") from None
    return name


def _date_format(text: str) -> str:
    directives = re.findall(r"%(-?.)", text)
    letters = {directive[-1] for directive in directives}
    has_day = bool(letters & {"d", "j"}) and bool(letters & {"m", "b", "B", "j"}) and bool(letters & {"y", "Y"})
    if not has_day or not letters <= _DIRECTIVES:
        raise refuse("a strptime format with day, month and year, such as %d/%m/%Y")
    return text


def _drop_path(text: str) -> str:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or "\\" in text or ":" in text:
        raise refuse("a path or pattern inside the drop folder, with /, such as crm/activities*.csv")
    return text


def _one_select(text: str) -> str:
    try:
        statements = duckdb.extract_statements(text)
    except duckdb.Error as error:
        raise refuse(f"one SELECT: {str(error).splitlines()[0]}") from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise refuse("one SELECT and nothing else")
    return text


def _cell(value: Any) -> Any:
    """A cell of a file is text: 5 and true in YAML are what the file would say, and nothing is a blank."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        raise refuse("one value")
    return str(value)


Cell = Annotated[str, BeforeValidator(_cell), WithJsonSchema({"type": ["string", "number", "boolean", "null"]})]
StreamName = Annotated[str, Field(strict=True, json_schema_extra={"enum": list(STREAMS)})]
Delimiter = Annotated[str, Field(strict=True, min_length=1, max_length=1)]


class StreamSettings(PolicyModel):
    """How often a stream comes, and what happens when it is old."""

    cadence: Literal["daily", "weekly"] = setting("How often the stream is extracted.", "daily or weekly")
    max_age_days: Days = setting("as_of - date of the newest accepted extraction may be this; older is stale.", "days")
    on_stale: Literal["use_last_known", "omit"] = setting(
        "use_last_known: go on with the old records, flagged. omit: what depends on the stream is missing.",
        "use_last_known or omit",
    )
    source_order: tuple[Name, ...] = setting(
        "Which source wins where two have the same key, the winner first; those not named follow as declared, "
        "the default source files last.",
        "source names",
        default=(),
    )

    @property
    def cadence_days(self) -> int:
        """Days from one extraction to the next."""
        return _DAYS_OF_CADENCE[self.cadence]


class Extraction(PolicyModel):
    """How report files are read, and what is too large, too long or too odd to be one."""

    settle_seconds: Annotated[Number, Field(ge=0, le=3600)] = setting(
        "A file changed less than this long ago is watched for this long before it is read.", "seconds"
    )
    settle_attempts: PositiveCount = setting("How often a file that still grows is looked at before it fails.", "times")
    max_file_bytes_decompressed: Bytes = setting("A file larger than this, once unpacked, is an error.", "bytes")
    max_compression_ratio: PositiveCount = setting(
        "A packed file that grows by more than this is an error (a bomb).", "unpacked size / packed size"
    )
    max_line_bytes: Bytes = setting("A record longer than this is an error.", "bytes")
    max_columns: PositiveCount = setting("More headers than this is an error.", "columns")
    memory_limit: Annotated[str, Field(strict=True, pattern=_MEMORY)] = setting(
        "Memory the parser may use.", "size, such as 512MB or 1GB"
    )
    threads: Annotated[int, Field(strict=True, ge=1, le=1024)] = setting("Threads the parser may use.", "threads")
    row_group_rows: PositiveCount = setting("Rows in a Parquet row group of the landing zone.", "rows")
    compare_from_records: Count = setting(
        "A file of at least so many records is compared with the last one, and only its new lines are read.", "records"
    )
    whole_again_above_pct: Annotated[Number, Field(ge=0, le=100)] = setting(
        "A file is read whole again once more than this changed since it last was.", "% of its records"
    )
    whole_again_after: Count = setting("A file is read whole again after so many times that it wasn't.", "times")
    lock_wait_seconds: Annotated[Number, Field(ge=0)] = setting(
        "How long to wait for another extraction of the same stream.", "seconds"
    )
    earliest_year: Annotated[int, Field(strict=True, ge=1, le=9999)] = setting(
        "A date before this year can't be meant: a fault of the cell.", "year"
    )
    latest_year: Annotated[int, Field(strict=True, ge=1, le=9999)] = setting(
        "A date after this year can't be meant: a fault of the cell.", "year"
    )
    keep_extra_columns: Flag = setting("Whether unknown columns are kept in the landing zone.", "true or false")
    streams_without_extra_columns: tuple[StreamName, ...] = setting(
        "Streams whose unknown columns are never kept: ticket text, individual users.", "stream names"
    )
    summary_line_patterns: tuple[Annotated[Text, AfterValidator(_regex)], ...] = setting(
        "A trailing line whose first cell is wholly one of these, in any case, is a report's summary and passed over.",
        "regular expressions",
    )
    temporary_suffixes: tuple[Annotated[Text, Field(pattern=r"^\..+")], ...] = setting(
        "Files that end so are still being written and left alone.", "file name endings"
    )


class Matching(PolicyModel):
    """How account names are matched, and how far the search for a suggestion goes."""

    legal_forms: tuple[Text, ...] = setting(
        "Dropped from the end of a name, ignoring case and punctuation, before names are compared.", "texts"
    )
    suggestion_pair_limit: Count = setting(
        "Pairs of names compared for the nearest one; above it only names with the same first letters are.", "pairs"
    )
    suggestion_name_limit: Count = setting("How many unmatched names get a suggestion.", "names")


# What a source of a connected system may say beside the system, by what it asks for.
_ASKS = ("object", "report", "sql", "attachment")
_WITH = {
    "where": ("object",),
    "extra": ("object", "sql"),
    "watermark": ("sql",),
    "deleted": ("sql",),
    "subject": ("attachment",),
    "sender": ("attachment",),
}
# What only a file can be told.
_OF_FILES = ("path", "query", "delimiter", "encoding")


class Source(PolicyModel):
    """Where a stream is read from: a file, a query over files, or what a connected system has of it."""

    name: Name = setting(
        "The source's name; it stands on every record read from it. files: the default source, for a stream whose own "
        "files need to be told how they are written.",
        "name",
    )
    stream: StreamName = setting("The stream it feeds.", "stream")
    path: Annotated[Text, AfterValidator(_drop_path)] = setting(
        "The file, or a pattern with *, relative to the drop folder; with neither path nor query the stream's own file "
        "names are looked for.",
        "path",
        default=None,
    )
    query: Annotated[Text, AfterValidator(_one_select)] = setting(
        "One SELECT over the drop folder's files, each a table of texts named like the file; instead of a path.",
        "SQL",
        default=None,
    )
    system: Name | None = setting(
        "A system of systems.yaml that has the records, instead of the drop folder.", "name", default=None
    )
    object: Text | None = setting("The system's object, such as Account or ticket.", "object", default=None)
    where: Text | None = setting("A condition in the system's own words, beside all others.", "text", default=None)
    report: Text | None = setting("Id of a report of the system, instead of an object.", "id", default=None)
    sql: Text | None = setting("One SELECT in the database's own SQL.", "SQL", default=None)
    watermark: Text | None = setting(
        "Column of the SELECT that grows with every change; only what is new is read.", "column", default=None
    )
    deleted: Text | None = setting("Column of the SELECT that is true for deleted records.", "column", default=None)
    attachment: Text | None = setting("Name of the attachment, with * for any text.", "file name", default=None)
    subject: Text | None = setting("The mail's subject holds this.", "text", default=None)
    sender: Text | None = setting("The mail comes from this address.", "e-mail address", default=None)
    extra: tuple[Text, ...] = setting(
        "Fields landed beside the canonical columns, under their own names.", "fields", default=()
    )
    salesforce_ids: Flag = setting(
        "Ids of 15 characters are Salesforce's and become 18.", "true or false", default=False
    )
    columns: dict[Name, Text | tuple[Text, ...]] = setting(
        "The header or field for a canonical column, where they differ; of a list, the first that is filled (only of a "
        "system).",
        "column: header",
        default_factory=dict,
    )
    constants: dict[Name, Cell] = setting(
        "The value of a canonical column the file doesn't have.", "column: value", default_factory=dict
    )
    value_maps: dict[Name, dict[str, Cell]] = setting(
        "What a cell stands for, by exact text; blank for no value.", "column: {text: value}", default_factory=dict
    )
    date_format: Annotated[Text, AfterValidator(_date_format)] = setting(
        "How dates are written; needed where a file can't decide it (03/04/2026).", "strptime format", default=None
    )
    timestamp_format: Annotated[Text, AfterValidator(_date_format)] = setting(
        "How timestamps are written.", "strptime format", default=None
    )
    delimiter: Delimiter = setting("What separates cells; found out when left out.", "one character", default=None)
    encoding: Annotated[Text, AfterValidator(_encoding)] = setting(
        "How characters are encoded; found out when left out.", "encoding", default=None
    )
    null_values: tuple[Annotated[str, Field(strict=True)], ...] = setting(
        "Cells with exactly these texts are blank.", "texts", default=()
    )

    def lint(self, here: tuple[str | int, ...]) -> Iterator[Finding]:
        if self.path is not None and self.query is not None:
            yield Finding(here, "both path and query", "one of the two, or neither for the stream's own file names")
        yield from self._findings_with_system(here) if self.system else self._findings_without_system(here)
        if self.stream not in STREAMS:
            yield Finding((*here, "stream"), f"the unknown stream {shown(self.stream)}", *_among(self.stream, STREAMS))
            return
        known = [column.name for column in STREAMS[self.stream].columns]
        for key in ("columns", "constants", "value_maps"):
            for column in getattr(self, key):
                if column not in known:
                    found = f"the unknown column {shown(column)}"
                    yield Finding((*here, key, column), found, *_among(column, known))
        for column in self.columns.keys() & self.constants.keys():
            yield Finding((*here, "constants", column), "a column with a header too", "a header or a constant")
        for column in self.columns:
            if not self.fields_of(column):
                yield Finding((*here, "columns", column), "an empty list", "a field, or a list of at least one")
        yield from self._word_findings(here)
        if self.system and self.asks == "object":
            yield from self._missing_columns(here)

    @property
    def asks(self) -> str | None:
        """How its system is asked: object, report, sql or attachment; None: for files as in the drop folder."""
        return next((key for key in _ASKS if getattr(self, key) is not None), None)

    def fields_of(self, column: str) -> tuple[str, ...]:
        """The fields that a canonical column comes from, the first that is filled; none where it has no mapping."""
        given = self.columns.get(column, ())
        return (given,) if isinstance(given, str) else given

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field that is asked for, each once."""
        mapped = (field for column in self.columns for field in self.fields_of(column))
        return tuple(dict.fromkeys([*mapped, *self.extra]))

    def _word_findings(self, here: tuple[str | int, ...]) -> Iterator[Finding]:
        """Words that cells are mapped to and the column doesn't have: every such row would be set aside."""
        words = {column.name: column.values for column in STREAMS[self.stream].columns if column.kind is Kind.ENUM}
        for name in self.value_maps.keys() & words.keys():
            for text, meant in self.value_maps[name].items():
                if meant.strip() and _word(meant) not in words[name]:
                    expected = f"one of {', '.join(words[name])}, or blank"
                    yield Finding(
                        (*here, "value_maps", name, text), shown(meant), expected, nearest(_word(meant), words[name])
                    )

    def _missing_columns(self, here: tuple[str | int, ...]) -> Iterator[Finding]:
        """Columns that the stream has to have: of an object only what is mapped is there."""
        stream = STREAMS[self.stream]
        given = self.columns.keys() | self.constants.keys()
        missing = [column.name for column in stream.columns if column.required and column.name not in given]
        if stream.refers_to_account and not given & {"account_id", "account_name"}:
            missing.insert(0, "account_id (or account_name)")
        for name in missing:
            yield Finding((*here, "columns"), f"no {name}", f"a field or a constant for it: {self.stream} needs it")

    def _findings_without_system(self, here: tuple[str | int, ...]) -> Iterator[Finding]:
        for key in (*_ASKS, *_WITH):
            if getattr(self, key):
                yield Finding((*here, key), f"the key {shown(key)}", "no such key without system")
        for column in self.columns:
            if len(self.fields_of(column)) > 1:
                yield Finding((*here, "columns", column), "a list", "one header: only a system has several fields")

    def _findings_with_system(self, here: tuple[str | int, ...]) -> Iterator[Finding]:
        if self.name == DEFAULT_SOURCE:
            yield Finding((*here, "name"), shown(self.name), "a name of its own: files is the drop folder")
        asked = [key for key in _ASKS if getattr(self, key) is not None]
        if len(asked) > 1:
            yield Finding(here, " and ".join(asked), "one of them")
        for key, needed in _WITH.items():
            if getattr(self, key) and self.asks not in needed:
                yield Finding((*here, key), f"the key {shown(key)}", f"no such key without {' or '.join(needed)}")
        for key in _OF_FILES if self.asks in ("object", "sql") else ("query",):
            if getattr(self, key) is not None:
                yield Finding((*here, key), f"the key {shown(key)}", f"no such key with {self.asks or 'system'}")
        key_columns = STREAMS[self.stream].key if self.watermark and self.stream in STREAMS else ()
        for column in key_columns:
            # A name can stand in for the id of an account.
            if column not in self.columns and not (column == "account_id" and "account_name" in self.columns):
                found = f"no {column} among the columns"
                yield Finding((*here, "watermark"), found, "the stream's key: what changed replaces what was there")


class Threshold(PolicyModel):
    """For one source, how much of a stream may fail a check before the failure is critical."""

    source: Name = setting("The source; files is the default one.", "source")
    stream: StreamName = setting("Only for this stream; all streams when left out.", "stream", default=None)
    rule: Name = setting("Only for this rule of `expectations/`; all rules when left out.", "rule", default=None)
    critical_above_pct: Percent = setting("A larger share of failing rows is critical.", "% of the stream's rows")


class Sources(PolicyFile):
    """Streams, files, matching and thresholds by source."""

    file_name: ClassVar[str] = "sources.yaml"
    shapes_results: ClassVar[bool] = False

    streams: dict[StreamName, StreamSettings] = setting("Cadence and age of each stream.", "stream: settings")
    extraction: Extraction = setting("How report files are read.", "settings")
    matching: Matching = setting("How account names are matched.", "settings")
    sources: tuple[Source, ...] = setting("Sources that need a mapping or a format.", "list of sources", default=())
    thresholds: tuple[Threshold, ...] = setting("Thresholds of checks by source.", "list of thresholds", default=())

    def lint(self) -> Iterator[Finding]:
        yield from self._stream_findings()
        yield from self._extraction_findings()
        yield from repeated(("matching", "legal_forms"), [form.casefold() for form in self.matching.legal_forms])
        yield from repeated(("sources",), [f"{source.name} of {source.stream}" for source in self.sources])
        yield from self._shared_name_findings()
        for index, source in enumerate(self.sources):
            yield from source.lint(("sources", index))
        yield from self._threshold_findings()

    def source_order(self, stream: str) -> tuple[str, ...]:
        """The sources of a stream, the one that wins a conflict first."""
        declared = [source.name for source in self.sources if source.stream == stream]
        return tuple(dict.fromkeys([*self.streams[stream].source_order, *declared, DEFAULT_SOURCE]))

    def critical_above_pct(self, source: str, stream: str, rule: str) -> Any:
        """The threshold set for this check of this source, as a Decimal; None where none is set.

        One that names the rule wins over one that names the stream, and that over one for the source.
        """
        fitting = [
            threshold
            for threshold in self.thresholds
            if threshold.source == source and threshold.stream in (None, stream) and threshold.rule in (None, rule)
        ]
        best = max(fitting, key=lambda fits: (fits.rule is not None, fits.stream is not None), default=None)
        return None if best is None else best.critical_above_pct

    def _stream_findings(self) -> Iterator[Finding]:
        for stream in STREAMS:
            if stream not in self.streams:
                yield Finding(("streams", stream), "no such key", "settings of every stream")
        for stream, settings in self.streams.items():
            here = ("streams", stream)
            if stream not in STREAMS:
                yield Finding(here, f"the unknown stream {shown(stream)}", *_among(stream, STREAMS))
                continue
            if STREAMS[stream].required and settings.on_stale == "omit":
                yield Finding((*here, "on_stale"), '"omit"', "use_last_known: nothing can be made without this stream")
            days = settings.cadence_days
            if settings.max_age_days < days:
                found, expected = str(settings.max_age_days), f"at least {days} (days) with the cadence"
                hint = "the stream would be stale between two extractions"
                yield Finding((*here, "max_age_days"), found, expected, hint, Severity.WARNING)
            known = [source.name for source in self.sources if source.stream == stream] + [DEFAULT_SOURCE]
            yield from repeated((*here, "source_order"), settings.source_order)
            for index, name in enumerate(settings.source_order):
                if name not in known:
                    found = f"the unknown source {shown(name)}"
                    yield Finding((*here, "source_order", index), found, *_among(name, known))

    def _shared_name_findings(self) -> Iterator[Finding]:
        """Names that a source of a system shares: what is pulled stands in one folder by its name."""
        first: dict[str, int] = {}
        for index, source in enumerate(self.sources):
            other = self.sources[first.setdefault(source.name, index)]
            # One name twice on one stream is told of every source.
            if other.stream != source.stream and (source.system or other.system):
                expected = f"a name of its own (first as [{first[source.name]}]): one of them comes from a system"
                yield Finding(("sources", index, "name"), f"{shown(source.name)} again", expected)

    def _extraction_findings(self) -> Iterator[Finding]:
        extraction = self.extraction
        if extraction.earliest_year > extraction.latest_year:
            expected = f"at most latest_year, {extraction.latest_year}"
            yield Finding(("extraction", "earliest_year"), str(extraction.earliest_year), expected)
        for index, stream in enumerate(extraction.streams_without_extra_columns):
            if stream not in STREAMS:
                path = ("extraction", "streams_without_extra_columns", index)
                yield Finding(path, f"the unknown stream {shown(stream)}", *_among(stream, STREAMS))

    def _threshold_findings(self) -> Iterator[Finding]:
        sources = [DEFAULT_SOURCE, *(source.name for source in self.sources)]
        scopes = []
        for index, threshold in enumerate(self.thresholds):
            here = ("thresholds", index)
            if threshold.source not in sources:
                found = f"the unknown source {shown(threshold.source)}"
                yield Finding((*here, "source"), found, *_among(threshold.source, sources))
            if threshold.stream is not None and threshold.stream not in STREAMS:
                found = f"the unknown stream {shown(threshold.stream)}"
                yield Finding((*here, "stream"), found, *_among(threshold.stream, STREAMS))
            scopes.append(f"{threshold.source}, {threshold.stream or 'any stream'}, {threshold.rule or 'any rule'}")
        yield from repeated(("thresholds",), scopes)


def _word(text: str) -> str:
    """A word of a fixed set as extraction compares it."""
    return re.sub(r"[\s\-_]+", "_", text.strip().lower())


def _among(name: str, known: Any) -> tuple[str, str]:
    """What was expected in place of `name`, and the hint."""
    return f"one of {', '.join(known)}", nearest(name, known)
