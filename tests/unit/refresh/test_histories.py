"""What a run leaves to later ones: which files a later run reads, and keeping them."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestration.dbt import ensure_manifest, published_keys
from orchestration.policy.load import load_policies
from orchestration.publishing.errors import PublishingError
from orchestration.publishing.manifest import TableDescription
from orchestration.refresh import histories
from orchestration.refresh.freeze import before
from orchestration.refresh.histories import HISTORIES, READS, History, PublishedHistories, Read, earlier_files, keep
from orchestration.refresh.run import Run
from orchestration.settings import PROJECT_ROOT, Settings

AS_OF = date(2026, 6, 30)
POLICIES = load_policies(PROJECT_ROOT / "policies")


def key_of(history: History) -> str:
    """A column that tells its rows apart here: the account, or the first one that is no date."""
    kept = history.kept or ("account_id",)
    by_account = "account_id" in kept and history.table != "hygiene_issues"
    return "account_id" if by_account else next(column for column in kept if column != "as_of_date")


KEYS = {name: [key_of(history)] for name, history in HISTORIES.items()}


def columns(name: str) -> list[str]:
    """Columns of a published table that is kept: what models read of it, and one that they don't."""
    read = [(field.name, field.type) for one in READS.values() if one.history == name for field in one.columns]
    types = {"string": "varchar", "date32[day]": "date", "int32": "integer"}
    typed = {column: types.get(str(type_), str(type_).replace("128", "")) for column, type_ in read}
    typed |= {"as_of_date": "date", "account_id": "varchar", "run_id": "varchar", "not_read": "varchar"}
    return [f'"{column}" {type_}' for column, type_ in typed.items()]


@pytest.fixture
def keep_run(tmp_path: Path) -> Callable[..., Path]:
    """Keep what a run made: so many accounts, in an order of its own; gives the folder of histories."""

    def run(run_id: str, as_of: date = AS_OF, rows: int = 3, of_run: str | None = None, order: str = "asc") -> Path:
        with duckdb.connect() as con:
            con.execute("create schema published")
            for name in HISTORIES:
                con.execute(f"create table published.{name} ({', '.join(columns(name))})")
                key = KEYS[name][0]
                names = dict.fromkeys((key, "run_id", "not_read", *(() if key == "issue_id" else ("as_of_date",))))
                values = {key: "'A' || i", "run_id": f"'{of_run or run_id}'", "not_read": "'x'"}
                values["as_of_date"] = f"date '{as_of}'"
                selected = ", ".join(values[column] for column in names)
                con.execute(
                    f"insert into published.{name} ({', '.join(names)})"
                    f" select {selected} from range({rows}) r(i) order by i {order}"
                )
            keep(Run(Settings(home=tmp_path), as_of, run_id), con, KEYS)
        return tmp_path / "history"

    return run


def rows(file: Path) -> list[tuple]:
    return duckdb.sql(f"from '{file}'").fetchall()


def make_files(root: Path, *days: date) -> None:
    (root / "account_health").mkdir(parents=True)
    for day in days:
        (root / "account_health" / f"{day}.parquet").touch()


# What a run reads


def files_read(root: Path, name: str) -> list[str]:
    return [file.stem for file in earlier_files(root, name, AS_OF, POLICIES)]


def test_a_first_run_reads_nothing(tmp_path):
    assert files_read(tmp_path, "account_health") == []


def test_scores_of_the_last_45_days_are_read(tmp_path):
    days = [date(2026, 5, 15), date(2026, 5, 16), date(2026, 6, 2), date(2026, 6, 29)]
    make_files(tmp_path, *days)
    # The 16th of May is 45 days before, the 15th a day too old.
    assert files_read(tmp_path, "account_health") == ["2026-05-16", "2026-06-02", "2026-06-29"]


def test_the_latest_earlier_one_is_read_however_old(tmp_path):
    make_files(tmp_path, date(2024, 1, 31), date(2025, 1, 31))
    assert files_read(tmp_path, "account_health") == ["2025-01-31"]


def test_neither_the_same_as_of_nor_a_later_one_is_read(tmp_path):
    make_files(tmp_path, AS_OF, date(2026, 7, 1))
    assert files_read(tmp_path, "account_health") == []


def test_of_measures_only_the_latest_earlier_file_is_read(tmp_path):
    make_files(tmp_path, date(2026, 6, 28), date(2026, 6, 29))
    (tmp_path / "account_health").rename(tmp_path / "account_signals")
    assert files_read(tmp_path, "account_signals") == ["2026-06-29"]


