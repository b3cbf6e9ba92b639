"""Which extraction is used: thresholds at their edge, rejection and falling back, blocking, sources apart, counts."""

from __future__ import annotations

import datetime as dt
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from landed_data import AS_OF, EXTRACTED_AT, LandingBuilder

from orchestration.quality import landed as landed_module
from orchestration.quality.landed import ReconciliationError, StreamCounts
from orchestration.quality.suites import Rule
from orchestration.quality.views import CheckContext
from orchestration.sources.streams import STREAMS, landing_schema

YESTERDAY = EXTRACTED_AT - dt.timedelta(days=1)


def accounts(count: int = 1) -> list[dict]:
    return [
        {"account_id": f"A{n}", "account_name": f"Account {n}", "owner_name": "Olga", "geo": "EMEA", "region": "North"}
        for n in range(count)
    ]


def tickets(good: int, bad: int = 0, prefix: str = "T") -> list[dict]:
    rows = [{"account_id": "A0", "created_at": "2026-05-01 10:00:00", "csat": 5} for _ in range(good)]
    rows += [{"account_id": "A0", "created_at": "2026-05-01 10:00:00", "csat": 6} for _ in range(bad)]
    return [{"ticket_id": f"{prefix}{number}", **row} for number, row in enumerate(rows)]


def contracts(good: int, unknown: int = 0) -> list[dict]:
    term = {"product": "P", "start_date": "2026-01-01", "end_date": "2026-12-31", "amount": 1}
    names = ["A0"] * good + ["A404"] * unknown
    return [{"contract_id": f"C{n}", "account_id": name, **term} for n, name in enumerate(names)]


def test_exactly_five_percent_is_a_warning(suites, landing, tmp_path):
    landing.land("accounts", accounts())
    landing.land("contracts", contracts(95, 5))
    checked = landing.check(suites, tmp_path / "work")
    assert checked.checks.streams["contracts"].verdict == "accepted"
    result = checked.result("contracts", "account_known")
    assert (result.severity, result.blocking, result.rows_failed, result.rows_checked) == ("warning", False, 5, 100)
    assert checked.counts("contracts") == StreamCounts(100, 100, 95, 5, {})


def test_over_five_percent_of_contracts_blocks(suites, landing, tmp_path):
    landing.land("accounts", accounts())
    landing.land("contracts", contracts(94, 6))
    checked = landing.check(suites, tmp_path / "work")
    assert "contracts" in checked.checks.blocked
    result = checked.result("contracts", "account_known")
    assert (result.severity, result.blocking) == ("critical", True)
    assert "6 of 100 rows of source files (6.00 %)" in result.notes[0]


def test_a_source_may_have_a_threshold_of_its_own(suites, landing, tmp_path):
    landing.land("accounts", accounts())
    landing.land("contracts", contracts(94, 6))
    asked = []

    def thresholds(source, stream, rule):
        asked.append((source, stream, rule))
        return 6 if (source, stream, rule) == ("files", "contracts", "account_known") else None

    checked = landing.check(suites, tmp_path / "work", thresholds=thresholds)
    assert checked.checks.streams["contracts"].verdict == "accepted"
    assert ("files", "contracts", "account_known") in asked


def test_rules_on_values_are_judged_together(suites, landing, tmp_path):
    landing.land("accounts", accounts())
    rows = tickets(94, 3) + [
        {"ticket_id": f"M{n}", "account_id": "A0", "created_at": "2026-05-01 10:00:00", "sentiment": 2}
        for n in range(3)
    ]
    landing.land("tickets", rows)
    checked = landing.check(suites, tmp_path / "work")
    # 3 % each, 6 % together: the extraction is as bad as if one column had them all.
    assert {r.rule for r in checked.checks.streams["tickets"].rejections} == {"csat_in_range", "sentiment_in_range"}


