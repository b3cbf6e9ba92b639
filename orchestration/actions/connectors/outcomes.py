"""How a call of a connected system ended, as the worker has to know it: refused, not taken, or nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestration.actions.connectors.base import NotTakenError, RefusedError, UnknownOutcomeError
from orchestration.systems.http import NOTHING_LOST, ApiError, QuotaError
from orchestration.systems.salesforce.write import may_pass

# A call of a connector is up to so many of the system: looking something up, signing in, and both once more.
MOST_CALLS = 4

_SIGN_IN = "/oauth2/token"
_UNAUTHORISED = 401
_BUSY = frozenset({408, 409, 425, 429, 503})
_LEAST_SERVER_ERROR = 500


@contextmanager
def told() -> Iterator[None]:
    """Errors of an API within become those of a connector."""
    try:
        yield
    except ApiError as error:
        raise _outcome(error) from None


def _outcome(error: ApiError) -> Exception:
    action = "" if error.action == NOTHING_LOST else f" What to do: {error.action}."
    words, wait = f"{error.file}: {error.message}{action}", error.wait_seconds
    # Without a sign-in nothing was asked for; whoever mends it wants the message to go out then.
    if isinstance(error, QuotaError) or not error.reached or error.place.endswith(_SIGN_IN):
        return NotTakenError(words, wait)
    if error.status is None:
        return UnknownOutcomeError(words)
    if error.status in _BUSY or error.status == _UNAUTHORISED or may_pass(error):
        return NotTakenError(words, wait)
    if error.status >= _LEAST_SERVER_ERROR:
        return NotTakenError(words, wait, certain=False)
    return RefusedError(words)
