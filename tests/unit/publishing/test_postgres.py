"""Publishing to a real PostgreSQL: types, text, grants, the swap, and what readers in the midst of it see."""

from __future__ import annotations

import threading
import time
import traceback
from datetime import date, datetime
from decimal import Decimal
from urllib.parse import quote

import duckdb
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from orchestration.publishing import postgres_load
from orchestration.publishing.errors import PublishingError
from orchestration.publishing.manifest import TableDescription
from orchestration.publishing.postgres import publish_postgres
from orchestration.publishing.snapshot import publish_snapshot
from tests.support.postgres import PASSWORD
from tests.support.postgres import postgres_database as postgres_database
from tests.support.postgres import postgres_url as postgres_url
from tests.unit.publishing.conftest import keep_day

_ODD_VALUES = """
    select 1::bigint as id, true as flag, 12.3456::decimal(19, 4) as money, date '2026-02-28' as day,
        timestamp '2026-06-30 12:34:56.789' as moment, 0.1::double as rate, '😀 ünï' as emoji, '' as empty,
        null::varchar as missing, 'a"b,c' || chr(10) || '\\.' || chr(13) as tricky, 'x' || chr(0) || 'y' as nul,
        repeat('n', 10240) as long, ['p', null, 'q"r'] as list, 7::integer as small, null::date as no_day
    union all
    select 2, null, null, null, null, 'nan'::double, null, null, null, '\\N', null, null, null, null, null
"""


@pytest.fixture
def publish_select(published_dir):
    """Publish one table `t` made by a SELECT."""

    def run(select: str, number: int = 1, descriptions=None):
        con = duckdb.connect()
        con.execute("create schema published")
        con.execute(f"create table published.t as {select}")
        return publish_snapshot(
            con,
            published_dir,
            run_id=f"run{number}",
            as_of=date(2026, 6, 30),
            policy_version="p",
            published_at=datetime(2026, 7, 1, 6, number),
            descriptions=descriptions,
        )

    return run


def query(url: str, statement: str, *parameters) -> list[tuple]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement, parameters).fetchall()


def builds(url: str) -> list[str]:
    return [
        row[0] for row in query(url, "select nspname from pg_namespace where starts_with(nspname, 'build') order by 1")
    ]


def columns(url: str, view: str) -> list[tuple[str, str]]:
    return query(
        url,
        "select attname, format_type(atttypid, atttypmod) from pg_attribute"
        " where attrelid = %s::regclass and attnum > 0 order by attnum",
        view,
    )


def test_types_are_exact(publish_select, postgres_database):
    publish_postgres(postgres_database, publish_select(_ODD_VALUES))
    assert dict(columns(postgres_database, "published.t")) == {
        "id": "bigint",
        "flag": "boolean",
        "money": "numeric(19,4)",
        "day": "date",
        "moment": "timestamp without time zone",
        "rate": "double precision",
        "emoji": "text",
        "empty": "text",
        "missing": "text",
        "tricky": "text",
        "nul": "text",
        "long": "text",
        "list": "text[]",
        "small": "integer",
        "no_day": "date",
    }


def test_values_come_through_as_they_are_but_nul(publish_select, postgres_database):
    outcome = publish_postgres(postgres_database, publish_select(_ODD_VALUES))
    first, second = query(postgres_database, "select * from published.t order by id")
    assert first == (
        1,
        True,
        Decimal("12.3456"),
        date(2026, 2, 28),
        datetime(2026, 6, 30, 12, 34, 56, 789000),
        0.1,
        "😀 ünï",
        "",
        None,
        'a"b,c\n\\.\r',
        "x\ufffdy",
        "n" * 10240,
        ["p", None, 'q"r'],
        7,
        None,
    )
    assert (second[0], str(second[5]), second[9]) == (2, "nan", "\\N")
    assert [value for position, value in enumerate(second) if position not in (0, 5, 9)] == [None] * 12
    assert outcome.nul_values_replaced == 1
    assert "1 text values hold a NUL" in outcome.notes[0]


def test_descriptions_become_comments(publish_select, postgres_database):
    about = {"t": TableDescription(description="One row, it's all", columns={"a": "In EUR"})}
    publish_postgres(postgres_database, publish_select("select 1 as a, 2 as b", descriptions=about))
    comment = "select obj_description('published.t'::regclass), col_description('published.t'::regclass, 1)"
    assert query(postgres_database, comment) == [("One row, it's all", "In EUR")]
    publish_postgres(postgres_database, publish_select("select 1 as a, 2 as b", 2))
    assert query(postgres_database, comment) == [(None, None)]


