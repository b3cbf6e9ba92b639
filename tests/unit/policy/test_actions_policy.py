"""The policy of actions: what it refuses, and the tables and the text of rules that the models get."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from orchestration.policy.actions import GUARDS, Actions
from orchestration.policy.load import check, load_policies
from orchestration.policy.signals import GRAINS
from orchestration.policy.tables import policy_tables
from orchestration.policy.tables.actions import rules_text
from orchestration.settings import PROJECT_ROOT
from tests.unit.policy.broken import Case, assert_told

FILE = "actions.yaml"
CASES = [
    Case("a column that isn't there", FILE, "service_adoption < 40 and lifecycle = 'active'", "adoption < 40",
         "adoption < 40", "rules[3].when", '"adoption"', "a column of the rule's grain (rule low_adoption)"),
    Case("a function that isn't allowed", FILE, "tier = 'critical'", "random() > 0.5", "random()",
         "rules[1].raised.when", "RANDOM()", "one of the functions"),
    Case("no condition", FILE, "when: alerts_open > 0 or final_status_fell", "when: alerts_open", "when: alerts_open",
         "rules[1].when", "alerts_open, a number", "true or false (rule something_to_know)"),
    Case("a column of another grain", FILE, "grain: account\n    when: service_adoption",
         "grain: ticket\n    when: service_adoption", "when: service_adoption", "rules[3].when", '"service_adoption"',
         "a column of the rule's grain"),
    Case("a grain that isn't there", FILE, "grain: account", "grain: contact", "grain: contact", "rules[9].grain",
         '"contact"', "one of account, ticket, contract", "did you mean contract?"),
    Case("an action that isn't in the catalogue", FILE, "    action: send_check_in_email\n    grain",
         "    action: send_checkin\n    grain", "action: send_checkin", "rules[7].action", '"send_checkin"',
         "an action of the catalogue (rule contact_lost)", "did you mean send_check_in_email?"),
    Case("a rule twice", FILE, "rule: price_at_risk", "rule: owner_missing", "rule: owner_missing", "rules[9]",
         '"owner_missing" again', "each once"),
    Case("an action twice", FILE, "- action: update_csm_health_score", "- action: schedule_checkpoint",
         "- action: schedule_checkpoint", "catalogue[9]", '"schedule_checkpoint" again', "each once"),
    Case("raised to less", FILE, "raised: {priority: P2", "raised: {priority: P3", "raised: {priority: P3",
         "rules[7].raised.priority", "P3", "a priority before P3"),
    Case("a rationale about nothing", FILE, "Renewal in {days_to_renewal} days", "Renewal in {days} days",
         "    rationale: >-", "rules[9].rationale", '"{days}"', "a column of the account or a key of signals"),
    Case("a bold balance", FILE, "balanced: {low: auto, medium: approve, high: approve}",
         "balanced: {low: auto, medium: approve, high: auto}", "balanced: {low", "levels.modes.balanced.high", "auto",
         "at least as strict as aggressive, approve"),
    Case("touchy but free", FILE, "aggressive: {low: auto", "aggressive: {low: approve", "aggressive: {low: approve",
         "levels.modes.aggressive.medium", "auto", "at least as strict as low, approve"),
    Case("price freer than the rest", FILE, "    high: {smb: approve, mid_market: approve",
         "    high: {smb: approve, mid_market: auto", "    high: {smb: approve", "origins.matrix.high.mid_market",
         "auto", "at least as strict as medium, approve"),
    Case("a minimum of nothing known", FILE, "actions: [notify_owner, update", "actions: [notify_owners, update",
         "actions: [notify_owners", "levels.minimum.actions[0]", '"notify_owners"', "an action of the catalogue",
         "did you mean notify_owner?"),
    Case("an origin that takes a name", FILE, "action: respond_to_alert", "action: notify_owner",
         "action: notify_owner", "origins.alert.action", '"notify_owner"', "a name that the catalogue doesn't have"),
    Case("two origins of one name", FILE, "action: send_survey_follow_up", "action: send_survey",
         "action: send_survey", "origins.survey_follow_up.action", '"send_survey"',
         "a name that origins.survey doesn't have"),
    Case("a role called twice", FILE, "called: [AE]", "called: [CSM]", "called: [CSM]", "people.ae.called[0]",
         '"CSM"', "a name that csm doesn't have"),
    Case("a mode that isn't one", FILE, "enterprise: auto}", "enterprise: suppress}", "enterprise: suppress",
         "catalogue[5].matrix.enterprise", '"suppress"', "one of auto, approve, recommend"),
    Case("no budget at all", FILE, "    actions: 15", "    actions: 0", "    actions: 0", "guards.budget.actions", "0",
         "at least 1 (actions)"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_broken_policy_is_told(folder: Path, case: Case) -> None:
    assert_told(folder, case)


def test_an_action_that_nothing_calls_for_is_a_warning(folder: Path) -> None:
    path = folder / FILE
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    values["rules"] = values["rules"][:-1]
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    (problem,) = check(folder)
    assert (problem.key, problem.severity.value) == ("catalogue[0].action", "warning")
    assert "create_discount_request" in problem.found


def test_every_guard_is_named() -> None:
    assert tuple(type(load_policies(PROJECT_ROOT / "policies").actions.guards).model_fields) == GUARDS
    assert set(Actions.model_fields) >= {"guards", "rules", "catalogue"}


def test_modes_are_worked_out_for_every_segment_and_level() -> None:
    table = policy_tables(load_policies(PROJECT_ROOT / "policies"))["action_modes"].to_pylist()
    modes = {(row["mode_key"], row["segment_key"], row["level"]): row for row in table}
    assert len(modes) == (10 + 3) * 4 * 3
    notify = modes["notify_owner", "smb", "conservative"]
    assert (notify["mode_by_level"], notify["mode_by_matrix"]) == (1, 1)
    unknown = modes["notify_owner", "unknown", "conservative"]
    assert (unknown["mode_by_level"], unknown["mode_by_matrix"]) == (3, 2)
    assert modes["sensitivity:medium", "smb", "aggressive"]["mode_by_level"] == 1
    assert modes["sensitivity:high", "smb", "aggressive"]["mode_by_matrix"] == 2


def test_owners_are_roles_with_the_fields_of_their_persons() -> None:
    table = policy_tables(load_policies(PROJECT_ROOT / "policies"))["action_owners"].to_pylist()
    owners = {row["owner_key"]: row for row in table}
    assert owners["notify_owner"] == {
        "owner_key": "notify_owner",
        "role_1": "csm", "field_1": "csm_name", "role_2": "owner", "field_2": "owner_name", "role_3": None,
        "field_3": None,
    }  # fmt: skip
    assert (owners["role:CSM with AE"]["role_1"], owners["role:CSM with AE"]["field_1"]) == ("csm", "csm_name")
    assert (owners["role:VP Operations"]["role_1"], owners["role:VP Operations"]["field_1"]) == ("VP Operations", None)


def test_rules_reach_the_models_with_the_most_urgent_first() -> None:
    policies = load_policies(PROJECT_ROOT / "policies")
    groups = {group["action"]: group for group in json.loads(rules_text(policies, "spark"))}
    assert [case["priority"] for case in groups["notify_owner"]["cases"]] == ["P1", "P2"]
    assert (
        groups["notify_owner"]["cases"][0]["when"] == "(alerts_open > 0 OR final_status_fell) and (tier = 'critical')"
    )
    (told,) = groups["add_to_onboarding_recovery"]["rules"]
    assert [name for name, _ in told["evidence"]] == ["lifecycle", "service_adoption", "logins_recent"]
    assert ["; logins in 14 days: ", None] in told["rationale"]
    assert ["service_adoption", "number"] in told["rationale"]


def test_columns_that_rules_may_name_are_those_of_the_rows() -> None:
    """Held against the models' own documentation."""
    models = {}
    for name in ("marts/health_score/_health_score__marts.yml", "marts/actions/_actions__marts.yml"):
        text = (PROJECT_ROOT / "dbt_project/models" / name).read_text(encoding="utf-8")
        models |= {model["name"]: {one["name"] for one in model["columns"]} for model in yaml.safe_load(text)["models"]}
    # What the engine needs beside what rules may ask.
    beside = {"segment_key", "ae_name"}
    assert set(GRAINS["account"]) == models["fct_account_signals"] - beside
    assert set(GRAINS["ticket"]) == models["fct_ticket_signals"]
    assert set(GRAINS["contract"]) == models["fct_contract_signals"]
