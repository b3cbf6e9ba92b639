"""Organizations of a support desk at as_of: which version counts, which account it is, and the checks of the table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from orchestration.quality.published import check_published
from orchestration.quality.suites import Suite, load_published_suites
from orchestration.settings import PROJECT_ROOT
from tests.dbt.faults import unbroken
from tests.dbt.policy_folders import write_policies
from tests.support.compiled import compiled_models, rows_of
from tests.support.inputs import Row, World, account

TABLE = "support_organizations"
AS_OF = date(2026, 6, 30)
# as_of begins in Los Angeles at seven in the morning, UTC, and ends a day later.
BEFORE, FIRST, LAST, AFTER = (
    datetime(2026, 6, 30, 6, 59, 59),
    datetime(2026, 6, 30, 7),
    datetime(2026, 7, 1, 6, 59, 59),
    datetime(2026, 7, 1, 7),
)
LONG_AGO = datetime(2025, 1, 1)

FAULTS = [
    (TABLE, "update {t} set matched_by = 'hope' where organization_id = 'by id'", {"matched_by_known"}),
    (TABLE, "update {t} set account_id = null where organization_id = 'unknown id'", {"matched_has_account"}),
    (TABLE, "update {t} set is_account_known = false where organization_id = 'by id'", {"known_as_published"}),
]


def organization(organization_id: str, known_from: datetime = LONG_AGO, **more: object) -> Row:
    return {
        "source": "zendesk_tickets",
        "organization_id": organization_id,
        "organization_name": f"Organization {organization_id}",
        "matched_by": "name",
        "created_at": LONG_AGO,
        "known_from": known_from,
    } | more


def matched_to(account_id: str, by: str, **more: object) -> Row:
    return {"account_id": account_id, "matched_by": by} | more


ROWS = [
    # Whatever its name is.
    organization("by id", organization_name="Account b", **matched_to("a", "external_id", external_id="a")),
    organization("by domain", **matched_to("b", "domain", domains="b.example")),
    # An id that no account has: the name decides, as it does for tickets; where it doesn't, the id is told.
    organization(
        "id, then name", organization_name="Account b", **matched_to("gone", "external_id", external_id="gone")
    ),
    organization("unknown id", **matched_to("gone", "external_id", external_id="gone")),
    # Names: exact, matched before, of two accounts, of none.
    organization("exact", organization_name="Account a"),
    organization("alias", organization_name="Ay"),
    organization("shared", organization_name="Twins"),
    organization("nobody"),
    organization("nameless", organization_name=None, matched_by="none"),
    # What a pull found on as_of counts; what it found after doesn't, nor does what an earlier pull had found.
    organization("changed", known_until=LAST, **matched_to("a", "domain")),
    organization("changed", LAST, known_until=AFTER, **matched_to("b", "domain")),
    organization("changed", AFTER, **matched_to("c", "domain")),
    organization("gone", known_until=FIRST),
    organization("gone after", known_until=AFTER),
    organization("new", FIRST),
    organization("too new", AFTER),
    # Another source, first pulled after as_of: what it found then stands in, without what was made later.
    organization("late", AFTER, source="other", known_until=datetime(2026, 7, 5), **matched_to("a", "domain")),
    organization("late", datetime(2026, 7, 5), source="other", **matched_to("b", "domain")),
    organization("made before", AFTER, source="other", created_at=LAST),
    organization("made after", AFTER, source="other", created_at=AFTER),
    organization("found later", datetime(2026, 7, 6), source="other"),
    organization("by id", AFTER, source="other", created_at=None, **matched_to("b", "external_id")),
]


def world(folder: Path, rows: list[Row]) -> World:
    accounts = [account(name) for name in "abc"]
    accounts += [account("twin 1", account_name="Twins"), account("twin 2", account_name="Twins")]
    return World(
        AS_OF,
        {"accounts": accounts, "contracts": [], "activities": []},
        policies=write_policies(folder / "policies", calendar={"time_zone": "America/Los_Angeles"}),
        account_matches=[{"account_name": "Ay", "account_id": "a", "method": "alias"}],
        support_organizations=rows,
    )


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("organizations")
    con = compiled_models().run(world(folder, ROWS).freeze(folder / "inputs"), TABLE, "account_signals")
    yield con
    con.close()


@pytest.fixture(scope="module")
def suites() -> dict[str, Suite]:
    return {TABLE: load_published_suites(PROJECT_ROOT / "expectations")[TABLE]}


def test_each_organization_is_as_it_was_known(con: duckdb.DuckDBPyConnection) -> None:
    found = rows_of(con, f"from published.{TABLE}")
    told = {
        (row["source"], row["organization_id"]): (row["matched_by"], row["account_id"], row["is_account_known"])
        for row in found
        if row["source"] == "zendesk_tickets"
    }
    assert {name: facts for (_, name), facts in told.items()} == {
        "by id": ("external_id", "a", True),
        "by domain": ("domain", "b", True),
        "id, then name": ("name", "b", True),
        "unknown id": ("external_id", "gone", False),
        "exact": ("name", "a", True),
        "alias": ("name", "a", True),
        "shared": ("none", None, False),
        "nobody": ("none", None, False),
        "nameless": ("none", None, False),
        "changed": ("domain", "b", True),
        "gone after": ("none", None, False),
        "new": ("none", None, False),
    }
    assert not any(row["is_reconstructed"] for row in found if row["source"] == "zendesk_tickets")
    names = {row["organization_id"]: row["account_name"] for row in found}
    assert names["alias"] == "Account a"
    assert names["unknown id"] is None


def test_before_the_first_pull_what_it_found_stands_in(con: duckdb.DuckDBPyConnection) -> None:
    found = rows_of(con, f"from published.{TABLE} where source = 'other' order by organization_id")
    assert [(row["organization_id"], row["account_id"], row["is_reconstructed"]) for row in found] == [
        ("by id", "b", True),
        ("late", "a", True),
        ("made before", None, True),
    ]


def test_without_a_support_desk_the_table_is_empty(tmp_path: Path) -> None:
    with compiled_models().run(world(tmp_path, []).freeze(tmp_path / "inputs"), TABLE) as con:
        assert con.execute(f"select count(*) from published.{TABLE}").fetchone() == (0,)


def test_only_organizations_without_a_known_account_are_told(
    con: duckdb.DuckDBPyConnection, suites: dict[str, Suite]
) -> None:
    (told,) = [result for result in check_published(con, suites) if not result.passed]
    assert (told.rule, told.blocking) == ("organization_matched", False)
    assert (
        told.rows_failed
        == con.execute(f"select count(*) from published.{TABLE} where not is_account_known").fetchall()[0][0]
    )
    sentences = {row["sentence"] for row in told.sample}
    assert "Organization Organization unknown id leads to account gone, which isn't known." in sentences
    assert "Organization nameless leads to no account." in sentences


@pytest.mark.parametrize(("_table", "fault", "rules"), FAULTS)
def test_each_fault_is_found(
    con: duckdb.DuckDBPyConnection, suites: dict[str, Suite], _table: str, fault: str, rules: set[str]
) -> None:
    # Organizations without an account are told anyway.
    con.execute(f"create or replace table memory.main.all_rows as from published.{TABLE}")
    con.execute(f"delete from published.{TABLE} where matched_by = 'none'")
    try:
        results = check_published(con, suites)
        con.execute(fault.format(t=f"published.{TABLE}"))
        broken = check_published(con, suites)
    finally:
        con.execute(f"delete from published.{TABLE}")
        con.execute(f"insert into published.{TABLE} from memory.main.all_rows")
    assert {result.rule for result in results if not result.passed and result.blocking} == set()
    assert {result.rule for result in broken if not result.passed and result.blocking} == rules


def test_every_rule_has_its_fault(suites: dict[str, Suite]) -> None:
    assert unbroken(suites, FAULTS) == {(TABLE, "organization_matched")}
