"""The action policy as tables, and its rules as the text that the engine's model is made of.

Modes are numbers here, so that the most restrictive one is the greatest: 1 auto, 2 approve, 3 recommend, 4 suppress.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from orchestration.policy.actions import LEVELS, MODES, SENSITIVITIES, Actions, Rule, SignalWindows
from orchestration.policy.conditions import columns_of, rendered
from orchestration.policy.measures import NO_SEGMENT, SEGMENTS
from orchestration.policy.models import Policies
from orchestration.policy.signals import GRAINS
from orchestration.policy.tables.columns import Row, Rows, Schemas, column, flag, number, text, whole

_OWNER_PLACES = (1, 2, 3)
_PLACE_WORDS = {1: "first", 2: "second", 3: "third"}
_FLOORS = ("major_blocker", "low_confidence", "churn_risk", "red_status", "executive_complaint", "renewal")
_FLOORS += ("churned", "plan_review", "cap")

# The variable of the environment by which dbt gets what `rules_text` says.
RULES_VARIABLE = "ACCOUNT_HEALTH_ACTION_RULES"

SCHEMAS: Schemas = MappingProxyType(
    {
        "action_settings": pa.schema(
            [
                whole("planned_days", "plans are looked for from as_of to so many days later"),
                whole("completed_days", "window of completed activities, days"),
                whole("ticket_open_days", "urgent and high tickets open for more days than this wait"),
                whole("incidents_days", "window of incidents, days"),
                whole("login_days", "window of logins, days"),
                whole("owner_idle_days", "window in which an owner logs something, days"),
                whole("complaint_days", "window of executive complaints, days"),
                text("default_level", "the level of a run that names none"),
                *(
                    field
                    for guard in _FLOORS
                    for field in (
                        flag(f"{guard}_enabled", f"whether the guard {guard} is on"),
                        whole(f"{guard}_mode", f"the freest mode that {guard} leaves, as a number"),
                    )
                ),
                flag("low_confidence_is_medium", "whether medium confidence is guarded too"),
                number("churn_risk_above", "a churn probability above this is guarded, percent"),
                text("red_status", "final status that is guarded"),
                whole("renewal_within_days", "a renewal within so many days is guarded"),
                whole("cap_actions", "automatic actions an account"),
                whole("cap_days", "in so many days"),
                flag("cool_down_enabled", "whether actions cool down"),
                whole("cool_down_days", "the same action is created once in so many days"),
                flag("budget_enabled", "whether owners have a budget"),
                whole("budget_actions", "new actions an owner and day"),
            ]
        ),
        "action_levels": pa.schema(
            [
                text("segment_key", "segment, or unknown"),
                text("level", "the segment's own level; null: the run's", nullable=True),
            ]
        ),
        "action_modes": pa.schema(
            [
                text("mode_key", "action of the catalogue, or sensitivity: and a sensitivity"),
                text("segment_key", "segment, or unknown"),
                text("level", "conservative, balanced or aggressive"),
                whole("mode_by_level", "the freest mode at the level, as a number"),
                whole("mode_by_matrix", "the freest mode in the segment, as a number"),
            ]
        ),
        "action_catalogue": pa.schema(
            [
                text("action", "action"),
                text("title", "what is done"),
                text("kind", "kind of action"),
                text("sensitivity", "low, medium or high"),
                flag("reaches_customer", "whether it reaches the customer"),
                flag("touches_price", "whether it touches price"),
                flag("is_suppressed_by_blocker", "whether an open major blocker suppresses it"),
                text("mode_key", "where action_modes has its modes"),
                whole("due_days", "days from its cause to when it is due"),
            ]
        ),
        "action_origins": pa.schema(
            [
                text("origin", "where actions come from beside rules"),
                text("action", "what follows; null: each has its own", nullable=True),
                text("title", "what is done; null: each has its own", nullable=True),
                text("kind", "kind of action"),
                column("reaches_customer", pa.bool_(), "whether it reaches the customer; null: each its own", True),
                column("touches_price", pa.bool_(), "whether it touches price; null: each its own", True),
            ]
        ),
        "action_owners": pa.schema(
            [
                text("owner_key", "action, origin: and an origin, or role: and a role"),
                *(
                    field
                    for place in _OWNER_PLACES
                    for field in (
                        text(f"role_{place}", f"the {_PLACE_WORDS[place]} role; null: none", nullable=True),
                        text(f"field_{place}", "field of the account with its person; null: none", nullable=True),
                    )
                ),
            ]
        ),
        "action_priorities": pa.schema(
            [
                text("origin", "where actions come from"),
                text("variant", "what of it"),
                text("priority", "P1 to P4"),
            ]
        ),
        "action_renewal_kinds": pa.schema([text("kind", "kind of actions that a near renewal guards")]),
    }
)


def mode_number(mode: str) -> int:
    """A mode as the tables have it."""
    return MODES.index(mode) + 1


def rules_text(policies: Policies, dialect: str) -> str:
    """The rules as JSON for the model that applies them: conditions in the SQL of the engine ("duckdb" or "spark").

    Rules that call for one action over the same rows stand together, since of those that hold only one is told: the
    most urgent, and of equals the one that the file has first.
    """
    together: dict[tuple[str, str], list[Rule]] = {}
    for rule in policies.actions.rules:
        together.setdefault((rule.action, rule.grain), []).append(rule)
    windows = policies.actions.signals
    return json.dumps(
        [
            {
                "action": action,
                "grain": grain,
                "cases": _cases(rules, dialect),
                "rules": [_told(rule, windows) for rule in rules],
            }
            for (action, grain), rules in together.items()
        ]
    )


def _cases(rules: Sequence[Rule], dialect: str) -> list[dict[str, str]]:
    """What holds with which priority, the most urgent first."""
    cases = []
    for rule in rules:
        when = f"({rendered(rule.when, dialect)})"
        if rule.raised:
            both = f"{when} and ({rendered(rule.raised.when, dialect)})"
            cases.append({"when": both, "rule": rule.rule, "priority": rule.raised.priority})
        cases.append({"when": when, "rule": rule.rule, "priority": rule.priority})
    return sorted(cases, key=lambda case: case["priority"])


def _told(rule: Rule, windows: SignalWindows) -> dict[str, Any]:
    """What is said of a rule that holds: columns with their kinds, and the pieces of its rationale."""
    columns = GRAINS[rule.grain]
    named = columns_of(rule.when) + (columns_of(rule.raised.when) if rule.raised else [])
    return {
        "rule": rule.rule,
        "evidence": [[name, "word" if columns[name].is_word else columns[name].kind] for name in dict.fromkeys(named)],
        "rationale": [[piece, columns[piece].kind if is_column else None] for piece, is_column in rule.pieces(windows)],
    }


def _settings(policies: Policies) -> Iterable[Row]:
    actions = policies.actions
    guards = actions.guards
    yield {
        **dict(actions.signals),
        "default_level": actions.levels.default,
        **{f"{name}_enabled": getattr(guards, name).enabled for name in _FLOORS},
        **{f"{name}_mode": mode_number(getattr(guards, name).at_least) for name in _FLOORS},
        "low_confidence_is_medium": guards.low_confidence.confidence == "medium",
        "churn_risk_above": guards.churn_risk.above,
        "red_status": guards.red_status.status,
        "renewal_within_days": guards.renewal.within_days,
        "cap_actions": guards.cap.actions,
        "cap_days": guards.cap.days,
        "cool_down_enabled": guards.cool_down.enabled,
        "cool_down_days": guards.cool_down.days,
        "budget_enabled": guards.budget.enabled,
        "budget_actions": guards.budget.actions,
    }


def _levels(policies: Policies) -> Iterable[Row]:
    own = policies.actions.levels.by_segment
    for segment in SEGMENTS:
        yield {"segment_key": segment, "level": own.get(_segment(policies.actions, segment))}


def _modes(policies: Policies) -> Iterable[Row]:
    actions = policies.actions
    named = {entry.action: (entry.sensitivity, entry.matrix) for entry in actions.catalogue}
    named |= {f"sensitivity:{name}": (name, getattr(actions.origins.matrix, name)) for name in SENSITIVITIES}
    for key, (sensitivity, matrix) in named.items():
        for segment in SEGMENTS:
            by_matrix = getattr(matrix, _segment(actions, segment))
            for level in LEVELS:
                by_level = getattr(getattr(actions.levels.modes, level), sensitivity)
                minimum = actions.levels.minimum
                if by_matrix == "auto" and level == minimum.level and key in minimum.actions:
                    by_level = "auto"
                yield {
                    "mode_key": key,
                    "segment_key": segment,
                    "level": level,
                    "mode_by_level": mode_number(by_level),
                    "mode_by_matrix": mode_number(by_matrix),
                }


def _segment(actions: Actions, segment: str) -> str:
    return actions.unknown_segment if segment == NO_SEGMENT else segment


def _catalogue(policies: Policies) -> Iterable[Row]:
    actions = policies.actions
    for entry in actions.catalogue:
        yield {
            "action": entry.action,
            "title": entry.title,
            "kind": entry.kind,
            "sensitivity": entry.sensitivity,
            "reaches_customer": entry.reaches_customer,
            "touches_price": entry.touches_price,
            "is_suppressed_by_blocker": entry.action in actions.guards.major_blocker.suppressed,
            "mode_key": entry.action,
            "due_days": entry.due_days,
        }


def _named_origins(actions: Actions) -> Iterator[tuple[str, Any]]:
    for name in type(actions.origins).model_fields:
        if name != "matrix":
            yield name, getattr(actions.origins, name)


def _origins(policies: Policies) -> Iterable[Row]:
    for name, origin in _named_origins(policies.actions):
        columns = ("action", "title", "kind", "reaches_customer", "touches_price")
        yield {"origin": name} | {column: getattr(origin, column, None) for column in columns}


def _owners(policies: Policies) -> Iterable[Row]:
    actions = policies.actions
    owners = {entry.action: entry.owners for entry in actions.catalogue}
    owners |= {f"origin:{name}": origin.owners for name, origin in _named_origins(actions) if hasattr(origin, "owners")}
    steps = (*policies.retention.plans.high, *policies.retention.plans.medium, *policies.retention.renewal.steps)
    owners |= {f"role:{called}": (actions.role_of(called),) for called in sorted({step.owner_role for step in steps})}
    for key, roles in owners.items():
        row: Row = {"owner_key": key}
        for place in _OWNER_PLACES:
            role = roles[place - 1] if place <= len(roles) else None
            row |= {f"role_{place}": role, f"field_{place}": actions.person_of(role)}
        yield row


def _priorities(policies: Policies) -> Iterable[Row]:
    for name, origin in _named_origins(policies.actions):
        variants = {"": origin.priority} if isinstance(origin.priority, str) else dict(origin.priority)
        for variant, value in variants.items():
            yield {"origin": name, "variant": variant, "priority": value}


def _renewal_kinds(policies: Policies) -> Iterable[Row]:
    for kind in sorted(set(policies.actions.guards.renewal.kinds)):
        yield {"kind": kind}


ROWS: Mapping[str, Rows] = MappingProxyType(
    {
        "action_settings": _settings,
        "action_levels": _levels,
        "action_modes": _modes,
        "action_catalogue": _catalogue,
        "action_origins": _origins,
        "action_owners": _owners,
        "action_priorities": _priorities,
        "action_renewal_kinds": _renewal_kinds,
    }
)
