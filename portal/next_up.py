"""What to do next, and why: decisions, alerts, actions that wait and health checks that are due, in one order.

What is published says what there is; the ledger says what people did since, so nothing that is done is shown again.
"""

from __future__ import annotations

from datetime import UTC, datetime

from orchestration.actions.clocks import STEPS
from orchestration.actions.states import Status
from orchestration.ledger.store import utc_now
from portal.access import Row
from portal.alert_clock import clock
from portal.web import ALL, Visit
from portal.whose import DECIDED, HELD_UP, OWN, OWN_HELD_UP, Whose
from portal.words import words
from portal.worklist import OVER, Alerts, Board, moment

# What a step of an alert asks for.
_STEPS = dict(zip(STEPS, ("acknowledge", "assess", "plan", "act on it", "follow up"), strict=True))
_DECISIONS = {
    Status.RECOMMENDED: "ask for it",
    Status.PENDING_APPROVAL: "approve or reject",
    Status.FAILED: "try again",
}


def next_up(visit: Visit, most: int, account_id: str | None = None) -> list[Row]:
    """The `most` things to do first: of one account, else one for each account the viewer sees, of several kinds.

    An executive's decisions come first, then what is the viewer's, what others have to do, and last what waits for
    somebody to approve it; within these by urgency, and of equal ones where most revenue is at stake.

    Rows of kind (decision, alert, action, check), id, account_id, account_name, title, why, due_on, urgency (1 to 4),
    who, role, state, is_next (bool: it is for the viewer to do), mine (bool: it is theirs), to_do (what is asked for,
    beside the title, or None), waits_for (who has to approve it where the viewer can't, or None), alert_id, clock and
    late (of an alert that is open, and of a health check that has one), value (recurring revenue at stake, None where
    not known), others (how much else there is of the account).
    """
    board = visit.portal.worklist.of(visit.reader.edition)
    now = utc_now()
    alerts, actions = board.alerts(), board.actions()
    whose = _whose(visit, board)
    keys = whose.keys(board, actions, alerts, int(now.replace(tzinfo=UTC).timestamp()))
    places = whose.first(keys, most) if account_id is None else whose.of_account(keys, account_id, most)
    rows = []
    for place in places:
        number, tier = whose.number(place), keys.tier(place)
        row = board.things.row(number)
        row |= {"urgency": keys.urgency(place), "is_next": tier in (DECIDED, OWN), "mine": bool(keys.mine[place])}
        row |= {"others": whose.others(keys, place), "to_do": None, "waits_for": None, "clock": None, "late": False}
        if row["kind"] == "action":
            row["state"] = board.status(actions, number)
            is_held_up = tier in (OWN_HELD_UP, HELD_UP)
            row["waits_for"] = _waits_for(visit, row) if is_held_up else None
            row["to_do"] = None if is_held_up else _DECISIONS.get(row["state"])
        elif row["alert_id"]:
            row |= _told(board, alerts, number, row, now)
        rows.append(row)
    return rows


def _whose(visit: Visit, board: Board) -> Whose:
    viewer = visit.viewer
    key = (viewer.person, viewer.roles, viewer.sees, viewer.names, viewer.geos, viewer.regions)
    return board.viewers.get(
        key, lambda: Whose(board.things, visit.policies.access, viewer, visit.reader.account_ids, visit.desk.is_me)
    )


def _told(board: Board, alerts: Alerts, number: int, row: Row, now: datetime) -> Row:
    """What is known of an alert: of its own row, or of that of its health check."""
    place = board.things.told_place(number)
    step = int(alerts.step[place])
    if step == OVER:
        return {"alert_id": None}
    text, late = clock(moment(int(alerts.due[place])), now)
    told = {"to_do": _STEPS[STEPS[step]], "clock": text, "late": late}
    if row["kind"] == "alert":
        told |= {"who": board.names.text(alerts.name[place]), "role": board.roles.text(alerts.role[place])}
    return told


def _waits_for(visit: Visit, row: Row) -> str:
    """Of the roles that may decide on an action, the one that has the least say otherwise."""
    approvers = visit.policies.access.approvers(row["action"], row["sensitivity"])
    role = words(next((one for one in ALL if one in approvers), None))
    return f"another {role}" if visit.viewer.may(*approvers) else role
