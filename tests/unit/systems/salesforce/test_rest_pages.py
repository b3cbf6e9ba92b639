"""Pages of the REST API: whatever goes wrong, nothing is lost, nothing is there twice, and time is bounded."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestration.policy.sources import Source
from orchestration.sources.errors import SourceError
from orchestration.systems.http import ApiError, QuotaError
from tests.support.salesforce import ACCOUNTS, TASKS, Org

PAGES = "GET /services/data/*/query*"
PLAIN = TASKS.model_copy(update={"columns": {k: v for k, v in TASKS.columns.items() if k != "has_attachment"}})


def plain(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{name: text for name, text in row.items() if name != "has_attachment"} for row in rows]


def test_everything_comes_deleted_and_archived_too(org: Org) -> None:
    org.crm.page_rows = 7
    pulled = org.pull()
    assert org.rows() == org.tasks()
    assert pulled.whole
    assert pulled.passed_over == {"deleted_at_source": 2}
    assert pulled.records == len(org.tasks())
    assert pulled.pages == -(-pulled.rows // 7)
    assert pulled.quota == f"{org.crm.calls_today:,} of 100,000 calls used today"
    assert pulled.calls == len(org.simulator.calls)
    assert any(one["IsArchived"] for one in org.simulator.company.rows("Task"))


def test_cells_are_written_in_one_way(org: Org) -> None:
    org.pull(ACCOUNTS)
    row = org.rows(ACCOUNTS)[0]
    assert row["sla_target_pct"] == "99.5"
    assert row["health_data_enrolled"] == "true"
    assert row["updated_at"].endswith(":00.000Z")
    assert len(row["account_id"]) == 18


def test_an_increment_asks_only_for_what_changed(org: Org) -> None:
    org.pull(PLAIN)
    company = org.simulator.company
    org.later(hours=2)
    new = company.add("Task", Subject="New", AccountId=company.rows("Account")[0]["Id"])
    changed, deleted = (one["Id"] for one in company.rows("Task")[:2])
    company.change("Task", changed, Subject="Changed")
    company.delete("Task", deleted)
    pulled = org.pull(PLAIN)
    assert not pulled.whole
    assert pulled.rows <= 5
    assert org.rows() == plain(org.tasks())
    assert {"New", "Changed"} <= {row["subject"] for row in org.rows()}
    assert deleted not in {row["activity_id"] for row in org.rows()}
    assert new in {row["activity_id"] for row in org.rows()}


def test_nothing_new_writes_the_same_file(org: Org) -> None:
    org.pull(PLAIN)
    before = org.file().read_bytes()
    org.later(hours=3)
    org.pull(PLAIN)
    assert org.file().read_bytes() == before


def test_a_row_that_commits_late_with_an_old_stamp_is_seen(org: Org) -> None:
    company = org.simulator.company
    newest = company.add("Task", Subject="Newest")
    org.pull(PLAIN)
    late = company.get("Task", newest)["SystemModstamp"] - timedelta(minutes=50)
    company.add("Task", at=late, Subject="Late")
    org.pull(PLAIN)
    assert org.rows() == plain(org.tasks())


def test_what_changes_while_pages_are_read_is_seen_next_time(org: Org) -> None:
    org.crm.page_rows = 10
    company, clock = org.simulator.company, org.simulator.company.clock
    first = min(company.rows("Task"), key=lambda one: (one["SystemModstamp"], one["Id"]))["Id"]
    last = max(company.rows("Task"), key=lambda one: (one["SystemModstamp"], one["Id"]))["Id"]

    def meanwhile() -> None:
        # So late that the lookback from the newest stamp seen would miss the first.
        clock.advance(60)
        company.change("Task", first, Subject="Changed after it was read")
        clock.advance(2 * 3600)
        company.change("Task", last, Subject="Read after it was changed")

    org.simulator.faults.add("meanwhile", PAGES, after=3, do=meanwhile)
    org.pull(PLAIN)
    org.pull(PLAIN)
    assert org.rows() == plain(org.tasks())


@pytest.mark.parametrize(
    ("fault", "more"),
    [
        ("session_expires", {}),
        ("html_503", {}),
        ("html_200", {}),
        ("reset", {}),
        ("answer_lost", {}),
        ("reset_in_body", {}),
        ("ends_in_body", {}),
        ("throttled", {}),
        ("throttled", {"retry_after": 7}),
        ("duplicate_rows", {"rows": 3}),
        ("empty_page", {}),
        ("cursor_gone", {}),
        ("cursor_repeats", {}),
    ],
)
def test_a_fault_in_mid_page_loses_nothing(org: Org, fault: str, more: dict) -> None:
    org.crm.page_rows = 10
    when = "GET /services/data/*/query/*" if fault == "cursor_gone" else PAGES
    struck = org.simulator.faults.add(fault, when, after=2, **more)
    pulled = org.pull(PLAIN)
    assert struck.struck == 1
    assert org.rows() == plain(org.tasks())
    assert pulled.records == len(org.tasks())
    if "retry_after" in more:
        assert more["retry_after"] in org.time.waits


def test_a_session_that_ends_is_renewed_once_a_call(org: Org) -> None:
    org.crm.page_rows = 10
    org.simulator.faults.add("session_expires", PAGES, after=2, times=2)
    with pytest.raises(ApiError, match="INVALID_SESSION_ID"):
        org.pull(PLAIN)
    assert org.calls("POST */token") == 2
    org.pull(PLAIN)
    assert org.rows() == plain(org.tasks())


def test_a_cursor_that_always_leads_in_a_circle_ends(org: Org) -> None:
    org.crm.page_rows = 10
    org.simulator.faults.add("cursor_repeats", times=None)
    with pytest.raises(ApiError, match="in a circle") as caught:
        org.pull(PLAIN)
    assert caught.value.action
    assert org.calls(PAGES) < 20
    org.simulator.faults.clear()
    org.pull(PLAIN)
    assert org.rows() == plain(org.tasks())


def test_a_page_that_leads_elsewhere_isn_t_followed(org: Org) -> None:
    org.crm.page_rows = 10
    body = {"totalSize": 9_999, "done": False, "nextRecordsUrl": "https://evil.example/next", "records": []}
    org.simulator.faults.add("status", PAGES, after=3, status=200, body=body)
    org.pull(PLAIN)
    assert org.rows() == plain(org.tasks())
    org.simulator.faults.add("status", PAGES, after=2, times=None, status=200, body=body)
    with pytest.raises(ApiError, match="how it goes on"):
        org.pull(PLAIN, whole=True)
    assert all("evil" not in path.read_text() for path in org.folder.rglob("*.json"))


def test_empty_pages_without_an_end_end(org: Org) -> None:
    org.crm.page_rows = 10
    org.simulator.faults.add("empty_page", times=None)
    with pytest.raises(ApiError, match="in a circle"):
        org.pull(PLAIN)
    assert org.calls(PAGES) < 40


def test_fewer_records_than_said_are_an_error(org: Org) -> None:
    company = org.simulator.company
    org.crm.page_rows = 10
    victims = iter([one["Id"] for one in company.rows("Task")][-3:])
    org.simulator.faults.add("meanwhile", PAGES, after=2, do=lambda: company.purge("Task", next(victims)))
    org.pull(PLAIN)
    # The first time a record was missing; asked anew it isn't said to be there any more.
    assert org.rows() == plain(org.tasks())
    assert org.calls("GET */queryAll") == 4


def test_a_pull_that_broke_off_goes_on_where_it_was(org: Org) -> None:
    org.crm.page_rows = 10
    org.simulator.faults.add("status", PAGES, after=4, status=403, body=[{"errorCode": "UNKNOWN", "message": "no"}])
    with pytest.raises(ApiError, match="UNKNOWN: no"):
        org.pull(PLAIN)
    assert not org.file(PLAIN).exists()
    before = org.calls(PAGES)
    pulled = org.pull(PLAIN)
    assert org.rows() == plain(org.tasks())
    # A count and three pages were answered: they aren't asked for again.
    assert org.calls(PAGES) - before == pulled.pages - 3


def test_a_pull_that_is_gone_on_with_after_its_cursor_is_no_more_begins_again(org: Org) -> None:
    org.crm.page_rows = 10
    org.simulator.faults.add("status", PAGES, after=4, status=403, body=[{"errorCode": "UNKNOWN", "message": "no"}])
    with pytest.raises(ApiError):
        org.pull(PLAIN)
    org.crm.cursors.clear()
    org.pull(PLAIN)
    assert org.rows() == plain(org.tasks())


def test_a_broken_off_pull_that_is_too_old_begins_anew(org: Org) -> None:
    org.crm.page_rows = 10
    org.simulator.faults.add("status", PAGES, after=4, status=403, body=[{"errorCode": "UNKNOWN", "message": "no"}])
    with pytest.raises(ApiError):
        org.pull(PLAIN)
    org.later(hours=13)
    before = org.calls("GET */queryAll")
    org.pull(PLAIN)
    assert org.calls("GET */queryAll") - before == 2
    assert org.rows() == plain(org.tasks())


def test_the_share_of_calls_isn_t_passed(org: Org) -> None:
    org.crm.page_rows = 5
    org.crm.daily_calls = 20
    with pytest.raises(QuotaError) as caught:
        org.pull(PLAIN)
    assert "12 of the org's 20 calls" in str(caught.value)
    assert "60 %" in str(caught.value)
    assert org.crm.calls_today == 12
    # The page that told it isn't lost: next day the pull goes on.
    org.crm.daily_calls = 10_000
    before = org.calls("GET */query/*")
    pulled = org.pull(PLAIN)
    assert org.rows() == plain(org.tasks())
    assert org.calls("GET */query/*") - before < pulled.pages - 5


def test_calls_that_were_spent_are_asked_about_again_after_an_hour(org: Org) -> None:
    org.crm.daily_calls, org.crm.calls_today = 100, 59
    session = org.system().session
    describe = session.path("sobjects/Task/describe")
    session.get(describe)
    with pytest.raises(QuotaError):
        session.get(describe)
    org.time.seconds += 3_601
    org.crm.calls_today = 10
    session.get(describe)
    assert session.quota == "11 of 100 calls used today"
    session.close()


def test_an_org_that_takes_no_more_calls_says_so(org: Org) -> None:
    org.simulator.faults.add("quota_spent", PAGES, times=None)
    with pytest.raises(QuotaError, match="takes no more calls") as caught:
        org.pull(PLAIN)
    assert "REQUEST_LIMIT_EXCEEDED" in str(caught.value)
    assert caught.value.place.endswith("/queryAll")
    assert org.calls(PAGES) == 1


def test_an_outage_fails_in_bounded_time_and_keeps_what_was_pulled(org: Org) -> None:
    org.pull(PLAIN)
    before = org.file(PLAIN).read_bytes()
    org.simulator.faults.add("html_503", times=None)
    with pytest.raises(ApiError, match=r"503.*maintenance.*3 attempts"):
        org.pull(PLAIN)
    assert org.time.waits == [1, 2]
    assert org.file(PLAIN).read_bytes() == before


def test_everything_is_read_anew_now_and_then(org: Org) -> None:
    org.pull(PLAIN)
    company = org.simulator.company
    purged = company.rows("Task")[3]["Id"]
    company.purge("Task", purged)
    assert not org.pull(PLAIN).whole
    assert purged in {row["activity_id"] for row in org.rows()}
    org.later(days=7)
    assert org.pull(PLAIN).whole
    assert org.rows() == plain(org.tasks())


def test_another_mapping_reads_everything(org: Org) -> None:
    org.pull(PLAIN)
    other = PLAIN.model_copy(update={"columns": {**PLAIN.columns, "owner_email": "Owner.Email"}})
    assert org.pull(other).whole
    assert {row["owner_email"] for row in org.rows(other)} > {""} or all(row["owner_email"] for row in org.rows(other))


def test_only_what_the_condition_lets_through_is_asked_for(org: Org) -> None:
    calls = TASKS.model_copy(update={"where": "TaskSubtype = 'Call' OR TaskSubtype = 'Email'"})
    org.pull(calls)
    org.later(hours=2)
    org.simulator.company.add("Task", Subject="No call", TaskSubtype="Task")
    org.pull(calls)
    wanted = {one["Id"] for one in org.simulator.company.rows("Task") if one["TaskSubtype"] in ("Call", "Email")}
    assert {row["activity_id"] for row in org.rows()} <= wanted


def test_tasks_made_from_here_count_once_they_are_closed(org: Org) -> None:
    company = org.simulator.company
    ours = company.add("Task", Subject="Ours", Account_Health_Key__c="k1", IsClosed=False)
    org.pull(PLAIN, key_field="Account_Health_Key__c")
    assert ours not in {row["activity_id"] for row in org.rows()}
    assert len(org.rows()) == len(org.tasks()) - 1
    company.change("Task", ours, IsClosed=True)
    org.pull(PLAIN, key_field="Account_Health_Key__c")
    assert org.rows() == plain(org.tasks())


def test_what_was_written_from_here_is_no_news(org: Org) -> None:
    org.pull(ACCOUNTS)
    before = org.file(ACCOUNTS).read_bytes()
    company = org.simulator.company
    for one in company.rows("Account"):
        company.change("Account", one["Id"], Health_Score__c=71.0)
    assert org.pull(ACCOUNTS).rows == 6
    assert org.file(ACCOUNTS).read_bytes() == before


def test_an_object_without_records_is_fine(org: Org) -> None:
    org.simulator.company.tables["Task"].clear()
    pulled = org.pull(PLAIN)
    assert (pulled.rows, pulled.records, org.rows(PLAIN)) == (0, 0, [])
    org.later(hours=1)
    org.simulator.company.add("Task", Subject="The first")
    assert not org.pull(PLAIN).whole
    assert [row["subject"] for row in org.rows()] == ["The first"]


def test_an_object_without_stamps_is_always_read_whole(org: Org) -> None:
    org.crm.hide("Contact", "SystemModstamp")
    source = Source(
        name="people",
        stream="contacts",
        system="crm",
        object="Contact",
        columns={"contact_id": "Id", "role": "Role__c"},
    )
    org.pull(source)
    gone = org.simulator.company.rows("Contact")[0]["Id"]
    org.simulator.company.purge("Contact", gone)
    assert org.pull(source).whole
    assert {row["contact_id"] for row in org.rows(source)} == set(org.simulator.company.tables["Contact"])


def test_the_deadline_stops_a_pull_and_the_next_goes_on(org: Org) -> None:
    org.crm.page_rows = 10
    org.simulator.faults.add("html_503", PAGES, after=3, times=None)
    org.deadline = 2.5
    with pytest.raises(SourceError, match="as long as it may"):
        org.pull(PLAIN)
    org.simulator.faults.clear()
    org.deadline = None
    org.pull(PLAIN)
    assert org.rows() == plain(org.tasks())


def test_an_id_of_fifteen_characters_in_a_text_becomes_eighteen(org: Org) -> None:
    company = org.simulator.company
    for one in company.rows("Contact"):
        one["Title"] = one["AccountId"][:15]
    source = Source(
        name="people",
        stream="contacts",
        system="crm",
        object="Contact",
        columns={"contact_id": "Id", "account_id": "Title"},
    )
    org.pull(source)
    assert {row["account_id"] for row in org.rows(source)} == {one["Id"] for one in company.rows("Account")}


def test_a_hanging_answer_ends_by_time_out(org: Org) -> None:
    import tests.support.salesforce as support

    short = support.CALLING.model_copy(update={"timeout_seconds": 1, "attempts": 1})
    org.simulator.faults.add("hangs", PAGES, seconds=20)
    system = org.system()
    system.session.api.calling = short
    with pytest.raises(ApiError, match="ReadTimeout"):
        system.session.get(system.session.path("queryAll"), params={"q": "SELECT Id FROM Task"})
    system.close()
    assert replace(org).rows is not None


def test_a_reference_to_several_objects_counts_where_it_points_to_the_one_meant(org: Org) -> None:
    source = PLAIN.model_copy(update={"columns": {**PLAIN.columns, "account_id": ("WhatId", "AccountId")}})
    org.pull(source)
    books = {one["Id"]: one for one in org.simulator.company.rows("Task")}
    abouts = {books[row["activity_id"]]["WhatId"][:3] for row in org.rows(source)}
    assert abouts == {"001", "006"}
    for row in org.rows(source):
        assert row["account_id"] == books[row["activity_id"]]["AccountId"]
        assert row["opportunity_id"][:3] in ("", "006")
