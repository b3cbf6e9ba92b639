"""What is written back to a CRM's accounts every day: which of our figures go into which of its fields.

Here: `write_back.yaml`, and the columns that may be written; a test holds them against the published tables. Not here:
how a CRM is reached (`systems.py`), single tasks and tickets (`connectors.py`), and the writing (`write_back/`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from orchestration.policy.actions import ActionKind
from orchestration.policy.base import Flag, Name, PolicyFile, PolicyModel, setting
from orchestration.policy.ledger import Ledger
from orchestration.policy.problems import Finding, below_another, nearest, repeated, shown
from orchestration.policy.systems import Salesforce, Systems

ApiName = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=80)]
Kind = Literal["text", "number", "date", "boolean"]

# Columns of feed_sales that may be written. Those of the run, and what counts days, are new with every run: writing
# them would write every account every day.
FEED: Mapping[str, Kind] = MappingProxyType(
    {
        **dict.fromkeys(("account_name", "owner_name", "csm_name", "ae_name", "geo", "region", "segment"), "text"),
        "score": "number",
        **dict.fromkeys(("status", "final_status", "tier", "confidence"), "text"),
        **dict.fromkeys(("change_week", "change_month"), "number"),
        **dict.fromkeys(("is_at_risk", "newly_at_risk"), "boolean"),
        "churn_probability": "number",
        "churn_reason": "text",
        "arr": "number",
        "renewal_date": "date",
        "renewal_quarter": "text",
        **dict.fromkeys(("expected_churned_arr", "expected_retained_arr"), "number"),
        "expansion_type": "text",
        "is_handed_off": "boolean",
        "expansion_priority": "text",
        **dict.fromkeys(("expansion_potential_arr", "expansion_expected_arr", "expansion_close_probability"), "number"),
        **dict.fromkeys(("expansion_timing", "expansion_justification", "expansion_verified_by", "summary"), "text"),
        "reconstructed": "boolean",
    }
)
NEW_WITH_EVERY_RUN = ("as_of_date", "policy_version", "run_id", "published_at", "days_to_renewal")
# What the account's most urgent open action gives, each with the column of recommended_actions it is.
NEXT_ACTION: Mapping[str, str] = MappingProxyType(
    {
        "next_action": "title",
        "next_action_due_on": "due_on",
        "next_action_priority": "priority",
        "next_action_owner": "owner",
    }
)
COLUMNS: Mapping[str, Kind] = MappingProxyType(
    {**FEED, **{name: "date" if name.endswith("_on") else "text" for name in NEXT_ACTION}}
)
# With these a record could be made anew, or given away, where only its figures are to change.
_NEVER = ("id", "name", "firstname", "lastname", "ownerid", "parentid", "recordtypeid")
RECORD_ID = "Id"
# Writing, signing in anew, writing once more.
_CALLS = 3


class Target(PolicyModel):
    """Accounts of one CRM."""

    system: Name = setting("The CRM, a system of systems.yaml.", "system")
    object: Literal["Account"] = setting("What is written to.", "object", default="Account")
    external_id: ApiName = setting(
        "Field that holds our account_id: Id, or one that the CRM has as an external id.", "field", default=RECORD_ID
    )
    dry_run: Flag = setting("Only note what would be written; nothing is sent.", "true or false", default=True)
    fields: Annotated[dict[ApiName, Name], Field(min_length=1)] = setting(
        "Column of ours by the CRM's field.", "column"
    )


class WriteBack(PolicyFile):
    """Daily writing to CRMs."""

    file_name: ClassVar[str] = "write_back.yaml"
    shapes_results: ClassVar[bool] = False

    targets: dict[Name, Target] = setting("Where to write, by name.", "settings", default_factory=dict)
    rows_a_call: Annotated[int, Field(strict=True, ge=1, le=200)] = setting("Records of one call.", "records")
    next_action_without: tuple[ActionKind, ...] = setting("Kinds that are nobody's next action.", "kinds of action")

    def lint(self) -> Iterator[Finding]:
        yield from repeated(("next_action_without",), self.next_action_without)
        writers: dict[tuple[str, str], str] = {}
        for name, target in self.targets.items():
            for field, column in target.fields.items():
                path = ("targets", name, "fields", field)
                yield from _of_field(path, target, field, column)
                other = writers.setdefault((target.system, field.lower()), name)
                if other != name:
                    yield Finding(path, f"the field {shown(field)}", f"a field that {other} doesn't write as well")

    def system_findings(self, systems: Systems) -> Iterator[Finding]:
        """Targets whose system isn't there, or is no CRM."""
        for name, target in self.targets.items():
            yield from not_of_kind(("targets", name, "system"), target.system, systems, Salesforce, "Salesforce")

    def lease_findings(self, ledger: Ledger, systems: Systems) -> Iterator[Finding]:
        """A lease that a call may outlast: somebody else would send the row meanwhile, and the older could win."""
        seconds = _CALLS * systems.calling.timeout_seconds
        if any(not target.dry_run for target in self.targets.values()):
            what = f"{_CALLS} times calling.timeout_seconds of systems.yaml, with what is written back"
            yield from below_another(("work", "lease_seconds"), ledger.work.lease_seconds, seconds, what, strictly=True)


def not_of_kind(path: tuple[str | int, ...], name: str, systems: Systems, kind: type, called: str) -> Iterator[Finding]:
    """A finding where a system isn't among those of a kind."""
    if not isinstance(systems.by_name.get(name), kind):
        known = [one for one, system in systems.by_name.items() if isinstance(system, kind)]
        expected = f"one of {', '.join(known)}" if known else f"a {called} system of systems.yaml, which has none"
        yield Finding(path, shown(name), expected, nearest(name, known))


def _of_field(path: tuple[str | int, ...], target: Target, field: str, column: str) -> Iterator[Finding]:
    if column in NEW_WITH_EVERY_RUN:
        yield Finding(path, shown(column), "a column that isn't new with every run: only what changed is written")
    elif column not in COLUMNS:
        yield Finding(
            path, f"the unknown column {shown(column)}", f"one of {', '.join(COLUMNS)}", nearest(column, COLUMNS)
        )
    if field.lower() in (*_NEVER, target.external_id.lower()):
        yield Finding(path, f"the field {shown(field)}", "a field that says nothing of which record it is, or whose")
