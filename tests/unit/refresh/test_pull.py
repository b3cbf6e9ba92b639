"""Asking connected systems as a stage of a refresh: when it is time to, what is handed on, and what an outage costs."""

from __future__ import annotations

import fcntl
import json
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from orchestration.refresh.retired import in_use
from orchestration.refresh.run import Run
from orchestration.sources.landing import LandingZone
from tests.support.crm_database import TODAY, Crm


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
    crm.goes_away()
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
    crm.comes_back()
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
    folder = crm.settings.pulled_path / "crm"
    folder.mkdir(parents=True)
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        problems = {row["problem"] for row in crm.pulled().values()}
    assert len(problems) == 1
    assert "another pull" in problems.pop()


def used(crm: Crm, as_of: date) -> set[str]:
    """The sources of accounts that count at a date."""
    run = Run(crm.settings, as_of, f"run-{as_of}")
    zone = LandingZone(crm.settings.landing_path)
    return {one.source for one in in_use(run, "accounts", zone.known_at("accounts", as_of, "UTC"))}


def dropped(crm: Crm) -> Path:
    """A report of accounts in the drop folder."""
    file = crm.settings.drop_path / "accounts.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("Owner,Account,GEO,Region\nOlga,Ada,EMEA,North\n")
    return file


def test_a_renamed_source_gives_way_to_its_new_name(crm: Crm) -> None:
    crm.pulled()
    crm.extracted("accounts", at=crm.now)
    path = crm.settings.policies / "sources.yaml"
    path.write_text(path.read_text().replace("crm_accounts", "accounts_of_crm"))
    # As long as the new one was never read, the old one is all there is.
    assert used(crm, TODAY) == {"crm_accounts"}
    later(crm, days=1)
    tomorrow = TODAY + timedelta(days=1)
    crm.pulled(tomorrow)
    crm.extracted("accounts", tomorrow, at=crm.now)
    assert used(crm, tomorrow) == {"accounts_of_crm"}
    # What was known before stays what was known then.
    assert "crm_accounts" in used(crm, TODAY)


def test_files_give_way_to_a_system_once_they_are_gone(crm: Crm) -> None:
    file = dropped(crm)
    crm.extracted("accounts", at=crm.now)
    assert used(crm, TODAY) == {"files"}
    later(crm, days=1)
    tomorrow, after = TODAY + timedelta(days=1), TODAY + timedelta(days=2)
    crm.pulled(tomorrow)
    crm.extracted("accounts", tomorrow, at=crm.now)
    # The file is still there: somebody means it.
    assert used(crm, tomorrow) == {"files", "crm_accounts"}
    file.unlink()
    later(crm, days=1)
    crm.extracted("accounts", after, at=crm.now)
    assert used(crm, after) == {"crm_accounts"}
    assert used(crm, TODAY) >= {"files"}


def test_files_beside_a_system_are_used_as_last_known(crm: Crm) -> None:
    crm.pulled()
    crm.extracted("accounts", at=crm.now)
    file = dropped(crm)
    later(crm, days=1)
    tomorrow, after = TODAY + timedelta(days=1), TODAY + timedelta(days=2)
    crm.extracted("accounts", tomorrow, at=crm.now)
    file.unlink()
    later(crm, days=1)
    crm.extracted("accounts", after, at=crm.now)
    assert used(crm, after) == {"files", "crm_accounts"}


@pytest.mark.parametrize("how", ["cut short", "garbage", "no watermark"])
def test_what_is_damaged_is_read_anew(crm: Crm, how: str) -> None:
    crm.pulled()
    file = crm.handed("crm_accounts").files[0]
    before, folder = file.read_bytes(), file.parent
    (records,) = folder.glob("records-*.parquet")
    if how == "cut short":
        records.write_bytes(records.read_bytes()[:100])
    elif how == "garbage":
        content = records.read_bytes()
        records.write_bytes(content[:4] + bytes(len(content) - 60) + content[-56:])
    else:
        state = json.loads((folder / "state.json").read_text())
        (folder / "state.json").write_text(json.dumps(state | {"watermark": "xx"}))
    later(crm, hours=1)
    row = crm.pulled(force=True)["crm_accounts"]
    assert (row["problem"], row["whole"]) == (None, True)
    assert file.read_bytes() == before


def test_a_home_that_can_t_be_written_is_told_for_every_source(crm: Crm) -> None:
    crm.settings.home.mkdir(parents=True, exist_ok=True)
    (crm.settings.home / "pulled").write_text("in the way")
    problems = {row["problem"] for row in crm.pulled().values()}
    assert len(problems) == 1
    assert "can't be written" in problems.pop()
