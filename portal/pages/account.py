"""Accounts: the list that finds any of them, and the brief of one."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.responses import Response

from portal.brief import CRITERIA, FACTORS, brief_of, status_bands
from portal.listing import Column, Filter, Listing, answer
from portal.next_up import next_up
from portal.web import Allowed, PageRoute, Visit, absent

router = APIRouter(route_class=PageRoute)
_NEXT = 5

# Every account, also those without a score; what those have beside it stands where it is published.
ACCOUNTS = Listing(
    source=(
        "(select s.account_id, s.account_name, s.score, s.status, s.final_status, s.tier, s.confidence,"
        " s.change_month, s.churn_probability, s.arr, s.days_to_renewal, s.owner_name, s.csm_name, s.geo, s.region,"
        " s.segment, s.lifecycle, s.is_churned, s.is_scored, coalesce(s.alerts_open, 0) as alerts_open"
        " from {account_signals} s)"
    ),
    columns=(
        Column("account_name", "Account", "account"),
        Column("final_status", "Status", "status"),
        Column("score", "Score", "score", numeric=True),
        Column("change_month", "Month", "change", numeric=True),
        Column("churn_probability", "Churn", "churn", numeric=True),
        Column("arr", "ARR", "money", numeric=True),
        Column("days_to_renewal", "Renewal", "renewal", numeric=True),
        Column("alerts_open", "Alerts", "alerts", numeric=True),
        Column("owner_name", "Owner", "name"),
        Column("region", "Region", "area"),
    ),
    filters=(
        Filter("status", "Status", "final_status"),
        Filter("tier", "Tier", "tier"),
        Filter("owner", "Owner", "owner_name"),
        Filter("csm", "CSM", "csm_name"),
        Filter("geo", "GEO", "geo"),
        Filter("region", "Region", "region"),
        Filter("segment", "Segment", "segment"),
        Filter("churned", "Churned", "is_churned", kind="flag"),
    ),
    searched=("account_name", "account_id", "owner_name", "csm_name"),
    # What may be lost, the most first; who has churned comes last.
    order="is_churned, churn_probability * arr desc nulls last, arr desc nulls last, account_id",
    key="account_id, status, is_churned, is_scored, geo",
    counted="final_status",
)


@router.get("/accounts")
def accounts(visit: Visit = Depends(Allowed())) -> Response:
    """Accounts as a table that the URL filters and sorts."""
    question = ACCOUNTS.ask(visit.request.query_params)
    return visit.page("accounts.html.j2", found=answer(visit.reader, question, visit.policies.portal.rows_a_page))


# An id may hold slashes, so this route comes after those that go on below an account.
@router.get("/accounts/{account_id:path}")
def account(account_id: str, visit: Visit = Depends(Allowed())) -> Response:
    """Everything that is published of an account."""
    brief = brief_of(visit.reader, account_id)
    if brief is None:
        raise absent()
    is_same_policy = visit.reader.manifest.policy_version == visit.portal.policy_version
    bands = status_bands(visit.policies, brief.signals["segment"]) if is_same_policy else []
    return visit.page(
        "account.html.j2",
        account_id=account_id,
        brief=brief,
        bands=bands,
        next_up=next_up(visit, _NEXT, account_id),
        factors=FACTORS,
        criteria=CRITERIA,
    )
