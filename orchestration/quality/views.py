"""What the rules read: the landed data as DuckDB views, from raw rows to rows in use.

Here: the schemas and views below, and nothing that judges. Not here: the rules (`expectations/`), running them
(`runner.py`), and choosing extractions (`landed.py`).

| relation | rows |
|---|---|
| `landing.<stream>` | every row of the extractions being looked at, as landed |
| `matched.<stream>` | the same with `account_id` resolved (null: unknown), `_given_account_id`, `_record_key`, |
|                    | `_key_hash`, `_label` (the record as a person says it), `_event_on` (local date) and |
|                    | `_updated_at` (null where the stream has none) |
| `resolved.<stream>` | `matched` without what is dated after as_of (planned activities stay) |
| `used.<stream>` | `resolved` without rows set aside so far; at the end with blanked values blank |
| `matching.known_accounts` | the ids of `used.accounts` |
| `matching.account_matches` | account_name, account_id, method: the names that mean one account |
| `matching.name_problems` | account_name, problem, suggestion: the names that don't |
| `matching.account_names` | account_id, account_name, normalised_name |
| `policy.<table>` | the policy tables |
| `run.context` | as_of_date, time_zone, reporting_currency |
| `run.columns` | stream, column_name, is_required, readable (what a value should look like) |
| `run.column_problems` | stream, extraction_id, column_name, expected, actual: the shape of landed files |
| `run.places_<stream>` | _extraction_id, _row, place: the record's number in its file, where `_row` isn't it |
| `run.extractions` | stream, source, source_rank, extraction_id, extracted_at (UTC), rows_landed, previous_rows |
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.sources import whole
from orchestration.sources.sqltext import Sql, compose, identifier, joined, literal
from orchestration.sources.streams import STREAMS, Column, Kind, Stream, landing_schema

SCHEMAS = ("landing", "matched", "resolved", "used", "matching", "policy", "run", "quality")


class Extraction(Protocol):
    """What this package needs of an extraction in the landing zone."""

    @property
    def extraction_id(self) -> str: ...
    @property
    def extracted_at(self) -> dt.datetime: ...
    @property
    def rows_read(self) -> int: ...
    @property
    def rows_landed(self) -> int: ...
    @property
    def passed_over(self) -> Mapping[str, int]: ...
    @property
    def part_paths(self) -> Sequence[Path]: ...
    @property
    def gone_path(self) -> Path | None: ...
    @property
    def places_path(self) -> Path | None: ...


class Candidate(Protocol):
    """An extraction known at as_of, as the landing zone lists it (newest first within a source)."""

    @property
    def source(self) -> str: ...
    @property
    def extraction(self) -> Extraction: ...


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What every rule may depend on beside the data."""

    as_of: dt.date
    time_zone: str
    reporting_currency: str

    def first_instant_after(self) -> dt.datetime:
        """The UTC instant, without zone, at which as_of is over in the business time zone."""
        midnight = dt.datetime.combine(self.as_of + dt.timedelta(days=1), dt.time(), ZoneInfo(self.time_zone))
        return midnight.astimezone(dt.UTC).replace(tzinfo=None)


_READABLE = {
    Kind.ID: "text",
    Kind.TEXT: "text",
    Kind.BOOLEAN: "yes or no",
    Kind.DATE: "a date such as 2026-06-30",
    Kind.TIMESTAMP: "a time such as 2026-06-30T14:30Z",
    Kind.MONEY: "an amount such as 1,250.00 or $250K",
    Kind.CURRENCY: "an ISO 4217 code such as USD",
    Kind.NUMBER: "a number",
    Kind.INTEGER: "a whole number",
    Kind.RATE: "a rate such as 1.0825",
}


def readable(column: Column) -> str:
    """What a value of the column should look like, in words that finish "expected …"."""
    return f"one of {', '.join(column.values)}" if column.values else _READABLE[column.kind]


