"""Ledgers for the tests: the same on SQLite and on a real PostgreSQL, copied from one that was made once."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from orchestration.ledger.store import Store, sqlite_url
from orchestration.policy.models import Policies
from tests.simulators.fixtures import company, simulator
from tests.support.ledger import policies
from tests.support.postgres import postgres_url

__all__ = ["company", "postgres_url", "simulator"]


@pytest.fixture(scope="session")
def ledger_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger in a file."""
    file = tmp_path_factory.mktemp("ledger") / "operations.db"
    Store.at(sqlite_url(file)).close()
    return file


@pytest.fixture(scope="session")
def ledger_template(postgres_url: str) -> str:
    """The name of a database with an empty ledger."""
    name = f"ledger_{secrets.token_hex(4)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    Store.at(_beside(postgres_url, name)).close()
    return name


@pytest.fixture
def lite_url(ledger_file: Path, tmp_path: Path) -> str:
    """Where a ledger on SQLite is."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copyfile(ledger_file, home / ledger_file.name)
    return sqlite_url(home / ledger_file.name)


@pytest.fixture
def big_url(postgres_url: str, ledger_template: str) -> Iterator[str]:
    """Where a ledger on PostgreSQL is."""
    name = sql.Identifier(f"test_{secrets.token_hex(4)}")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        copied = sql.SQL("create database {} template {} strategy file_copy")
        connection.execute(copied.format(name, sql.Identifier(ledger_template)))
        yield _beside(postgres_url, name.as_string().strip('"'))
        connection.execute(sql.SQL("drop database {} with (force)").format(name))


def _beside(url: str, database: str) -> str:
    return url.rsplit("/", 1)[0] + "/" + database


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """Where a ledger is, on either."""
    return request.getfixturevalue("lite_url" if request.param == "sqlite" else "big_url")


@pytest.fixture
def store(ledger_url: str) -> Iterator[Store]:
    with Store.at(ledger_url) as made:
        yield made


@pytest.fixture
def lite(lite_url: str) -> Iterator[Store]:
    """A ledger on SQLite, for what doesn't hang on the database."""
    with Store.at(lite_url) as made:
        yield made


@pytest.fixture(scope="session")
def rules() -> Policies:
    return policies()
