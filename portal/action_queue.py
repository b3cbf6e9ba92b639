"""Which actions a page of the queue shows, for one viewer: what waits for them first.

Found in the mirror of the ledger, then read from the ledger itself, so what is shown is what is there now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from orchestration.actions.states import Status
from orchestration.ledger.tables import actions
from portal.access import Row
from portal.ledger_listing import choices_of, whole_rows
from portal.ledger_sheet import KEY, Mask
from portal.listing import Answer, Filter, Question
from portal.web import Visit

# Those that are over are shown when asked for.
OVER = (Status.DONE, Status.REJECTED, Status.EXPIRED, Status.CAUSE_CLEARED)
# Where the values of filters are looked up.
_CHOICES = (
    "recommended_actions",
    {
        "priority": "priority",
        "action": "action",
        "owner": "coalesce(owner, owner_role)",
        "segment": "segment",
        "geo": "geo",
    },
)
_STATUS, _MINE = "status", "mine"


class ActionQueue:
    """The queue as one viewer asks for it, at one moment."""

    def __init__(self, visit: Visit, question: Question) -> None:
        self._visit = visit
        self._question = question
        self._listing = question.listing
        self._sheet = visit.portal.mirror.sheet()

    def page(self, rows_a_page: int) -> tuple[Answer, int]:
        """One page, its rows with every column of the table; and how many wait for the viewer.

        Counts by status, and of what waits, leave the filter of the status out; the latter the viewer's own too.
        """
        sheet, flag = self._sheet, self._filter(_MINE)
        others = self._seen & self._matching(self._filter(_STATUS), flag)
        fits = self._seen & self._fits
        numbers = self._ordered(fits)
        offset = (self._question.page - 1) * rows_a_page
        by_status = sheet.columns[_STATUS].counts(self._seen & self._matching(self._filter(_STATUS)))
        answer = Answer(
            self._question,
            self._rows(numbers[offset : offset + rows_a_page]),
            len(numbers),
            rows_a_page,
            choices_of(self._visit.reader, self._listing, _CHOICES, self._question),
            by_status,
        )
        return answer, int(np.count_nonzero(others & self._mine))

    def first_of_mine(self, at_most: int) -> Sequence[Row]:
        """The first rows that wait for the viewer."""
        return self._rows(self._ordered(self._seen & self._fits & self._mine)[:at_most])

    @cached_property
    def _seen(self) -> Mask:
        reader, viewer = self._visit.reader, self._visit.viewer
        key = (
            "all"
            if viewer.sees_all
            else (reader.edition.snapshot_id, viewer.sees, viewer.names, viewer.geos, viewer.regions)
        )
        return self._sheet.sight(key, lambda: reader.account_ids)

    @cached_property
    def _mine(self) -> Mask:
        """What waits for an approval that the viewer may give."""
        roles = self._visit.viewer.roles
        may = self._sheet.kept(("may approve", roles), lambda: self._may_approve(roles))
        columns = self._sheet.columns
        asked_for = columns["requested_by"].that(self._visit.desk.is_me)
        return may & columns[_STATUS].among([str(Status.PENDING_APPROVAL)]) & ~asked_for

    def _may_approve(self, roles: frozenset[str]) -> Mask:
        access = self._visit.policies.access
        apart = access.approvals.by_action
        by_name = [name for name, who in apart.items() if roles & set(who)]
        by_sensitivity = [level for level, who in access.approvals.by_sensitivity if roles & set(who)]
        columns = self._sheet.columns
        return columns["action"].among(by_name) | (
            ~columns["action"].among(list(apart)) & columns["sensitivity"].among(by_sensitivity)
        )

    @cached_property
    def _fits(self) -> Mask:
        fits = self._matching()
        is_open = ~self._sheet.columns[_STATUS].among([str(one) for one in OVER])
        return fits if self._question.chosen.get(_STATUS) else fits & is_open

    def _matching(self, *without: Filter) -> Mask:
        return self._sheet.matching(self._question, {_MINE: self._mine}, *without)

    def _filter(self, name: str) -> Filter:
        return next(one for one in self._listing.filters if one.name == name)

    def _ordered(self, mask: Mask) -> np.ndarray:
        if self._question.sort is not None:
            order = self._sheet.ordered(self._question.sort)
            return order[mask[order]]
        order = self._sheet.ordered_by("priority", "due_on")
        numbers = order[mask[order]]
        status = self._sheet.columns[_STATUS]
        place = np.full(len(self._sheet), 3, dtype=np.int8)
        place[status.among([str(Status.FAILED)])] = 2
        place[status.among([str(Status.PENDING_APPROVAL)])] = 1
        place[self._mine] = 0
        return numbers[np.argsort(place[numbers], kind="stable")]

    def _rows(self, numbers: np.ndarray) -> Sequence[Row]:
        """Rows of the ledger; one that went to another account meanwhile, or that is gone, is left out."""
        accounts = self._sheet.columns["account_id"]
        owners: Mapping[str, str] = dict(zip(self._sheet.ids_of(numbers), accounts.at(numbers), strict=True))
        rows = whole_rows(self._visit.store, actions, actions.c[KEY], [*owners])
        return [row for row in rows if row["account_id"] == owners[row[KEY]]]
