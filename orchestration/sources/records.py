"""From the text cells of one file to the typed records of its stream: one SELECT, run by DuckDB.

What a landed record looks like is decided here (bookkeeping columns, faults, default ids); how a single cell is read
is `values`, where the cells come from is `files` and `queries`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from orchestration.sources import values
from orchestration.sources.salesforce_ids import long_id_sql
from orchestration.sources.settings import FileSource, ReadingRules
from orchestration.sources.sqltext import Sql, compose, identifier, joined, literal, text_map
from orchestration.sources.streams import Column, Kind, Stream

FOLD_FUNCTION = "account_health_fold"
ROW_FAULT = "(row)"
# A fault keeps the raw value, but not megabytes of it.
_FAULT_CHARACTERS = 500
_SEPARATOR = Sql("chr(31)")


@dataclass(frozen=True, slots=True)
class Layout:
    """Which cell of a record feeds which column: canonical name -> position; extras: landed name -> position."""

    positions: Mapping[str, int]
    extras: Mapping[str, int]
    width: int


def fold(name: str) -> str:
    """Unicode NFKC and case-fold, the form in which names are compared."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def register_fold(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `fold` known to the connection as FOLD_FUNCTION."""
    # One call a name costs no more than Arrow batches would, and spares two seconds of importing pandas.
    con.create_function(FOLD_FUNCTION, fold, ["VARCHAR"], "VARCHAR", type="native")


def folded(name: Sql) -> Sql:
    """The folded form of a name; plain lower() where that is the same."""
    return compose(
        "CASE WHEN strlen({name}) = length({name}) THEN lower({name}) ELSE {fold}({name}) END",
        name=name,
        fold=identifier(FOLD_FUNCTION),
    )


def typed_records(
    stream: Stream,
    source: FileSource,
    layout: Layout,
    rules: ReadingRules,
    raw: Sql,
    extraction_id: str,
    file: str,
) -> Sql:
    """The SELECT of a stream's landed records from `raw`: columns `_row`, `_ragged` (text or NULL), `c0`, `c1`, …"""
    cells = {column.name: _cell(column, source, layout) for column in stream.columns}
    readings = {
        column.name: values.read(column.kind, identifier(f"t_{column.name}"), f"h_{column.name}_", rules, column.values)
        for column in stream.columns
        if cells[column.name] is not None
    }
    select = compose(
        "SELECT *, {untidy} AS _untidy FROM ({raw})",
        untidy=values.untidy([identifier(f"c{position}") for position in range(layout.width)]),
        raw=raw,
    )
    select = compose(
        "SELECT *, {texts} FROM ({select})",
        texts=joined(
            compose("{cell} AS {name}", cell=cell, name=identifier(f"t_{name}"))
            for name, cell in cells.items()
            if cell is not None
        ),
        select=select,
    )
    for depth in range(max(len(reading.layers) for reading in readings.values())):
        helpers = [
            pair for reading in readings.values() if depth < len(reading.layers) for pair in reading.layers[depth]
        ]
        select = compose(
            "SELECT *, {helpers} FROM ({select})",
            helpers=joined(compose("{sql} AS {name}", sql=sql, name=identifier(name)) for name, sql in helpers),
            select=select,
        )
    select = compose(
        "SELECT *, {typed} FROM ({select})",
        typed=joined(
            compose(
                "{value} AS {name}",
                value=compose("CAST({v} AS {type})", v=readings[column.name].value, type=values.SQL_TYPES[column.kind])
                if column.name in readings
                else compose("CAST(NULL AS {type})", type=values.SQL_TYPES[column.kind]),
                name=identifier(f"v_{column.name}"),
            )
            for column in stream.columns
        ),
        select=select,
    )
    select = _with_currencies(stream, readings, rules, select)
    select = _with_default_ids(stream, readings, select)
    return _landed(stream, source, layout, readings, select, extraction_id, file)


def _cell(column: Column, source: FileSource, layout: Layout) -> Sql | None:
    """The trimmed text of a canonical column after the source's constants, null values, value maps and longer ids."""
    cell = _mapped_cell(column.name, source, layout)
    if cell is None or column.kind is not Kind.ID or not source.salesforce_ids:
        return cell
    return long_id_sql(compose("({cell})", cell=cell))


