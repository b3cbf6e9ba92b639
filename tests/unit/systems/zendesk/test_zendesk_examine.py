"""What doctor says of a support desk: everything that works, and how to mend what doesn't."""

from __future__ import annotations

from typing import Any

import pytest

from orchestration.systems.base import Found

ME = "GET /api/v2/users/me*"
FORBIDDEN = {"error": {"title": "Forbidden", "message": "You do not have access to this page."}}


@pytest.fixture(autouse=True)
def everything_asked_for(desk: Any) -> None:
    desk.with_all_columns()


def examined(desk: Any) -> dict[str, Found]:
    system = desk.system()
    try:
        return {found.what: found for found in system.examine([desk.source])}
    finally:
        system.close()


def wrong(found: dict[str, Found]) -> dict[str, str]:
    return {what: one.mend for what, one in found.items() if one.mend is not None}


def test_what_works_is_said(desk: Any) -> None:
    found = examined(desk)
    assert wrong(found) == {}
    assert list(found) == [
        "sign-in",
        "role",
        "tickets",
        *(f"desk: {field}" for field in desk.source.fields),
        "SLA events",
        "organizations",
    ]
    assert found["sign-in"].words == "signed in as Integration"
    assert found["desk: metric_set.solved_at"].words == "there"
    assert found["desk: sla_met"].words == "made here"
    # A look at each, no more.
    assert len(desk.simulator.calls) == 5


@pytest.mark.parametrize(
    ("fault", "words", "mend"),
    [
        ({"status": 401, "body": {"error": "Couldn't authenticate you"}}, "the sign-in was refused", "make a new one"),
        ({"status": 200, "body": {"user": {"id": None, "role": "end-user"}}}, "an anonymous one", "the token active"),
        ({"status": 404, "body": "no such account"}, "it answered 404", "nothing is lost"),
    ],
)
def test_nothing_else_is_tried_where_nobody_signs_in(desk: Any, fault: dict[str, Any], words: str, mend: str) -> None:
    desk.faults.add("status", ME, times=None, **fault)
    (found,) = examined(desk).values()
    assert words in found.words
    assert mend in found.mend or found.mend == "look at the account"
    assert desk.secret not in found.words + found.mend


def test_a_role_that_may_not_export_is_told(desk: Any) -> None:
    desk.faults.add("status", ME, status=200, body={"user": {"id": 7, "name": "Ira", "role": "agent"}})
    desk.faults.add("status", "GET /api/v2/incremental/*", times=None, status=403, body=FORBIDDEN)
    found = examined(desk)
    assert wrong(found).keys() == {"role", "tickets", "SLA events"}
    assert found["role"].words == "agent instead of admin"
    assert "for admins only" in found["role"].mend
    assert found["tickets"].mend == "give that role to the user of the token, or use another's token"


def test_each_list_that_is_forbidden_is_told(desk: Any) -> None:
    topic = next(field["id"] for field in desk.company.rows("ticket_field") if field["title"] == "Topic")
    desk.columns |= {"topic": f"custom_fields.{topic}"}
    for path in ("organizations", "ticket_fields"):
        desk.faults.add("status", f"GET /api/v2/{path}*", times=None, status=403, body=FORBIDDEN)
    assert wrong(examined(desk)).keys() == {"own fields", "organizations", f"desk: custom_fields.{topic}"}


def test_fields_that_are_not_there_are_told(desk: Any) -> None:
    topic = next(field["id"] for field in desk.company.rows("ticket_field") if field["title"] == "Topic")
    desk.columns |= {"topic": ["custom_fields.1", f"custom_fields.{topic}", "subject"], "sentiment": "sentimnt"}
    desk.source_facts = {"extra": ["satisfaction_rating.reason", "via.channel"]}
    found = examined(desk)
    assert wrong(found).keys() == {
        f"desk: {field}" for field in ("custom_fields.1", "subject", "sentimnt", "satisfaction_rating.reason")
    }
    assert found[f"desk: custom_fields.{topic}"].words == "there"
    assert f"custom_fields.{topic} is Topic" in found["desk: custom_fields.1"].mend
    assert "the first 38 tickets" in found["desk: satisfaction_rating.reason"].words


def test_an_account_without_tickets_is_no_fault(desk: Any) -> None:
    desk.company.tables["ticket"].clear()
    found = examined(desk)
    assert wrong(found) == {}
    assert found["desk: priority"].words == "no ticket to see it in"
