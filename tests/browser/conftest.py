"""Chromium, the portal on loopback, and windows of people who are signed in.

Everything lasts as long as one file of tests: Playwright occupies the thread it runs in, and other tests need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.support.browser import ARGUMENTS, Served, Window, chromium
from tests.support.portal import home, served

# Few rows a page: that there are several is tested here, not how long one is. Tests may ask as often as they like.
PORTAL = {"rows_a_page": 8, "bulk_most": 8, "most_a_minute": 100_000, "most_sign_ins_a_minute": 100_000}
# What is waited for comes at once, but for a machine that is busy.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = home(tmp_path_factory.mktemp("portal"), portal=PORTAL)
    with served(settings) as base:
        yield Served(settings, base)


@pytest.fixture
def open_window(browser: Browser, portal: Served) -> Iterator[Callable[..., Window]]:
    """Opens windows, signed in or not; at the end of the test no window may have complained about anything."""
    opened: list[Window] = []

    def opens(*who: Any, **more: Any) -> Window:
        opened.append(Window.open(browser, portal.base, *who, **more))
        return opened[-1]

    yield opens
    complaints = [complaint for window in opened for complaint in window.complaints()]
    for window in opened:
        window.close()
    assert complaints == []
