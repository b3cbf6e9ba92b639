"""What the actions of a run say in figures: how far each kind may go, which guards bit, whom the budget held back.

Here: the figures, read from what the models made, for the page of the asset. Not here: how they are shown
(`orchestration/defs/actions.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

from orchestration.refresh.run import Run
from orchestration.warehouse import published_tables

_OWNERS = 10


@dataclass(frozen=True)
class Proposed:
    """All actions together.

    `by_action`: a row an action with how many there are in each mode, and how many are new. `guards`: how many actions
    each guard holds back. `budget`: the owners with most held back. `levels`: how many actions at each level.
    """

    actions: int
    new: int
    held_back: int
    cooling: int
    by_action: list[dict[str, Any]]
    guards: dict[str, int]
    budget: list[dict[str, Any]]
    levels: dict[str, int]


def proposed(run: Run) -> Proposed:
    """The figures of what the models of this run made; the warehouse must be free to be opened."""
    with published_tables(run.settings) as con:
        (totals,) = _rows(
            con,
            "select count(*)::int as actions, count_if(is_new)::int as new, count_if(status = 'held_back')::int as held"
            " from published.recommended_actions",
        )
        by_action = _rows(
            con,
            "select action, count_if(mode = 'auto')::int as auto, count_if(mode = 'approve')::int as approve,"
            " count_if(mode = 'recommend')::int as recommend, count_if(mode = 'suppress')::int as suppress,"
            " count_if(is_new)::int as new, count_if(status = 'held_back')::int as held_back"
            " from published.recommended_actions group by action order by count(*) desc, action",
        )
        # Each guard stands before its colon, the guards of an action apart by semicolons.
        guards = _rows(
            con,
            "select split_part(guard, ':', 1) as guard, count(*)::int as actions from"
            " (select unnest(string_split(guards, '; ')) as guard from published.recommended_actions"
            "  where guards is not null) group by 1 order by 2 desc, 1",
        )
        budget = _rows(
            con,
            "select owner, daily_budget, new_actions, created_actions, held_back_actions from published.action_budget"
            " where held_back_actions > 0 order by held_back_actions desc, owner",
        )[:_OWNERS]
        (cooling,) = _rows(con, "select coalesce(sum(cooling_actions), 0)::int as actions from published.action_budget")
        levels = _rows(
            con,
            "select level, count(*)::int as actions from published.recommended_actions group by 1 order by 1",
        )
    return Proposed(
        actions=totals["actions"],
        new=totals["new"],
        held_back=totals["held"],
        cooling=cooling["actions"],
        by_action=by_action,
        guards={row["guard"]: row["actions"] for row in guards},
        budget=budget,
        levels={row["level"]: row["actions"] for row in levels},
    )


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    result = con.execute(query)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
