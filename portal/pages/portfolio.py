"""The portfolio: the executive dashboard, and what stands behind its figures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from portal.access import Row
from portal.listing import Column, Filter, Listing, Question, QuestionError, answer
from portal.portfolio import (
    DIMENSIONS,
    LOOKS,
    QUARTERS_SHOWN,
    SCOPE,
    STATUSES,
    Portfolio,
    quarter_start,
    summary,
)
from portal.web import Allowed, PageRoute, Visit

router = APIRouter(route_class=PageRoute)
_ROLES = ("manager", "executive", "admin")
_may = Allowed(*_ROLES)

_WHOSE = (
    Filter("geo", "GEO", "geo"),
    Filter("region", "Region", "region"),
    Filter("segment", "Segment", "segment"),
    Filter("owner", "Owner", "owner_name"),
)
DECISIONS = Listing(
    source="executive_decisions",
    columns=(
        Column("account_name", "Account", "account"),
        Column("title", "Decision", "words"),
        Column("urgency", "Urgency", "urgency", order='"rank"'),
        Column("due_on", "Until", "due"),
        Column("decision_maker", "By"),
        Column("arr", "ARR", "money", numeric=True),
        Column("status", "Status", "status"),
        Column("why", "Why", "words", sortable=False),
    ),
    filters=(
        Filter("urgency", "Urgency", "urgency"),
        Filter("decision", "Kind", "decision"),
        Filter("maker", "By", "decision_maker"),
        *_WHOSE,
    ),
    searched=("account_name", "title", "why"),
    order='"rank", account_id, decision',
    key='"rank", account_id, decision',
    counted="urgency",
)
RETENTION = Listing(
    source="account_churn",
    columns=(
        Column("account_name", "Account", "account"),
        Column("intervention_priority", "Worth stepping in", "money", numeric=True),
        Column("expected_loss", "Expected loss", "money", numeric=True),
        Column("acts_on_probability", "Churn", "percent", numeric=True),
        Column("arr", "ARR", "money", numeric=True),
        Column("final_status", "Status", "status"),
        Column("renewal_date", "Renews", "due"),
        Column("csm_name", "CSM", "name"),
        Column("probability_reason", "Why", "words", sortable=False),
    ),
    filters=(Filter("status", "Status", "final_status"), Filter("csm", "CSM", "csm_name"), *_WHOSE),
    searched=("account_name", "owner_name", "csm_name"),
    order="intervention_priority desc nulls last, account_id",
    key="account_id",
)
EXPANSIONS = Listing(
    source="expansion_pipeline",
    columns=(
        Column("account_name", "Account", "account"),
        Column("type", "Type"),
        Column("priority", "Priority", "priority", order='"rank"'),
        Column("expected_arr", "Expected", "money", numeric=True),
        Column("potential_arr", "Potential", "money", numeric=True),
        Column("close_probability", "Chance", "chance", numeric=True),
        Column("qualified", "Qualified", "yes"),
        Column("timing", "Timing"),
        Column("ae_name", "AE", "name"),
        Column("justification", "Why", "words", sortable=False),
    ),
    filters=(
        Filter("priority", "Priority", "priority"),
        Filter("type", "Type", "type"),
        Filter("qualified", "Qualified", "qualified", "flag"),
        *_WHOSE,
    ),
    searched=("account_name", "ae_name", "justification"),
    order='"rank", account_id, type',
    key='"rank", account_id, type',
    counted="priority",
)


def _scope(visit: Visit) -> tuple[Question, Portfolio, dict[str, Sequence[str] | None]]:
    """The filters of the URL, the portfolio they leave, and what else may be chosen."""
    question = SCOPE.ask(visit.request.query_params)
    choices = {}
    for one in SCOPE.filters:
        rows = visit.reader.rows(
            f"select distinct {one.column} as value from {{account_health}}"  # noqa: S608 - a column of our own
            f" where {one.column} is not null order by 1"
        )
        choices[one.name] = [row["value"] for row in rows]
    return question, Portfolio(visit.reader, question), choices


def _now(visit: Visit) -> Any:
    return quarter_start(visit.today, visit.policies.calendar.fiscal_year_start_month)


@router.get("/portfolio")
def dashboard(visit: Visit = Depends(_may)) -> Response:
    """The executive dashboard, of the accounts one sees."""
    question, portfolio, choices = _scope(visit)
    figures = visit.policies.reports.dashboard
    trends = portfolio.trends(visit.today, visit.policies.calendar.fiscal_year_start_month, figures.flat_below_pct)
    quarters = portfolio.quarters(_now(visit))[:QUARTERS_SHOWN]
    money = visit.request.app.state.templates.filters["money"]
    return visit.page(
        "portfolio.html.j2",
        question=question,
        choices=choices,
        sentences=summary(portfolio, trends, quarters, money),
        statuses=portfolio.by_status(),
        urgencies=portfolio.by_urgency(),
        priorities=portfolio.by_priority(),
        decisions=portfolio.decisions(figures.listed),
        at_stake=portfolio.at_stake(figures.listed),
        expansions=portfolio.expansions(figures.listed),
        trends=trends,
        mix=portfolio.mix(),
        quarters=quarters,
        order=STATUSES,
        looks=LOOKS,
    )


@router.get("/portfolio/renewals")
def renewals(visit: Visit = Depends(_may)) -> Response:
    """The renewal forecast by fiscal quarter, what stands behind a quarter, and what was kept so far."""
    question, portfolio, choices = _scope(visit)
    by = _one_of(visit, "by", tuple(DIMENSIONS))
    since = _now(visit)
    quarters = portfolio.quarters(since)[:QUARTERS_SHOWN]
    labels = tuple(one.label for one in quarters)
    chosen = _one_of(visit, "quarter", labels) if visit.request.query_params.get("quarter") else None
    accounts: list[Row] = []
    if chosen:
        start = next(one.starts_on for one in quarters if one.label == chosen)
        where, values = question.where()
        accounts = visit.reader.rows(
            "select account_id, account_name, renewal_date, arr, status, acts_on_probability, expected_loss, owner_name"  # noqa: S608
            f" from {{account_churn}} where {where} and renewal_date >= $start and renewal_date < $until"
            " order by arr desc nulls last, account_id limit $most",
            **values,
            start=start,
            until=quarter_start(start + timedelta(days=100), visit.policies.calendar.fiscal_year_start_month),
            most=visit.policies.portal.rows_a_page,
        )
    return visit.page(
        "portfolio_renewals.html.j2",
        question=question,
        choices=choices,
        quarters=quarters,
        chosen=chosen,
        by=by,
        dimensions=tuple(DIMENSIONS),
        by_value=portfolio.renewals_by(by, (chosen,) if chosen else labels),
        accounts=accounts,
        retention=portfolio.retention(since),
        order=STATUSES,
        looks=LOOKS,
    )


@router.get("/portfolio/performance")
def performance(visit: Visit = Depends(_may)) -> Response:
    """How health checks are done, and what customers answer."""
    seen = visit.reader.rows("select distinct dimension from {health_check_performance}")
    dimensions = tuple(name for name in ("all", "geo", "region", "owner") if name in {row["dimension"] for row in seen})
    by = _one_of(visit, "by", dimensions or ("all",))
    rows = visit.reader.rows(
        "select * from {health_check_performance} where dimension = $by and quarter_starts_on <= $today"
        " order by quarter_starts_on, value",
        by=by,
        today=visit.today,
    )
    starts = sorted({row["quarter_starts_on"] for row in rows})[-QUARTERS_SHOWN:]
    shown = [row for row in rows if row["quarter_starts_on"] in starts]
    quarters = list(dict.fromkeys(row["fiscal_quarter"] for row in shown))
    chosen = _one_of(visit, "quarter", tuple(reversed(quarters))) if quarters else None
    return visit.page(
        "portfolio_performance.html.j2",
        by=by,
        dimensions=dimensions,
        quarters=quarters,
        chosen=chosen,
        columns=_outcomes(shown, quarters),
        rows=[row for row in shown if by == "all" or row["fiscal_quarter"] == chosen],
        nps=_nps(visit, ""),
        nps_by_segment=_nps(visit, "segment"),
        whole=_who_sees_all(visit),
    )


def _outcomes(rows: Sequence[Row], quarters: Sequence[str]) -> list[tuple[str, dict[str, int]]]:
    names = {"completed": "on time", "completed_late": "late", "past_due": "past due", "missed": "missed"}
    return [
        (
            quarter,
            {
                shown: sum(row[name] for row in rows if row["fiscal_quarter"] == quarter)
                for name, shown in names.items()
            },
        )
        for quarter in quarters
    ]


def _nps(visit: Visit, by: str) -> list[Row]:
    """NPS by fiscal quarter, or of the last year by segment, with its interval and how many answered."""
    label = "segment" if by else "fiscal_quarter"
    since = quarter_start(
        visit.today - timedelta(days=365 if by else 730), visit.policies.calendar.fiscal_year_start_month
    )
    return visit.reader.rows(
        "with summed as ("  # noqa: S608 - names of our own
        f"select {label} as label, min(quarter_starts_on) as starts_on, sum(sent)::int as sent,"
        " sum(answered)::int as answered, sum(answers)::int as n, sum(promoters)::int as promoters,"
        " sum(passives)::int as passives, sum(detractors)::int as detractors"
        " from {nps_summary} where quarter_starts_on > $since group by 1),"
        " measured as (select *, 100.0 * (promoters - detractors) / nullif(n, 0) as nps,"
        " 100 * $deviations * sqrt((n * (promoters + detractors) - (promoters - detractors) ** 2)"
        " / nullif(n::double ** 3, 0)) as half from summed)"
        " select *, greatest(nps - half, -100) as nps_low, least(nps + half, 100) as nps_high from measured"
        " order by starts_on, label",
        since=since,
        deviations=float(visit.policies.surveys.nps.z),
    )


@router.get("/portfolio/predictions")
def predictions(visit: Visit = Depends(_may)) -> Response:
    """How well churn was foretold, and what the policy's values would be if fitted to what happened."""
    rows = visit.reader.rows(
        "select * from {score_backtest} where account_id is null"
        " order by section, horizon_days, predictor, item_order, measure"
    )
    horizons = tuple(sorted({row["horizon_days"] for row in rows if row["horizon_days"]}))
    horizon = int(_one_of(visit, "days", tuple(map(str, horizons)))) if horizons else None
    of_horizon = [row for row in rows if row["horizon_days"] == horizon]
    return visit.page(
        "portfolio_predictions.html.j2",
        horizons=horizons,
        horizon=horizon,
        points=_said_and_happened(of_horizon, "churn_probability"),
        quality=[row for row in of_horizon if row["section"] in ("auc", "brier")],
        deciles=_by_item(of_horizon, "deciles"),
        statuses=_by_item(of_horizon, "status"),
        warnings=[row for row in rows if row["section"] == "warning"],
        suggestions=visit.reader.rows("select * from {calibration} order by kind, parameter_order"),
        whole=_who_sees_all(visit),
    )


