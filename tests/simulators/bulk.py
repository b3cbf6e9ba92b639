"""Query jobs: asked for, worked off step by step, their results in sets.

A job moves on each time it is asked for, so that no test depends on time: UploadComplete, then InProgress `polls`
times, then JobComplete. Its results are those of the moment at which it completes.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol

from tests.simulators.company import Row
from tests.simulators.objects import make_id
from tests.simulators.replies import ROUTES, Refusal, not_found, reply
from tests.simulators.soql import Query, parse
from tests.simulators.wire import Answer, Request

if TYPE_CHECKING:
    from tests.simulators.mass import Mass
    from tests.simulators.salesforce import Salesforce

_ENDED = ("JobComplete", "Failed", "Aborted")
_PIECE = 1 << 18
# The one operation that leaves deleted and archived records out, and the one that doesn't.
_OPERATIONS = {"query": False, "queryAll": True}


class Results(Protocol):
    """Rows of CSV, each ending in a line feed."""

    header: bytes

    def __len__(self) -> int: ...

    def part(self, start: int, end: int) -> memoryview:
        """The bytes of some rows."""
        ...


class Lines:
    """Results held as a list of rows."""

    def __init__(self, header: bytes, rows: list[bytes]) -> None:
        self.header = header
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def part(self, start: int, end: int) -> memoryview:
        return memoryview(b"".join(self._rows[start:end]))


@dataclass
class Job:
    """One job."""

    key: str
    version: str
    operation: str
    text: str
    query: Query
    made: datetime
    # How it is to end, and how often it is asked for until then.
    end: str
    left: int
    state: str = "UploadComplete"
    results: Results | None = None


@dataclass
class Jobs:
    """All jobs; `polls` and `set_rows` are switches."""

    all: dict[str, Job] = field(default_factory=dict)
    polls: int = 1
    # Rows of a set of results where the client wants more, or doesn't say.
    set_rows: int = 100_000
    # Where one object has too many records to hold them.
    mass: Mass | None = None


@ROUTES.add("POST", "/services/data/v{}/jobs/query")
def _create(self: Salesforce, request: Request, version: str) -> Answer:
    wanted, jobs = request.json, self.jobs
    if wanted.get("operation") not in _OPERATIONS:
        raise Refusal(400, "INVALIDJOB", f"Operation not supported: {wanted.get('operation')}")
    query = parse(wanted.get("query", ""))
    if query.counts:
        raise Refusal(400, "INVALIDJOB", "Aggregate queries are not supported in Bulk API 2.0")
    # What can't be run is refused at once.
    if jobs.mass is not None and query.name == jobs.mass.name:
        jobs.mass.count(query, everything=False)
    else:
        self.runner().run(query, everything=False)
    ends = {"job_fails": "Failed", "job_aborted": "Aborted", "job_stuck": ""}
    end = next((state for fault, state in ends.items() if fault in request.faults), "JobComplete")
    key = make_id("750", 1 + len(jobs.all))
    made = self.company.clock.now()
    jobs.all[key] = Job(key, version, wanted["operation"], wanted["query"], query, made, end, jobs.polls)
    return reply(_told(jobs.all[key]))


@ROUTES.add("GET", "/services/data/v{}/jobs/query")
def _list(self: Salesforce, request: Request, version: str) -> Answer:
    return reply({"done": True, "records": [_told(job) for job in self.jobs.all.values()], "nextRecordsUrl": None})


@ROUTES.add("GET", "/services/data/v{}/jobs/query/{}")
def _state(self: Salesforce, request: Request, version: str, key: str) -> Answer:
    job = _job(self, request, key)
    if job.state not in _ENDED:
        if job.end and not job.left:
            _end(self, job)
        else:
            job.state = "InProgress"
            job.left = max(job.left - 1, 0)
    return reply(_told(job))


@ROUTES.add("PATCH", "/services/data/v{}/jobs/query/{}")
def _abort(self: Salesforce, request: Request, version: str, key: str) -> Answer:
    job = _job(self, request, key)
    if request.json.get("state") != "Aborted" or job.state in _ENDED:
        raise Refusal(400, "INVALIDJOBSTATE", f"Aborting a job is not allowed in state {job.state}")
    job.state = "Aborted"
    return reply(_told(job))


@ROUTES.add("DELETE", "/services/data/v{}/jobs/query/{}")
def _delete(self: Salesforce, request: Request, version: str, key: str) -> Answer:
    job = _job(self, request, key)
    if job.state not in _ENDED:
        raise Refusal(400, "INVALIDJOBSTATE", "Deleting a job is not allowed before it has ended")
    del self.jobs.all[key]
    return Answer(204)


@ROUTES.add("GET", "/services/data/v{}/jobs/query/{}/results")
def _results(self: Salesforce, request: Request, version: str, key: str) -> Answer:
    job = _job(self, request, key)
    if job.version != version or "job_version" in request.faults:
        raise Refusal(409, "CONFLICT", f"The job was created with another API version than {version}")
    if job.results is None:
        raise Refusal(400, "INVALIDJOBSTATE", f"Results are not available in state {job.state}")
    start = _position(request.query.get("locator", ""))
    wanted = request.query.get("maxRecords", "")
    rows = min(int(wanted), self.jobs.set_rows) if wanted.isdigit() else self.jobs.set_rows
    end = min(start + rows, len(job.results))
    after = end if end < len(job.results) else None
    if "locator_repeats" in request.faults:
        after = start
    headers = {
        "Content-Type": "text/csv",
        "Sforce-Locator": "null" if after is None else base64.b64encode(str(after).encode()).decode().rstrip("="),
        "Sforce-NumberOfRecords": str(end - start),
    }
    if "results_empty" in request.faults:
        return Answer(200, b"", headers)
    pieces = _pieces(job.results.header, job.results.part(start, end))
    if "results_cut" in request.faults:
        whole = b"".join(pieces)
        pieces = iter([whole[: len(whole) * 2 // 3]])
    return Answer(200, headers=headers, pieces=pieces)


def _pieces(header: bytes, rows: memoryview) -> Iterator[Any]:
    yield header
    for start in range(0, len(rows), _PIECE):
        yield rows[start : start + _PIECE]


def _position(locator: str) -> int:
    if not locator:
        return 0
    try:
        return int(base64.b64decode(locator + "=" * (-len(locator) % 4)))
    except ValueError:
        raise Refusal(400, "INVALIDLOCATOR", "The locator is not valid") from None


def _job(self: Salesforce, request: Request, key: str) -> Job:
    if key not in self.jobs.all or "job_gone" in request.faults:
        raise not_found()
    return self.jobs.all[key]


def _end(self: Salesforce, job: Job) -> None:
    job.state = job.end
    if job.state != "JobComplete":
        return
    mass = self.jobs.mass
    if mass is not None and job.query.name == mass.name:
        job.results = mass.results(job.query, everything=_OPERATIONS[job.operation])
        return
    runner = self.runner()
    readers = [runner.reader(job.query.name, path) for path in job.query.fields]
    found = runner.run(job.query, everything=_OPERATIONS[job.operation])
    job.results = Lines(_line(job.query.fields), [_line([_text(read(row)) for read in readers]) for row in found])


def _told(job: Job) -> Row:
    return {
        "id": job.key,
        "operation": job.operation,
        "object": job.query.name,
        "createdById": "0055g000000000DAAQ",
        "createdDate": job.made,
        "systemModstamp": job.made,
        "state": job.state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(job.version),
        "jobType": "V2Query",
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
        "retries": 0,
        "totalProcessingTime": 100,
        **({"numberRecordsProcessed": len(job.results)} if job.results is not None else {}),
        **({"errorMessage": "InternalServerError: unexpected error"} if job.state == "Failed" else {}),
    }


def _line(values: list[str]) -> bytes:
    return (",".join('"' + value.replace('"', '""') + '"' for value in values) + "\n").encode()


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return value.isoformat() if isinstance(value, date) else str(value)
