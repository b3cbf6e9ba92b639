"""Forgetting an account whose ledger and publication are on a real PostgreSQL: no table of either has it afterwards."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from pydantic import SecretStr

from orchestration.ledger.store import Store
from orchestration.ledger.tables import APPEND_ONLY, METADATA, audit_log, notices
from orchestration.policy.load import load_policies
from orchestration.publishing.manifest import current_snapshot_id, read_snapshot
from orchestration.publishing.postgres import publish_postgres
from orchestration.retention.forget import forget
from orchestration.settings import Settings
from tests.support import portal
from tests.support.postgres import postgres_database, postgres_url

__all__ = ["postgres_database", "postgres_url"]


def on_postgresql(folder: Path, url: str) -> tuple[Settings, str, str]:
    """A home whose ledger and publication are in one database; the id and name of an account that is in both."""
    made = portal.home(folder)
    row = portal.published(
        made,
        "select a.account_id, a.account_name from account_health a join recommended_actions r using (account_id)"
        " where a.account_id not like 'H%' and a.account_name like '% %' order by 1 limit 1",
    )[0]
    account_id, name = row["account_id"], row["account_name"]
    with Store.open(made) as lite, lite.reading() as con, Store.at(url) as big, big.writing() as into:
        for table in METADATA.sorted_tables:
            if rows := [dict(row) for row in con.execute(sa.select(table)).mappings()]:
                into.execute(sa.insert(table), rows)
        into.execute(sa.text("select setval(pg_get_serial_sequence('audit_log', 'entry_id'), 1000000)"))
        into.execute(
            sa.insert(audit_log).values(
                happened_at=portal.NOW, person="p", event="export", subject=f"/accounts/{account_id}", detail=name
            )
        )
        body = f"{name}: risk\nOther: risk"
        told = {"notice_id": "n1", "kind": "digest", "to_role": "csm", "title": "Alerts", "body": body}
        into.execute(sa.insert(notices).values(**told, made_at=portal.NOW, status="sent"))
    for file in made.home_path.glob("operations.db*"):
        file.unlink()
    settings = made.model_copy(update={"ledger": SecretStr(url), "publish_postgres": SecretStr(url)})
    snapshot = read_snapshot(settings.published_path / str(current_snapshot_id(settings.published_path)))
    publish_postgres(url, snapshot)
    return settings, account_id, name


def naming(url: str, texts: list[str]) -> dict[str, int]:
    """Rows of every table and view of a database that have one of these texts anywhere, by its name."""
    found = {}
    with psycopg.connect(url) as con:
        tables = con.execute(
            "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where c.relkind in ('r', 'p', 'm', 'v') and n.nspname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in tables:
            query = sql.SQL(
                "select count(*) from {}.{} t"
                " where exists (select from jsonb_each_text(to_jsonb(t)) where value ilike any(%s))"
            ).format(sql.Identifier(schema), sql.Identifier(table))
            [(rows,)] = con.execute(query, [[f"%{text}%" for text in texts]]).fetchall()
            if rows:
                found[f"{schema}.{table}"] = rows
    return found


def test_nothing_of_an_account_is_left_on_postgresql(tmp_path: Path, postgres_database: str) -> None:
    settings, account_id, name = on_postgresql(tmp_path, postgres_database)
    # The server's locale knows the case of ASCII alone.
    texts = [account_id, name, name.upper(), name.lower()]
    then = naming(postgres_database, texts)
    assert {"public.actions", "public.audit_log", "public.notices", "published.account_health"} <= then.keys()
    others = others_of(postgres_database, account_id)

    done = forget(settings, load_policies(settings.policies), name, by="maria", reason="asked for", wait_seconds=0)

    assert done.places["ledger"].rows >= then["public.actions"]
    assert naming(postgres_database, texts) == {}
    assert others_of(postgres_database, account_id) == others
    with psycopg.connect(postgres_database) as con:
        [(current,)] = con.execute("select snapshot_id from published.publication").fetchall()
    assert current == current_snapshot_id(settings.published_path)
    with Store.open(settings) as store:
        with store.reading() as con:
            body = con.execute(sa.select(notices.c.body)).scalar_one()
            assert body == "(forgotten account): risk\nOther: risk"
            events = con.execute(sa.select(audit_log.c.person).where(audit_log.c.event == "forget")).scalars().all()
            assert events == ["maria"]
        for table in APPEND_ONLY:
            with pytest.raises(sa.exc.DatabaseError, match="append-only"), store.writing() as con:
                con.execute(sa.delete(table))


def others_of(url: str, account_id: str) -> dict[str, int]:
    """Rows of other accounts, of the ledger and of the publication."""
    found = {}
    with psycopg.connect(url) as con:
        for table in ("public.actions", "public.transitions", "published.account_health", "published.account_signals"):
            query = f"select count(*) from {table} where account_id <> %s"
            [(found[table],)] = con.execute(query, [account_id]).fetchall()
    assert all(found.values())
    return found