def test_every_publication_replaces_the_one_before(publish, postgres_database):
    for number in (1, 2, 3):
        publish_postgres(postgres_database, publish(number, rows=number))
        run = f"run{number:05d}-of-tests"
        assert query(postgres_database, "select run_id from published.publication") == [(run,)]
        assert query(postgres_database, "select count(*), max(run_id) from published.accounts") == [(number, run)]


def test_a_build_is_dropped_two_runs_later(publish, postgres_database):
    made = [publish_postgres(postgres_database, publish(number)) for number in (1, 2, 3, 4)]
    assert [outcome.dropped_builds for outcome in made] == [[], [], [made[0].build], [made[1].build]]
    assert builds(postgres_database) == [made[2].build, made[3].build]


def test_a_build_in_use_is_dropped_the_next_time(publish, postgres_database):
    first = publish_postgres(postgres_database, publish(1))
    with psycopg.connect(postgres_database) as reader:
        reader.execute(f"select * from {first.build}.accounts")
        for number in (2, 3):
            publish_postgres(postgres_database, publish(number))
        assert first.build in builds(postgres_database)
    publish_postgres(postgres_database, publish(4))
    assert first.build not in builds(postgres_database)


def test_other_peoples_schemas_and_views_stay(publish, postgres_database):
    publish_postgres(postgres_database, publish(1))
    with psycopg.connect(postgres_database) as other:
        other.execute("create schema build_house")
        other.execute("create view published.mine as select 1 as one")
        other.execute("create view public.depends as select account_id from published.accounts")
    for number in (2, 3, 4):
        publish_postgres(postgres_database, publish(number, rows=number))
    assert "build_house" in builds(postgres_database)
    assert query(postgres_database, "select * from published.mine") == [(1,)]
    assert query(postgres_database, "select count(*) from public.depends") == [(4,)]


def test_a_table_no_longer_published_goes(publish, postgres_database):
    publish_postgres(postgres_database, publish(1))
    outcome = publish_postgres(postgres_database, publish(2, tables=["accounts"]))
    assert outcome.dropped_tables == ["scores", "totals"]
    views = "select viewname from pg_views where schemaname = 'published' order by 1"
    assert query(postgres_database, views) == [("accounts",), ("publication",)]


def test_changed_columns_keep_the_grants(publish_select, postgres_database):
    publish_postgres(postgres_database, publish_select("select 1 as a, 'x' as b"))
    with psycopg.connect(postgres_database, autocommit=True) as admin:
        admin.execute("create role analyst_1")
        admin.execute("grant select on published.t to analyst_1 with grant option")
        admin.execute("grant select (b) on published.t to public")
    try:
        publish_postgres(postgres_database, publish_select("select 2.5::decimal(9, 2) as a, 'y' as b, 3 as c", 2))
        assert columns(postgres_database, "published.t") == [("a", "numeric(9,2)"), ("b", "text"), ("c", "integer")]
        granted = "select has_table_privilege(%s, 'published.t', %s)"
        assert query(postgres_database, granted, "analyst_1", "select with grant option") == [(True,)]
        assert query(postgres_database, granted, "account_health_reader", "select") == [(True,)]
        assert query(
            postgres_database, "select has_column_privilege('account_health_reader', 'published.t', 'b', 'select')"
        ) == [(True,)]
    finally:
        with psycopg.connect(postgres_database, autocommit=True) as admin:
            admin.execute("drop owned by analyst_1; drop role analyst_1")


def test_what_depends_on_a_view_that_must_change_is_named(publish_select, postgres_database):
    publish_postgres(postgres_database, publish_select("select 1 as a"))
    with psycopg.connect(postgres_database) as other:
        other.execute("create view public.depends as select a from published.t")
    with pytest.raises(PublishingError, match="view depends depends on view published"):
        publish_postgres(postgres_database, publish_select("select 'x' as a", 2))
    assert query(postgres_database, "select a from public.depends") == [(1,)]
    assert len(builds(postgres_database)) == 1


def test_a_table_of_somebody_else_under_a_published_name_is_said(publish_select, postgres_database):
    with psycopg.connect(postgres_database) as other:
        other.execute("create schema published")
        other.execute("create table published.t (mine int)")
    with pytest.raises(PublishingError, match="isn't a view stands in schema published"):
        publish_postgres(postgres_database, publish_select("select 1 as a"))


