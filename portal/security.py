"""What holds for every answer and every request: headers, request ids, where forms may come from, how many may come.

Written as plain ASGI, so that streamed exports pass through piece by piece.
"""

from __future__ import annotations

import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestration.loopback import is_loopback

# Nothing but this server's own files: no inline script or style, no frame, no other host.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_HSTS = "max-age=31536000; includeSubDomains"
# Asked by machines that know this one by its address, and say nothing of anybody; hooks are signed.
_BY_ANY_NAME = ("/healthz", "/metrics")
_HOOKS = "/hooks/"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_MOST_COUNTED = 50_000
_MOST_BODY_BYTES = 4 * 1024 * 1024


class Shield:
    """Middleware: request id, the name this server is called by, size of bodies, security headers.

    `base_url`: where people reach it; any other name but those of loopback is refused, or a page elsewhere could give
    this server a name of its own and read what it answers.
    """

    def __init__(
        self, app: ASGIApp, *, is_behind_tls: bool, base_url: str | None = None, most_body_bytes: int = _MOST_BODY_BYTES
    ) -> None:
        self._app = app
        self._is_behind_tls = is_behind_tls
        self._name = urlsplit(base_url).hostname if base_url else None
        self._most = most_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        began = time.perf_counter()
        scope["request_id"] = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    answer.setdefault(name, value)
                if self._is_behind_tls:
                    answer["Strict-Transport-Security"] = _HSTS
                answer["X-Request-Id"] = scope["request_id"]
                answer["Server-Timing"] = f"app;dur={(time.perf_counter() - began) * 1_000:.1f}"
                answer.setdefault("Cache-Control", "no-store")
            await send(message)

        path = scope["path"]
        if path not in _BY_ANY_NAME and not path.startswith(_HOOKS) and not self._is_called(headers.get("host", "")):
            refused = PlainTextResponse("This server isn't called that.\n", 421)
            await refused(scope, receive, sent)
            return
        # Doors for webhooks have a limit of their own.
        if not path.startswith(_HOOKS) and _length(headers) > self._most:
            refused = PlainTextResponse("This is too large.\n", 413, {"Connection": "close"})
            await refused(scope, receive, sent)
            return
        await self._app(scope, _bounded(receive, self._most), sent)

    def _is_called(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name == self._name or is_loopback(name)


def cookie_name(name: str, is_behind_tls: bool) -> str:
    """What a cookie is called: behind TLS, so that no other host of the domain, and no plain page, can set it."""
    return f"__Host-{name}" if is_behind_tls else name


def _length(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() else 0


def _bounded(receive: Receive, most: int) -> Receive:
    """A body without a length, or with a wrong one, ends at the limit too."""
    read = 0

    async def bounded() -> Message:
        nonlocal read
        message = await receive()
        if message["type"] == "http.request":
            read += len(message.get("body", b""))
            if read > most:
                return {"type": "http.disconnect"}
        return message

    return bounded


def is_same_site(headers: Headers, own_host: str, *, is_behind_tls: bool = False) -> bool:
    """Whether a write comes from a page of this server, as the browser tells; one that tells nothing is no browser."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        address = urlsplit(origin)
    except ValueError:
        return False
    return address.netloc == own_host and (not is_behind_tls or address.scheme == "https")


class Rates:
    """How many requests of one key came within the last minute; the least used keys are forgotten first."""

    def __init__(self, most_a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most_a_minute
        self._clock = clock
        self._lock = Lock()
        # What is left of a key, and when that was so: it fills up again evenly.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_seconds(self, key: str) -> int:
        """0 where a request of this key may come now, else how long until one may."""
        now = self._clock()
        with self._lock:
            left, then = self._left.pop(key, (float(self._most), now))
            left = min(float(self._most), left + (now - then) * self._most / 60)
            waits = 0 if left >= 1 else int((1 - left) * 60 / self._most) + 1
            self._left[key] = (left - 1 if waits == 0 else left, now)
            if len(self._left) > _MOST_COUNTED:
                self._left.popitem(last=False)
        return waits
