"""The ledger at the terminal: what is listed, decided, noted and carried out, and what is refused in words."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from orchestration.actions.sync import take_in
from orchestration.cli import app
from orchestration.ledger.store import Store, sqlite_url, utc_now
from orchestration.settings import PROJECT_ROOT
from tests.support.ledger import PEOPLE, action, alert, policies, published

Run = Callable[..., Result]


@pytest.fixture
def rules_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "policies"
    shutil.copytree(PROJECT_ROOT / "policies", folder)
    access = folder / "access.yaml"
    access.write_text(access.read_text().replace("people: {}", yaml.safe_dump({"people": PEOPLE})))
    return folder


@pytest.fixture
def run(lite_url: str, rules_folder: Path, tmp_path: Path) -> Run:
    """A command on a home whose ledger has taken some actions and an alert in."""
    rows = [
        action("auto"),
        action("waits", "approve", priority="P1", account_name="Be[red]ta\u202e", guards="a renewal in 20 days"),
        action("held", "recommend", owner=None, owner_role="AE"),
    ]
    with Store.at(lite_url) as store, published(rows, [alert("l1"), alert("l2", at_once=True)]) as publication:
        take_in(store, publication, policies(), utc_now())

    def command(*arguments: str) -> Result:
        needs_rules = arguments[1] not in ("history",) and arguments[:2] != ("actions", "list")
        more = ["--policies", str(rules_folder)] if needs_rules else []
        return CliRunner().invoke(app, [*arguments, "--home", str(tmp_path / "home"), *more])

    return command


def test_actions_are_listed_the_most_urgent_first(run: Run) -> None:
    listed = run("actions", "list")
    assert listed.exit_code == 0, listed.output
    assert "3 actions" in listed.stdout
    assert listed.stdout.index("waits") < listed.stdout.index("auto")
    assert "Be[red]ta" in listed.stdout
    assert "\u202e" not in listed.stdout
    assert "a renewal in" in listed.stdout
    only = run("actions", "list", "--status", "pending approval")
    assert "1 action" in only.stdout
    assert "no such action" in run("actions", "list", "--status", "done").stdout
    assert "1 action" in run("actions", "list", "--owner", "AE").stdout
    assert "3 actions" in run("actions", "list", "--account", "a").stdout
    assert "and 2 more" in " ".join(run("actions", "list", "--limit", "1").stdout.split())
    unknown = run("actions", "list", "--status", "gone")
    assert (unknown.exit_code, "there is no state gone; the states are recommended" in unknown.stderr) == (2, True)


def test_decisions_are_made_one_by_one(run: Run) -> None:
    some = run("actions", "approve", "waits", "nothing", "--by", "ben")
    assert some.exit_code == 2
    assert some.stdout.strip() == "waits is queued: Tell the CSM or owner, Be[red]ta"
    assert "there is no action nothing" in some.stderr
    refused = run("actions", "promote", "held", "--by", "nobody", "--reason", "x")
    assert (refused.exit_code, "nobody may not promote" in refused.stderr) == (2, True)
    assert run("actions", "promote", "held", "--by", "ann", "--reason", "worth it").exit_code == 0
    assert "ann asked for action held" in run("actions", "approve", "held", "--by", "ann").stderr
    snoozed = run("actions", "snooze", "held", "--until", "2020-01-01", "--reason", "x", "--by", "cas")
    assert "2020-01-01 can't be" in snoozed.stderr
    assert "needs a reason" in run("actions", "reject", "held", "--by", "ben").stderr
    assert run("actions", "reject", "held", "--by", "ben", "--reason", "not now").exit_code == 0
    assert "only what failed is tried again" in run("actions", "retry", "held", "--by", "ben", "--reason", "x").stderr
    told = run("actions", "history", "held").stdout
    for words in ("recommended", "pending approval", "rejected", "not now", "worth it", "engine"):
        assert words in told
    assert run("actions", "history", "nothing").exit_code == 2


def test_what_is_due_is_carried_out_on_this_machine(run: Run, tmp_path: Path) -> None:
    done = run("actions", "run")
    assert done.exit_code == 0, done.output
    # The action and the alert that is told at once; digests depend on the hour.
    lines = (tmp_path / "home" / "operations" / "dry_run.jsonl").read_text()
    assert '"key": "auto"' in lines
    assert '"key": "alert:l2"' in lines
    assert "0 failed" in done.stdout
    assert "1 action" in run("actions", "list", "--status", "done").stdout


def test_alerts_are_listed_and_answered(run: Run) -> None:
    listed = run("alerts", "list")
    assert listed.exit_code == 0, listed.output
    assert "2 alerts" in listed.stdout
    assert "acknowledged" in listed.stdout
    first = run("alerts", "acknowledge", "l1", "l2", "--by", "cas", "--note", "on it")
    assert first.stdout.splitlines() == [f"{one} is acknowledged: Urgent ticket open, Acme" for one in ("l1", "l2")]
    assert "next it has to be assessed" in run("alerts", "plan", "l1", "--by", "cas").stderr
    for step in ("assess", "plan", "execute", "follow-up"):
        assert run("alerts", step, "l1", "--by", "cas").exit_code == 0
    assert "needs a note" in run("alerts", "close", "l1", "--by", "cas").stderr
    assert run("alerts", "close", "l1", "--by", "cas", "--note", "well").exit_code == 0
    assert "1 alert" in run("alerts", "list").stdout
    assert "2 alerts" in run("alerts", "list", "--all").stdout


def test_a_home_without_a_ledger_says_so(tmp_path: Path) -> None:
    for arguments in (("actions", "list"), ("alerts", "list"), ("actions", "run")):
        told = CliRunner().invoke(app, [*arguments, "--home", str(tmp_path / "new")])
        assert (told.exit_code, "yet; a refresh makes it" in told.stderr) == (2, True)
    assert not (tmp_path / "new").exists()


def test_a_broken_ledger_is_a_failure_in_one_line(tmp_path: Path) -> None:
    Store.at(sqlite_url(tmp_path / "operations.db")).close()
    for file in tmp_path.glob("operations.db*"):
        file.unlink()
    (tmp_path / "operations.db").write_bytes(b"not a database" * 100)
    told = CliRunner().invoke(app, ["actions", "list", "--home", str(tmp_path)])
    assert (told.exit_code, told.stderr.strip()) == (1, "the ledger can't be opened: file is not a database")