def test_a_row_that_breaks_two_rules_counts_once(suites, landing, tmp_path):
    landing.land("accounts", accounts())
    rows = [row | ({"sentiment": 2} if row["csat"] == 6 else {}) for row in tickets(95, 5)]
    landing.land("tickets", rows)
    checked = landing.check(suites, tmp_path / "work")
    assert checked.checks.streams["tickets"].verdict == "accepted"


def test_a_rejected_extraction_gives_way_to_the_one_before(suites, landing, tmp_path):
    landing.land("accounts", accounts())
    landing.land("tickets", tickets(90, 10), extraction_id="newest")
    landing.land("tickets", tickets(80, 20), extraction_id="older", extracted_at=YESTERDAY)
    landing.land("tickets", tickets(99, 1), extraction_id="oldest", extracted_at=YESTERDAY - dt.timedelta(days=1))
    checked = landing.check(suites, tmp_path / "work")
    checks = checked.checks.streams["tickets"]
    assert checks.verdict == "rejected"
    assert [candidate.extraction.extraction_id for candidate in checks.used] == ["oldest"]
    assert [rejection.extraction_id for rejection in checks.rejections] == ["newest", "older"]
    # People hear of the newest extraction; the run goes on with the oldest.
    result = checked.result("tickets", "csat_in_range")
    assert (result.severity, result.blocking, result.rows_failed) == ("critical", False, 10)
    assert len(result.sample) == 10
    assert checks.counts == StreamCounts(100, 100, 100, 0, {})
    listed = [f for f in checked.failures if f["stream"] == "tickets"]
    assert [(f["extraction_id"], f["row"], f["effect"]) for f in listed] == [
        ("newest", None, "listed"),
        ("older", None, "listed"),
        ("oldest", 100, "blank_value"),
    ]
    assert checked.known["tickets"]["extractions"][0]["extraction_id"] == "oldest"


def test_where_none_is_accepted_the_stream_is_empty(suites, landing, tmp_path):
    landing.land("accounts", accounts())
    landing.land("tickets", tickets(1, 1))
    checked = landing.check(suites, tmp_path / "work")
    checks = checked.checks.streams["tickets"]
    assert (checks.verdict, checks.used, checks.counts) == ("rejected", (), StreamCounts())
    assert "tickets" not in checked.checks.blocked


def test_sources_of_one_stream_are_judged_apart(suites, landing, tmp_path):
    landing.land("accounts", accounts())
    landing.land("tickets", tickets(5, 5, "F"), source="files")
    landing.land("tickets", tickets(100, 0, "Z"), source="zendesk")
    checked = landing.check(suites, tmp_path / "work")
    checks = checked.checks.streams["tickets"]
    assert [candidate.source for candidate in checks.used] == ["zendesk"]
    assert [rejection.source for rejection in checks.rejections] == ["files"]
    assert checks.counts.rows_used == 100


def test_a_key_from_two_sources_is_settled_by_their_order(suites, landing, tmp_path):
    """However many there are: it is no fault of any of them."""
    landing.land("accounts", accounts())
    landing.land("tickets", tickets(3), source="files", extraction_id="f")
    one = tickets(100, prefix="Z")
    again = [{**one[0], "ticket_id": f"T{n}"} for n in (0, 1, 1)]
    landing.land("tickets", [*one, *again], source="zendesk", extraction_id="z")
    checked = landing.check(suites, tmp_path / "work")
    settled = [f for f in checked.failures if f["rule"] == "id_in_one_source"]
    # zendesk comes first in policy, though files is there as well.
    assert [(f["extraction_id"], f["record_key"]) for f in settled] == [("f", "T0"), ("f", "T1")]
    assert "is in zendesk and in files; the one of zendesk is used, as source_order says" in settled[0]["sentence"]
    checks = checked.checks.streams["tickets"]
    assert (checks.verdict, checks.rejections, checks.counts.rows_set_aside) == ("accepted", (), 3)
    # What one source has twice is its own fault, also where another has it too.
    repeated = [f for f in checked.failures if f["rule"] == "id_unique"]
    assert [(f["extraction_id"], f["record_key"]) for f in repeated] == [("z", "T1")]


