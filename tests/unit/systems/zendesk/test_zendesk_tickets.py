"""Tickets of a support desk: whole and by what changed, with everything that may go wrong on the way.

After each fault nothing is lost and nothing doubled: what extraction reads is what the company has.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestration.settings import PROJECT_ROOT
from orchestration.sources.errors import SourceError
from orchestration.systems.http import ApiError, QuotaError

EXPORT = "GET /api/v2/incremental/tickets/*"


def stamp(at: datetime | None) -> str:
    return "" if at is None else at.strftime("%Y-%m-%dT%H:%M:%SZ")


def same(desk: Any) -> bool:
    """Whether what extraction reads is what the company has, ticket for ticket."""
    rows = desk.rows()
    there = {str(row["id"]): row for row in desk.company.rows("ticket") if row["status"] != "deleted"}
    assert rows.keys() == there.keys()
    return all(row["priority"] == (there[key]["priority"] or "") for key, row in rows.items())


# -- what a pull brings ------------------------------------------------------------------------------------------------


def test_everything_the_company_has_is_brought(desk: Any) -> None:
    desk.with_all_columns()
    pulled = desk.pull()
    assert same(desk)
    for key, row in desk.rows().items():
        ticket = desk.company.get("ticket", int(key))
        assert row["created_at"] == stamp(ticket["created_at"])
        assert row["solved_at"] == stamp(ticket["metric_set"]["solved_at"])
        assert row["is_incident"] == (ticket["type"] or "")
        assert row["csat"] == ticket["satisfaction_rating"]["score"]
    assert pulled.files == (desk.folder / "tickets.csv",)
    assert (pulled.source, pulled.stream, pulled.whole) == ("desk", "tickets", True)
    assert (pulled.rows, pulled.records, pulled.deleted) == (38, 37, 1)
    assert dict(pulled.passed_over) == {"deleted_at_source": 1}
    assert pulled.calls == len(desk.simulator.calls) == pulled.pages == 4
    assert pulled.quota == "696 calls left in this minute"
    assert pulled.watermark


def test_then_only_what_changed_is(desk: Any) -> None:
    desk.pull()
    before = (desk.folder / "tickets.csv").read_bytes()
    unchanged = desk.pull()
    assert (unchanged.rows, unchanged.whole) == (0, False)
    assert (desk.folder / "tickets.csv").read_bytes() == before
    new = desk.ticket(priority="high")
    desk.change("1", priority="low")
    desk.company.delete("ticket", 2)
    desk.company.clock.advance(300)
    pulled = desk.pull()
    assert (pulled.rows, pulled.deleted, pulled.whole) == (3, 2, False)
    assert same(desk)
    assert new in desk.rows()
    assert "2" not in desk.rows()


def test_what_no_column_shows_is_no_change(desk: Any) -> None:
    desk.pull()
    before = (desk.folder / "tickets.csv").read_bytes()
    desk.change("1", subject="Another one", assignee_id=5)
    assert desk.pull().rows == 1
    assert (desk.folder / "tickets.csv").read_bytes() == before


def test_everything_is_read_anew_now_and_then(desk: Any) -> None:
    desk.pull()
    desk.company.purge("ticket", 1)
    # A row that commits late, with a stamp that the cursor has passed.
    desk.company.add("ticket", at=datetime(2026, 1, 1, tzinfo=UTC))
    assert (desk.pull().rows, same_keys(desk)) == (0, False)
    desk.now += timedelta(days=desk.pulling.whole_every_days)
    pulled = desk.pull()
    assert (pulled.whole, same(desk)) == (True, True)


def same_keys(desk: Any) -> bool:
    return desk.rows().keys() == desk.expected()


def test_with_another_policy_everything_is_read_anew(desk: Any) -> None:
    desk.pull()
    desk.facts["escalation"] = {"priorities": ["urgent"]}
    assert desk.pull().whole
    assert not desk.pull().whole
    assert desk.pull(whole=True).whole


@pytest.mark.parametrize(
    ("ticket", "rules", "escalated"),
    [
        ({"tags": ["Escalated"]}, {"tags": ["escalated"]}, "true"),
        ({"tags": ["escalated_not"]}, {"tags": ["escalated"]}, "false"),
        ({"group": "escalations"}, {"groups": ["Escalations"]}, "true"),
        ({"group": "Support"}, {"groups": ["Escalations"]}, "false"),
        ({"priority": "urgent"}, {"priorities": ["Urgent"]}, "true"),
        ({"priority": None}, {"priorities": ["urgent"], "tags": ["x"], "groups": ["y"]}, "false"),
        ({"priority": "urgent", "tags": ["escalated"]}, {}, "false"),
    ],
)
def test_what_escalates_is_policy(desk: Any, ticket: dict[str, Any], rules: dict[str, Any], escalated: str) -> None:
    desk.columns |= {"escalated": "escalated"}
    desk.facts["escalation"] = rules
    group = ticket.pop("group", None)
    if group:
        ticket["group_id"] = desk.company.add("group", name=group, deleted=False)
    assert desk.pull().rows
    new = desk.ticket(**ticket)
    desk.pull()
    assert desk.rows()[new]["escalated"] == escalated


def test_a_ticket_that_was_opened_again_is_not_solved(desk: Any) -> None:
    desk.pull()
    assert desk.rows()["2"]["solved_at"]
    desk.change("2", status="open")
    desk.pull()
    assert desk.rows()["2"]["solved_at"] == ""


def test_tickets_made_from_here_are_left_out(desk: Any) -> None:
    ours = desk.ticket(tags=["account_health", "other"])
    desk.pull()
    assert desk.rows().keys() == desk.expected() - {ours}
    # Somebody makes it the customer's own, and another one ours.
    desk.change(ours, tags=["other"])
    desk.change("1", tags=["account_health"])
    desk.pull()
    assert desk.rows().keys() == desk.expected() - {"1"}


def test_own_fields_and_the_first_that_is_filled(desk: Any) -> None:
    topic = next(field["id"] for field in desk.company.rows("ticket_field") if field["title"] == "Topic")
    desk.columns |= {"topic": [f"custom_fields.{topic}", "group.name"]}
    desk.source_facts = {"extra": ["tags", "has_incidents"]}
    odd = 'a "quoted", line\nand more'
    own = desk.ticket(custom_fields=[{"id": topic, "value": odd}], tags=["b", "a"], has_incidents=False)
    many = desk.ticket(custom_fields=[{"id": topic, "value": ["x", "y"]}])
    none = desk.ticket(group_id=desk.company.rows("group")[1]["id"])
    desk.pull()
    rows = desk.rows()
    assert rows[own]["topic"] == odd
    assert (rows[own]["tags"], rows[own]["has_incidents"]) == ("b;a", "false")
    assert (rows[many]["topic"], rows[none]["topic"]) == ("x;y", "Escalations")


def page(desk: Any, ticket: dict[str, Any], **more: Any) -> None:
    """The next page is this one."""
    body = {"tickets": [ticket], "after_cursor": "x", "end_of_stream": True} | more
    desk.faults.add("status", EXPORT, status=200, body=json.dumps(body))


def test_metrics_may_come_beside_the_tickets(desk: Any) -> None:
    metrics = [{"ticket_id": 7, "solved_at": "2026-01-01T00:00:00Z"}]
    page(desk, {"id": 7, "status": "closed", "tags": None, "group_id": None}, metric_sets=metrics)
    desk.pull()
    assert desk.rows()["7"]["solved_at"] == "2026-01-01T00:00:00Z"


def test_letters_that_no_file_can_hold_are_replaced(desk: Any) -> None:
    desk.columns |= {"topic": "external_id"}
    page(desk, {"id": 7, "external_id": "half a letter \ud800 and none\0"})
    desk.pull()
    assert desk.rows()["7"]["topic"] == "half a letter ? and none"


def test_what_people_wrote_is_never_put_down(desk: Any) -> None:
    secret = "Please don't keep this"  # noqa: S105 -- it is none
    said = {"score": "bad", "comment": secret}
    for name in ("subject", "raw_subject", "description", "recipient"):
        desk.ticket(**{name: secret})
    desk.ticket(satisfaction_rating=said, via={"channel": "email", "source": {"from": {"address": secret}}})
    desk.zendesk.page_rows = 5
    looked: list[int] = []

    def look() -> None:
        written = [path.read_bytes() for path in desk.files()]
        assert not any(secret.encode() in text for text in written)
        looked.append(len(written))

    desk.faults.add("meanwhile", EXPORT, times=None, do=look)
    desk.pull()
    look()
    # Pages were looked at while they were there.
    assert max(looked) > 8


# -- faults ------------------------------------------------------------------------------------------------------------


def test_duplicates_across_pages_count_once(desk: Any) -> None:
    desk.zendesk.page_rows = 5
    fault = desk.faults.add("export_duplicates", times=None, rows=3)
    assert desk.pull().rows > 38
    assert fault.struck > 5
    assert same(desk)


def test_a_ticket_that_changes_between_pages_is_the_newer_one(desk: Any) -> None:
    desk.zendesk.page_rows = 5
    first = min(desk.company.rows("ticket"), key=lambda row: (row["generated_timestamp"], row["id"]))
    desk.faults.add("meanwhile", EXPORT, after=3, do=lambda: desk.change(str(first["id"]), priority="urgent"))
    desk.pull()
    assert same(desk)
    assert desk.rows()[str(first["id"])]["priority"] == "urgent"


def test_an_older_version_that_comes_later_changes_nothing(desk: Any) -> None:
    desk.pull()
    changed = desk.company.get("ticket", 1)["generated_timestamp"]
    desk.change("1", priority="normal")
    desk.pull()
    newest = (desk.folder / "tickets.csv").read_bytes()
    # A page that a replica behind the others gave.
    updated_at = stamp(desk.company.get("ticket", 1)["updated_at"])
    page(desk, {"id": 1, "generated_timestamp": changed, "updated_at": updated_at, "priority": "low"})
    assert desk.pull().rows == 1
    assert (desk.folder / "tickets.csv").read_bytes() == newest


def test_an_empty_page_is_not_the_end(desk: Any) -> None:
    desk.zendesk.page_rows = 10
    fault = desk.faults.add("export_empty_page", EXPORT, after=1, times=3)
    desk.pull()
    assert fault.struck == 3
    assert same(desk)


def test_empty_pages_without_end_are_an_error(desk: Any) -> None:
    desk.faults.add("export_empty_page", EXPORT, times=None)
    with pytest.raises(ApiError, match="21 pages of the export of tickets had no ticket, and there is no end"):
        desk.pull()
    assert len(desk.simulator.called(EXPORT)) == 21


@pytest.mark.parametrize("fault", ["export_cursor_repeats", "export_unfinished"])
def test_a_cursor_that_comes_again_is_an_error(desk: Any, fault: str) -> None:
    desk.pull()
    before = (desk.folder / "tickets.csv").read_bytes()
    desk.change("1", priority="low")
    desk.faults.add(fault, EXPORT, times=None)
    with pytest.raises(ApiError) as told:
        desk.pull()
    assert "names a page that was read already as the next one" in str(told.value)
    assert "What to do: pull again later" in str(told.value)
    assert len(desk.simulator.called(EXPORT)) <= 2
    assert (desk.folder / "tickets.csv").read_bytes() == before
    desk.faults.clear()
    desk.pull()
    assert same(desk)


@pytest.mark.parametrize(
    ("fault", "words", "least_seconds"),
    [
        ("throttled", {}, 20),
        ("throttled", {"retry_after": 93}, 93),
        ("html_503", {}, 1),
        ("html_503", {"retry_after": 17}, 17),
        ("html_200", {}, 1),
        ("reset", {}, 1),
        ("answer_lost", {}, 1),
        ("reset_in_body", {}, 1),
        ("ends_in_body", {}, 1),
        ("status", {"status": 500, "body": {"error": "InternalError"}}, 1),
    ],
)
def test_what_passes_is_tried_again(desk: Any, fault: str, words: dict[str, Any], least_seconds: int) -> None:
    desk.with_all_columns()
    desk.zendesk.page_rows = 10
    faults = [
        desk.faults.add(fault, when, after=after, **words)
        for when, after in ((EXPORT, 2), ("GET */ticket_metric_events*", 1), ("GET */organizations*", 0))
    ]
    desk.pull()
    assert [one.struck for one in faults] == [1, 1, 1]
    assert same(desk)
    # A refusal for too many calls, that doesn't say for how long, costs a minute twice: the list has no such limit.
    longest = 2 * 61 + 2 if (fault, words) == ("throttled", {}) else 3 * least_seconds
    longest *= 1.25
    assert 3 * least_seconds <= desk.slept_seconds <= longest


def test_a_call_that_hangs_is_given_up_and_tried_again(desk: Any) -> None:
    desk.calling = desk.calling.model_copy(update={"timeout_seconds": 1})
    desk.faults.add("hangs", EXPORT, seconds=3)
    desk.pull()
    assert same(desk)


def test_the_minute_of_the_limit_is_waited_out_without_retry_after(desk: Any) -> None:
    # The limit is by the minute: waiting that long must be enough, whatever header is missing.
    desk.calling = desk.calling.model_copy(update={"attempts": 2})
    fault = desk.faults.add("throttled", EXPORT)
    desk.pull()
    assert fault.struck == 1
    assert 60 <= desk.slept_seconds <= 60 * 1.25
    assert same(desk)


def test_no_wait_is_longer_than_policy_has_it(desk: Any) -> None:
    desk.calling = desk.calling.model_copy(update={"longest_wait_seconds": 5, "jitter_pct": 0})
    desk.faults.add("throttled", EXPORT)
    desk.pull()
    assert desk.slept == [5]


def test_what_does_not_pass_is_told_and_costs_no_page(desk: Any) -> None:
    desk.zendesk.page_rows = 10
    desk.faults.add("html_503", EXPORT, after=2, times=desk.calling.attempts)
    with pytest.raises(ApiError) as told:
        desk.pull()
    assert str(told.value) == (
        "support, /api/v2/incremental/tickets/cursor.json: it answered 503: Down for maintenance Sorry (6 attempts)."
        " What to do: nothing is lost: the next pull goes on where this one stopped."
    )
    assert not (desk.folder / "tickets.csv").exists()
    desk.pull()
    asked = [call.query for call in desk.simulator.called(EXPORT)]
    assert [("cursor" in query, "start_time" in query) for query in asked] == [(True, False)] * 2
    assert same(desk)


def test_a_wait_longer_than_policy_has_it_is_left_for_the_next_pull(desk: Any) -> None:
    desk.zendesk.page_rows = 10
    desk.faults.add("throttled", EXPORT, after=2, retry_after=3600)
    with pytest.raises(QuotaError, match="It asks to be left alone for 3600 seconds") as told:
        desk.pull()
    assert told.value.action == "nothing is lost: the next pull goes on where this one stopped"
    assert desk.slept == []
    desk.pull()
    assert same(desk)


def test_the_exports_are_called_as_often_as_allowed(desk: Any) -> None:
    desk.with_all_columns()
    desk.zendesk.page_rows, desk.zendesk.calls_a_minute, desk.facts["calls_a_minute"] = 2, 10, 10
    desk.pull()
    calls = desk.simulator.called("GET /api/v2/incremental/*")
    assert {call.status for call in calls} == {200}
    # Pages of tickets and of SLA events, ten a minute.
    assert len(calls) // 10 * 60 - 60 <= desk.slept_seconds <= len(calls) // 10 * 60
    assert same(desk)


def test_a_pull_that_takes_too_long_stops_and_goes_on_another_time(desk: Any) -> None:
    desk.zendesk.page_rows, desk.facts["calls_a_minute"] = 2, 5
    with pytest.raises(ApiError, match="the pull has taken as long as it may") as told:
        desk.pull(longest_seconds=150)
    assert told.value.action == "nothing is lost: the next pull goes on where this one stopped"
    assert desk.slept_seconds <= 150
    desk.pull(longest_seconds=150)
    assert same(desk)


@pytest.mark.parametrize("status", [400, 404, 410, 422])
def test_a_cursor_that_is_not_known_any_more_means_everything(desk: Any, status: int) -> None:
    desk.pull()
    desk.change("1", priority="low")
    desk.company.purge("ticket", 2)
    desk.faults.add("status", EXPORT, status=status, body={"error": "InvalidValue", "description": "no such cursor"})
    pulled = desk.pull()
    assert pulled.whole
    (note,) = pulled.notes
    assert note.startswith("the cursor of the pull before isn't known any more (it answered")
    assert note.endswith("Everything was read anew.")
    assert same(desk)


def test_a_cursor_that_ends_while_it_is_used_means_everything_once_more(desk: Any) -> None:
    desk.zendesk.page_rows = 10
    gone = {"status": 422, "body": {"error": "InvalidValue"}}
    desk.faults.add("status", EXPORT, after=2, **gone)
    assert desk.pull().notes
    assert same(desk)
    asked = [call.query.get("start_time") for call in desk.simulator.called(EXPORT)]
    assert asked == ["0", None, None, "0", None, None, None]
    desk.faults.add("status", EXPORT, times=None, **gone)
    with pytest.raises(ApiError, match="it answered 422"):
        desk.pull()
    assert len(desk.simulator.called(EXPORT)) == 2


def test_an_account_that_gives_no_cursor_is_read_whole_each_time(desk: Any) -> None:
    body = {"tickets": [{"id": 5, "created_at": "2026-01-01T00:00:00Z", "tags": []}], "end_of_stream": True}
    desk.faults.add("status", EXPORT, times=2, status=200, body=body | {"after_cursor": None})
    for _ in range(2):
        pulled = desk.pull()
        assert (pulled.whole, pulled.watermark, list(desk.rows())) == (True, None, ["5"])


@pytest.mark.parametrize("hours", [-30, 30])
def test_a_clock_that_is_off_loses_nothing(desk: Any, hours: int) -> None:
    desk.company.clock.skew(hours * 3600)
    desk.pull()
    desk.ticket(priority="high")
    desk.company.clock.advance(300)
    desk.pull()
    assert same(desk)


@pytest.mark.parametrize("body", [[], {"tickets": "none"}, {"error": "x"}, None])
def test_an_answer_that_is_none_is_told(desk: Any, body: Any) -> None:
    desk.faults.add("status", EXPORT, times=None, status=200, body=body)
    with pytest.raises(ApiError, match="the answer has no tickets"):
        desk.pull()


# -- sign-in -----------------------------------------------------------------------------------------------------------


def test_a_bearer_token_signs_in_too(desk: Any) -> None:
    del desk.facts["user"]
    desk.facts["sign_in"], desk.secret = "oauth", desk.zendesk.bearer
    desk.pull()
    assert same(desk)


@pytest.mark.parametrize("sign_in", ["token", "oauth"])
def test_a_refused_sign_in_says_what_to_do_and_no_secret(desk: Any, sign_in: str) -> None:
    desk.facts["sign_in"], desk.secret = sign_in, "a wrong one"
    if sign_in == "oauth":
        del desk.facts["user"]
    with pytest.raises(ApiError) as told:
        desk.pull()
    text = str(told.value)
    assert "the sign-in was refused" in text
    assert "put it into the secret zendesk_token" in text
    assert desk.secret not in text
    # Once is enough: a token that is wrong stays so.
    assert len(desk.simulator.calls) == 1


def test_a_right_that_is_missing_is_told(desk: Any) -> None:
    body = {"error": {"title": "Forbidden", "message": "You do not have access to this page."}}
    desk.faults.add("status", EXPORT, status=403, body=body)
    with pytest.raises(ApiError, match=r"it forbids this \(Forbidden\)") as told:
        desk.pull()
    assert "role admin" in told.value.expected


# -- fields ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "message", "expected"),
    [
        ("solved_at", "is no field of a ticket", "did you mean metric_set.solved_at?"),
        ("metric_set.solvedat", "is no field of a ticket", "did you mean metric_set.solved_at?"),
        ("custom_fields.1", "isn't a field of this account's tickets", "is Topic"),
        ("description", "is text that people wrote, which is never read", "another field"),
        ("satisfaction_rating.comment", "is text that people wrote, which is never read", "another field"),
    ],
)
def test_a_field_that_is_not_there_is_told(desk: Any, field: str, message: str, expected: str) -> None:
    desk.columns |= {"topic": field}
    with pytest.raises(SourceError) as told:
        desk.pull()
    assert told.value.message == f"{field} {message}."
    assert expected in told.value.expected
    assert (told.value.file, told.value.place) == ("desk", f"ticket.{field}")
    assert desk.simulator.called(EXPORT) == []


def test_an_own_field_that_is_gone_or_of_another_type_is_told(desk: Any) -> None:
    fields = {field["title"]: field for field in desk.company.rows("ticket_field")}
    path = f"custom_fields.{fields['Severity score']['id']}"
    desk.columns |= {"csat": path}
    desk.pull()
    fields["Severity score"]["type"] = "checkbox"
    with pytest.raises(SourceError, match=f"{path} has the type checkbox, which csat can't hold"):
        desk.pull()
    # Where policy says what its values mean, any type will do.
    desk.source_facts = {"value_maps": {"csat": {"true": 5, "false": 1}}}
    desk.pull()
    fields["Severity score"]["type"] = "textarea"
    with pytest.raises(SourceError, match="has the type textarea, which is never read"):
        desk.pull()
    fields["Severity score"]["active"] = False
    with pytest.raises(SourceError, match="isn't a field of this account's tickets"):
        desk.pull()
    desk.columns |= {"topic": f"custom_fields.{fields['Subject']['id']}"}
    with pytest.raises(SourceError, match="isn't a field of this account's tickets"):
        desk.pull()


# -- killed ------------------------------------------------------------------------------------------------------------

_PULL = """
import json, sys
from pathlib import Path
from types import SimpleNamespace
from tests.unit.systems.zendesk.conftest import Desk
from tests.simulators.clock import Clock

