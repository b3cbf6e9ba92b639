"""Publications that can be checked by anyone: the number in the run id tells how many rows each table must have.

Standard library only: the DuckDB 1.x client imports it in an environment of its own.
"""

from __future__ import annotations

TABLES = ("accounts", "actions", "measures", "wide")
# A history with two as-of dates that never change and one that every publication keeps anew.
HISTORY = "accounts_history"
SETTLED_DAYS, CHANGING_DAY = ("2026-05-30", "2026-05-31"), "2026-06-30"
_SETTLED_ROWS = 50
# Changed with the number, so that a mix of two publications can't pass for one.
_ROWS = {"accounts": (40, 1), "actions": (0, 1), "measures": (400, 7), "wide": (3000, 11)}


def run_id(number: int) -> str:
    """The run id of publication `number`; its first eight characters tell it apart."""
    return f"{number:08d}-of-the-polling-test"


def expected_rows(run: str) -> dict[str, int]:
    """The rows that each table of this run has."""
    number = int(run[:8])
    rows = {table: start + step * number for table, (start, step) in _ROWS.items()}
    return rows | {HISTORY: len(SETTLED_DAYS) * _SETTLED_ROWS + rows["accounts"]}


def history_select(day: str, number: int) -> str:
    """The SQL that makes the file of one as_of of the history, as publication `number` has it."""
    run = run_id(number) if day == CHANGING_DAY else run_id(0)
    rows = expected_rows(run_id(number))["accounts"] if day == CHANGING_DAY else _SETTLED_ROWS
    return f"select date '{day}' as as_of_date, i as id, '{run}' as run_id from range({rows}) r(i)"


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
        if table == HISTORY:
            least = greatest
        if rows and not least == greatest == publication[0]:
            return f"{table} has rows of {least} and {greatest} in {publication[0]}"
    return None