def test_the_row_count_is_compared_with_the_last_extraction(suites, landing, tmp_path):
    """One stream for each case, in one go: rows now, rows before, whether that is accepted."""
    cases = {
        "tickets": (150, 100, True),
        "contacts": (151, 100, False),
        "signals": (50, 100, True),
        "interventions": (49, 100, False),
        "invoices": (0, 100, False),
        "survey_responses": (5, 0, True),
    }
    more = {"signal_type": "rfp", "observed_on": "2026-05-01", "strategy": "call", "opened_on": "2026-05-01"}
    more |= {"created_at": "2026-05-01 10:00:00", "issued_on": "2026-05-01", "sent_on": "2026-05-01"}
    landing.land("accounts", accounts())
    for name, (now, before, _) in cases.items():
        columns = {column.name for column in STREAMS[name].columns}
        row = {"account_id": "A0"} | {key: value for key, value in more.items() if key in columns}
        (key,) = STREAMS[name].key
        for count, extraction_id, at in ((now, "newest", EXTRACTED_AT), (before, "older", YESTERDAY)):
            rows = [row | {key: f"K{number}"} for number in range(count)]
            landing.land(name, rows, extraction_id=extraction_id, extracted_at=at)
    checked = landing.check(suites, tmp_path / "work")
    accepted = {
        name: "newest" not in [rejection.extraction_id for rejection in checked.checks.streams[name].rejections]
        for name in cases
    }
    assert accepted == {name: expected for name, (_, _, expected) in cases.items()}


def test_an_empty_extraction_before_is_no_measure(suites, landing, tmp_path):
    landing.land("accounts", accounts())
    landing.land("tickets", tickets(100), extraction_id="newest")
    landing.land("tickets", [], extraction_id="empty", extracted_at=YESTERDAY)
    landing.land("tickets", tickets(10), extraction_id="full", extracted_at=YESTERDAY - dt.timedelta(days=1))
    checked = landing.check(suites, tmp_path / "work")
    rejections = {r.extraction_id: r for r in checked.checks.streams["tickets"].rejections}
    assert set(rejections) == {"newest", "empty"}
    assert checked.result("tickets", "row_count_plausible").sample[0]["actual"] == "100"


def test_an_empty_required_stream_blocks(suites, landing, tmp_path):
    landing.land("accounts", accounts())
    landing.land("contracts", [])
    checked = landing.check(suites, tmp_path / "work")
    assert checked.checks.blocked == ("contracts", "activities")
    assert checked.result("contracts", "row_count_plausible").blocking
    absent = checked.result("activities", "row_count_plausible")
    assert absent.blocking
    assert "No extraction of activities is known" in absent.notes[0]


def test_without_accounts_nothing_else_is_judged(suites, landing, tmp_path):
    landing.land("contracts", contracts(3))
    checked = landing.check(suites, tmp_path / "work")
    assert checked.checks.streams["contracts"].verdict == "not_checked"
    assert checked.checks.blocked == ("accounts",)
    assert checked.failures == []


def test_files_of_another_shape_are_rejected(suites, landing, tmp_path):
    landing.land("accounts", accounts())
    schema = landing_schema(STREAMS["tickets"])
    without = schema.remove(schema.get_field_index("csat"))
    index = without.get_field_index("sentiment")
    other = without.set(index, pa.field("sentiment", pa.string()))
    rows = [{"ticket_id": "T1", "account_id": "A0", "created_at": "2026-05-01 10:00:00"}]
    landing.land("tickets", rows, schema=other, extraction_id="odd")
    landing.land("tickets", tickets(1), extraction_id="even", extracted_at=YESTERDAY)
    checked = landing.check(suites, tmp_path / "work")
    checks = checked.checks.streams["tickets"]
    assert [candidate.extraction.extraction_id for candidate in checks.used] == ["even"]
    sample = checked.result("tickets", "columns_present").sample
    assert [(row["column_name"], row["actual"]) for row in sample] == [
        ("csat", "no such column"),
        ("sentiment", "string"),
    ]


