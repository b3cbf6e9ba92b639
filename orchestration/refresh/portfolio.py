"""What the health tables of a run say in figures: statuses, tiers, how the scores spread, who moved in a week and why.

Here: the figures, read from what the models made, for the page of the asset and for the terminal. Not here: how they
are shown (`orchestration/defs/model.py`, `orchestration/terminal.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb

from orchestration.policy.measures import MEASURES
from orchestration.publishing.sql import identifier, read_parquet
from orchestration.refresh.histories import HISTORIES
from orchestration.refresh.run import Run
from orchestration.warehouse import published_tables

_MOVERS = 10
_REASONS = 3


@dataclass(frozen=True)
class Mover:
    """An account whose score changed in a week. `why` names the measures that earn other points than then."""

    account_name: str
    score: float
    change_week: float
    tier: str
    why: str


@dataclass(frozen=True)
class Portfolio:
    """All scored accounts together. `mix` is portfolio_mix; `distribution` counts accounts by tens of the score."""

    accounts: int
    mix: list[dict[str, Any]]
    confidence: dict[str, int]
    distribution: dict[str, int]
    rose: list[Mover]
    fell: list[Mover]
    newly_at_risk: int
    stale_sources: str | None


def portfolio(run: Run) -> Portfolio:
    """The figures of what the models of this run made; the warehouse must be free to be opened."""
    with published_tables(run.settings) as con:
        mix = _rows(
            con,
            "select kind, value, accounts, arr, share_pct, week_ago_pct, change_points from published.portfolio_mix"
            " order by kind, case value when 'GREEN' then 1 when 'YELLOW' then 2 when 'RED' then 3"
            " when 'healthy' then 1 when 'stable' then 2 when 'at_risk' then 3 when 'critical' then 4 else 5 end",
        )
        confidence = _rows(
            con,
            "select confidence, count(*)::int as accounts from published.account_health group by 1"
            " order by case confidence when 'high' then 1 when 'medium' then 2 else 3 end",
        )
        # A score of 100 belongs to the last ten.
        spread = _rows(
            con,
            "select tens, count(score)::int as accounts from range(0, 100, 10) as t(tens)"
            " left join published.account_health on least(floor(score / 10) * 10, 90) = tens"
            " group by tens order by tens",
        )
        totals = _rows(
            con,
            "select count(*)::int as accounts, count_if(newly_at_risk)::int as newly_at_risk,"
            " max(stale_sources) as stale_sources from published.account_health",
        )[0]
        reasons = _points_then(con, run)
        rose, fell = (_movers(con, reasons, order) for order in ("desc", "asc"))
    return Portfolio(
        accounts=totals["accounts"],
        mix=mix,
        confidence={row["confidence"]: row["accounts"] for row in confidence},
        distribution={f"{row['tens']:>2} to {row['tens'] + 10}": row["accounts"] for row in spread},
        rose=rose,
        fell=fell,
        newly_at_risk=totals["newly_at_risk"],
        stale_sources=totals["stale_sources"],
    )


def _points_then(con: duckdb.DuckDBPyConnection, run: Run) -> bool:
    """Makes `points_then`: what the measures of a week ago earn under the present policy. False without a week ago."""
    file = _week_ago(run)
    if file is None:
        return False
    bands = read_parquet((run.settings.inputs_path / "policy" / "score_bands").glob("*.parquet"))
    columns = ", ".join(identifier(measure) for measure in MEASURES)
    con.execute(
        f"""
        create temporary view points_then as
        with wide as (
            select account_id, coalesce(segment, 'unknown') as segment_key, {columns}
            from {read_parquet([file])}
        ),
        measured as (unpivot wide on {columns} into name measure value value)
        select measured.account_id, measured.measure, measured.value, bands.points
        from measured
        join {bands} as bands
          on bands.segment_key = measured.segment_key and bands.measure = measured.measure
         and measured.value between bands.value_from and bands.value_to
        """  # noqa: S608 - names of our own, and quoted paths
    )
    return True


def _week_ago(run: Run) -> Path | None:
    """The kept measures that the weekly change is against."""
    change = run.policies.health_score.change
    newest, oldest = (run.as_of - timedelta(days=days) for days in (change.week_days, change.week_oldest_days))
    folder = HISTORIES["account_signals"].folder(run.settings.history_path)
    kept = [file for file in folder.glob("*.parquet") if oldest.isoformat() <= file.stem <= newest.isoformat()]
    return max(kept, default=None)


def _movers(con: duckdb.DuckDBPyConnection, has_reasons: bool, order: str) -> list[Mover]:
    sign = ">" if order == "desc" else "<"
    con.execute(
        "create or replace temporary table moved as"  # noqa: S608 - `sign` and `order` are our own
        " select account_id, account_name, score, change_week, tier from published.account_health"
        f" where change_week {sign} 0 order by change_week {order}, account_id limit {_MOVERS}"
    )
    if has_reasons:
        con.execute(
            f"""
            create or replace temporary table reasons as
            with differing as (
                select m.account_id, m.measure_rank, m.points - t.points as gained,
                       m.label || ' ' || t.value::decimal(24, 1) || ' → ' || m.value::decimal(24, 1)
                       || ' (' || case when m.points > t.points then '+' else '−' end
                       || rtrim(rtrim(abs(m.points - t.points)::varchar, '0'), '.') || ')' as words
                from published.account_health_measures m
                join moved using (account_id)
                join points_then t on t.account_id = m.account_id and t.measure = m.measure
                where m.points <> t.points
            ),
            ranked as (
                select *, row_number() over (
                    partition by account_id order by abs(gained) desc, measure_rank
                ) as place
                from differing
            )
            select account_id, string_agg(words, ', ' order by place) as why
            from ranked where place <= {_REASONS} group by account_id
            """  # noqa: S608 - a number of our own
        )
    else:
        con.execute("create or replace temporary table reasons as select '' as account_id, '' as why where false")
    # The names and the direction are our own.
    query = (
        "select account_name, score::double as score, change_week::double as change_week, tier,"  # noqa: S608
        " coalesce(why, 'other measures could be told than then') as why"
        f" from moved left join reasons using (account_id) order by change_week {order}, account_id"
    )
    return [Mover(**row) for row in _rows(con, query)]


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    result = con.execute(query)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
