"""Where a healthy account can grow: signals, the chance to close, what qualifies an account and what follows.

Here: `expansion.yaml`. Not here: the pipeline itself (the dbt models).
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from orchestration.policy.bands import Path, Range, band_findings, number_text
from orchestration.policy.base import (
    Count,
    Flag,
    Number,
    OneLine,
    Percent,
    PolicyFile,
    PolicyModel,
    Share,
    Text,
    WindowDays,
    setting,
)
from orchestration.policy.problems import Finding, below_another, repeated, shown
from orchestration.policy.retention import Status

TYPES = ("capacity_upgrade", "new_site", "service_adoption", "managed_services")
ExpansionTypeName = Literal[TYPES]
# The account says itself when a new site comes.
TIMED_BY_ACCOUNT = "new_site"

Amount = Annotated[Number, Field(ge=0)]


class ExpansionType(OneLine):
    """A kind of expansion."""

    type: ExpansionTypeName = setting("Which one.", "type of expansion")
    timing: Text = setting("When it comes; new_site: left out, the account says.", "text", default=None)
    description: Text = setting("What is offered.", "text")

    def words(self) -> str:
        return f"{self.type}: {self.description} ({self.timing or 'when the account says'})"


class Signals(PolicyModel):
    """What speaks for an expansion."""

    status: Status = setting("Only accounts with this status of the machine.", "status")
    capacity_above: Amount = setting("capacity_upgrade: utilisation above this.", "% of capacity")
    tickets_above: Count = setting("managed_services: more tickets than this …", "tickets")
    tickets_days: WindowDays = setting("… in so many days.", "days")


class Addition(Range):
    """A part of a range, and what it adds to the chance to close."""

    addition: Share = setting("What it adds.", "share, 0 to 1")

    def words(self) -> str:
        return f"{self.sign} → {number_text(self.addition)}"


Additions = Annotated[tuple[Addition, ...], Field(min_length=1)]


class Close(PolicyModel):
    """The chance that an expansion closes."""

    base: Share = setting("What every expansion begins with.", "share, 0 to 1")
    score: Additions = setting("What the score adds: the first that fits.", "bands of the score, 0 to 100")
    expansions: Additions = setting("What expansions won before add: the first that fits.", "bands of expansions")
    proactive: Share = setting("What is added because we come first.", "share, 0 to 1")
    most: Share = setting("No chance is above this.", "share, 0 to 1")


class Priority(OneLine):
    """A priority and what it takes."""

    priority: Text = setting("As readers see it.", "text")
    potential_at_least: Amount = setting(
        "From this potential on; left out by the last one.", "reporting currency", default=None
    )
    score_at_least: Percent = setting("And from this score on.", "score, 0 to 100", default=None)

    def words(self) -> str:
        if self.potential_at_least is None or self.score_at_least is None:
            return self.priority
        return f"{self.priority}: potential ≥{self.potential_at_least}, score ≥{self.score_at_least}"


class Qualification(PolicyModel):
    """What qualifies an account for an expansion."""

    plan_limit_pct: Amount = setting("plan_limit: monthly mean of capacity used at or above this …", "% of capacity")
    plan_limit_months: Annotated[int, Field(strict=True, ge=1, le=24)] = setting(
        "… in each of the last so many calendar months.", "months"
    )
    approaching_pct: Amount = setting("approaching_limit: the latest month at or above this.", "% of capacity")
    seats_pct: Amount = setting("seat_growth: active users at or above this share of the seats …", "% of seats")
    seats_growth_pct: Annotated[Number, Field(gt=0)] = setting("… or seats grown by this or more …", "%")
    seats_days: WindowDays = setting("… in so many days.", "days")
    feature_days: WindowDays = setting("feature_requests: any in so many days.", "days")
    high_health_above: Percent = setting("high_health: a score above this.", "score, 0 to 100")
    billing_days: WindowDays = setting("no_billing_issue: among the invoices issued in so many days …", "days")
    overdue_days: WindowDays = setting("… none failed, disputed, or unpaid so many days after it was due.", "days")
    responsive_below_hours: Annotated[Number, Field(gt=0)] = setting(
        "responsive: e-mails answered in fewer hours than this.", "hours"
    )


class Verification(PolicyModel):
    """What a person must look at."""

    above: Amount = setting("A potential above this needs verification.", "reporting currency")
    role: Text = setting("Who verifies.", "role")


class Stage(OneLine):
    """A week of the work on a qualified expansion."""

    week: Annotated[int, Field(strict=True, ge=1, le=520)] = setting("Which week.", "week, from 1")
    stage: Text = setting("What it is called.", "text")
    work: Text = setting("What is done.", "text")
    reaches_customer: Flag = setting("Whether it reaches the customer.", "true or false")
    touches_price: Flag = setting("Whether it touches price.", "true or false")

    def words(self) -> str:
        return f"week {self.week}: {self.stage} – {self.work}"


class Expansion(PolicyFile):
    """The expansion pipeline."""

    file_name: ClassVar[str] = "expansion.yaml"

    types: Annotated[tuple[ExpansionType, ...], Field(min_length=1)] = setting(
        "The kinds of expansion, the primary one first.", "types in order of priority"
    )
    signals: Signals = setting("What speaks for them.", "settings")
    close: Close = setting("The chance to close.", "share, 0 to 1")
    priorities: Annotated[tuple[Priority, ...], Field(min_length=1)] = setting(
        "What makes a priority: the first that fits.", "priorities in order"
    )
    qualification: Qualification = setting("What qualifies an account.", "settings")
    verification: Verification = setting("Verification by a person.", "settings")
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)] = setting(
        "The plan for a qualified expansion.", "stages in order"
    )

    def lint(self) -> Iterator[Finding]:
        yield from self._type_findings()
        yield from _addition_findings(("close", "score"), self.close.score, Decimal(100))
        yield from _addition_findings(("close", "expansions"), self.close.expansions, None)
        yield from below_another(("close", "most"), self.close.most, self.close.base, "base")
        yield from self._priority_findings()
        for index in range(1, len(self.stages)):
            before = self.stages[index - 1].week
            path = ("stages", index, "week")
            yield from below_another(path, self.stages[index].week, before, "the stage before", strictly=True)

    def _type_findings(self) -> Iterator[Finding]:
        named = [kind.type for kind in self.types]
        yield from repeated(("types",), named)
        for name in TYPES:
            if name not in named:
                yield Finding(("types",), f"no {name}", f"each of {', '.join(TYPES)}")
        for index, kind in enumerate(self.types):
            path = ("types", index, "timing")
            if kind.type != TIMED_BY_ACCOUNT and kind.timing is None:
                yield Finding(path, "no such key", "a value (text): When it comes.")
            elif kind.type == TIMED_BY_ACCOUNT and kind.timing is not None:
                yield Finding(path, shown(kind.timing), "no timing: the account says when")

    def _priority_findings(self) -> Iterator[Finding]:
        yield from repeated(("priorities",), [priority.priority for priority in self.priorities])
        *others, last = self.priorities
        if (last.potential_at_least, last.score_at_least) != (None, None):
            yield Finding(("priorities", len(others)), "conditions", "a last priority without: it takes the rest")
        for index, priority in enumerate(others):
            path = ("priorities", index)
            if priority.potential_at_least is None or priority.score_at_least is None:
                expected = "potential_at_least and score_at_least in all but the last"
                yield Finding(path, "a condition that is missing", expected)
                return
            for earlier in others[:index]:
                if _takes_all_of(earlier, priority):
                    found = f"{priority.priority} after {earlier.priority}"
                    yield Finding(path, found, "priorities in order, the highest first", "it can never be reached")
                    break


def _takes_all_of(earlier: Priority, later: Priority) -> bool:
    enough = later.potential_at_least >= earlier.potential_at_least
    return enough and later.score_at_least >= earlier.score_at_least


def _addition_findings(path: Path, bands: tuple[Addition, ...], most: Decimal | None) -> Iterator[Finding]:
    yield from band_findings(path, bands, Decimal(0), most)
    for index in range(1, len(bands)):
        before, addition = bands[index - 1].addition, bands[index].addition
        if addition > before:
            expected = f"at most the addition of the band before, {number_text(before)}"
            yield Finding((*path, index, "addition"), number_text(addition), expected)