def open_connection(
    context: CheckContext,
    policy_tables: Mapping[str, pa.Table],
    work_dir: Path,
    memory_limit: str,
    threads: int | None,
) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB that spills into `work_dir`, with everything but the streams' views in place."""
    spill = work_dir / "spill"
    spill.mkdir(parents=True, exist_ok=True)
    config = {
        "memory_limit": memory_limit,
        "temp_directory": str(spill),
        "preserve_insertion_order": False,
    }
    if threads is not None:
        config["threads"] = threads
    con = duckdb.connect(":memory:", config=config)
    # DuckDB takes an anti join to leave out four rows in five. Then it builds a hash table of a stream's millions of
    # rows to look a million accounts up in; the joins of the views are the right way round as they stand.
    con.execute("set disabled_optimizers = 'build_side_probe_side'")
    for schema in SCHEMAS:
        con.execute(f"create schema {schema}")
    for name, table in policy_tables.items():
        _store(con, compose("policy.{name}", name=identifier(name)), table)
    con.execute(
        "create table run.context as "
        "select $as_of::date as as_of_date, $time_zone as time_zone, $currency as reporting_currency",
        {"as_of": context.as_of, "time_zone": context.time_zone, "currency": context.reporting_currency},
    )
    _create_bookkeeping(con)
    return con


def _create_bookkeeping(con: duckdb.DuckDBPyConnection) -> None:
    rows = [
        {
            "stream": stream.name,
            "column_name": column.name,
            "is_required": column.required_value,
            "readable": readable(column),
        }
        for stream in STREAMS.values()
        for column in stream.columns
    ]
    _store(con, Sql("run.columns"), pa.Table.from_pylist(rows))
    con.execute(
        "create table run.column_problems"
        "(stream varchar, extraction_id varchar, column_name varchar, expected varchar, actual varchar)"
    )
    con.execute(
        "create table run.extractions(stream varchar, source varchar, source_rank integer, extraction_id varchar, "
        "extracted_at timestamp, rows_landed bigint, previous_rows bigint)"
    )
    con.execute("create table matching.known_accounts(account_id varchar)")
    con.execute("create table matching.account_matches(account_name varchar, account_id varchar, method varchar)")


def _store(con: duckdb.DuckDBPyConnection, relation: Sql, table: pa.Table) -> None:
    con.register("incoming", table)
    con.execute(compose("create or replace table {relation} as select * from incoming", relation=relation))
    con.unregister("incoming")


def column_problems(stream: Stream, candidate: Candidate) -> list[dict[str, str]]:
    """Where the landed files differ from the stream's columns and types; parts are read no further than that."""
    wanted = {field.name: field.type for field in landing_schema(stream)}
    problems = []
    for path in candidate.extraction.part_paths:
        found = {field.name: field.type for field in pq.read_schema(path)}
        for name, kind in wanted.items():
            if not _same_type(found.get(name), kind):
                actual = str(found[name]) if name in found else "no such column"
                problems.append({"column_name": name, "expected": str(kind), "actual": actual})
    unique = {tuple(problem.items()): problem for problem in problems}
    return list(unique.values())


def _same_type(found: pa.DataType | None, wanted: pa.DataType) -> bool:
    if found is None:
        return False
    if pa.types.is_list(wanted):
        # Writers name the item field differently; what matters is what the items hold.
        return pa.types.is_list(found) and str(found.value_type) == str(wanted.value_type)
    return found == wanted or (pa.types.is_string(wanted) and pa.types.is_large_string(found))


