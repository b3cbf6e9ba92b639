"""Whose work the things of a publication are, for one viewer: which of them they see, and what comes first.

A thing has a key: its tier, then its urgency; the least comes first. What moves of actions and entries of alerts don't
change is worked out once a viewer and publication.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.actions.states import Status
from orchestration.policy.access import Access
from portal.access import Viewer
from portal.alert_clock import answering_as
from portal.things import ALERT, CHECK, DECISION, Things
from portal.worklist import NEVER, NOBODY, OVER, STATUSES, Actions, Alerts, Board

# What executives decide comes first for them; then what waits for the viewer, then for others; last what the viewer can
# do nothing about, because somebody else has to approve it.
DECIDED, OWN, OTHERS, OWN_HELD_UP, HELD_UP = TIERS = range(5)
_URGENCIES = range(1, 5)
_STEP = 8
# The key of what there is nothing to do about.
NOTHING = 127
# The urgency of what is late, and of alerts with so few seconds left.
_LATE, _SOON_SECONDS = 2, 4 * 3600
# So many of one title, as long as there are others.
_MOST_ALIKE = 2
_BETWEEN = str.maketrans("_/,", "   ")


@dataclass(frozen=True, eq=False)
class Keys:
    """The keys of what a viewer sees, and what is theirs; both by place."""

    keys: np.ndarray
    mine: np.ndarray
    # What they were made of, and when the next alert is more urgent, in seconds since 1970.
    actions: Actions
    alerts: Alerts
    until: int
    # The first places, by how many were asked for.
    first: dict[int, list[int]] = field(default_factory=dict)

    def tier(self, place: int) -> int:
        """The tier of a thing."""
        return int(self.keys[place]) // _STEP

    def urgency(self, place: int) -> int:
        """The urgency of a thing, 1 to 4."""
        return int(self.keys[place]) % _STEP


class Whose:
    """What one viewer sees of the things: a place among them for each."""

    def __init__(
        self,
        things: Things,
        access: Access,
        viewer: Viewer,
        account_ids: frozenset[str] | None,
        is_me: Callable[[str], bool],
    ) -> None:
        """`account_ids`: the accounts that the viewer sees, None for all; `is_me`: whether a name is the viewer's."""
        self._things = things
        self._viewer = viewer
        self._is_me = is_me
        self.answering = answering_as(access, viewer)
        self._numbers = None if account_ids is None else _of_accounts(things, account_ids)
        rows: Any = slice(None) if self._numbers is None else self._numbers
        self._account = things.account[rows]
        self._title = things.title.codes[rows]
        kind, urgency = things.kind[rows], things.urgency[rows]
        # With whom an alert is, the ledger says.
        self._mine = self._is_mine(rows) & (kind != ALERT)
        self._action_at, self._action_places = self._among(things.actions)
        self._told_at, self._told_places = self._among(things.told)
        self._told_urgency = urgency[self._told_at]
        self._told_is_alert = kind[self._told_at] == ALERT
        self._may_answer = viewer.may(*access.alerts)
        is_executive = viewer.may("executive")
        base = np.full(len(kind), NOTHING, np.int8)
        checks, decisions = kind == CHECK, kind == DECISION
        base[checks] = _key(np.where(self._mine, OWN, OTHERS), urgency)[checks]
        if is_executive:
            base[decisions] = _key(DECIDED, urgency)[decisions]
            self._mine |= decisions
        self._base = base
        mine, urgency = self._mine[self._action_at], urgency[self._action_at]
        may = self._may_approve(access, things.actions[self._action_places])
        own = DECIDED if is_executive else OWN
        held_up = np.where(mine, OWN_HELD_UP, HELD_UP)
        self._if_waiting = _key(np.where(may, own, held_up), urgency)
        self._if_asked_for = _key(held_up, urgency)
        may_ask = viewer.may(*access.promoters(Status.RECOMMENDED))
        self._if_recommended = _key(np.where(mine & may_ask, OWN, OTHERS), urgency)
        self._of_actions: tuple[Actions, np.ndarray] | None = None
        self._keys: Keys | None = None

    @property
    def size(self) -> int:
        """Bytes, about."""
        return 10 * len(self._base)

    def keys(self, board: Board, actions: Actions, alerts: Alerts, now: int) -> Keys:
        """The keys at one moment, in seconds since 1970; the same ones as long as nothing is otherwise."""
        kept = self._keys
        if kept is None or kept.actions is not actions or kept.alerts is not alerts or now >= kept.until:
            kept = self._keys = self._made(board, actions, alerts, now)
        return kept

    def first(self, keys: Keys, most: int) -> list[int]:
        """The places of the first things, one of each account and few alike; of a tier all before any of the next."""
        if most not in keys.first:
            keys.first[most] = self._first(keys, most)
        return keys.first[most]

    def of_account(self, keys: Keys, account_id: str, most: int) -> list[int]:
        """The places of the first things of one account."""
        first, end = self._span(*self._things.place_of(account_id))
        there = [place for place in range(first, end) if keys.keys[place] != NOTHING]
        return sorted(there, key=lambda place: (keys.keys[place], place))[:most]

    def others(self, keys: Keys, place: int) -> int:
        """How many things there are of an account beside the one at this place."""
        account = self._account[place]
        first, end = self._span(int(self._things.starts[account]), int(self._things.starts[account + 1]))
        return int(np.count_nonzero(keys.keys[first:end] != NOTHING)) - 1

    def number(self, place: int) -> int:
        """The number of the row at a place."""
        return place if self._numbers is None else int(self._numbers[place])

    def _made(self, board: Board, actions: Actions, alerts: Alerts, now: int) -> Keys:
        keys = self._with_actions(actions).copy()
        at, places = self._told_at, self._told_places
        mine = board.names.among(self._viewer.names, alerts.name[places])
        mine |= (alerts.name[places] == NOBODY) & board.roles.among(self.answering, alerts.role[places])
        is_open = alerts.step[places] != OVER
        mine &= is_open
        soon_from = alerts.due[places] - _SOON_SECONDS
        is_soon = (soon_from <= now) & (self._told_urgency > _LATE)
        tiers = np.where(mine, OWN, OTHERS) if self._may_answer else HELD_UP
        told = np.where(is_open, _key(tiers, np.where(is_soon, _LATE, self._told_urgency)), NOTHING)
        keys[at] = np.where(self._told_is_alert, told, np.minimum(self._base[at], np.where(mine, told, NOTHING)))
        of_them = self._mine.copy()
        of_them[at] |= mine
        return Keys(keys, of_them, actions, alerts, int(np.min(soon_from, where=soon_from > now, initial=NEVER)))

    def _first(self, keys: Keys, most: int) -> list[int]:
        chosen: list[int] = []
        accounts: list[int] = []
        alike: Counter[int] = Counter()
        for tier in TIERS:
            # Where there are no others, more that are alike.
            for limit in (_MOST_ALIKE, most):
                for urgency in _URGENCIES:
                    left = np.flatnonzero(keys.keys == tier * _STEP + urgency)
                    for account in accounts:
                        left = left[self._account[left] != account]
                    for title in [one for one, count in alike.items() if count >= limit]:
                        left = left[self._title[left] != title]
                    while len(left) and len(chosen) < most:
                        place = int(left[0])
                        account, title = int(self._account[place]), int(self._title[place])
                        chosen.append(place)
                        accounts.append(account)
                        alike[title] += 1
                        left = left[self._account[left] != account]
                        if alike[title] >= limit:
                            left = left[self._title[left] != title]
                    if len(chosen) == most:
                        return sorted(chosen, key=lambda place: (keys.keys[place], place))
        return sorted(chosen, key=lambda place: (keys.keys[place], place))

    def _span(self, first: int, end: int) -> tuple[int, int]:
        if self._numbers is None:
            return first, end
        start, stop = self._numbers.searchsorted(np.array((first, end), np.int32))
        return int(start), int(stop)

    def _with_actions(self, actions: Actions) -> np.ndarray:
        last = self._of_actions
        if last is not None and last[0] is actions:
            return last[1]
        keys = self._base.copy()
        status = actions.status[self._action_places]
        waits = (status == STATUSES[Status.PENDING_APPROVAL]) | (status == STATUSES[Status.FAILED])
        of_actions = np.where(waits, self._if_waiting, np.int8(NOTHING))
        of_actions = np.where(status == STATUSES[Status.RECOMMENDED], self._if_recommended, of_actions)
        asked = [place for place, who in actions.asked_by.items() if self._is_me(who)]
        if asked:
            here = np.isin(np.arange(len(self._things.actions))[self._action_places], asked)
            of_actions[here] = self._if_asked_for[here]
        keys[self._action_at] = of_actions
        self._of_actions = (actions, keys)
        return keys

    def _among(self, numbers: np.ndarray) -> tuple[np.ndarray, Any]:
        """The places of those of these rows that the viewer sees, and where they stand among all of them."""
        if self._numbers is None:
            return numbers, slice(None)
        places = np.searchsorted(self._numbers, numbers)
        seen = np.flatnonzero(np.isin(numbers, self._numbers))
        return places[seen].astype(np.int32), seen.astype(np.int32)

    def _is_mine(self, rows: Any) -> np.ndarray:
        who, role = self._things.who, self._things.role
        named = [one in self._viewer.names for one in who.values] or [False]
        nobody = [one is None for one in who.values] or [False]
        answers = [answers_for(one, self.answering) for one in role.values] or [False]
        return who.of_values(named, rows) | (who.of_values(nobody, rows) & role.of_values(answers, rows))

    def _may_approve(self, access: Access, rows: np.ndarray) -> np.ndarray:
        action, sensitivity = self._things.action, self._things.sensitivity
        apart = access.approvals.by_action
        is_apart = action.of_values([one in apart for one in action.values] or [False], rows)
        by_name = [self._viewer.may(*apart.get(one or "", ())) for one in action.values] or [False]
        by_level = [one is not None and self._viewer.may(*access.approvers("", one)) for one in sensitivity.values]
        return np.where(is_apart, action.of_values(by_name, rows), sensitivity.of_values(by_level or [False], rows))


def answers_for(role: str | None, answering: Sequence[str] | frozenset[str]) -> bool:
    """Whether somebody who answers for these roles does for this one: a role's name, or words that name some."""
    named = f" {' '.join((role or '').lower().translate(_BETWEEN).split())} "
    return any(f" {one.replace('_', ' ')} " in named for one in answering)


def _key(tier: Any, urgency: np.ndarray) -> np.ndarray:
    return (np.asarray(tier) * _STEP + urgency).astype(np.int8)


def _of_accounts(things: Things, account_ids: frozenset[str]) -> np.ndarray:
    seen = pc.is_in(things.accounts, pa.array(sorted(account_ids), pa.string())).to_numpy(zero_copy_only=False)
    return np.flatnonzero(seen[things.account]).astype(np.int32)
