"""The first ledger: actions, transitions, alerts, messages about alerts, publications taken in."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_APPEND_ONLY = ("transitions", "alert_entries")


def _work() -> tuple[sa.Column, ...]:
    return (
        sa.Column("connector", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("next_attempt_at", sa.DateTime),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_until", sa.DateTime),
        sa.Column("called_at", sa.DateTime),
        sa.Column("reference", sa.Text),
        sa.Column("problem", sa.Text),
    )


def upgrade() -> None:
    """Make all tables."""
    sequence = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "actions",
        sa.Column("action_id", sa.Text, primary_key=True),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("account_name", sa.Text),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("owner_role", sa.Text),
        sa.Column("owner", sa.Text),
        sa.Column("geo", sa.Text),
        sa.Column("region", sa.Text),
        sa.Column("segment", sa.Text),
        sa.Column("priority", sa.Text, nullable=False),
        sa.Column("sensitivity", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("due_on", sa.Date),
        sa.Column("rationale", sa.Text),
        sa.Column("evidence", sa.Text),
        sa.Column("guards", sa.Text),
        sa.Column("score", sa.Numeric(4, 1)),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("status_since", sa.DateTime, nullable=False),
        sa.Column("previous_status", sa.Text),
        sa.Column("moved_in", sa.BigInteger, nullable=False),
        sa.Column("decided_under", sa.Text),
        sa.Column("requested_by", sa.Text),
        sa.Column("approved_by", sa.Text),
        sa.Column("snoozed_until", sa.Date),
        *_work(),
    )
    op.create_index("actions_status", "actions", ["status", "next_attempt_at"])
    op.create_index("actions_moved_in", "actions", ["moved_in"])
    op.create_index("actions_account_id", "actions", ["account_id"])
    op.create_table(
        "transitions",
        sa.Column("transition_id", sequence, primary_key=True, autoincrement=True),
        sa.Column("action_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text),
        sa.Column("from_status", sa.Text),
        sa.Column("to_status", sa.Text, nullable=False),
        sa.Column("acted_by", sa.Text, nullable=False),
        sa.Column("acted_at", sa.DateTime, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("written_score", sa.Numeric(4, 1)),
        sqlite_autoincrement=True,
    )
    op.create_index("transitions_action_id", "transitions", ["action_id"])
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.Text, primary_key=True),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("account_name", sa.Text),
        sa.Column("alert", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("evidence", sa.Text),
        sa.Column("at_once", sa.Boolean, nullable=False),
        sa.Column("to_role", sa.Text, nullable=False),
        sa.Column("to_name", sa.Text),
        sa.Column("raised_at", sa.DateTime, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("escalated_at", sa.DateTime),
        sa.Column("cleared_at", sa.DateTime),
    )
    op.create_index("alerts_step", "alerts", ["step"])
    op.create_table(
        "alert_entries",
        sa.Column("entry_id", sequence, primary_key=True, autoincrement=True),
        sa.Column("alert_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("alert", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("acted_by", sa.Text),
        sa.Column("acted_at", sa.DateTime, nullable=False),
        sa.Column("to_role", sa.Text),
        sa.Column("note", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("alert_entries_alert_id", "alert_entries", ["alert_id"])
    op.create_table(
        "notices",
        sa.Column("notice_id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("to_role", sa.Text, nullable=False),
        sa.Column("to_name", sa.Text),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("made_at", sa.DateTime, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        *_work(),
    )
    op.create_index("notices_status", "notices", ["status", "next_attempt_at"])
    op.create_table(
        "publications",
        sa.Column("change", sequence, primary_key=True, autoincrement=True),
        sa.Column("as_of_date", sa.Date, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("taken_in_at", sa.DateTime, nullable=False),
        sqlite_autoincrement=True,
    )
    _make_append_only()


def _make_append_only() -> None:
    """What was done can't be undone by changing the log."""
    if op.get_bind().dialect.name == "sqlite":
        for table in _APPEND_ONLY:
            for verb in ("update", "delete"):
                op.execute(
                    f"create trigger {table}_no_{verb} before {verb} on {table}"
                    f" begin select raise(abort, '{table} is append-only'); end"
                )
        return
    op.execute(
        "create function refuse_change() returns trigger language plpgsql as"
        " $$ begin raise exception '% is append-only', tg_table_name; end $$"
    )
    for table in _APPEND_ONLY:
        op.execute(
            f"create trigger {table}_append_only before update or delete or truncate on {table}"
            " for each statement execute function refuse_change()"
        )
