"""Taking an account out of the ledger: the one case in which its logs lose rows.

One transaction: what keeps the logs from changing is taken off, the rows go, it is put back. A kill leaves all of it or
none. Then the database is written anew, so that no freed page has the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestration.ledger.store import Store
from orchestration.ledger.tables import APPEND_ONLY, METADATA
from orchestration.retention.identity import Identity
from orchestration.retention.parquet import Found

# Columns whose value says whose row it is.
_OWNERS = ("account_id", "record_id")


def clean_ledger(store: Store, identity: Identity, *, dry: bool) -> Found:
    """Delete the account's rows of every table, and its names from the texts of other rows."""
    if dry:
        with store.reading() as con:
            return _counted(con, identity)
    with store.writing() as con:
        found = _counted(con, identity)
        if found:
            _ask_for_clean_pages(con, store)
            with changeable(con, store):
                for table in METADATA.sorted_tables:
                    _clean(con, table, identity)
    rewrite(store)
    return found


@contextmanager
def changeable(con: Connection, store: Store) -> Iterator[None]:
    """Let the logs be changed within this transaction; what refuses it is back before it ends."""
    if store.is_sqlite:
        names = [table.name for table in APPEND_ONLY]
        master = sa.text(
            "select name, sql from sqlite_master where type = 'trigger' and tbl_name in :names"
        ).bindparams(sa.bindparam("names", names, expanding=True))
        triggers = con.execute(master).all()
        for name, _ in triggers:
            con.exec_driver_sql(f'drop trigger "{name}"')
        yield
        for _, sql in triggers:
            con.exec_driver_sql(sql)
        return
    for table in APPEND_ONLY:
        con.exec_driver_sql(f"alter table {table.name} disable trigger {table.name}_append_only")
    yield
    for table in APPEND_ONLY:
        con.exec_driver_sql(f"alter table {table.name} enable trigger {table.name}_append_only")


def rewrite(store: Store) -> None:
    """Write the database anew: what was deleted is in no page of it afterwards."""
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as con:
        if store.is_sqlite:
            driver = con.connection.driver_connection
            driver.execute("pragma secure_delete = on")
            driver.execute("vacuum")
            driver.execute("pragma wal_checkpoint(truncate)")
            return
        for table in METADATA.sorted_tables:
            con.exec_driver_sql(f"vacuum full {table.name}")


def _ask_for_clean_pages(con: Connection, store: Store) -> None:
    if store.is_sqlite:
        con.exec_driver_sql("pragma secure_delete = on")


def _counted(con: Connection, identity: Identity) -> Found:
    found = Found()
    for table in METADATA.sorted_tables:
        if (own := _own(table, identity)) is not None:
            found.rows += con.execute(sa.select(sa.func.count()).select_from(table).where(own)).scalar_one()
        found.cells += sum(len(new) for _, new in _naming(con, table, identity, own))
    return found


def _clean(con: Connection, table: sa.Table, identity: Identity) -> None:
    own = _own(table, identity)
    if own is not None:
        con.execute(sa.delete(table).where(own))
    for key, new in list(_naming(con, table, identity, None)):
        con.execute(sa.update(table).where(*(table.c[name] == value for name, value in key.items())).values(**new))


def _own(table: sa.Table, identity: Identity) -> sa.ColumnElement[bool] | None:
    owners = [table.c[name].in_(sorted(identity.ids)) for name in _OWNERS if name in table.c]
    return sa.or_(*owners) if owners else None


def _naming(
    con: Connection, table: sa.Table, identity: Identity, own: sa.ColumnElement[bool] | None
) -> Iterator[tuple[dict[str, object], dict[str, str]]]:
    """The rows of others that name the account: their key, and the new texts of the columns that do."""
    texts = [column for column in table.columns if isinstance(column.type, sa.Text) and not column.primary_key]
    if not texts:
        return
    # Any case, as names are written; a closer look follows.
    likely = sa.or_(
        *(
            sa.func.lower(column).contains(text.lower(), autoescape=True)
            for column in texts
            for text in _asked(identity)
        )
    )
    keys = list(table.primary_key.columns)
    query = sa.select(*keys, *texts).where(likely)
    if own is not None:
        query = query.where(sa.not_(sa.func.coalesce(own, sa.false())))
    for row in con.execute(query).mappings():
        new = {
            column.name: identity.traces.cleaned(row[column.name])
            for column in texts
            if row[column.name] and identity.traces.is_in(row[column.name])
        }
        if new:
            yield {column.name: row[column.name] for column in keys}, new


def _asked(identity: Identity) -> list[str]:
    """What rows are asked for. SQLite folds ASCII alone, so the longest run of ASCII of a text stands for it."""
    asked = set()
    for text in identity.traces.texts:
        runs = "".join(char if char.isascii() and char.isalnum() else " " for char in text).split()
        asked.add(max(runs, key=len, default=text))
    return sorted(asked)
