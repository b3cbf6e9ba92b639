"""Who may decide what: the roles of people, and which roles approve, promote and snooze actions and answer alerts.

Here: `access.yaml`. Not here: how decisions are made and kept (`orchestration/actions`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from orchestration.policy.base import Name, PolicyFile, PolicyModel, Text, setting
from orchestration.policy.problems import Finding, repeated

Role = Literal["seller", "manager", "executive", "revops", "approver_low", "approver_medium", "approver_high", "admin"]
Roles = Annotated[tuple[Role, ...], Field(min_length=1)]


class BySensitivity(PolicyModel):
    """Roles by the sensitivity of an action."""

    low: Roles = setting("Who may approve actions of low sensitivity.", "roles")
    medium: Roles = setting("Who may approve actions of medium sensitivity.", "roles")
    high: Roles = setting("Who may approve actions of high sensitivity.", "roles")


class Approvals(PolicyModel):
    """Roles that decide on actions."""

    by_sensitivity: BySensitivity = setting("Roles by the sensitivity of the action.", "settings")
    by_action: dict[Name, Roles] = setting("Roles of single actions, instead of those by sensitivity.", "roles")


class Promotions(PolicyModel):
    """Who may ask for what the machine doesn't do by itself; somebody else approves it."""

    recommended: Roles = setting("Who may ask for an action that is only recommended.", "roles")
    suppressed: Roles = setting("Who may ask for an action that guards suppress.", "roles")


class Access(PolicyFile):
    """People, roles and what roles may do."""

    file_name: ClassVar[str] = "access.yaml"
    shapes_results: ClassVar[bool] = False

    people: dict[Text, Roles] = setting("People by the name they sign in with, each with their roles.", "roles")
    approvals: Approvals = setting("Who may approve, reject and try again.", "settings")
    promotions: Promotions = setting("Who may ask for an action.", "settings")
    snooze: Roles = setting("Who may put an action off until a date.", "roles")
    alerts: Roles = setting("Who may acknowledge an alert and note what was done about it.", "roles")

    def lint(self) -> Iterator[Finding]:
        for person, roles in self.people.items():
            yield from repeated(("people", person), roles)
        lists = {
            **{("approvals", "by_sensitivity", name): roles for name, roles in self.approvals.by_sensitivity},
            **{("approvals", "by_action", name): roles for name, roles in self.approvals.by_action.items()},
            **{("promotions", name): roles for name, roles in self.promotions},
            ("snooze",): self.snooze,
            ("alerts",): self.alerts,
        }
        for path, roles in lists.items():
            yield from repeated(path, roles)

    def roles_of(self, person: str) -> frozenset[str]:
        """The roles of a person; none for somebody who isn't listed."""
        return frozenset(self.people.get(person, ()))

    def approvers(self, action: str, sensitivity: str) -> frozenset[str]:
        """The roles that may approve an action."""
        return frozenset(self.approvals.by_action.get(action) or getattr(self.approvals.by_sensitivity, sensitivity))

    def promoters(self, status: str) -> frozenset[str]:
        """The roles that may ask for an action of this status; none where nobody can."""
        return frozenset(getattr(self.promotions, status, ()))
