"""One Salesforce org as a connected system: what it has of a source, and whether all that is needed works."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from orchestration.policy.sources import Source
from orchestration.policy.systems import Calling, Pulling, Salesforce
from orchestration.systems.base import Context, Found, Pulled
from orchestration.systems.salesforce import rows
from orchestration.systems.salesforce.describe import Asked, Describe
from orchestration.systems.salesforce.evidence import Evidence
from orchestration.systems.salesforce.examine import examine
from orchestration.systems.salesforce.query import Part, Query, since
from orchestration.systems.salesforce.read import Reader
from orchestration.systems.salesforce.reports import Report
from orchestration.systems.salesforce.session import Session
from orchestration.systems.store import RecordStore

_PAGE = "page"
_EVIDENCE = "evidence"
# How records were fetched, for people.
_WAYS = {"none": "nothing new", "rest": "by pages of the REST API", "bulk": "by a job of the Bulk API"}


class SalesforceSystem:
    """One org. `deadline`: of `clock`, after which it is asked no more."""

    def __init__(
        self,
        name: str,
        policy: Salesforce,
        secret: str,
        calling: Calling,
        pulling: Pulling,
        deadline: float | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.policy = policy
        self.pulling = pulling
        self.session = Session(name, policy, secret, calling, deadline, sleep=sleep, clock=clock, wall=wall)
        self.describe = Describe(self.session)

    def pull(self, source: Source, store: RecordStore, context: Context) -> Pulled:
        """Bring what the org has of a source. Raises SourceError."""
        before = self.session.calls
        pulled = self._report(source, store) if source.report else self._object(source, store, context)
        return replace(pulled, calls=self.session.calls - before, quota=self.session.quota)

    def examine(self, sources: Sequence[Source]) -> Iterator[Found]:
        """Try what pulling these sources needs."""
        yield from examine(self.session, self.describe, sources)

    def close(self) -> None:
        """Let go of connections."""
        self.session.close()

    def _object(self, source: Source, store: RecordStore, context: Context) -> Pulled:
        asked = self.describe.asked(source, self.policy.key_field)
        fields = rows.fields_of(asked)
        request = {
            "object": asked.object.name,
            "where": source.where,
            "columns": source.columns,
            "extra": source.extra,
            "key_field": asked.key.path if asked.key else None,
        }
        base = store.base(request, whole=context.whole)
        condition = since(base.watermark, self.pulling.lookback_minutes) if base is not None else None
        journal = store.journal({**request, "since": condition})
        part, reader = Part(journal, _PAGE), Reader(self.session, context.now)
        query = Query(asked.object, fields, tuple(one for one in (source.where, condition) if one))
        reader.fetch(query, part)
        files = self._evidence(asked, store, reader) if asked.has_evidence else None
        if files is not None:
            # Before the records: a pull that is killed between the two asks for the links of the same records again.
            files.pull(part.pages, fields, whole=condition is None, begun_at=journal.begun_at)
        pages, way = len(part.pages), part.at["way"]
        merged = store.merge(
            journal,
            rows.select(source, asked, fields, part.pages),
            (*rows.columns_of(asked), rows.WITHHELD),
            request,
            whole=condition is None,
            # An object without stamps is always read whole.
            not_after=part.at.get("started") if query.has_stamp else None,
        )
        prepare = files.prepare() if files is not None else None
        file = store.write_csv(source.stream, rows.columns_of(asked), rows.handed_on(asked), prepare)
        state = store.state()
        return Pulled(
            source.name,
            source.stream,
            (file,),
            rows=merged.rows,
            records=merged.records,
            deleted=merged.deleted,
            pages=pages,
            whole=condition is None,
            watermark=state.watermark if state else None,
            notes=(_WAYS[way],),
        )

    def _report(self, source: Source, store: RecordStore) -> Pulled:
        report = Report(self.session, source)
        merged = report.pull(store)
        file = store.write_csv(source.stream, report.names)
        return Pulled(
            source.name, source.stream, (file,), rows=merged.rows, records=merged.records, pages=1, whole=True
        )

    def _evidence(self, asked: Asked, store: RecordStore, reader: Reader) -> Evidence:
        beside = RecordStore(store.folder / _EVIDENCE, self.pulling, store.now)
        return Evidence(self.session, self.describe, reader, asked.object, beside)