def _mapped_cell(name: str, source: FileSource, layout: Layout) -> Sql | None:
    if name in source.constants:
        cell = compose(
            "CASE WHEN _ragged IS NULL THEN {text} END", text=literal(source.constants[name].strip() or None)
        )
    elif name in layout.positions:
        cell = values.trimmed(identifier(f"c{layout.positions[name]}"), Sql("_untidy"))
        if source.null_values:
            cell = compose(
                "CASE WHEN {cell} NOT IN {blanks} THEN {cell} END", cell=cell, blanks=_in_list(source.null_values)
            )
    else:
        return None
    mapped = source.value_maps.get(name)
    if not mapped:
        return cell
    known = {str(key).strip(): str(to or "").strip() for key, to in mapped.items()}
    if "" in known:
        cell = compose("coalesce({cell}, {blank})", cell=cell, blank=literal(known.pop("") or None))
    if known:
        cell = compose("nullif(coalesce({map}[{cell}], {cell}), '')", map=text_map(known.items()), cell=cell)
    return compose("CASE WHEN _ragged IS NULL THEN {cell} END", cell=cell)


def _in_list(texts: Sequence[str]) -> Sql:
    return compose("({all})", all=joined(literal(text) for text in texts))


def currency_column(stream: Stream, money: str) -> str | None:
    """The column that holds the currency of a money column, if the stream has one."""
    names = {column.name for column in stream.columns if column.kind is Kind.CURRENCY}
    if f"{money}_currency" in names:
        return f"{money}_currency"
    return "currency" if money == "amount" and "currency" in names else None


def _with_currencies(stream: Stream, readings: Mapping[str, values.Reading], rules: ReadingRules, select: Sql) -> Sql:
    """Carries a money cell's own currency over to its currency column; one that contradicts it blanks the money."""
    replaced: list[Sql] = []
    for column in stream.columns:
        if column.kind is not Kind.MONEY or column.name not in readings:
            continue
        reading = readings[column.name]
        beside = currency_column(stream, column.name)
        has_beside = beside in readings
        stated = identifier(f"v_{beside}") if has_beside else Sql("CAST(NULL AS VARCHAR)")
        expected = stated if beside else literal(rules.reporting_currency)
        money = identifier(f"v_{column.name}")
        replaced.append(
            compose(
                "CASE WHEN {found} IS NULL OR {expected} IS NULL OR {fits} THEN {money} END AS {money}",
                found=reading.currency,
                expected=expected,
                fits=values.fits_currency(reading.currency, reading.currency_is_loose, expected),
                money=money,
            )
        )
        if beside:
            # Not where the cell's text is a currency that couldn't be read: that is a fault of its own.
            blank = identifier(f"t_{beside}") if has_beside else Sql("NULL")
            replaced.append(
                compose(
                    "CASE WHEN {stated} IS NULL AND {blank} IS NULL THEN CAST({found} AS VARCHAR)"
                    " ELSE {stated} END AS {column}",
                    stated=stated,
                    blank=blank,
                    found=reading.currency,
                    column=identifier(f"v_{beside}"),
                )
            )
    if not replaced:
        return select
    return compose("SELECT * REPLACE ({replaced}) FROM ({select})", replaced=joined(replaced), select=select)


def _as_text(name: str, readings: Mapping[str, values.Reading]) -> Sql:
    """The value as text; the raw text where it couldn't be read, so that ids tell such rows apart."""
    value = identifier(f"v_{name}")
    if name not in readings:
        return compose("CAST({value} AS VARCHAR)", value=value)
    return compose("coalesce(CAST({value} AS VARCHAR), {cell})", value=value, cell=identifier(f"t_{name}"))