def _said_and_happened(rows: Sequence[Row], predictor: str) -> list[tuple[Any, Any, int]]:
    bands: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row["section"] == "calibration" and row["predictor"] == predictor:
            bands.setdefault(row["item"], {})[row["measure"]] = row
    return [
        (band["said"]["figure"], band["happened"]["figure"], band["happened"]["accounts"])
        for band in bands.values()
        if {"said", "happened"} <= band.keys()
        and band["said"]["figure"] is not None
        and band["happened"]["figure"] is not None
    ]


def _by_item(rows: Sequence[Row], section: str) -> list[dict[str, Any]]:
    """The items of a section in their order, each with its rows by measure."""
    items: dict[str, dict[str, Row]] = {}
    for row in sorted((row for row in rows if row["section"] == section), key=lambda row: row["item_order"]):
        items.setdefault(row["item"], {})[row["measure"]] = row
    return [{"item": item, "measures": measures} for item, measures in items.items()]


REPORTS = ("weekly_review", "monthly_report", "playbook_review")


@router.get("/portfolio/reviews")
def reviews(visit: Visit = Depends(_may)) -> Response:
    """The weekly review, the monthly report and the playbook review, as they were last made."""
    report = _one_of(visit, "report", REPORTS)
    rows = visit.reader.rows(
        f'select * from {{{report}}} order by section_place, "rank", account_id'  # noqa: S608 - one of three names
    )
    sections: dict[str, list[Row]] = {}
    for row in rows:
        sections.setdefault(row["section"], []).append(row)
    return visit.page(
        "portfolio_reviews.html.j2",
        report=report,
        reports=REPORTS,
        sections=sections,
        made_on=max((row["made_on"] for row in rows), default=None),
        metrics=visit.reader.rows('select * from {success_metrics} order by "rank"'),
        whole=_who_sees_all(visit),
    )


