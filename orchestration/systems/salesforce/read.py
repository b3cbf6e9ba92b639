"""One query's records, fetched page by page into a journal: counted first, then by the REST API or by a bulk job.

Deleted and archived records come too (queryAll). What breaks off goes on where it was; where that isn't possible (the
cursor is no more, the job was deleted, rows are missing) the query is asked anew, a few times, and then the pull fails
with an error and without pages: nothing is lost and nothing is there twice, because versions of a record are merged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from orchestration.systems.http import ApiError
from orchestration.systems.salesforce import bulk, pages
from orchestration.systems.salesforce.query import AnewError, Part, Query, stamp
from orchestration.systems.salesforce.session import Session, code_of

# So often a query is asked anew within one pull.
_BEGINNINGS = 3
# So many pages without a record may follow each other.
_EMPTY_PAGES = 5
# What the vendor answers where a cursor is no more, or none that it knows.
_NO_CURSOR = (400, 404)
_BELOW = "/services/data/"


@dataclass(frozen=True, slots=True)
class _Page:
    """One page: its records, the address of the next (None: it is the last), and how many records there are in all."""

    records: list[Any]
    following: str | None
    total: int


@dataclass
class Reader:
    """Fetches queries of one org. `now` is aware."""

    session: Session
    now: Callable[[], datetime]

    def fetch(self, query: Query, part: Part) -> None:
        """Fetch what is still missing of a query. Raises ApiError, after which the next pull goes on."""
        for beginning in range(1, _BEGINNINGS + 1):
            try:
                self._go_on(query, part)
                return
            except AnewError as error:
                part.begin_again()
                if beginning == _BEGINNINGS:
                    error.action = error.action or "try again later; if it stays so, ask the vendor's support"
                    raise

    def _go_on(self, query: Query, part: Part) -> None:
        if not part.at:
            self._begin(query, part)
        if part.is_done:
            return
        if part.at["way"] == "bulk":
            bulk.Job(self.session, query, part, self.now).fetch()
        else:
            self._page_on(query, part)

    def _begin(self, query: Query, part: Part) -> None:
        """Count, and choose the way. When the count was made, by the org's clock, is noted: nothing that changed later
        may count as seen."""
        try:
            answer = self.session.get(self._path, params={"q": query.counting()})
            total = int(answer.body.get("totalSize", 0))
        except ApiError as error:
            if code_of(error) != "QUERY_TIMEOUT":
                raise
            # Too many to be counted in time are many; another answer tells the time.
            answer, total = self.session.get(self.session.path("limits")), self.session.policy.bulk_from_rows
        way = "none" if total == 0 else "bulk" if total >= self.session.policy.bulk_from_rows else "rest"
        part.note(way=way, started=_stamp(answer.headers.get("date", "")) or stamp(self.now()), done=total == 0)

    def fetch_small(self, query: Query) -> list[Any]:
        """The records of a query that is known to have few, not kept in a journal. Raises ApiError."""
        for beginning in range(1, _BEGINNINGS + 1):
            try:
                found = list(self._each_page(self._path, {"q": query.text(ordered=True)}))
                if sum(len(page.records) for page in found) < found[-1].total:
                    raise self._anew(f"records of {query.object.name} are missing from its pages.", self._path)
                return [record for page in found for record in page.records]
            except AnewError:
                if beginning == _BEGINNINGS:
                    raise
        raise AssertionError("unreachable")

    def _page_on(self, query: Query, part: Part) -> None:
        """Pages of the REST API until the last."""
        following, keys = part.at.get("next"), set(pages.keys(part.pages, query.fields))
        first = (following, None) if following else (self._path, {"q": query.text(ordered=True)})
        for page in self._each_page(*first):
            keys.update(record["Id"] for record in page.records)
            # Fewer than it said can't be told from records that are gone; some may have come twice.
            if page.following is None and len(keys) < page.total:
                said, name = page.total, query.object.name
                raise self._anew(f"it said {said:,} records of {name} and gave {len(keys):,}.", self._path)
            part.add_records(page.records, next=page.following, done=page.following is None)

    def _each_page(self, url: str, params: Mapping[str, str] | None) -> Iterator[_Page]:
        seen: set[str] = set()
        empty = 0
        while True:
            body = self._page(url, params)
            records, following = body.get("records"), body.get("nextRecordsUrl")
            is_last = bool(body.get("done", True))
            # An address elsewhere must not stand in the journal: it would be refused again and again.
            if not isinstance(records, list) or not (is_last or str(following).startswith(_BELOW)):
                raise self._anew("a page doesn't say how it goes on.", url)
            seen.add(url)
            empty = 0 if records else empty + 1
            # A page without records may be asked for again, one with records that names itself leads nowhere.
            if not is_last and ((records and following in seen) or empty > _EMPTY_PAGES):
                raise self._anew("its pages lead in a circle.", url)
            yield _Page(records, None if is_last else str(following), int(body.get("totalSize", 0)))
            if is_last:
                return
            url, params = str(following), None

    def _page(self, url: str, params: Mapping[str, str] | None) -> Mapping[str, Any]:
        options = {"Sforce-Query-Options": f"batchSize={self.session.policy.page_rows}"}
        try:
            return self.session.get(url, params=params, headers=options).body
        except ApiError as error:
            if params is None and error.status in _NO_CURSOR:
                raise self._anew(f"a query can't be gone on with ({error.message.rstrip('.')}).", url) from None
            raise

    @property
    def _path(self) -> str:
        return self.session.path("queryAll")

    def _anew(self, message: str, url: str) -> AnewError:
        return AnewError(message, file=self.session.name, place=urlsplit(url).path)


def _stamp(date: str) -> str | None:
    try:
        return stamp(parsedate_to_datetime(date))
    except ValueError:
        return None
