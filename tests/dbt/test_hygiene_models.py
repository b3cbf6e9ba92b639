"""Hygiene over three runs: what the raw checks found, what becomes of it in staging, and how issues come and go.

1 June finds five issues. 4 June doesn't read tickets and no longer finds the contract's issue. 10 June reads tickets
again and finds the contract's issue anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.refresh import history_columns
from orchestration.sources.streams import STREAMS
from tests.support.compiled import compiled_models, rows_of
from tests.support.inputs import Row, World, account, activity, contract

FIRST, SECOND, THIRD = date(2026, 6, 1), date(2026, 6, 4), date(2026, 6, 10)
TERM = (date(2026, 2, 11), date(2027, 2, 10))

RULES = [
    {"rule": rule, "stream": stream, "severity": severity, "owner_role": role, "expected": f"expected of {rule}"}
    for rule, stream, severity, role in (
        ("check_has_attachment", "activities", "warning", "account_owner"),
        ("account_known", "activities", "warning", "revops"),
        ("end_on_or_after_start", "contracts", "warning", "account_owner"),
        ("key_unique", "contracts", "warning", "revops"),
        ("csat_in_range", "tickets", "warning", "csm"),
    )
]


def failure(rule: str, stream: str, row: int | None, key: str, effect: str, **more: Any) -> Row:
    return {
        "rule": rule,
        "stream": stream,
        "extraction_id": "e1",
        "row": row,
        "record_key": key,
        "effect": effect,
        "sentence": f"{key} fails {rule}.",
    } | more


NO_ATTACHMENT = failure("check_has_attachment", "activities", 1, "a1", "listed", account_id="A1", actual="N")
UNKNOWN_ACCOUNT = failure(
    "account_known",
    "activities",
    2,
    "a2",
    "set_aside",
    actual="Akme",
    suggestion="Acme (similarity 0.83)",
    expected="a known account",
)
ENDS_BEFORE = failure("end_on_or_after_start", "contracts", 2, "c-bad", "set_aside", account_id="A2")
DUPLICATES = [
    failure("key_unique", "contracts", row, "c-twice", "set_aside", account_id="A1", column_name="contract_id")
    for row in (3, 4)
]
CSAT = failure("csat_in_range", "tickets", 1, "t1", "blank_value", account_id="A2", column_name="csat", actual="11")


def streams(*, with_tickets: bool) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {
        "accounts": [
            account("A1", account_name="Acme"),
            account("A2", account_name="Beta", owner_name=None, geo=None, csm_name="Cleo Csm"),
        ],
        "contracts": [
            contract("c-good", "A1", *TERM),
            contract("c-bad", "A2", *TERM),
            contract("c-twice", "A1", *TERM, amount="1"),
            contract("c-twice", "A1", *TERM, amount="2"),
            contract("c-twice", "A1", *TERM, amount="3"),
        ],
        "activities": [
            activity("a1", "A1", date(2026, 5, 1), has_attachment=False),
            activity("a2", "X", date(2026, 5, 2), account_name="Akme"),
            activity("a3", "X", date(2026, 5, 3), account_name="Acme Incorporated"),
            # The id decides, whatever the name beside it matches.
            activity("a4", "A2", date(2026, 5, 4), account_name="Acme Incorporated"),
        ],
    }
    if with_tickets:
        ticket = {"account_id": "A2", "created_at": datetime(2026, 5, 1, 9), "csat": Decimal(4), "topic": "Login"}
        found["tickets"] = [ticket | {"ticket_id": "t1", "csat": Decimal(11)}, ticket | {"ticket_id": "t2"}]
    return found


@dataclass(frozen=True)
class Run:
    con: duckdb.DuckDBPyConnection

    def table(self, name: str) -> list[Row]:
        return rows_of(self.con, f"select * from {name}")

    def issue(self, rule: str) -> Row:
        (found,) = [row for row in self.table("published.hygiene_issues") if row["rule"] == rule]
        return found

    def card(self, owner: str, rule: str) -> Row:
        cards = self.table("published.hygiene_scorecard")
        (found,) = [row for row in cards if (row["owner_name"], row["rule"]) == (owner, rule)]
        return found

    def as_history(self) -> list[Row]:
        return [{name: row[name] for name in history_columns.HYGIENE_ISSUES.names} for row in self.table(HISTORY_OF)]


HISTORY_OF = "published.hygiene_issues"
MATCHES = [{"account_name": "Acme Incorporated", "account_id": "A1", "method": "alias"}]
COUNTS = {
    "activities": {
        "rows_read": 20,
        "rows_used": 3,
        "rows_set_aside": 1,
        "rows_after_as_of": 10,
        "rows_deleted_at_source": 3,
        "rows_summary_line": 1,
        "rows_landed_before": 2,
        "cadence": "daily",
        "age_days": 3,
        "max_age_days": 2,
        "on_stale": "use_last_known",
        "is_stale": True,
        "last_success_at": datetime(2026, 5, 29, 4),
    },
    "tickets": {"is_stale": True, "is_omitted": True, "problem": "tickets.csv: no column ticket_id"},
}


def run(
    work: Path,
    as_of: date,
    failures: list[Row],
    earlier: list[Row],
    *models: str,
    tickets: bool,
    accepted: tuple[Row, ...] = (),
) -> Run:
    world = World(
        as_of,
        streams(with_tickets=tickets) | ({"hygiene_acceptances": list(accepted)} if accepted else {}),
        row_failures=failures,
        rules=RULES,
        account_matches=MATCHES,
        earlier={"hygiene_issues": earlier},
        stream_facts=COUNTS if not earlier else {},
        run_id=f"run-{as_of}",
    )
    return Run(compiled_models().run(world.freeze(work / "inputs"), *models))


HYGIENE_ONLY = ("hygiene_issues", "hygiene_scorecard", "source_freshness")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Run:
    elsewhere = [
        # The same row number of another extraction or stream is another row.
        failure("end_on_or_after_start", "contracts", 1, "c-good", "set_aside", extraction_id="e0", account_id="A1"),
        failure("csat_in_range", "tickets", 4, "c-other", "set_aside", account_id="A1"),
    ]
    found = [NO_ATTACHMENT, UNKNOWN_ACCOUNT, ENDS_BEFORE, *DUPLICATES, CSAT, *elsewhere]
    return run(tmp_path_factory.mktemp("first"), FIRST, found, [], tickets=True)


@pytest.fixture(scope="module")
def second(first: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    # The same things in another extraction, on other rows: still the same issues.
    found = [row | {"extraction_id": "e2", "row": row["row"] + 40} for row in (NO_ATTACHMENT, UNKNOWN_ACCOUNT)]
    # The contract whose key came twice stays set aside: both would be one contract.
    found += DUPLICATES
    work = tmp_path_factory.mktemp("second")
    return run(work, SECOND, found, first.as_history(), *HYGIENE_ONLY, tickets=False)


@pytest.fixture(scope="module")
def third(second: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    found = [UNKNOWN_ACCOUNT, ENDS_BEFORE, *DUPLICATES]
    work = tmp_path_factory.mktemp("third")
    return run(work, THIRD, found, second.as_history(), *HYGIENE_ONLY, tickets=True)


# -- staging ---------------------------------------------------------------------------------------------------------


def test_a_row_set_aside_is_not_used(first: Run) -> None:
    contracts = first.table("staging.stg_landing__contracts")
    assert [(row["contract_id"], row["amount"]) for row in sorted(contracts, key=lambda row: row["contract_id"])] == [
        ("c-good", 1000),
        ("c-twice", 3),
    ]
    targets = {row["contract_id"] for row in first.table("published.health_check_targets")}
    assert targets == {"c-good", "c-twice"}
    assert "a2" not in {row["activity_id"] for row in first.table("staging.stg_landing__activities")}


def test_a_blanked_value_is_null_and_its_row_used(first: Run) -> None:
    tickets = {row["ticket_id"]: row for row in first.table("staging.stg_landing__tickets")}
    assert tickets["t1"]["csat"] is None
    assert tickets["t1"]["topic"] == "Login"
    assert tickets["t2"]["csat"] == 4


def test_what_is_only_listed_is_used_as_it_is(first: Run) -> None:
    activities = {row["activity_id"]: row for row in first.table("staging.stg_landing__activities")}
    assert activities["a1"]["has_attachment"] is False
    assert activities["a1"]["account_id"] == "A1"


def test_an_account_is_resolved_by_its_id_else_by_its_matched_name(first: Run) -> None:
    activities = {row["activity_id"]: row["account_id"] for row in first.table("staging.stg_landing__activities")}
    assert activities == {"a1": "A1", "a3": "A1", "a4": "A2"}


def test_used_rows_reach_the_models_once(first: Run) -> None:
    """No join of staging doubles a row or loses one: what was landed is used or set aside."""
    landed = {name: len(found) for name, found in streams(with_tickets=True).items()}
    set_aside = {"activities": 1, "contracts": 3}
    for name, count in landed.items():
        assert len(first.table(f"staging.stg_landing__{name}")) == count - set_aside.get(name, 0), name


# -- issues ----------------------------------------------------------------------------------------------------------


def test_an_issue_says_what_is_wrong_and_who_can_mend_it(first: Run) -> None:
    issue = first.issue("check_has_attachment")
    expected = {
        "severity": "warning",
        "source": "files",
        "stream": "activities",
        "record_key": "a1",
        "account_id": "A1",
        "account_name": "Acme",
        "owner_name": "Olu Owner",
        "geo": "EMEA",
        "mended_by_role": "account_owner",
        "mended_by": "Olu Owner",
        "expected": "expected of check_has_attachment",
        "actual": "N",
        "sentence": "a1 fails check_has_attachment.",
        "occurrences": 1,
        "first_seen": FIRST,
        "last_seen": FIRST,
        "status": "open",
        "cleared_on": None,
    }
    assert {name: issue[name] for name in expected} == expected


def test_an_issue_without_an_account_is_there_with_its_suggestion(first: Run) -> None:
    issue = first.issue("account_known")
    assert (issue["account_id"], issue["owner_name"], issue["mended_by"]) == (None, None, None)
    assert issue["suggestion"] == "Acme (similarity 0.83)"
    assert issue["expected"] == "a known account"


def test_the_csm_mends_what_is_the_csms(first: Run) -> None:
    (issue,) = [row for row in first.table("published.hygiene_issues") if row["record_key"] == "t1"]
    assert issue["mended_by"] == "Cleo Csm"


def test_a_record_that_fails_in_several_rows_is_one_issue(first: Run) -> None:
    assert first.issue("key_unique")["occurrences"] == 2


def issues(of: Run) -> dict[str, str]:
    return {row["record_key"]: row["issue_id"] for row in of.table("published.hygiene_issues")}


def test_issue_ids_are_stable(first: Run, second: Run, third: Run) -> None:
    """Over runs, extractions and rows; nothing once seen is forgotten."""
    assert issues(first) == issues(second) == issues(third)
    assert len(set(issues(first).values())) == len(first.table("published.hygiene_issues"))


def test_an_issue_that_still_fails_keeps_its_first_day(second: Run) -> None:
    issue = second.issue("check_has_attachment")
    assert (issue["first_seen"], issue["last_seen"], issue["status"]) == (FIRST, SECOND, "open")


def contract_issue(of: Run) -> Row:
    (found,) = [row for row in of.table("published.hygiene_issues") if row["record_key"] == "c-bad"]
    return found


def test_an_issue_that_no_longer_fails_is_cleared_by_itself(second: Run) -> None:
    issue = contract_issue(second)
    assert (issue["status"], issue["cleared_on"], issue["last_seen"]) == ("cleared", SECOND, FIRST)


def test_an_issue_that_fails_again_is_open_again(third: Run) -> None:
    issue = contract_issue(third)
    assert (issue["status"], issue["cleared_on"]) == ("open", None)
    assert (issue["first_seen"], issue["last_seen"]) == (FIRST, THIRD)


def test_a_stream_that_was_not_read_clears_nothing(second: Run, third: Run) -> None:
    by_key = {row["record_key"]: row for row in second.table("published.hygiene_issues")}
    assert (by_key["t1"]["status"], by_key["t1"]["last_seen"], by_key["t1"]["cleared_on"]) == ("open", FIRST, None)
    by_key = {row["record_key"]: row for row in third.table("published.hygiene_issues")}
    assert (by_key["t1"]["status"], by_key["t1"]["last_seen"], by_key["t1"]["cleared_on"]) == ("cleared", FIRST, THIRD)


# -- scorecard -------------------------------------------------------------------------------------------------------


def scores(card: Row) -> tuple[int, int, Decimal | None, int, str]:
    return (
        card["open_issues"],
        card["cleared_issues"],
        card["median_days_to_clear"],
        card["change_in_open"],
        card["trend"],
    )


def test_scorecard_of_a_first_run(first: Run) -> None:
    assert scores(first.card("Olu Owner", "check_has_attachment")) == (1, 0, None, 1, "new")
    assert scores(first.card("(none)", "account_known")) == (1, 0, None, 1, "new")


def test_scorecard_when_one_clears_comes_back_and_stays(second: Run, third: Run) -> None:
    assert scores(second.card("(none)", "end_on_or_after_start")) == (0, 1, Decimal("3.0"), -1, "better")
    assert scores(third.card("(none)", "end_on_or_after_start")) == (1, 0, None, 1, "worse")
    assert scores(second.card("Olu Owner", "check_has_attachment")) == (1, 0, None, 0, "same")
    assert scores(third.card("Olu Owner", "check_has_attachment")) == (0, 1, Decimal("9.0"), -1, "better")


def test_scorecard_counts_every_issue_once(first: Run, second: Run, third: Run) -> None:
    for made in (first, second, third):
        cards = made.table("published.hygiene_scorecard")
        counted = sum(card["open_issues"] + card["cleared_issues"] + card["accepted_issues"] for card in cards)
        assert counted == len(made.table("published.hygiene_issues"))


# -- freshness -------------------------------------------------------------------------------------------------------


def test_every_row_read_is_accounted_for(first: Run) -> None:
    freshness = {row["stream"]: row for row in first.table("published.source_freshness")}
    assert freshness.keys() == STREAMS.keys()
    activities = freshness["activities"]
    assert activities["rows_passed_over"] == 16
    for row in freshness.values():
        assert row["rows_read"] == row["rows_used"] + row["rows_set_aside"] + row["rows_passed_over"], row["stream"]


def test_freshness_says_how_old_a_stream_is_and_what_went_wrong(first: Run) -> None:
    freshness = {row["stream"]: row for row in first.table("published.source_freshness")}
    activities = freshness["activities"]
    assert (activities["age_days"], activities["max_age_days"], activities["is_stale"]) == (3, 2, True)
    assert (activities["on_stale"], activities["is_omitted"]) == ("use_last_known", False)
    assert activities["last_success_at"] == datetime(2026, 5, 29, 4)
    assert freshness["tickets"]["is_omitted"]
    assert freshness["tickets"]["problem"] == "tickets.csv: no column ticket_id"
    assert not freshness["opportunities"]["is_present"]


# -- acceptances -----------------------------------------------------------------------------------------------------


REASON, BY = "The partner has no such file", "Rae Vops"


def acceptance(issue_id: str, on: date, until: date, status: str = "accepted", **more: Any) -> Row:
    return {
        "acceptance_id": f"{issue_id} {on} {status}",
        "issue_id": issue_id,
        "status": status,
        "reason": REASON,
        "accepted_by": BY,
        "accepted_at": datetime(on.year, on.month, on.day, 9),
        "accepted_until": until,
    } | more


STANDING = ("status", "accepted_until", "accepted_reason", "accepted_by", "cleared_on")
OPEN, CLEARED_THIRD = ("open", None, None, None, None), ("cleared", None, None, None, THIRD)


@pytest.mark.parametrize(
    ("acceptances", "rule", "expected"),
    [
        # Until a day, that day included; then it is open again.
        ([(FIRST, THIRD)], "account_known", ("accepted", THIRD, REASON, BY, None)),
        ([(FIRST, THIRD - timedelta(days=1))], "account_known", OPEN),
        # Made on as_of it holds, made after it doesn't.
        ([(THIRD, date(2026, 9, 1))], "account_known", ("accepted", date(2026, 9, 1), REASON, BY, None)),
        ([(THIRD + timedelta(days=1), date(2026, 9, 1))], "account_known", OPEN),
        # The last one counts, also when it has ended or took the one before it back.
        ([(FIRST, date(2026, 9, 1)), (SECOND, SECOND)], "account_known", OPEN),
        ([(FIRST, date(2026, 9, 1)), (SECOND, SECOND, "withdrawn")], "account_known", OPEN),
        ([(SECOND, SECOND, "withdrawn"), (THIRD, THIRD)], "account_known", ("accepted", THIRD, REASON, BY, None)),
        # What no longer fails has cleared, whatever was accepted.
        ([(FIRST, date(2026, 9, 1))], "check_has_attachment", CLEARED_THIRD),
    ],
)
def test_an_accepted_issue_is_so_until_its_day(
    second: Run, tmp_path: Path, acceptances: list[tuple], rule: str, expected: tuple
) -> None:
    issue_id = second.issue(rule)["issue_id"]
    accepted = tuple(acceptance(issue_id, *one) for one in acceptances)
    found = [UNKNOWN_ACCOUNT, ENDS_BEFORE, *DUPLICATES]
    made = run(tmp_path, THIRD, found, second.as_history(), *HYGIENE_ONLY, tickets=True, accepted=accepted)
    assert tuple(made.issue(rule)[name] for name in STANDING) == expected
    others = {row["status"] for row in made.table(HISTORY_OF) if row["issue_id"] != issue_id}
    assert others <= {"open", "cleared"}
    assert sum(row["accepted_issues"] for row in made.table("published.hygiene_scorecard")) == (
        1 if expected[0] == "accepted" else 0
    )


def test_what_was_accepted_clears_or_opens_again(first: Run, tmp_path: Path) -> None:
    """Accepted at the run before: without the acceptance it is open, while its stream isn't read too."""
    keys = ("t1", "a1")

    def issues(of: Run) -> list[Row]:
        return [row for key in keys for row in of.table(HISTORY_OF) if row["record_key"] == key]

    ids = [row["issue_id"] for row in issues(first)]
    before = [row | {"status": "accepted"} if row["issue_id"] in ids else row for row in first.as_history()]
    made = run(tmp_path, SECOND, [], before, *HYGIENE_ONLY, tickets=False)
    # Tickets weren't read, activities were.
    assert [tuple(row[name] for name in STANDING) for row in issues(made)] == [
        OPEN,
        ("cleared", None, None, None, SECOND),
    ]
    still = tuple(acceptance(one, FIRST, SECOND) for one in ids)
    again = run(tmp_path / "again", SECOND, [], before, *HYGIENE_ONLY, tickets=False, accepted=still)
    assert [row["status"] for row in issues(again)] == ["accepted", "cleared"]
