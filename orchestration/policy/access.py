"""Who may decide what: the roles of people, and which roles approve, promote and snooze actions and answer alerts.

Here: `access.yaml`. Not here: how decisions are made and kept (`orchestration/actions`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from orchestration.policy.base import Name, PolicyFile, PolicyModel, Text, WindowDays, setting
from orchestration.policy.problems import Finding, repeated
from orchestration.policy.sign_in import SignIn

Role = Literal["seller", "manager", "executive", "revops", "approver_low", "approver_medium", "approver_high", "admin"]
Cut = Literal["own", "area", "all", "none"]
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


class Area(PolicyModel):
    """Accounts by where they are."""

    geos: tuple[Text, ...] = setting("GEOs, as the accounts have them.", "GEOs", default=())
    regions: tuple[Text, ...] = setting("Regions, as the accounts have them.", "regions", default=())


class Group(Area):
    """What being in a group of the identity provider gives."""

    roles: Roles = setting("Roles of everybody in it.", "roles")


class Rows(PolicyModel):
    """Which accounts a role sees."""

    seller: Cut = setting("Which accounts a seller sees.", "own, area, all or none")
    manager: Cut = setting("Which accounts a manager sees.", "own, area, all or none")
    executive: Cut = setting("Which accounts an executive sees.", "own, area, all or none")
    revops: Cut = setting("Which accounts revenue operations sees.", "own, area, all or none")
    approver_low: Cut = setting("Which accounts an approver of low sensitivity sees.", "own, area, all or none")
    approver_medium: Cut = setting("Which accounts an approver of medium sensitivity sees.", "own, area, all or none")
    approver_high: Cut = setting("Which accounts an approver of high sensitivity sees.", "own, area, all or none")
    admin: Cut = setting("Which accounts an administrator sees.", "own, area, all or none")


class Hygiene(PolicyModel):
    """Accepting what is wrong in the sources."""

    accepted_by: Roles = setting("Who may accept an issue until a date, and take that back.", "roles")
    accepted_most_days: WindowDays = setting("An issue is accepted so long at most.", "days")


class Access(PolicyFile):
    """People, roles, what roles see and what they may do."""

    file_name: ClassVar[str] = "access.yaml"
    shapes_results: ClassVar[bool] = False

    sign_in: SignIn = setting("How people sign in to the portal.", "settings", default=SignIn())
    people: dict[Text, Roles] = setting("People by the name they sign in with, each with their roles.", "roles")
    groups: dict[Text, Group] = setting("Groups of the identity provider, each with roles and areas.", "groups")
    areas: dict[Text, Area] = setting("Areas of single people, beside those of their groups.", "areas")
    known_as: dict[Text, tuple[Text, ...]] = setting(
        "What people are called in the CRM, and other names they sign in with.", "names"
    )
    answers_as: dict[Role, tuple[Name, ...]] = setting(
        "Whose alerts are a role's own, where they name no person.", "roles of the account"
    )
    rows: Rows = setting("Which accounts each role sees.", "settings")
    approvals: Approvals = setting("Who may approve, reject and try again.", "settings")
    promotions: Promotions = setting("Who may ask for an action.", "settings")
    snooze: Roles = setting("Who may put an action off until a date.", "roles")
    alerts: Roles = setting("Who may acknowledge an alert and note what was done about it.", "roles")
    hygiene: Hygiene = setting("Who may accept an issue, and for how long.", "settings")

    def lint(self) -> Iterator[Finding]:
        yield from self.sign_in.lint()
        for person, roles in self.people.items():
            yield from repeated(("people", person), roles)
        for group, given in self.groups.items():
            yield from repeated(("groups", group, "roles"), given.roles)
        lists = {
            **{("approvals", "by_sensitivity", name): roles for name, roles in self.approvals.by_sensitivity},
            **{("approvals", "by_action", name): roles for name, roles in self.approvals.by_action.items()},
            **{("promotions", name): roles for name, roles in self.promotions},
            ("snooze",): self.snooze,
            ("alerts",): self.alerts,
            ("hygiene", "accepted_by"): self.hygiene.accepted_by,
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
