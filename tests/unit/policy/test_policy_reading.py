"""Files are read by a quick loader and a careful one, and nobody can tell which: values, lines, and what is refused."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from orchestration.policy import document
from orchestration.policy.document import Document, read_document
from orchestration.policy.problems import Problem
from tests.unit.policy.conftest import SHIPPED

BITS = [*":-#?[]{},&*!|>'\"%@`~ \n\t\r\\/=<", "\x85", "\u2028", "\ufeff", "\x07", "🦔", "é", "---\n", "...\n", "!!str "]
MUTANTS = 400


def carefully(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Document, list[Problem]]:
    with monkeypatch.context() as patched:
        patched.setattr(document, "_QuickLoader", document._CoreLoader)
        return read_document(path)


def test_shipped_files_are_read_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    for file in sorted(SHIPPED.glob("*.yaml")):
        assert read_document(file) == carefully(file, monkeypatch), file.name


def test_files_with_slips_are_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance, file = random.Random(7), tmp_path / "mutant.yaml"  # noqa: S311 -- no secret
    texts = [
        shipped.read_text(encoding="utf-8").splitlines(keepends=True) for shipped in sorted(SHIPPED.glob("*.yaml"))
    ]
    refused = 0
    for _ in range(MUTANTS):
        lines = chance.choice(texts)
        start = chance.randrange(len(lines))
        text = "".join(lines[start : start + 12])
        for _ in range(3):
            place = chance.randrange(len(text) + 1)
            text = text[:place] + chance.choice(BITS) + text[place + chance.randrange(3) :]
        file.write_text(text, encoding="utf-8", newline="")
        read = read_document(file)
        assert read == carefully(file, monkeypatch), text
        refused += bool(read[1])
    assert 0 < refused < MUTANTS


@pytest.mark.parametrize(
    "text", ["a\t: 1\n", "a: \t\n", "? a\n: 1\n", "b: [c?]\n", "a: |#\n  1\n", "a: 1\n\ufeffb: 2\n"]
)
def test_what_the_quick_loader_takes_differently_is_read_by_the_careful_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text(text, encoding="utf-8")
    assert read_document(file) == carefully(file, monkeypatch)
