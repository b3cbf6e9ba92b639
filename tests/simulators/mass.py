"""A million tasks, for measuring clients: held in DuckDB, their CSV made once for each query and sent as it is."""

from __future__ import annotations

import mmap
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from tests.simulators.company import Company, Row
from tests.simulators.soql import Condition, Query, QueryError, Text

# Rows that a query without a job may have.
MOST_ROWS = 50_000
_BLOCK = 1 << 24
_QUOTE, _LINE_FEED = 34, 10
_TABLE = """
create table tasks as
with numbered as (
    select
        n,
        accounts[1 + n % len(accounts)] as account,
        users[1 + n % len(users)] as owner,
        $at::timestamp - to_hours(((n * 7919) % 17520)::int) as moment,
        n % 5 <> 4 as done
    from range($rows) r(n), (select $accounts as accounts, $users as users)
)
select
    -- the last three of these ids are always the same: no letter after the fifth
    '00T5g' || lpad(n::varchar, 10, '0') || 'EAA' as "Id",
    n % 97 = 0 as "IsDeleted",
    moment as "CreatedDate",
    moment as "LastModifiedDate",
    moment as "SystemModstamp",
    account.key as "AccountId",
    account.name as "Account.Name",
    account.key as "WhatId",
    account.name as "What.Name",
    'Account' as "What.Type",
    null::varchar as "WhoId",
    owner.key as "OwnerId",
    owner.name as "Owner.Name",
    owner.mail as "Owner.Email",
    case n % 4 when 0 then 'Platform health check - ' || account.name when 1 then 'Call about "roadmap", next steps'
        when 2 then 'Follow up on invoice ' || n else 'Renewal planning' end as "Subject",
    case n % 6 when 3 then 'They said "not before Q3",' || chr(10) || 'then asked for a quote.'
        when 1 then 'Spoke briefly.' end as "Description",
    if(done, 'Completed', 'Not Started') as "Status",
    'Normal' as "Priority",
    ['Call', 'Email', 'Task'][1 + n % 3] as "TaskSubtype",
    moment::date as "ActivityDate",
    if(done, moment, null) as "CompletedDateTime",
    done as "IsClosed",
    done and moment < $at::timestamp - interval 365 days as "IsArchived",
    false as "IsRecurrence",
    if(n % 2 = 0, null, n % 48)::double as "Response_Hours__c",
    null::varchar as "Account_Health_Key__c"
from numbered
"""


