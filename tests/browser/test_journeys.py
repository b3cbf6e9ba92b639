"""What people come for, each role's way from the first page to what was done; in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.sync_api import Locator, Page, expect

from orchestration.ledger.store import utc_now
from tests.support.browser import PHONE, Served, Window
from tests.support.portal import GEO, OTHER_GEO, OTHER_SELLER, SELLER, published

Open = Callable[..., Window]
MANAGER, APPROVER, DIRECTOR = "Maria Testa", "Ada Approver", "Dora Director"
# The models are compiled for the first simulation of a server, on whatever else the machine does.
_MODELS_MS = 290_000


def test_a_seller_finds_a_target_its_account_and_deck_and_what_would_follow(open_window: Open, portal: Served) -> None:
    window = open_window(SELLER, ("seller",))
    page = window.page
    window.goto("/")
    owners = {
        row["owner_name"] for row in published(portal.settings, "select distinct owner_name from account_signals")
    }
    assert shown(page, "Owner") == {SELLER} < owners

    page.get_by_role("list", name="Narrow down by status").get_by_role("link", name="upcoming").click()
    page.wait_for_url("**/?*status=upcoming*")
    assert shown(page, "Status") == {"upcoming"}
    product = sorted(shown(page, "Product"))[0]
    page.get_by_label("Product").select_option(product)
    page.wait_for_url("**/?*product=*")
    assert page.url.count("status=upcoming") == 1
    expect(page.locator("td[data-label=Product]").filter(has_not_text=product)).to_have_count(0)

    deck = taken(page, page.get_by_role("link", name=re.compile("^deck of")).first)
    with ZipFile(deck) as parts:
        assert "ppt/presentation.xml" in parts.namelist()
    sheet = taken(page, page.get_by_role("link", name="CSV"))
    assert "upcoming" in sheet.read_text(encoding="utf-8-sig")
    assert "past_due" not in sheet.read_text(encoding="utf-8-sig")

    window.goto("/accounts?status=RED&sort=account_name")
    name = page.get_by_role("rowheader").first.inner_text()
    page.get_by_role("rowheader").first.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.get_by_role("link", name="Simulate").click()
    result = page.locator("#result")
    expect(result.get_by_role("heading", name=re.compile("^What would follow"))).to_be_visible(timeout=_MODELS_MS)
    expect(page.get_by_role("status")).to_have_text("The result is there")
    assert window.faults() == []


def test_a_manager_approves_in_two_clicks_with_the_evidence_in_view(open_window: Open, portal: Served) -> None:
    window = open_window(MANAGER, ("manager", "approver_medium"), geos=(GEO,))
    page = window.page
    window.goto("/portfolio")
    seen = sum(int(text.replace(",", "")) for text in page.locator(".tiles .figure").all_inner_texts())
    everywhere = published(portal.settings, "select geo, count(*) as n from account_signals group by 1")
    assert 0 < seen <= {row["geo"]: row["n"] for row in everywhere}[GEO]

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Actions").click()
    page.wait_for_url("**/actions")
    first = page.locator("table.queue tbody").first
    title = first.get_by_role("rowheader").inner_text()
    account = first.locator("td[data-label=Account]").inner_text()
    evidence = first.locator(".evidence")
    expect(evidence).not_to_be_visible()
    first.locator("a.opens").click()
    expect(evidence).to_be_in_viewport()
    expect(evidence.get_by_text("Why", exact=True)).to_be_visible()
    expect(evidence.get_by_text("Guards", exact=True)).to_be_visible()
    first.get_by_role("button", name=re.compile("^Approve")).click()
    expect(page.get_by_role("status").first).to_contain_text(f"Approved: {title}, {account}.")

    window.goto("/actions?status=queued")
    row = page.locator("table.queue tbody").filter(has_text=title).filter(has_text=account)
    row.get_by_role("rowheader").get_by_role("link").click()
    history = page.get_by_role("table", name="Every change of this action, the latest first")
    expect(history.get_by_role("row").filter(has_text=MANAGER).filter(has_text="approved").first).to_be_visible()
    assert window.faults() == []


def test_an_executive_reads_the_portfolio_takes_the_report_and_looks_at_an_account(open_window: Open) -> None:
    window = open_window(DIRECTOR, ("executive",))
    page = window.page
    window.goto("/portfolio")
    expect(page.locator("svg.chart").first).to_be_visible()
    report = taken(page, page.get_by_role("link", name="Executive report (PDF)"))
    assert report.read_bytes().startswith(b"%PDF-")
    account = page.get_by_role("table", name="The most urgent decisions").get_by_role("rowheader").first
    name = account.inner_text()
    account.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    brief = taken(page, page.get_by_role("link", name="Brief (PDF)"))
    assert brief.read_bytes().startswith(b"%PDF-")


def test_revenue_operations_accept_an_issue_and_try_another_policy(open_window: Open) -> None:
    window = open_window("Rita Revop", ("revops",))
    page = window.page
    window.goto("/hygiene")
    issue = page.locator("table.queue tbody").first
    sentence = issue.get_by_role("rowheader").inner_text()
    issue.locator("a.opens").click()
    until = str(utc_now().date() + timedelta(days=7))
    issue.get_by_label("Accept until").fill(until)
    issue.get_by_label("Reason").fill("The source can't say otherwise")
    issue.get_by_role("button", name=re.compile("^Accept")).click()
    expect(page.get_by_role("status").first).to_be_visible()
    issue = page.locator("table.queue tbody").filter(has_text=sentence).first
    issue.locator("a.opens").click()
    expect(issue).to_contain_text("The source can't say otherwise")

    window.goto("/policies/churn")
    text = page.get_by_role("textbox", name="Text of churn.yaml")
    before = text.input_value()
    changed = re.sub(r"(?m)^(\s+red: )70\b", r"\g<1>45", before, count=1)
    assert changed != before
    text.fill(changed)
    page.get_by_role("button", name="Check and compare").click()
    differ = page.get_by_role("table", name="Values now and then")
    expect(differ).to_contain_text("70")
    expect(differ).to_contain_text("45")
    patch = taken(page, page.get_by_role("link", name="Export the patch"))
    assert re.search(r"(?m)^-\s+red: 70", patch.read_text())
    expect(page.get_by_role("heading", name="Across the portfolio")).to_be_visible()
    expect(page.locator("#preview ul.chips")).to_be_visible(timeout=_MODELS_MS)
    assert window.faults() == []

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Status").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_a_policy_text_with_a_mistake_is_told_line_by_line(open_window: Open) -> None:
    window = open_window("Rita Revop", ("revops",))
    page = window.page
    window.goto("/policies/portal")
    text = page.get_by_role("textbox", name="Text of portal.yaml")
    text.fill(text.input_value().replace("session_hours: 12", "session_hours: many"))
    page.get_by_role("button", name="Check and compare").click()
    expect(page.get_by_role("table", name="Problems")).to_contain_text("session_hours")
    assert window.faults() == []


def test_an_approver_approves_together_what_was_counted_before(open_window: Open) -> None:
    window = open_window(APPROVER, ("approver_high", "executive"))
    page = window.page
    window.goto("/actions?status=pending_approval")
    before = counted(page, "pending approval")
    boxes = page.locator("table.queue input[type=checkbox]")
    for place in range(3):
        boxes.nth(place).check()
    page.get_by_role("button", name="Approve what is ticked…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Approve 3 actions?")
    assert window.faults() == []
    page.locator("ul.one-by-one input").first.uncheck()
    page.get_by_role("button", name="Approve what is ticked").click()
    expect(page.get_by_role("status").first).to_contain_text("Approved: 2")
    assert counted(page, "pending approval") == before - 2


def test_who_asked_for_an_action_cannot_approve_it(open_window: Open) -> None:
    asking = open_window(APPROVER, ("approver_high", "executive"))
    asking.goto("/actions?status=suppressed")
    asking.page.locator("table.queue tbody th a").first.click()
    address = asking.page.url
    asking.page.get_by_label("Reason").first.fill("The customer asked for it")
    asking.page.get_by_role("button", name=re.compile("^Ask for approval")).click()
    expect(asking.page.get_by_role("status").first).to_contain_text("Sent to approval")

    asking.goto(address)
    expect(asking.page.get_by_text("You asked for it, so somebody else has to approve it.")).to_be_visible()
    expect(asking.page.get_by_role("button", name=re.compile("^Approve"))).to_have_count(0)
    # Who sends the form all the same is refused too.
    asking.page.get_by_label("Reason").first.fill("I say so")
    button = asking.page.get_by_role("button", name=re.compile("^Reject"))
    button.evaluate("node => { node.value = 'approve'; }")
    button.click()
    expect(asking.page.get_by_role("alert")).to_contain_text("somebody else has to approve it")

    other = open_window(DIRECTOR, ("approver_high", "executive"))
    other.goto(address)
    other.page.get_by_role("button", name=re.compile("^Approve")).click()
    expect(other.page.get_by_role("status").first).to_contain_text("Approved")


def test_a_rejection_needs_a_reason(open_window: Open) -> None:
    window = open_window(APPROVER, ("approver_high", "executive"))
    page = window.page
    window.goto("/actions?status=pending_approval&page=3")
    page.locator("table.queue tbody th a").first.click()
    reject = page.get_by_role("button", name=re.compile("^Reject"))
    reject.click()
    # The browser asks for it, and so does the server where the browser doesn't.
    expect(page.get_by_label("Reason").first).to_be_focused()
    expect(page.get_by_role("alert")).to_have_count(0)
    reject.evaluate("node => { node.form.noValidate = true; }")
    reject.click()
    expect(page.get_by_role("alert")).to_contain_text("reason")
    assert window.faults() == []
    page.get_by_label("Reason").first.fill("The account has a freeze")
    page.get_by_role("button", name=re.compile("^Reject")).click()
    expect(page.get_by_role("status").first).to_contain_text("Rejected")


def test_of_two_at_once_the_second_is_told_who_was_first(open_window: Open) -> None:
    first = open_window(APPROVER, ("approver_high", "executive"))
    second = open_window(DIRECTOR, ("approver_high", "executive"), size=PHONE)
    first.goto("/actions?status=pending_approval&page=4")
    first.page.locator("table.queue tbody th a").first.click()
    second.goto(first.page.url)
    first.page.get_by_role("button", name=re.compile("^Approve")).click()
    expect(first.page.get_by_role("status").first).to_contain_text("Approved")
    second.page.get_by_role("button", name=re.compile("^Approve")).click()
    expect(second.page.get_by_role("alert")).to_contain_text(f"{APPROVER} approved it")
    expect(second.page.get_by_role("alert")).to_contain_text("Nothing was done")
    assert second.faults() == []


def test_who_answers_an_alert_is_noted_with_the_clock(open_window: Open) -> None:
    window = open_window(MANAGER, ("manager",), geos=(GEO, OTHER_GEO))
    page = window.page
    window.goto("/alerts")
    page.locator("table.queue tbody th a").first.click()
    page.get_by_role("button", name=re.compile("^Acknowledge")).click()
    expect(page.get_by_role("status").first).to_contain_text("Acknowledged")
    window.goto("/alerts?state=acknowledged")
    row = page.locator("table.queue tbody").first
    row.locator("summary").click()
    expect(row).to_contain_text(MANAGER)


def test_an_administrator_sees_what_others_did_and_gives_and_ends_a_token(open_window: Open) -> None:
    seller = open_window(OTHER_SELLER, ("seller",))
    assert seller.goto("/portfolio") == 403
    seller.goto("/")
    taken(seller.page, seller.page.get_by_role("link", name="CSV"))

    window = open_window("Ali Admin", ("admin",))
    page = window.page
    window.goto("/audit")
    main = page.get_by_role("main")
    for event in ("sign in", "denied", "export"):
        expect(
            main.get_by_role("row").filter(has_text=OTHER_SELLER).filter(has_text=re.compile(event, re.I)).first
        ).to_be_visible()
    assert window.faults() == []

    window.goto("/tokens")
    page.get_by_label("What uses it").fill("Nightly sheet")
    page.get_by_label("seller", exact=True).check()
    page.get_by_label("GEOs, for a manager").fill("")
    page.get_by_label("Owners, for a seller").fill(SELLER)
    page.get_by_label("all that these roles may read, or:").check()
    page.get_by_role("button", name="Make the token").click()
    token = page.get_by_label("The token").input_value()
    assert window.faults() == []
    asked = {"Authorization": f"Bearer {token}"}
    address = "/api/v1/tables/account_signals?limit=1"
    assert seller.context.request.get(address, headers=asked).status == 200
    page.get_by_role("button", name="Revoke Nightly sheet").click()
    expect(page.get_by_role("status").first).to_contain_text("holds no longer")
    assert seller.context.request.get(address, headers=asked).status == 401


def test_a_row_that_cant_open_leads_to_what_is_wrong(open_window: Open) -> None:
    window = open_window(MANAGER, ("manager", "approver_medium"), geos=(GEO,))
    page = window.page
    window.goto("/actions")
    opens = page.locator("a.opens").first
    with page.context.expect_page() as beside:
        opens.click(modifiers=["Control"])
    expect(beside.value.get_by_role("heading", level=1)).to_be_visible()
    expect(opens).to_be_visible()
    page.context.clear_cookies()
    opens.click()
    page.wait_for_url("**/sign-in?**")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_without_scripts_everything_can_be_read_filtered_and_decided(open_window: Open) -> None:
    window = open_window(SELLER, ("seller", "approver_medium"), scripts=False)
    page = window.page
    window.goto("/")
    rows = page.locator("table.list tbody tr")
    page.get_by_label("Search").fill("hedgehog")
    page.get_by_role("button", name="Filter").click()
    expect(rows).to_have_count(1)
    assert "q=hedgehog" in page.url
    page.get_by_role("link", name="Clear").click()
    page.get_by_role("link", name="Amount").click()
    page.get_by_role("link", name="Amount").click()
    assert "sort=-amount" in page.url
    expect(page.get_by_role("columnheader", name="Amount")).to_have_attribute("aria-sort", "descending")
    first = rows.first.inner_text()
    page.get_by_role("link", name="Next").click()
    assert "page=2" in page.url
    assert rows.first.inner_text() != first
    for label in page.get_by_role("navigation", name="Main").get_by_role("link").all_inner_texts():
        page.get_by_role("navigation", name="Main").get_by_role("link", name=label, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    window.goto("/actions")
    page.locator("table.queue tbody").first.locator("a.opens").click()
    expect(page.locator(".evidence")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Approve")).click()
    expect(page.get_by_role("status").first).to_contain_text("Approved")


def test_filters_go_into_the_address_and_back_undoes_them(open_window: Open) -> None:
    window = open_window()
    page = window.page
    window.goto("/")
    page.evaluate("window.isTheSamePage = true")
    total = page.locator(".pager span").inner_text()
    page.get_by_label("Search").press_sequentially("hedgehog")
    page.wait_for_url("**/?*q=hedgehog*")
    expect(page.get_by_role("rowheader")).to_have_count(1)
    assert page.evaluate("window.isTheSamePage")
    narrowed = page.url
    page.go_back()
    expect(page.locator(".pager span")).to_have_text(total)
    assert "hedgehog" not in page.url
    page.go_forward()
    expect(page.get_by_role("rowheader")).to_have_count(1)
    assert page.url == narrowed
    window.goto(narrowed)
    expect(page.get_by_role("rowheader")).to_have_count(1)


def test_the_keyboard_alone_filters_and_opens_an_account(open_window: Open) -> None:
    window = open_window()
    page = window.page
    window.goto("/accounts")
    tab_to(page, "Search")
    page.keyboard.type("hedgehog")
    page.keyboard.press("Enter")
    page.wait_for_url("**/accounts?*q=hedgehog*")
    expect(page.get_by_role("rowheader")).to_have_count(1)
    tab_to(page, "Hedgehog")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hedgehog")


def test_the_choice_of_colours_stays(open_window: Open) -> None:
    window = open_window(theme="light")
    page = window.page
    window.goto("/actions?status=suppressed")
    light = ground(page)
    choose_colours(page, "dark")
    assert page.url.endswith("/actions?status=suppressed")
    dark = ground(page)
    assert dark != light
    window.goto("/alerts")
    assert ground(page) == dark
    # What is chosen and what the machine has look the same.
    page.emulate_media(color_scheme="dark")
    choose_colours(page, "as the machine")
    assert ground(page) == dark
    page.emulate_media(color_scheme="light")
    assert ground(page) == light


def shown(page: Page, label: str) -> set[str]:
    """The texts of a column of the table."""
    return {text.strip() for text in page.locator(f"td[data-label='{label}']").all_inner_texts()}


def counted(page: Page, label: str) -> int:
    """The figure on a chip."""
    return int(page.locator(".chip").filter(has_text=label).locator("strong").inner_text().replace(",", ""))


def taken(page: Page, link: Locator) -> Path:
    """The file that a link gives."""
    with page.expect_download() as waited:
        link.click()
    return Path(waited.value.path())


def choose_colours(page: Page, name: str) -> None:
    """Press a button of the menu."""
    page.locator("details.me summary").click()
    with page.expect_navigation():
        page.get_by_role("button", name=name).click()


def ground(page: Page) -> str:
    """The tokens of colour that are in force, and what the page is painted with."""
    return page.evaluate(
        """() => {
          const style = getComputedStyle(document.documentElement);
          const names = [...document.styleSheets].flatMap(sheet => [...sheet.cssRules])
            .filter(rule => rule.selectorText === ":root").flatMap(rule => [...rule.style]);
          return names.filter(name => name.startsWith("--")).map(name => style.getPropertyValue(name)).join(";")
            + style.backgroundColor;
        }"""
    )


def tab_to(page: Page, name: str) -> None:
    """Press Tab until something of that name has the keyboard."""
    for _ in range(60):
        page.keyboard.press("Tab")
        label = page.evaluate(
            "(node => node.matches('[role=region]') ? '' : node.labels?.[0]?.textContent ?? node.textContent)"
            "(document.activeElement)"
        )
        if name in label:
            return
    pytest.fail(f"Tab doesn't come to {name}")
