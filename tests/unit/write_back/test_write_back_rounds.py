"""Rounds of writing back: dry runs, what goes wrong, commands, the asset, and that nothing of it comes back as news."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from crm_feeds import accepted, account, feed, publish, queued, rules, write_policies
from typer.testing import CliRunner

from orchestration.actions.connectors.salesforce import SalesforceConnector
from orchestration.actions.connectors.zendesk import ZendeskConnector
from orchestration.actions.messages import Message
from orchestration.actions.sync import take_in
from orchestration.cli import app
from orchestration.defs.asof import as_of_partitions
from orchestration.defs.deliver import deliver_job
from orchestration.defs.progress import Quiet
from orchestration.defs.write_back import WRITE_BACK, WRITTEN, write_back_asset
from orchestration.ledger.store import Store
from orchestration.policy.connectors import Connector
from orchestration.policy.models import Policies
from orchestration.policy.sources import Source
from orchestration.policy.write_back import Target
from orchestration.settings import Settings
from orchestration.systems.build import build_desk, build_writer
from orchestration.systems.outward import examine_writing
from orchestration.systems.pull import pull_system
from orchestration.write_back.round import Report, Round
from tests.simulators.server import Simulator
from tests.support.ledger import AS_OF, NOW, policies
from tests.support.ledger import published as publication_of
from tests.support.salesforce import ACCOUNTS, TASKS, Org

DAY = timedelta(days=1)
CALL = "PATCH /services/data/*/composite/sobjects*"


def ids(simulator: Simulator) -> list[str]:
    return [row["Id"] for row in simulator.company.rows("Account")]


def score(simulator: Simulator, account_id: str) -> Any:
    return simulator.company.get("Account", account_id)["Health_Score__c"]


def written(
    store: Store, settings: Settings, policies: Policies, *rows: dict, as_of=AS_OF, **more: Any
) -> list[Report]:
    with feed(*rows, as_of=as_of) as publication:
        return Round(settings, policies, lambda: NOW).write(store, publication, **more)


# Rounds


def test_a_round_takes_in_and_sends(lite: Store, settings: Settings, signed_in: Simulator) -> None:
    policies, one = rules(signed_in), ids(signed_in)[0]
    [report] = written(lite, settings, policies, account(one))
    assert report.words() == "accounts: 1 changed, 1 accepted in 3 calls, 0 waiting, 0 dead"
    assert report.is_fine
    [report] = written(lite, settings, policies, account(one))
    assert report.words() == "accounts: 0 changed, 0 accepted in 0 calls, 0 waiting, 0 dead"
    [report] = written(lite, settings, policies, account(one), whole=True)
    assert report.words() == "accounts: 1 changed, 1 accepted in 3 calls, 0 waiting, 0 dead"


def test_a_dry_run_notes_and_sends_nothing(lite: Store, settings: Settings, signed_in: Simulator) -> None:
    policies = rules(signed_in, {"dry_run": True})
    [report] = written(lite, settings, policies, account("a"), account("b", None))
    assert report.words() == "accounts: dry run, 2 accounts would be written"
    lines = (settings.operations_path / "write_back.accounts.jsonl").read_text().splitlines()
    assert [json.loads(line)["record_id"] for line in lines] == ["a", "b"]
    assert json.loads(lines[0])["wanted"]["Health_Score__c"] == 71.3
    assert signed_in.calls == []
    # Once it is for real, everything is new.
    assert (queued(lite), accepted(lite)) == ({}, {})


def test_targets_are_dry_until_policy_says_otherwise() -> None:
    assert Target(system="crm", fields={"A__c": "score"}).dry_run


def test_an_earlier_date_does_not_overwrite_a_later_one(lite: Store, settings: Settings, signed_in: Simulator) -> None:
    policies, one = rules(signed_in), ids(signed_in)[0]
    with publication_of(as_of=AS_OF + DAY) as later:
        take_in(lite, later, policies, NOW)
    [report] = written(lite, settings, policies, account(one))
    assert report.words() == "accounts: a later as-of date was written before, 0 waiting, 0 dead"
    assert (report.is_fine, signed_in.calls) == (True, [])
    [report] = written(lite, settings, policies, account(one), as_of=AS_OF + DAY)
    assert report.is_fine


def test_what_is_missing_is_told_and_the_rows_wait(
    lite: Store, settings: Settings, signed_in: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACCOUNT_HEALTH_SECRET_CRM_SECRET")
    [report] = written(lite, settings, rules(signed_in), account(ids(signed_in)[0]))
    assert "needs the secret crm_secret, which isn't there" in str(report.problem)
    assert report.counts.waiting == 1
    with feed() as publication:
        object.__setattr__(publication.manifest, "tables", frozenset())
        [report] = Round(settings, rules(signed_in)).write(lite, publication)
    assert "the publication has no feed_sales" in str(report.problem)


def test_what_waits_is_sent_without_a_publication(lite: Store, settings: Settings, signed_in: Simulator) -> None:
    policies, one = rules(signed_in), ids(signed_in)[0]
    signed_in.faults.add("row_locked")
    [report] = written(lite, settings, policies, account(one))
    assert not report.is_fine
    assert Round(settings, policies, lambda: NOW).send(lite) == []
    [report] = Round(settings, policies, lambda: NOW + DAY).send(lite)
    assert (report.is_fine, score(signed_in, one)) == (True, 71.3)
    assert Round(settings, rules(signed_in, {"dry_run": True}), lambda: NOW + DAY).send(lite) == []


# Nothing comes back as news


def test_what_was_written_does_not_come_back(
    lite: Store, settings: Settings, signed_in: Simulator, tmp_path: Path
) -> None:
    org = Org(signed_in, tmp_path / "pulled" / "crm")
    file = org.pull(ACCOUNTS).files[0]
    before = file.read_bytes()
    org.later(hours=1)
    [report] = written(lite, settings, rules(signed_in), *(account(one) for one in ids(signed_in)))
    assert report.sent is not None
    assert report.sent.accepted == len(ids(signed_in)) == 4
    org.later(hours=1)
    pulled = org.pull(ACCOUNTS)
    # They were read, since they changed there; as far as we are concerned nothing did.
    assert pulled.rows >= 4
    assert file.read_bytes() == before
    # A change that isn't ours does come.
    signed_in.company.change("Account", ids(signed_in)[0], Name="Renamed")
    org.later(hours=1)
    org.pull(ACCOUNTS)
    assert file.read_bytes() != before


def test_a_task_of_ours_does_not_come_back_until_somebody_did_it(
    settings: Settings, signed_in: Simulator, tmp_path: Path
) -> None:
    key = "Account_Health_Key__c"
    org = Org(signed_in, tmp_path / "pulled" / "crm", settings={"key_field": key})
    file = org.pull(TASKS).files[0]
    before = file.read_bytes()
    policies = rules(signed_in)
    writer = build_writer("crm", policies.systems, settings, policies.systems.calling)
    connector = SalesforceConnector("crm", Connector(kind="salesforce", system="crm"), writer, key)
    one = ids(signed_in)[0]
    made = connector.call(Message(key="m1", action="create_support_task", kind="task", title="Look", account_id=one))
    connector.close()
    org.later(hours=1)
    org.pull(TASKS)
    assert file.read_bytes() == before
    signed_in.company.change("Task", made, Status="Completed", IsClosed=True)
    org.later(hours=1)
    org.pull(TASKS)
    assert str(made) in file.read_text()


def test_a_ticket_of_ours_does_not_come_back(
    settings: Settings, signed_in: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCOUNT_HEALTH_SECRET_DESK_TOKEN", signed_in.zendesk.token)
    desk = {"url": signed_in.url, "sign_in": "token", "user": signed_in.zendesk.email, "secret": "desk_token"}
    columns = {"ticket_id": "id", "account_id": "account_id", "created_at": "created_at", "priority": "priority"}
    source = Source(name="tickets", stream="tickets", system="support", object="ticket", columns=columns)
    calling = {"timeout_seconds": 2, "attempts": 1}
    made = policies(systems={"zendesk": {"support": desk}, "calling": calling})
    made = made.model_copy(update={"sources": made.sources.model_copy(update={"sources": (source,)})})

    def pulled() -> bytes:
        signed_in.company.clock.advance(3_600)
        [asked] = pull_system("support", settings, made, now=signed_in.company.clock.now)
        assert asked.problem is None
        assert asked.pulled is not None
        return asked.pulled.files[0].read_bytes()

    before = pulled()
    assert before.count(b"\n") > 1
    connector = ZendeskConnector(
        "desk",
        Connector(kind="zendesk", system="support"),
        build_desk("support", made.systems, settings, made.systems.calling),
    )
    words = {"action": "create_support_task", "kind": "task", "title": "Look", "account_id": ids(signed_in)[0]}
    assert connector.call(Message(key="m1", **words)) is not None
    connector.close()
    assert pulled() == before


# Commands


@pytest.fixture
def run(settings: Settings, signed_in: Simulator, tmp_path: Path):
    folder = write_policies(tmp_path / "policies", signed_in)

    def call(*arguments: str, expected: int = 0, policies: bool = True) -> str:
        more = ["--policies", str(folder)] if policies else []
        found = CliRunner().invoke(app, ["write-back", *arguments, "--home", str(settings.home_path), *more])
        assert found.exit_code == expected, found.output
        return found.output

    return call


def test_as_shipped_nothing_is_written(settings: Settings) -> None:
    for more in ([], ["--dry-run"]):
        found = CliRunner().invoke(app, ["write-back", "--home", str(settings.home_path), *more])
        assert (found.exit_code, found.output) == (
            0,
            "policies/write_back.yaml has no target: nothing is written back.\n",
        )


def test_the_commands_write_show_and_retry(settings: Settings, signed_in: Simulator, run: Any) -> None:
    one, two, *_ = ids(signed_in)
    assert "there is nothing to write back" in run(expected=2)
    publish(settings.published_path, account(one), account(two, None))
    shown = run("--dry-run")
    assert "accounts: 2 accounts would be written" in shown
    assert "Health_Score__c 71.3" in shown
    assert "Health_Score__c blank" in shown
    assert "write_back.accounts.jsonl" in shown
    assert signed_in.written == []
    assert "no ledger" in run("list", expected=2, policies=False)
    signed_in.faults.add("row_refused", rows=(0,))
    told = run(expected=1)
    assert "accounts: 2 changed, 1 accepted in 3 calls, 0 waiting, 1 dead" in told
    assert f"{one}: FIELD_CUSTOM_VALIDATION_EXCEPTION: This account is closed for changes." in told
    listed = run("list", "--dead", policies=False)
    assert one in listed
    assert "closed for changes" in listed
    assert "nothing was refused of nobody" in run("retry", one, "nobody", expected=2, policies=False)
    assert "accounts: 0 changed, 1 accepted" in run()
    assert "Nothing waits to be written" in run("list", policies=False)
    # Afterwards only what differs is shown.
    publish(settings.published_path, account(one, "50.0"), account(two, None))
    shown = run("--dry-run")
    assert "accounts: 1 accounts would be written" in shown
    assert "Health_Score__c 71.3 → 50.0" in shown
    assert "Health_Status__c" not in shown
    assert score(signed_in, one) == 71.3
    run()
    assert score(signed_in, one) == 50.0
    assert "nothing would be written" in run("--dry-run")
    assert "2 changed, 2 accepted" in run("--whole")


# What `doctor` says of it


def told_by_doctor(settings: Settings, made: Policies) -> list[tuple[str, str, bool]]:
    return [(one.what, one.words, one.is_ok) for one in examine_writing("crm", settings, made)]


def test_doctor_tries_what_is_written_to(settings: Settings, signed_in: Simulator) -> None:
    crm = {"kind": "salesforce", "system": "crm", "score_field": "Health_Score__c"}
    made = rules(signed_in, connectors={"connectors": {"tasks": crm}})
    assert told_by_doctor(settings, made) == [
        ("target accounts", "4 fields of Account can be edited", True),
        ("connector tasks", "tasks can be made and found again", True),
        ("connector tasks", "Account.Health_Score__c can be edited", True),
    ]
    assert signed_in.written == []
    signed_in.salesforce.hide("Account", "Health_Score__c")
    signed_in.salesforce.hide("Task", "Account_Health_Key__c")
    gone = "Account has no field Health_Score__c, or the user may not see it (did you mean Health_Status__c?)."
    assert [(what, words, ok) for what, words, ok in told_by_doctor(settings, made) if not ok] == [
        ("target accounts", gone, False),
        ("connector tasks", "Task.Account_Health_Key__c isn't there, or can't be set by this user.", False),
        ("connector tasks", gone, False),
    ]
    assert told_by_doctor(settings, policies()) == []


# The asset


def materialized(settings: Settings) -> tuple[dg.ExecuteInProcessResult, dict[str, Any], dg.AssetCheckEvaluation]:
    asset = write_back_asset(settings, as_of_partitions(settings, "UTC"), Quiet())
    ledger = dg.AssetSpec(["operations", "ledger"])
    result = dg.materialize([asset, ledger], partition_key="2026-06-30", raise_on_error=False)
    [made] = result.asset_materializations_for_node("operations__write_back")
    [check] = result.get_asset_check_evaluations()
    assert (check.asset_key, check.check_name) == (WRITE_BACK, WRITTEN)
    assert result.success
    return result, {name: value.value for name, value in made.metadata.items()}, check


def test_the_asset_writes_and_says_what_waits(settings: Settings, signed_in: Simulator, tmp_path: Path) -> None:
    settings = Settings(home=settings.home, policies=write_policies(tmp_path / "policies", signed_in))
    one, two, *_ = ids(signed_in)
    publish(settings.published_path, account(one), account(two))
    signed_in.faults.add("row_refused", rows=(0,))
    signed_in.faults.add("row_locked", rows=(1,))
    _, metadata, check = materialized(settings)
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert check.description == "accounts: 2 changed, 0 accepted in 3 calls, 1 waiting, 1 dead"
    told = {name: metadata[name] for name in ("changed", "sent", "accepted", "waiting", "dead", "calls")}
    assert told == {"changed": 2, "sent": 2, "accepted": 0, "waiting": 1, "dead": 1, "calls": 3}
    assert metadata["quota"] == "2 of 100,000 calls used today"
    assert f"{one}: FIELD_CUSTOM_VALIDATION_EXCEPTION" in metadata["refused"]
    # What was locked goes with a round of what is due, some minutes on.
    with Store.open(settings) as store, store.writing() as con:
        con.exec_driver_sql("update write_queue set next_attempt_at = null")
    delivered = deliver_job(settings).execute_in_process()
    assert delivered.success
    assert score(signed_in, two) == 71.3
    publish(settings.published_path, account(one, "50.0"), account(two))
    _, metadata, check = materialized(settings)
    assert check.passed
    assert (metadata["changed"], metadata["accepted"], metadata["dead"]) == (1, 1, 0)


@pytest.mark.parametrize("broken", ["nothing published", "no database", "no crm"])
def test_what_goes_wrong_never_fails_a_run(
    settings: Settings, signed_in: Simulator, tmp_path: Path, broken: str
) -> None:
    settings = Settings(home=settings.home, policies=write_policies(tmp_path / "policies", signed_in))
    if broken != "nothing published":
        publish(settings.published_path, account(ids(signed_in)[0]))
    if broken == "no database":
        (settings.home_path / "operations.db").write_bytes(b"not a database" * 100)
    if broken == "no crm":
        signed_in.faults.add("status", status=400, body=[{"errorCode": "API_DISABLED_FOR_ORG", "message": "no"}])
    _, metadata, check = materialized(settings)
    assert not check.passed
    assert metadata["problem"] != "none"


def test_without_targets_the_asset_has_nothing_to_do(settings: Settings) -> None:
    _, metadata, check = materialized(settings)
    assert check.passed
    assert (metadata["targets"], metadata["problem"]) == ("none", "none")
