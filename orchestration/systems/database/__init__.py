"""Databases: one SELECT a source, streamed from anything that SQLAlchemy can read.

Here: the connection and what can go wrong with it, the text of cells, watermarks, and the pull. Not here: what becomes
of the records (`orchestration/systems/store.py`).
"""
