"""The QBR deck is for the customer's eyes: nothing internal is in it, wherever in the file one looks."""

from __future__ import annotations

import io
from datetime import date, timedelta

import duckdb
import pytest
from pptx import Presentation

from orchestration.documents.customer import MAY_KNOW, MEASURES, customer_facts_of
from orchestration.documents.deck import health_check_deck
from orchestration.documents.facts import facts_of
from orchestration.documents.qbr import qbr_deck
from orchestration.documents.slides import pptx
from tests.unit.documents import office

# Churn factors, offers, decisions and a plan: an account of which there is much that a customer may not know.
MUCH_TO_HIDE = (
    "h.final_status = 'RED' and s.account_id in (select account_id from {executive_decisions})"
    " and s.account_id in (select account_id from {retention_offers})"
)
MARK = "CANARY"
FIRST_NUMBER, FIRST_DAY = 310_007, date(1911, 1, 1)
NUMBERS = ("DECIMAL", "INTEGER", "BIGINT", "DOUBLE")


class Marked:
    """The published tables of one account, with everything that a customer may not know replaced by marks."""

    def __init__(self, told, account_id: str) -> None:
        self.connection = duckdb.connect()
        self.numbers: list[int] = []
        self.texts = 0
        described = told.rows(
            "select table_name, column_name, data_type from information_schema.columns where table_schema = 'published'"
            " order by table_name, ordinal_position"
        )
        tables: dict[str, list[tuple[str, str]]] = {}
        for row in described:
            tables.setdefault(row["table_name"], []).append((row["column_name"], row["data_type"]))
        for table, columns in tables.items():
            if any(name == "account_id" for name, _ in columns):
                self._copy(told, table, columns, account_id)

    def _copy(self, told, table: str, columns: list[tuple[str, str]], account_id: str) -> None:
        rows = told.rows(f"select * from {{{table}}} where account_id = $id", id=account_id)
        shown = []
        for name, kind in columns:
            if name == "account_id" or name in MAY_KNOW.get(table, ()):
                shown.append(f'"{name}"')
            elif kind == "VARCHAR":
                self.texts += 1
                shown.append(f"""'{MARK}_{table}_{name}' as "{name}\"""")
            elif kind.startswith(NUMBERS):
                self.numbers.append(FIRST_NUMBER + 13 * len(self.numbers))
                shown.append(f'{self.numbers[-1]}.0::decimal(18, 2) as "{name}"')
            elif kind in ("DATE", "TIMESTAMP"):
                day = FIRST_DAY + timedelta(days=len(shown))
                shown.append(f"""{kind} '{day}' as "{name}\"""")
            else:
                shown.append(f'true as "{name}"')
        quoted = ", ".join(f'"{name}" {kind}' for name, kind in columns)
        self.connection.execute(f"create table raw_{table} ({quoted})")
        if rows:
            marks = ", ".join("?" * len(columns))
            self.connection.executemany(
                f"insert into raw_{table} values ({marks})", [list(row.values()) for row in rows]
            )
        self.connection.execute(f"create view {table} as select {', '.join(shown)} from raw_{table}")

    def rows(self, query: str, **parameters):
        text = query.replace("{", "").replace("}", "")
        used = {name: value for name, value in parameters.items() if f"${name}" in text}
        result = self.connection.cursor().execute(text, used)
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def found_in(self, content: bytes) -> list[str]:
        """The marks that show anywhere in a file: text, properties, charts, workbooks."""
        found = []
        for path, part in office.parts(content):
            said = part.decode("utf-8", "replace")
            marks = [MARK, str(FIRST_DAY.year)]
            marks += [form for number in self.numbers for form in (str(number), f"{number:,}", f"{number // 1000}K")]
            found += [f"{path}: {mark}" for mark in marks if mark in said]
        return found


@pytest.fixture(scope="module")
def account_id(told) -> str:
    return told.account(MUCH_TO_HIDE)


