"""Shared by the tests of checks: the shipped suites (read once) and an empty landing zone."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.quality.suites import load_suites

EXPECTATIONS = Path(__file__).parents[3] / "expectations"


@pytest.fixture(scope="session")
def suites():
    return load_suites(EXPECTATIONS)


@pytest.fixture
def landing(tmp_path):
    from landed_data import LandingBuilder

    return LandingBuilder(tmp_path / "landing")
