"""Shared by the tests of checks: the shipped suites (read once) and an empty landing zone."""

from __future__ import annotations

import pytest
from landed_data import EXPECTATIONS, LandingBuilder

from orchestration.quality.suites import load_suites


@pytest.fixture(scope="session")
def suites():
    return load_suites(EXPECTATIONS)


@pytest.fixture
def landing(tmp_path):
    return LandingBuilder(tmp_path / "landing")
