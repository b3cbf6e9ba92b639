"""When contracts are due a health check, what counts as one, and how the answer differs by segment and product.

Here: `health_checks.yaml`, and what a value is for a segment and a product (the most specific override wins, key by
key). Not here: the tables made of it (`tables.py`) and the statuses of targets (the dbt models).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from orchestration.policy.base import (
    Count,
    Days,
    Flag,
    Name,
    PolicyFile,
    PolicyModel,
    SignedDays,
    Text,
    setting,
)
from orchestration.policy.problems import Finding, Severity, nearest, shown

Segment = Literal["smb", "mid_market", "enterprise"]
Anchor = Literal["contract_start", "contract_end"]
ActivityStatus = Literal["planned", "completed", "declined", "no_show"]

_SPACES_AND_HYPHENS = re.compile(r"[\s-]+", re.ASCII)

_ANCHOR = ("The contract date the due date is counted from.", "contract_start or contract_end")
_OFFSET = ("Due date = anchor + this many days; negative is before the anchor.", "days, may be negative")
_OPENS = ("The window opens this many days before the due date (cut to the contract's dates).", "days")
_CLOSES = ("The window closes this many days after the due date (cut to the contract's dates).", "days")
_MINIMUM_TERM = ("By milestone: contracts with end_date - start_date below this have no such milestone.", "days")
_ENABLED = ("Whether contracts have this milestone at all.", "true or false")
_PATTERNS = (
    "An activity is a health check when its subject contains one of these, ignoring case, with runs of spaces and "
    "hyphens read as one space.",
    "texts",
)
_ATTACHMENT = ("A health check counts as delivered only with an attachment: the evidence.", "true or false")
_HORIZON = ("How many fiscal quarters after the current one are looked at for upcoming targets.", "fiscal quarters")
_INFLUENCE = ("How long after a delivered health check a new opportunity counts as influenced by it.", "days")
_PREPARE = ("How long before its due date the deck of a target is prepared.", "days")
_NEAR_MISS = ("How far outside a target's span a health check is named as a near miss of it.", "days")


class Milestone(PolicyModel):
    """A point in a contract's life at which a health check is due."""

    anchor: Anchor = setting(*_ANCHOR)
    offset_days: SignedDays = setting(*_OFFSET)
    opens_days_before: Days = setting(*_OPENS)
    closes_days_after: Days = setting(*_CLOSES)
    enabled: Flag = setting(*_ENABLED, default=True)


class MilestoneOverride(PolicyModel):
    """The keys of a milestone that differ; those left out stay as they are."""

    anchor: Anchor = setting(*_ANCHOR, default=None)
    offset_days: SignedDays = setting(*_OFFSET, default=None)
    opens_days_before: Days = setting(*_OPENS, default=None)
    closes_days_after: Days = setting(*_CLOSES, default=None)
    enabled: Flag = setting(*_ENABLED, default=None)


class HealthCheckRules(PolicyModel):
    """Everything of this policy that a segment or a product may override, with its values."""

    subject_patterns: Annotated[tuple[Text, ...], Field(min_length=1)] = setting(*_PATTERNS)
    require_attachment: Flag = setting(*_ATTACHMENT)
    horizon_quarters: Count = setting(*_HORIZON, le=400)
    influence_days: Days = setting(*_INFLUENCE)
    prepare_days_before_due: Days = setting(*_PREPARE)
    near_miss_days: Days = setting(*_NEAR_MISS)
    milestones: dict[Name, Milestone] = setting(
        "The milestones of a contract, by name.", "name: milestone", min_length=1
    )
    minimum_term_days: dict[Name, Days] = setting(*_MINIMUM_TERM)


class Override(PolicyModel):
    """Other values for the contracts of a segment, of a product, or of both."""

    segment: Segment = setting("The segment of the contract's account.", "segment", default=None)
    product: Text = setting("The contract's product, exactly as it is written there.", "product name", default=None)
    subject_patterns: Annotated[tuple[Text, ...], Field(min_length=1)] = setting(*_PATTERNS, default=None)
    require_attachment: Flag = setting(*_ATTACHMENT, default=None)
    horizon_quarters: Count = setting(*_HORIZON, default=None, le=400)
    influence_days: Days = setting(*_INFLUENCE, default=None)
    prepare_days_before_due: Days = setting(*_PREPARE, default=None)
    near_miss_days: Days = setting(*_NEAR_MISS, default=None)
    milestones: dict[Name, MilestoneOverride] = setting(
        "What differs, by milestone; only milestones declared above.", "name: keys that differ", default=None
    )
    minimum_term_days: dict[Name, Days] = setting(*_MINIMUM_TERM, default=None)

    @property
    def scope(self) -> tuple[str | None, str | None]:
        return self.segment, self.product


