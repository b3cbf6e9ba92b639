"""Where actions and messages go: the connectors, and which of them serves what.

Here: `connectors.yaml`. Not here: how a connector talks to its target (`orchestration/actions/connectors`), and
secrets: they come from the environment or a file, under the name that a connector gives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from orchestration.policy.actions import Priority
from orchestration.policy.base import Flag, Name, PolicyFile, PolicyModel, SecretName, Text, setting, shown_address
from orchestration.policy.problems import Finding, Severity, nearest, shown
from orchestration.policy.systems import Salesforce, Systems, Zendesk
from orchestration.policy.write_back import ApiName, not_of_kind

Kind = Literal["dry_run", "slack", "teams", "email", "webhook", "salesforce", "zendesk"]
Port = Annotated[int, Field(strict=True, ge=1, le=65_535)]
TimeoutSeconds = Annotated[int, Field(strict=True, ge=1, le=300)]

# By kind: the keys it needs, and those it may have beside them.
_KEYS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType(
    {
        "dry_run": ((), ()),
        "slack": (("secret", "to"), ("url",)),
        "teams": (("secret",), ()),
        "email": (("host", "port", "security", "sender", "to"), ("user", "secret", "people")),
        "webhook": (("url", "secret"), ("ask_url",)),
        "salesforce": (("system",), ("external_id", "score_field", "status", "priorities", "to", "people")),
        "zendesk": (("system",), ("priorities", "requester", "in_organization")),
    }
)
# Kinds that write to a system, with its kind and what that is called.
_SYSTEMS: Mapping[str, tuple[type, str]] = MappingProxyType(
    {"salesforce": (Salesforce, "Salesforce"), "zendesk": (Zendesk, "Zendesk")}
)
_ANYBODY = "default"
# What messages of alerts are called as actions, and their kind.
NOTICES = ("alert", "escalation", "digest")
NOTICE_KIND = "alert"
# Up to the end of the host: no user, and a port of digits.
_SAFE_URL = re.compile(r"(https://(\[[0-9A-Fa-f:.]+\]|[^\s@:/?#]+)|http://127\.0\.0\.1)(:[0-9]+)?([/?#]|$)")


class Connector(PolicyModel):
    """One target of messages."""

    kind: Kind = setting("What it talks to.", "kind")
    timeout_seconds: TimeoutSeconds = setting("So long a call may take.", "seconds", default=20)
    url: Text | None = setting("Address that is called.", "URL", default=None)
    ask_url: Text | None = setting(
        "Address that is asked whether a call arrived; {key} stands for its key.", "URL", default=None
    )
    host: Text | None = setting("Mail server.", "host name", default=None)
    port: Port | None = setting("Port of the mail server.", "port", default=None)
    security: Literal["tls", "starttls", "none"] | None = setting(
        "How the way to the mail server is secured.", "kind", default=None
    )
    user: Text | None = setting("User at the mail server.", "name", default=None)
    sender: Text | None = setting("Address that mail comes from.", "e-mail address", default=None)
    secret: SecretName | None = setting(
        "Name of the token, password, signing key or secret address.", "name of a secret", default=None
    )
    to: dict[Name, Text] | None = setting(
        "Channel or address by role; default for all others.", "channel or address", default=None
    )
    people: dict[Text, Text] | None = setting(
        "Address of a person by the name that the CRM has; others get their role's.", "e-mail address", default=None
    )
    system: Name | None = setting("The system of systems.yaml that is written to.", "system", default=None)
    external_id: ApiName | None = setting(
        "The CRM's field that holds our account_id; Id when left out.", "field", default=None
    )
    score_field: ApiName | None = setting(
        "The account's field that update_csm_health_score writes the score into.", "field", default=None
    )
    status: Text | None = setting("Status of a new task; the system's own when left out.", "status", default=None)
    priorities: dict[Priority, Text] | None = setting(
        "The system's priority by ours; its own where left out.", "priority", default=None
    )
    requester: Text | None = setting(
        "Who tickets are from; the user that signs in when left out.", "e-mail address", default=None
    )
    in_organization: Flag | None = setting(
        "Tickets stand in the account's organization, which their requester has to belong to.",
        "yes or no",
        default=None,
    )

    def address(self, role: str | None, person: str | None) -> str | None:
        """Where a message for a person in a role goes; None where nobody said."""
        if person and self.people and person in self.people:
            return self.people[person]
        to = self.to or {}
        return to.get(role_key(role)) or to.get(_ANYBODY)


class Route(PolicyModel):
    """Which messages a connector serves: all that fit each list that is given."""

    connector: Name = setting("The connector, by its name above.", "name")
    actions: tuple[Name, ...] = setting(
        "Actions by their keys; alerts are called alert, escalation and digest.", "actions", default=()
    )
    kinds: tuple[Name, ...] = setting("Kinds of action.", "kinds", default=())
    roles: tuple[Name, ...] = setting("Roles of those who own the action.", "roles", default=())

    def fits(self, action: str, kind: str, role: str | None) -> bool:
        """Whether it serves this."""
        wanted = ((self.actions, action), (self.kinds, kind), (self.roles, role_key(role)))
        return all(not among or value in among for among, value in wanted)


class Connectors(PolicyFile):
    """Connectors and routes."""

    file_name: ClassVar[str] = "connectors.yaml"
    shapes_results: ClassVar[bool] = False

    connectors: dict[Name, Connector] = setting("The connectors by name.", "settings")
    routes: tuple[Route, ...] = setting("The first route that fits decides.", "settings", default=())
    default: Name = setting("The connector of what no route fits.", "name")

    def serving(self, action: str, kind: str, role: str | None) -> str:
        """The name of the connector for an action or message."""
        return next((route.connector for route in self.routes if route.fits(action, kind, role)), self.default)

    def lint(self) -> Iterator[Finding]:
        for name, connector in self.connectors.items():
            yield from _keys_of_kind(("connectors", name), connector)
        named = [(("default",), self.default)]
        named += [(("routes", place, "connector"), route.connector) for place, route in enumerate(self.routes)]
        for path, name in named:
            if name not in self.connectors:
                known = list(self.connectors)
                yield Finding(path, shown(name), f"one of {', '.join(known)}", nearest(name, known))

    def system_findings(self, systems: Systems) -> Iterator[Finding]:
        """Connectors whose system isn't there, is of another kind, or lacks what they need."""
        for name, connector in self.connectors.items():
            if connector.kind not in _SYSTEMS or connector.system is None:
                continue
            path, (kind, called) = ("connectors", name, "system"), _SYSTEMS[connector.kind]
            yield from not_of_kind(path, connector.system, systems, kind, called)
            org = systems.salesforce.get(connector.system)
            if org is not None and connector.kind == "salesforce" and org.key_field is None:
                told = "a system with key_field: a task that may be there has to be found again"
                yield Finding(path, shown(connector.system), told)

    def route_findings(self, actions: Sequence[str], kinds: Sequence[str]) -> Iterator[Finding]:
        """Actions and kinds of routes that the other policies know nothing of: such a route never fits.

        Of actions a warning: one that policies have no more may still wait to be sent.
        """
        known = {"actions": (*actions, *NOTICES), "kinds": (*kinds, NOTICE_KIND)}
        severities = {"actions": Severity.WARNING, "kinds": Severity.ERROR}
        for place, route in enumerate(self.routes):
            for key, names in known.items():
                for index, name in enumerate(getattr(route, key)):
                    if name not in names:
                        expected = f"one of {', '.join(names)}"
                        path = ("routes", place, key, index)
                        yield Finding(path, shown(name), expected, nearest(name, names), severities[key])


