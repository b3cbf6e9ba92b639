"""Writing to one Zendesk account: internal tickets that carry a key of ours, and finding them again by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestration.systems.http import Api

_TICKETS = "/api/v2/tickets.json"
_ORGANIZATIONS = "/api/v2/organizations/search.json"


class Desk:
    """Tickets of one account. `tag`: what marks those made from here, so that reading leaves them out."""

    def __init__(self, api: Api, tag: str) -> None:
        self.api = api
        self.tag = tag

    def create(self, key: str, fields: Mapping[str, Any]) -> str:
        """Make a ticket that carries `key`; gives its number. Raises ApiError.

        The account itself answers a second call of the same key, for some hours, with the ticket of the first.
        """
        ticket = {**fields, "external_id": key, "tags": [self.tag]}
        headers = {"Idempotency-Key": key}
        body = self.api.json("POST", _TICKETS, body={"ticket": ticket}, headers=headers, repeats=False).body
        made = body.get("ticket") if isinstance(body, dict) else None
        return str(made.get("id") or "") if isinstance(made, dict) else ""

    def find(self, key: str) -> list[str]:
        """The numbers of tickets that carry a key. Raises ApiError."""
        return [str(one["id"]) for one in self._listed(_TICKETS, "tickets", key)]

    def organization(self, account_id: str) -> int | None:
        """The organization of an account, by its external id; None where there is none, or more than one."""
        found = [one["id"] for one in self._listed(_ORGANIZATIONS, "organizations", account_id)]
        return found[0] if len(found) == 1 else None

    def close(self) -> None:
        """Let go of connections."""
        self.api.close()

    def _listed(self, path: str, word: str, external_id: str) -> list[Mapping[str, Any]]:
        body = self.api.json("GET", path, params={"external_id": external_id}).body
        listed = body.get(word) if isinstance(body, dict) else None
        # The search doesn't mind the case; ids do.
        return [one for one in listed or () if isinstance(one, dict) and one.get("external_id") == external_id]
