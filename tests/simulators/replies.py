"""How the CRM answers: its JSON, its errors, and the routes that its modules share."""

from __future__ import annotations

from typing import Any

from tests.simulators.company import Row
from tests.simulators.wire import Answer, Routes, as_json

ROUTES = Routes()


class Refusal(Exception):
    """An error in the vendor's shape."""

    def __init__(self, status: int, code: str, message: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.fields = status, code, message, fields

    def content(self) -> list[Row]:
        """The body."""
        return [
            {"message": self.message, "errorCode": self.code} | ({"fields": list(self.fields)} if self.fields else {})
        ]


def not_found() -> Refusal:
    """404."""
    return Refusal(404, "NOT_FOUND", "The requested resource does not exist")


def reply(content: Any, status: int = 200, **headers: str) -> Answer:
    """An answer in the CRM's JSON."""
    return as_json(content, lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.000+0000"), status, **headers)