def role_key(role: str | None) -> str:
    """A role as policies key it: other files write `CS manager`, routes and addresses cs_manager."""
    return "_".join((role or _ANYBODY).lower().split())


def _keys_of_kind(path: tuple[str | int, ...], connector: Connector) -> Iterator[Finding]:
    needed, allowed = _KEYS[connector.kind]
    given = {name for name in connector.model_fields_set if getattr(connector, name) is not None}
    for name in needed:
        if name not in given:
            yield Finding((*path, name), "no such key", f"a value: a connector of kind {connector.kind} needs it")
    for name in sorted(given - {"kind", "timeout_seconds", *needed, *allowed}):
        yield Finding((*path, name), f"the key {shown(name)}", f"no such key in a connector of kind {connector.kind}")
    for name in ("url", "ask_url"):
        url = getattr(connector, name)
        if url is not None and not _is_safe(url):
            expected = "an https address (http only on this machine: 127.0.0.1) without user and password"
            yield Finding((*path, name), shown_address(url), expected)
    if connector.ask_url is not None and "{key}" not in connector.ask_url:
        yield Finding((*path, "ask_url"), shown_address(connector.ask_url), "an address with {key} in it")
    if (connector.user is None) != (connector.secret is None) and connector.kind == "email":
        yield Finding((*path, "user"), shown(connector.user), "user and secret together, or neither")


def _is_safe(url: str) -> bool:
    return _SAFE_URL.match(url) is not None
