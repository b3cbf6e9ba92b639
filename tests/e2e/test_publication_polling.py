"""Readers poll all three media while twenty publications are made and publishers are killed: all they ever see is
one whole publication. Real processes, a real PostgreSQL, and the DuckDB 1.x client of a BI tool.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from orchestration.publishing.reader import Publication
from tests.e2e.publishing_support import numbered
from tests.support.duckdb1 import duckdb1_python
from tests.support.postgres import postgres_database as postgres_database
from tests.support.postgres import postgres_url as postgres_url

_SUPPORT = Path(numbered.__file__).parent
_ROOT = Path(__file__).parents[2]
# Twenty publications: most by one publisher, the last by two that take turns.
_ALONE = range(1, 17)
_TOGETHER = range(17, 19), range(19, 21)
_FIRST_KILLED = 100
_KILLS = 3
# From the first file of a publication to the last view of it takes about this long, with all the readers about.
_LONGEST_WAIT_S = 1.5


@pytest.fixture
def environment(postgres_database: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(_ROOT), "POLLING_TEST_POSTGRES": postgres_database}


def test_readers_always_see_one_whole_publication(tmp_path, environment, postgres_database):
    published_dir, stop = tmp_path / "published", tmp_path / "stop"
    chance = random.Random(20260630)  # noqa: S311 -- instants of kills, not secrets
    with publisher(environment, published_dir, [0]) as first:
        assert first.wait(timeout=120) == 0
    pollers = start_pollers(environment, published_dir, stop)
    try:
        kill_publishers(environment, published_dir, chance)
        with publisher(environment, published_dir, _ALONE) as one:
            assert one.wait(timeout=240) == 0
        with (
            publisher(environment, published_dir, _TOGETHER[0]) as one,
            publisher(environment, published_dir, _TOGETHER[1]) as other,
        ):
            assert one.wait(timeout=240) == 0
            assert other.wait(timeout=240) == 0
    finally:
        stop.touch()
    for name, poller in pollers.items():
        output, _ = poller.communicate(timeout=60)
        report = json.loads(output)
        print(f"{name}: {report}")
        assert report["faults"] == [], name
        assert report["reads"] > 0, name
        assert report["publications"] > len(_ALONE) // 2, name
    assert_all_media_agree(published_dir, postgres_database)


def start_pollers(environment: dict[str, str], published_dir: Path, stop: Path) -> dict[str, subprocess.Popen]:
    clients = {
        "reader": ("reader", sys.executable),
        "plain CURRENT": ("current", sys.executable),
        "BI file, DuckDB 2": ("bi_file", sys.executable),
        "BI file, DuckDB 1": ("bi_file", duckdb1_python()),
        "PostgreSQL, repeatable read": ("postgres_repeatable_read", sys.executable),
        "PostgreSQL, read committed": ("postgres_read_committed", sys.executable),
        "PostgreSQL, one statement": ("postgres_statement", sys.executable),
    }
    return {
        name: subprocess.Popen(
            [python, _SUPPORT / "poller.py", medium, published_dir, stop],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name, (medium, python) in clients.items()
    }


def kill_publishers(environment: dict[str, str], published_dir: Path, chance: random.Random) -> None:
    """Start publishers and kill each in the midst of its first publication, or soon after."""
    for kill in range(_KILLS):
        number = _FIRST_KILLED * (kill + 1)
        with publisher(environment, published_dir, range(number, number + _FIRST_KILLED)) as victim:
            assert victim.stdout is not None
            assert victim.stdout.readline() == f"started {number}\n"
            time.sleep(chance.uniform(0, _LONGEST_WAIT_S))
            victim.kill()
            assert victim.wait() == -signal.SIGKILL


@contextmanager
def publisher(environment: dict[str, str], published_dir: Path, numbers) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.publishing_support.publisher", published_dir, *map(str, numbers)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def assert_all_media_agree(published_dir: Path, postgres_database: str) -> None:
    """At the end every medium has the last publication, and nothing of the dead is left."""
    with Publication.open(published_dir) as publication:
        run = publication.manifest.run_id
    assert int(run[:8]) in [numbers[-1] for numbers in _TOGETHER]
    with psycopg.connect(postgres_database) as connection:
        assert connection.execute("select run_id from published.publication").fetchall() == [(run,)]
        left = connection.execute("select count(*) from pg_namespace where starts_with(nspname, 'build_')").fetchall()
    assert left[0][0] <= 2
    assert not list(published_dir.glob(".tmp-*"))
