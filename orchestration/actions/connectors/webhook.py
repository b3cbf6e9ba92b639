"""The generic webhook: signed JSON, with the idempotency key in a header.

It is signed as `orchestration/systems/signing.py` says; the receiver takes it only while the timestamp is fresh, and
drops a key that it has seen. Asking is signed over `<timestamp>.<key>`.
"""

from __future__ import annotations

import json
import time
from typing import Any

from orchestration.actions.connectors.base import Found
from orchestration.actions.connectors.http import request
from orchestration.actions.messages import Message
from orchestration.systems.signing import KEY, SIGNATURE, TIMESTAMP, sign

_NOT_FOUND = 404


class Webhook:
    """One address, and perhaps one to ask."""

    def __init__(self, name: str, url: str, ask_url: str | None, secret: str, timeout_seconds: int) -> None:
        self.name = name
        self.timeout_seconds = timeout_seconds
        self.can_be_asked = ask_url is not None
        self._url = url
        self._ask_url = ask_url
        self._secret = secret.encode()

    def call(self, message: Message) -> str | None:
        """Post the message."""
        body = json.dumps(content(message), ensure_ascii=False, separators=(",", ":")).encode()
        headers = self._signed(body, message.key) | {"Content-Type": "application/json"}
        _, answer = request("POST", self._url, self.timeout_seconds, headers=headers, body=body)
        return _reference(answer)

    def find(self, message: Message) -> tuple[Found, str | None]:
        """Ask for the key."""
        if self._ask_url is None:
            return Found.CANNOT_TELL, None
        status, answer = request(
            "GET",
            self._ask_url.replace("{key}", message.key),
            self.timeout_seconds,
            headers=self._signed(message.key.encode(), message.key),
            also=(_NOT_FOUND,),
        )
        return (Found.NOT_ARRIVED, None) if status == _NOT_FOUND else (Found.ARRIVED, _reference(answer))

    def _signed(self, what: bytes, key: str) -> dict[str, str]:
        timestamp = str(int(time.time()))
        return {TIMESTAMP: timestamp, SIGNATURE: sign(self._secret, timestamp, what), KEY: key}


def content(message: Message) -> dict[str, Any]:
    """The body: ids, and the few lines that any message has."""
    return {
        "action_id": message.key,
        "action": message.action,
        "kind": message.kind,
        "account_id": message.account_id,
        "account_name": message.account_name,
        "title": message.title,
        "rationale": message.rationale,
        "due_on": message.due_on.isoformat() if message.due_on else None,
        "owner_role": message.owner_role,
        **({} if message.score is None else {"score": float(message.score)}),
    }


def _reference(answer: bytes) -> str | None:
    try:
        found = json.loads(answer)
    except ValueError:
        return None
    reference = found.get("reference", found.get("id")) if isinstance(found, dict) else None
    return str(reference)[:200] if reference is not None else None
