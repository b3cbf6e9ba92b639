"""What is wrong in the sources: the issues one can mend, taking one as it is until a day, and the scorecard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.responses import Response

from orchestration.actions.sync import local_day
from orchestration.ledger.store import utc_now
from orchestration.operations.acceptances import (
    ACCEPTED,
    Acceptance,
    AcceptanceError,
    ConflictError,
    NotAllowedError,
    accept,
    holds,
    latest_by_issue,
    read_acceptances,
    withdraw,
)
from portal import audit
from portal.access import OlderPublicationError, Row
from portal.listing import Column, Filter, Listing, Question, answer
from portal.web import Allowed, PageRoute, Refusal, Visit, absent, checked_form, safe_path

router = APIRouter(route_class=PageRoute)
PATH = "/hygiene"

ISSUES = Listing(
    source=(
        "(select *, coalesce(mended_by, mended_by_role) as mender,"
        " case severity when 'critical' then 1 when 'warning' then 2 else 3 end as grade"
        " from {hygiene_issues})"
    ),
    columns=(
        Column("sentence", "What is wrong", "sentence", sortable=False),
        Column("account_name", "Account", "account"),
        Column("severity", "Severity", "severity", order="grade"),
        Column("expected", "Expected", "value", sortable=False),
        Column("actual", "Actual", "value", sortable=False),
        Column("mender", "To be mended by", "mender"),
        Column("first_seen", "Since", "since"),
        Column("status", "Status", "standing"),
    ),
    filters=(
        Filter("status", "Status", "status"),
        Filter("mender", "To be mended by", "mender"),
        Filter("account", "Account", "account_id"),
        Filter("rule", "Rule", "rule"),
        Filter("severity", "Severity", "severity"),
        Filter("source", "Source", "source"),
        Filter("stream", "Stream", "stream"),
        Filter("owner", "Owner", "owner_name"),
        Filter("geo", "GEO", "geo"),
    ),
    searched=("account_name", "sentence", "rule", "record_key"),
    order="grade, first_seen, issue_id",
    key="issue_id, account_id, cleared_on, mended_by, mended_by_role, accepted_until",
    counted="status",
)

SCORECARD = Listing(
    source=(
        "(select *, round(100.0 * cleared_issues / nullif(open_issues + cleared_issues + accepted_issues, 0), 1)"
        " as cleared_rate from {hygiene_scorecard})"
    ),
    columns=(
        Column("rule", "Rule", "text"),
        Column("owner_name", "Owner", "name"),
        Column("geo", "GEO", "name"),
        Column("open_issues", "Open", "number", numeric=True),
        Column("change_in_open", "Change", "signed", numeric=True),
        Column("trend", "Trend", "trend"),
        Column("accepted_issues", "Accepted", "number", numeric=True),
        Column("cleared_issues", "Cleared", "number", numeric=True),
        Column("cleared_rate", "Cleared, %", "percent", numeric=True),
        Column("median_days_to_clear", "Median days to clear", "number", numeric=True),
    ),
    filters=(
        Filter("trend", "Trend", "trend"),
        Filter("rule", "Rule", "rule"),
        Filter("owner", "Owner", "owner_name"),
        Filter("geo", "GEO", "geo"),
    ),
    searched=("rule", "owner_name"),
    order="open_issues desc, rule, owner_name, geo",
    key="rule, owner_name, geo",
    counted="trend",
)


@router.get(PATH)
def issues(visit: Visit = Depends(Allowed())) -> Response:
    """Issues as a table: those that are open and the viewer can mend, where nothing else is asked for."""
    _must_know_acceptances(visit)
    question = ISSUES.ask(visit.request.query_params)
    own = visit.reader.rows(
        f"select mended_by, count(*) as n from {ISSUES.relation}"  # noqa: S608 - a declared listing
        " where status = 'open' and list_contains($viewer_names, lower(trim(mended_by))) group by 1 order by 1"
    )
    mine = tuple(row["mended_by"] for row in own)
    if mine and not question.is_narrowed:
        question = _chosen(question, "mender", mine)
    if "status" not in question.chosen:
        question = _chosen(question, "status", ("open",))
    found = answer(visit.reader, question, visit.policies.portal.rows_a_page)
    made = _made(visit)
    return visit.page(
        "hygiene.html.j2",
        found=found,
        mine=mine,
        mine_count=sum(row["n"] for row in own),
        shown={row["issue_id"]: _shown(visit, row, made) for row in found.rows},
        may=_may(visit),
    )


@router.get(f"{PATH}/scorecard")
def scorecard(visit: Visit = Depends(Allowed())) -> Response:
    """How much is open and how fast it is mended, by rule, owner and GEO."""
    question = SCORECARD.ask(visit.request.query_params)
    found = answer(visit.reader, question, visit.policies.portal.rows_a_page)
    where, values = question.where()
    totals = visit.reader.row(
        "select sum(open_issues) as open, sum(accepted_issues) as accepted, sum(cleared_issues) as cleared,"  # noqa: S608
        f" sum(change_in_open) as change from {SCORECARD.relation} where {where}",
        **values,
    )
    return visit.page("hygiene_scorecard.html.j2", found=found, totals=totals)


@router.get(f"{PATH}/{{issue_id}}")
def issue(issue_id: str, visit: Visit = Depends(Allowed())) -> Response:
    """One issue, and taking it as it is."""
    return _page(visit, _one(visit, issue_id))


@router.post(f"{PATH}/{{issue_id}}")
def decide(
    issue_id: str, visit: Visit = Depends(Allowed(writes=True)), form: FormData = Depends(checked_form)
) -> Response:
    """Accept an issue until a day, or take that back; the next refresh shows it."""
    row = _one(visit, issue_id)
    decision, reason, seen = (_text(form, name) for name in ("decision", "reason", "seen"))
    last = _made(visit).get(issue_id)
    viewer, folder, access = visit.viewer, visit.portal.settings.operations_path, visit.policies.access
    today, now = _today(visit), datetime.now(UTC)
    try:
        if decision == "accept":
            if row["status"] == "cleared":
                raise AcceptanceError("the issue has cleared, so there is nothing to accept")
            until = _day(_text(form, "until"))
            accept(folder, access, issue_id, reason, viewer.person, until, today, now, viewer.roles, seen or "")
        elif decision == "withdraw":
            if row["status"] != ACCEPTED and not holds(last, today):
                raise AcceptanceError("the issue isn't accepted, so there is nothing to take back")
            withdraw(folder, access, issue_id, reason, viewer.person, today, now, viewer.roles, seen or "")
        else:
            raise Refusal(400, "No such decision", "There is: accept, withdraw.")
    except AcceptanceError as error:
        if isinstance(error, NotAllowedError):
            visit.audit(audit.Event.DENIED, issue_id, account_id=row["account_id"], detail=f"{decision}: {error}")
        return _page(visit, row, error, form)
    what = f"until {form.get('until')}: {reason}" if decision == "accept" else f"taken back: {reason or ''}"
    visit.audit(audit.Event.HYGIENE_ACCEPTED, issue_id, account_id=row["account_id"], detail=what)
    said = "Accepted, from the next refresh." if decision == "accept" else "Taken back, from the next refresh."
    return visit.back(_back(form.get("back")), said)


def _must_know_acceptances(visit: Visit) -> None:
    if "accepted_until" not in visit.reader.columns("hygiene_issues"):
        raise OlderPublicationError("hygiene_issues.accepted_until")


def _chosen(question: Question, name: str, values: tuple[str, ...]) -> Question:
    return replace(question, chosen={**question.chosen, name: values})


def _one(visit: Visit, issue_id: str) -> Row:
    _must_know_acceptances(visit)
    row = visit.reader.row(f"select * from {ISSUES.relation} where issue_id = $issue_id", issue_id=issue_id)  # noqa: S608
    if row is None:
        raise absent()
    return row


def _made(visit: Visit) -> Mapping[str, Acceptance]:
    """The last acceptance of every issue that this home has."""
    try:
        return latest_by_issue(read_acceptances(visit.portal.settings.operations_path))
    except AcceptanceError as error:
        raise Refusal(500, "Acceptances can't be read", f"{error}.") from None


def _shown(visit: Visit, row: Row, made: Mapping[str, Acceptance]) -> dict[str, object]:
    """What a row shows beside its columns: what the next refresh will make of it, and what the viewer may do."""
    last, today = made.get(row["issue_id"]), _today(visit)
    is_accepted = row["status"] == ACCEPTED
    coming = None
    if holds(last, today) and row["status"] != "cleared":
        if not is_accepted or str(row["accepted_until"]) != last.accepted_until:
            coming = f"accepted until {last.accepted_until} by {last.accepted_by}, from the next refresh"
    elif last is not None and last.status != ACCEPTED and is_accepted:
        coming = f"taken back by {last.accepted_by}, from the next refresh"
    held = holds(last, today) if last is not None else is_accepted
    return {
        "seen": last.acceptance_id if last else "",
        "coming": coming,
        "coming_reason": last.reason if coming and last else None,
        "can_accept": row["status"] != "cleared" and not held,
        "can_withdraw": row["status"] != "cleared" and held,
    }


def _page(visit: Visit, row: Row, error: AcceptanceError | None = None, form: FormData | None = None) -> Response:
    text = str(error or "")
    status = 200
    if error is not None:
        status = 403 if isinstance(error, NotAllowedError) else 409 if isinstance(error, ConflictError) else 400
    return visit.page(
        "hygiene_issue.html.j2",
        status=status,
        row=row,
        more=_shown(visit, row, _made(visit)),
        days=_days(visit),
        may=_may(visit),
        problem=f"{text[0].upper()}{text[1:]}{'' if text.endswith('.') else '.'}" if text else None,
        typed={name: _text(form, name) or "" for name in ("reason", "until")} if form else {},
        back=_back(form.get("back") if form else visit.request.query_params.get("back")),
    )


def _may(visit: Visit) -> bool:
    return visit.viewer.may(*visit.policies.access.hygiene.accepted_by)


def _today(visit: Visit) -> date:
    return local_day(utc_now(), visit.policies)


def _days(visit: Visit) -> tuple[date, date]:
    """The first and last day until which an issue can be accepted."""
    today = _today(visit)
    return today + timedelta(days=1), today + timedelta(days=visit.policies.access.hygiene.accepted_most_days)


def _day(text: str | None) -> date:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        raise AcceptanceError("accepting an issue needs its last day") from None


def _text(form: FormData, name: str) -> str | None:
    value = form.get(name)
    return value.strip() or None if isinstance(value, str) else None


def _back(path: object) -> str:
    return safe_path(path) if isinstance(path, str) and path else PATH
