"""Pruning: what is too old goes, what is needed stays."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from orchestration.ledger.store import Store
from orchestration.ledger.tables import APPEND_ONLY, audit_log
from orchestration.policy.load import load_policies
from orchestration.retention.prune import RECORD, prune
from orchestration.settings import Settings
from orchestration.sources.landing import LandingZone
from tests.support import portal
from tests.support.extraction import ACCOUNTS, Desk

KEEP = {"landing_days": 100, "history_days": 400, "documents_days": 10, "runs_days": 10, "audit_log_days": 30}
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Settings:
    return portal.home(tmp_path_factory.mktemp("pruned"), privacy=KEEP)


@pytest.fixture
def settings(made, tmp_path) -> Settings:
    shutil.copytree(made.home_path, tmp_path / "home")
    return Settings(home=tmp_path / "home", policies=made.policies)


def run(settings: Settings, now: datetime, *, dry: bool = False) -> dict[str, int]:
    return prune(settings, load_policies(settings.policies), now, dry=dry).counts()


def test_what_a_young_home_has_stays(settings):
    now = datetime.now(UTC)
    before = sorted(settings.home_path.rglob("*.parquet"))
    assert run(settings, now) == {}
    assert sorted(settings.home_path.rglob("*.parquet")) == before
    assert not (settings.operations_path / RECORD).exists()


def test_extractions_stay_while_a_kept_day_asks_for_them(tmp_path, made):
    settings = Settings(home=tmp_path / "home", policies=made.policies)
    (tmp_path / "drop").mkdir()
    desk = Desk(tmp_path / "drop", LandingZone(settings.landing_path))
    now = datetime(2026, 6, 30, 12, tzinfo=UTC)
    for age in (400, 300, 200, 150, 50, 0):
        desk.put("Accounts.csv", f"{ACCOUNTS}Ann,Account {age},EMEA,N\n")
        desk.extract("accounts", now - age * DAY)
    limit = (now - 100 * DAY).date()
    answered = desk.landing.known_at("accounts", limit, "UTC")[0].extraction.extraction_id
    assert run(settings, now, dry=True) == {"extractions": 3}
    assert len(desk.landing.extractions("accounts")) == 6
    assert run(settings, now) == {"extractions": 3}
    left = desk.landing.extractions("accounts")
    assert [(now - one.extracted_at).days for one in left] == [0, 50, 150]
    assert desk.landing.known_at("accounts", limit, "UTC")[0].extraction.extraction_id == answered
    assert run(settings, now) == {}
    assert run(settings, now + 5_000 * DAY) == {"extractions": 2}
    assert json.loads((settings.operations_path / RECORD).read_text().splitlines()[0])["extractions"] == 3


def test_what_the_current_publication_was_made_from_stays(settings):
    zone = LandingZone(settings.landing_path)
    used = zone.extractions("accounts")[0]
    desk = Desk(settings.home_path / "other", zone)
    desk.drop.mkdir()
    desk.put("Accounts.csv", f"{ACCOUNTS}Ann,Another,EMEA,N\n")
    newer = desk.extract("accounts", used.extracted_at + DAY).extraction
    run(settings, used.extracted_at + 3_000 * DAY)
    assert {one.extraction_id for one in zone.extractions("accounts")} == {used.extraction_id, newer.extraction_id}


def test_histories_stay_as_far_as_the_next_run_reads(settings):
    folder = settings.history_path / "account_health"
    newest = max(folder.glob("*.parquet"))
    for file in folder.glob("*.parquet"):
        if file != newest:
            file.unlink()
    for name in ("2020-01-31", "2025-02-01", "2026-06-01"):
        shutil.copy(newest, folder / f"{name}.parquet")
    now = datetime(2026, 7, 1, tzinfo=UTC)
    run(settings, now)
    assert sorted(file.stem for file in folder.glob("*.parquet")) == ["2026-06-01", newest.stem]
    alone = settings.history_path / "alerts"
    run(settings, now + 3_000 * DAY)
    # The newest, and what a run of its date again reads.
    assert sorted(file.stem for file in alone.glob("*.parquet")) == ["2026-06-23", "2026-06-30"]


def test_documents_and_what_runs_left_go_when_they_are_old(settings):
    now = datetime.now(UTC)
    old, young = settings.home_path / "documents" / "a" / "old.html", settings.home_path / "documents" / "young.html"
    folder = settings.runs_path / "an-old-run"
    (folder / "checks").mkdir(parents=True)
    old.parent.mkdir(parents=True)
    for file in (old, young, folder / "checks" / "x.json"):
        file.write_text("x", encoding="utf-8")
    for path in (old, folder / "checks" / "x.json", folder / "checks", folder):
        _age(path, now - 11 * DAY)
    assert run(settings, now) == {"documents": 1, "runs": 1}
    assert (old.exists(), young.exists(), folder.exists()) == (False, True, False)


def _age(path: Path, moment: datetime) -> None:
    os.utime(path, (moment.timestamp(), moment.timestamp()))


def test_the_audit_log_loses_its_old_entries_and_stays_append_only(settings):
    now = datetime.now(UTC)
    with Store.open(settings) as store:
        with store.writing() as con:
            for age in (31, 29):
                at = (now - age * DAY).replace(tzinfo=None)
                con.execute(sa.insert(audit_log).values(happened_at=at, event="export", subject=str(age)))
        assert run(settings, now)["audit_entries"] == 1
        with store.reading() as con:
            assert con.execute(sa.select(audit_log.c.subject).where(audit_log.c.event == "export")).scalars().all() == [
                "29"
            ]
        for table in APPEND_ONLY:
            with pytest.raises(sa.exc.DatabaseError, match="append-only"), store.writing() as con:
                con.execute(sa.delete(table))
