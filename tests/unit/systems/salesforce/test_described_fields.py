"""Whether the org has what sources.yaml asks for: told before anything is pulled, with what to do."""

from __future__ import annotations

from typing import Any

import pytest

from orchestration.policy.sources import Source
from orchestration.sources.errors import SourceError
from tests.simulators.objects import Field
from tests.support.salesforce import ACCOUNTS, TASKS, Org


def mapped(source: Source, **columns: Any) -> Source:
    return source.model_copy(update={"columns": {**source.columns, **columns}})


def refused(org: Org, source: Source, **settings: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        org.pull(source, **settings)
    # Nothing was asked for.
    assert org.calls("GET */query*") == 0
    assert org.calls("* */jobs/*") == 0
    return caught.value


def test_a_field_that_is_gone_names_the_nearest(org: Org) -> None:
    error = refused(org, mapped(ACCOUNTS, segment="Segmnt__c"))
    assert error.file == "crm_accounts"
    assert error.place == "segment, Account.Segmnt__c"
    assert error.message == "Account has no field Segmnt__c, or the user has no right to see it."
    assert error.action == "did you mean Segment__c?"


def test_a_field_that_may_not_be_seen_is_the_same(org: Org) -> None:
    org.pull(ACCOUNTS)
    org.simulator.calls.clear()
    org.crm.hide("Account", "Segment__c")
    error = refused(org, ACCOUNTS)
    assert "no right to see it" in error.message
    assert error.expected.endswith("that the user's permission set may read")
    # What was pulled before is still there.
    assert org.rows(ACCOUNTS)


@pytest.mark.parametrize(
    ("column", "kind", "fits"),
    [
        ("health_data_enrolled", "double", False),
        ("health_data_enrolled", "date", False),
        ("health_data_enrolled", "picklist", True),
        ("customer_since", "double", False),
        ("customer_since", "boolean", False),
        ("customer_since", "datetime", True),
        ("customer_since", "string", True),
        ("sla_target_pct", "boolean", False),
        ("sla_target_pct", "string", True),
        ("account_name", "address", False),
        ("account_name", "double", True),
        ("account_id", "boolean", False),
        ("account_id", "string", True),
        ("geo", "base64", False),
    ],
)
def test_a_type_fits_its_column_or_is_refused(org: Org, column: str, kind: str, fits: bool) -> None:
    org.simulator.company.add_field("Account", Field("Odd__c", kind))
    source = mapped(ACCOUNTS, **{column: "Odd__c"})
    if fits:
        org.pull(source)
        return
    error = refused(org, source)
    assert f"Account.Odd__c is of type {kind}" in error.message
    assert error.place.startswith(f"{column}, ")
    assert "value map" in error.action


def test_a_type_that_changed_is_noticed(org: Org) -> None:
    org.pull(ACCOUNTS)
    org.simulator.calls.clear()
    org.crm.retype("Account", "Enrolled__c", "double")
    error = refused(org, ACCOUNTS)
    assert "for a column of kind boolean" in error.expected


def test_an_enum_from_a_boolean_needs_a_value_map(org: Org) -> None:
    error = refused(org, TASKS.model_copy(update={"value_maps": {}}))
    assert error.place == "status, Task.IsClosed"


def test_relations_are_followed(org: Org) -> None:
    source = mapped(ACCOUNTS, csm_name="CSM__r.Name", csm_email="csm__r.email", parent_account_id="Parent.Id")
    org.pull(source)
    users = {one["Name"]: one["Email"] for one in org.simulator.company.rows("User")}
    assert all(row["csm_email"] == users[row["csm_name"]] for row in org.rows(source))


def test_a_relation_to_several_objects_has_what_they_share(org: Org) -> None:
    source = TASKS.model_copy(update={"columns": {**TASKS.columns, "opportunity_name": "What.Name"}})
    org.pull(source)
    assert {row["opportunity_name"] for row in org.rows(source)} > {"Deal 0-0"}
    org.simulator.calls.clear()
    error = refused(org, mapped(TASKS, opportunity_name="What.StageName"))
    assert "Account, Opportunity, Contract, which don't share a field StageName" in error.message
    assert "What.Name" in error.expected


def test_an_unknown_relation_names_the_nearest(org: Org) -> None:
    error = refused(org, mapped(ACCOUNTS, csm_name="CSM__c.Name"))
    assert error.action == "did you mean CSM__r?"


def test_an_object_that_may_not_be_seen(org: Org) -> None:
    org.crm.forbid("Task")
    error = refused(org, TASKS)
    assert "no object Task, or the user has no right" in error.message


def test_a_parent_that_may_not_be_seen(org: Org) -> None:
    org.crm.forbid("User")
    error = refused(org, TASKS)
    assert "no object User" in error.message
    assert error.place.startswith("owner_name")


def test_a_version_that_the_org_doesn_t_know(org: Org) -> None:
    error = refused(org, TASKS, api_version="99.0")
    assert "doesn't know version 99.0" in error.message
    assert "58.0, 59.0" in error.expected


def test_an_extra_field_must_not_pass_for_a_column(org: Org) -> None:
    error = refused(org, ACCOUNTS.model_copy(update={"extra": ("Industry",)}))
    assert "would be taken for the column industry" in error.message


def test_extra_fields_come_under_their_own_names(org: Org) -> None:
    source = ACCOUNTS.model_copy(update={"extra": ("Website", "Owner.Email")})
    org.pull(source)
    assert all(row["Website"].startswith("https://www.") and "@" in row["Owner.Email"] for row in org.rows(source))


def test_the_field_with_our_key_must_be_there(org: Org) -> None:
    error = refused(org, TASKS, key_field="Gone_Key__c")
    assert error.place == "key_field, Task.Gone_Key__c"


def test_evidence_needs_its_objects(org: Org) -> None:
    org.crm.forbid("Attachment")
    with pytest.raises(SourceError, match="no object Attachment"):
        org.pull(TASKS)
    assert not org.file().exists()
