"""Great Expectations on DuckDB: counts, failing rows, broken checks, the version that was verified, the result told."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import duckdb
import pytest

from orchestration.quality import runner
from orchestration.quality.results import CheckResult, describe
from orchestration.quality.runner import Check, GxVersionError, validate
from orchestration.quality.suites import Rule


def rule(name: str, **more) -> Rule:
    words = {"title": "T", "description": "D.", "severity": "warning", "owner_role": "revops", "expected": "e"}
    return Rule.model_validate({"name": name, **words, **more})


@pytest.fixture
def con():
    with duckdb.connect() as con:
        con.execute(
            """
            create view numbers as
            select i as _row, case when i % 100 <> 0 then i end as maybe, (i % 7)::decimal(18, 6) as score,
                   case when i < 3 then 'odd "name" | here' else 'known' end as word
            from range(1000) t(i)
            """
        )
        con.execute("create table failed as from range(3)")
        con.execute("create table passed as from range(0)")
        yield con


CHECKS = [
    Check(rule("present", expect={"type": "ExpectColumnValuesToNotBeNull", "column": "maybe"})),
    Check(rule("range", expect={"type": "ExpectColumnValuesToBeBetween", "column": "score", "min_value": 1})),
    Check(rule("known", expect={"type": "ExpectColumnValuesToBeInSet", "column": "word", "value_set": ["known"]})),
    Check(rule("gone", expect={"type": "ExpectColumnValuesToNotBeNull", "column": "no_such_column"})),
    Check(rule("rows", query="select 1"), "failed"),
    Check(rule("no_rows", query="select 1"), "passed"),
    Check(rule("no_table", query="select 1"), "no_such_table"),
]


def test_counts_failing_rows_and_what_broke(con):
    outcomes = {o.rule.name: o for o in validate(con, "numbers", CHECKS, ["_row"])}
    assert {name: o.rows_failed for name, o in outcomes.items()} == {
        "present": 10,
        "range": 143,
        "known": 3,
        "gone": 0,
        "rows": 3,
        "no_rows": 0,
        "no_table": 0,
    }
    assert {name for name, outcome in outcomes.items() if outcome.broken} == {"gone", "no_table"}
    assert "no_such_column" in outcomes["gone"].broken
    rows = con.execute(f"select _row from ({outcomes['known'].failing_rows}) order by all").fetchall()
    assert rows == [(0,), (1,), (2,)]


def test_the_connection_stays_usable(con):
    validate(con, "numbers", CHECKS, ["_row"])
    con.execute("begin")
    con.execute("create table later as select 1")
    con.execute("rollback")
    assert con.execute("select count(*) from numbers").fetchall() == [(1000,)]


def test_no_rows_are_no_failures(con):
    con.execute("create view nothing as from numbers where false")
    assert [o.rows_failed for o in validate(con, "nothing", CHECKS[:3], ["_row"])] == [0, 0, 0]


def test_the_installed_version_is_the_verified_one():
    assert importlib.metadata.version("great-expectations") == runner.GX_VERSION


def test_another_version_is_refused(con, monkeypatch):
    monkeypatch.setattr(runner, "GX_VERSION", "0.0.0")
    with pytest.raises(GxVersionError, match=r"verified with 0\.0\.0"):
        validate(con, "numbers", CHECKS[:1], ["_row"])


def test_duckdb_still_needs_the_mend():
    """Fails once Great Expectations knows DuckDB itself: then `_mend_duckdb` can go."""
    from great_expectations.execution_engine.sqlalchemy_dialect import GXSqlDialect

    assert "duckdb" not in [dialect.value for dialect in GXSqlDialect]


def test_importing_the_package_does_not_import_great_expectations():
    modules = ["landed", "names", "published", "results", "rules", "runner", "suites", "views"]
    code = "; ".join(f"import orchestration.quality.{name}" for name in modules)
    code += "; import sys; print('great_expectations' in sys.modules, 'pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def result(**more) -> CheckResult:
    words = {"table": "tickets", "rule": "csat_in_range", "title": "Satisfaction is from 1 to 5"}
    words |= {"description": "It lies between 1 and 5.", "severity": "warning", "expected": "a number from 1 to 5"}
    words |= {"owner_role": "customer_support", "effect": "blank_value", "rows_checked": 2000, "rows_failed": 0}
    return CheckResult(**(words | more))


def test_a_passed_check_is_told_briefly():
    assert describe(result()).endswith("All 2,000 rows pass.")


def test_a_failed_check_tells_counts_rows_and_what_follows():
    sample = ({"record_key": "T|1", "actual": "7", "suggestion": None},)
    text = describe(result(rows_failed=3, sample=sample, notes=("over the limit",)))
    assert text == (
        "**Satisfaction is from 1 to 5** (tickets.csat_in_range, warning)\n\nIt lies between 1 and 5.\n\n"
        "3 of 2,000 rows fail (0.15 %). Expected: a number from 1 to 5. The failing values are left blank; the rest of "
        "each row is used. To be mended by: customer support.\n\n- over the limit\n\n"
        "| record_key | actual |\n| --- | --- |\n| T\\|1 | 7 |"
    )


def test_a_broken_check_says_that_nothing_is_known():
    text = describe(result(broken="no such column", severity="critical"))
    assert "nothing is known about the data" in text
    assert "> no such column" in text
    assert not result(broken="no such column").passed
