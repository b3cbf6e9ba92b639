"""Which columns of a query's result feed which cells, and the records that its pages hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestration.policy.problems import nearest
from orchestration.policy.sources import Source
from orchestration.sources import files
from orchestration.sources.errors import SourceError
from orchestration.sources.settings import FileSource
from orchestration.sources.sqltext import Sql, compose, identifier, joined, literal, text_list, texts
from orchestration.sources.streams import STREAMS
from orchestration.systems.store import first_filled

# Of a page, beside its cells c0, c1, …: the watermark as text that orders, and the order in which rows came.
STAMP_CELL, PLACE = "_stamp", "_place"
_PLACE = identifier(PLACE)
# What a column of booleans may say.
YES, NO = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0", "")


@dataclass(frozen=True, slots=True)
class Columns:
    """`found`: the result's columns; `cells`: column of the file -> their positions, the first that is filled;
    `watermark`, `deleted`: positions, None without."""

    found: tuple[str, ...]
    cells: Mapping[str, tuple[int, ...]]
    watermark: int | None
    deleted: int | None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the file."""
        return tuple(self.cells)

    @property
    def used(self) -> tuple[int, ...]:
        """Every position that is kept."""
        wanted = {position for positions in self.cells.values() for position in positions}
        return tuple(sorted(wanted | ({self.deleted} if self.deleted is not None else set())))


def columns_of(source: Source, found: Sequence[str], system: str) -> Columns:
    """What a source takes of a result; raises SourceError for what the result lacks."""
    places = {
        field: _position(source, field, found, system)
        for field in [*source.fields, *filter(None, (source.watermark, source.deleted))]
    }
    cells = {column: tuple(places[field] for field in source.fields_of(column)) for column in source.columns}
    taken = {position for positions in cells.values() for position in positions}
    # A column that goes by the name of one of the stream's needs no mapping, as in a file.
    free = ["" if position in taken else name for position, name in enumerate(found)]
    untold = FileSource(name=source.name, stream=source.stream, constants=dict(source.constants))
    for column, position in files.map_header(STREAMS[source.stream], untold, free).items():
        cells.setdefault(column, (position,))
    for field in source.extra:
        cells.setdefault(field, (places[field],))
    return Columns(
        tuple(found),
        cells,
        places[source.watermark] if source.watermark else None,
        places[source.deleted] if source.deleted else None,
    )


def _position(source: Source, field: str, found: Sequence[str], system: str) -> int:
    for same in (lambda name: name == field, lambda name: name.casefold() == field.casefold()):
        positions = [position for position, name in enumerate(found) if same(name)]
        if len(positions) == 1:
            return positions[0]
        if positions:
            raise SourceError(
                f"the result of {source.name} has {field} {len(positions)} times.",
                file=system,
                place=source.name,
                expected="each column once",
                action="give the columns names of their own (AS)",
            )
    hint = nearest(field, found)
    raise SourceError(
        f"the result of {source.name} has no column {field}. Columns found: {', '.join(found)}."
        + (f" {hint[0].upper()}{hint[1:]}" if hint else ""),
        file=system,
        place=source.name,
        expected="every column that the source names",
        action="add it to the query, or correct its name, in policies/sources.yaml",
    )


def records(source: Source, columns: Columns, pages: Sequence[Path]) -> Sql:
    """A SELECT of the records over the pages, as RecordStore.merge wants them.

    With a watermark a record's key is the stream's, or where that is blank what the record says. Without one it is
    what the record says and which of its twins it is, so that twins are left for the checks to find.
    """
    content = [_cell(columns, name) for name in columns.names if name != "updated_at"]
    told = compose("md5(concat_ws(chr(31), {cells}))", cells=joined(compose("coalesce({c}, '')", c=c) for c in content))
    if columns.watermark is None:
        key = compose("{told} || '-' || row_number() OVER (PARTITION BY {told})", told=told)
    else:
        parts = [_cell(columns, name) for name in key_columns(source, columns)]
        key = compose(
            "CASE WHEN {filled} THEN {key} ELSE {told} END", filled=_filled(parts), key=_key(parts), told=told
        )
    return compose(
        "SELECT {key} AS _key, coalesce({stamp}, '') AS _stamp, {gone} AS _deleted, {cells}, {place} AS _place"
        " FROM read_parquet({pages})",
        key=key,
        stamp=identifier(STAMP_CELL),
        gone=_gone(columns),
        cells=joined(compose("{c} AS {n}", c=_cell(columns, name), n=identifier(name)) for name in columns.names),
        place=_PLACE,
        pages=text_list(str(page) for page in pages),
    )


def unclear_deletion(values: Iterable[str | None]) -> str | None:
    """The first value of the deleted column that is neither true nor false."""
    known = (*YES, *NO)
    return next((value for value in set(values) if value is not None and value.strip().lower() not in known), None)


def key_columns(source: Source, columns: Columns) -> list[str]:
    """The stream's key, a name standing in for an id that isn't there."""
    return [
        "account_name" if column == "account_id" and column not in columns.cells else column
        for column in STREAMS[source.stream].key
    ]


def _raw(position: int) -> Sql:
    return identifier(f"c{position}")


def _cell(columns: Columns, name: str) -> Sql:
    positions = columns.cells[name]
    return _raw(positions[0]) if len(positions) == 1 else first_filled([_raw(position) for position in positions])


def _filled(parts: Sequence[Sql]) -> Sql:
    return joined([compose("nullif(trim({p}), '') IS NOT NULL", p=part) for part in parts], " AND ")


def _key(parts: Sequence[Sql]) -> Sql:
    return joined([compose("trim({p})", p=part) for part in parts], " || chr(31) || ")


def _gone(columns: Columns) -> Sql:
    if columns.deleted is None:
        return literal(False)
    return compose(
        "coalesce(lower(trim({cell})) IN {yes}, false)",
        cell=_raw(columns.deleted),
        yes=texts(YES),
    )
