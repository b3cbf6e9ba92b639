"""Whether a file is attached to a record: the field `has_evidence`, which no object has by itself.

A file is a ContentDocument with a ContentDocumentLink to the record, or a classic Attachment below it; neither it nor
its link deleted. The links are kept beside the source's records (`<source>/evidence/`) and joined when its file is
written, so that a file that comes or goes changes the row though the record doesn't change.

How links are asked for depends on a right:

- With "Query All Files" they are asked for like any object, what changed since last time.
- Without it the org answers only for given ids. A whole pull asks for the links of every record, or, where there are
  very many, of every document if those are fewer; others for those of documents that changed, and of records that
  changed. Then a file that is old already and is attached to a record that doesn't change is noticed only by the next
  whole pull (`whole_every_days`), as is a link that is taken away while file and record stay. Files that the user may
  not see are never noticed; by documents, fewer are seen than by records.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from orchestration.sources.sqltext import Sql, compose, identifier, joined, literal
from orchestration.systems.http import ApiError
from orchestration.systems.salesforce import pages
from orchestration.systems.salesforce.describe import Describe, Field, Object
from orchestration.systems.salesforce.query import STAMP, Part, Query, in_texts, since, text
from orchestration.systems.salesforce.read import Reader
from orchestration.systems.salesforce.rows import EVIDENCE_VIEW
from orchestration.systems.salesforce.session import Session, code_of
from orchestration.systems.store import Journal, RecordStore

DOCUMENT, LINK, ATTACHMENT = "ContentDocument", "ContentDocumentLink", "Attachment"
OBJECTS = (DOCUMENT, LINK, ATTACHMENT)
_COLUMNS = ("record_id", "document_id")
# So many records are asked for one by one, some 250 calls, even where there are fewer documents.
_RECORDS_BY_ID = 100_000
# As many ids as fit into an address of 16,384 bytes, with room.
_IDS_A_CALL = 400
_RESTRICTED = "MALFORMED_QUERY"
# What each kind of page holds: the prefix of its keys, then the fields with the record's and the document's id.
_KINDS: dict[str, tuple[str, str, str | None, str | None]] = {
    "attachments": (ATTACHMENT, "a", "ParentId", None),
    "documents": (DOCUMENT, "d", None, "Id"),
    "links": (LINK, "l", "LinkedEntityId", "ContentDocumentId"),
}


def may_query_all(session: Session) -> bool:
    """Whether links may be asked for without saying whose. Raises ApiError."""
    try:
        session.get(session.path("query"), params={"q": " ".join(("SELECT Id FROM", LINK, "LIMIT 1"))})
    except ApiError as error:
        if code_of(error) == _RESTRICTED:
            return False
        raise
    return True


@dataclass
class Evidence:
    """The files attached to the records of one object."""

    session: Session
    describe: Describe
    reader: Reader
    object: Object
    store: RecordStore

    def pull(self, records: Sequence[Path], fields: Sequence[Field], *, whole: bool, begun_at: datetime) -> None:
        """Bring the links in line with the org. `records`: the pages of records that this pull fetched, all of them
        where it is `whole`; `begun_at`: when it began. Raises SourceError."""
        is_free = may_query_all(self.session)
        request = {"evidence": self.object.name, "by": "query" if is_free else "ids"}
        state = self.store.state()
        is_fresh = state is not None and state.whole_at >= begun_at
        base = self.store.base(request, whole=whole and not is_fresh)
        # Without the records before, their links can't be asked for: then documents lead there.
        condition = since(base.watermark, self.store.pulling.lookback_minutes) if base else None
        journal = self.store.journal({**request, "since": condition})
        self._fetch("attachments", journal, condition, f"Parent.Type = {text(self.object.name)}")
        # A document that is deleted takes its links along, which don't say so.
        self._fetch("documents", journal, condition or ("IsDeleted = true" if is_free else None))
        if is_free:
            self._fetch("links", journal, condition)
        else:
            self._fetch_links(journal, records, fields, whole=whole, everything=condition is None)
        started = [at["started"] for at in journal.position.values() if at.get("started")]
        self.store.merge(
            journal,
            self._rows(journal),
            _COLUMNS,
            request,
            whole=condition is None,
            not_after=min(started, default=None),
        )

    def prepare(self) -> Callable[[duckdb.DuckDBPyConnection], None]:
        """What makes the view of records with a file, for joining."""
        state = self.store.state()
        known = (
            compose("read_parquet({file})", file=literal(str(self.store.folder / state.file)))
            if state is not None
            else Sql("(SELECT '' AS _key, false AS _deleted, '' AS record_id, '' AS document_id WHERE false)")
        )
        view = compose(
            """CREATE VIEW {view} AS
            SELECT DISTINCT record_id FROM {known}
            WHERE NOT _deleted AND record_id IS NOT NULL
              AND (document_id IS NULL OR document_id NOT IN (
                SELECT document_id FROM {known} WHERE _deleted AND record_id IS NULL AND document_id IS NOT NULL))""",
            view=identifier(EVIDENCE_VIEW),
            known=known,
        )
        return lambda con: con.execute(view)

    def _fetch(self, kind: str, journal: Journal, *conditions: str | None) -> None:
        where = tuple(one for one in conditions if one)
        self.reader.fetch(Query(self._object(kind), self._fields(kind), where), Part(journal, kind))

    def _fetch_links(
        self, journal: Journal, records: Sequence[Path], fields: Sequence[Field], *, whole: bool, everything: bool
    ) -> None:
        documents = pages.keys(journal.pages_of("documents"), self._fields("documents"))
        changed = pages.keys(records, fields)
        if everything and whole and len(changed) <= max(len(documents), _RECORDS_BY_ID):
            self._ask("LinkedEntityId", changed, journal)
            return
        self._ask("ContentDocumentId", documents, journal)
        if not whole:
            self._ask("LinkedEntityId", changed, journal)

    def _ask(self, field: str, ids: Sequence[str], journal: Journal) -> None:
        """Ask for the links of ids, some at a time; goes on with the ids that weren't asked for yet."""
        part, query = Part(journal, "links"), Query(self._object("links"), self._fields("links"))
        done, key = dict(part.at.get("batches", {})), f"{field} {_digest(ids)}"
        for number, batch in enumerate(_batches(ids), start=1):
            if number <= done.get(key, 0):
                continue
            found = self.reader.fetch_small(Query(query.object, query.fields, (in_texts(field, batch),)))
            done[key] = number
            part.add_records(found, batches=done)

    def _rows(self, journal: Journal) -> Sql:
        return joined((self._rows_of(kind, journal) for kind in _KINDS), " UNION ALL ")

    def _rows_of(self, kind: str, journal: Journal) -> Sql:
        _, prefix, record, document = _KINDS[kind]
        fields = self._fields(kind)

        def cell(name: str | None) -> Sql:
            if name is None:
                return Sql("CAST(NULL AS VARCHAR)")
            return pages.cell(fields, next(field for field in fields if field.path == name))

        rows = compose(
            "SELECT {prefix} || {id} AS _key, coalesce({stamp}, '') AS _stamp,"
            " coalesce({deleted} = 'true', false) AS _deleted, {record} AS record_id, {document} AS document_id, _place"
            " FROM ({cells})",
            prefix=literal(prefix),
            id=cell("Id"),
            stamp=cell(STAMP),
            deleted=cell("IsDeleted"),
            record=cell(record),
            document=cell(document),
            cells=pages.cells(journal.pages_of(kind), fields),
        )
        if record is None:
            return rows
        # A file is linked to its owner and to libraries too.
        return compose(
            "SELECT * FROM ({rows}) WHERE starts_with(record_id, {prefix})",
            rows=rows,
            prefix=literal(self.object.prefix),
        )

    def _object(self, kind: str) -> Object:
        return self.describe.object(_KINDS[kind][0])

    def _fields(self, kind: str) -> tuple[Field, ...]:
        _, _, record, document = _KINDS[kind]
        names = dict.fromkeys(name for name in ("Id", STAMP, "IsDeleted", record, document) if name)
        found = self._object(kind)
        return tuple(self.describe.field(found, name) for name in names)


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _IDS_A_CALL):
        yield ids[start : start + _IDS_A_CALL]


def _digest(ids: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16]