def test_the_reader_role_reads_views_and_nothing_else(publish, postgres_database):
    outcome = publish_postgres(postgres_database, publish(1))
    with psycopg.connect(postgres_database) as connection:
        connection.execute("set role account_health_reader")
        assert connection.execute("select count(*) from published.accounts").fetchall() == [(5,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"select * from {outcome.build}.accounts")
        connection.rollback()
        connection.execute("set role account_health_reader")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from published.accounts")


def test_without_the_right_to_make_roles_a_note_says_what_to_do(publish, postgres_database):
    parts = conninfo_to_dict(postgres_database)
    with psycopg.connect(postgres_database, autocommit=True) as admin:
        admin.execute("create role plain login password 'plain'")
        admin.execute(f"grant create on database {parts['dbname']} to plain")
    url = f"postgresql://plain:plain@{parts['host']}:{parts['port']}/{parts['dbname']}"
    try:
        outcome = publish_postgres(url, publish(1), reader_role="readers_of_nobody")
        assert "create role readers_of_nobody nologin" in outcome.notes[0]
        assert query(url, "select count(*) from published.accounts") == [(5,)]
    finally:
        with psycopg.connect(postgres_database, autocommit=True) as admin:
            admin.execute("drop owned by plain; drop role plain")


def test_a_transaction_older_than_the_load_sees_the_new_publication_whole(publish, postgres_database):
    publish_postgres(postgres_database, publish(1, rows=3))
    with psycopg.connect(postgres_database) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("select 1")
        publish_postgres(postgres_database, publish(2, rows=4))
        publish_postgres(postgres_database, publish(3, rows=5))
        assert reader.execute("select count(*), min(run_id) from published.accounts").fetchall() == [
            (5, "run00003-of-tests")
        ]
        assert reader.execute("select run_id from published.publication").fetchall() == [("run00003-of-tests",)]


def test_the_swap_waits_for_a_transaction_that_has_begun_to_read(publish, postgres_database):
    publish_postgres(postgres_database, publish(1, rows=3))
    snapshot = publish(2, rows=4)
    outcomes = []
    publisher = threading.Thread(target=lambda: outcomes.append(publish_postgres(postgres_database, snapshot)))
    with psycopg.connect(postgres_database) as reader:
        assert reader.execute("select count(*) from published.accounts").fetchall() == [(3,)]
        publisher.start()
        time.sleep(1.0)
        assert reader.execute("select run_id from published.publication").fetchall() == [("run00001-of-tests",)]
        assert reader.execute("select count(*) from published.scores").fetchall() == [(6,)]
    publisher.join()
    assert outcomes[0].swap_attempts > 1
    assert query(postgres_database, "select count(*) from published.accounts") == [(4,)]


def test_readers_that_never_let_go_leave_the_former_publication(publish, postgres_database):
    publish_postgres(postgres_database, publish(1, rows=3))
    snapshot = publish(2, rows=4)
    with psycopg.connect(postgres_database) as reader:
        reader.execute("select 1 from published.accounts")
        with pytest.raises(PublishingError, match="end long transactions"):
            publish_postgres(postgres_database, snapshot, swap_timeout=0.1)
        assert reader.execute("select count(*) from published.accounts").fetchall() == [(3,)]
    assert len(builds(postgres_database)) == 1


def test_a_failure_in_the_midst_leaves_nothing_behind(publish, postgres_database, monkeypatch):
    publish_postgres(postgres_database, publish(1, rows=3))
    snapshot = publish(2, rows=4)

    def broken(*arguments, **more):
        raise ConnectionResetError

    monkeypatch.setattr(postgres_load.csv, "write_csv", broken)
    with pytest.raises(ConnectionResetError):
        publish_postgres(postgres_database, snapshot)
    assert query(postgres_database, "select count(*) from published.accounts") == [(3,)]
    assert len(builds(postgres_database)) == 1


def test_an_older_publication_never_replaces_a_newer(publish, postgres_database):
    older, newer = publish(1), publish(2)
    publish_postgres(postgres_database, newer)
    assert publish_postgres(postgres_database, older).superseded
    assert query(postgres_database, "select run_id from published.publication") == [("run00002-of-tests",)]


def test_one_publisher_at_a_time(publish, postgres_database):
    snapshot = publish(1)
    with psycopg.connect(postgres_database) as other:
        other.execute("select pg_advisory_lock(hashtextextended('account-health publishing published', 0))")
        with pytest.raises(PublishingError, match="another process has been publishing"):
            publish_postgres(postgres_database, snapshot, lock_timeout=0.05)


# Histories

APRIL, MAY, JUNE = date(2026, 4, 30), date(2026, 5, 31), date(2026, 6, 30)


@pytest.fixture
def publish_history(publish, kept, postgres_database):
    """Publish the small warehouse and the history as it is kept; gives how many rows of the history were loaded."""

    def run(number: int) -> int:
        snapshot = publish(number, history={"scores_history": kept})
        outcome = publish_postgres(postgres_database, snapshot)
        return outcome.rows_loaded - sum(
            table.rows for table in snapshot.manifest.tables.values() if not table.is_history
        )

    return run


def history_rows(url: str) -> list[tuple]:
    return query(
        url, "select as_of_date, count(*), min(value) from published.scores_history group by as_of_date order by 1"
    )


def chunk_tables(url: str) -> list[str]:
    return [
        row[0]
        for row in query(
            url, "select tablename from pg_tables where schemaname = 'published_history_chunks' order by 1"
        )
    ]


def test_of_a_history_only_what_is_new_or_changed_is_loaded(publish_history, kept, postgres_database):
    for day in (APRIL, MAY):
        keep_day(kept, day, rows=10)
    assert publish_history(1) == 20
    keep_day(kept, JUNE, rows=3)
    assert publish_history(2) == 3
    assert publish_history(3) == 0
    keep_day(kept, MAY, rows=4, value="again")
    assert publish_history(4) == 4
    assert history_rows(postgres_database) == [(APRIL, 10, "kept"), (MAY, 4, "again"), (JUNE, 3, "kept")]


def test_an_as_of_that_comes_late_is_loaded_alone(publish_history, kept, postgres_database):
    keep_day(kept, JUNE, rows=5)
    publish_history(1)
    keep_day(kept, APRIL, rows=2)
    assert publish_history(2) == 2
    assert history_rows(postgres_database) == [(APRIL, 2, "kept"), (JUNE, 5, "kept")]


def test_days_of_a_month_that_is_over_become_one_chunk(publish_history, kept, postgres_database):
    for day in (1, 2, 3):
        keep_day(kept, date(2026, 5, day))
    publish_history(1)
    assert len(chunk_tables(postgres_database)) == 3
    keep_day(kept, date(2026, 6, 1))
    assert publish_history(2) == 4 * 2
    # The three days stay for one more publication, as what it reads from always does.
    assert len(chunk_tables(postgres_database)) == 3 + 2
    publish_history(3)
    assert len(chunk_tables(postgres_database)) == 2
    assert [row[1] for row in history_rows(postgres_database)] == [2, 2, 2, 2]


def test_a_query_for_one_as_of_reads_its_chunk_alone(publish_history, kept, postgres_database):
    for day in (APRIL, MAY, JUNE):
        keep_day(kept, day)
    publish_history(1)
    plan = query(postgres_database, "explain select * from published.scores_history where as_of_date = '2026-05-31'")
    assert sum("Seq Scan on" in row[0] for row in plan) == 1


def test_grants_on_a_history_stay(publish_history, kept, postgres_database):
    keep_day(kept, MAY)
    publish_history(1)
    with psycopg.connect(postgres_database, autocommit=True) as admin:
        admin.execute("grant select on published.scores_history to public")
    keep_day(kept, MAY, rows=7)
    publish_history(2)
    granted = "select count(*) from information_schema.role_table_grants where table_name = 'scores_history'"
    assert query(postgres_database, f"{granted} and grantee = 'PUBLIC'") == [(1,)]
    with psycopg.connect(postgres_database) as connection:
        connection.execute("set role account_health_reader")
        assert connection.execute("select count(*) from published.scores_history").fetchall() == [(7,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"select * from published_history_chunks.{chunk_tables(postgres_database)[0]}")


def test_files_of_an_older_version_lack_the_columns_added_last(publish_history, kept, postgres_database):
    keep_day(kept, MAY)
    publish_history(1)
    keep_day(kept, JUNE, more=", 'new' as added, [1, 2] as list")
    publish_history(2)
    assert query(postgres_database, "select as_of_date, added, list from published.scores_history order by 1, 2") == [
        (MAY, None, None),
        (MAY, None, None),
        (JUNE, "new", [1, 2]),
        (JUNE, "new", [1, 2]),
    ]


def test_a_transaction_older_than_the_load_sees_the_new_history_whole(publish_history, kept, postgres_database):
    keep_day(kept, MAY, rows=2)
    publish_history(1)
    with psycopg.connect(postgres_database) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("select 1")
        keep_day(kept, MAY, rows=3, value="again")
        keep_day(kept, JUNE, rows=4)
        publish_history(2)
        assert reader.execute("select run_id from published.publication").fetchall() == [("run00002-of-tests",)]
        found = reader.execute("select as_of_date, count(*) from published.scores_history group by 1 order by 1")
        assert found.fetchall() == [(MAY, 3), (JUNE, 4)]


def test_the_swap_waits_for_a_transaction_that_reads_a_history(publish_history, kept, postgres_database):
    keep_day(kept, JUNE, rows=2)
    publish_history(1)
    keep_day(kept, JUNE, rows=9)
    publisher = threading.Thread(target=lambda: publish_history(2))
    with psycopg.connect(postgres_database) as reader:
        assert reader.execute("select count(*) from published.scores_history").fetchall() == [(2,)]
        publisher.start()
        time.sleep(1.0)
        assert reader.execute("select count(*) from published.scores_history").fetchall() == [(2,)]
        assert reader.execute("select run_id from published.publication").fetchall() == [("run00001-of-tests",)]
    publisher.join()
    assert history_rows(postgres_database) == [(JUNE, 9, "kept")]


def test_a_failure_while_a_history_is_loaded_leaves_nothing_behind(
    publish_history, kept, postgres_database, monkeypatch
):
    keep_day(kept, MAY)
    publish_history(1)
    before = chunk_tables(postgres_database)
    keep_day(kept, JUNE)

    def broken(*arguments, **more):
        raise ConnectionResetError

    with monkeypatch.context() as patch:
        patch.setattr(postgres_load.csv, "write_csv", broken)
        with pytest.raises(ConnectionResetError):
            publish_history(2)
    assert chunk_tables(postgres_database) == before
    assert publish_history(3) == 2


def test_a_history_no_longer_published_goes(publish_history, publish, kept, postgres_database):
    keep_day(kept, MAY)
    publish_history(1)
    assert publish_postgres(postgres_database, publish(2)).dropped_tables == ["scores_history"]
    publish_postgres(postgres_database, publish(3))
    assert chunk_tables(postgres_database) == []


def test_a_schema_of_somebody_else_is_left_alone(publish_history, kept, postgres_database):
    keep_day(kept, MAY)
    with psycopg.connect(postgres_database) as other:
        other.execute("create schema published_history_chunks")
        other.execute("create table published_history_chunks.mine (one int)")
    with pytest.raises(PublishingError, match="isn't one that publishing made"):
        publish_history(1)
    assert chunk_tables(postgres_database) == ["mine"]


@pytest.mark.parametrize(
    ("select", "message"),
    [
        (f"select 1 as {'c' * 64}", "63 bytes"),
        ("select {'a': 1} as s", r"t.s is STRUCT\(a INTEGER\)"),
        ("select [[1]] as s", r"t.s is INTEGER\[\]\[\]"),
    ],
)
def test_what_postgresql_cannot_hold_is_said_before_anything_changes(
    publish_select, postgres_database, select, message
):
    with pytest.raises(PublishingError, match=message):
        publish_postgres(postgres_database, publish_select(select))
    assert query(postgres_database, "select 1 from pg_namespace where nspname = 'published'") == []


def test_the_longest_name_works(publish_select, postgres_database):
    publish_postgres(postgres_database, publish_select(f"select 1 as {'c' * 63}"))
    assert columns(postgres_database, "published.t") == [("c" * 63, "integer")]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:hunter2-secret@127.0.0.1:1/db",
        "postgresql://user:hunter2-secret@no-such-host.invalid/db",
        "postgresql://user:hunter2-secret@127.0.0.1:99999/db",
        "postgresql://user:hunter2-secret@127.0.0.1/db?nonsense=hunter2-secret",
        "postgresql://user@127.0.0.1:1/db?password=hunter2-secret",
        "postgresql://user:pa/hunter2-secret@127.0.0.1/db",
        "postgresql://user:pa#hunter2-secret@127.0.0.1/db",
        "postgresql://user:pa@hunter2-secret@127.0.0.1/db",
        "postgresql://user:pa?hunter2-secret@127.0.0.1/db",
        "postgresql://user:hunter2-secret with space@127.0.0.1/db",
        "host=127.0.0.1 port=1 password=hunter2-secret",
        "mysql://user:hunter2-secret@127.0.0.1/db",
    ],
)
def test_no_error_holds_the_password(publish, url):
    snapshot = publish(1)
    with pytest.raises(PublishingError) as raised:
        publish_postgres(url, snapshot)
    shown = "".join(traceback.format_exception(raised.value))
    assert "hunter2" not in shown


def test_a_wrong_password_is_said_without_either(publish, postgres_database):
    url = postgres_database.replace(quote(PASSWORD), "wr0ng%20one")
    with pytest.raises(PublishingError, match="password authentication failed") as raised:
        publish_postgres(url, publish(1))
    assert "wr0ng" not in "".join(traceback.format_exception(raised.value))
