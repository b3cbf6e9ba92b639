"""Actions of the ledger laid out for the queue: a row is a number, a filter a comparison of arrays.

A `Sheet` never changes: where actions moved, `moved` gives another one that shares what stayed. It says which actions a
page shows and how many there are; the rows themselves are then read from the ledger. `portal.sheets` does the same for
published tables.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from orchestration.ledger.tables import actions
from portal.kept import Kept
from portal.listing import BLANK, Filter, Listing, Question, plain

Mask = np.ndarray

KEY = "action_id"
# What moves of actions change; all else changes with a publication only.
MOVING = ("status", "requested_by")
# What is laid out of an action, by the name that the listing has for it.
COLUMNS: Mapping[str, sa.ColumnElement] = {
    **{
        name: actions.c[name]
        for name in (KEY, "account_id", "account_name", "action", "title", "priority", "sensitivity", "mode", "due_on")
    },
    **{name: actions.c[name] for name in ("segment", "geo", "rationale", *MOVING)},
    "with": sa.func.coalesce(actions.c.owner, actions.c.owner_role).label("with"),
}
# Names are found without their accents, as on other pages.
_NAME = "account_name"
# Bytes of masks of viewers, and of searches.
_MOST_MASK_BYTES = 24 * 2**20
_SMALL = 2**15
# So many comparisons of a column take less than looking every code up.
_FEW = 6


@dataclass(frozen=True)
class Coded:
    """A column as codes: the place of each value among `values`, which are sorted; null comes after all of them."""

    values: pa.Array
    codes: np.ndarray

    @classmethod
    def of(cls, column: pa.Array) -> Coded:
        encoded = column.dictionary_encode()
        order = pc.sort_indices(encoded.dictionary)
        # Where each code goes; the last place is that of null.
        places = np.empty(len(order) + 1, dtype=np.int32)
        places[order.to_numpy()] = np.arange(len(order))
        places[-1] = len(order)
        codes = places[encoded.indices.fill_null(len(order)).to_numpy()]
        return cls(encoded.dictionary.take(order), _narrow(codes, len(order) + 1))

    def among(self, chosen: Sequence[Any]) -> Mask:
        """Rows with one of these values; None stands for null."""
        return self._rows(pc.is_in(self.values, pa.array([*chosen], self.values.type)), nulls=None in chosen)

    def having(self, text: str, texts: pa.Array | None = None) -> Mask:
        """Rows whose text contains this one, which is in lower case; `texts`: other forms of the values to look at."""
        return self._rows(pc.match_substring(pc.utf8_lower(self.values) if texts is None else texts, text))

    def that(self, fits: Callable[[Any], bool]) -> Mask:
        """Rows whose value, which isn't null, fits; for columns of few values."""
        return self._rows(pa.array([fits(value) for value in self.values.to_pylist()], pa.bool_()))

    def at(self, numbers: np.ndarray) -> list[Any]:
        """The values of rows that have one."""
        return self.values.take(pa.array(self.codes[numbers])).to_pylist()

    def order(self, *, descending: bool) -> np.ndarray:
        """Row numbers by value, null last; equal ones as they stand."""
        keys = self.codes
        if descending:
            keys = np.where(keys == len(self.values), keys, len(self.values) - 1 - keys).astype(keys.dtype)
        return np.argsort(keys, kind="stable").astype(np.int32)

    def changed(self, numbers: np.ndarray, values: Sequence[Any]) -> Coded:
        """The same with other values in these rows."""
        new = pa.array(values, self.values.type)
        every = pa.concat_arrays([self.values, new.drop_null()]).unique()
        every = every.take(pc.sort_indices(every))
        missing = len(every)
        places = np.append(pc.index_in(self.values, every).to_numpy(), missing).astype(np.int32)
        codes = places[self.codes]
        codes[numbers] = pc.index_in(new, every).fill_null(missing).to_numpy()
        return Coded(every, _narrow(codes, missing + 1))

    def counts(self, mask: Mask) -> dict[Any, int]:
        """Rows by value that the mask lets through; null isn't counted."""
        found = np.bincount(self.codes[mask], minlength=len(self.values) + 1)
        return {value: int(n) for value, n in zip(self.values.to_pylist(), found, strict=False) if n}

    def _rows(self, of_values: pa.Array, *, nulls: bool = False) -> Mask:
        fits = np.append(of_values.to_numpy(zero_copy_only=False), nulls).astype(np.bool_)
        places = np.flatnonzero(fits)
        if len(places) > _FEW:
            return fits[self.codes]
        mask = np.zeros(len(self.codes), np.bool_)
        for place in places.tolist():
            mask |= self.codes == place
        return mask


def _narrow(codes: np.ndarray, count: int) -> np.ndarray:
    return codes.astype(np.int16 if count < _SMALL else np.int32)


def _bytes(mask: Mask) -> int:
    return mask.nbytes