def note_extractions(
    con: duckdb.DuckDBPyConnection,
    stream: Stream,
    chosen: Sequence[tuple[Candidate, int | None]],
    source_ranks: Mapping[str, int],
    problems: Mapping[str, Iterable[Mapping[str, str]]],
) -> None:
    """Write down which extractions of the stream are being looked at, and what is wrong with their shape."""
    con.execute("delete from run.extractions where stream = ?", [stream.name])
    con.execute("delete from run.column_problems where stream = ?", [stream.name])
    for candidate, previous in chosen:
        extraction = candidate.extraction
        con.execute(
            "insert into run.extractions values (?, ?, ?, ?, ?, ?, ?)",
            [
                stream.name,
                candidate.source,
                source_ranks.get(candidate.source, len(source_ranks) + 1),
                extraction.extraction_id,
                extraction.extracted_at.astimezone(dt.UTC).replace(tzinfo=None),
                extraction.rows_landed,
                previous,
            ],
        )
        for problem in problems.get(extraction.extraction_id, ()):
            con.execute(
                "insert into run.column_problems values (?, ?, ?, ?, ?)",
                [stream.name, extraction.extraction_id, *problem.values()],
            )


def create_views(
    con: duckdb.DuckDBPyConnection,
    stream: Stream,
    extractions: Sequence[Extraction],
    context: CheckContext,
    label: str,
) -> None:
    """All views of one stream over these extractions (none: empty, typed), and its empty set-aside tables."""
    name = identifier(stream.name)
    _create_landing(con, stream, extractions)
    _create_places(con, stream, extractions)
    con.execute(_matched(stream, context, Sql(label)))
    con.execute(
        compose(
            "create or replace view resolved.{name} as select * from matched.{name} where {seen}",
            name=name,
            seen=_seen(stream, context),
        )
    )
    # What Great Expectations validates: no joins, so that the native rules are one cheap scan.
    con.execute(
        compose(
            "create or replace view main.{checked} as select * from landing.{name} where {seen}",
            checked=identifier(checked_view(stream)),
            name=name,
            seen=_seen(stream, context),
        )
    )
    con.execute(
        compose(
            "create or replace table quality.{aside}(_extraction_id varchar, _row bigint)",
            aside=identifier(f"set_aside_{stream.name}"),
        )
    )
    con.execute(
        compose(
            "create or replace table quality.{blanks}(_extraction_id varchar, _row bigint, column_names varchar[])",
            blanks=identifier(f"blanks_{stream.name}"),
        )
    )
    create_used_view(con, stream, ())


def checked_view(stream: Stream) -> str:
    """The relation that native rules of the stream run on."""
    return f"checked_{stream.name}"


def _create_landing(con: duckdb.DuckDBPyConnection, stream: Stream, extractions: Sequence[Extraction]) -> None:
    schema = landing_schema(stream)
    name = identifier(stream.name)
    if not extractions:
        empty = compose("quality.{name}", name=identifier(f"empty_{stream.name}"))
        _store(con, empty, schema.empty_table())
        con.execute(compose("create or replace view landing.{name} as from {empty}", name=name, empty=empty))
        return
    rows = joined([whole.rows(extraction, schema.names) for extraction in extractions], " union all ")
    con.execute(compose("create or replace view landing.{name} as {rows}", name=name, rows=rows))


def places_view(stream: Stream) -> Sql:
    """The relation of the places of the stream's rows."""
    return compose("run.{name}", name=identifier(f"places_{stream.name}"))


def _create_places(con: duckdb.DuckDBPyConnection, stream: Stream, extractions: Sequence[Extraction]) -> None:
    selected = [places for extraction in extractions if (places := whole.places(extraction)) is not None]
    none = Sql("select null::varchar as _extraction_id, null::bigint as _row, null::bigint as place where false")
    con.execute(
        compose(
            "create or replace view {places} as {selected}",
            places=places_view(stream),
            selected=joined(selected or [none], " union all "),
        )
    )


