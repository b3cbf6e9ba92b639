"""What other systems accepted of what is written back to them, and what waits to be written."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "written_records",
        sa.Column("target", sa.Text, primary_key=True),
        sa.Column("record_id", sa.Text, primary_key=True),
        sa.Column("written", sa.Text, nullable=False),
        sa.Column("accepted_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "write_queue",
        sa.Column("target", sa.Text, primary_key=True),
        sa.Column("record_id", sa.Text, primary_key=True),
        sa.Column("wanted", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("next_attempt_at", sa.DateTime),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_until", sa.DateTime),
        sa.Column("called_at", sa.DateTime),
        sa.Column("problem", sa.Text),
        sa.Column("first_wanted_at", sa.DateTime, nullable=False),
    )
    op.create_index("write_queue_order", "write_queue", ["target", "status", "first_wanted_at", "record_id"])
