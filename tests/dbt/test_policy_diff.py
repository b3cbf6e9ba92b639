"""What other policies would change, and what one account would get: held against the models themselves."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from orchestration.policy.load import load_policies
from orchestration.policy.models import Policies
from orchestration.policy.tables.actions import RULES_VARIABLE, rules_text
from orchestration.settings import Settings
from orchestration.whatif.inputs import NoInputsError, under_other_policies
from orchestration.whatif.models import CompiledModels
from orchestration.whatif.page import page
from orchestration.whatif.policy_diff import PolicyDiff, changed_values, diff_policies
from orchestration.whatif.show import show_diff
from orchestration.whatif.simulate import SimulationError, simulate_real, simulation
from tests.dbt.customer_outcomes import SETTINGS, make_world
from tests.dbt.policy_folders import read_policy, write_policies
from tests.support.compiled import compiled_models, rows_of

WORLD = "everything, month's end"
Row = dict[str, Any]


def models(policies: Policies) -> CompiledModels:
    return compiled_models(**{RULES_VARIABLE: rules_text(policies, "duckdb")})


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The frozen inputs of a home in which a company of 60 accounts was refreshed."""
    work = tmp_path_factory.mktemp("home")
    world, _ = make_world(replace(SETTINGS[WORLD], accounts=60), work)
    return world.freeze(work / "inputs")


@pytest.fixture(scope="module")
def now(inputs: Path) -> Policies:
    return load_policies(inputs.parent / "policies")


@pytest.fixture(scope="module")
def made(inputs: Path, now: Policies) -> dict[str, list[Row]]:
    """What the batch makes of the home, by table."""
    tables = ("account_health", "account_churn", "recommended_actions", "health_check_candidates")
    with models(now).run(inputs, *tables) as con:
        return {table: rows_of(con, f"select * from published.{table}") for table in tables}


def other(inputs: Path, folder: Path, **changes: dict[str, Any]) -> Policies:
    """The home's policies with these changes."""
    shutil.copytree(inputs.parent / "policies", folder / "policies")
    for name, values in changes.items():
        wanted = read_policy(folder / "policies", name) | values
        shutil.rmtree(folder / "with", ignore_errors=True)
        write_policies(folder / "with", **{name: wanted})
        shutil.copyfile(folder / "with" / f"{name}.yaml", folder / "policies" / f"{name}.yaml")
    return load_policies(folder / "policies")


def diff(inputs: Path, before: Policies, after: Policies, listed: int = 1000) -> PolicyDiff:
    return diff_policies(inputs, before, after, models, listed=listed)


def test_the_same_policies_change_nothing(inputs: Path, now: Policies, made: dict[str, list[Row]]) -> None:
    same = diff(inputs, now, now)
    assert same.values == []
    assert {name: changes.count for name, changes in same.changes.items()} == dict.fromkeys(same.changes, 0)
    assert same.changes["actions"].before == same.changes["actions"].after == len(made["recommended_actions"]) > 50


def test_tiers_that_move_are_counted_and_listed(
    inputs: Path, now: Policies, made: dict[str, list[Row]], tmp_path: Path
) -> None:
    tier = read_policy(inputs.parent / "policies", "health_score")["tier"]
    after = other(inputs, tmp_path, health_score={"tier": tier | {"healthy_at_least": 92}})
    found = diff(inputs, now, after)
    moving = {row["account_id"] for row in made["account_health"] if row["tier"] == "healthy" and row["score"] < 92}
    assert moving
    assert {row["account_id"] for row in found.changes["tiers"].rows} == moving
    assert found.changes["tiers"].moves == [("healthy", "stable", len(moving))]
    assert found.changes["statuses"].count == 0
    assert found.values == [("health_score.tier.healthy_at_least", str(tier["healthy_at_least"]), "92")]
    assert (found.before_version, found.after_version) == (now.version, after.version)
    assert found.before_version != found.after_version


