"""The published checks of alerts, surveys and interventions: good tables pass, and each rule finds its fault."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import duckdb
import pytest

from orchestration.quality.published import check_published
from orchestration.quality.suites import Suite, load_published_suites
from orchestration.settings import PROJECT_ROOT
from tests.dbt.coloured_accounts import Customers, built, day, noon, number
from tests.dbt.test_alerts_examples import LOOKED, earlier_alert, earlier_condition
from tests.dbt.test_interventions_examples import AT_RISK, outcome, world_of

TABLES = (
    *("alerts", "alert_conditions", "alert_totals", "survey_queue", "survey_steps", "nps_summary"),
    *("at_risk_accounts", "intervention_outcomes", "intervention_metrics"),
)

SILENT = "alert = 'inactive' and account_id = 'silent'"

# table, fault, the rules of the table that fail of it
FAULTS = [
    ("alerts", "update {t} set alert_id = null where alert = 'billing'", {"alert_id_present"}),
    ("alerts", "update {t} set evidence = null", {"evidence_present"}),
    ("alerts", "update {t} set alert = 'boredom' where not is_true and alert = 'inactive'", {"alert_known"}),
    ("alerts", "update {t} set state = 'asleep' where state = 'open'", {"state_known"}),
    ("alerts", "update {t} set is_open = not is_open where state = 'open'", {"state_known"}),
    ("alerts", "update {t} set state = 'closed', is_open = false where state = 'open'", {"state_known"}),
    (
        "alerts",
        f"insert into {{t}} select * replace ('twice' as alert_id) from {{t}} where {SILENT} and is_true",
        {"one_standing"},
    ),
    ("alerts", "update {t} set raised_on = as_of_date + 1 where alert = 'billing'", {"dates_in_order"}),
    ("alerts", "update {t} set cleared_on = cleared_on + 1 where cleared_on is not null", {"dates_in_order"}),
    ("alerts", "update {t} set is_true = true where false_since is not null", {"dates_in_order", "condition_holds"}),
    ("alerts", "update {t} set plan_due_at = raised_at", {"clock_in_order"}),
    ("alerts", "update {t} set breaches = breaches + 1", {"breaches_add_up"}),
    ("alerts", "update {t} set acknowledged_at = acknowledge_due_at where acknowledge_breached", {"breaches_add_up"}),
    ("alerts", "update {t} set escalated_to = null where is_escalated", {"breaches_add_up"}),
    ("alerts", f"update {{t}} set subject = 'nobody' where {SILENT} and is_true", {"condition_holds"}),
    (
        "alert_conditions",
        "update {t} set subject = null where alert = 'billing'",
        {"subject_present", "new_ones_raised"},
    ),
    ("alert_conditions", "update {t} set evidence = null", {"evidence_present"}),
    ("alert_conditions", "update {t} set alert = 'boredom' where not is_new", {"alert_known"}),
    ("alert_conditions", "update {t} set true_since = as_of_date + 1", {"true_since_on_or_before_as_of"}),
    ("alert_conditions", "update {t} set account_id = 'nobody' where is_new", {"new_ones_raised"}),
    ("alert_totals", "delete from {t} where alert = 'detractor'", {"every_alert_told"}),
    ("alert_totals", "update {t} set open_alerts = open_alerts + 1 where alert = 'billing'", {"figures_add_up"}),
    ("survey_queue", "update {t} set subject = null where kind = 'follow_up'", {"subject_present"}),
    ("survey_queue", "update {t} set reason = null", {"reason_present"}),
    ("survey_queue", "update {t} set kind = 'postcard' where kind = 'follow_up'", {"kind_known"}),
    ("survey_queue", "update {t} set survey_type = 'mood' where kind = 'survey'", {"type_known"}),
    (
        "survey_queue",
        "insert into {t} select * replace ('another' as subject) from {t} where kind = 'survey' limit 1",
        {"one_survey"},
    ),
    ("survey_queue", "update {t} set due_on = as_of_date + 1 where kind = 'survey'", {"due_by_now"}),
    ("survey_queue", "update {t} set sent_on = due_on where kind = 'follow_up'", {"due_by_now"}),
    ("survey_steps", "update {t} set survey_id = null where step = 'contact'", {"survey_id_present"}),
    ("survey_steps", "update {t} set answer_group = 'fan'", {"group_known"}),
    ("survey_steps", "update {t} set score = 11", {"answer_in_range"}),
    ("survey_steps", "update {t} set due_at = responded_on", {"due_after_answer"}),
    ("nps_summary", "update {t} set fiscal_quarter = null where promoters > 0", {"fiscal_quarter_present"}),
    (
        "nps_summary",
        "update {t} set nps = 101 where answers > 0",
        {"nps_in_range", "nps_with_interval"},
    ),
    ("nps_summary", "update {t} set response_rate = 101", {"response_rate_in_range"}),
    ("nps_summary", "update {t} set promoters = promoters + 1", {"answers_add_up"}),
    ("nps_summary", "update {t} set answered = sent + 1", {"answers_add_up"}),
    ("nps_summary", "update {t} set nps_low = nps + 1 where answers > 0", {"nps_with_interval"}),
    ("nps_summary", "update {t} set nps = 0 where answers = 0", {"nps_with_interval"}),
    ("at_risk_accounts", "update {t} set phase = null", {"phase_present"}),
    ("at_risk_accounts", "delete from {t} where account_id = 'at-risk'", {"accounts_at_risk", "rank_without_gaps"}),
    ("at_risk_accounts", "update {t} set score = 1 where account_id = 'at-risk'", {"accounts_at_risk"}),
    ("at_risk_accounts", "update {t} set weeks_at_risk = weeks_at_risk + 1", {"weeks_follow_since"}),
    ("at_risk_accounts", "update {t} set phase_ends_on = as_of_date - 1", {"weeks_follow_since"}),
    ("at_risk_accounts", 'update {t} set "rank" = "rank" + 1', {"rank_without_gaps"}),
    (
        "at_risk_accounts",
        'update {t} set "rank" = (select count(*) from {t}) + 1 - "rank"',
        {"rank_without_gaps"},
    ),
    ("intervention_outcomes", "update {t} set origin = 'dream' where origin = 'ledger'", {"origin_known"}),
    ("intervention_outcomes", "update {t} set strategy = null", {"strategy_present"}),
    ("intervention_outcomes", "update {t} set recovered_on = opened_on where has_recovered", {"recovery_told"}),
    ("intervention_outcomes", "update {t} set has_recovered = not has_recovered", {"recovery_told"}),
    ("intervention_outcomes", "update {t} set recovered_score = null", {"recovery_told"}),
    ("intervention_outcomes", "update {t} set is_counted = false where origin = 'stream'", {"interventions_counted"}),
    (
        "intervention_metrics",
        "update {t} set strategy = null where strategy = 'Sponsor'",
        {"strategy_present", "counts_add_up"},
    ),
    (
        "intervention_metrics",
        "update {t} set success_rate = 101 where strategy = 'Sponsor'",
        {"success_rate_in_range", "figures_within_intervals"},
    ),
    ("intervention_metrics", "update {t} set under_way = under_way + 1", {"counts_add_up"}),
    ("intervention_metrics", "delete from {t} where strategy = 'Sponsor'", {"counts_add_up"}),
    ("intervention_metrics", "update {t} set recovery_days_from = null", {"figures_within_intervals"}),
    ("intervention_metrics", "update {t} set score_gain = score_gain_to + 1", {"figures_within_intervals"}),
    ("intervention_metrics", "update {t} set baseline_accounts = baseline_accounts + 1", {"baseline_beside"}),
]


def customers() -> Customers:
    """At least a row of each table, and of each kind that a rule tells apart."""
    made = Customers()
    for stream in ("interventions", "action_log", "alert_log"):
        made.streams[stream] = []
    made.add("silent")
    for name in ("heard", "heard-too", "new"):
        made.usage(made.add(name), 0, logins="1")
    made.invoice("new", 3, status="failed")
    made.add("at-risk", AT_RISK, arr="5000")
    made.add("at-risk-too", AT_RISK)
    made.row("alert_log", "silent", entry_id="e1", alert_id="inactive silent", alert="inactive", step="closed",
             acted_by="Cas Csm", acted_at=noon(2))  # fmt: skip
    for survey_id, account_id, sent, responded, score in (
        ("s1", "heard", 100, 99, "10"),
        ("s2", "heard", 10, None, None),
        ("s3", "new", 30, 29, "3"),
        ("s4", "heard-too", 300, None, None),
    ):
        made.row("survey_responses", account_id, survey_id=survey_id, survey_type="quarterly", sent_on=day(sent),
                 responded_on=None if responded is None else day(responded),
                 score=None if score is None else number(score))  # fmt: skip
    for number_of, name in enumerate(("heard", "heard-too", "new")):
        made.row("interventions", name, intervention_id=f"v{number_of}", strategy="Sponsor", opened_on=day(50))
    made.row("action_log", "new", transition_id="x1", action_id="n1", action="executive_call", to_status="done",
             acted_by="Cas Csm", acted_at=datetime(2026, 6, 1, 9))  # fmt: skip
    return made


@pytest.fixture(scope="module")
def suites() -> dict[str, Suite]:
    return {
        name: suite for name, suite in load_published_suites(PROJECT_ROOT / "expectations").items() if name in TABLES
    }


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("checks")
    recovered = {"recovered_score": number("75")}
    world = world_of(
        customers(),
        folder,
        alerts=[
            earlier_alert("inactive", "silent", 5, false_since=day(3)),
            earlier_alert("inactive", "heard", 5),
            earlier_alert("inactive", "heard-too", 9, false_since=day(6), cleared_on=day(6)),
        ],
        alert_conditions=[earlier_condition("inactive", "at-risk", 9), earlier_condition("inactive", "heard", 5)],
        alert_totals=LOOKED,
        at_risk_accounts=[{"account_id": "at-risk", "at_risk_since": day(10)}],
        intervention_outcomes=[
            outcome("heard", "v0", 50, 0, recovered_on=day(9), **recovered),
            outcome("heard-too", "v1", 50, 0, recovered_on=day(19), **recovered),
            outcome("at-risk", "since", 10, 0, origin="none"),
        ],
    )
    with built(world, folder, *TABLES, "account_health") as con:
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
        results = check_published(con, {table: suites[table]})
    finally:
        con.execute(f"delete from published.{table}")
        con.execute(f"insert into published.{table} select * from {kept}")
        con.execute(f"drop table {kept}")
    failed = [result for result in results if not result.passed]
    assert {result.rule for result in failed} == rules
    assert all(result.blocking and result.sample and result.broken is None for result in failed)


def test_every_rule_has_its_fault(suites: dict[str, Suite]) -> None:
    found = {(table, rule) for table, _, rules in FAULTS for rule in rules}
    own = {
        (name, rule.name)
        for name, suite in suites.items()
        for rule in suite.rules
        # Shared rules, and that a key is there, are tested for all tables at once.
        if rule.name not in ("key_unique", "one_run", "account_id_present")
    }
    assert own - found == set()
