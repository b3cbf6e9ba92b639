"""SLA events of a support desk: what they say of a ticket, and an export by time that could loop for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestration.systems.http import ApiError

EVENTS = "GET /api/v2/incremental/ticket_metric_events*"
OPENED = datetime(2026, 6, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def sla_asked_for(desk: Any) -> None:
    """The column that needs them, and no event but the test's own."""
    desk.columns |= {"sla_met": "sla_met"}
    desk.company.tables["metric_event"].clear()


def event(desk: Any, ticket: int, kind: str, at: datetime = OPENED, **more: Any) -> int:
    return desk.company.add("metric_event", at=at, ticket_id=ticket, metric="reply_time", type=kind, **more)


def met(desk: Any) -> dict[str, str]:
    """What is said of tickets, where anything is."""
    return {ticket: row["sla_met"] for ticket, row in desk.rows().items() if row["sla_met"]}


def test_a_breach_is_not_met_and_an_sla_without_one_is(desk: Any) -> None:
    for kind in ("activate", "fulfill", "update_status"):
        event(desk, 1, kind)
    for kind in ("activate", "apply_sla", "fulfill"):
        event(desk, 2, kind)
    for kind in ("apply_sla", "breach", "fulfill"):
        event(desk, 3, kind, deleted=False)
    # A breach is one whatever was applied, and of whichever metric.
    event(desk, 4, "breach")
    event(desk, 5, "apply_group_sla")
    event(desk, 8, "apply_sla")
    event(desk, 8, "breach", deleted=True)
    desk.pull()
    assert met(desk) == {"2": "true", "3": "false", "4": "false", "5": "true", "8": "true"}


def test_a_breach_shows_without_a_change_of_the_ticket(desk: Any) -> None:
    event(desk, 2, "apply_sla")
    desk.pull()
    event(desk, 2, "breach", at=OPENED + timedelta(minutes=30))
    assert desk.pull().rows == 0
    assert met(desk) == {"2": "false"}


def test_events_that_commit_late_are_seen_within_the_lookback(desk: Any) -> None:
    event(desk, 2, "apply_sla")
    desk.pull()
    event(desk, 3, "breach", at=OPENED - timedelta(minutes=59))
    event(desk, 4, "breach", at=OPENED - timedelta(minutes=61))
    desk.pull()
    assert met(desk) == {"2": "true", "3": "false"}
    # What is older is seen when everything is read.
    desk.pull(whole=True)
    assert met(desk) == {"2": "true", "3": "false", "4": "false"}


def test_a_breach_that_was_taken_back_is_seen_with_the_next_whole_pull(desk: Any) -> None:
    event(desk, 2, "apply_sla")
    breach = event(desk, 2, "breach")
    event(desk, 3, "apply_sla", at=OPENED + timedelta(days=3))
    desk.pull()
    desk.company.get("metric_event", breach)["deleted"] = True
    desk.pull()
    assert met(desk)["2"] == "false"
    desk.now += timedelta(days=desk.pulling.whole_every_days)
    desk.pull()
    assert met(desk)["2"] == "true"


@pytest.mark.parametrize("at_end", [False, True])
def test_more_events_in_a_second_than_a_page_holds_are_all_read(desk: Any, at_end: bool) -> None:
    desk.zendesk.page_rows = 4
    event(desk, 1, "apply_sla", at=OPENED - timedelta(hours=1))
    for ticket in range(2, 25):
        event(desk, ticket, "breach")
    if not at_end:
        event(desk, 25, "breach", at=OPENED + timedelta(seconds=1))
        event(desk, 26, "apply_sla", at=OPENED + timedelta(hours=1))
    desk.pull()
    there = desk.rows().keys()
    assert met(desk) == {
        ticket: "true" if ticket in ("1", "26") else "false"
        for ticket in map(str, range(1, 25 if at_end else 27))
        if ticket in there
    }
    assert len(desk.simulator.called(EVENTS)) < 20


def test_a_cursor_that_comes_again_is_an_error(desk: Any) -> None:
    desk.zendesk.page_rows = 2
    for ticket in range(1, 9):
        event(desk, ticket, "breach")
    desk.pull()
    before = (desk.folder / "tickets.csv").read_bytes()
    event(desk, 9, "breach")
    same = {"ticket_metric_events": [], "meta": {"has_more": True, "after_cursor": "x"}}
    # To that second, to find that it stands still, and then by cursor.
    desk.faults.add("status", EVENTS, after=2, times=None, status=200, body=same)
    with pytest.raises(ApiError, match="names a page that was read already as the next one"):
        desk.pull()
    assert len(desk.simulator.called(EVENTS)) < 10
    assert (desk.folder / "tickets.csv").read_bytes() == before
    desk.faults.clear()
    desk.pull()
    assert met(desk) == {str(ticket): "false" for ticket in range(1, 10)}


def test_an_account_that_says_where_the_end_is_is_asked_once(desk: Any) -> None:
    told = {"id": 1, "ticket_id": 2, "type": "breach", "time": "2026-06-20T12:00:00Z"}
    body = {"ticket_metric_events": [told], "end_time": 1_781_956_800, "end_of_stream": True}
    desk.faults.add("status", EVENTS, status=200, body=body)
    desk.pull()
    assert len(desk.simulator.called(EVENTS)) == 1
    assert met(desk) == {"2": "false"}


def test_without_the_column_no_event_is_asked_for(desk: Any) -> None:
    del desk.columns["sla_met"]
    desk.pull()
    assert desk.simulator.called(EVENTS) == []


@pytest.mark.parametrize("body", [[], {"ticket_metric_events": None}])
def test_an_answer_that_is_none_is_told(desk: Any, body: Any) -> None:
    desk.faults.add("status", EVENTS, times=None, status=200, body=body)
    with pytest.raises(ApiError, match="the answer has no SLA events"):
        desk.pull()
