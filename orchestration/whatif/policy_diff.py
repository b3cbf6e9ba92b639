"""What other policies would change across the portfolio: actions, candidates, statuses, tiers and churn.

Both sides are the batch's own models over the same frozen inputs, so every difference is the policies' doing. Here: the
two runs and their comparison. Not here: how it is shown (`show.py`, `page.py`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb

from orchestration.policy.models import Policies, canonical
from orchestration.publishing.sql import literal
from orchestration.whatif.inputs import as_of_date, under_other_policies
from orchestration.whatif.models import CompiledModels

TABLES = ("account_health", "account_churn", "health_check_candidates", "recommended_actions")

# So many ways to move are told one by one.
_MOVES_TOLD = 20

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One kind of thing that may change: its table, what tells two of them apart, and what may differ.

    `thing`: SQL for what it is, beside the account. `value`: what may differ; `sql` gives it where no column is called
    so. `money`: a column of money that is summed, with what the sum is called.
    """

    title: str
    table: str
    key: tuple[str, ...]
    thing: str
    value: str
    sql: str = ""
    money: tuple[str, str] | None = None


# A probability as people write it: 45 %, 37.5 %.
_PERCENT = "rtrim(rtrim(acts_on_probability::varchar, '0'), '.') || ' %'"

COMPARISONS: Mapping[str, Comparison] = MappingProxyType(
    {
        "actions": Comparison(
            "Actions",
            "recommended_actions",
            ("account_id", "action", "subject", "origin"),
            "title",
            "mode",
        ),
        "candidates": Comparison(
            "Health-check candidates",
            "health_check_candidates",
            ("target_id",),
            "product || ', ' || milestone || ' due ' || due_date::varchar",
            "status",
        ),
        "statuses": Comparison("Statuses", "account_health", ("account_id",), "'score ' || score::varchar", "status"),
        "tiers": Comparison("Tiers", "account_health", ("account_id",), "'score ' || score::varchar", "tier"),
        "churn": Comparison(
            "Churn probabilities",
            "account_churn",
            ("account_id",),
            "'score ' || score::varchar || ', ' || status",
            "probability",
            _PERCENT,
            ("expected_loss", "expected loss"),
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Changes:
    """What changes of one kind. `moves`: (before, after, how many), most first, None where there is or was none.

    `rows`: each change with account_id, account_name, thing, before and after, by account, the first `listed` of them.
    """

    comparison: Comparison
    before: int
    after: int
    moves: Sequence[tuple[str | None, str | None, int]]
    rows: Sequence[Row]
    # The sums of money before and after, in words; blank where the comparison sums nothing.
    money: str = ""

    @property
    def count(self) -> int:
        """How many change."""
        return sum(count for _, _, count in self.moves)

    @property
    def commonest(self) -> Sequence[tuple[str | None, str | None, int]]:
        """The moves that are told one by one; probabilities may move in as many ways as there are accounts."""
        return self.moves[:_MOVES_TOLD]

    @property
    def others(self) -> int:
        """How many change in yet other ways."""
        return sum(count for _, _, count in self.moves[_MOVES_TOLD:])


@dataclass(frozen=True, slots=True)
class PolicyDiff:
    """What would change, and because of which policy values. `values`: (file and key, before, after)."""

    as_of: date
    before_version: str
    after_version: str
    values: Sequence[tuple[str, str, str]]
    changes: Mapping[str, Changes]


def diff_policies(
    inputs: Path,
    before: Policies,
    after: Policies,
    models: Callable[[Policies], CompiledModels],
    *,
    listed: int,
    memory_limit: str | None = None,
) -> PolicyDiff:
    """Run the models over a home's frozen inputs under both policies and compare what they make.

    `models` gives the compiled models of policies; at most `listed` changes of each kind are listed, all are counted.
    Raises NoInputsError where nothing has been frozen, and ModelsError.
    """
    as_of = as_of_date(inputs)
    with tempfile.TemporaryDirectory(dir=inputs.parent, prefix=".what-if-") as place:
        for side, policies in (("before", before), ("after", after)):
            folder = under_other_policies(inputs, Path(place) / side / "inputs", policies)
            with models(policies).run(folder, *TABLES, memory_limit=memory_limit) as con:
                for table in TABLES:
                    file = literal(str(Path(place) / side / f"{table}.parquet"))
                    con.execute(f"copy published.{table} to {file} (format parquet)")
        with duckdb.connect() as con:
            for side in ("before", "after"):
                con.execute(f"create schema {side}")
                for table in TABLES:
                    file = literal(str(Path(place) / side / f"{table}.parquet"))
                    con.execute(f"create view {side}.{table} as from read_parquet({file})")
            currencies = (before.calendar.reporting_currency, after.calendar.reporting_currency)
            changes = {name: _changes(con, comparison, listed, currencies) for name, comparison in COMPARISONS.items()}
    return PolicyDiff(as_of, before.version, after.version, changed_values(before, after), changes)


def _changes(
    con: duckdb.DuckDBPyConnection, comparison: Comparison, listed: int, currencies: tuple[str, str]
) -> Changes:
    """Names below are of our own; nothing of them comes from data."""
    sides = [
        f"{side} as (select {', '.join(comparison.key)}, account_id as account, account_name as name,"  # noqa: S608
        f" {comparison.thing} as thing, {comparison.sql or comparison.value} as value from {side}.{comparison.table})"
        for side in ("before", "after")
    ]
    same = " and ".join(f"before.{column} is not distinct from after.{column}" for column in comparison.key)
    con.execute(
        f"create or replace temp table changed as with {', '.join(sides)}"  # noqa: S608
        " select coalesce(after.account, before.account) as account_id, coalesce(after.name, before.name) as"
        " account_name, coalesce(after.thing, before.thing) as thing, before.value as before, after.value as after"
        f" from before full join after on {same} where before.value is distinct from after.value"
    )
    moves = con.execute(
        "select before, after, count(*) from changed group by all order by 3 desc, 1 nulls first, 2 nulls first"
    ).fetchall()
    rows = con.execute(
        "select account_id, account_name, thing, before, after from changed order by all limit ?", [listed]
    ).fetchall()
    columns = ("account_id", "account_name", "thing", "before", "after")
    column, called = comparison.money or ("null", "")
    totals = [
        con.execute(f"select count(*), coalesce(sum({column}), 0) from {side}.{comparison.table}").fetchall()[0]  # noqa: S608
        for side in ("before", "after")
    ]
    now, then = (f"{sums:,.0f} {currency}" for (_, sums), currency in zip(totals, currencies, strict=True))
    return Changes(
        comparison,
        *(count for count, _ in totals),
        moves,
        [dict(zip(columns, row, strict=True)) for row in rows],
        f"{called} {now} now, {then} then" if called else "",
    )


def changed_values(before: Policies, after: Policies) -> list[tuple[str, str, str]]:
    """Each policy value that differs: where it stands, what it was and what it would be, blank where there is none."""
    old, new = (dict(_leaves("", canonical(policies))) for policies in (before, after))
    return [
        (place, old.get(place, ""), new.get(place, ""))
        for place in sorted(old.keys() | new.keys())
        if old.get(place) != new.get(place)
    ]


def _leaves(place: str, value: Any):
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(f"{place}.{key}" if place else str(key), item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(f"{place}[{number}]", item)
    else:
        yield place, str(value)
