"""`account-health document`: each kind at a terminal, and what it says when it can't."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.cli import app

runner = CliRunner()


def run(told, *arguments: str):
    settings = told.settings
    given = ["--home", str(settings.home_path), "--policies", str(settings.policies)]
    return runner.invoke(app, ["document", *arguments, *given])


@pytest.mark.parametrize(("kind", "begins"), [("brief", b"%PDF"), ("qbr", b"PK"), ("deck", b"PK")])
def test_a_document_of_an_account_by_its_name(told, tmp_path: Path, kind: str, begins: bytes):
    file = tmp_path / "made"
    called = told.facts(told.account("h.score is not null")).account["account_name"]
    result = run(told, kind, called, "--out", str(file))
    assert result.exit_code == 0, result.output
    assert file.read_bytes().startswith(begins)


def test_the_executive_report_gets_a_name_of_its_own(told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    result = run(told, "executive")
    assert result.exit_code == 0, result.output
    assert (tmp_path / f"executive-report-{told.as_of}.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["brief", "Nobody Ltd"], 'no scored account is called "Nobody Ltd"'),
        (["brief"], "name the account"),
        (["executive", "A-00001"], "of no single account"),
        (["deck", "H-01", "--target", "none"], "no health-check target 'none'"),
        (["poem", "H-01"], "poem"),
    ],
)
def test_what_isnt_understood_is_said(told, arguments: list[str], said: str):
    result = run(told, *arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_a_file_that_cant_be_written_is_said(told, tmp_path: Path):
    (tmp_path / "in the way").write_text("a file, not a folder")
    result = run(told, "brief", "H-01", "--out", str(tmp_path / "in the way" / "made.pdf"))
    assert result.exit_code == 1
    assert "can't be written" in result.output
