"""The audit log: what gets into it, who reads it, how it is narrowed down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy as sa

from orchestration.ledger.store import Store
from orchestration.ledger.tables import audit_log
from orchestration.settings import Settings
from portal import audit
from tests.support.portal import SELLER, Person, home, served, signed_in

ROWS = 10


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return home(tmp_path_factory.mktemp("audit"), portal={"rows_a_page": ROWS})


@pytest.fixture(scope="module")
def base(settings: Settings) -> Iterator[str]:
    with served(settings) as found:
        yield found


@pytest.fixture(scope="module")
def admin(base: str) -> Iterator[Person]:
    with closing(signed_in(base, "Root", ["admin"])) as found:
        yield found


def moments(page: str) -> list[str]:
    return re.findall(r'<th scope="row" data-label="When">', page)


def test_what_people_do_and_are_not_let_do_is_there(admin: Person, base: str) -> None:
    with closing(signed_in(base, SELLER, ["seller"])) as seller:
        assert seller.get("/portfolio").status_code == 403
        assert seller.get("/export/targets.csv").status_code == 200
        assert seller.post("/theme", data={"theme": "dark"}).status_code == 403
        assert seller.submit("/sign-out").status_code == 200
    page = admin.get("/audit", params={"person": SELLER.upper()[:8]}).text
    for words in ("sign in", "denied", "export", "sign out", "/portfolio", "targets.csv", "token of this session"):
        assert words in page, words


def test_pages_stay_what_they_are_while_the_log_grows(admin: Person, settings: Settings) -> None:
    with Store.open(settings) as store:
        for number in range(25):
            audit.record(store, None, audit.Event.DECISION, "Paged", f"subject {number:02}", account_id="A-1")
    first = admin.get("/audit", params={"person": "Paged"})
    assert len(moments(first.text)) == ROWS
    following = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert following
    with Store.open(settings) as store:
        audit.record(store, None, audit.Event.DECISION, "Paged", "subject 99")
    second = admin.get("/audit" + following[1].replace("&amp;", "&")).text
    assert re.findall(r"subject (\d\d)", second) == [f"{number:02}" for number in range(14, 4, -1)]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"event": "denied"}, 200),
        ({"account": "A-1", "first": "2020-01-01", "last": "9999-12-31"}, 200),
        ({"person": "%"}, 200),
        ({"person": "' or 1=1 --"}, 200),
        ({"event": "no such"}, 400),
        ({"first": "yesterday"}, 400),
        ({"before": "-1"}, 400),
        ({"before": "9" * 50}, 400),
        ({"before": "١"}, 400),
    ],
)
def test_what_an_address_asks_is_checked(query: dict[str, str], status: int, admin: Person) -> None:
    assert admin.get("/audit", params=query).status_code == status


def test_a_pattern_is_text(admin: Person) -> None:
    for text in ("%", "_", "' or 1=1 --"):
        assert "Nothing fits." in admin.get("/audit", params={"person": text}).text


def test_entries_cannot_be_changed(settings: Settings) -> None:
    with Store.open(settings) as store:
        for statement in (sa.update(audit_log).values(person="x"), sa.delete(audit_log)):
            with pytest.raises(sa.exc.SQLAlchemyError), store.writing() as con:
                con.execute(statement)
