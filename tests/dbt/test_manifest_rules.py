"""Rules every model obeys, held against dbt's own manifest: layers, names, documentation, keys, contracts, readers.

Here: what can be seen without running a model. Not here: what the models compute.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestration.sources.streams import STREAMS
from tests.support.models import PROJECT

Node = dict[str, Any]

AUDIT_COLUMNS = ["as_of_date", "policy_version", "run_id", "published_at"]
LAYERS = ("staging", "intermediate", "marts", "published")
NAMES = {
    "staging": re.compile(r"stg_[a-z]+__[a-z_]+"),
    "intermediate": re.compile(r"int_[a-z_]+__[a-z_]+"),
    "marts": re.compile(r"(fct|dim)_[a-z_]+"),
    "published": re.compile(r"(?!stg_|int_|fct_|dim_)[a-z_]+"),
}
# What each published table must have beside the audit columns.
MUST_HAVE = {
    "health_check_targets": (
        "target_id account_id account_name contract_id product milestone anchor_date due_date window_opens_on"
        " window_closes_on expires_on status days_to_due in_window completed_on completed_by completing_activity_id"
        " near_miss flag_reason amount source_amount source_currency owner_name geo region segment"
    ),
    "health_check_candidates": "rank target_id status flag_reason amount owner_name geo region segment product",
    "health_check_accounts": "account_id candidate_count candidate_amount most_urgent_status next_due_date",
    "health_check_influence": "opportunity_id activity_id credit_last_touch credit_linear amount outcome",
    "health_check_performance": (
        "fiscal_quarter dimension value targets_due completed completed_late past_due missed completion_rate"
        " on_time_rate median_days_to_delivery near_misses influenced_pipeline influenced_won"
    ),
    "account_churn": (
        "account_id churn_probability base renewal_addition days_to_renewal leadership_change"
        " leadership_change_addition leadership_change_evidence budget_pressure budget_pressure_addition"
        " budget_pressure_evidence competitive_inquiry competitive_inquiry_addition competitive_inquiry_evidence"
        " recent_outage recent_outage_addition recent_outage_evidence engagement_decline engagement_decline_addition"
        " engagement_decline_evidence churn_probability_calibrated arr three_year_value expected_loss lifetime_value"
        " save_probability intervention_priority outreach_due_on"
    ),
    "score_backtest": (
        "section horizon_days predictor item item_order measure figure low high unit accounts churned account_id note"
    ),
    "calibration": (
        "kind parameter horizon_days value_now suggested_value low high observed accounts churned compared_accounts"
        " compared_churned reason"
    ),
    "retention_plans": (
        "account_id step phase action purpose owner_role audience starts_on due_on why requires_review rank"
    ),
    "retention_offers": "account_id component offer credit_amount price_lock_years sla_pct why",
    "retention_success_metrics": "account_id metric value_now target due_on",
    "executive_decisions": "account_id decision decision_maker urgency due_on why arr rank",
    "renewal_forecast": (
        "fiscal_quarter owner_name geo region segment arr_up_for_renewal expected_churned_arr expected_retained_arr"
        " at_risk_arr_red at_risk_arr_yellow gross_retention_pct net_retention_pct"
    ),
    "expansion_pipeline": (
        "account_id type is_primary current_arr potential_arr close_probability expected_arr priority timing"
        " description justification qualified plan_limit approaching_limit seat_growth feature_requests high_health"
        " no_billing_issue responsive rank needs_verification"
    ),
    "expansion_stages": "account_id type week stage work starts_on due_on",
    "action_log": (
        "transition_id action_id account_id account_name action subject from_status to_status acted_by acted_at reason"
        " written_score"
    ),
    "alerts": (
        "alert_id alert account_id subject evidence state raised_on raised_at acknowledge_due_at acknowledged_at"
        " assess_due_at assessed_at plan_due_at planned_at execute_due_at executed_at follow_up_due_at followed_up_at"
        " breaches to_roles at_once is_escalated"
    ),
    "alert_conditions": "alert account_id subject dated_on evidence true_since",
    "alert_totals": "alert conditions raised_today open_alerts breached",
    "document_queue": "document_id kind target_id account_id due_on path status needs_person_reason",
    "survey_queue": "account_id kind survey_type subject due_on sent_on reason held_back",
    "survey_steps": "survey_id step account_id answer_group owner_role due_at",
    "at_risk_accounts": (
        "account_id tier at_risk_since weeks_at_risk phase score_trend fell_first pain_points renewal_date"
        " expected_loss"
        " save_probability intervention_priority rank"
    ),
    "intervention_outcomes": (
        "origin intervention_id account_id strategy opened_on recovered_on recovery_days score_gain "
    ),
    "intervention_metrics": (
        "strategy segment fiscal_quarter interventions recovered success_rate success_rate_from success_rate_to"
        " recovery_days recovery_days_from recovery_days_to score_gain score_gain_from score_gain_to response_hours"
        " success_rate_target_low baseline_accounts baseline_success_rate"
    ),
    "nps_summary": (
        "fiscal_quarter segment owner_name sent answered response_rate answers promoters passives detractors nps"
        " nps_low"
        " nps_high"
    ),
    "portfolio_summary": "section item rank figure unit previous_figure arrow text",
    "success_metrics": "name baseline target value n period unit reason",
    "review_items": "report section rank account_id text figure unit",
    "weekly_review": "section rank account_id text figure unit",
    "monthly_report": "section rank account_id text figure unit",
    "playbook_review": "section rank account_id text figure unit",
    "feed_sales": (
        "account_id score status tier change_week change_month churn_probability is_at_risk expansion_type"
        " is_handed_off"
        " renewal_date renewal_quarter expected_churned_arr expected_retained_arr arr"
    ),
    "feed_product": "section account_id service_adoption usage_trend theme requests accounts arr rank",
    "feed_finance": (
        "account_id failed_amount disputed_amount overdue_amount at_risk_arr expected_churned_arr lifetime_value"
        " mean_days_late mean_days_late_before payment_trend"
    ),
    "feed_marketing": (
        "account_id is_reference nps score service_adoption uptime_pct tenure_years expansions reason rank "
    ),
    "account_signals": (
        "account_id is_churned is_scored score final_status final_status_before status_before tier_before confidence"
        " acts_on_probability last_written_score planned_activities_soon completed_activities_recent"
        " urgent_or_high_tickets_waiting incidents_recent logins_recent owner_is_idle alerts_open"
        " has_open_executive_complaint open_major_blockers days_to_renewal"
    ),
    "recommended_actions": (
        "action_id account_id kind action subject title owner_role owner priority sensitivity mode level status due_on"
        " episode_started_on created_on is_new rationale evidence guards reaches_customer touches_price origin rule"
    ),
    "action_budget": "owner new_actions created_actions held_back_actions cooling_actions",
    "action_episodes": "action_id account_id action subject episode_started_on created_on is_open",
    "hygiene_issues": (
        "issue_id rule severity source stream record_key account_id mended_by expected actual sentence first_seen"
        " last_seen status"
    ),
    "hygiene_scorecard": "owner_name geo rule open_issues cleared_issues median_days_to_clear trend",
    "source_freshness": "stream last_success_at age_days max_age_days is_stale rows_read extraction_id",
    "support_organizations": "organization_id external_id domains matched_by account_id is_account_known",
}
# Lists of findings: a rule may find a record twice, and hygiene_issues gives it a key, one issue for all of them; an
# effect on a row as a whole has no column.
WITHOUT_KEY = {"stg_quality__row_failures", "stg_quality__row_effects"}
# Numbers that belong to arithmetic and calendars, not to policy: counting, medians, months, rounding, percent.
STRUCTURAL_NUMBERS = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 18, 100}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Node:
    work = tmp_path_factory.mktemp("parse")
    environment = {
        **os.environ,
        "ACCOUNT_HEALTH_INPUTS": str(work / "inputs"),
        "ACCOUNT_HEALTH_WAREHOUSE": str(work / "warehouse.duckdb"),
        "DBT_TARGET_PATH": str(work / "target"),
        "DBT_LOG_PATH": str(work / "logs"),
        "DBT_PROFILES_DIR": str(PROJECT),
    }
    dbt = Path(sys.executable).with_name("dbt")
    done = subprocess.run(
        [dbt, "--quiet", "parse"], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((work / "target" / "manifest.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def models(manifest: Node) -> dict[str, Node]:
    return {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}


def layer(model: Node) -> str:
    return model["fqn"][1]


def in_layer(models: dict[str, Node], name: str) -> dict[str, Node]:
    found = {key: model for key, model in models.items() if layer(model) == name}
    assert found, name
    return found


def parents(manifest: Node, model: Node) -> list[Node]:
    return [manifest["nodes"][key] for key in model["depends_on"]["nodes"] if key in manifest["nodes"]]


def sources(manifest: Node, model: Node) -> list[str]:
    return [key for key in model["depends_on"]["nodes"] if key in manifest["sources"]]


def test_every_model_stands_in_a_layer_and_is_named_after_it(models: dict[str, Node]) -> None:
    wrong = [
        name for name, model in models.items() if layer(model) not in LAYERS or not NAMES[layer(model)].fullmatch(name)
    ]
    assert wrong == []


def test_only_staging_reads_sources(manifest: Node, models: dict[str, Node]) -> None:
    assert {layer(model) for model in models.values() if sources(manifest, model)} == {"staging"}


def test_every_source_is_read_and_described(manifest: Node, models: dict[str, Node]) -> None:
    read = {key for model in models.values() for key in sources(manifest, model)}
    # Of the policy, what only Python needs has no model.
    unread = {key for key in manifest["sources"].keys() - read if ".policy." not in key}
    assert unread == set()
    assert [key for key, source in manifest["sources"].items() if not source["description"]] == []


def test_every_stream_has_a_staging_model(models: dict[str, Node]) -> None:
    assert {f"stg_landing__{stream}" for stream in STREAMS} <= models.keys()


@pytest.mark.parametrize(
    ("name", "may_read"),
    [
        ("staging", {"staging"}),
        ("intermediate", {"staging", "intermediate"}),
        ("marts", {"staging", "intermediate", "marts"}),
    ],
)
def test_a_layer_reads_only_those_before_it(
    manifest: Node, models: dict[str, Node], name: str, may_read: set[str]
) -> None:
    for model in in_layer(models, name).values():
        assert {layer(parent) for parent in parents(manifest, model)} <= may_read, model["name"]


def test_published_reads_marts_intermediate_and_what_the_run_says_of_itself(
    manifest: Node, models: dict[str, Node]
) -> None:
    for model in in_layer(models, "published").values():
        for parent in parents(manifest, model):
            about_the_run = layer(parent) == "staging" and parent["name"].startswith("stg_run__")
            assert layer(parent) in ("marts", "intermediate") or about_the_run, (model["name"], parent["name"])


def test_every_model_and_column_is_described(models: dict[str, Node]) -> None:
    bare = [name for name, model in models.items() if not model["description"].strip() or not model["columns"]]
    bare += [
        f"{name}.{column}"
        for name, model in models.items()
        for column, facts in model["columns"].items()
        if not facts["description"].strip()
    ]
    assert bare == []


def test_every_model_has_a_tested_primary_key(manifest: Node, models: dict[str, Node]) -> None:
    """One key test over some columns, or unique and not_null on one; a table of one row has its count tested."""
    keyed: set[str] = set()
    unique: dict[str, set[str]] = {}
    not_null: dict[str, set[str]] = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] != "test" or not node.get("test_metadata"):
            continue
        if node["config"]["severity"].lower() != "error" or not node["config"]["enabled"] or node["config"]["where"]:
            continue
        kind, model = node["test_metadata"]["name"], manifest["nodes"].get(node["attached_node"] or "", {}).get("name")
        if kind in ("primary_key", "row_count"):
            keyed.add(model)
        elif kind == "unique":
            unique.setdefault(model, set()).add(node["column_name"])
        elif kind == "not_null":
            not_null.setdefault(model, set()).add(node["column_name"])
    keyed |= {model for model, columns in unique.items() if columns & not_null.get(model, set())}
    assert models.keys() - keyed == WITHOUT_KEY


def test_the_columns_of_a_key_are_columns_of_the_model(manifest: Node, models: dict[str, Node]) -> None:
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test" and node["test_metadata"]["name"] == "primary_key":
            model = manifest["nodes"][node["attached_node"]]["name"]
            columns = {column.strip('"`') for column in node["test_metadata"]["kwargs"]["columns"]}
            assert columns, node["name"]
            assert columns <= models[model]["columns"].keys(), node["name"]


@pytest.mark.parametrize("name", ["staging", "published"])
def test_contracts_are_enforced_with_every_type(models: dict[str, Node], name: str) -> None:
    for model in in_layer(models, name).values():
        assert model["config"]["contract"]["enforced"], model["name"]
        assert [column for column, facts in model["columns"].items() if not facts["data_type"]] == [], model["name"]


def test_published_tables_are_tables_that_begin_with_the_audit_columns(models: dict[str, Node]) -> None:
    for model in in_layer(models, "published").values():
        assert model["config"]["materialized"] == "table", model["name"]
        assert model["config"]["schema"] == "published", model["name"]
        assert list(model["columns"])[:4] == AUDIT_COLUMNS, model["name"]


@pytest.mark.parametrize("table", MUST_HAVE)
def test_published_tables_have_what_their_readers_were_promised(models: dict[str, Node], table: str) -> None:
    assert set(MUST_HAVE[table].split()) - models[table]["columns"].keys() == set()


@pytest.mark.parametrize("reader", ["portal", "business_intelligence"])
def test_readers_are_declared_for_every_published_table(manifest: Node, models: dict[str, Node], reader: str) -> None:
    (exposure,) = [item for item in manifest["exposures"].values() if item["name"] == reader]
    read = {manifest["nodes"][key]["name"] for key in exposure["depends_on"]["nodes"]}
    assert read == in_layer(models, "published").keys()
    assert exposure["description"].strip()


def numbers_in(sql: str) -> set[float]:
    """The numbers a piece of SQL says itself: not those in comments, texts, names and types."""
    sql = re.sub(r"\{#.*?#\}|--[^\n]*|/\*.*?\*/", " ", sql, flags=re.DOTALL)
    sql = re.sub(r"\b(decimal|numeric|varchar|char)\s*\(\s*\d+(\s*,\s*\d+)?\s*\)", r"\1", sql, flags=re.IGNORECASE)
    # A text inside an expression of the template may be SQL itself (an argument of a macro), so it is kept.
    sql = re.sub(r"\{\{.*?\}\}", lambda found: found.group().replace("'", " ").replace('"', " "), sql, flags=re.DOTALL)
    sql = re.sub(r"'[^'\n]*'", " ", sql)
    return {float(found) for found in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])", sql)}


def test_numbers_are_found_in_sql() -> None:
    sql = "cast(a1 as decimal(18, 2)) + 90 -- 365\n{# 30 #} where b < {{ add_days('c', '-180') }} and d = '45' or 1.5"
    assert numbers_in(sql) == {90, 180, 1.5}


def test_no_number_of_a_policy_stands_in_a_model(models: dict[str, Node]) -> None:
    """Days, bands and weights come from policies; a literal among the models would be one that nobody can change."""
    for name, model in models.items():
        assert numbers_in(model["raw_code"]) - STRUCTURAL_NUMBERS == set(), name


def test_no_model_reads_the_clock(manifest: Node, models: dict[str, Node]) -> None:
    clock = re.compile(r"\b(now|today|current_date|current_timestamp|getdate|sysdate|run_started_at|random|uuid)\b")
    macros = [macro for macro in manifest["macros"].values() if macro["package_name"] == "account_health"]
    assert macros
    texts = {name: model["raw_code"] for name, model in models.items()}
    texts |= {macro["name"]: macro["macro_sql"] for macro in macros}
    for name, text in texts.items():
        code = re.sub(r"\{#.*?#\}|--[^\n]*", " ", text, flags=re.DOTALL)
        code = re.sub(r"'[^'\n]*'", " ", code)
        assert clock.search(code.lower()) is None, name
