"""Microsoft Teams: an adaptive card to the secret address of a workflow.

Text runs of a rich text block are shown as they are: Teams reads no markup in them. Such an address can't be asked, so
a call that broke off is left to a person.
"""

from __future__ import annotations

import json
from typing import Any

from orchestration.actions.connectors.base import Found
from orchestration.actions.connectors.http import request
from orchestration.actions.messages import Message


class Teams:
    """One channel, by its address."""

    can_be_asked = False

    def __init__(self, name: str, url: str, timeout_seconds: int) -> None:
        self.name = name
        self.timeout_seconds = timeout_seconds
        self._url = url

    def call(self, message: Message) -> str | None:
        """Post the card."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": message.key}
        request("POST", self._url, self.timeout_seconds, headers=headers, body=json.dumps(card(message)).encode())
        return None

    def find(self, message: Message) -> tuple[Found, str | None]:
        """Nobody can be asked."""
        return Found.CANNOT_TELL, None


def card(message: Message) -> dict[str, Any]:
    """The message as Teams takes it."""
    heading, *rest = message.lines()
    blocks = [_block(heading, bold=True), *(_block(line) for line in rest)]
    return {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": blocks,
                },
            }
        ],
    }


def _block(line: str, bold: bool = False) -> dict[str, Any]:
    run = {"type": "TextRun", "text": line} | ({"weight": "Bolder"} if bold else {})
    return {"type": "RichTextBlock", "inlines": [run]}
