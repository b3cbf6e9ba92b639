"""Service tokens: what a machine shows to the API instead of a person's session.

A token is shown once, when it is made; kept is its hash. It may read some tables, as somebody with some roles and areas
would, and never more than who made it; it ends by itself, and at once when it is revoked.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from orchestration.ledger.store import Store, one, utc_now
from orchestration.ledger.tables import service_tokens
from orchestration.policy.access import Access
from orchestration.policy.portal import Portal
from portal.access import Viewer
from portal.security import Rates

# Scanners for secrets that leaked know a token by how it begins.
PREFIX = "ahk_"
_BYTES = 32
_ID_BYTES = 4
_LONGEST_NAME = 100
# The time of the last request is written this often at most.
_USED_EVERY = timedelta(minutes=1)


class TokenError(ValueError):
    """A token that can't be made; says why."""


@dataclass(frozen=True)
class Scope:
    """What a token may read: `tables`, None for all of them, as somebody with these roles, names and areas."""

    roles: tuple[str, ...]
    tables: tuple[str, ...] | None = None
    names: tuple[str, ...] = ()
    geos: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Token:
    """A token as it is listed: everything but itself."""

    token_id: str
    name: str
    scope: Scope
    made_by: str
    made_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None

    def state(self, now: datetime) -> str:
        """revoked, ended or in use."""
        if self.revoked_at is not None:
            return "revoked"
        return "ended" if self.expires_at <= now else "valid"


class Tokens:
    """The tokens of a portal."""

    def __init__(self, store: Store, access: Access, policy: Portal) -> None:
        self._store = store
        self._access = access
        self._longest_days = policy.token_days_most
        self.rates = Rates(policy.most_a_minute_of_a_token)

    def make(self, name: str, scope: Scope, days: int, maker: str, seen_by: Viewer | None) -> tuple[Token, str]:
        """Make a token; gives it as listed, and itself. Raises TokenError.

        `seen_by`: who makes it, as far as that limits what it may read; None for who has the home itself.
        """
        name = name.strip()
        if not 0 < len(name) <= _LONGEST_NAME:
            raise TokenError(f"A token needs a name of {_LONGEST_NAME} letters at most, that says what uses it")
        if not 1 <= days <= self._longest_days:
            raise TokenError(f"It holds 1 to {self._longest_days} days (policies/portal.yaml), not {days}")
        if not scope.roles:
            raise TokenError("It needs a role: what it sees is what somebody in that role would see")
        if scope.tables is not None and not scope.tables:
            raise TokenError("It needs a table")
        _check_reach(self._viewer(name, scope), seen_by)
        now = utc_now()
        itself = PREFIX + secrets.token_urlsafe(_BYTES)
        row = {
            "token_id": secrets.token_hex(_ID_BYTES),
            "name": name,
            "made_by": maker,
            "made_at": now,
            "expires_at": now + timedelta(days=days),
            "revoked_at": None,
            "last_used_at": None,
        }
        with self._store.writing() as con:
            con.execute(
                sa.insert(service_tokens).values(
                    **row, token_hash=_hash(itself), scope=json.dumps(asdict(scope), ensure_ascii=False)
                )
            )
        return Token(scope=scope, **row), itself

    def listed(self) -> list[Token]:
        """Every token, the newest first."""
        order = (service_tokens.c.made_at.desc(), service_tokens.c.token_id)
        with self._store.reading() as con:
            rows = con.execute(sa.select(service_tokens).order_by(*order)).mappings().all()
        return [_token(row) for row in rows]

    def revoke(self, token_id: str) -> Token | None:
        """End a token now; None where there is no such one, or it was revoked before."""
        fits = (service_tokens.c.token_id == token_id) & service_tokens.c.revoked_at.is_(None)
        with self._store.writing() as con:
            if not self._store.counted(con, sa.update(service_tokens).where(fits).values(revoked_at=utc_now())):
                return None
            row = one(con, sa.select(service_tokens).where(service_tokens.c.token_id == token_id))
        return _token(row) if row else None

    def find(self, itself: str) -> tuple[Token, Viewer] | None:
        """The token that was shown, and whom it makes of the caller; None where it holds no longer, or never did."""
        if not itself.startswith(PREFIX):
            return None
        now = utc_now()
        # Found by its hash: how long that takes tells nothing of the token.
        with self._store.reading() as con:
            row = one(con, sa.select(service_tokens).where(service_tokens.c.token_hash == _hash(itself)))
        if row is None:
            return None
        token = _token(row)
        if token.state(now) != "valid":
            return None
        if token.last_used_at is None or now - token.last_used_at >= _USED_EVERY:
            fits = service_tokens.c.token_id == token.token_id
            with self._store.writing() as con:
                con.execute(sa.update(service_tokens).where(fits).values(last_used_at=now))
        return token, self._viewer(token.name, token.scope)

    def _viewer(self, name: str, scope: Scope) -> Viewer:
        # Made of the scope alone: nothing that policy says of a person of the same name is the token's.
        return Viewer(
            person=f"token {name}",
            shown_as=name,
            roles=frozenset(scope.roles),
            names=_lower(scope.names),
            geos=_lower(scope.geos),
            regions=_lower(scope.regions),
            sees=frozenset(getattr(self._access.rows, role) for role in scope.roles) - {"none"},
            tables=None if scope.tables is None else frozenset(scope.tables),
        )


def _check_reach(wanted: Viewer, maker: Viewer | None) -> None:
    """A token never sees more than who makes it."""
    if maker is None or maker.sees_all:
        return
    beyond = (
        wanted.sees - maker.sees
        or ("own" in wanted.sees and set(wanted.names) - set(maker.names))
        or ("area" in wanted.sees and (set(wanted.geos) - set(maker.geos) or set(wanted.regions) - set(maker.regions)))
    )
    if beyond:
        raise TokenError("It would see more than you do")


def _token(row: Any) -> Token:
    fields = {name: row[name] for name in Token.__dataclass_fields__ if name != "scope"}
    scope = {key: tuple(value) if isinstance(value, list) else value for key, value in json.loads(row["scope"]).items()}
    return Token(scope=Scope(**scope), **fields)


def _lower(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(value.strip().lower() for value in values)


def _hash(itself: str) -> str:
    return hashlib.sha256(itself.encode()).hexdigest()


def split_list(text: str) -> Sequence[str]:
    """Names that a person typed with commas or lines between them."""
    return [part.strip() for part in text.replace("\n", ",").split(",") if part.strip()]
