"""One account through the batch's own models: a typed one, or a real one at another level of automation."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from pydantic import ValidationError

from orchestration.explain.facts import Facts, whole_facts
from orchestration.operations.accounts import UnknownAccountError, find_account
from orchestration.policy.base import findings
from orchestration.policy.models import Policies
from orchestration.policy.problems import Finding, key_path
from orchestration.policy.simulator import TypedAccount, wrong_facts
from orchestration.publishing.reader import Publication
from orchestration.refresh.inputs import freeze_inputs
from orchestration.settings import Settings
from orchestration.whatif.inputs import made_up_tables, under_other_policies
from orchestration.whatif.models import CompiledModels, models_of
from orchestration.whatif.typed import ACCOUNT_ID, rows_of

# What an assessment is made of.
TABLES = (
    *("account_health", "account_health_measures", "account_themes", "account_churn", "retention_plans"),
    *("retention_offers", "executive_decisions", "expansion_pipeline", "health_check_candidates"),
    *("recommended_actions", "source_freshness"),
)
_NAME = "simulated"


class SimulationError(ValueError):
    """An account that can't be simulated: there is none, its facts don't hold together, or it has no score."""


def simulation(
    settings: Settings,
    policies: Policies,
    account: str | None,
    typed: Mapping[str, Any],
    day: date,
    level: str | None = None,
) -> Facts:
    """What would follow for what a person asked for; raises SimulationError, which says what there is.

    With typed facts: they are laid over the example of that name, else over the policy's ordinary account, as of `day`.
    Without: the real account of that name, else the example.
    """
    example = policies.simulator.example(account) if account else None
    if not typed and account is not None and (settings.published_path / "CURRENT").exists():
        try:
            with Publication.open(settings.published_path) as publication:
                found = find_account(publication, account, policies.sources.matching.legal_forms)
        except UnknownAccountError as error:
            if example is None:
                raise SimulationError(f"{error}. Examples: {_names(policies)}") from None
        else:
            models = models_of(settings, policies)
            return simulate_real(settings.inputs_path, found.account_id, policies, models, level, settings.memory_limit)
    elif not typed and example is None:
        raise SimulationError(
            f"{f'nothing is published in which {account} could be' if account else 'no account is named'}. Examples: "
            f"{_names(policies)}; or type facts, such as --lifecycle renewal --csat 3.1"
        )
    facts = typed_account(policies, example, account, typed)
    return simulate_typed(facts, policies, models_of(settings, policies), day, level)


def typed_account(
    policies: Policies, example: TypedAccount | None, name: str | None, typed: Mapping[str, Any]
) -> TypedAccount:
    """The example, else the policy's ordinary account, with what was typed; raises SimulationError."""
    base = example or policies.simulator.ordinary
    values = base.model_dump() | dict(typed) | {"name": name or base.name}
    if isinstance(values["csat"], str):
        try:
            values["csat"] = Decimal(values["csat"])
        except ArithmeticError:
            raise SimulationError(f"csat: found {values['csat']}; expected a number from 1 to 5") from None
    try:
        account = TypedAccount.model_validate(values)
    except ValidationError as error:
        raise SimulationError(_said(findings(error, TypedAccount))) from None
    wrong = list(wrong_facts(account, policies.simulator.words))
    if wrong:
        raise SimulationError(_said(wrong))
    return account


def _said(wrong: Iterable[Finding]) -> str:
    return "\n".join(f"{key_path(one.path)}: found {one.found}; expected {one.expected}" for one in wrong)


def _names(policies: Policies) -> str:
    return ", ".join(example.name for example in policies.simulator.examples)


def simulate_typed(
    account: TypedAccount, policies: Policies, models: CompiledModels, as_of: date, level: str | None = None
) -> Facts:
    """What would follow for an account with these facts; raises SimulationError and ModelsError."""
    with tempfile.TemporaryDirectory(prefix="what-if-") as place:
        inputs = Path(place) / "inputs"
        streams = rows_of(account, policies.simulator, as_of)
        freeze_inputs(inputs, made_up_tables(streams, policies, as_of, level=level))
        return _facts(models, inputs, ACCOUNT_ID, account.name)


def simulate_real(
    home_inputs: Path,
    account_id: str,
    policies: Policies,
    models: CompiledModels,
    level: str | None = None,
    memory_limit: str | None = None,
) -> Facts:
    """What would follow for an account of a home as of its last run; raises Simulation-, NoInputs- and ModelsError.

    The models run over everybody: budgets, idle owners and what others report shape one account's actions, too.
    """
    with tempfile.TemporaryDirectory(dir=home_inputs.parent, prefix=".what-if-") as place:
        inputs = under_other_policies(home_inputs, Path(place) / "inputs", policies, level)
        return _facts(models, inputs, account_id, account_id, memory_limit)


def _facts(models: CompiledModels, inputs: Path, account_id: str, name: str, memory_limit: str | None = None) -> Facts:
    with models.run(inputs, *TABLES, memory_limit=memory_limit) as con:
        con.execute("use published")
        scored = con.execute("select published_at from account_health where account_id = ?", [account_id]).fetchall()
        if not scored:
            raise SimulationError(f"{name} has no score: it has churned, or has had no contract of late")
        published_at: datetime = scored[0][0]
        return whole_facts(lambda query, values: _rows(con, query, values), account_id, _NAME, published_at)


def _rows(con: duckdb.DuckDBPyConnection, query: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    result = con.execute(query, list(values))
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
