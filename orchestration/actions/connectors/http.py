"""Calls over HTTP: one request, never a redirect, and every way it can end told apart."""

from __future__ import annotations

import time
from collections.abc import Mapping

import httpx

from orchestration.actions.connectors.base import NotTakenError, RefusedError, UnknownOutcomeError
from orchestration.systems.http import wait_seconds

_MOST_BYTES = 1_000_000
_LONGEST_ANSWER = 200


def request(
    method: str,
    url: str,
    timeout_seconds: float,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    params: Mapping[str, str] | None = None,
    also: tuple[int, ...] = (),
) -> tuple[int, bytes]:
    """(status, body) of a request that succeeded, or ended in a status of `also`.

    Raises NotTakenError where the target was never reached or asks to wait, RefusedError for what it won't take, and
    UnknownOutcomeError where it was reached and didn't answer in time.
    """
    deadline = time.monotonic() + timeout_seconds
    host = httpx.URL(url).host
    try:
        with (
            httpx.Client(timeout=timeout_seconds, follow_redirects=False) as client,
            client.stream(method, url, headers=dict(headers or {}), content=body, params=params) as answer,
        ):
            content = b""
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > _MOST_BYTES or time.monotonic() > deadline:
                    break
            return _judged(answer, content, host, also)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise NotTakenError(f"{host} can't be reached: {_kind(error)}") from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise RefusedError(f"the address can't be called: {_kind(error)}") from None
    except httpx.HTTPError as error:
        raise UnknownOutcomeError(f"{host} didn't answer: {_kind(error)}") from None


def _judged(answer: httpx.Response, content: bytes, host: str, also: tuple[int, ...]) -> tuple[int, bytes]:
    status = answer.status_code
    if answer.is_success or status in also:
        return status, content
    told = f"{host} answered {status}"
    if status in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.REQUEST_TIMEOUT, httpx.codes.SERVICE_UNAVAILABLE):
        raise NotTakenError(told, wait_seconds(answer.headers.get("retry-after")))
    if answer.is_server_error:
        raise NotTakenError(told, wait_seconds(answer.headers.get("retry-after")), certain=False)
    raise RefusedError(f"{told}: {short(content)}" if content else told)


def short(content: bytes) -> str:
    """The beginning of an answer as one line."""
    return " ".join(content[: 4 * _LONGEST_ANSWER].decode("utf-8", "replace").split())[:_LONGEST_ANSWER]


def _kind(error: Exception) -> str:
    # The message may hold the address, and an address may be a secret.
    return type(error).__name__
