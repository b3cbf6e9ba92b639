"""Documents: how many are made at a time, how much they list, and what they advise.

Here: `documents.yaml`. Not here: when a deck is due (`health_checks.py`) and what is said of an account (the models,
and `orchestration/documents/`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from orchestration.policy.base import Count, Name, PolicyFile, PolicyModel, PositiveCount, Text, setting
from orchestration.policy.measures import MEASURES
from orchestration.policy.problems import Finding, nearest, shown

_Listed = Annotated[int, Field(strict=True, ge=1, le=50)]
_MOST_LETTERS = 160
_Sentence = Annotated[Text, Field(max_length=_MOST_LETTERS)]


class DocumentLists(PolicyModel):
    """The lengths of lists in documents."""

    risks: _Listed = setting("Risks of an account.", "rows")
    recommendations: _Listed = setting("Recommendations.", "rows")
    actions: _Listed = setting("Actions with their owners.", "rows")
    questions: _Listed = setting("Questions to settle with the customer.", "rows")
    plan_steps: _Listed = setting("Steps of the retention plan.", "rows")
    decisions: _Listed = setting("Decisions of the executive report.", "rows")
    priorities: _Listed = setting("Retention priorities of the executive report.", "rows")
    expansions: _Listed = setting("Expansions of the executive report.", "rows")
    quarters: _Listed = setting("Quarters of the renewal forecast.", "rows")


class Advice(PolicyModel):
    """What a measure that loses points calls for."""

    recommend: _Sentence = setting("What the team may do.", "text")
    confirm: _Sentence = setting("What to ask the customer.", "text")
    offer: _Sentence | None = setting("What is said to the customer.", "text", default=None)


class Documents(PolicyFile):
    """Decks, briefs and reports."""

    file_name: ClassVar[str] = "documents.yaml"
    shapes_results: ClassVar[bool] = False

    documents_a_run: PositiveCount = setting("Decks that one run makes; the others stay due.", "documents")
    processes: Annotated[int, Field(strict=True, ge=0, le=256)] = setting(
        "Processes that make them; 0 for one a processor.", "processes"
    )
    made_at_once: Annotated[int, Field(strict=True, ge=1, le=64)] = setting(
        "Documents that the portal makes at once.", "documents"
    )
    wait_seconds: Count = setting("How long whoever comes beyond waits for a turn.", "seconds")
    trend_months: Annotated[int, Field(strict=True, ge=2, le=36)] = setting("Months that trends show.", "months")
    listed: DocumentLists = setting("How much documents list.", "settings")
    advice: dict[Name, Advice] = setting("What measures that lose points call for.", "measure: advice")

    def lint(self) -> Iterator[Finding]:
        for name in self.advice:
            if name not in MEASURES:
                yield Finding(
                    ("advice", name), f"the unknown measure {shown(name)}", "a measure", nearest(name, MEASURES)
                )
