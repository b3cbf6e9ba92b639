"""Columns that can't be blank, and files that a try left half-written."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestration.retention.identity import Identity
from orchestration.retention.parquet import Rewriter, is_draft
from orchestration.retention.traces import FORGOTTEN

ACME = Identity(frozenset({"A-00135", "7"}), frozenset({"Acme Tools"}), frozenset())


def _summary(file, items: list[str]) -> None:
    schema = pa.schema([pa.field("item", pa.string(), nullable=False), pa.field("figure", pa.int64())])
    pq.write_table(pa.table({"item": items, "figure": list(range(len(items)))}, schema=schema), file)


def test_a_row_whose_key_is_the_account_goes_whatever_the_column_is_called(tmp_path):
    _summary(tmp_path / "s.parquet", ["A-00001", "A-00135", "arr"])
    found = Rewriter(ACME).rewrite(tmp_path / "s.parquet")
    assert (found.rows, found.cells) == (1, 0)
    assert pq.read_table(tmp_path / "s.parquet")["item"].to_pylist() == ["A-00001", "arr"]


def test_a_cell_that_cannot_be_blank_says_that_somebody_was_forgotten(tmp_path):
    _summary(tmp_path / "s.parquet", ["7", "Acme Tools", "arr"])
    Rewriter(ACME).rewrite(tmp_path / "s.parquet")
    assert pq.read_table(tmp_path / "s.parquet")["item"].to_pylist() == [FORGOTTEN, FORGOTTEN, "arr"]


def test_a_try_that_fails_leaves_nothing_half_written(tmp_path, monkeypatch):
    _summary(tmp_path / "s.parquet", ["Acme Tools"])
    before = (tmp_path / "s.parquet").read_bytes()
    monkeypatch.setattr(Rewriter, "_cleaned", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Rewriter(ACME).rewrite(tmp_path / "s.parquet")
    assert [one.name for one in tmp_path.iterdir()] == ["s.parquet"]
    assert (tmp_path / "s.parquet").read_bytes() == before


def test_what_a_killed_try_left_is_known_by_its_name(tmp_path):
    assert is_draft(tmp_path / ".forgetting-12-2026-11-21.parquet")
    assert not is_draft(tmp_path / "2026-11-21.parquet")
