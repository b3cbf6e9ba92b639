"""The ledger's schema, change by change (Alembic). `store.py` brings a database up to the last."""
