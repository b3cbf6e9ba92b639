"""An OpenID Connect provider, spoken to: what it offers, its keys, a code for tokens, who somebody is.

Everything over one httpx client with time-outs and certificates checked; no answer is followed elsewhere, none is read
beyond a megabyte. What it offers is asked for again every hour, its keys when a token names one that isn't known.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx

from orchestration.policy.sign_in import Oidc
from orchestration.policy.systems import https_address
from portal.security import Rates
from portal.signin import oidc_tokens as tokens
from portal.signin.refusals import ProviderUnreached, SignInRefused

_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_MOST_BYTES = 1024 * 1024
_FRESH_SECONDS = 3600
# A token with a key that isn't known has the keys fetched again, so often a minute at most: anybody can send one.
_MOST_REFETCHES_A_MINUTE = 6
# One that didn't answer isn't asked again at once: whoever waits for it holds a thread.
_LEFT_ALONE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Offer:
    """What the provider's discovery document says."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    secret_goes_in_body: bool
    names_itself: bool


class Provider:
    """One provider; safe for many threads. Every method raises ProviderUnreached where it doesn't answer well."""

    def __init__(
        self,
        policy: Oidc,
        secret: Callable[[], str | None],
        redirect_uri: str,
        skew_seconds: int,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.policy = policy
        self.redirect_uri = redirect_uri
        self._secret = secret
        self._expected = tokens.Expected(policy.issuer, policy.client_id, policy.algorithms, skew_seconds)
        self._clock = clock
        self._http = httpx.Client(timeout=_TIMEOUT, follow_redirects=False, headers={"Accept": "application/json"})
        self._lock = threading.Lock()
        self._offer: tuple[float, Offer] | None = None
        self._keys: tuple[float, list[tokens.Key]] | None = None
        self._refetches = Rates(_MOST_REFETCHES_A_MINUTE, clock)
        self._failed_at: float | None = None

    def close(self) -> None:
        self._http.close()

    def offer(self) -> Offer:
        """What the provider offers."""
        with self._lock:
            now = self._clock()
            if self._offer is None or not 0 <= now - self._offer[0] < _FRESH_SECONDS:
                self._offer = (now, self._discover(now))
            return self._offer[1]

    def keys(self) -> list[tokens.Key]:
        """The provider's keys, as last fetched."""
        offer = self.offer()
        with self._lock:
            if self._keys is None or not 0 <= self._clock() - self._keys[0] < _FRESH_SECONDS:
                self._fetch_keys(offer)
            return self._keys[1] if self._keys else []

    def address(self, state: str, nonce: str, challenge: str) -> str:
        """Where a person is sent to sign in."""
        asked = {
            "response_type": "code",
            "client_id": self.policy.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(self.policy.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return _with(self.offer().authorization_endpoint, asked)

    def sign_out_address(self, token: str | None, back_to: str) -> str | None:
        """Where a person is sent to sign out there too; None where the provider has no such place."""
        endpoint = self.offer().end_session_endpoint
        if endpoint is None:
            return None
        asked = {"client_id": self.policy.client_id, "post_logout_redirect_uri": back_to}
        return _with(endpoint, asked | ({"id_token_hint": token} if token else {}))

    def exchange(self, code: str, verifier: str) -> tuple[str, str | None]:
        """(identity token, access token) for a code."""
        offer = self.offer()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": verifier,
        }
        name, secret, headers = self.policy.client_id, self._known_secret(), {}
        if secret is None or offer.secret_goes_in_body:
            form |= {"client_id": name} | ({} if secret is None else {"client_secret": secret})
        else:
            given = f"{quote_plus(name)}:{quote_plus(secret)}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(given).decode()}"
        answer = self._json("POST", offer.token_endpoint, data=form, headers=headers, refused=SignInRefused)
        token, access = answer.get("id_token"), answer.get("access_token")
        if not isinstance(token, str):
            raise SignInRefused("the provider gave no identity token")
        return token, access if isinstance(access, str) else None

    def identity(self, token: str, nonce: str, access_token: str | None) -> tokens.Claims:
        """The claims of an identity token of this sign-in, with those of userinfo where policy asks for them."""
        claims = tokens.verified(token, self._key(token), self._expected, self._clock())
        tokens.check_identity(claims, nonce, tokens.algorithm_of(token), access_token)
        endpoint = self.offer().userinfo_endpoint
        if self.policy.userinfo and endpoint and access_token:
            more = self._json("GET", endpoint, headers={"Authorization": f"Bearer {access_token}"})
            if more.get("sub") != claims["sub"]:
                raise SignInRefused("userinfo is of somebody else")
            claims = more | claims
        return claims

    def logout(self, token: str) -> tuple[str | None, str | None, str]:
        """(subject, session, id) of a logout token."""
        return tokens.check_logout(tokens.verified(token, self._key(token), self._expected, self._clock()))

    def _known_secret(self) -> str | None:
        if self.policy.secret is None:
            return None
        secret = self._secret()
        if not secret:
            raise ProviderUnreached(f"the secret {self.policy.secret} isn't set")
        return secret

    def _key(self, token: str) -> tokens.Key:
        if tokens.algorithm_of(token) not in self.policy.algorithms:
            raise SignInRefused("the token is signed by an algorithm that policy doesn't take")
        if key := tokens.choose(token, self.keys()):
            return key
        offer = self.offer()
        with self._lock:
            # The provider may have changed its keys since.
            if self._refetches.wait_seconds("keys") == 0:
                self._fetch_keys(offer)
            keys = self._keys[1] if self._keys else []
        if key := tokens.choose(token, keys):
            return key
        raise SignInRefused("the token is signed with a key that the provider doesn't have")

    def _fetch_keys(self, offer: Offer) -> None:
        found = self._json("GET", offer.jwks_uri).get("keys")
        self._keys = (self._clock(), tokens.usable_keys(found if isinstance(found, list) else []))

    def _discover(self, now: float) -> Offer:
        if self._failed_at is not None and 0 <= now - self._failed_at < _LEFT_ALONE_SECONDS:
            raise ProviderUnreached("the provider didn't answer a moment ago")
        try:
            return self._discovered()
        except ProviderUnreached:
            self._failed_at = self._clock()
            raise

    def _discovered(self) -> Offer:
        found = self._json("GET", f"{self.policy.issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self.policy.issuer:
            raise ProviderUnreached("the provider calls itself another issuer than policy does")
        ways = found.get("token_endpoint_auth_methods_supported")
        return Offer(
            authorization_endpoint=_safe(found, "authorization_endpoint"),
            token_endpoint=_safe(found, "token_endpoint"),
            jwks_uri=_safe(found, "jwks_uri"),
            userinfo_endpoint=_safe(found, "userinfo_endpoint") if "userinfo_endpoint" in found else None,
            end_session_endpoint=_safe(found, "end_session_endpoint") if "end_session_endpoint" in found else None,
            secret_goes_in_body=isinstance(ways, list) and "client_secret_basic" not in ways,
            names_itself=found.get("authorization_response_iss_parameter_supported") is True,
        )

    def _json(
        self, method: str, url: str, *, refused: type[SignInRefused] = ProviderUnreached, **more: Any
    ) -> dict[str, Any]:
        where = url.partition("?")[0]
        try:
            with self._http.stream(method, url, **more) as answer:
                body = b""
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > _MOST_BYTES:
                        raise ProviderUnreached(f"{where} answers too much")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ProviderUnreached(f"{where} can't be reached: {type(error).__name__}") from None
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        if answer.status_code in (400, 401) and isinstance(content, dict):
            raise refused(f"{where} refuses: {str(content.get('error'))[:100]}")
        if answer.status_code != 200 or not isinstance(content, dict):
            raise ProviderUnreached(f"{where} answers {answer.status_code}, or no JSON")
        return content


def _safe(found: Mapping[str, Any], name: str) -> str:
    try:
        https_address(str(found[name]).partition("?")[0])
    except (KeyError, ValueError):
        raise ProviderUnreached(f"the provider's {name} is missing, or no https address") from None
    return str(found[name])


def _with(endpoint: str, parameters: Mapping[str, str]) -> str:
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"
