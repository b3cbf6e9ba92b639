"""The code location as Dagster's own commands see it, and what importing it does not do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

from orchestration.settings import PROJECT_ROOT

_READ_BY_RUNS = ("orchestration", "policies", "expectations", "dbt_project", ".account-health")
# Prints what every module of the project did while it was imported, beside reading code.
_IMPORT_ALL = """
import json, pkgutil, sys
did = []
def watch(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        writes = isinstance(mode, str) and any(letter in mode for letter in "wax+")
        reads = str(path).startswith(tuple(sys.argv[1:])) and not str(path).endswith((".py", ".pyc"))
        if writes or reads:
            did.append([event, str(path)])
    elif event == "subprocess.Popen" and arguments[0] == "file":
        pass  # A library asks what machine this is.
    elif event in ("os.mkdir", "os.remove", "os.rename", "socket.connect", "subprocess.Popen", "sqlite3.connect"):
        did.append([event, repr(arguments)])
import orchestration
modules = [module.name for module in pkgutil.walk_packages(orchestration.__path__, "orchestration.")]
# A script that Alembic runs, which it can do only there.
modules.remove("orchestration.ledger.migrations.env")
sys.addaudithook(watch)
for name in modules:
    __import__(name)
print(json.dumps({"modules": modules, "did": did}))
"""


def test_importing_does_nothing_but_import(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    empty.chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL, *(str(PROJECT_ROOT / name) for name in _READ_BY_RUNS)],
        cwd=empty,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(empty)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert "orchestration.definitions" in told["modules"]
    assert told["did"] == []
    assert list(empty.iterdir()) == []


def test_dg_and_the_workspace_load_the_same_location() -> None:
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["tool"]["dg"]["project"]
    [location] = yaml.safe_load((PROJECT_ROOT / "workspace.yaml").read_text())["load_from"]
    assert location["python_module"]["module_name"] == project["code_location_target_module"]
    assert location["python_module"]["location_name"] == project["code_location_name"]


def test_dg_finds_the_definitions_good(tmp_path: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("dg"), "check", "defs"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "ACCOUNT_HEALTH_HOME": str(tmp_path / "home"), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All component YAML validated successfully" in done.stdout or "definitions" in done.stdout.lower()


def test_the_workspace_serves_the_same_definitions() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("dagster"), "definitions", "validate", "-w", "workspace.yaml"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
