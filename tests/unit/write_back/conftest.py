"""A CRM on loopback with few accounts, and ledgers to write back from."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from orchestration.ledger.store import Store, sqlite_url
from orchestration.settings import Settings
from tests.simulators.company import Company
from tests.simulators.fixtures import simulator
from tests.simulators.server import Simulator
from tests.support.postgres import postgres_url

__all__ = ["postgres_url", "simulator"]


@pytest.fixture
def company() -> Company:
    return Company(4)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def lite_url(settings: Settings) -> str:
    return sqlite_url(settings.home_path / "operations.db")


@pytest.fixture
def big_url(postgres_url: str) -> Iterator[str]:
    name = sql.Identifier(f"test_{secrets.token_hex(4)}")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(name))
        yield postgres_url.rsplit("/", 1)[0] + "/" + name.as_string().strip('"')
        connection.execute(sql.SQL("drop database {} with (force)").format(name))


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    url = request.getfixturevalue("lite_url" if request.param == "sqlite" else "big_url")
    with Store.at(url) as made:
        yield made


@pytest.fixture
def lite(lite_url: str) -> Iterator[Store]:
    """A ledger on SQLite, for what doesn't hang on the database."""
    with Store.at(lite_url) as made:
        yield made


@pytest.fixture
def signed_in(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """The CRM, with its secret where it is looked for."""
    monkeypatch.setenv("ACCOUNT_HEALTH_SECRET_CRM_SECRET", simulator.salesforce.client_secret)
    return simulator