@pytest.fixture(scope="module")
def marked(told, account_id: str) -> Marked:
    return Marked(told, account_id)


def test_no_column_that_a_customer_may_not_know_shows_in_the_file(told, marked: Marked, account_id: str):
    assert marked.texts > 100
    assert len(marked.numbers) > 100
    deck = qbr_deck(customer_facts_of(marked.rows, account_id, told.as_of), told.policies.documents)
    assert marked.found_in(pptx(deck)) == []


def test_the_marks_would_be_found(told, marked: Marked, account_id: str):
    """The internal deck of the same tables is full of them."""
    facts = facts_of(marked.rows, [account_id], told.as_of, 12)[account_id]
    found = marked.found_in(pptx(health_check_deck(facts, None, told.policies)))
    assert any(MARK in one for one in found)
    assert any(str(number) in one or f"{number:,}" in one for one in found for number in marked.numbers)


def test_no_internal_words_of_the_account_show(told, account_id: str):
    """Every text of several words in a column that isn't on the list, but for what is on the list too."""
    deck = qbr_deck(customer_facts_of(told.rows, account_id, told.as_of), told.policies.documents)
    content = "\n".join(part.decode("utf-8", "replace") for _, part in office.parts(pptx(deck)))
    texts = told.rows(
        "select distinct table_name, column_name from information_schema.columns where table_schema = 'published'"
        " and data_type = 'VARCHAR' and table_name in (select table_name from information_schema.columns"
        " where column_name = 'account_id' and table_schema = 'published')"
    )
    allowed, internal = set(), set()
    for row in texts:
        table, column = row["table_name"], row["column_name"]
        values = told.rows(
            f'select distinct "{column}" as value from {{{table}}} where account_id = $id', id=account_id
        )
        to = allowed if column in MAY_KNOW.get(table, ()) or column in ("account_id", "as_of_date") else internal
        to |= {value["value"] for value in values if value["value"] and " " in value["value"].strip()}
    hidden = {text for text in internal - allowed if not any(text.lower() in one.lower() for one in allowed)}
    assert len(hidden) > 50
    assert [text for text in hidden if text in content] == []
    for word in ("churn", "probability", "RED", "YELLOW", "at risk", "expected loss", "discount", "internal"):
        assert word not in office.text(pptx(deck)), word


def test_notes_and_properties_hold_nothing(told, account_id: str):
    deck = qbr_deck(customer_facts_of(told.rows, account_id, told.as_of), told.policies.documents)
    presentation = Presentation(io.BytesIO(pptx(deck)))
    assert not any(slide.has_notes_slide for slide in presentation.slides)
    properties = presentation.core_properties
    assert (properties.comments, properties.keywords, properties.category) == ("", "", "")


def test_the_deck_shows_what_the_customer_may_know(told, account_id: str):
    facts = customer_facts_of(told.rows, account_id, told.as_of)
    content = pptx(qbr_deck(facts, told.policies.documents))
    assert facts.account["account_name"] in office.text(content)
    assert 1 < len(office.slides(content)) <= 10
    assert office.charts(content)
    assert office.smallest(content) >= 12
    measured = [row for row in facts.measures if row["is_present"] and row["measure"] in MEASURES]
    assert measured
    assert all(row["label"].lower() in office.text(content).lower() for row in measured)


def test_nothing_else_is_even_read(told, account_id: str):
    facts = customer_facts_of(told.rows, account_id, told.as_of)
    read = {"account_signals": [facts.account], "account_health": [facts.health]}
    read |= {"account_health_measures": facts.measures, "health_check_targets": facts.targets}
    for table, rows in read.items():
        assert rows
        assert {column for row in rows for column in row} == set(MAY_KNOW[table])


def test_of_an_account_that_isnt_there_nothing_is_known(told):
    assert customer_facts_of(told.rows, "nobody", told.as_of) is None
