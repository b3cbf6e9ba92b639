"""What is said to the outside: a few plain lines about an action or alert, and nothing else.

A message has the account's name, a title, the rationale and the due date. Names and sentences come from sources that
anybody may have written to, so control characters, line breaks and marks that turn text round are taken out here;
each channel takes the meaning from its own markup.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from orchestration.policy.ledger import Messages

# The action that writes a score to another system.
SCORE_ACTION = "update_csm_health_score"
_CUT = "…"


@dataclass(frozen=True, slots=True)
class Message:
    """One outward call, whole: `key` is the same however often it is tried."""

    key: str
    action: str
    kind: str
    title: str
    account_id: str | None = None
    account_name: str | None = None
    rationale: str | None = None
    due_on: date | None = None
    owner_role: str | None = None
    owner: str | None = None
    priority: str | None = None
    # Only for what writes a score into another system.
    score: Decimal | None = None

    @property
    def writes_score(self) -> bool:
        """Whether it is a score to be written, not words to be said."""
        return self.action == SCORE_ACTION

    def lines(self) -> list[str]:
        """The message as lines of plain text, the first its heading."""
        heading = f"{self.account_name}: {self.title}" if self.account_name else self.title
        told = [heading]
        if self.rationale:
            told += self.rationale.split("\n")
        if self.due_on:
            told.append(f"Due {self.due_on.isoformat()}")
        return told


def plain(text: str | None, longest: int) -> str | None:
    """A text as one line without control and direction marks, cut; None where nothing is left."""
    if text is None:
        return None
    kept = "".join(" " if char.isspace() else char for char in unicodedata.normalize("NFC", text) if _is_shown(char))
    line = " ".join(kept.split())
    return (line if len(line) <= longest else line[: longest - 1] + _CUT) or None


def _is_shown(char: str) -> bool:
    # Cc: control, Cf: format (direction, joiners), Cs/Co/Cn: no characters at all. Spaces among them stay spaces.
    return char.isspace() or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn")


def shortened(message: Message, limits: Messages) -> Message:
    """The message with every text plain and no longer than policy allows."""
    body = [plain(line, limits.longest_text) for line in (message.rationale or "").split("\n")]
    return Message(
        key=message.key,
        action=message.action,
        kind=message.kind,
        title=plain(message.title, limits.longest_name) or message.action,
        account_id=message.account_id,
        account_name=plain(message.account_name, limits.longest_name),
        rationale="\n".join(line for line in body if line) or None,
        due_on=message.due_on,
        owner_role=message.owner_role,
        owner=message.owner,
        priority=message.priority,
        score=message.score,
    )
