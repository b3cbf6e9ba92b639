"""Runs extractions in child processes and kills them: at the nth thing they do, and after given fractions of a run.

Started as a program of its own (`extraction_killer.py WORK_DIR`), so that forking is safe: nothing has threads before a
child begins. Prints one JSON object: what an undisturbed run landed, and for every kill what was readable after it
and what the next run made of it.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from orchestration.sources.landing import LandingZone
from tests.support.extraction import CONTRACTS, Desk

AT = datetime(2026, 6, 30, 10, tzinfo=UTC)
ROWS = 10_000
EVENTS_KILLED = 10
INSTANTS_KILLED = 6


def extract(drop: Path, landing: Path) -> str:
    return Desk(drop, LandingZone(landing)).extract("contracts", AT).status


def state(landing: Path) -> list:
    """Everything that is readable: ids, row counts and the parts' content."""
    return [
        [
            one.extraction_id,
            one.rows_read,
            one.rows_landed,
            [hashlib.sha256(p.read_bytes()).hexdigest() for p in one.part_paths],
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


def main(work: Path) -> None:
    drop = work / "drop"
    drop.mkdir()
    lines = (f"Account {n % 500},Gold,2026-01-01,2026-12-31,${n}.50\n" for n in range(ROWS))
    (drop / "contracts.csv").write_text(CONTRACTS + "".join(lines) + "too,few\nGrand Total,,,,5\n")
    counted = work / "events.json"
    started = time.monotonic()
    assert wait(child(drop, work / "undisturbed", count_to=counted)) == 0
    duration = time.monotonic() - started
    events = json.loads(counted.read_text())[0]
    report = {"undisturbed": state(work / "undisturbed"), "events": events, "kills": []}
    moments = [("event", 1 + round(n * (events - 1) / (EVENTS_KILLED - 1))) for n in range(EVENTS_KILLED)]
    moments += [("instant", duration * (n + 0.5) / INSTANTS_KILLED) for n in range(INSTANTS_KILLED)]
    for number, (kind, moment) in enumerate(moments):
        landing = work / f"landing-{number}"
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
    together = [child(drop, work / "together") for _ in range(3)]
    report["together"] = {"exits": [wait(pid) for pid in together], "state": state(work / "together")}
    print(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
