"""Whole sign-ins by SAML 2.0 in Chromium, with SimpleSAMLphp on another site."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Page

from tests.support.portal import SELLER, free_port, home, served
from tests.support.providers import SamlProvider, saml_provider
from tests.support.saml import SigningKey

PEOPLE = {
    "hanae": {"mail": ["hanae.mori@accounts.example"], "displayName": [SELLER], "groups": ["sellers", "staff"]},
    "stranger": {"mail": ["stranger@accounts.example"], "displayName": ["A Stranger"], "groups": ["others"]},
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, SamlProvider]]:
    """The portal and its provider; each knows the other's certificate."""
    folder, key = tmp_path_factory.mktemp("saml"), SigningKey("portal")
    port = free_port()
    portal = f"http://127.0.0.1:{port}"
    provider = saml_provider(folder / "provider", portal, key.certificate, PEOPLE)
    with ExitStack() as running:
        running.enter_context(provider.running())
        saml = {"metadata": "provider.xml", "certificate": "portal.crt", "key": "portal_saml"}
        settings = home(
            folder / "portal",
            access={
                "groups": {"sellers": {"roles": ["seller"]}},
                "sign_in": {"base_url": portal, "saml": saml},
            },
            portal={"most_sign_ins_a_minute": 1_000},
        )
        (settings.policies / "provider.xml").write_text(provider.metadata(), encoding="utf-8")
        (settings.policies / "portal.crt").write_text(key.certificate)
        assert settings.secrets
        (settings.secrets / "portal_saml").write_bytes(key.pem)
        yield running.enter_context(served(settings, port, development_sign_in=False)), provider


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def sign_in(page: Page, name: str) -> None:
    """What a person does at the provider."""
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", "pass")
    page.click("#submit_button, button[type=submit]")


def test_in_and_out_again_on_both_sides(page: Page, both: tuple[str, SamlProvider]) -> None:
    base, provider = both
    deep = f"{base}/accounts?sort=-arr&q=odd"
    page.goto(deep)
    assert page.url.startswith(provider.base)
    sign_in(page, "hanae")
    page.wait_for_url(deep)
    assert "Odd id" in page.inner_text("main")
    cookies = [cookie["name"] for cookie in page.context.cookies(base)]
    assert cookies == ["account_health_session"]
    page.click("summary:has-text('Hanae Mori')")
    page.click("button:has-text('Sign out')")
    page.wait_for_url(f"{base}/sign-in/out**")
    # Neither here nor there is anybody signed in any more.
    page.goto(f"{base}/accounts")
    page.wait_for_url(f"{provider.base}/**")
    assert page.locator("input[name=password]").count() == 1


def test_signing_out_at_the_provider_ends_the_session_here(page: Page, both: tuple[str, SamlProvider]) -> None:
    base, provider = both
    page.goto(f"{base}/accounts")
    sign_in(page, "hanae")
    page.wait_for_url(f"{base}/accounts")
    page.goto(f"{provider.base}/saml2/idp/SingleLogoutService.php?ReturnTo={provider.base}/")
    page.goto(f"{base}/accounts")
    page.wait_for_url(f"{provider.base}/**")
    assert page.locator("input[name=password]").count() == 1


def test_who_is_in_no_group_of_ours_gets_no_page(page: Page, both: tuple[str, SamlProvider]) -> None:
    base, _ = both
    page.goto(base)
    sign_in(page, "stranger")
    page.wait_for_url(f"{base}/")
    assert "no role yet" in page.inner_text("main")


def test_a_wrong_password_leads_nowhere(page: Page, both: tuple[str, SamlProvider]) -> None:
    base, provider = both
    page.goto(base)
    page.fill("input[name=username]", "hanae")
    page.fill("input[name=password]", "wrong")
    page.click("#submit_button, button[type=submit]")
    page.wait_for_load_state()
    assert page.url.startswith(provider.base)
    page.goto(f"{base}/accounts")
    assert not page.url.startswith(base)
