"""Reading back what was drawn: texts, figures, sizes of letters of a PowerPoint file, and everything inside it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import openpyxl
from pptx import Presentation
from pptx.util import Pt


def slides(content: bytes) -> list[Any]:
    return list(Presentation(io.BytesIO(content)).slides)


def findings(content: bytes) -> list[str]:
    """The title of every slide."""
    return [slide.shapes.title.text_frame.text for slide in slides(content)]


def runs(content: bytes) -> Iterator[Any]:
    """Every run of text, of shapes and tables."""
    for slide in slides(content):
        for shape in slide.shapes:
            frames = [shape.text_frame] if shape.has_text_frame else []
            if shape.has_table:
                frames = [cell.text_frame for row in shape.table.rows for cell in row.cells]
            for frame in frames:
                for paragraph in frame.paragraphs:
                    yield from paragraph.runs


def text(content: bytes) -> str:
    """All that is written on the slides."""
    return "\n".join(run.text for run in runs(content))


def smallest(content: bytes) -> float:
    """The smallest letters, in points."""
    return min(run.font.size for run in runs(content) if run.text.strip()) / Pt(1)


def charts(content: bytes) -> list[Any]:
    return [shape.chart for slide in slides(content) for shape in slide.shapes if shape.has_chart]


def parts(content: bytes, within: str = "") -> Iterator[tuple[str, bytes]]:
    """Every file in the archive, and in the workbooks inside it, by its path."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            part = archive.read(name)
            if name.endswith(".xlsx"):
                yield from parts(part, f"{within}{name}/")
            else:
                yield f"{within}{name}", part


def workbooks(content: bytes) -> list[Any]:
    """The workbooks that charts keep their figures in."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name for name in archive.namelist() if name.endswith(".xlsx")]
        return [openpyxl.load_workbook(io.BytesIO(archive.read(name))) for name in names]
