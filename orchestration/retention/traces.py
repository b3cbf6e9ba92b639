"""What tells of an account in a text: its ids, its names, and the ways they are written in HTML, JSON and addresses.

Here: finding and replacing. Not here: whose they are (`identity.py`), and the files they stand in.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote, quote_plus

# What stands where an account was named: safe in JSON, HTML, CSV and SQL alike.
FORGOTTEN = "(forgotten account)"
# A name of one word may be a word: it is looked for as it is written.
_DISTINCT_CHARACTERS = 8
# An id as short as a number is one only where a column says so.
_ID_CHARACTERS = 5


@dataclass(frozen=True)
class Traces:
    """`ids` and `names` of an account; `others`: longer ids and names of other accounts in which they occur."""

    ids: frozenset[str]
    names: frozenset[str]
    others: frozenset[str] = frozenset()

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """What is looked for inside of texts, longest first."""
        ids = {one for one in self.ids if len(one) >= _ID_CHARACTERS and any(char.isdigit() for char in one)}
        names = {one for one in self.names if not one.isdigit() and len(one) > 1}
        return tuple(sorted(ids | names, key=lambda one: (-len(one), one)))

    @cached_property
    def pattern(self) -> str:
        """What a text has to match before it is looked at closely; understood by RE2 as well."""
        return "|".join(f"(?i:{re.escape(form)})" for form in _forms(self.texts)) or r"[^\s\S]"

    def is_in(self, text: str) -> bool:
        """Whether a text names the account."""
        return self._may_be_in(text) and any(match["own"] for match in self._closely.finditer(text))

    def cleaned(self, text: str) -> str:
        """The text without its ids and names."""
        if not self._may_be_in(text):
            return text
        return self._closely.sub(lambda match: FORGOTTEN if match["own"] else match[0], text)

    def cell(self, text: str) -> str | None:
        """A cell without them: blank where it was nothing else."""
        if text in self.ids or text in self.names:
            return None
        return self.cleaned(text)

    def value(self, value: Any) -> Any:
        """The same of a nested value; mappings of the account itself are left out of lists."""
        if isinstance(value, str):
            return self.cell(value) if self.is_in(value) or value in self.ids else value
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value if not self.is_of(item)]
        if isinstance(value, Mapping):
            return {self.cleaned(str(key)): self.value(item) for key, item in value.items()}
        return value

    def is_of(self, value: Any) -> bool:
        """Whether a mapping is one of the account: a row of it."""
        return isinstance(value, Mapping) and value.get("account_id") in self.ids

    def _may_be_in(self, text: str) -> bool:
        """A quick look: whole files are searched."""
        folded = text.lower()
        return any(form in folded for form in self._lowered)

    @cached_property
    def _lowered(self) -> tuple[str, ...]:
        return tuple({form.lower() for form in _forms(self.texts)})

    @cached_property
    def _closely(self) -> re.Pattern[str]:
        # Longer names of others come first, so that what is ours inside of them isn't taken.
        others = "|".join(re.escape(form) for form in _forms(sorted(self.others, key=len, reverse=True)))
        own = "|".join(_exactly(form) for form in _forms(self.texts)) or r"[^\s\S]"
        kept = f"(?:{others})|" if others else ""
        return re.compile(rf"(?<![^\W_])(?:{kept}(?P<own>{own}))(?![^\W_])")


def _exactly(form: str) -> str:
    is_distinct = " " in form.strip() or len(form) >= _DISTINCT_CHARACTERS
    return f"(?i:{re.escape(form)})" if is_distinct else re.escape(form)


def _forms(texts: Iterable[str]) -> list[str]:
    """Every way the texts may be written in files, longest first, each once."""
    forms: set[str] = set()
    for text in texts:
        once = json.dumps(text)[1:-1]
        forms |= {
            text,
            html.escape(text),
            html.escape(text, quote=False),
            # As markupsafe writes it.
            html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
            once,
            json.dumps(once)[1:-1],
            json.dumps(text, ensure_ascii=False)[1:-1],
            quote(text),
            quote(text, safe=""),
            quote_plus(text),
            # As Markdown tables write it.
            re.sub(r"([\\`*_|<>\[\]])", r"\\\1", text),
            text.replace("|", r"\|"),
        }
    return sorted(forms, key=lambda one: (-len(one), one))
