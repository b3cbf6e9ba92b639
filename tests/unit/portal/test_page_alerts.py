"""Alerts: their clocks, who answers them, in which order, and two people at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from html import unescape
from threading import Barrier
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from orchestration.actions.clocks import STEPS
from orchestration.ledger.store import Store, utc_now
from orchestration.ledger.tables import alert_entries, alerts, audit_log
from orchestration.settings import Settings
from portal.alert_clock import clock
from tests.support.portal import OTHER_SELLER, Person, home, published, served, signed_in

NOON = datetime(2026, 6, 30, 12)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return home(tmp_path_factory.mktemp("alerts"), portal={"most_a_minute": 10_000})


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
        return [
            dict(row) for row in con.execute(sa.select(alerts).where(*where).order_by(alerts.c.alert_id)).mappings()
        ]


def fresh(store: Store, *where: Any, raised_hours_ago: float = 1) -> dict[str, Any]:
    """An alert that nobody has answered, raised so long ago."""
    row = rows(store, alerts.c.step == "raised", *where)[0]
    raised = {"raised_at": utc_now() - timedelta(hours=raised_hours_ago)}
    with store.writing() as con:
        con.execute(sa.update(alerts).where(alerts.c.alert_id == row["alert_id"]).values(**raised))
    return row | raised


def step_of(store: Store, row: dict[str, Any]) -> str:
    return rows(store, alerts.c.alert_id == row["alert_id"])[0]["step"]


def answer(person: Person, row: dict[str, Any], step: str, seen: str, note: str = "") -> httpx.Response:
    return person.submit(f"/alerts/{row['alert_id']}", {"step": step, "seen": seen, "note": note})


def problem(got: httpx.Response) -> str:
    found = re.search(r'<p class="problem" role="alert">(.*?)</p>', got.text, re.S)
    return unescape(found[1]) if found else ""


def listed(got: httpx.Response) -> list[str]:
    assert got.status_code == 200, got.text
    return re.findall(r'<th scope="row"><a href="/alerts/([^"]+)"', got.text)


@pytest.mark.parametrize(
    ("due", "words", "late"),
    [
        (NOON, "overdue by 0 min", True),
        (NOON + timedelta(minutes=59), "59 min left", False),
        (NOON + timedelta(hours=2, minutes=5), "2 h 5 min left", False),
        (NOON + timedelta(hours=47), "47 h left", False),
        (NOON + timedelta(hours=49), "2 days left", False),
        (NOON - timedelta(hours=11, minutes=30), "overdue by 11 h", True),
        (NOON - timedelta(days=3), "overdue by 3 days", True),
        (None, "nothing is due", False),
    ],
)
def test_a_clock_in_words(due: datetime | None, words: str, late: bool) -> None:
    assert clock(due, NOON) == (words, late)


def test_an_alert_goes_through_its_steps_to_its_end(admin: Person, store: Store) -> None:
    row = fresh(store, alerts.c.alert == "inactive")
    seen = "raised"
    for step in STEPS:
        page = admin.get(f"/alerts/{row['alert_id']}").text
        assert f'name="step" value="{step}" formnovalidate' in page
        got = answer(admin, row, step, seen, f"did {step}")
        assert (got.history[0].status_code, got.url.path) == (303, "/alerts")
        assert step_of(store, row) == step
        seen = step
    bare = answer(admin, row, "closed", seen)
    assert (bare.status_code, "needs a note" in problem(bare)) == (400, True)
    assert answer(admin, row, "closed", seen, "They are back").history[0].status_code == 303
    page = admin.get(f"/alerts/{row['alert_id']}").text
    assert all(f"did {step}" in page for step in STEPS)
    assert "They are back" in page
    assert "<form class=" not in page.split("<main")[1]
    with store.reading() as con:
        query = sa.select(audit_log.c.event, audit_log.c.detail).where(audit_log.c.subject == row["alert_id"])
        logged = [tuple(entry) for entry in con.execute(query)]
    assert logged == [
        *(("alert_step", f"{step}: did {step}") for step in STEPS),
        ("alert_step", "closed: They are back"),
    ]
    assert row["alert_id"] not in listed(admin.get("/alerts"))
    assert row["alert_id"] in listed(admin.get("/alerts?state=closed"))


def test_a_step_out_of_order_is_refused(admin: Person, store: Store) -> None:
    row = fresh(store)
    got = answer(admin, row, "planned", "raised")
    assert (got.status_code, "next it has to be acknowledged" in problem(got)) == (409, True)
    assert admin.submit(f"/alerts/{row['alert_id']}", {"step": "escalated"}).status_code == 400
    assert step_of(store, row) == "raised"


def test_overdue_is_said_in_words_and_by_the_server(admin: Person, store: Store) -> None:
    late = fresh(store, alerts.c.alert == "inactive", raised_hours_ago=5)
    # Two hours to acknowledge.
    page = admin.get(f"/alerts/{late['alert_id']}").text
    assert re.search(r'<span class="late">overdue by 3 h( \d min)?</span>', page)
    assert f"{late['raised_at'] + timedelta(hours=2):%H:%M} UTC" in page
    early = fresh(store, alerts.c.alert == "critical_score", raised_hours_ago=5)
    assert (
        "19 h left" in admin.get(f"/alerts/{early['alert_id']}").text
        or "18 h" in admin.get(f"/alerts/{early['alert_id']}").text
    )
    found = listed(admin.get("/alerts?overdue=yes"))
    assert late["alert_id"] in found
    assert early["alert_id"] not in found
    assert early["alert_id"] in listed(admin.get("/alerts?overdue=no"))


def test_what_is_due_first_comes_first(admin: Person, store: Store) -> None:
    from orchestration.actions.clocks import due_at
    from orchestration.policy.load import load_policies
    from orchestration.settings import PROJECT_ROOT

    policies = load_policies(PROJECT_ROOT / "policies")
    for place, row in enumerate(rows(store, alerts.c.step == "raised")):
        raised = utc_now() - timedelta(minutes=37 * (place * 7 % 31))
        with store.writing() as con:
            con.execute(sa.update(alerts).where(alerts.c.alert_id == row["alert_id"]).values(raised_at=raised))
    still = [row for row in rows(store) if row["step"] != "closed" and row["cleared_at"] is None]
    ordered = sorted(still, key=lambda row: (due_at(row, policies) or datetime.max, row["alert_id"]))
    assert listed(admin.get("/alerts")) == [row["alert_id"] for row in ordered][:50]


def test_a_digest_reader_sees_what_is_with_them(base: str, settings: Settings, store: Store) -> None:
    director = signed_in(base, "Dee Director", ["manager", "executive"])
    with_role = {row["alert_id"] for row in rows(store, alerts.c.to_role == "cs_director", alerts.c.to_name.is_(None))}
    assert with_role
    still = {row["alert_id"] for row in rows(store, alerts.c.step != "closed")}
    assert {*listed(director.get("/alerts?mine=yes"))} == with_role & still
    named = rows(store, alerts.c.to_name.is_not(None))[0]
    csm = signed_in(base, named["to_name"], ["seller"])
    found = listed(csm.get("/alerts?mine=yes&state=raised&state=closed&state=acknowledged"))
    assert {*found} <= {row["alert_id"] for row in rows(store, alerts.c.to_name == named["to_name"])}
    assert found


def test_what_somebody_else_noted_meanwhile_is_told(base: str, admin: Person, store: Store) -> None:
    row = fresh(store)
    other = signed_in(base, "Ben Other", ["admin"])
    assert answer(other, row, "acknowledged", "raised", "on it").history[0].status_code == 303
    got = answer(admin, row, "acknowledged", "raised")
    assert got.status_code == 409
    assert re.match(r"Ben Other noted on [\d-]+ at [\d:]+ UTC that it was acknowledged \(on it\)\.", problem(got))
    # Closing too is only done to what was seen.
    assert answer(admin, row, "closed", "raised", "gone").status_code == 409
    assert step_of(store, row) == "acknowledged"


def test_of_two_people_at_once_one_wins(base: str, store: Store) -> None:
    people = [signed_in(base, name, ["admin"]) for name in ("Ann First", "Bob Second")]
    tokens = [person.form_token() for person in people]
    for _ in range(5):
        row = fresh(store)
        barrier = Barrier(2)

        def send(person: Person, token: str) -> int:
            barrier.wait()  # noqa: B023 - used before the next round
            data = {"form_token": token, "step": "acknowledged", "seen": "raised"}
            return person.post(f"/alerts/{row['alert_id']}", data=data, follow_redirects=False).status_code  # noqa: B023

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(send, people, tokens)) == [303, 409]
        noted = sa.select(sa.func.count()).where(
            alert_entries.c.alert_id == row["alert_id"], alert_entries.c.step == "acknowledged"
        )
        with store.reading() as con:
            assert con.execute(noted).scalar_one() == 1


def test_who_may_not_answer_is_refused_and_has_no_form(base: str, store: Store) -> None:
    row = fresh(store)
    # Sees by the executive's rows of policy what an approver doesn't; answers with neither role here.
    approver = signed_in(base, "Abe Approver", ["approver_low"])
    assert approver.get(f"/alerts/{row['alert_id']}").status_code == 404
    assert answer(approver, row, "acknowledged", "raised").status_code == 404
    assert step_of(store, row) == "raised"


def test_alerts_of_accounts_that_one_does_not_see_are_not_there(settings: Settings, base: str, store: Store) -> None:
    own = {
        row["account_id"]
        for row in published(
            settings,
            "select account_id from account_signals where $name in (owner_name, csm_name, ae_name)",
            name=OTHER_SELLER,
        )
    }
    seller = signed_in(base, OTHER_SELLER, ["seller"])
    assert {*listed(seller.get("/alerts"))} == {
        row["alert_id"] for row in rows(store, alerts.c.account_id.in_(own), alerts.c.step != "closed")
    }
    row = fresh(store, alerts.c.account_id.not_in(own))
    got = [seller.get(f"/alerts/{one}") for one in (row["alert_id"], "nothing")]
    got += [seller.submit(f"/alerts/{one}", {"step": "acknowledged"}) for one in (row["alert_id"], "nothing")]
    assert [one.status_code for one in got] == [404] * 4
    assert step_of(store, row) == "raised"
