"""From the cells of pages to rows of canonical columns, and from those to what a source hands on.

A task that carries the key of what was made from here is ours until a person closes it: what we wrote doesn't come back
as news. Such tasks are known, and not handed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestration.policy.sources import Source
from orchestration.sources.salesforce_ids import long_id_sql
from orchestration.sources.sqltext import Sql, compose, identifier, joined, literal
from orchestration.sources.streams import STREAMS, Kind
from orchestration.systems.salesforce import pages
from orchestration.systems.salesforce.describe import EVIDENCE, Asked, Field
from orchestration.systems.salesforce.query import STAMP
from orchestration.systems.store import first_filled

# Beside the columns: filled for what isn't handed on.
WITHHELD = "_withheld"
# The view of the ids of records that a file is attached to.
EVIDENCE_VIEW = "evidence"
ID, DELETED, CLOSED = "Id", "IsDeleted", "IsClosed"
# What ids of these columns begin with: a task's WhatId may be any record's.
_PREFIXES = {"account_id": "001", "opportunity_id": "006", "contract_id": "800", "contact_id": "003"}
_SEVERAL = 2
_NULL = Sql("CAST(NULL AS VARCHAR)")


def fields_of(asked: Asked) -> tuple[Field, ...]:
    """What to ask for: the id, the stamp, deletion, then what is mapped; each field once."""
    own = [name for name in (ID, STAMP, DELETED) if asked.object.has(name)]
    if asked.key is not None:
        own.append(CLOSED)
    found = [asked.object.fields[name.lower()] for name in own]
    found += [field for fields in asked.columns.values() for field in fields if isinstance(field, Field)]
    found += [*asked.extra.values(), *([asked.key] if asked.key else [])]
    return tuple({field.path: field for field in found}.values())


def columns_of(asked: Asked) -> tuple[str, ...]:
    """The columns of a source's file."""
    return (*asked.columns, *asked.extra)


def select(source: Source, asked: Asked, fields: Sequence[Field], paths: Sequence[Path]) -> Sql:
    """A SELECT over pages of `_key`, `_stamp`, `_deleted`, the columns as text, `_withheld` and `_place`."""

    def own(name: str) -> Sql:
        found = asked.object.fields.get(name.lower())
        return pages.cell(fields, found) if found in fields else _NULL

    texts = {
        **{column: _text(column, fields, mapped) for column, mapped in asked.columns.items()},
        **{name: pages.cell(fields, field) for name, field in asked.extra.items()},
    }
    rows = compose(
        "SELECT {id} AS _key, coalesce({stamp}, '') AS _stamp, coalesce({deleted} = 'true', false) AS _deleted,"
        " {texts}, {withheld} AS {name}, _place FROM ({cells})",
        id=own(ID),
        stamp=own(STAMP),
        deleted=own(DELETED),
        texts=joined(compose("{text} AS {name}", text=text, name=identifier(name)) for name, text in texts.items()),
        withheld=_withheld(asked, fields, own(CLOSED)),
        name=identifier(WITHHELD),
        cells=pages.cells(paths, fields),
    )
    ids = [column for column in asked.columns if STREAMS[source.stream].column(column).kind is Kind.ID]
    if not ids:
        return rows
    longer = joined(compose("{long} AS {c}", long=long_id_sql(identifier(c)), c=identifier(c)) for c in ids)
    return compose("SELECT * REPLACE ({longer}) FROM ({rows})", longer=longer, rows=rows)


def handed_on(asked: Asked) -> Sql:
    """A SELECT over the view `records` of what the source's file holds; with evidence from its view."""
    filled = [column for column, fields in asked.columns.items() if EVIDENCE in fields]
    if not filled:
        return compose("SELECT * FROM records WHERE {withheld} IS NULL", withheld=identifier(WITHHELD))
    attached = Sql("CASE WHEN attached.record_id IS NULL THEN 'false' ELSE 'true' END")
    return compose(
        "SELECT records.* REPLACE ({filled}) FROM records LEFT JOIN {evidence} AS attached"
        " ON records._key = attached.record_id WHERE {withheld} IS NULL",
        filled=joined(
            compose("coalesce(records.{c}, {attached}) AS {c}", c=identifier(column), attached=attached)
            for column in filled
        ),
        evidence=identifier(EVIDENCE_VIEW),
        withheld=identifier(WITHHELD),
    )


def _text(column: str, fields: Sequence[Field], mapped: Sequence[Field | str]) -> Sql:
    # Evidence is always filled: what stands behind it is never looked at.
    ends = mapped.index(EVIDENCE) if EVIDENCE in mapped else len(mapped)
    found = [_meant(column, fields, field) for field in mapped[:ends] if isinstance(field, Field)]
    return first_filled(found) if found else _NULL


def _meant(column: str, fields: Sequence[Field], field: Field) -> Sql:
    """The cell; of a reference to several objects only where it points to what the column is about."""
    cell, prefix = pages.cell(fields, field), _PREFIXES.get(column)
    if prefix is None or len(field.targets) < _SEVERAL:
        return cell
    return compose("CASE WHEN starts_with({cell}, {prefix}) THEN {cell} END", cell=cell, prefix=literal(prefix))


def _withheld(asked: Asked, fields: Sequence[Field], closed: Sql) -> Sql:
    if asked.key is None:
        return _NULL
    return compose(
        "CASE WHEN {key} IS NOT NULL AND {closed} IS DISTINCT FROM 'true' THEN 'true' END",
        key=pages.cell(fields, asked.key),
        closed=closed,
    )
