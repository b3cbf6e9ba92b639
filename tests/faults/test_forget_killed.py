"""kill -9 while an account is being forgotten: what is there can be read after each, and the last one ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import sqlalchemy as sa

from orchestration.ledger.store import Store
from orchestration.ledger.tables import actions, transitions
from orchestration.publishing.reader import Publication
from orchestration.retention.forgotten import read_pending, read_records
from orchestration.settings import Settings
from orchestration.sources.landing import LandingZone
from orchestration.sources.streams import STREAMS
from tests.support import portal
from tests.support.traces import holding

ROOT = Path(__file__).parents[2]
# Each call goes on where the one before was killed, so these are moments of the whole way.
MOMENTS = [1, 6, 25, 40, 70, 30]
KILLS = int(os.environ.get("ACCOUNT_HEALTH_TEST_KILLS", len(MOMENTS)))


def moments() -> list[int]:
    return MOMENTS if len(MOMENTS) >= KILLS else MOMENTS + [3 + number % 11 for number in range(KILLS - len(MOMENTS))]


def run(settings: Settings, account: str, nth: int) -> subprocess.CompletedProcess:
    program = [sys.executable, str(Path(__file__).with_name("forget_killer.py"))]
    return subprocess.run(
        [*program, str(settings.home_path), str(settings.policies), account, str(nth)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
    )


def readable(settings: Settings) -> None:
    """Landing zone, publication and ledger are whole, each by what it says of itself."""
    for stream in STREAMS:
        for one in LandingZone(settings.landing_path).extractions(stream):
            assert one.rows_read == one.rows_landed + sum(one.passed_over.values())
    with Publication.open(settings.published_path) as publication:
        for name, table in publication.manifest.tables.items():
            assert publication.rows(f'select count(*) as n from "{name}"')[0]["n"] == table.rows
    with Store.open(settings) as store, store.reading() as con:
        orphans = sa.select(sa.func.count()).select_from(transitions)
        known = orphans.where(transitions.c.action_id.in_(sa.select(actions.c.action_id)))
        assert con.execute(orphans).scalar() == con.execute(known).scalar()


def test_killed_at_many_moments_it_ends_all_the_same(tmp_path):
    settings = portal.home(tmp_path)
    account, name = duckdb.sql(
        f"select account_id, account_name from read_parquet('{settings.published_path}/2*/account_health.parquet')"
        " where account_id not like 'H%' order by 1 limit 1"
    ).fetchall()[0]
    killed = 0
    for nth in moments():
        done = run(settings, account, nth)
        readable(settings)
        if done.returncode == -signal.SIGKILL:
            killed += 1
            continue
        assert done.returncode == 0, done.stderr
        break
    assert killed >= min(5, KILLS)
    if read_pending(settings) is not None or not read_records(settings):
        last = run(settings, account, 0)
        assert last.returncode == 0, last.stderr
    readable(settings)
    assert holding(settings.home_path, [account, name], [settings.drop_path]) == []
    (record,) = read_records(settings)
    assert record["done_at"]
    assert record["removed"]["landing"]["rows"] > 0
    assert list(settings.home_path.rglob(".forgetting*")) == []
