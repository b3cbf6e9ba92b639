"""Makes docs/images/portal-*.png: what the main pages of the portal look like, in Chromium.

`python scripts/picture_portal.py HOME` takes the home of a demo that has published; a few as-of dates before the last
one give its charts a history. Who signs in and what is simulated stays in the home's ledger: take a copy. Needs what
`make setup-browser` installs. Two runs differ only by what counts from the clock, such as the hours left of an alert.
"""

from __future__ import annotations

import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import uvicorn
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from orchestration.settings import PROJECT_ROOT, Settings
from portal.app import create_app, server_config

PERSON, ROLES = "Otto Brandstätter", ("executive", "manager", "approver_high")
_FOLDER = PROJECT_ROOT / "docs" / "images"
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars")
# The models are compiled for the first simulation.
_SIMULATION_MS = 170_000


def _as_it_opens(page: Page) -> None:
    pass


def _first_evidence(page: Page) -> None:
    page.locator("table.queue summary").first.click()


def _charts(page: Page) -> None:
    _to(page, "#trend")


def _result(page: Page) -> None:
    page.get_by_role("list").get_by_role("link", name="Northwind").first.click()
    expect(page.get_by_role("heading", name="What would follow")).to_be_visible(timeout=_SIMULATION_MS)
    _to(page, "#result")


def _to(page: Page, selector: str) -> None:
    page.locator(selector).evaluate("node => scrollTo(0, node.getBoundingClientRect().top - 16)")


@dataclass(frozen=True)
class Picture:
    """A page, what is done on it first, and how it is looked at."""

    name: str
    path: str
    then: Callable[[Page], None] = _as_it_opens
    width: int = 1280
    height: int = 960
    theme: str = "light"


PICTURES = (
    Picture("targets", "/"),
    Picture("account", "/accounts/northwind", height=1280),
    Picture("actions", "/actions?status=pending_approval&action=csm_outreach&sort=-due_on", _first_evidence),
    Picture("portfolio", "/portfolio", _charts, height=880),
    Picture("simulator", "/simulator", _result, height=1400),
    Picture("dark", "/alerts", theme="dark"),
    Picture("phone", "/", width=390, height=844),
)


def main(home: Path) -> None:
    """Write the pictures of the current publication of `home`."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("Chromium is needed: make setup-browser")
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with _served(home) as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(_ARGUMENTS))
        for picture in PICTURES:
            file = _FOLDER / f"portal-{picture.name}.png"
            file.write_bytes(_taken(browser, base, picture))
            print(f"{file.relative_to(PROJECT_ROOT)}: {file.stat().st_size / 1024:.0f} KB")
        browser.close()


def _taken(browser: Browser, base: str, picture: Picture) -> bytes:
    """The picture as PNG, packed well."""
    context = browser.new_context(
        base_url=base,
        viewport={"width": picture.width, "height": picture.height},
        color_scheme=picture.theme,
        reduced_motion="reduce",
        locale="en-GB",
        device_scale_factor=1,
    )
    page = context.new_page()
    page.goto("/sign-in/development")
    page.get_by_label("Name").fill(PERSON)
    for role in ROLES:
        page.get_by_label(role.replace("_", " "), exact=True).check()
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{base}/")
    page.goto(picture.path, wait_until="networkidle")
    picture.then(page)
    page.mouse.move(0, 0)
    whole = Image.open(BytesIO(page.screenshot()))
    context.close()
    made = BytesIO()
    whole.convert("RGB").save(made, "PNG", optimize=True)
    return made.getvalue()


@contextmanager
def _served(home: Path) -> Iterator[str]:
    app = create_app(Settings(home=home), development_sign_in=True)
    server = uvicorn.Server(server_config(app, "127.0.0.1", 0))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.05)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
