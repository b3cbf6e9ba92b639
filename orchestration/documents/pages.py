"""How a paper looks: PDF, by typst. All text goes in as JSON and is set as text, so none of it is read as markup.

Libertinus Serif comes with typst and has Latin, Greek and Cyrillic letters. Others are taken from the fonts of the
machine; one that no font has is shown as a box.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.documents.paper import Paper
from orchestration.documents.wording import day, number, plain

if TYPE_CHECKING:
    from typst import Fonts

_TEMPLATE = Path(__file__).parent / "templates" / "paper.typ"
# Nothing breaks inside a word, so a longer one may be broken anywhere.
_LONG_WORD = re.compile(r"\S{24,}")
_BREAK = "\u200b"


def pdf(paper: Paper) -> bytes:
    """The paper as PDF; the same paper gives the same bytes on a machine."""
    import typst

    said = json.dumps(_content(paper), ensure_ascii=False)
    return typst.Compiler(_TEMPLATE.read_bytes(), font_paths=_fonts(), sys_inputs={"paper": said}).compile(format="pdf")


@cache
def _fonts() -> Fonts:
    """The fonts of typst and of the machine, looked for once."""
    import typst

    return typst.Fonts()


def _content(paper: Paper) -> dict[str, object]:
    content = asdict(paper)
    for section in content["sections"]:
        for bar in section["bars"]:
            bar["shown"] = "" if bar["value"] is None else f"{number(bar['value'])} of {number(bar['most'])}"
        for point in section["points"]:
            point["shown"] = number(point["value"])
    content["foot"] = f"{paper.mark}  ·  as of {day(paper.as_of)}"
    return _clean(content)


def _clean(value: object) -> object:
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, str):
        return _LONG_WORD.sub(_breakable, plain(value))
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _breakable(match: re.Match[str]) -> str:
    word = match[0]
    return _BREAK.join(word[place : place + 12] for place in range(0, len(word), 12))
