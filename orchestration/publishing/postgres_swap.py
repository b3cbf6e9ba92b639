"""The swap in PostgreSQL: the views of schema `published` turn to what was loaded, all of them in one transaction.

Every view is replaced every time. A reader's transaction that has looked at one of them holds that view's lock, so the
swap waits for it to end: whatever it reads later belongs to the same publication.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql

from orchestration.publishing.errors import PublishingError
from orchestration.publishing.manifest import PUBLICATION_TABLE
from orchestration.publishing.postgres_history import HISTORY_COMMENT, chunk_schema, standing_chunks
from orchestration.publishing.postgres_load import BUILD_COMMENT, TablePlan

# A waiting swap stands before new readers in the queue of a lock, so it must give way soon and try again.
LOCK_TIMEOUT = "500ms"


@dataclass(frozen=True, slots=True)
class _Grant:
    """A privilege on a view, or on one column of it, that outlives the view's making anew."""

    role: str | None
    privilege: str
    column: str | None
    grantable: bool

    def statement(self, view: sql.Identifier) -> sql.Composed:
        return sql.SQL("grant {}{} on {} to {}{}").format(
            sql.SQL(self.privilege),
            sql.SQL(" ({})").format(sql.Identifier(self.column)) if self.column else sql.SQL(""),
            view,
            sql.Identifier(self.role) if self.role else sql.SQL("public"),
            sql.SQL(" with grant option" if self.grantable else ""),
        )


def swap_views(
    connection: psycopg.Connection,
    schema: str,
    sources: Mapping[str, list[tuple[str, str]]],
    plans: list[TablePlan],
    reader_role: str | None,
) -> list[str]:
    """Turn all views to their sources and drop those of tables no longer published; returns the names of the latter.

    One savepoint of the caller's transaction: raises LockNotAvailable, with nothing changed, where readers hold on.
    """
    standing = _columns_of_views(connection, schema)
    gone = sorted({view for view, _, _ in _our_views(connection, schema)} - {plan.name for plan in plans})
    statements: list[sql.Composable] = []
    # `publication` first: a reader that begins with it and the swap then never wait for each other in a ring.
    for plan in sorted(plans, key=lambda plan: (plan.name != PUBLICATION_TABLE, plan.name)):
        statements += _view_statements(
            connection, schema, sources[plan.name], plan, standing.get(plan.name), reader_role
        )
    statements += [sql.SQL("drop view {}").format(sql.Identifier(schema, name)) for name in gone]
    try:
        with connection.transaction():
            connection.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
            # One message: the locks are held for as long as the server takes, not for a round trip a statement.
            connection.execute(sql.SQL(";\n").join(statements))
    except psycopg.errors.DependentObjectsStillExist as error:
        raise PublishingError(
            f"a view on schema {schema} must be made anew, but other objects depend on it; drop or change them, "
            f"then publish again. {error.diag.message_detail or error.diag.message_primary}"
        ) from None
    except psycopg.errors.WrongObjectType as error:
        raise PublishingError(
            f"something that isn't a view stands in schema {schema} under a published name; rename or drop it. "
            f"{error.diag.message_primary}"
        ) from None
    return gone


@dataclass(frozen=True, slots=True)
class InUse:
    """What the published views read from."""

    builds: frozenset[str]
    chunks: frozenset[str]


def in_use(connection: psycopg.Connection, schema: str) -> InUse:
    """The build schemas and the chunks of histories that the published views read from."""
    sources = [(build, table) for _, build, table in _our_views(connection, schema)]
    chunks = chunk_schema(schema)
    return InUse(
        frozenset(build for build, _ in sources if build != chunks),
        frozenset(table for build, table in sources if build == chunks),
    )


def drop_chunks(connection: psycopg.Connection, schema: str, keep: Iterable[str]) -> list[str]:
    """Drop the chunks of histories but those in `keep`; one that a reader still uses is left for the next time."""
    dropped = []
    for name in sorted(set(standing_chunks(connection, schema)) - set(keep)):
        try:
            with connection.transaction():
                connection.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
                connection.execute(sql.SQL("drop table {}").format(sql.Identifier(chunk_schema(schema), name)))
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DependentObjectsStillExist):
            continue
        dropped.append(name)
    return dropped