def test_another_base_moves_churn_probabilities_and_the_loss_expected(
    inputs: Path, now: Policies, made: dict[str, list[Row]], tmp_path: Path
) -> None:
    after = other(inputs, tmp_path, churn={"base_pct": {"red": 70, "yellow": 42.5, "green": 10}})
    found = diff(inputs, now, after).changes
    moving = {
        row["account_id"]: row["acts_on_probability"]
        for row in made["account_churn"]
        if row["status"] == "YELLOW" and row["acts_on_probability"] < 95
    }
    assert moving
    churn = found["churn"]
    assert {row["account_id"]: row["before"] for row in churn.rows} == {
        account_id: f"{probability:.0f} %" for account_id, probability in moving.items()
    }
    assert {row["account_id"]: row["after"] for row in churn.rows} == {
        account_id: f"{float(min(probability + Decimal('2.5'), 95)):g} %" for account_id, probability in moving.items()
    }
    assert sum(count for *_, count in churn.commonest) + churn.others == churn.count == len(moving)
    loss = sum((row["expected_loss"] for row in made["account_churn"]), Decimal(0))
    assert churn.money.startswith(f"expected loss {loss:,.0f} USD now, ")
    assert not churn.money.endswith(f" {loss:,.0f} USD then")
    assert (found["statuses"].count, found["tiers"].count, found["statuses"].money) == (0, 0, "")


def test_ways_to_move_beyond_those_told_are_counted(inputs: Path, now: Policies, tmp_path: Path) -> None:
    churn = diff(inputs, now, now).changes["churn"]
    moves = [(f"{number} %", None, 2) for number in range(25)]
    found = replace(churn, moves=moves)
    assert (len(found.commonest), found.others, found.count) == (20, 10, 50)
    whole = replace(diff(inputs, now, now), values=[("x", "1", "2")], changes={"churn": found})
    console = Console(width=160, record=True, file=(tmp_path / "said").open("w"))
    show_diff(console, whole, rows=0)
    assert re.search(r"in other ways\s+10\b", console.export_text())
    assert '>in other ways</td><td class="number">10<' in page(whole)


def test_candidates_that_come_and_go_are_told_by_where_from_and_where_to(
    inputs: Path, now: Policies, made: dict[str, list[Row]], tmp_path: Path
) -> None:
    found = diff(inputs, now, other(inputs, tmp_path, health_checks={"horizon_quarters": 1}))
    moves = dict(((before, after), count) for before, after, count in found.changes["candidates"].moves)
    assert moves.keys() == {("upcoming", None)}
    assert found.changes["candidates"].after == len(made["health_check_candidates"]) - moves["upcoming", None]


def test_another_level_of_automation_moves_modes(
    inputs: Path, now: Policies, made: dict[str, list[Row]], tmp_path: Path
) -> None:
    levels = read_policy(inputs.parent / "policies", "actions")["levels"]
    after = other(inputs, tmp_path, actions={"levels": levels | {"default": "conservative"}})
    moves = diff(inputs, now, after).changes["actions"].moves
    # Whatever was automatic or waited for approval is recommended now, but for the minimum that stays automatic.
    modes = Counter(row["mode"] for row in made["recommended_actions"])
    stays = {(before, to) for before, to, _ in moves} - {("auto", "recommend"), ("approve", "recommend")}
    assert stays <= {("approve", "auto")}
    assert sum(count for before, to, count in moves if (before, to) == ("approve", "recommend")) <= modes["approve"]
    assert {before for before, _, _ in moves} == {"auto", "approve"}


def test_another_condition_adds_and_removes_actions(
    inputs: Path, now: Policies, made: dict[str, list[Row]], tmp_path: Path
) -> None:
    rules = read_policy(inputs.parent / "policies", "actions")["rules"]
    changed = [rule | {"when": "score < 0"} if rule["rule"] == "score_to_write" else rule for rule in rules]
    found = diff(inputs, now, other(inputs, tmp_path, actions={"rules": changed}))
    gone = [row for row in found.changes["actions"].rows if row["after"] is None]
    written = [row for row in made["recommended_actions"] if row["action"] == "update_csm_health_score"]
    assert {row["account_id"] for row in gone} == {row["account_id"] for row in written} != set()


def test_all_are_counted_though_few_are_listed(inputs: Path, now: Policies, tmp_path: Path) -> None:
    tier = read_policy(inputs.parent / "policies", "health_score")["tier"]
    found = diff(
        inputs, now, other(inputs, tmp_path, health_score={"tier": tier | {"healthy_at_least": 100}}), listed=2
    )
    assert len(found.changes["tiers"].rows) == 2 < found.changes["tiers"].count
    console = Console(width=160, record=True, file=(tmp_path / "said").open("w"))
    show_diff(console, found, rows=1)
    said = console.export_text()
    assert f"{found.changes['tiers'].count - 1:,} more" in said
    html = page(found)
    assert f"The first 2 of {found.changes['tiers'].count:,}" in html
    assert "http" not in html


