"""Lists that are filtered and sorted all day, laid out for that: a row is a number, a filter a comparison of arrays.

A `Sheet` is made of one listing, once a publication: the column of each filter as codes, each order as the row numbers
in it, and the columns that a page shows as Arrow, of which fifty rows are taken at a time. What a viewer sees of it is
a mask over the rows, made by the condition that cuts every query (`portal.access`). So a question is answered without
going through the table; `portal.listing` answers the same one by SQL where there is no sheet, and exports it by SQL.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from threading import Lock
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa

from orchestration.publishing.manifest import Manifest
from orchestration.publishing.sql import identifier
from portal.access import CUTS, Cut, Row, condition, parameters_of
from portal.kept import Kept
from portal.listing import BLANK, MOST_CHOICES, Listing, Question

if TYPE_CHECKING:
    from portal.access import Viewer

log = logging.getLogger("portal.sheets")

SCHEMA = "sheets"
# Bytes of masks of viewers and of searches, a publication.
_MOST_MASK_BYTES = 48 * 2**20
# Decimals of amounts.
_CENTS = 2
# Between the columns that are searched.
_BETWEEN = "\x1f"
_TABLE = re.compile(r"\{([a-z_]+)\}")
# Cuts by what stands in the row itself, so that they can be put on the rows of a sheet.
_OF_ROWS = frozenset({Cut.ACCOUNT, Cut.MENDER, Cut.EVERYONE})

Mask = np.ndarray


@dataclass(frozen=True)
class Sight:
    """What a viewer sees of a sheet: the rows, and the values of every filter that occur among them."""

    mask: Mask
    choices: Mapping[str, Sequence[str] | None]


class Sheets:
    """The sheets of a publication, made when they are first asked for."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
        self._connection = connection
        self._manifest = manifest
        self._lock = Lock()
        self._made: dict[Listing, Sheet | None] = {}
        connection.execute(f"create schema {SCHEMA}")

    def of(self, listing: Listing) -> Sheet | None:
        """The sheet of a listing; None where it can't have one."""
        if listing not in self._made:
            with self._lock:
                if listing not in self._made:
                    self._made[listing] = self._make(listing)
        return self._made[listing]

    def _make(self, listing: Listing) -> Sheet | None:
        tables = _TABLE.findall(listing.relation)
        if not tables or not all(name in self._manifest.tables and CUTS.get(name) in _OF_ROWS for name in tables):
            return None
        if len({CUTS[name] for name in tables}) > 1:
            return None
        try:
            return Sheet(self._connection, listing, tables, f"{SCHEMA}.s{len(self._made)}")
        except duckdb.BinderException as error:
            # A publication of an earlier version lacks columns of this one: the list is missing, all else is shown.
            log.warning("%s can't be listed: %s", ", ".join(tables), error)
            return None


