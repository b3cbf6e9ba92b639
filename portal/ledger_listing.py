"""Tables of the ledger as listings: the same URLs, chips, filters and pages as those of published tables.

Rows are cut by the accounts that the viewer sees, filtered, sorted and paged in one query, on SQLite and PostgreSQL.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from orchestration.ledger.store import Store
from portal.access import Reader, Row
from portal.listing import BLANK, MOST_CHOICES, Answer, Listing, Question, plain

Condition = sa.ColumnElement[bool]


@dataclass(frozen=True)
class Queue:
    """A listing of a table of the ledger, for one viewer."""

    listing: Listing
    table: sa.Table
    # Names of the listing that aren't columns of the table.
    named: Mapping[str, sa.ColumnElement]
    order: Sequence[sa.ColumnElement]
    # What is shown where nothing is chosen of the filter that is counted.
    by_default: Condition
    # Where the values of filters are looked up: published columns by filter.
    choices: tuple[str, Mapping[str, str]] = ("", field(default_factory=dict))

    def column(self, name: str) -> sa.ColumnElement:
        """What a name of the listing stands for."""
        return self.named[name] if name in self.named else self.table.c[name]


def of_accounts(store: Store, column: sa.ColumnElement, account_ids: frozenset[str] | None) -> Condition:
    """Whether a column names one of these accounts, however many they are; None stands for all."""
    if account_ids is None:
        return sa.true()
    ids = sorted(account_ids)
    if store.is_sqlite:
        each = sa.func.json_each(sa.literal(json.dumps(ids), sa.Text)).table_valued("value")
        return column.in_(sa.select(each.c.value))
    return column == sa.any_(sa.literal(ids, sa.ARRAY(sa.Text)))


def answer(store: Store, reader: Reader, queue: Queue, question: Question, rows_a_page: int) -> Answer:
    """One page of a queue; its rows have every column of the table."""
    listing, table = queue.listing, queue.table
    cut = of_accounts(store, table.c.account_id, reader.account_ids)
    where = cut & _where(store, reader, queue, question)
    with store.reading() as con:
        total = con.execute(sa.select(sa.func.count()).select_from(table).where(where)).scalar_one()
        offset = (question.page - 1) * rows_a_page
        ordered = sa.select(table).where(where).order_by(*_order(queue, question))
        rows = [dict(row) for row in con.execute(ordered.limit(rows_a_page).offset(offset)).mappings()]
        counts: dict[str, int] = {}
        if listing.counted:
            name = next(one.name for one in listing.filters if one.column == listing.counted)
            value = queue.column(listing.counted)
            others = cut & _where(store, reader, queue, question, without=name)
            found = con.execute(sa.select(value, sa.func.count()).where(others).select_from(table).group_by(value))
            counts = {row[0]: row[1] for row in found if row[0] is not None}
    return Answer(question, rows, total, rows_a_page, _choices(reader, queue, question), counts)


def counted(store: Store, reader: Reader, queue: Queue, question: Question, condition: Condition) -> int:
    """How many of a question's rows, but for its counted filter and flags, fulfil a condition."""
    flags = tuple(one.name for one in queue.listing.filters if one.kind == "flag")
    kept = {name: values for name, values in question.chosen.items() if name not in flags}
    asked = Question(queue.listing, kept, question.text, None, 1)
    name = next(one.name for one in queue.listing.filters if one.column == queue.listing.counted)
    where = of_accounts(store, queue.table.c.account_id, reader.account_ids)
    where &= _where(store, reader, queue, asked, without=name) & condition
    with store.reading() as con:
        return con.execute(sa.select(sa.func.count()).select_from(queue.table).where(where)).scalar_one()


def first_rows(
    store: Store, reader: Reader, queue: Queue, question: Question, condition: Condition, at_most: int
) -> list[Row]:
    """The first rows of a question that fulfil a condition."""
    where = of_accounts(store, queue.table.c.account_id, reader.account_ids)
    where &= _where(store, reader, queue, question) & condition
    ordered = sa.select(queue.table).where(where).order_by(*_order(queue, question)).limit(at_most)
    with store.reading() as con:
        return [dict(row) for row in con.execute(ordered).mappings()]


def some_rows(store: Store, reader: Reader, table: sa.Table, key: sa.ColumnElement, ids: Sequence[str]) -> list[Row]:
    """Those of these rows that are there and that the viewer sees, in the order of `ids`."""
    where = of_accounts(store, table.c.account_id, reader.account_ids) & key.in_(list(ids))
    with store.reading() as con:
        found = {row[key.key]: dict(row) for row in con.execute(sa.select(table).where(where)).mappings()}
    return [found[one] for one in dict.fromkeys(ids) if one in found]


def _where(store: Store, reader: Reader, queue: Queue, question: Question, without: str | None = None) -> Condition:
    parts: list[Condition] = []
    for one in queue.listing.filters:
        chosen = question.chosen.get(one.name)
        is_counted = one.column == queue.listing.counted
        if one.name == without:
            continue
        if not chosen:
            if is_counted:
                parts.append(queue.by_default)
            continue
        column = queue.column(one.column)
        if one.kind == "flag":
            parts.append(column if chosen[-1] == "yes" else ~column)
            continue
        fits = column.in_([value for value in chosen if value != BLANK])
        parts.append(fits | column.is_(None) if BLANK in chosen else fits)
    if question.text:
        parts.append(_found(store, reader, queue, question.text))
    return sa.and_(sa.true(), *parts)


def _found(store: Store, reader: Reader, queue: Queue, text: str) -> Condition:
    """Where a text occurs; names of published accounts are compared without accents, as on other pages."""
    rows = reader.rows(
        "select account_id from {account_signals} where contains(lower(strip_accents(account_name)), $text)",
        text=plain(text),
    )
    of_it = of_accounts(store, queue.table.c.account_id, frozenset(row["account_id"] for row in rows))
    ways = [
        sa.func.lower(queue.column(name)).contains(text.lower(), autoescape=True) for name in queue.listing.searched
    ]
    return sa.or_(of_it, *ways)


def _order(queue: Queue, question: Question) -> Sequence[sa.ColumnElement]:
    if question.sort is None:
        return queue.order
    name = question.sort.removeprefix("-")
    column = queue.column(name)
    directed = column.desc() if question.sort.startswith("-") else column.asc()
    return (sa.nulls_last(directed), *queue.table.primary_key.columns)


def _choices(reader: Reader, queue: Queue, question: Question) -> dict[str, Sequence[str] | None]:
    """The values of filters, as the publication has them; None where there are too many, or none is known."""
    published, columns = queue.choices
    found: dict[str, Sequence[str] | None] = {}
    for one in queue.listing.filters:
        if one.kind == "flag":
            found[one.name] = ("yes", "no")
            continue
        found[one.name] = None
        if one.name in columns and reader.has(published):
            rows = reader.rows(
                f"select distinct {columns[one.name]} as value from {{{published}}}"  # noqa: S608 - columns of our own
                f" where value is not null order by 1 limit {MOST_CHOICES + 1}"
            )
            values = [str(row["value"]) for row in rows]
            chosen = [value for value in question.chosen.get(one.name, ()) if value not in values]
            found[one.name] = sorted([*values, *chosen]) if len(values) <= MOST_CHOICES else None
    return found
