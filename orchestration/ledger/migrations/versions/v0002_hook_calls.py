"""Calls from outside that say what changed: what waits to be read, and what was seen already."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    sequence = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "hook_calls",
        sa.Column("number", sequence, primary_key=True, autoincrement=True),
        sa.Column("system", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("record_id", sa.Text),
        sa.Column("account_id", sa.Text),
        sa.Column("occurred_at", sa.DateTime),
        sa.Column("received_at", sa.DateTime, nullable=False),
        sa.Column("taken_in_run", sa.Text),
        sa.UniqueConstraint("system", "call_id", "place", name="hook_calls_call_id"),
        sa.UniqueConstraint("system", "signature", "place", name="hook_calls_signature"),
        sqlite_autoincrement=True,
    )
    op.create_index("hook_calls_taken_in_run", "hook_calls", ["taken_in_run", "system"])
    op.create_index("hook_calls_received_at", "hook_calls", ["received_at"])
