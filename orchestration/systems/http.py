"""Calls to an API over HTTP: time-outs, retries with back-off and jitter, pace, sign-in renewed, answers never trusted.

Here: what holds for every API. Not here: what calls mean (a package a system). Plain httpx and tenacity rather than a
vendor's library: a session that ends in mid-page, an error that is HTML, a Retry-After that isn't there and an address
that leads elsewhere have to be met in one place, and the libraries meet none of them.

A call is repeated where repeating is right: reading always; writing only where the caller says so (`repeats`).
"""

from __future__ import annotations

import json
import os
import random
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from orchestration.policy.systems import Calling
from orchestration.sources.errors import SourceError
from orchestration.systems.unreached import NOTHING_LOST, Reason, certificates_missing, reason

_MOST_JSON_BYTES = 200_000_000
_LONGEST_TOLD = 200
_MARKUP = re.compile(r"<[^>]*>")
_UNAUTHORISED, _TOO_MANY = 401, 429
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
_MINUTE = 60.0
_NEVER_REACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class ApiError(SourceError):
    """A call that didn't end well. `status`: of the answer, None where there was none; `body`: its JSON, if it is.

    `reached`: whether the system may have got the call. `wait_seconds`: how long it asks to be left alone.
    """

    def __init__(
        self, message: str, *, status: int | None = None, body: Any = None, reached: bool = True, **where: str
    ) -> None:
        super().__init__(message, **where)
        self.status = status
        self.body = body
        self.reached = reached
        self.wait_seconds: float | None = None


class QuotaError(ApiError):
    """The system takes no more calls for now, or a share of its calls that policy sets is used up."""