class Mass:
    """The tasks instead of the company's own."""

    name = "Task"

    def __init__(self, rows: int, company: Company) -> None:
        self._company = company
        self._database = duckdb.connect()
        self._database.execute("set timezone = 'UTC'; set memory_limit = '1GB'")
        accounts = [{"key": row["Id"], "name": row["Name"]} for row in company.rows("Account")]
        users = [{"key": row["Id"], "name": row["Name"], "mail": row["Email"]} for row in company.rows("User")]
        values = {"rows": rows, "at": company.at.replace(tzinfo=None), "accounts": accounts, "users": users}
        self._database.execute(_TABLE, values)
        self._fields = {column[0]: column[1] for column in self._database.execute("describe tasks").fetchall()}
        self._made: dict[str, File] = {}

    def touch(self, rows: int) -> None:
        """Somebody changes so many records now."""
        at = self._company.clock.stamp().replace(tzinfo=None)
        self._database.execute(
            'update tasks set "SystemModstamp" = $at, "LastModifiedDate" = $at, "Subject" = "Subject" || \'.\' '
            'where "Id" in (select "Id" from tasks order by "Id" limit $rows)',
            {"at": at, "rows": rows},
        )
        self._made.clear()

    def count(self, query: Query, *, everything: bool) -> int:
        """How many records match."""
        where, values = self._where(query, everything=everything)
        return self._database.execute(f"select count(*) from tasks where {where}", values).fetchall()[0][0]

    def rows(self, query: Query, *, everything: bool) -> list[Row]:
        """The records that match, their fields under the paths of the query."""
        if self.count(query, everything=everything) > MOST_ROWS:
            raise QueryError("QUERY_TIMEOUT", "Your query request was running for too long.")
        where, values = self._where(query, everything=everything)
        columns = ", ".join(self._column(path) for path in query.fields)
        found = self._database.execute(
            f"select {columns} from tasks where {where} order by {self._order(query)}", values
        )
        return [dict(zip(query.fields, row, strict=True)) for row in found.fetchall()]

    def results(self, query: Query, *, everything: bool) -> File:
        """The same as CSV."""
        where, values = self._where(query, everything=everything)
        key = repr((query.fields, query.order, where, values))
        if key not in self._made:
            columns = ", ".join(self._text(path) for path in query.fields)
            target = Path(tempfile.mkstemp(prefix="account-health-simulator-", suffix=".csv")[1])
            try:
                self._database.execute(
                    f"copy (select {columns} from tasks where {where} order by {self._order(query)}) "
                    f"to '{target}' (header false, force_quote *)",
                    values,
                )
                header = (",".join(f'"{path}"' for path in query.fields) + "\n").encode()
                self._made[key] = File(header, target)
            finally:
                target.unlink()
        return self._made[key]

    def _column(self, path: str) -> str:
        if path not in self._fields:
            raise QueryError("INVALID_FIELD", f"No such column '{path}' on entity '{self.name}'.")
        return f'"{path}"'

    def _text(self, path: str) -> str:
        column = self._column(path)
        if self._fields[path].startswith("TIMESTAMP"):
            column = f"strftime({column}, '%Y-%m-%dT%H:%M:%S.000Z')"
        return f"coalesce({column}::varchar, '')"

    def _order(self, query: Query) -> str:
        # Without an order the vendor's is by id, as far as anyone has seen.
        wanted = [f"{self._column(path)} {'desc' if down else 'asc'}" for path, down in query.order]
        return ", ".join(wanted or ["rowid"])

    def _where(self, query: Query, *, everything: bool) -> tuple[str, list[Any]]:
        values: list[Any] = []
        written = self._condition(query.where, values) if query.where else "true"
        return written if everything else f'({written}) and not "IsDeleted" and not "IsArchived"', values

    def _condition(self, condition: Condition, values: list[Any]) -> str:
        if condition.parts:
            parts = [self._condition(part, values) for part in condition.parts]
            if condition.operator == "not":
                return f"not ({parts[0]})"
            return "(" + (" and " if condition.operator == "all" else " or ").join(parts) + ")"
        column = self._column(condition.path)
        if condition.operator == "in":
            values.append([_plain(one) for one in condition.value])
            return f"{column} in (select unnest(?))"
        values.append(_plain(condition.value))
        if condition.operator == "like":
            return f"{column} ilike ?"
        same = {"=": "is not distinct from", "!=": "is distinct from", "<>": "is distinct from"}
        return f"{column} {same.get(condition.operator, condition.operator)} ?"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return value.value if isinstance(value, Text) else value


class File:
    """Results in a file that nobody else sees."""

    def __init__(self, header: bytes, path: Path) -> None:
        self.header = header
        with path.open("rb") as file:
            self._bytes: Any = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""
        self._ends = _ends(self._bytes)

    def __len__(self) -> int:
        return len(self._ends)

    def part(self, start: int, end: int) -> memoryview:
        """The bytes of some rows."""
        if start >= end:
            return memoryview(b"")
        first = int(self._ends[start - 1]) if start else 0
        return memoryview(self._bytes)[first : int(self._ends[end - 1])]


def _ends(content: Any) -> np.ndarray:
    """Where rows end: after each line feed with an even number of quotes before it."""
    found, inside = [], 0
    for start in range(0, len(content), _BLOCK):
        block = np.frombuffer(content, np.uint8, min(_BLOCK, len(content) - start), start)
        quotes = np.cumsum(block == _QUOTE, dtype=np.uint8) + np.uint8(inside)
        found.append(np.flatnonzero((block == _LINE_FEED) & (quotes & 1 == 0)) + start + 1)
        inside = int(quotes[-1]) & 1
    return np.concatenate(found) if found else np.zeros(0, np.int64)