def test_of_each_month_back_the_last_file_is_read(tmp_path, monkeypatch):
    read = Read("account_health", "account_health", READS["account_health"].columns, months=lambda policies: 2)
    monkeypatch.setattr(histories, "READS", {"account_health": read})
    make_files(
        tmp_path,
        *(date(2026, 3, 31), date(2026, 4, 1), date(2026, 4, 29), date(2026, 5, 2), date(2026, 6, 1), date(2026, 6, 2)),
    )
    assert files_read(tmp_path, "account_health") == ["2026-04-29", "2026-05-02", "2026-06-02"]


def test_a_file_from_before_a_column_was_kept_reads_as_blank_there(tmp_path):
    run = Run(Settings(home=tmp_path), AS_OF, "run-1")
    folder = run.settings.history_path / "account_health"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"account_id": ["A1"], "not_read": ["x"]}), folder / "2026-06-29.parquet")
    (file,) = before(run, "account_health")
    assert pq.read_table(file).to_pylist() == [
        dict.fromkeys(READS["account_health"].columns.names) | {"account_id": "A1"}
    ]


# Keeping


def test_every_history_gets_a_file(keep_run):
    folder = keep_run("run-1")
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
        f"{name}/2026-06-30.parquet" for name in HISTORIES
    }


def test_scores_are_kept_whole_and_measures_in_part(keep_run):
    folder = keep_run("run-1")
    names = {
        name: duckdb.sql(f"from '{folder}/{name}/2026-06-30.parquet'").columns
        for name in ("account_health", "account_signals")
    }
    assert "not_read" in names["account_health"]
    assert names["account_signals"] == READS["account_signals"].columns.names


def test_the_same_rows_give_the_same_bytes(keep_run):
    file = keep_run("run-1") / "account_health" / "2026-06-30.parquet"
    before = file.read_bytes()
    keep_run("run-1", order="desc")
    assert file.read_bytes() == before


def test_running_an_as_of_again_replaces_its_rows(keep_run):
    file = keep_run("run-1", rows=5) / "account_health" / "2026-06-30.parquet"
    keep_run("run-2", rows=2)
    assert len(rows(file)) == 2
    assert duckdb.sql(f"select distinct run_id from '{file}'").fetchall() == [("run-2",)]


def test_what_links_to_a_file_keeps_the_former_rows(keep_run, tmp_path):
    file = keep_run("run-1", rows=5) / "account_health" / "2026-06-30.parquet"
    os.link(file, tmp_path / "linked.parquet")
    keep_run("run-2", rows=2)
    assert len(rows(tmp_path / "linked.parquet")) == 5


def test_the_audit_logs_every_run_of_an_as_of(keep_run):
    file = keep_run("run-1", rows=3) / "score_audit" / "2026-06-30.parquet"
    keep_run("run-2", rows=2)
    # A step that is tried again logs its run once.
    keep_run("run-2", rows=2)
    counts = duckdb.sql(f"select run_id, count(*) from '{file}' group by 1 order by 1").fetchall()
    assert counts == [("run-1", 3), ("run-2", 2)]


def test_rows_of_another_run_are_never_kept(keep_run):
    folder = keep_run("run-1")
    with pytest.raises(PublishingError, match="rows of another run"):
        keep_run("run-2", rows=9, of_run="run-1")
    assert len(rows(folder / "account_health" / "2026-06-30.parquet")) == 3


# What readers get


def test_published_histories_are_those_of_published_tables(tmp_path):
    keys = published_keys(ensure_manifest(Settings()))
    about = {name: TableDescription(description=f"About {name}.", columns={"score": "Score"}) for name in keys}
    found = PublishedHistories.of(Run(Settings(home=tmp_path), AS_OF, "run-1"), keys, about)
    assert found.keys == {
        "account_health_history": ("as_of_date", "account_id"),
        "account_churn_history": ("as_of_date", "account_id"),
        "score_audit": ("as_of_date", "run_id", "account_id"),
    }
    assert found.folders["account_health_history"] == tmp_path.resolve() / "history" / "account_health"
    assert found.descriptions["account_health_history"].columns == {"score": "Score"}
    assert "About account_health." in found.descriptions["account_health_history"].description
    assert set(HISTORIES) <= set(keys)
