"""Exports, from a served portal: all rows of a question, cut by who asks, without a formula in them, streamed."""

from __future__ import annotations

import asyncio
import csv
import io
import socket
import time
from collections.abc import Generator, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
import openpyxl
import pytest
import sqlalchemy as sa

from orchestration.ledger.store import Store
from orchestration.ledger.tables import audit_log
from orchestration.settings import Settings
from portal.exports import _MEDIA, NEUTRALISED, Download, Pieces, StalledError, Turns, neutral, turns
from portal.publications import Edition, Library
from portal.web import Refusal
from tests.support.portal import AS_OF, HOSTILE, SELLER, home, published, served, signed_in

TARGETS = "/export/targets.csv"
# What spreadsheets take for a formula: the characters, at the beginning.
DANGEROUS = tuple("=+-@＝＋－＠\t\r\n")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    limits = {"export_rows_most": 5_000, "xlsx_rows_most": 100, "most_sign_ins_a_minute": 1_000}
    return home(tmp_path_factory.mktemp("exports"), portal=limits)


@pytest.fixture(scope="module")
def base(settings: Settings) -> Iterator[str]:
    with served(settings) as address:
        yield address


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    text = answer.content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_csv_has_every_row_and_digit_of_the_question(settings: Settings, base: str) -> None:
    client = signed_in(base, "Otto", ["executive"])
    answer = client.get(f"{TARGETS}?status=upcoming&sort=-amount&page=3")
    expected = published(
        settings, "select * from health_check_candidates where status = 'upcoming' order by amount desc, \"rank\""
    )
    rows = rows_of(answer)
    assert len(rows) > 50, "more than a page"
    assert [row["target_id"] for row in rows] == [row["target_id"] for row in expected]
    for row, was in zip(rows, expected, strict=True):
        assert {name: text for name, text in row.items() if name != NEUTRALISED}.keys() == was.keys()
        assert Decimal(row["amount"]) == was["amount"]
        assert row["due_date"] == was["due_date"].isoformat()
        assert datetime.fromisoformat(row["published_at"]).replace(tzinfo=None) == was["published_at"]
        assert row["days_to_due"] == str(was["days_to_due"])
        assert (row["owner_name"] or None) == was["owner_name"]
    assert any(int(row["days_to_due"]) < 0 for row in rows_of(client.get(TARGETS))), "numbers below zero stay numbers"


def test_csv_is_what_spreadsheets_and_programs_read(base: str) -> None:
    answer = signed_in(base, "Otto", ["executive"]).get(TARGETS)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="targets-{AS_OF}.csv"'
    assert answer.content.startswith(b"\xef\xbb\xbf")
    lines = answer.content.decode("utf-8-sig").split("\r\n")
    assert lines[-1] == ""
    assert len(lines) == int(answer.headers["x-rows"]) + 2


def test_texts_that_look_like_formulas_are_neutralised_and_named(base: str) -> None:
    rows = {row["account_id"]: row for row in rows_of(signed_in(base, SELLER).get(TARGETS))}
    assert set(HOSTILE) <= set(rows)
    for account_id, name in HOSTILE.items():
        is_dangerous = name.startswith(DANGEROUS)
        expected = f"'{name}" if is_dangerous else name
        assert rows[account_id]["account_name"] == expected.strip()
        assert ("account_name" in rows[account_id][NEUTRALISED].split()) == is_dangerous
    for row in rows.values():
        texts = (text for name, text in row.items() if name not in ("days_to_due", "amount"))
        assert not [text for text in texts if text.startswith(DANGEROUS)]


@pytest.mark.parametrize("begins", [*DANGEROUS, " =", "\u200b=", "\ufeff+", "\x00@", "\u3000＝"])
def test_nothing_that_begins_a_formula_gets_through(begins: str) -> None:
    assert neutral(f"{begins}1+1") == f"'{begins}1+1"


def test_xlsx_has_values_of_their_kind_and_no_formula(base: str) -> None:
    client = signed_in(base, SELLER)
    answer = client.get("/export/targets.xlsx?sort=account_name")
    assert answer.headers["content-type"] == _MEDIA["xlsx"]
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    sheet = book["Rows"]
    names = [cell.value for cell in sheet[1]]
    assert sheet.max_row == int(answer.headers["x-rows"]) + 1
    kinds = {cell.data_type for row in sheet.iter_rows() for cell in row}
    assert "f" not in kinds
    assert not [cell for row in sheet.iter_rows() for cell in row if cell.hyperlink]
    rows = {row[names.index("account_id")]: dict(zip(names, row, strict=True)) for row in sheet.values}
    plain = rows_of(client.get(TARGETS))
    for was in plain:
        row = rows[was["account_id"]]
        if was["target_id"] == row["target_id"]:
            assert row["due_date"] == datetime.fromisoformat(was["due_date"])
            assert Decimal(str(row["amount"])) == Decimal(was["amount"])
            assert row["account_name"] == was["account_name"]
            assert (row[NEUTRALISED] or "") == was[NEUTRALISED]
    assert rows["H-03"]["account_name"].startswith("'=HYPERLINK")
    about = {row[0]: row[1] for row in book["About"].values}
    assert about["As of"].date() == AS_OF
    assert about["Asked for"] == "sort=account_name"
    assert "apostrophe" in about["Neutralised"]


def test_rows_are_those_of_who_asks(settings: Settings, base: str) -> None:
    own = rows_of(signed_in(base, SELLER).get(TARGETS))
    assert {row["owner_name"] for row in own} == {SELLER}
    everything = published(settings, "select count(*) as n from health_check_candidates")[0]["n"]
    assert len(rows_of(signed_in(base, "Otto", ["executive"]).get(TARGETS))) == everything > len(own)
    assert rows_of(signed_in(base, "Nobody", ["approver_low"]).get(TARGETS)) == []


