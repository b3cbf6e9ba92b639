"""What may be done about an account, when it follows, and how far it may go by itself.

Here: `actions.yaml`. Not here: what a condition may say (`conditions.py`) and over which columns (`signals.py`), the
steps of plans (`retention.yaml`, `expansion.yaml`), and the actions themselves (the dbt models).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field

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
    WindowDays,
    setting,
)
from orchestration.policy.conditions import ConditionError, check_condition
from orchestration.policy.health_checks import Segment
from orchestration.policy.problems import Finding, Severity, nearest, repeated, shown
from orchestration.policy.retention import Status
from orchestration.policy.signals import GRAINS

# The freest first: of several modes the last one here holds.
MODES = ("auto", "approve", "recommend", "suppress")
LEVELS = ("conservative", "balanced", "aggressive")
SENSITIVITIES = ("low", "medium", "high")
GUARDS = (
    *("major_blocker", "low_confidence", "churn_risk", "red_status", "executive_complaint", "renewal", "churned"),
    *("plan_review", "cap", "cool_down", "budget"),
)

Mode = Literal["auto", "approve", "recommend"]
Floor = Literal["approve", "recommend", "suppress"]
Level = Literal[LEVELS]
Sensitivity = Literal[SENSITIVITIES]
Priority = Literal["P1", "P2", "P3", "P4"]
ActionKind = Literal[
    "commercial", "internal", "outreach", "sequence", "task", "notification", "record",
    "health_check", "plan", "expansion", "survey",
]  # fmt: skip
Grain = Literal[tuple(GRAINS)]
Person = Literal["csm_name", "owner_name", "ae_name"]

_PLACEHOLDER = re.compile(r"\{(\w*)\}")
_MOST_ROLES = 3

_TITLE = ("What is done, as a title.", "text")
_KIND = ("What kind of action it is; guards go by it.", "kind of action")
_REACHES = ("Whether it reaches the customer.", "true or false")
_PRICE = ("Whether it touches price.", "true or false")
_OWNERS = ("Who does it: the first of these roles that has a person on the account, else the first.", "roles in order")
_DUE = ("Due so many days after its cause began.", "days")
_PRIORITY = ("How urgent it is: P1 is the most.", "P1 to P4")
_ENABLED = ("Whether the guard is on.", "true or false")
_FLOOR = ("The freest mode it leaves.", "approve, recommend or suppress")

Owners = Annotated[tuple[Text, ...], Field(min_length=1, max_length=_MOST_ROLES)]


class BySegment(PolicyModel):
    """The freest mode in each segment."""

    smb: Mode = setting("For SMB accounts.", "auto, approve or recommend")
    mid_market: Mode = setting("For mid-market accounts.", "auto, approve or recommend")
    enterprise: Mode = setting("For enterprise accounts.", "auto, approve or recommend")


class BySensitivity(PolicyModel):
    """The freest mode of each sensitivity."""

    low: Mode = setting("Of actions of low sensitivity.", "auto, approve or recommend")
    medium: Mode = setting("Of actions of medium sensitivity.", "auto, approve or recommend")
    high: Mode = setting("Of actions of high sensitivity.", "auto, approve or recommend")


class SegmentsBySensitivity(PolicyModel):
    """The matrix of what isn't in the catalogue."""

    low: BySegment = setting("Of low sensitivity: neither reaches the customer nor touches price.", "modes")
    medium: BySegment = setting("Of medium sensitivity: reaches the customer.", "modes")
    high: BySegment = setting("Of high sensitivity: touches price.", "modes")


class SignalWindows(PolicyModel):
    """How far the signals look that only rules use."""

    planned_days: WindowDays = setting("planned_activities_soon: from as_of to so many days later.", "days")
    completed_days: WindowDays = setting("completed_activities_recent: the last so many days.", "days")
    ticket_open_days: Count = setting("urgent_or_high_tickets_waiting: open for more days than this.", "days", le=3660)
    incidents_days: WindowDays = setting("incidents_recent: created in the last so many days.", "days")
    login_days: WindowDays = setting("logins_recent: the last so many days.", "days")
    owner_idle_days: WindowDays = setting("owner_is_idle: nothing logged in the last so many days.", "days")
    complaint_days: WindowDays = setting(
        "has_open_executive_complaint: observed in the last so many days and not resolved.", "days"
    )


