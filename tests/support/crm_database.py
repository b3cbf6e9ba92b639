"""A small CRM that is a database, and a home that is connected to it: the shortest way to a real connected system."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from orchestration.refresh.extract import extract
from orchestration.refresh.pull import handed_on, pull
from orchestration.refresh.run import Run
from orchestration.settings import Settings

POLICIES = Path(__file__).parents[2] / "policies"
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

    def extracted(self, stream: str, as_of: date = TODAY, at: datetime | None = None):
        return extract(Run(self.settings, as_of, f"run-{as_of}"), stream, at)

    def handed(self, name: str):
        run = Run(self.settings, TODAY, "any")
        source = next(one for one in run.policies.sources.sources if one.name == name)
        return handed_on(self.settings, run.policies, source)

    def goes_away(self) -> None:
        """From now on it can't be reached."""
        self.file.rename(self.file.with_name("away.db"))
        self.file.mkdir()

    def comes_back(self) -> None:
        """It can be reached again."""
        self.file.rmdir()
        self.file.with_name("away.db").rename(self.file)
