"""CSM calls at the command line: what is refused, and that none is ever lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.operations.accounts import Account
from orchestration.operations.calls import Call, CallError, add_call, holding, new_call, read_calls
from tests.unit.operations.conftest import publish_accounts

ROOT = Path(__file__).parents[3]
TODAY = datetime.now(UTC).date()
UNTIL = (TODAY + timedelta(days=30)).isoformat()
ZONE = "UTC"


def run(home: Path, *arguments: str):
    return CliRunner().invoke(app, [*arguments, "--home", str(home)])


def call(home: Path, *arguments: str):
    return run(home, "call", *arguments)


def calls_of(home: Path) -> list[Call]:
    return read_calls(home / "operations")


def made(account: str, status: str, at: datetime, until: date) -> Call:
    return new_call(Account(account, f"Account {account}"), status, "Because", "Cas", until, at)


# What a command says and does


def test_a_call_is_kept_as_it_was_made(home):
    done = call(
        home, "acme", "red", "--reason", 'Sponsor left, "at once"\nand more', "--until", UNTIL, "--by", "Cas Csm"
    )
    assert done.exit_code == 0, done.output
    assert "Called RED until" in done.output
    assert "Acme Corp (A1)" in done.output
    (kept,) = calls_of(home)
    assert (kept.account_id, kept.account_name, kept.status) == ("A1", "Acme Corp", "RED")
    assert (kept.reason, kept.called_by, kept.expires_on) == ('Sponsor left, "at once" and more', "Cas Csm", UNTIL)
    assert abs(datetime.fromisoformat(kept.called_at) - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("acme", "purple", "--reason", "x", "--until", UNTIL), "is no status; a call is for GREEN, YELLOW, RED"),
        (("acme", "withdrawn", "--reason", "x", "--until", UNTIL), "is no status"),
        (("acme", "--reason", "x", "--until", UNTIL), "a call needs a status"),
        (("acme", "red", "--until", UNTIL), "a call needs a reason"),
        (("acme", "red", "--reason", "  ", "--until", UNTIL), "a call needs a reason"),
        (("acme", "red", "--reason", "x"), "a call needs its last day"),
        (("acme", "red", "--reason", "x", "--until", str(TODAY - timedelta(days=2))), "is past"),
        (("acme", "red", "--reason", "x", "--until", str(TODAY + timedelta(days=93))), "90 days at most"),
        (("acme", "red", "--reason", "x", "--until", "31.12.2026"), "%Y-%m-%d"),
        (("acne korp", "red", "--reason", "x", "--until", UNTIL), "nearest: Acme Corp (A1)"),
        (("twin", "red", "--reason", "x", "--until", UNTIL), "the name of 2 accounts"),
        (("acme", "red", "--withdraw"), "without status"),
        (("acme", "--withdraw"), "no call for Acme Corp that could be taken back"),
    ],
)
def test_what_can_not_be_called_is_said(home, arguments, message):
    done = call(home, *arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
    assert calls_of(home) == []


@pytest.mark.parametrize("days", [0, 88])
def test_a_call_holds_from_today_to_ninety_days_ahead(home, days):
    # Two days short of the edge, whatever the business time zone makes of today.
    until = str(TODAY + timedelta(days=days + 1))
    assert call(home, "A1", "yellow", "--reason", "x", "--until", until).exit_code == 0


def test_before_the_first_publication_nothing_can_be_called(tmp_path):
    done = call(tmp_path, "acme", "red", "--reason", "x", "--until", UNTIL)
    assert done.exit_code == 1
    assert "run `account-health refresh`" in done.output


def test_a_call_can_be_taken_back(home):
    call(home, "A1", "red", "--reason", "x", "--until", UNTIL)
    done = call(home, "Acme Corp", "--withdraw", "--reason", "Was a rumour")
    assert done.exit_code == 0, done.output
    assert [(one.status, one.reason) for one in calls_of(home)] == [("RED", "x"), ("WITHDRAWN", "Was a rumour")]
    assert call(home, "A1", "--withdraw").exit_code == 2


def test_a_call_from_elsewhere_can_be_taken_back(tmp_path):
    publish_accounts(tmp_path / "published", called="A1")
    assert call(tmp_path, "A1", "--withdraw").exit_code == 0
    assert call(tmp_path, "A2", "--withdraw").exit_code == 2


def test_calls_are_listed(home):
    assert "No calls" in run(home, "calls").output
    call(home, "A1", "red", "--reason", "[b]Sponsor[/b]", "--until", UNTIL, "--by", "Cas")
    call(home, "A1", "green", "--reason", "Back", "--until", UNTIL, "--by", "Cas")
    lines = [line for line in run(home, "calls").output.splitlines() if "Cas" in line]
    assert ["yes" in line for line in lines] == [True, False]
    assert "GREEN" in lines[0]
    assert "RED" in lines[1]


# Which call holds


@pytest.mark.parametrize(
    ("day", "status"),
    [(date(2026, 5, 31), None), (date(2026, 6, 1), "RED"), (date(2026, 6, 10), "GREEN"), (date(2026, 6, 21), None)],
)
def test_the_latest_call_holds_until_it_expires(day, status):
    calls = [
        made("A1", "RED", datetime(2026, 6, 1, 9, tzinfo=UTC), date(2026, 8, 1)),
        # Once it has expired, the longer one before it doesn't come back.
        made("A1", "GREEN", datetime(2026, 6, 10, 9, tzinfo=UTC), date(2026, 6, 20)),
        made("A2", "YELLOW", datetime(2026, 6, 11, 9, tzinfo=UTC), date(2026, 8, 1)),
    ]
    found = holding(calls, "A1", day, ZONE)
    assert (found.status if found else None) == status


# Nothing is lost


def test_a_file_that_somebody_changed_is_not_added_to(home):
    call(home, "A1", "red", "--reason", "x", "--until", UNTIL)
    file = home / "operations" / "csm_calls.csv"
    file.write_text(file.read_text().replace("call_id,", "call id;"))
    before = file.read_bytes()
    done = call(home, "A1", "red", "--reason", "y", "--until", UNTIL)
    assert done.exit_code == 2
    assert "isn't as it was written" in done.output
    assert file.read_bytes() == before


_ADDS = textwrap.dedent(
    """
    import sys
    from datetime import UTC, date, datetime
    from pathlib import Path
    from orchestration.operations.accounts import Account
    from orchestration.operations.calls import add_call, new_call
    for number in range(int(sys.argv[3])):
        account = Account(f"{sys.argv[2]}-{number}", "Somebody")
        add_call(Path(sys.argv[1]), new_call(account, "RED", "x", "y", date(2026, 7, 1), datetime.now(UTC)))
    """
)


def start(code: str, *arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


def test_commands_at_the_same_time_lose_no_call(tmp_path):
    processes = [start(_ADDS, tmp_path, name, 40) for name in ("a", "b", "c")]
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0]
    found = [one.account_id for one in read_calls(tmp_path)]
    assert sorted(found) == sorted(f"{name}-{number}" for name in ("a", "b", "c") for number in range(40))
    assert len({one.call_id for one in read_calls(tmp_path)}) == 120


_KILLED = textwrap.dedent(
    """
    import os, signal, sys
    from orchestration.publishing import durable
    nth, done = int(sys.argv[4]), 0
    for name in ("write_text", "sync_file", "move", "sync_directory"):
        def operation(*arguments, _real=getattr(durable, name)):
            global done
            done += 1
            if done == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            return _real(*arguments)
        setattr(durable, name, operation)
    """
)


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_a_kill_at_any_step_loses_no_call(tmp_path, nth):
    for number in range(3):
        add_call(tmp_path, made(f"A{number}", "RED", datetime.now(UTC), TODAY))
    killed = start(_KILLED + _ADDS, tmp_path, "killed", 1, nth)
    assert killed.wait(timeout=60) == -signal.SIGKILL
    found = [one.account_id for one in read_calls(tmp_path)]
    # At the last step the call is there already: only its name is being pushed to the disk.
    assert found == ["A0", "A1", "A2", *(["killed-0"] if nth == 4 else [])]
    add_call(tmp_path, made("A9", "RED", datetime.now(UTC), TODAY))
    assert [one.account_id for one in read_calls(tmp_path)] == [*found, "A9"]
    assert not list(tmp_path.glob(".tmp-*"))


def test_a_blank_account_name_is_kept(tmp_path):
    add_call(tmp_path, new_call(Account("A5", ""), "RED", "x", "y", TODAY, datetime.now(UTC)))
    assert read_calls(tmp_path)[0].account_name == ""


def test_a_damaged_line_is_told_with_the_file(tmp_path):
    add_call(tmp_path, made("A1", "RED", datetime.now(UTC), TODAY))
    with (tmp_path / "csm_calls.csv").open("a") as file:
        file.write("half a line\n")
    with pytest.raises(CallError, match=r"csm_calls.csv isn't as it was written"):
        read_calls(tmp_path)
