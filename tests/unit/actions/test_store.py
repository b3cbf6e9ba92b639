"""The ledger's database: its schema, its log that nobody can change, and opening it from several processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from ledgers import log, take

from orchestration.actions.states import FOLLOWS, IllegalMoveError, Status, check_move
from orchestration.ledger import store as store_module
from orchestration.ledger.store import HEAD, LedgerError, Store, sqlite_url, utc_now
from orchestration.ledger.tables import APPEND_ONLY, METADATA, audit_log
from orchestration.policy.models import Policies
from orchestration.settings import Settings
from orchestration.sources.streams import ACTION_STATUSES
from tests.support.ledger import action, alert


def test_the_migrations_make_the_tables_as_they_are_declared(store: Store) -> None:
    with store.engine.connect() as con:
        assert compare_metadata(MigrationContext.configure(con), METADATA) == []
        assert con.execute(sa.text("select version_num from alembic_version")).scalar() == HEAD
    assert ScriptDirectory(str(store_module._MIGRATIONS)).get_current_head() == HEAD


def test_a_ledger_of_before_is_brought_up_to_date_with_all_that_it_holds(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "operations.db")
    at_first = Config()
    at_first.set_main_option("script_location", str(store_module._MIGRATIONS))
    with sa.create_engine(url).connect() as con:
        at_first.attributes["connection"] = con
        command.upgrade(at_first, "0001")
        row = "('2026-06-30', 'before', '2026-06-30 08:00:00')"
        con.execute(sa.text(f"insert into publications (as_of_date, run_id, taken_in_at) values {row}"))
        con.commit()
    with Store.at(url) as store, store.engine.connect() as con:
        assert compare_metadata(MigrationContext.configure(con), METADATA) == []
        assert con.execute(sa.text("select run_id from publications")).scalar() == "before"


@pytest.mark.parametrize("table", APPEND_ONLY, ids=lambda table: table.name)
def test_the_log_can_only_grow(store: Store, rules: Policies, table: sa.Table) -> None:
    take(store, rules, action("m"), alerts=(alert("l"),))
    with store.writing() as con:
        con.execute(sa.insert(audit_log).values(happened_at=utc_now(), event="sign_in"))
    for statement in (sa.update(table).values(account_id="another"), sa.delete(table)):
        with pytest.raises(sa.exc.DBAPIError, match=f"{table.name} is append-only"), store.writing() as con:
            con.execute(statement)
    assert log(store) == [(None, "queued", "engine")]


def test_a_transaction_that_fails_leaves_nothing(store: Store, rules: Policies) -> None:
    take(store, rules, action("m"))
    with pytest.raises(sa.exc.DBAPIError), store.writing() as con:
        con.execute(sa.text("update actions set status = 'done'")) and con.execute(sa.text("select 1 / nothing"))
    with store.reading() as con:
        assert con.execute(sa.text("select status from actions")).scalar() == "queued"


def test_processes_that_open_a_new_ledger_at_once_make_it_once(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "new" / "operations.db")
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            try:
                Store.at(url).close()
            except BaseException:
                os._exit(1)
            os._exit(0)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    Store.at(url).close()


def test_a_ledger_that_cannot_be_opened_says_so_without_a_password(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="can't be opened") as refused:
        Store.at("postgresql://ledger:hidden@127.0.0.1:1/ledger")
    assert "hidden" not in str(refused.value)
    with pytest.raises(LedgerError, match="not in mysql"):
        Store.at("mysql://ledger@127.0.0.1/ledger")
    broken = tmp_path / "operations.db"
    broken.write_bytes(b"not a database" * 100)
    with pytest.raises(LedgerError, match="not a database"):
        Store.at(sqlite_url(broken))


def test_a_ledger_of_a_later_version_is_left_alone(store: Store, ledger_url: str) -> None:
    with store.writing() as con:
        con.execute(sa.text("update alembic_version set version_num = '9999'"))
    with pytest.raises(LedgerError, match=r"made by another version of this project: .*9999"):
        Store.at(ledger_url)


def test_the_ledger_is_in_the_home_unless_a_url_says_otherwise(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert not Store.exists(settings)
    Store.open(settings).close()
    assert Store.exists(settings)
    assert (tmp_path / "operations.db").exists()
    secret = tmp_path / "url"
    secret.write_text("sqlite:////elsewhere\n")
    assert Settings(home=tmp_path, ledger_file=secret).ledger_url() == "sqlite:////elsewhere"


# The state machine


def test_the_states_are_those_of_the_stream() -> None:
    assert {str(status) for status in Status} == set(ACTION_STATUSES)
    assert FOLLOWS.keys() == set(Status)


def test_what_is_over_stays_over() -> None:
    over = {Status.DONE, Status.REJECTED, Status.EXPIRED, Status.CAUSE_CLEARED}
    assert {status for status, after in FOLLOWS.items() if not after} == over
    # Only the worker executes, and only what is queued; nothing is done that wasn't executed.
    assert {before for before, after in FOLLOWS.items() if Status.EXECUTING in after} == {Status.QUEUED}
    assert {before for before, after in FOLLOWS.items() if Status.DONE in after} == {Status.EXECUTING}
    assert {before for before, after in FOLLOWS.items() if Status.APPROVED in after} == {Status.PENDING_APPROVAL}


def test_every_state_can_be_reached_and_nothing_else_begins() -> None:
    begins = {Status.QUEUED, Status.PENDING_APPROVAL, Status.RECOMMENDED, Status.SUPPRESSED}
    reached = set(begins)
    while more := {after for before in reached for after in FOLLOWS[before]} - reached:
        reached |= more
    assert reached == set(Status)
    for status in Status:
        if status in begins:
            check_move(None, status)
        else:
            with pytest.raises(IllegalMoveError, match="an action that is new can't become"):
                check_move(None, status)


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    with Store.at(sqlite_url(tmp_path / "operations.db")) as store, store.writing() as con:
        con.execute(sa.insert(audit_log).values(happened_at=utc_now(), event="sign_in"))
        modes = {file.name: file.stat().st_mode & 0o077 for file in tmp_path.glob("operations.db*")}
    assert set(modes.values()) == {0}, modes