given = json.loads(sys.argv[1])
zendesk = SimpleNamespace(email=given["email"], token=given["token"])
company = SimpleNamespace(clock=Clock())
simulator = SimpleNamespace(company=company, zendesk=zendesk, faults=None, url=given["url"], calls=[])
desk = Desk(simulator, Path(given["home"]))
desk.with_all_columns()
desk.pull()
"""


@pytest.mark.parametrize("call", [2, 8, 15])
def test_killed_at_any_call_the_next_pull_goes_on(desk: Any, call: int, tmp_path: Path) -> None:
    desk.with_all_columns()
    desk.zendesk.page_rows = 5
    running: list[subprocess.Popen[bytes]] = []
    desk.faults.add("meanwhile", "GET /api/*", after=call - 1, do=lambda: running[0].kill())
    given = {"email": desk.zendesk.email, "token": desk.zendesk.token, "url": desk.simulator.url}
    given["home"] = str(desk.home)
    environment = os.environ | {"PYTHONPATH": str(PROJECT_ROOT)}
    running.append(subprocess.Popen([sys.executable, "-c", _PULL, json.dumps(given)], env=environment))
    assert running[0].wait(60) == -9
    done = len(desk.simulator.called("GET /api/*"))
    desk.faults.clear()
    pulled = desk.pull()
    assert same(desk)
    after = desk.rows()
    desk.home = desk.home / "undisturbed"
    undisturbed = desk.pull()
    assert desk.rows() == after
    assert done == call
    # Pages that were there weren't asked for again: but the one under way, the two of organizations, which are read
    # each time, and what may have changed of the tickets.
    assert pulled.calls <= undisturbed.calls - call + 1 + 2 + 1
