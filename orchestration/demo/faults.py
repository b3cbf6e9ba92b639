"""The catalogue of dirt planted in the demo company: what, in which stream, how often, and what it should cause.

Only the declaration belongs here; `dirt.py` puts it into the rows. `share` is how many rows are planted in a company
of 500 accounts (scaled for others, at least one). Every stream stays below 5 % of unusable rows, so that nothing
critical stops a publication.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """What the fault does to its row."""

    SET_ASIDE = "set_aside"
    BLANK_VALUE = "blank_value"
    LISTED = "listed"
    PASSED_OVER = "passed_over"


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault: `extra` rows are added as faulty copies, others are changed where they stand."""

    name: str
    stream: str
    share: int
    effect: Effect
    extra: bool
    words: str


_ASIDE, _BLANK, _LISTED, _PASSED = Effect.SET_ASIDE, Effect.BLANK_VALUE, Effect.LISTED, Effect.PASSED_OVER

FAULTS: tuple[Fault, ...] = (
    Fault("missing_owner", "accounts", 6, _LISTED, False, "the account has no owner"),
    Fault("missing_geo", "accounts", 3, _LISTED, False, "the account has no GEO"),
    Fault("missing_region", "accounts", 3, _LISTED, False, "the account has no region"),
    Fault("malformed_owner_email", "accounts", 4, _LISTED, False, "the owner's e-mail address is no address"),
    Fault("unknown_segment", "accounts", 2, _BLANK, False, "the segment is none of the known ones"),
    Fault("customer_until_differs", "accounts", 8, _LISTED, False, "customer_until isn't the latest contract end"),
    Fault("customer_since_late", "accounts", 3, _LISTED, False, "customer_since is after the first contract's start"),
    Fault("active_without_contract", "accounts", 3, _LISTED, False, "an active account has no current contract"),
    Fault("churned_with_contract", "accounts", 2, _LISTED, False, "a churned account has a current contract"),
    Fault("duplicate_id", "accounts", 3, _ASIDE, True, "an older version of an account stands in the file too"),
    Fault("missing_name", "accounts", 2, _ASIDE, True, "the account has no name"),
    Fault("shared_normalised_name", "accounts", 2, _LISTED, True, "another account differs in its legal form only"),
    Fault("end_before_start", "contracts", 5, _ASIDE, True, "the contract ends before it starts"),
    Fault("unparseable_amount", "contracts", 5, _ASIDE, True, "the amount is no amount"),
    Fault("missing_amount", "contracts", 3, _ASIDE, True, "the amount is blank"),
    Fault("unparseable_date", "contracts", 3, _ASIDE, True, "the start date is no date"),
    Fault("unknown_account", "contracts", 6, _ASIDE, True, "no such account id"),
    Fault("misspelt_account", "contracts", 3, _ASIDE, True, "the account name is misspelt"),
    Fault("duplicate_id", "contracts", 6, _ASIDE, True, "the same contract twice"),
    Fault("currency_without_rate", "contracts", 4, _ASIDE, True, "no rate for the currency"),
    Fault("overlapping", "contracts", 4, _LISTED, True, "overlaps another contract of the account and product"),
    Fault("won_without_contract_end", "opportunities", 5, _LISTED, False, "won without a contract end date"),
    Fault("won_end_unmatched", "opportunities", 4, _LISTED, False, "no contract ends on the won one's end date"),
    Fault("open_close_date_past", "opportunities", 5, _LISTED, False, "open, and its close date is past"),
    Fault("unparseable_amount", "opportunities", 3, _BLANK, False, "the amount is no amount"),
    Fault("unknown_type", "opportunities", 2, _BLANK, False, "the type is none of the known ones"),
    Fault("missing_created_on", "opportunities", 2, _ASIDE, True, "no creation date"),
    Fault("unknown_account", "opportunities", 4, _ASIDE, True, "no such account id"),
    Fault("duplicate_id", "opportunities", 4, _ASIDE, True, "the same opportunity twice"),
    Fault("currency_without_rate", "opportunities", 2, _ASIDE, True, "no rate for the currency"),
    Fault("check_without_attachment", "activities", 40, _LISTED, False, "a health check without its attachment"),
    Fault("unknown_account", "activities", 20, _ASIDE, True, "no such account id"),
    Fault("misspelt_account", "activities", 15, _ASIDE, True, "the account name is misspelt"),
    Fault("ambiguous_account", "activities", 4, _ASIDE, True, "the account name fits two accounts"),
    Fault("duplicate_id", "activities", 15, _ASIDE, True, "the same activity twice"),
    Fault("unparseable_timestamp", "activities", 8, _ASIDE, True, "the timestamp is none"),
    Fault("missing_subject", "activities", 5, _ASIDE, True, "no subject"),
    Fault("missing_owner", "activities", 4, _ASIDE, True, "no person"),
    Fault("after_as_of", "activities", 6, _PASSED, True, "dated after the as-of date"),
    Fault("sentiment_out_of_range", "activities", 6, _BLANK, False, "sentiment beyond 1"),
    Fault("unparseable_response_hours", "activities", 4, _BLANK, False, "the response time is no number"),
    Fault("unknown_type", "activities", 4, _BLANK, False, "the type is none of the known ones"),
    Fault("unparseable_attachment", "activities", 3, _BLANK, False, "the attachment flag is neither yes nor no"),
    Fault("unknown_account", "contacts", 3, _ASIDE, True, "no such account id"),
    Fault("duplicate_id", "contacts", 3, _ASIDE, True, "the same contact twice"),
    Fault("unknown_role", "contacts", 4, _BLANK, False, "the role is none of the known ones"),
    Fault("unknown_account", "signals", 2, _ASIDE, True, "no such account id"),
    Fault("unknown_type", "signals", 3, _ASIDE, True, "the type is none of the known ones"),
    Fault("unknown_severity", "signals", 2, _BLANK, False, "the severity is none of the known ones"),
    Fault("unknown_account", "tickets", 10, _ASIDE, True, "no such account id"),
    Fault("duplicate_id", "tickets", 8, _ASIDE, True, "the same ticket twice"),
    Fault("unparseable_created_at", "tickets", 4, _ASIDE, True, "the creation time is none"),
    Fault("after_as_of", "tickets", 3, _PASSED, True, "dated after the as-of date"),
    Fault("csat_out_of_range", "tickets", 8, _BLANK, False, "csat 9"),
    Fault("solved_before_created", "tickets", 8, _BLANK, False, "solved before it was created"),
    Fault("sentiment_out_of_range", "tickets", 5, _BLANK, False, "sentiment beyond 1"),
    Fault("unknown_priority", "tickets", 5, _BLANK, False, "the priority is none of the known ones"),
    Fault("unknown_account", "usage", 20, _ASIDE, True, "no such account id"),
    Fault("duplicate_id", "usage", 25, _ASIDE, True, "the same account and day twice"),
    Fault("unparseable_date", "usage", 5, _ASIDE, True, "the date is none"),
    Fault("capacity_out_of_range", "usage", 6, _BLANK, False, "more than 1,000 % of the capacity used"),
    Fault("uptime_out_of_range", "usage", 6, _BLANK, False, "more than 100 % up"),
    Fault("unparseable_active_users", "usage", 6, _BLANK, False, "the number of users is no number"),
    Fault("spike", "usage", 5, _LISTED, False, "a day over 3 times the account's 28-day mean"),
    Fault("unknown_account", "survey_responses", 3, _ASIDE, True, "no such account name"),
    Fault("duplicate_id", "survey_responses", 2, _ASIDE, True, "the same survey twice"),
    Fault("score_out_of_range", "survey_responses", 3, _BLANK, False, "a score of 11"),
    Fault("unknown_account", "invoices", 5, _ASIDE, True, "no such account id"),
    Fault("duplicate_id", "invoices", 4, _ASIDE, True, "the same invoice twice"),
    Fault("currency_without_rate", "invoices", 2, _ASIDE, True, "no rate for the currency"),
    Fault("unparseable_amount", "invoices", 4, _BLANK, False, "the amount is no amount"),
    Fault("unknown_status", "invoices", 3, _BLANK, False, "the status is none of the known ones"),
    Fault("unknown_account", "interventions", 1, _ASIDE, True, "no such account id"),
    Fault("unknown_outcome", "interventions", 1, _BLANK, False, "the outcome is none of the known ones"),
    Fault("unparseable_rate", "fx_rates", 1, _ASIDE, True, "the rate is no number"),
)
# Accounts whose usage misses four days running in the last 28: a fault of days that are not in the file at all.
USAGE_GAP_ACCOUNTS = 5
