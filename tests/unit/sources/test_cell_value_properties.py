"""Cells against independent Python readers, over generated texts."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.sources.records import folded, register_fold
from orchestration.sources.sqltext import identifier, literal
from orchestration.sources.streams import Kind
from orchestration.sources.values import WHITESPACE
from tests.support.extraction import cell_reader

MONEY = cell_reader(Kind.MONEY)
NUMBER = cell_reader(Kind.NUMBER)
TIMESTAMP = cell_reader(Kind.TIMESTAMP)
DATE = cell_reader(Kind.DATE)
BOOLEAN = cell_reader(Kind.BOOLEAN)
TEXT = cell_reader(Kind.TEXT)
BERLIN = ZoneInfo("Europe/Berlin")

few = settings(max_examples=30, deadline=None)


def values_of(reader, texts):
    return [value for value, _, _ in reader(texts)]


def rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


# -- money: texts made from parts whose value is known --

_SUFFIXES = {"": 0, "K": 3, "k": 3, "M": 6, "MM": 6, "mm": 6, "B": 9, "b": 9}
_CURRENCIES = {"": None, "$": "USD", "USD ": "USD", "€": "EUR", "EUR ": "EUR", "gbp ": "GBP", "US$": "USD"}


def grouped(digits: str, separator: str) -> str:
    return re.sub(r"(?<=\d)(?=(\d{3})+$)", separator, digits)


@st.composite
def money_cells(draw):
    whole = str(draw(st.integers(0, 10**6)))
    fraction = draw(st.text("0123456789", max_size=12))
    style = draw(st.sampled_from(["plain", "comma", "european", "space", "apostrophe"]))
    if style == "european":
        written = grouped(whole, ".") + ("," + fraction if fraction else "")
        if "." not in written or ("," not in written and written.count(".") < 2):
            written, style = whole + ("." + fraction if fraction else ""), "plain"
    else:
        separator = {"plain": "", "comma": ",", "space": "\u00a0", "apostrophe": "'"}[style]
        written = grouped(whole, separator) + ("." + fraction if fraction else "")
    value = Decimal(f"{whole}.{fraction or '0'}")
    suffix = draw(st.sampled_from(sorted(_SUFFIXES)))
    currency = draw(st.sampled_from(sorted(_CURRENCIES)))
    behind = draw(st.booleans())
    amount = written + draw(st.sampled_from(["", " "])) * bool(suffix) + suffix
    amount = f"{amount} {currency.strip()}" if currency and behind else currency + amount
    sign = draw(st.sampled_from(["", "-", "()", "+"]))
    text = {"": amount, "-": f"-{amount}", "+": f"+{amount}", "()": f"({amount})"}[sign]
    value = rounded(value.scaleb(_SUFFIXES[suffix]), 4) * (-1 if sign in ("-", "()") else 1)
    return draw(st.sampled_from(["", " ", "\u202f"])) + text, value, _CURRENCIES[currency]


@few
@given(st.lists(money_cells(), min_size=1, max_size=40))
def test_money_has_the_value_it_was_written_from(cells):
    read = MONEY([text for text, _, _ in cells])
    for (text, value, currency), (got, found, _) in zip(cells, read, strict=True):
        fits = abs(value) < 10**15
        assert (got, found) == (value if fits else None, currency), text


def reference_number(text: str) -> Decimal | None:
    """A hand-written reader of numbers, by splitting the text: no regular expressions, no DuckDB."""
    text = text.strip().replace("\u00a0", " ").removesuffix("%").rstrip(" ")
    sign = 1
    if text.startswith("(") and text.endswith(")"):
        sign, text = -1, text[1:-1].strip(" ")
    elif text[:1] in ("+", "-"):
        sign, text = -1 if text[0] == "-" else 1, text[1:].lstrip(" ")
    if not any(char.isdigit() for char in text) or any(char not in "0123456789., '" for char in text):
        return None
    parts = whole_and_fraction(text)
    if parts is None or not "".join(parts).isdigit():
        return None
    return sign * Decimal(f"{parts[0] or '0'}.{parts[1] or '0'}")


def whole_and_fraction(text: str) -> tuple[str, str] | None:
    separators = [char for char in text if not char.isdigit()]
    if not separators:
        return text, ""
    if separators == ["."]:
        return tuple(text.split("."))
    first, last = separators[0], separators[-1]
    if set(separators) == {first}:
        whole = without_groups(text, first) if first != "." or len(separators) > 1 else None
        return None if whole is None else (whole, "")
    before, fraction = text.rsplit(last, 1)
    # Which separator may group when which one is the decimal mark; a comma only where no group could follow it.
    allowed = {(",", "."): True, (" ", "."): True, ("'", "."): True}
    allowed[(".", ",")] = bool(fraction)
    allowed[(" ", ",")] = len(fraction) not in (0, 3)
    whole = without_groups(before, first) if allowed.get((first, last)) and separators.count(last) == 1 else None
    return None if whole is None else (whole, fraction)


def without_groups(text: str, separator: str) -> str | None:
    head, *rest = text.split(separator)
    if not 1 <= len(head) <= 3 or any(len(group) != 3 for group in rest):
        return None
    return head + "".join(rest)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("0123459., '()-+%\u00a0", max_size=11), min_size=1, max_size=100))
def test_numbers_agree_with_a_hand_written_reader(texts):
    for text, got in zip(texts, values_of(NUMBER, texts), strict=True):
        want = reference_number(text) if text.strip() else None
        if want is None and got is not None:
            # Single spaces inside are forgiven where the reader above is strict.
            want = reference_number(re.sub(r"(?<=[-+(]) | (?=[%)])", "", text))
        assert got == (None if want is None else rounded(want, 6)), repr(text)


# -- moments --

moments = st.datetimes(datetime(1901, 1, 1), datetime(2190, 1, 1))
offsets = st.integers(-14 * 60, 14 * 60)


@few
@given(st.lists(st.tuples(moments, offsets, st.sampled_from(["T", " "])), min_size=1, max_size=40))
def test_zoned_timestamps_agree_with_python(samples):
    texts, wanted = [], []
    for moment, minutes, separator in samples:
        zoned = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
        texts.append(zoned.isoformat(sep=separator))
        wanted.append(zoned.astimezone(UTC).replace(tzinfo=None))
    assert values_of(TIMESTAMP, texts) == wanted


# Zone rules agree between libraries for the years in which data is made.
recent = st.datetimes(datetime(1990, 1, 1), datetime(2036, 1, 1)).map(
    lambda moment: moment.replace(second=0, microsecond=0)
)


@few
@given(st.lists(recent, min_size=1, max_size=40))
def test_local_timestamps_agree_with_python_and_keep_their_date(moments_):
    read = values_of(TIMESTAMP, [f"{moment:%Y-%m-%d-%H:%M}" for moment in moments_])
    for moment, got in zip(moments_, read, strict=True):
        # The second pass where a time comes twice, the offset before where it doesn't exist.
        exists = moment.replace(tzinfo=BERLIN).astimezone(UTC).astimezone(BERLIN).replace(tzinfo=None) == moment
        want = moment.replace(tzinfo=BERLIN, fold=1 if exists else 0).astimezone(UTC).replace(tzinfo=None)
        assert got == want, moment
        assert got.replace(tzinfo=UTC).astimezone(BERLIN).date() == moment.date()


@few
@given(st.lists(st.dates(date(1900, 1, 1), date(2199, 12, 31)), min_size=1, max_size=60))
def test_dates_survive(days):
    for form in ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d"):
        assert values_of(DATE, [day.strftime(form) for day in days]) == days


@few
@given(st.lists(st.text("0123456789-/:. TZ+", max_size=20), min_size=1, max_size=80))
def test_no_odd_text_breaks_the_reading_of_moments(texts):
    for got in values_of(TIMESTAMP, texts) + values_of(DATE, texts):
        assert got is None or 1899 <= got.year <= 2200


# -- the rest --


@few
@given(st.lists(st.text(max_size=8) | st.sampled_from(["Y", "no", "True", "0", "1", " t"]), min_size=1, max_size=60))
def test_booleans_agree_with_python(texts):
    known = dict.fromkeys(("y", "yes", "true", "t", "1"), True) | dict.fromkeys(("n", "no", "false", "f", "0"), False)
    texts = [text.replace("\0", "") for text in texts]
    assert values_of(BOOLEAN, texts) == [known.get(ascii_lower(text.strip())) for text in texts]


def ascii_lower(text: str) -> str:
    return text.lower() if text.isascii() else text


@few
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12), min_size=1))
def test_trimming_is_what_python_strips(texts):
    texts = [WHITESPACE[: len(text)] + text + "\u2003" for text in texts]
    assert values_of(TEXT, texts) == [text.strip() or None for text in texts]


@pytest.fixture(scope="module")
def folding():
    con = duckdb.connect(config={"threads": 1})
    register_fold(con)
    return con


@few
@given(
    names=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12), min_size=1)
)
def test_names_fold_as_python_folds(folding, names):
    got = folding.execute(f"SELECT {folded(identifier('n'))} FROM (SELECT unnest($1) AS n)", [names]).fetchall()
    for name, (read,) in zip(names, got, strict=True):
        normal = unicodedata.normalize("NFKC", name).casefold()
        assert read == unicodedata.normalize("NFKC", normal)


@few
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30))
def test_quoted_texts_come_back_as_they_were(text):
    assert duckdb.execute(f"SELECT {literal(text)}").fetchall() == [(text,)]