class Sheet:
    """A listing laid out: rows are known by their number."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, listing: Listing, tables: Sequence[str], name: str
    ) -> None:
        self._connection = connection
        self._listing = listing
        self._tables = tables
        self._name = name
        source = _TABLE.sub(lambda match: f"published.{identifier(match[1])}", listing.relation)
        cursor = connection.cursor()
        cursor.execute(f"create table {name} as select * from {source}")  # noqa: S608 - a declared listing
        self._columns = tuple(row[0] for row in cursor.execute(f"describe {name}").fetchall())
        self._rows = pa.table({one: _small(self._arrow(identifier(one))) for one in listing.shown})
        # What was read is several times what is kept.
        pa.default_memory_pool().release_unused()
        self._codes: dict[str, np.ndarray] = {}
        self._values: dict[str, Sequence[str]] = {}
        for one in listing.filters:
            self._encode(one.name, identifier(one.column), one.kind)
        self._orders: dict[str, np.ndarray] = {}
        self._amounts: dict[tuple[str, str], tuple[np.ndarray, np.ndarray, Mask]] = {}
        self._order_lock = Lock()
        self._sights: Kept[Sight] = Kept(_MOST_MASK_BYTES, lambda sight: sight.mask.nbytes)
        self._found: Kept[Mask] = Kept(_MOST_MASK_BYTES, lambda mask: mask.nbytes)
        self._lay_out_text()
        self.ordered(listing.order)

    def __len__(self) -> int:
        return self._rows.num_rows

    def sight(self, viewer: Viewer) -> Sight:
        """What a viewer sees; raises UnreadableTableError where it is none of theirs."""
        cuts = [condition(viewer, name, self._columns) for name in self._tables]
        return self._sights.get(
            (cuts[0], viewer.names, viewer.geos, viewer.regions), lambda: self._see(viewer, cuts[0])
        )

    def matching(self, sight: Sight, question: Question, without: str | None = None) -> Mask:
        """Which rows a question is about; `without` leaves one filter out."""
        mask = sight.mask
        for one in self._listing.filters:
            if one.name != without and one.name in question.chosen:
                mask = mask & self._chosen(one.name, one.kind, question.chosen[one.name])
        if question.text:
            mask = mask & self._found.get(question.plain_text, lambda: self._search(question.plain_text))
        return mask

    def ordered(self, order: str) -> np.ndarray:
        """The numbers of all rows in an order, which is SQL of our own."""
        if order not in self._orders:
            with self._order_lock:
                if order not in self._orders:
                    self._orders[order] = self._sort(order)
        return self._orders[order]

    def having(self, name: str, value: str) -> Mask:
        """The rows with a value of a filter's column."""
        return self._chosen(name, "choice", (value,))

    def counts(self, name: str, mask: Mask) -> dict[str, int]:
        """Rows by value of a filter's column."""
        codes, values = self._codes[name], self._values[name]
        found = np.bincount(codes[mask], minlength=len(values))
        return {value: int(n) for value, n in zip(values, found, strict=False) if n and value is not None}

    def sum_once(self, mask: Mask, amount: str, by: str) -> tuple[int, Decimal | None]:
        """How many values of column `by` rows have, and the sum of an amount of each; None where none has one.

        The amount is that of the value's first row that has one: rows of one value are taken to have the same.
        """
        codes, amounts, has_one = self._of_each(amount, by)
        there = np.zeros(len(amounts), dtype=np.bool_)
        there[codes[mask]] = True
        known = there & has_one
        cents = int(np.sum(amounts, where=known)) if known.any() else None
        return int(np.count_nonzero(there)), None if cents is None else Decimal(cents).scaleb(-_CENTS)

    def take(self, numbers: np.ndarray) -> list[Row]:
        """Rows by their numbers, as `portal.access.Reader` gives them."""
        rows = self._rows.take(pa.array(numbers))
        return pa.table({name: _whole(rows[name]) for name in rows.column_names}).to_pylist()

    def _of_each(self, amount: str, by: str) -> tuple[np.ndarray, np.ndarray, Mask]:
        """The code of each row's value, and for each code the amount in cents and whether there is one."""
        if (amount, by) not in self._amounts:
            with self._order_lock:
                if (amount, by) not in self._amounts:
                    self._amounts[amount, by] = self._lay_out_amounts(identifier(amount), identifier(by))
        return self._amounts[amount, by]

    def _lay_out_amounts(self, amount: str, by: str) -> tuple[np.ndarray, np.ndarray, Mask]:
        codes = self._arrow(by).dictionary_encode(null_encoding="encode").indices.to_numpy()
        cents = self._arrow(f"cast(round({amount} * {10**_CENTS}) as bigint)")
        rows = np.flatnonzero(cents.is_valid().to_numpy(zero_copy_only=False))[::-1]
        amounts = np.zeros(int(codes.max(initial=-1)) + 1, dtype=np.int64)
        has_one = np.zeros(len(amounts), dtype=np.bool_)
        # The last to be set is the first one.
        amounts[codes[rows]] = cents.fill_null(0).to_numpy()[rows]
        has_one[codes[rows]] = True
        return codes.astype(np.int32), amounts, has_one

    def _arrow(self, column: str) -> pa.Array:
        query = f"select {column} as value from {self._name} order by rowid"  # noqa: S608 - names of our own
        # One piece: rows are then taken by their place in it, without looking for the piece.
        return _one_piece(self._connection.cursor().sql(query).to_arrow_table()["value"])

    def _encode(self, name: str, column: str, kind: str) -> None:
        if kind == "flag":
            flags = self._arrow(f"coalesce({column}, false)")
            self._codes[name] = flags.to_numpy(zero_copy_only=False).astype(np.bool_)
            return
        values = self._arrow(f"cast({column} as varchar)")
        encoded = values.dictionary_encode(null_encoding="encode")
        self._values[name] = encoded.dictionary.to_pylist()
        kind_of_number = np.int16 if len(self._values[name]) < 2**15 else np.int32
        self._codes[name] = encoded.indices.to_numpy().astype(kind_of_number)

    def _chosen(self, name: str, kind: str, chosen: Sequence[str]) -> Mask:
        codes = self._codes[name]
        if kind == "flag":
            return codes if chosen[-1] == "yes" else ~codes
        wanted = {None if value == BLANK else value for value in chosen}
        places = [place for place, value in enumerate(self._values[name]) if value in wanted]
        return codes == places[0] if len(places) == 1 else np.isin(codes, places)

    def _see(self, viewer: Viewer, cut: str) -> Sight:
        if cut == "true":
            mask = np.ones(len(self), dtype=np.bool_)
        else:
            text = f"select coalesce({cut}, false) as seen from {self._name} order by rowid"  # noqa: S608 - as every cut
            cursor = self._connection.cursor().execute(text, parameters_of(viewer, text))
            mask = np.asarray(cursor.fetchnumpy()["seen"], dtype=np.bool_)
        return Sight(mask, {one.name: self._choices(one.name, one.kind, mask) for one in self._listing.filters})

    def _choices(self, name: str, kind: str, mask: Mask) -> Sequence[str] | None:
        if kind == "flag":
            return ("yes", "no")
        values = self._values[name]
        codes = np.unique(self._codes[name][mask])
        occurring = [BLANK if values[code] is None else values[code] for code in codes]
        return sorted(occurring) if len(occurring) <= MOST_CHOICES else None

    def _lay_out_text(self) -> None:
        texts = ", ".join(f"lower(strip_accents({identifier(name)}))" for name in self._listing.searched)
        self._connection.cursor().execute(
            f"create table {self._name}_text as select concat_ws('{_BETWEEN}', {texts}) as text"  # noqa: S608 - own names
            f" from {self._name} order by {self._name}.rowid"
        )

    def _search(self, text: str) -> Mask:
        query = f"select rowid as found from {self._name}_text where contains(text, $text)"  # noqa: S608 - own names
        found = self._connection.cursor().execute(query, {"text": text}).fetchnumpy()["found"]
        mask = np.zeros(len(self), dtype=np.bool_)
        mask[found] = True
        return mask

    def _sort(self, order: str) -> np.ndarray:
        shown = ", ".join(identifier(one) for one in self._listing.shown)
        # Orders may name a column by its place among those shown.
        query = f"select number from (select {shown}, rowid as number from {self._name} order by {order})"  # noqa: S608
        numbers: Any = self._connection.cursor().execute(query).fetchnumpy()["number"]
        return np.asarray(numbers, dtype=np.int32)


def _one_piece(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _small(column: pa.Array) -> pa.Array:
    """Texts that come again and again, once each and by their place."""
    if not pa.types.is_string(column.type):
        return column
    encoded = column.dictionary_encode()
    return encoded if 2 * len(encoded.dictionary) <= len(column) else column


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
