"""Policies for a test: the shipped ones with some values changed, as a folder the project can load.

Here: writing that folder and reading it back as plain dictionaries. Not here: what the values mean.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from orchestration.settings import PROJECT_ROOT

SHIPPED = PROJECT_ROOT / "policies"


def read_policy(folder: Path, name: str) -> dict[str, Any]:
    """One policy file as its YAML says it."""
    # By libyaml, as hundreds of worlds have policies of their own.
    return yaml.load((folder / f"{name}.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def write_policies(folder: Path, **changes: dict[str, Any]) -> Path:
    """A copy of the shipped policies in `folder`, with `changes` (file name to top-level keys) made in it."""
    shutil.copytree(SHIPPED, folder)
    for name, values in changes.items():
        text = yaml.dump(read_policy(folder, name) | values, Dumper=yaml.CSafeDumper, sort_keys=False)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder
