"""Salesforce: a task on the account, made once, or the score in one of the account's fields.

A task carries the action's key in the field that `systems.yaml` names, by which it is found again, deleted or archived
too: what a person threw away isn't made again. A score is written as it is now; writing it twice is the same.
"""

from __future__ import annotations

from typing import Any

from orchestration.actions.connectors.base import Found, RefusedError
from orchestration.actions.connectors.outcomes import MOST_CALLS, told
from orchestration.actions.messages import Message
from orchestration.policy.connectors import Connector as ConnectorPolicy
from orchestration.policy.write_back import RECORD_ID
from orchestration.systems.salesforce.write import Writer

_ACCOUNT, _TASK = "Account", "Task"
_LONGEST_SUBJECT, _LONGEST_DESCRIPTION = 255, 32_000


class SalesforceConnector:
    """One org. `key_field`: the field of Task that holds keys."""

    can_be_asked = True

    def __init__(self, name: str, policy: ConnectorPolicy, writer: Writer, key_field: str) -> None:
        self.name = name
        self.timeout_seconds = policy.timeout_seconds * MOST_CALLS
        self._policy = policy
        self._writer = writer
        self._key_field = key_field

    def call(self, message: Message) -> str | None:
        """Make the task, or write the score."""
        with told():
            account = self._account(message)
            if message.writes_score:
                field = self._score_field()
                self._writer.change(_ACCOUNT, _known(account), {field: _number(message)})
                return account
            return self._writer.create(_TASK, self._task(message, account)) or None

    def find(self, message: Message) -> tuple[Found, str | None]:
        """Ask for the task with the key, or for the score that stands there."""
        with told():
            if message.writes_score:
                account = _known(self._account(message))
                stands = self._writer.read(_ACCOUNT, account, self._score_field())
                return (Found.ARRIVED, account) if stands == _number(message) else (Found.NOT_ARRIVED, None)
            found = self._writer.find(_TASK, self._key_field, message.key)
            return (Found.ARRIVED, found[0]) if found else (Found.NOT_ARRIVED, None)

    def close(self) -> None:
        """Let go of connections."""
        self._writer.close()

    def _task(self, message: Message, account: str | None) -> dict[str, Any]:
        lines = message.lines()
        task = {
            self._key_field: message.key,
            "WhatId": account,
            "Subject": lines[0][:_LONGEST_SUBJECT],
            "Description": "\n".join(lines)[:_LONGEST_DESCRIPTION],
            "ActivityDate": message.due_on.isoformat() if message.due_on else None,
            "Status": self._policy.status,
            "Priority": (self._policy.priorities or {}).get(message.priority or ""),
            # Without one it is the user's who signs in.
            "OwnerId": self._policy.address(message.owner_role, message.owner),
        }
        return {name: value for name, value in task.items() if value is not None}

    def _account(self, message: Message) -> str | None:
        """The Id of the message's account; None where it has none."""
        field = self._policy.external_id or RECORD_ID
        if message.account_id is None or field == RECORD_ID:
            return message.account_id
        found = self._writer.find(_ACCOUNT, field, message.account_id)
        if len(found) != 1:
            many = "more than one account" if found else "no account"
            raise RefusedError(f"{self.name}: {many} has {message.account_id} as {field}")
        return found[0]

    def _score_field(self) -> str:
        if self._policy.score_field is None:
            raise RefusedError(f"{self.name} has no score_field in policies/connectors.yaml to write a score into")
        return self._policy.score_field


def _known(account: str | None) -> str:
    if account is None:
        raise RefusedError("a score without an account can't be written")
    return account


def _number(message: Message) -> float | None:
    return None if message.score is None else float(message.score)
