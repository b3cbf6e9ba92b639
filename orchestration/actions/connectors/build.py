"""The connectors that policy declares, with their secrets."""

from __future__ import annotations

from collections.abc import Mapping

from orchestration.actions.connectors.base import Connector, SetUpError
from orchestration.actions.connectors.dry_run import DryRun
from orchestration.actions.connectors.email import Email
from orchestration.actions.connectors.salesforce import SalesforceConnector
from orchestration.actions.connectors.slack import Slack
from orchestration.actions.connectors.teams import Teams
from orchestration.actions.connectors.webhook import Webhook
from orchestration.actions.connectors.zendesk import ZendeskConnector
from orchestration.policy.connectors import Connector as ConnectorPolicy
from orchestration.policy.models import Policies
from orchestration.policy.systems import Systems
from orchestration.settings import Settings
from orchestration.sources.errors import SourceError
from orchestration.systems.build import build_desk, build_writer


def build_connectors(policies: Policies, settings: Settings) -> Mapping[str, Connector]:
    """Every connector by its name; raises SetUpError for one whose secret isn't there."""
    declared = policies.connectors.connectors
    return {name: _built(name, connector, policies.systems, settings) for name, connector in declared.items()}


def close_connectors(connectors: Mapping[str, Connector]) -> None:
    """Let go of the connections that connectors keep."""
    for connector in connectors.values():
        if isinstance(connector, SalesforceConnector | ZendeskConnector):
            connector.close()


def _built(name: str, policy: ConnectorPolicy, systems: Systems, settings: Settings) -> Connector:
    if policy.system is not None:
        return _of_system(name, policy, policy.system, systems, settings)
    secret = _secret(name, policy, settings)
    match policy.kind:
        case "slack":
            return Slack(name, policy, secret or "")
        case "teams":
            return Teams(name, secret or "", policy.timeout_seconds)
        case "email":
            return Email(name, policy, secret)
        case "webhook":
            return Webhook(name, policy.url or "", policy.ask_url, secret or "", policy.timeout_seconds)
    return DryRun(name, settings.operations_path)


def _of_system(name: str, policy: ConnectorPolicy, system: str, systems: Systems, settings: Settings) -> Connector:
    # One attempt: when to try again is the worker's to say.
    calling = systems.calling.model_copy(update={"timeout_seconds": policy.timeout_seconds, "attempts": 1})
    try:
        if policy.kind == "zendesk":
            return ZendeskConnector(name, policy, build_desk(system, systems, settings, calling))
        key_field = systems.salesforce[system].key_field or ""
        return SalesforceConnector(name, policy, build_writer(system, systems, settings, calling), key_field)
    except SourceError as error:
        raise SetUpError(f"connector {name}: {error}") from None


def _secret(name: str, policy: ConnectorPolicy, settings: Settings) -> str | None:
    if policy.secret is None:
        return None
    secret = settings.secret(policy.secret)
    if not secret:
        raise SetUpError(
            f"connector {name} needs the secret {policy.secret}: set ACCOUNT_HEALTH_SECRET_{policy.secret.upper()},"
            f" or put it into a file {policy.secret} in the folder that ACCOUNT_HEALTH_SECRETS names"
        )
    return secret