def test_names_on_the_page_are_text(inputs: Path, now: Policies) -> None:
    same = diff(inputs, now, now)
    hostile = {"account_id": "a", "account_name": "<b>&", "thing": "'\"", "before": "GREEN", "after": None}
    changes = same.changes["statuses"]
    html = page(replace(same, changes={"statuses": replace(changes, moves=[("GREEN", None, 1)], rows=[hostile])}))
    assert "<b>&" not in html
    assert "&lt;b&gt;&amp;" in html


def test_nothing_is_left_behind_and_nothing_changed(inputs: Path, now: Policies) -> None:
    before = sorted(path.relative_to(inputs.parent) for path in inputs.parent.rglob("*"))
    diff(inputs, now, now)
    assert sorted(path.relative_to(inputs.parent) for path in inputs.parent.rglob("*")) == before


def test_a_home_without_a_run_says_what_to_do(now: Policies, tmp_path: Path) -> None:
    with pytest.raises(NoInputsError, match="run `account-health refresh` first"):
        diff(tmp_path / "inputs", now, now)
    with pytest.raises(NoInputsError):
        under_other_policies(tmp_path / "inputs", tmp_path / "other", now)


def test_values_that_come_and_go_are_values_that_differ(now: Policies) -> None:
    levels = now.actions.levels.model_copy(update={"by_segment": {"smb": "aggressive"}})
    after = now.model_copy(update={"actions": now.actions.model_copy(update={"levels": levels})})
    assert changed_values(now, after) == [("actions.levels.by_segment.smb", "", "aggressive")]
    assert changed_values(after, now) == [("actions.levels.by_segment.smb", "aggressive", "")]


# One account


def test_a_real_account_gets_what_the_batch_gives_it(inputs: Path, now: Policies, made: dict[str, list[Row]]) -> None:
    counts = Counter(row["account_id"] for row in made["recommended_actions"])
    scored = {row["account_id"] for row in made["account_health"]}
    account_id = max(scored, key=lambda one: (counts[one], one))
    facts = simulate_real(inputs, account_id, now, models(now))
    batch = {row["action_id"]: row["mode"] for row in made["recommended_actions"] if row["account_id"] == account_id}
    assert {row["action_id"]: row["mode"] for row in facts.actions} == batch
    [health] = [row for row in made["account_health"] if row["account_id"] == account_id]
    assert facts.health["score"] == health["score"]
    other_level = simulate_real(inputs, account_id, now, models(now), "conservative")
    assert {row["level"] for row in other_level.actions} == {"conservative"}
    assert "auto" not in {row["mode"] for row in other_level.actions if row["action"] not in MINIMUM}


MINIMUM = ("notify_owner", "update_csm_health_score")


def asked(tmp_path: Path, account: str | None, **typed: Any) -> None:
    settings = Settings(home=tmp_path / "nothing")
    simulation(settings, load_policies(settings.policies), account, typed, date(2026, 6, 30))


@pytest.mark.parametrize(
    ("account", "typed", "words"),
    [
        ("Acme", {}, "nothing is published in which Acme could be. Examples: Northwind Logistics"),
        (None, {}, "no account is named"),
        ("Acme", {"segment": "tiny"}, "segment: found .*tiny"),
        ("Acme", {"csat": "good"}, "csat: found good; expected a number from 1 to 5"),
        ("Acme", {"csat": "6"}, "csat: found .*6.* expected a number from 1 to 5"),
        ("Acme", {"usage_trend": "exploding"}, "usage_trend: found .*exploding.* expected one of declining"),
        (
            "Acme",
            {"open_issues": 1, "urgent_issues": 2},
            "urgent_issues: found .*2.* at most as many as open_issues, 1",
        ),
        ("Acme", {"days_to_renewal": -1}, "days_to_renewal"),
    ],
)
def test_what_cannot_be_simulated_is_said(
    tmp_path: Path, account: str | None, typed: dict[str, Any], words: str
) -> None:
    with pytest.raises(SimulationError, match=words):
        asked(tmp_path, account, **typed)


def test_a_churned_account_has_no_score_to_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.whatif.simulate.models_of", lambda settings, policies: models(policies))
    with pytest.raises(SimulationError, match="has no score"):
        asked(tmp_path, "Gone", lifecycle="churned", csat=Decimal(4))
