"""The benchmark's parts at a tiny size: floor and pandas give the same answer, and a difference would be seen."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest

from benchmarks.agreement import FLOOR_COMPARES, PEER_COMPARES, compare
from benchmarks.change import EDITED, change
from benchmarks.floor import compute
from benchmarks.generate import generate
from benchmarks.landed import land
from benchmarks.peer_pandas.__main__ import main as peer
from benchmarks.report import write_report
from benchmarks.runs import measured_run
from benchmarks.sizes import ROWS_PER_ACCOUNT, accounts_of
from benchmarks.watch import run_watched
from orchestration.sources.streams import STREAMS

AS_OF = date(2026, 6, 30)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drop of 300 accounts, landed, and the floor's tables, once as its own and once as if published."""
    folder = tmp_path_factory.mktemp("bench")
    generate(folder / "drop", 300, AS_OF)
    land(folder / "drop", folder / "landing")
    compute(folder / "landing", AS_OF, folder / "floor")
    (folder / "published").mkdir()
    for table in FLOOR_COMPARES:
        (folder / "published" / f"{table}.parquet").symlink_to(folder / "floor" / f"{table}.parquet")
    return folder


def test_the_generator_writes_the_rows_an_account_is_said_to_bring(work: Path) -> None:
    rows = json.loads((work / "drop" / "generated.json").read_text())["rows"]
    for stream, each in ROWS_PER_ACCOUNT.items():
        assert rows[stream] == pytest.approx(300 * each, abs=10), stream


def test_the_generator_writes_the_same_rows_again(work: Path, tmp_path: Path) -> None:
    generate(tmp_path, 300, AS_OF)
    for stream in ROWS_PER_ACCOUNT:
        first, second = (sorted((d / f"{stream}.csv").read_text().splitlines()) for d in (work / "drop", tmp_path))
        assert first == second


def test_one_record_in_a_hundred_changes_and_the_rest_are_the_same_lines(work: Path, tmp_path: Path) -> None:
    records = change(work / "drop", tmp_path)
    for stream in ("activities", "usage"):
        before, after = ((d / f"{stream}.csv").read_text().splitlines() for d in (work / "drop", tmp_path))
        assert after[0] == before[0]
        old, new = set(before), set(after)
        same = [line for line in before if line in new]
        assert same == [line for line in after if line in old]
        assert 0.985 * len(before) < len(same) < 0.995 * len(before)
        assert records[stream] == pytest.approx(len(before) / 100, rel=0.3)
    assert set(EDITED) <= set(STREAMS)


def test_every_status_occurs_so_that_agreement_means_something(work: Path) -> None:
    statuses = duckdb.read_parquet(str(work / "floor" / "health_check_targets.parquet")).aggregate("status").fetchall()
    assert {row[0] for row in statuses} == {
        "completed", "completed_late", "missed", "past_due", "pending", "upcoming", "beyond_horizon", "not_applicable",
    }  # fmt: skip


OUTCOMES = {
    ("account_health", "status"): {"GREEN", "YELLOW", "RED"},
    ("account_health", "final_status"): {"GREEN", "YELLOW", "RED"},
    ("account_health", "tier"): {"healthy", "stable", "at_risk", "critical"},
    ("account_health", "confidence"): {"high", "medium"},
    ("account_health", "baseline_label"): {"Healthy", "Watch", "At risk"},
    ("account_health_measures", "is_present"): {True, False},
    **{
        ("account_churn", column): {True, False}
        for column in (
            "leadership_change", "budget_pressure", "competitive_inquiry", "recent_outage", "engagement_decline",
        )
    },
    ("retention_plans", "requires_review"): {True, False},
    ("retention_offers", "component"): {"service_credit", "capacity_doubled", "price_lock", "enhanced_sla"},
    ("executive_decisions", "decision"): {
        "red_large_account", "yellow_large_account", "rfp", "executive_complaint",
    },
    ("expansion_pipeline", "type"): {"capacity_upgrade", "new_site", "service_adoption", "managed_services"},
    ("expansion_pipeline", "priority"): {"HIGH", "MEDIUM", "LOW", None},
    **{
        ("expansion_pipeline", column): {True, False}
        for column in (
            "qualified", "plan_limit", "approaching_limit", "seat_growth", "feature_requests", "high_health",
            "no_billing_issue", "responsive", "needs_verification",
        )
    },
}  # fmt: skip


