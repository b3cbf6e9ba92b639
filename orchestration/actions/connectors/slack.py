"""Slack: a bot posts to a channel, with the key among the message's metadata, by which it is found again.

The text is a block of plain text, in which Slack reads no markup; the fallback is escaped.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from orchestration.actions.connectors.base import Found, NotTakenError, RefusedError
from orchestration.actions.connectors.http import request
from orchestration.actions.messages import Message
from orchestration.ledger.store import utc_now
from orchestration.policy.connectors import Connector as ConnectorPolicy

API = "https://slack.com/api"
EVENT = "account_health_action"
# What Slack says when it may take the message later.
_LATER = frozenset({"ratelimited", "rate_limited", "service_unavailable", "internal_error", "fatal_error"})
_MOST_CHARACTERS = 3_000
# Messages looked at for a key, and how far back: longer than any worker is away.
_PAGE, _MOST_PAGES = 200, 10
_LOOK_BACK = timedelta(days=2)


class Slack:
    """One workspace, by a bot's token."""

    can_be_asked = True

    def __init__(self, name: str, policy: ConnectorPolicy, token: str) -> None:
        self.name = name
        self.timeout_seconds = policy.timeout_seconds
        self._policy = policy
        self._token = token

    def call(self, message: Message) -> str | None:
        """Post to the channel of the owner's role."""
        lines = "\n".join(message.lines())[:_MOST_CHARACTERS]
        posted = self._api(
            "chat.postMessage",
            {
                "channel": self._channel(message),
                "text": escaped(message.lines()[0]),
                "mrkdwn": False,
                "parse": "none",
                "link_names": False,
                "unfurl_links": False,
                "unfurl_media": False,
                "blocks": [{"type": "section", "text": {"type": "plain_text", "text": lines, "emoji": False}}],
                "metadata": {"event_type": EVENT, "event_payload": {"key": message.key}},
            },
        )
        return str(posted.get("ts") or "") or None

    def find(self, message: Message) -> tuple[Found, str | None]:
        """Look for the key among the channel's messages of late."""
        oldest = (utc_now() - _LOOK_BACK - datetime(1970, 1, 1)).total_seconds()
        cursor = ""
        for _ in range(_MOST_PAGES):
            asked = {"channel": self._channel(message), "oldest": f"{oldest:.0f}", "limit": _PAGE}
            asked |= {"include_all_metadata": True} | ({"cursor": cursor} if cursor else {})
            page = self._api("conversations.history", asked)
            for posted in page.get("messages", ()):
                metadata = posted.get("metadata") or {}
                if metadata.get("event_type") == EVENT and metadata.get("event_payload", {}).get("key") == message.key:
                    return Found.ARRIVED, str(posted.get("ts"))
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return Found.NOT_ARRIVED, None
        return Found.CANNOT_TELL, None

    def _channel(self, message: Message) -> str:
        channel = self._policy.address(message.owner_role, None)
        if channel is None:
            raise RefusedError(f"connector {self.name} has no channel for {message.owner_role}, and no default")
        return channel

    def _api(self, method: str, asked: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json; charset=utf-8"}
        url = f"{self._policy.url or API}/{method}"
        _, answer = request("POST", url, self.timeout_seconds, headers=headers, body=json.dumps(asked).encode())
        try:
            said = json.loads(answer)
        except ValueError:
            raise RefusedError("Slack's answer can't be read") from None
        if said.get("ok") is not True:
            problem = str(said.get("error", "no reason"))[:100]
            raise (NotTakenError if problem in _LATER else RefusedError)(f"Slack said {problem}")
        return said


def escaped(text: str) -> str:
    """Text in which Slack finds no mention, link or entity."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