def test_contracts_of_another_shape_block_and_still_reconcile(suites, landing, tmp_path):
    landing.land("accounts", accounts())
    schema = landing_schema(STREAMS["contracts"])
    other = schema.remove(schema.get_field_index("auto_renew"))
    landing.land("contracts", contracts(2), schema=other)
    checked = landing.check(suites, tmp_path / "work")
    assert "contracts" in checked.checks.blocked
    assert checked.counts("contracts") == StreamCounts(2, 2, 0, 2, {})


def test_a_broken_check_is_not_bad_data_and_still_blocks(suites, landing, tmp_path):
    landing.land("accounts", accounts())
    landing.land("contracts", contracts(3))
    landing.land("activities", [])
    suite = suites["contracts"]
    rules = [
        rule.model_copy(update={"query": "select no_such_column as sentence from resolved.contracts"})
        if rule.name == "end_on_or_after_start"
        else rule
        for rule in suite.rules
    ]
    broken = suites | {"contracts": suite.model_copy(update={"rules": tuple(rules)})}
    checked = landing.check(broken, tmp_path / "work")
    result = checked.result("contracts", "end_on_or_after_start")
    assert "no_such_column" in result.broken
    assert (result.passed, result.rows_failed, result.blocking) == (False, 0, True)
    # The rules after it were evaluated all the same.
    assert checked.result("contracts", "id_unique").broken is None


def test_a_broken_check_that_only_lists_does_not_block(suites, landing, tmp_path):
    landing.land("accounts", accounts())
    suite = suites["accounts"]
    rule = Rule.model_validate(
        {
            "name": "odd",
            "title": "Odd",
            "description": "Odd.",
            "severity": "info",
            "owner_role": "revops",
            "expected": "anything",
            "expect": {"type": "ExpectColumnValuesToNotBeNull", "column": "no_such_column"},
        }
    )
    checked = landing.check(
        suites | {"accounts": suite.model_copy(update={"rules": (*suite.rules, rule)})}, tmp_path / "work"
    )
    result = checked.result("accounts", "odd")
    assert result.broken is not None
    assert not result.blocking
    assert checked.checks.streams["accounts"].verdict == "accepted"


def test_rows_after_as_of_are_passed_over_in_the_business_time_zone(suites, landing, tmp_path):
    landing.land("accounts", accounts())
    # In Auckland (UTC+12) the 30th of June ends at 12:00 UTC.
    times = ["2026-06-30 11:59:59", "2026-06-30 12:00:00"]
    rows = [{"ticket_id": f"T{n}", "account_id": "A0", "created_at": t} for n, t in enumerate(times)]
    landing.land("tickets", rows, passed_over={"summary_line": 2})
    context = CheckContext(AS_OF, "Pacific/Auckland", "USD")
    checked = landing.check(suites, tmp_path / "work", context=context)
    assert checked.counts("tickets") == StreamCounts(4, 2, 1, 0, {"summary_line": 2, "after_as_of": 1})


def test_what_is_not_known_yet_is_not_judged(suites, landing, tmp_path):
    landing.land("accounts", accounts())
    later = [
        {"ticket_id": f"L{n}", "account_id": "A404", "created_at": "2026-07-02 00:00:00", "csat": 9} for n in range(50)
    ]
    landing.land("tickets", tickets(10) + later)
    checked = landing.check(suites, tmp_path / "work")
    assert checked.checks.streams["tickets"].verdict == "accepted"
    assert {f["rule"] for f in checked.failures if f["stream"] == "tickets"} == {"not_after_extraction"}


def test_files_written_have_the_agreed_columns(suites, landing, tmp_path):
    landing.land("accounts", accounts())
    checks = landing.check(suites, tmp_path / "work").checks
    assert pq.read_schema(checks.row_failures).names == [
        "rule",
        "stream",
        "extraction_id",
        "row",
        "record_key",
        "account_id",
        "column_name",
        "actual",
        "expected",
        "sentence",
        "suggestion",
        "effect",
    ]
    assert pq.read_schema(checks.account_matches).names == ["account_name", "account_id", "method"]
    rules = pq.read_table(checks.rules).to_pylist()
    assert set(rules[0]) == {"rule", "stream", "severity", "title", "description", "owner_role", "expected", "suite"}
    assert len(rules) == sum(len(suite.rules) for suite in suites.values())
    assert json.loads(checks.known.read_text())["accounts"]["rows_used"] == 1


