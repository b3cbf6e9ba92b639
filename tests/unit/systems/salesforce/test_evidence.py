"""Evidence: which records have a file, by files and classic attachments, whole and by increments."""

from __future__ import annotations

import pytest

from orchestration.systems.http import ApiError
from tests.support.salesforce import TASKS, Org

LINKS = "GET */queryAll"


@pytest.fixture(params=[False, True], ids=["by ids", "all files"])
def every(org: Org, request: pytest.FixtureRequest) -> Org:
    """An org with and without the right to ask for all links."""
    org.crm.query_all_files = request.param
    return org


def filed(org: Org) -> set[str]:
    return {row["activity_id"] for row in org.rows() if row["has_attachment"] == "true"}


def without(org: Org) -> str:
    """A task without a file."""
    return next(row["activity_id"] for row in org.tasks() if row["has_attachment"] == "false")


def attach(org: Org, task: str, document: str | None = None) -> str:
    """Attach a new file to a task, or one that is there."""
    company = org.simulator.company
    document = document or company.add("ContentDocument", Title="New")
    company.add("ContentDocumentLink", ContentDocumentId=document, LinkedEntityId=task)
    return document


def test_files_and_attachments_count(every: Org) -> None:
    every.pull()
    assert every.rows() == every.tasks()
    assert 0 < len(filed(every)) < len(every.rows())


def test_a_new_file_at_a_record_that_didn_t_change_is_seen(every: Org) -> None:
    every.pull()
    every.later(hours=3)
    task = without(every)
    attach(every, task)
    assert every.pull().rows <= 1
    assert task in filed(every)
    assert every.rows() == every.tasks()


def test_a_new_attachment_at_a_record_that_didn_t_change_is_seen(every: Org) -> None:
    every.pull()
    every.later(hours=3)
    task = without(every)
    every.simulator.company.add("Attachment", ParentId=task, Name="x.pdf")
    every.pull()
    assert task in filed(every)


def test_a_file_that_is_deleted_no_longer_counts(every: Org) -> None:
    company = every.simulator.company
    every.pull()
    every.later(hours=3)
    document = company.rows("ContentDocument")[0]["Id"]
    attachment = company.rows("Attachment")[0]
    company.delete("ContentDocument", document)
    company.delete("Attachment", attachment["Id"])
    before = filed(every)
    every.pull()
    assert attachment["ParentId"] in before - filed(every)
    assert every.rows() == every.tasks()
    assert len(before - filed(every)) == 2


def test_an_old_file_at_a_record_that_changed_is_seen(every: Org) -> None:
    company = every.simulator.company
    every.pull()
    every.later(hours=3)
    task = without(every)
    attach(every, task, company.rows("ContentDocument")[0]["Id"])
    company.change("Task", task, Subject="Changed")
    every.pull()
    assert every.rows() == every.tasks()


def test_an_old_file_at_an_old_record_is_seen_by_the_next_whole_pull(org: Org) -> None:
    company = org.simulator.company
    org.pull()
    org.later(hours=3)
    task = without(org)
    attach(org, task, company.rows("ContentDocument")[0]["Id"])
    org.pull()
    assert task not in filed(org)
    org.later(days=7)
    org.pull()
    assert task in filed(org)


def test_the_right_to_all_files_sees_it_at_once(org: Org) -> None:
    org.crm.query_all_files = True
    org.pull()
    org.later(hours=3)
    task = without(org)
    attach(org, task, org.simulator.company.rows("ContentDocument")[0]["Id"])
    org.pull()
    assert task in filed(org)


def test_the_right_that_is_granted_later_reads_all_links(org: Org) -> None:
    org.pull()
    org.later(hours=3)
    task = without(org)
    attach(org, task, org.simulator.company.rows("ContentDocument")[0]["Id"])
    org.later(hours=3)
    # Something else that is new moves on what was seen.
    org.simulator.company.add("ContentDocument", Title="New")
    org.pull()
    assert task not in filed(org)
    org.crm.query_all_files = True
    org.pull()
    assert task in filed(org)


@pytest.mark.parametrize("by_id", [100_000, 10])
def test_many_ids_are_asked_for_some_at_a_time(org: Org, monkeypatch: pytest.MonkeyPatch, by_id: int) -> None:
    monkeypatch.setattr("orchestration.systems.salesforce.evidence._RECORDS_BY_ID", by_id)
    company = org.simulator.company
    tasks = [row["activity_id"] for row in org.tasks()]
    for number in range(450):
        attach(org, tasks[number % 10])
    for _ in range(500):
        company.add("Task", Subject="One more")
    org.pull()
    assert org.rows() == org.tasks()
    asked = [
        str(call.query["q"]) for call in org.simulator.called(LINKS) if "FROM ContentDocumentLink" in call.query["q"]
    ]
    assert len(asked) == 2
    assert all(("LinkedEntityId IN" if by_id > 10 else "ContentDocumentId IN") in text for text in asked)


def test_a_pull_that_breaks_off_among_links_goes_on(org: Org) -> None:
    company = org.simulator.company
    tasks = [row["activity_id"] for row in org.tasks()]
    for number in range(900):
        attach(org, tasks[number % 10])
        company.add("Task", Subject="One more")
    body = [{"errorCode": "UNKNOWN", "message": "no"}]
    # Count and page of tasks, the right, attachments and documents with their counts, the first links, then …
    org.simulator.faults.add("status", LINKS, after=7, status=403, body=body)
    with pytest.raises(ApiError, match="UNKNOWN"):
        org.pull()
    assert not org.file().exists()
    before = org.calls(LINKS)
    org.pull()
    assert org.rows() == org.tasks()
    # Two of three calls for links are left.
    assert org.calls(LINKS) - before == 2


def test_a_kill_between_links_and_records_loses_nothing(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    org.pull()
    org.later(hours=3)
    task = without(org)
    company = org.simulator.company
    attach(org, task, company.rows("ContentDocument")[0]["Id"])
    company.change("Task", task, Subject="Changed")
    from orchestration.systems.salesforce import rows

    with monkeypatch.context() as patch:
        patch.setattr(rows, "select", _killed)
        with pytest.raises(KeyboardInterrupt):
            org.pull()
    org.pull()
    assert org.rows() == org.tasks()


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_what_stands_before_the_evidence_wins(org: Org) -> None:
    source = TASKS.model_copy(update={"columns": {**TASKS.columns, "has_attachment": ("IsArchived", "has_evidence")}})
    org.pull(source)
    archived = {one["Id"] for one in org.simulator.company.rows("Task") if one["IsArchived"]}
    assert filed(org) == archived & {row["activity_id"] for row in org.rows()}
