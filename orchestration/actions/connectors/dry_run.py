"""The dry run: writes down what would have been sent, in a file of the home. Nothing leaves the machine."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from orchestration.actions.connectors.base import Found
from orchestration.actions.messages import Message

FILE = "dry_run.jsonl"


class DryRun:
    """Keeps a line a message; a key that is there already isn't written again."""

    timeout_seconds = 0
    can_be_asked = True

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._file = folder / FILE
        self._keys: set[str] = set()
        self._read_to = 0

    def call(self, message: Message) -> str | None:
        """Append a line, synced to disk."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        line = {
            "key": message.key,
            "action": message.action,
            "to": message.owner or message.owner_role,
            "lines": message.lines(),
            "score": None if message.score is None else str(message.score),
        }
        with self._file.open("a", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not self._has(message.key):
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
        return None

    def find(self, message: Message) -> tuple[Found, str | None]:
        """Whether the file has the key."""
        return (Found.ARRIVED if self._has(message.key) else Found.NOT_ARRIVED), None

    def _has(self, key: str) -> bool:
        """Reads on from where it stopped last, so that many calls don't read the file many times."""
        if self._file.exists():
            with self._file.open("rb") as file:
                file.seek(self._read_to)
                for line in file:
                    # A line cut short by a kill was never written, as far as anybody is concerned.
                    if line.endswith(b"\n"):
                        self._read_to += len(line)
                        self._keys.add(_key(line))
        return key in self._keys


def _key(line: bytes) -> str:
    try:
        return json.loads(line)["key"]
    except (ValueError, KeyError, TypeError):
        return ""
