"""The errors of publishing: each says what stood in the way and what to do, and never holds a password."""

from __future__ import annotations


class PublishingError(Exception):
    """A publication could not be made; whatever was published before still stands."""


class NothingPublishedError(PublishingError):
    """There is no publication to read yet."""
