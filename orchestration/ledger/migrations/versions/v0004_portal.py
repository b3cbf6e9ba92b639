"""What the portal keeps: sessions, messages of identity providers that were taken, service tokens, who did what."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables; the audit log only grows."""
    op.create_table(
        "sessions",
        sa.Column("session_hash", sa.Text, primary_key=True),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("provider_session", sa.Text),
        sa.Column("started_at", sa.DateTime, nullable=False),
        sa.Column("last_seen_at", sa.DateTime, nullable=False),
        sa.Column("ends_at", sa.DateTime, nullable=False),
    )
    op.create_index("sessions_ends_at", "sessions", ["ends_at"])
    op.create_index("sessions_provider_session", "sessions", ["provider_session"])
    op.create_table(
        "taken_assertions",
        sa.Column("assertion_id", sa.Text, primary_key=True),
        sa.Column("forget_at", sa.DateTime, nullable=False),
    )
    op.create_index("taken_assertions_forget_at", "taken_assertions", ["forget_at"])
    op.create_table(
        "service_tokens",
        sa.Column("token_id", sa.Text, primary_key=True),
        sa.Column("token_hash", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("made_at", sa.DateTime, nullable=False),
        sa.Column("expires_at", sa.DateTime, nullable=False),
        sa.Column("revoked_at", sa.DateTime),
        sa.Column("last_used_at", sa.DateTime),
    )
    sequence = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "audit_log",
        sa.Column("entry_id", sequence, primary_key=True, autoincrement=True),
        sa.Column("happened_at", sa.DateTime, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("subject", sa.Text),
        sa.Column("account_id", sa.Text),
        sa.Column("detail", sa.Text),
        sa.Column("address", sa.Text),
        sa.Column("request_id", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("audit_log_happened_at", "audit_log", ["happened_at"])
    op.create_index("audit_log_account_id", "audit_log", ["account_id"])
    _make_append_only("audit_log")


def _make_append_only(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(
                f"create trigger {table}_no_{verb} before {verb} on {table}"
                f" begin select raise(abort, '{table} is append-only'); end"
            )
        return
    # The function is of the first migration.
    op.execute(
        f"create trigger {table}_append_only before update or delete or truncate on {table}"
        " for each statement execute function refuse_change()"
    )
