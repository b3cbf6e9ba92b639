"""Databases: what is read from a real PostgreSQL, from SQLite and from DuckDB, and what goes wrong with them."""

from __future__ import annotations

import csv
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from orchestration.policy.sources import Source
from orchestration.policy.systems import Database, Pulling
from orchestration.sources.errors import SourceError
from orchestration.systems.base import Context, Pulled
from orchestration.systems.database.cells import texts
from orchestration.systems.database.connection import Connecting
from orchestration.systems.database.system import DatabaseSystem
from orchestration.systems.store import RecordStore
from tests.support.postgres import PASSWORD, postgres_database, postgres_url  # noqa: F401 -- fixtures

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
PULLING = Pulling(longest_minutes=10, resume_hours=12, lookback_minutes=60, whole_every_days=7, memory_limit="256MB")
TICKETS = {
    "name": "desk",
    "stream": "tickets",
    "system": "warehouse",
    "sql": "select id, account, created, level, changed, gone from tickets",
    "columns": {"ticket_id": "id", "account_id": "account", "created_at": "created", "priority": "level"},
    "watermark": "changed",
    "deleted": "gone",
}


class Pull:
    """Pulls into one folder, at a time that a test sets."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url, self.now, self.batch_rows = folder, url, NOW, 2

    def system(self, deadline: float | None = None) -> DatabaseSystem:
        policy = Database(secret="warehouse_url", batch_rows=self.batch_rows)  # noqa: S106 -- its name
        return DatabaseSystem("warehouse", policy, self.url, PULLING, deadline)

    def __call__(self, source: dict[str, Any], *, whole: bool = False, deadline: float | None = None) -> Pulled:
        store = RecordStore(self.folder, PULLING, self.now)
        context = Context(self.folder, lambda name: self.folder, whole, lambda: self.now)
        return self.system(deadline).pull(Source(**source), store, context)

    def rows(self, stream: str = "tickets") -> list[dict[str, str]]:
        with (self.folder / f"{stream}.csv").open(newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def run(postgres_database: str) -> Iterator[Callable[..., Any]]:  # noqa: F811 -- the fixture
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        yield connection.execute


@pytest.fixture
def pull(tmp_path: Path, postgres_database: str) -> Pull:  # noqa: F811 -- the fixture
    return Pull(tmp_path / "desk", postgres_database)


@pytest.fixture
def tickets(run: Callable[..., Any]) -> Callable[..., Any]:
    run("create table tickets (id int, account text, created timestamptz, level text, changed timestamptz, gone bool)")
    run(
        "insert into tickets select i, 'A' || i, timestamptz '2026-06-01 10:00+02' + i * interval '1 day', 'high',"
        " timestamptz '2026-06-01 00:00+00' + i * interval '1 hour', false from generate_series(1, 5) s(i)"
    )
    return run


# -- what is read -----------------------------------------------------------------------------------------------------


def test_every_type_of_postgresql_becomes_unambiguous_text(pull, run):
    sql = """select 'T1' as ticket_id, 'A' as account_id, timestamptz '2026-06-01 10:00+02' as created_at,
        timestamp '2026-06-01 10:00' as naive, date '2026-06-01' as day, 12.50::numeric(10,2) as amount,
        1e20::float8 as huge, 1e-7::float8 as tiny, true as yes, null::text as nothing, '{"a": [1]}'::jsonb as doc,
        '\\xbeef'::bytea as raw, interval '90 minutes' as span, 'e'':x ::y 50%' as said, '12:30'::time as noon,
        '00000000-0000-0000-0000-000000000001'::uuid as uuid, 9223372036854775807 as big -- a comment ;"""
    extra = ["naive", "day", "amount", "huge", "tiny", "yes", "nothing", "doc", "raw"]
    extra += ["span", "said", "noon", "uuid", "big"]
    pulled = pull({**TICKETS, "columns": {}, "watermark": None, "deleted": None, "sql": sql, "extra": extra})
    assert pull.rows() == [
        {
            "ticket_id": "T1",
            "account_id": "A",
            "created_at": "2026-06-01T08:00:00.000000+00:00",
            "naive": "2026-06-01T10:00:00.000000",
            "day": "2026-06-01",
            "amount": "12.50",
            "huge": "100000000000000000000",
            "tiny": "0.0000001",
            "yes": "true",
            "nothing": "",
            "doc": '{"a": [1]}',
            "raw": "beef",
            "span": "5400.0",
            "said": "e':x ::y 50%",
            "noon": "12:30:00",
            "uuid": "00000000-0000-0000-0000-000000000001",
            "big": "9223372036854775807",
        }
    ]
    assert (pulled.rows, pulled.records, pulled.whole, pulled.watermark) == (1, 1, True, None)
    assert pulled.files == (pull.folder / "tickets.csv",)


def test_a_column_of_several_types_keeps_each_value():
    assert texts([1, "x", None, 2.5, True]) == ["1", "x", None, "2.5", "true"]


def test_only_what_changed_is_read_again_and_replaces_what_was(pull, tickets):
    first = pull(TICKETS)
    assert (first.rows, first.records, first.pages, first.whole) == (5, 5, 3, True)
    assert first.watermark == "2026-06-01 05:00:00+00:00"
    tickets("update tickets set level = 'low', changed = '2026-06-02 00:00+00' where id = 1")
    tickets("update tickets set gone = true, changed = '2026-06-02 00:00+00' where id = 2")
    tickets("insert into tickets values (9, 'A9', now(), 'urgent', '2026-06-02 00:00+00', null)")
    pull.now += timedelta(days=1)
    second = pull(TICKETS)
    # Of those that didn't change the two within the lookback of an hour.
    assert (second.rows, second.records, second.deleted, second.whole) == (5, 5, 1, False)
    assert [(row["ticket_id"], row["priority"]) for row in pull.rows()] == [
        ("1", "low"),
        ("3", "high"),
        ("4", "high"),
        ("5", "high"),
        ("9", "urgent"),
    ]
    assert second.passed_over == {"deleted_at_source": 1}


def test_a_late_commit_with_an_old_stamp_is_seen_within_the_lookback_and_only_there(pull, tickets):
    pull(TICKETS)
    tickets("insert into tickets values (7, 'late', now(), 'low', '2026-06-01 04:00+00', false)")
    tickets("insert into tickets values (8, 'too late', now(), 'low', '2026-06-01 03:59+00', false)")
    pull(TICKETS)
    assert [row["account_id"] for row in pull.rows()] == ["A1", "A2", "A3", "A4", "A5", "late"]
    pull.now += timedelta(days=8)
    assert pull(TICKETS).whole, "everything is read anew after whole_every_days"
    assert "too late" in {row["account_id"] for row in pull.rows()}


@pytest.mark.parametrize(
    ("kind", "values", "missed"),
    [
        ("timestamp", ("2026-06-01 10:00", "2026-06-01 09:00", "2026-06-01 08:59"), True),
        ("date", ("2026-06-02", "2026-06-01", "2026-05-31"), True),
        ("bigint", ("5000000000", "5000000000", "4999999999"), True),
        ("numeric", ("50", "50", "49"), True),
    ],
)
def test_each_kind_of_watermark_comes_back_as_its_own_type(pull, run, kind, values, missed):
    run(f"create table usage (account text, day date, seen int, mark {kind})")
    run("insert into usage values ('A', '2026-06-01', 1, %s)", [values[0]])
    source = {
        "name": "usage_db",
        "stream": "usage",
        "system": "warehouse",
        "sql": "select * from usage",
        "columns": {"account_id": "account", "usage_date": "day", "logins": "seen"},
        "watermark": "MARK",
    }
    pull(source)
    run("insert into usage values ('B', '2026-06-01', 1, %s), ('C', '2026-06-01', 1, %s)", values[1:])
    assert pull(source).whole is False
    assert [row["account_id"] for row in pull.rows("usage")] == (["A", "B"] if missed else ["A", "B", "C"])


def test_what_lies_far_ahead_hides_nothing(pull, tickets):
    tickets("update tickets set changed = '9999-01-01' where id = 5")
    assert pull(TICKETS).watermark == str(NOW + timedelta(days=1))
    tickets("update tickets set level = 'low', changed = '2026-07-01 12:00+00' where id = 1")
    pull(TICKETS)
    assert pull.rows()[0]["priority"] == "low"


def test_without_a_watermark_what_is_gone_is_gone_and_twins_stay(pull, run):
    run("create table usage (account_id text, usage_date date, logins int)")
    run("insert into usage values ('A', '2026-06-01', 1), ('A', '2026-06-01', 1), ('B', '2026-06-01', 2)")
    source = {"name": "u", "stream": "usage", "system": "warehouse", "sql": "select * from usage"}
    pull(source)
    before = (pull.folder / "usage.csv").read_bytes()
    assert before.count(b'"A"') == 2
    run("delete from usage where account_id = 'B'")
    run("insert into usage values ('B', '2026-06-01', 2)")
    assert pull(source).records == 3
    assert (pull.folder / "usage.csv").read_bytes() == before, "the order in which rows come is nothing"
    run("delete from usage")
    assert pull(source).records == 0
    assert (pull.folder / "usage.csv").read_text().strip().count("\n") == 0


def test_the_first_filled_of_several_columns_and_a_blank_key(pull, tickets):
    source = {**TICKETS, "columns": {**TICKETS["columns"], "topic": ("nick", "name")}}
    source["sql"] = "select t.*, case id when 1 then ' ' when 2 then 'nick' end as nick, 'name' as name from tickets t"
    tickets("update tickets set id = null where id in (4, 5)")
    pull(source)
    assert [(row["ticket_id"], row["topic"]) for row in pull.rows() if row["ticket_id"]] == [
        ("1", "name"),
        ("2", "nick"),
        ("3", "name"),
    ]
    assert sum(not row["ticket_id"] for row in pull.rows()) == 2, "they are set aside by the checks, not here"


def test_when_what_is_asked_for_changes_everything_is_read_anew(pull, tickets):
    pull(TICKETS)
    assert pull(TICKETS).whole is False
    assert pull(TICKETS, whole=True).whole is True
    tickets("alter table tickets add column more int")
    assert pull({**TICKETS, "sql": "select * from tickets"}).whole is True
    tickets("alter table tickets drop column more")
    assert pull({**TICKETS, "sql": "select * from tickets"}).whole is True, "another result"


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb"])
def test_other_databases(tmp_path, dialect):
    file = tmp_path / f"desk.{dialect}"
    with sqlite3.connect(file) if dialect == "sqlite" else duckdb.connect(file) as connection:
        connection.execute(
            "create table tickets (id int, account text, created text, level text, changed int, gone int)"
        )
        connection.executemany(
            "insert into tickets values (?, ?, '2026-06-01 10:00', 'low', ?, ?)",
            [(i, f"A{i}", i * 10, i == 3) for i in range(1, 6)],
        )
        connection.commit()
    pull = Pull(tmp_path / "pulled", f"{dialect}:///{file}")
    first = pull(TICKETS)
    assert (first.records, first.deleted, first.pages, first.watermark) == (4, 1, 3, "50")
    assert pull(TICKETS).rows == 1
    assert [row["account_id"] for row in pull.rows()] == ["A1", "A2", "A4", "A5"]
    with pytest.raises(SourceError, match="refuses the query"):
        pull({**TICKETS, "watermark": None, "sql": "drop table tickets"})
    assert pull(TICKETS, whole=True).records == 4


# -- what breaks off --------------------------------------------------------------------------------------------------


def test_a_pull_that_broke_off_goes_on_where_it_was(pull, tickets, monkeypatch):
    tickets("update tickets set changed = '2026-06-01 04:00+00' where id in (3, 4)")
    broken = _break_off_after(pull, 1, monkeypatch)
    tickets("update tickets set level = 'low', changed = '2026-06-01 06:00+00' where id = 1")
    pull.now += timedelta(hours=1)
    pulled = pull(TICKETS)
    assert broken == 2, "rows of the page that was put down"
    assert (pulled.whole, pulled.records) == (True, 5)
    assert pulled.rows == 2 + 5, "those put down, and those from the newest of them less the lookback"
    assert [(row["ticket_id"], row["priority"]) for row in pull.rows()] == [
        ("1", "low"),
        *((str(number), "high") for number in (2, 3, 4, 5)),
    ]


def test_a_pull_without_watermark_that_broke_off_begins_anew(pull, tickets, monkeypatch):
    source = {**TICKETS, "watermark": None, "deleted": None}
    _break_off_after(pull, 1, monkeypatch, source)
    assert (pull(source).rows, len(pull.rows())) == (5, 5)


def test_changes_that_broke_off_are_never_taken_for_everything(pull, tickets, monkeypatch):
    pull(TICKETS)
    for forget in (False, True):
        tickets("update tickets set changed = changed + interval '1 day' where id > 1")
        _break_off_after(pull, 1, monkeypatch)
        if forget:
            (pull.folder / "state.json").unlink()
        assert pull(TICKETS).whole is forget
        assert len(pull.rows()) == 5


def _break_off_after(pull: Pull, pages: int, monkeypatch: pytest.MonkeyPatch, source=TICKETS) -> int:
    from orchestration.systems.database import system

    written, write = [], system._write

    def failing(page: Path, table: Any) -> None:
        if len(written) == pages:
            # Half a page, as after a kill.
            page.write_bytes(b"PAR1")
            raise KeyboardInterrupt
        write(page, table)
        written.append(table.num_rows)

    with monkeypatch.context() as patch:
        patch.setattr(system, "_write", failing)
        with pytest.raises(KeyboardInterrupt):
            pull(source)
    return sum(written)


# -- what is wrong ----------------------------------------------------------------------------------------------------


def test_a_column_that_is_gone_is_told_with_those_found_and_the_nearest(pull, tickets):
    tickets("alter table tickets rename column level to levels")
    with pytest.raises(SourceError) as error:
        pull({**TICKETS, "sql": "select * from tickets"})
    assert "no column level. Columns found: id, account, created, levels, changed, gone." in str(error.value)
    assert "Did you mean levels?" in str(error.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("update tickets set changed = null where id = 3", "watermark changed is blank in a row"),
        ("alter table tickets alter changed type text", "operator does not exist: text >= timestamp"),
        ("alter table tickets alter gone type text using 'perhaps'", 'deleted, says "perhaps"'),
        ('alter table tickets add column "ID" int', "has no such fault"),
    ],
)
def test_unusable_watermarks_and_deletions(pull, tickets, change, told):
    source = {**TICKETS, "sql": "select * from tickets"}
    pull(source)
    tickets(change)
    if "no such" in told:
        assert pull(source).records == 5
        return
    for _ in range(2):
        with pytest.raises(SourceError, match=told):
            pull(source)
    assert len(pull.rows()) == 5, "what was pulled before stays"


def test_a_column_twice_is_refused(pull, run):
    with pytest.raises(SourceError, match="has ticket_id 2 times"):
        pull(
            {
                **TICKETS,
                "sql": "select 1 as ticket_id, 2 as ticket_id",
                "watermark": None,
                "deleted": None,
                "columns": {"ticket_id": "ticket_id"},
            }
        )


def test_the_transaction_can_not_write(pull, tickets):
    tickets("create function eat() returns int language sql as 'delete from tickets returning 1'")
    with pytest.raises(SourceError, match="read-only transaction"):
        pull({**TICKETS, "sql": "select eat() as ticket_id", "columns": {}, "watermark": None, "deleted": None})
    assert tickets("select count(*) from tickets").fetchone() == (5,)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://postgres:WrongSecret@{host}/postgres", "sign-in was refused"),
        ("postgresql://postgres:WrongSecret@127.0.0.1:1/postgres", "no connection"),
        ("postgresql://postgres:WrongSecret@nowhere.invalid/postgres", "no connection"),
        ("mysql+pymysql://u:WrongSecret@127.0.0.1/x", "driver .* isn't installed [(]pymysql[)]"),
        ("cobol://u:WrongSecret@127.0.0.1/x", "no dialect"),
        ("WrongSecret", "no URL"),
        ("postgresql://u:WrongSecret@h:notaport/x", "no URL"),
        ("sqlite:////nowhere/WrongSecret.db", "isn't there"),
        ("duckdb:////nowhere/WrongSecret.db", "no connection"),
    ],
)
def test_what_keeps_from_connecting_is_told_without_the_address(pull, url, told):
    given = pull.url
    pull.url = url.replace("{host}", given.partition("@")[2].partition("/")[0])
    with pytest.raises(SourceError, match=told) as error:
        pull(TICKETS)
    assert error.value.__cause__ is None
    found = list(pull.system().examine([Source(**TICKETS)]))
    assert [(one.what, one.is_ok) for one in found] == [("sign-in", False)]
    for words in (str(error.value), found[0].words, str(found[0].mend)):
        assert not any(part in words for part in ("WrongSecret", "127.0.0.1", "nowhere.invalid", PASSWORD)), words


def test_a_right_that_is_missing_and_sql_that_is_wrong(pull, tickets, postgres_url):  # noqa: F811 -- the fixture
    tickets("create role reader login password 'reader password'")
    try:
        pull.url = pull.url.replace(pull.url.partition("//")[2].partition("@")[0], "reader:reader%20password")
        with pytest.raises(SourceError, match=r"a right is missing.*tickets"):
            pull(TICKETS)
        tickets("grant select on tickets to reader")
        assert pull(TICKETS).records == 5
    finally:
        tickets("revoke all on tickets from reader")
        tickets("drop role reader")
    pull.url = pull.url.replace("reader:reader%20password", f"postgres:{PASSWORD.replace(' ', '%20')}")
    with pytest.raises(SourceError, match=r"refuses the query.*syntax"):
        pull({**TICKETS, "sql": "select from where"})


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite", "duckdb"])
def test_a_query_that_takes_too_long_is_cancelled(pull, tickets, tmp_path, dialect):
    source = {**TICKETS, "watermark": None, "deleted": None, "columns": {}, "sql": "select pg_sleep(60) as ticket_id"}
    if dialect != "postgresql":
        pull.url = f"{dialect}:///{tmp_path / 'slow.db'}"
        (sqlite3 if dialect == "sqlite" else duckdb).connect(tmp_path / "slow.db").close()
        (tmp_path / "slow.db").touch()
        source["sql"] = (
            "with recursive r(i) as (select 1 union all select i + 1 from r) select max(i) as ticket_id from r"
        )
    started = time.monotonic()
    with pytest.raises(SourceError, match="taken as long as it may"):
        pull(source, deadline=started + 0.3)
    assert time.monotonic() - started < 10


def test_a_query_that_begins_after_the_deadline_is_cancelled_too(tmp_path):
    sqlite3.connect(tmp_path / "slow.db").close()
    (tmp_path / "slow.db").touch()
    connecting = Connecting("warehouse", f"sqlite:///{tmp_path / 'slow.db'}", time.monotonic())
    slow = "with recursive r(i) as (select 1 union all select i + 1 from r limit 20000000) select max(i) from r"

    def late() -> None:
        with connecting.connected("desk") as connection:
            time.sleep(0.25)
            connection.exec_driver_sql(slow).fetchall()

    with pytest.raises(SourceError, match="taken as long as it may"):
        late()


def test_no_row_is_taken_after_the_deadline(tmp_path):
    with sqlite3.connect(tmp_path / "quick.db") as connection:
        connection.execute("create table tickets (ticket_id text)")
    pull = Pull(tmp_path / "pulled", f"sqlite:///{tmp_path / 'quick.db'}")
    source = {**TICKETS, "watermark": None, "deleted": None, "columns": {}, "sql": "select * from tickets"}
    with pytest.raises(SourceError, match="taken as long as it may"):
        pull(source, deadline=time.monotonic() - 1)


def test_a_server_that_never_answers_is_given_up(pull):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        pull.url = f"postgresql://u:p@127.0.0.1:{silent.getsockname()[1]}/x"
        with pytest.raises(SourceError, match="no connection"):
            pull(TICKETS, deadline=time.monotonic() + 1)


def test_a_server_that_dies_in_the_middle_costs_nothing(pull, tickets):
    tickets("insert into tickets select i, 'B', now(), 'low', now(), false from generate_series(10, 50000) s(i)")
    pull.batch_rows = 100_000
    pull(TICKETS)
    pull.batch_rows = 500
    stop = threading.Event()

    def kill() -> None:
        with psycopg.connect(pull.url, autocommit=True) as connection:
            while not stop.is_set():
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where query ilike 'fetch%%' and pid <> pg_backend_pid()"
                )

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with pytest.raises(SourceError, match="warehouse, desk"):
            pull(TICKETS, whole=True)
    finally:
        stop.set()
        killer.join()
    assert len(pull.rows()) == 5 + 49_991
    assert pull(TICKETS).records == 5 + 49_991


# -- doctor -----------------------------------------------------------------------------------------------------------


def test_doctor_tells_what_works_and_what_is_missing(pull, tickets):
    sources = [
        Source(**TICKETS),
        Source(**{**TICKETS, "name": "lacking", "sql": "select id, account, created, changed, gone from tickets"}),
        Source(**{**TICKETS, "name": "unordered", "watermark": "account"}),
        Source(**{**TICKETS, "name": "broken", "watermark": None, "deleted": None, "sql": "select * from nowhere"}),
    ]
    found = {one.what: one for one in pull.system().examine(sources)}
    assert {name for name, one in found.items() if one.is_ok} == {"sign-in", "desk"}
    assert "ticket_id, account_id, created_at, priority" in found["desk"].words
    assert "no column level" in found["lacking"].words
    assert "A1" in found["unordered"].words
    assert "nowhere" in found["broken"].words
    assert found["broken"].mend
