"""Windows of a real Chromium on the portal, with everything that the browser complained about.

A window is a browser of its own: cookies, theme and scripts are not shared with another.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response

from orchestration.settings import PROJECT_ROOT, Settings
from tests.support.portal import ROLES

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Of WCAG 2.2 up to AA, and what those who make axe advise beside it.
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
# A theme changes colours alone.
OF_COLOURS = ("color-contrast", "link-in-text-block")
PHONE, DESK = (360, 780), (1600, 1000)
_FOLDER = PROJECT_ROOT / "tests" / "browser"
_AXE = _FOLDER / "axe" / "node_modules" / "axe-core" / "axe.min.js"
# Chromium says so of a page that is refused, which is no fault of the page.
_REFUSED = re.compile(r"Failed to load resource: the server responded with a status of (4\d\d)")
_LISTEN = """
window.violations = [];
document.addEventListener("securitypolicyviolation", e =>
  window.violations.push(`${e.violatedDirective}: ${e.blockedURI} ${e.sample}`));
"""


def chromium() -> str:
    """Where Chromium is; `make setup-browser` installs it."""
    found = shutil.which("chromium")
    assert found, "Chromium isn't there: make setup-browser"
    return found


@cache
def _looks() -> str:
    assert _AXE.exists(), "axe isn't there: make setup-browser"
    own = (_FOLDER / "look.js").read_text(encoding="utf-8")
    return f"{_AXE.read_text(encoding='utf-8')}\n{own}\nwindow.looks = looks;"


@dataclass(frozen=True)
class Served:
    """The portal of a home, on loopback."""

    settings: Settings
    base: str


@dataclass
class Window:
    """A person's window."""

    base: str
    context: BrowserContext
    page: Page
    _complaints: list[str] = field(default_factory=list)
    _refused: set[str] = field(default_factory=set)
    _said: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def open(
        cls,
        browser: Browser,
        base: str,
        person: str | None = "Otto Brandstätter",
        roles: Sequence[str] = ROLES,
        geos: Sequence[str] = (),
        regions: Sequence[str] = (),
        *,
        scripts: bool = True,
        size: tuple[int, int] = (1280, 900),
        theme: str = "light",
    ) -> Window:
        """A window of this person, signed in with these roles; of nobody where `person` is None."""
        context = browser.new_context(
            base_url=base,
            viewport={"width": size[0], "height": size[1]},
            color_scheme=theme,
            java_script_enabled=scripts,
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="UTC",
        )
        context.set_default_timeout(30_000)
        context.add_init_script(_LISTEN)
        window = cls(base, context, context.new_page())
        window.page.on("console", window._hears)
        window.page.on("pageerror", lambda error: window._complaints.append(f"error: {error}"))
        window.page.on("request", window._sends)
        window.page.on("response", window._receives)
        if person is not None:
            window.sign_in(person, roles, geos, regions)
        return window

    def sign_in(self, person: str, roles: Sequence[str], geos: Sequence[str] = (), regions: Sequence[str] = ()) -> None:
        """Sign in by the sign-in for development, without its page."""
        fields = [("person", person), ("path", "/")]
        fields += [(name, one) for name, many in (("role", roles), ("geo", geos), ("region", regions)) for one in many]
        answer = self.context.request.post(
            "/sign-in/development",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            data="&".join(f"{name}={_quoted(value)}" for name, value in fields),
            max_redirects=0,
        )
        assert answer.status == 303, answer.text()

    def goto(self, path: str) -> int:
        """Go to a page; gives the status of the answer."""
        answer = self.page.goto(path)
        assert answer is not None
        return answer.status

    def faults(self) -> list[str]:
        """What is wrong with the page that is open: on a desk and a phone, light and dark, by keyboard and in print."""
        page, found = self.page, []
        page.evaluate(_looks())
        # A keyboard is in use, so focus shows.
        page.keyboard.press("Shift")
        found += page.evaluate("[...looks.markup(), ...looks.focus()]")
        for width, height in (DESK, PHONE):
            page.set_viewport_size({"width": width, "height": height})
            found += [f"{width} px: {one}" for one in page.evaluate("looks.width()")]
            for theme, rules in (("dark", ("rule", OF_COLOURS)), ("light", ("tag", RULES))):
                page.emulate_media(color_scheme=theme)
                found += [f"{width} px, {theme}: {one}" for one in page.evaluate("looks.rules", rules)]
        page.emulate_media(media="print")
        found += page.evaluate("looks.print()")
        page.emulate_media(media="screen")
        return found

    def complaints(self) -> list[str]:
        """What went wrong since this was asked last: errors, warnings, requests to other hosts, violations of the
        security policy."""
        heard = [f"{text} ({url})" for text, url in self._said if not (_REFUSED.match(text) and url in self._refused)]
        told = [*self._complaints, *heard, *self._violations()]
        for one in (self._complaints, self._said, self._refused):
            one.clear()
        return told

    def close(self) -> None:
        self.context.close()

    def _violations(self) -> list[str]:
        # Without scripts nothing can be asked; the console tells of violations too.
        if self.page.is_closed():
            return []
        return json.loads(self.page.evaluate("JSON.stringify(window.violations ?? [])"))

    def _hears(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._said.append((message.text, message.location["url"]))

    def _sends(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob", "about") and f"{parts.scheme}://{parts.netloc}" != self.base:
            self._complaints.append(f"asked another host: {request.url}")

    def _receives(self, response: Response) -> None:
        if response.request.is_navigation_request() and 400 <= response.status < 500:
            self._refused.add(response.url)


def _quoted(text: str) -> str:
    from urllib.parse import quote_plus

    return quote_plus(text)
