"""`account-health forget` and `prune`: what they ask for, and when they change nothing."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.launch import alone_in
from orchestration.retention.forgotten import read_pending, read_records
from orchestration.settings import Settings
from tests.support import portal

NAME = portal.HOSTILE["H-09"]


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    return portal.home(tmp_path_factory.mktemp("commands"))


def run(settings: Settings, *words: str, given: str = ""):
    places = ["--home", str(settings.home_path), "--policies", str(settings.policies)]
    return CliRunner().invoke(app, [*words, *places], input=given)


@pytest.fixture(autouse=True)
def nothing_is_changed(settings):
    before = {file: file.stat().st_ino for file in settings.landing_path.rglob("*.parquet")}
    yield
    assert before == {file: file.stat().st_ino for file in settings.landing_path.rglob("*.parquet")}
    assert read_records(settings) == []
    assert read_pending(settings) is None


def test_a_dry_run_says_what_would_go_from_where(settings):
    done = run(settings, "forget", "H-09", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "landing" in done.stdout
    assert "published" in done.stdout
    assert "rows would be removed." in done.stdout


def test_an_account_that_isnt_there_is_told(settings):
    done = run(settings, "forget", "Nobody At All", "--reason", "r")
    assert done.exit_code == 2
    assert "there is no account 'Nobody At All'" in done.output


def test_a_reason_is_needed(settings):
    done = run(settings, "forget", "H-09", "--yes")
    assert done.exit_code == 2
    assert "--reason is needed" in done.output


@pytest.mark.parametrize("typed", ["H-09\n", "\n", "yes\n"])
def test_the_name_has_to_be_typed(settings, typed):
    done = run(settings, "forget", "H-09", "--reason", "r", given=typed)
    assert done.exit_code != 0
    assert "can't be undone" in done.output


def test_not_while_the_home_is_in_use(settings):
    with alone_in(settings.home_path):
        for words in (("forget", "H-09", "--reason", "r", "--yes"), ("prune",)):
            done = run(settings, *words)
            assert done.exit_code == 1
            assert "another refresh is at work" in done.output


def test_pruning_says_what_went(settings):
    done = run(settings, "prune", "--dry-run")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Would be removed: ")
