"""Sessions of people who signed in: kept in the ledger's database, named by a signed cookie, ended by signing out.

The cookie holds a random name, signed; the table holds its hash. So neither who reads the database nor who forges
cookies becomes anybody. What the provider wants to hear at signing out, which may be a token of the person's, is kept
encrypted with the key that signs cookies.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken
from itsdangerous import BadSignature, Signer

from orchestration.ledger.store import Store, one, utc_now
from orchestration.ledger.tables import sessions
from orchestration.policy.portal import Portal
from portal.access import Identity

_NAME_BYTES = 32
# The time of the last request is written this often at most.
_SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Session:
    """A session that holds."""

    identity: Identity
    started_at: datetime
    # Proof that a form was made for this session.
    form_token: str
    # What the session is noted by as seen, where that is due.
    unnoted: str | None = None


class Sessions:
    """The sessions of a portal."""

    def __init__(self, store: Store, policy: Portal, key: str, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._clock = clock
        self._idle = timedelta(minutes=policy.session_idle_minutes)
        self._longest = timedelta(hours=policy.session_hours)
        self._signer = Signer(key, salt="session", digest_method=hashlib.sha256)
        self._forms = Signer(key, salt="form", digest_method=hashlib.sha256)
        hints = Signer(key, salt="hint", key_derivation="hmac", digest_method=hashlib.sha256).derive_key()
        self._hints = Fernet(base64.urlsafe_b64encode(hints))
        # With it the log tells people apart without naming them.
        self.pseudonym_key = Signer(key, salt="log", digest_method=hashlib.sha256).derive_key()

    def begin(self, identity: Identity, provider_session: str | None = None) -> str:
        """Begin a session; gives the value of its cookie."""
        name = secrets.token_urlsafe(_NAME_BYTES)
        now = self._clock()
        with self._store.writing() as con:
            con.execute(sa.delete(sessions).where(self._is_over(now)))
            con.execute(
                sa.insert(sessions).values(
                    session_hash=_hash(name),
                    identity=json.dumps(asdict(self._sealed(identity)), ensure_ascii=False),
                    person=identity.person,
                    provider_session=provider_session,
                    started_at=now,
                    last_seen_at=now,
                    ends_at=now + self._longest,
                )
            )
        return self._signer.sign(name).decode()

    def find(self, cookie: str | None) -> Session | None:
        """The session that a cookie names, noted as seen; None where it holds no longer, or never did."""
        session = self.look(cookie)
        if session is not None:
            self.note(session)
        return session

    def note(self, session: Session) -> None:
        """Note that a session was seen now, where that is due; waits for others who write."""
        if session.unnoted is None:
            return
        with self._store.writing() as con:
            seen = sa.update(sessions).where(sessions.c.session_hash == session.unnoted)
            con.execute(seen.values(last_seen_at=self._clock()))

    def look(self, cookie: str | None) -> Session | None:
        """As `find`, which only reads; `note` is to follow."""
        name = self._name(cookie)
        if name is None:
            return None
        now = self._clock()
        with self._store.reading() as con:
            row = one(con, sa.select(sessions).where(sessions.c.session_hash == _hash(name)))
        if row is None or row["ends_at"] <= now or row["last_seen_at"] + self._idle <= now:
            return None
        fields = json.loads(row["identity"])
        identity = Identity(
            **{key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
        )
        unnoted = row["session_hash"] if now - row["last_seen_at"] >= _SEEN_EVERY else None
        form_token = self._forms.get_signature(name).decode()
        return Session(self._opened(identity), row["started_at"], form_token, unnoted)

    def end(self, cookie: str | None) -> None:
        """End the session that a cookie names."""
        name = self._name(cookie)
        if name is not None:
            with self._store.writing() as con:
                con.execute(sa.delete(sessions).where(sessions.c.session_hash == _hash(name)))

    def end_of_provider(self, method: str, subject: str | None, session: str | None = None) -> int:
        """End the sessions that an identity provider says are over; gives how many there were.

        Those of a subject, of a provider's session, or of both; names as `provider_session_of` joins them.
        """
        kept = sessions.c.provider_session
        if subject is not None and session is not None:
            condition = kept == provider_session_of(method, subject, session)
        elif subject is not None:
            condition = kept.startswith(json.dumps([method, subject], ensure_ascii=False)[:-1] + ", ", autoescape=True)
        elif session is not None:
            condition = kept.startswith(f"[{json.dumps(method)}, ", autoescape=True) & kept.endswith(
                f", {json.dumps(session, ensure_ascii=False)}]", autoescape=True
            )
        else:
            raise ValueError("a subject or a session has to be named")
        with self._store.writing() as con:
            return self._store.counted(con, sa.delete(sessions).where(condition))

    def _name(self, cookie: str | None) -> str | None:
        try:
            return self._signer.unsign(cookie or "").decode()
        except (BadSignature, UnicodeError):
            return None

    def _sealed(self, identity: Identity) -> Identity:
        hint = identity.sign_out_hint
        return replace(identity, sign_out_hint=self._hints.encrypt(hint.encode()).decode() if hint else "")

    def _opened(self, identity: Identity) -> Identity:
        try:
            hint = self._hints.decrypt(identity.sign_out_hint).decode() if identity.sign_out_hint else ""
        except InvalidToken:
            # Of an earlier version, or of another key: the provider asks the person.
            hint = ""
        return replace(identity, sign_out_hint=hint)

    def _is_over(self, now: datetime) -> sa.ColumnElement[bool]:
        return (sessions.c.ends_at <= now) | (sessions.c.last_seen_at <= now - self._idle)


def provider_session_of(method: str, subject: str, session: str | None) -> str:
    """A session of an identity provider, as it is kept here."""
    return json.dumps([method, subject, session or ""], ensure_ascii=False)


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
