"""What to do next, and why: whose it is, what comes first, where it is done, and what the ledger knows since."""

import re
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb
import numpy as np
import pytest
import sqlalchemy as sa

from orchestration.actions.clocks import note_step, tick
from orchestration.actions.decide import Desk
from orchestration.ledger.store import Store, utc_now
from orchestration.ledger.tables import actions, alerts
from orchestration.policy.load import load_policies
from orchestration.settings import Settings
from portal.access import Viewer
from portal.ledger_mirror import Mirror
from portal.publications import Library
from portal.things import Things
from portal.whose import Whose, answers_for
from portal.worklist import Board
from tests.support.portal import GEO, SELLER, Person, home, published, served, signed_in

# A person of every role that answers alerts; none approves.
SEER = ("Rita Revops", ["revops"])


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return home(tmp_path_factory.mktemp("next"))


@pytest.fixture(scope="module")
def base(settings: Settings) -> Iterator[str]:
    with served(settings) as address:
        yield address


def test_executives_have_decisions_first_and_approvals_where_they_give_them(base: str, settings: Settings) -> None:
    first = cards(signed_in(base, "Eve Executive", ["executive"]))
    wanted = published(
        settings,
        "select account_id from executive_decisions left join account_signals s using (account_id)"
        " where urgency = 'this_week' group by all order by max(s.arr) desc nulls last, account_id",
    )
    decided = [card for card in first if "decides" in card["facts"]]
    assert decided
    assert first[: len(decided)] == decided
    assert unquote(decided[0]["account"]) == wanted[0]["account_id"]
    assert decided[0]["link"] == f"/accounts/{decided[0]['account']}#plan"
    approver = signed_in(base, "Eve Executive", ["executive", "approver_high"])
    assert {card["what"].split(":")[0] for card in cards(approver)} & {"Approve or reject"}
    assert not any("decides" in card["facts"] for card in cards(signed_in(base, *SEER)))


def test_whose_an_alert_is_follows_answers_as(base: str, settings: Settings) -> None:
    """Of nobody in particular: a manager answers for the CS director; a seller, and an executive, don't."""
    (row,) = published(
        settings,
        "select account_id, alert_id from alerts join account_signals s using (account_id)"
        " where alert = 'critical_score' and s.geo = $geo order by s.arr desc, account_id limit 1",
        geo=GEO,
    )
    path = f"/accounts/{row['account_id']}"
    for person, is_mine in (
        (signed_in(base, "Mona Manager", ["manager"], geos=[GEO]), True),
        (signed_in(base, "Eve Executive", ["executive"]), False),
        (signed_in(base, *SEER), False),
    ):
        (card,) = [card for card in cards(person, path) if card["link"].startswith(f"/alerts/{row['alert_id']}?")]
        assert ("yours" in card["facts"]) == is_mine
        listed = person.get(f"/alerts?mine=yes&account={row['account_id']}").text
        assert (row["alert_id"] in listed) == is_mine


def test_an_action_says_who_has_to_approve_it(base: str, settings: Settings) -> None:
    (row,) = published(
        settings,
        "select account_id, action_id from recommended_actions where status = 'pending_approval' and origin = 'plan'"
        " and sensitivity = 'high' and owner is not null order by priority, action_id limit 1",
    )
    path, link = f"/accounts/{row['account_id']}", f"/actions/{row['action_id']}"
    (of_seer,) = [card for card in cards(signed_in(base, *SEER), path, most=99) if link in card["link"]] or [None]
    assert of_seer is not None
    assert "waits for approver high" in of_seer["facts"]
    assert not of_seer["what"].startswith("Approve")
    approver = signed_in(base, "Ada Admin", ["admin"])
    (of_approver,) = [card for card in cards(approver, path) if link in card["link"]]
    assert of_approver["what"].startswith("Approve or reject: ")
    assert "waits for" not in of_approver["facts"]
    assert approver.get(of_approver["link"]).status_code == 200


def test_an_alert_has_the_clock_of_its_page_and_leads_there(base: str) -> None:
    person = signed_in(base, *SEER)
    card = next(card for card in cards(person) if card["what"].startswith("Acknowledge: "))
    there = person.get(card["link"])
    assert there.status_code == 200
    clock = re.search(r"overdue by [\d,]+ days", card["facts"])
    assert clock, "the alerts of the small home were raised long ago"
    assert clock[0] in there.text
    assert 'href="/"' in there.text, "and back again"


