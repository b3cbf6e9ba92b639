"""How published columns are stored in PostgreSQL: exact types, and text that PostgreSQL reads back exactly."""

from __future__ import annotations

import re
from dataclasses import dataclass

from psycopg import sql

from orchestration.publishing.errors import PublishingError
from orchestration.publishing.manifest import PublishedColumn
from orchestration.publishing.sql import identifier

# PostgreSQL cuts longer names off without an error, and two of them may become one.
LONGEST_NAME_BYTES = 63

_TYPES = {
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "UTINYINT": "smallint",
    "USMALLINT": "integer",
    "UINTEGER": "bigint",
    "UBIGINT": "numeric(20,0)",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_S": "timestamp",
    "TIMESTAMP_MS": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "VARCHAR": "text",
    "UUID": "uuid",
    "BLOB": "bytea",
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_NUL = "chr(0)"
# What stands for a character that can't be shown, in every Unicode text.
_REPLACEMENT = "chr(65533)"


@dataclass(frozen=True, slots=True)
class PostgresColumn:
    """A column with its PostgreSQL type and the DuckDB expressions that load it."""

    name: str
    type: str
    is_text: bool
    text: str
    description: str

    @property
    def definition(self) -> sql.Composed:
        """`name type`, for CREATE TABLE."""
        # The type comes from the table above, never from data.
        return sql.SQL("{} {}").format(sql.Identifier(self.name), sql.SQL(self.type))

    @property
    def holds_nul(self) -> str:
        """DuckDB condition: the value has a NUL character, which PostgreSQL can't store."""
        return f"contains({self.text}, {_NUL})"

    @property
    def text_without_nul(self) -> str:
        """DuckDB expression for the value's text with NUL characters replaced."""
        return f"replace({self.text}, {_NUL}, {_REPLACEMENT})"


def postgres_column(table: str, column: PublishedColumn) -> PostgresColumn:
    """Map one column; raises when PostgreSQL has no like of it."""
    refuse_long_name(column.name, f"column of {table}")
    name = identifier(column.name)
    element = column.type.removesuffix("[]")
    type_ = _scalar_type(element)
    if type_ is None or element.endswith("]"):
        raise PublishingError(f"{table}.{column.name} is {column.type}, which isn't published to PostgreSQL")
    is_list = element != column.type
    if is_list:
        text = f"case when {name} is not null then '{{' || {_list_items(name)} || '}}' end"
    elif element == "BLOB":
        text = rf"'\x' || hex({name})"
    else:
        text = f"cast({name} as varchar)"
    return PostgresColumn(
        name=column.name,
        type=f"{type_}[]" if is_list else type_,
        is_text=element == "VARCHAR",
        text=text,
        description=column.description,
    )


def refuse_long_name(name: str, what: str) -> None:
    """Raise when a name is longer than PostgreSQL keeps."""
    if len(name.encode()) > LONGEST_NAME_BYTES:
        raise PublishingError(f"{what} {name}: PostgreSQL allows {LONGEST_NAME_BYTES} bytes in a name; shorten it")


def _scalar_type(duckdb_type: str) -> str | None:
    if match := _DECIMAL.fullmatch(duckdb_type):
        return f"numeric({match[1]},{match[2]})"
    return _TYPES.get(duckdb_type)


def _list_items(name: str) -> str:
    item = r"""'"' || replace(replace(cast(x as varchar), '\', '\\'), '"', '\"') || '"'"""
    return f"array_to_string(list_transform({name}, lambda x: case when x is null then 'NULL' else {item} end), ',')"
