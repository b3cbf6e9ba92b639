"""Acceptances of hygiene: an issue that somebody takes as it is until a day.

`HOME/operations/hygiene_acceptances.csv` has a line each, withdrawals among them. Extraction reads it as the source
`operations` of the stream hygiene_acceptances, so that the next refresh shows the issue as accepted.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from orchestration.operations import lines
from orchestration.policy.access import Access

STREAM = "hygiene_acceptances"
FILE = f"{STREAM}.csv"
ACCEPTED, WITHDRAWN = "accepted", "withdrawn"
_LONGEST_REASON = 1_000


class AcceptanceError(ValueError):
    """An acceptance that can't be; says why in words for the person who tried."""


class NotAllowedError(AcceptanceError):
    """One that this person may not make."""


class ConflictError(AcceptanceError):
    """Somebody accepted the issue, or took that back, since the person looked."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One line of the file; every field as it is written there."""

    acceptance_id: str
    issue_id: str
    status: str
    reason: str
    accepted_by: str
    accepted_at: str
    accepted_until: str


def accept(
    folder: Path,
    access: Access,
    issue_id: str,
    reason: str | None,
    by: str,
    until: date,
    today: date,
    now: datetime,
    held: frozenset[str] | None = None,
    seen: str | None = None,
) -> Acceptance:
    """Take an issue as it is until a day; raises AcceptanceError.

    `today` is the business date, `now` aware. `held`: the roles that sign-in gave; without them, those that policy has
    for the person. `seen`: the id of the issue's last acceptance that the person saw, blank where there was none.
    """
    who = _allowed(access, by, held)
    told = " ".join((reason or "").split())[:_LONGEST_REASON]
    if not told:
        raise AcceptanceError("accepting an issue needs a reason")
    latest = today + timedelta(days=access.hygiene.accepted_most_days)
    if not today < until <= latest:
        raise AcceptanceError(f"{until} can't be: an issue is accepted until a day after {today}, at most {latest}")
    return _add(folder, _line(issue_id, ACCEPTED, told, who, now, until), seen)


def withdraw(
    folder: Path,
    access: Access,
    issue_id: str,
    reason: str | None,
    by: str,
    today: date,
    now: datetime,
    held: frozenset[str] | None = None,
    seen: str | None = None,
) -> Acceptance:
    """Take an acceptance back; raises AcceptanceError. Whether there is one is for the caller to know."""
    who = _allowed(access, by, held)
    told = " ".join((reason or "").split())[:_LONGEST_REASON] or "Taken back"
    return _add(folder, _line(issue_id, WITHDRAWN, told, who, now, today), seen)


def read_acceptances(folder: Path) -> list[Acceptance]:
    """Every acceptance made in this home, oldest first; raises AcceptanceError for a file that isn't as written."""
    try:
        return lines.read(folder / FILE, Acceptance)
    except lines.LineError as error:
        raise AcceptanceError(str(error)) from None


def latest_by_issue(made: Sequence[Acceptance]) -> Mapping[str, Acceptance]:
    """The last acceptance or withdrawal of every issue."""
    return {one.issue_id: one for one in sorted(made, key=lambda one: (one.accepted_at, one.acceptance_id))}


def holds(one: Acceptance | None, today: date) -> bool:
    """Whether an issue's last acceptance holds today."""
    return one is not None and one.status == ACCEPTED and date.fromisoformat(one.accepted_until) >= today


def _allowed(access: Access, by: str, held: frozenset[str] | None) -> str:
    who = " ".join(by.split())
    roles = frozenset(access.hygiene.accepted_by)
    if not who or not roles & (access.roles_of(who) if held is None else held):
        raise NotAllowedError(
            f"{who or 'nobody'} may not accept issues; that takes one of {', '.join(sorted(roles))}"
            " (policies/access.yaml)"
        )
    return who


def _line(issue_id: str, status: str, reason: str, by: str, now: datetime, until: date) -> Acceptance:
    moment = now.astimezone(UTC)
    return Acceptance(
        acceptance_id=f"{moment:%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(3)}",
        issue_id=issue_id,
        status=status,
        reason=reason,
        accepted_by=by,
        accepted_at=f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}",
        accepted_until=until.isoformat(),
    )


def _add(folder: Path, line: Acceptance, seen: str | None) -> Acceptance:
    def unchanged(made: Sequence[Acceptance]) -> None:
        last = latest_by_issue(made).get(line.issue_id)
        if seen is not None and seen != (last.acceptance_id if last else ""):
            raise ConflictError(_what_happened(last))

    try:
        lines.add(folder / FILE, line, unchanged)
    except lines.LineError as error:
        raise AcceptanceError(str(error)) from None
    return line


def _what_happened(last: Acceptance | None) -> str:
    if last is None:
        return "What was accepted here isn't any more. Nothing was done: look again."
    when = datetime.fromisoformat(last.accepted_at)
    did = f"accepted it until {last.accepted_until}" if last.status == ACCEPTED else "took its acceptance back"
    return (
        f"{last.accepted_by} {did} on {when:%Y-%m-%d at %H:%M} UTC ({last.reason}). Nothing was done"
        " for you: look again."
    )
