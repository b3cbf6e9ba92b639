"""Salesforce's ids: 15 characters become 18, wherever a source says that its ids are such."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.sources.salesforce_ids import long_id, long_id_sql
from orchestration.sources.settings import FileSource
from orchestration.sources.sqltext import Sql, compose, literal

# Ids as orgs have them, and ids that differ in nothing but case.
KNOWN = {
    "001A0000006Vm9r": "001A0000006Vm9rIAC",
    "00Q3000000xT1wA": "00Q3000000xT1wAEAS",
    "000000000000000": "000000000000000AAA",
    "AAAAAAAAAAAAAAA": "AAAAAAAAAAAAAAA555",
    "aaaaaaaaaaaaaaa": "aaaaaaaaaaaaaaaAAA",
}
OTHERS = [
    "",
    "0013000000ABCD",
    "0013000000ABCDEF",
    "0013000000ABCDEAAA",
    "0013000000ABCD-",
    "00130000 ABCDEF",
    "日" * 15,
]
CON = duckdb.connect()


def in_sql(text: str) -> str:
    return CON.execute(compose("SELECT {long}", long=long_id_sql(compose("({t})", t=literal(text))))).fetchall()[0][0]


@pytest.mark.parametrize(("short", "long"), KNOWN.items())
def test_the_vendor_s_rule(short: str, long: str) -> None:
    assert long_id(short) == long
    assert in_sql(short) == long


@pytest.mark.parametrize("text", OTHERS)
def test_what_is_no_short_id_stays(text: str) -> None:
    assert long_id(text) == text
    assert in_sql(text) == text


@settings(max_examples=30, deadline=None)
@given(st.lists(st.from_regex(r"[0-9A-Za-z]{13,19}", fullmatch=True), min_size=1, max_size=50))
def test_both_ways_agree(texts: list[str]) -> None:
    found = CON.execute(compose("SELECT {long} FROM (SELECT unnest($1) AS t)", long=long_id_sql(Sql("t"))), [texts])
    assert [one for (one,) in found.fetchall()] == [long_id(text) for text in texts]


def put(desk, salesforce_ids: bool) -> list[tuple]:
    desk.put("tasks.csv", "activity_id,account_id,owner_name,subject,occurred_at,has_attachment\n" + LINES)
    desk.sources = (FileSource(name="crm", stream="activities", path="tasks.csv", salesforce_ids=salesforce_ids),)
    return desk.rows("activities", "activity_id", "account_id", "subject")


LINES = (
    "00Q3000000xT1wA,001A0000006Vm9r,Ana,001A0000006Vm9r,2026-06-01,Y\n"
    "00Q3000000xT1wB,001A0000006Vm9rIAC,Ana,x,2026-06-01,Y\n"
    "T-1,A-1,Ana,x,2026-06-01,Y\n"
)


def test_ids_of_a_file_become_longer_where_it_says_so(desk) -> None:
    assert put(desk, salesforce_ids=True) == [
        ("00Q3000000xT1wAEAS", "001A0000006Vm9rIAC", "001A0000006Vm9r"),
        (long_id("00Q3000000xT1wB"), "001A0000006Vm9rIAC", "x"),
        ("T-1", "A-1", "x"),
    ]


def test_and_nowhere_else(desk) -> None:
    assert put(desk, salesforce_ids=False)[0] == ("00Q3000000xT1wA", "001A0000006Vm9r", "001A0000006Vm9r")
