"""The level of automation of a run: from the command line and the run's tags to what the models are asked."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from orchestration import launch
from orchestration.cli import app
from orchestration.defs.asof import CADENCE_TAG, LEVEL_TAG, run_of
from orchestration.settings import Settings


def asked(tmp_path: Path, **tags: str) -> Any:
    run = SimpleNamespace(tags={"dagster/partition": "2026-06-30"} | tags, run_id="run-1")
    return run_of(SimpleNamespace(run=run), Settings(home=tmp_path))


def test_a_run_has_the_level_of_its_tag(tmp_path: Path) -> None:
    assert asked(tmp_path).automation_level is None
    assert asked(tmp_path, **{LEVEL_TAG: "aggressive", CADENCE_TAG: "weekly"}).automation_level == "aggressive"


def test_a_level_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(dg.Failure, match="choose one of conservative, balanced, aggressive"):
        asked(tmp_path, **{LEVEL_TAG: "bold"})


@pytest.mark.parametrize("level", [None, "conservative"])
def test_the_command_hands_the_level_on(level: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, ...]] = []

    def fake(settings: Settings, as_of: date, cadence: str, progress: Any, level: str | None = None) -> None:
        seen.append((as_of, cadence, level))
        raise launch.RefreshFailed(["enough seen"])

    monkeypatch.setattr(launch, "launch", fake)
    options = [] if level is None else ["--level", level]
    result = CliRunner().invoke(app, ["refresh", "--home", str(tmp_path), "--as-of", "2026-06-30", *options])
    assert result.exit_code == 1
    assert seen == [(date(2026, 6, 30), "daily", level)]


def test_the_command_does_not_understand_another_level(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["refresh", "--home", str(tmp_path), "--level", "bold"])
    assert result.exit_code == 2
