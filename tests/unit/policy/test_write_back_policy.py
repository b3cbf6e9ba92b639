"""Every mistake in the policies of writing to other systems is told by file, line and key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from broken import Case, assert_told

from orchestration.policy.load import check, load_policies
from orchestration.policy.problems import PolicyError, Problem, Severity
from orchestration.policy.write_back import COLUMNS, FEED, NEW_WITH_EVERY_RUN, NEXT_ACTION
from orchestration.settings import PROJECT_ROOT

WHAT, WHERE = "write_back.yaml", "connectors.yaml"
NONE, DRY = "targets: {}", "  dry_run: {kind: dry_run}"
ORG = "{url: 'https://example.my.salesforce.com', sign_in: client_credentials, client_id: x, secret: crm_secret"
DESK = "{url: 'https://example.zendesk.com', sign_in: token, user: a@example.com, secret: desk_token}"


def target(text: str) -> str:
    """One target, in one line a key."""
    return f"targets:\n  crm_accounts:\n    {text}"


def beside(text: str) -> str:
    return f"{DRY}\n  other: {text}"


SOME = "system: crm\n    fields: {A__c: score}"
TOLD = "targets.crm_accounts"

CASES = [
    Case("unknown column", WHAT, NONE, target("system: crm\n    fields:\n      A__c: scoer"), "A__c: scoer",
         f"{TOLD}.fields.A__c", 'the unknown column "scoer"', "one of account_name, owner_name", "did you mean score?"),
    Case("new with every run", WHAT, NONE, target("system: crm\n    fields:\n      A__c: as_of_date"), "A__c:",
         f"{TOLD}.fields.A__c", '"as_of_date"', "a column that isn't new with every run"),
    Case("which record it is", WHAT, NONE, target("system: crm\n    fields:\n      Name: account_name"), "Name:",
         f"{TOLD}.fields.Name", 'the field "Name"', "a field that says nothing of which record it is"),
    Case("whose it is", WHAT, NONE, target("system: crm\n    fields:\n      OWNERID: owner_name"), "OWNERID:",
         f"{TOLD}.fields.OWNERID", 'the field "OWNERID"', "or whose"),
    Case("its key", WHAT, NONE,
         target("system: crm\n    external_id: Our_Id__c\n    fields:\n      our_id__c: geo"), "our_id__c: geo",
         f"{TOLD}.fields.our_id__c", 'the field "our_id__c"', "a field that says nothing of which record"),
    Case("no API name", WHAT, NONE, target("system: crm\n    fields:\n      A b: score"), "A b:", f"{TOLD}.fields.A b",
         '"A b"', "text that matches"),
    Case("no field", WHAT, NONE, target("system: crm\n    fields: {}"), "fields: {}", f"{TOLD}.fields", "a mapping",
         "at least 1"),
    Case("two write one field", WHAT, NONE,
         target(f"{SOME}\n  again:\n    system: crm\n    fields:\n      a__C: tier"), "a__C:",
         "targets.again.fields.a__C", 'the field "a__C"', "a field that crm_accounts doesn't write as well"),
    Case("another object", WHAT, NONE, target(f"object: Contact\n    {SOME}"), "object:", f"{TOLD}.object",
         '"Contact"', "one of Account"),
    Case("perhaps dry", WHAT, NONE, target(f"dry_run: maybe\n    {SOME}"), "dry_run:", f"{TOLD}.dry_run", '"maybe"',
         "true or false"),
    Case("no such system", WHAT, NONE, target(SOME), "system: crm", f"{TOLD}.system", '"crm"',
         "a Salesforce system of systems.yaml, which has none"),
    Case("too many rows", WHAT, "rows_a_call: 200", "rows_a_call: 201", "rows_a_call: 201", "rows_a_call", "201",
         "at most 200 (records)"),
    Case("no rows", WHAT, "rows_a_call: 200", "rows_a_call: 0", "rows_a_call: 0", "rows_a_call", "0", "at least 1"),
    Case("unknown kind of action", WHAT, "[record, notification]", "[record, notifcation]", "[record, notifcation]",
         "next_action_without[1]", '"notifcation"', "one of commercial", "did you mean notification?"),
    Case("kind twice", WHAT, "[record, notification]", "[record, record]", "[record, record]",
         "next_action_without[1]", '"record" again', "each once"),
    Case("task without a system", WHERE, DRY, beside("{kind: salesforce}"), "other:", "connectors.other.system",
         "no such key", "a connector of kind salesforce needs it"),
    Case("task to nowhere", WHERE, DRY, beside("{kind: salesforce, system: crm}"), "other:", "connectors.other.system",
         '"crm"', "a Salesforce system of systems.yaml, which has none"),
    Case("ticket to nowhere", WHERE, DRY, beside("{kind: zendesk, system: desk}"), "other:",
         "connectors.other.system", '"desk"', "a Zendesk system of systems.yaml, which has none"),
    Case("ticket with a task's key", WHERE, DRY, beside("{kind: zendesk, system: desk, status: Open}"), "other:",
         "connectors.other.status", 'the key "status"', "no such key in a connector of kind zendesk"),
    Case("secret of its own", WHERE, DRY, beside("{kind: salesforce, system: crm, secret: x}"), "other:",
         "connectors.other.secret", 'the key "secret"', "no such key in a connector of kind salesforce"),
    Case("mail to a system", WHERE, DRY, beside("{kind: dry_run, system: crm}"), "other:", "connectors.other.system",
         'the key "system"', "no such key in a connector of kind dry_run"),
    Case("priority of nobody", WHERE, DRY, beside("{kind: zendesk, system: desk, priorities: {P5: low}}"), "other:",
         "connectors.other.priorities.P5", '"P5"', "one of P1, P2, P3, P4"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_mistake_is_told(folder: Path, case: Case) -> None:
    assert_told(folder, case)


def put(folder: Path, name: str, old: str, new: str) -> None:
    file = folder / name
    text = file.read_text()
    assert text.count(f"\n{old}\n") == 1
    file.write_text(text.replace(f"\n{old}\n", f"\n{new}\n"))


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        (WHAT, target(SOME.replace("crm", "desk")), 'targets.crm_accounts.system: found "desk"; expected one of crm'),
        (WHAT, target(SOME.replace("crm", "crn")), 'found "crn"; expected one of crm (did you mean crm?)'),
        (WHERE, beside("{kind: zendesk, system: crm}"), 'connectors.other.system: found "crm"; expected one of desk'),
        (WHERE, beside("{kind: salesforce, system: desk}"), 'found "desk"; expected one of crm'),
        (WHERE, beside("{kind: salesforce, system: crm}"), 'found "crm"; expected a system with key_field'),
    ],
    ids=["figures to a desk", "nearest", "ticket to a crm", "task to a desk", "no field for the key"],
)
def test_a_system_has_to_be_of_the_kind_that_is_written_to(folder: Path, file: str, text: str, told: str) -> None:
    put(folder, "systems.yaml", "salesforce: {}", f"salesforce: {{crm: {ORG}}}}}")
    put(folder, "systems.yaml", "zendesk: {}", f"zendesk: {{desk: {DESK}}}")
    load_policies(folder)
    put(folder, file, NONE if file == WHAT else DRY, text)
    with pytest.raises(PolicyError, match=re.escape(told)):
        load_policies(folder)


@pytest.mark.parametrize(
    ("dry", "lease", "is_fine"), [("false", 181, True), ("false", 180, False), ("true", 180, True)]
)
def test_a_lease_outlasts_the_call_that_writes(folder: Path, dry: str, lease: int, is_fine: bool) -> None:
    put(folder, "systems.yaml", "salesforce: {}", f"salesforce: {{crm: {ORG}}}}}")
    put(folder, WHAT, NONE, target(f"dry_run: {dry}\n    {SOME}"))
    put(folder, "ledger.yaml", "  lease_seconds: 300", f"  lease_seconds: {lease}")
    told = (
        r"ledger\.yaml:\d+: work\.lease_seconds: found 180; expected more than 3 times calling\.timeout_seconds .*, 180"
    )
    if is_fine:
        load_policies(folder)
    else:
        with pytest.raises(PolicyError, match=told):
            load_policies(folder)


def test_none_of_it_is_part_of_the_policy_version(folder: Path) -> None:
    before = load_policies(folder).version
    put(folder, WHAT, "rows_a_call: 200", "rows_a_call: 100")
    assert load_policies(folder).version == before


def test_the_examples_load_together(folder: Path) -> None:
    org = f"salesforce: {{crm: {ORG}, key_field: Our_Key__c}}}}"
    put(folder, "systems.yaml", "salesforce: {}", org)
    put(folder, "systems.yaml", "zendesk: {}", f"zendesk: {{support: {DESK}}}")
    put(folder, WHAT, NONE, example(folder / WHAT, "targets:"))
    put(folder, WHERE, f"connectors:\n{DRY}", example(folder / WHERE, "connectors:"))
    made = load_policies(folder)
    assert made.write_back.targets["crm_accounts"].fields["Next_Action__c"] == "next_action"
    assert {connector.kind for connector in made.connectors.connectors.values()} == {"dry_run", "salesforce", "zendesk"}


def example(file: Path, key: str) -> str:
    """What stands in the comments below `#   key`."""
    lines = file.read_text().splitlines()
    start = lines.index(f"#   {key}")
    end = next(number for number, line in enumerate(lines[start:], start) if not line.startswith("#   "))
    return "\n".join(line.removeprefix("#   ") for line in lines[start:end])


def contract(file: str, model: str) -> list[str]:
    found = yaml.safe_load((PROJECT_ROOT / "dbt_project" / "models" / "published" / file).read_text())
    [columns] = [one["columns"] for one in found["models"] if one["name"] == model]
    return [column["name"] for column in columns]


def test_columns_are_those_that_are_published() -> None:
    assert set(contract("feeds/_feeds__published.yml", "feed_sales")) == {*FEED, *NEW_WITH_EVERY_RUN, "account_id"}
    assert set(NEXT_ACTION.values()) < set(contract("actions/_actions__published.yml", "recommended_actions"))
    assert set(COLUMNS) == {*FEED, *NEXT_ACTION}


def test_kinds_of_columns_are_those_of_the_contract() -> None:
    found = yaml.safe_load((PROJECT_ROOT / "dbt_project/models/published/feeds/_feeds__published.yml").read_text())
    [columns] = [one["columns"] for one in found["models"] if one["name"] == "feed_sales"]
    types = {column["name"]: column["data_type"] for column in columns}
    kinds = {"string": "text", "date": "date", "boolean": "boolean"}
    assert {name: kinds.get(types[name], "number") for name in FEED} == dict(FEED)


@pytest.mark.parametrize(
    "text",
    [
        "{kind: webhook, secret: pw, url: 'https://u:topsecretpw@x.example.com/a'}",
        "{kind: webhook, secret: pw, url: 'https://u:top/secretpw@x.example.com/a'}",
        "{kind: webhook, secret: pw, url: 'http://127.0.0.1:topsecretpw@x.example.com/a'}",
        "{kind: webhook, secret: pw, url: 'http://x.example.com/?token=topsecretpw'}",
        "{kind: webhook, secret: pw, url: 'https://x.example.com', ask_url: 'https://x.example.com/?t=topsecretpw'}",
        "{kind: webhook, secret: 'Topsecretpw', url: 'https://x.example.com'}",
    ],
)
def test_no_error_shows_what_may_be_a_secret(folder: Path, text: str) -> None:
    path = folder / WHERE
    path.write_text(path.read_text().replace(f"\n{DRY}\n", f"\n{beside(text)}\n"))

    (problem,) = check(folder)

    assert problem.key.startswith("connectors.other.")
    assert "secretpw" not in str(problem).lower()


@pytest.mark.parametrize(
    "url",
    ["https://x.example.com", "https://x.example.com:8443/@team?a=b", "https://[::1]:8443/x", "http://127.0.0.1:80/x"],
)
def test_addresses_that_are_called(folder: Path, url: str) -> None:
    path = folder / WHERE
    other = beside(f"{{kind: webhook, secret: pw, url: '{url}'}}")
    path.write_text(path.read_text().replace(f"\n{DRY}\n", f"\n{other}\n"))

    assert check(folder) == []


def routed(folder: Path, route: str) -> list[Problem]:
    path = folder / WHERE
    path.write_text(path.read_text().replace("\nroutes: []\n", f"\nroutes:\n  - {{connector: dry_run, {route}}}\n"))
    return check(folder)


def test_a_route_of_an_unknown_kind_is_an_error(folder: Path) -> None:
    (problem,) = routed(folder, "kinds: [notification, alrt]")

    assert (problem.key, problem.found, problem.hint) == ("routes[0].kinds[1]", '"alrt"', "did you mean alert?")
    assert problem.severity is Severity.ERROR
    assert problem.line is not None


def test_a_route_of_an_unknown_action_is_a_warning(folder: Path) -> None:
    (problem,) = routed(folder, "actions: [digest, updat_csm_health_score]")

    assert (problem.key, problem.found) == ("routes[0].actions[1]", '"updat_csm_health_score"')
    assert problem.hint == "did you mean update_csm_health_score?"
    assert problem.severity is Severity.WARNING


def test_every_action_can_be_routed(folder: Path) -> None:
    policies = load_policies(folder)
    names = [policies.actions.origins.survey.action, policies.retention.renewal.steps[0].step, "expansion_week_1"]
    names += ["alert", "escalation", "digest", policies.actions.catalogue[0].action]

    assert routed(folder, f"actions: [{', '.join(names)}], kinds: [alert, plan]") == []
