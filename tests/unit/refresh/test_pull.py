"""Asking connected systems as a stage of a refresh: when it is time to, what is handed on, and what an outage costs."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from orchestration.refresh.extract import extract
from orchestration.refresh.pull import handed_on, pull
from orchestration.refresh.run import Run
from orchestration.settings import Settings
from orchestration.sources.landing import LandingZone

POLICIES = Path(__file__).parents[3] / "policies"
NOW = datetime(2026, 6, 30, 10, tzinfo=UTC)
TODAY = NOW.date()
SOURCES = """
sources:
  - name: crm_accounts
    stream: accounts
    system: crm
    sql: select * from accounts
    watermark: changed
    deleted: gone
    columns: {account_id: id, account_name: name, owner_name: owner, geo: geo, region: region}
  - name: crm_usage
    stream: usage
    system: crm
    sql: select * from usage
    columns: {account_id: account, usage_date: day, logins: logins}
"""


class Crm:
    """A database, and a home that is connected to it. `now` is what the clock says."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file, self.now = folder / "crm.db", NOW
        self.run("create table accounts (id text, name text, owner text, geo text, region text, changed int, gone int)")
        self.run("create table usage (account text, day text, logins int)")
        self.account("A1", "Ada", 1)
        self.account("B2", "Bo", 2)
        self.run("insert into usage values ('A1', '2026-06-20', 7)")
        policies = Path(shutil.copytree(POLICIES, folder / "policies"))
        for name, old, new in (
            ("systems.yaml", "databases: {}\n", "databases:\n  crm: {secret: crm_url}\n"),
            ("sources.yaml", "sources: []\n", SOURCES),
        ):
            text = (policies / name).read_text()
            head, separator, tail = text.rpartition(old)
            assert separator
            (policies / name).write_text(head + new + tail)
        self.settings = Settings(home=folder / "home", policies=policies)
        monkeypatch.setenv("ACCOUNT_HEALTH_SECRET_CRM_URL", f"sqlite:///{self.file}")

    def run(self, statement: str, *values: object) -> None:
        with sqlite3.connect(self.file) as con:
            con.execute(statement, values)

    def account(self, key: str, name: str, changed: int) -> None:
        self.run("insert into accounts values (?, ?, 'Olga', 'EMEA', 'North', ?, 0)", key, name, changed)

    def pulled(self, as_of: date = TODAY, cadence: str = "daily", **how: bool) -> dict[str, dict]:
        """Asks, and gives the rows by source."""
        run = Run(self.settings, as_of, f"run-{as_of}", cadence)
        return {row["source"]: row for row in pull(run, "crm", now=lambda: self.now, **how).sources}

    def extracted(self, stream: str, as_of: date = TODAY):
        return extract(Run(self.settings, as_of, f"run-{as_of}"), stream)

    def handed(self, name: str):
        run = Run(self.settings, TODAY, "any")
        source = next(one for one in run.policies.sources.sources if one.name == name)
        return handed_on(self.settings, run.policies, source)


@pytest.fixture
def crm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Crm:
    return Crm(tmp_path, monkeypatch)


def later(crm: Crm, **by: float) -> None:
    crm.now += timedelta(**by)


def test_what_is_pulled_lands_like_a_file(crm: Crm) -> None:
    rows = crm.pulled()
    assert {name: (row["rows"], row["records"], row["problem"]) for name, row in rows.items()} == {
        "crm_accounts": (2, 2, None),
        "crm_usage": (1, 1, None),
    }
    found = crm.extracted("accounts")
    assert (found.status, found.problem, found.stops) == ("landed", None, False)
    (extraction,) = LandingZone(crm.settings.landing_path).extractions("accounts")
    assert (extraction.source, extraction.rows_landed, extraction.file) == ("crm_accounts", 2, "accounts.csv")


def test_a_source_is_asked_once_a_day_or_week(crm: Crm) -> None:
    assert set(crm.pulled()) == {"crm_accounts", "crm_usage"}
    later(crm, hours=5)
    assert crm.pulled() == {}
    assert set(crm.pulled(force=True)) == {"crm_accounts", "crm_usage"}
    for day in range(1, 7):
        later(crm, days=1)
        assert set(crm.pulled(TODAY + timedelta(days=day))) == {"crm_accounts"}
    later(crm, days=1)
    assert set(crm.pulled(TODAY + timedelta(days=7))) == {"crm_accounts", "crm_usage"}