@pytest.mark.parametrize(("table", "column"), OUTCOMES)
def test_scores_risks_and_expansions_come_out_every_way(work: Path, table: str, column: str) -> None:
    found = duckdb.read_parquet(str(work / "floor" / f"{table}.parquet")).aggregate(column).fetchall()
    assert {row[0] for row in found} == OUTCOMES[table, column]


def test_every_measure_earns_more_and_less(work: Path) -> None:
    rows = duckdb.read_parquet(str(work / "floor" / "account_health_measures.parquet"))
    spread = rows.aggregate("measure, count(distinct points)").fetchall()
    assert len(spread) == 21
    assert min(spread, key=lambda row: row[1])[1] >= 2


def test_pandas_and_the_floor_agree_row_by_row(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--drop", str(work / "drop"), "--as-of", AS_OF.isoformat(), "--out", str(work / "peer")]
    monkeypatch.setattr(sys, "argv", ["peer_pandas", *options])
    peer()
    assert set(json.loads(capsys.readouterr().out)) == {
        "read", "health checks", "facts", "scores", "outlook", "write",
    }  # fmt: skip
    comparisons = compare(work / "published", work / "peer", PEER_COMPARES)
    assert [c.table for c in comparisons if c.agrees] == list(PEER_COMPARES), comparisons
    assert comparisons[0].rows > 500
    assert all(c.rows > 10 for c in comparisons), comparisons


def test_a_changed_and_a_missing_row_are_seen(work: Path, tmp_path: Path) -> None:
    assert all(c.agrees for c in compare(work / "published", work / "floor", FLOOR_COMPARES))
    duckdb.sql(
        f"""copy (
            select * replace (
                case when row_number() over (order by target_id) = 1 then 'other' else status end as status
            )
            from '{work}/floor/health_check_targets.parquet'
        ) to '{tmp_path}/health_check_targets.parquet'"""
    )
    changed = compare(work / "published", tmp_path, {"health_check_targets": FLOOR_COMPARES["health_check_targets"]})[0]
    assert (changed.differing, changed.agrees) == (1, False)
    assert "other" in changed.example
    duckdb.sql(
        f"""copy (select * from '{work}/floor/health_check_targets.parquet' order by target_id offset 1 rows)
        to '{tmp_path}/health_check_targets.parquet'"""
    )
    shorter = compare(work / "published", tmp_path, {"health_check_targets": FLOOR_COMPARES["health_check_targets"]})[0]
    assert (shorter.differing, shorter.rows - shorter.other_rows, shorter.agrees) == (1, 1, False)


@pytest.mark.parametrize(
    ("table", "changed"),
    [
        ("account_health_measures", "value + 0.000001 as value"),
        ("account_health_measures", "coalesce(points, 0) as points"),
        ("account_churn", "expected_loss - 0.01 as expected_loss"),
        ("account_churn", "not recent_outage as recent_outage"),
        ("retention_plans", "due_on + 1 as due_on"),
        ("renewal_forecast", "net_retention_pct + 0.000001 as net_retention_pct"),
        ("expansion_pipeline", "rank + 1 as rank"),
    ],
)
def test_the_smallest_change_of_a_figure_is_seen(work: Path, tmp_path: Path, table: str, changed: str) -> None:
    duckdb.sql(
        f"copy (select * replace ({changed}) from '{work}/floor/{table}.parquet') to '{tmp_path}/{table}.parquet'"
    )
    comparison = compare(work / "published", tmp_path, {table: FLOOR_COMPARES[table]})[0]
    assert comparison.differing > 0
    assert not comparison.agrees


CONTRACTS = """contract_id,account_id,product,start_date,end_date,amount,currency
on_time,a,P,2025-01-01,2025-12-31,100,USD
late,b,P,2025-01-01,2025-12-31,100,EUR
running,c,P,2026-05-01,2027-04-30,100,USD
ahead,c,Q,2026-07-01,2027-06-30,100,USD
short,c,R,2026-05-01,2026-08-29,100,USD
"""
ACTIVITIES = """activity_id,account_id,owner_name,subject,occurred_at,has_attachment,status
1,a,X,Health  Check,2025-03-02T09:00:00Z,true,completed
2,a,X,health-check,2025-08-31T23:59:00Z,true,
3,b,Y,healthcheck,2025-05-02T09:00:00Z,Y,completed
4,b,Y,Health check,2025-08-01T09:00:00Z,true,declined
5,c,Z,Health check,2026-07-01T00:00:00Z,true,completed
"""


def test_the_floor_gives_the_statuses_worked_out_by_hand(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    (drop / "contracts.csv").write_text(CONTRACTS)
    (drop / "activities.csv").write_text(ACTIVITIES)
    names = "".join(f"{name},Account {name},O,AMER,East,active,,2026-01-01\n" for name in "abc")
    header = "account_id,account_name,owner_name,geo,region,lifecycle,churned_on,updated_at\n"
    (drop / "accounts.csv").write_text(header + names)
    (drop / "opportunities.csv").write_text("opportunity_id,account_id,created_on,amount,currency\n")
    (drop / "fx_rates.csv").write_text("currency,valid_from,rate_to_reporting\nEUR,2024-01-01,1.1\nEUR,2025-02-01,9\n")
    land(drop, tmp_path / "landing")
    compute(tmp_path / "landing", AS_OF, tmp_path / "out")
    rows = duckdb.read_parquet(str(tmp_path / "out" / "health_check_targets.parquet"))
    found = {row[0]: row[1:] for row in rows.project("target_id, status, completing_activity_id, amount").fetchall()}
    assert {target: (status, check) for target, (status, check, _) in found.items()} == {
        "on_time:post_start": ("completed", "1"),
        # due 2 September less 45 days … 30 days after; 31 August is inside
        "on_time:pre_end": ("completed", "2"),
        # window to 1 May, then late until the day before the next one opens
        "late:post_start": ("completed_late", "3"),
        "late:pre_end": ("missed", None),
        # due 30 July: its window opens on 30 June, as_of
        "running:post_start": ("pending", None),
        "running:pre_end": ("upcoming", None),
        "ahead:post_start": ("not_applicable", None),
        "ahead:pre_end": ("not_applicable", None),
        # 120 days from start to end: long enough for one milestone only
        "short:post_start": ("pending", None),
    }
    assert str(found["late:pre_end"][2]) == "110.00"


CUSTOMER_FILES = {
    "accounts": """account_id,account_name,owner_name,geo,region,lifecycle,customer_since,sla_target_pct,updated_at
a,Account a,O,AMER,East,active,2023-06-30,99.5,2026-01-01
""",
    "contracts": """contract_id,account_id,product,start_date,end_date,amount,currency
now,a,P,2025-10-01,2026-09-30,100000,USD
next,a,P,2026-10-15,2027-10-14,110000,USD
long,a,Q,2025-07-01,2028-06-30,30000,USD
""",
    "tickets": """ticket_id,account_id,created_at,solved_at,priority,is_incident,escalated,sla_met,csat
1,a,2026-06-01T08:00:00Z,2026-06-01T13:00:00Z,urgent,true,true,true,4
2,a,2026-06-10T08:00:00Z,2026-07-01T08:00:00Z,normal,false,,,
3,a,2026-03-01T08:00:00Z,2026-04-02T07:00:00Z,normal,false,true,false,1
""",
    "usage": """account_id,usage_date,active_users,seats,logins,capacity_used_pct,uptime_pct,services_used,\
services_contracted
a,2026-06-28,90,100,3,85,99.45,3,4
a,2026-05-31,100,100,3,85,99.45,4,4
""".replace("\\\n", ""),
    "signals": """signal_id,account_id,signal_type,observed_on
1,a,rfp,2026-04-02
2,a,cost_reduction,2026-04-01
""",
}


def test_the_floor_gives_the_score_and_the_risk_worked_out_by_hand(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    for stream, text in CUSTOMER_FILES.items():
        (drop / f"{stream}.csv").write_text(text)
    (drop / "fx_rates.csv").write_text("currency,valid_from,rate_to_reporting\n")
    land(drop, tmp_path / "landing")
    compute(tmp_path / "landing", AS_OF, tmp_path / "out")

    def only(table: str, columns: str) -> list[object]:
        rows = duckdb.read_parquet(str(tmp_path / "out" / f"{table}.parquet")).project(columns).fetchall()
        return [value if value is None or isinstance(value, bool) else str(value) for value in rows[0]]

    points = duckdb.read_parquet(str(tmp_path / "out" / "account_health_measures.parquet")).project("measure, points")
    assert {name: earned and int(earned) for name, earned in points.fetchall() if earned is not None} == {
        # 2 tickets in 90 days, one escalated; one solved after 5 hours, one after 32 days; SLA kept; CSAT 4
        "ticket_volume": 7, "escalation_rate": 0, "resolution_hours": 0, "sla_adherence": 4, "csat": 2,
        # 6 logins in 90 days; capacity 85 %; uptime 0.05 points below; 3 of 4 services; users down by 10 %
        "portal_logins": 3, "capacity_utilisation": 4, "uptime_vs_sla": 3, "service_adoption": 3, "usage_trend": 1,
        # 1,096 days: three years of 365.25, and a little
        "tenure_years": 3, "expansions": 0, "reference": 0,
        "escalations": 2, "competitive": 0, "budget_pressure": 3,
    }  # fmt: skip
    # support 13 of 25; engagement has 4 of 25; usage 11 of 20; relationship 3 of 11; sentiment 5 of 10
    # (13 + 11 + 3 × 15 / 11 + 5 × 15 / 10) × 100 / 75
    assert only("account_health", "score, score_low, score_high, confidence, status, tier, sentiment, engagement") == [
        "47.5", "35.0", "65.0", "medium", "RED", "critical", "7.5", None,
    ]  # fmt: skip
    # 100,000 and 30,000 × 365 ÷ 1,096 days; the first contract is followed by the second, whose end comes first
    assert only("account_health", "arr, customer_until, renewal_date, days_to_renewal, baseline_points") == [
        "109990.88", "2028-06-30", "2027-10-14", "471", "2",
    ]  # fmt: skip
    assert only("account_churn", "base, competitive_inquiry, budget_pressure, recent_outage, churn_probability") == [
        "70", True, False, True, "95",
    ]  # fmt: skip
    assert only("account_churn", "expected_loss, lifetime_value") == ["104491.34", "115779.87"]


def test_a_watched_program_says_its_code_time_and_memory() -> None:
    code = "import sys, time; x = bytearray(80_000_000); print('here'); time.sleep(0.4); sys.exit(3)"
    watched = run_watched([sys.executable, "-c", code])
    assert (watched.exit_code, watched.output) == (3, "here\n")
    assert watched.seconds >= 0.4 > watched.cpu_seconds
    assert 80 <= watched.peak_rss_mb < 400


def test_stages_and_model_seconds_are_read_from_either_form_of_a_run(tmp_path: Path) -> None:
    summary = tmp_path / "one" / "runs" / "r1.json"
    summary.parent.mkdir(parents=True)
    summary.write_text(json.dumps({"stages": {"extract": 1.5}, "dbt_model_seconds": {"health_check_targets": 0.4}}))
    assert measured_run(tmp_path / "one").stages == {"extract": 1.5}
    assert measured_run(tmp_path / "one").models == {"health_check_targets": 0.4}
    notes = tmp_path / "two" / "runs" / "r1" / "stages"
    notes.mkdir(parents=True)
    (notes / "model.json").write_text('{"seconds": 2.0}')
    nodes = [{"unique_id": "model.p.a", "execution_time": 0.12345}, {"unique_id": "test.p.b", "execution_time": 1}]
    results = {"results": nodes}
    (tmp_path / "two" / "runs" / "r1" / "run_results.json").write_text(json.dumps(results))
    assert measured_run(tmp_path / "two").stages == {"model": 2.0}
    assert measured_run(tmp_path / "two").models == {"a": 0.123}
    assert measured_run(tmp_path / "none").stages == {}


def test_sizes_have_names_or_are_numbers() -> None:
    assert (accounts_of("10k"), accounts_of("250")) == (10_000, 250)
    for wrong in ("huge", "0"):
        with pytest.raises(ValueError, match="size is"):
            accounts_of(wrong)


def test_the_report_names_what_disagreed_and_what_was_left_out(tmp_path: Path) -> None:
    comparison = {"table": "targets", "rows": 5, "other_rows": 4, "differing": 1, "example": "…", "agrees": False}
    result = {
        "accounts": 7, "measured_at": "2026-07-01T00:00:00+00:00", "rows": {"accounts": 7}, "csv_mb": 1.0,
        "versions": {"duckdb": "2"},
        "machine": {
            "processors": 2, "processor": "x", "memory_gb": 8, "system": "Linux", "python": "3.11", "load_before": 0.1,
        },
        "refresh": {
            "seconds": 9.0, "cpu_seconds": 8.0, "peak_rss_mb": 900, "stages": {"extract": 1.0},
            "dbt_model_seconds": {"a": 0.5},
        },
        "floor": {
            "seconds": 1.0, "cpu_seconds": 0.9, "peak_rss_mb": 90, "steps": {"targets": 0.1},
            "agreement": [comparison],
        },
        "peer": {"left_out": "too large"},
        "ratios": {},
    }  # fmt: skip
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "7.json").write_text(json.dumps(result))
    text = write_report(tmp_path / "results").read_text()
    assert "targets 5 rows, 1 DIFFER (4 there)" in text
    assert "pandas: left out; too large." in text
