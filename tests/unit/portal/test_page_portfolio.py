"""The portfolio: figures are the tables', cut to who looks; lists stand behind them; nothing of the company leaks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from html import unescape
from pathlib import Path

import pytest
from starlette.datastructures import QueryParams

from orchestration.settings import Settings
from portal.access import Identity, Reader, viewer_of
from portal.portfolio import SCOPE, Portfolio, _trend, quarter_start
from portal.publications import Library
from portal.words import words
from tests.support.portal import GEO, OTHER_GEO, Person, home, published, served, signed_in

PAGES = (
    "/portfolio",
    "/portfolio/renewals",
    "/portfolio/performance",
    "/portfolio/predictions",
    "/portfolio/reviews",
    "/portfolio/decisions",
    "/portfolio/retention",
    "/portfolio/expansions",
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return home(tmp_path_factory.mktemp("portfolio"))


@pytest.fixture(scope="module")
def base(settings: Settings) -> Iterator[str]:
    with served(settings) as address:
        yield address


@pytest.fixture(scope="module")
def executive(base: str) -> Person:
    return signed_in(base, "Exa Cutive", ("executive",))


@pytest.fixture(scope="module")
def manager(base: str) -> Person:
    return signed_in(base, "Mana Ger", ("manager",), geos=(GEO,))


def _counts(html: str) -> dict[str, int]:
    """Accounts by status, as the tiles have them."""
    found = re.findall(r'badge (?:red|yellow|green)">(\w+)</span></span>\s*<span class="figure">([\d,]+)', html)
    return {name: int(count.replace(",", "")) for name, count in found}


def _exact(html: str) -> list[str]:
    """Amounts with their cents."""
    return re.findall(r'<data value="([^"]+)"', html)


@pytest.mark.parametrize("path", PAGES)
def test_pages_answer_for_who_sees_all_and_for_who_sees_an_area(path: str, executive: Person, manager: Person) -> None:
    for person in (executive, manager):
        answer = person.get(path)
        assert answer.status_code == 200, answer.text
        assert answer.text.count("<h1>") == 1


@pytest.mark.parametrize("role", ["seller", "revops", "approver_high"])
def test_other_roles_are_refused(role: str, base: str) -> None:
    person = signed_in(base, "Some Body", (role,))
    for path in PAGES:
        assert person.get(path).status_code == 403


def test_statuses_count_the_accounts_one_sees(settings: Settings, executive: Person, manager: Person) -> None:
    query = (
        "select final_status as status, count(*) as n from account_health where final_status is not null {} group by 1"
    )
    everything = {row["status"]: row["n"] for row in published(settings, query.format(""))}
    of_area = {row["status"]: row["n"] for row in published(settings, query.format(f"and geo = '{GEO}'"))}
    assert everything != of_area
    assert _counts(executive.get("/portfolio").text) == {name: 0 for name in ("RED", "YELLOW", "GREEN")} | everything
    assert _counts(manager.get("/portfolio").text) == {name: 0 for name in ("RED", "YELLOW", "GREEN")} | of_area


def test_a_tile_leads_to_as_many_accounts(executive: Person) -> None:
    html = executive.get("/portfolio").text
    tiles = re.findall(r'href="(/accounts\?status=(?:RED|YELLOW|GREEN))">.*?class="figure">([\d,]+)<', html, re.S)
    assert len(tiles) >= 2
    for link, count in tiles:
        assert re.search(rf"\b{count} accounts?[,.]", executive.get(link).text), link


def test_outcomes_add_up_to_what_was_due(executive: Person) -> None:
    html = executive.get("/portfolio/performance").text
    names = ("Due", "On time", "Late", "Past due", "Missed", "Open, due today")
    columns = [[int(one) for one in re.findall(rf'data-label="{name}">(\d+)</td>', html)] for name in names]
    assert columns[0]
    for due, *parts in zip(*columns, strict=True):
        assert due == sum(parts)


def test_lists_are_had_as_files_of_as_many_rows(executive: Person) -> None:
    for path in (
        "/portfolio/decisions",
        "/portfolio/retention",
        "/portfolio/expansions",
        "/accounts",
        "/alerts",
        "/actions",
    ):
        html = executive.get(f"{path}?q=a").text
        links = re.findall(r'href="(/export/[^"]+)"', html)
        assert [link.split("?")[0].rpartition(".")[2] for link in links] == ["csv", "xlsx"], path
        answer = executive.get(unescape(links[0]))
        assert answer.status_code == 200, answer.text
        if counted := re.search(r'class="out">All ([\d,]+)', html):
            assert answer.headers["x-rows"] == counted[1].replace(",", ""), path
        else:
            assert path in ("/alerts", "/actions")


def test_a_manager_without_an_area_is_told_why_lists_are_empty(base: str, executive: Person, manager: Person) -> None:
    lost = signed_in(base, "Lo St", ("manager",))
    for path in ("/", "/accounts", "/hygiene"):
        assert "manager without GEO or region" in lost.get(path).text
        assert "manager without GEO or region" not in manager.get(path).text + executive.get(path).text
    assert "Show what is open" not in lost.get("/hygiene").text


def test_pages_outside_the_navigation_are_linked_for_who_may_use_them(base: str, executive: Person) -> None:
    menu = executive.get("/").text
    assert 'href="/api"' in menu
    assert 'href="/tokens"' not in menu
    assert 'href="/tokens"' in signed_in(base, "Ad Min", ("admin",)).get("/").text


def test_a_filter_narrows_every_figure_as_a_cut_does(executive: Person, manager: Person) -> None:
    filtered, cut = executive.get(f"/portfolio?geo={GEO}").text, manager.get("/portfolio").text
    assert _counts(filtered) == _counts(cut)
    assert sorted(_exact(filtered)) == sorted(_exact(cut))


def test_nothing_of_the_company_is_in_a_managers_pages(settings: Settings, manager: Person) -> None:
    (total,) = published(
        settings,
        "select (select sum(arr) from account_health) as arr, (select sum(expected_loss) from account_churn) as loss,"
        " (select sum(arr_up_for_renewal) from renewal_forecast) as renewals",
    )
    names = published(settings, f"select account_name from account_signals where geo is distinct from '{GEO}'")
    for path in PAGES:
        html = manager.get(path).text
        figures = {Decimal(figure) for figure in _exact(html)}
        assert not figures & set(total.values()), path
        assert not [
            row for row in names if row["account_name"] and f"<bdi>{row['account_name']}</bdi>" in unescape(html)
        ]


def test_another_area_is_as_if_it_werent_there(manager: Person) -> None:
    assert "No account of these is yours" in manager.get(f"/portfolio?geo={OTHER_GEO}").text


def test_figures_of_the_whole_company_say_who_sees_them(executive: Person, manager: Person) -> None:
    for path in ("/portfolio/performance", "/portfolio/predictions", "/portfolio/reviews"):
        assert "figures are of the whole company" in manager.get(path).text
        assert "executive, revops, admin" in manager.get(path).text
        assert "figures are of the whole company" not in executive.get(path).text


def test_a_figure_leads_to_a_list_of_as_many(executive: Person) -> None:
    html = executive.get("/portfolio").text
    links = re.findall(r'class="chip" href="(/portfolio/[^"]+)"><strong>([\d,]+)</strong>', html)
    assert len(links) >= 3
    for link, count in links:
        found = re.search(r"of ([\d,]+)</span>|([\d,]+) in all</span>", executive.get(unescape(link)).text)
        assert found
        assert (found[1] or found[2]) == count, link


def test_the_forecast_is_the_tables(settings: Settings, executive: Person) -> None:
    rows = published(
        settings,
        "select fiscal_quarter, sum(arr_up_for_renewal) as up, sum(accounts) as accounts from renewal_forecast"
        " where quarter_starts_on >= date '2026-04-01' group by 1 order by 1",
    )
    html = executive.get("/portfolio/renewals").text
    for row in rows[:3]:
        line = re.search(rf'<tr><th scope="row"><a[^>]*>{row["fiscal_quarter"]}</a></th>(.*?)</tr>', html, re.S)
        assert line
        assert Decimal(_exact(line[1])[0]) == row["up"]
        assert f">{row['accounts']:,}</td>" in line[1]


def test_a_quarter_shows_the_accounts_behind_it(settings: Settings, executive: Person) -> None:
    (first,) = published(
        settings,
        "select min(fiscal_quarter) as label from renewal_forecast"
        " where quarter_starts_on >= date '2026-04-01' and accounts > 0",
    )
    (row,) = published(
        settings, "select sum(accounts) as n from renewal_forecast where fiscal_quarter = $q", q=first["label"]
    )
    html = executive.get(f"/portfolio/renewals?quarter={first['label']}").text
    behind = html[html.index("Accounts that renew in") : html.index('id="kept"')]
    assert behind.count("<tr>") - 1 == min(row["n"], 50)


@pytest.mark.parametrize(
    "path",
    [
        "/portfolio/renewals?by=nothing",
        "/portfolio/renewals?quarter=FY1",
        "/portfolio/performance?by=account",
        "/portfolio/predictions?days=7",
        "/portfolio/reviews?report=account_health",
        "/portfolio/decisions?sort=password",
    ],
)
def test_what_isnt_there_to_ask_for_is_said(path: str, executive: Person) -> None:
    answer = executive.get(path)
    assert answer.status_code == 400
    assert "is one of" in answer.text or "there is:" in answer.text


def test_charts_have_tables_with_their_figures(executive: Person) -> None:
    for path in ("/portfolio", "/portfolio/renewals", "/portfolio/performance", "/portfolio/predictions"):
        html = executive.get(path).text
        charts = len(re.findall(r'<svg class="chart ', html))
        empty = len(re.findall(r'<svg class="chart empty-chart', html))
        assert charts
        assert html.count("The figures</summary>") >= charts - empty
        assert " style=" not in html


@pytest.fixture(scope="module")
def reader(settings: Settings, base: str) -> Iterator[Reader]:
    from orchestration.policy.load import load_policies

    policies = load_policies(settings.policies)
    library = Library(settings.published_path, settings.home_path / "tmp", policies.portal.database_memory_mb, [])
    with library.current() as edition:
        yield Reader(edition, viewer_of(policies.access, Identity("Exa", "Exa", "test", roles=("executive",))))
    library.close()


def test_the_quarter_before_is_compared_with_arrows(reader: Reader) -> None:
    # Of fiscal quarters that begin in June, the as-of a month before lies in the one before.
    portfolio = Portfolio(reader, SCOPE.ask(QueryParams("")))
    compared = portfolio.trends(date(2026, 6, 30), 6, Decimal(1))
    assert {one.before_on for one in compared} == {date(2026, 5, 31)}
    # What is kept of then is what is so now.
    assert {one.arrow for one in compared} == {"→"}
    alone = portfolio.trends(date(2026, 6, 30), 4, Decimal(1))
    assert {one.before for one in alone} == {None}
    assert {one.arrow for one in alone} == {None}


def test_months_of_the_mix_are_those_kept(reader: Reader) -> None:
    mix = Portfolio(reader, SCOPE.ask(QueryParams(""))).mix()
    assert [label for label, _ in mix] == ["May 26", "Jun 26"]
    (row,) = reader.rows("select count(*) as n from {account_health}")
    assert sum(mix[-1][1].values()) == row["n"]


@pytest.mark.parametrize(
    ("day", "first_month", "start"),
    [
        (date(2026, 6, 30), 1, date(2026, 4, 1)),
        (date(2026, 1, 15), 1, date(2026, 1, 1)),
        (date(2026, 1, 15), 2, date(2025, 11, 1)),
        (date(2026, 2, 1), 2, date(2026, 2, 1)),
        (date(2026, 12, 31), 4, date(2026, 10, 1)),
    ],
)
def test_fiscal_quarters_begin_where_the_calendar_says(day: date, first_month: int, start: date) -> None:
    assert quarter_start(day, first_month) == start


@pytest.mark.parametrize(
    ("now", "before", "grows", "arrow", "is_good"),
    [
        (110, 100, True, "↑", True),
        (110, 100, False, "↑", False),
        (Decimal("98.9"), Decimal(100), True, "↓", False),
        (Decimal("98.9"), Decimal(100), False, "↓", True),
        # Less than one percent is level, of whatever is below nothing too.
        (Decimal("100.9"), 100, True, "→", None),
        (-1000, -1001, True, "→", None),
        (0, 0, True, "→", None),
        (5, 0, True, "↑", True),
        (5, None, True, None, None),
        (None, 5, True, None, None),
    ],
)
def test_an_arrow_says_the_direction_and_whether_it_is_good(
    now: float | None, before: float | None, grows: bool, arrow: str | None, is_good: bool | None
) -> None:
    one = _trend("ARR", "money", now, before, None, grows, Decimal(1))
    assert (one.arrow, one.is_good) == (arrow, is_good)


@pytest.mark.parametrize("dimension", ["owner", "geo", "region", "segment"])
def test_the_values_of_a_dimension_add_up_to_their_quarters(dimension: str, reader: Reader) -> None:
    portfolio = Portfolio(reader, SCOPE.ask(QueryParams("")))
    first, second = [one for one in portfolio.quarters(date(2026, 4, 1)) if one.figures["accounts"]][:2]
    for chosen in ([first], [first, second]):
        parts = portfolio.renewals_by(dimension, [one.label for one in chosen])
        assert sum(one.figures["up"] for one in parts) == sum(one.figures["up"] for one in chosen)
        assert sum(one.figures["lost"] for one in parts) == sum(one.figures["lost"] for one in chosen)


def test_a_publication_older_than_the_portal_is_said(tmp_path: Path) -> None:
    older = home(tmp_path)
    snapshot = older.published_path / (older.published_path / "CURRENT").read_text().strip()
    manifest = json.loads((snapshot / "manifest.json").read_text())
    del manifest["tables"]["executive_decisions"]
    (snapshot / "manifest.json").unlink()
    (snapshot / "manifest.json").write_text(json.dumps(manifest))
    with served(older) as address:
        answer = signed_in(address, "Exa Cutive", ("executive",)).get("/portfolio/decisions")
    assert answer.status_code == 503
    assert "This publication is older than the portal: refresh once." in answer.text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("hc_past_due", "health check past due"),
        ("csm", "CSM"),
        ("past_due", "past due"),
        ("Csm of theirs", "Csm of theirs"),
        (None, "–"),
    ],
)
def test_names_are_shown_as_words(name: str | None, shown: str) -> None:
    assert words(name) == shown