class Minimum(PolicyModel):
    """What stays automatic at a level that recommends."""

    level: Level = setting("At this level …", "level")
    actions: tuple[Name, ...] = setting("… these are automatic where the matrix says so.", "actions of the catalogue")


class LevelModes(PolicyModel):
    """What each level of automation allows."""

    conservative: BySensitivity = setting("Mostly recommendations.", "modes")
    balanced: BySensitivity = setting("What is of low risk by itself, the rest to review.", "modes")
    aggressive: BySensitivity = setting("Most by itself, what is sensitive to review.", "modes")


class Levels(PolicyModel):
    """The level of automation."""

    default: Level = setting("The level of a run that names none.", "level")
    by_segment: dict[Segment, Level] = setting(
        "Segments with a level of their own, whatever the run's.", "segment: level", default={}
    )
    modes: LevelModes = setting("The freest mode at each level.", "modes")
    minimum: Minimum = setting("What stays automatic.", "settings")


class Guard(PolicyModel):
    """A guard: whether it is on and what it leaves."""

    enabled: Flag = setting(*_ENABLED)
    at_least: Floor = setting(*_FLOOR)


class BlockerGuard(Guard):
    """An open major blocker, for what reaches the customer."""

    suppressed: tuple[Name, ...] = setting("These are suppressed outright.", "actions of the catalogue")


class ConfidenceGuard(Guard):
    """A score that isn't trustworthy, for what reaches the customer, touches price or belongs to a plan."""

    confidence: Literal["low", "medium"] = setting("This confidence and any below it; no score is low.", "confidence")


class ChurnGuard(Guard):
    """A high churn probability, for what reaches the customer, touches price or belongs to a plan."""

    above: Percent = setting("A churn probability above this.", "% probability")


class StatusGuard(Guard):
    """A bad status, for what reaches the customer."""

    status: Status = setting("Accounts of this final status.", "status")


class RenewalGuard(Guard):
    """A renewal that is near, for some kinds of actions."""

    within_days: Count = setting("A renewal within so many days.", "days", le=3660)
    kinds: Annotated[tuple[ActionKind, ...], Field(min_length=1)] = setting("For these kinds.", "kinds of actions")


class CapGuard(Guard):
    """Not too much at once by itself."""

    actions: Count = setting("So many automatic actions an account …", "actions")
    days: WindowDays = setting("… in so many days; more than that by priority, then id, are left out.", "days")


class CoolDownGuard(PolicyModel):
    """Not again so soon."""

    enabled: Flag = setting(*_ENABLED)
    days: WindowDays = setting("The same action for the same account and subject once in so many days.", "days")


class BudgetGuard(PolicyModel):
    """Not too much for one person at once."""

    enabled: Flag = setting(*_ENABLED)
    actions: PositiveCount = setting("So many new actions an owner and day, the most urgent first.", "actions")


class Guards(PolicyModel):
    """The guards, in the order in which they are told."""

    major_blocker: BlockerGuard = setting("An open major blocker.", "settings")
    low_confidence: ConfidenceGuard = setting("A score that isn't trustworthy.", "settings")
    churn_risk: ChurnGuard = setting("A high churn probability.", "settings")
    red_status: StatusGuard = setting("A bad status.", "settings")
    executive_complaint: Guard = setting(
        "An open complaint of an executive, for what reaches the customer.", "settings"
    )
    renewal: RenewalGuard = setting("A renewal that is near.", "settings")
    churned: Guard = setting("The account has churned: for everything.", "settings")
    plan_review: Guard = setting("A plan that a person must review (retention.yaml): for its steps.", "settings")
    cap: CapGuard = setting("Automatic actions an account.", "settings")
    cool_down: CoolDownGuard = setting("The same action again.", "settings")
    budget: BudgetGuard = setting("New actions an owner.", "settings")


