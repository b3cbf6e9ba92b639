"""The queue of actions: who sees and decides what, two people at once, many at a time, on both databases."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape
from threading import Barrier
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from orchestration.actions.decide import stamp
from orchestration.ledger.store import Store, utc_now
from orchestration.ledger.tables import METADATA, actions, audit_log, transitions
from orchestration.settings import Settings
from tests.support.portal import GEO, OTHER_SELLER, SELLER, Person, home, published, served, signed_in
from tests.support.postgres import postgres_database, postgres_url

__all__ = ["postgres_database", "postgres_url"]

MOST = 5


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    known_as = {"m.manager@example.com": ["Max Manager"]}
    limits = {"bulk_most": MOST, "most_a_minute": 10_000}
    return home(tmp_path_factory.mktemp("actions"), portal=limits, access={"known_as": known_as})


@pytest.fixture(scope="module")
def base(settings: Settings) -> Iterator[str]:
    with served(settings) as base:
        yield base


@pytest.fixture(scope="module")
def store(settings: Settings, base: str) -> Iterator[Store]:
    with Store.open(settings) as store:
        yield store


@pytest.fixture(scope="module")
def admin(base: str) -> Person:
    return signed_in(base, "Ada Admin", ["admin"])


def rows(store: Store, *where: Any) -> list[dict[str, Any]]:
    with store.reading() as con:
        found = con.execute(sa.select(actions).where(*where).order_by(actions.c.action_id)).mappings()
        return [dict(row) for row in found]


def one(store: Store, action_id: str) -> dict[str, Any]:
    return rows(store, actions.c.action_id == action_id)[0]


def waiting(store: Store, at_least: int = 1, *where: Any) -> list[dict[str, Any]]:
    """Actions that nobody has touched yet, for a test to decide on."""
    found = rows(store, actions.c.status == "pending_approval", actions.c.requested_by.is_(None), *where)
    assert len(found) >= at_least
    return found[:at_least]


def decide(person: Person, row: dict[str, Any], decision: str, **more: str) -> httpx.Response:
    return person.submit(f"/actions/{row['action_id']}", {"decision": decision, "seen": stamp(row)} | more)


def events(store: Store, subject: str) -> list[tuple[str, str, str]]:
    query = sa.select(audit_log).where(audit_log.c.subject == subject).order_by(audit_log.c.entry_id)
    with store.reading() as con:
        return [(row.event, row.person, row.detail) for row in con.execute(query)]


def problem(answer: httpx.Response) -> str:
    found = re.search(r'<p class="problem" role="alert">(.*?)</p>', answer.text, re.S)
    return unescape(found[1]) if found else ""


def listed(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return re.findall(r'<th scope="row"><a href="/actions/([^"]+)"', answer.text)


# Deciding


def test_an_action_is_approved_from_the_queue_with_what_the_page_says(admin: Person, store: Store) -> None:
    queue = admin.get("/actions?status=pending_approval")
    action_id = listed(queue)[0]
    [opens] = re.findall(rf'<a class="opens" href="(/actions/{action_id}[?][^"]+)"', queue.text)
    page = admin.get(unescape(opens))
    part = page.text.split(f'action="/actions/{action_id}"')[1].split("</form>")[0]
    assert 'value="approve" formnovalidate' in part
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', part))
    answer = admin.post(
        f"/actions/{action_id}", data={k: unescape(v) for k, v in fields.items()} | {"decision": "approve"}
    )
    assert answer.history[0].status_code == 303
    assert (answer.url.path, answer.url.query) == ("/actions", b"status=pending_approval")
    assert "Approved: " in answer.text
    assert (one(store, action_id)["status"], one(store, action_id)["approved_by"]) == ("queued", "Ada Admin")
    assert events(store, action_id) == [("decision", "Ada Admin", "approve")]
    history = admin.get(f"/actions/{action_id}").text.split("What was done</h2>")[1]
    # Approved, and queued with it.
    assert history.count("<bdi>Ada Admin</bdi>") == 2


def test_a_rejection_needs_a_reason(admin: Person, store: Store) -> None:
    [row] = waiting(store)
    answer = decide(admin, row, "reject", reason="  ")
    assert (answer.status_code, problem(answer)) == (400, "A rejection needs a reason.")
    assert one(store, row["action_id"]) == row
    assert decide(admin, row, "reject", reason="The sponsor knows").history[0].status_code == 303
    assert one(store, row["action_id"])["status"] == "rejected"
    assert events(store, row["action_id"]) == [("decision", "Ada Admin", "reject: The sponsor knows")]
    assert "The sponsor knows" in admin.get(f"/actions/{row['action_id']}").text


def test_putting_off_needs_a_day_that_can_be(admin: Person, store: Store) -> None:
    [row] = waiting(store)
    today = utc_now().date()
    for until, words in (
        ("", "needs the day"),
        ("soon", "needs the day"),
        (str(today - timedelta(days=1)), "can't be"),
    ):
        answer = decide(admin, row, "snooze", reason="later", until=until)
        assert (until, answer.status_code, words in problem(answer)) == (until, 400, True)
    until = today + timedelta(days=9)
    assert decide(admin, row, "snooze", reason="later", until=str(until)).history[0].status_code == 303
    assert (one(store, row["action_id"])["status"], one(store, row["action_id"])["snoozed_until"]) == ("snoozed", until)


def test_nobody_approves_what_they_asked_for(base: str, admin: Person, store: Store) -> None:
    row = rows(store, actions.c.status == "suppressed")[0]
    asking = signed_in(base, "Max Manager", ["manager", "approver_high", "executive"])
    assert decide(asking, row, "promote", reason="They asked us to").history[0].status_code == 303
    asked = one(store, row["action_id"])
    assert (asked["status"], asked["requested_by"]) == ("pending_approval", "Max Manager")
    page = asking.get(f"/actions/{row['action_id']}").text
    assert "You asked for it" in page
    assert 'value="approve"' not in page
    assert row["action_id"] not in listed(asking.get(f"/actions?mine=yes&account={quote(row['account_id'])}"))
    answer = decide(asking, asked, "approve")
    assert (answer.status_code, "somebody else has to approve it" in problem(answer)) == (403, True)
    assert one(store, row["action_id"]) == asked
    assert events(store, row["action_id"])[-1][0] == "denied"
    assert decide(admin, asked, "approve").history[0].status_code == 303


def test_nobody_approves_what_they_asked_for_under_another_name(base: str, admin: Person, store: Store) -> None:
    row = rows(store, actions.c.status == "suppressed")[0]
    roles = ["manager", "approver_high", "executive"]
    assert decide(signed_in(base, "M.Manager@example.com", roles), row, "promote", reason="It helps").is_success
    asked = one(store, row["action_id"])
    again = signed_in(base, "Max Manager", roles)
    page = again.get(f"/actions/{row['action_id']}").text
    assert "You asked for it" in page
    assert 'value="approve"' not in page
    assert row["action_id"] not in listed(again.get(f"/actions?mine=yes&account={quote(row['account_id'])}"))
    answer = decide(again, asked, "approve")
    assert (answer.status_code, "somebody else has to approve it" in problem(answer)) == (403, True)
    assert one(store, row["action_id"]) == asked
    assert row["action_id"] in listed(admin.get(f"/actions?mine=yes&account={quote(row['account_id'])}"))
    assert decide(admin, asked, "approve").history[0].status_code == 303


def test_a_role_that_may_not_approve_is_told_who_may(base: str, store: Store) -> None:
    [row] = waiting(store, 1, actions.c.sensitivity == "high", actions.c.action != "reassign_ownership")
    low = signed_in(base, "Lou Low", ["approver_low", "executive"])
    page = low.get(f"/actions/{row['action_id']}")
    assert (page.status_code, 'value="approve"' in page.text) == (200, False)
    assert "To be approved by: admin, approver high." in page.text
    answer = decide(low, row, "approve")
    assert (answer.status_code, "approver_high" in problem(answer)) == (403, True)
    assert one(store, row["action_id"]) == row
    assert events(store, row["action_id"])[0][:2] == ("denied", "Lou Low")


def test_a_decision_that_there_is_none_is_refused(admin: Person, store: Store) -> None:
    [row] = waiting(store)
    assert decide(admin, row, "execute").status_code == 400
    assert admin.post(f"/actions/{row['action_id']}", data={"decision": "approve"}).status_code == 403
    assert one(store, row["action_id"]) == row


# Two people


def test_what_somebody_else_decided_meanwhile_stands_and_is_told(base: str, admin: Person, store: Store) -> None:
    [row] = waiting(store)
    other = signed_in(base, "Ben Other", ["admin"])
    assert decide(other, row, "approve", reason="agreed on the phone").history[0].status_code == 303
    answer = decide(admin, row, "reject", reason="no budget")
    assert answer.status_code == 409
    assert re.match(
        r"Ben Other approved it on \d{4}-\d\d-\d\d at \d\d:\d\d UTC \(agreed on the phone\); it is queued,",
        problem(answer),
    )
    assert (one(store, row["action_id"])["status"], one(store, row["action_id"])["approved_by"]) == (
        "queued",
        "Ben Other",
    )
    assert events(store, row["action_id"]) == [("decision", "Ben Other", "approve: agreed on the phone")]


def test_new_evidence_is_seen_before_it_is_decided_on(admin: Person, store: Store) -> None:
    [row] = waiting(store)
    with store.writing() as con:
        con.execute(sa.update(actions).where(actions.c.action_id == row["action_id"]).values(evidence='{"arr": 5}'))
    answer = decide(admin, row, "approve")
    assert (answer.status_code, "look again" in problem(answer)) == (409, True)
    assert "<dt>ARR</dt><dd>5</dd>" in answer.text
    assert one(store, row["action_id"])["status"] == "pending_approval"


def test_of_two_people_at_once_one_wins_and_the_other_is_told(base: str, store: Store) -> None:
    first, second = signed_in(base, "Ann First", ["admin"]), signed_in(base, "Bob Second", ["admin"])
    for row in waiting(store, 6):
        barrier = Barrier(2)
        tokens = [first.form_token(), second.form_token()]

        def send(person: Person, token: str, decision: str) -> httpx.Response:
            barrier.wait()  # noqa: B023 - used before the next round
            data = {"form_token": token, "decision": decision, "seen": stamp(row), "reason": "r"}  # noqa: B023
            return person.post(f"/actions/{row['action_id']}", data=data, follow_redirects=False)  # noqa: B023

        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(send, (first, second), tokens, ("approve", "reject")))
        assert sorted(answer.status_code for answer in answers) == [303, 409]
        won = 0 if answers[0].status_code == 303 else 1
        did = ("Ann First approved it", "Bob Second rejected it")[won]
        assert problem(answers[1 - won]).startswith(did)
        assert one(store, row["action_id"])["status"] == ("queued", "rejected")[won]
        query = sa.select(transitions.c.acted_by).where(transitions.c.action_id == row["action_id"])
        with store.reading() as con:
            assert {who for (who,) in con.execute(query)} == {"engine", ("Ann First", "Bob Second")[won]}


# Who sees what


def test_actions_of_accounts_that_one_does_not_see_are_not_there(settings: Settings, base: str, store: Store) -> None:
    own = {
        row["account_id"]
        for row in published(
            settings,
            "select account_id from account_signals where $name in (owner_name, csm_name, ae_name)",
            name=OTHER_SELLER,
        )
    }
    seller = signed_in(base, OTHER_SELLER, ["seller", "approver_high"])
    seen = rows(store, actions.c.account_id.in_(own), actions.c.status != "rejected")
    others = waiting(store, 1, actions.c.account_id.not_in(own))[0]
    pages = [listed(seller.get(f"/actions?page={page}")) for page in range(1, 2 + len(seen) // 50)]
    assert sorted(found for page in pages for found in page) == sorted(row["action_id"] for row in seen)
    for path in (others["action_id"], "nothing"):
        for answer in (seller.get(f"/actions/{path}"), seller.submit(f"/actions/{path}", {"decision": "approve"})):
            assert (answer.status_code, "or it isn't yours to see" in unescape(answer.text)) == (404, True)
    assert listed(seller.get(f"/actions?account={quote(others['account_id'])}")) == []
    answer = seller.submit(
        "/actions/approve", {"action": [f"{others['action_id']} {stamp(others)}", "nothing 1"], "back": "/actions"}
    )
    assert unescape(answer.text).count("There is no such action, or it isn't yours to see.") == 2
    assert others["account_name"] not in unescape(answer.text)
    assert one(store, others["action_id"]) == others


def test_names_are_shown_as_they_are_and_do_nothing(base: str, settings: Settings, store: Store) -> None:
    hostile = rows(store, actions.c.account_id.like("H%"))
    assert hostile
    seller = signed_in(base, SELLER, ["seller"])
    for name in {row["account_id"] for row in hostile}:
        text = seller.get(f"/actions?account={quote(name)}&status=pending_approval&status=queued").text
        assert "<script>alert" not in text
        assert "<img src=x" not in text


# Finding


def test_filters_order_and_pages_are_those_of_the_ledger(admin: Person, store: Store) -> None:
    def expected(*where: Any, order: Sequence[Any]) -> list[str]:
        with store.reading() as con:
            return list(con.execute(sa.select(actions.c.action_id).where(*where).order_by(*order)).scalars())

    of_area = expected(
        actions.c.geo == GEO,
        actions.c.status == "pending_approval",
        order=(sa.nulls_last(actions.c.due_on.desc()), actions.c.action_id),
    )
    path = f"/actions?geo={GEO}&status=pending_approval&sort=-due_on"
    found = [one_of for page in (1, 2, 3, 4) for one_of in listed(admin.get(f"{path}&page={page}"))]
    assert len(of_area) > 50
    assert found == of_area[:200]
    assert admin.get("/actions?sort=nothing").status_code == 400
    assert listed(admin.get("/actions?status=nothing")) == []


def test_what_waits_for_the_viewer_comes_first(base: str, admin: Person, store: Store) -> None:
    # The owner of no account, whom policy gives one action to decide on.
    manager = signed_in(base, "Mia Manager", ["manager", "executive"])
    mine = rows(store, actions.c.status == "pending_approval", actions.c.action == "reassign_ownership")
    assert mine
    assert {*listed(manager.get("/actions"))[: len(mine)]} == {row["action_id"] for row in mine}
    assert {*listed(manager.get("/actions?mine=yes"))} == {row["action_id"] for row in mine}
    assert f"<strong>{len(mine)}</strong> mine to approve" in manager.get("/actions").text


def test_a_search_finds_names_without_their_accents(admin: Person, store: Store) -> None:
    import unicodedata

    accented = next(
        row
        for row in rows(store, actions.c.status == "pending_approval")
        if unicodedata.normalize("NFD", row["account_name"] or "") != (row["account_name"] or "")
    )
    plain = "".join(
        letter for letter in unicodedata.normalize("NFD", accented["account_name"]) if not unicodedata.combining(letter)
    )
    there = {row["action_id"] for row in rows(store, actions.c.account_name == accented["account_name"])}
    assert there & {*listed(admin.get(f"/actions?q={quote(plain.upper())}"))}
    assert listed(admin.get("/actions?q=Open%20alerts"))
    assert listed(admin.get("/actions?q=Ope%25alerts")) == []


# Many at a time


def test_what_is_ticked_is_listed_and_approved_once(base: str, admin: Person, store: Store) -> None:
    *ticked, taken = waiting(store, 4, actions.c.sensitivity == "medium")
    low = rows(store, actions.c.status == "queued")[0]
    ids = [row["action_id"] for row in (*ticked, taken, low)]
    page = admin.get("/actions/approve", params={"action_id": ids, "back": "/actions?geo=EMEA"})
    assert "<h1>Approve 4 actions?</h1>" in page.text
    assert "1 of those ticked isn't waiting" in unescape(page.text)
    boxes = re.findall(r'name="action" value="([^"]+)"', page.text)
    assert [box.split()[0] for box in boxes] == [row["action_id"] for row in (*ticked, taken)]
    assert decide(signed_in(base, "Ben Other", ["admin"]), taken, "reject", reason="no").history[0].status_code == 303
    answer = admin.submit("/actions/approve", {"action": boxes, "reason": "agreed", "back": "/actions?geo=EMEA"})
    assert "<h1>3 approved, 1 not</h1>" in answer.text
    assert "Ben Other rejected it" in answer.text
    assert [one(store, row["action_id"])["status"] for row in (*ticked, taken)] == ["queued"] * 3 + ["rejected"]
    assert all(events(store, row["action_id"]) == [("decision", "Ada Admin", "approve: agreed")] for row in ticked)


def test_what_one_may_not_approve_is_left_out_and_refused(base: str, store: Store) -> None:
    low = signed_in(base, "Lou Low", ["approver_low", "executive"])
    [may] = waiting(store, 1, actions.c.sensitivity == "low", actions.c.action == "notify_owner")
    [may_not] = waiting(store, 1, actions.c.sensitivity == "high")
    page = low.get("/actions/approve", params={"action_id": [may["action_id"], may_not["action_id"]]})
    assert "<h1>Approve 1 action?</h1>" in page.text
    answer = low.submit(
        "/actions/approve",
        {"action": [f"{row['action_id']} {stamp(row)}" for row in (may, may_not)], "back": "/actions"},
    )
    assert "<h1>1 approved, 1 not</h1>" in answer.text
    assert [one(store, row["action_id"])["status"] for row in (may, may_not)] == ["queued", "pending_approval"]


def test_no_more_are_approved_together_than_policy_lets(admin: Person, store: Store) -> None:
    many = waiting(store, MOST + 1)
    ids = [row["action_id"] for row in many]
    assert admin.get("/actions/approve", params={"action_id": ids}).status_code == 400
    answer = admin.submit("/actions/approve", {"action": [f"{row['action_id']} {stamp(row)}" for row in many]})
    assert (answer.status_code, f"{MOST} at most" in answer.text) == (400, True)
    assert rows(store, actions.c.action_id.in_(ids)) == many
    first = admin.get("/actions/approve?status=pending_approval")
    assert f"<h1>Approve {MOST} actions?</h1>" in first.text
    assert admin.submit("/actions/approve", {"back": "/actions"}).url.path == "/actions"


# PostgreSQL


def test_the_queue_is_the_same_on_postgresql(settings: Settings, store: Store, postgres_database: str) -> None:
    with Store.at(postgres_database) as big, store.reading() as con, big.writing() as into:
        for name in ("actions", "transitions", "alerts", "alert_entries"):
            table = METADATA.tables[name]
            into.execute(sa.insert(table), [dict(row) for row in con.execute(sa.select(table)).mappings()])
        # What is written next gets a number of its own.
        into.execute(sa.text("select setval(pg_get_serial_sequence('transitions', 'transition_id'), 1000000)"))
    here = settings.model_copy(update={"ledger": SecretStr(postgres_database)})
    with served(settings) as lite, served(here) as other:
        for person, roles, geos in (("Ada Admin", ["admin"], []), ("Mo", ["manager", "approver_low"], [GEO])):
            people = [signed_in(base, person, roles, geos) for base in (lite, other)]
            for query in (
                "",
                "?mine=yes",
                "?q=e&sort=-account_name",
                "?status=queued&segment=smb",
                "?owner=csm&page=2",
            ):
                found = [listed(one_of.get(f"/actions{query}")) for one_of in people]
                assert found[0] == found[1], query
            for query in ("", "?overdue=yes&sort=-due", "?mine=yes", "?kind=inactive"):
                found = [
                    re.findall(r'<th scope="row"><a href="/alerts/([^"]+)"', one_of.get(f"/alerts{query}").text)
                    for one_of in people
                ]
                assert found[0] == found[1], query
        [row] = waiting(store)
        with Store.at(postgres_database) as big:
            ada = signed_in(other, "Ada Admin", ["admin"])
            assert decide(ada, row, "approve").history[0].status_code == 303
            assert decide(ada, row, "approve").status_code == 409
            assert one(big, row["action_id"])["status"] == "queued"
