"""A connected system by its name: what policy says of it, with its secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.policy import systems as policy
from orchestration.policy.models import Policies
from orchestration.settings import Settings
from orchestration.sources.errors import SourceError
from orchestration.systems.base import System

if TYPE_CHECKING:
    from orchestration.systems.salesforce.write import Writer
    from orchestration.systems.zendesk.write import Desk


def build_system(name: str, policies: Policies, settings: Settings, deadline: float | None = None) -> System:
    """The system of that name, ready to be asked; nothing is called yet.

    `deadline`: of time.monotonic(), after which it asks no more. Raises SourceError where its secret isn't there.
    """
    found = policies.systems.by_name[name]
    secret = _secret(name, found, settings)
    calling = policies.systems.calling
    match found:
        case policy.Salesforce():
            from orchestration.systems.salesforce.system import SalesforceSystem

            return SalesforceSystem(name, found, secret or "", calling, policies.systems.pulling, deadline)
        case policy.Zendesk():
            from orchestration.systems.zendesk.system import ZendeskSystem

            return ZendeskSystem(
                name, found, secret or "", calling, deadline, public_domains=policies.systems.public_domains
            )
        case policy.Database():
            from orchestration.systems.database.system import DatabaseSystem

            return DatabaseSystem(name, found, secret or "", policies.systems.pulling, deadline)
        case policy.Inbox():
            from orchestration.systems.inbox.system import InboxSystem

            return InboxSystem(name, found, secret or "", calling, deadline)
        case policy.Bucket():
            from orchestration.systems.bucket.system import BucketSystem

            return BucketSystem(name, found, secret, calling, deadline)
    raise AssertionError(f"no code for {type(found).__name__}")


def build_writer(name: str, systems: policy.Systems, settings: Settings, calling: policy.Calling) -> Writer:
    """What writes to a Salesforce org; nothing is called yet. Raises SourceError where its secret isn't there."""
    from orchestration.systems.salesforce.session import Session
    from orchestration.systems.salesforce.write import Writer

    org = systems.salesforce[name]
    return Writer(Session(name, org, _secret(name, org, settings) or "", calling))


def build_desk(name: str, systems: policy.Systems, settings: Settings, calling: policy.Calling) -> Desk:
    """What writes to a Zendesk account; nothing is called yet. Raises SourceError where its secret isn't there."""
    from orchestration.systems.zendesk.client import open_api
    from orchestration.systems.zendesk.write import Desk

    desk = systems.zendesk[name]
    return Desk(open_api(name, desk, _secret(name, desk, settings) or "", calling), desk.own_tag)


def _secret(name: str, system: policy.System, settings: Settings) -> str | None:
    if system.secret is None:
        return None
    secret = settings.secret(system.secret)
    if not secret:
        raise SourceError(
            f"system {name} needs the secret {system.secret}, which isn't there.",
            file="policies/systems.yaml",
            place=name,
            expected=f"ACCOUNT_HEALTH_SECRET_{system.secret.upper()} in the environment, or a file {system.secret} in "
            "the folder that ACCOUNT_HEALTH_SECRETS names",
        )
    return secret