class CatalogueAction(OneLine):
    """An action that rules may call for."""

    action: Name = setting("The action's key; each stands once.", "name")
    title: Text = setting(*_TITLE)
    kind: ActionKind = setting(*_KIND)
    sensitivity: Sensitivity = setting("How sensitive it is; the level goes by it.", "low, medium or high")
    reaches_customer: Flag = setting(*_REACHES)
    touches_price: Flag = setting(*_PRICE)
    matrix: BySegment = setting("The freest mode by segment.", "modes")
    owners: Owners = setting(*_OWNERS)
    due_days: Count = setting(*_DUE, le=3660)

    def words(self) -> str:
        modes = ", ".join(getattr(self.matrix, segment) for segment in BySegment.model_fields)
        return f"{self.action}: {self.title} ({self.kind}, {self.sensitivity}: {modes}; {'/'.join(self.owners)})"


class Origin(PolicyModel):
    """Actions that come from elsewhere than rules: one action."""

    action: Name = setting("The action's key.", "name")
    title: Text = setting(*_TITLE)
    kind: ActionKind = setting(*_KIND)
    reaches_customer: Flag = setting(*_REACHES)
    touches_price: Flag = setting(*_PRICE)


class HealthCheckPriority(PolicyModel):
    """The priority of a health check."""

    past_due: Priority = setting("Of one past due.", "P1 to P4")
    pending: Priority = setting("Of one in its window.", "P1 to P4")
    upcoming: Priority = setting("Of one to come.", "P1 to P4")


class PlanPriority(PolicyModel):
    """The priority of a step of a plan."""

    high: Priority = setting("Of a plan at high risk.", "P1 to P4")
    medium: Priority = setting("Of a plan at medium risk.", "P1 to P4")
    renewal: Priority = setting("On the way to a renewal.", "P1 to P4")


class HealthCheckOrigin(Origin):
    """From health-check candidates."""

    owners: Owners = setting(*_OWNERS)
    priority: HealthCheckPriority = setting("By the candidate's status.", "priorities")


class PlanOrigin(PolicyModel):
    """From retention plans: each step is an action, with its own title, owner and flags (retention.yaml)."""

    kind: ActionKind = setting(*_KIND)
    priority: PlanPriority = setting("By the plan's level.", "priorities")


class AlertOrigin(PolicyModel):
    """From open alerts, with their own titles, roles and persons (alerts.yaml)."""

    action: Name = setting("The action's key.", "name")
    kind: ActionKind = setting(*_KIND)
    reaches_customer: Flag = setting(*_REACHES)
    touches_price: Flag = setting(*_PRICE)
    priority: Priority = setting(*_PRIORITY)


class ExpansionOrigin(PolicyModel):
    """From the stages of qualified expansions, with their own titles and flags (expansion.yaml)."""

    kind: ActionKind = setting(*_KIND)
    owners: Owners = setting(*_OWNERS)
    priority: Priority = setting(*_PRIORITY)


class SurveyOrigin(Origin):
    """From the survey queue."""

    owners: Owners = setting(*_OWNERS)
    priority: Priority = setting(*_PRIORITY)


class Origins(PolicyModel):
    """Where actions come from beside rules."""

    matrix: SegmentsBySensitivity = setting("The freest mode by sensitivity and segment.", "modes")
    health_check: HealthCheckOrigin = setting("Health-check candidates.", "settings")
    plan: PlanOrigin = setting("Steps of retention plans.", "settings")
    alert: AlertOrigin = setting("Open alerts.", "settings")
    expansion: ExpansionOrigin = setting("Stages of expansions.", "settings")
    survey: SurveyOrigin = setting("Surveys to be sent.", "settings")
    survey_follow_up: SurveyOrigin = setting("Surveys to be asked for again.", "settings")


