"""A home with a call of a CSM and two as-of dates, the earlier one refreshed last: what its user finds there."""

from __future__ import annotations

import csv
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.demo import write_demo
from orchestration.operations.accounts import Account
from orchestration.operations.calls import add_call, new_call
from orchestration.publishing.manifest import is_snapshot_id, read_snapshot
from orchestration.publishing.reader import Publication

NEWEST, EARLIER = date(2026, 6, 30), date(2026, 5, 31)
CALLED_AT = datetime(2026, 5, 20, 9, tzinfo=UTC)


def run(*arguments: str):
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def rows(home: Path, query: str) -> list[dict]:
    with Publication.open(home / "published") as publication:
        return publication.rows(query)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calls")
    home, drop = folder / "home", folder / "drop"
    write_demo(drop, NEWEST, accounts=120)
    (drop / "csm_calls.csv").unlink(missing_ok=True)
    outcome = run("refresh", "--drop", str(drop), "--as-of", str(NEWEST), "--home", str(home))
    assert outcome.exit_code == 0, outcome.output
    # One is called at the command line, another stands in a file that was dropped.
    first, second = rows(home, "select account_id, account_name from account_health order by account_id limit 2")
    called = new_call(Account(**first), "RED", "Met the sponsor", "Cas Csm", date(2026, 6, 10), CALLED_AT)
    add_call(home / "operations", called)
    with (drop / "csm_calls.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["call_id", "account", "status", "reason", "called_by", "called_at", "expires_on"])
        lines.writerow(["F1", second["account_name"], "Yellow", "Heard it", "Di", "2026-05-30 10:00", "2026-07-31"])
    before = rows(home, "select * from account_health order by account_id")
    outcome = run("refresh", "--drop", str(drop), "--as-of", str(EARLIER), "--home", str(home))
    assert outcome.exit_code == 0, outcome.output
    assert "stands beside" in outcome.output
    assert rows(home, "select * from account_health order by account_id") == before != []
    return home


def test_calls_of_both_sources_hold(home: Path) -> None:
    found = rows(
        home,
        "select csm_status, final_status, final_status_from, csm_reason, csm_called_by,"
        " csm_expires_on::varchar as until"
        f" from account_health_history where as_of_date = '{EARLIER}' and csm_status is not null order by account_id",
    )
    assert [(row["csm_status"], row["final_status"], row["final_status_from"]) for row in found] == [
        ("RED", "RED", "csm"),
        ("YELLOW", "YELLOW", "csm"),
    ]
    assert [(row["csm_reason"], row["csm_called_by"], row["until"]) for row in found] == [
        ("Met the sponsor", "Cas Csm", "2026-06-10"),
        ("Heard it", "Di", "2026-07-31"),
    ]


def test_a_call_that_could_not_be_known_changes_nothing_published(home: Path) -> None:
    assert rows(home, "select 1 as one from account_health where csm_status is not null") == []


def test_the_source_of_each_call_is_told(home: Path) -> None:
    [snapshot] = [
        read_snapshot(folder)
        for folder in (home / "published").glob("*Z-*")
        if is_snapshot_id(folder.name) and read_snapshot(folder).manifest.as_of_date == EARLIER
    ]
    with Publication.open_snapshot(snapshot.folder) as publication:
        assert publication.rows(
            "select source, rows_read, rows_used, is_stale from source_freshness where stream = 'csm_calls'"
        ) == [{"source": "files, operations", "rows_read": 2, "rows_used": 2, "is_stale": False}]


def test_the_current_publication_has_both_dates(home: Path) -> None:
    [publication] = rows(home, "select as_of_date from publication")
    assert publication == {"as_of_date": NEWEST}
    days = rows(home, "select distinct as_of_date from account_health_history order by 1")
    assert [row["as_of_date"] for row in days] == [EARLIER, NEWEST]
    with duckdb.connect(home / "published" / "account_health.duckdb", read_only=True) as con:
        query = "select count(distinct as_of_date) from published.account_churn_history"
        assert con.execute(query).fetchall() == [(2,)]


def test_an_account_is_explained_from_its_score_to_the_extractions(home: Path) -> None:
    [account] = rows(home, "select * from account_health order by score limit 1")
    outcome = run("explain", account["account_name"], "--home", str(home))
    assert outcome.exit_code == 0, outcome.output
    said = " ".join(outcome.output.split())
    for words in (
        f"({account['account_id']}) as of {NEWEST}",
        f"Score {account['score']} of 100",
        f"owner {account['owner_name'] or 'nobody'}",
        f"tier {account['tier']}",
        f"run {account['run_id']}",
    ):
        assert words in said
    for row in rows(home, f"select * from account_health_measures where account_id = '{account['account_id']}'"):
        assert row["label"] in said
    for theme in rows(home, f"select theme from account_themes where account_id = '{account['account_id']}'"):
        assert theme["theme"].replace("_", " ") in said
    [churn] = rows(home, f"select * from account_churn where account_id = '{account['account_id']}'")
    assert f"{churn['churn_probability']:f}".rstrip("0").rstrip(".") + " %" in said
    for source in rows(home, "select extraction_id from source_freshness where is_present"):
        assert source["extraction_id"] in said


def test_an_earlier_date_is_explained_from_its_publication(home: Path) -> None:
    [account] = rows(home, "select account_id from account_health order by account_id limit 1")
    outcome = run("explain", account["account_id"], "--as-of", str(EARLIER), "--home", str(home))
    assert outcome.exit_code == 0, outcome.output
    said = " ".join(outcome.output.replace("│", " ").split())
    assert f"as of {EARLIER}" in said
    assert "Cas Csm called" in said
    assert "Met the sponsor" in said
    assert "Measures" in said


def test_where_only_the_history_is_left_it_says_so(home: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(home, tmp_path / "home"))
    for folder in (copy / "published").glob("*Z-*"):
        if read_snapshot(folder).manifest.as_of_date == EARLIER:
            shutil.rmtree(folder)
    [account] = rows(copy, "select account_id from account_health order by account_id limit 1")
    outcome = run("explain", account["account_id"], "--as-of", str(EARLIER), "--home", str(copy))
    assert outcome.exit_code == 0, outcome.output
    assert f"as of {EARLIER}" in outcome.output
    assert "only score and churn are kept" in outcome.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no such account at all"], 'no scored account is called "no such account at all"; nearest: '),
        (
            ["A-00001", "--as-of", "2026-01-31"],
            "nothing is published as of 2026-01-31; there is: 2026-05-31, 2026-06-30",
        ),
    ],
)
def test_what_can_not_be_explained_is_said(home: Path, arguments: list[str], words: str) -> None:
    outcome = run("explain", *arguments, "--home", str(home))
    assert outcome.exit_code == 2
    assert words in " ".join((outcome.output + (outcome.stderr or "")).split())
