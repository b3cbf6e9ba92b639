"""The first page: which contracts are due a health check, the most urgent first, and what to do next."""

from __future__ import annotations

from decimal import Decimal

from fastapi import APIRouter, Depends
from starlette.responses import Response

from portal.access import Reader, Row
from portal.listing import Column, Filter, Listing, Question, answer
from portal.next_up import next_up
from portal.web import Allowed, PageRoute, Visit

router = APIRouter(route_class=PageRoute)
_NEXT = 5

CANDIDATES = Listing(
    source="health_check_candidates",
    columns=(
        Column("account_name", "Account", "account"),
        Column("status", "Status", "status", order='"rank"'),
        Column("due_date", "Due", "due"),
        Column("amount", "Amount", "money", numeric=True),
        Column("health_score", "Health", "health", numeric=True),
        Column("product", "Product", "name"),
        Column("owner_name", "Owner", "name"),
        Column("region", "Region", "area"),
        Column("flag_reason", "Why", "why", sortable=False),
        Column("target_id", "Deck", "deck", sortable=False),
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
    """Candidates as a table that the URL filters and sorts; unfiltered, with what to do next above it."""
    question = CANDIDATES.ask(visit.request.query_params)
    is_whole = not question.is_narrowed and question.page == 1
    return visit.page(
        "targets.html.j2",
        found=answer(visit.reader, question, visit.policies.portal.rows_a_page),
        past_due=_past_due(visit.reader, question),
        next_up=next_up(visit, _NEXT) if is_whole else (),
        aged=_aged(visit.reader),
    )


def _past_due(reader: Reader, question: Question) -> tuple[int, Decimal | None]:
    """How many contracts are past due and what they are worth; each counts once, however many health checks it has."""
    sheet = reader.edition.sheets.of(CANDIDATES)
    if sheet is None:
        return 0, None
    mask = sheet.matching(sheet.sight(reader.viewer), question, without="status") & sheet.having("status", "past_due")
    return sheet.sum_once(mask, "amount", by="contract_id")


def _aged(reader: Reader) -> list[Row]:
    """Sources that are too old, were left out for it, or couldn't be asked."""
    # Answers with rows are kept: all sources are asked for, since most days none of them is too old.
    sources = reader.rows("from {source_freshness} order by stream, source")
    return [one for one in sources if one["is_stale"] or one["is_omitted"] or one["problem"] is not None]
