"""A table on a page: filters, order and place are in the URL, rows are cut, filtered, sorted and paged in one query.

A page declares a `Listing`; the exports take the same one, so what is downloaded is what was looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from orchestration.publishing.sql import identifier
from portal.access import Reader, Row

if TYPE_CHECKING:
    from portal.sheets import Sheet

_LONGEST_TEXT = 200
_MOST_VALUES = 50
_DEEPEST_PAGE = 100_000
# Where a choice has more values than this, it is a field to type in, with suggestions.
MOST_CHOICES = 200
BLANK = "(none)"


class QuestionError(ValueError):
    """The URL asks for something that the table doesn't have; says what it has."""


@dataclass(frozen=True)
class Column:
    """A column of the page; `show` names the macro that makes its cell, in the page's template."""

    name: str
    label: str
    show: str = "text"
    sortable: bool = True
    numeric: bool = False
    # What to sort by where it isn't the column itself, in SQL of our own.
    order: str | None = None


@dataclass(frozen=True)
class Filter:
    """A key of the URL and the column it narrows down."""

    name: str
    label: str
    column: str
    kind: Literal["choice", "flag"] = "choice"


@dataclass(frozen=True)
class Listing:
    """What a page shows of one table."""

    # A published table, or a query with tables in braces.
    source: str
    columns: tuple[Column, ...]
    filters: tuple[Filter, ...] = ()
    # Columns that the text field looks in.
    searched: tuple[str, ...] = ("account_name",)
    # The order where the URL names none, in SQL of our own, ending with the key.
    order: str = "1"
    # The key's order, which settles what is equal.
    key: str = "1"
    # Columns that are counted by value, for the chips above the table.
    counted: str | None = None

    @property
    def shown(self) -> Sequence[str]:
        """The columns that a page needs: its own, and ids for links."""
        return tuple(dict.fromkeys((*(one.name for one in self.columns), *listing_keys(self))))

    @property
    def relation(self) -> str:
        return self.source if " " in self.source else f"{{{self.source}}}"

    def ask(self, query: QueryParams) -> Question:
        """What a URL asks of this table; raises QuestionError."""
        chosen = {}
        for one in self.filters:
            values = [value for value in dict.fromkeys(query.getlist(one.name)) if value != ""]
            if len(values) > _MOST_VALUES:
                raise QuestionError(f"{one.label}: {len(values)} values are asked for, {_MOST_VALUES} at most can be")
            if one.kind == "flag" and any(value not in ("yes", "no") for value in values):
                raise QuestionError(f"{one.label}: it is yes or no, not {values[0][:_LONGEST_TEXT]}")
            if values:
                chosen[one.name] = tuple(values)
        sort = query.get("sort") or None
        if sort is not None and sort.removeprefix("-") not in {one.name for one in self.columns if one.sortable}:
            known = ", ".join(one.name for one in self.columns if one.sortable)
            raise QuestionError(f"there is no sorting by {sort[:_LONGEST_TEXT]}; there is: {known}")
        page = query.get("page") or "1"
        if not (page.isascii() and page.isdigit() and len(page) <= 12 and 1 <= int(page) <= _DEEPEST_PAGE):
            raise QuestionError(f"page is a number from 1 to {_DEEPEST_PAGE}, not {page[:_LONGEST_TEXT]}")
        return Question(self, chosen, (query.get("q") or "").strip()[:_LONGEST_TEXT], sort, int(page))


@dataclass(frozen=True)
class Question:
    """What was asked of a listing."""

    listing: Listing
    chosen: Mapping[str, tuple[str, ...]]
    text: str
    sort: str | None
    page: int

    def where(self, without: str | None = None) -> tuple[str, dict[str, Any]]:
        """The condition in SQL and its values; `without` leaves one filter out, for the counts of its values."""
        parts, values = [], {}
        for one in self.listing.filters:
            if one.name == without or one.name not in self.chosen:
                continue
            column, wanted = identifier(one.column), self.chosen[one.name]
            if one.kind == "flag":
                parts.append(f"coalesce({column}, false) = ($f_{one.name} = 'yes')")
                values[f"f_{one.name}"] = wanted[-1]
                continue
            blank = f" or {column} is null" if BLANK in wanted else ""
            parts.append(f"(list_contains($f_{one.name}, cast({column} as varchar)){blank})")
            values[f"f_{one.name}"] = [value for value in wanted if value != BLANK]
        if self.text:
            found = (f"contains(lower(strip_accents({identifier(name)})), $f_q)" for name in self.listing.searched)
            parts.append(f"({' or '.join(found)})")
            values["f_q"] = self.plain_text
        return " and ".join(parts) or "true", values

    @property
    def plain_text(self) -> str:
        """What is looked for, without case and accents."""
        return plain(self.text)

    @property
    def order(self) -> str:
        """The order in SQL, total."""
        if self.sort is None:
            return self.listing.order
        name = self.sort.removeprefix("-")
        column = next(one for one in self.listing.columns if one.name == name)
        direction = "desc" if self.sort.startswith("-") else "asc"
        return f"{column.order or identifier(name)} {direction} nulls last, {self.listing.key}"

    def url(self, **changes: Any) -> str:
        """The query of a URL with some of this question changed; what is None goes."""
        parts: dict[str, Any] = {name: list(values) for name, values in self.chosen.items()}
        parts |= {"q": self.text or None, "sort": self.sort, "page": self.page if self.page > 1 else None}
        if set(changes) - {"page"}:
            parts["page"] = None
        parts |= changes
        return "?" + urlencode(
            {name: value for name, value in parts.items() if value not in (None, [], "")}, doseq=True
        )

    def sorted_url(self, name: str) -> str:
        """Where a click on a column's head leads: up, down, as it was."""
        following = {None: name, name: f"-{name}", f"-{name}": None}
        current = self.sort if self.sort in (name, f"-{name}") else None
        return self.url(sort=following[current])

    def direction(self, name: str) -> str:
        """For aria-sort."""
        return {name: "ascending", f"-{name}": "descending"}.get(self.sort or "", "none")

    @property
    def is_narrowed(self) -> bool:
        return bool(self.chosen or self.text)


