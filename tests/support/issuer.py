"""A small OpenID Connect provider on loopback that lies as it is told to: for what a portal must refuse.

A real provider never signs a token that is expired or of somebody else; this one signs whatever a test gives it. Whole
sign-ins with a real provider are in `tests/browser`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.portal import running

CLIENT, SECRET = "account-health", "secret of the portal"


@dataclass
class Issuer:
    """The provider. Tests change `claims`, `header`, `sign` and `discovery` before a sign-in."""

    base: str = ""
    keys: list[Any] = field(default_factory=lambda: [RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})])
    # What the next identity token says, beside what a good one says; None takes a claim away.
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    discovery: dict[str, Any] = field(default_factory=dict)
    # Makes a token of header and claims; the first key signs where there is none.
    sign: Callable[[dict[str, Any], dict[str, Any]], str] | None = None
    header: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    nonce: str = ""
    challenge: str = ""
    taken: set[str] = field(default_factory=set)

    def token(self, **claims: Any) -> str:
        """A token as a good provider makes it, but for what was changed."""
        now = int(time.time())
        said: dict[str, Any] = {
            "iss": self.base,
            "aud": CLIENT,
            "sub": "subject-1",
            "sid": "session-1",
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "email": "hanae.mori@accounts.example",
            "email_verified": True,
            "name": "Hanae Mori",
            "groups": ["sellers"],
        }
        said = {name: value for name, value in (said | self.claims | claims).items() if value is not None}
        key = self.keys[0]
        header = {"alg": "ES256" if isinstance(key, ECKey) else "RS256", "kid": key.kid, "typ": "JWT"} | self.header
        header = {name: value for name, value in header.items() if value is not None}
        return self.sign(header, said) if self.sign else jwt.encode(header, said, key, algorithms=[header["alg"]])

    def routes(self) -> list[Route]:
        return [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/keys", self._keys),
            Route("/token", self._token, methods=["POST"]),
            Route("/userinfo", self._userinfo),
        ]

    def calls(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(1 for asked, _ in self.asked if asked == path)

    async def _discovery(self, request: Request) -> Response:
        self.asked.append(("discovery", {}))
        return JSONResponse(
            {
                "issuer": self.base,
                "authorization_endpoint": f"{self.base}/authorize",
                "token_endpoint": f"{self.base}/token",
                "jwks_uri": f"{self.base}/keys",
                "userinfo_endpoint": f"{self.base}/userinfo",
                "end_session_endpoint": f"{self.base}/end",
                "code_challenge_methods_supported": ["S256"],
            }
            | self.discovery
        )

    async def _keys(self, request: Request) -> Response:
        self.asked.append(("keys", {}))
        return JSONResponse({"keys": [key.as_dict(private=False) for key in self.keys]})

    async def _token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        self.asked.append(("token", form | {"authorization": request.headers.get("authorization", "")}))
        if form["code"] in self.taken:
            return JSONResponse({"error": "invalid_grant"}, 400)
        self.taken.add(form["code"])
        return JSONResponse({"access_token": "access", "token_type": "Bearer", "id_token": self.token()})

    async def _userinfo(self, request: Request) -> Response:
        self.asked.append(("userinfo", {}))
        return JSONResponse(self.userinfo)


@contextmanager
def issuing() -> Iterator[Issuer]:
    """A provider that is up."""
    issuer = Issuer()
    with running(Starlette(routes=issuer.routes())) as base:
        issuer.base = base
        yield issuer


def begin(browser: httpx.Client, issuer: Issuer, path: str = "/") -> dict[str, str]:
    """Click on the button of the sign-in page; gives what the portal asks of the provider, which remembers it."""
    answer = browser.get("/sign-in/oidc", params={"path": path}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    asked = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    issuer.nonce, issuer.challenge = asked["nonce"], asked["code_challenge"]
    return asked


def answer(browser: httpx.Client, asked: dict[str, str], **changes: str | None) -> httpx.Response:
    """Come back from the provider with a code."""
    query = {"code": f"code-of-{asked['state']}", "state": asked["state"]} | changes
    return browser.get(
        "/sign-in/oidc/callback",
        params={name: value for name, value in query.items() if value is not None},
        follow_redirects=False,
    )
