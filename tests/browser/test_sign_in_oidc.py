"""Whole sign-ins by OpenID Connect in Chromium, with oidc-provider under node on another site."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from tests.support.portal import SELLER, free_port, home, served
from tests.support.providers import CLIENT, SECRET, OidcProvider, oidc_provider

PEOPLE = {
    "hanae": {"email": "hanae.mori@accounts.example", "name": SELLER, "groups": ["sellers"]},
    "stranger": {"email": "stranger@accounts.example", "name": "A Stranger", "groups": ["others"]},
}


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def provider(port: int) -> OidcProvider:
    return oidc_provider(f"http://127.0.0.1:{port}", PEOPLE)


@pytest.fixture(scope="module")
def base(port: int, provider: OidcProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = home(
        tmp_path_factory.mktemp("oidc"),
        access={
            "groups": {"sellers": {"roles": ["seller"]}},
            "sign_in": {
                "base_url": f"http://127.0.0.1:{port}",
                "oidc": {"issuer": provider.issuer, "client_id": CLIENT, "secret": "portal_oidc"},
            },
        },
        portal={"most_sign_ins_a_minute": 1_000},
    )
    assert settings.secrets
    (settings.secrets / "portal_oidc").write_text(SECRET)
    with served(settings, port, development_sign_in=False) as found:
        yield found


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def sign_in(page: Page, name: str) -> None:
    """What a person does at the provider."""
    page.fill("input[name=login]", name)
    page.fill("input[name=password]", "any")
    page.click("button[type=submit]")
    # Once, the provider asks whether the portal may know.
    page.click("button[type=submit]:has-text('Continue')")


def test_in_and_out_again_on_both_sides(page: Page, base: str, provider: OidcProvider) -> None:
    with provider.running():
        deep = f"{base}/accounts?sort=-arr&q=odd"
        page.goto(deep)
        assert page.url.startswith(provider.issuer)
        sign_in(page, "hanae")
        page.wait_for_url(deep)
        assert "Odd id" in page.inner_text("main")
        cookies = {cookie["name"]: cookie for cookie in page.context.cookies(base)}
        assert cookies["account_health_session"]["httpOnly"]
        assert cookies["account_health_session"]["sameSite"] == "Lax"
        # Nothing of the sign-in is left behind.
        assert not [name for name in cookies if name.startswith("account_health_sign_in")]
        page.click("summary:has-text('Hanae Mori')")
        page.click("button:has-text('Sign out')")
        # The provider asks, then leads back.
        page.wait_for_url(f"{provider.issuer}/session/end**")
        page.click("button[value=yes]")
        page.wait_for_url(f"{base}/sign-in/out**")
        assert "You are signed out" in page.inner_text("main")
        # Neither here nor there is anybody signed in any more.
        page.goto(f"{base}/accounts")
        assert page.url.startswith(provider.issuer)
        assert page.locator("input[name=password]").count() == 1


def test_signing_out_at_the_provider_ends_the_session_here(page: Page, base: str, provider: OidcProvider) -> None:
    with provider.running():
        page.goto(f"{base}/accounts")
        sign_in(page, "hanae")
        page.wait_for_url(f"{base}/accounts")
        # The provider tells the portal by itself, without the browser.
        page.goto(f"{provider.issuer}/session/end")
        page.click("button[value=yes]")
        page.wait_for_url(f"{provider.issuer}/session/end/success**")
        page.goto(f"{base}/accounts")
        assert urlsplit(page.url).netloc == urlsplit(provider.issuer).netloc


def test_who_is_in_no_group_of_ours_gets_no_page(page: Page, base: str, provider: OidcProvider) -> None:
    with provider.running():
        page.goto(base)
        sign_in(page, "stranger")
        page.wait_for_url(f"{base}/")
        assert "no role yet" in page.inner_text("main")
        assert page.locator("nav[aria-label=Main] a").count() == 0


def test_the_provider_may_change_its_keys(browser: Browser, base: str, provider: OidcProvider) -> None:
    for _ in range(2):
        with provider.running(), ExitStack() as windows:
            context = browser.new_context()
            windows.callback(context.close)
            page = context.new_page()
            page.goto(f"{base}/accounts")
            sign_in(page, "hanae")
            page.wait_for_url(f"{base}/accounts")
