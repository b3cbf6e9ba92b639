"""One simulated org over real HTTPS."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulators.company import Company
from tests.simulators.fixtures import simulator
from tests.simulators.server import Simulator
from tests.support.salesforce import Org

__all__ = ["simulator"]


@pytest.fixture
def company() -> Company:
    return Company(6)


@pytest.fixture
def org(simulator: Simulator, tmp_path: Path) -> Org:
    return Org(simulator, tmp_path)
