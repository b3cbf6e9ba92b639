"""What may go wrong, each named and described in `FAULTS`.

    simulator.faults.add("session_expires", when="GET */query/*", after=1, times=2)

`when` is a pattern of "METHOD path" (the path without its query); `after` so many such calls the fault strikes, `times`
times (None: always). Other words belong to the fault. `faults.clear()` ends all.

Some faults are a state of the system, not of a call:
    company.add(…, at=…)                    a row that commits late, with an old stamp
    company.clock.skew(…)                   a clock that is off: stamps, Date headers, tokens
    salesforce.hide, forbid, retype         rights of the user, fields that are gone, that changed their type
    salesforce.daily_calls                  the day's calls are spent: 403 REQUEST_LIMIT_EXCEEDED from then on
    zendesk.calls_a_minute                  429 beyond so many calls of the exports in a minute
    salesforce.page_rows, zendesk.page_rows smaller pages than asked for
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

_ANY = "*"
_PAGES = "GET /services/data/*/quer*"
_EXPORT = "GET /api/v2/incremental/*"
_RESULTS = "GET /services/data/*/jobs/query/*/results"
_JOB = "POST /services/data/*/jobs/query"
_COLLECTION = "* /services/data/*/composite/sobjects*"


@dataclass(frozen=True)
class Kind:
    """What a fault does, the calls it strikes where `when` is left out, and its other words."""

    does: str
    when: str = _ANY
    words: tuple[str, ...] = ()


FAULTS: dict[str, Kind] = {
    # --- Any call.
    "html_503": Kind("503 with a page of HTML instead of the vendor's JSON", words=("retry_after",)),
    "html_200": Kind("a page of HTML with the status 200, as proxies and maintenance pages send it"),
    "status": Kind("the status `status` with `body` (bytes, a text, or what becomes JSON)", words=("status", "body")),
    "throttled": Kind(
        "429; with Retry-After when `retry_after` is given: seconds, or a date as text", words=("retry_after",)
    ),
    "quota_spent": Kind("403 REQUEST_LIMIT_EXCEEDED, the day's calls are spent", "* /services/*"),
    "reset": Kind("the connection is reset before anything is done"),
    "answer_lost": Kind("everything is done, then the connection is reset: the client can't know"),
    "reset_in_body": Kind("the connection is reset after half of the body", words=("share",)),
    "ends_in_body": Kind("the connection ends after half of the body, as if in good order", words=("share",)),
    "hangs": Kind("no answer for so many `seconds`", words=("seconds",)),
    "slow": Kind("the body comes in pieces over so many `seconds`", words=("seconds",)),
    "meanwhile": Kind("`do`, a function, runs before the call is answered: somebody changes a record", words=("do",)),
    # --- Salesforce, reading.
    "session_expires": Kind(
        "the session ends: 401 INVALID_SESSION_ID for this token from now on", "* /services/data/*"
    ),
    "cursor_gone": Kind("400 INVALID_QUERY_LOCATOR: the query's cursor is no more", "GET /services/data/*/query/*"),
    "cursor_repeats": Kind("the page names itself as the next one", _PAGES),
    "empty_page": Kind("a page without rows that isn't the last", _PAGES),
    "duplicate_rows": Kind("the page begins with the last rows of the one before", _PAGES, ("rows",)),
    "report_truncated": Kind("the report stops early and says allData false", "* /services/data/*/analytics/reports/*"),
    # --- Salesforce, query jobs. Those of the job strike where it is made.
    "job_fails": Kind("the job ends as Failed, with an errorMessage", _JOB),
    "job_aborted": Kind("the job ends as Aborted: an administrator did it", _JOB),
    "job_stuck": Kind("the job stays InProgress", _JOB),
    "job_gone": Kind("404: the job and its results were deleted", "GET /services/data/*/jobs/query/*"),
    "job_version": Kind("409: the results belong to another version of the API", _RESULTS),
    "results_empty": Kind("results without a byte, not even the headers", _RESULTS),
    "results_cut": Kind("results that stop in the middle of a row, in good order as far as HTTP goes", _RESULTS),
    "locator_repeats": Kind("Sforce-Locator names the set that was just read", _RESULTS),
    # --- Salesforce, writing.
    "row_locked": Kind(
        "UNABLE_TO_LOCK_ROW for the records at `rows` (positions in the call; all)", _COLLECTION, ("rows",)
    ),
    "row_refused": Kind(
        "FIELD_CUSTOM_VALIDATION_EXCEPTION, or `code`, for the records at `rows`", _COLLECTION, ("rows", "code")
    ),
    # --- Zendesk.
    "export_cursor_repeats": Kind("the export names the cursor that was asked for, and says there is more", _EXPORT),
    "export_empty_page": Kind("a page of the export without tickets that isn't the end", _EXPORT),
    "export_duplicates": Kind("the page begins with the last tickets of the one before", _EXPORT, ("rows",)),
    "export_unfinished": Kind("the export never says that it is at its end", _EXPORT),
}


@dataclass
class Fault:
    """One fault that waits to strike."""

    what: str
    when: str
    times: int | None
    after: int
    words: dict[str, Any] = field(default_factory=dict)
    struck: int = 0

    def __getitem__(self, word: str) -> Any:
        return self.words.get(word)


class Faults:
    """The switches."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, what: str, when: str | None = None, *, times: int | None = 1, after: int = 0, **words: Any) -> Fault:
        """Switch a fault on; what is given back counts how often it struck."""
        unknown = set(words) - set(FAULTS[what].words)
        if unknown:
            raise TypeError(f"{what} knows no {', '.join(sorted(unknown))}")
        fault = Fault(what, when or FAULTS[what].when, times, after, words)
        self._waiting.append(fault)
        return fault

    def clear(self) -> None:
        """Switch all off."""
        self._waiting.clear()

    def strike(self, call: str) -> dict[str, Fault]:
        """The faults of this call ("METHOD path"), by name; each is used up once."""
        struck: dict[str, Fault] = {}
        for fault in self._waiting:
            if not fnmatchcase(call, fault.when):
                continue
            if fault.after > 0:
                fault.after -= 1
            elif fault.what not in struck and (fault.times is None or fault.struck < fault.times):
                fault.struck += 1
                struck[fault.what] = fault
        return struck
