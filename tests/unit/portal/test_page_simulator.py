"""The simulator: an account of the viewer's or one that is described, at a level, by the batch's own models."""

import re
import time
from collections.abc import Iterator
from html import unescape
from urllib.parse import urlencode

import pytest

from orchestration.policy.load import load_policies
from orchestration.settings import Settings
from orchestration.whatif.simulate import simulate_typed
from tests.support.compiled import compiled_models
from tests.support.portal import AS_OF, SELLER, Person, home, published, served, signed_in


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return home(tmp_path_factory.mktemp("simulator"))


@pytest.fixture(scope="module")
def base(settings: Settings) -> Iterator[str]:
    with served(settings) as address:
        yield address


@pytest.fixture(scope="module")
def seller(base: str) -> Person:
    return signed_in(base)


def test_the_four_examples_are_there_to_pick(seller: Person) -> None:
    text = seller.get("/simulator").text
    for name in ("Northwind Logistics", "GreenSprout Onboarding", "HarborView Manufacturing", "SilverPeak Enterprise"):
        assert f"<bdi>{name}</bdi>" in text
    assert "lifecycle=onboarding" in text


def test_a_described_account_gets_what_the_batch_would_give(seller: Person, settings: Settings) -> None:
    policies = load_policies(settings.policies)
    example = policies.simulator.example("HarborView Manufacturing")
    query = urlencode(example.model_dump())
    first = seller.get(f"/simulator?{query}&level=aggressive")
    # It is under way: the page asks again by itself, with and without scripts.
    assert 'aria-busy="true"' in first.text
    assert 'hx-trigger="every 1s"' in first.text
    assert '<noscript><meta http-equiv="refresh"' in first.text
    text = result(seller, f"/simulator?{query}&level=aggressive")
    wanted = simulate_typed(example, policies, compiled_models(), AS_OF, "aggressive")
    assert actions(text) == [(row["title"], row["mode"]) for row in wanted.actions]
    for row in wanted.actions:
        assert row["rationale"] in text
    assert f"{float(wanted.health['score']):g}</strong> of 100" in text
    assert re.findall(r'<th scope="row">(blocker|csat|tickets open)</th><td class="n">([\d.]+)</td>', text) == [
        ("tickets open", "5"),
        ("csat", "3.1"),
        ("blocker", "2"),
    ]
    # The same question is answered at once, by somebody else too; another level is another answer.
    assert 'aria-busy="true"' not in seller.get(f"/simulator?{query}&level=aggressive").text
    calm = result(seller, f"/simulator?{query}&level=conservative")
    assert {mode for _, mode in actions(calm)} != {mode for _, mode in actions(text)}
    assert "approve" not in {mode for _, mode in actions(calm)}


def test_an_account_of_ones_own_gets_what_was_published(seller: Person, settings: Settings) -> None:
    text = result(seller, "/simulator?account=H-07")
    wanted = published(settings, "select title, mode from recommended_actions where account_id = 'H-07'")
    assert wanted
    assert sorted(actions(text)) == sorted((row["title"], row["mode"]) for row in wanted)


def test_another_ones_account_is_not_there(seller: Person, settings: Settings) -> None:
    own = "coalesce($name in (owner_name, csm_name, ae_name), false)"
    theirs = published(settings, f"select * from account_signals where not {own} order by account_id", name=SELLER)[0]
    assert seller.get(f"/simulator?account={theirs['account_id']}").status_code == 404
    assert seller.get("/simulator?account=nothing").status_code == 404
    text = seller.get("/simulator", params={"find": theirs["account_name"]}).text
    assert "No account of yours is called that." in text
    assert f"account={theirs['account_id']}" not in text


def test_an_account_is_found_by_a_part_of_its_name(seller: Person) -> None:
    assert seller.get("/simulator?find=hedgeHOG", follow_redirects=False).headers["location"] == (
        "/simulator?account=H-07"
    )
    several = seller.get("/simulator?find=o").text
    assert several.count('href="/simulator?account=') > 1


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("csat=high", "csat: found high; expected a number from 1 to 5"),
        ("csat=7", "csat: found 7"),
        ("days_to_renewal=soon", "days_to_renewal: found"),
        ("days_to_renewal=-1", "days_to_renewal: found"),
        ("open_issues=1&urgent_issues=2", "at most as many as open_issues, 1"),
        ("segment=huge", "segment: found"),
        ("usage_trend=%3Cb%3E", "usage_trend: found"),
        ("csat=4&level=reckless", "level: found reckless; expected one of conservative, balanced, aggressive"),
    ],
)
def test_what_does_not_hold_together_is_told_and_nothing_runs(seller: Person, query: str, said: str) -> None:
    answer = seller.get(f"/simulator?{query}")
    assert answer.status_code == 200
    text = unescape(answer.text)
    assert said in text
    assert "<b>" not in answer.text
    assert 'aria-busy="true"' not in text
    assert "Traceback" not in text


def result(person: Person, path: str) -> str:
    """The page when its result is there."""
    deadline = time.monotonic() + 240
    while True:
        text = person.get(path).text
        if 'aria-busy="true"' not in text:
            assert 'id="follows-head"' in text, re.findall(r'role="alert">[^<]*', text)
            return unescape(text)
        assert time.monotonic() < deadline, "no result comes"
        time.sleep(0.3)


def actions(text: str) -> list[tuple[str, str]]:
    """Titles and modes of a result, in its order."""
    return re.findall(
        r'data-label="Action">([^<]+)</th><td data-label="Mode"><span class="badge [a-z]+">([a-z]+)</span>', text
    )
