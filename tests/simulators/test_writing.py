"""Writing to the CRM."""

from __future__ import annotations

import pytest

from tests.simulators.conftest import V, error_of

_UPSERT = f"{V}/composite/sobjects/Account/Account_Health_Id__c"


def _records(*fields, name="Account"):
    return {"allOrNone": False, "records": [{"attributes": {"type": name}, **one} for one in fields]}


def _codes(results):
    return [None if one["success"] else one["errors"][0]["statusCode"] for one in results]


@pytest.fixture
def keys(company):
    return [row["Id"] for row in company.rows("Account")]


def test_upsert_changes_and_creates_with_a_result_for_each(simulator, company, crm, keys):
    before = company.get("Account", keys[0])["SystemModstamp"]
    sent = _records(
        {"Account_Health_Id__c": keys[0], "Health_Score__c": 71.5, "Health_As_Of__c": "2026-06-30"},
        {"Account_Health_Id__c": "new one", "Name": "New One"},
        {"Account_Health_Id__c": keys[1], "Health_Score__c": "high"},
    )
    results = crm.http.patch(_UPSERT, json=sent).json()

    assert _codes(results) == [None, None, "INVALID_TYPE_ON_FIELD_IN_RECORD"]
    assert [one.get("created") for one in results] == [False, True, None]
    assert results[2]["errors"][0]["fields"] == ["Health_Score__c"]
    changed = company.get("Account", keys[0])
    assert (changed["Health_Score__c"], changed["Health_As_Of__c"].isoformat()) == (71.5, "2026-06-30")
    assert changed["SystemModstamp"] > before
    assert company.get("Account", results[1]["id"])["Name"] == "New One"
    assert [(one.how, one.key) for one in simulator.written] == [("change", keys[0]), ("create", results[1]["id"])]


def test_all_or_none_undoes_everything(simulator, company, crm, keys):
    sent = _records(
        {"Account_Health_Id__c": keys[0], "Health_Score__c": 1},
        {"Account_Health_Id__c": keys[1], "Health_Score__c": "x"},
    )
    results = crm.http.patch(_UPSERT, json=sent | {"allOrNone": True}).json()

    assert _codes(results) == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "INVALID_TYPE_ON_FIELD_IN_RECORD"]
    assert company.get("Account", keys[0])["Health_Score__c"] is None
    assert not simulator.written


@pytest.mark.parametrize(
    ("path", "sent", "expected"),
    [
        (_UPSERT, _records(*[{"Account_Health_Id__c": str(n)} for n in range(201)]), (400, "EXCEEDED_ID_LIMIT")),
        (_UPSERT, {"records": [{"Account_Health_Id__c": "1"}]}, (400, "INVALID_INPUT")),
        (_UPSERT, _records({"Account_Health_Id__c": "1"}, name="Task"), (400, "INVALID_INPUT")),
        (_UPSERT, _records({"Account_Health_Id__c": "1", "Nothing__c": 1}), (400, "INVALID_FIELD")),
        (f"{V}/composite/sobjects/Account/Name", _records({"Name": "1"}), (400, "INVALID_FIELD")),
    ],
)
def test_a_whole_call_is_refused(simulator, crm, path, sent, expected):
    assert error_of(crm.http.patch(path, json=sent)) == expected
    assert not simulator.written


def test_rows_that_are_refused(company, crm, keys):
    company.delete("Account", keys[3])
    sent = _records(
        {"Account_Health_Id__c": keys[0], "SystemModstamp": "2026-01-01T00:00:00Z"},
        {"Account_Health_Id__c": keys[1], "Health_Status__c": "x" * 256},
        {"Account_Health_Id__c": keys[2], "OwnerId": "0055g0000099999"},
        {"Account_Health_Id__c": keys[3], "Health_Score__c": 1},
        {"Account_Health_Id__c": "twice", "Name": "a"},
        {"Account_Health_Id__c": "twice", "Name": "b"},
        {"Health_Score__c": 1},
    )

    assert _codes(crm.http.patch(_UPSERT, json=sent).json()) == [
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "STRING_TOO_LONG",
        "INVALID_CROSS_REFERENCE_KEY",
        # Its record is in the recycle bin, so this would be a new one.
        "REQUIRED_FIELD_MISSING",
        "DUPLICATE_VALUE",
        "DUPLICATE_VALUE",
        "MISSING_ARGUMENT",
    ]


def test_collections_create_and_change_by_id(company, crm, keys):
    path = f"{V}/composite/sobjects"
    made = crm.http.post(path, json=_records({"Subject": "Call", "WhatId": keys[0][:15]}, name="Task")).json()
    deal = company.rows("Opportunity")[0]["Id"]
    task = made[0]["id"]
    unknown = {"id": task[:12] + "999AAA"}
    sent = _records({"id": task, "Status": "Completed", "WhatId": deal}, {"Subject": "x"}, unknown, name="Task")
    changed = crm.http.patch(path, json=sent).json()

    assert _codes(made + changed) == [None, None, "MISSING_ARGUMENT", "INVALID_CROSS_REFERENCE_KEY"]
    task = company.get("Task", task)
    assert (task["AccountId"], task["WhatId"], task["IsClosed"]) == (keys[0], deal, True)
    assert task["CompletedDateTime"]


def test_one_record_at_a_time(simulator, company, crm, keys):
    made = crm.http.post(
        f"{V}/sobjects/Task", json={"Subject": "Call", "WhatId": keys[0], "Account_Health_Key__c": "k"}
    )
    task = made.json()["id"]
    again = crm.http.post(f"{V}/sobjects/Task", json={"Subject": "Call", "Account_Health_Key__c": "K"})
    by_key = f"{V}/sobjects/Task/Account_Health_Key__c"
    upserts = [
        crm.http.patch(f"{by_key}/{key}", json={"Subject": "Mail"}) for key in ("k", "other/key".replace("/", "%2F"))
    ]

    assert (made.status_code, made.json()["success"]) == (201, True)
    assert error_of(again) == (400, "DUPLICATE_VALUE")
    assert [(one.status_code, one.json()["created"]) for one in upserts] == [(200, False), (201, True)]
    assert crm.http.get(f"{by_key}/k", params={"fields": "Subject,AccountId"}).json() == {
        "attributes": {"type": "Task"}, "Subject": "Mail", "AccountId": keys[0],
    }  # fmt: skip
    assert crm.http.patch(f"{V}/sobjects/Account/{keys[0][:15]}", json={"Next_Action__c": "call"}).status_code == 204
    assert company.get("Account", keys[0])["Next_Action__c"] == "call"
    assert crm.http.delete(f"{V}/sobjects/Task/{task}").status_code == 204
    assert error_of(crm.http.patch(f"{V}/sobjects/Task/{task}", json={})) == (404, "ENTITY_IS_DELETED")
    assert [one.how for one in simulator.written] == ["create", "change", "create", "change", "delete"]
    assert company.get("Task", upserts[1].json()["id"])["Account_Health_Key__c"] == "other/key"


def test_a_hidden_field_cannot_be_written(simulator, crm, keys):
    simulator.salesforce.hide("Account", "Health_Score__c")

    answer = crm.http.patch(f"{V}/sobjects/Account/{keys[0]}", json={"Health_Score__c": 1})
    assert error_of(answer) == (400, "INVALID_FIELD")
