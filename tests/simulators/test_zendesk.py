"""The support desk."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

_EXPORT = "/incremental/tickets/cursor.json"


def _pages(desk, path=_EXPORT, **params):
    page = desk.get(path, params={"start_time": 0} | params).json()
    yield page
    while not page["end_of_stream"]:
        page = desk.get(page["after_url"]).json()
        yield page


def _tickets(desk, **params):
    return [ticket for page in _pages(desk, **params) for ticket in page["tickets"]]


def test_who_may_ask(simulator):
    zendesk = simulator.zendesk
    url = f"{simulator.url}/api/v2/users/me.json"
    asked = {"client_id": zendesk.client_id, "client_secret": zendesk.client_secret, "grant_type": "client_credentials"}
    token = httpx.post(f"{simulator.url}/oauth/tokens", json=asked).json()["access_token"]

    assert httpx.get(url, auth=(f"{zendesk.email}/token", zendesk.token)).json()["user"]["role"] == "admin"
    assert httpx.get(url, headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert httpx.get(url, auth=(zendesk.email, zendesk.token)).json() == {"error": "Couldn't authenticate you"}
    assert httpx.post(f"{simulator.url}/oauth/tokens", json={"client_id": "x"}).status_code == 401


def test_the_export_has_every_ticket_once_in_order_of_change(simulator, company, desk):
    simulator.zendesk.page_rows = 50
    pages = list(_pages(desk))
    tickets = [ticket for page in pages for ticket in page["tickets"]]

    assert [len(page["tickets"]) for page in pages] == [50, 50, 22]
    assert sorted(one["id"] for one in tickets) == sorted(company.tables["ticket"])
    stamps = [one["generated_timestamp"] for one in tickets]
    assert stamps == sorted(stamps)
    assert len({page["after_cursor"] for page in pages}) == 3
    assert sum(one["status"] == "deleted" for one in tickets) == 5
    assert not any("metric_set" in one for one in tickets)


def test_the_export_goes_on_from_a_cursor(company, desk):
    cursor = list(_pages(desk))[-1]["after_cursor"]
    nothing = desk.get(_EXPORT, params={"cursor": cursor}).json()
    company.change("ticket", 3, status="solved")
    too_early = desk.get(_EXPORT, params={"cursor": cursor}).json()
    company.clock.advance(61)
    changed = desk.get(_EXPORT, params={"cursor": cursor}).json()

    # With nothing new the cursor stays; that is no fault.
    assert (nothing["tickets"], nothing["after_cursor"], nothing["end_of_stream"]) == ([], cursor, True)
    assert too_early["tickets"] == []
    assert [one["id"] for one in changed["tickets"]] == [3]
    assert changed["after_cursor"] != cursor


def test_the_export_side_loads(company, desk):
    page = desk.get(_EXPORT, params={"start_time": 0, "include": "metric_sets,groups,users,organizations"}).json()

    ticket = next(one for one in page["tickets"] if one["id"] == 2)
    assert (
        ticket["metric_set"]["solved_at"] == f"{company.get('ticket', 2)['metric_set']['solved_at']:%Y-%m-%dT%H:%M:%SZ}"
    )
    assert {one["name"] for one in page["groups"]} == {"Support", "Escalations"}
    assert {one["id"] for one in page["organizations"]} == {one["organization_id"] for one in page["tickets"]} - {None}
    assert len(page["users"]) == 21


def test_deleted_tickets_may_be_left_out(desk):
    assert {one["status"] for one in _tickets(desk, exclude_deleted="true")} == {"open", "solved", "closed"}


@pytest.mark.parametrize(
    ("params", "status"), [({}, 400), ({"start_time": "yesterday"}, 400), ({"cursor": "nonsense"}, 422)]
)
def test_exports_need_a_beginning(desk, params, status):
    assert desk.get(_EXPORT, params=params).status_code == status


def test_exports_begin_a_minute_ago_at_the_latest(company, desk):
    now = int(company.clock.now().timestamp())

    answer = desk.get(_EXPORT, params={"start_time": now - 30})
    assert (answer.status_code, answer.json()["error"]) == (422, "StartTimeTooRecent")
    assert desk.get(_EXPORT, params={"start_time": now - 90}).json()["after_cursor"] is None


def test_metric_events_go_on_by_time_and_may_stand_still(simulator, company, desk):
    simulator.zendesk.page_rows = 100
    path, start, seen, calls = "/incremental/ticket_metric_events.json", 0, set(), 0
    while True:
        page = desk.get(path, params={"start_time": start}).json()
        calls += 1
        seen |= {one["id"] for one in page["ticket_metric_events"]}
        assert page["next_page"].endswith(f"start_time={page['end_time']}")
        if page["count"] < 100:
            break
        start = page["end_time"]
    simulator.zendesk.page_rows = 2
    events = company.rows("metric_event")
    first = int(events[0]["time"].timestamp())
    stuck = desk.get(path, params={"start_time": first}).json()

    assert seen == set(company.tables["metric_event"])
    assert calls >= 5
    # More events share this time than a page holds.
    assert [one["time"] for one in events[:2]] == [events[0]["time"]] * 2
    assert stuck["end_time"] == first
    assert {one["type"] for one in events} == {"activate", "apply_sla", "breach", "fulfill", "update_status"}


def test_metric_events_go_on_by_cursor(company, desk):
    page = desk.get("/incremental/ticket_metric_events.json", params={"start_time": 0, "page[size]": 100}).json()
    seen = [one["id"] for one in page["ticket_metric_events"]]
    while page["meta"]["has_more"]:
        page = desk.get(page["links"]["next"]).json()
        seen += [one["id"] for one in page["ticket_metric_events"]]

    assert sorted(seen) == sorted(company.tables["metric_event"])


def test_ticket_events_tell_what_changed(company, desk):
    company.change("ticket", 1, priority="low")
    company.clock.advance(61)
    events = desk.get("/incremental/ticket_events.json", params={"start_time": 0}).json()["ticket_events"]

    assert events[-1]["ticket_id"] == 1
    assert events[-1]["child_events"] == [{"event_type": "Change", "priority": "low", "previous_value": "urgent"}]


def test_organizations_are_listed_by_cursor_and_by_number(company, desk):
    page = desk.get("/organizations.json", params={"page[size]": 9}).json()
    rows = page["organizations"]
    while page["meta"]["has_more"]:
        page = desk.get(page["links"]["next"]).json()
        rows += page["organizations"]
    numbered = desk.get("/organizations.json", params={"per_page": 15}).json()
    rest = desk.get(numbered["next_page"]).json()

    since = desk.get("/incremental/organizations.json", params={"start_time": 0}).json()
    assert [one["id"] for one in rows] == list(company.tables["organization"])
    assert (len(since["organizations"]), since["end_of_stream"]) == (21, True)
    assert {len(one["external_id"] or "") for one in rows} == {18, 15, 0, 3}
    assert [one["id"] for one in numbered["organizations"] + rest["organizations"]] == [one["id"] for one in rows]
    assert rest["next_page"] is None
    assert len(desk.get("/groups.json").json()["groups"]) == 2
    topic = next(one for one in desk.get("/ticket_fields.json").json()["ticket_fields"] if one["title"] == "Topic")
    assert company.get("ticket", 1)["custom_fields"] == [{"id": topic["id"], "value": "login"}]


def test_organizations_are_found_by_external_id_and_name(company, desk):
    known = company.rows("organization")[0]
    by_id, by_name = {"external_id": known["external_id"].lower()}, {"name": known["name"].upper()}
    found = [desk.get("/organizations/search.json", params=one).json()["organizations"] for one in (by_id, by_name)]

    assert [[one["id"] for one in listed] for listed in found] == [[known["id"]], [known["id"]]]
    assert desk.get("/organizations/search.json").status_code == 400


def test_the_exports_take_so_many_calls_in_a_minute(simulator, company, desk):
    simulator.zendesk.calls_a_minute = 10
    answers = [desk.get(_EXPORT, params={"start_time": 0}) for _ in range(11)]
    other = desk.get("/groups.json")
    company.clock.advance(60.1)

    assert [one.status_code for one in answers] == [200] * 10 + [429]
    assert 55 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert answers[-1].json()["error"] == "APIRateLimitExceeded"
    assert other.status_code == 200
    assert other.headers["X-Rate-Limit"] == "700"
    assert int(other.headers["X-Rate-Limit-Remaining"]) < 700
    assert desk.get(_EXPORT, params={"start_time": 0}).status_code == 200


def test_tickets_are_made_once_for_a_key(simulator, company, desk):
    body = {"ticket": {"subject": "Check", "comment": {"body": "Please"}, "external_id": "ah-1", "priority": "high"}}
    made = [desk.post("/tickets.json", json=body, headers={"Idempotency-Key": "one"}) for _ in range(2)]
    other = desk.post("/tickets.json", json={"ticket": {}}, headers={"Idempotency-Key": "one"})
    found = desk.get("/tickets.json", params={"external_id": "ah-1"}).json()["tickets"]

    assert [one.status_code for one in made] == [201, 201]
    assert [one.headers["x-idempotency-lookup"] for one in made] == ["miss", "hit"]
    assert made[0].json() == made[1].json()
    assert (other.status_code, other.json()["error"]) == (400, "IdempotentRequestError")
    assert [one["id"] for one in found] == [made[0].json()["ticket"]["id"]]
    assert [(one.how, one.fields["external_id"]) for one in simulator.written] == [("create", "ah-1")]


def test_tickets_are_read_and_changed(simulator, company, desk):
    changed = desk.put("/tickets/1.json", json={"ticket": {"status": "solved", "tags": ["x"]}})
    closed = next(row["id"] for row in company.rows("ticket") if row["status"] == "closed")

    assert changed.json()["ticket"]["status"] == "solved"
    assert desk.get("/tickets/1.json").json()["ticket"]["tags"] == ["x"]
    assert desk.put(f"/tickets/{closed}.json", json={"ticket": {"status": "open"}}).status_code == 422
    assert desk.get("/tickets/999999.json").json()["error"] == "RecordNotFound"
    assert desk.post("/tickets.json", json={"ticket": {"subject": "x"}}).status_code == 422
    assert desk.post("/tickets.json", json={"ticket": {"priority": "x", "comment": {"body": "y"}}}).status_code == 422
    assert [one.key for one in simulator.written] == [1]


def test_changes_are_stamped_by_the_companys_clock(company, desk):
    company.clock.set(company.at + timedelta(days=3))
    company.change("ticket", 1, priority="low")
    company.clock.advance(120)

    ticket = _tickets(desk)[-1]
    assert (ticket["id"], ticket["updated_at"]) == (1, "2026-07-03T18:00:00Z")
