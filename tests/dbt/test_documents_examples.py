"""The queue of documents by hand: which decks are due, from when, where they go and which need a person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from orchestration.documents import shelf
from orchestration.quality.published import check_published
from orchestration.quality.suites import load_published_suites
from orchestration.settings import PROJECT_ROOT
from tests.dbt.coloured_accounts import Customers, built, day
from tests.dbt.policy_folders import SHIPPED, read_policy
from tests.support.compiled import rows_of

TABLE = "document_queue"
TABLES = (TABLE, "account_signals")
# Paths that climb out of their folder, were they taken as they are; alike once what isn't safe is replaced.
HOSTILE = ("../../../etc/passwd", "_________etc_passwd", "a" * 300, "a" * 299 + "b", "名前/株式会社", "C:\\boot\n.ini")
# Without these hardly anything is known of an account.
NEARLY_ALL = ("tickets", "activities", "usage", "survey_responses", "signals", "opportunities")


def enrolled(customers: Customers, account_id: str, due_in: int, **more: object) -> None:
    """An account whose health check before the end of its contract is due in so many days."""
    customers.add(account_id, renews_in=120 + due_in, **{"health_data_enrolled": True} | more)


def customers() -> Customers:
    made = Customers()
    for days in (-3, 0, 14, 15):
        enrolled(made, f"due-in-{days}", days)
    enrolled(made, "not-enrolled", 5, health_data_enrolled=False)
    enrolled(made, "enrolled-not-said", 5, health_data_enrolled=None)
    enrolled(made, "churned", 5, churned_on=day(1))
    for place, name in enumerate(HOSTILE):
        enrolled(made, name, 6 + place % 2)
    enrolled(made, "delivered", 5)
    made.activity("delivered", "meeting", 2, subject="Health check", has_attachment=True)
    return made


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("queue")
    with built(customers().world(folder), folder, *TABLES) as con:
        yield con


@pytest.fixture(scope="module")
def queue(con: duckdb.DuckDBPyConnection) -> dict[str, dict]:
    return {row["account_id"]: row for row in rows_of(con, f'select * from published.{TABLE} order by "rank"')}


def test_a_deck_is_due_from_so_many_days_before_its_health_check(queue):
    assert {name for name in queue if name.startswith("due-in")} == {"due-in--3", "due-in-0", "due-in-14"}
    soonest = queue["due-in-14"]
    assert (soonest["due_on"], soonest["prepare_from"]) == (day(-14), day(0))
    assert {row["status"] for name, row in queue.items() if name.startswith("due-in")} == {"due"}


def test_what_is_delivered_or_has_left_needs_no_deck(queue):
    assert not {"delivered", "churned"} & queue.keys()


def test_who_isnt_enrolled_needs_a_person(queue):
    for name in ("not-enrolled", "enrolled-not-said"):
        assert queue[name]["status"] == "needs_person"
        assert queue[name]["needs_person_reason"] == "The account is not enrolled for health data."
    assert queue["due-in-0"]["needs_person_reason"] is None


def test_who_is_hardly_known_needs_a_person(tmp_path: Path):
    """Little is known: what is missing is told, beside that an account isn't enrolled."""
    made = Customers(*NEARLY_ALL)
    enrolled(made, "unknown", 5)
    enrolled(made, "unknown-and-not-enrolled", 5, health_data_enrolled=False)
    with built(made.world(tmp_path), tmp_path, *TABLES) as con:
        found = {row["account_id"]: row for row in rows_of(con, f"select * from published.{TABLE}")}
    assert {row["status"] for row in found.values()} == {"needs_person"}
    reason = found["unknown"]["needs_person_reason"]
    assert re.fullmatch(r"(Confidence in its score is low; missing are .+|It has no score)\.", reason), reason
    both = found["unknown-and-not-enrolled"]["needs_person_reason"]
    assert both == f"The account is not enrolled for health data. {reason}"


def test_the_earliest_comes_first(queue):
    due = [row["due_on"] for row in queue.values()]
    assert due == sorted(due)
    assert [row["rank"] for row in queue.values()] == list(range(1, len(queue) + 1))


def test_every_path_is_a_safe_one_of_its_own(queue, tmp_path: Path):
    paths = [row["path"] for row in queue.values()]
    assert len(set(paths)) == len(paths)
    for name, row in queue.items():
        file = shelf.place(tmp_path, row["path"])
        assert file.parent == shelf.account_folder(tmp_path, name)


def test_how_long_before_is_policy_by_segment_and_product(tmp_path: Path):
    changes = {
        "prepare_days_before_due": 3,
        "overrides": [{"segment": "smb", "product": "Core", "prepare_days_before_due": 20}],
    }
    assert read_policy(SHIPPED, "health_checks")["prepare_days_before_due"] == 14
    made = Customers()
    for colour in ("GREEN", "YELLOW"):
        for days in (3, 4, 20, 21):
            made.add(f"{colour}-{days}", colour, renews_in=120 + days, health_data_enrolled=True)
    with built(made.world(tmp_path, health_checks=changes), tmp_path, TABLE) as con:
        found = {row["account_id"] for row in rows_of(con, f"select account_id from published.{TABLE}")}
    assert found == {"GREEN-3", "GREEN-4", "GREEN-20", "YELLOW-3"}


FAULTS = [
    ("update {t} set document_id = null where account_id = 'due-in-0'", "document_id_present"),
    ("update {t} set kind = 'poem' where account_id = 'due-in-0'", "kind_known"),
    ("update {t} set account_id = 'nobody' where account_id = 'due-in-0'", "account_known"),
    ("update {t} set path = 'accounts/../out.pptx' where account_id = 'due-in-0'", "path_safe"),
    ("update {t} set path = null where account_id = 'due-in-0'", "path_safe"),
    ("update {t} set path = (select min(path) from {t})", "path_safe"),
    ("update {t} set prepare_from = as_of_date + 1 where account_id = 'due-in-0'", "due_by_now"),
    ("update {t} set due_on = null where account_id = 'due-in-0'", "due_by_now"),
    ("update {t} set needs_person_reason = null where account_id = 'not-enrolled'", "reason_told"),
    ("update {t} set status = 'due' where account_id = 'not-enrolled'", "reason_told"),
    ("update {t} set status = 'needs_person' where account_id = 'due-in-0'", "reason_told"),
    ("update {t} set confidence = 'low' where account_id = 'due-in-0'", "reason_told"),
]


def failing(con: duckdb.DuckDBPyConnection) -> set[str]:
    suites = load_published_suites(PROJECT_ROOT / "expectations")
    return {result.rule for result in check_published(con, {TABLE: suites[TABLE]}) if not result.passed}


def test_a_good_queue_passes_its_checks(con: duckdb.DuckDBPyConnection):
    assert failing(con) == set()


@pytest.mark.parametrize(("fault", "rule"), FAULTS)
def test_a_rule_finds_its_fault(con: duckdb.DuckDBPyConnection, fault: str, rule: str):
    con.execute(f"create temporary table kept as select * from published.{TABLE}")
    try:
        con.execute(fault.format(t=f"published.{TABLE}"))
        assert rule in failing(con)
    finally:
        con.execute(f"delete from published.{TABLE}")
        con.execute(f"insert into published.{TABLE} select * from kept")
        con.execute("drop table kept")
