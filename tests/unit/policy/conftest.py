"""A copy of the shipped policies that a test may break."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

SHIPPED = Path(__file__).parents[3] / "policies"


@pytest.fixture
def shipped() -> Path:
    """The shipped policies folder, to be read only."""
    return SHIPPED


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped policies folder."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "policies"))