def test_a_run_as_of_an_earlier_date_asks_only_what_was_never_asked(crm: Crm) -> None:
    assert set(crm.pulled(TODAY - timedelta(days=30))) == {"crm_accounts", "crm_usage"}
    later(crm, days=10)
    assert crm.pulled(TODAY) == {}
    assert set(crm.pulled(TODAY + timedelta(days=10))) == {"crm_accounts", "crm_usage"}


def test_deleted_records_are_counted_and_not_handed_on(crm: Crm) -> None:
    crm.pulled()
    crm.extracted("accounts")
    crm.run("update accounts set gone = 1, changed = 3 where id = 'B2'")
    later(crm, days=1)
    row = crm.pulled(TODAY + timedelta(days=1))["crm_accounts"]
    assert (row["records"], row["deleted"]) == (1, 1)
    found = crm.extracted("accounts", TODAY + timedelta(days=1))
    assert found.sources[0]["passed_over"] == {"deleted_at_source": 1}
    assert found.rows_read == 2
    newest, _ = LandingZone(crm.settings.landing_path).extractions("accounts")
    assert (newest.rows_read, newest.rows_landed) == (2, 1)


def test_nothing_new_confirms_what_landed_before(crm: Crm) -> None:
    crm.pulled()
    crm.extracted("accounts")
    later(crm, days=1)
    crm.pulled(TODAY + timedelta(days=1))
    assert crm.extracted("accounts").status == "landed_before"
    (extraction,) = LandingZone(crm.settings.landing_path).extractions("accounts")
    assert len(extraction.confirmations) == 1


def test_what_we_wrote_ourselves_is_no_news(crm: Crm) -> None:
    """Only the stamp moved: no column says anything else."""
    crm.pulled()
    crm.extracted("accounts")
    file = crm.handed("crm_accounts").files[0]
    before = file.read_bytes()
    crm.run("update accounts set changed = 3 where id = 'A1'")
    later(crm, days=1)
    crm.pulled(TODAY + timedelta(days=1))
    assert file.read_bytes() == before
    assert crm.extracted("accounts").status == "landed_before"


def test_an_outage_is_told_and_costs_nothing_but_time(crm: Crm) -> None:
    crm.pulled()
    assert crm.extracted("accounts").status == "landed"
    crm.file.rename(crm.file.with_name("away.db"))
    crm.file.mkdir()
    later(crm, days=1)
    tomorrow = TODAY + timedelta(days=1)
    (row,) = crm.pulled(tomorrow).values()
    assert row["problem"]
    found = crm.extracted("accounts", tomorrow)
    # It is required, but what was said before serves.
    assert (found.status, found.stops) == ("failed", False)
    assert row["problem"] in (found.problem or "")
    (extraction,) = LandingZone(crm.settings.landing_path).extractions("accounts")
    assert extraction.confirmations == ()
    # It is asked again at once, not tomorrow.
    crm.file.rmdir()
    crm.file.with_name("away.db").rename(crm.file)
    assert crm.pulled(tomorrow)["crm_accounts"]["problem"] is None


def test_a_required_stream_that_never_came_stops_the_run(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACCOUNT_HEALTH_SECRET_CRM_URL")
    row = crm.pulled()["crm_accounts"]
    assert "ACCOUNT_HEALTH_SECRET_CRM_URL" in row["problem"]
    found = crm.extracted("accounts")
    assert (found.status, found.stops) == ("failed", True)
    assert not crm.extracted("usage").stops


def test_whole_reads_everything_anew(crm: Crm) -> None:
    crm.pulled()
    # Deleted for good: no change tells of it.
    crm.run("delete from accounts where id = 'B2'")
    later(crm, hours=1)
    assert crm.pulled(force=True)["crm_accounts"]["records"] == 2
    row = crm.pulled(whole=True)["crm_accounts"]
    assert (row["records"], row["whole"]) == (1, True)


def test_without_what_was_handed_on_everything_is_asked_again(crm: Crm) -> None:
    crm.pulled()
    crm.extracted("accounts")
    shutil.rmtree(crm.settings.pulled_path)
    assert crm.extracted("accounts").status == "absent"
    assert set(crm.pulled()) == {"crm_accounts", "crm_usage"}
    assert crm.extracted("accounts").status == "landed_before"


def test_two_pulls_at_once_are_one(crm: Crm) -> None:
    import fcntl

    folder = crm.settings.pulled_path / "crm"
    folder.mkdir(parents=True)
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        problems = {row["problem"] for row in crm.pulled().values()}
    assert len(problems) == 1
    assert "another pull" in problems.pop()
