"""The CRM: sign-in, describe, queries, reports."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.simulators.conftest import V, error_of
from tests.simulators.objects import Field

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def _assertion(simulator, key=None, **claims):
    salesforce = simulator.salesforce
    known = {"iss": salesforce.client_id, "sub": salesforce.username, "aud": "https://login.salesforce.com"}
    return jwt.encode(
        known | {"exp": int(time.time()) + 120} | claims, key or salesforce.private_key, algorithm="RS256"
    )


def test_client_credentials_give_a_session_that_says_where_to_call(simulator, crm):
    answer = crm.sign_in().json()

    assert answer["instance_url"] == simulator.url
    assert answer["token_type"] == "Bearer"  # noqa: S105 -- no secret
    assert "expires_in" not in answer


@pytest.mark.parametrize(
    ("changed", "error"), [({"client_secret": "x"}, "invalid_client"), ({"client_id": "x"}, "invalid_client_id")]
)
def test_wrong_credentials_are_refused(simulator, crm, changed, error):
    salesforce = simulator.salesforce
    right = {"client_id": salesforce.client_id, "client_secret": salesforce.client_secret}
    answer = crm.sign_in(grant_type="client_credentials", **(right | changed))

    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_a_signed_assertion_gives_a_session(simulator, crm):
    answer = crm.sign_in(grant_type=_GRANT, assertion=_assertion(simulator))

    crm.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    assert crm.ask("SELECT COUNT() FROM Account").json()["totalSize"] == 20


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"aud": "https://example.com"}, "audience is invalid"),
        ({"exp": 1}, "expired authorization code"),
        ({"exp": 4_000_000_000}, "invalid assertion"),
        ({"sub": "somebody@else"}, "user hasn't approved this consumer"),
        ({"iss": "another app"}, "client identifier invalid"),
    ],
)
def test_an_assertion_with_wrong_claims_is_refused(simulator, crm, claims, words):
    answer = crm.sign_in(grant_type=_GRANT, assertion=_assertion(simulator, **claims))

    assert (answer.status_code, answer.json()["error_description"]) == (400, words)


def test_an_assertion_signed_with_another_key_is_refused(simulator, crm):
    assert simulator.salesforce.private_key
    other = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    answer = crm.sign_in(grant_type=_GRANT, assertion=_assertion(simulator, other))

    assert answer.json() == {"error": "invalid_grant", "error_description": "invalid assertion"}


def test_a_session_ends_after_its_time(simulator, company, crm):
    company.clock.advance(simulator.salesforce.session_seconds + 1)

    assert error_of(crm.ask("SELECT Id FROM Account")) == (401, "INVALID_SESSION_ID")


def test_describe_tells_types_rights_and_parents(crm):
    fields = {one["name"]: one for one in crm.http.get(f"{V}/sobjects/Task/describe").json()["fields"]}

    assert fields["WhatId"]["referenceTo"] == ["Account", "Opportunity", "Contract"]
    assert fields["SystemModstamp"]["type"] == "datetime"
    assert (fields["IsClosed"]["updateable"], fields["Status"]["updateable"]) == (False, True)
    assert fields["Account_Health_Key__c"]["externalId"]


def test_what_the_user_may_not_see_is_not_there(simulator, crm):
    simulator.salesforce.hide("Account", "Segment__c")
    simulator.salesforce.forbid("Contract")

    names = [one["name"] for one in crm.http.get(f"{V}/sobjects/Account/describe").json()["fields"]]
    assert "Segment__c" not in names
    assert error_of(crm.ask("SELECT Segment__c FROM Account")) == (400, "INVALID_FIELD")
    assert error_of(crm.http.get(f"{V}/sobjects/Contract/describe")) == (404, "NOT_FOUND")
    assert error_of(crm.ask("SELECT Id FROM Contract")) == (400, "INVALID_TYPE")
    assert "Contract" not in [one["name"] for one in crm.http.get(f"{V}/sobjects").json()["sobjects"]]


def test_a_field_changes_its_type(simulator, crm):
    simulator.salesforce.retype("Contract", "Amount__c", "string")

    fields = crm.http.get(f"{V}/sobjects/Contract/describe").json()["fields"]
    assert next(one["type"] for one in fields if one["name"] == "Amount__c") == "string"


def test_pages_follow_one_another_and_nest_parents(simulator, crm, company):
    simulator.salesforce.page_rows = 7
    company.change("Account", company.rows("Account")[0]["Id"], ParentId=company.rows("Account")[1]["Id"])
    pages = list(crm.pages("SELECT Id, Name, Owner.Name, Owner.Email, Parent.Owner.Name FROM Account ORDER BY Name"))

    rows = [row for page in pages for row in page["records"]]
    assert [len(page["records"]) for page in pages] == [7, 7, 6]
    assert {page["totalSize"] for page in pages} == {20}
    assert sorted(row["Id"] for row in rows) == sorted(row["Id"] for row in company.rows("Account"))
    assert [row["Name"] for row in rows] == sorted(row["Name"] for row in rows)
    child = next(row for row in rows if row["Id"] == company.rows("Account")[0]["Id"])
    assert (child["Owner"]["Name"], child["Parent"]["Owner"]["Name"]) == ("Ana Ruiz", "Ben Okafor")
    assert all(row["Parent"] is None for row in rows if row is not child)


def test_the_least_batch_is_200(crm):
    crm.http.headers["Sforce-Query-Options"] = "batchSize=10"

    assert [len(page["records"]) for page in crm.pages("SELECT Id FROM Task")] == [200, 60]


def test_plain_queries_leave_out_deleted_and_archived(company, crm):
    tasks = company.rows("Task")
    deleted, archived = (sum(row[field] for row in tasks) for field in ("IsDeleted", "IsArchived"))
    both = sum(row["IsDeleted"] and row["IsArchived"] for row in tasks)

    assert deleted
    assert archived
    assert len(crm.rows("SELECT Id FROM Task")) == len(tasks)
    assert len(crm.rows("SELECT Id FROM Task", "query")) == len(tasks) - deleted - archived + both


# Some tasks are stamped with this very moment.
_MOMENT = datetime(2026, 3, 2, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("where", "matches"),
    [
        ("SystemModstamp >= 2026-03-02T18:00:00Z", lambda row: row["SystemModstamp"] >= _MOMENT),
        ("SystemModstamp < 2026-03-02T20:00:00+02:00", lambda row: row["SystemModstamp"] < _MOMENT),
        ("ActivityDate = 2026-03-02", lambda row: row["ActivityDate"] == date(2026, 3, 2)),
        (
            "IsClosed = false AND TaskSubtype != 'call'",
            lambda row: not row["IsClosed"] and row["TaskSubtype"] != "Call",
        ),
        ("TaskSubtype IN ('Call', 'Email')", lambda row: row["TaskSubtype"] in ("Call", "Email")),
        ("NOT (IsClosed = true OR IsArchived = true)", lambda row: not row["IsClosed"] and not row["IsArchived"]),
        ("Description = null", lambda row: row["Description"] is None),
        ("Response_Hours__c > 3", lambda row: (row["Response_Hours__c"] or 0) > 3),
        ("Subject LIKE '%HEALTH check%'", lambda row: "health check" in row["Subject"]),
        ("What.Type = 'Opportunity'", lambda row: (row["WhatId"] or "")[:3] == "006"),
        ("Description = '\"'", lambda row: row["Description"] == '"'),
    ],
)
def test_conditions(company, crm, where, matches):
    found = {row["Id"] for row in crm.rows(f"SELECT Id FROM Task WHERE {where}")}

    # The series of calls has no dates.
    expected = {
        row["Id"] for row in company.rows("Task") if not (row["IsRecurrence"] and "Date" in where) and matches(row)
    }
    assert 0 < len(found) < len(company.rows("Task"))
    assert found == expected


def test_ids_of_15_find_those_of_18(company, crm):
    key = company.rows("Account")[3]["Id"]

    assert [row["Id"] for row in crm.rows(f"SELECT Id FROM Account WHERE Id = '{key[:15]}'")] == [key]
    assert key[:15].lower() in [row["Id"][:15].lower() for row in company.rows("Account") if row["Id"] != key]


def test_counting_gives_no_records(company, crm):
    answer = crm.ask("SELECT COUNT() FROM Task WHERE IsClosed = true").json()

    assert answer == {"totalSize": sum(row["IsClosed"] for row in company.rows("Task")), "done": True, "records": []}


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Id FROM Task WHERE", "MALFORMED_QUERY"),
        ("SELECT Id, FROM Task", "MALFORMED_QUERY"),
        ("SELECT Id FROM Task ALL ROWS", "MALFORMED_QUERY"),
        ("SELECT Id FROM Nothing__c", "INVALID_TYPE"),
        ("SELECT Nothing__c FROM Task", "INVALID_FIELD"),
        ("SELECT Nothing__r.Name FROM Task", "INVALID_FIELD"),
        ("SELECT Id FROM Task WHERE SystemModstamp > '2026-06-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Task WHERE Subject = 5", "INVALID_FIELD"),
        ("SELECT Id FROM ContentDocumentLink", "MALFORMED_QUERY"),
        ("SELECT Id FROM ContentDocumentLink WHERE ShareType = 'V'", "MALFORMED_QUERY"),
        ("SELECT Id FROM ContentDocumentLink WHERE LinkedEntityId IN (SELECT Id FROM Task)", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Event)", "MALFORMED_QUERY"),
    ],
)
def test_what_cannot_be_asked(crm, soql, code):
    assert error_of(crm.ask(soql)) == (400, code)


def test_a_semi_join_over_accounts_is_allowed(crm, company):
    found = crm.rows("SELECT Id FROM Task WHERE AccountId IN (SELECT Id FROM Account WHERE Segment__c = 'SMB')")

    small = {row["Id"] for row in company.rows("Account") if row["Segment__c"] == "SMB"}
    assert {row["Id"] for row in found} == {row["Id"] for row in company.rows("Task") if row["AccountId"] in small}


def test_evidence_is_found_by_ids(company, crm):
    linked = {row["LinkedEntityId"] for row in company.rows("ContentDocumentLink")}
    tasks = [row["Id"] for row in company.rows("Task")]
    wanted = ", ".join(f"'{key}'" for key in tasks)
    links = crm.rows(
        f"SELECT LinkedEntityId, ContentDocument.Title FROM ContentDocumentLink WHERE LinkedEntityId IN ({wanted})"
    )

    assert {row["LinkedEntityId"] for row in links} == linked & set(tasks)
    assert crm.rows("SELECT Id, ContentDocumentId FROM ContentVersion WHERE IsLatest = true")
    assert crm.rows("SELECT Id, LatestPublishedVersionId FROM ContentDocument")
    assert {row["ParentId"] for row in crm.rows("SELECT ParentId FROM Attachment")} <= set(tasks)


def test_links_need_no_ids_for_who_may_query_all_files(simulator, company, crm):
    simulator.salesforce.query_all_files = True
    soql = "SELECT Id, LinkedEntityId FROM ContentDocumentLink WHERE SystemModstamp >= 2020-01-01T00:00:00Z"

    assert len(crm.rows(soql)) == len(company.rows("ContentDocumentLink"))
    assert crm.http.get(f"{crm.finished(soql)}/results").headers["Sforce-NumberOfRecords"] == "52"


def test_an_address_may_not_be_too_long(crm):
    answer = crm.ask("SELECT Id FROM Task WHERE Subject = '" + "x" * 17_000 + "'")

    assert answer.status_code == 414
    assert answer.headers["content-type"] == "text/html"


def test_calls_are_counted_and_the_day_has_an_end(simulator, crm):
    simulator.salesforce.daily_calls = 3
    usage = [crm.ask("SELECT COUNT() FROM Account").headers["Sforce-Limit-Info"] for _ in range(2)]
    left = crm.http.get(f"{V}/limits").json()["DailyApiRequests"]

    assert usage == ["api-usage=1/3", "api-usage=2/3"]
    assert left == {"Max": 3, "Remaining": 0}
    assert error_of(crm.ask("SELECT COUNT() FROM Account")) == (403, "REQUEST_LIMIT_EXCEEDED")


def test_versions_are_told_and_others_are_not_there(crm):
    versions = [one["version"] for one in crm.http.get("/services/data/").json()]

    assert "60.0" in versions
    assert crm.http.get(V).json()["queryAll"] == f"{V}/queryAll"
    assert error_of(crm.http.get("/services/data/v12.0/limits")) == (404, "NOT_FOUND")
    assert error_of(crm.http.get(f"{V}/nothing")) == (404, "NOT_FOUND")


def test_what_the_company_adds_is_seen_at_once(company, crm):
    company.add_field("Account", Field("Tier__c"))
    key = company.add("Account", Name="Newcomer", Tier__c="gold", at=datetime(2020, 1, 1, tzinfo=UTC))
    tiers = [row["Tier__c"] for row in crm.rows("SELECT Tier__c FROM Account")]

    assert tiers == [None] * 20 + ["gold"]
    assert crm.rows(f"SELECT Tier__c, SystemModstamp FROM Account WHERE Id = '{key}'")[0] | {"attributes": None} == {
        "attributes": None, "Tier__c": "gold", "SystemModstamp": "2020-01-01T00:00:00.000+0000",
    }  # fmt: skip


def test_a_report_has_its_rows_with_labels_and_values(simulator, company, crm):
    report = simulator.salesforce.reports["activities"]
    answer = crm.http.get(f"{V}/analytics/reports/{report.key}", params={"includeDetails": "true"}).json()

    labels = [one["label"] for one in answer["reportExtendedMetadata"]["detailColumnInfo"].values()]
    rows = answer["factMap"]["T!T"]["rows"]
    assert answer["allData"]
    assert list(answer["reportMetadata"]["detailColumns"]) == list(report.columns)
    assert labels[:6] == ["Name", "Account", "Opportunity", "Subject", "Timestamp", "Attachment"]
    assert len(rows) == sum(not row["IsDeleted"] for row in company.rows("Task"))
    assert {len(row["dataCells"]) for row in rows} == {len(labels)}
    assert {row["dataCells"][5]["value"] for row in rows} == {"Y", "N"}
    assert {len(row["dataCells"][6]["value"]) for row in rows} == {15}


def test_a_report_without_details_has_no_rows(simulator, crm):
    report = simulator.salesforce.reports["accounts"]
    answer = crm.http.get(f"{V}/analytics/reports/{report.key}").json()

    assert "rows" not in answer["factMap"]["T!T"]
    assert answer["factMap"]["T!T"]["aggregates"][0]["value"] == 20


def test_a_report_stops_at_2000_rows(simulator, company, crm):
    report = simulator.salesforce.reports["accounts"]
    for n in range(1981):
        company.add("Account", Name=f"More {n}")
    answer = crm.http.get(f"{V}/analytics/reports/{report.key}?includeDetails=true").json()

    assert not answer["allData"]
    assert len(answer["factMap"]["T!T"]["rows"]) == 2000
    assert error_of(crm.http.get(f"{V}/analytics/reports/00O000000000000")) == (404, "NOT_FOUND")
