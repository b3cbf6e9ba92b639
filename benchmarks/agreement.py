"""Holds two sets of tables against each other, row by row: what was published and what the floor or the peer made.

A speed ratio between programs that answer differently says nothing, so the runner refuses to report one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

# table: its key, and what must be equal for each key
TARGET_VALUES = (
    "account_id", "due_date", "window_opens_on", "window_closes_on", "expires_on", "status", "days_to_due", "in_window",
    "completed_on", "completed_by", "completing_activity_id", "amount",
)  # fmt: skip
FLOOR_COMPARES = {
    "targets": (("contract_id", "milestone"), TARGET_VALUES),
    "candidates": (("contract_id", "milestone"), ("rank", "status", "amount")),
    "accounts": (
        ("account_id",),
        ("candidate_count", "candidate_amount", "next_due_date", "most_urgent_status"),
    ),
    "influence": (
        ("opportunity_id", "activity_id"),
        ("delivered_by", "credit_last_touch", "credit_linear", "amount", "outcome"),
    ),
    "performance": (
        ("quarter_starts_on", "dimension", "value"),
        (
            "targets_due", "completed", "completed_late", "past_due", "missed", "median_days_to_delivery",
            "influenced_pipeline", "influenced_won",
        ),
    ),
}  # fmt: skip
PEER_COMPARES = {
    "targets": (("contract_id", "milestone"), ("due_date", "status", "completing_activity_id", "amount")),
    "candidates": (("contract_id", "milestone"), ("rank", "status")),
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """How one table compares: rows on both sides, and how many of them differ; `example` is one that does."""

    table: str
    rows: int
    other_rows: int
    differing: int
    example: str | None

    @property
    def agrees(self) -> bool:
        return self.differing == 0 and self.rows == self.other_rows

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "agrees": self.agrees}


def compare(
    published: Path, other: Path, compares: dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
) -> list[Comparison]:
    """Compares `published/health_check_<table>.parquet` with `other/<table>.parquet`, for each table of `compares`."""
    with duckdb.connect() as con:
        con.execute("set enable_progress_bar = false")
        con.execute("set timezone = 'UTC'")
        return [
            _compare_table(
                con, table, published / f"health_check_{table}.parquet", other / f"{table}.parquet", *columns
            )
            for table, columns in compares.items()
        ]


def _compare_table(
    con: duckdb.DuckDBPyConnection, table: str, mine: Path, theirs: Path, key: tuple[str, ...], values: tuple[str, ...]
) -> Comparison:
    def side(file: Path) -> str:
        # Numbers meet as decimals and dates as dates, whatever each side stored them as.
        columns = ", ".join(f"{_plain(column)} as {column}" for column in (*key, *values))
        return f"(select {columns}, true as here from read_parquet('{file}'))"

    differs = " or ".join(f"m.{v} is distinct from t.{v}" for v in values)
    query = f"""
        with joined as (
            select
                m.here as mine, t.here as theirs,
                m.here is null or t.here is null or {differs} as is_different,
                concat('published ', m, '; other ', t) as shown
            from {side(mine)} m full join {side(theirs)} t using ({", ".join(key)})
        )
        select count(mine), count(theirs), count(*) filter (is_different), min(shown) filter (is_different) from joined
    """
    rows, other_rows, differing, example = con.execute(query).fetchall()[0]
    return Comparison(table, rows, other_rows, differing, example)


def _plain(column: str) -> str:
    if column.endswith(("_on", "_date")):
        return f'"{column}"::date'
    if column in ("amount", "candidate_amount", "influenced_pipeline", "influenced_won"):
        return f'"{column}"::decimal(38, 2)'
    if column in ("credit_last_touch", "credit_linear", "median_days_to_delivery"):
        return f'"{column}"::decimal(18, 6)'
    if column in ("rank", "candidate_count", "days_to_due", "targets_due"):
        return f'"{column}"::bigint'
    return f'"{column}"'