def test_one_card_an_account_and_few_alike(base: str, settings: Settings) -> None:
    person = signed_in(base, *SEER)
    found = cards(person)
    assert len({card["account"] for card in found}) == len(found) == 5
    titles = [card["what"] for card in found]
    assert max(titles.count(one) for one in titles) <= 2
    for card in found:
        whole = len(cards(person, f"/accounts/{card['account']}"))
        more = re.search(r"(\d+) more", card["ways"])
        assert whole == min(5, 1 + int(more[1] if more else 0))


def test_a_health_check_and_its_alert_are_one_card(tmp_path: Path) -> None:
    settings = home(tmp_path)
    alert, check = an_alert_of_a_check(settings)
    path = f"/accounts/{check['account_id']}"
    with served(settings) as base:
        owner = signed_in(base, check["owner_name"])
        (card,) = of_target(cards(owner, path), check)
        assert card["what"] == "Deliver the health check"
        assert card["why"] == check["flag_reason"]
        assert "yours" in card["facts"]
        assert re.search(r"alert: overdue by [\d,]+ days", card["facts"])
        assert f'href="/alerts/{alert["alert_id"]}?back=' in card["ways"]
        assert not any(one["what"].endswith("Health check past due") for one in cards(owner, path))
        with Store.open(settings) as store:
            note_step(
                store, load_policies(settings.policies), alert["alert_id"], "closed", "Ada", utc_now(), "ok", ADMIN
            )
        (card,) = of_target(cards(owner, path), check)
        assert "alert:" not in card["facts"], "the check is still to be delivered"
        assert alert["alert_id"] not in card["ways"]


def test_what_happens_in_the_ledger_is_seen_at_once(tmp_path: Path) -> None:
    settings = home(tmp_path)
    policies = load_policies(settings.policies)
    with served(settings) as base, Store.open(settings) as store:
        manager = signed_in(base, "Mona Manager", ["manager", "approver_high"], geos=["EMEA", "APAC", "AMER"])
        seller = signed_in(base)
        with store.reading() as con:
            of_csm = con.execute(sa.select(alerts).where(alerts.c.to_name == SELLER)).mappings().first()
            one = sa.select(actions).where(actions.c.status == "pending_approval", actions.c.action == "executive_call")
            pending = con.execute(one.order_by(actions.c.action_id)).mappings().first()
        path = f"/accounts/{of_csm['account_id']}"
        assert "yours" in linked(cards(seller, path), of_csm["alert_id"])["facts"]
        assert "yours" not in linked(cards(manager, path), of_csm["alert_id"])["facts"]
        tick(store, policies, utc_now())
        # It went up a role, to one that a manager answers for.
        assert "yours" not in linked(cards(seller, path), of_csm["alert_id"])["facts"]
        assert "yours" in linked(cards(manager, path), of_csm["alert_id"])["facts"]
        note_step(store, policies, of_csm["alert_id"], "acknowledged", "Mona Manager", utc_now(), None, ADMIN)
        assert linked(cards(manager, path), of_csm["alert_id"])["what"].startswith("Assess: ")

        path = f"/accounts/{pending['account_id']}"
        assert linked(cards(manager, path), pending["action_id"])["what"].startswith("Approve or reject: ")
        Desk(store, policies, "Ada", utc_now(), ADMIN).reject(pending["action_id"], "Not now.")
        assert pending["action_id"] not in {card["link"].split("?")[0].split("/")[-1] for card in cards(manager, path)}


def test_who_asked_for_an_action_waits_for_another(tmp_path: Path) -> None:
    settings = home(tmp_path)
    policies = load_policies(settings.policies)
    with served(settings) as base, Store.open(settings) as store:
        query = sa.select(actions).where(actions.c.status == "suppressed").order_by(actions.c.action_id)
        with store.reading() as con:
            held = con.execute(query).mappings().first()
        admin, another = (signed_in(base, name, ["admin"]) for name in ("Ada Admin", "Otto Other"))
        path = f"/accounts/{held['account_id']}"
        assert held["action_id"] not in str(cards(admin, path))
        Desk(store, policies, "Ada Admin", utc_now(), ADMIN).promote(held["action_id"], "It is needed.")
        assert "Approve or reject" in linked(cards(another, path), held["action_id"])["what"]
        its = [card for card in cards(admin, path) if held["action_id"] in card["link"]]
        assert all("waits for another approver" in card["facts"] for card in its)


