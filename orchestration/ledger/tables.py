"""The tables of the ledger. `migrations/` makes them; a test holds the two together.

Timestamps are naive and mean UTC. Transitions and alert entries are append-only: the database refuses to change them.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    text,
)

METADATA = MetaData()

# SQLite numbers rows by itself only for INTEGER keys.
_Sequence = BigInteger().with_variant(Integer, "sqlite")


def _work() -> tuple[Column, ...]:
    """What the worker keeps of a piece of work: attempts, lease, and the outward call it may have made."""
    return (
        Column("connector", Text),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
        Column("next_attempt_at", DateTime),
        Column("lease_owner", Text),
        Column("lease_until", DateTime),
        # Set before every outward call and taken away once its outcome is known.
        Column("called_at", DateTime),
        Column("reference", Text),
        Column("problem", Text),
    )


# What the engine says of an action, as the newest publication that has it; nothing of it is the ledger's.
DESCRIBED = (
    *("account_id", "account_name", "action", "kind", "subject", "title", "owner_role", "owner", "geo", "region"),
    *("segment", "priority", "sensitivity", "mode", "due_on", "rationale", "evidence", "guards", "score"),
)


def _described() -> tuple[Column, ...]:
    return (
        Column("account_id", Text, nullable=False),
        Column("account_name", Text),
        Column("action", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("subject", Text),
        Column("title", Text, nullable=False),
        Column("owner_role", Text),
        Column("owner", Text),
        Column("geo", Text),
        Column("region", Text),
        Column("segment", Text),
        Column("priority", Text, nullable=False),
        Column("sensitivity", Text, nullable=False),
        Column("mode", Text, nullable=False),
        Column("due_on", Date),
        Column("rationale", Text),
        Column("evidence", Text),
        Column("guards", Text),
        Column("score", Numeric(4, 1)),
    )


# One row an action (an episode of one).
actions = Table(
    "actions",
    METADATA,
    Column("action_id", Text, primary_key=True),
    *_described(),
    Column("status", Text, nullable=False),
    Column("status_since", DateTime, nullable=False),
    Column("previous_status", Text),
    # The number of the change that last moved it; transitions of a change are written from the rows that bear it.
    Column("moved_in", BigInteger, nullable=False),
    # The mode a person's decision was made under: it stands until the mode is stricter.
    Column("decided_under", Text),
    Column("requested_by", Text),
    Column("approved_by", Text),
    Column("snoozed_until", Date),
    *_work(),
    Index("actions_status", "status", "next_attempt_at"),
    Index("actions_moved_in", "moved_in"),
    Index("actions_account_id", "account_id"),
)

# One row a transition of an action.
transitions = Table(
    "transitions",
    METADATA,
    Column("transition_id", _Sequence, primary_key=True, autoincrement=True),
    Column("action_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text),
    Column("from_status", Text),
    Column("to_status", Text, nullable=False),
    Column("acted_by", Text, nullable=False),
    Column("acted_at", DateTime, nullable=False),
    Column("reason", Text),
    Column("written_score", Numeric(4, 1)),
    Index("transitions_action_id", "action_id"),
    sqlite_autoincrement=True,
)

# One row an alert.
alerts = Table(
    "alerts",
    METADATA,
    Column("alert_id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("account_name", Text),
    Column("alert", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("evidence", Text),
    Column("at_once", Boolean, nullable=False),
    Column("to_role", Text, nullable=False),
    Column("to_name", Text),
    Column("raised_at", DateTime, nullable=False),
    # The last step that was done; closed and cleared alerts are over.
    Column("step", Text, nullable=False),
    Column("escalated_at", DateTime),
    Column("cleared_at", DateTime),
    Index("alerts_step", "step"),
)

# One row a step of an alert.
alert_entries = Table(
    "alert_entries",
    METADATA,
    Column("entry_id", _Sequence, primary_key=True, autoincrement=True),
    Column("alert_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("alert", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("acted_by", Text),
    Column("acted_at", DateTime, nullable=False),
    Column("to_role", Text),
    Column("note", Text),
    Index("alert_entries_alert_id", "alert_id"),
    sqlite_autoincrement=True,
)

# One row a message about alerts: at once, an escalation, or the digest of a day. The key says what it is about, so none
# is made twice.
notices = Table(
    "notices",
    METADATA,
    Column("notice_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("to_role", Text, nullable=False),
    Column("to_name", Text),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("made_at", DateTime, nullable=False),
    Column("status", Text, nullable=False),
    *_work(),
    Index("notices_status", "status", "next_attempt_at"),
)

# One row a publication that was taken in.
publications = Table(
    "publications",
    METADATA,
    Column("change", _Sequence, primary_key=True, autoincrement=True),
    Column("as_of_date", Date, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("taken_in_at", DateTime, nullable=False),
    sqlite_autoincrement=True,
)

# One row a record that a call from outside names. No call counts twice: neither by its id, which a header may hold, nor
# by its signature, which no header can change. Of a body nothing is kept but these ids.
hook_calls = Table(
    "hook_calls",
    METADATA,
    Column("number", _Sequence, primary_key=True, autoincrement=True),
    Column("system", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("call_id", Text, nullable=False),
    Column("signature", Text, nullable=False),
    # Place of the record in its call.
    Column("place", Integer, nullable=False),
    Column("object", Text, nullable=False),
    Column("record_id", Text),
    Column("account_id", Text),
    Column("occurred_at", DateTime),
    Column("received_at", DateTime, nullable=False),
    # The run that read what changed; none while the call waits.
    Column("taken_in_run", Text),
    UniqueConstraint("system", "call_id", "place", name="hook_calls_call_id"),
    UniqueConstraint("system", "signature", "place", name="hook_calls_signature"),
    Index("hook_calls_taken_in_run", "taken_in_run", "system"),
    Index("hook_calls_received_at", "received_at"),
    sqlite_autoincrement=True,
)

# One row a record of another system: the values that it last accepted from us, as JSON.
written_records = Table(
    "written_records",
    METADATA,
    Column("target", Text, primary_key=True),
    Column("record_id", Text, primary_key=True),
    Column("written", Text, nullable=False),
    Column("accepted_at", DateTime, nullable=False),
)

# One row a record whose values have to be written, as JSON: `waiting`, or `dead` when the system refused them.
write_queue = Table(
    "write_queue",
    METADATA,
    Column("target", Text, primary_key=True),
    Column("record_id", Text, primary_key=True),
    Column("wanted", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_attempt_at", DateTime),
    Column("lease_owner", Text),
    Column("lease_until", DateTime),
    # Set before every call and taken away once its outcome is known.
    Column("called_at", DateTime),
    Column("problem", Text),
    Column("first_wanted_at", DateTime, nullable=False),
    Index("write_queue_order", "target", "status", "first_wanted_at", "record_id"),
)

# One row a sign-in to the portal that isn't over. The key is a hash: who reads the table can't become anybody.
sessions = Table(
    "sessions",
    METADATA,
    Column("session_hash", Text, primary_key=True),
    # The person as sign-in told of them, as JSON: name, groups, how they signed in.
    Column("identity", Text, nullable=False),
    Column("person", Text, nullable=False),
    # What ends the session from outside: the identity provider's own name of it.
    Column("provider_session", Text),
    Column("started_at", DateTime, nullable=False),
    Column("last_seen_at", DateTime, nullable=False),
    Column("ends_at", DateTime, nullable=False),
    Index("sessions_ends_at", "ends_at"),
    Index("sessions_provider_session", "provider_session"),
)

# One row a message of an identity provider that was taken: none is taken twice.
taken_assertions = Table(
    "taken_assertions",
    METADATA,
    Column("assertion_id", Text, primary_key=True),
    Column("forget_at", DateTime, nullable=False),
    Index("taken_assertions_forget_at", "forget_at"),
)

# One row a service token. The token itself is nowhere, only its hash.
service_tokens = Table(
    "service_tokens",
    METADATA,
    Column("token_id", Text, primary_key=True),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    # What it may read and as whom, as JSON: tables, roles, areas.
    Column("scope", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("made_at", DateTime, nullable=False),
    Column("expires_at", DateTime, nullable=False),
    Column("revoked_at", DateTime),
    Column("last_used_at", DateTime),
)

# One row a thing that somebody did, or wasn't let do, with the portal.
audit_log = Table(
    "audit_log",
    METADATA,
    Column("entry_id", _Sequence, primary_key=True, autoincrement=True),
    Column("happened_at", DateTime, nullable=False),
    Column("person", Text),
    # sign_in, sign_out, denied, export, decision, policy_preview, ...
    Column("event", Text, nullable=False),
    # What it was about: a path, a table, the id of an action.
    Column("subject", Text),
    Column("account_id", Text),
    Column("detail", Text),
    Column("address", Text),
    Column("request_id", Text),
    Index("audit_log_happened_at", "happened_at"),
    Index("audit_log_account_id", "account_id"),
    sqlite_autoincrement=True,
)

APPEND_ONLY = (transitions, alert_entries, audit_log)
