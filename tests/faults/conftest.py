"""Fixtures of the fault tests."""

from __future__ import annotations

import pytest

from orchestration.sources.landing import LandingZone
from tests.support.extraction import Desk


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "drop").mkdir()
    return Desk(tmp_path / "drop", LandingZone(tmp_path / "landing"))
