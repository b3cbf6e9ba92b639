"""Documents to take away: made of the rows that the viewer sees, logged, a few at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import sqlalchemy as sa

from orchestration.documents.asked import KINDS
from orchestration.ledger.store import Store
from orchestration.ledger.tables import audit_log
from orchestration.settings import Settings
from tests.support.portal import GEO, HOSTILE, OTHER_SELLER, SELLER, Person, home, published, served, signed_in
from tests.unit.documents import office

PDF, PPTX = "application/pdf", "application/vnd.openxmlformats-officedocument.presentationml.presentation"
SAFE = re.compile(r'attachment; filename="[A-Za-z0-9_-]+\.(pdf|pptx)"')
SECONDS = 10


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return home(
        tmp_path_factory.mktemp("documents"),
        portal={"most_a_minute": 10_000},
        documents={"made_at_once": 1, "wait_seconds": 60},
    )


@pytest.fixture(scope="module")
def base(settings: Settings) -> Iterator[str]:
    with served(settings) as base:
        yield base


@pytest.fixture(scope="module")
def seller(base: str) -> Person:
    return signed_in(base, SELLER, ["seller"])


@pytest.fixture(scope="module")
def executive(base: str) -> Person:
    return signed_in(base, "Eve Executive", ["executive"])


def account_of(settings: Settings, owner: str) -> str:
    query = (
        "select min(account_id) as account_id from account_health where owner_name = $owner and account_id like 'A-%'"
    )
    return published(settings, query, owner=owner)[0]["account_id"]


def logged(settings: Settings) -> list[dict]:
    with Store.open(settings) as store, store.reading() as con:
        found = con.execute(sa.select(audit_log).order_by(audit_log.c.entry_id)).mappings()
        return [dict(row) for row in found]


@pytest.mark.parametrize(("kind", "media_type"), list(zip(sorted(KINDS), (PDF, PPTX, PPTX), strict=True)))
def test_a_document_of_an_account_is_a_download(settings: Settings, seller: Person, kind: str, media_type: str):
    answer = seller.get(f"/accounts/{account_of(settings, SELLER)}/documents/{kind}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert SAFE.fullmatch(answer.headers["content-disposition"])
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.elapsed.total_seconds() < SECONDS
    assert answer.content.startswith(b"%PDF" if kind.endswith("pdf") else b"PK")
    entry = logged(settings)[-1]
    assert (entry["event"], entry["person"], entry["subject"]) == ("document", SELLER, kind)
    assert entry["account_id"] == account_of(settings, SELLER)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_account_that_isnt_ones_own_answers_as_one_that_isnt_there(settings: Settings, seller: Person, kind: str):
    theirs = seller.get(f"/accounts/{account_of(settings, OTHER_SELLER)}/documents/{kind}")
    nobodys = seller.get(f"/accounts/nobody/documents/{kind}")
    assert (theirs.status_code, nobodys.status_code) == (404, 404)
    assert re.sub(r"A-\d+|nobody", "", theirs.text) == re.sub(r"A-\d+|nobody", "", nobodys.text)


def test_a_kind_that_there_isnt_and_a_target_of_another_account_arent_there(settings: Settings, seller: Person):
    own = f"/accounts/{account_of(settings, SELLER)}/documents"
    assert seller.get(f"{own}/secrets.pdf").status_code == 404
    other = published(
        settings,
        "select target_id from health_check_targets where account_id = $id limit 1",
        id=account_of(settings, OTHER_SELLER),
    )
    answer = seller.get(f"{own}/health-check.pptx", params={"target": other[0]["target_id"]})
    assert answer.status_code == 404
    assert seller.get(f"{own}/health-check.pptx", params={"target": "x" * 5_000}).status_code == 404


def test_a_deck_is_for_the_target_that_is_asked_for(settings: Settings, seller: Person):
    account_id = account_of(settings, SELLER)
    targets = published(
        settings, "select target_id, contract_id from health_check_targets where account_id = $id", id=account_id
    )
    asked = targets[-1]
    answer = seller.get(f"/accounts/{account_id}/documents/health-check.pptx", params={"target": asked["target_id"]})
    assert asked["contract_id"] in office.text(answer.content)


@pytest.mark.parametrize("account_id", sorted(HOSTILE))
def test_a_hostile_name_comes_in_no_header(seller: Person, account_id: str):
    answer = seller.get(f"/accounts/{quote(account_id, safe='')}/documents/brief.pdf")
    assert answer.status_code == 200
    assert SAFE.fullmatch(answer.headers["content-disposition"])


def test_who_isnt_signed_in_gets_none(base: str):
    answer = httpx.get(f"{base}/portfolio/executive.pdf", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


def test_the_executive_report_is_for_who_leads(base: str, settings: Settings, seller: Person, executive: Person):
    assert seller.get("/portfolio/executive.pdf").status_code == 403
    answer = executive.get("/portfolio/executive.pdf")
    assert (answer.status_code, answer.headers["content-type"]) == (200, PDF)
    manager = signed_in(base, "Mia Manager", ["manager"], geos=[GEO])
    part = manager.get("/portfolio/executive.pdf")
    assert part.status_code == 200
    assert part.content != answer.content
    assert logged(settings)[-1]["subject"] == "executive.pdf"


def test_many_who_ask_at_once_each_get_theirs(settings: Settings, executive: Person):
    """One is made at a time here, and the others wait for their turn."""
    path = f"/accounts/{account_of(settings, SELLER)}/documents/health-check.pptx"
    with ThreadPoolExecutor(6) as askers:
        answers = list(askers.map(lambda _: executive.get(path), range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1


def test_who_would_wait_too_long_is_told(tmp_path: Path):
    settings = home(tmp_path, documents={"made_at_once": 1, "wait_seconds": 0})
    with served(settings) as address:
        person = signed_in(address, "Eve Executive", ["executive"])
        path = f"/accounts/{account_of(settings, SELLER)}/documents/health-check.pptx"
        with ThreadPoolExecutor(6) as askers:
            answers = list(askers.map(lambda _: person.get(path), range(6)))
        assert {answer.status_code for answer in answers} == {200, 503}
        refused = next(answer for answer in answers if answer.status_code == 503)
        assert refused.headers["retry-after"] == "60"
        assert "try again in a minute" in refused.text
        assert person.get(path).status_code == 200
