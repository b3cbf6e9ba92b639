"""Webhooks as both systems send them: the body, the headers with its signature, and the sending."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx


@dataclass(frozen=True)
class Callout:
    """A request that is ready to be sent; a test may spoil it first (dataclasses.replace)."""

    body: bytes
    headers: dict[str, str]

    def send(self, url: str) -> httpx.Response:
        """Post it."""
        return httpx.post(url, content=self.body, headers=self.headers, timeout=10)


def from_support(secret: str, content: Any, *, at: datetime | None = None, invocation: str | None = None) -> Callout:
    """As the support desk signs: HMAC-SHA256 over timestamp and body together, in base64."""
    body, stamp = _body(content), f"{(at or datetime.now(UTC)).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    signature = hmac.new(secret.encode(), stamp.encode() + body, hashlib.sha256).digest()
    return Callout(
        body,
        {
            "Content-Type": "application/json; charset=utf-8",
            "X-Zendesk-Account-Id": "123456",
            "X-Zendesk-Webhook-Id": "01EJFTSCC78X5V07NPY2MHR00M",
            "X-Zendesk-Webhook-Invocation-Id": invocation or uuid4().hex,
            "X-Zendesk-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Zendesk-Webhook-Signature-Timestamp": stamp,
        },
    )


def from_crm(secret: str, content: Any, *, at: datetime | None = None, key: str | None = None) -> Callout:
    """As the CRM's callout signs, which is our own scheme: HMAC-SHA256 over `<timestamp>.<body>`, hexadecimal."""
    body, stamp = _body(content), str(int((at or datetime.now(UTC)).timestamp()))
    signature = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return Callout(
        body,
        {
            "Content-Type": "application/json",
            "X-Account-Health-Timestamp": stamp,
            "X-Account-Health-Signature": signature,
            "Idempotency-Key": key or uuid4().hex,
        },
    )


def ticket_event(ticket: int, *, organization: int | None = None, kind: str = "status_changed", at: datetime) -> Any:
    """What the support desk tells of a ticket that changed."""
    return {
        "account_id": 123456,
        "id": uuid4().hex,
        "type": f"zen:event-type:ticket.{kind}",
        "subject": f"zen:ticket:{ticket}",
        "time": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "zendesk_event_version": "2022-11-06",
        "detail": {"id": str(ticket), "organization_id": None if organization is None else str(organization)},
        "event": {},
    }


def _body(content: Any) -> bytes:
    return content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
