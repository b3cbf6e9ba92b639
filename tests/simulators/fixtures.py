"""Fixtures of pytest. Import them into a conftest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulators.company import Company
from tests.simulators.server import Simulator, serve

__all__ = ["company", "simulator"]


@pytest.fixture
def company() -> Company:
    """The company that `simulator` serves; a test may override it with another."""
    return Company()


@pytest.fixture
def simulator(company: Company, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """Both systems on loopback. Clients trust their certificate, and no other, while the test runs."""
    with serve(company) as running:
        monkeypatch.setenv("SSL_CERT_FILE", str(running.ca_file))
        monkeypatch.delenv("SSL_CERT_DIR", raising=False)
        yield running
        assert not running.mistakes, running.mistakes[0]