class HealthChecks(HealthCheckRules, PolicyFile):
    """The health-check policy."""

    file_name: ClassVar[str] = "health_checks.yaml"

    not_delivered_statuses: tuple[ActivityStatus, ...] = setting(
        "An activity with one of these statuses is no delivered health check; an empty status counts as delivered.",
        "activity statuses",
    )
    overrides: tuple[Override, ...] = setting(
        "Other values by segment and/or product: segment and product win over product, product over segment, key by "
        "key.",
        "list of overrides",
        default=(),
    )

    def lint(self) -> Iterator[Finding]:
        yield from _pattern_findings(("subject_patterns",), self.subject_patterns)
        yield from _status_findings(self.not_delivered_statuses)
        yield from self._term_findings(("minimum_term_days",), self.minimum_term_days)
        for name in self.milestones:
            if name not in self.minimum_term_days:
                yield Finding(("minimum_term_days", name), "no such key", "the least term of every milestone (days)")
            yield from _window_findings((), name, self)
        first_by_scope: dict[tuple[str | None, str | None], int] = {}
        for index, override in enumerate(self.overrides):
            here = ("overrides", index)
            yield from self._override_findings(here, override)
            first = first_by_scope.setdefault(override.scope, index)
            if override.scope != (None, None) and first != index:
                expected = "one override for each segment and product"
                yield Finding(here, f"{_scope_words(override)} again", expected, f"merge it with overrides[{first}]")
        yield from self._resolved_findings()

    def _override_findings(self, here: tuple[str | int, ...], override: Override) -> Iterator[Finding]:
        if override.scope == (None, None):
            yield Finding(here, "neither segment nor product", "a segment, a product or both")
        if not override.model_fields_set - {"segment", "product"}:
            yield Finding(here, "nothing that is overridden", "at least one key beside segment and product")
        if override.product is not None and "influence_days" in override.model_fields_set:
            yield Finding(
                (*here, "influence_days"),
                "a product beside influence_days",
                "an override by segment alone",
                "opportunities have no product, so this has no effect",
                Severity.WARNING,
            )
        if override.subject_patterns is not None:
            yield from _pattern_findings((*here, "subject_patterns"), override.subject_patterns)
        yield from self._term_findings((*here, "minimum_term_days"), override.minimum_term_days or {})
        for name, milestone in (override.milestones or {}).items():
            if name not in self.milestones:
                yield self._unknown_milestone((*here, "milestones", name), name)
            elif not milestone.model_fields_set:
                yield Finding((*here, "milestones", name), "nothing that is overridden", "at least one key")

    def _term_findings(self, here: tuple[str | int, ...], terms: dict[str, int]) -> Iterator[Finding]:
        for name in terms:
            if name not in self.milestones:
                yield self._unknown_milestone((*here, name), name)

    def _unknown_milestone(self, path: tuple[str | int, ...], name: str) -> Finding:
        expected = f"one of the milestones {', '.join(self.milestones)}"
        return Finding(path, f"the unknown milestone {name}", expected, nearest(name, self.milestones))

    def _resolved_findings(self) -> Iterator[Finding]:
        """An override may name one key of a pair; the pair has to make sense once merged."""
        for index, override in enumerate(self.overrides):
            resolved = self.resolve(*override.scope)
            for name in dict.fromkeys([*(override.milestones or {}), *(override.minimum_term_days or {})]):
                if name in self.milestones:
                    yield from _window_findings(("overrides", index), name, resolved)

    def scopes(self) -> list[tuple[str | None, str | None]]:
        """Every segment and product for which a value may differ, the base first, the most specific last.

        All pairs are there, also those that no single override names, so that the one most specific scope which
        fits a contract holds the answer for every key.
        """
        segments = sorted({override.segment for override in self.overrides if override.segment is not None})
        products = sorted({override.product for override in self.overrides if override.product is not None})
        return [
            (None, None),
            *((segment, None) for segment in segments),
            *((None, product) for product in products),
            *((segment, product) for segment in segments for product in products),
        ]

    def resolve(self, segment: str | None, product: str | None) -> HealthCheckRules:
        """The values for a contract of this segment and product."""
        values = {key: getattr(self, key) for key in HealthCheckRules.model_fields}
        milestones, terms = dict(self.milestones), dict(self.minimum_term_days)
        for override in self._from_weakest(segment, product):
            for key in override.model_fields_set & values.keys() - {"milestones", "minimum_term_days"}:
                values[key] = getattr(override, key)
            terms |= override.minimum_term_days or {}
            for name, changes in (override.milestones or {}).items():
                if name in milestones:
                    changed = {key: getattr(changes, key) for key in changes.model_fields_set}
                    milestones[name] = milestones[name].model_copy(update=changed)
        return HealthCheckRules.model_construct(**values | {"milestones": milestones, "minimum_term_days": terms})

    def _from_weakest(self, segment: str | None, product: str | None) -> Iterator[Override]:
        by_scope = {override.scope: override for override in self.overrides if override.scope != (None, None)}
        for scope in ((segment, None), (None, product), (segment, product)):
            # Without a segment (or product) the pair is one of the two singles again: pop, so that none counts twice.
            if scope in by_scope:
                yield by_scope.pop(scope)


