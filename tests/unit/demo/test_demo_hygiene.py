"""The raw checks find in the demo company exactly what was planted: each rule as many rows, and no row too many."""

from __future__ import annotations

from collections import Counter
from datetime import date

import duckdb
import pytest

from orchestration.demo import DemoSummary, write_demo
from orchestration.demo.faults import Effect
from orchestration.refresh.check import check
from orchestration.refresh.extract import extract
from orchestration.refresh.run import Run
from orchestration.settings import Settings
from orchestration.sources.streams import STREAMS

AS_OF = date(2026, 6, 30)

# What a rule of `expectations/` should find, by the faults planted in its stream. Every other rule finds nothing.
RULES: dict[tuple[str, str], tuple[str, ...]] = {
    ("accounts", "account_name_present"): ("missing_name",),
    ("accounts", "active_account_has_contract"): ("active_without_contract",),
    ("accounts", "churned_account_has_no_contract"): ("churned_with_contract",),
    ("accounts", "customer_since_before_first_contract"): ("customer_since_late",),
    ("accounts", "customer_until_matches_contracts"): ("customer_until_differs",),
    ("accounts", "geo_present"): ("missing_geo",),
    ("accounts", "id_unique"): ("duplicate_id",),
    # both accounts that share the name
    ("accounts", "normalised_name_unique"): ("shared_normalised_name", "shared_normalised_name"),
    ("accounts", "owner_email_well_formed"): ("malformed_owner_email",),
    ("accounts", "owner_present"): ("missing_owner",),
    ("accounts", "region_present"): ("missing_region",),
    ("accounts", "values_readable"): ("unknown_segment",),
    ("activities", "account_known"): ("unknown_account", "misspelt_account", "ambiguous_account"),
    ("activities", "health_check_has_attachment"): ("check_without_attachment",),
    ("activities", "id_unique"): ("duplicate_id",),
    ("activities", "occurred_at_present"): ("unparseable_timestamp",),
    ("activities", "owner_name_present"): ("missing_owner",),
    ("activities", "sentiment_in_range"): ("sentiment_out_of_range",),
    ("activities", "subject_present"): ("missing_subject",),
    ("activities", "values_readable"): ("unparseable_response_hours", "unknown_type", "unparseable_attachment"),
    ("contacts", "account_known"): ("unknown_account",),
    ("contacts", "id_unique"): ("duplicate_id",),
    ("contacts", "values_readable"): ("unknown_role",),
    ("contracts", "account_known"): ("unknown_account", "misspelt_account"),
    ("contracts", "amount_present"): ("unparseable_amount", "missing_amount"),
    ("contracts", "contracts_do_not_overlap"): ("overlapping",),
    ("contracts", "currency_has_rate"): ("currency_without_rate",),
    ("contracts", "end_on_or_after_start"): ("end_before_start",),
    ("contracts", "id_unique"): ("duplicate_id",),
    ("contracts", "start_date_present"): ("unparseable_date",),
    ("fx_rates", "rate_to_reporting_present"): ("unparseable_rate",),
    ("interventions", "account_known"): ("unknown_account",),
    ("interventions", "values_readable"): ("unknown_outcome",),
    ("invoices", "account_known"): ("unknown_account",),
    ("invoices", "currency_has_rate"): ("currency_without_rate",),
    ("invoices", "id_unique"): ("duplicate_id",),
    ("invoices", "values_readable"): ("unparseable_amount", "unknown_status"),
    ("opportunities", "account_known"): ("unknown_account",),
    ("opportunities", "created_on_present"): ("missing_created_on",),
    ("opportunities", "currency_has_rate"): ("currency_without_rate",),
    ("opportunities", "id_unique"): ("duplicate_id",),
    ("opportunities", "open_close_date_not_past"): ("open_close_date_past",),
    ("opportunities", "values_readable"): ("unparseable_amount", "unknown_type"),
    ("opportunities", "won_contract_exists"): ("won_end_unmatched",),
    ("opportunities", "won_has_contract_end"): ("won_without_contract_end",),
    ("signals", "account_known"): ("unknown_account",),
    ("signals", "signal_type_present"): ("unknown_type",),
    ("signals", "values_readable"): ("unknown_severity",),
    ("survey_responses", "account_known"): ("unknown_account",),
    ("survey_responses", "id_unique"): ("duplicate_id",),
    ("survey_responses", "score_in_range"): ("score_out_of_range",),
    ("tickets", "account_known"): ("unknown_account",),
    ("tickets", "created_at_present"): ("unparseable_created_at",),
    ("tickets", "csat_in_range"): ("csat_out_of_range",),
    ("tickets", "id_unique"): ("duplicate_id",),
    ("tickets", "sentiment_in_range"): ("sentiment_out_of_range",),
    ("tickets", "solved_on_or_after_created"): ("solved_before_created",),
    ("tickets", "values_readable"): ("unknown_priority",),
    ("usage", "account_known"): ("unknown_account",),
    ("usage", "capacity_used_in_range"): ("capacity_out_of_range",),
    ("usage", "id_unique"): ("duplicate_id",),
    ("usage", "no_gaps"): ("gap",),
    ("usage", "uptime_in_range"): ("uptime_out_of_range",),
    ("usage", "usage_date_present"): ("unparseable_date",),
    ("usage", "values_readable"): ("unparseable_active_users",),
}
# Found too, and not planted row by row: health checks that name no opportunity while one happens to be open.
COMMON = {("activities", "health_check_has_opportunity")}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[DemoSummary, list[tuple]]:
    """The summary of a demo company, and (stream, rule, column, effect) of all that the checks found in it."""
    home = tmp_path_factory.mktemp("home")
    summary = write_demo(home / "drop", AS_OF)
    run = Run(Settings(home=home, drop=home / "drop"), AS_OF, "demo")
    for stream in STREAMS:
        assert extract(run, stream).problem is None
    check(run)
    failures = duckdb.read_parquet(str(run.checks_folder / "row_failures.parquet"))
    return summary, failures.project("stream, rule, column_name, effect").fetchall()


def test_each_rule_finds_the_rows_that_were_planted_for_it(made: tuple[DemoSummary, list[tuple]]) -> None:
    summary, failures = made
    found = Counter((stream, rule) for stream, rule, column, _ in failures if column != "logins")
    planted = {rule: sum(summary.fault(rule[0], fault).rows for fault in faults) for rule, faults in RULES.items()}
    planted["usage", "no_spikes"] = summary.fault("usage", "spike").rows
    assert {rule: n for rule, n in found.items() if rule not in COMMON} == planted


def test_as_many_rows_are_set_aside_as_the_summary_says(made: tuple[DemoSummary, list[tuple]]) -> None:
    summary, failures = made
    found = Counter(stream for stream, _, _, effect in failures if effect == "set_aside")
    assert {stream: found[stream] for stream in STREAMS} == {
        stream: summary.rows_with(Effect.SET_ASIDE, stream) for stream in STREAMS
    }
