"""One query by a job of Bulk API 2.0: made, waited for, its results fetched set by set, then deleted.

The job's id and the API version it was made with stand in the journal before anything else happens: a pull that is
killed goes on with the same job, and results are asked for with the version that made it, as they must be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from orchestration.systems.http import ApiError
from orchestration.systems.salesforce import pages
from orchestration.systems.salesforce.query import AnewError, Part, Query
from orchestration.systems.salesforce.session import Session

# A locator that isn't known, a job that isn't there any more, a job of another version of the API.
_OF_NO_USE = (400, 404, 409)
_FAILED = ("Failed", "Aborted")
# The vendor's word for "there is no further set".
_NO_LOCATOR = ("", "null")
_MINUTE = 60
# A set that came short is asked for so often.
_TRIES = 2


@dataclass
class Job:
    """The job of one query. `now` is aware."""

    session: Session
    query: Query
    part: Part
    now: Callable[[], datetime]

    def fetch(self) -> None:
        """Fetch all results. Raises ApiError; AnewError where another job may do better."""
        try:
            if "job" not in self.part.at:
                self._make()
            self._await()
            with pages.connect() as con:
                self._results(con)
        except AnewError:
            self._delete()
            raise
        except ApiError as error:
            if "job" not in self.part.at or error.status not in _OF_NO_USE:
                raise
            self._delete()
            raise self._anew(f"the job's results can't be had any more ({error.message.rstrip('.')}).") from None
        self._delete()

    def _make(self) -> None:
        wanted = {"operation": "queryAll", "query": self.query.text(ordered=False)}
        # Another job of the same query does no harm.
        body = self.session.api.json("POST", self.session.path("jobs/query"), body=wanted, repeats=True).body
        if not isinstance(body, dict) or not body.get("id"):
            raise self.session.error("the answer names no job.", "jobs/query")
        version = self.session.policy.api_version
        self.part.note(job=str(body["id"]), version=version, asked_at=self.now().isoformat())

    def _await(self) -> None:
        """Wait until the job is ready; raises ApiError where it fails, or isn't ready in time."""
        if "records" in self.part.at:
            return
        calling, longest = self.session.calling, self.session.policy.job_minutes
        # Other processes may have waited for it before.
        waited = (self.now() - datetime.fromisoformat(self.part.at["asked_at"])).total_seconds()
        began, wait = self.session.clock(), float(calling.first_wait_seconds)
        while True:
            told = self._told()
            state = told.get("state")
            if state == "JobComplete":
                records = int(told.get("numberRecordsProcessed") or 0)
                self.part.note(records=records, done=not records)
                return
            if state in _FAILED:
                reason = str(told.get("errorMessage") or "no reason given")
                raise self._given_up(
                    f"the bulk job for {self.query.object.name} ended as {state}: {reason}.",
                    "try again later; where it stays so, ask for less by `where`, or raise bulk_from_rows to use pages",
                )
            if waited + self.session.clock() - began >= longest * _MINUTE:
                raise self._given_up(
                    f"the bulk job for {self.query.object.name} isn't ready after {longest} minutes (state {state}).",
                    "see Bulk Data Load Jobs in the org's setup; raise job_minutes where the org is that slow",
                )
            self.session.api.pause(wait, self._path)
            wait = min(wait * calling.wait_factor, float(calling.longest_wait_seconds))

    def _results(self, con: duckdb.DuckDBPyConnection) -> None:
        """Fetch the sets that are still missing, each a page."""
        seen = {self.part.at.get("locator")}
        while not self.part.is_done:
            page, headers, rows = self._set(con)
            locator = headers.get("sforce-locator", "")
            is_last = locator in _NO_LOCATOR
            if not is_last and locator in seen:
                raise self._anew("a set of results names itself as the next one.")
            seen.add(locator)
            at = {"locator": None if is_last else locator, "rows": self.part.at.get("rows", 0) + rows, "done": is_last}
            if is_last:
                self._check(at["rows"])
            if rows:
                self.part.add(page, **at)
            else:
                page.unlink(missing_ok=True)
                self.part.note(**at)

    def _set(self, con: duckdb.DuckDBPyConnection) -> tuple[Path, Mapping[str, str], int]:
        """The next set as a page, with as many rows as it says it has."""
        page = self.part.next_page("csv")
        params = {"maxRecords": str(self.session.policy.bulk_page_rows)}
        if self.part.at.get("locator"):
            params["locator"] = self.part.at["locator"]
        for _ in range(_TRIES):
            headers = self.session.api.save(f"{self._path}/results", page, params=params, content_type="text/csv")
            said = headers.get("sforce-numberofrecords", "")
            rows = self._rows(con, page)
            if rows is not None and (not said.isdigit() or rows == int(said)):
                return page, headers, rows
        page.unlink(missing_ok=True)
        found = "something that is no CSV of the fields asked for" if rows is None else f"{rows:,} rows"
        raise self._anew(f"a set of results says that it has {said or 'no number of'} rows, and holds {found}.")

    def _rows(self, con: duckdb.DuckDBPyConnection, page: Path) -> int | None:
        """How many rows a page holds; None where it is broken."""
        if page.stat().st_size == 0:
            return 0
        try:
            if not pages.has_header(page, self.query.fields):
                return None
            return pages.count(con, page, self.query.fields)
        except (duckdb.Error, UnicodeDecodeError):
            return None

    def _check(self, rows: int) -> None:
        if rows != self.part.at["records"]:
            raise self._anew(
                f"the bulk job says {self.part.at['records']:,} records of {self.query.object.name} and gave {rows:,}."
            )

    def _told(self) -> Mapping[str, Any]:
        return self.session.get(self._path).body

    def _delete(self) -> None:
        """Take the job and its results away; where that fails the vendor does it after a week."""
        if "job" not in self.part.at:
            return
        with suppress(ApiError):
            if "records" not in self.part.at and self._told().get("state") not in _FAILED:
                self.session.api.json("PATCH", self._path, body={"state": "Aborted"})
            self.session.api.json("DELETE", self._path)

    def _given_up(self, message: str, action: str) -> ApiError:
        self._delete()
        # The next pull makes another.
        self.part.begin_again()
        return self.session.error(message, self._path, action=action)

    @property
    def _path(self) -> str:
        return self.session.path(f"jobs/query/{self.part.at.get('job', '')}", self.part.at.get("version"))

    def _anew(self, message: str) -> AnewError:
        return AnewError(message, file=self.session.name, place=self._path)
