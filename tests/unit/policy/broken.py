"""Breaking a policy file in one place, and holding what is said of it against what should be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestration.policy.load import load_policies
from orchestration.policy.problems import PolicyError


@dataclass(frozen=True)
class Case:
    """`old` becomes `new` in `file`; the problem stands on the line where `at` is then (None: no line)."""

    name: str
    file: str
    old: str
    new: str
    at: str | None
    key: str
    found: str
    expected: str
    hint: str = ""


def assert_told(folder: Path, case: Case) -> None:
    """Break a copy of the policies as the case says; the error must name file, line, key, found and expected."""
    path = folder / case.file
    text = path.read_text(encoding="utf-8")
    head, separator, tail = text.rpartition(case.old)
    assert separator, "the case must change the file"
    broken = head + case.new + tail
    path.write_text(broken, encoding="utf-8")
    line = None
    if case.at is not None:
        # In what was put in; else the nearest line before it, or after it.
        start = len(head) if case.at in case.new else head.rfind(case.at)
        line = broken.count("\n", 0, broken.index(case.at, start if start >= 0 else len(head))) + 1

    with pytest.raises(PolicyError) as raised:
        load_policies(folder)

    problems = [problem for problem in raised.value.problems if problem.key == case.key]
    assert problems, f"nothing said of {case.key!r}: {raised.value}"
    problem = problems[0]
    assert (problem.file, problem.line) == (case.file, line)
    assert case.found in problem.found
    assert case.expected in problem.expected
    assert case.hint in problem.hint
    assert str(problem) in str(raised.value)
    assert {other.file for other in raised.value.problems} == {case.file}
