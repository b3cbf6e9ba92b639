"""A pull that dies at any moment: the next one goes on, and what comes out is what an undisturbed pull gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from orchestration.publishing import durable
from tests.simulators.server import Simulator
from tests.support.salesforce import Org

_STEPS = ("replace_text", "write_text", "move", "sync_file", "sync_directory")


class Killed(BaseException):
    """The process is no more."""


@contextmanager
def killed_before_step(number: int) -> Iterator[None]:
    """Die before the so many-th step that makes something durable."""
    left = [number]

    def dying(step: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            return step(*arguments)

        return run

    with pytest.MonkeyPatch.context() as patch:
        for name in _STEPS:
            patch.setattr(durable, name, dying(getattr(durable, name)))
        yield


@pytest.mark.parametrize("settings", [{}, {"bulk_from_rows": 1}], ids=["by pages", "by job"])
def test_deaths_at_every_step_lose_nothing(simulator: Simulator, tmp_path: Any, settings: dict[str, Any]) -> None:
    simulator.salesforce.page_rows = simulator.salesforce.jobs.set_rows = 30
    calm = Org(simulator, tmp_path / "calm", settings=settings)
    calm.pull()
    org = Org(simulator, tmp_path / "killed", settings=settings)
    deaths = 0
    while True:
        # Each lives a little longer than the one before, so that all steps are met.
        try:
            with killed_before_step(deaths + 1):
                org.pull()
            break
        except Killed:
            deaths += 1
        assert not org.file().exists() or org.file().read_bytes() == calm.file().read_bytes()
    assert deaths > 8
    assert org.file().read_bytes() == calm.file().read_bytes()
    assert org.rows() == org.tasks()
    # And then, an increment that dies.
    simulator.company.delete("Task", org.tasks()[0]["activity_id"])
    for step in (2, 5, 8, 11):
        with killed_before_step(step), pytest.raises(Killed):
            org.pull()
    org.pull()
    assert org.rows() == org.tasks()