def test_an_alert_is_more_urgent_as_its_clock_runs(settings: Settings) -> None:
    policies = load_policies(settings.policies)
    viewer = Viewer("Rita Revops", "Rita", frozenset({"revops"}), sees=frozenset({"all"}))
    library = Library(settings.published_path, settings.home_path / "tmp", 256)
    with Store.open(settings) as store, library.current() as edition:
        things = edition.made(Things.of)
        board = Board(things, store, Mirror(store), policies)
        whose = Whose(things, policies.access, viewer, None, lambda _: False)
        title = things.title.values.index("Score is critical")
        place = int(np.flatnonzero(things.title.codes[things.told] == title)[0])
        due = int(board.alerts().due[place])
        for hours, urgency in ((5, 3), (4, 2), (1, 2), (-1, 2)):
            keys = whose.keys(board, board.actions(), board.alerts(), due - hours * 3600)
            assert keys.urgency(int(things.told[place])) == urgency
    library.close()


@pytest.mark.parametrize(
    ("role", "fits"),
    [
        ("vp_sales", True),
        ("CEO or VP Sales", True),
        ("VP Sales or VP Customer Success", True),
        ("CEO, VP Sales and VP Operations", True),
        ("VP Operations", False),
        ("vp_sales_emea_support", True),
        ("svp_sales", False),
        (None, False),
    ],
)
def test_words_that_name_a_role(role: str | None, fits: bool) -> None:
    assert answers_for(role, ("vp_sales", "vp_customer_success")) == fits


ADMIN = frozenset({"admin"})


def cards(person: Person, path: str = "/", most: int = 5) -> list[dict[str, str]]:
    """What a page shows to be done: the parts of each card, in order."""
    text = person.get(path).text
    found = re.findall(r'<li class="thing u\d">(.*?)</li>', text, re.DOTALL)
    assert len(found) <= most
    return [_card(one) for one in found]


def _card(text: str) -> dict[str, str]:
    link, what = re.search(r'<p class="what"><a href="([^"]+)">([^<]+)</a>', text).groups()
    why, facts = (re.search(rf'<p class="{name}">(.*?)</p>', text, re.DOTALL)[1] for name in ("why", "facts"))
    account = re.search(r'class="of">for <a href="/accounts/([^"]+)"', text)
    ways = re.search(r'<p class="ways">(.*?)</p>', text, re.DOTALL)
    return {
        "link": unescape(link),
        "what": unescape(what),
        "why": unescape(why),
        "facts": " ".join(re.sub(r"<[^>]+>", " ", facts).split()),
        "account": account[1] if account else "",
        "ways": ways[1] if ways else "",
    }


def linked(found: list[dict[str, str]], thing_id: str) -> dict[str, str]:
    """The card that leads to an alert or an action."""
    (card,) = [card for card in found if f"/{thing_id}?" in card["link"]]
    return card


def of_target(found: list[dict[str, str]], check: Mapping[str, Any]) -> list[dict[str, str]]:
    """The cards with the deck of a target."""
    return [card for card in found if f"target={check['target_id']}" in unquote(card["ways"])]


def an_alert_of_a_check(settings: Settings) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make an alert say that a health check of its account is past due, as published and in the ledger."""
    query = (
        "select c.account_id, c.target_id, c.owner_name, c.flag_reason, a.alert_id from health_check_candidates c"
        " join alerts a using (account_id) where c.status = 'past_due' and c.owner_name is not null"
        " order by c.account_id, a.alert_id limit 1"
    )
    (found,) = published(settings, query)
    current = (settings.published_path / "CURRENT").read_text(encoding="utf-8").strip()
    file = settings.published_path / current / "alerts.parquet"
    title = "Health check past due"
    with duckdb.connect() as con:
        con.execute(f"create view told as select *, alert_id = '{found['alert_id']}' as is_it from '{file}'")
        con.execute(
            f"copy (select * exclude (is_it) replace (if(is_it, 'hc_past_due', alert) as alert,"
            f" if(is_it, '{found['target_id']}', subject) as subject) from told) to '{file}.new' (format parquet)"
        )
    file.with_name(f"{file.name}.new").replace(file)
    with Store.open(settings) as store, store.writing() as con:
        of_it = alerts.c.alert_id == found["alert_id"]
        owner = {"to_role": "owner", "to_name": found["owner_name"]}
        con.execute(sa.update(alerts).where(of_it).values(alert="hc_past_due", title=title, **owner))
    return found, found
