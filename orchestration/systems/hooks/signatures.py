"""Signatures: whether a call comes from who has the key, and when it was sent.

Zendesk signs timestamp and body together; a CRM's callout is signed as our own webhooks are, with a dot between them.
What is signed is all that is believed: an id that stands in a header can be changed by whoever caught the call.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from types import MappingProxyType

from orchestration.systems import signing

ZENDESK, SALESFORCE = "zendesk", "salesforce"

ZENDESK_SIGNATURE, ZENDESK_TIMESTAMP = "X-Zendesk-Webhook-Signature", "X-Zendesk-Webhook-Signature-Timestamp"


class NotSignedError(Exception):
    """The call isn't signed with this key; it doesn't say more, as whoever sent it may be anybody."""


class TooOldError(Exception):
    """The call is signed, but not just now; says by how much, in words."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A call whose signature is right. `digest`: the signature itself, hexadecimal; `at`: the time that it signs."""

    digest: str
    at: str


@dataclass(frozen=True, slots=True)
class _Scheme:
    """How a kind of system signs. `between` stands between timestamp and body."""

    signature: str
    timestamp: str
    between: bytes
    encoded: Callable[[bytes], str]
    seconds: Callable[[str], float]


def check_signature(kind: str, headers: Mapping[str, str], body: bytes, key: bytes) -> Signed:
    """The signature of a call, compared in constant time; raises NotSignedError. `headers` don't mind case.

    With an empty key nothing is signed, and it takes as long to say so.
    """
    scheme = _SCHEMES[kind]
    given, timestamp = headers.get(scheme.signature, ""), headers.get(scheme.timestamp, "")
    made = hmac.new(key, timestamp.encode() + scheme.between + body, sha256).digest()
    if not hmac.compare_digest(scheme.encoded(made).encode(), given.encode()) or not key:
        raise NotSignedError
    return Signed(made.hex(), timestamp)


def check_age(kind: str, signed: Signed, now: float, most_seconds: int) -> None:
    """Refuse a call signed too long before `now` (seconds since 1970), or after it; raises TooOldError."""
    try:
        age = now - _SCHEMES[kind].seconds(signed.at)
    except (ValueError, OverflowError):
        raise TooOldError(f"{_SCHEMES[kind].timestamp} isn't a time as it should be") from None
    if abs(age) > most_seconds:
        when = "ago" if age > 0 else "from now, by the clock here"
        raise TooOldError(f"signed {abs(age):.0f} seconds {when}; it may be {most_seconds} at most")


def _since_1970(text: str) -> float:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return float(int(text))


def _iso(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


_SCHEMES: Mapping[str, _Scheme] = MappingProxyType(
    {
        ZENDESK: _Scheme(ZENDESK_SIGNATURE, ZENDESK_TIMESTAMP, b"", lambda made: base64.b64encode(made).decode(), _iso),
        SALESFORCE: _Scheme(signing.SIGNATURE, signing.TIMESTAMP, b".", bytes.hex, _since_1970),
    }
)
