"""The first page: what to do next, and health checks due as a table that the URL filters and sorts."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pytest

from orchestration.actions.clocks import note_step
from orchestration.ledger.store import Store, utc_now
from orchestration.policy.load import load_policies
from orchestration.settings import Settings
from tests.support.portal import GEO, HOSTILE, OTHER_SELLER, SELLER, Person, home, published, served, signed_in

CANDIDATES = 'select * from health_check_candidates order by "rank"'
PAGES = ("/", "/?status=past_due", "/accounts", "/accounts/H-01", "/accounts/H-08", "/simulator")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return home(tmp_path_factory.mktemp("targets"))


@pytest.fixture(scope="module")
def base(settings: Settings) -> Iterator[str]:
    with served(settings) as address:
        yield address


@pytest.fixture(scope="module")
def executive(base: str) -> Person:
    return signed_in(base, "Eve Executive", ["executive"])


@pytest.fixture(scope="module")
def seller(base: str) -> Person:
    return signed_in(base)


def test_all_candidates_stand_in_the_order_of_their_rank(executive: Person, settings: Settings) -> None:
    wanted = [row["target_id"] for row in published(settings, CANDIDATES)]
    found: list[str] = []
    page = 1
    while len(found) < len(wanted):
        on_it = decks(executive.get(f"/?page={page}").text)
        assert on_it
        found += on_it
        page += 1
    assert found == wanted


def test_a_seller_sees_the_targets_of_own_accounts_alone(seller: Person, settings: Settings) -> None:
    query = "select account_id from account_signals where $name in (owner_name, csm_name, ae_name)"
    own = published(settings, query, name=SELLER)
    ids = {row["account_id"] for row in own}
    wanted = [row["target_id"] for row in published(settings, CANDIDATES) if row["account_id"] in ids]
    assert decks(seller.get("/").text) == wanted[:50]
    assert linked(seller.get("/").text) <= ids


def test_a_manager_sees_those_of_the_geo(base: str, settings: Settings) -> None:
    manager = signed_in(base, "Mona Manager", ["manager"], geos=[GEO])
    wanted = [row["target_id"] for row in published(settings, CANDIDATES) if row["geo"] == GEO]
    assert decks(manager.get("/").text) == wanted[:50]


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("status=past_due", lambda row: row["status"] == "past_due"),
        ("status=pending&status=upcoming", lambda row: row["status"] != "past_due"),
        (f"owner={OTHER_SELLER}", lambda row: row["owner_name"] == OTHER_SELLER),
        (f"geo={GEO}&segment=smb", lambda row: row["geo"] == GEO and row["segment"] == "smb"),
        ("product=Core+%3Cb%3E", lambda row: row["product"] == "Core <b>"),
        ("q=ROB%27%29%3B", lambda row: row["account_id"] == "H-05"),
    ],
)
def test_the_url_narrows_it_down(executive: Person, settings: Settings, query: str, fits: Callable) -> None:
    rows = [row for row in published(settings, CANDIDATES) if fits(row)]
    assert rows
    text = executive.get(f"/?{query}").text
    assert decks(text) == [row["target_id"] for row in rows][:50]
    assert f'aria-live="polite">{len(rows):,} health check' in text


def test_any_column_is_sorted_up_and_down(executive: Person, settings: Settings) -> None:
    amounts = {row["target_id"]: row["amount"] for row in published(settings, CANDIDATES)}
    shown = [amounts[one] for one in decks(executive.get("/?sort=-amount").text)]
    assert shown == sorted(shown, reverse=True)
    assert shown[0] == max(amounts.values())
    for column in ("account_name", "due_date", "health_score", "product", "owner_name", "region", "status"):
        assert executive.get(f"/?sort={column}").status_code == 200


def test_the_sum_counts_each_contract_once(tmp_path: Path) -> None:
    settings = home(tmp_path)
    # Every contract has two health checks past due.
    again = "select * replace (target_id || ':again' as target_id) from source"
    past_due = f"select * replace ('past_due' as status) from (from source union all {again})"
    replaced(settings, "health_check_candidates", past_due)
    query = "select count(*) as n, sum(amount) as amount from (select distinct contract_id, amount from {})"
    (wanted,) = published(settings, query.format("health_check_candidates"))
    (targets,) = published(settings, "select count(*) as n from health_check_candidates")
    with served(settings) as base:
        text = signed_in(base, "Eve Executive", ["executive"]).get("/").text
    found = re.search(r'class="sum"><strong><data value="([\d.]+)".*?on ([\d,]+) contract', text)
    assert (found[1], found[2]) == (str(wanted["amount"]), f"{wanted['n']:,}")
    assert f'aria-live="polite">{targets["n"]:,} health check' in text


def test_exports_take_the_question_along(executive: Person) -> None:
    text = executive.get("/?status=past_due&sort=-amount").text
    assert 'href="/export/targets.csv?status=past_due&amp;sort=-amount"' in text
    assert 'href="/export/targets.xlsx?status=past_due&amp;sort=-amount"' in text


def test_what_comes_next_has_a_reason_and_goes_once_somebody_acted(base: str, settings: Settings) -> None:
    revops = signed_in(base, "Rita Revops", ["revops"])
    text = section(revops.get("/").text)
    assert len(re.findall(r'<li class="thing', text)) == 5
    assert len(re.findall(r'<p class="why">[^<]{10,}', text)) == 5
    accounts = re.findall(r'for <a href="/accounts/([^"]+)"', text)
    assert len(set(accounts)) == 5
    alert = re.search(r'href="/alerts/([^"?]+)\?back=/">Acknowledge: ', text)
    assert alert, "the demo company has alerts that come first"
    close(settings, alert[1])
    assert alert[1] not in section(revops.get("/").text)


def test_what_is_the_viewers_comes_first(base: str) -> None:
    text = section(signed_in(base).get("/").text)
    assert "Next for you" in text
    assert text.count(">yours<") == 5
    # No alert there goes to a role that managers answer for.
    manager = signed_in(base, "Mona Manager", ["manager"], regions=["Southeast Asia"])
    assert "What comes first" in section(manager.get("/").text)


@pytest.mark.parametrize("path", PAGES)
def test_names_are_shown_as_they_are_and_run_nothing(seller: Person, path: str) -> None:
    text = seller.get(path).text
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "Core <b>" not in text
    assert "49 $" not in text
    assert HOSTILE["H-08"][:500] not in text
    for tag in re.findall(r"<[a-z][^>]*>", text):
        assert not re.search(r"\s(style|on[a-z]+)=", tag), tag
        assert not tag.startswith("<style"), tag
        assert not tag.startswith("<script") or " src=" in tag, tag


def test_hostile_names_can_be_read(seller: Person) -> None:
    text = seller.get("/?q=script").text
    assert "<bdi>&lt;script&gt;alert(&#39;name&#39;)&lt;/script&gt;</bdi>" in text
    assert "{{ 7 * 7 }} ${7*7} {account_health}" in seller.get("/?q=7").text


def test_aged_sources_are_told(tmp_path: Path) -> None:
    settings = home(tmp_path)
    replaced(
        settings,
        "source_freshness",
        "select * replace (true as is_stale, stream = 'usage' as is_omitted, 12 as age_days)"
        " from source where stream in ('usage', 'invoices')",
    )
    with served(settings) as base:
        text = re.sub(r"\s+", " ", signed_in(base).get("/").text)
    assert "<strong>Usage</strong>: 12 days old, 8 at most, so it is left out" in text
    assert "<strong>Invoices</strong>: 12 days old, 2 at most; the last known is used" in text


def test_empty_tables_make_pages_that_say_so(tmp_path: Path) -> None:
    settings = home(tmp_path)
    things = ("health_check_candidates", "recommended_actions", "alerts", "executive_decisions")
    for table in (*things, "account_signals", "source_freshness"):
        replaced(settings, table, "select * from source where false")
    with served(settings) as base:
        somebody = signed_in(base, "Eve Executive", ["executive"])
        first = somebody.get("/").text
        assert "No health check is due for any account of yours." in first
        assert 'class="aged"' not in first
        assert 'id="next-head"' not in first
        assert "No account is yours to see." in somebody.get("/accounts").text
        assert somebody.get("/simulator?find=a").status_code == 200


def decks(text: str) -> list[str]:
    """The targets of the table, in its order."""
    listing = text[text.index('id="listing"') :]
    return [unquote(one) for one in re.findall(r'/documents/health-check\.pptx\?target=([^"]+)"', listing)]


def linked(text: str) -> set[str]:
    """The accounts that a page links to."""
    return {unquote(one) for one in re.findall(r'href="/accounts/([^"/#]+)', text)}


def section(text: str) -> str:
    """The part of the first page that says what comes next."""
    return text[text.index('id="next-head"') : text.index('id="listing"')]


def close(settings: Settings, alert_id: str) -> None:
    """Close an alert, as people do."""
    with Store.open(settings) as store:
        roles = frozenset({"admin"})
        note_step(
            store, load_policies(settings.policies), alert_id, "closed", "Ada", utc_now(), "It is answered.", roles
        )


def replaced(settings: Settings, table: str, query: str) -> None:
    """Make a table of the publication anew from a query over what it was."""
    current = (settings.published_path / "CURRENT").read_text(encoding="utf-8").strip()
    file = settings.published_path / current / f"{table}.parquet"
    with duckdb.connect() as con:
        con.execute(f"create view source as from read_parquet('{file}')")
        con.execute(f"copy ({query}) to '{file}.new' (format parquet)")
    file.with_name(f"{file.name}.new").replace(file)
