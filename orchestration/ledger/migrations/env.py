"""Alembic's way in: runs the changes on the connection that `store.py` gives it."""

from alembic import context

from orchestration.ledger.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
