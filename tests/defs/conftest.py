"""One company and one home with two publications, which all tests of the definitions share and none may change."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from orchestration.demo import write_demo
from tests.defs.refreshes import AS_OF, Home, Refresh

BEFORE = date(2026, 6, 29)


@pytest.fixture(scope="session")
def drop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company") / "drop"
    write_demo(folder, AS_OF, accounts=300)
    return folder


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, drop: Path) -> Home:
    """A home in which nothing has run but what other fixtures say."""
    return Home.make(tmp_path_factory.mktemp("home"), drop)


@pytest.fixture(scope="session")
def backfilled(home: Home) -> dict[date, Refresh]:
    """Two as-ofs, as a backfill may run them: the newest, then one from before it."""
    return {as_of: home.refresh(as_of) for as_of in (AS_OF, BEFORE)}


@pytest.fixture(scope="session")
def refreshed(backfilled: dict[date, Refresh]) -> Refresh:
    """The refresh as of the demo's own date."""
    return backfilled[AS_OF]
