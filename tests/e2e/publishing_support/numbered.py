"""Publications that can be checked by anyone: the number in the run id tells how many rows each table must have.

Standard library only: the DuckDB 1.x client imports it in an environment of its own.
"""

from __future__ import annotations

TABLES = ("accounts", "actions", "measures", "wide")
# Changed with the number, so that a mix of two publications can't pass for one.
_ROWS = {"accounts": (40, 1), "actions": (0, 1), "measures": (400, 7), "wide": (3000, 11)}


def run_id(number: int) -> str:
    """The run id of publication `number`; its first eight characters tell it apart."""
    return f"{number:08d}-of-the-polling-test"


def expected_rows(run: str) -> dict[str, int]:
    """The rows that each table of this run has."""
    number = int(run[:8])
    return {table: start + step * number for table, (start, step) in _ROWS.items()}


def select(table: str, number: int) -> str:
    """The SQL that makes a table of publication `number`."""
    rows = expected_rows(run_id(number))[table]
    wide = (
        ", ".join(f"hash(i, {column})::varchar as column_{column}" for column in range(12)) if table == "wide" else ""
    )
    return f"select i as id, '{run_id(number)}' as run_id{', ' + wide if wide else ''} from range({rows}) r(i)"


def verdict(seen: list[tuple[str, int, str | None, str | None]], publication: list[str]) -> str | None:
    """What is wrong with one look at all tables (table, rows, least run id, greatest run id); None when nothing is."""
    if len(publication) != 1:
        return f"publication has {len(publication)} rows"
    expected = expected_rows(publication[0])
    for table, rows, least, greatest in seen:
        if rows != expected[table]:
            return f"{table} has {rows} rows instead of {expected[table]} in {publication[0]}"
        if rows and not least == greatest == publication[0]:
            return f"{table} has rows of {least} and {greatest} in {publication[0]}"
    return None
