"""What holds for every page, found from the routes of the app: readable and usable by everybody, in every look."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute
from playwright.sync_api import Browser

from orchestration.settings import PROJECT_ROOT, Settings
from portal.app import create_app
from tests.support.browser import DESK, PHONE, Served, Window
from tests.support.portal import SELLER, published

# What is for programs, or is downloaded; everything else is a page.
NOT_PAGES = re.compile(
    r"^/(api/v\d+|auth|export|hooks|metrics|healthz|readyz)(/|$)|/documents/|\.(pdf|pptx|csv|xlsx|json|yaml|patch)$"
)
# What takes the models a while is looked at where it is used: in test_journeys.py.
ELSEWHERE = {"/simulator", "/policies/previews/{draft_id}"}
# Beside the bare address: what makes the page look different, and accounts with hostile names.
MORE = (
    "/?status=past_due&q=no+such+account",
    "/?page=2&sort=-amount",
    "/accounts?q=hedgehog",
    "/actions?status=suppressed",
    "/actions?q=no+such+account",
    *(f"/accounts/{quote(account_id, safe='')}" for account_id in ("H-01", "H-06", "H-08", "H 10?&#%")),
    "/nothing/here",
    "/?sort=nothing",
)


@cache
def routes() -> tuple[str, ...]:
    """Addresses of the pages, with their parameters in braces."""

    def walk(some: object) -> Iterator[str]:
        for route in getattr(some, "routes", ()):
            if isinstance(route, APIRoute) and "GET" in route.methods:
                yield route.path
            elif inner := getattr(route, "original_router", None):
                yield from walk(inner)

    app = create_app(Settings(home=PROJECT_ROOT / "nowhere"), development_sign_in=True)
    return tuple(sorted({path for path in walk(app) if not NOT_PAGES.search(path)} - ELSEWHERE))


@pytest.fixture(scope="module")
def examples(portal: Served) -> dict[str, str]:
    """Values for parameters of addresses: of an account with much to show."""
    action = published(
        portal.settings,
        "select action_id, account_id from recommended_actions where mode = 'approve' and account_id in"
        " (select account_id from alerts where is_open) and account_id not like 'H%' order by action_id limit 1",
    )[0]
    alert = published(portal.settings, "select alert_id from alerts where is_open order by alert_id limit 1")[0]
    issue = published(portal.settings, "select issue_id from hygiene_issues order by status, issue_id limit 1")[0]
    return {**action, **alert, **issue, "stem": "churn"}


@pytest.fixture(scope="module")
def window(browser: Browser, portal: Served) -> Iterator[Window]:
    """Of somebody who may see and do everything; for pages that are only looked at."""
    opened = Window.open(browser, portal.base)
    yield opened
    opened.close()


@pytest.mark.parametrize("path", [*routes(), *MORE])
def test_is_accessible_in_every_look_and_asks_no_other_host(
    path: str, examples: dict[str, str], window: Window
) -> None:
    named = set(re.findall(r"\{(\w+)[^}]*\}", path))
    assert named <= examples.keys(), f"{path} needs an example of {named - examples.keys()}"
    window.goto(re.sub(r"\{(\w+)[^}]*\}", lambda match: quote(examples[match[1]], safe=""), path))
    assert [*window.faults(), *window.complaints()] == []


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/development", "/actions"])
def test_for_nobody_is_accessible(path: str, open_window: Callable[..., Window]) -> None:
    window = open_window(person=None)
    window.goto(path)
    assert window.faults() == []


def test_that_is_refused_is_accessible(open_window: Callable[..., Window]) -> None:
    window = open_window(person=SELLER, roles=("seller",))
    assert window.goto("/portfolio") == 403
    assert window.faults() == []


@pytest.mark.parametrize("size", [PHONE, DESK])
def test_begins_with_a_link_to_the_content(size: tuple[int, int], open_window: Callable[..., Window]) -> None:
    window = open_window(size=size)
    window.goto("/actions")
    window.page.keyboard.press("Tab")
    link = window.page.get_by_role("link", name="To the content")
    assert link.evaluate("node => node === document.activeElement")
    box = link.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["y"] >= 0
    window.page.keyboard.press("Enter")
    assert window.page.evaluate("document.activeElement.id") == "main"
    window.page.keyboard.press("Tab")
    assert window.page.evaluate("document.querySelector('main').contains(document.activeElement)")
