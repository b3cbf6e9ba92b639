"""The published checks of actions: good tables pass, and each rule finds its fault; and their figures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration.defs.actions import actions_metadata
from orchestration.quality.suites import Suite, load_published_suites
from orchestration.refresh.proposed import proposed
from orchestration.refresh.run import Run
from orchestration.settings import PROJECT_ROOT, Settings
from tests.dbt.action_lab import AS_OF, Lab, changed
from tests.dbt.faults import assert_found, assert_good, unbroken

TABLES = ("recommended_actions", "action_budget", "action_episodes")
# table, fault, the rules of the table that fail of it
FAULTS = [
    ("recommended_actions", "update {t} set title = null", {"title_present"}),
    ("recommended_actions", "update {t} set owner_role = null", {"owner_role_present"}),
    ("recommended_actions", "update {t} set due_on = null", {"due_on_present"}),
    (
        "recommended_actions",
        "update {t} set mode = 'later'",
        {"mode_known", "status_follows_creation"},
    ),
    ("recommended_actions", "update {t} set level = 'bold'", {"level_known"}),
    ("recommended_actions", "update {t} set priority = 'P5'", {"priority_known"}),
    ("recommended_actions", "update {t} set sensitivity = 'none'", {"sensitivity_known"}),
    ("recommended_actions", "update {t} set origin = 'a dream'", {"origin_known"}),
    ("recommended_actions", "update {t} set status = 'open' where status = 'queued'", {"status_known"}),
    ("recommended_actions", "update {t} set account_id = 'nobody'", {"account_known"}),
    (
        "recommended_actions",
        "update {t} set mode = 'auto' where mode_by_matrix = 'approve' and mode = 'approve'",
        {"mode_within_level_and_matrix"},
    ),
    (
        "recommended_actions",
        "update {t} set mode = 'recommend', guards = null where mode = 'auto' and status = 'queued'",
        {"mode_within_level_and_matrix"},
    ),
    ("recommended_actions", "update {t} set status = 'queued' where status = 'held_back'", {"status_follows_creation"}),
    ("recommended_actions", "update {t} set is_new = not is_new", {"status_follows_creation"}),
    ("recommended_actions", "update {t} set due_on = episode_started_on - 1", {"dates_in_order"}),
    ("recommended_actions", "update {t} set episode_started_on = as_of_date + 1", {"dates_in_order"}),
    ("recommended_actions", "update {t} set evidence = '[1]'", {"evidence_readable"}),
    ("recommended_actions", "update {t} set evidence = 'none'", {"evidence_readable"}),
    ("action_budget", "update {t} set owner = null where owner = 'cs_manager'", {"owner_present", "counts_agree"}),
    ("action_budget", "update {t} set daily_budget = created_actions - 1 where created_actions > 0", {"budget_kept"}),
    ("action_budget", "update {t} set new_actions = new_actions + 1", {"budget_kept"}),
    ("action_budget", "delete from {t} where created_actions > 0", {"counts_agree"}),
    ("action_episodes", "delete from {t} where is_open", {"open_ones_are_actions"}),
    ("action_episodes", "update {t} set created_on = created_on - 1 where is_open", {"open_ones_are_actions"}),
    (
        "action_episodes",
        "update {t} set action = 'all', subject_kind = 'all', subject = account_id where is_open",
        {"one_open_episode"},
    ),
]


@pytest.fixture(scope="module")
def suites() -> dict[str, Suite]:
    found = load_published_suites(PROJECT_ROOT / "expectations")
    return {table: found[table] for table in TABLES}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    lab = Lab(tmp_path_factory.mktemp("checks"), guards=changed("guards", {"budget": {"actions": 2}}))
    for name in ("a", "b"):
        lab.add(name, segment="smb")
    lab.signal("a", "executive_complaint", 1)
    cooling = {"account_id": "b", "action": "notify_owner", "subject_kind": "account", "subject": "b"}
    days = {"episode_started_on": date(2026, 6, 20), "created_on": date(2026, 6, 20), "auto_on": date(2026, 6, 20)}
    earlier = [{"action_id": "cooling", "is_capped": False, "is_open": False} | cooling | days]
    with lab.run(lab.world(earlier=earlier), *TABLES, "account_signals") as con:
        yield con


def test_what_the_models_make_passes(good: duckdb.DuckDBPyConnection, suites: dict[str, Suite]) -> None:
    assert_good(good, suites, TABLES)


@pytest.mark.parametrize(("table", "fault", "rules"), FAULTS)
def test_each_rule_finds_its_fault(
    table: str, fault: str, rules: set[str], good: duckdb.DuckDBPyConnection, suites: dict[str, Suite]
) -> None:
    assert_found(good, suites[table], fault, rules)


def test_every_rule_has_a_fault(suites: dict[str, Suite]) -> None:
    # A rationale that is missing is worth a word, and stops nothing.
    assert unbroken(suites, FAULTS) == {("recommended_actions", "rationale_present")}
    (rule,) = [one for one in suites["recommended_actions"].rules if one.name == "rationale_present"]
    assert rule.severity == "warning"


def test_the_page_of_the_actions(good: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    good.execute(f"attach '{settings.warehouse_path}' as warehouse; create schema warehouse.published")
    for table in ("recommended_actions", "action_budget"):
        good.execute(f"create table warehouse.published.{table} as from memory.published.{table}")
    good.execute("detach warehouse")
    found = proposed(Run(settings, AS_OF, "run-1"))
    rows = {row["action"]: row for row in found.by_action}
    # One account's check-in is suppressed by the complaint; the other's waits for approval, or for its owner's budget.
    assert (rows["send_check_in_email"]["suppress"], rows["send_check_in_email"]["approve"]) == (1, 1)
    assert sum(sum(row[mode] for mode in ("auto", "approve", "recommend", "suppress")) for row in found.by_action) == (
        found.actions
    )
    assert found.levels == {"balanced": found.actions}
    assert found.cooling == 1
    assert found.guards["executive_complaint"] >= 3
    assert found.guards["budget"] == found.held_back == sum(row["held_back_actions"] for row in found.budget)
    metadata = actions_metadata(found)
    assert metadata["new actions"] == found.new
    assert metadata["not made again yet"] == 1
    assert [record.data["action"] for record in metadata["mode by action"].records] == [
        row["action"] for row in found.by_action
    ]
    assert "executive_complaint" in metadata["guards that bit"].value
