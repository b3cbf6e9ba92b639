"""kill -9 at any instant of an extraction leaves all of it or none of it, and the next run mends everything."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    work = tmp_path_factory.mktemp("killed")
    program = [sys.executable, str(Path(__file__).with_name("extraction_killer.py")), str(work)]
    done = subprocess.run(
        program, capture_output=True, text=True, timeout=480, check=False, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_undisturbed_run_lands_everything(report):
    ((_, rows_read, rows_landed, parts),) = report["undisturbed"]
    assert (rows_read, rows_landed, len(parts)) == (10_002, 10_001, 1)


def test_a_killed_extraction_is_there_whole_or_not_at_all(report):
    for kill in report["kills"]:
        assert kill["after"] in ([], report["undisturbed"]), kill["moment"]


def test_the_run_after_a_kill_leaves_what_an_undisturbed_run_leaves(report):
    for kill in report["kills"]:
        assert kill["repaired"] == report["undisturbed"], kill["moment"]
        assert kill["left"] == []


def test_a_killed_extraction_that_shares_parts_is_there_whole_or_not_at_all(report):
    again = report["again"]
    second, first = again["undisturbed"]
    assert [first] == again["before"]
    assert (second[2], len(second[3]), second[3][0]) == (9_996, 4, first[3][0])
    for kill in again["kills"]:
        assert kill["after"] in ([first], [second, first]), kill["moment"]
        assert kill["left"] == []
    assert any(kill["after"] == [first] for kill in again["kills"])


def test_the_run_after_such_a_kill_mends_it(report):
    rows = [(one[0], one[1], one[2]) for one in report["again"]["undisturbed"]]
    for kill in report["again"]["kills"]:
        assert [(one[0], one[1], one[2]) for one in kill["repaired"]] == rows, kill["moment"]


def test_kills_really_hit_the_work_in_the_middle(report):
    by_event = [kill for kill in report["kills"] if kill["kind"] == "event"]
    assert all(kill["exit"] == -signal.SIGKILL for kill in by_event)
    assert sum(kill["after"] == [] for kill in by_event) >= len(by_event) // 2
    assert any(kill["exit"] == -signal.SIGKILL for kill in report["kills"] if kill["kind"] == "instant")


def test_extractions_of_one_stream_at_once_land_it_once(report):
    assert report["together"]["exits"] == [0, 0, 0]
    assert report["together"]["state"] == report["undisturbed"]
