"""Forgotten accounts stay out of what is read and pulled, and leave extractions that share parts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from orchestration.retention import forgotten
from orchestration.retention.forgotten import forgotten_accounts, hashes, leave_out, put_record
from orchestration.retention.identity import Identity
from orchestration.retention.landing import clean_landing
from orchestration.retention.parquet import Rewriter
from orchestration.settings import Settings
from orchestration.sources import whole
from orchestration.sources.landing import LandingZone
from tests.support.extraction import ACCOUNTS, CONTRACTS, Desk, landed, settings
from tests.support.traces import holding

FORMS = ("inc", "ltd")
WHO = Identity(frozenset({"A-1"}), frozenset({"Acme Ltd"}), frozenset({"acme"}), legal_forms=FORMS)
AT = datetime(2026, 6, 30, 10, tzinfo=UTC)


@pytest.fixture
def home(tmp_path) -> Settings:
    made = Settings(home=tmp_path / "home")
    put_record(made, {"number": 1, "kept_out": hashes(made, WHO)})
    return made


@pytest.fixture
def desk(home, tmp_path) -> Desk:
    (tmp_path / "drop").mkdir()
    return Desk(
        tmp_path / "drop",
        LandingZone(home.landing_path),
        settings(compare_from_records=1),
        left_out=forgotten_accounts(home, FORMS),
    )


def test_its_records_are_passed_over_by_id_and_by_name_where_there_is_no_id(desk):
    header = "contract_id,account_id,account_name,product,start_date,end_date,amount\n"
    row = "Gold,2026-01-01,2026-12-31,5"
    who = ("C1,A-1,", 'C2,,"ACME, Inc."', "C3,A-2,Acme Ltd", "C4,,Acme Energy", "C5,A-10,")
    desk.put("contracts.csv", header + "".join(f"{one},{row}\n" for one in who))
    outcome = desk.extract("contracts")
    assert [one for (one,) in landed(outcome.extraction, "contract_id")] == ["C3", "C4", "C5"]
    assert outcome.extraction is not None
    assert dict(outcome.extraction.passed_over) == {"forgotten": 2}
    assert (outcome.extraction.rows_read, outcome.extraction.rows_landed) == (5, 3)


def test_an_account_without_id_is_known_by_its_name_however_it_is_written(desk):
    desk.put("Accounts.csv", f"{ACCOUNTS}Ann,ACME LTD.,EMEA,North\nBob,Other,EMEA,North\n")
    assert desk.rows("accounts", "account_name") == [("Other",)]


def test_another_account_of_the_same_name_with_an_id_of_its_own_stays(desk):
    desk.put(
        "accounts.csv",
        "account_id,account_name,owner_name,geo,region\nA-7,Acme Ltd,Ann,EMEA,N\nA-1,New name,B,EMEA,N\n",
    )
    assert desk.rows("accounts", "account_id") == [("A-7",)]


def test_new_lines_of_it_are_passed_over_in_an_increment(desk):
    lines = [f"C{n},Other {n},Gold,2026-01-01,2026-12-31,5\n" for n in range(50)]
    desk.put("Contracts.csv", "Contract ID," + CONTRACTS + "".join(lines))
    assert desk.extract("contracts", AT).extraction.reading is not None
    desk.put(
        "Contracts.csv", "Contract ID," + CONTRACTS + "".join(lines) + "C99,Acme Ltd,Gold,2026-01-01,2026-12-31,5\n"
    )
    second = desk.extract("contracts", AT + timedelta(days=1)).extraction
    assert second.passed_over["forgotten"] == 1
    assert second.rows_landed == 50
    assert holding(second.folder, ["Acme"]) == []


def test_what_is_pulled_is_without_it(home, tmp_path):
    folder = tmp_path / "pulled"
    folder.mkdir()
    (folder / "accounts.csv").write_text(
        'account_id,account_name\n"A-1","Acme Ltd"\n"A-2","B, ""and"" C"\n', encoding="utf-8"
    )
    duckdb.sql("select 'A-1' as account_id, 'Acme' as account_name union all select 'A-3', null").write_parquet(
        str(folder / "records-1.parquet")
    )
    assert leave_out(folder, forgotten_accounts(home, FORMS)) == 2
    assert (folder / "accounts.csv").read_text(encoding="utf-8") == 'account_id,account_name\n"A-2","B, ""and"" C"\n'
    assert duckdb.sql(f"select account_id from '{folder}/records-1.parquet'").fetchall() == [("A-3",)]


def test_without_its_key_or_list_nothing_is_read(home):
    (home.operations_path / forgotten.KEY).unlink()
    with pytest.raises(ValueError, match="is gone"):
        forgotten_accounts(home, FORMS)
    (home.operations_path / forgotten.LIST).write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="can't be read"):
        forgotten_accounts(home, FORMS)


def test_the_hashes_hang_on_the_key(home, tmp_path):
    other = Settings(home=tmp_path / "other")
    assert hashes(home, WHO) == hashes(home, WHO)
    assert hashes(other, WHO) != hashes(home, WHO)


def test_extractions_that_share_parts_lose_it_and_stay_readable(tmp_path):
    (tmp_path / "drop").mkdir()
    desk = Desk(tmp_path / "drop", LandingZone(tmp_path / "landing"), settings(compare_from_records=1))

    def line(number: int, who: str) -> str:
        return f"C{number},{who},Gold,2026-01-01,2026-12-31,5\n"

    first = [line(n, "Acme Ltd" if n % 10 == 0 else f"Other {n}") for n in range(60)]
    second = [line(60, "Acme Ltd"), *first[5:], line(61, "New")]
    for day, lines in enumerate((first, second)):
        desk.put("Contracts.csv", "Contract ID," + CONTRACTS + "".join(lines))
        desk.extract("contracts", AT + timedelta(days=day))
    shared = desk.landing.extractions("contracts")[0]
    assert len(shared.parts) == 2
    assert shared.gone is not None
    clean_landing(tmp_path / "landing", Rewriter(WHO))
    newest, oldest = desk.landing.extractions("contracts")
    for extraction, lines in ((oldest, first), (newest, second)):
        kept = {line.split(",")[0] for line in lines if "Acme" not in line}
        assert {one for (one,) in duckdb.sql(whole.rows(extraction, ["contract_id"])).fetchall()} == kept
        assert extraction.rows_landed == len(kept)
        assert extraction.rows_read == len(lines)
        assert extraction.passed_over == {"forgotten": len(lines) - len(kept)}
        assert sum(part.rows for part in extraction.parts) - (extraction.gone.rows if extraction.gone else 0) == len(
            kept
        )
    assert newest.part_paths[0].samefile(oldest.part_paths[0])
    places = duckdb.sql(whole.places(newest)).fetchall()
    assert len(places) == newest.rows_landed
    assert holding(tmp_path / "landing", ["Acme", "acme"]) == []
    # The next file is read whole, and gives what it would have.
    desk.left_out = None
    assert desk.extract("contracts", AT + timedelta(days=2)).status == "landed_before"
