"""Runs extractions in child processes and kills them: at the nth thing they do, and after given fractions of a run.

Then the same for a second export of which only a few lines are new, so that parts of the first extraction are shared.

Started as a program of its own (`extraction_killer.py WORK_DIR`), so that forking is safe: nothing has threads before a
child begins. Prints one JSON object: for both exports what an undisturbed run landed, and for every kill what was
readable after it and what the next run made of it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from orchestration.sources.landing import LandingZone
from tests.support.extraction import CONTRACTS, Desk, settings

AT = datetime(2026, 6, 30, 10, tzinfo=UTC)
ROWS = 10_000
EVENTS_KILLED = 10
INSTANTS_KILLED = 6
HEADER = "Contract ID," + CONTRACTS
FIRST = [f"C{n},Account {n % 500},Gold,2026-01-01,2026-12-31,${n}.50\n" for n in range(ROWS)]


def extract(drop: Path, landing: Path) -> str:
    return Desk(drop, LandingZone(landing), settings(compare_from_records=1)).extract("contracts", AT).status


def state(landing: Path) -> list:
    """Everything that is readable: ids, row counts and the parts' content."""
    return [
        [
            one.extraction_id,
            one.rows_read,
            one.rows_landed,
            [
                hashlib.sha256(p.read_bytes()).hexdigest()
                for p in (*one.part_paths, one.gone_path, one.places_path)
                if p
            ],
        ]
        for one in LandingZone(landing).extractions("contracts")
    ]


def child(drop: Path, landing: Path, die_at_event: int | None = None, count_to: Path | None = None) -> int:
    """Forks a process that extracts; it kills itself at its nth audit event (opening, renaming, syncing, …)."""
    pid = os.fork()
    if pid:
        return pid
    seen = 0

    def hook(event: str, _arguments: tuple) -> None:
        nonlocal seen
        if event.startswith(("open", "os.", "fcntl.", "shutil.", "tempfile.")):
            seen += 1
            if seen == die_at_event:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    try:
        status = extract(drop, landing)
        if count_to is not None:
            count_to.write_text(json.dumps([seen, status]))
        os._exit(0)
    except BaseException as error:
        print(repr(error), file=sys.stderr)
        os._exit(1)


def wait(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed(work: Path, drop: Path, before: Path | None) -> dict:
    """Extracts `drop` undisturbed, then killed at many moments, each time into a landing zone as it was `before`."""

    def landing_zone(name: str) -> Path:
        folder = work / name
        if before is not None:
            shutil.copytree(before, folder)
        return folder

    counted, undisturbed = work / "events.json", landing_zone("undisturbed")
    started = time.monotonic()
    assert wait(child(drop, undisturbed, count_to=counted)) == 0
    duration = time.monotonic() - started
    events = json.loads(counted.read_text())[0]
    report = {
        "before": state(before) if before else [],
        "undisturbed": state(undisturbed),
        "events": events,
        "kills": [],
    }
    moments = [("event", 1 + round(n * (events - 1) / (EVENTS_KILLED - 1))) for n in range(EVENTS_KILLED)]
    moments += [("instant", duration * (n + 0.5) / INSTANTS_KILLED) for n in range(INSTANTS_KILLED)]
    for number, (kind, moment) in enumerate(moments):
        landing = landing_zone(f"landing-{number}")
        pid = child(drop, landing, die_at_event=moment if kind == "event" else None)
        if kind == "instant":
            time.sleep(moment)
            os.kill(pid, signal.SIGKILL)
        died = wait(pid)
        after = state(landing)
        assert wait(child(drop, landing)) == 0
        left = sorted(path.name for path in (landing / "contracts").iterdir() if path.name.startswith(".tmp"))
        report["kills"].append(
            {"kind": kind, "moment": moment, "exit": died, "after": after, "repaired": state(landing), "left": left}
        )
    return report


def main(work: Path) -> None:
    drop, again = work / "drop", work / "again"
    for folder in (drop, again):
        folder.mkdir()
    lines = (f"Account {n % 500},Gold,2026-01-01,2026-12-31,${n}.50\n" for n in range(ROWS))
    (drop / "contracts.csv").write_text(CONTRACTS + "".join(lines) + "too,few\nGrand Total,,,,5\n")
    report = killed(work, drop, None)
    (again / "contracts.csv").write_text(HEADER + "".join(FIRST))
    first = work / "first"
    assert wait(child(again, first)) == 0
    (again / "contracts.csv").write_text(HEADER + "".join(FIRST[5:]) + "new,Account 1,Gold,2026-01-01,2026-12-31,$1\n")
    (work / "second").mkdir()
    report["again"] = killed(work / "second", again, first)
    together = [child(drop, work / "together") for _ in range(3)]
    report["together"] = {"exits": [wait(pid) for pid in together], "state": state(work / "together")}
    print(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
