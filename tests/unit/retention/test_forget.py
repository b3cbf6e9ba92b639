"""Forgetting an account in a home with data: nothing of it is left, everything else is."""

from __future__ import annotations

import gzip
import json
import sqlite3
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from orchestration.ledger.store import Store
from orchestration.ledger.tables import APPEND_ONLY, METADATA, audit_log, hook_calls, notices, write_queue
from orchestration.policy.load import load_policies
from orchestration.publishing.bi_file import BI_FILE, publish_bi_file
from orchestration.publishing.manifest import current_snapshot_id, read_snapshot
from orchestration.publishing.reader import Publication
from orchestration.retention import forgotten
from orchestration.retention.forget import StillThereError, forget, is_forgotten, look, resume
from orchestration.retention.identity import UnclearAccountError, identify
from orchestration.settings import Settings
from orchestration.sources.landing import LandingZone
from orchestration.sources.streams import STREAMS
from tests.support import portal
from tests.support.traces import holding


def filled(folder: Path) -> tuple[Settings, str, str]:
    """A home with data and with something of one account in every kind of place; its id and name."""
    settings = portal.home(folder)
    home = settings.home_path
    account_id, name = duckdb.sql(
        f"select account_id, account_name from read_parquet('{home}/published/2*/account_health.parquet')"
        " where account_id not like 'H%' and account_name like '% %' order by 1 limit 1"
    ).fetchall()[0]
    _put_into_ledger(settings, account_id, name)
    (home / "pulled" / "crm" / "deals").mkdir(parents=True)
    (home / "pulled" / "crm" / "deals" / "opportunities.csv").write_text(
        f'opportunity_id,account_id,name\n"O1","{account_id}","x"\n"O2","other","with {name}"\n', encoding="utf-8"
    )
    documents = home / "documents"
    (documents / "accounts" / account_id).mkdir(parents=True)
    (documents / "accounts" / account_id / "brief.pdf").write_bytes(b"%PDF-1.7")
    (documents / "reports").mkdir(exist_ok=True)
    (documents / "reports" / "dashboard-2026-06-30.html").write_text(f"<p>{name} &amp; others</p>", encoding="utf-8")
    (home / "operations" / "old.csv.gz").parent.mkdir(exist_ok=True)
    (home / "operations" / "old.csv.gz").write_bytes(gzip.compress(f"{account_id},1".encode()))
    (home / "dry_run").mkdir()
    (home / "dry_run" / "dry_run.jsonl").write_text(
        json.dumps({"key": "1", "lines": [name]}) + "\n" + json.dumps({"key": "2", "lines": ["Other"]}) + "\n"
    )
    (home / "dagster").mkdir(exist_ok=True)
    with sqlite3.connect(home / "dagster" / "events.db") as events:
        events.execute("create table events (number integer primary key, event text)")
        events.execute("insert into events (event) values (?)", [json.dumps({"text": f"1 row of {name}"})])
    events.close()
    with duckdb.connect(str(settings.warehouse_path)) as warehouse:
        warehouse.execute("create table t as select ? as account_id", [account_id])
    publish_bi_file(read_snapshot(settings.published_path / str(current_snapshot_id(settings.published_path))))
    return settings, account_id, name


def _put_into_ledger(settings: Settings, account_id: str, name: str) -> None:
    with Store.open(settings) as store, store.writing() as con:
        con.execute(
            sa.insert(audit_log).values(
                happened_at=portal.NOW, person="p", event="export", subject=f"/accounts/{account_id}", detail=name
            )
        )
        con.execute(
            sa.insert(notices).values(
                notice_id="n1",
                kind="digest",
                to_role="csm",
                title="Alerts",
                body=f"{name}: risk\nOther: risk",
                made_at=portal.NOW,
                status="sent",
            )
        )
        con.execute(
            sa.insert(hook_calls).values(
                system="crm",
                kind="salesforce",
                call_id="c1",
                signature="s1",
                place=0,
                object="Account",
                record_id=account_id,
                received_at=portal.NOW,
            )
        )
        con.execute(
            sa.insert(write_queue).values(
                target="t",
                record_id="r9",
                wanted=json.dumps({"Name": name}),
                status="waiting",
                first_wanted_at=portal.NOW,
            )
        )


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    return filled(tmp_path_factory.mktemp("before"))


@pytest.fixture(scope="module")
def after(tmp_path_factory):
    settings, account_id, name = filled(tmp_path_factory.mktemp("after"))
    policies = load_policies(settings.policies)
    done = forget(settings, policies, name, by="maria", reason=f"{name} asked for it", wait_seconds=0)
    return settings, account_id, name, done


def test_it_was_everywhere_before(before):
    settings, account_id, name = before
    places = {Path(file).parts[0] for file in holding(settings.home_path, [account_id, name], [settings.drop_path])}
    assert places >= {
        "landing", "published", "history", "pulled", "documents", "operations", "dry_run", "dagster", "operations.db",
        "warehouse.duckdb",
    }  # fmt: skip


def test_nothing_of_it_is_left(after):
    settings, account_id, name, _ = after
    assert holding(settings.home_path, [account_id, name, name.upper(), name.casefold()], [settings.drop_path]) == []