def specificity(segment: str | None, product: str | None) -> int:
    """3 segment and product, 2 product, 1 segment, 0 neither: the greatest that fits a contract wins."""
    return (1 if segment is not None else 0) + (2 if product is not None else 0)


def normalise_subject(text: str) -> str:
    """A subject as patterns are compared with it: lower case, runs of spaces and hyphens as one space."""
    return _SPACES_AND_HYPHENS.sub(" ", text.lower())


def normalise_pattern(text: str) -> str:
    """A pattern as it is looked for in a normalised subject."""
    return normalise_subject(text).strip()


def _pattern_findings(path: tuple[str | int, ...], patterns: tuple[str, ...]) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for index, pattern in enumerate(patterns):
        plain = normalise_pattern(pattern)
        if not plain:
            yield Finding((*path, index), shown(pattern), "a text with more than spaces and hyphens")
        elif plain in seen:
            expected = "each pattern once, ignoring case, spaces and hyphens"
            yield Finding((*path, index), f"{shown(pattern)} beside {shown(seen[plain])}", expected)
        seen.setdefault(plain, pattern)


def _status_findings(statuses: tuple[str, ...]) -> Iterator[Finding]:
    if "planned" not in statuses:
        yield Finding(("not_delivered_statuses",), "no planned among them", "planned: what is planned isn't delivered")
    if len(set(statuses)) != len(statuses):
        yield Finding(("not_delivered_statuses",), "a status twice", "each status once")


def _window_findings(here: tuple[str | int, ...], name: str, rules: HealthCheckRules) -> Iterator[Finding]:
    """A window wholly outside its contract can never be met; a due date outside one is allowed but looks unintended."""
    milestone = rules.milestones[name]
    if not milestone.enabled:
        return
    at_start = milestone.anchor == "contract_start"
    inward = milestone.offset_days if at_start else -milestone.offset_days
    reach = milestone.closes_days_after if at_start else milestone.opens_days_before
    path, found = (*here, "milestones", name, "offset_days"), str(milestone.offset_days)
    expected = f"{'0 or more' if at_start else '0 or less'} (days) from {milestone.anchor}"
    term = rules.minimum_term_days.get(name, inward)
    if inward + reach < 0:
        yield Finding(path, found, expected, "the whole window lies outside every contract")
    elif inward < 0:
        yield Finding(path, found, expected, "the due date lies outside every contract", Severity.WARNING)
    elif term < inward:
        yield Finding(
            (*here, "minimum_term_days", name),
            str(term),
            f"at least the offset, {inward} (days)",
            "the due date lies outside contracts of that term",
            Severity.WARNING,
        )


def _scope_words(override: Override) -> str:
    parts = [f"segment {override.segment}"] if override.segment else []
    return " and ".join([*parts, *([f"product {override.product}"] if override.product else [])])
