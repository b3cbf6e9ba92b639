"""How single cells are read, by examples: what the reports are known to hold, and what must never be guessed."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest

from orchestration.sources.streams import Kind
from tests.support.extraction import cell_reader, read_one


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("$1", "1", "USD"),
        ("$250K", "250000", "USD"),
        ("$1.2M", "1200000", "USD"),
        ("$3MM", "3000000", "USD"),
        ("$2B", "2000000000", "USD"),
        ("1,250,000.00", "1250000", None),
        ("EUR 5000", "5000", "EUR"),
        ("5000 EUR", "5000", "EUR"),
        ("eur5000", "5000", "EUR"),
        ("€5,000", "5000", "EUR"),
        ("(500)", "-500", None),
        ("($500)", "-500", "USD"),
        ("$(500)", "-500", "USD"),
        ("(500) USD", "-500", "USD"),
        ("-500", "-500", None),
        ("−500", "-500", None),
        ("500-", "-500", None),
        ("- $500", "-500", "USD"),
        ("+500", "500", None),
        ("$250k", "250000", "USD"),
        ("1.5 mm", "1500000", None),
        (" $\u00a01 250.5 ", "1250.5", "USD"),
        ("1.250.000,00", "1250000", None),
        ("1.250,5", "1250.5", None),
        ("1.250.000", "1250000", None),
        ("1 250 000,00", "1250000", None),
        ("1'250'000.50", "1250000.5", None),
        ("1,250", "1250", None),
        ("1.250", "1.25", None),
        (".5", "0.5", None),
        ("5.", "5", None),
        ("CAD$500", "500", "CAD"),
        ("$500 CAD", "500", "CAD"),
        ("US$ 5k", "5000", "USD"),
        ("5MXN", "5", "MXN"),
        ("5MMXN", "5000000", "MXN"),
        ("5M€", "5000000", "EUR"),
        ("0.00005", "0.0001", None),
        ("-0.00005", "-0.0001", None),
        ("0.00004999999999999999999999", "0", None),
        ("1.2345678901M", "1234567.8901", None),
        ("999999999999999.9999", "999999999999999.9999", None),
    ],
)
def test_money_is_read_as_people_write_it(text, amount, currency):
    value, found, _ = cell_reader(Kind.MONEY)([text])[0]
    assert (value, found) == (Decimal(amount), currency)


@pytest.mark.parametrize(
    "text",
    [
        "1,25",
        "12,5K",
        "1234,567",
        "1,2M",
        "12 34",
        "1,25,000.00",
        "1e5",
        "1_000",
        "0x1F",
        "nan",
        "inf",
        "$",
        "-",
        "()",
        "-(500)",
        "(-500)",
        "--5",
        "(500",
        "500)",
        "5000 TBD",
        "kr 5",
        "€500 USD",
        "USD 5 EUR",
        "5K5",
        "5 MK",
        "１２",
        "٣",
        "1.2.3",
        "1..2",
        ",5",
        "N/A",
        "999999999999999.99995",
        "=1+1",
        "5%",
    ],
)
def test_money_that_has_no_one_reading_is_none(text):
    assert read_one(Kind.MONEY, text) is None


def test_a_bare_dollar_is_the_reporting_dollar_and_else_the_us_dollar():
    assert cell_reader(Kind.MONEY, reporting_currency="CAD")(["$5"])[0][1:] == ("CAD", True)
    assert cell_reader(Kind.MONEY, reporting_currency="EUR")(["$5"])[0][1:] == ("USD", True)
    assert cell_reader(Kind.MONEY, reporting_currency="CNY")(["¥5"])[0][1:] == ("CNY", True)
    assert cell_reader(Kind.MONEY)(["US$5"])[0][1:] == ("USD", False)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Kind.NUMBER, "85%", "85"),
        (Kind.NUMBER, "1,234.5678905", "1234.567891"),
        (Kind.NUMBER, "-1234.5678905", "-1234.567891"),
        (Kind.NUMBER, "(3)", "-3"),
        (Kind.RATE, "0.000000000001", "0.000000000001"),
        (Kind.RATE, "0.0000000000005", "0.000000000001"),
        (Kind.INTEGER, "1,000", "1000"),
        (Kind.INTEGER, "3.0", "3"),
        (Kind.INTEGER, "-2", "-2"),
        (Kind.INTEGER, "9223372036854775807", "9223372036854775807"),
    ],
)
def test_numbers_are_exact(kind, text, value):
    assert read_one(kind, text) == Decimal(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.NUMBER, "0,5"),
        (Kind.NUMBER, "1e3"),
        (Kind.NUMBER, "5K"),
        (Kind.NUMBER, "NaN"),
        (Kind.NUMBER, "Infinity"),
        (Kind.NUMBER, "$5"),
        (Kind.NUMBER, "1234567890123.5"),
        (Kind.INTEGER, "3.5"),
        (Kind.INTEGER, "9223372036854775808"),
        (Kind.RATE, "1,08"),
    ],
)
def test_numbers_that_have_no_one_reading_are_none(kind, text):
    assert read_one(kind, text) is None


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-05-03-14:30", "2026-05-03 12:30"),
        ("2026-05-03-14:30:15", "2026-05-03 12:30:15"),
        ("2026-05-03", "2026-05-02 22:00"),
        ("2026-05-03 14:30", "2026-05-03 12:30"),
        ("2026-05-03T14:30:00Z", "2026-05-03 14:30"),
        ("2026-05-03t14:30:00z", "2026-05-03 14:30"),
        ("2026-05-03 14:30:15.5+02:00", "2026-05-03 12:30:15.500000"),
        ("2026-05-03T14:30:00,123Z", "2026-05-03 14:30:00.123000"),
        ("2026-05-03T14:30+0530", "2026-05-03 09:00"),
        ("2026-05-03T14:30-08", "2026-05-03 22:30"),
        ("2026-05-03 14:30 UTC", "2026-05-03 14:30"),
        ("20260503T143000Z", "2026-05-03 14:30"),
        ("20260503T1430", "2026-05-03 12:30"),
        ("2026/5/3 7:05", "2026-05-03 05:05"),
        ("2024-02-29 12:00", "2024-02-29 11:00"),
        # Summer time begins: 02:30 does not exist and is read as 03:30.
        ("2026-03-29 02:30", "2026-03-29 01:30"),
        # Summer time ends: 02:30 comes twice, the second pass counts.
        ("2026-10-25 02:30", "2026-10-25 01:30"),
        ("2026-10-25 02:30+02:00", "2026-10-25 00:30"),
    ],
)
def test_timestamps_are_stored_in_utc(text, utc):
    assert read_one(Kind.TIMESTAMP, text) == datetime.fromisoformat(utc)


@pytest.mark.parametrize(
    "text",
    [
        "03/04/2026",
        "2026-02-29",
        "2026-13-01",
        "2026-05-03 25:00",
        "2026-05-03 14:61",
        "2026-05-03T14:30+15:00",
        "2026-05-03T14:30+02:75",
        "2026-05-03 14:30 EST",
        "9999-12-31",
        "1899-12-31",
        "0000-00-00",
        "infinity",
        "epoch",
        "2026-05-03 (BC)",
        "46145",
        "yesterday",
    ],
)
@pytest.mark.parametrize("kind", [Kind.TIMESTAMP, Kind.DATE])
def test_moments_that_can_not_be_meant_are_none(kind, text):
    assert read_one(kind, text) is None


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-05-03", date(2026, 5, 3)),
        ("20260503", date(2026, 5, 3)),
        ("2026/5/3", date(2026, 5, 3)),
        ("2026.05.03", date(2026, 5, 3)),
        ("2026-05-03 23:59", date(2026, 5, 3)),
        ("2026-05-03Z", date(2026, 5, 3)),
        # Carries a zone: the date in the business time zone.
        ("2026-05-03T22:30:00Z", date(2026, 5, 4)),
        ("2026-05-03T23:30:00+05:00", date(2026, 5, 3)),
        ("2024-02-29", date(2024, 2, 29)),
    ],
)
def test_dates(text, day):
    assert read_one(Kind.DATE, text) == day


def test_declared_formats_decide_dates_and_iso_is_read_beside_them():
    assert read_one(Kind.DATE, "03/04/2026", date_format="%d/%m/%Y") == date(2026, 4, 3)
    assert read_one(Kind.DATE, "03/04/2026", date_format="%m/%d/%Y") == date(2026, 3, 4)
    assert read_one(Kind.DATE, "3 Apr 2026", date_format="%d %b %Y") == date(2026, 4, 3)
    assert read_one(Kind.DATE, "2026-04-03", date_format="%d/%m/%Y") == date(2026, 4, 3)
    assert read_one(Kind.DATE, "31/02/2026", date_format="%d/%m/%Y") is None
    assert read_one(Kind.TIMESTAMP, "6/30/2026 10:15 AM", date_format="%m/%d/%Y") == datetime(2026, 6, 30, 8, 15)
    assert read_one(Kind.TIMESTAMP, "30.06.26 22h15", timestamp_format="%d.%m.%y %Hh%M") == datetime(
        2026, 6, 30, 20, 15
    )


def test_a_midnight_that_does_not_exist_stays_on_its_day():
    assert read_one(Kind.TIMESTAMP, "2018-11-04", time_zone="America/Sao_Paulo") == datetime(2018, 11, 4, 3)


@pytest.mark.parametrize(
    ("texts", "value"),
    [
        (["Y", "yes", "TRUE", "t", "1", " y "], True),
        (["n", "No", "false", "F", "0"], False),
        (["x", "2", "ja", "on"], None),
    ],
)
def test_booleans(texts, value):
    assert [got for got, _, _ in cell_reader(Kind.BOOLEAN)(texts)] == [value] * len(texts)


def test_enumerations_forgive_case_spaces_and_hyphens_only():
    words = ("mid_market", "smb")
    texts = ["Mid Market", "mid-market", "MID_MARKET", " smb ", "midmarket", "large"]
    read = [got for got, _, _ in cell_reader(Kind.ENUM, words)(texts)]
    assert read == ["mid_market", "mid_market", "mid_market", "smb", None, None]


def test_currencies():
    read = [got for got, _, _ in cell_reader(Kind.CURRENCY)(["usd", " EUR ", "€", "$", "US dollars", "E1"])]
    assert read == ["USD", "EUR", "EUR", "USD", None, None]


@pytest.mark.parametrize("kind", list(Kind))
def test_blank_cells_are_none(kind):
    assert [got for got, _, _ in cell_reader(kind, ("a",))(["", "  ", "\t\u00a0\u3000"])] == [None] * 3
