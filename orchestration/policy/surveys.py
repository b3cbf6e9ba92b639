"""Who is asked how satisfied they are, when, and what follows from the answers.

Here: `surveys.yaml`. Not here: which surveys are due and what they brought (the dbt models).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from orchestration.policy.base import (
    Count,
    Days,
    Name,
    Number,
    OneLine,
    PolicyFile,
    PolicyModel,
    Text,
    WindowDays,
    setting,
)
from orchestration.policy.problems import Finding, below_another, repeated

SURVEY_TYPES = ("post_support", "pre_renewal", "onboarding", "quarterly")
SurveyType = Literal[SURVEY_TYPES]
Group = Literal["promoter", "passive", "detractor"]
Answer = Annotated[Number, Field(ge=0, le=10)]
Money = Annotated[Number, Field(ge=0)]
# A year: the longest that anybody waits for what follows from an answer.
Hours = Annotated[int, Field(strict=True, ge=0, le=8_784)]


class Quarterly(PolicyModel):
    """When the regular survey is due."""

    tenure_above_days: Days = setting("For customers of more than so many days.", "days")
    every_days: WindowDays = setting("So many days after the last one.", "days")


class Onboarding(PolicyModel):
    """When new customers are asked."""

    after_days: Days = setting("So many days after the first contract started.", "days")
    grace_days: Days = setting("It stays due for so many days more.", "days")


class PostSupport(PolicyModel):
    """When customers are asked after an urgent ticket."""

    solved_within_days: WindowDays = setting("A ticket solved in so many days.", "days")


class PreRenewal(PolicyModel):
    """When customers are asked before a renewal."""

    before_days: WindowDays = setting("So many days before the renewal.", "days")


class FollowUp(PolicyModel):
    """Asking again for an answer."""

    after_days: WindowDays = setting("So many days without an answer.", "days")
    until_days: WindowDays = setting("No longer than so many days after the survey was sent.", "days")


class Nps(PolicyModel):
    """How answers count."""

    promoter_at_least: Answer = setting("An answer of at least this is a promoter's.", "answer, 0 to 10")
    detractor_at_most: Answer = setting("An answer up to this is a detractor's.", "answer, 0 to 10")
    z: Annotated[Number, Field(gt=0, le=10)] = setting(
        "Half the width of the interval; 1.96 for 95 %.", "standard deviations"
    )


class AnswerStep(OneLine):
    """One thing that follows from an answer, and by when."""

    step: Name = setting("The step's key; each stands once.", "name")
    group: Group = setting("Of whose answers it follows.", "promoter, passive or detractor")
    title: Text = setting("What is done, as a title.", "text")
    owner_role: Name = setting("Who does it.", "role")
    due_hours: Hours = setting("Due so many hours after the day of the answer.", "hours")
    arr_above: Money = setting("Only where the account has more ARR than this.", "reporting currency", default=None)

    def words(self) -> str:
        only = f", ARR above {self.arr_above}" if self.arr_above is not None else ""
        return f"{self.step}: {self.title} ({self.group}, {self.owner_role}, after {self.due_hours} h{only})"


class Surveys(PolicyFile):
    """Surveys, their answers and what follows."""

    file_name: ClassVar[str] = "surveys.yaml"

    throttle_days: Count = setting("No survey within so many days of another to the account.", "days", le=3660)
    order: Annotated[tuple[SurveyType, ...], Field(min_length=4, max_length=4)] = setting(
        "Which survey goes first where several are due.", "surveys in order"
    )
    quarterly: Quarterly = setting("The regular survey.", "settings")
    onboarding: Onboarding = setting("The survey of new customers.", "settings")
    post_support: PostSupport = setting("The survey after an urgent ticket.", "settings")
    pre_renewal: PreRenewal = setting("The survey before a renewal.", "settings")
    follow_up: FollowUp = setting("Asking again.", "settings")
    nps: Nps = setting("The net promoter score.", "settings")
    steps_within_days: WindowDays = setting("What follows from answers of so many days is listed.", "days")
    steps: Annotated[tuple[AnswerStep, ...], Field(min_length=1)] = setting(
        "What follows from an answer.", "steps in order"
    )

    def lint(self) -> Iterator[Finding]:
        yield from repeated(("order",), self.order)
        yield from repeated(("steps",), [step.step for step in self.steps])
        follow_up, nps = self.follow_up, self.nps
        yield from below_another(
            ("follow_up", "until_days"), follow_up.until_days, follow_up.after_days, "follow_up.after_days"
        )
        path = ("nps", "promoter_at_least")
        yield from below_another(
            path, nps.promoter_at_least, nps.detractor_at_most, "nps.detractor_at_most", strictly=True
        )