class Raised(PolicyModel):
    """When a rule is more urgent than it says."""

    priority: Priority = setting(*_PRIORITY)
    when: Text = setting("Where this holds too.", "boolean SQL expression over the grain's columns")


class Rule(OneLine):
    """When an action follows."""

    rule: Name = setting("The rule's key; each stands once.", "name")
    action: Name = setting("What follows.", "action of the catalogue")
    grain: Grain = setting("Over which rows it looks; the row is the action's subject.", "account, ticket or contract")
    when: Text = setting("When it follows.", "boolean SQL expression over the grain's columns")
    priority: Priority = setting(*_PRIORITY)
    raised: Raised = setting("When it is more urgent.", "settings", default=None)
    rationale: Text = setting(
        "Why, for people; {column} stands for a value of the row, {days} of `signals` for a window.", "text"
    )

    def words(self) -> str:
        raised = f", {self.raised.priority} when {self.raised.when}" if self.raised else ""
        return f"{self.rule}: {self.action} for each {self.grain} when {self.when} ({self.priority}{raised})"

    def pieces(self, windows: SignalWindows) -> list[tuple[str, bool]]:
        """The rationale in pieces: text, or the name of a column (True); windows have their days."""
        parts = _PLACEHOLDER.split(self.rationale)
        pieces: list[tuple[str, bool]] = []
        for index, part in enumerate(parts):
            is_column = index % 2 == 1 and part not in SignalWindows.model_fields
            text = str(getattr(windows, part)) if index % 2 == 1 and not is_column else part
            if pieces and not is_column and not pieces[-1][1]:
                pieces[-1] = (pieces[-1][0] + text, False)
            elif text:
                pieces.append((text, is_column))
        return pieces


class Role(PolicyModel):
    """A role that has a person on the account."""

    person: Person = setting("The field of the account that holds the person.", "csm_name, owner_name or ae_name")
    called: tuple[Text, ...] = setting("What steps of plans call the role (retention.yaml).", "roles", default=())


class Actions(PolicyFile):
    """The action engine."""

    file_name: ClassVar[str] = "actions.yaml"

    signals: SignalWindows = setting("Windows of the signals that only rules use.", "days")
    levels: Levels = setting("Levels of automation.", "settings")
    unknown_segment: Segment = setting("Accounts without a segment count as these.", "segment")
    people: dict[Name, Role] = setting(
        "The roles that have a person on the account; other roles have none.", "role: its person"
    )
    guards: Guards = setting("What holds actions back.", "settings")
    catalogue: Annotated[tuple[CatalogueAction, ...], Field(min_length=1)] = setting(
        "Actions that rules may call for.", "actions"
    )
    origins: Origins = setting("Actions that come from elsewhere.", "settings")
    rules: tuple[Rule, ...] = setting("When each action of the catalogue follows.", "rules")

    def role_of(self, called: str) -> str:
        """The role that a text means: one that has a person, or the text itself."""
        return next((name for name, role in self.people.items() if called in (name, *role.called)), called)

    def person_of(self, role: str | None) -> str | None:
        """The field of the account that holds the person of a role, if it has one."""
        return self.people[role].person if role in self.people else None

    def lint(self) -> Iterator[Finding]:
        named = [entry.action for entry in self.catalogue]
        yield from repeated(("catalogue",), named)
        yield from repeated(("rules",), [rule.rule for rule in self.rules])
        yield from self._level_findings()
        yield from self._role_findings()
        yield from _order_findings(
            ("origins", "matrix"), SENSITIVITIES, [_by_segment(self.origins.matrix, name) for name in SENSITIVITIES]
        )
        yield from _known(("levels", "minimum", "actions"), self.levels.minimum.actions, named)
        yield from _known(("guards", "major_blocker", "suppressed"), self.guards.major_blocker.suppressed, named)
        yield from self._origin_findings(named)
        for index, rule in enumerate(self.rules):
            yield from _rule_findings(("rules", index), rule, named)
        for index, name in enumerate(named):
            if name not in {rule.action for rule in self.rules}:
                expected = "a rule that calls for it"
                yield Finding(("catalogue", index, "action"), shown(name), expected, severity=Severity.WARNING)

    def _role_findings(self) -> Iterator[Finding]:
        taken: dict[str, str] = {}
        for name, role in self.people.items():
            for index, called in enumerate(role.called):
                if called in taken or (called in self.people and called != name):
                    expected = f"a name that {taken.get(called, called)} doesn't have"
                    yield Finding(("people", name, "called", index), shown(called), expected)
                taken.setdefault(called, name)

    def _level_findings(self) -> Iterator[Finding]:
        modes = [_by_sensitivity(getattr(self.levels.modes, level)) for level in LEVELS]
        # Freer from one level to the next, and stricter from one sensitivity to the next.
        yield from _order_findings(("levels", "modes"), tuple(reversed(LEVELS)), list(reversed(modes)))
        for level, of_level in zip(LEVELS, modes, strict=True):
            for calm, touchy in pairwise(SENSITIVITIES):
                if MODES.index(of_level[touchy]) < MODES.index(of_level[calm]):
                    expected = f"at least as strict as {calm}, {of_level[calm]}"
                    yield Finding(("levels", "modes", level, touchy), of_level[touchy], expected)

    def _origin_findings(self, named: Sequence[str]) -> Iterator[Finding]:
        taken = {name: "the catalogue" for name in named}
        for origin in Origins.model_fields:
            action = getattr(getattr(self.origins, origin), "action", None)
            if action in taken:
                yield Finding(("origins", origin, "action"), shown(action), f"a name that {taken[action]} doesn't have")
            elif action is not None:
                taken[action] = f"origins.{origin}"


