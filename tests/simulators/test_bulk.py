"""Query jobs of the CRM, small and large."""

from __future__ import annotations

import csv
import io

import pytest

from tests.simulators.bulk import Jobs
from tests.simulators.conftest import V, error_of
from tests.simulators.mass import Mass

_SOQL = "SELECT Id, Subject, Description, Owner.Name, IsClosed, CompletedDateTime, ActivityDate FROM Task ORDER BY Id"


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _sets(crm, job, **params):
    locator = ""
    while locator != "null":
        answer = crm.http.get(f"{job}/results", params=params | ({"locator": locator} if locator else {}))
        assert answer.status_code == 200, answer.text
        locator = answer.headers["Sforce-Locator"]
        yield answer


def test_a_job_goes_through_its_states(crm):
    job = crm.job(_SOQL)
    told = [crm.http.get(job).json() for _ in range(3)]

    assert [one["state"] for one in told] == ["InProgress", "JobComplete", "JobComplete"]
    assert (told[2]["numberRecordsProcessed"], told[2]["apiVersion"], told[2]["object"]) == (260, 60.0, "Task")


def test_results_come_in_sets_each_with_a_header(crm, company):
    sets = list(_sets(crm, crm.finished(_SOQL), maxRecords="100"))
    rows = [row for one in sets for row in _rows(one.text)]

    assert [one.headers["Sforce-NumberOfRecords"] for one in sets] == ["100", "100", "60"]
    assert [one.headers["Sforce-Locator"] for one in sets][-1] == "null"
    assert [row["Id"] for row in rows] == sorted(company.tables["Task"], key=str.lower)
    for row in rows:
        known = company.get("Task", row["Id"])
        assert row["Description"] == (known["Description"] or "")
        assert row["IsClosed"] == str(known["IsClosed"]).lower()
        done = known["CompletedDateTime"]
        assert row["CompletedDateTime"] == (f"{done:%Y-%m-%dT%H:%M:%S}.000Z" if done else "")


def test_a_locator_may_be_asked_for_again(crm):
    job = crm.finished(_SOQL)
    first = crm.http.get(f"{job}/results", params={"maxRecords": 100})
    again = [
        crm.http.get(f"{job}/results", params={"maxRecords": 100, "locator": first.headers["Sforce-Locator"]}).content
        for _ in range(2)
    ]

    assert again[0] == again[1] != first.content


def test_query_leaves_out_what_query_all_has(crm, company):
    kept = sum(not row["IsDeleted"] and not row["IsArchived"] for row in company.rows("Task"))
    (only,) = _sets(crm, crm.finished(_SOQL, "query"))

    assert only.headers["Sforce-NumberOfRecords"] == str(kept)


def test_no_rows_are_a_header_and_no_more(crm):
    (only,) = _sets(crm, crm.finished("SELECT Id FROM Task WHERE Subject = 'nothing'"))

    assert (only.text, only.headers["Sforce-NumberOfRecords"]) == ('"Id"\n', "0")


def test_results_belong_to_the_version_that_made_the_job(crm):
    job = crm.finished(_SOQL)

    assert crm.http.get(f"{job}/results".replace("v60.0", "v61.0")).status_code == 409


def test_results_wait_for_the_end_of_the_job(crm):
    assert error_of(crm.http.get(f"{crm.job(_SOQL)}/results")) == (400, "INVALIDJOBSTATE")


def test_jobs_are_aborted_and_deleted(crm):
    job = crm.job(_SOQL)
    assert error_of(crm.http.delete(job)) == (400, "INVALIDJOBSTATE")
    assert crm.http.patch(job, json={"state": "Aborted"}).json()["state"] == "Aborted"
    assert [one["state"] for one in crm.http.get(f"{V}/jobs/query").json()["records"]] == ["Aborted"]
    assert crm.http.delete(job).status_code == 204
    assert crm.http.get(job).status_code == 404


@pytest.mark.parametrize(
    ("job", "code"),
    [
        ({"operation": "insert", "query": "SELECT Id FROM Task"}, "INVALIDJOB"),
        ({"operation": "query", "query": "SELECT COUNT() FROM Task"}, "INVALIDJOB"),
        ({"operation": "query", "query": "SELECT Nothing__c FROM Task"}, "INVALID_FIELD"),
        ({"operation": "query", "query": "SELECT Id FROM ContentDocumentLink"}, "MALFORMED_QUERY"),
    ],
)
def test_what_cannot_be_a_job(crm, job, code):
    assert error_of(crm.http.post(f"{V}/jobs/query", json=job)) == (400, code)


# --- Many tasks.


@pytest.fixture
def mass(simulator, company):
    simulator.salesforce.jobs = Jobs(mass=Mass(5000, company), set_rows=2000)
    return simulator.salesforce.jobs.mass


def test_many_tasks_come_by_a_job(crm, mass):
    assert crm.ask("SELECT COUNT() FROM Task").json()["totalSize"] == 5000
    sets = list(_sets(crm, crm.finished(_SOQL)))
    rows = [row for one in sets for row in _rows(one.text)]

    assert [one.headers["Sforce-NumberOfRecords"] for one in sets] == ["2000", "2000", "1000"]
    assert len({row["Id"] for row in rows}) == 5000
    assert sum("\n" in row["Description"] for row in rows) == 833
    assert sum(row["Subject"].startswith('Call about "roadmap", next') for row in rows) == 1250


def test_many_tasks_change_and_are_asked_for_by_time(crm, mass, company):
    since = f"{company.clock.now():%Y-%m-%dT%H:%M:%SZ}"
    mass.touch(7)
    found = crm.rows(f"SELECT Id, Owner.Name, What.Name, Subject FROM Task WHERE SystemModstamp >= {since}")

    assert len(found) == 7
    assert all(row["Subject"].endswith(".") and row["Owner"]["Name"] and row["What"]["Name"] for row in found)
    assert error_of(crm.ask("SELECT Nothing FROM Task")) == (400, "INVALID_FIELD")


def test_many_tasks_leave_out_deleted_and_archived(crm, mass):
    kept = crm.ask("SELECT COUNT() FROM Task", "query").json()["totalSize"]
    gone = crm.ask("SELECT COUNT() FROM Task WHERE IsDeleted = true OR IsArchived = true").json()["totalSize"]

    assert gone > 1000
    assert kept + gone == 5000
    assert len(crm.rows("SELECT Id FROM Task WHERE TaskSubtype IN ('Call') AND Description = null")) > 500
