"""How a refresh says what it is doing, for whoever started it and waits."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told of each piece of work when it begins; `total` pieces make a stage, where that is known."""

    def stage(self, name: str, total: int | None = None) -> None: ...

    def advance(self, what: str) -> None: ...


class Quiet:
    """Says nothing: what the Dagster UI needs is in its event log."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Nothing."""

    def advance(self, what: str) -> None:
        """Nothing."""
