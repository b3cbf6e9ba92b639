"""Hygiene: whose issues are shown, taking one as it is, and the scorecard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from html import unescape
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from orchestration.actions.sync import local_day
from orchestration.ledger.store import Store, utc_now
from orchestration.ledger.tables import audit_log
from orchestration.operations.acceptances import read_acceptances
from orchestration.policy.load import load_policies
from orchestration.settings import Settings
from tests.support.portal import GEO, OTHER_SELLER, SELLER, Person, home, published, served, signed_in


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return home(tmp_path_factory.mktemp("hygiene"), portal={"most_a_minute": 10_000})


@pytest.fixture(scope="module")
def base(settings: Settings) -> Iterator[str]:
    with served(settings) as base:
        yield base


@pytest.fixture(scope="module")
def revops(base: str) -> Person:
    return signed_in(base, "Rae Vops", ["revops"])


@pytest.fixture(scope="module")
def soon(settings: Settings) -> date:
    """A day on which what is accepted today still holds."""
    return local_day(utc_now(), load_policies(settings.policies)) + timedelta(days=20)


def issues(settings: Settings, where: str = "true", **values: Any) -> list[dict[str, Any]]:
    return published(settings, f"select * from hygiene_issues where {where} order by issue_id", **values)


def listed(got: httpx.Response) -> list[str]:
    assert got.status_code == 200, got.text
    return re.findall(r'<th scope="row" class="what"><a href="/hygiene/([^"]+)"', got.text)


def all_pages(person: Person, query: str) -> list[str]:
    found: list[str] = []
    for page in range(1, 40):
        more = listed(person.get(f"/hygiene?{query}&page={page}"))
        found += more
        if len(more) < 50:
            return found
    raise AssertionError("it doesn't end")


def problem(got: httpx.Response) -> str:
    found = re.search(r'<p class="problem" role="alert">(.*?)</p>', got.text, re.S)
    return unescape(found[1]) if found else ""


def test_one_sees_first_what_one_can_mend(settings: Settings, base: str) -> None:
    seller = signed_in(base, SELLER, ["seller"])
    mine = issues(settings, "status = 'open' and mended_by = $name", name=SELLER)
    assert mine
    assert sorted(all_pages(seller, "")) == sorted(row["issue_id"] for row in mine)
    own = {
        row["account_id"]
        for row in published(
            settings,
            "select account_id from account_signals where $name in (owner_name, csm_name, ae_name)",
            name=SELLER,
        )
    }
    everything = [
        row["issue_id"]
        for row in issues(settings, "status = 'open'")
        if row["account_id"] in own or (row["account_id"] is None and row["owner_name"] == SELLER)
    ]
    assert sorted(all_pages(seller, "status=open")) == sorted(everything)
    assert len(everything) > len(mine)


def test_filters_are_those_of_the_table(settings: Settings, revops: Person) -> None:
    for column, name in (("rule", "rule"), ("severity", "severity"), ("stream", "stream"), ("geo", "geo")):
        value = issues(settings, f"{column} is not null and status = 'open'")[0][column]
        expected = issues(settings, f"{column} = $value and status = 'open'", value=value)
        assert sorted(all_pages(revops, f"{name}={value}")) == sorted(row["issue_id"] for row in expected), name


def test_what_is_accepted_counts_from_the_next_refresh(settings: Settings, revops: Person, soon: date) -> None:
    row = issues(settings, "status = 'open'")[0]
    path = f"/hygiene/{row['issue_id']}"
    done = revops.submit(path, {"decision": "accept", "until": str(soon), "reason": "No such file", "seen": ""})
    assert (done.history[0].status_code, done.url.path) == (303, "/hygiene")
    [made] = read_acceptances(settings.operations_path)
    assert (made.issue_id, made.accepted_by, made.reason) == (row["issue_id"], "Rae Vops", "No such file")
    assert made.accepted_until == str(soon)
    page = revops.get(path).text
    assert f"accepted until {soon} by Rae Vops, from the next refresh" in page
    assert "No such file" in page
    with Store.open(settings) as store, store.reading() as con:
        query = sa.select(audit_log.c.event, audit_log.c.person).where(audit_log.c.subject == row["issue_id"])
        assert [tuple(one) for one in con.execute(query)] == [("hygiene_accepted", "Rae Vops")]
    # Somebody who saw it before that is told, and nothing is done.
    late = revops.submit(path, {"decision": "accept", "until": str(soon), "reason": "Same", "seen": ""})
    assert (late.status_code, problem(late).startswith("Rae Vops accepted it until")) == (409, True)
    back = revops.submit(path, {"decision": "withdraw", "seen": made.acceptance_id})
    assert back.history[0].status_code == 303
    assert "from the next refresh" not in revops.get(path).text
    assert [one.status for one in read_acceptances(settings.operations_path)] == ["accepted", "withdrawn"]
    again = revops.submit(
        path, {"decision": "withdraw", "seen": read_acceptances(settings.operations_path)[1].acceptance_id}
    )
    assert (again.status_code, "isn't accepted" in problem(again)) == (400, True)


def test_what_cannot_be_accepted_is_said(settings: Settings, revops: Person, soon: date) -> None:
    row = issues(settings, "status = 'open'")[1]
    path = f"/hygiene/{row['issue_id']}"
    before = read_acceptances(settings.operations_path)
    for change, words in (
        ({"until": ""}, "needs its last day"),
        ({"until": "2020-01-01"}, "can't be"),
        ({"until": "9999-12-31"}, "can't be"),
        ({"reason": " "}, "needs a reason"),
    ):
        data = {"decision": "accept", "until": str(soon), "reason": "r", "seen": ""} | change
        got = revops.submit(path, data)
        assert (got.status_code, words in problem(got)) == (400, True), change
    assert revops.submit(path, {"decision": "mend"}).status_code == 400
    assert read_acceptances(settings.operations_path) == before


def test_who_may_not_accept_has_no_form_and_is_refused(settings: Settings, base: str, soon: date) -> None:
    row = issues(settings, "status = 'open' and mended_by = $name", name=SELLER)[0]
    seller = signed_in(base, SELLER, ["seller"])
    before = read_acceptances(settings.operations_path)
    assert 'name="decision"' not in seller.get(f"/hygiene/{row['issue_id']}").text
    data = {"decision": "accept", "until": str(soon), "reason": "r", "seen": ""}
    got = seller.submit(f"/hygiene/{row['issue_id']}", data)
    assert (got.status_code, "may not accept" in problem(got)) == (403, True)
    # Of another's account it isn't even there.
    other = signed_in(base, OTHER_SELLER, ["seller", "manager"])
    unseen = [other.submit(f"/hygiene/{one}", data) for one in (row["issue_id"], "nothing")]
    assert [one.status_code for one in unseen] == [404, 404]
    assert read_acceptances(settings.operations_path) == before


def test_the_scorecard_is_cut_and_adds_up(settings: Settings, base: str) -> None:
    manager = signed_in(base, "Mia Manager", ["manager"], [GEO])
    expected = published(
        settings,
        "select count(*) as n, sum(open_issues) as open, sum(cleared_issues) as cleared from hygiene_scorecard"
        " where geo = $geo",
        geo=GEO,
    )[0]
    page = manager.get("/hygiene/scorecard").text
    assert f"of {expected['n']}</span>" in page
    assert f"<strong>{expected['open']:,}</strong> open" in page
    assert f"<strong>{expected['cleared']:,}</strong> cleared" in page


def test_words_of_people_are_shown_as_they_are_and_do_nothing(settings: Settings, base: str, soon: date) -> None:
    row = issues(settings, "status = 'open'")[2]
    person = signed_in(base, "<b>Rae</b>", ["revops"])
    reason = "<script>alert('x')</script>"
    data = {"decision": "accept", "until": str(soon), "reason": reason, "seen": ""}
    assert person.submit(f"/hygiene/{row['issue_id']}", data).history[0].status_code == 303
    for path in (f"/hygiene/{row['issue_id']}", f"/hygiene?rule={row['rule']}&stream={row['stream']}"):
        text = person.get(path).text
        assert "<script>alert" not in text
        assert "<b>Rae" not in text
    assert "&lt;script&gt;alert(" in person.get(f"/hygiene/{row['issue_id']}").text