def _seen(stream: Stream, context: CheckContext) -> Sql:
    """Whether a row is known at as_of: no event dated later. A row without a date is seen, to be set aside."""
    if stream.event_column is None:
        return Sql("true")
    column = stream.column(stream.event_column)
    if column.kind is Kind.TIMESTAMP:
        # One comparison of instants, the same as comparing local dates row by row, and one Parquet can skip by.
        edge = compose("timestamp {edge}", edge=literal(context.first_instant_after().isoformat(" ")))
        test = compose("({column} is null or {column} < {edge})", column=identifier(column.name), edge=edge)
    else:
        edge = compose("date {edge}", edge=literal(context.as_of.isoformat()))
        test = compose("({column} is null or {column} <= {edge})", column=identifier(column.name), edge=edge)
    if stream.name == "activities":
        test = compose("({test} or status = 'planned')", test=test)
    return test


def _event_on(stream: Stream, context: CheckContext) -> Sql:
    if stream.event_column is None:
        return Sql("cast(null as date)")
    column = stream.column(stream.event_column)
    if column.kind is Kind.DATE:
        return identifier(column.name)
    if context.time_zone == "UTC":
        return compose("cast({column} as date)", column=identifier(column.name))
    return compose(
        "cast(timezone({zone}, timezone('UTC', {column})) as date)",
        zone=literal(context.time_zone),
        column=identifier(column.name),
    )


def _matched(stream: Stream, context: CheckContext, label: Sql) -> Sql:
    name = identifier(stream.name)
    if stream.refers_to_account:
        rows = compose(
            """
            select l.* replace (coalesce(known.account_id, by_name.account_id) as account_id),
                   l.account_id as _given_account_id
            from landing.{name} l
            left join matching.known_accounts known on known.account_id = l.account_id
            left join matching.account_matches by_name
              on by_name.account_name = case when known.account_id is null then l.account_name end
            """,
            name=name,
        )
    else:
        # An account_id everywhere, so that rules shared by all streams need not ask whether there is one.
        added = Sql("" if stream.name == "accounts" else ", cast(null as varchar) as account_id")
        rows = compose("select * {added} from landing.{name}", added=added, name=name)
    keys = [identifier(key) for key in stream.key]
    texts = [compose("coalesce(cast({key} as varchar), '?')", key=key) for key in keys]
    return compose(
        "create or replace view matched.{name} as "
        "select *, {record_key} as _record_key, hash({keys}) as _key_hash, {event_on} as _event_on, "
        "{updated_at} as _updated_at, "
        "coalesce({label}, {record_key}) as _label from ({rows})",
        name=name,
        record_key=joined(texts, " || ' | ' || "),
        keys=joined(keys),
        event_on=_event_on(stream, context),
        updated_at=identifier("updated_at") if _has(stream, "updated_at") else Sql("cast(null as timestamp)"),
        label=label,
        rows=rows,
    )


def _has(stream: Stream, column: str) -> bool:
    return any(known.name == column for known in stream.columns)


def create_used_view(con: duckdb.DuckDBPyConnection, stream: Stream, blanked: Iterable[str]) -> None:
    """`used.<stream>`: rows not set aside, with the columns in `blanked` blank where a rule said so."""
    name, aside = identifier(stream.name), identifier(f"set_aside_{stream.name}")
    anti = compose(
        "anti join quality.{aside} a on a._extraction_id = r._extraction_id and a._row = r._row", aside=aside
    )
    columns = sorted(set(blanked))
    if not columns:
        con.execute(
            compose(
                "create or replace view used.{name} as select r.* from resolved.{name} r {anti}", name=name, anti=anti
            )
        )
        return
    replaced = [
        compose(
            "case when not coalesce(list_contains(b.column_names, {text}), false) then r.{column} end as {column}",
            text=literal(column),
            column=identifier(column),
        )
        for column in columns
    ]
    con.execute(
        compose(
            "create or replace view used.{name} as select r.* replace ({replaced}) from resolved.{name} r "
            "left join quality.{blanks} b on b._extraction_id = r._extraction_id and b._row = r._row {anti}",
            name=name,
            replaced=joined(replaced),
            blanks=identifier(f"blanks_{stream.name}"),
            anti=anti,
        )
    )
