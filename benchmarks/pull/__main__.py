"""Measures pulling tasks from a simulated CRM: everything, then again after one in a hundred changed.

`python -m benchmarks.pull --rows 1000000` starts the simulated CRM as a process of its own, and in another, watched one
pulls the tasks by the Bulk API, merges them and lands them. The floor is a watched process that downloads the same
bytes with httpx and does nothing with them. Results go to `benchmarks/pull/results.json` and its `REPORT.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.watch import Watched, run_watched

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHANGED_PCT = 1
AT = datetime(2026, 7, 1, 10, tzinfo=UTC)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args(argv)
    work = Path(tempfile.mkdtemp(prefix="account-health-pull-"))
    try:
        result = measure(arguments.rows, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    (HERE / "results.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (HERE / "REPORT.md").write_text(report(result), encoding="utf-8")
    print(report(result))
    return 0


def measure(rows: int, work: Path) -> dict[str, Any]:
    """Seconds, rows a second and memory of each step; floor and pull in the same run, against the same simulator."""
    crm = [sys.executable, "-m", "tests.simulators.server", "--accounts", "50", "--mass-tasks", str(rows)]
    with subprocess.Popen(
        crm,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        steps = {}
        # The first download has the simulator write its CSV; only what comes after is measured.
        for name in ("warm", "floor", "pull", "again"):
            if name == "again":
                process.stdin.write(json.dumps({"touch": rows * CHANGED_PCT // 100}) + "\n")
                process.stdin.flush()
                process.stdout.readline()
            steps[name] = _watched("floor" if name == "warm" else name, said, work)
        process.stdin.close()
    steps.pop("warm")
    return {
        "rows": rows,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{os.cpu_count()} processors, {platform.system()}, Python {platform.python_version()}",
        "load_before": round(os.getloadavg()[0], 1),
        "steps": steps,
    }


def _watched(step: str, said: dict[str, str], work: Path) -> dict[str, Any]:
    environment = {
        "SSL_CERT_FILE": said["ca_file"],
        "ACCOUNT_HEALTH_SECRET_CRM_SECRET": said["client_secret"],
        "ACCOUNT_HEALTH_SECRET_DESK_TOKEN": said["token"],
        "PYTHONPATH": str(ROOT),
    }
    program = [sys.executable, "-m", "benchmarks.pull.steps", step, str(work), json.dumps(said)]
    watched: Watched = run_watched(program, environment)
    if watched.exit_code:
        raise RuntimeError(f"{step} failed: {watched.errors[-2000:]}")
    told = json.loads(watched.output.splitlines()[-1])
    return {
        "seconds": watched.seconds,
        "processor_seconds": watched.cpu_seconds,
        "peak_mb": watched.peak_rss_mb,
        **told,
    }


def report(result: dict[str, Any]) -> str:
    """The figures as a page; ratios are to the floor of the same run."""
    floor = result["steps"]["floor"]["seconds"]
    lines = [
        "# How fast records come out of a CRM",
        "",
        "Written by `python -m benchmarks.pull`; don't edit by hand.",
        "",
        f"{result['rows']:,} tasks, {result['measured_at']}, {result['machine']}, load {result['load_before']} before."
        " The simulated CRM runs on the same processors, so part of every figure is its work.",
        "",
        "| step | seconds | × floor | processor seconds | rows a second | peak MB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    words = {
        "floor": "download the bytes, nothing else",
        "pull": "pull everything into the landing zone",
        "again": f"pull again after {CHANGED_PCT} % changed",
    }
    for name, step in result["steps"].items():
        figures = [
            step["seconds"],
            f"{step['seconds'] / floor:.1f}",
            step["processor_seconds"],
            f"{step['rows'] / step['seconds']:,.0f}",
            step["peak_mb"],
        ]
        lines.append(f"| {words[name]} | {' | '.join(str(figure) for figure in figures)} |")
    return "\n".join(lines) + "\n"


def moment(step: str) -> datetime:
    """When a step asks: the second pull a day after the first."""
    return AT + timedelta(days=step == "again")


if __name__ == "__main__":
    sys.exit(main())
