"""Reports of a mailbox and of an object store on their way through a refresh: each is landed once, and ages."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.refresh.extract import StreamExtraction, extract
from orchestration.refresh.pull import pull
from orchestration.refresh.run import Run
from orchestration.settings import PROJECT_ROOT, Settings
from orchestration.sources.landing import Extraction, LandingZone
from tests.support.mail_server import PASSWORD, USER, MailServer, mail_server

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
INVOICES = "invoice_id,account_id,issued_on,amount\n"
SURVEYS = "survey_id,account_id,survey_type,sent_on,score\n"


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with mail_server() as found:
        yield found


class Connected:
    """A home with one system that has one stream."""

    def __init__(self, folder: Path, systems: dict[str, Any], source: dict[str, Any]) -> None:
        policies = Path(shutil.copytree(PROJECT_ROOT / "policies", folder / "policies"))
        for file, changed in (("systems.yaml", systems), ("sources.yaml", {"sources": [source]})):
            content = yaml.safe_load((policies / file).read_text()) | changed
            (policies / file).write_text(yaml.safe_dump(content, sort_keys=False))
        self.settings = Settings(home=folder / "home", policies=policies)
        self.source, self.day = source, 0

    def refresh(self, *, extracts: bool = True) -> StreamExtraction | None:
        """What a refresh of the day does with the stream; without `extracts` it was killed after the pull."""
        now = NOW + timedelta(days=self.day)
        run = Run(self.settings, now.date(), f"day-{self.day}")
        found = pull(run, self.source["system"], now=lambda: now, force=True)
        assert found.problem is None
        return extract(run, self.source["stream"], now) if extracts else None

    @property
    def landed(self) -> list[Extraction]:
        """What has landed, the oldest first."""
        return LandingZone(self.settings.landing_path).extractions(self.source["stream"])[::-1]


@pytest.fixture
def inbox(server: MailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Connected:
    monkeypatch.setenv("ACCOUNT_HEALTH_SECRET_REPORTS_PASSWORD", PASSWORD)
    folder = f"test-{secrets.token_hex(4)}"
    reports = {"host": "127.0.0.1", "port": server.port, "security": "none", "user": USER, "folder": folder}
    system = {"inboxes": {"reports": {**reports, "secret": "reports_password"}}}
    source = {"name": "mailed", "stream": "survey_responses", "system": "reports", "attachment": "Survey*.csv"}
    found = Connected(tmp_path, system, source)
    found.put = lambda text, days: server.put(folder, _mail(text), NOW - timedelta(days=days))
    return found


def _mail(text: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["Subject"], mail["Message-ID"] = "a@example.com", "s", f"<{secrets.token_hex(8)}@example.com>"
    mail.set_content("hello")
    mail.add_attachment(text.encode(), maintype="text", subtype="csv", filename="Survey.csv")
    return mail.as_bytes()


def _survey(*scores: int) -> str:
    return SURVEYS + "".join(f"S{place},A1,quarterly,2026-05-01,{score}\n" for place, score in enumerate(scores))


def test_reports_of_a_mailbox_land_once_each_in_the_order_they_came(inbox):
    inbox.put(_survey(5, 6), 8)
    inbox.put(_survey(7, 8, 9), 1)
    inbox.refresh(extracts=False)
    inbox.refresh()
    assert [extraction.rows_landed for extraction in inbox.landed] == [2, 3]
    for _ in range(2):
        inbox.day += 1
        assert inbox.refresh().status == "landed_before"
    assert [extraction.rows_landed for extraction in inbox.landed] == [2, 3]
    assert inbox.landed[-1].confirmations == (), "no news: the report ages"


def test_the_same_report_once_more_confirms_and_lands_nothing(inbox):
    inbox.put(_survey(5), 9)
    inbox.refresh()
    inbox.put(_survey(5), 6)
    inbox.day += 1
    assert inbox.refresh().status == "landed_before"
    assert len(inbox.landed) == 1
    assert len(inbox.landed[0].confirmations) == 1
    # Then another, then nothing: what only confirmed is never read again over it.
    inbox.put(_survey(1, 2), 3)
    for _ in range(3):
        inbox.day += 1
        inbox.refresh()
    assert [extraction.rows_landed for extraction in inbox.landed] == [1, 2]


def test_a_folder_of_a_store_is_read_like_the_drop_folder(tmp_path):
    exports = tmp_path / "exports"
    exports.mkdir()
    system = {"buckets": {"lake": {"url": f"file://{exports}"}}}
    found = Connected(tmp_path, system, {"name": "lake", "stream": "invoices", "system": "lake", "path": "*.csv"})
    file = exports / "may.csv"
    for day, content, status, landed in (
        (0, "I1,A1,2026-05-01,10\n", "landed", 1),
        (1, "I1,A1,2026-05-01,10\n", "landed_before", 1),
        (2, "I1,A1,2026-05-01,10\nI2,A1,2026-05-02,10\n", "landed", 2),
    ):
        file.write_text(INVOICES + content)
        written = (NOW + timedelta(days=day)).timestamp()
        os.utime(file, (written, written))
        found.day = day
        assert found.refresh().status == status
        assert len(found.landed) == landed
    assert len(found.landed[0].confirmations) == 1
    file.rename(exports / "june.csv")
    assert found.refresh().status == "landed_before"
