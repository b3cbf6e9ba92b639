"""Where documents read from: a query with tables in braces and values by `$name`, as the portal's reader takes it.

Whoever passes the rows decides what they are: the portal those that a viewer sees, a run those of its publication.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Protocol

from orchestration.publishing.reader import Publication

Row = dict[str, Any]

_TABLE = re.compile(r"\{([a-z_]+)\}")
_PARAMETER = re.compile(r"\$([a-z_]+)")


class Rows(Protocol):
    """Rows of a query by column name: `rows("select * from {account_health} where account_id = $id", id="A-1")`."""

    def __call__(self, query: str, **parameters: Any) -> list[Row]: ...


def rows_of(publication: Publication) -> Rows:
    """All rows of a publication."""

    def rows(query: str, **parameters: Any) -> list[Row]:
        text = _TABLE.sub(r"published.\1", query)
        cursor = publication.connection.cursor()
        cursor.execute(text, {name: parameters[name] for name in set(_PARAMETER.findall(text))})
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return rows


def months_before(day: date, months: int) -> date:
    """The first day of the month so many months before that of `day`."""
    count = day.year * 12 + day.month - 1 - months
    return date(count // 12, count % 12 + 1, 1)
