"""CSM calls: a status that a CSM sets for an account until a day, kept in `HOME/operations/csm_calls.csv`.

The file only grows, a line a call, a withdrawal among them; extraction reads it as the source `operations` of the
stream csm_calls.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from orchestration.operations import lines
from orchestration.operations.accounts import Account
from orchestration.sources.streams import STREAMS

STREAM = "csm_calls"
FILE = f"{STREAM}.csv"
# As the stream says them; people write them as they are published.
STATUSES = tuple(status.upper() for status in STREAMS[STREAM].column("status").values)
WITHDRAWN = "WITHDRAWN"


class CallError(ValueError):
    """A call that can't be made, or a file that can't be added to; says what to do."""


@dataclass(frozen=True, slots=True)
class Call:
    """One line of the file; every field as it is written there."""

    call_id: str
    account_id: str
    account_name: str
    status: str
    reason: str
    called_by: str
    called_at: str
    expires_on: str


def new_call(account: Account, status: str, reason: str, by: str, until: date, now: datetime) -> Call:
    """A call made at `now` (aware)."""
    moment = now.astimezone(UTC)
    return Call(
        call_id=f"{moment:%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(3)}",
        account_id=account.account_id,
        account_name=account.account_name,
        status=status,
        reason=" ".join(reason.split()),
        called_by=" ".join(by.split()),
        called_at=f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}",
        expires_on=until.isoformat(),
    )


def checked_status(text: str) -> str:
    """The status that `text` names; raises CallError."""
    callable_ = [status for status in STATUSES if status != WITHDRAWN]
    status = text.strip().upper()
    if status not in callable_:
        raise CallError(f'"{text}" is no status; a call is for {", ".join(callable_)}')
    return status


def checked_until(until: date, today: date, most_days: int) -> date:
    """The last day of a call made today; raises CallError where it is past or too far off."""
    latest = today + timedelta(days=most_days)
    if until < today:
        raise CallError(f"{until} is past; a call holds until today, {today}, or later")
    if until > latest:
        raise CallError(f"{until} is too far off; a call holds {most_days} days at most, until {latest}")
    return until


def checked_text(text: str | None, what: str) -> str:
    """Words that aren't blank; raises CallError."""
    if not text or not text.strip():
        raise CallError(f"a call needs a {what}")
    return text


def holding(calls: list[Call], account_id: str, today: date, zone: str) -> Call | None:
    """The call that holds for an account today: the latest one, unless it has expired or was taken back."""
    made = [call for call in calls if call.account_id == account_id and call_day(call, zone) <= today]
    latest = max(made, key=lambda call: (call.called_at, call.call_id), default=None)
    if latest is None or latest.status == WITHDRAWN or date.fromisoformat(latest.expires_on) < today:
        return None
    return latest


def call_day(call: Call, zone: str) -> date:
    """The day of a call in the business time zone."""
    return datetime.fromisoformat(call.called_at).astimezone(ZoneInfo(zone)).date()


def read_calls(folder: Path) -> list[Call]:
    """Every call made in this home, oldest first; raises CallError where the file isn't as it was written."""
    try:
        return lines.read(folder / FILE, Call)
    except lines.LineError as error:
        raise CallError(str(error)) from None


def add_call(folder: Path, call: Call) -> Path:
    """Add one call to the file; it is there for good when this returns."""
    try:
        return lines.add(folder / FILE, call)
    except lines.LineError as error:
        raise CallError(str(error)) from None
