"""Actions of the models against an independent reading of the rules, cell by cell, in random worlds."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from orchestration.whatif.models import CompiledModels
from tests.dbt.customer_outcomes import SETTINGS, Outcome, Row, assert_same, outcome_of
from tests.support.compiled import compiled_models, rows_of
from tests.support.oracle_actions import CATALOGUE, MODES, ActionOracle, due_of

EVERYTHING = next(iter(SETTINGS))


@pytest.fixture(params=list(SETTINGS), ids=list(SETTINGS))
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return outcome_of(request.param, tmp_path_factory.getbasetemp())


def oracle_of(outcome: Outcome, level: str = "balanced") -> ActionOracle:
    alerts = Counter(row["account_id"] for row in outcome.published("alerts", "alert_id").values() if row["is_open"])
    return ActionOracle(outcome.churn, alerts, level)


def reviewed(outcome: Outcome) -> set[tuple[str, str]]:
    plans = outcome.published("retention_plans", "account_id", "step")
    return {key for key, row in plans.items() if row["requires_review"]}


def actions_of(outcome: Outcome) -> list[Row]:
    return list(outcome.published("recommended_actions", "action_id").values())


def test_the_world_has_every_action_mode_and_guard(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A comparison proves little when nothing happens in the world."""
    outcome = outcome_of(EVERYTHING, tmp_path_factory.getbasetemp())
    oracle = oracle_of(outcome)
    followed = Counter(action for _, action in oracle.followed)
    assert followed.keys() == CATALOGUE.keys()
    rows = actions_of(outcome)
    assert {row["origin"] for row in rows} >= {"rule", "health_check", "plan", "expansion", "alert", "survey"}
    assert {row["mode"] for row in rows} == {"auto", "approve", "suppress"}
    guards = Counter(guard for row in rows for guard in oracle.guards(row, False))
    assert len(guards) == 7
    assert {row["priority"] for row in rows} == {"P1", "P2", "P3", "P4"}
    assert any("cap:" in (row["guards"] or "") for row in rows)


def test_what_rules_call_for(outcome: Outcome) -> None:
    oracle = oracle_of(outcome)
    expected = {
        key: {"priority": priority, "due_on": due_of(key[1], oracle.facts.as_of)}
        for key, priority in oracle.followed.items()
    }
    actual = {(row["account_id"], row["action"]): row for row in actions_of(outcome) if row["origin"] == "rule"}
    assert_same(expected, actual)


def test_what_other_origins_call_for(outcome: Outcome) -> None:
    as_of = oracle_of(outcome).facts.as_of
    expected = {
        ("deliver_health_check", row["account_id"], target): max(row["due_date"], as_of)
        for target, row in outcome.published("health_check_candidates", "target_id").items()
    }
    expected |= {
        (step, account_id, account_id): row["due_on"]
        for (account_id, step), row in outcome.published("retention_plans", "account_id", "step").items()
    }
    expected |= {
        (f"expansion_week_{week}", account_id, kind): row["due_on"]
        for (account_id, kind, week), row in outcome.published("expansion_stages", "account_id", "type", "week").items()
    }
    expected |= {
        ("send_survey_follow_up" if kind == "follow_up" else "send_survey", account_id, subject): max(
            row["due_on"], as_of
        )
        for (account_id, kind, subject), row in outcome.published(
            "survey_queue", "account_id", "kind", "subject"
        ).items()
    }
    alerts = {key: row for key, row in outcome.published("alerts", "alert_id").items() if row["is_open"]}
    rows = [row for row in actions_of(outcome) if row["origin"] != "rule"]
    actual = {
        (row["action"], row["account_id"], row["subject"]): row["due_on"] for row in rows if row["origin"] != "alert"
    }
    assert actual == expected
    assert {row["subject"] for row in rows if row["origin"] == "alert"} == alerts.keys()


def test_modes_and_statuses(outcome: Outcome) -> None:
    actual = outcome.published("recommended_actions", "action_id")
    assert_same(oracle_of(outcome).decided(actions_of(outcome), reviewed(outcome)), actual)


def test_guards_are_told(outcome: Outcome) -> None:
    oracle, seen = oracle_of(outcome), reviewed(outcome)
    for row in actions_of(outcome):
        told = [part.partition(":")[0] for part in (row["guards"] or "").split("; ") if part]
        expected = oracle.guards(row, (row["account_id"], row["action"]) in seen)
        assert [name for name in told if name not in ("cap", "budget")] == list(expected), row
        assert ("budget" in told) == (row["status"] == "held_back")


@pytest.mark.parametrize("level", ["conservative", "aggressive"])
def test_other_levels(level: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    outcome = outcome_of(EVERYTHING, tmp_path_factory.getbasetemp())
    world = replace(outcome.world, automation_level=level)
    models: CompiledModels = compiled_models()
    folder = tmp_path_factory.mktemp(level)
    with models.run(world.freeze(folder / "inputs"), "recommended_actions") as con:
        rows = rows_of(con, "select * from published.recommended_actions")
    expected = oracle_of(outcome, level).decided(rows, reviewed(outcome))
    assert_same(expected, {row["action_id"]: row for row in rows})
    assert {row["mode"] for row in rows} <= set(MODES)
