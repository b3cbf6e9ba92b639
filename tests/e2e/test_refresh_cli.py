"""`account-health` as its user runs it: exit codes, what is published, and what stays when something is wrong."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.demo import write_demo
from orchestration.demo.company import WRITTEN
from orchestration.launch import alone_in
from orchestration.refresh.run import Run
from orchestration.settings import Settings
from orchestration.sources.streams import STREAMS
from tests.support.stages import make

AS_OF = "2026-06-30"
BEYOND = "2028-02-29"
COMMAND = Path(sys.executable).with_name("account-health")


def run(*arguments: str):
    """The command in this process, so that a test pays for imports once."""
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def refresh(home: Path, drop: Path, as_of: str = AS_OF):
    return run("refresh", "--drop", str(drop), "--as-of", as_of, "--home", str(home))


def current(home: Path) -> Path:
    return home / "published" / (home / "published" / "CURRENT").read_text().strip()


def table(home: Path, name: str, columns: str = "*", rest: str = "") -> list[tuple]:
    with duckdb.connect() as con:
        path = str(current(home) / f"{name}.parquet")
        return con.execute(f"select {columns} from read_parquet(?) {rest}", [path]).fetchall()


def write_csv(path: Path, header: list[str], *rows: list[str]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    drop = tmp_path_factory.mktemp("company") / "drop"
    write_demo(drop, date.fromisoformat(AS_OF), accounts=300)
    return drop


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, company: Path) -> Path:
    """A home with one publication; tests that change it copy it first."""
    home = tmp_path_factory.mktemp("published") / "home"
    outcome = refresh(home, company)
    assert outcome.exit_code == 0, outcome.output
    return home


@pytest.fixture
def home(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / "home"))


@pytest.fixture
def drop(company: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(company, tmp_path / "drop"))


def test_every_row_read_is_accounted_for(published: Path, company: Path) -> None:
    read = table(published, "source_freshness", "stream, rows_read, rows_used, rows_set_aside, rows_passed_over")
    assert {stream for stream, *_ in read} == set(STREAMS)
    for stream, rows_read, used, aside, passed_over in read:
        if stream not in WRITTEN:
            assert rows_read == 0, "nobody has done anything yet"
            continue
        with (company / f"{stream}.csv").open(newline="", encoding="utf-8") as file:
            assert rows_read == sum(1 for _ in csv.reader(file)) - 1, stream
        assert rows_read == used + aside + passed_over, stream


def test_planted_dirt_is_set_aside_and_listed(published: Path, company: Path) -> None:
    planted = json.loads((company / "demo.json").read_text(encoding="utf-8"))["planted"]
    expected: dict[str, int] = {}
    for fault in planted:
        if fault["effect"] == "set_aside":
            expected[fault["stream"]] = expected.get(fault["stream"], 0) + fault["rows"]
    found = dict(table(published, "source_freshness", "stream, rows_set_aside", "where rows_set_aside > 0"))
    assert found == {stream: rows for stream, rows in expected.items() if rows}


def test_all_tables_are_of_one_run(published: Path) -> None:
    [(snapshot, run_id, as_of)] = table(published, "publication", "snapshot_id, run_id, as_of_date::varchar")
    assert (snapshot, as_of) == (current(published).name, AS_OF)
    tables = {path.stem for path in current(published).glob("*.parquet")}
    assert {"health_check_targets", "health_check_candidates", "health_check_accounts"} <= tables
    assert {"health_check_influence", "health_check_performance", "hygiene_issues", "hygiene_scorecard"} <= tables
    # Nobody has done anything yet that a log could tell, and no review is made on a day like any other.
    empty = {"action_log", "review_items", "weekly_review", "monthly_report", "playbook_review"}
    for name in tables:
        assert set(table(published, name, "distinct run_id")) <= {(run_id,)}, name
    assert {name for name in empty if table(published, name)} == set()


def test_running_an_as_of_again_changes_nothing(home: Path, company: Path) -> None:
    before = _tables_but_run(current(home))
    first = current(home)
    assert refresh(home, company).exit_code == 0
    assert current(home) != first
    assert _tables_but_run(current(home)) == before


def _tables_but_run(snapshot: Path) -> dict[str, list[tuple]]:
    """Every table but `publication`, which counts the rows of score_audit too: that one keeps each run.

    Of the ledger's logs only how many rows are used is held: the first run's actions stand in them by the second.
    """
    histories = ("account_health_history", "account_churn_history")
    files = [*snapshot.glob("*.parquet"), *(file for name in histories for file in (snapshot / name).glob("*.parquet"))]
    return {
        str(file.relative_to(snapshot)): _rows_but_run(file) for file in files if file.name != "publication.parquet"
    }


def _rows_but_run(path: Path) -> list[tuple]:
    with duckdb.connect() as con:
        names = [row[0] for row in con.execute("describe from read_parquet(?)", [str(path)]).fetchall()]
        kept = [f'"{name}"' for name in names if name not in ("run_id", "published_at", "snapshot_id")]
        logs = [name for name, stream in STREAMS.items() if stream.from_ledger]
        others = f"where stream not in {tuple(logs)} or rows_used > 0" if path.stem == "source_freshness" else ""
        return con.execute(f"select {', '.join(kept)} from read_parquet(?) {others}", [str(path)]).fetchall()


def test_three_crm_reports_alone_give_candidates(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    (drop / "Accounts.csv").write_bytes(
        '\ufeffOwner;Account;GEO;Region\r\nAna Prieto;"Müller & Söhne GmbH";EMEA;DACH\r\n'
        "Bo Lind;Acme Corp;AMER;West\r\n"
        '"Grand Totals (2 records)";;;\r\n'.encode()
    )
    (drop / "Contracts.csv").write_text(
        "Account,Product,Start Date,End Date,Amount\n"
        "Müller & Söhne,Core,2026-02-11,2027-02-10,EUR 5000\n"
        'ACME,Core,2025-07-01,2026-06-30,"$1.2M"\n'
        "Acme Corp,Extra,2026-01-01,2026-12-31,$250K\n",
        encoding="cp1252",
    )
    (drop / "Activities.csv").write_text(
        "Name,Account,Opportunity,Subject,Revenue,Timestamp,Attachment\n"
        "Pat Person,Acme Corp,Renewal 2026,Health-Check  Q1,$5K,2026-03-20-14:30,Y\n"
        'Pat Person,Müller & Söhne GmbH,,"Health\nCheck",,2026-05-03,no\n',
        encoding="utf-8",
    )
    (drop / "fx_rates.csv").write_text("currency,valid_from,rate_to_reporting\nEUR,2026-01-01,1.1\n", encoding="utf-8")
    made = make(Run(Settings(home=tmp_path / "home", drop=drop), date(2026, 6, 2), "run-1"))
    targets = made.con.execute(
        "select account_name, product, milestone, status, amount::varchar, near_miss from health_check_targets"
    ).fetchall()
    assert sorted(targets) == [
        ("Acme Corp", "Core", "post_start", "missed", "1200000.00", None),
        ("Acme Corp", "Core", "pre_end", "completed", "1200000.00", None),
        ("Acme Corp", "Extra", "post_start", "completed", "250000.00", None),
        ("Acme Corp", "Extra", "pre_end", "upcoming", "250000.00", None),
        (
            "Müller & Söhne GmbH",
            "Core",
            "post_start",
            "past_due",
            "5500.00",
            "logged 3 May by Pat Person without an attachment",
        ),
        ("Müller & Söhne GmbH", "Core", "pre_end", "upcoming", "5500.00", None),
    ]
    assert made.rows("select opportunity_name, amount::varchar as amount, outcome from health_check_influence") == [
        {"opportunity_name": "Renewal 2026", "amount": "5000.00", "outcome": "open"}
    ]
    assert made.rows("select rows_read, rows_passed_over from source_freshness where stream = 'accounts'") == [
        {"rows_read": 3, "rows_passed_over": 1}
    ]


def test_missing_required_column_fails_and_leaves_the_last_publication(home: Path, drop: Path) -> None:
    before = current(home)
    write_csv(drop / "contracts.csv", ["contract_id", "account_id", "product", "start_date", "amount"])
    outcome = refresh(home, drop)
    assert outcome.exit_code == 1
    said = outcome.output + (outcome.stderr or "")
    assert "contracts.csv" in said
    assert "end_date" in said
    assert "The last publication stays up" in said
    assert current(home) == before


def test_too_many_bad_rows_in_a_required_stream_fail_the_run(home: Path, drop: Path) -> None:
    before = current(home)
    with (drop / "contracts.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    amount = header.index("amount")
    for row in rows[: len(rows) // 10]:
        row[amount] = "to be agreed"
    write_csv(drop / "contracts.csv", header, *rows)
    outcome = refresh(home, drop)
    assert outcome.exit_code == 1
    assert "contracts" in outcome.output + (outcome.stderr or "")
    assert current(home) == before


def test_two_refreshes_of_one_home_do_not_run_at_once(home: Path, company: Path) -> None:
    before = current(home)
    with alone_in(home):
        outcome = refresh(home, company)
    assert outcome.exit_code == 1
    assert "another refresh is at work" in outcome.output + (outcome.stderr or "")
    assert current(home) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["refresh", "--as-of", "30.06.2026"], "as-of"),
        (["refresh", "--drop", "no/such/folder"], "no/such/folder"),
        (["refresh", "--cadence", "hourly"], "cadence"),
        (["refreshh"], "refreshh"),
    ],
)
def test_bad_usage_exits_with_2(arguments: list[str], words: str) -> None:
    outcome = run(*arguments)
    assert outcome.exit_code == 2
    assert words in outcome.output + (outcome.stderr or "")


def test_policy_problems_name_file_line_and_key(tmp_path: Path, company: Path) -> None:
    policies = Path(shutil.copytree(Path(__file__).parents[2] / "policies", tmp_path / "policies"))
    file = policies / "health_checks.yaml"
    text = file.read_text(encoding="utf-8")
    line = text[: text.index("horizon_quarters: 4")].count("\n") + 1
    file.write_text(text.replace("horizon_quarters: 4", "horizon_quarters: four"), encoding="utf-8")
    outcome = run("policies", "check", "--policies", str(policies))
    assert outcome.exit_code == 1
    assert f"health_checks.yaml:{line}" in outcome.output + (outcome.stderr or "")
    assert "horizon_quarters" in outcome.output + (outcome.stderr or "")
    failed = run(
        "refresh", "--drop", str(company), "--as-of", AS_OF, "--home", str(tmp_path / "h"), "--policies", str(policies)
    )
    assert failed.exit_code == 1


def test_a_killed_refresh_leaves_the_last_publication_and_the_next_one_works(home: Path, drop: Path) -> None:
    """For a date beyond those that the Dagster UI offers, which is no matter here."""
    before = current(home)
    environment = {**os.environ, "COLUMNS": "100"}
    process = subprocess.Popen(
        [COMMAND, "refresh", "--drop", str(drop), "--as-of", BEYOND, "--home", str(home)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    runs = home / "runs"
    known = set(runs.iterdir())
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not any(
        (path / "stages" / "freeze.json").exists() for path in set(runs.iterdir()) - known
    ):
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert current(home) == before
    assert refresh(home, drop, BEYOND).exit_code == 0
    assert table(home, "publication", "as_of_date::varchar") == [(BEYOND,)]
