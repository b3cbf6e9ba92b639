"""How our own calls are signed, and those that come to us in the same way.

The signature is HMAC-SHA256 over `<timestamp>.<body>`, hexadecimal, in a header beside the timestamp; a key says which
call it is, however often it is made.
"""

from __future__ import annotations

import hashlib
import hmac

TIMESTAMP, SIGNATURE, KEY = "X-Account-Health-Timestamp", "X-Account-Health-Signature", "Idempotency-Key"


def sign(secret: bytes, timestamp: str, body: bytes) -> str:
    """The signature of a body sent at a timestamp (seconds since 1970)."""
    return hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