@dataclass(frozen=True)
class Answer:
    """One page of a listing."""

    question: Question
    rows: Sequence[Row]
    total: int
    rows_a_page: int
    # Values of every filter that occur in what one sees, whatever is chosen; None where there are too many.
    choices: Mapping[str, Sequence[str] | None]
    # Rows by value of the counted column, the other filters being as they are.
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.rows_a_page))

    @property
    def first(self) -> int:
        return (self.question.page - 1) * self.rows_a_page + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1 if self.rows else 0


def answer(reader: Reader, question: Question, rows_a_page: int) -> Answer:
    """Run a question: on the listing's sheet, where the edition has one, else by SQL."""
    sheet = reader.edition.sheets.of(question.listing)
    return (
        _by_query(reader, question, rows_a_page) if sheet is None else _by_sheet(sheet, reader, question, rows_a_page)
    )


def _by_sheet(sheet: Sheet, reader: Reader, question: Question, rows_a_page: int) -> Answer:
    listing = question.listing
    sight = sheet.sight(reader.viewer)
    mask = sheet.matching(sight, question)
    order = sheet.ordered(question.order)
    numbers = order[mask[order]]
    first = (question.page - 1) * rows_a_page
    rows = sheet.take(numbers[first : first + rows_a_page])
    counts: dict[str, int] = {}
    if listing.counted:
        name = _counting(listing)
        counts = sheet.counts(name, sheet.matching(sight, question, without=name) if name in question.chosen else mask)
    return Answer(question, rows, len(numbers), rows_a_page, sight.choices, counts)


def _counting(listing: Listing) -> str:
    return next(one.name for one in listing.filters if one.column == listing.counted)


def _by_query(reader: Reader, question: Question, rows_a_page: int) -> Answer:
    listing = question.listing
    where, values = question.where()
    names = ", ".join(identifier(name) for name in listing.shown)
    # Nothing of a URL is in the text: its names were compared with declared ones, its values are parameters.
    total = reader.row(f"select count(*) as n from {listing.relation} where {where}", **values)  # noqa: S608
    offset = (question.page - 1) * rows_a_page
    rows = reader.rows(
        f"select {names} from {listing.relation} where {where} order by {question.order}"  # noqa: S608
        f" limit {int(rows_a_page)} offset {int(offset)}",
        **values,
    )
    counts: dict[str, int] = {}
    if listing.counted:
        name = _counting(listing)
        where, values = question.where(without=name)
        column = identifier(listing.counted)
        found = reader.rows(
            f"select {column} as value, count(*) as n from {listing.relation} where {where} group by 1",  # noqa: S608
            **values,
        )
        counts = {row["value"]: row["n"] for row in found if row["value"] is not None}
    return Answer(question, rows, total["n"] if total else 0, rows_a_page, _choices(reader, listing), counts)


def plain(text: str) -> str:
    """A text as it is looked for: without case and accents, as `lower(strip_accents(…))` makes it."""
    import unicodedata

    parts = unicodedata.normalize("NFD", text)
    return "".join(letter for letter in parts if not unicodedata.combining(letter)).lower()


def listing_keys(listing: Listing) -> Sequence[str]:
    """Columns that cells need beside their own: ids for links."""
    return [name.strip().strip('"') for name in listing.key.split(",") if name.strip() != "1"]


def _choices(reader: Reader, listing: Listing) -> dict[str, Sequence[str] | None]:
    found: dict[str, Sequence[str] | None] = {}
    for one in listing.filters:
        if one.kind == "flag":
            found[one.name] = ("yes", "no")
            continue
        column = identifier(one.column)
        rows = reader.rows(
            f"select distinct coalesce(cast({column} as varchar), '{BLANK}') as value from {listing.relation}"  # noqa: S608
            f" order by 1 limit {MOST_CHOICES + 1}"
        )
        found[one.name] = [row["value"] for row in rows] if len(rows) <= MOST_CHOICES else None
    return found