@router.get("/portfolio/decisions")
def decisions(visit: Visit = Depends(_may)) -> Response:
    """Every decision that waits for executives."""
    return _list(visit, DECISIONS, "decisions")


@router.get("/portfolio/retention")
def retention(visit: Visit = Depends(_may)) -> Response:
    """Every account by what an intervention is worth."""
    return _list(visit, RETENTION, "retention")


@router.get("/portfolio/expansions")
def expansions(visit: Visit = Depends(_may)) -> Response:
    """The expansion pipeline."""
    return _list(visit, EXPANSIONS, "expansions")


def _list(visit: Visit, listing: Listing, name: str) -> Response:
    question = listing.ask(visit.request.query_params)
    found = answer(visit.reader, question, visit.policies.portal.rows_a_page)
    return visit.page("portfolio_list.html.j2", found=found, name=name)


def _who_sees_all(visit: Visit) -> str:
    """The roles that see figures of the whole company, for those who don't; empty for who does."""
    if visit.viewer.sees_all:
        return ""
    rows = visit.policies.access.rows
    return ", ".join(name for name in type(rows).model_fields if getattr(rows, name) == "all")


def _one_of(visit: Visit, name: str, known: Sequence[str]) -> str:
    """What the URL asks for, the first where it doesn't; raises QuestionError for what isn't there."""
    asked = visit.request.query_params.get(name) or known[0]
    if asked not in known:
        raise QuestionError(f"{name} is one of {', '.join(known)}, not {asked[:60]}")
    return asked
