"""The first page: which contracts are due a health check, the most urgent first."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.responses import Response

from portal.listing import Column, Filter, Listing, answer
from portal.web import Allowed, Visit

router = APIRouter()

CANDIDATES = Listing(
    source="health_check_candidates",
    columns=(
        Column("account_name", "Account", "account"),
        Column("status", "Status", "status", order='"rank"'),
        Column("due_date", "Due", "due"),
        Column("amount", "Amount", "money", numeric=True),
        Column("health_score", "Health", "health", numeric=True),
        Column("product", "Product"),
        Column("owner_name", "Owner", "name"),
        Column("region", "Region", "area"),
        Column("flag_reason", "Why", "why", sortable=False),
    ),
    filters=(
        Filter("status", "Status", "status"),
        Filter("owner", "Owner", "owner_name"),
        Filter("geo", "GEO", "geo"),
        Filter("region", "Region", "region"),
        Filter("segment", "Segment", "segment"),
        Filter("product", "Product", "product"),
    ),
    searched=("account_name", "product", "owner_name", "contract_id"),
    order='"rank"',
    key='"rank", account_id, contract_id, target_id, geo, segment, health_status, days_to_due, near_miss',
    counted="status",
)


@router.get("/")
def targets(visit: Visit = Depends(Allowed())) -> Response:
    """Candidates as a table that the URL filters and sorts."""
    question = CANDIDATES.ask(visit.request.query_params)
    found = answer(visit.reader, question, visit.policies.portal.rows_a_page)
    return visit.page("targets.html.j2", found=found)
