"""What the simulator's words mean, the neutral account that typed facts are laid over, and accounts to pick from.

Here: `simulator.yaml`. Not here: the records that make such an account (`orchestration/whatif/typed.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from orchestration.policy.base import (
    Count,
    Flag,
    Name,
    OneLine,
    Percent,
    PolicyFile,
    PolicyModel,
    PositiveCount,
    Text,
    refuse,
    setting,
)
from orchestration.policy.health_checks import Segment
from orchestration.policy.problems import Finding, nearest, repeated, shown

Lifecycle = Literal["onboarding", "active", "renewal", "churned"]
Blocker = Literal["none", "minor", "major"]


def _between(least: Decimal, most: Decimal):
    def check(value: Decimal) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or not least <= value <= most:
            raise refuse(f"a number from {least} to {most}")
        return Decimal(value)

    return Annotated[
        Decimal,
        BeforeValidator(check),
        WithJsonSchema({"type": "number", "minimum": float(least), "maximum": float(most)}),
    ]


Tone = _between(Decimal(-1), Decimal(1))
Csat = _between(Decimal(1), Decimal(5))
Recommendation = _between(Decimal(0), Decimal(10))
Change = _between(Decimal(-100), Decimal(1000))
Positive = _between(Decimal("0.000001"), Decimal(10) ** 9)
Years = _between(Decimal(0), Decimal(60))


class Words(PolicyModel):
    """What is meant by the words for use."""

    usage_trend: dict[Name, Change] = setting(
        "Change of active users, the last four weeks against the four before.", "word: %", min_length=1
    )
    adoption: dict[Name, Percent] = setting("Services used of those contracted.", "word: %", min_length=1)


class Neutral(PolicyModel):
    """The account without what is typed: it has every measure."""

    arr: Positive = setting("Annual recurring revenue.", "reporting currency, a year")
    tenure_years: Years = setting("How long it has been a customer; onboarding begins with the contract.", "years")
    tickets_per_month: Count = setting("Tickets, open ones counted in.", "tickets a month")
    resolution_hours: Positive = setting("How long a ticket took to solve.", "hours")
    issue_age_days: Count = setting("How old an open issue is.", "days")
    reviews_per_year: PositiveCount = setting("Business reviews held.", "reviews a year")
    emails_per_quarter: PositiveCount = setting("E-mails answered.", "e-mails in 90 days")
    response_hours: Positive = setting("How long an answer took.", "hours")
    meetings_per_quarter: PositiveCount = setting("Meetings accepted.", "meetings in 90 days")
    logins_per_month: Count = setting("Logins.", "logins a month")
    tone: Tone = setting("Tone of everything that was said.", "-1 to 1")
    capacity_used_pct: Percent = setting("Capacity used.", "%")
    sla_target_pct: Percent = setting("Uptime promised.", "%")
    uptime_pct: Percent = setting("Uptime delivered.", "%")
    expansions: Count = setting("Expansions won.", "opportunities")
    nps: Recommendation = setting("Latest answer to how likely they recommend it.", "0 to 10")
    reference_customer: Flag = setting("Whether it is a reference customer.", "true or false")


class TypedAccount(OneLine):
    """The facts of an account that a person types."""

    name: Text = setting("What the account is called.", "text")
    segment: Segment = setting("Its segment.", "segment")
    lifecycle: Lifecycle = setting("Where it is in its life.", "lifecycle")
    days_to_renewal: Annotated[int, Field(strict=True, ge=0, le=3650)] = setting("Days to its renewal.", "days")
    usage_trend: Name = setting("How its use changes.", "word of words.usage_trend")
    adoption: Name = setting("How much of what it bought it uses.", "word of words.adoption")
    open_issues: Annotated[int, Field(strict=True, ge=0, le=1000)] = setting("Open tickets.", "tickets")
    urgent_issues: Annotated[int, Field(strict=True, ge=0, le=1000)] = setting("Urgent ones among them.", "tickets")
    csat: Csat = setting("How content it is with support.", "1 to 5")
    blocker: Blocker = setting("The worst open blocker.", "none, minor or major")

    def words(self) -> str:
        """The account in one line."""
        return f"{self.name}: {self.segment}, {self.lifecycle}, renewal in {self.days_to_renewal} days"


class Simulator(PolicyFile):
    """The simulator's words, its neutral account and its examples."""

    file_name: ClassVar[str] = "simulator.yaml"
    shapes_results: ClassVar[bool] = False

    words: Words = setting("What words mean.", "words")
    neutral: Neutral = setting("The account that typed facts are laid over.", "facts")
    ordinary: TypedAccount = setting("The facts of a typed account that aren't typed.", "facts")
    examples: tuple[TypedAccount, ...] = setting("Accounts to pick from.", "accounts")

    def lint(self) -> Iterator[Finding]:
        yield from repeated(("examples",), [example.name for example in self.examples])
        accounts = {("ordinary",): self.ordinary} | {("examples", n): one for n, one in enumerate(self.examples)}
        for path, account in accounts.items():
            for finding in wrong_facts(account, self.words):
                yield Finding((*path, *finding.path), finding.found, finding.expected, finding.hint)

    def example(self, name: str) -> TypedAccount | None:
        """The example of that name, in any case; None where there is none."""
        return next((one for one in self.examples if one.name.casefold() == name.casefold()), None)


def wrong_facts(account: TypedAccount, words: Words) -> Iterator[Finding]:
    """What is wrong with typed facts taken together."""
    for field in ("usage_trend", "adoption"):
        known, word = getattr(words, field), getattr(account, field)
        if word not in known:
            yield Finding((field,), shown(word), f"one of {', '.join(known)}", nearest(word, known))
    if account.urgent_issues > account.open_issues:
        yield Finding(
            ("urgent_issues",), shown(account.urgent_issues), f"at most as many as open_issues, {account.open_issues}"
        )
