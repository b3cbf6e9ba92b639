"""Kills pulls and landings at moments spread over all they do, and lets the next run mend what is left.

Started as a program of its own (`pull_killer.py WORK_DIR KILLS`), so that forking is safe: nothing has threads before
a child begins, and the simulated systems are a process of their own. Two refreshes of sources are killed: the first,
which reads everything by pages, jobs and cursors, and one after some records changed. Prints one JSON object: what
undisturbed runs landed, and for every kill what was readable after it and after the next run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

# Before any child: they would each load them again.
import orchestration.systems.salesforce.system
import orchestration.systems.zendesk.system  # noqa: F401
from orchestration.settings import Settings
from orchestration.sources.landing import LandingZone
from tests.support.connected import SOURCES, connect, refresh_sources

ROOT = Path(__file__).parents[2]
ACCOUNTS = 6
FIRST = datetime(2026, 7, 1, 10, tzinfo=UTC)
SECOND = FIRST + timedelta(days=1)
STREAMS = sorted({source["stream"] for source in SOURCES})
_COUNTED = ("open", "os.", "fcntl.", "shutil.", "tempfile.", "socket.")


class Systems:
    """The simulated systems, in a process of their own."""

    def __init__(self) -> None:
        program = [sys.executable, "-m", "tests.simulators.server", "--accounts", str(ACCOUNTS)]
        self._process = subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}
        )
        self.said: dict[str, str] = self._answer()

    def tell(self, **wanted: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        return self._answer()["done"]

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)


def refresh(settings: Settings, now: datetime) -> None:
    found = refresh_sources(settings, now.date(), now)
    problems = {stream: one.problem for stream, one in found.items() if one.problem}
    assert not problems, problems


def state(settings: Settings) -> dict[str, list]:
    """What is readable of each stream: per extraction its counts and a hash of its rows, oldest first."""
    zone, told = LandingZone(settings.landing_path), {}
    con = duckdb.connect(config={"threads": 1})
    for stream in STREAMS:
        told[stream] = []
        for one in reversed(zone.extractions(stream)):
            query = "select * exclude (_extraction_id) from read_parquet(?) order by _row"
            rows = con.execute(query, [[str(path) for path in one.part_paths]]).fetchall()
            content = hashlib.sha256(repr(rows).encode()).hexdigest()
            told[stream].append([one.source, one.rows_read, one.rows_landed, dict(one.passed_over), content])
    return told


def child(settings: Settings, now: datetime, die_at: int | None = None, count_to: Path | None = None) -> int:
    """Forks a process that refreshes the sources, and kills itself at its nth audit event; its exit code."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    seen = 0

    def hook(event: str, _arguments: tuple) -> None:
        nonlocal seen
        if event.startswith(_COUNTED):
            seen += 1
            if seen == die_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    try:
        refresh(settings, now)
        if count_to is not None:
            count_to.write_text(str(seen))
        os._exit(0)
    except BaseException as error:
        print(repr(error), file=sys.stderr)
        os._exit(1)


def killed(settings: Settings, now: datetime, kills: int, work: Path, before: Path | None) -> dict[str, Any]:
    """Refreshes undisturbed, then killed at so many moments, each time from what was there `before`."""

    def home(name: str) -> Settings:
        folder = work / name
        if before is not None:
            shutil.copytree(before, folder)
        return settings.model_copy(update={"home": folder})

    undisturbed, counted = home("undisturbed"), work / "events"
    assert child(undisturbed, now, count_to=counted) == 0
    events = int(counted.read_text())
    report: dict[str, Any] = {"events": events, "undisturbed": state(undisturbed), "kills": []}
    for number in range(kills):
        moment = 1 + round(number * (events - 1) / max(kills - 1, 1))
        one = home(f"killed-{number}")
        died = child(one, now, die_at=moment)
        after = state(one)
        assert child(one, now) == 0
        report["kills"].append({"moment": moment, "exit": died, "after": after, "mended": state(one)})
        shutil.rmtree(one.home)
    return report


def change(systems: Systems, settings: Settings) -> None:
    """Some records change, come and go."""
    con = duckdb.connect(config={"threads": 1})
    file = next((settings.home / "pulled/crm/salesforce_tasks").glob("records-*.parquet"))
    query = "select _key from read_parquet(?) order by 1 limit 9"
    keys = [key for (key,) in con.execute(query, [str(file)]).fetchall()]
    for key in keys[:6]:
        systems.tell(change="Task", key=key, fields={"Subject": f'Changed, "quoted"\n{key}'})
    for key in keys[6:]:
        systems.tell(delete="Task", key=key)
    for ticket in (1, 2, 3):
        systems.tell(change="ticket", key=ticket, fields={"priority": "urgent"})
    # The support desk's export leaves out the last minute.
    systems.tell(advance=120)


def main(work: Path, kills: int) -> None:
    # The first child that loads a module would do more than the others.
    sys.dont_write_bytecode = True
    systems = Systems()
    try:
        said = systems.said
        os.environ["SSL_CERT_FILE"] = said["ca_file"]
        os.environ["ACCOUNT_HEALTH_SECRET_CRM_SECRET"] = said["client_secret"]
        os.environ["ACCOUNT_HEALTH_SECRET_DESK_TOKEN"] = said["token"]
        # Small pages, and a job for the tasks, so that there is much to be killed in.
        systems.tell(set="salesforce.page_rows", value=10)
        systems.tell(set="zendesk.page_rows", value=10)
        org = {"bulk_from_rows": 40, "bulk_page_rows": 20}
        settings = connect(work, said["url"], said["client_id"], said["email"], crm=org)
        (work / "first").mkdir()
        report = {"first": killed(settings, FIRST, kills, work / "first", None)}
        before = work / "first" / "undisturbed"
        change(systems, settings.model_copy(update={"home": before}))
        (work / "second").mkdir()
        report["second"] = killed(settings, SECOND, kills, work / "second", before)
    finally:
        systems.close()
    print(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
