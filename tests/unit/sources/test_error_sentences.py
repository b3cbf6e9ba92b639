"""How an error of a source reads, as a whole."""

from __future__ import annotations

import pytest

from orchestration.sources.errors import SourceError


@pytest.mark.parametrize(
    ("words", "told"),
    [("look", "look."), ("did you mean Name?", "did you mean Name?"), ("it is tried.", "it is tried.")],
)
def test_a_sentence_ends_once(words: str, told: str) -> None:
    error = SourceError("it isn't there.", file="crm", place="Account", expected=words, action=words)
    assert str(error) == f"crm, Account: it isn't there. Expected: {told} What to do: {told}"
