"""Names that want to be markup, formulas, paths or turned around: in documents they are text, and nothing else."""

from __future__ import annotations

import io
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from pptx import Presentation

from orchestration.documents import asked, shelf
from orchestration.documents.brief import brief
from orchestration.documents.content import Chart, Deck, Series, Slide
from orchestration.documents.pages import _content
from orchestration.documents.slides import pptx
from orchestration.documents.wording import LONGEST_NAME, name, plain, width
from tests.support.portal import HOSTILE
from tests.unit.documents import office

TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"


@pytest.mark.parametrize("account_id", sorted(HOSTILE))
@pytest.mark.parametrize("kind", [asked.HEALTH_CHECK, asked.QBR])
def test_a_hostile_name_is_text_in_a_deck(told, account_id: str, kind: str):
    content = asked.of_account(told.rows, kind, account_id, told.as_of, told.policies).content
    shown = name(told.facts(account_id).account["account_name"])
    assert width(shown) <= LONGEST_NAME
    assert shown in office.text(content)
    for path, part in office.parts(content):
        if path.endswith((".xml", ".rels")):
            ElementTree.fromstring(part)  # noqa: S314 - made by us a moment ago
            assert not set(TURNING) & set(part.decode()), path
    for book in office.workbooks(content):
        cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
        assert cells
        assert [cell.coordinate for cell in cells if cell.data_type == "f"] == []
    assert shown in Presentation(io.BytesIO(content)).core_properties.title


@pytest.mark.parametrize("account_id", sorted(HOSTILE))
def test_a_hostile_name_makes_a_brief(told, account_id: str):
    made = asked.of_account(told.rows, asked.BRIEF, account_id, told.as_of, told.policies)
    assert made.content.startswith(b"%PDF")
    assert set(made.file_name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    assert made.file_name.count(".") == 1


def test_what_a_pdf_is_made_of_is_data_not_markup(told):
    said = _content(brief(told.facts("H-09"), told.policies))
    assert json.loads(json.dumps(said))["title"] == told.facts("H-09").account["account_name"]


@pytest.mark.parametrize("label", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_a_label_that_is_a_formula_is_none_in_the_workbook(label: str):
    from datetime import date

    chart = Chart("bars", (label, "b"), (Series(label, (1.0, 2.0)),), 2, "points", "A chart")
    content = pptx(Deck("kind", "title", "subject", "", date(2026, 1, 1), (Slide("A finding", (chart,)),)))
    cells = [cell for book in office.workbooks(content) for sheet in book for row in sheet.iter_rows() for cell in row]
    assert "'" in "".join(str(cell.value) for cell in cells)
    assert [cell.value for cell in cells if cell.data_type == "f"] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b\x0bc\x1f", "a b c"),
        ("two\nlines\u2028three", "two lines three"),
        ("\ud800lone", "lone"),
        (f"{TURNING}plain", "plain"),
        ("", ""),
        (None, ""),
    ],
)
def test_text_of_the_sources_is_one_plain_line(text: str | None, shown: str):
    assert plain(text) == shown


def test_a_long_text_is_cut_to_its_width():
    assert plain("x" * 10_000, 20) == "x" * 19 + "…"
    # A letter of East Asia is as wide as two.
    assert plain("東" * 100, 21) == "東" * 10 + "…"
    assert name("") == "(no name)"


@pytest.mark.parametrize(
    "path",
    [
        "../secret.pptx",
        "accounts/../../secret.pptx",
        "/etc/passwd",
        "accounts/a/b/c.pptx",
        "accounts/a/..pptx",
        "accounts/a/deck.exe",
        "accounts\\a\\deck.pptx",
        "accounts/a/deck.pptx\x00",
        "accounts/a/deck.pptx\n",
        "",
    ],
)
def test_a_path_that_isnt_ours_is_refused(tmp_path: Path, path: str):
    with pytest.raises(shelf.UnsafePathError):
        shelf.place(tmp_path, path)


def test_a_link_that_leads_out_is_refused(tmp_path: Path):
    outside, documents = tmp_path / "outside", tmp_path / "documents"
    outside.mkdir()
    (documents / "accounts").mkdir(parents=True)
    (documents / "accounts" / "a").symlink_to(outside)
    with pytest.raises(shelf.UnsafePathError):
        shelf.place(documents, "accounts/a/deck.pptx")


def test_the_queue_names_the_folder_of_an_account_as_the_shelf_does(told):
    queue = told.rows("select account_id, path from {document_queue}")
    assert queue
    documents = told.settings.documents_path
    for row in queue:
        assert shelf.place(documents, row["path"]).parent == shelf.account_folder(documents, row["account_id"])


def test_ids_that_look_alike_when_safe_have_folders_of_their_own(tmp_path: Path):
    folders = {shelf.account_folder(tmp_path, one) for one in ("a/b", "a b", "a.b", "a_b", "a" * 41, "a" * 42)}
    assert len(folders) == 6