def _with_default_ids(stream: Stream, readings: Mapping[str, values.Reading], select: Sql) -> Sql:
    """Fills ids that the file doesn't give, from values only, so that the same record gets the same id next time."""
    if stream.name == "accounts":
        filled = Sql("coalesce(v_account_id, md5(v_account_name))")
        return compose("SELECT * REPLACE ({id} AS v_account_id) FROM ({select})", id=filled, select=select)
    if stream.name == "activities":
        # Only what is filled takes part, by name: a column added to the file later doesn't change every id.
        parts = joined(
            compose("{name} || {text}", name=literal(f"{column.name}="), text=_as_text(column.name, readings))
            for column in stream.columns
            if column.name != "activity_id" and column.name in readings
        )
        filled = compose(
            "CASE WHEN v_activity_id IS NOT NULL THEN v_activity_id WHEN _ragged IS NULL"
            " THEN md5(concat_ws({separator}, {parts})) END",
            separator=_SEPARATOR,
            parts=parts,
        )
        return compose("SELECT * REPLACE ({id} AS v_activity_id) FROM ({select})", id=filled, select=select)
    if stream.name == "contracts":
        identity = joined(
            [
                compose(
                    "coalesce({id}, {name}, '')",
                    id=identifier("v_account_id"),
                    name=identifier("v_account_name"),
                ),
                *(
                    compose("coalesce({text}, '')", text=_as_text(name, readings))
                    for name in ("product", "start_date", "end_date", "amount")
                ),
            ],
        )
        numbered = compose(
            "SELECT *, md5(concat_ws({separator}, {identity})) AS _identity FROM ({select})",
            separator=_SEPARATOR,
            identity=identity,
            select=select,
        )
        return compose(
            """SELECT * REPLACE (CASE WHEN v_contract_id IS NOT NULL THEN v_contract_id WHEN _ragged IS NULL THEN
                md5(_identity || {separator} || CAST(row_number() OVER
                    (PARTITION BY v_contract_id IS NULL, _identity ORDER BY _row) AS VARCHAR)) END AS v_contract_id)
            FROM ({numbered})""",
            separator=_SEPARATOR,
            numbered=numbered,
        )
    return select


def numbered_among_equals(stream: Stream, source: FileSource, layout: Layout, raw: Sql) -> Sql | None:
    """A SELECT of how many records get an id that depends on others: contracts without one of their own; None: none."""
    if stream.name != "contracts":
        return None
    cell = _mapped_cell("contract_id", source, layout)
    return compose(
        "SELECT count(*) FROM (SELECT *, {untidy} AS _untidy FROM ({raw})) WHERE {cell} IS NULL",
        untidy=values.untidy([identifier(f"c{position}") for position in range(layout.width)]),
        raw=raw,
        cell=cell or Sql("NULL"),
    )


def _landed(
    stream: Stream,
    source: FileSource,
    layout: Layout,
    readings: Mapping[str, values.Reading],
    select: Sql,
    extraction_id: str,
    file: str,
) -> Sql:
    def fault(column: Sql, value: Sql) -> Sql:
        return compose(
            'struct_pack("column" := {column}, "value" := left({value}, {most}))',
            column=column,
            value=value,
            most=literal(_FAULT_CHARACTERS),
        )

    broken = {
        name: compose(
            "({text} IS NOT NULL AND {value} IS NULL)", text=identifier(f"t_{name}"), value=identifier(f"v_{name}")
        )
        for name, reading in readings.items()
        if stream.column(name).kind not in (Kind.ID, Kind.TEXT)
    }
    cells = joined(
        compose(
            "CASE WHEN {broken} THEN {fault} END",
            broken=is_broken,
            fault=fault(literal(name), identifier(f"t_{name}")),
        )
        for name, is_broken in broken.items()
    )
    faults = compose(
        "CASE WHEN _ragged IS NOT NULL THEN [{row_fault}] {of_cells} END",
        row_fault=fault(literal(ROW_FAULT), Sql("_ragged")),
        of_cells=compose(
            "WHEN {any} THEN list_filter([{cells}], lambda one: one IS NOT NULL)",
            any=joined(broken.values(), " OR "),
            cells=cells,
        )
        if broken
        else Sql(""),
    )
    columns = [
        compose("{id} AS _extraction_id", id=literal(extraction_id)),
        compose("{name} AS _source", name=literal(source.name)),
        compose("{file} AS _file", file=literal(file)),
        Sql("CAST(_row AS BIGINT) AS _row"),
        compose('CAST({faults} AS STRUCT("column" VARCHAR, "value" VARCHAR)[]) AS _faults', faults=faults),
    ]
    if stream.refers_to_account or stream.name == "accounts":
        columns.append(compose("{folded} AS _account_name_folded", folded=folded(identifier("v_account_name"))))
    columns += [
        compose("{value} AS {name}", value=identifier(f"v_{column.name}"), name=identifier(column.name))
        for column in stream.columns
    ]
    columns += [
        compose(
            "{cell} AS {name}", cell=values.trimmed(identifier(f"c{position}"), Sql("_untidy")), name=identifier(name)
        )
        for name, position in layout.extras.items()
    ]
    return compose(
        "SELECT {columns} FROM ({select}) {order}",
        columns=joined(columns),
        select=select,
        # Numbering contracts shuffles them; everything else comes in the file's order as it is.
        order=Sql("ORDER BY _row") if stream.name == "contracts" else Sql(""),
    )
