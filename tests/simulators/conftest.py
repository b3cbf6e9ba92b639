"""Clients as simple as can be: nothing is retried, nothing is hidden."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.simulators.fixtures import company, simulator
from tests.simulators.server import Simulator

__all__ = ["company", "simulator"]

V = "/services/data/v60.0"


class Crm:
    """A client of the CRM that is signed in."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.http = httpx.Client(base_url=simulator.url, timeout=5)
        self.http.headers["Authorization"] = f"Bearer {self.sign_in().json()['access_token']}"

    def sign_in(self, **form: str) -> httpx.Response:
        salesforce = self.simulator.salesforce
        form = form or {
            "grant_type": "client_credentials",
            "client_id": salesforce.client_id,
            "client_secret": salesforce.client_secret,
        }
        return self.http.post("/services/oauth2/token", data=form)

    def ask(self, soql: str, how: str = "queryAll") -> httpx.Response:
        return self.http.get(f"{V}/{how}", params={"q": soql})

    def pages(self, soql: str, how: str = "queryAll") -> Iterator[dict[str, Any]]:
        page = self.ask(soql, how).json()
        yield page
        while not page["done"]:
            page = self.http.get(page["nextRecordsUrl"]).json()
            yield page

    def rows(self, soql: str, how: str = "queryAll") -> list[dict[str, Any]]:
        return [row for page in self.pages(soql, how) for row in page["records"]]

    def job(self, soql: str, operation: str = "queryAll") -> str:
        made = self.http.post(f"{V}/jobs/query", json={"operation": operation, "query": soql})
        assert made.status_code == 200, made.text
        return f"{V}/jobs/query/{made.json()['id']}"

    def finished(self, soql: str, operation: str = "queryAll") -> str:
        job = self.job(soql, operation)
        assert [self.http.get(job).json()["state"] for _ in range(2)] == ["InProgress", "JobComplete"]
        return job


@pytest.fixture
def crm(simulator: Simulator) -> Iterator[Crm]:
    client = Crm(simulator)
    yield client
    client.http.close()


@pytest.fixture
def desk(simulator: Simulator) -> Iterator[httpx.Client]:
    """A client of the support desk."""
    zendesk = simulator.zendesk
    auth = (f"{zendesk.email}/token", zendesk.token)
    with httpx.Client(base_url=f"{simulator.url}/api/v2", auth=auth, timeout=5) as client:
        yield client


def error_of(response: httpx.Response) -> tuple[int, str]:
    """Status and code of an error in the CRM's shape."""
    (error,) = response.json()
    assert error["message"]
    return response.status_code, error["errorCode"]
