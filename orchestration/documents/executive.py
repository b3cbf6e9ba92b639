"""The executive report: the portfolio on two pages, of the accounts that the rows are of.

Where the rows are those of the whole company, summary and trend are the published ones; of a part, the figures are
added up from its accounts, and what is only known of the whole is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from orchestration.documents.content import Tile, Tone
from orchestration.documents.paper import Grid, Paper, Section, Stack
from orchestration.documents.rows import Row, Rows
from orchestration.documents.wording import counted, day, listed, money, name, number, plain, quantity, short_day, words
from orchestration.policy.models import Policies

_STATUSES: tuple[tuple[str, Tone], ...] = (("RED", "bad"), ("YELLOW", "fair"), ("GREEN", "good"))
_AT_RISK = ("at_risk", "critical")
_ZERO = Decimal(0)
_MOVED = {"↑": "up from", "↓": "down from", "→": "level with"}
_ARROWS = {"↑": "up", "↓": "down", "→": "level"}


def executive_report(rows: Rows, policies: Policies, as_of: date, *, is_whole: bool) -> Paper:
    """The report of what `rows` show; `is_whole` where that is the whole company."""
    currency, most = policies.calendar.reporting_currency, policies.documents.listed
    statuses = _statuses(rows)
    published = (
        rows(
            "select section, item, unit, figure, previous_figure, previous_on, arrow, text from {portfolio_summary}"
            ' order by section, "rank", unit'
        )
        if is_whole
        else []
    )
    trend = [row for row in published if row["section"] == "trend"]
    # Two sentences are said anew: counts by the status that people go by, and the score by the arrow of the trend.
    said = {"portfolio": _scored(statuses, currency), "movement": _movement(trend)}
    summary = tuple(
        said.get(row["item"]) or plain(row["text"], 300) for row in published if row["section"] == "summary"
    )
    sections = [
        _portfolio(statuses, currency),
        _decisions(rows, currency, most.decisions),
        _priorities(rows, currency, most.priorities),
        _expansions(rows, currency, most.expansions),
        _trend(trend, currency),
        _forecast(rows, currency, as_of, most.quarters),
    ]
    arr = {status: money(total, currency) for status, (_, total) in statuses.items()}
    return Paper(
        kind="executive_report",
        kicker="Executive report",
        title="The portfolio" if is_whole else "The accounts you see",
        finding=" ".join(summary) or _summary(rows, statuses, currency),
        mark="Internal",
        as_of=as_of,
        tiles=tuple(Tile(f"{statuses[status][0]:,}", f"{status}, {arr[status]}", tone) for status, tone in _STATUSES),
        sections=tuple(section for section in sections if section is not None),
    )


def _statuses(rows: Rows) -> dict[str, tuple[int, Decimal]]:
    """Accounts and their ARR by the status that people go by: the CSM's call while it holds, else the machine's."""
    found = {
        row["status"]: (row["accounts"], row["arr"])
        for row in rows(
            "select final_status as status, count(*) as accounts, coalesce(sum(arr), 0) as arr from {account_health}"
            " group by 1"
        )
    }
    return {status: found.get(status, (0, _ZERO)) for status, _ in _STATUSES}


def _summary(rows: Rows, statuses: dict[str, tuple[int, Decimal]], currency: str) -> str:
    """What stands in place of the published summary, of a part of the accounts: four sentences."""
    accounts = sum(count for count, _ in statuses.values())
    if not accounts:
        return "No account that is scored is yours to see."
    risk = rows(
        "select count(*) filter (where h.tier in ('at_risk', 'critical')) as accounts,"
        " coalesce(sum(h.arr) filter (where h.tier in ('at_risk', 'critical')), 0) as arr,"
        " coalesce(sum(c.expected_loss), 0) as expected_loss, avg(h.score) as score"
        " from {account_health} h left join {account_churn} c on h.account_id = c.account_id"
    )[0]
    decisions = rows("select count(*) as decisions from {executive_decisions}")[0]["decisions"]
    verb = "waits" if decisions == 1 else "wait"
    return (
        f"{_scored(statuses, currency)} The mean score is {number(risk['score'])}."
        f" {counted(risk['accounts'], 'account')} with ARR of {money(risk['arr'], currency)} at risk or critical, and"
        f" {money(risk['expected_loss'], currency)} expected to be lost."
        f" {counted(decisions, 'decision')} {verb} for executives."
    )


def _scored(statuses: dict[str, tuple[int, Decimal]], currency: str) -> str:
    accounts = sum(count for count, _ in statuses.values())
    total = sum((arr for _, arr in statuses.values()), _ZERO)
    counts = listed(f"{statuses[status][0]:,} {status}" for status, _ in _STATUSES)
    return f"{counted(accounts, 'account is', 'accounts are')} scored, with ARR of {money(total, currency)}: {counts}."


def _movement(trend: Sequence[Row]) -> str | None:
    """How the mean score moved, by its arrow; None where there is nothing to compare it with."""
    row = next((row for row in trend if row["item"] == "mean_score"), None)
    if row is None or row["arrow"] not in _MOVED:
        return None
    moved, before = _MOVED[row["arrow"]], f"{number(row['previous_figure'])} on {day(row['previous_on'])}"
    return f"The mean score is {number(row['figure'])}, {moved} {before}."


def _portfolio(statuses: dict[str, tuple[int, Decimal]], currency: str) -> Section:
    total = sum((arr for _, arr in statuses.values()), _ZERO)
    grid = Grid(
        ("Status", "Accounts", "ARR", "Share of ARR"),
        tuple(
            (status, f"{count:,}", money(arr, currency), f"{number(arr / total * 100, 0)} %" if total else "–")
            for status, (count, arr) in statuses.items()
        ),
        (0.3, 0.2, 0.25, 0.25),
        numbers=(1, 2, 3),
    )
    return Section("Portfolio by status", grid=grid)


def _decisions(rows: Rows, currency: str, most: int) -> Section:
    found = rows(
        "select account_name, title, decision_maker, urgency, due_on, arr from {executive_decisions}"
        ' order by due_on, arr desc nulls last, account_id, "rank" limit $most',
        most=most,
    )
    total = rows("select count(*) as decisions from {executive_decisions}")[0]["decisions"]
    if not found:
        return Section("Decisions required", "No decision waits for an executive.")
    grid = Grid(
        ("Account", "Decision", "By whom", "Until", "ARR"),
        tuple(
            (
                name(row["account_name"], 34),
                plain(row["title"], 70),
                plain(row["decision_maker"], 30),
                short_day(row["due_on"]),
                money(row["arr"], currency),
            )
            for row in found
        ),
        (0.25, 0.36, 0.1, 0.18, 0.11),
        numbers=(4,),
    )
    return Section(
        "Decisions required", _of_so_many(len(found), total, "decision", "decisions", "the most urgent"), grid=grid
    )


def _of_so_many(shown: int, total: int, one: str, many: str, which: str) -> str:
    whole = counted(total, one, many)
    return f"{whole}." if shown == total else f"{whole}; {which} {shown} are shown."


def _priorities(rows: Rows, currency: str, most: int) -> Section:
    found = rows(
        "select account_name, final_status, acts_on_probability, expected_loss, csm_name, renewal_date"
        " from {account_churn} where intervention_priority > 0 and account_id in"
        " (select account_id from {retention_plans})"
        " order by intervention_priority desc, account_id limit $most",
        most=most,
    )
    if not found:
        return Section("Retention priorities", "No account has a retention plan.")
    total = rows("select count(distinct account_id) as accounts from {retention_plans}")[0]["accounts"]
    grid = Grid(
        ("Account", "Status", "Churn", "Loss a year", "Renewal", "CSM"),
        tuple(
            (
                name(row["account_name"], 34),
                row["final_status"] or "–",
                quantity(row["acts_on_probability"], "%", 0),
                money(row["expected_loss"], currency),
                short_day(row["renewal_date"]),
                name(row["csm_name"], 24) if row["csm_name"] else "nobody",
            )
            for row in found
        ),
        (0.27, 0.11, 0.09, 0.14, 0.2, 0.19),
        numbers=(2, 3),
    )
    return Section(
        "Retention priorities",
        _of_so_many(len(found), total, "account has a plan", "accounts have a plan", "the first"),
        grid=grid,
    )


def _expansions(rows: Rows, currency: str, most: int) -> Section:
    totals = rows(
        "select coalesce(priority, 'none') as priority, count(*) as expansions, coalesce(sum(expected_arr), 0) as arr"
        " from {expansion_pipeline} group by 1"
    )
    if not totals:
        return Section("Expansion pipeline", "No expansion is in sight.")
    by_priority = {row["priority"]: row for row in totals}
    said = [
        f"{by_priority[key]['expansions']:,} {key} ({money(by_priority[key]['arr'], currency)})"
        for key in ("HIGH", "MEDIUM", "LOW")
        if key in by_priority
    ]
    found = rows(
        "select account_name, description, priority, timing, expected_arr, qualified from {expansion_pipeline}"
        " where priority is not null"
        " order by case priority when 'HIGH' then 1 when 'MEDIUM' then 2 else 3 end, expected_arr desc nulls last,"
        " account_id, type limit $most",
        most=most,
    )
    grid = Grid(
        ("Account", "Expansion", "Priority", "Expected ARR", "When"),
        tuple(
            (
                name(row["account_name"], 34),
                plain(row["description"], 70),
                row["priority"],
                money(row["expected_arr"], currency),
                plain(row["timing"], 30) or "–",
            )
            for row in found
        ),
        (0.24, 0.38, 0.1, 0.15, 0.13),
        numbers=(3,),
    )
    sentence = f"Expected ARR by priority: {', '.join(said)}." if said else ""
    return Section("Expansion pipeline", sentence, grid=grid if found else None)


def _trend(published: Sequence[Row], currency: str) -> Section | None:
    if not published:
        return None

    def figure(value: Decimal | None, unit: str) -> str:
        return money(value, currency) if unit == currency else number(value)

    before = max((row["previous_on"] for row in published if row["previous_on"]), default=None)
    grid = Grid(
        ("Figure", "Now", f"On {short_day(before)}" if before else "Before", "", ""),
        tuple(
            (
                plain(row["text"]).partition(":")[0],
                figure(row["figure"], row["unit"]),
                figure(row["previous_figure"], row["unit"]),
                row["arrow"] or "",
                _ARROWS.get(row["arrow"] or "", "nothing is kept of it"),
            )
            for row in published
        ),
        (0.36, 0.16, 0.18, 0.06, 0.24),
        numbers=(1, 2),
    )
    return Section("Quarter over quarter", grid=grid)


def _forecast(rows: Rows, currency: str, as_of: date, most: int) -> Section:
    found = rows(
        "select fiscal_quarter, sum(arr_up_for_renewal) as arr, sum(expected_retained_arr) as retained,"
        " sum(expected_churned_arr) as churned, sum(at_risk_arr_red) as red from {renewal_forecast}"
        " where arr_up_for_renewal > 0 group by fiscal_quarter, quarter_starts_on"
        " having max(arr_up_for_renewal) > 0 order by quarter_starts_on desc limit 100"
    )[::-1]
    coming = found[:most]
    if not coming:
        return Section("Renewal forecast", "No renewal is ahead.")
    total = sum((row["arr"] for row in coming), _ZERO)
    churned = sum((row["churned"] for row in coming), _ZERO)
    share = f" ({number(churned / total * 100, 0)} %)" if total else ""
    return Section(
        "Renewal forecast",
        f"Of {money(total, currency)} up for renewal in {counted(len(coming), 'quarter')},"
        f" {money(churned, currency)}{share} is expected to be lost.",
        stacks=tuple(
            Stack(row["fiscal_quarter"], (float(row["retained"]), float(row["churned"])), money(row["arr"], currency))
            for row in coming
        ),
        stack_names=("expected to stay", "expected to be lost"),
        stack_tones=("good", "bad"),
        grid=Grid(
            ("Quarter", "Up for renewal", "Expected to stay", "Expected to be lost", "RED by score"),
            tuple(
                (
                    words(row["fiscal_quarter"]),
                    *(money(row[key], currency) for key in ("arr", "retained", "churned", "red")),
                )
                for row in coming
            ),
            (0.2, 0.2, 0.2, 0.2, 0.2),
            numbers=(1, 2, 3, 4),
        ),
    )
