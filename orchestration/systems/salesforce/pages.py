"""Pages as they came, read by DuckDB: how many records they hold, and one SELECT of rows of texts.

A page of the REST API is kept as a line of JSON a record, a page of a bulk job as its CSV. Both write times and numbers
a little differently; here they come out the same, or a pull that took the other way would show every record as changed.
"""

from __future__ import annotations

import csv as csv_lines
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from orchestration.publishing import durable
from orchestration.sources.salesforce_ids import long_id_sql
from orchestration.sources.sqltext import Sql, compose, identifier, joined, literal, text_list
from orchestration.systems.salesforce.describe import NUMBERS, Field

_MEMORY, _THREADS = "256MB", 2
CSV, LINES = ".csv", ".jsonl"
# A record: long texts of up to 131,072 characters, several of them.
_MOST_LINE_BYTES = 16_000_000
# What no page holds: JSON escapes it, and CSV has no use for it.
_NOTHING, _NO_CELL = "\x01", "\x02"
_DECIMALS = "DECIMAL(38, 8)"


def connect() -> duckdb.DuckDBPyConnection:
    """A database in memory for looking at pages."""
    con = duckdb.connect(
        config={
            "memory_limit": _MEMORY,
            "threads": _THREADS,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    con.execute("SET TimeZone = 'UTC'")
    return con


def raw_cells(pages: Sequence[Path], fields: Sequence[Field]) -> Sql:
    """A SELECT of `f0`, `f1`, … as the pages have them, and `_place`, the page's number. All pages of one way."""
    if not pages:
        return compose(
            "SELECT {cells}, 0 AS _place WHERE false",
            cells=joined(compose("CAST(NULL AS VARCHAR) AS {f}", f=_cell(n)) for n in range(len(fields))),
        )
    is_csv = pages[0].suffix == CSV
    rows = compose(
        "SELECT * EXCLUDE (filename), CAST(regexp_extract(filename, {number}, 1) AS BIGINT) AS _place FROM {rows}",
        number=literal(r"-(\d+)\.\w+$"),
        rows=_csv(pages, fields) if is_csv else lines(pages),
    )
    if is_csv:
        return rows
    cells = (
        compose("record->>{path} AS {f}", path=literal(_json_path(field)), f=_cell(number))
        for number, field in enumerate(fields)
    )
    return compose("SELECT {cells}, _place FROM ({rows})", cells=joined(cells), rows=rows)


def lines(pages: Sequence[Path]) -> Sql:
    """The table function of JSON pages: `record`, and `filename`."""
    if not pages:
        return Sql("(SELECT CAST(NULL AS JSON) AS record, '' AS filename WHERE false)")
    # One record a line. DuckDB's own reader of JSON takes 32 MB a file; that of CSV, told that nothing separates cells
    # and nothing quotes, takes what the lines need.
    return compose(
        "read_csv({pages}, auto_detect = false, header = false, delim = {nothing}, quote = '', escape = '',"
        " columns = {columns}, nullstr = {no_null}, max_line_size = {most}, filename = true)",
        pages=text_list(str(page) for page in pages),
        nothing=literal(_NOTHING),
        columns=Sql("struct_pack(record := 'JSON')"),
        no_null=literal(_NO_CELL),
        most=literal(_MOST_LINE_BYTES),
    )


def cells(pages: Sequence[Path], fields: Sequence[Field]) -> Sql:
    """The same with times, numbers and ids written in one way, blanks as NULL."""
    return compose(
        "SELECT {cells}, _place FROM ({raw})",
        cells=joined(
            compose("{tidy} AS {f}", tidy=_tidy(_cell(n), field), f=_cell(n)) for n, field in enumerate(fields)
        ),
        raw=raw_cells(pages, fields),
    )


def cell(fields: Sequence[Field], field: Field) -> Sql:
    """The column of a field in what `cells` gives."""
    return _cell(fields.index(field))


def count(con: duckdb.DuckDBPyConnection, page: Path, fields: Sequence[Field]) -> int:
    """How many records a page holds. Raises duckdb.Error where it is broken."""
    found = con.execute(compose("SELECT count(*) FROM ({raw})", raw=raw_cells([page], fields))).fetchall()
    return int(found[0][0])


def keys(pages: Sequence[Path], fields: Sequence[Field]) -> list[str]:
    """The ids of the records that the pages hold, the first of the fields, each once and in order."""
    if not pages:
        return []
    with connect() as con:
        select = compose("SELECT DISTINCT f0 FROM ({raw}) ORDER BY f0", raw=raw_cells(pages, fields))
        return [str(key) for (key,) in con.execute(select).fetchall()]


def write_lines(page: Path, records: Sequence[Any]) -> None:
    """Write records of an answer as a page, pushed to the disk."""
    durable.write_text(page, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))


def has_header(page: Path, fields: Sequence[Field]) -> bool:
    """Whether a CSV page begins with the names of the fields, in their order."""
    with page.open(encoding="utf-8", newline="") as file:
        first = next(csv_lines.reader(io.StringIO(file.readline())), [])
    return [name.lower() for name in first] == [field.path.lower() for field in fields]


def _csv(pages: Sequence[Path], fields: Sequence[Field]) -> Sql:
    return compose(
        "read_csv({pages}, auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"',"
        " columns = {columns}, nullstr = {no_null}, max_line_size = {most}, filename = true)",
        pages=text_list(str(page) for page in pages),
        columns=compose(
            "struct_pack({all})",
            all=joined(compose("{f} := 'VARCHAR'", f=_cell(n)) for n in range(len(fields))),
        ),
        no_null=literal(_NO_CELL),
        most=literal(_MOST_LINE_BYTES),
    )


def _cell(number: int) -> Sql:
    return identifier(f"f{number}")


def _json_path(field: Field) -> str:
    return "$" + "".join(f'."{part}"' for part in field.path.split("."))


def _tidy(text: Sql, field: Field) -> Sql:
    if field.type == "datetime":
        return compose("nullif(replace({text}, '+0000', 'Z'), '')", text=text)
    if field.type in NUMBERS:
        # 1.0E7 and 10000000.0 are one number, and nobody's cell reads the first.
        plain = compose("CAST(try_cast({text} AS {type}) AS VARCHAR)", text=text, type=Sql(_DECIMALS))
        short = compose("rtrim(rtrim({plain}, '0'), '.')", plain=plain)
        return compose("nullif(coalesce({short}, {text}), '')", short=short, text=text)
    if field.type in ("id", "reference"):
        return compose("nullif({id}, '')", id=long_id_sql(text))
    return compose("nullif({text}, '')", text=text)
