"""Writing the documents of a publication: each as HTML that needs nothing beside it, and as Markdown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from orchestration.publishing import durable
from orchestration.publishing.reader import Publication
from orchestration.reports.content import Document, documents_of

_MARKED = re.compile(r"([\\`*_\[\]|#~])")


@dataclass(frozen=True, slots=True)
class Written:
    """A document with its files."""

    document: Document
    html: Path
    markdown: Path

    def text(self) -> str:
        """Its Markdown."""
        return self.markdown.read_text(encoding="utf-8")


def write_documents(snapshot: Path, folder: Path) -> list[Written]:
    """Write the documents of a snapshot into `folder`, in place of those of the same date."""
    with Publication.open_snapshot(snapshot) as publication:
        documents = documents_of(publication)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for document in documents:
        stem = f"{document.name}-{document.as_of}"
        one = Written(document, folder / f"{stem}.html", folder / f"{stem}.md")
        durable.replace_text(one.html, html(document))
        durable.replace_text(one.markdown, markdown(document))
        written.append(one)
    return written


def html(document: Document) -> str:
    """The document as a page; all text is escaped."""
    return _environment().get_template("report.html.j2").render(document=document)


def markdown(document: Document) -> str:
    """The document as Markdown; text is escaped so that names can't change the markup."""
    return _environment().get_template("report.md.j2").render(document=document).rstrip() + "\n"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("orchestration.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["marked"] = _marked
    return environment


def _marked(text: str) -> Markup:
    """Text as Markdown that says just that: markup characters escaped, tags as entities, on one line."""
    plain = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return Markup(_MARKED.sub(r"\\\1", plain))  # noqa: S704 - what could be markup was just escaped