def drop_builds(connection: psycopg.Connection, keep: Iterable[str]) -> list[str]:
    """Drop our build schemas but those in `keep`; one that a reader still uses is left for the next time."""
    rows = connection.execute(
        "select nspname from pg_namespace where obj_description(oid, 'pg_namespace') = %s order by nspname",
        [BUILD_COMMENT],
    ).fetchall()
    dropped = []
    for name in sorted({row[0] for row in rows} - set(keep)):
        try:
            with connection.transaction():
                connection.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
                # No CASCADE over what others may have built on it; its tables go one by one.
                tables = connection.execute("select tablename from pg_tables where schemaname = %s", [name]).fetchall()
                for (table,) in tables:
                    connection.execute(sql.SQL("drop table {}").format(sql.Identifier(name, table)))
                connection.execute(sql.SQL("drop schema {}").format(sql.Identifier(name)))
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DependentObjectsStillExist):
            continue
        dropped.append(name)
    return dropped


def _view_statements(
    connection: psycopg.Connection,
    schema: str,
    sources: list[tuple[str, str]],
    plan: TablePlan,
    standing: list[tuple[str, str]] | None,
    reader_role: str | None,
) -> list[sql.Composable]:
    view = sql.Identifier(schema, plan.name)
    wanted = _columns_of_relation(connection, *sources[0])
    names = [name for name, _ in wanted]
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    selects = [sql.SQL("select {} from {}").format(columns, sql.Identifier(*source)) for source in sources]
    body = sql.SQL("view {} as {}").format(view, sql.SQL(" union all ").join(selects))
    statements: list[sql.Composable] = []
    if standing is None or wanted[: len(standing)] == standing:
        statements.append(sql.SQL("create or replace {}").format(body))
    else:
        # PostgreSQL can add columns to a view at its end, nothing more: a new view, with the old one's grants.
        grants = [grant for grant in _grants(connection, schema, plan.name) if grant.column in (None, *names)]
        statements += [sql.SQL("drop view {}").format(view), sql.SQL("create {}").format(body)]
        statements += [grant.statement(view) for grant in grants]
    if reader_role:
        statements.append(sql.SQL("grant select on {} to {}").format(view, sql.Identifier(reader_role)))
    statements.append(_comment(sql.SQL("view {}").format(view), plan.table.description))
    for column in plan.columns:
        target = sql.SQL("column {}").format(sql.Identifier(schema, plan.name, column.name))
        statements.append(_comment(target, column.description))
    return statements


def _comment(target: sql.Composable, text: str) -> sql.Composed:
    return sql.SQL("comment on {} is {}").format(target, sql.Literal(text.replace("\0", "") or None))


def _columns_of_views(connection: psycopg.Connection, schema: str) -> dict[str, list[tuple[str, str]]]:
    names = connection.execute("select viewname from pg_views where schemaname = %s", [schema]).fetchall()
    return {name: _columns_of_relation(connection, schema, name) for (name,) in names}


def _columns_of_relation(connection: psycopg.Connection, schema: str, name: str) -> list[tuple[str, str]]:
    return connection.execute(
        """
        select attname, format_type(atttypid, atttypmod)
        from pg_attribute join pg_class on pg_class.oid = attrelid join pg_namespace on pg_namespace.oid = relnamespace
        where nspname = %s and relname = %s and attnum > 0 and not attisdropped
        order by attnum
        """,
        [schema, name],
    ).fetchall()


def _our_views(connection: psycopg.Connection, schema: str) -> list[tuple[str, str, str]]:
    """Views of the schema that read from tables of ours, with schema and table; other people's views don't count."""
    return connection.execute(
        """
        select distinct view.relname, build.nspname, source.relname
        from pg_class as view
        join pg_namespace as published on published.oid = view.relnamespace
        join pg_rewrite on pg_rewrite.ev_class = view.oid
        join pg_depend on pg_depend.classid = 'pg_rewrite'::regclass and pg_depend.objid = pg_rewrite.oid
        join pg_class as source on pg_depend.refclassid = 'pg_class'::regclass and source.oid = pg_depend.refobjid
        join pg_namespace as build on build.oid = source.relnamespace
        where published.nspname = %s and view.relkind = 'v' and source.relkind = 'r'
            and obj_description(build.oid, 'pg_namespace') = any(%s)
        """,
        [schema, [BUILD_COMMENT, HISTORY_COMMENT]],
    ).fetchall()


def _grants(connection: psycopg.Connection, schema: str, name: str) -> list[_Grant]:
    rows = connection.execute(
        """
        with target as (
            select pg_class.oid, relacl, relowner
            from pg_class join pg_namespace on pg_namespace.oid = relnamespace
            where nspname = %s and relname = %s
        ), entries as (
            select relowner, null as attname, (aclexplode(relacl)).* from target
            union all
            select relowner, attname, (aclexplode(attacl)).* from target join pg_attribute on attrelid = target.oid
        )
        select rolname, privilege_type, attname, is_grantable
        from entries left join pg_roles on pg_roles.oid = grantee
        where grantee <> relowner
        """,
        [schema, name],
    ).fetchall()
    return [_Grant(*row) for row in rows]
