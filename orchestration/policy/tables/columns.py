"""What the modules of this package share: columns with a meaning, and the types numbers take.

Here: the helpers. Not here: any one policy's tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pyarrow as pa

from orchestration.policy.models import Policies

Row = dict[str, Any]
Rows = Callable[[Policies], Iterable[Row]]

TEXT = pa.string()
WHOLE = pa.int32()
# Whatever is compared with a measure, which is rounded to six decimals.
NUMBER = pa.decimal128(24, 6)
POINTS = pa.decimal128(9, 2)


def column(name: str, kind: pa.DataType, meaning: str, nullable: bool = False) -> pa.Field:
    """A column of a policy table."""
    return pa.field(name, kind, nullable=nullable, metadata={"description": meaning})


def whole(name: str, meaning: str) -> pa.Field:
    return column(name, WHOLE, meaning)


def number(name: str, meaning: str, nullable: bool = False) -> pa.Field:
    return column(name, NUMBER, meaning, nullable)


def text(name: str, meaning: str, nullable: bool = False) -> pa.Field:
    return column(name, TEXT, meaning, nullable)


def flag(name: str, meaning: str) -> pa.Field:
    return column(name, pa.bool_(), meaning)


def table(rows: Iterable[Row], schema: pa.Schema) -> pa.Table:
    """The rows as a table of exactly these columns; a row with others is a mistake of its builder."""
    rows = list(rows)
    names = set(schema.names)
    for row in rows:
        if row.keys() != names:
            raise KeyError(f"columns {sorted(row.keys() ^ names)} are in the row or in the schema, not in both")
    return pa.Table.from_pylist(rows, schema=schema)


Schemas = Mapping[str, pa.Schema]
