"""The published checks of churn, retention and expansion: good tables pass, and each rule finds its fault."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from orchestration.quality.published import check_published
from orchestration.quality.suites import Suite, load_published_suites
from orchestration.settings import PROJECT_ROOT
from tests.dbt.coloured_accounts import Customers, built, number

TABLES = (
    *("account_churn", "retention_plans", "retention_offers", "retention_success_metrics", "executive_decisions"),
    *("renewal_forecast", "expansion_pipeline", "expansion_stages"),
)

# table, fault, the rules of the table that fail of it
FAULTS = [
    ("account_churn", "update {t} set churn_probability = 96 where account_id = 'red'", {"probability_in_range"}),
    ("account_churn", "update {t} set churn_probability_calibrated = 96", {"calibrated_in_range"}),
    ("account_churn", "update {t} set save_probability = 101", {"save_probability_in_range"}),
    ("account_churn", "delete from {t} where account_id = 'red'", {"accounts_with_score"}),
    ("account_churn", "update {t} set status = 'RED' where account_id = 'green'", {"accounts_with_score"}),
    ("account_churn", "update {t} set base = base - 1", {"parts_add_up"}),
    ("account_churn", "update {t} set base = base + 1 where account_id = 'green'", {"parts_add_up"}),
    ("account_churn", "update {t} set recent_outage_evidence = null", {"factors_told"}),
    ("account_churn", "update {t} set competitive_inquiry_evidence = 'not known: x'", {"factors_told"}),
    ("account_churn", "update {t} set expected_loss = expected_loss + 0.01", {"loss_follows_probability"}),
    ("account_churn", "insert into {t} select * from {t} where account_id = 'red'", {"key_unique"}),
    ("account_churn", "update {t} set run_id = 'another' where account_id = 'red'", {"one_run"}),
    ("retention_plans", "update {t} set level = 'low' where level = 'medium'", {"level_known"}),
    ("retention_plans", "update {t} set phase = 'later'", {"phase_known"}),
    ("retention_plans", "update {t} set why = null", {"why_present"}),
    ("retention_plans", 'update {t} set step = null where "rank" = 1', {"step_present"}),
    (
        "retention_plans",
        "update {t} set account_id = 'nobody' where account_id = 'red'",
        {"account_known", "one_plan", "highest_risk_planned"},
    ),
    ("retention_plans", "update {t} set level = 'medium' where step = 'executive_call'", {"one_plan"}),
    ("retention_plans", "delete from {t} where account_id = 'red'", {"highest_risk_planned"}),
    ("retention_plans", "update {t} set due_on = starts_on - 1", {"dates_in_order"}),
    ("retention_plans", "update {t} set requires_review = false", {"red_needs_review"}),
    ("retention_plans", 'delete from {t} where "rank" = 1', {"rank_without_gaps"}),
    ("retention_offers", "update {t} set component = 'a car'", {"component_known", "worth_told", "key_unique"}),
    ("retention_offers", "update {t} set sla_pct = 101 where component = 'enhanced_sla'", {"sla_in_range"}),
    ("retention_offers", "update {t} set account_id = 'green'", {"plan_exists"}),
    ("retention_offers", "update {t} set credit_amount = null", {"worth_told"}),
    ("retention_success_metrics", "update {t} set metric = 'mood' where metric = 'qbr_attendance'", {"metric_known"}),
    ("retention_success_metrics", "update {t} set target = null where metric = 'qbr_attendance'", {"target_present"}),
    ("retention_success_metrics", "delete from {t} where account_id = 'red'", {"plans_measured"}),
    ("retention_success_metrics", "update {t} set target = 101", {"score_targets_in_range"}),
    ("executive_decisions", "update {t} set urgency = 'some day'", {"urgency_known"}),
    ("executive_decisions", "update {t} set why = null", {"why_present"}),
    ("executive_decisions", "update {t} set decision_maker = null", {"decision_maker_present"}),
    ("executive_decisions", "update {t} set account_id = 'nobody' where account_id = 'red'", {"account_known"}),
    ("executive_decisions", "update {t} set due_on = as_of_date - 1", {"due_from_as_of"}),
    ("executive_decisions", 'update {t} set "rank" = "rank" + 1', {"rank_without_gaps"}),
    ("renewal_forecast", "update {t} set fiscal_quarter = null where accounts = 0", {"fiscal_quarter_present"}),
    (
        "renewal_forecast",
        "update {t} set gross_retention_pct = -1",
        {"gross_retention_in_range", "retention_consistent"},
    ),
    (
        "renewal_forecast",
        "update {t} set expected_churned_arr = expected_churned_arr + 0.02 where at_risk_arr_red > 0",
        {"parts_add_up"},
    ),
    ("renewal_forecast", "update {t} set at_risk_arr_red = at_risk_arr_red + 0.01", {"parts_add_up"}),
    ("renewal_forecast", "delete from {t} where accounts > 0 and segment = 'smb'", {"renewals_reconcile"}),
    ("renewal_forecast", "update {t} set contracts_renewed = contracts_ended + 1", {"retention_consistent"}),
    ("expansion_pipeline", "update {t} set type = 'more' where type = 'new_site'", {"type_known"}),
    ("expansion_pipeline", "update {t} set priority = 'TOP' where priority is not null", {"priority_known"}),
    (
        "expansion_pipeline",
        "update {t} set close_probability = 2, expected_arr = 2 * potential_arr",
        {"close_probability_in_range"},
    ),
    ("expansion_pipeline", "update {t} set score = 1", {"status_as_scored"}),
    ("expansion_pipeline", "update {t} set is_primary = true", {"one_primary"}),
    (
        "expansion_pipeline",
        "update {t} set is_primary = not is_primary where account_id = 'growing'",
        {"one_primary"},
    ),
    (
        "expansion_pipeline",
        "update {t} set expected_arr = expected_arr + 0.01",
        {"expected_follows_potential"},
    ),
    ("expansion_pipeline", "update {t} set qualified = not qualified", {"qualified_by_criteria"}),
    ("expansion_pipeline", "update {t} set responsive_evidence = null", {"qualified_by_criteria"}),
    ("hygiene_issues", "delete from {t} where rule = 'expansion_potential_known'", {"missing_potentials_listed"}),
    ("expansion_pipeline", 'update {t} set "rank" = "rank" + 1', {"rank_without_gaps"}),
    (
        "expansion_pipeline",
        'update {t} set "rank" = (select count(*) from {t}) + 1 - "rank"',
        {"rank_follows_expected"},
    ),
    ("expansion_stages", "update {t} set stage = null", {"stage_present"}),
    ("expansion_stages", "delete from {t} where week = 3 and type = 'new_site'", {"qualified_only", "weeks_in_order"}),
    ("expansion_stages", "update {t} set account_id = 'green'", {"qualified_only"}),
    ("expansion_stages", "update {t} set due_on = null", {"due_on_present"}),
    ("expansion_stages", "update {t} set starts_on = starts_on + 1", {"weeks_in_order"}),
]


def customers() -> Customers:
    """At least a row of each table, and of each kind that a rule tells apart."""
    made = Customers()
    made.add("green")
    made.add("yellow", "YELLOW", renews_in=50)
    made.add("red", "RED", renews_in=100, arr="150000", sla_target_pct=number("99.9"))
    made.signal("red", "rfp", 5)
    made.signal("red", "budget_pressure", 5)
    for _ in range(3):
        made.ticket("red", 5, priority="urgent", is_incident=True)
    made.usage("red", 0, capacity_used_pct="95", uptime_pct="99")
    made.signal("yellow", "executive_complaint", 5)
    made.contract("red", 394, 30, product="Plus")
    made.contract("red", 29, -335, "500", product="Plus")
    made.contract("green", 464, 100, product="Plus", region=None)
    potentials = {"new_site_arr": number("60000"), "new_site_planned": True}
    made.add("growing", reference_customer=True, self_managed=True, **potentials)
    made.add("growing-too", reference_customer=True, **potentials | {"new_site_arr": number("10000")})
    for account_id in ("growing", "growing-too"):
        made.signal(account_id, "feature_request", 5)
        made.usage(account_id, 0, services_used="1", services_contracted="2")
    for _ in range(11):
        made.ticket("growing", 5)
    return made


@pytest.fixture(scope="module")
def suites() -> dict[str, Suite]:
    return {
        name: suite for name, suite in load_published_suites(PROJECT_ROOT / "expectations").items() if name in TABLES
    }


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("checks")
    with built(customers().world(folder), folder, *TABLES, "account_health", "hygiene_issues") as con:
        yield con


def test_what_the_models_make_passes(con: duckdb.DuckDBPyConnection, suites: dict[str, Suite]) -> None:
    assert set(suites) == set(TABLES)
    for table in TABLES:
        assert con.execute(f"select count(*) from published.{table}").fetchone() != (0,), table
    results = check_published(con, suites)
    assert [(result.table, result.rule, result.broken, result.sample) for result in results if not result.passed] == []


@pytest.mark.parametrize(("table", "fault", "rules"), FAULTS)
def test_each_fault_is_found(
    con: duckdb.DuckDBPyConnection, suites: dict[str, Suite], table: str, fault: str, rules: set[str]
) -> None:
    kept = f"memory.main.kept_{table}"
    con.execute(f"create table {kept} as select * from published.{table}")
    try:
        con.execute(fault.format(t=f"published.{table}"))
        checked = table if table in suites else "expansion_pipeline"
        results = check_published(con, {checked: suites[checked]})
    finally:
        con.execute(f"delete from published.{table}")
        con.execute(f"insert into published.{table} select * from {kept}")
        con.execute(f"drop table {kept}")
    failed = [result for result in results if not result.passed]
    assert {result.rule for result in failed} == rules
    assert all(result.blocking and result.sample and result.broken is None for result in failed)


def test_every_rule_has_its_fault(suites: dict[str, Suite]) -> None:
    found = {(table if table in suites else "expansion_pipeline", rule) for table, _, rules in FAULTS for rule in rules}
    own = {
        (name, rule.name)
        for name, suite in suites.items()
        for rule in suite.rules
        # Shared rules, and that a key is there, are tested for all tables at once.
        if rule.name not in ("key_unique", "one_run", "account_id_present")
    }
    assert own - found == set()
