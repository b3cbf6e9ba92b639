"""What several modules of these tests look at: a build takes seconds, so each random world is built once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from tests.dbt.random_outcomes import RandomOutcome, make_outcome


@pytest.fixture(scope="session")
def random_outcome(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], RandomOutcome]:
    """Gives the outcome of a setting by its name."""

    @cache
    def outcome_of(name: str) -> RandomOutcome:
        return make_outcome(name, tmp_path_factory.mktemp("random"))

    return outcome_of
