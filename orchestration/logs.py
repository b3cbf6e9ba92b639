"""What processes that serve write to their log: lines for people, or one JSON object a line for machines.

A line has what its caller named for it (`extra={"fields": {…}}`) and, in a run, the run's id. Nothing else of a request
gets in: no address with its query, no header, no body.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

FIELDS = "fields"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, run_id in a run, the caller's fields, error."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        # Dagster keeps what it knows of a record beside it.
        about = getattr(record, "dagster_meta", None)
        if isinstance(about, dict):
            line |= {name: about[name] for name in ("run_id", "job_name", "step_key") if about.get(name)}
        line |= getattr(record, FIELDS, {})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """The same for people: fields follow the message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        fields = getattr(record, FIELDS, {})
        told = " ".join(f"{name}={value}" for name, value in fields.items() if value is not None)
        first, line_break, rest = text.partition("\n")
        return f"{first} {told}{line_break}{rest}" if told else text


def set_up(log_format: str) -> None:
    """Write what is logged in this process to stderr, as `json` or `text`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    # It tells of every call by its whole address.
    logging.getLogger("httpx").setLevel(logging.WARNING)
