"""Identity tokens and logout tokens: whether one is what it says, of whom it says, for us, now.

Only signatures with public keys are taken, by the algorithms that policy lists, with a key that is made for it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from portal.signin.refusals import SignInRefused

Key = RSAKey | ECKey | OKPKey
Claims = dict[str, Any]

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_LONGEST = 96 * 1024
_LONGEST_HEADER = 8 * 1024
_KINDS = {"RS": RSAKey, "PS": RSAKey, "ES": ECKey, "Ed": OKPKey}
_LEAST_RSA_BITS = 2048
# A token of a sign-in that is older wasn't made for it.
_OLDEST_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token has to say."""

    issuer: str
    client_id: str
    algorithms: Sequence[str]
    skew_seconds: int


def usable_keys(documents: Iterable[Any]) -> list[Key]:
    """The keys of a key set that can verify signatures; others are left out, whatever is wrong with them."""
    found = []
    for document in documents:
        if not isinstance(document, dict) or document.get("use", "sig") != "sig":
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                key = JWKRegistry.import_key(document)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key, RSAKey) and key.raw_value.key_size < _LEAST_RSA_BITS:
            continue
        if isinstance(key, RSAKey | ECKey | OKPKey):
            found.append(key)
    return found


def key_name(token: str) -> str | None:
    """The `kid` that a token names, unverified; raises SignInRefused where it is no token."""
    return _header(token).get("kid")


def choose(token: str, keys: Sequence[Key]) -> Key | None:
    """The key that a token names, or the only one that fits where it names none; None where there is none."""
    header = _header(token)
    algorithm, name = str(header.get("alg", "")), header.get("kid")
    fitting = [
        key
        for key in keys
        if isinstance(key, _KINDS.get(algorithm[:2], ())) and key.get("alg") in (None, algorithm)
        if name is None or key.kid == name
    ]
    return fitting[0] if len(fitting) == 1 else None


def verified(token: str, key: Key, expected: Expected, now: float) -> Claims:
    """The claims of a token that is signed by this key, of the issuer, for us, and holds now. Raises SignInRefused."""
    try:
        claims = jwt.decode(token, key, registry=_registry(expected.algorithms)).claims
    except (JoseError, ValueError, TypeError) as error:
        raise SignInRefused(f"the token isn't signed as it should be: {type(error).__name__}") from None
    if claims.get("iss") != expected.issuer:
        raise SignInRefused("the token is of another issuer")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if expected.client_id not in audiences:
        raise SignInRefused("the token is for somebody else")
    party = claims.get("azp")
    if (len(audiences) > 1 or party is not None) and party != expected.client_id:
        raise SignInRefused("the token was made for somebody else")
    skew = expected.skew_seconds
    made = _moment(claims, "iat")
    if made > now + skew:
        raise SignInRefused("the token is of the future")
    if made < now - _OLDEST_SECONDS - skew:
        raise SignInRefused("the token was made too long ago")
    if "nbf" in claims and _moment(claims, "nbf") > now + skew:
        raise SignInRefused("the token doesn't hold yet")
    if "exp" in claims and _moment(claims, "exp") <= now - skew:
        raise SignInRefused("the token is expired")
    return claims


def check_identity(claims: Claims, nonce: str, algorithm: str, access_token: str | None) -> None:
    """What an identity token has to say beyond that. Raises SignInRefused."""
    if "exp" not in claims:
        raise SignInRefused("the token never expires")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise SignInRefused("the token is of nobody")
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise SignInRefused("the token answers another sign-in")
    if "at_hash" in claims and access_token is not None and algorithm != "EdDSA":
        digest = hashlib.new(f"sha{algorithm[2:]}", access_token.encode()).digest()
        half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
        if claims["at_hash"] != half:
            raise SignInRefused("the token came with another access token")


def check_logout(claims: Claims) -> tuple[str | None, str | None, str]:
    """(subject, session, id of the token) of a logout token. Raises SignInRefused."""
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise SignInRefused("the token isn't about signing out")
    if "nonce" in claims:
        raise SignInRefused("a logout token has no nonce")
    subject, session, name = claims.get("sub"), claims.get("sid"), claims.get("jti")
    if not isinstance(name, str) or not name:
        raise SignInRefused("the logout token has no id")
    subject = subject if isinstance(subject, str) and subject else None
    session = session if isinstance(session, str) and session else None
    if subject is None and session is None:
        raise SignInRefused("the logout token names nobody")
    return subject, session, name


def algorithm_of(token: str) -> str:
    """How a token says it is signed."""
    return str(_header(token).get("alg", ""))


def _registry(algorithms: Sequence[str] = ()) -> jws.JWSRegistry:
    registry = jws.JWSRegistry(algorithms=list(algorithms))
    # Some providers put their certificates into it.
    registry.max_header_length = _LONGEST_HEADER
    return registry


def _header(token: str) -> Mapping[str, Any]:
    if len(token) > _LONGEST:
        raise SignInRefused("the token is too long")
    try:
        return jws.extract_compact(token.encode("ascii"), registry=_registry()).headers()
    except (JoseError, ValueError, TypeError, UnicodeError):
        raise SignInRefused("this is no token") from None


def _moment(claims: Claims, name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise SignInRefused(f"the token's {name} is no time")
    return float(value)
