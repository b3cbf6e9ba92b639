"""The only place where extraction turns names and values into SQL text.

A piece of SQL is a `Sql`, made by `identifier`, `literal` or `compose`; `compose` refuses anything else, so a name or
a cell that came from a file cannot reach a statement unquoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import LiteralString

_HOLE = re.compile(r"\{([a-z_0-9]+)\}")


class Sql(str):
    """SQL text that is safe to run as it stands."""

    __slots__ = ()


def identifier(name: str) -> Sql:
    """`name` as a quoted identifier."""
    if "\0" in name or not name:
        raise ValueError(f"not a usable SQL name: {name!r}")
    return Sql('"' + name.replace('"', '""') + '"')


def literal(value: str | int | bool | None) -> Sql:
    """`value` as an SQL literal."""
    if value is None:
        return Sql("NULL")
    if isinstance(value, bool):
        return Sql("true" if value else "false")
    if isinstance(value, int):
        return Sql(str(value))
    if "\0" in value:
        raise ValueError("an SQL text cannot hold a NUL character")
    return Sql("'" + value.replace("'", "''") + "'")


def compose(template: LiteralString, /, **parts: Sql) -> Sql:
    """`template` with each `{name}` replaced by the `Sql` part of that name; every part must be used."""
    used = set()

    def fill(hole: re.Match[str]) -> str:
        name = hole.group(1)
        part = parts[name]
        if not isinstance(part, Sql):
            raise TypeError(f"{name} is not SQL text made by this module: {part!r}")
        used.add(name)
        return part

    text = _HOLE.sub(fill, template)
    if used != set(parts):
        raise ValueError(f"parts not used by the template: {sorted(set(parts) - used)}")
    return Sql(text)


def joined(parts: Iterable[Sql], separator: LiteralString = ", ") -> Sql:
    """The parts, one after another."""
    listed = list(parts)
    for part in listed:
        if not isinstance(part, Sql):
            raise TypeError(f"not SQL text made by this module: {part!r}")
    return Sql(separator.join(listed))


def texts(values: Iterable[str]) -> Sql:
    """A parenthesised list of text literals, for IN."""
    return Sql("(" + ", ".join(literal(value) for value in values) + ")")


def text_list(values: Iterable[str]) -> Sql:
    """A DuckDB list of text literals."""
    return Sql("[" + ", ".join(literal(value) for value in values) + "]")


def text_map(pairs: Iterable[tuple[str, str]]) -> Sql:
    """A DuckDB map of text to text."""
    listed = list(pairs)
    return compose(
        "map({keys}, {values})", keys=text_list(k for k, _ in listed), values=text_list(v for _, v in listed)
    )
