"""Reports instead of objects: read whole, or refused."""

from __future__ import annotations

import pytest

from orchestration.policy.sources import Source
from orchestration.sources.errors import SourceError
from orchestration.systems.http import ApiError
from tests.support.salesforce import Org


def report(org: Org, name: str = "activities", **columns: str) -> Source:
    mapped = {
        "activities": {
            "activity_id": "TASK_ID",
            "account_id": "Account ID",
            "account_name": "Account",
            "owner_name": "Name",
            "subject": "SUBJECT",
            "occurred_at": "Timestamp",
            "has_attachment": "Attachment",
        },
        "contracts": {"account_name": "Account", "product": "Product", "start_date": "Start Date", "amount": "Amount"},
    }[name]
    return Source(
        name=f"{name}_report", stream=name, system="crm", report=org.crm.reports[name].key, columns=mapped | columns
    )


def test_a_report_is_read_by_labels_and_names(org: Org) -> None:
    source = report(org)
    pulled = org.pull(source)
    found = {row["activity_id"]: row for row in org.rows(source)}
    books = {one["Id"]: one for one in org.simulator.company.rows("Task") if not one["IsDeleted"]}
    accounts = {one["Id"]: one["Name"] for one in org.simulator.company.rows("Account")}
    assert found.keys() == books.keys()
    assert pulled.whole
    assert (pulled.rows, pulled.records) == (len(books), len(books))
    for key, row in found.items():
        assert row["account_id"] == books[key]["AccountId"]
        assert row["account_name"] == accounts[books[key]["AccountId"]]
        assert row["subject"] == (books[key]["Subject"] or "")
        done = books[key]["CompletedDateTime"]
        assert row["occurred_at"] == ("" if done is None else done.strftime("%Y-%m-%dT%H:%M:%SZ"))
        assert row["has_attachment"] in ("Y", "N")


def test_money_and_dates_are_values_rather_than_words(org: Org) -> None:
    source = report(org, "contracts")
    org.pull(source)
    (first, *_) = org.rows(source)
    assert float(first["amount"]) > 1_000
    assert first["start_date"][4] == "-"


def test_the_same_report_writes_the_same_file(org: Org) -> None:
    source = report(org)
    org.pull(source)
    before = org.file(source).read_bytes()
    org.later(hours=1)
    org.pull(source)
    assert org.file(source).read_bytes() == before


def test_a_report_that_stops_early_is_refused(org: Org) -> None:
    source = report(org)
    org.pull(source)
    before = org.file(source).read_bytes()
    org.simulator.faults.add("report_truncated")
    with pytest.raises(SourceError, match="isn't given whole") as caught:
        org.pull(source)
    assert "2,000 at most" in caught.value.message
    assert "object" in caught.value.action
    assert caught.value.file == "activities_report"
    assert org.file(source).read_bytes() == before


def test_two_thousand_rows_are_refused_whatever_is_said(org: Org) -> None:
    task = org.simulator.company.rows("Task")[0]
    missing = 2_000 - sum(not one["IsDeleted"] for one in org.simulator.company.rows("Task"))
    for _ in range(missing - 1):
        org.simulator.company.add("Task", Subject="x", OwnerId=task["OwnerId"])
    source = report(org)
    assert org.pull(source).rows == 1_999
    org.simulator.company.add("Task", Subject="x", OwnerId=task["OwnerId"])
    with pytest.raises(SourceError, match="isn't given whole"):
        org.pull(source)


def test_a_column_that_the_report_lacks_names_the_nearest(org: Org) -> None:
    with pytest.raises(SourceError, match="no column Subjct") as caught:
        org.pull(report(org, subject="Subjct"))
    assert caught.value.action == "did you mean Subject?"
    assert caught.value.place == "subject"


def test_a_report_that_isn_t_there(org: Org) -> None:
    source = report(org).model_copy(update={"report": "00O000000000000"})
    with pytest.raises(SourceError, match="no such report"):
        org.pull(source)


def test_a_report_with_groups_is_refused(org: Org) -> None:
    body = {"allData": True, "factMap": {"0!T": {"rows": []}}, "reportMetadata": {"reportFormat": "SUMMARY"}}
    org.simulator.faults.add("status", "GET */analytics/*", status=200, body=body)
    with pytest.raises(SourceError, match="format SUMMARY"):
        org.pull(report(org))


def test_an_empty_report_is_fine(org: Org) -> None:
    org.simulator.company.tables["Task"].clear()
    source = report(org)
    assert org.pull(source).rows == 0
    assert org.rows(source) == []


def test_an_outage_is_an_outage(org: Org) -> None:
    org.simulator.faults.add("html_503", times=None)
    with pytest.raises(ApiError, match="503"):
        org.pull(report(org))
