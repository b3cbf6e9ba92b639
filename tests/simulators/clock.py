"""The time that the simulated systems believe in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """Runs with the machine's clock until it is set; then it stands until it is moved on."""

    def __init__(self) -> None:
        self._offset = timedelta(0)
        self._stands_at: datetime | None = None

    def now(self) -> datetime:
        """UTC."""
        return self._stands_at or datetime.now(UTC) + self._offset

    def stamp(self) -> datetime:
        """Now, to the second: what records are stamped with."""
        return self.now().replace(microsecond=0)

    def set(self, at: datetime) -> None:
        """Stand at a time."""
        self._stands_at = at.astimezone(UTC)

    def skew(self, seconds: float) -> None:
        """Run again, so many seconds ahead of the machine's clock (behind when negative)."""
        self._stands_at = None
        self._offset = timedelta(seconds=seconds)

    def advance(self, seconds: float) -> None:
        """Move on."""
        if self._stands_at is None:
            self._offset += timedelta(seconds=seconds)
        else:
            self._stands_at += timedelta(seconds=seconds)
