"""The rows that rules of actions look at: by grain, every column that a condition may name, with its kind and meaning.

Here: names, kinds, meanings; a test holds them against the models that make the rows. Not here: what a condition may
say about them (`conditions.py`) and how they are computed (the dbt models).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from orchestration.policy.churn import FACTORS
from orchestration.policy.measures import MEASURES

Kind = Literal["text", "number", "boolean"]


@dataclass(frozen=True, slots=True)
class Signal:
    """A column that a condition may name. `is_word`: its texts are of a fixed vocabulary, which needs no escaping."""

    kind: Kind
    meaning: str
    is_word: bool = False


def _text(meaning: str) -> Signal:
    return Signal("text", meaning)


def _word(meaning: str) -> Signal:
    return Signal("text", meaning, is_word=True)


def _number(meaning: str) -> Signal:
    return Signal("number", meaning)


def _flag(meaning: str) -> Signal:
    return Signal("boolean", meaning)


Columns = Mapping[str, Signal]

ACCOUNT_SIGNALS: Columns = MappingProxyType(
    {
        "account_id": _text("account"),
        "account_name": _text("its name"),
        "owner_name": _text("its owner"),
        "csm_name": _text("its CSM"),
        "geo": _text("GEO"),
        "region": _text("region"),
        "segment": _word("smb, mid_market or enterprise"),
        "lifecycle": _word("onboarding, active, renewal or churned"),
        "score": _number("health score, 0 to 100"),
        "status": _word("status of the machine"),
        "tier": _word("healthy, stable, at_risk or critical"),
        "final_status": _word("the CSM's call while it holds, else the status of the machine"),
        "confidence": _word("high, medium or low"),
        "change_week": _number("change of the score in a week, points"),
        "change_month": _number("change of the score in a month, points"),
        "arr": _number("ARR, reporting currency"),
        "days_to_renewal": _number("days"),
        **{name: _number(f"{facts.label}, {facts.unit}") for name, facts in MEASURES.items()},
        "tickets_open": _number("open tickets"),
        "urgent_tickets_open": _number("open urgent tickets"),
        "open_major_blockers": _number("open major blockers"),
        "open_minor_blockers": _number("open minor blockers"),
        **{f"has_{factor}": _flag(f"whether the risk factor {factor} is present") for factor in FACTORS},
        "churn_probability": _number("the prior, %"),
        "is_churned": _flag("whether the account has churned"),
        "is_scored": _flag("whether the account is scored"),
        "acts_on_probability": _number("the churn probability that drives actions, %"),
        "status_before": _word("status of the machine at the run before"),
        "tier_before": _word("tier at the run before"),
        "final_status_before": _word("final status at the run before"),
        "final_status_fell": _flag("whether the final status is worse than at the run before"),
        "last_written_score": _number("the score last written to the CRM, 0 to 100"),
        "written_status": _word("the status that the score last written earns"),
        "written_tier": _word("the tier that the score last written earns"),
        "planned_activities_soon": _number("activities planned in the next planned_days"),
        "completed_activities_recent": _number("activities completed in completed_days"),
        "days_since_completed_activity": _number("days since the latest completed activity"),
        "urgent_or_high_tickets_waiting": _number("urgent and high tickets open for over ticket_open_days"),
        "incidents_recent": _number("incidents in incidents_days"),
        "logins_recent": _number("logins in login_days"),
        "owner_is_idle": _flag("whether the owner logged nothing on any account in owner_idle_days"),
        "alerts_open": _number("open alerts"),
        "has_open_executive_complaint": _flag("whether an executive complaint of complaint_days is open"),
    }
)

# What tickets and contracts have of their account.
_OF_THE_ACCOUNT: Columns = MappingProxyType(
    {
        name: ACCOUNT_SIGNALS[name]
        for name in (
            *("account_id", "segment", "lifecycle", "final_status", "tier", "score", "arr", "days_to_renewal"),
            *("acts_on_probability", "is_churned"),
        )
    }
)

TICKET_SIGNALS: Columns = MappingProxyType(
    {
        "ticket_id": _text("ticket"),
        "priority": _word("urgent, high, normal or low"),
        "topic": _text("topic"),
        "is_incident": _flag("whether it is an incident"),
        "escalated": _flag("whether it was escalated"),
        "sla_met": _flag("whether the SLA was met"),
        "csat": _number("CSAT, 1 to 5"),
        "ticket_sentiment": _number("sentiment, -1 to 1"),
        "is_open": _flag("whether it isn't solved"),
        "age_days": _number("days since it was created"),
        "days_since_solved": _number("days since it was solved"),
        **_OF_THE_ACCOUNT,
    }
)

CONTRACT_SIGNALS: Columns = MappingProxyType(
    {
        "contract_id": _text("contract"),
        "product": _text("product"),
        "amount": _number("amount, reporting currency"),
        "term_days": _number("days"),
        "days_to_start": _number("days to its start, negative once it began"),
        "days_to_end": _number("days to its end, negative once it ended"),
        "is_current": _flag("whether it is current"),
        "auto_renew": _flag("whether it renews by itself"),
        **_OF_THE_ACCOUNT,
    }
)

GRAINS: Mapping[str, Columns] = MappingProxyType(
    {"account": ACCOUNT_SIGNALS, "ticket": TICKET_SIGNALS, "contract": CONTRACT_SIGNALS}
)
