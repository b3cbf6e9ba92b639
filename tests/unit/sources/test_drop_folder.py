"""From files in a drop folder to landed rows: the edges of files, and that no row is lost on the way."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from orchestration.sources.drop import unclaimed_files
from orchestration.sources.errors import SourceError
from orchestration.sources.settings import FileSource
from orchestration.sources.streams import STREAMS, landing_schema
from tests.support.extraction import ACCOUNTS, ACTIVITIES, CONTRACTS, landed, settings

ROW = "Acme,Gold,2026-01-01,2026-12-31,5\n"


def reconciles(outcome) -> bool:
    return outcome.rows_read == outcome.rows_landed + sum(outcome.passed_over.values())


def test_the_three_reports_as_exported(desk):
    desk.put("Accounts.csv", ACCOUNTS + "Ann,Acme Inc,EMEA,DACH\n")
    desk.put("Contracts Report.csv", CONTRACTS + "Acme Inc,Gold,2026-01-01,2026-12-31,$250K\n")
    desk.put("activities.csv", ACTIVITIES + "Bob,Acme Inc,Deal 1,Health Check,$1.2M,2026-05-03-14:30,Y\n")
    assert desk.rows("accounts", "account_id", "account_name", "owner_name", "geo", "region") == [
        (hashlib.md5(b"Acme Inc", usedforsecurity=False).hexdigest(), "Acme Inc", "Ann", "EMEA", "DACH")
    ]
    assert desk.rows("contracts", "account_name", "product", "start_date", "end_date", "amount", "currency") == [
        ("Acme Inc", "Gold", date(2026, 1, 1), date(2026, 12, 31), Decimal(250_000), "USD")
    ]
    columns = ("owner_name", "account_name", "opportunity_name", "subject", "revenue", "occurred_at", "has_attachment")
    assert desk.rows("activities", *columns) == [
        ("Bob", "Acme Inc", "Deal 1", "Health Check", Decimal(1_200_000), datetime(2026, 5, 3, 12, 30), True)
    ]


@pytest.mark.parametrize("stream", sorted(STREAMS))
def test_every_stream_lands_with_its_schema(desk, stream):
    columns = STREAMS[stream].columns
    desk.put(f"{stream}.csv", ",".join(column.name for column in columns) + "\n" + "," * (len(columns) - 2) + ",1\n")
    outcome = desk.extract(stream)
    written = pq.read_schema(outcome.extraction.part_paths[0])
    # Compared as text: Parquet calls the item of a list `element`, and DuckDB marks what it knows to be filled.
    text = str(written.remove_metadata()).replace("element:", "item:").replace(" not null", "")
    assert text == str(landing_schema(STREAMS[stream]))
    assert outcome.rows_landed == 1


def test_a_header_without_rows_lands_no_rows(desk):
    desk.put("contracts.csv", CONTRACTS)
    outcome = desk.extract("contracts")
    assert (outcome.status, outcome.rows_read, outcome.rows_landed) == ("landed", 0, 0)


def test_an_absent_file_is_no_error(desk):
    outcome = desk.extract("contracts")
    assert (outcome.status, outcome.extraction) == ("absent", None)


@pytest.mark.parametrize(
    "header",
    [
        "ACCOUNT,product,start_date,End Date,AMOUNT",
        " Account , Product,STARTDATE,end date,Amount",
        "Account_Name;Product;Start Date;End_Date;Amount",
        "Account\tProduct\tStart Date\tEnd Date\tAmount",
        '"Account","Product","Start Date","End Date","Amount"',
        "\ufeffAccount,Product,Start Date,End Date,Amount",
        '"Account",Product,"Start\n Date",End Date,Amount',
        "Contracts of all regions\n\nAccount,Product,Start Date,End Date,Amount",
        "sep=;\nAccount;Product;Start Date;End Date;Amount",
    ],
)
def test_headers_are_forgiving(desk, header):
    delimiter = next(mark for mark in ";\t," if mark in header.rsplit("Account", 1)[-1] or mark == ",")
    desk.put("contracts.csv", header + "\n" + ROW.replace(",", delimiter))
    assert desk.rows("contracts", "account_name", "product", "start_date", "end_date", "amount") == [
        ("Acme", "Gold", date(2026, 1, 1), date(2026, 12, 31), Decimal(5))
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "windows-1252", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(desk, encoding, newline):
    text = (CONTRACTS + "Müller & Söhne,Gold,2026-01-01,2026-12-31,€5\nÉté,Gold,2026-01-01,2026-12-31,5").replace(
        "\n", newline
    )
    desk.put("contracts.csv", text, encoding)
    assert desk.rows("contracts", "_row", "account_name", "_account_name_folded", "currency") == [
        (1, "Müller & Söhne", "müller & söhne", "EUR"),
        (2, "Été", "été", None),
    ]


def test_a_declared_encoding_is_used(desk):
    desk.sources = (FileSource(name="files", stream="contracts", encoding="cp1250"),)
    desk.put("contracts.csv", CONTRACTS + "Žižkov,Gold,2026-01-01,2026-12-31,5\n", "cp1250")
    assert desk.rows("contracts", "account_name") == [("Žižkov",)]


def test_mixed_encodings_are_refused(desk):
    desk.put("contracts.csv", CONTRACTS.encode() + "Müller".encode() + b",G\xfcnther,2026-01-01,2026-12-31,5\n")
    with pytest.raises(SourceError, match=r"contracts\.csv.*mixes encodings.*encoding"):
        desk.extract("contracts")


def test_gzip_quotes_and_newlines_in_cells(desk):
    desk.put("contracts.csv.gz", CONTRACTS + '"Acme ""The"" Inc","Gold\nand\r\nmore",2026-01-01,2026-12-31,"1,250"\n')
    assert desk.rows("contracts", "account_name", "product", "amount") == [
        ('Acme "The" Inc', "Gold\nand\nmore", Decimal(1250))
    ]


def test_a_quote_inside_an_unquoted_cell_is_text(desk):
    desk.put("contracts.csv", CONTRACTS + 'Acme "The" Inc,Gold 5",2026-01-01,2026-12-31,5\n')
    assert desk.rows("contracts", "account_name", "product") == [('Acme "The" Inc', 'Gold 5"')]


FOOTERS = [
    'Grand Total,,,,"$500,000"\n',
    "Total: 3\n",
    ",,,,\n,,,,\n",
    '\n\n"Contracts Report"\n"Copyright (c) 2000-2026 vendor.com, inc. All rights reserved."\n'
    '"Confidential Information - Do Not Distribute"\n"Generated By: Ann  6/30/2026 10:15"\n"Acme, Inc."\n',
    "\nCopyright (c) 2000-2026 vendor.com, inc. All rights reserved.\nGenerated by: Ann, 30/06/2026\n",
    "Record Count: 2\nReport Generated at 2026-06-30\n",
    "2 records\n",
]


@pytest.mark.parametrize("footer", FOOTERS)
@pytest.mark.parametrize("last_newline", [True, False])
def test_summary_lines_are_passed_over_and_counted(desk, footer, last_newline):
    desk.put("contracts.csv", CONTRACTS + ROW + ROW + (footer if last_newline else footer.rstrip("\n")))
    outcome = desk.extract("contracts")
    lines = sum(bool(line) for line in footer.split("\n"))
    assert (outcome.rows_landed, dict(outcome.passed_over)) == (2, {"summary_line": lines})
    assert reconciles(outcome)


def test_records_that_only_look_like_summaries_are_kept(desk):
    names = ["Total", "Total Wine & More", "Grand Total", "Copyright Agency", "Confidential Ltd"]
    desk.put("contracts.csv", CONTRACTS + "".join(ROW.replace("Acme", name) for name in names))
    assert [name for (name,) in desk.rows("contracts", "account_name")] == names


def test_a_summary_look_alike_inside_a_quoted_cell_is_kept(desk):
    desk.put("contracts.csv", CONTRACTS + '"Acme\nTotal\n",Gold,2026-01-01,2026-12-31,5\n')
    assert desk.rows("contracts", "account_name") == [("Acme\nTotal",)]


def test_a_lone_cell_at_the_end_without_a_footer_is_a_record(desk):
    desk.put("contracts.csv", CONTRACTS + ROW + "Acm\n\n")
    assert desk.rows("contracts", "_row", "_faults") == [(1, None), (2, [{"column": "(row)", "value": "Acm"}])]


def test_rows_of_delimiters_in_the_middle_are_passed_over(desk):
    desk.put("contracts.csv", CONTRACTS + ROW + ",,,,\n" + ROW)
    outcome = desk.extract("contracts")
    assert landed(outcome.extraction, "_row") == [(1,), (3,)]
    assert dict(outcome.passed_over) == {"summary_line": 1}
    assert reconciles(outcome)


def test_ragged_rows_land_with_their_text_and_number(desk):
    rows = [
        ROW,
        "too,few\n",
        ROW,
        "one,too,many,2026,5,6\n",
        "again,few\n",
        '"Multi\nline",Gold,2026-01-01,2026-12-31,7\n',
    ]
    desk.put("contracts.csv", CONTRACTS + "".join(rows))
    outcome = desk.extract("contracts")
    assert reconciles(outcome)
    assert outcome.rows_read == 6
    assert [
        (row, faults and faults[0]["value"], name, contract_id is None)
        for row, faults, name, contract_id in landed(
            outcome.extraction, "_row", "_faults", "account_name", "contract_id"
        )
    ] == [
        (1, None, "Acme", False),
        (2, "too,few", None, True),
        (3, None, "Acme", False),
        (4, "one,too,many,2026,5,6", None, True),
        (5, "again,few", None, True),
        (6, None, "Multi\nline", False),
    ]


def test_row_numbers_stay_unique_with_ragged_and_blank_lines(desk):
    desk.put("contracts.csv", CONTRACTS + (ROW + "\n" + "few\n" + "\n\n" + ROW + ",,,,\n") * 40 + ROW)
    outcome = desk.extract("contracts")
    numbers = [number for (number,) in landed(outcome.extraction, "_row")]
    assert len(set(numbers)) == len(numbers) == 121
    assert dict(outcome.passed_over) == {"summary_line": 40}
    assert reconciles(outcome)


def test_a_quote_that_swallows_records_is_an_error(desk):
    desk.put("contracts.csv", CONTRACTS + ROW + '"Acme,Gold,2026-01-01,2026-12-31,5\n' + ROW * 3 + 'x,"y",z\n' + ROW)
    with pytest.raises(SourceError, match=r"contracts\.csv, record 2: a quote is opened"):
        desk.extract("contracts")


def test_bad_cells_land_as_faults_and_the_rest_of_the_row_stays(desk):
    desk.put(
        "contracts.csv",
        CONTRACTS.replace("Amount", "Amount,Currency,Auto Renew")
        + 'Acme,Gold,soon,2026-12-31,"1,25",US dollars,maybe\n',
    )
    assert desk.rows("contracts", "account_name", "end_date", "amount", "currency", "auto_renew", "_faults") == [
        (
            "Acme",
            date(2026, 12, 31),
            None,
            None,
            None,
            [
                {"column": "start_date", "value": "soon"},
                {"column": "amount", "value": "1,25"},
                {"column": "currency", "value": "US dollars"},
                {"column": "auto_renew", "value": "maybe"},
            ],
        )
    ]


@pytest.mark.parametrize(
    ("amount", "currency", "landed_amount", "landed_currency"),
    [
        ("EUR 5", "", 5, "EUR"),
        ("EUR 5", "EUR", 5, "EUR"),
        ("EUR 5", "USD", None, "USD"),
        ("$5", "CAD", 5, "CAD"),
        ("$5", "EUR", None, "EUR"),
        ("US$5", "CAD", None, "CAD"),
        ("5", "", 5, None),
        ("5", "chf", 5, "CHF"),
    ],
)
def test_a_money_cells_own_currency(desk, amount, currency, landed_amount, landed_currency):
    desk.put("contracts.csv", f"{CONTRACTS.strip()},Currency\nAcme,Gold,2026-01-01,2026-12-31,{amount},{currency}\n")
    ((money, code, faults),) = desk.rows("contracts", "amount", "currency", "_faults")
    assert (money, code) == (landed_amount and Decimal(landed_amount), landed_currency)
    assert faults == (None if landed_amount else [{"column": "amount", "value": amount}])


def test_money_without_a_currency_column_must_be_in_the_reporting_currency(desk):
    desk.put("accounts.csv", "Account,Owner,Geo,Region,managed_services_arr\nA,O,G,R,$5\nB,O,G,R,EUR 5\n")
    assert desk.rows("accounts", "managed_services_arr", "_faults") == [
        (Decimal(5), None),
        (None, [{"column": "managed_services_arr", "value": "EUR 5"}]),
    ]


@pytest.mark.parametrize("sample", ["03/04/2026", "25/12/2026", "3.4.2026", "3 Apr 2026", "Apr 3, 2026", "03-APR-26"])
def test_undecidable_dates_are_an_error_that_names_the_setting(desk, sample):
    desk.put("contracts.csv", f'{CONTRACTS}Acme,Gold,"{sample}",2026-12-31,5\n')
    with pytest.raises(
        SourceError, match=r"contracts\.csv, column 'Start Date' \(start_date\).*date_format.*policies/sources"
    ) as caught:
        desk.extract("contracts")
    assert sample in str(caught.value)
    assert desk.landing.extractions("contracts") == []


def test_a_declared_date_format_decides(desk):
    desk.sources = (FileSource(name="files", stream="contracts", date_format="%d/%m/%Y"),)
    desk.put("contracts.csv", f"{CONTRACTS}Acme,Gold,03/04/2026,2026-12-31,5\n")
    assert desk.rows("contracts", "start_date", "end_date") == [(date(2026, 4, 3), date(2026, 12, 31))]


def test_a_few_odd_dates_among_good_ones_are_faults(desk):
    desk.put("contracts.csv", f"{CONTRACTS}{ROW}Acme,Gold,03/04/2026,2026-12-31,5\n")
    assert desk.rows("contracts", "_faults")[1] == ([{"column": "start_date", "value": "03/04/2026"}],)


def test_a_missing_required_column_is_named_with_those_found(desk):
    desk.put("contracts.csv", "Account,Product,Start Date,Amount\nAcme,Gold,2026-01-01,5\n")
    with pytest.raises(SourceError, match=r"contracts\.csv.*end_date.*Account, Product, Start Date, Amount"):
        desk.extract("contracts")


def test_a_file_without_any_account_column_is_refused(desk):
    desk.put("contracts.csv", "Product,Start Date,End Date,Amount\nGold,2026-01-01,2026-12-31,5\n")
    with pytest.raises(SourceError, match=r"account_id \(or account_name\)"):
        desk.extract("contracts")


def test_a_header_that_stands_twice_is_refused_where_it_is_read(desk):
    desk.put(
        "contracts.csv", "Account,Product,Start Date,End Date,Amount,amount\nAcme,Gold,2026-01-01,2026-12-31,5,6\n"
    )
    with pytest.raises(SourceError, match="stands 2 times, for amount"):
        desk.extract("contracts")


def test_unknown_columns_are_kept_apart_and_where_privacy_says_so_not_at_all(desk):
    desk.put(
        "contracts.csv", CONTRACTS.strip() + ",Sales Notes,sales-notes,\nAcme,Gold,2026-01-01,2026-12-31,5,a,b,c\n"
    )
    assert desk.rows("contracts", "x_sales_notes", "x_sales_notes_2", "x_column_8") == [("a", "b", "c")]
    desk.put("tickets.csv", "ticket_id,account,created_at,description\n1,Acme,2026-01-01,secret words\n")
    outcome = desk.extract("tickets")
    assert outcome.extraction.columns_ignored == ("description",)
    assert b"secret words" not in outcome.extraction.part_paths[0].read_bytes()
    assert not [name for name in pq.read_schema(outcome.extraction.part_paths[0]).names if name.startswith("x_")]


def test_default_ids_are_stable_and_number_identical_contracts(desk):
    other = ROW.replace("5\n", "6\n")
    desk.put("contracts.csv", CONTRACTS + ROW + other + ROW)
    first = desk.rows("contracts", "contract_id")
    assert len(set(first)) == 3
    # Written otherwise and in another order: the same records, the same ids.
    desk.put(
        "contracts.csv", CONTRACTS + (other + ROW + ROW).replace(",5\n", ",$5.00\n").replace("2026-01-01", "20260101")
    )
    assert set(desk.rows("contracts", "contract_id")) == set(first)


def test_activity_ids_are_a_hash_of_the_row(desk):
    line = "Bob,Acme,,Health Check,,2026-05-03-14:30,Y\n"
    desk.put("activities.csv", ACTIVITIES + line + line + line.replace("Bob", "Ann"))
    ids = [value for (value,) in desk.rows("activities", "activity_id")]
    assert ids[0] == ids[1] != ids[2]
    desk.put("activities.csv", (ACTIVITIES + line).replace("14:30", "14:30:00").replace(",Y", ",yes"))
    assert desk.rows("activities", "activity_id") == [(ids[0],)]


def test_given_ids_are_kept(desk):
    desk.put(
        "contracts.csv",
        "contract_id,account_id,product,start_date,end_date,amount\nC1,A1,Gold,2026-01-01,2026-12-31,5\n",
    )
    assert desk.rows("contracts", "contract_id", "account_id") == [("C1", "A1")]


@pytest.mark.parametrize(
    "names",
    [
        ("contracts.csv", "Contracts.csv"),
        ("contracts.csv", "contracts.csv.gz"),
        ("contracts.csv", "Contracts Report 2026-06-30.csv"),
    ],
)
def test_two_files_that_claim_one_stream_are_both_named(desk, names):
    for name in names:
        desk.put(name, CONTRACTS + ROW)
    with pytest.raises(SourceError) as caught:
        desk.extract("contracts")
    assert all(name in str(caught.value) for name in names)


def test_files_that_no_stream_reads_are_listed(desk):
    for name in ("contracts.csv", "notes.txt", "contractsold.csv", ".hidden.csv", "mine.csv"):
        desk.put(name, CONTRACTS)
    sources = [FileSource(name="mine", stream="contracts", path="mine.csv")]
    assert unclaimed_files(desk.drop, sources) == ["contractsold.csv", "notes.txt"]


def test_a_mapped_source(desk):
    desk.sources = (
        FileSource(
            name="erp",
            stream="contracts",
            path="exports/erp-*.csv",
            columns={"account_name": "Kunde", "start_date": "von", "end_date": "bis", "amount": "Wert"},
            constants={"product": "Gold", "currency": "EUR"},
            value_maps={
                "auto_renew": {"ja": "true", "nein": "false", "": "false"},
                "account_name": {"ACME AG": "Acme"},
            },
            null_values=("-", "k.A."),
            date_format="%d.%m.%Y",
            delimiter=";",
        ),
    )
    desk.put(
        "exports/erp-1.csv",
        "Kunde;von;bis;Wert;auto_renew\nACME AG;01.02.2026;31.01.2027;1.250,50;ja\nBeta;01.02.2026;k.A.;-;\n",
    )
    columns = (
        "_source",
        "account_name",
        "product",
        "start_date",
        "end_date",
        "amount",
        "currency",
        "auto_renew",
        "_faults",
    )
    assert desk.rows("contracts", *columns) == [
        ("erp", "Acme", "Gold", date(2026, 2, 1), date(2027, 1, 31), Decimal("1250.50"), "EUR", True, None),
        ("erp", "Beta", "Gold", date(2026, 2, 1), None, None, "EUR", False, None),
    ]


def test_mapped_columns_must_exist_on_both_sides(desk):
    desk.put("contracts.csv", CONTRACTS + ROW)
    desk.sources = (FileSource(name="files", stream="contracts", columns={"amount": "Wert"}),)
    with pytest.raises(SourceError, match="amount \\(declared as header 'Wert'\\)"):
        desk.extract("contracts")
    desk.sources = (FileSource(name="files", stream="contracts", constants={"colour": "red"}),)
    with pytest.raises(SourceError, match=r"policies/sources\.yaml.*colour"):
        desk.extract("contracts")


def test_several_sources_feed_one_stream(desk):
    desk.sources = (FileSource(name="mailbox", stream="contracts", path="mailbox.csv"),)
    desk.put("contracts.csv", CONTRACTS + ROW)
    desk.put("mailbox.csv", CONTRACTS + ROW + ROW)
    outcomes = desk.extract_all("contracts")
    assert [(outcome.source, outcome.rows_landed) for outcome in outcomes] == [("mailbox", 2), ("files", 1)]


def test_one_broken_source_does_not_keep_the_other_from_landing(desk):
    desk.sources = (FileSource(name="mailbox", stream="contracts", path="mailbox.csv"),)
    desk.put("contracts.csv", CONTRACTS + ROW)
    desk.put("mailbox.csv", "nonsense\n1\n")
    with pytest.raises(SourceError, match=r"mailbox\.csv"):
        desk.extract("contracts")
    assert [one.source for one in desk.landing.extractions("contracts")] == ["files"]


def test_paths_outside_the_drop_folder_are_refused(desk):
    for path in ("../secrets.csv", "/etc/passwd"):
        desk.sources = (FileSource(name="mine", stream="contracts", path=path),)
        with pytest.raises(SourceError, match="outside the drop folder"):
            desk.extract("contracts")


def test_hostile_names_are_only_text(desk):
    names = [
        "'; DROP TABLE x; --",
        '"quoted"',
        "=cmd|' /C calc'!A0",
        "<script>alert(1)</script>",
        "a\u202eb",
        "🎉",
        "x" * 10_000,
        "{braces}",
    ]
    rows = "".join('"{}",Gold,2026-01-01,2026-12-31,5\n'.format(name.replace('"', '""')) for name in names)
    desk.put("contracts.csv", CONTRACTS + rows)
    assert [name for (name,) in desk.rows("contracts", "account_name")] == names


def test_hostile_headers_are_only_names(desk):
    desk.put("contracts.csv", CONTRACTS.strip() + ',"x""; DROP TABLE y; --",../../etc\n' + ROW.strip() + ",1,2\n")
    outcome = desk.extract("contracts")
    assert landed(outcome.extraction, "x_x_drop_table_y", "x_etc") == [("1", "2")]


def test_wide_files_are_refused(desk):
    desk.settings = settings(max_columns=10)
    desk.put("contracts.csv", CONTRACTS.strip() + "".join(f",c{n}" for n in range(20)) + "\n")
    with pytest.raises(SourceError, match="25 columns"):
        desk.extract("contracts")
