"""Rewriting Parquet files without the rows of an account, and without its name in the rows of others.

A file is written anew beside the old one, row group by row group, and takes its place by rename; hard links to one file
become hard links to one new file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orchestration.publishing import durable
from orchestration.retention.identity import Identity
from orchestration.retention.traces import FORGOTTEN

_DRAFT = ".forgetting"
# Columns whose value says whose row it is.
_OWNERS = ("account_id", "_key", "record_id")
_NAME = "account_name"
_Keep = Callable[[pa.Table], pa.ChunkedArray | pa.Array | None]


@dataclass
class Found:
    """What was found in files: rows of the account, and cells of other rows that named it."""

    rows: int = 0
    cells: int = 0
    files: int = 0

    def add(self, other: Found) -> None:
        self.rows += other.rows
        self.cells += other.cells
        self.files += other.files

    def __bool__(self) -> bool:
        return bool(self.rows or self.cells or self.files)


@dataclass
class Rewriter:
    """Rewrites files for one account. `gone`: rows of extractions that went, as (extraction id, row)."""

    identity: Identity
    dry: bool = False
    gone: dict[str, set[int]] = field(default_factory=dict)
    _links: dict[tuple[int, int], tuple[Path, Found]] = field(default_factory=dict)

    def rewrite(self, file: Path, target: Path | None = None, note: Callable[[pa.Table], None] | None = None) -> Found:
        """Rewrite a file, in place or as `target`; one without anything of the account stays as it is, untouched.

        `note` is given the rows that go, batch by batch.
        """
        status = file.stat()
        key = (status.st_dev, status.st_ino)
        if target is None and key in self._links:
            return self._link(file, *self._links[key])
        found = self._scan(file, note)
        if self.dry or not found:
            return found
        final = target or file
        draft = final.with_name(f"{_DRAFT}-{os.getpid()}-{final.name}")
        try:
            self._write(file, draft)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        durable.sync_file(draft)
        draft.chmod(status.st_mode & 0o777)
        durable.move(draft, final)
        if target is None and status.st_nlink > 1:
            self._links[key] = (final, found)
        return found

    def _link(self, file: Path, new: Path, found: Found) -> Found:
        draft = file.with_name(f"{_DRAFT}-{os.getpid()}-{file.name}")
        os.link(new, draft)
        durable.move(draft, file)
        return Found(files=found.files)

    def _scan(self, file: Path, note: Callable[[pa.Table], None] | None) -> Found:
        total = Found()
        with pq.ParquetFile(file) as source:
            for number in range(source.num_row_groups):
                table = source.read_row_group(number)
                own = self._own(table)
                rest = table
                if own is not None:
                    rows = pc.sum(own).as_py() or 0
                    total.rows += rows
                    if rows:
                        rest = table.filter(pc.invert(own))
                        if note is not None:
                            note(table.filter(own))
                total.cells += sum(self._naming(column) for column in rest.columns)
        total.files = int(bool(total.rows or total.cells))
        return total

    def _write(self, file: Path, draft: Path) -> None:
        with pq.ParquetFile(file) as source:
            schema = source.schema_arrow
            with pq.ParquetWriter(draft, schema, compression="zstd") as writer:
                for number in range(source.num_row_groups):
                    table = source.read_row_group(number)
                    own = self._own(table)
                    if own is not None:
                        table = table.filter(pc.invert(own))
                    for place, column in enumerate(table.columns):
                        if self._naming(column):
                            cell = schema.field(place)
                            table = table.set_column(place, cell, self._cleaned(column, cell))
                    writer.write_table(table)

    def _own(self, table: pa.Table) -> pa.Array | pa.ChunkedArray | None:
        """Which rows are the account's; None where nothing could say so."""
        masks = []
        for name in _OWNERS:
            if name in table.column_names and _is_text(table[name].type):
                masks.append(pc.is_in(table[name], value_set=pa.array(sorted(self.identity.ids), pa.string())))
        if _NAME in table.column_names and _is_text(table[_NAME].type):
            named = self._named(table[_NAME])
            if "account_id" in table.column_names:
                named = pc.and_(named, pc.is_null(table["account_id"]))
            masks.append(named)
        if self.gone and {"extraction_id", "row"} <= set(table.column_names):
            masks.append(self._of_gone_rows(table))
        # A key of another name; such a cell can't be blank, so there is no row without it.
        likely = pa.array(sorted(self.identity.ids & set(self.identity.traces.texts)), pa.string())
        for column in table.schema:
            if not column.nullable and column.name not in _OWNERS and _is_text(column.type):
                masks.append(pc.is_in(table[column.name], value_set=likely))
        if not masks:
            return None
        total = masks[0]
        for mask in masks[1:]:
            total = pc.or_(total, mask)
        return pc.fill_null(total, False)

    def _named(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        own = [name for name in pc.unique(column).to_pylist() if name is not None and self.identity.is_own_name(name)]
        return pc.is_in(column, value_set=pa.array(own, pa.string()))

    def _of_gone_rows(self, table: pa.Table) -> pa.Array:
        pairs = zip(table["extraction_id"].to_pylist(), table["row"].to_pylist(), strict=True)
        return pa.array([row in self.gone.get(extraction, ()) for extraction, row in pairs])

    def _naming(self, column: pa.ChunkedArray) -> int:
        """How many cells name the account."""
        traces = self.identity.traces
        if _is_text(column.type):
            likely = column.filter(pc.fill_null(self._likely(column), False))
            return sum(text in traces.ids or traces.is_in(text) for text in likely.to_pylist())
        if not pa.types.is_nested(column.type) or not any(
            pc.any(self._likely(leaf)).as_py() for chunk in column.chunks for leaf in _texts(chunk)
        ):
            return 0
        return sum(traces.value(value) != value for value in column.to_pylist() if value is not None)

    def _likely(self, column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
        looked = pc.match_substring_regex(column, self.identity.traces.pattern)
        return pc.or_(looked, pc.is_in(column, value_set=pa.array(sorted(self.identity.ids), pa.string())))

    def _cleaned(self, column: pa.ChunkedArray, cell: pa.Field) -> pa.Array:
        traces = self.identity.traces
        values = [traces.value(value) for value in column.to_pylist()]
        if not cell.nullable:
            values = [FORGOTTEN if value is None else value for value in values]
        return pa.array(values, column.type)


def is_draft(file: Path) -> bool:
    """Whether a file is what a try left that was ended in the middle."""
    return file.name.startswith(f"{_DRAFT}-")


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _texts(array: pa.Array) -> list[pa.Array]:
    """The texts inside of a nested array, however deep."""
    kind = array.type
    if _is_text(kind):
        return [array]
    if pa.types.is_map(kind):
        return [*_texts(array.keys), *_texts(array.items)]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _texts(array.flatten())
    if pa.types.is_struct(kind):
        return [text for place in range(kind.num_fields) for text in _texts(array.field(place))]
    return []


def counts(file: Path) -> Mapping[str, int]:
    """The rows and bytes of a Parquet file."""
    return {"rows": pq.read_metadata(file).num_rows, "bytes": file.stat().st_size}
