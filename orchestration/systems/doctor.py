"""Trying everything that is configured, and saying what works, what is missing and how to mend it.

Nothing is changed anywhere: systems are asked what a pull would ask them, secrets are looked for and never shown.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from orchestration.ledger.store import LedgerError, Store
from orchestration.policy.models import Policies
from orchestration.settings import Settings
from orchestration.sources.errors import SourceError
from orchestration.systems.base import Found
from orchestration.systems.build import build_system
from orchestration.systems.outward import examine_writing
from orchestration.systems.pull import sources_of

THIS_MACHINE = "this machine"
_IN = "ACCOUNT_HEALTH_SECRET_{} in the environment, or a file {} in the folder that ACCOUNT_HEALTH_SECRETS names"


def examine(settings: Settings, policies: Policies) -> Iterator[tuple[str, Found]]:
    """(where, what was found) for the machine's own places, then for outward connectors."""
    yield THIS_MACHINE, _drop_folder(settings)
    yield THIS_MACHINE, _ledger(settings)
    if (settings.publish_postgres or settings.publish_postgres_file) is not None:
        yield THIS_MACHINE, _publication(settings)
    for name, connector in policies.connectors.connectors.items():
        if connector.secret is not None:
            yield f"connector {name}", _secret(connector.secret, settings)


def examine_system(name: str, settings: Settings, policies: Policies) -> Iterator[Found]:
    """What was found of one connected system; never raises."""
    try:
        system = build_system(name, policies, settings)
    except SourceError as error:
        yield Found("secret", error.message, mend=f"set {error.expected}")
        return
    hook_secret = getattr(policies.systems.by_name[name], "hook_secret", None)
    if hook_secret is not None:
        yield _secret(hook_secret, settings)
    sources = sources_of(policies, name)
    if not sources:
        yield Found("sources", "no source of sources.yaml names it, so nothing is read from it")
    try:
        yield from system.examine(sources)
        yield from examine_writing(name, settings, policies)
    except SourceError as error:
        yield Found(error.place or "answer", error.message, mend=error.action or error.expected or "look at the system")
    finally:
        system.close()


def _drop_folder(settings: Settings) -> Found:
    folder = settings.drop_path
    if not folder.is_dir():
        return Found("drop folder", f"{folder} isn't there; nothing is read from files until it is")
    files = sum(1 for path in folder.iterdir() if path.is_file())
    return Found("drop folder", f"{folder}: {files:,} files")


def _ledger(settings: Settings) -> Found:
    if not Store.exists(settings):
        return Found("ledger", "there is none yet; a refresh makes it")
    try:
        with Store.open(settings) as store, store.reading() as con:
            con.execute(sa.text("select 1"))
            kind = store.engine.dialect.name
    except (LedgerError, sa.exc.SQLAlchemyError, OSError) as error:
        words = " ".join(str(error).split())
        return Found("ledger", words, mend="see ACCOUNT_HEALTH_LEDGER, and that the database lets this user in")
    return Found("ledger", f"opens ({kind})")


def _publication(settings: Settings) -> Found:
    import psycopg

    what = "publication in PostgreSQL"
    try:
        with psycopg.connect(settings.postgres_url() or "", connect_timeout=10) as connection:
            row = connection.execute("select has_database_privilege(current_database(), 'create')").fetchone()
    except (psycopg.Error, OSError) as error:
        reason = type(error).__name__
        return Found(
            "publication in PostgreSQL", f"it can't be reached ({reason})", mend="see ACCOUNT_HEALTH_PUBLISH_POSTGRES"
        )
    if not row or not row[0]:
        return Found(what, "its user may not create schemas", mend="grant create on database … to that user, once")
    return Found(what, "its user may publish")


def _secret(name: str, settings: Settings) -> Found:
    if settings.secret(name):
        return Found(f"secret {name}", "there")
    return Found(f"secret {name}", "missing", mend=f"set {_IN.format(name.upper(), name)}")
