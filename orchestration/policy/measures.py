"""What measures, dimensions and facts there are, and what the policy can't change about them.

Here: their names, order, units and the values they can have. Not here: what a value earns (`health_score.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

# An account without a segment takes the values that no segment overrides.
NO_SEGMENT = "unknown"
SEGMENTS = ("smb", "mid_market", "enterprise", NO_SEGMENT)


@dataclass(frozen=True, slots=True)
class MeasureFacts:
    """What a measure is, whatever the policy says of it."""

    dimension: str
    stream: str
    label: str
    unit: str
    decimals: int
    has_window: bool = True
    least: Decimal | None = None
    most: Decimal | None = None


_ZERO, _HUNDRED = Decimal(0), Decimal(100)

MEASURES: Mapping[str, MeasureFacts] = MappingProxyType(
    {
        "ticket_volume": MeasureFacts("support_quality", "tickets", "ticket volume", "tickets a month", 1, least=_ZERO),
        "escalation_rate": MeasureFacts(
            "support_quality", "tickets", "escalation rate", "%", 1, least=_ZERO, most=_HUNDRED
        ),
        "resolution_hours": MeasureFacts("support_quality", "tickets", "resolution time", "hours", 1, least=_ZERO),
        "sla_adherence": MeasureFacts(
            "support_quality", "tickets", "SLA adherence", "%", 1, least=_ZERO, most=_HUNDRED
        ),
        "csat": MeasureFacts("support_quality", "tickets", "CSAT", "points", 2, least=_ZERO),
        "qbr_attendance": MeasureFacts(
            "engagement", "activities", "QBR attendance", "%", 1, least=_ZERO, most=_HUNDRED
        ),
        "email_response_hours": MeasureFacts(
            "engagement", "activities", "e-mail response time", "hours", 1, least=_ZERO
        ),
        "portal_logins": MeasureFacts("engagement", "usage", "portal logins", "logins a month", 1, least=_ZERO),
        "meeting_acceptance": MeasureFacts(
            "engagement", "activities", "meeting acceptance", "%", 1, least=_ZERO, most=_HUNDRED
        ),
        "capacity_utilisation": MeasureFacts("product_usage", "usage", "capacity utilisation", "%", 1, least=_ZERO),
        "uptime_vs_sla": MeasureFacts("product_usage", "usage", "uptime against SLA", "points", 3),
        "service_adoption": MeasureFacts("product_usage", "usage", "service adoption", "%", 1, least=_ZERO),
        "usage_trend": MeasureFacts("product_usage", "usage", "usage trend", "%", 1, least=-_HUNDRED),
        "tenure_years": MeasureFacts("relationship", "accounts", "tenure", "years", 1, has_window=False),
        "expansions": MeasureFacts(
            "relationship", "opportunities", "won expansions", "expansions", 0, has_window=False, least=_ZERO
        ),
        "reference": MeasureFacts(
            "relationship", "accounts", "reference customer", "yes or no", 0, False, _ZERO, Decimal(1)
        ),
        "nps": MeasureFacts("relationship", "survey_responses", "NPS", "points", 0, least=_ZERO),
        "tone": MeasureFacts("sentiment", "activities", "tone", "points", 2, least=Decimal(-1), most=Decimal(1)),
        "escalations": MeasureFacts("sentiment", "tickets", "escalations", "tickets", 0, least=_ZERO),
        "competitive": MeasureFacts("sentiment", "signals", "competitive signals", "signals", 0, least=_ZERO),
        "budget_pressure": MeasureFacts("sentiment", "signals", "budget signals", "signals", 0, least=_ZERO),
    }
)
DIMENSIONS = tuple(dict.fromkeys(facts.dimension for facts in MEASURES.values()))
WINDOWED = tuple(name for name, facts in MEASURES.items() if facts.has_window)

BASELINE_FIELDS = ("days_to_renewal", "usage_trend", "service_adoption", "tickets_open", "csat", "blocker")

# What themes may ask for beside the measures: how it is called, and its unit.
OTHER_FACTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "days_to_renewal": ("time to renewal", "days"),
        "tickets_open": ("open tickets", "tickets"),
        "urgent_tickets_open": ("open urgent tickets", "tickets"),
        "blocker": ("open blocker", "2 major, 1 minor, 0 none"),
        "leadership_change": ("leadership change", "1 yes, 0 no"),
        "competitive_inquiry": ("competitive inquiry", "1 yes, 0 no"),
        "recent_outage": ("recent outage", "1 yes, 0 no"),
        "engagement_decline": ("engagement decline", "1 yes, 0 no"),
        "days_without_login": ("time without a login", "days"),
        "status_red": ("status RED", "1 yes, 0 no"),
        "status_yellow": ("status YELLOW", "1 yes, 0 no"),
    }
)
# Facts whose values are words, as numbers.
_YES_NO = {Decimal(0): "no", Decimal(1): "yes"}
FACT_WORDS = {
    "reference": _YES_NO,
    "blocker": {Decimal(0): "none", Decimal(1): "minor", Decimal(2): "major"},
    **{name: _YES_NO for name, (_, unit) in OTHER_FACTS.items() if unit == "1 yes, 0 no"},
}
# The worst theme of an account is its root cause; among equals the one named first here.
THEMES = (
    "blocker",
    "onboarding_friction",
    "support_strain",
    "usage_decline",
    "adoption_gap",
    "disengagement",
    "relationship_gap",
    "commercial_risk",
    "renewal_risk",
)
SEVERITIES: Mapping[str, int] = MappingProxyType({"low": 1, "medium": 2, "high": 3})


def bounds(fact: str) -> tuple[Decimal | None, Decimal | None]:
    """The least and the greatest value a fact can have, where there is one."""
    if fact in MEASURES:
        return MEASURES[fact].least, MEASURES[fact].most
    if fact in FACT_WORDS:
        return _ZERO, max(FACT_WORDS[fact])
    return _ZERO, None
