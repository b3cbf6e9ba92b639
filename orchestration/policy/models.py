"""All policies together. Adding a policy file is adding one field to `Policies`.

Here: which files there are, what is part of `policy_version`. Not here: the files' contents (a module each) and
reading them (`load.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict

from orchestration.policy.access import Access
from orchestration.policy.actions import ActionKind, Actions, Origins
from orchestration.policy.alerts import Alerts
from orchestration.policy.aliases import AccountAlias
from orchestration.policy.backtest import Backtest
from orchestration.policy.base import PolicyFile
from orchestration.policy.calendar import Calendar
from orchestration.policy.churn import Churn
from orchestration.policy.connectors import Connectors
from orchestration.policy.documents import Documents
from orchestration.policy.expansion import Expansion
from orchestration.policy.feeds import Feeds
from orchestration.policy.health_checks import HealthChecks
from orchestration.policy.health_score import HealthScore
from orchestration.policy.interventions import Interventions
from orchestration.policy.ledger import Ledger
from orchestration.policy.portal import Portal
from orchestration.policy.privacy import Privacy
from orchestration.policy.problems import Finding
from orchestration.policy.publishing import Publishing
from orchestration.policy.reports import Reports
from orchestration.policy.retention import Retention
from orchestration.policy.simulator import Simulator
from orchestration.policy.sources import Sources
from orchestration.policy.surveys import Surveys
from orchestration.policy.systems import Systems
from orchestration.policy.write_back import WriteBack

_VERSION_LENGTH = 16


class Policies(BaseModel):
    """Everything read from a policies folder, checked and unchangeable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calendar: Calendar
    health_checks: HealthChecks
    health_score: HealthScore
    churn: Churn
    retention: Retention
    expansion: Expansion
    actions: Actions
    alerts: Alerts
    surveys: Surveys
    interventions: Interventions
    feeds: Feeds
    reports: Reports
    backtest: Backtest
    access: Access
    connectors: Connectors
    documents: Documents
    ledger: Ledger
    simulator: Simulator
    portal: Portal
    privacy: Privacy
    publishing: Publishing
    sources: Sources
    systems: Systems
    write_back: WriteBack
    account_aliases: tuple[AccountAlias, ...] = ()

    @property
    def version(self) -> str:
        """`policy_version`: the same for the same values, however the files are laid out or commented.

        Only files that shape results take part: where data comes from, who may see it and which connector sends it
        are no change of policy.
        """
        values = {name: canonical(getattr(self, name)) for name, model in POLICY_FILES.items() if model.shapes_results}
        text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:_VERSION_LENGTH]

    @property
    def action_names(self) -> tuple[str, ...]:
        """The key of every action that can follow from these policies, each once."""
        origins = (getattr(getattr(self.actions.origins, name), "action", None) for name in Origins.model_fields)
        plans, renewal = self.retention.plans, self.retention.renewal
        names = [
            *(entry.action for entry in self.actions.catalogue),
            *(name for name in origins if name is not None),
            *(step.step for step in (*plans.high, *plans.medium, *renewal.steps)),
            *(f"expansion_week_{stage.week}" for stage in self.expansion.stages),
        ]
        return tuple(dict.fromkeys(names))

    def lint(self) -> Iterator[tuple[str, Finding]]:
        """What is wrong with the files taken together, by the name of the file that has to change."""
        for index, source in enumerate(self.sources.sources):
            if source.system is not None:
                for finding in self.systems.findings_of(source):
                    yield "sources", replace(finding, path=("sources", index, *finding.path))
        yield from (("systems", finding) for finding in self.systems.domain_findings(self.sources))
        yield from (("connectors", finding) for finding in self.connectors.system_findings(self.systems))
        known = self.action_names, get_args(ActionKind)
        yield from (("connectors", finding) for finding in self.connectors.route_findings(*known))
        yield from (("write_back", finding) for finding in self.write_back.system_findings(self.systems))
        yield from (("ledger", finding) for finding in self.write_back.lease_findings(self.ledger, self.systems))


POLICY_FILES: Mapping[str, type[PolicyFile]] = MappingProxyType(
    {
        name: info.annotation
        for name, info in Policies.model_fields.items()
        if isinstance(info.annotation, type) and issubclass(info.annotation, PolicyFile)
    }
)


def canonical(value: Any) -> Any:
    """A value as JSON that depends on what it means only: 5, 5.0 and 5.00 are one number."""
    if isinstance(value, BaseModel):
        # A key that an override leaves out is None here; it follows the base and isn't part of the override.
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        return {name: canonical(item) for name, item in fields.items() if item is not None}
    if isinstance(value, Mapping):
        return {str(key): canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    if isinstance(value, Decimal):
        number = value.normalize()
        return int(number) if number == number.to_integral_value() else format(number, "f")
    return value
