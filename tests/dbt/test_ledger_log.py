"""The logs of the ledger as the models read them: which entries count as of a date, and the checks of `action_log`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

import duckdb
import pytest

from orchestration.quality.published import check_published
from orchestration.quality.suites import Suite, load_published_suites
from orchestration.settings import PROJECT_ROOT
from tests.dbt.policy_folders import write_policies
from tests.support.compiled import compiled_models, rows_of
from tests.support.inputs import Row, World, account

AS_OF = date(2026, 6, 30)

# fault, the rules that fail of it
FAULTS = [
    ("insert into {t} select * from {t} where transition_id = 't1'", {"key_unique"}),
    ("update {t} set run_id = 'another' where transition_id = 't1'", {"one_run"}),
    ("update {t} set action_id = null", {"action_id_present"}),
    ("update {t} set account_id = null", {"account_id_present"}),
    ("update {t} set action = null", {"action_present"}),
    ("update {t} set acted_by = null", {"acted_by_present"}),
    ("update {t} set to_status = 'held_back'", {"to_status_known"}),
    ("update {t} set from_status = 'held_back' where from_status is not null", {"from_status_known"}),
    ("update {t} set acted_on = as_of_date", {"acted_before_as_of"}),
    ("update {t} set written_score = 100.1", {"written_score_in_range"}),
]


def transition(transition_id: str, to: str, at: datetime, **more: object) -> Row:
    return {
        "transition_id": transition_id,
        "action_id": "m1",
        "account_id": "a",
        "action": "update_csm_health_score",
        "to_status": to,
        "acted_by": "worker",
        "acted_at": at,
    } | more


def step(entry_id: str, name: str, at: datetime, **more: object) -> Row:
    row = {"entry_id": entry_id, "alert_id": "l1", "account_id": "a", "alert": "inactive", "step": name}
    return row | {"acted_at": at} | more


# as_of begins in Los Angeles at seven in the morning, UTC.
LAST, FIRST = datetime(2026, 6, 30, 6, 59, 59), datetime(2026, 6, 30, 7)


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("ledger")
    policies = write_policies(folder / "policies", calendar={"time_zone": "America/Los_Angeles"})
    world = World(
        AS_OF,
        {
            "accounts": [account("a")],
            "action_log": [
                transition("t1", "queued", datetime(2026, 6, 1), from_status="pending_approval", reason="asked for"),
                transition("t2", "done", LAST, written_score=Decimal("71.25"), subject="a"),
                transition("t3", "failed", FIRST),
            ],
            "alert_log": [step("e1", "raised", LAST, to_role="csm", note="no login"), step("e2", "closed", FIRST)],
        },
        policies,
    )
    with compiled_models().run(world.freeze(folder / "inputs"), "action_log", "stg_landing__alert_log") as made:
        yield made


def test_entries_of_days_before_as_of_count(con: duckdb.DuckDBPyConnection) -> None:
    rows = rows_of(con, "select * from published.action_log order by transition_id")
    assert [(row["transition_id"], row["acted_on"]) for row in rows] == [
        ("t1", date(2026, 5, 31)),
        ("t2", date(2026, 6, 29)),
    ]
    assert rows_of(con, "select entry_id, acted_on, to_role, note from staging.stg_landing__alert_log") == [
        {"entry_id": "e1", "acted_on": date(2026, 6, 29), "to_role": "csm", "note": "no login"}
    ]


def test_a_transition_comes_with_its_account(con: duckdb.DuckDBPyConnection) -> None:
    first, second = rows_of(con, "select * from published.action_log order by transition_id")
    assert (first["account_name"], first["geo"], first["segment"]) == ("Account a", "EMEA", "smb")
    assert (first["from_status"], first["to_status"], first["reason"]) == ("pending_approval", "queued", "asked for")
    assert (first["written_score"], second["written_score"]) == (None, Decimal("71.3"))


@pytest.fixture(scope="module")
def suites() -> dict[str, Suite]:
    return {"action_log": load_published_suites(PROJECT_ROOT / "expectations")["action_log"]}


def test_what_the_model_makes_passes(con: duckdb.DuckDBPyConnection, suites: dict[str, Suite]) -> None:
    results = check_published(con, suites)
    assert [(result.rule, result.broken, result.sample) for result in results if not result.passed] == []


@pytest.mark.parametrize(("fault", "rules"), FAULTS)
def test_each_fault_is_found(
    con: duckdb.DuckDBPyConnection, suites: dict[str, Suite], fault: str, rules: set[str]
) -> None:
    con.execute("create table memory.main.kept as select * from published.action_log")
    try:
        con.execute(fault.format(t="published.action_log"))
        failed = [result for result in check_published(con, suites) if not result.passed]
    finally:
        con.execute("delete from published.action_log")
        con.execute("insert into published.action_log select * from memory.main.kept")
        con.execute("drop table memory.main.kept")
    assert {result.rule for result in failed} == rules
    assert all(result.blocking and result.sample and result.broken is None for result in failed)


def test_every_rule_has_its_fault(suites: dict[str, Suite]) -> None:
    assert {rule.name for rule in suites["action_log"].rules} == {rule for _, rules in FAULTS for rule in rules}