def test_everybody_else_is_left(before, after):
    for table in ("account_health", "health_check_targets", "recommended_actions", "account_signals"):
        query = f"select count(*) as n from {table} where account_id <> $id"
        then, now = (portal.published(one[0], query, id=before[1])[0]["n"] for one in (before, after))
        assert then == now > 0, table
    for stream in STREAMS:
        then, now = (_landed(one[0], stream) for one in (before, after))
        gone = sum(row for _, row in then) - sum(row for _, row in now)
        assert [one for one, _ in then] == [one for one, _ in now]
        assert gone == sum(_passed_over(after[0], stream))


def _landed(settings: Settings, stream: str) -> list[tuple[str, int]]:
    return [(one.extraction_id, one.rows_landed) for one in LandingZone(settings.landing_path).extractions(stream)]


def _passed_over(settings: Settings, stream: str) -> list[int]:
    return [one.passed_over.get("forgotten", 0) for one in LandingZone(settings.landing_path).extractions(stream)]


def test_what_was_read_is_still_accounted_for(after):
    settings = after[0]
    extractions = [one for stream in STREAMS for one in LandingZone(settings.landing_path).extractions(stream)]
    assert any(one.passed_over.get("forgotten") for one in extractions)
    for one in extractions:
        assert one.rows_read == one.rows_landed + sum(one.passed_over.values())
        assert sum(part.rows for part in one.parts) - (one.gone.rows if one.gone else 0) == one.rows_landed
        assert [pq.read_metadata(path).num_rows for path in one.part_paths] == [part.rows for part in one.parts]


def test_the_publication_is_whole(after):
    settings = after[0]
    snapshot_id = current_snapshot_id(settings.published_path)
    with Publication.open(settings.published_path) as publication:
        for name, table in publication.manifest.tables.items():
            assert publication.rows(f'select count(*) as n from "{name}"')[0]["n"] == table.rows
        said = publication.rows("select * from publication")[0]
        assert said["snapshot_id"] == snapshot_id
        assert said["rows"] == sum(
            table.rows for name, table in publication.manifest.tables.items() if name != "publication"
        )
    with duckdb.connect(str(settings.published_path / BI_FILE), read_only=True) as con:
        assert con.execute("select snapshot_id from published.publication").fetchall() == [(snapshot_id,)]


def test_the_ledger_keeps_the_rest_and_stays_append_only(before, after):
    with Store.open(before[0]) as then, Store.open(after[0]) as now:
        for table in METADATA.sorted_tables:
            if "account_id" in table.c and table.name not in ("audit_log", "hook_calls"):
                others = sa.select(sa.func.count()).select_from(table).where(table.c.account_id != before[1])
                with then.reading() as one, now.reading() as other:
                    assert one.execute(others).scalar() == other.execute(others).scalar(), table.name
        with now.reading() as con:
            assert con.execute(sa.select(notices.c.body).where(notices.c.notice_id == "n1")).scalar() == (
                "(forgotten account): risk\nOther: risk"
            )
            assert not con.execute(sa.select(hook_calls.c.number)).all()
        for table in APPEND_ONLY:
            with pytest.raises(sa.exc.DatabaseError, match="append-only"), now.writing() as con:
                con.execute(sa.delete(table))


def test_a_record_says_what_was_done_and_names_nobody(after):
    settings, _, _, done = after
    (record,) = forgotten.read_records(settings)
    assert (record["asked_by"], record["reason"]) == ("maria", "(forgotten account) asked for it")
    assert record["done_at"]
    assert record["removed"]["landing"]["rows"] > 0
    assert record["removed"] == done.counts()
    with Store.open(settings) as store, store.reading() as con:
        entry = con.execute(sa.select(audit_log).where(audit_log.c.event == "forget")).mappings().one()
    assert entry["person"] == "maria"
    assert (settings.operations_path / forgotten.LIST).stat().st_mode & 0o077 == 0
    assert (settings.operations_path / forgotten.KEY).stat().st_mode & 0o077 == 0


def test_doing_it_again_changes_nothing(after):
    settings, account_id, name, _ = after
    policies = load_policies(settings.policies)
    assert is_forgotten(settings, policies, account_id)
    assert is_forgotten(settings, policies, name)
    assert not is_forgotten(settings, policies, "Somebody Else")
    with pytest.raises(UnclearAccountError):
        forget(settings, policies, account_id, by="m", reason="r")
    assert resume(settings, policies).places == {}


def test_looking_changes_nothing(before):
    settings, account_id, _ = before
    policies = load_policies(settings.policies)
    then = {file: (file.stat().st_mtime_ns, file.stat().st_ino) for file in settings.home_path.rglob("*.parquet")}
    found = look(settings, policies, identify(settings, policies, account_id))
    assert found.places["landing"].rows > 0
    assert then == {
        file: (file.stat().st_mtime_ns, file.stat().st_ino) for file in settings.home_path.rglob("*.parquet")
    }
    assert forgotten.read_records(settings) == []


def test_a_home_that_is_written_to_meanwhile_isnt_said_to_be_done(tmp_path):
    settings, account_id, name = filled(tmp_path)
    policies = load_policies(settings.policies)

    def meanwhile(place: str) -> None:
        if place == "search":
            (settings.home_path / "documents" / "late.txt").write_text(name, encoding="utf-8")

    with pytest.raises(StillThereError, match=r"late\.txt"):
        forget(settings, policies, account_id, by="m", reason="r", wait_seconds=0, step=meanwhile)
    assert forgotten.read_records(settings)[0]["done_at"] is None
    done = resume(settings, policies, wait_seconds=0)
    assert done.record is not None
    assert done.record["done_at"]
    assert done.record["removed"]["landing"]["rows"] > 0
