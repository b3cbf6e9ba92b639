"""What doctor says of an org: everything that a pull needs, tried, with how to mend it."""

from __future__ import annotations

from orchestration.systems.base import Found
from tests.support.salesforce import ACCOUNTS, TASKS, Org
from tests.unit.systems.salesforce.test_report_fallback import report


def failing(found: list[Found]) -> list[str]:
    return [one.what for one in found if not one.is_ok]


def test_everything_works(org: Org) -> None:
    org.crm.query_all_files = True
    found = org.examine(TASKS, ACCOUNTS, report(org))
    assert failing(found) == []
    assert [one.what for one in found] == [
        "sign-in",
        "API version",
        "calls",
        "source crm_tasks",
        "evidence of crm_tasks",
        "source crm_accounts",
        "source activities_report",
    ]
    assert "of 100,000 calls used today" in found[2].words
    # Nothing was pulled.
    assert org.calls("GET */queryAll") == 0


def test_a_refused_sign_in_says_why_and_ends(org: Org) -> None:
    org.secret = "wrong " * 2
    (found,) = org.examine(TASKS)
    assert found.what == "sign-in"
    assert "invalid client credentials" in found.words
    assert "crm_secret" in (found.mend or "")
    assert "wrong" not in f"{found.words} {found.mend}"


def test_every_field_that_is_missing_is_told(org: Org) -> None:
    org.crm.hide("Account", "Segment__c", "BillingState")
    org.crm.retype("Account", "Enrolled__c", "double")
    found = [one for one in org.examine(ACCOUNTS) if not one.is_ok]
    assert len(found) == 3
    assert {one.words.split(",")[0] for one in found} == {"region", "segment", "health_data_enrolled"}
    assert all(one.mend for one in found)


def test_a_condition_that_can_t_be_run_is_told(org: Org) -> None:
    source = ACCOUNTS.model_copy(update={"where": "Tyype = 'Customer'"})
    (found,) = [one for one in org.examine(source) if not one.is_ok]
    assert "No such column 'Tyype'" in found.words


def test_objects_and_rights_that_are_missing_are_told(org: Org) -> None:
    org.crm.forbid("Account")
    found = org.examine(TASKS, ACCOUNTS)
    assert failing(found) == ["evidence of crm_tasks", "source crm_accounts"]
    assert "Query All Files" in (found[4].mend or "")
    org.crm.forbid("ContentDocument")
    assert "no object ContentDocument" in org.examine(TASKS)[4].words


def test_an_unknown_version_is_told(org: Org) -> None:
    found = org.examine(TASKS, api_version="99.0")
    assert failing(found) == ["API version"]
    assert found[-1].mend == "set api_version in policies/systems.yaml"


def test_spent_calls_are_told(org: Org) -> None:
    org.crm.daily_calls, org.crm.calls_today = 100, 70
    found = org.examine(TASKS)
    assert failing(found) == ["calls"]
    assert found[-1].words == "70 of 100 calls used today"
    assert "quota_share_pct" in (found[-1].mend or "")
    assert org.crm.calls_today == 70


def test_an_outage_is_told(org: Org) -> None:
    org.simulator.faults.add("html_503", "GET */describe", times=None)
    found = org.examine(TASKS)
    assert failing(found) == ["calls"]
    assert "503" in found[-1].words


def test_reports_are_tried(org: Org) -> None:
    org.simulator.faults.add("report_truncated")
    assert failing(org.examine(report(org))) == ["source activities_report"]
