"""Signing in to an org: OAuth 2.0 client credentials, or a JWT bearer assertion. The token stays in memory.

The answer names the address at which the org is to be called. A token must not go astray, so that has to be the host
of `url` (which My Domain always is), or one of Salesforce's own below salesforce.com or force.com, over https.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from orchestration.policy.systems import Salesforce
from orchestration.systems.http import Answer, Api, ApiError

_PATH = "/services/oauth2/token"
_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# Assertions that are good for longer than three minutes are refused.
_ASSERTION_SECONDS = 120
_SKEW_SECONDS = 60
_REFUSED = (400, 401, 403)
_THEIRS = (".salesforce.com", ".force.com")
_APP = "in the org's setup, the app's OAuth policies"


@dataclass
class SignIn:
    """Tokens for one org. `call` is only for asking for them; `wall` gives seconds since 1970."""

    policy: Salesforce
    secret: str = field(repr=False)
    call: Api
    wall: Callable[[], float] = time.time

    def __call__(self) -> tuple[str, str]:
        """(token, address of the org). Raises ApiError, saying what is wrong and how to mend it."""
        form = self._by_secret() if self.policy.sign_in == "client_credentials" else self._by_assertion()
        answer = self.call.json("POST", _PATH, form=form, also=_REFUSED, repeats=True)
        body = answer.body if isinstance(answer.body, dict) else {}
        token = body.get("access_token")
        if answer.status in _REFUSED or not token:
            raise self._refused(answer, body)
        return str(token), self._address(str(body.get("instance_url") or self.policy.url))

    def _by_secret(self) -> Mapping[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_id": self.policy.client_id,
            "client_secret": self.secret,
        }

    def _by_assertion(self) -> Mapping[str, str]:
        import jwt

        claims = {
            "iss": self.policy.client_id,
            "sub": self.policy.user or "",
            "aud": self.policy.audience,
            "exp": int(self.wall()) + _ASSERTION_SECONDS,
        }
        try:
            assertion = jwt.encode(claims, self.secret, algorithm="RS256")
        except (jwt.PyJWTError, ValueError, TypeError):
            raise self._error(
                f"the secret {self.policy.secret} can't sign.",
                expected="a private RSA key in PEM, beginning with -----BEGIN PRIVATE KEY-----",
                action="put the key there whose certificate was uploaded to the app",
            ) from None
        return {"grant_type": _JWT, "assertion": assertion}

    def _address(self, told: str) -> str:
        there, ours = urlsplit(told), urlsplit(self.policy.url)
        if (there.scheme, there.netloc) == (ours.scheme, ours.netloc):
            return self.policy.url
        host = there.hostname or ""
        if there.scheme == "https" and host.endswith(_THEIRS) and there.netloc == host:
            return f"https://{host}"
        raise self._error(
            "signing in worked, but the answer names an address outside Salesforce; the token isn't sent there.",
            expected=f"{ours.hostname}, or an address below salesforce.com",
            action="see whether url of policies/systems.yaml is the org's own My Domain",
        )

    def _refused(self, answer: Answer, body: Mapping[str, Any]) -> ApiError:
        code, words = str(body.get("error") or answer.status), str(body.get("error_description") or "no reason given")
        told = words.lower()
        action = next((mend for ours, theirs, mend in self._mends() if ours == code and theirs in told), "")
        skew = self._skew(answer)
        if skew is not None and code == "invalid_grant":
            side = "behind" if skew > 0 else "ahead of"
            return self._error(
                f"signing in was refused ({code}: {words}). This machine's clock is {abs(skew):,.0f} seconds {side} "
                "the org's.",
                status=answer.status,
                action="set this machine's clock (NTP); an assertion is good for minutes only",
            )
        return self._error(
            f"signing in was refused ({code}: {words}).",
            status=answer.status,
            action=action or "look at the login history of the user and at the app's OAuth settings",
        )

    def _skew(self, answer: Answer) -> float | None:
        """How far the org's clock is ahead of ours, in seconds, where that matters."""
        if self.policy.sign_in != "jwt":
            return None
        try:
            at = parsedate_to_datetime(answer.headers.get("date", ""))
        except ValueError:
            return None
        skew = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - self.wall()
        return skew if abs(skew) > _SKEW_SECONDS else None

    def _mends(self) -> tuple[tuple[str, str, str], ...]:
        """(error, part of its description, how to mend it); blank: any."""
        secret, user = self.policy.secret, self.policy.user or "the user"
        return (
            ("invalid_client_id", "", "copy the app's consumer key to client_id; a new app is known after ten minutes"),
            ("invalid_client", "", f"put the app's consumer secret into the secret {secret}"),
            (
                "invalid_grant",
                "hasn't approved",
                f"{_APP}: permitted users are those whom an administrator approves in advance, and {user} has a "
                "permission set or profile of the app",
            ),
            ("invalid_grant", "audience", "audience is https://login.salesforce.com, or https://test… for a sandbox"),
            ("invalid_grant", "client credentials", f"{_APP}: the client credentials flow is on and runs as a user"),
            ("invalid_grant", "ip", f"{_APP}: the address of this machine is allowed, or IP restrictions are relaxed"),
            ("invalid_grant", "user", f"see that {user} exists in this org, is active and not locked"),
            (
                "invalid_grant",
                "assertion",
                f"see that the certificate of the app belongs to the key in {secret}, and that this machine's clock is "
                "right",
            ),
            ("invalid_grant", "expired", "set this machine's clock (NTP)"),
            ("unsupported_grant_type", "", "switch on the flow in the app's OAuth settings"),
            ("invalid_request", "domain", "url is the org's own address (My Domain), not login.salesforce.com"),
        )

    def _error(self, message: str, **more: Any) -> ApiError:
        return self.call.error(message, _PATH, **more)
