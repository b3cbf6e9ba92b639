"""kill -9 at any instant of asking systems and landing: the next run leaves what an undisturbed one leaves.

A dozen moments here; `make faults` tries two hundred (ACCOUNT_HEALTH_TEST_KILLS).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("ACCOUNT_HEALTH_TEST_KILLS", "12"))
# The first refresh has more to do than the second.
_LONGEST_SECONDS = 120 + 20 * KILLS


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    work = tmp_path_factory.mktemp("killed")
    program = [sys.executable, str(Path(__file__).with_name("pull_killer.py")), str(work), str(KILLS // 2)]
    done = subprocess.run(
        program,
        capture_output=True,
        text=True,
        timeout=_LONGEST_SECONDS,
        check=False,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(params=["first", "second"])
def part(report, request):
    return report[request.param]


def test_the_undisturbed_runs_land_what_there_is(report):
    first, second = report["first"]["undisturbed"], report["second"]["undisturbed"]
    assert {stream: len(found) for stream, found in first.items()} == dict.fromkeys(first, 1)
    # The second brings news of activities and tickets, and confirms the rest.
    changed = {"activities", "tickets"}
    assert {stream: len(found) for stream, found in second.items()} == {name: 1 + (name in changed) for name in first}
    for stream in changed:
        assert second[stream][0] == first[stream][0]
    assert second["activities"][1][3]["deleted_at_source"] == first["activities"][0][3]["deleted_at_source"] + 3


def test_every_kill_hit(part):
    assert [kill["exit"] for kill in part["kills"]] == [-signal.SIGKILL] * len(part["kills"])
    assert part["kills"][-1]["moment"] == part["events"] > 100


def test_what_is_readable_after_a_kill_is_whole(part):
    """Of each stream what was there before, or all that an undisturbed run leaves."""
    for kill in part["kills"]:
        for stream, found in kill["after"].items():
            undisturbed = part["undisturbed"][stream]
            assert found == undisturbed[: len(found)], (kill["moment"], stream)


def test_the_run_after_a_kill_leaves_what_an_undisturbed_run_leaves(part):
    for kill in part["kills"]:
        assert kill["mended"] == part["undisturbed"], kill["moment"]


def test_kills_are_spread_over_pulling_and_landing(part):
    readable = {sum(len(found) for found in kill["after"].values()) for kill in part["kills"]}
    assert len(readable) > 1
