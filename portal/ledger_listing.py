"""Tables of the ledger as listings: the same URLs, chips, filters and pages as those of published tables.

Rows are cut by the accounts that the viewer sees, filtered, sorted and paged in one query, on SQLite and PostgreSQL.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import sqlalchemy as sa

from orchestration.ledger.store import Store
from portal.access import Reader, Row
from portal.listing import BLANK, MOST_CHOICES, Answer, Filter, Listing, Question, plain

Condition = sa.ColumnElement[bool]
# A published table, and its columns by filter.
Choices = tuple[str, Mapping[str, str]]


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
    # Where the values of filters are looked up.
    choices: Choices

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


def answer(
    store: Store,
    reader: Reader,
    queue: Queue,
    question: Question,
    rows_a_page: int,
    also: Mapping[str, Condition] = MappingProxyType({}),
) -> tuple[Answer, dict[str, int]]:
    """One page of a queue; its rows have every column of the table. `also` are conditions whose rows are counted.

    Everything is counted in one scan; what is counted by `also` and by value leaves the counted filter out, and `also`
    the flags too.
    """
    listing, table = queue.listing, queue.table
    value = queue.column(str(listing.counted))
    by_value = next(one for one in listing.filters if one.column == listing.counted)
    flags = tuple(one for one in listing.filters if one.kind == "flag")
    cut = of_accounts(store, table.c.account_id, reader.account_ids)
    others = cut & _where(store, reader, queue, question, without=(by_value, *flags))
    flagged = sa.and_(sa.true(), *_filters(queue, question, flags))
    fits = flagged & sa.and_(sa.true(), *_filters(queue, question, (by_value,)))
    counts = [_count(flagged), _count(fits), *(_count(condition) for condition in also.values())]
    page = sa.select(table).where(others & fits).order_by(*_order(queue, question))
    with store.reading() as con:
        found = con.execute(sa.select(value, *counts).select_from(table).where(others).group_by(value)).all()
        offset = (question.page - 1) * rows_a_page
        rows = [dict(row) for row in con.execute(page.limit(rows_a_page).offset(offset)).mappings()]
    of_values = {row[0]: row[1] for row in found if row[0] is not None and row[1]}
    told = {name: sum(row[3 + place] for row in found) for place, name in enumerate(also)}
    total = sum(row[2] for row in found)
    choices = choices_of(reader, listing, queue.choices, question)
    return Answer(question, rows, total, rows_a_page, choices, of_values), told


def _count(condition: Condition) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((condition, 1), else_=0))


def some_rows(store: Store, reader: Reader, table: sa.Table, key: sa.ColumnElement, ids: Sequence[str]) -> list[Row]:
    """Those of these rows that are there and that the viewer sees, in the order of `ids`."""
    where = of_accounts(store, table.c.account_id, reader.account_ids) & key.in_(list(ids))
    return _in_order(store, sa.select(table).where(where), key, ids)


def whole_rows(store: Store, table: sa.Table, key: sa.ColumnElement, ids: Sequence[str]) -> list[Row]:
    """Those of these rows that are there, in the order of `ids`; whoever asks has cut them."""
    return _in_order(store, sa.select(table).where(key.in_(list(ids))), key, ids)


def _in_order(store: Store, query: sa.Select, key: sa.ColumnElement, ids: Sequence[str]) -> list[Row]:
    with store.reading() as con:
        found = {row[key.key]: dict(row) for row in con.execute(query).mappings()}
    return [found[one] for one in dict.fromkeys(ids) if one in found]


def _where(store: Store, reader: Reader, queue: Queue, question: Question, without: Sequence[Filter] = ()) -> Condition:
    parts = _filters(queue, question, [one for one in queue.listing.filters if one not in without])
    if question.text:
        parts.append(_found(store, reader, queue, question.text))
    return sa.and_(sa.true(), *parts)


def _filters(queue: Queue, question: Question, filters: Sequence[Filter]) -> list[Condition]:
    parts: list[Condition] = []
    for one in filters:
        chosen = question.chosen.get(one.name)
        if not chosen:
            if one.column == queue.listing.counted:
                parts.append(queue.by_default)
            continue
        column = queue.column(one.column)
        if one.kind == "flag":
            parts.append(column if chosen[-1] == "yes" else ~column)
            continue
        fits = column.in_([value for value in chosen if value != BLANK])
        parts.append(fits | column.is_(None) if BLANK in chosen else fits)
    return parts


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


def choices_of(
    reader: Reader, listing: Listing, choices: Choices, question: Question
) -> dict[str, Sequence[str] | None]:
    """The values of filters, as the publication has them; None where there are too many, or none is known."""
    published, columns = choices
    found: dict[str, Sequence[str] | None] = {}
    for one in listing.filters:
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
