"""The connectors that policy declares, with their secrets."""

from __future__ import annotations

from collections.abc import Mapping

from orchestration.actions.connectors.base import Connector, SetUpError
from orchestration.actions.connectors.dry_run import DryRun
from orchestration.actions.connectors.email import Email
from orchestration.actions.connectors.slack import Slack
from orchestration.actions.connectors.teams import Teams
from orchestration.actions.connectors.webhook import Webhook
from orchestration.policy.connectors import Connector as ConnectorPolicy
from orchestration.policy.connectors import Connectors
from orchestration.settings import Settings


def build_connectors(policy: Connectors, settings: Settings) -> Mapping[str, Connector]:
    """Every connector by its name; raises SetUpError for one whose secret isn't there."""
    return {name: _built(name, connector, settings) for name, connector in policy.connectors.items()}


def _built(name: str, policy: ConnectorPolicy, settings: Settings) -> Connector:
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
