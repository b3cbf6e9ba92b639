"""Status: fresh, stale, never published; what ran, what fails, what waits; operators see more than others."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from datetime import date, datetime
from html import unescape
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from orchestration.ledger import tables
from orchestration.ledger.store import Store
from orchestration.settings import Settings
from portal.runs import outages, recent_runs
from tests.support.portal import ROLES, SELLER, Person, home, published, served, signed_in


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = home(tmp_path_factory.mktemp("status"))
    return made.model_copy(update={"dagster_url": "https://dagster.example.com/"})


@pytest.fixture(scope="module")
def base(settings: Settings) -> Iterator[str]:
    with served(settings) as address:
        yield address


@pytest.fixture(scope="module")
def revops(base: str) -> Person:
    return signed_in(base, "Rev Ops", ("revops",))


def _words(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def _note(run: Path, name: str, content: object) -> None:
    file = run / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("role", ROLES)
def test_everybody_sees_the_status(role: str, base: str) -> None:
    answer = signed_in(base, "Some Body", (role,)).get("/status")
    assert answer.status_code == 200
    assert "What is shown" in answer.text
    assert ("Connected systems" in answer.text) == (role in ("revops", "admin"))
    assert ('id="ledger"' in answer.text) == (role in ("revops", "admin"))


def test_what_is_published_is_told(settings: Settings, revops: Person) -> None:
    (row,) = published(settings, "select * from publication")
    words = _words(revops.get("/status").text)
    assert "30 June 2026" in words
    assert row["run_id"] in words
    assert row["policy_version"] in words
    (health,) = published(settings, "select count(*) as n from account_health")
    assert re.search(rf"account health {health['n']}\b", words)


def test_who_sees_an_account_or_two_sees_no_count_of_the_company(base: str) -> None:
    html = signed_in(base, SELLER, ("seller",)).get("/status").text
    assert "Rows by table" not in html
    assert "of the accounts you see" in html


def test_a_publication_that_grew_old_is_stale_by_now(settings: Settings, revops: Person) -> None:
    # The home is of June 2026; its sources grow older every day.
    words = _words(revops.get("/status").text)
    ages = {
        row["stream"]: row["max_age_days"]
        for row in published(settings, "select stream, max_age_days from source_freshness where is_present")
    }
    since = (date.today() - date(2026, 6, 30)).days
    old = [stream for stream, most in ages.items() if since > most]
    assert words.count("stale by now") == len(old)
    assert ("Too old by now" in words) == bool(old)


def test_issues_are_counted_as_far_as_one_sees_them(settings: Settings, base: str, revops: Person) -> None:
    (row,) = published(
        settings, "select count(*) as n from hygiene_issues where status = 'open' and severity = 'warning'"
    )
    html = revops.get("/status").text
    assert f'href="/hygiene?severity=warning"><strong>{row["n"]:,}</strong>' in html
    of_seller = re.search(
        r'severity=warning"><strong>([\d,]+)<', signed_in(base, SELLER, ("seller",)).get("/status").text
    )
    assert of_seller
    assert int(of_seller[1].replace(",", "")) < row["n"]


def test_dagster_is_linked_where_it_is_set_up(revops: Person, tmp_path: Path) -> None:
    assert 'href="https://dagster.example.com/"' in revops.get("/status").text
    with pytest.raises(ValidationError):
        Settings(dagster_url="javascript:alert(1)")


def test_calls_and_the_ledger_are_counted_for_operators(settings: Settings, revops: Person) -> None:
    with Store.open(settings) as store:
        with store.writing() as con:
            for number in range(3):
                con.execute(
                    sa.insert(tables.hook_calls).values(
                        system="desk",
                        kind="ticket",
                        call_id=f"c{number}",
                        signature=f"s{number}",
                        place=0,
                        object="ticket",
                        received_at=datetime(2026, 7, 1, 10 + number, 15),
                        taken_in_run="gone" if number == 0 else None,
                    )
                )
        with store.reading() as con:
            waiting = con.execute(
                sa.select(sa.func.count()).where(tables.actions.c.status == "pending_approval")
            ).scalar_one()
    words = _words(revops.get("/status").text)
    assert "desk 2 1 Jul 2026, 11:15 UTC" in words
    assert f"pending approval {waiting:,}" in words
    assert "It took in the publication as of 30 June 2026" in words


def test_runs_are_told_the_newest_first(settings: Settings, revops: Person) -> None:
    runs = settings.runs_path
    _note(runs / "aaaa1111-good", "summary", {"as_of": "2026-06-30", "stages": {"models": 30.5, "freeze": 1.5}})
    _note(runs / "aaaa1111-good", "publication", {"is_current": False})
    _note(runs / "bbbb2222-broken", "summary", "{not json")
    words = _words(revops.get("/status").text)
    assert re.search(
        r"aaaa1111 2026-06-30 .{20,30} published beside a later date 32 models 30.5 s, freeze 1.5 s", words
    )
    assert re.search(r"bbbb2222 – .{20,30} no publication it failed, or is at work –", words)


def test_runs_and_outages_of_odd_folders_are_no_error(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert recent_runs(settings, 5) == []
    assert outages(settings, {"crm"}) == []
    (settings.runs_path / "empty").mkdir(parents=True)
    (settings.runs_path / "file").write_text("x")
    _note(settings.runs_path / "odd", "summary", [1, 2])
    _note(settings.runs_path / "odd", "pulls/crm", {"sources": ["x", {"problem": None}]})
    assert {run.run_id for run in recent_runs(settings, 5)} == {"empty", "odd"}
    assert outages(settings, {"crm"}) == []


def test_an_outage_is_that_of_the_last_time_a_system_was_asked(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    runs = settings.runs_path
    problem = {"source": "crm_accounts", "stream": "accounts", "problem": "crm: it didn't answer"}
    for number, (name, pulls) in enumerate(
        {
            "first": {"crm": [problem], "desk": [problem | {"source": "tickets"}]},
            "second": {"crm": [problem | {"problem": None}], "desk": []},
        }.items()
    ):
        for system, rows in pulls.items():
            _note(runs / name, f"pulls/{system}", {"sources": rows})
        os.utime(runs / name, (1_000_000 + number, 1_000_000 + number))
    found = outages(settings, {"crm", "desk", "never"})
    assert [(one.system, one.source) for one in found] == [("desk", "tickets")]


def test_a_home_without_a_publication_says_what_to_do(tmp_path: Path) -> None:
    with served(Settings(home=tmp_path)) as address:
        answer = signed_in(address, "Rev Ops", ("revops",)).get("/status")
    assert answer.status_code == 200
    words = _words(answer.text)
    assert "Nothing is published yet" in words
    assert "account-health refresh" in words
    assert "Nothing has run in this home yet" in words
    assert "It has taken in no publication yet" in words


def test_a_newer_publication_that_cant_be_shown_is_told(tmp_path: Path) -> None:
    settings = home(tmp_path)
    current = settings.published_path / "CURRENT"
    with served(settings) as address:
        person = signed_in(address, "Rev Ops", ("revops",))
        assert "can't be shown" not in unescape(person.get("/status").text)
        broken = settings.published_path / "20991231T000000000000Z-broken00"
        broken.mkdir()
        (broken / "manifest.json").write_text("{}", encoding="utf-8")
        current.write_text(broken.name, encoding="utf-8")
        deadline = time.monotonic() + 20
        while "A newer publication can't be shown" not in (words := _words(person.get("/status").text)):
            assert time.monotonic() < deadline, words
            time.sleep(0.1)
    assert "30 June 2026" in words
