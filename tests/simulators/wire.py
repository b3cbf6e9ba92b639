"""A request and its answer, and the table of routes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.simulators.faults import Fault

_LONGEST_URL = 16_384


@dataclass
class Request:
    """One request. `path` is as sent, without the query; header names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    url_length: int = 0
    faults: dict[str, Fault] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        """The body; {} where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}

    @property
    def form(self) -> dict[str, str]:
        """A form's fields."""
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}

    @property
    def too_long(self) -> bool:
        """Longer than the vendors take."""
        return self.url_length > _LONGEST_URL


@dataclass
class Answer:
    """What is sent back. `pieces` instead of a body are sent in chunks."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    pieces: Iterable[Any] | None = None


@dataclass(frozen=True)
class Call:
    """One call as it is remembered."""

    method: str
    path: str
    query: dict[str, str]
    at: datetime
    status: int | None

    @property
    def name(self) -> str:
        """Method and path: what patterns are matched with."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Written:
    """What a client wrote: "create" or "change" of a record, and the fields as sent."""

    how: str
    name: str
    key: Any
    fields: dict[str, Any]


class Routes:
    """Functions by method and path. {} in a path is one part of it, handed on as an argument."""

    def __init__(self) -> None:
        self._all: list[tuple[str, re.Pattern[str], Callable[..., Answer]]] = []

    def add(self, method: str, path: str) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
        """Mark the function that answers."""
        pattern = re.compile(re.escape(path).replace(r"\{\}", "([^/]+)"))

        def mark(function: Callable[..., Answer]) -> Callable[..., Answer]:
            self._all.append((method, pattern, function))
            return function

        return mark

    def find(self, request: Request) -> tuple[Callable[..., Answer], tuple[str, ...]] | None:
        """The function of the path that is most definite, and its arguments."""
        fitting = [
            (function, tuple(unquote(part) for part in found.groups()))
            for method, pattern, function in self._all
            if method == request.method and (found := pattern.fullmatch(request.path))
        ]
        return min(fitting, key=lambda one: len(one[1]), default=None)


def as_json(content: Any, stamps: Callable[[datetime], str], status: int = 200, **headers: str) -> Answer:
    """An answer of JSON, its times written as the vendor does."""

    def write(value: Any) -> str:
        if isinstance(value, datetime):
            return stamps(value.astimezone(UTC))
        if isinstance(value, date):
            return value.isoformat()
        raise TypeError(type(value))

    body = json.dumps(content, default=write, ensure_ascii=False).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, body, {"Content-Type": "application/json;charset=UTF-8"} | named)


def http_date(at: datetime) -> str:
    """A time as headers have it."""
    return format_datetime(at.astimezone(UTC), usegmt=True)
