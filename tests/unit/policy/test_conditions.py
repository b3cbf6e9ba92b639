"""Conditions of rules: what is allowed, what is refused and how it is told, and what an engine gets."""

from __future__ import annotations

import duckdb
import pytest

from orchestration.policy.conditions import ConditionError, check_condition, columns_of, rendered
from orchestration.policy.signals import ACCOUNT_SIGNALS

GOOD = [
    ("score >= 5 and (tier in ('healthy', 'stable') or csat is not null)", ["score", "tier", "csat"]),
    ("not is_churned", ["is_churned"]),
    ("is_churned is true and owner_is_idle is not false", ["is_churned", "owner_is_idle"]),
    ("is_churned = is_scored", ["is_churned", "is_scored"]),
    ("abs(score - last_written_score) >= 5.5", ["score", "last_written_score"]),
    ("arr * 0.1 > 1000 or 2 * arr <= 3", ["arr"]),
    ("-1 < change_month + change_week", ["change_month", "change_week"]),
    ("score between 1 and 2 or score not between 3 and 4", ["score"]),
    ("lower(segment) <> 'smb'", ["segment"]),
    ("coalesce(csat, 5) < least(3, score) or greatest(csat, nps) > 3", ["csat", "score", "nps"]),
    ("owner_name = 'O''Neil' or owner_name is null", ["owner_name"]),
    ("score > 3 -- a word about it", ["score"]),
]
# condition, found, expected, hint
BAD = [
    ("scroe > 3", '"scroe"', "a column of the rule's grain", "did you mean score?"),
    ("t.score > 3", '"t.score"', "a column of the rule's grain", "did you mean score?"),
    ('"Score" > 3', "Score", "a column of the rule's grain", "did you mean score?"),
    ("score", "score, a number", "a condition that is true or false", ""),
    ("tier", "tier, a text", "a condition that is true or false", ""),
    ("true", "TRUE", "a condition that names a column", "the same for every row"),
    ("tier > 3", "tier, a text, with 3, a number", "values of one kind", "tier > 3"),
    ("tier in ('a', 3)", "tier, a text, with 3, a number", "values of one kind", ""),
    ("score < arr < csat", "score < arr, a boolean, with csat, a number", "values of one kind", ""),
    ("is_churned > is_scored", "is_churned > is_scored", "numbers or texts", ""),
    ("score and is_churned", "score, a number", "a boolean", ""),
    ("score + tier > 1", "tier, a text", "a number", ""),
    ("lower(score) = 'a'", "score, a number", "a text", ""),
    ("coalesce(score, 'a') = 'a'", "score, a number, with 'a', a text", "values of one kind", ""),
    ("now() > score", "NOW()", "one of the functions abs, coalesce, greatest, least, lower", ""),
    ("lowr(tier) = 'a'", "LOWR(tier)", "one of the functions", "did you mean lower?"),
    ("read_text('/etc/passwd') = 'a'", "READ_TEXT", "one of the functions", ""),
    ("cast(score as int) > 1", "CAST", "one of the functions", ""),
    ("case when is_churned then true else false end", "CASE", "one of the functions", ""),
    ("score / 2 > 1", "score / 2", "no division", "multiply the other side"),
    ("score % 2 = 1", "score % 2", "no division", ""),
    ("score * arr > 1", "score * arr", "one product", ""),
    ("score * 2 * 3 > 1", "score * 2 * 3", "one product", ""),
    ("score * 1000000 > 1", "score * 1000000", "one product", ""),
    ("tier = null", "NULL", "is null, or is not null", "nothing equals null"),
    ("tier is 'a'", "tier IS 'a'", "", ""),
    ("score is true", "score IS TRUE", "is null", ""),
    ("score > 1e3", "1e3", "a plain number with at most 6 decimals", ""),
    ("score > 1.1234567", "1.1234567", "a plain number with at most 6 decimals", ""),
    ("score in (select 1)", "IN (SELECT 1)", "and, or, not, comparisons", ""),
    ("score > (select 3)", "SELECT 3", "and, or, not, comparisons", ""),
    ("exists (select 1)", "EXISTS", "one of the functions", ""),
    ("score > 3; drop table x", "DROP TABLE", "and, or, not, comparisons", ""),
    ("tier like 'a%'", "LIKE", "and, or, not, comparisons", ""),
    ("tier || 'a' = 'b'", "||", "and, or, not, comparisons", ""),
    ("score is distinct from arr", "DISTINCT", "and, or, not, comparisons", ""),
    ("score between symmetric 1 and 2", "SYMMETRIC", "", ""),
    ("score in ()", "IN ()", "", ""),
    ("score > $1", "$1", "and, or, not, comparisons", ""),
    ("score > 3 and", "score > 3 and", "a boolean SQL expression", ""),
    ("", "", "a boolean SQL expression", ""),
    ("abs(score, 3) > 1", "abs(score, 3) > 1", "a boolean SQL expression", ""),
    ("score > 1 or " * 400 + "score > 1", "characters", "at most 2,000", ""),
]


@pytest.mark.parametrize(("condition", "columns"), GOOD)
def test_a_good_condition_is_taken_and_runs(condition: str, columns: list[str]) -> None:
    check_condition(condition, ACCOUNT_SIGNALS)
    assert columns_of(condition) == columns
    types = {"text": "varchar", "number": "decimal(24, 6)", "boolean": "boolean"}
    table = ", ".join(f"null::{types[ACCOUNT_SIGNALS[name].kind]} as {name}" for name in columns)
    assert duckdb.sql(f"select count(*) from (select {table}) where {rendered(condition, 'duckdb')}") is not None
    assert "--" not in rendered(condition, "spark")


@pytest.mark.parametrize(("condition", "found", "expected", "hint"), BAD)
def test_a_bad_condition_is_refused_with_what_was_found_and_expected(
    condition: str, found: str, expected: str, hint: str
) -> None:
    with pytest.raises(ConditionError) as raised:
        check_condition(condition, ACCOUNT_SIGNALS)
    # What the parser itself makes of a form that isn't allowed is told as it reads it.
    if condition != "score between symmetric 1 and 2":
        assert found in raised.value.found
    assert expected in raised.value.expected
    assert hint in raised.value.hint
    assert "\n" not in str(raised.value)


def test_text_is_written_for_each_engine() -> None:
    condition = "owner_name = 'O''Neil \\ Sons'"
    assert rendered(condition, "duckdb") == "owner_name = 'O''Neil \\ Sons'"
    assert rendered(condition, "spark") == "owner_name = 'O\\'Neil \\\\ Sons'"