def _by_segment(matrix: SegmentsBySensitivity, sensitivity: str) -> dict[str, str]:
    return dict(getattr(matrix, sensitivity))


def _by_sensitivity(modes: BySensitivity) -> dict[str, str]:
    return dict(modes)


def _order_findings(path: tuple[str, ...], names: Sequence[str], rows: list[dict[str, str]]) -> Iterator[Finding]:
    """Where a row is freer than the one before it in a column."""
    for index in range(1, len(names)):
        for column, mode in rows[index].items():
            before = rows[index - 1][column]
            if MODES.index(mode) < MODES.index(before):
                expected = f"at least as strict as {names[index - 1]}, {before}"
                yield Finding((*path, names[index], column), mode, expected)


def _known(path: tuple[str | int, ...], names: Sequence[str], known: Sequence[str]) -> Iterator[Finding]:
    yield from repeated(path, names)
    for index, name in enumerate(names):
        if name not in known:
            yield Finding((*path, index), shown(name), "an action of the catalogue", nearest(name, known))


def _rule_findings(here: tuple[str | int, ...], rule: Rule, actions: Sequence[str]) -> Iterator[Finding]:
    columns = GRAINS[rule.grain]
    if rule.action not in actions:
        expected = f"an action of the catalogue (rule {rule.rule})"
        yield Finding((*here, "action"), shown(rule.action), expected, nearest(rule.action, actions))
    conditions = {("when",): rule.when} | ({("raised", "when"): rule.raised.when} if rule.raised else {})
    for path, condition in conditions.items():
        try:
            check_condition(condition, columns)
        except ConditionError as error:
            yield Finding((*here, *path), error.found, f"{error.expected} (rule {rule.rule})", error.hint)
    if rule.raised and rule.raised.priority >= rule.priority:
        expected = f"a priority before {rule.priority} (rule {rule.rule})"
        yield Finding((*here, "raised", "priority"), rule.raised.priority, expected)
    known = (*columns, *SignalWindows.model_fields)
    for name in _PLACEHOLDER.findall(rule.rationale):
        if name not in known:
            expected = f"a column of the {rule.grain} or a key of signals (rule {rule.rule})"
            yield Finding((*here, "rationale"), shown("{" + name + "}"), expected, nearest(name, known))
