"""Every single value of the policies that shape results, and the policies with another one in its place.

Here: finding the values, and other ones that may stand there. Not here: what should follow from a change.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from orchestration.policy.document import read_document
from orchestration.policy.load import load_policies
from orchestration.policy.models import POLICY_FILES, Policies

Leaf = tuple[str | int, ...]

SHIPPED = Path(__file__).parents[2] / "policies"
SHAPING = {name: model.file_name for name, model in POLICY_FILES.items() if model.shapes_results}
# Overrides are none in the shipped policies; these have one of each kind.
CHECKS_OVERRIDE = {"segment": "smb", "near_miss_days": 5, "milestones": {"pre_end": {"offset_days": -100}}}
LEVEL_OVERRIDES = {"smb": "conservative", "mid_market": "aggressive"}
SCORE_OVERRIDE = {
    "segment": "smb",
    "dimensions": {"sentiment": {"weight": 20}, "engagement": {"weight": 20}},
    "measures": {"csat": {"max_points": 4, "bands": [{"at_least": 4, "points": 3}]}},
    "status": {"green_at_least": 85},
    "tier": {"healthy_at_least": 90},
}


def leaves(value: Any, path: Leaf = ()) -> list[Leaf]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves(item, (*path, key))]
    if isinstance(value, list):
        return [leaf for index, item in enumerate(value) for leaf in leaves(item, (*path, index))]
    return [path]


READ = {name: read_document(SHIPPED / file)[0].values for name, file in SHAPING.items()}
READ["health_checks"]["overrides"] = [CHECKS_OVERRIDE]
READ["health_score"]["overrides"] = [SCORE_OVERRIDE]
READ["actions"]["levels"]["by_segment"] = LEVEL_OVERRIDES
LEAVES = [(name, path) for name, values in READ.items() for path in leaves(values)]
POLICIES = load_policies(SHIPPED)


def parsed(name: str, values: dict[str, Any]) -> Policies:
    """The shipped policies with these values of one file: not linted, for one value alone may make no sense."""
    return POLICIES.model_copy(update={name: POLICY_FILES[name].model_validate(values)})


def with_values(name: str, changes: Mapping[Leaf, Any]) -> Policies:
    """The policies with other values of one file. Raises ValidationError for one that may not stand there."""
    values = copy.deepcopy(READ[name])
    for path, value in changes.items():
        _holder(values, path)[path[-1]] = value
    return parsed(name, values)


def alternatives(name: str, path: Leaf) -> Iterator[Any]:
    """Other values that may stand at `path`; what is a choice takes the other ones of the choices."""
    old = _holder(READ[name], path)[path[-1]]
    candidates = _others(old)
    while candidates:
        value = candidates.pop(0)
        try:
            with_values(name, {path: value})
        except ValidationError as error:
            for details in error.errors():
                if details["type"] == "literal_error":
                    choices = re.findall(r"'([^']*)'", details["ctx"]["expected"])
                    candidates = [choice for choice in choices if choice not in (old, value)]
        else:
            yield value


def with_another(name: str, path: Leaf) -> Policies:
    """The policies with another value at `path`."""
    for value in alternatives(name, path):
        return with_values(name, {path: value})
    raise AssertionError(f"nothing else may stand at {path}")


def _holder(values: Any, path: Leaf) -> Any:
    for part in path[:-1]:
        values = values[part]
    return values


def _others(old: Any) -> list[Any]:
    """Values that may stand where `old` does."""
    if isinstance(old, bool):
        return [not old]
    if isinstance(old, int | Decimal):
        return [old + 1, old - 1, old / 2, old * 2]
    return [{"UTC": "Europe/Berlin", "USD": "EUR"}.get(old, f"{old} too"), f"{old}_too"]