def test_what_is_too_long_is_refused_with_the_count(settings: Settings, base: str) -> None:
    client = signed_in(base, "Otto", ["executive"])
    rows = published(settings, "select count(*) as n from health_check_candidates")[0]["n"]
    assert 100 < rows <= 5_000
    answer = client.get("/export/targets.xlsx")
    assert answer.status_code == 422
    assert f"{rows:,} rows" in answer.text
    assert "CSV takes more" in answer.text
    assert client.get("/export/targets.xlsx?status=past_due").status_code == 200


@pytest.mark.parametrize("name", ["accounts", "actions", "alerts", "decisions", "expansions", "hygiene", "retention"])
def test_every_list_can_be_had_as_a_file(base: str, name: str) -> None:
    everything = rows_of(signed_in(base, "Otto", ["executive"]).get(f"/export/{name}.csv"))
    own = rows_of(signed_in(base, SELLER, ["manager"], geos=["APAC"]).get(f"/export/{name}.csv"))
    assert len(own) < len(everything)
    assert {row["geo"] for row in own} <= {"APAC"}
    if name in ("decisions", "expansions", "retention"):
        assert signed_in(base, SELLER).get(f"/export/{name}.csv").status_code == 404


@pytest.mark.parametrize("path", ["/export/nothing.csv", "/export/targets.pdf", "/export/..%2f..%2fetc.csv"])
def test_nothing_else_is_exported(base: str, path: str) -> None:
    assert signed_in(base, "Otto", ["executive"]).get(path).status_code == 404


def test_exports_need_a_sign_in_and_are_logged(settings: Settings, base: str) -> None:
    assert httpx.get(base + TARGETS).status_code == 303
    signed_in(base, "Olga", ["executive"]).get(f"{TARGETS}?status=past_due&q=x")
    with Store.open(settings) as store, store.reading() as con:
        query = sa.select(audit_log).where(audit_log.c.person == "Olga", audit_log.c.event == "export")
        entries: list[Any] = con.execute(query).mappings().all()
    assert [entry["subject"] for entry in entries] == ["targets.csv"]
    assert entries[0]["detail"].endswith(" rows; status=past_due&q=x")


def test_who_leaves_half_way_holds_nothing(base: str) -> None:
    """More people leave in the middle than may export at once; the next one still can."""
    client = signed_in(base, "Otto", ["executive"])
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    host, _, port = base.removeprefix("http://").partition(":")
    for _ in range(10):
        with socket.create_connection((host, int(port))) as line:
            line.sendall(f"GET {TARGETS} HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n".encode())
            line.recv(100)
    deadline = time.monotonic() + 20
    while client.get(TARGETS).status_code != 200:
        assert time.monotonic() < deadline, "exports stay taken"
        time.sleep(0.2)


@pytest.fixture
def edition(settings: Settings) -> Iterator[Edition]:
    library = Library(settings.published_path, settings.home_path / "tmp", 256)
    with library.current() as found:
        yield found
    library.close()


def _endless(closed: list[bool]) -> Generator[bytes, None, None]:
    try:
        while True:
            yield b"row\n"
    finally:
        closed.append(True)


def _breaking() -> Generator[bytes, None, None]:
    yield b"row\n"
    raise RuntimeError("no memory")


@pytest.mark.parametrize("end", ["the browser leaves", "nothing is taken", "making it breaks"])
def test_a_download_lets_go_at_once_however_it_ends(
    edition: Edition, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """`pieces` stays alive here, as it did in a cycle until somebody collected it."""
    monkeypatch.setattr("portal.exports._STALL_SECONDS", 0.2)
    closed, holders, taken = [], edition._holders, Turns(1)
    pieces = Pieces(edition, taken.take("a"))
    pieces.begin(_breaking() if end == "making it breaks" else _endless(closed))
    assert edition._holders == holders + 1

    async def call() -> None:
        some = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await (some.wait() if end == "the browser leaves" else asyncio.Event().wait())
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            assert message.get("more_body", True), "a file that broke isn't ended as a whole one"
            if end == "nothing is taken" and message.get("body"):
                await asyncio.Event().wait()
            await asyncio.sleep(0)
            some.set()

        scope = {"type": "http", "asgi": {"spec_version": "2.3"}}
        await Download(pieces, "text/csv", {})(scope, receive, send)

    if end == "the browser leaves":
        asyncio.run(asyncio.wait_for(call(), 10))
    else:
        with pytest.raises(StalledError if end == "nothing is taken" else RuntimeError):
            asyncio.run(asyncio.wait_for(call(), 10))
    assert edition._holders == holders
    assert closed == ([] if end == "making it breaks" else [True])
    taken.take("a")


def test_one_export_a_person_and_few_at_once() -> None:
    found = Turns(2)
    give_back = found.take("a")
    with pytest.raises(Refusal) as own:
        found.take("a")
    found.take("b")
    with pytest.raises(Refusal) as all_taken:
        found.take("c")
    assert (own.value.status, all_taken.value.status) == (429, 503)
    give_back()
    found.take("c")


def test_who_has_one_under_way_waits_and_others_go_on(base: str) -> None:
    give_back = turns.take("Otto")
    try:
        answer = signed_in(base, "Otto", ["executive"]).get(TARGETS)
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "10"
        other = signed_in(base, "Olga", ["executive"])
        assert [other.get(TARGETS).status_code for _ in range(5)] == [200] * 5, "one after the other"
    finally:
        give_back()
