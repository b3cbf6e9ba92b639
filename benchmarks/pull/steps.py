"""One step of the benchmark, as a program of its own: `python -m benchmarks.pull.steps STEP WORK SAID`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.pull.__main__ import moment
from orchestration.settings import Settings
from tests.support.connected import TASKS, connect, refresh_sources

_VERSION = "62.0"


def main(step: str, work: Path, said: dict[str, str]) -> None:
    """Prints the rows that came, as JSON."""
    started = time.monotonic()
    rows = _floor(work, said) if step == "floor" else _pull(step, work, said)
    print(json.dumps({"rows": rows, "inner_seconds": round(time.monotonic() - started, 2)}))


def _floor(work: Path, said: dict[str, str]) -> int:
    """A job, its pages downloaded one after the other; no retries, no checks."""
    import httpx

    fields = (
        "Id, SystemModstamp, IsDeleted, AccountId, Owner.Name, Owner.Email, Subject, CompletedDateTime, ActivityDate"
    )
    query = f"SELECT {fields}, CreatedDate, TaskSubtype, IsClosed, Response_Hours__c FROM Task"
    form = {"grant_type": "client_credentials", "client_id": said["client_id"], "client_secret": said["client_secret"]}
    base = f"/services/data/v{_VERSION}/jobs/query"
    rows, locator, folder = 0, "", work / "floor"
    folder.mkdir(exist_ok=True)
    with httpx.Client(base_url=said["url"], timeout=120) as client:
        token = client.post("/services/oauth2/token", data=form).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        job = client.post(base, json={"operation": "queryAll", "query": query}).json()["id"]
        while client.get(f"{base}/{job}").json()["state"] != "JobComplete":
            time.sleep(0.1)
        while locator != "null":
            asked: dict[str, Any] = {"maxRecords": 100_000} | ({"locator": locator} if locator else {})
            with client.stream("GET", f"{base}/{job}/results", params=asked) as answer:
                with (folder / "page.csv").open("wb") as file:
                    for piece in answer.iter_bytes(1 << 20):
                        file.write(piece)
                rows += int(answer.headers["Sforce-NumberOfRecords"])
                locator = answer.headers["Sforce-Locator"]
    return rows


def _pull(step: str, work: Path, said: dict[str, str]) -> int:
    """The project's own way, from the job to the landing zone; counts the records that landed."""
    if (work / "policies").exists():
        settings = Settings(home=work / "home", policies=work / "policies")
    else:
        # Files of tasks can't be made for a million; the question is about records.
        tasks = {**TASKS, "columns": {key: value for key, value in TASKS["columns"].items() if key != "has_attachment"}}
        tasks["constants"] = {"has_attachment": False}
        quick = {"timeout_seconds": 120, "attempts": 4, "longest_wait_seconds": 2}
        settings = connect(work, said["url"], said["client_id"], said["email"], [tasks], calling=quick)
    now = moment(step)
    (found,) = refresh_sources(settings, now.date(), now).values()
    if found.problem:
        raise RuntimeError(found.problem)
    return found.rows_read


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3]))
