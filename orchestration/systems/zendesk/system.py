"""One Zendesk account: a pull of its tickets, from what may be asked for to the file that extraction reads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from orchestration.policy.sources import Source
from orchestration.policy.systems import Calling, Zendesk
from orchestration.sources.sqltext import Sql, compose, identifier, joined, literal
from orchestration.systems.base import Context, Found, Pulled
from orchestration.systems.store import Merged, RecordStore, State, first_filled
from orchestration.systems.zendesk import events, fields, organizations, tickets
from orchestration.systems.zendesk.client import open_api
from orchestration.systems.zendesk.examine import examine
from orchestration.systems.zendesk.tickets import LostCursorError, Wanted

# What stands for a cursor where the account gave none: everything is read the next time too.
_NO_CURSOR = "none"
_LEFT = ("x-rate-limit-remaining", "ratelimit-remaining")


class ZendeskSystem:
    """One Zendesk account. Made for one pull or one examination, then closed."""

    def __init__(
        self,
        name: str,
        policy: Zendesk,
        secret: str,
        calling: Calling,
        deadline: float | None = None,
        *,
        public_domains: Sequence[str] = (),
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.policy = policy
        self._public_domains = public_domains
        self._left: str | None = None
        waiting: dict[str, Any] = {"sleep": sleep, "clock": clock}
        # The exports have a limit of their own, for all of them together.
        self._exports = open_api(
            name, policy, secret, calling, deadline, pace=policy.calls_a_minute, watch=self._watch, **waiting
        )
        self._lists = open_api(name, policy, secret, calling, deadline, watch=self._watch, **waiting)

    def pull(self, source: Source, store: RecordStore, context: Context) -> Pulled:
        """Bring the tickets of a source; raises SourceError, after which the next pull goes on where this one was."""
        calls = self._calls
        for problem in fields.problems(source, self._own_fields(source)):
            raise problem
        pages, notes = self._pull_organizations(source, store, context)
        merged, read, whole, more = self._pull_tickets(source, store, context)
        pages += read
        if fields.SLA_MET in source.fields:
            pages += events.pull_events(self._exports, _beside(store, events.FOLDER), context, again=whole)
        state = store.state()
        return Pulled(
            source.name,
            source.stream,
            files=(_write_csv(source, store),),
            rows=merged.rows,
            records=merged.records,
            deleted=merged.deleted,
            pages=pages,
            calls=self._calls - calls,
            whole=whole,
            quota=self._left and f"{self._left} calls left in this minute",
            watermark=None if state is None or state.watermark == _NO_CURSOR else _up_to(store, state),
            notes=(*notes, *more),
        )

    def examine(self, sources: Sequence[Source]) -> Iterator[Found]:
        """Try what pulling these sources needs."""
        return examine(self._exports, self._lists, sources)

    def close(self) -> None:
        """Let go of connections."""
        self._exports.close()
        self._lists.close()

    @property
    def _calls(self) -> int:
        return self._exports.calls + self._lists.calls

    def _watch(self, headers: Mapping[str, str]) -> None:
        self._left = next((headers[name] for name in _LEFT if name in headers), self._left)

    def _own_fields(self, source: Source) -> list[fields.OwnField]:
        is_asked = any(field.startswith(fields.CUSTOM) for field in source.fields)
        return fields.own_fields(self._lists) if is_asked else []

    def _pull_organizations(self, source: Source, store: RecordStore, context: Context) -> tuple[int, tuple[str, ...]]:
        if not set(fields.OF_ORGANIZATION) & set(source.fields):
            return 0, ()
        beside = _beside(store, organizations.FOLDER)
        pages = organizations.pull_organizations(self._lists, beside)
        notes = organizations.match_organizations(
            store.folder, source.name, beside, self.policy.domains_from, self._public_domains, context
        )
        return pages, notes

    def _pull_tickets(
        self, source: Source, store: RecordStore, context: Context
    ) -> tuple[Merged, int, bool, tuple[str, ...]]:
        """The merged tickets, the pages read, whether everything was, and what a person should know."""
        wanted = Wanted.of(source, self.policy)
        request = {"url": self.policy.url, "object": source.object, **wanted.request}
        base, notes = _base(store, request, context), ()
        journal = store.journal({**request, "whole": base is None})
        try:
            cursor = tickets.export(self._exports, journal, wanted, base.watermark if base else None)
        except LostCursorError as lost:
            notes = (f"the cursor of the pull before isn't known any more ({lost.message}) Everything was read anew.",)
            base, journal = None, store.journal({**request, "whole": True})
            journal.drop_pages({})
            cursor = tickets.export(self._exports, journal, wanted, None)
        pages = journal.pages
        merged = store.merge(
            journal,
            tickets.fetched(pages, wanted.columns),
            wanted.columns,
            request,
            whole=base is None,
            watermark=cursor or _NO_CURSOR,
        )
        return merged, len(pages), base is None, notes


def _base(store: RecordStore, request: Mapping[str, Any], context: Context) -> State | None:
    base = store.base(request, whole=context.whole)
    return None if base is None or base.watermark == _NO_CURSOR else base


def _up_to(store: RecordStore, state: State) -> str | None:
    """The newest time among the tickets: the cursor itself says nothing to a person."""
    with store.connected() as con:
        file = literal(str(store.folder / state.file))
        newest = con.execute(compose("SELECT max(_stamp) FROM read_parquet({file})", file=file)).fetchall()[0][0]
    return tickets.time_of(newest)


def _beside(store: RecordStore, folder: str) -> RecordStore:
    return RecordStore(store.folder / folder, store.pulling, store.now)


def _write_csv(source: Source, store: RecordStore) -> Any:
    """The tickets with canonical headers, those made from here left out."""
    columns = {column: source.fields_of(column) for column in source.columns}
    columns |= {field: (field,) for field in source.extra}
    select = compose(
        """SELECT records._key AS _key, {columns} FROM records
        LEFT JOIN organizations ON records.organization_id = organizations.organization_id
        LEFT JOIN slas ON records._key = slas.ticket_id
        WHERE records.is_own = 'false'""",
        columns=joined(
            compose("{cell} AS {name}", cell=first_filled([_cell(field) for field in of]), name=identifier(name))
            for name, of in columns.items()
        ),
    )

    def prepare(con: Any) -> None:
        sla = events.sla_of_tickets(_beside(store, events.FOLDER))
        con.execute(compose("CREATE VIEW slas AS {sla}", sla=sla))
        con.execute(compose("CREATE VIEW organizations AS {now}", now=organizations.current(store.folder)))

    return store.write_csv(source.stream, list(columns), select, prepare)


def _cell(field: str) -> Sql:
    if field == fields.SLA_MET:
        return Sql("slas.sla_met")
    if field in fields.OF_ORGANIZATION:
        return compose("organizations.{field}", field=identifier(field))
    return compose("records.{field}", field=identifier(field))
