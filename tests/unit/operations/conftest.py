"""A publication with three accounts, two of one name, to make calls for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from orchestration.publishing.reader import Publication
from orchestration.publishing.snapshot import publish_snapshot

ACCOUNTS = {"A1": "Acme Corp", "A2": "Ümlaut & Söhne GmbH", "A3": "Twin Ltd", "A4": "Twin Ltd", "A5": None}


def publish_accounts(published: Path, called: str | None = None) -> None:
    """Publish the accounts; `called` has a call from elsewhere."""
    with duckdb.connect() as con:
        con.execute("create schema published")
        con.execute(
            "create table published.account_health (account_id varchar, account_name varchar, csm_status varchar)"
        )
        con.executemany(
            "insert into published.account_health values (?, ?, ?)",
            [(key, name, "RED" if key == called else None) for key, name in ACCOUNTS.items()],
        )
        publish_snapshot(
            con,
            published,
            run_id="run-1",
            as_of=date(2026, 6, 30),
            policy_version="p",
            published_at=datetime(2026, 7, 1, 6),
        )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which the accounts are published."""
    publish_accounts(tmp_path / "published")
    return tmp_path


@pytest.fixture
def publication(home: Path) -> Iterator[Publication]:
    with Publication.open(home / "published") as opened:
        yield opened
