"""A sign-in under way: what ties the answer of a provider to the browser that asked for it.

Where the person wanted to go is in a signed cookie of that browser, named for the `state` that the provider gives back.
What proves to the provider, or in its answer, that both belong together (PKCE verifier, nonce, SAML request id) is
derived from the state with the portal's key, so it is never with the browser and nothing has to be stored.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import timedelta

import sqlalchemy as sa
from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

from orchestration.ledger.store import Store, utc_now
from orchestration.ledger.tables import taken_assertions
from portal.security import cookie_name
from portal.signin.refusals import SignInRefused

LONGEST_SECONDS = 600
_STATE_BYTES = 18
_COOKIE = "account_health_sign_in_"
_NAME_LETTERS = 8
_LONGEST_PATH = 1_500


class Pending:
    """Sign-ins under way."""

    def __init__(self, store: Store, key: str, *, is_behind_tls: bool) -> None:
        self._store = store
        self._key = hashlib.sha256(f"sign-in:{key}".encode()).digest()
        self._cookies = URLSafeTimedSerializer(key, salt="sign-in", signer_kwargs={"digest_method": hashlib.sha256})
        self._is_behind_tls = is_behind_tls

    def new_state(self) -> str:
        """A name for a sign-in that begins; goes to the provider and comes back."""
        return secrets.token_urlsafe(_STATE_BYTES)

    def remember(self, answer: Response, state: str, content: str) -> None:
        """Have the browser remember `content` (a path, mostly) for this state."""
        answer.set_cookie(
            self._name(state),
            self._cookies.dumps([state, content if len(content) <= _LONGEST_PATH else "/"]),
            max_age=LONGEST_SECONDS,
            httponly=True,
            samesite="lax",
            secure=self._is_behind_tls,
            path="/",
        )

    def proof(self, state: str, purpose: str) -> str:
        """43 letters that only this portal can derive from the state; another for every purpose."""
        found = hmac.new(self._key, f"{purpose}\0{state}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(found).rstrip(b"=").decode()

    def recall(self, request: Request, state: str | None) -> str:
        """What this browser remembers for a state; raises SignInRefused where it never began that sign-in."""
        try:
            kept, content = self._cookies.loads(
                request.cookies.get(self._name(state or ""), ""), max_age=LONGEST_SECONDS
            )
        except (BadData, ValueError, TypeError):
            raise SignInRefused("no sign-in with this state began in this browser, or too long ago") from None
        if not state or not hmac.compare_digest(str(kept).encode(), state.encode()):
            raise SignInRefused("the state is another one than this browser's")
        return str(content)

    def forget(self, answer: Response, state: str) -> None:
        """Have the browser forget a state."""
        answer.delete_cookie(self._name(state), path="/", secure=self._is_behind_tls, httponly=True, samesite="lax")

    def take_once(self, kind: str, name: str, seconds: float = LONGEST_SECONDS) -> None:
        """Note that a message was taken; raises SignInRefused where it was before.

        `seconds`: so long it could be sent again with effect.
        """
        now = utc_now()
        key = f"{kind}:{hashlib.sha256(name.encode()).hexdigest()}"
        try:
            with self._store.writing() as con:
                con.execute(sa.delete(taken_assertions).where(taken_assertions.c.forget_at <= now))
                con.execute(
                    sa.insert(taken_assertions).values(assertion_id=key, forget_at=now + timedelta(seconds=seconds))
                )
        except sa.exc.IntegrityError:
            raise SignInRefused(f"this {kind} was taken before") from None

    def _name(self, state: str) -> str:
        # Sign-ins of several tabs go on beside each other.
        letters = hashlib.sha256(state.encode()).hexdigest()[:_NAME_LETTERS]
        return cookie_name(f"{_COOKIE}{letters}", self._is_behind_tls)
