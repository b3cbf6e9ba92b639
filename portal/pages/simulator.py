"""What would be: one account, real or described, at a level of automation, by the batch's own models."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from orchestration.policy.actions import LEVELS
from portal.access import Row
from portal.background import BusyError, State, Task
from portal.brief import FACTORS, baseline, profile
from portal.listing import plain
from portal.simulation import (
    BLOCKERS,
    FIELDS,
    LIFECYCLES,
    SEGMENTS,
    Question,
    QuestionError,
    assess,
    level_of,
    typed_of,
)
from portal.web import Allowed, Refusal, Visit, absent

router = APIRouter()
_MOST_FOUND = 12
_LONGEST = 200


@router.get("/simulator")
def simulator(visit: Visit = Depends(Allowed())) -> Response:
    """The forms, and, where the URL asks for an account, what would follow for it or how far that is."""
    query = visit.request.query_params
    words = visit.policies.simulator
    account = _picked(visit, query.get("account", "")[:_LONGEST])
    if account is None and query.get("find", "").strip():
        found = _found(visit, query["find"].strip()[:_LONGEST])
        if len(found) == 1:
            level = {"level": query["level"]} if query.get("level") else {}
            return RedirectResponse(f"/simulator?{urlencode({'account': found[0]['account_id']} | level)}", 303)
    else:
        found = []
    problems: list[str] = []
    question: Question | None = None
    try:
        level = level_of(query)
        typed = None if account else typed_of(visit.policies, query)
        if account or typed:
            question = Question(account["account_id"] if account else "", typed, level)
    except QuestionError as error:
        problems, level = str(error).splitlines(), None
    task = _asked(visit, question)
    return visit.page(
        "simulator.html.j2",
        account=account,
        found=found,
        problems=problems,
        level=level,
        typed=_shown(visit, question),
        task=task,
        ahead=visit.portal.background.ahead(task) if task else 0,
        is_pending=task is not None and not task.state.is_over,
        levels=LEVELS,
        choices={
            "segment": SEGMENTS,
            "lifecycle": LIFECYCLES,
            "usage_trend": tuple(words.words.usage_trend),
            "adoption": tuple(words.words.adoption),
            "blocker": BLOCKERS,
        },
        examples=[(one, urlencode(one.model_dump())) for one in words.examples],
        at_level=lambda name: f"/simulator?{_at_level(visit, name)}",
        **_parts(task),
    )


def _picked(visit: Visit, account_id: str) -> Row | None:
    """The account of that id; one that the viewer doesn't see answers as one that isn't there."""
    if not account_id:
        return None
    row = visit.reader.row(
        "select account_id, account_name from {account_signals} where account_id = $account_id", account_id=account_id
    )
    if row is None:
        raise absent()
    return row


def _found(visit: Visit, text: str) -> list[Row]:
    """Accounts by id or by a part of their name; one alone where the text is exactly its id or name."""
    rows = visit.reader.rows(
        "select account_id, account_name, is_scored, account_id = $text or lower(strip_accents(account_name)) = $plain"
        " as is_exact from {account_signals} where account_id = $text"
        " or contains(lower(strip_accents(account_name)), $plain)"
        " order by is_exact desc, is_scored desc, account_name, account_id limit $most",
        text=text,
        plain=plain(text),
        most=_MOST_FOUND,
    )
    exact = [row for row in rows if row["is_exact"]]
    return exact if len(exact) == 1 else rows


def _asked(visit: Visit, question: Question | None) -> Task | None:
    """The task of a question; raises Refusal where too many wait."""
    if question is None:
        return None
    portal, policies = visit.portal, visit.policies
    key = ("simulation", question, policies.version, visit.reader.edition.snapshot_id)
    arguments = (portal.settings, policies, question, visit.today)
    try:
        return portal.background.ask(key, visit.viewer.person, assess, *arguments)
    except BusyError:
        raise Refusal(
            503, "Too many simulations are waiting", "Try again in a minute.", {"Retry-After": "60"}
        ) from None


def _shown(visit: Visit, question: Question | None) -> dict[str, Any]:
    """What the fields of the form hold: what was typed, good or not, else the policy's ordinary account."""
    ordinary = visit.policies.simulator.ordinary.model_dump()
    typed = question.typed.model_dump() if question and question.typed else {}
    given = {name: visit.request.query_params.get(name) for name in ("name", *FIELDS)}
    return ordinary | {name: value[:_LONGEST] for name, value in given.items() if value} | typed


def _at_level(visit: Visit, level: str) -> str:
    asked = {name: value for name, value in visit.request.query_params.items() if name in ("account", "name", *FIELDS)}
    return urlencode(asked | {"level": level})


def _parts(task: Task | None) -> dict[str, Any]:
    """What the result is shown by."""
    if task is None or task.state is not State.DONE:
        return {"facts": None}
    facts = task.result
    return {
        "facts": facts,
        "factors": FACTORS,
        "fields": baseline(facts.health),
        "profile": profile(facts.health, facts.measures),
        "level_used": ", ".join(sorted({row["level"] for row in facts.actions})),
    }
