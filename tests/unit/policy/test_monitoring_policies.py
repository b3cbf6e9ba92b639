"""The policies of alerts, surveys and interventions: as shipped the specified ones, and told when they are wrong."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from broken import Case, assert_told

from orchestration.policy.load import load_policies
from orchestration.policy.tables import policy_tables

SHIPPED = Path(__file__).parents[3] / "policies"
ALERTS, SURVEYS, INTERVENTIONS = "alerts.yaml", "surveys.yaml", "interventions.yaml"

CASES = [
    # Alerts
    Case("clock out of order", ALERTS, "execute_hours: 48", "execute_hours: 23", "execute_hours: 23",
         "clock.execute_hours", "23", "at least clock.plan_hours, 24"),
    Case("no time", ALERTS, "plan_hours: 24", "plan_hours: 0", "plan_hours: 0", "clock.plan_hours", "0", "at least 1"),
    Case("role twice", ALERTS, "[csm, finance]", "[csm, csm]", "[csm, csm]", "alerts.billing.to_roles[1]",
         '"csm" again', "each once"),
    Case("nobody", ALERTS, "to_roles: [csm, finance]", "to_roles: []", "to_roles: []", "alerts.billing.to_roles",
         "a list of 0",
         "at least 1"),
    Case("up to the same", ALERTS, "escalates_to: sales_manager", "escalates_to: owner", "escalates_to: owner",
         "alerts.hc_past_due.escalates_to", '"owner"', "a role other than owner"),
    Case("role in words", ALERTS, "escalates_to: sales_manager", "escalates_to: Sales manager", "Sales manager",
         "alerts.hc_past_due.escalates_to", '"Sales manager"', "text that matches"),
    Case("unknown alert", ALERTS, "  large_drop:", "  large_drops:", "  large_drops:", "alerts.large_drops",
         '"large_drops"', "one of inactive, critical_score", "did you mean large_drop?"),
    Case("unknown key of an alert", ALERTS, "    fall_above: 15", "    falls_above: 15", "falls_above",
         "alerts.large_drop.falls_above", '"falls_above"', "fall_above", "did you mean fall_above?"),
    Case("answer over 10", ALERTS, "answer_at_most: 6", "answer_at_most: 60", "answer_at_most: 60",
         "alerts.detractor.answer_at_most", "60", "at most 10"),
    Case("silence of no day", ALERTS, "silent_days: 14", "silent_days: 0", "silent_days: 0",
         "alerts.inactive.silent_days", "0", "at least 1 (days)"),
    # Surveys
    Case("survey missing", SURVEYS, "[post_support, pre_renewal, onboarding, quarterly]",
         "[post_support, pre_renewal, onboarding]", "order:", "order", "a list of 3", "at least 4"),
    Case("survey twice", SURVEYS, "onboarding, quarterly]", "onboarding, onboarding]", "order:", "order[3]",
         '"onboarding" again', "each once"),
    Case("unknown survey", SURVEYS, "onboarding, quarterly]", "onboarding, yearly]", "yearly", "order[3]", '"yearly"',
         "one of post_support"),
    Case("asked before it is late", SURVEYS, "until_days: 21", "until_days: 6", "until_days: 6",
         "follow_up.until_days", "6", "at least follow_up.after_days, 7"),
    Case("groups that meet", SURVEYS, "promoter_at_least: 9", "promoter_at_least: 6", "promoter_at_least: 6",
         "nps.promoter_at_least", "6", "more than nps.detractor_at_most, 6"),
    Case("interval of nothing", SURVEYS, "z: 1.96", "z: 0", "z: 0", "nps.z", "0", "more than 0"),
    Case("step twice", SURVEYS, "step: survey_again", "step: contact", "step: contact", "steps[7]", '"contact" again',
         "each once"),
    Case("unknown group", SURVEYS, "group: passive", "group: passives", "group: passives", "steps[2].group",
         '"passives"', "one of promoter, passive, detractor", "did you mean passive?"),
    # Interventions
    Case("phase twice", INTERVENTIONS, "phase: overdue", "phase: resolution", "phase: resolution", "phases[4]",
         '"resolution" again', "each once"),
    Case("phases out of order", INTERVENTIONS, "from_week: 5", "from_week: 2", "from_week: 2", "phases[3].from_week",
         "2", "more than intervention, 2"),
    Case("nothing at first", INTERVENTIONS, "from_week: 0", "from_week: 1", "from_week: 1", "phases[0].from_week", "1",
         "0 (weeks): the first phase"),
    Case("recovered at once", INTERVENTIONS, "runs: 2", "runs: 0", "runs: 0", "recovery.runs", "0", "at least 1"),
    Case("target crossed", INTERVENTIONS, "recovery_days_high: 90", "recovery_days_high: 59", "recovery_days_high: 59",
         "targets.recovery_days_high", "59", "at least recovery_days_low, 60"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_broken_policy_is_told(folder: Path, case: Case) -> None:
    assert_told(folder, case)


def test_shipped_values_are_the_specified_ones() -> None:
    tables = {name: table.to_pylist() for name, table in policy_tables(load_policies(SHIPPED)).items()}
    alerts = {row["alert"]: row for row in tables["alert_kinds"]}
    hours = {name: [value for key, value in row.items() if key.endswith("_hours")] for name, row in alerts.items()}
    assert hours == {
        "inactive": [2, 4, 24, 48, 72],
        "critical_score": [24, 24, 24, 48, 72],
        "billing": [2, 4, 24, 48, 72],
        "urgent_ticket": [4, 4, 24, 48, 72],
        "detractor": [24, 24, 24, 48, 72],
        "large_drop": [24, 24, 24, 48, 72],
        "hc_past_due": [24, 24, 24, 48, 72],
    }
    assert {name: row["to_roles"] for name, row in alerts.items()} == dict.fromkeys(alerts, "csm") | {
        "critical_score": "cs_director",
        "billing": "csm, finance",
        "hc_past_due": "owner",
    }
    assert [name for name, row in alerts.items() if row["at_once"]] == ["inactive"]
    assert list(tables["alert_settings"][0].values()) == [7, 3, 90, 14, 50, 6, 30, 15]
    assert [row["survey_type"] for row in tables["survey_order"]] == [
        *("post_support", "pre_renewal", "onboarding", "quarterly"),
    ]
    assert list(tables["survey_settings"][0].values()) == [
        14, 90, 90, 30, 14, 14, 60, 7, 21, 9, 6, Decimal("1.96"), 45,
    ]  # fmt: skip
    after = {row["step"]: (row["answer_group"], row["due_hours"]) for row in tables["survey_steps"]}
    assert [after[step] for step in ("contact", "root_cause", "plan", "survey_again")] == [
        ("detractor", hours) for hours in (24, 48, 72, 30 * 24)
    ]
    assert [row["arr_above"] for row in tables["survey_steps"] if row["step"] == "escalation"] == [100000]
    phases = [(row["phase"], row["from_week"], row["to_week"]) for row in tables["risk_phases"]]
    assert phases == [
        ("identification", 0, 0),
        ("assessment", 1, 1),
        ("intervention", 2, 4),
        ("resolution", 5, 8),
        ("overdue", 9, None),
    ]
    assert list(tables["intervention_settings"][0].values()) == [
        1, 70, 2, 7, 90, 730, Decimal("1.96"), 75, 80, 60, 90, 25, 30, 4,
    ]  # fmt: skip
