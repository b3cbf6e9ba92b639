"""Zendesk: an internal ticket, made once. It carries the action's key as its external id, by which it is found again,
and a tag by which our own reading leaves it out."""

from __future__ import annotations

from typing import Any

from orchestration.actions.connectors.base import Found
from orchestration.actions.connectors.outcomes import MOST_CALLS, told
from orchestration.actions.messages import Message
from orchestration.policy.connectors import Connector as ConnectorPolicy
from orchestration.systems.zendesk.write import Desk

_LONGEST_SUBJECT, _LONGEST_COMMENT = 150, 60_000
# Noon, so that it is the same day in most time zones.
_DUE_AT = "T12:00:00Z"


class ZendeskConnector:
    """One account of the support desk."""

    can_be_asked = True

    def __init__(self, name: str, policy: ConnectorPolicy, desk: Desk) -> None:
        self.name = name
        self.timeout_seconds = policy.timeout_seconds * MOST_CALLS
        self._policy = policy
        self._desk = desk

    def call(self, message: Message) -> str | None:
        """Make the ticket."""
        with told():
            return self._desk.create(message.key, self._ticket(message)) or None

    def find(self, message: Message) -> tuple[Found, str | None]:
        """Ask for the ticket with the key."""
        with told():
            found = self._desk.find(message.key)
        return (Found.ARRIVED, found[0]) if found else (Found.NOT_ARRIVED, None)

    def close(self) -> None:
        """Let go of connections."""
        self._desk.close()

    def _ticket(self, message: Message) -> dict[str, Any]:
        lines = message.lines()
        in_organization = self._policy.in_organization and message.account_id
        ticket = {
            "subject": lines[0][:_LONGEST_SUBJECT],
            # Internal: no customer reads it.
            "comment": {"body": "\n".join(lines)[:_LONGEST_COMMENT], "public": False},
            "type": "task" if message.due_on else None,
            "due_at": f"{message.due_on.isoformat()}{_DUE_AT}" if message.due_on else None,
            "priority": (self._policy.priorities or {}).get(message.priority or ""),
            "requester": {"email": self._policy.requester} if self._policy.requester else None,
            "organization_id": self._desk.organization(message.account_id) if in_organization else None,
        }
        return {name: value for name, value in ticket.items() if value is not None}