@dataclass(frozen=True)
class Sheet:
    """All actions, in the order of their ids."""

    ids: pa.Array
    columns: Mapping[str, Coded]
    # The values of account names, as they are looked for.
    names: pa.Array
    # Orders, viewers and searches depend on what no move changes.
    _orders: dict[Hashable, np.ndarray] = field(default_factory=dict)
    # By what moves don't change; the sheet after a move has them too.
    _sights: Kept[Mask] = field(default_factory=lambda: Kept(_MOST_MASK_BYTES, _bytes))
    _found: Kept[Mask] = field(default_factory=lambda: Kept(_MOST_MASK_BYTES, _bytes))

    @classmethod
    def of(cls, table: pa.Table) -> Sheet:
        """A sheet of a table with the columns of `COLUMNS`."""
        table = table.take(pc.sort_indices(table[KEY])).combine_chunks()

        def column(name: str) -> pa.Array:
            return table[name].chunk(0) if len(table) else pa.array([], table[name].type)

        columns = {name: Coded.of(column(name)) for name in COLUMNS if name != KEY}
        names = [one.lower() if one.isascii() else plain(one) for one in columns[_NAME].values.to_pylist()]
        return cls(column(KEY), columns, pa.array(names, pa.string()))

    def __len__(self) -> int:
        return len(self.ids)

    def numbers_of(self, action_ids: Sequence[str]) -> list[int | None]:
        """The numbers of rows by their ids; None where there is no such row."""
        # The many are looked up among the few: the other way round all of them are hashed.
        places = np.flatnonzero(pc.is_in(self.ids, pa.array(action_ids, pa.string())).to_numpy(zero_copy_only=False))
        found = dict(zip(self.ids_of(places), places.tolist(), strict=True))
        return [found.get(one) for one in action_ids]

    def moved(self, rows: Mapping[int, Mapping[str, Any]]) -> Sheet:
        """The sheet with rows as they are now, by their numbers."""
        numbers = np.array([*rows], dtype=np.int64)
        changed = {name: self.columns[name].changed(numbers, [row[name] for row in rows.values()]) for name in MOVING}
        return replace(self, columns={**self.columns, **changed})

    def sight(self, key: Hashable, account_ids: Callable[[], frozenset[str] | None]) -> Mask:
        """Which rows a viewer sees, whose accounts are looked up once for a `key`; None stands for all."""

        def look() -> Mask:
            ids = account_ids()
            return np.ones(len(self), np.bool_) if ids is None else self.columns["account_id"].among(sorted(ids))

        return self._sights.get(key, look)

    def kept(self, key: Hashable, make: Callable[[], Mask]) -> Mask:
        """A mask by columns that moves don't change, made once for a `key`."""
        return self._found.get(key, make)

    def matching(self, question: Question, flags: Mapping[str, Mask], *without: Filter) -> Mask:
        """Which rows fit the filters and the text of a question; `flags` are masks by column."""
        mask = np.ones(len(self), np.bool_)
        for one in question.listing.filters:
            chosen = question.chosen.get(one.name)
            if not chosen or one in without:
                continue
            if one.kind == "flag":
                mask &= flags[one.column] if chosen[-1] == "yes" else ~flags[one.column]
            else:
                wanted = [None if value == BLANK else value for value in chosen]
                mask &= self.columns[one.column].among(wanted)
        if question.text:
            mask &= self._found.get(question.text, lambda: self._search(question.listing, question.text))
        return mask

    def ordered(self, sort: str) -> np.ndarray:
        """Row numbers in the order of a column, `-` before its name for the other way; equal ones by id."""
        name = sort.removeprefix("-")
        descending = sort.startswith("-")
        if name in MOVING:
            return self.columns[name].order(descending=descending)
        if sort not in self._orders:
            self._orders[sort] = self.columns[name].order(descending=descending)
        return self._orders[sort]

    def ordered_by(self, *names: str) -> np.ndarray:
        """Row numbers in the order of columns that moves don't change, null last; equal ones by id."""
        if names not in self._orders:
            keys = [self.columns[name].codes for name in reversed(names)]
            self._orders[names] = np.lexsort(keys).astype(np.int32)
        return self._orders[names]

    def ids_of(self, numbers: np.ndarray) -> list[str]:
        """The ids of rows by their numbers."""
        return self.ids.take(pa.array(numbers)).to_pylist()

    def _search(self, listing: Listing, text: str) -> Mask:
        found = np.zeros(len(self), np.bool_)
        for name in listing.searched:
            if name == KEY:
                lower = pc.utf8_lower(self.ids)
                found |= pc.match_substring(lower, text.lower()).to_numpy(zero_copy_only=False)
            elif name == _NAME:
                found |= self.columns[name].having(plain(text), self.names)
            else:
                found |= self.columns[name].having(text.lower())
        return found
