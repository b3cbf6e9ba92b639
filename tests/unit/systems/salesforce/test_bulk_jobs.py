"""Jobs of Bulk API 2.0: whatever becomes of them, nothing is lost or doubled, and no job is left behind."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestration.systems.http import ApiError
from tests.support.salesforce import ACCOUNTS, TASKS, Org

PLAIN = TASKS.model_copy(update={"columns": {k: v for k, v in TASKS.columns.items() if k != "has_attachment"}})
RESULTS = "GET /services/data/*/results"
MADE = "POST */jobs/query"


@pytest.fixture(autouse=True)
def by_job(org: Org) -> None:
    org.settings = {"bulk_from_rows": 1}
    org.crm.jobs.set_rows = 20


def expected(org: Org) -> list[dict[str, str]]:
    return [{name: text for name, text in row.items() if name != "has_attachment"} for row in org.tasks()]


def test_a_job_gives_what_pages_give(org: Org) -> None:
    pulled = org.pull()
    by_job = org.file().read_bytes()
    assert org.rows() == org.tasks()
    assert pulled.pages == -(-pulled.rows // 20)
    assert pulled.notes == ("by a job of the Bulk API",)
    org.settings = {}
    assert org.pull(whole=True).notes == ("by pages of the REST API",)
    assert org.file().read_bytes() == by_job
    assert not org.crm.jobs.all


def test_numbers_and_times_too(org: Org) -> None:
    org.simulator.company.rows("Account")[0]["SLA_Target__c"] = 10_000_000.0
    org.pull(ACCOUNTS)
    by_job = org.file(ACCOUNTS).read_bytes()
    assert b'"10000000"' in by_job
    org.settings = {}
    org.pull(ACCOUNTS, whole=True)
    assert org.file(ACCOUNTS).read_bytes() == by_job


def test_which_way_is_taken_depends_on_how_many_there_are(org: Org) -> None:
    tasks = len([one for one in org.simulator.company.rows("Task") if not one["IsRecurrence"]])
    org.pull(PLAIN, bulk_from_rows=tasks + 1)
    assert org.calls(MADE) == 0
    org.pull(PLAIN, whole=True, bulk_from_rows=tasks)
    assert org.calls(MADE) == 1
    assert "queryAll" in str(org.simulator.called("GET */queryAll")[0].path)


def test_a_count_that_takes_too_long_means_many(org: Org) -> None:
    body = [{"errorCode": "QUERY_TIMEOUT", "message": "Your query request was running for too long."}]
    org.simulator.faults.add("status", "GET */queryAll", status=400, body=body)
    # Stamps that are ahead of the org's own time: when the pull began is known all the same.
    now = org.simulator.company.clock.stamp()
    org.simulator.company.add("Task", Subject="Tomorrow's", at=now + timedelta(days=1))
    pulled = org.pull(PLAIN, bulk_from_rows=1_000_000)
    assert org.calls(MADE) == 1
    assert f"{now:%Y-%m-%d}" == (pulled.watermark or "")[:10]
    assert org.rows() == expected(org)


@pytest.mark.parametrize(
    ("fault", "more"),
    [
        ("session_expires", {"when": "GET */jobs/query/*"}),
        ("session_expires", {"when": RESULTS, "after": 1}),
        ("html_503", {"when": RESULTS}),
        ("html_200", {"when": RESULTS, "after": 1}),
        ("html_200", {"when": "GET */jobs/query/*"}),
        ("reset", {"when": MADE}),
        ("reset_in_body", {"when": RESULTS, "after": 1}),
        ("ends_in_body", {"when": RESULTS}),
        ("results_empty", {}),
        ("results_cut", {"after": 1}),
        ("locator_repeats", {"after": 1}),
        ("job_version", {"after": 1}),
        ("job_gone", {"after": 3}),
    ],
)
def test_a_fault_in_mid_job_loses_nothing(org: Org, fault: str, more: dict) -> None:
    struck = org.simulator.faults.add(fault, **more)
    pulled = org.pull(PLAIN)
    assert struck.struck == 1
    assert org.rows() == expected(org)
    assert pulled.records == len(org.tasks())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("job_fails", "ended as Failed: InternalServerError"),
        ("job_aborted", "ended as Aborted"),
        ("job_stuck", "isn't"),
    ],
)
def test_a_job_that_comes_to_nothing_is_told_and_taken_away(org: Org, fault: str, words: str) -> None:
    org.pull(PLAIN, bulk_from_rows=10_000)
    before = org.file().read_bytes()
    org.simulator.faults.add(fault)
    with pytest.raises(ApiError, match=words) as caught:
        org.pull(PLAIN, whole=True)
    assert caught.value.action
    assert sum(org.time.waits) <= 65 * 60
    assert not org.crm.jobs.all
    assert org.file().read_bytes() == before
    # The next pull makes another job.
    org.pull(PLAIN, whole=True)
    assert org.rows() == expected(org)


def test_a_job_is_waited_for_ever_more_slowly(org: Org) -> None:
    org.crm.jobs.polls = 9
    org.pull(PLAIN)
    assert org.time.waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.parametrize("fault", ["results_cut", "results_empty", "locator_repeats", "job_version", "job_gone"])
def test_results_that_never_get_right_are_an_error(org: Org, fault: str) -> None:
    org.simulator.faults.add(fault, times=None)
    with pytest.raises(ApiError) as caught:
        org.pull(PLAIN)
    assert caught.value.action
    assert org.calls(MADE) == 3
    # A job that can't be asked for can't be deleted either.
    assert bool(org.crm.jobs.all) == (fault == "job_gone")
    org.simulator.faults.clear()
    org.pull(PLAIN)
    assert org.rows() == expected(org)


def test_a_pull_that_broke_off_goes_on_with_the_same_job(org: Org) -> None:
    body = [{"errorCode": "UNKNOWN", "message": "no"}]
    org.simulator.faults.add("status", RESULTS, after=2, status=403, body=body)
    with pytest.raises(ApiError, match="UNKNOWN"):
        org.pull(PLAIN)
    (job,) = org.crm.jobs.all
    before = org.calls(RESULTS)
    pulled = org.pull(PLAIN)
    assert org.rows() == expected(org)
    assert org.calls(MADE) == 1
    assert org.calls(RESULTS) - before == pulled.pages - 2
    assert job not in org.crm.jobs.all


def test_results_are_asked_for_with_the_version_that_made_the_job(org: Org) -> None:
    org.simulator.faults.add("status", RESULTS, status=403, body=[{"errorCode": "UNKNOWN", "message": "no"}])
    with pytest.raises(ApiError):
        org.pull(PLAIN, api_version="60.0")
    org.pull(PLAIN, api_version="63.0")
    assert org.rows() == expected(org)
    assert org.calls(MADE) == 1
    assert {call.path.split("/")[3] for call in org.simulator.called(RESULTS)} == {"v60.0"}


def test_a_job_that_was_asked_for_long_ago_isn_t_waited_for_again(org: Org) -> None:
    org.simulator.faults.add("job_stuck")
    org.deadline = 10
    with pytest.raises(ApiError, match="as long as it may"):
        org.pull(PLAIN)
    org.deadline = None
    org.later(hours=2)
    waited = sum(org.time.waits)
    with pytest.raises(ApiError, match="isn't ready after 60 minutes"):
        org.pull(PLAIN)
    assert sum(org.time.waits) == waited


def test_text_with_line_ends_and_quotes_comes_whole(org: Org) -> None:
    texts = ['a\r\nb, "c"\n', '"', ",\n,", "'", "日本語\n", 'x""y', "\\", "\\n"]
    company = org.simulator.company
    for text in texts:
        company.add("Task", Subject="Odd", Description=text)
    org.pull(PLAIN)
    assert sorted(row["Description"] for row in org.rows() if row["subject"] == "Odd") == sorted(texts)


def test_a_job_without_results_is_fine(org: Org) -> None:
    company = org.simulator.company
    keys = [one["Id"] for one in company.rows("Task")]
    org.simulator.faults.add("meanwhile", MADE, do=lambda: [company.purge("Task", key) for key in keys])
    assert org.pull(PLAIN).records == 0
    assert org.rows() == []
