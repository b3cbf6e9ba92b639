"""Documents of a publication: what they say, that nothing in them can become markup, and where they are put."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from orchestration.publishing.reader import Publication
from orchestration.publishing.snapshot import publish_snapshot
from orchestration.reports.content import Cell, Document, Section, Table, _number, _plain, documents_of
from orchestration.reports.documents import html, markdown, write_documents
from tests.dbt.coloured_accounts import AS_OF, built, day, number
from tests.dbt.test_reports_examples import EARLIER
from tests.dbt.test_reviews_examples import PIPELINES, item, portfolio
from tests.support.inputs import Row

KEYS = {
    "portfolio_summary": ["section", "item", "unit"],
    "success_metrics": ["name"],
    "review_items": ["report", "section", "rank"],
}
HOSTILE = 'Acme & Söhne <script>alert("1")</script> *bold* [link](https://example.com) | `code` # head'


def published(folder: Path, cadence: str, kept: Sequence[Row] = ()) -> Path:
    """The snapshot of a run of a cadence, with one account of a hostile name."""
    customers = portfolio()
    customers.streams["accounts"][0]["account_name"] = HOSTILE
    world = customers.world(folder)
    world.cadence = cadence
    world.earlier |= {"portfolio_summary": EARLIER, "expansion_pipeline": PIPELINES, "review_items": list(kept)}
    with built(world, folder, *KEYS) as con:
        (version,) = con.execute("select any_value(policy_version) from published.review_items").fetchone()
        made = publish_snapshot(
            con,
            folder / "published",
            run_id=world.run_id,
            as_of=AS_OF,
            policy_version=version,
            published_at=datetime(2026, 7, 1, 6, tzinfo=UTC),
            keys=KEYS,
            tables=tuple(KEYS),
        )
    return made.folder


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("documents"), "quarterly")


@pytest.fixture(scope="module")
def publication(snapshot: Path) -> Iterator[Publication]:
    with Publication.open_snapshot(snapshot) as publication:
        yield publication


@pytest.fixture(scope="module")
def documents(publication: Publication) -> dict[str, Document]:
    return {document.name: document for document in documents_of(publication)}


def sections(document: Document) -> dict[str, Section]:
    return {section.title: section for section in document.sections}


def test_a_quarterly_run_makes_all_documents(documents: dict[str, Document]) -> None:
    assert list(documents) == ["executive_dashboard", "weekly_review", "monthly_report", "playbook_review"]
    assert {document.as_of for document in documents.values()} == {AS_OF}
    assert documents["weekly_review"].facts.startswith("As of 30 June 2026. Policies ")


def test_the_dashboard_says_what_the_summary_says(publication: Publication, documents: dict[str, Document]) -> None:
    found = sections(documents["executive_dashboard"])
    assert list(found) == [
        *("Summary", "Portfolio", "Decisions required", "Retention priorities", "Expansion pipeline"),
        *("Quarter over quarter", "Success metrics"),
    ]
    told = publication.rows("select text from portfolio_summary where section = 'summary' order by \"rank\"")
    assert found["Summary"].sentences == tuple(row["text"] for row in told)
    portfolio_table = found["Portfolio"].table
    assert portfolio_table.columns == ("status", "accounts", "", "USD", "")
    assert [row[0].text for row in portfolio_table.rows] == ["RED", "YELLOW", "GREEN", "without"]
    assert [cell.text for cell in portfolio_table.rows[0]] == ["RED", "1", "↑", "1,000", ""]
    trend = {row[0].text: row for row in found["Quarter over quarter"].table.rows}
    assert found["Quarter over quarter"].table.caption == "Against 31 March 2026"
    assert [cell.text for cell in trend["Accounts scored"]] == ["Accounts scored", "5", "4", "↑", "accounts"]
    assert trend["Accounts scored"][3].meaning == "up"
    assert trend["ARR expected from expansions"][2].text == "–"


def test_metrics_show_their_value_or_why_they_have_none(documents: dict[str, Document]) -> None:
    rows = {row[0].text: row for row in sections(documents["executive_dashboard"])["Success metrics"].table.rows}
    assert len(rows) == 11
    assert rows["QBR preparation time"][1].text == "no source says how long preparing a QBR takes"
    assert [cell.text for cell in rows["Satisfaction with support"]][1:4] == ["0 %", "at least 85", "no"]


@pytest.mark.parametrize(
    ("figure", "whole", "short"),
    [
        ("2.5", "3", "2.5"),
        ("-2.5", "-3", "-2.5"),
        ("1234.565", "1,235", "1,234.57"),
        ("100", "100", "100"),
        ("0", "0", "0"),
    ],
)
def test_figures_are_rounded_as_in_sentences(figure: str, whole: str, short: str) -> None:
    assert (_number(number(figure)).text, _plain(number(figure))) == (whole, short)


def test_reviews_hold_every_item_once(publication: Publication, documents: dict[str, Document]) -> None:
    for name in ("weekly_review", "monthly_report", "playbook_review"):
        query = 'select text from review_items where report = ? order by section_place, "rank"'
        items = publication.rows(query, [name])
        told = [text for section in documents[name].sections for text in (*section.sentences, *section.items)]
        assert told == [row["text"] for row in items]
        assert not any(section.table for section in documents[name].sections)


def test_lists_begin_with_how_many_there_are(documents: dict[str, Document]) -> None:
    found = sections(documents["weekly_review"])
    assert found["Newly at risk"].sentences[0].startswith("2 accounts became at risk")
    assert len(found["Newly at risk"].items) == 2
    assert found["Churn forecast for the next quarter"].sentences == ()
    assert len(found["Churn forecast for the next quarter"].items) == 5


class Page(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_pages_need_nothing_beside_them_and_escape_names(documents: dict[str, Document]) -> None:
    for document in documents.values():
        page = Page(html(document))
        assert not {"script", "link", "img", "iframe", "a", "form"} & {tag for tag, _ in page.tags}
        assert not re.search(r"url\(|@import|https?://(?!example\.com)", html(document))
        assert [attributes["lang"] for tag, attributes in page.tags if tag == "html"] == ["en"]
        assert any(attributes.get("name") == "viewport" for tag, attributes in page.tags if tag == "meta")
        titles = [section.title for section in document.sections]
        assert [text for text in page.texts if text in titles] == titles
    assert any(HOSTILE in text for text in Page(html(documents["weekly_review"])).texts)


def test_names_can_not_change_the_markdown(documents: dict[str, Document]) -> None:
    text = markdown(documents["weekly_review"])
    assert "<script>" not in text
    assert r"&lt;script&gt;alert(" in text
    assert r"\*bold\* \[link\](https://example.com) \| \`code\` \# head" in text
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        f"## {section.title}" for section in documents["weekly_review"].sections
    ]
    assert "\n\n\n" not in text


def test_tables_in_markdown() -> None:
    rows = ((Cell("a|b"), Cell("1,000", is_number=True)), (Cell("c"), Cell("↑", "up")))
    document = Document("d", "D", AS_OF, "F.", (Section("S", ("One.", "Two."), Table("C", ("x", "y"), rows), ("i",)),))
    assert markdown(document) == (
        "# D\n\nF.\n\n## S\n\nOne. Two.\n\nC\n\n| x | y |\n|---|---|\n| a\\|b | 1,000 |\n| c | ↑ |\n\n1. i\n"
    )


def test_an_arrow_is_read_aloud() -> None:
    table = Table("C", ("x", ""), ((Cell("a"), Cell("↓", "down")),))
    document = Document("d", "D", AS_OF, "F.", (Section("S", table=table),))
    page = html(document)
    assert '<span aria-hidden="true">↓</span><span class="said">down</span>' in page
    assert '<span class="said">change</span>' in page


def test_documents_are_written_in_place_of_those_of_the_date(snapshot: Path, tmp_path: Path) -> None:
    for _ in range(2):
        written = write_documents(snapshot, tmp_path)
    reports = ("executive_dashboard", "monthly_report", "playbook_review", "weekly_review")
    names = [f"{name}-2026-06-30" for name in reports]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"{name}.{ending}" for name in names for ending in ("html", "md")
    )
    assert written[0].text().startswith("# Executive dashboard\n\nAs of 30 June 2026.")
    assert written[0].html.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_review_that_was_carried_over_is_not_written_again(tmp_path: Path) -> None:
    kept = [item("monthly_report", day(29)), item("weekly_review", day(8))]
    written = write_documents(published(tmp_path, "weekly", kept), tmp_path / "documents")
    assert [one.document.name for one in written] == ["executive_dashboard", "weekly_review"]
