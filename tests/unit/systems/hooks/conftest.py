"""Ledgers of their own, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.ledger.store import Store, sqlite_url
from tests.support.postgres import postgres_database, postgres_url

__all__ = ["postgres_database", "postgres_url"]


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    is_file = request.param == "sqlite"
    url = sqlite_url(tmp_path / "operations.db") if is_file else request.getfixturevalue("postgres_database")
    with Store.at(url) as made:
        yield made
