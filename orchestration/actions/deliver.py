"""One round of what time brings: deadlines of actions, clocks of alerts, then the worker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orchestration.actions.clocks import Ticked, tick
from orchestration.actions.connectors.build import build_connectors, close_connectors
from orchestration.actions.sync import tend
from orchestration.actions.worker import Worked, Worker
from orchestration.ledger.store import Store, utc_now
from orchestration.policy.models import Policies
from orchestration.settings import Settings


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a round did."""

    woken: int
    expired: int
    ticked: Ticked
    worked: Worked

    def words(self) -> str:
        """It in a line."""
        told = [
            f"{self.woken} put off until now",
            f"{self.expired} expired",
            f"{self.ticked.escalated} alerts escalated",
            self.worked.words(),
        ]
        return ", ".join(told)


def deliver(
    store: Store, settings: Settings, policies: Policies, at_most: int | None = None, now: datetime | None = None
) -> Delivered:
    """Do one round as of now (`now`: naive UTC).

    Raises SetUpError for a connector that lacks what it needs; deadlines and clocks have been seen to by then.
    """
    moment = now or utc_now()
    woken, expired = tend(store, policies, moment)
    ticked = tick(store, policies, moment)
    connectors = build_connectors(policies, settings)
    try:
        worked = Worker(store, connectors, policies, lambda: now or utc_now()).run(at_most)
    finally:
        close_connectors(connectors)
    return Delivered(woken, expired, ticked, worked)
