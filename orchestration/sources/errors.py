"""What extraction says when it cannot go on: always which file, where, what was expected and what to do.

Bad cells and rows are not errors (they are landed with their faults); an error is raised only where the file as a
whole cannot be trusted.
"""

from __future__ import annotations


class SourceError(Exception):
    """A source that cannot be read as it stands. `file` and `place` say where, `action` what a person can do."""

    def __init__(self, message: str, *, file: str = "", place: str = "", expected: str = "", action: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.place = place
        self.expected = expected
        self.action = action

    def __str__(self) -> str:
        where = ", ".join(part for part in (self.file, self.place) if part)
        text = f"{where}: {self.message}" if where else self.message
        if self.expected:
            text += f" Expected: {sentence(self.expected)}"
        if self.action:
            text += f" What to do: {sentence(self.action)}"
        return text


def sentence(words: str) -> str:
    """Words with a full stop, unless they end in a mark of their own."""
    return words if words.endswith((".", "?", "!")) else f"{words}."


class LandingError(SourceError):
    """The landing zone itself is damaged or in use: a manifest that cannot be read, a part that is gone."""


class AliasError(SourceError):
    """A line of the account aliases that points at no account, or at two."""
