"""Which account a name means: exact, normalised, alias; and when it means none."""

from __future__ import annotations

import unicodedata

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestration.sources.errors import AliasError
from orchestration.sources.matching import Alias, match_accounts, normalise_name, normalised, register_fold_once
from orchestration.sources.records import fold
from orchestration.sources.sqltext import identifier

LEGAL_FORMS = ("Inc", "Ltd", "LLC", "GmbH", "Corp", "Co", "S.A.", "AG", "Co., Ltd.")


@pytest.fixture
def con():
    with duckdb.connect(config={"threads": 2}) as con:
        yield con


def relation(con, name, rows):
    con.execute(
        f"CREATE OR REPLACE TABLE {name} (account_id VARCHAR, account_name VARCHAR, _account_name_folded VARCHAR)"
    )
    if rows:
        con.executemany(
            f"INSERT INTO {name} VALUES (?, ?, ?)", [(key, text, text and fold(text)) for key, text in rows]
        )


def match(con, accounts, references, aliases=(), **more):
    relation(con, "known", list(accounts.items()))
    relation(con, "used", [row if isinstance(row, tuple) else (None, row) for row in references])
    options = {"legal_forms": LEGAL_FORMS, "pair_limit": 10_000, "name_limit": 100} | more
    lines = [
        Alias(alias, account, "account_aliases.csv", line) for line, (alias, account) in enumerate(aliases, start=2)
    ]
    summary = match_accounts(con, "known", ["used"], aliases=lines, **options)
    matches = {name: (account, method) for name, account, method in con.execute("FROM account_matches").fetchall()}
    missed = {row[0]: row[1:] for row in con.execute("FROM account_name_suggestions").fetchall()}
    assert summary.by_name + summary.normalised + summary.alias == len(matches)
    assert summary.ambiguous + summary.none == len(missed)
    return matches, missed


ACCOUNTS = {
    "1": "Acme Inc",
    "2": "Globex Corp",
    "3": "Initech, S.A.",
    "9": "O’Brien & Sons, Co., Ltd.",
    "10": "Straße AG",
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Acme Inc", ("1", "name")),
        ("ACME, inc.", ("1", "normalised")),
        ("acme", ("1", "normalised")),
        ("Acme   LLC", ("1", "normalised")),
        ("Ａｃｍｅ", ("1", "normalised")),
        ("ac\u200fme", ("1", "normalised")),
        ("Acme\u00a0Inc", ("1", "normalised")),
        ("Initech s.a.", ("3", "normalised")),
        ("o'brien   sons", ("9", "normalised")),
        ("STRASSE ag", ("10", "normalised")),
        ("Acmes", None),
        ("Acme Inc Inc", None),
        ("Inc", None),
        ("!!!", None),
    ],
)
def test_names_match_exactly_or_normalised(con, name, expected):
    matches, missed = match(con, ACCOUNTS, [name])
    assert matches.get(name) == expected
    assert (name in missed) == (expected is None)


def test_only_one_legal_form_is_dropped_and_never_the_whole_name(con):
    matches, _ = match(con, {"1": "Co", "2": "Acme Co"}, ["co", "acme co ltd", "Acme Co Inc"])
    assert matches == {"co": ("1", "normalised"), "acme co ltd": ("2", "normalised")}


def test_two_accounts_of_one_name_are_never_guessed(con):
    accounts = {"4": "Twin", "5": "Twin", "6": "Foo-Bar Ltd", "7": "Foo Bar GmbH", "8": "Foo Bar AG"}
    matches, missed = match(con, accounts, ["Twin", "foo bar", "Foo Bar AG", "TWIN"])
    assert matches == {"Foo Bar AG": ("8", "name")}
    assert missed["Twin"] == ("Twin (4); Twin (5)", 1.0, "ambiguous")
    assert missed["foo bar"] == ("Foo Bar AG (8); Foo Bar GmbH (7); Foo-Bar Ltd (6)", 1.0, "ambiguous")
    assert missed["TWIN"][2] == "ambiguous"


def test_an_exact_ambiguity_is_not_settled_by_an_alias(con):
    matches, missed = match(con, {"4": "Twin", "5": "Twin"}, ["Twin"], [("Twin", "4")])
    assert matches == {}
    assert missed["Twin"][2] == "ambiguous"