class _Again(Exception):
    """This attempt failed; another may not. `renew`: with a new sign-in."""

    def __init__(self, error: ApiError, asked_wait: float | None = None, *, renew: bool = False) -> None:
        self.error = error
        self.asked_wait = asked_wait
        self.renew = renew
        super().__init__(str(error))


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that came whole: `body` is its JSON, None where it was empty."""

    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass
class Api:
    """One API of one system.

    `authorise(renew)` gives headers that sign a call; it is asked for new ones once a call that was refused for want of
    sign-in. `judge(status, body)` may turn an answer that isn't a success into an error of its own, or into None for
    the general treatment; `is_signed_out` tells refusals that a new sign-in mends. `watch(headers)` sees the headers of
    every answer, and may raise QuotaError. `pace`: calls in a minute, at most. `deadline`: of time.monotonic(), after
    which nothing more is tried.
    """

    name: str
    base_url: str
    calling: Calling
    authorise: Callable[[bool], Mapping[str, str]] = lambda _: {}
    judge: Callable[[int, Any], ApiError | None] = lambda _status, _body: None
    is_signed_out: Callable[[int, Any], bool] = lambda status, _body: status == _UNAUTHORISED
    watch: Callable[[Mapping[str, str]], None] = lambda _: None
    pace: int | None = None
    deadline: float | None = None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    calls: int = 0
    _client: httpx.Client | None = field(default=None, repr=False)
    _recent: deque[float] = field(default_factory=deque, repr=False)

    def json(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        also: tuple[int, ...] = (),
        repeats: bool | None = None,
    ) -> Answer:
        """The JSON answer of a call that succeeded, or ended in a status of `also`. Raises ApiError."""
        content = None if body is None else json.dumps(body).encode()
        typed = {"Content-Type": "application/json"} if body is not None else {}
        sent = typed | dict(headers or {})

        def attempt(signed: Mapping[str, str]) -> Answer:
            call = self._http.stream(
                method, self._url(path), params=params, content=content, data=form, headers={**sent, **signed}
            )
            with call as answer:
                text = self._read(answer)
                self.watch(answer.headers)
                parsed = self._parsed(answer, text, path)
                if not answer.is_success and answer.status_code not in also:
                    raise self._refusal(answer, parsed, text, path)
                return Answer(answer.status_code, parsed, answer.headers)

        return self._persist(method, path, attempt, repeats)

    def save(
        self,
        path: str,
        target: Path,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content_type: str | None = None,
    ) -> Mapping[str, str]:
        """Download to `target`, whole and synced; gives the answer's headers. Raises ApiError, and leaves no file."""

        def attempt(signed: Mapping[str, str]) -> Mapping[str, str]:
            call = self._http.stream("GET", self._url(path), params=params, headers={**dict(headers or {}), **signed})
            with call as answer:
                self.watch(answer.headers)
                if not answer.is_success:
                    text = self._read(answer)
                    raise self._refusal(answer, _json_or_none(text), text, path)
                found = answer.headers.get("content-type", "")
                if content_type is not None and content_type not in found:
                    raise self._not_meant(path, content_type, found or "nothing")
                self._write(answer, target, path)
                return answer.headers

        try:
            return self._persist("GET", path, attempt, None)
        except BaseException:
            target.unlink(missing_ok=True)
            raise

    def pause(self, seconds: float, path: str = "") -> None:
        """Wait for something that the system is doing; raises ApiError where that would be past the deadline."""
        self._in_time(path, seconds)
        self.sleep(seconds)

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def error(self, message: str, path: str = "", **more: Any) -> ApiError:
        """An error of this API."""
        return ApiError(message, file=self.name, place=_plain_path(path), **more)

    @property
    def _http(self) -> httpx.Client:
        if self._client is None:
            # Redirects are never followed: a sign-in must not go where a system didn't say it lives.
            self._client = self._opened()
        return self._client

    def _opened(self) -> httpx.Client:
        """Raises ApiError where the authorities that the environment names can't be loaded."""
        why = certificates_missing()
        if why is None:
            try:
                return httpx.Client(timeout=self.calling.timeout_seconds, follow_redirects=False)
            except OSError as error:
                why = certificates_missing(error)
        raise self._unreached(why, "", reached=False) from None

    def _unreached(self, why: Reason, path: str, *, reached: bool) -> ApiError:
        return self.error(why.words, path, action=why.action, reached=reached)

    def _url(self, path: str) -> str:
        url = urljoin(self.base_url + "/", path)
        there, here = urlsplit(url), urlsplit(self.base_url)
        if (there.scheme, there.netloc) != (here.scheme, here.netloc):
            raise self.error("it names an address outside itself to go on at, which isn't called.", path)
        return url

    def _persist(
        self, method: str, path: str, attempt: Callable[[Mapping[str, str]], Any], repeats: bool | None
    ) -> Any:
        """Attempts until one succeeds, or there is no sense in going on; raises ApiError."""
        may_repeat = method in ("GET", "HEAD") if repeats is None else repeats
        wait, renew, renewed = float(self.calling.first_wait_seconds), False, False
        for number in range(1, self.calling.attempts + 2):
            try:
                return self._once(path, attempt, renew)
            except _Again as failed:
                if failed.renew and not renewed:
                    # Not an attempt: the call wasn't looked at.
                    renew = renewed = True
                    continue
                renew, tried = False, number - renewed
                if failed.renew or not may_repeat or tried >= self.calling.attempts:
                    raise _after(failed.error, tried) from None
                self._wait(failed, wait)
                wait *= self.calling.wait_factor
        raise AssertionError("unreachable")

    def _once(self, path: str, attempt: Callable[[Mapping[str, str]], Any], renew: bool) -> Any:
        self._keep_pace(path)
        try:
            signed = self.authorise(renew)
            self.calls += 1
            return attempt(signed)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise self.error(f"the address can't be called: {type(error).__name__}.", path, reached=False) from None
        except httpx.HTTPError as error:
            reached = not isinstance(error, _NEVER_REACHED)
            why = reason(error, self.base_url)
            failed = self._unreached(why, path, reached=reached)
            raise (_Again(failed) if why.may_pass else failed) from None

    def _keep_pace(self, path: str) -> None:
        self._in_time(path, 0)
        if self.pace is None:
            return
        while len(self._recent) >= self.pace:
            wait = self._recent[0] + _MINUTE - self.clock()
            if wait > 0:
                self._in_time(path, wait)
                self.sleep(wait)
            self._recent.popleft()
        self._recent.append(self.clock())

    def _rest_of_minute(self, status: int) -> float | None:
        """A limit by the minute is over in a minute, also where the refusal doesn't say so."""
        is_paced = self.pace is not None and status == _TOO_MANY
        return min(_MINUTE, float(self.calling.longest_wait_seconds)) if is_paced else None

    def _wait(self, failed: _Again, wait: float) -> None:
        longest = float(self.calling.longest_wait_seconds)
        asked = failed.asked_wait or 0.0
        if asked > longest:
            raise QuotaError(
                f"{failed.error.message} It asks to be left alone for {asked:.0f} seconds.",
                status=failed.error.status,
                file=self.name,
                place=failed.error.place,
                expected=f"a wait of {longest:.0f} seconds at most (calling.longest_wait_seconds)",
                action=NOTHING_LOST,
            )
        # Chance spreads callers that met once; it needs no secrecy.
        jitter = 1 + random.random() * float(self.calling.jitter_pct) / 100  # noqa: S311
        seconds = max(asked, min(wait, longest)) * jitter
        self._in_time(failed.error.place, seconds)
        self.sleep(seconds)

    def _in_time(self, path: str, more: float) -> None:
        if self.deadline is not None and self.clock() + more > self.deadline:
            raise self.error(
                "the pull has taken as long as it may.",
                path,
                expected="less than pulling.longest_minutes of policies/systems.yaml",
                action=NOTHING_LOST,
            )

    def _read(self, answer: httpx.Response) -> bytes:
        content = bytearray()
        for piece in answer.iter_bytes():
            # A body that comes in drops must not take for ever.
            self._in_time(str(answer.url.path), 0)
            content += piece
            if len(content) > _MOST_JSON_BYTES:
                raise self.error("an answer is larger than any page should be.", str(answer.url.path))
        return bytes(content)

    def _write(self, answer: httpx.Response, target: Path, path: str) -> None:
        with target.open("wb") as file:
            for piece in answer.iter_bytes(1 << 20):
                self._in_time(path, 0)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())

    def _parsed(self, answer: httpx.Response, text: bytes, path: str) -> Any:
        if not text:
            return None
        try:
            return json.loads(text)
        except ValueError:
            if answer.is_success:
                # A page of a proxy or of maintenance with a status that says all is well.
                raise self._not_meant(path, "JSON", answer.headers.get("content-type", "something else")) from None
            return None

    def _not_meant(self, path: str, wanted: str, found: str) -> _Again:
        return _Again(self.error(f"it answered with {_short(found)} instead of {wanted}.", path))

    def _refusal(self, answer: httpx.Response, parsed: Any, text: bytes, path: str) -> Exception:
        status = answer.status_code
        own = self.judge(status, parsed)
        if isinstance(own, QuotaError):
            own.place = own.place or _plain_path(path)
            return own
        told = own or self.error(f"it answered {status}{_told(parsed, text)}.", path, status=status, body=parsed)
        told.place = told.place or _plain_path(path)
        if self.is_signed_out(status, parsed):
            return _Again(told, renew=True)
        if status in _LATER:
            told.wait_seconds = wait_seconds(answer.headers.get("retry-after"))
            return _Again(told, told.wait_seconds or self._rest_of_minute(status))
        return told


def _after(error: ApiError, attempts: int) -> ApiError:
    if attempts > 1:
        error.message = f"{error.message.rstrip('.')} ({attempts} attempts)."
    if not error.action:
        error.action = NOTHING_LOST
    return error


def wait_seconds(retry_after: str | None) -> float | None:
    """Retry-After, in seconds or as a date, as seconds from now; None where it says nothing."""
    if not retry_after:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def _plain_path(path: str) -> str:
    """The path without parameters: they may be long, and may be secrets."""
    return urlsplit(path).path


def _json_or_none(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _told(parsed: Any, text: bytes) -> str:
    words = json.dumps(parsed) if parsed is not None else _MARKUP.sub(" ", text[:4_000].decode("utf-8", "replace"))
    return f": {_short(words)}" if words.strip() else ""


def _short(words: str) -> str:
    return " ".join(words.split())[:_LONGEST_TOLD]
