"""A report of the org instead of an object: for what only a report knows, or where no object may be read.

The vendor gives 2,000 rows of a report at most and then stops, with no more than `allData: false` to tell it. Such an
answer is refused: part of a stream would look like all of it. A report has no ids of its own, no stamps and no
deletions, so it is always read whole. It must be a tabular one: rows of groups don't say their group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestration.policy.problems import nearest
from orchestration.policy.sources import Source
from orchestration.sources.errors import SourceError
from orchestration.sources.salesforce_ids import long_id_sql
from orchestration.sources.sqltext import Sql, compose, identifier, joined, literal
from orchestration.sources.streams import STREAMS, Kind
from orchestration.systems.salesforce import pages
from orchestration.systems.salesforce.query import Part
from orchestration.systems.salesforce.session import Session
from orchestration.systems.store import Journal, Merged, RecordStore, first_filled

_MOST_ROWS = 2_000
_TABULAR = "TABULAR"
# Where the rows of a report without groups stand, and what its page is called here.
_ROWS, _REPORT = "T!T", "report"
# Types whose value is what the cell means; of others the label is: a name rather than an id behind it.
_BY_VALUE = frozenset({"boolean", "date", "datetime", "time", "int", "double", "percent", "id"})
_MONEY = "currency"
_NOT_FOUND = 404


class Report:
    """One report of one org."""

    def __init__(self, session: Session, source: Source) -> None:
        self.session = session
        self.source = source

    def pull(self, store: RecordStore) -> Merged:
        """Read it whole into the store. Raises SourceError where it isn't whole, or lacks a column."""
        request = {"report": self.source.report, "columns": self.source.columns, "extra": self.source.extra}
        journal = store.journal(request)
        part = Part(journal, _REPORT)
        # What an earlier pull left is of no use: a report has no place to go on from.
        part.begin_again()
        told = self.ask()
        types = self.columns(told)
        part.add_records(told["factMap"][_ROWS]["rows"], done=True)
        return store.merge(journal, self._rows(journal, types), self.names, request, whole=True)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the source's file."""
        return (*self.source.columns, *self.source.extra)

    def ask(self) -> Mapping[str, Any]:
        """The report with its rows. Raises SourceError where that isn't all of it."""
        path = self.session.path(f"analytics/reports/{self.source.report}")
        answer = self.session.api.json("GET", path, params={"includeDetails": "true"}, also=(_NOT_FOUND,))
        if answer.status == _NOT_FOUND:
            raise self._error(
                "the org has no such report, or the user has no right to see it.",
                action="see the id in the report's address, and that the user may see its folder",
            )
        told = answer.body if isinstance(answer.body, dict) else {}
        found = _format(told)
        if found != _TABULAR:
            raise self._error(
                f"the report is of format {found or 'unknown'}.",
                expected="a tabular report: without groups",
                action="take the groups out of a copy of it",
            )
        self._check_whole(told)
        return told

    def columns(self, told: Mapping[str, Any]) -> Mapping[str, tuple[int, str]]:
        """By what the source calls a column, its label or API name: its position and type. Raises SourceError."""
        names = told.get("reportMetadata", {}).get("detailColumns", [])
        infos = told.get("reportExtendedMetadata", {}).get("detailColumnInfo", {})
        known: dict[str, tuple[int, str]] = {}
        for position, name in enumerate(names):
            info = infos.get(name, {})
            for called in (name, info.get("label") or name):
                known.setdefault(called, (position, str(info.get("dataType", "string"))))
        for column, asked in self._asked():
            if asked not in known:
                raise self._error(
                    f"the report has no column {asked}.",
                    place=column,
                    expected=f"one of {', '.join(known)}",
                    action=nearest(asked, known) or "add it to the report",
                )
        return known

    def _asked(self) -> Iterator[tuple[str, str]]:
        for column in self.source.columns:
            for asked in self.source.fields_of(column):
                yield column, asked
        for asked in self.source.extra:
            yield "extra", asked

    def _check_whole(self, told: Mapping[str, Any]) -> None:
        rows = len(told.get("factMap", {}).get(_ROWS, {}).get("rows") or ())
        if told.get("allData") is not True or rows >= _MOST_ROWS:
            raise self._error(
                f"the report isn't given whole: {rows:,} rows came, and the vendor gives {_MOST_ROWS:,} at most.",
                expected=f"a report of fewer than {_MOST_ROWS:,} rows",
                action="name the object instead of the report, or filter the report further",
            )

    def _rows(self, journal: Journal, types: Mapping[str, tuple[int, str]]) -> Sql:
        columns = STREAMS[self.source.stream]

        def text(column: str) -> Sql:
            is_id = columns.column(column).kind is Kind.ID
            return first_filled([_cell(types[asked], is_id) for asked in self.source.fields_of(column)])

        texts = {
            **{column: text(column) for column in self.source.columns},
            **{asked: _cell(types[asked], False) for asked in self.source.extra},
        }
        # No record has a name of its own: its place in the report is as good.
        return compose(
            "SELECT printf('%08d', place) AS _key, '' AS _stamp, false AS _deleted, {texts}, place AS _place"
            " FROM (SELECT record, row_number() OVER () AS place FROM ({lines}))",
            texts=joined(compose("{text} AS {name}", text=text, name=identifier(name)) for name, text in texts.items()),
            lines=pages.lines(journal.pages_of(_REPORT)),
        )

    def _error(self, message: str, place: str = "", **more: str) -> SourceError:
        return SourceError(message, file=self.source.name, place=place or f"report {self.source.report}", **more)


def _format(told: Mapping[str, Any]) -> str:
    return str(told.get("reportMetadata", {}).get("reportFormat") or "")


def _cell(column: tuple[int, str], is_id: bool) -> Sql:
    position, kind = column
    value = compose("record->>{path}", path=literal(f"$.dataCells[{position}].value"))
    label = compose("record->>{path}", path=literal(f"$.dataCells[{position}].label"))
    if kind == _MONEY:
        amount = compose("record->>{path}", path=literal(f"$.dataCells[{position}].value.amount"))
        return compose("coalesce({amount}, {value})", amount=amount, value=value)
    if is_id:
        long = long_id_sql(compose("({value})", value=value))
        return compose(
            "CASE WHEN strlen({long}) = 18 THEN {long} ELSE {label} END", long=compose("({x})", x=long), label=label
        )
    if kind in _BY_VALUE:
        return value
    # A blank cell has the label "-".
    return compose("CASE WHEN {value} IS NOT NULL THEN {label} END", value=value, label=label)