def test_the_same_data_give_the_same_files(suites, landing, tmp_path):
    landing.land("accounts", accounts(3))
    landing.land("tickets", tickets(95, 4) + tickets(1))
    first = landing.check(suites, tmp_path / "first").checks
    again = landing.check(suites, tmp_path / "again").checks
    assert first.row_failures.read_bytes() == again.row_failures.read_bytes()
    assert first.rules.read_bytes() == again.rules.read_bytes()


def test_lost_rows_are_an_error():
    with pytest.raises(ReconciliationError, match="10 rows read, but 7 used"):
        StreamCounts(10, 10, 7, 2, {"after_as_of": 0}).reconcile("tickets")
    StreamCounts(10, 9, 7, 2, {"summary_line": 1}).reconcile("tickets")


def test_a_manifest_that_counts_wrongly_is_an_error(suites, landing, tmp_path, monkeypatch):
    landing.land("accounts", accounts())
    monkeypatch.setattr(landed_module, "_passed_over", lambda extractions: {"summary_line": 1})
    with pytest.raises(ReconciliationError):
        landing.check(suites, tmp_path / "work")


DIRTY_TICKET = st.fixed_dictionaries(
    {
        "ticket_id": st.sampled_from(["T1", "T2", "T3", "T4", None]),
        "account_id": st.sampled_from(["A0", "A1", "A404", None]),
        "account_name": st.sampled_from(["Account 0", "account 1", "Nobody", None]),
        "created_at": st.sampled_from(["2026-05-01 10:00:00", "2026-06-30 23:59:59", "2026-07-01 00:00:00", None]),
        "solved_at": st.sampled_from(["2026-04-01 10:00:00", "2026-06-01 10:00:00", None]),
        "csat": st.sampled_from([0, 1, 5, 6, None]),
    },
    optional={"_faults": st.just({"priority": "sky-high"})},
)


# Without shrinking: an example takes half a second, and is small as it is.
@settings(max_examples=10, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(rows=st.lists(DIRTY_TICKET, min_size=1, max_size=30), passed_over=st.integers(0, 3))
def test_every_row_read_is_used_set_aside_or_passed_over(suites, tmp_path_factory, rows, passed_over):
    folder = tmp_path_factory.mktemp("dirty")
    landing = LandingBuilder(folder / "landing")
    landing.land("accounts", accounts(2))
    landing.land("tickets", rows, passed_over={"deleted_at_source": passed_over})
    checked = landing.check(suites, folder / "work", thresholds=lambda *_: 100)
    counts = checked.counts("tickets")
    assert counts.rows_read == len(rows) + passed_over
    assert counts.rows_read == counts.rows_used + counts.rows_set_aside + sum(counts.passed_over.values())
    assert counts == expected_counts(rows, passed_over)


def expected_counts(rows: list[dict], passed_over: int) -> StreamCounts:
    """The same by hand: later ones passed over, unusable ones set aside, of equal keys the last one used."""
    after = [row for row in rows if row["created_at"] == "2026-07-01 00:00:00"]
    seen = [row for row in rows if row not in after]
    usable = [
        row["ticket_id"]
        for row in seen
        if row["ticket_id"]
        and row["created_at"]
        and (row["account_id"] in ("A0", "A1") or row["account_name"] in ("Account 0", "account 1"))
    ]
    used = len(set(usable))
    reasons = {"deleted_at_source": passed_over, "after_as_of": len(after)}
    return StreamCounts(
        len(rows) + passed_over, len(rows), used, len(seen) - used, {k: v for k, v in reasons.items() if v}
    )
