"""Each switch does what it says, once it should, and as often as it should."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.simulators import faults
from tests.simulators.conftest import V, error_of

_ACCOUNTS = "SELECT Id, Name FROM Account ORDER BY Id"
_EXPORT = "/incremental/tickets/cursor.json"
# Faults with a test of their own below.
_TRIED: set[str] = set()


def _tries(*names):
    _TRIED.update(names)
    return lambda test: test


@pytest.fixture
def add(simulator):
    return simulator.faults.add


def test_a_fault_strikes_after_so_many_calls_and_so_many_times(add, simulator, crm):
    fault = add("status", "GET */query*", after=1, times=2, status=500, body="no")
    seen = [crm.ask(_ACCOUNTS).status_code for _ in range(5)]
    others = crm.http.get(f"{V}/limits").status_code

    assert (seen, others, fault.struck) == ([200, 500, 500, 200, 200], 200, 2)
    assert [call.status for call in simulator.called("GET *queryAll")] == [200, 500, 500, 200, 200]
    assert simulator.called("GET *queryAll")[0].query == {"q": _ACCOUNTS}
    add("status", times=None, status=418, body={})
    assert [crm.ask(_ACCOUNTS).status_code for _ in range(3)] == [418] * 3
    simulator.faults.clear()
    assert crm.ask(_ACCOUNTS).status_code == 200
    with pytest.raises(TypeError, match="knows no second"):
        add("hangs", second=1)
    with pytest.raises(KeyError):
        add("unheard_of")


_tries("status")


@_tries("html_503", "html_200")
def test_html(add, crm):
    add("html_503", retry_after=3)
    add("html_200", after=1)
    first, second = crm.ask(_ACCOUNTS), crm.ask(_ACCOUNTS)

    assert (first.status_code, first.headers["Retry-After"], first.text[:15]) == (503, "3", "<!DOCTYPE html>")
    assert (second.status_code, second.headers["content-type"]) == (200, "text/html; charset=utf-8")


@_tries("throttled")
def test_throttled_with_and_without_retry_after(add, desk):
    for retry_after in (None, 7, "Wed, 21 Oct 2026 07:28:00 GMT"):
        add("throttled", retry_after=retry_after)
    answers = [desk.get("/groups.json") for _ in range(4)]

    assert [one.status_code for one in answers] == [429, 429, 429, 200]
    assert [one.headers.get("Retry-After") for one in answers[:3]] == [None, "7", "Wed, 21 Oct 2026 07:28:00 GMT"]


@_tries("quota_spent")
def test_quota_spent(add, crm):
    add("quota_spent")
    assert error_of(crm.ask(_ACCOUNTS)) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert crm.ask(_ACCOUNTS).status_code == 200


@_tries("reset", "answer_lost")
def test_reset_does_nothing_and_a_lost_answer_everything(add, simulator, crm):
    for fault, written in (("reset", 0), ("answer_lost", 1)):
        add(fault, "POST *")
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            crm.http.post(f"{V}/sobjects/Task", json={"Subject": "x"})
        assert len(simulator.written) == written
    assert [call.status for call in simulator.called("POST *Task")] == [None, 201]


@_tries("reset_in_body", "ends_in_body")
@pytest.mark.parametrize("fault", ["reset_in_body", "ends_in_body"])
@pytest.mark.parametrize("is_job", [False, True])
def test_a_body_breaks_off(add, crm, fault, is_job):
    path = f"{crm.finished(_ACCOUNTS)}/results" if is_job else f"{V}/queryAll"
    whole = crm.http.get(path, params={"q": _ACCOUNTS}).content
    add(fault, share=0.3)
    came = []
    with (
        pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)),
        crm.http.stream("GET", path, params={"q": _ACCOUNTS}) as answer,
    ):
        came.extend(answer.iter_raw())

    assert b"".join(came) in (b"", whole[: int(len(whole) * 0.3)])
    assert crm.http.get(path, params={"q": _ACCOUNTS}).content == whole


@_tries("hangs", "slow")
def test_hanging_and_slow(add, crm):
    add("hangs", seconds=30)
    add("slow", after=1, seconds=0.3)
    began = time.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        crm.http.get(f"{V}/limits", timeout=0.2)
    assert time.monotonic() - began < 2
    began = time.monotonic()
    assert crm.http.get(f"{V}/limits", timeout=0.2).json()
    assert time.monotonic() - began > 0.25


@_tries("meanwhile")
def test_a_record_changes_between_pages(add, simulator, company, crm):
    simulator.salesforce.page_rows = 12
    last, gone = company.rows("Account")[-1]["Id"], company.rows("Account")[-2]["Id"]
    add("meanwhile", "GET */query/*", do=lambda: company.change("Account", last, Name="Renamed"))
    add("meanwhile", "GET */query/*", do=lambda: company.purge("Account", gone), after=1)
    rows = crm.rows("SELECT Id, Name FROM Account")
    again = crm.rows("SELECT Id, Name FROM Account")

    assert [row["Name"] for row in rows if row["Id"] == last] == ["Renamed"]
    assert (len(rows), len(again)) == (20, 19)


@_tries("session_expires", "cursor_gone")
def test_a_session_expires_between_pages_and_the_cursor_outlives_it(add, simulator, crm):
    simulator.salesforce.page_rows = 12
    onward = crm.ask(_ACCOUNTS).json()["nextRecordsUrl"]
    add("session_expires", "GET */query/*")
    assert error_of(crm.http.get(onward)) == (401, "INVALID_SESSION_ID")
    assert error_of(crm.http.get(onward)) == (401, "INVALID_SESSION_ID")
    crm.http.headers["Authorization"] = f"Bearer {crm.sign_in().json()['access_token']}"
    assert len(crm.http.get(onward).json()["records"]) == 8
    add("cursor_gone")
    assert error_of(crm.http.get(onward)) == (400, "INVALID_QUERY_LOCATOR")


def test_a_session_expires_in_the_middle_of_a_job(add, crm):
    job = crm.job(_ACCOUNTS)
    add("session_expires", "GET */jobs/query/*")
    assert error_of(crm.http.get(job)) == (401, "INVALID_SESSION_ID")
    crm.http.headers["Authorization"] = f"Bearer {crm.sign_in().json()['access_token']}"
    assert [crm.http.get(job).json()["state"] for _ in range(2)] == ["InProgress", "JobComplete"]


@_tries("cursor_repeats", "empty_page", "duplicate_rows")
def test_pages_that_repeat_are_empty_or_overlap(add, simulator, crm):
    simulator.salesforce.page_rows = 12
    onward = crm.ask(_ACCOUNTS).json()["nextRecordsUrl"]
    add("cursor_repeats", "GET */query/*")
    assert crm.http.get(onward).json()["nextRecordsUrl"] == onward

    add("empty_page")
    pages = list(crm.pages(_ACCOUNTS))
    assert [len(page["records"]) for page in pages] == [0, 12, 8]
    assert [page["done"] for page in pages] == [False, False, True]

    add("empty_page", "GET */query/*")
    assert [len(page["records"]) for page in crm.pages(_ACCOUNTS)] == [12, 0, 8]

    add("duplicate_rows", "GET */query/*", rows=3)
    rows = [row["Id"] for row in crm.rows(_ACCOUNTS)]
    assert (len(rows), len(set(rows))) == (23, 20)


@_tries("report_truncated")
def test_a_report_is_truncated(add, simulator, crm):
    add("report_truncated")
    key = simulator.salesforce.reports["activities"].key
    answer = crm.http.get(f"{V}/analytics/reports/{key}?includeDetails=true").json()
    assert (answer["allData"], len(answer["factMap"]["T!T"]["rows"])) == (False, 7)


@_tries("job_fails", "job_aborted", "job_stuck", "job_gone")
def test_jobs_that_come_to_nothing(add, crm):
    ends = {"job_fails": "Failed", "job_aborted": "Aborted", "job_stuck": "InProgress"}
    for fault, state in ends.items():
        add(fault)
        job = crm.job(_ACCOUNTS)
        told = [crm.http.get(job).json() for _ in range(4)][-1]
        assert told["state"] == state
        assert bool(told.get("errorMessage")) == (state == "Failed")
        assert error_of(crm.http.get(f"{job}/results")) == (400, "INVALIDJOBSTATE")
    add("job_gone")
    assert error_of(crm.http.get(job)) == (404, "NOT_FOUND")


@_tries("job_version", "results_empty", "results_cut", "locator_repeats")
def test_results_that_are_wrong(add, crm):
    path = f"{crm.finished(_ACCOUNTS)}/results"
    whole = crm.http.get(path, params={"maxRecords": 5})
    for fault in ("job_version", "results_empty", "results_cut", "locator_repeats"):
        add(fault, after=("job_version", "results_empty", "results_cut", "locator_repeats").index(fault))
    version, empty, cut, repeated = (crm.http.get(path, params={"maxRecords": 5}) for _ in range(4))

    assert version.status_code == 409
    assert (empty.status_code, empty.content, empty.headers["Sforce-NumberOfRecords"]) == (200, b"", "5")
    assert whole.content.startswith(cut.content)
    assert 0 < len(cut.content) < len(whole.content)
    assert not cut.content.endswith(b"\n")
    assert repeated.content == whole.content
    assert (
        crm.http.get(path, params={"locator": repeated.headers["Sforce-Locator"], "maxRecords": 5}).content
        == whole.content
    )


@_tries("row_locked", "row_refused")
def test_rows_are_locked_or_refused(add, simulator, company, crm):
    keys = list(company.tables["Account"])[:4]
    body = {
        "records": [
            {"attributes": {"type": "Account"}, "Account_Health_Id__c": key, "Health_Score__c": 5} for key in keys
        ]
    }
    add("row_locked", rows=[0, 2])
    add("row_refused", rows=[3], code="CANNOT_UPDATE")
    results = crm.http.patch(f"{V}/composite/sobjects/Account/Account_Health_Id__c", json=body).json()

    codes = [one["errors"][0]["statusCode"] if one["errors"] else None for one in results]
    assert codes == ["UNABLE_TO_LOCK_ROW", None, "UNABLE_TO_LOCK_ROW", "CANNOT_UPDATE"]
    assert [one.key for one in simulator.written] == [keys[1]]


@_tries("export_cursor_repeats", "export_empty_page", "export_duplicates", "export_unfinished")
def test_exports_that_repeat_are_empty_or_overlap(add, simulator, desk):
    simulator.zendesk.page_rows = 50
    first = desk.get(_EXPORT, params={"start_time": 0}).json()
    add("export_cursor_repeats")
    repeated = desk.get(first["after_url"]).json()
    assert (repeated["after_cursor"], repeated["end_of_stream"]) == (first["after_cursor"], False)

    add("export_empty_page", times=2)
    empty = desk.get(first["after_url"]).json()
    empty_too = desk.get(empty["after_url"]).json()
    onward = desk.get(empty_too["after_url"]).json()
    assert (empty["tickets"], empty_too["tickets"], empty_too["end_of_stream"]) == ([], [], False)
    assert len({first["after_cursor"], empty["after_cursor"], empty_too["after_cursor"]}) == 3
    assert onward["tickets"] == desk.get(first["after_url"]).json()["tickets"]

    add("export_duplicates", rows=4)
    doubled = desk.get(first["after_url"]).json()["tickets"]
    assert doubled[:4] == first["tickets"][-4:]
    assert doubled[4:] == onward["tickets"]

    last = desk.get(onward["after_url"]).json()
    assert last["end_of_stream"]
    add("export_unfinished")
    assert not desk.get(onward["after_url"]).json()["end_of_stream"]


def test_rows_commit_late_and_clocks_are_off(company, crm):
    company.clock.skew(3600)
    company.add("Task", Subject="late", at=company.at)
    answer = crm.ask("SELECT SystemModstamp FROM Task WHERE Subject = 'late'")
    company.change("Task", company.rows("Task")[0]["Id"], Subject="now")
    (now,) = crm.rows("SELECT SystemModstamp FROM Task WHERE Subject = 'now'")

    assert answer.json()["records"][0]["SystemModstamp"] == "2026-06-30T18:00:00.000+0000"
    ahead = httpx.Response(200, headers=answer.headers).headers["Date"]
    assert ahead == f"{company.clock.now():%a, %d %b %Y %H:%M:%S GMT}"[: len(ahead)]
    assert now["SystemModstamp"] > f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(time.time() + 3000))}"


def test_every_fault_is_tried_and_described():
    assert set(faults.FAULTS) == _TRIED
    assert all(len(kind.does) > 20 for kind in faults.FAULTS.values())
