"""The portfolio in figures, of the accounts that one sees and the filters keep: the same sums for everybody.

Nothing here asks who somebody is: tables come cut by the reader, and figures are summed over the rows that are left.
Not here: tables about the whole company (NPS, calibration), which one sees whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from markupsafe import Markup, escape

from portal.access import Reader, Row
from portal.listing import BLANK, Filter, Listing, Question
from portal.words import number, short_day

# Worst first, as a reader looks for them.
STATUSES = ("RED", "YELLOW", "GREEN", "none")
LOOKS = {"RED": "red", "YELLOW": "yellow", "GREEN": "green", "none": "none"}
URGENCIES = ("this_week", "next_30_days")
PRIORITIES = ("HIGH", "MEDIUM", "LOW", "none")
MONTHS_SHOWN = 12
QUARTERS_SHOWN = 8
DIMENSIONS = {"owner": "owner_name", "geo": "geo", "region": "region", "segment": "segment"}

# What every page of the portfolio can be narrowed down to.
SCOPE = Listing(
    source="account_health",
    columns=(),
    filters=(
        Filter("geo", "GEO", "geo"),
        Filter("region", "Region", "region"),
        Filter("segment", "Segment", "segment"),
        Filter("owner", "Owner", "owner_name"),
    ),
)
# The forecast has words where its accounts have nothing.
_BLANKS = ", ".join(f"nullif({name}, '{BLANK}') as {name}" for name in DIMENSIONS.values())
_FORECAST = f"(select * replace ({_BLANKS}) from {{renewal_forecast}})"  # noqa: S608 - names of our own


@dataclass(frozen=True)
class Trend:
    """A figure now and at the last as-of of the fiscal quarter before. `is_good`: None where it is level or new."""

    label: str
    unit: str
    now: Decimal | float | int | None
    before: Decimal | float | int | None
    before_on: date | None
    arrow: str | None
    is_good: bool | None


@dataclass(frozen=True)
class Quarter:
    """A fiscal quarter of the renewal forecast, or one value of a dimension in it."""

    label: str
    starts_on: date | None
    figures: Row


class Portfolio:
    """One look at the portfolio: a reader, and the filters of the URL."""

    def __init__(self, reader: Reader, question: Question) -> None:
        self._reader = reader
        self._where, self._values = question.where()

    def by_status(self) -> dict[str, Row]:
        """Accounts and ARR by the status that people go by, worst first; `none` is without a score."""
        return self._grouped("account_health", "final_status", "sum(arr)", STATUSES)

    def by_urgency(self) -> dict[str, Row]:
        """Decisions by urgency, with the ARR they are about."""
        return self._grouped("executive_decisions", "urgency", "sum(arr)", URGENCIES)

    def by_priority(self) -> dict[str, Row]:
        """Expansions by priority, with the ARR expected of them."""
        return self._grouped("expansion_pipeline", "priority", "sum(expected_arr)", PRIORITIES)

    def decisions(self, most: int) -> list[Row]:
        """The most urgent decisions."""
        return self._first("executive_decisions", 'true order by "rank", account_id, decision', most)

    def at_stake(self, most: int) -> list[Row]:
        """Where an intervention is worth most."""
        return self._first(
            "account_churn", "intervention_priority > 0 order by 1 desc, 2", most, "intervention_priority"
        )

    def expansions(self, most: int) -> list[Row]:
        """What is expected to bring most."""
        return self._first("expansion_pipeline", 'true order by "rank"', most)

    def _first(self, table: str, rest: str, most: int, leading: str = "null") -> list[Row]:
        return self._reader.rows(
            f"select {leading}, account_id, * from {{{table}}} where {self._where} and {rest} limit {int(most)}",  # noqa: S608
            **self._values,
        )

    def _grouped(self, table: str, column: str, money: str, order: Sequence[str]) -> dict[str, Row]:
        rows = self._reader.rows(
            f"select coalesce({column}, 'none') as value, count(*) as n, coalesce({money}, 0) as arr"  # noqa: S608
            f" from {{{table}}} where {self._where} group by 1",
            **self._values,
        )
        found = {row["value"]: row for row in rows}
        return {value: found.get(value, {"value": value, "n": 0, "arr": Decimal(0)}) for value in order}

    def mix(self) -> list[tuple[str, dict[str, int]]]:
        """Accounts by machine status at the last as-of of each month that was kept, the latest ones."""
        rows = self._reader.rows(
            "with months as (select max(as_of_date) as as_of_date from {account_health_history}"  # noqa: S608
            f" group by date_trunc('month', as_of_date) order by 1 desc limit {MONTHS_SHOWN})"
            " select as_of_date, coalesce(status, 'none') as status, count(*) as n from {account_health_history}"
            f" where as_of_date in (select as_of_date from months) and {self._where} group by 1, 2 order by 1",
            **self._values,
        )
        found: dict[date, dict[str, int]] = {}
        for row in rows:
            found.setdefault(row["as_of_date"], {})[row["status"]] = row["n"]
        return [(f"{day:%b %y}", figures) for day, figures in found.items()]

    def trends(self, today: date, first_month: int, flat_below_pct: Decimal) -> list[Trend]:
        """What matters now against the quarter before, with arrows."""
        began = quarter_start(today, first_month)
        was = quarter_start(began - timedelta(days=1), first_month)
        now = self._state("account_health", today) | self._losses("account_churn", today)
        health_on = self._last_of("account_health_history", was, began)
        churn_on = self._last_of("account_churn_history", was, began)
        before: Row = {}
        if health_on:
            before |= self._state("account_health_history", health_on)
        if churn_on:
            before |= self._losses("account_churn_history", churn_on)
        return [
            _trend(
                label,
                unit,
                now[name],
                before.get(name),
                churn_on if name == "loss" else health_on,
                grows,
                flat_below_pct,
            )
            for name, label, unit, grows in (
                ("accounts", "Accounts scored", "accounts", True),
                ("arr", "ARR", "money", True),
                ("mean_score", "Mean score", "points", True),
                ("at_risk", "Accounts at risk or critical", "accounts", False),
                ("at_risk_arr", "ARR at risk or critical", "money", False),
                ("loss", "ARR expected to be lost", "money", False),
            )
        ]

    def _last_of(self, table: str, since: date, before: date) -> date | None:
        row = self._reader.row(
            f"select max(as_of_date) as day from {{{table}}} where as_of_date >= $since and as_of_date < $before",  # noqa: S608
            since=since,
            before=before,
        )
        return row["day"] if row else None

    def _state(self, table: str, day: date) -> Row:
        (row,) = self._reader.rows(
            "select count(*) as accounts, coalesce(sum(arr), 0) as arr, round(avg(score), 1) as mean_score,"  # noqa: S608
            " count_if(tier in ('at_risk', 'critical')) as at_risk,"
            " coalesce(sum(arr) filter (tier in ('at_risk', 'critical')), 0) as at_risk_arr,"
            f" count_if(newly_at_risk) as newly from {{{table}}} where as_of_date = $day and {self._where}",
            day=day,
            **self._values,
        )
        return row

    def _losses(self, table: str, day: date) -> Row:
        (row,) = self._reader.rows(
            "select coalesce(sum(expected_loss), 0) as loss"  # noqa: S608
            f" from {{{table}}} where as_of_date = $day and {self._where}",
            day=day,
            **self._values,
        )
        return row

    def quarters(self, since: date) -> list[Quarter]:
        """The renewal forecast by fiscal quarter, from the one that begins on `since`."""
        return [
            Quarter(row["label"], row["starts_on"], row)
            for row in self._forecast("fiscal_quarter", "quarter_starts_on >= $since", since=since)
        ]

    def retention(self, until: date) -> list[Quarter]:
        """What became of contracts that ended: the last fiscal quarters up to the one that begins on `until`."""
        rows = self._forecast("fiscal_quarter", "quarter_starts_on <= $until and contracts_ended > 0", until=until)
        return [Quarter(row["label"], row["starts_on"], row) for row in rows][-QUARTERS_SHOWN:]

    def renewals_by(self, dimension: str, quarters: Sequence[str]) -> list[Quarter]:
        """The forecast of these quarters by the values of a dimension, the largest first."""
        rows = self._forecast(
            f"coalesce({DIMENSIONS[dimension]}, '{BLANK}')",
            "list_contains($quarters, fiscal_quarter) and accounts > 0",
            quarters=list(quarters),
        )
        rows.sort(key=lambda row: (-row["up"], row["label"]))
        return [Quarter(row["label"], None, row) for row in rows]

    def _forecast(self, label: str, condition: str, **values: Any) -> list[Row]:
        return self._reader.rows(
            f"select {label} as label, min(quarter_starts_on) as starts_on, sum(accounts)::int as accounts,"  # noqa: S608
            " sum(arr_up_for_renewal) as up, sum(expected_retained_arr) as kept, sum(expected_churned_arr) as lost,"
            " sum(at_risk_arr_red) as red, sum(at_risk_arr_yellow) as yellow, sum(arr_green) as green,"
            ' sum(arr_without_score) as "none", sum(contracts_ended)::int as ended,'
            " sum(contracts_renewed)::int as renewed, coalesce(sum(arr_ended), 0) as arr_ended,"
            " sum(arr_ended * gross_retention_pct) / nullif(sum(arr_ended), 0) as gross,"
            " sum(arr_ended * net_retention_pct) / nullif(sum(arr_ended), 0) as net"
            f" from {_FORECAST} where {self._where} and {condition} group by 1 order by 2, 1",
            **self._values,
            **values,
        )


def _trend(
    label: str,
    unit: str,
    now: Any,
    before: Any,
    before_on: date | None,
    grows: bool,
    flat_below_pct: Decimal,
) -> Trend:
    if now is None or before is None:
        return Trend(label, unit, now, before, before_on, None, None)
    change = Decimal(str(now)) - Decimal(str(before))
    if change == 0 or 100 * abs(change) < flat_below_pct * abs(Decimal(str(before))):
        return Trend(label, unit, now, before, before_on, "→", None)
    return Trend(label, unit, now, before, before_on, "↑" if change > 0 else "↓", (change > 0) == grows)


def quarter_start(day: date, first_month: int) -> date:
    """The first day of the fiscal quarter that holds the day."""
    back = (day.month - first_month) % 3
    months = day.year * 12 + day.month - 1 - back
    return date(months // 12, months % 12 + 1, 1)


def summary(
    portfolio: Portfolio, trends: Sequence[Trend], quarters: Sequence[Quarter], money: Callable[[Any], Markup]
) -> list[Markup]:
    """The portfolio in five sentences, none where there is no account; `money` writes an amount."""
    statuses = portfolio.by_status()
    accounts = sum(row["n"] for row in statuses.values())
    if not accounts:
        return []
    now = {one.label: one for one in trends}
    counts = ", ".join(f"{row['n']:,} {name}" for name, row in statuses.items() if name != "none")
    unscored = f", {statuses['none']['n']:,} without a score" if statuses["none"]["n"] else ""
    growth = sum((row["arr"] for row in portfolio.by_priority().values()), Decimal(0))
    renewals = sum((one.figures["up"] for one in quarters[:2]), Decimal(0))
    return [
        Markup("{} with ARR of {}: {}{}.").format(_many(accounts, "account"), money(now["ARR"].now), counts, unscored),
        escape(_movement(now["Mean score"])),
        Markup(
            "ARR of {} is in accounts at risk or critical; over all accounts, the healthy ones too, {} is expected"
            " to be lost."
        ).format(money(now["ARR at risk or critical"].now), money(now["ARR expected to be lost"].now)),
        escape(_waiting(portfolio.by_urgency())),
        Markup(
            "Renewals of {} fall into this and the next quarter; expansions are expected to bring {} a year."
        ).format(money(renewals), money(growth)),
    ]


def _waiting(urgencies: Mapping[str, Row]) -> str:
    count = sum(row["n"] for row in urgencies.values())
    if not count:
        return "No decision waits for executives."
    waits = "waits" if count == 1 else "wait"
    return f"{_many(count, 'decision')} {waits} for executives, {urgencies['this_week']['n']:,} of them this week."


def _movement(score: Trend) -> str:
    now = number(score.now)
    if score.before is None or score.before_on is None:
        return f"The mean score is {now}; nothing is kept of the quarter before to compare it with."
    moved = {"↑": "up", "↓": "down"}.get(score.arrow or "", "level")
    return f"The mean score is {now}, {moved} from {number(score.before)} on {short_day(score.before_on)}."


def _many(count: int, name: str) -> str:
    return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"
