"""What the simulator is asked, and the work that answers it in the background process: the batch's own models.

Here: reading a question out of a URL, and one function for the other process. Not here: rules of any kind, and who may
see which account (the page asks that first).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

from orchestration.explain.facts import Facts
from orchestration.policy.actions import LEVELS
from orchestration.policy.health_checks import Segment
from orchestration.policy.models import Policies
from orchestration.policy.simulator import Blocker, Lifecycle, TypedAccount
from orchestration.policy.tables.actions import RULES_VARIABLE, rules_text
from orchestration.settings import Settings
from orchestration.whatif.inputs import NoInputsError
from orchestration.whatif.models import CompiledModels, compile_models
from orchestration.whatif.simulate import SimulationError, simulate_real, simulate_typed, typed_account
from portal.background import ToldError

_LONGEST = 200
NUMBERS = ("days_to_renewal", "open_issues", "urgent_issues")
# What a person types, beside the name.
FIELDS = (*TypedAccount.model_fields,)[1:]
SEGMENTS, LIFECYCLES, BLOCKERS = get_args(Segment), get_args(Lifecycle), get_args(Blocker)


class QuestionError(ValueError):
    """What is typed doesn't hold together; says what was found and expected, a line each."""


@dataclass(frozen=True)
class Question:
    """An account, typed or else real by its id, at a level of automation (None: as policy has it)."""

    account_id: str
    typed: TypedAccount | None
    level: str | None


def level_of(query: Mapping[str, str]) -> str | None:
    """The level a URL names; raises QuestionError."""
    level = query.get("level") or None
    if level is not None and level not in LEVELS:
        raise QuestionError(f"level: found {level[:_LONGEST]}; expected one of {', '.join(LEVELS)}")
    return level


def typed_of(policies: Policies, query: Mapping[str, str]) -> TypedAccount | None:
    """The account a URL types, laid over the policy's ordinary one; None where it types none. Raises QuestionError."""
    given: dict[str, Any] = {name: query[name].strip()[:_LONGEST] for name in FIELDS if query.get(name, "").strip()}
    if not given:
        return None
    for name in NUMBERS:
        text = given.get(name, "")
        if text.isascii() and text.isdigit():
            given[name] = int(text)
    name = query.get("name", "").strip()[:_LONGEST] or None
    try:
        return typed_account(policies, None, name, given)
    except SimulationError as error:
        raise QuestionError(str(error)) from None


def assess(settings: Settings, policies: Policies, question: Question, day: date) -> Facts:
    """What the account is like and which actions follow, a typed one as of `day`, a real one as of the last run.

    For the background process; raises ToldError with words for the person.
    """
    models = _models(settings.dbt_project, rules_text(policies, "duckdb"))
    try:
        if question.typed is not None:
            return simulate_typed(question.typed, policies, models, day, question.level)
        return simulate_real(
            settings.inputs_path, question.account_id, policies, models, question.level, settings.memory_limit
        )
    except SimulationError as error:
        raise ToldError(f"{error}.") from None
    except NoInputsError:
        raise ToldError("Nothing has run in this home yet, so there is nothing to simulate with.") from None


@lru_cache(maxsize=2)
def _models(project: Path, rules: str) -> CompiledModels:
    return compile_models(project, {RULES_VARIABLE: rules})
