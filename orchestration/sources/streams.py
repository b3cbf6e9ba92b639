"""The canonical streams: which columns each has, of what kind, and what makes a row of it unusable.

This is the contract between extraction (which fills these columns), the raw checks and the dbt staging models
(which read them). What a value may lie between is not here: ranges are expectations (`expectations/`), and
everything a user may want to change is policy (`policies/`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import pyarrow as pa


class Kind(StrEnum):
    """What a cell holds; decides how its text is parsed and which type it lands as."""

    ID = "id"
    TEXT = "text"
    ENUM = "enum"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    MONEY = "money"
    CURRENCY = "currency"
    NUMBER = "number"
    INTEGER = "integer"
    RATE = "rate"

    @property
    def arrow_type(self) -> pa.DataType:
        return _ARROW_TYPES[self]


_ARROW_TYPES: Mapping[Kind, pa.DataType] = MappingProxyType(
    {
        Kind.ID: pa.string(),
        Kind.TEXT: pa.string(),
        Kind.ENUM: pa.string(),
        Kind.BOOLEAN: pa.bool_(),
        Kind.DATE: pa.date32(),
        Kind.TIMESTAMP: pa.timestamp("us"),
        # Four decimals hold every ISO 4217 minor unit; 19 + 18 digits keep amount x rate inside 38 on Spark too.
        Kind.MONEY: pa.decimal128(19, 4),
        Kind.CURRENCY: pa.string(),
        Kind.NUMBER: pa.decimal128(18, 6),
        Kind.INTEGER: pa.int64(),
        Kind.RATE: pa.decimal128(18, 12),
    }
)


@dataclass(frozen=True, slots=True)
class Column:
    """One canonical column.

    `required`: the file must have the column. `required_value`: a row without a usable value in it is set aside
    (a blank boolean is false, so booleans never are). `aliases`: other headers it goes by, compared without case,
    spaces and underscores.
    """

    name: str
    kind: Kind
    required: bool = False
    required_value: bool = False
    values: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stream:
    """One canonical stream: its columns in published order, its key, and the column that dates its events.

    `from_ledger`: the home's own ledger exports it; no system of the customer's has such records.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    required: bool = False
    event_column: str | None = None
    from_ledger: bool = False

    @property
    def refers_to_account(self) -> bool:
        """Whether rows name an account that has to be matched (not accounts itself, and what is about no account)."""
        return self.name != "accounts" and any(column.name == "account_id" for column in self.columns)

    def column(self, name: str) -> Column:
        """The column called `name`; raises KeyError when the stream has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"stream {self.name} has no column {name}")


def _required(name: str, kind: Kind, **more) -> Column:
    """A `*` column: must be in the file, and its value must be usable."""
    return Column(name, kind, required=True, required_value=True, **more)


def _in_file(name: str, kind: Kind, **more) -> Column:
    """A `*` column whose value may be blank: blanks have a meaning or a rule of their own."""
    return Column(name, kind, required=True, **more)


def _account_reference() -> tuple[Column, Column]:
    # Either may stand in the file; extraction asks for one of the two, the checks for a match.
    return (
        Column("account_id", Kind.ID),
        Column("account_name", Kind.TEXT, aliases=("account",)),
    )


# What the ledger says of an action and of an alert; the state machine of actions is in orchestration/actions.
ACTION_STATUSES = (
    "recommended",
    "suppressed",
    "pending_approval",
    "approved",
    "queued",
    "executing",
    "snoozed",
    "done",
    "failed",
    "rejected",
    "expired",
    "cause_cleared",
)
ALERT_STEPS = (
    "raised",
    "acknowledged",
    "assessed",
    "planned",
    "executed",
    "followed_up",
    "escalated",
    "closed",
)

_STREAMS = (
    Stream(
        "accounts",
        (
            Column("account_id", Kind.ID),
            _required("account_name", Kind.TEXT, aliases=("account",)),
            _in_file("owner_name", Kind.TEXT, aliases=("owner",)),
            Column("owner_email", Kind.TEXT),
            Column("csm_name", Kind.TEXT),
            Column("csm_email", Kind.TEXT),
            Column("ae_name", Kind.TEXT),
            Column("ae_email", Kind.TEXT),
            _in_file("geo", Kind.TEXT),
            _in_file("region", Kind.TEXT),
            Column("segment", Kind.ENUM, values=("smb", "mid_market", "enterprise")),
            Column("lifecycle", Kind.ENUM, values=("onboarding", "active", "renewal", "churned")),
            Column("industry", Kind.TEXT),
            Column("parent_account_id", Kind.ID),
            Column("customer_since", Kind.DATE),
            Column("customer_until", Kind.DATE),
            Column("churned_on", Kind.DATE),
            Column("health_data_enrolled", Kind.BOOLEAN),
            Column("reference_customer", Kind.BOOLEAN),
            Column("self_managed", Kind.BOOLEAN),
            Column("sla_target_pct", Kind.NUMBER),
            Column("contracted_capacity", Kind.NUMBER),
            Column("capacity_upgrade_arr", Kind.MONEY),
            Column("new_site_planned", Kind.BOOLEAN),
            Column("new_site_count", Kind.INTEGER),
            Column("new_site_arr", Kind.MONEY),
            Column("new_site_timeline", Kind.TEXT),
            Column("managed_services_arr", Kind.MONEY),
            Column("updated_at", Kind.TIMESTAMP),
        ),
        key=("account_id",),
        required=True,
    ),
    Stream(
        "contracts",
        (
            Column("contract_id", Kind.ID),
            *_account_reference(),
            _required("product", Kind.TEXT),
            _required("start_date", Kind.DATE),
            _required("end_date", Kind.DATE),
            _required("amount", Kind.MONEY),
            Column("currency", Kind.CURRENCY),
            Column("auto_renew", Kind.BOOLEAN),
        ),
        key=("contract_id",),
        required=True,
    ),
    Stream(
        "opportunities",
        (
            _required("opportunity_id", Kind.ID),
            *_account_reference(),
            Column("name", Kind.TEXT, aliases=("opportunity_name", "opportunity")),
            Column("type", Kind.ENUM, values=("new", "renewal", "expansion")),
            Column("stage", Kind.TEXT),
            Column("amount", Kind.MONEY),
            Column("currency", Kind.CURRENCY),
            _required("created_on", Kind.DATE),
            Column("close_date", Kind.DATE),
            Column("is_closed", Kind.BOOLEAN),
            Column("is_won", Kind.BOOLEAN),
            Column("contract_end_date", Kind.DATE),
            Column("competitor", Kind.TEXT),
        ),
        key=("opportunity_id",),
        event_column="created_on",
    ),
    Stream(
        "activities",
        (
            Column("activity_id", Kind.ID),
            *_account_reference(),
            Column("opportunity_id", Kind.ID),
            Column("opportunity_name", Kind.TEXT, aliases=("opportunity",)),
            _required("owner_name", Kind.TEXT, aliases=("name",)),
            Column("owner_email", Kind.TEXT),
            Column("type", Kind.ENUM, values=("call", "email", "meeting", "qbr", "task", "other")),
            _required("subject", Kind.TEXT),
            _required("occurred_at", Kind.TIMESTAMP, aliases=("timestamp",)),
            _in_file("has_attachment", Kind.BOOLEAN, aliases=("attachment",)),
            Column("revenue", Kind.MONEY),
            Column("revenue_currency", Kind.CURRENCY),
            Column("status", Kind.ENUM, values=("planned", "completed", "declined", "no_show")),
            Column("accepted", Kind.BOOLEAN),
            Column("response_hours", Kind.NUMBER),
            Column("sentiment", Kind.NUMBER),
        ),
        key=("activity_id",),
        required=True,
        event_column="occurred_at",
    ),
    Stream(
        "contacts",
        (
            _required("contact_id", Kind.ID),
            *_account_reference(),
            Column("role", Kind.ENUM, values=("executive", "technical", "business", "other")),
            Column("started_on", Kind.DATE),
            Column("ended_on", Kind.DATE),
        ),
        key=("contact_id",),
    ),
    Stream(
        "signals",
        (
            _required("signal_id", Kind.ID),
            *_account_reference(),
            _required(
                "signal_type",
                Kind.ENUM,
                values=(
                    "leadership_change",
                    "budget_pressure",
                    "pricing_inquiry",
                    "cost_reduction",
                    "rfp",
                    "competitor_mention",
                    "pricing_comparison",
                    "executive_complaint",
                    "feature_request",
                    "blocker",
                    "outage",
                ),
            ),
            _required("observed_on", Kind.DATE),
            Column("severity", Kind.ENUM, values=("minor", "major")),
            Column("resolved_on", Kind.DATE),
            Column("note", Kind.TEXT),
        ),
        key=("signal_id",),
        event_column="observed_on",
    ),
    Stream(
        "tickets",
        (
            _required("ticket_id", Kind.ID),
            *_account_reference(),
            _required("created_at", Kind.TIMESTAMP),
            Column("solved_at", Kind.TIMESTAMP),
            Column("priority", Kind.ENUM, values=("low", "normal", "high", "urgent")),
            Column("is_incident", Kind.BOOLEAN),
            Column("escalated", Kind.BOOLEAN),
            Column("sla_met", Kind.BOOLEAN),
            Column("csat", Kind.NUMBER),
            Column("sentiment", Kind.NUMBER),
            Column("topic", Kind.TEXT),
        ),
        key=("ticket_id",),
        event_column="created_at",
    ),
    Stream(
        "usage",
        (
            *_account_reference(),
            _required("usage_date", Kind.DATE),
            Column("active_users", Kind.NUMBER),
            Column("seats", Kind.NUMBER),
            Column("logins", Kind.NUMBER),
            Column("capacity_used_pct", Kind.NUMBER),
            Column("uptime_pct", Kind.NUMBER),
            Column("services_used", Kind.NUMBER),
            Column("services_contracted", Kind.NUMBER),
        ),
        key=("account_id", "usage_date"),
        event_column="usage_date",
    ),
    Stream(
        "survey_responses",
        (
            _required("survey_id", Kind.ID),
            *_account_reference(),
            Column("survey_type", Kind.ENUM, values=("quarterly", "onboarding", "post_support", "pre_renewal")),
            _required("sent_on", Kind.DATE),
            Column("responded_on", Kind.DATE),
            Column("score", Kind.NUMBER),
        ),
        key=("survey_id",),
        event_column="sent_on",
    ),
    Stream(
        "invoices",
        (
            _required("invoice_id", Kind.ID),
            *_account_reference(),
            _required("issued_on", Kind.DATE),
            Column("due_on", Kind.DATE),
            Column("paid_on", Kind.DATE),
            Column("amount", Kind.MONEY),
            Column("currency", Kind.CURRENCY),
            Column("status", Kind.ENUM, values=("open", "paid", "failed", "disputed")),
        ),
        key=("invoice_id",),
        event_column="issued_on",
    ),
    Stream(
        "interventions",
        (
            _required("intervention_id", Kind.ID),
            *_account_reference(),
            _required("strategy", Kind.TEXT),
            _required("opened_on", Kind.DATE),
            Column("closed_on", Kind.DATE),
            Column("outcome", Kind.ENUM, values=("recovered", "lost", "open")),
            Column("root_cause", Kind.TEXT),
        ),
        key=("intervention_id",),
        event_column="opened_on",
    ),
    Stream(
        "csm_calls",
        (
            _required("call_id", Kind.ID),
            *_account_reference(),
            _required("status", Kind.ENUM, values=("green", "yellow", "red", "withdrawn")),
            _required("reason", Kind.TEXT),
            _required("called_by", Kind.TEXT),
            _required("called_at", Kind.TIMESTAMP),
            _required("expires_on", Kind.DATE),
        ),
        key=("call_id",),
        event_column="called_at",
    ),
    Stream(
        "hygiene_acceptances",
        (
            _required("acceptance_id", Kind.ID),
            _required("issue_id", Kind.ID),
            _required("status", Kind.ENUM, values=("accepted", "withdrawn")),
            _required("reason", Kind.TEXT),
            _required("accepted_by", Kind.TEXT),
            _required("accepted_at", Kind.TIMESTAMP),
            _required("accepted_until", Kind.DATE),
        ),
        key=("acceptance_id",),
        event_column="accepted_at",
    ),
    Stream(
        "action_log",
        (
            _required("transition_id", Kind.ID),
            _required("action_id", Kind.ID),
            *_account_reference(),
            _required("action", Kind.TEXT),
            Column("subject", Kind.TEXT),
            Column("from_status", Kind.ENUM, values=ACTION_STATUSES),
            _required("to_status", Kind.ENUM, values=ACTION_STATUSES),
            _required("acted_by", Kind.TEXT),
            _required("acted_at", Kind.TIMESTAMP),
            Column("reason", Kind.TEXT),
            Column("written_score", Kind.NUMBER),
        ),
        key=("transition_id",),
        event_column="acted_at",
        from_ledger=True,
    ),
    Stream(
        "alert_log",
        (
            _required("entry_id", Kind.ID),
            _required("alert_id", Kind.ID),
            *_account_reference(),
            _required("alert", Kind.TEXT),
            _required("step", Kind.ENUM, values=ALERT_STEPS),
            Column("acted_by", Kind.TEXT),
            _required("acted_at", Kind.TIMESTAMP),
            Column("to_role", Kind.TEXT),
            Column("note", Kind.TEXT),
        ),
        key=("entry_id",),
        event_column="acted_at",
        from_ledger=True,
    ),
    Stream(
        "fx_rates",
        (
            _required("currency", Kind.CURRENCY),
            _required("valid_from", Kind.DATE),
            _required("rate_to_reporting", Kind.RATE),
        ),
        key=("currency", "valid_from"),
    ),
)

STREAMS: Mapping[str, Stream] = MappingProxyType({stream.name: stream for stream in _STREAMS})

FAULTS_TYPE = pa.list_(pa.struct([("column", pa.string()), ("value", pa.string())]))


def landing_schema(stream: Stream) -> pa.Schema:
    """The Arrow schema of a landed file of `stream`: bookkeeping columns first, then every canonical column."""
    bookkeeping = [
        pa.field("_extraction_id", pa.string()),
        pa.field("_source", pa.string()),
        pa.field("_file", pa.string()),
        pa.field("_row", pa.int64()),
        pa.field("_faults", FAULTS_TYPE),
    ]
    if stream.refers_to_account or stream.name == "accounts":
        bookkeeping.append(pa.field("_account_name_folded", pa.string()))
    return pa.schema(bookkeeping + [pa.field(c.name, c.kind.arrow_type) for c in stream.columns])