def test_aliases_lead_to_an_id_or_an_exact_name_however_they_are_written(con):
    matches, _ = match(
        con, ACCOUNTS, ["Big Blue", "BIG BLUE, Inc.", "The G"], [("big blue", "Acme Inc"), ("The G", "2")]
    )
    assert matches == {"Big Blue": ("1", "alias"), "BIG BLUE, Inc.": ("1", "alias"), "The G": ("2", "alias")}


def test_a_name_before_its_alias(con):
    matches, _ = match(con, ACCOUNTS, ["Acme"], [("Acme", "Globex Corp")])
    assert matches == {"Acme": ("1", "normalised")}


@pytest.mark.parametrize(
    ("aliases", "message"),
    [
        ([("ok", "1"), ("x", "Nope")], "line 3: the alias 'x' points at 'Nope'"),
        ([("x", "Twin")], "line 2: the alias 'x' points at 'Twin', a name that several"),
        ([("x", "1"), ("X.", "4")], "line 2: the alias 'x' stands more than once"),
    ],
)
def test_aliases_that_can_not_be_followed_name_their_line(con, aliases, message):
    with pytest.raises(AliasError, match=message):
        match(con, {"1": "Acme", "4": "Twin", "5": "Twin"}, ["x"], aliases)


def test_an_alias_written_twice_for_one_account_is_fine(con):
    matches, _ = match(con, ACCOUNTS, ["x"], [("x", "1"), ("X", "Acme Inc")])
    assert matches == {"x": ("1", "alias")}


def test_rows_with_a_known_id_need_no_match(con):
    matches, missed = match(con, ACCOUNTS, [("1", "whatever"), ("unknown", "acme"), ("unknown", "nobody")])
    assert matches == {"acme": ("1", "normalised")}
    assert list(missed) == ["nobody"]


def test_the_nearest_name_is_suggested(con):
    _, missed = match(con, ACCOUNTS, ["Globx", "Initec"])
    assert missed["Globx"][0] == "Globex Corp"
    assert missed["Globx"][1] == pytest.approx(0.967, abs=0.001)
    assert missed["Initec"][0] == "Initech, S.A."


def test_suggestions_stay_within_their_bounds(con):
    accounts = {str(n): f"{chr(97 + n % 26)}ccount {n}" for n in range(300)}
    names = [f"{chr(97 + n % 26)}ccounts {n}" for n in range(100)]
    _, missed = match(con, accounts, names, pair_limit=2_000, name_limit=50)
    suggested = {name: row[0] for name, row in missed.items() if row[0]}
    assert len(missed) == 100
    assert len(suggested) == 50
    assert all(name[0] == nearest[0] for name, nearest in suggested.items())


def test_no_names_at_all(con):
    assert match(con, {}, []) == ({}, {})
    relation(con, "known", [("1", "Acme")])
    assert match_accounts(con, "known", [], legal_forms=(), aliases=(), pair_limit=1, name_limit=1).none == 0


def test_very_long_and_hostile_names(con):
    names = ["x" * 10_000, "'; DROP TABLE known; --", "\u202eevil", "=1+1", "<b>"]
    matches, missed = match(con, {"1": "Acme"}, names)
    assert not matches
    assert set(missed) == set(names)


@settings(max_examples=40, deadline=None)
@example(["a\x0bb\x1cc\x85d\u2028e", "A. B,\tC", "Acme Co., Ltd.", "Acme Ltd Inc", "Inc", "Co Ltd", "ACME GmbH "])
@given(
    st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs", "Cn"]), max_size=10), min_size=1)
)
def test_normalising_in_sql_is_what_python_does(names):
    # Characters newer than either Unicode table are left out: the tables must agree on what punctuation is.
    names = ["".join(char for char in name if unicodedata.ucd_3_2_0.category(char) != "Cn") for name in names]
    with duckdb.connect(config={"threads": 1}) as con:
        register_fold_once(con)
        sql = normalised(identifier("folded"), LEGAL_FORMS)
        got = con.execute(
            f"SELECT {sql} FROM (SELECT unnest($1) AS folded)", [[fold(name) for name in names]]
        ).fetchall()
    assert [read for (read,) in got] == [normalise_name(name, LEGAL_FORMS) or None for name in names]
