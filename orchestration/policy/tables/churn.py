"""The churn policy as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import pyarrow as pa

from orchestration.policy.churn import FACTORS
from orchestration.policy.models import Policies
from orchestration.policy.tables.columns import Row, Rows, Schemas, number, text, whole

SCHEMAS: Schemas = MappingProxyType(
    {
        "churn_settings": pa.schema(
            [
                number("base_red", "base of RED accounts, percent"),
                number("base_yellow", "base of YELLOW accounts, percent"),
                number("base_green", "base of GREEN accounts, percent"),
                whole("renewal_soon_days", "fewer days to renewal add renewal_soon_addition"),
                number("renewal_soon_addition", "percentage points"),
                whole("renewal_later_days", "else fewer days add renewal_later_addition"),
                number("renewal_later_addition", "percentage points"),
                *(number(f"{factor}_addition", f"what {factor} adds, percentage points") for factor in FACTORS),
                number("cap", "the greatest probability, percent"),
                *(whole(f"{factor}_days", f"window of {factor}, days") for factor in FACTORS),
                whole("uptime_drop_days", "window of mean uptime, days"),
                number("uptime_drop_points", "a fall by this or more is an outage, percentage points"),
                number("engagement_decline_pct", "worse by this or more is a decline, percent"),
                whole("engagement_decline_least", "figures of three that must have declined"),
                whole("chain_days", "days between contracts of one chain"),
                whole("calibration_least_churned", "accounts that must have left"),
                whole("calibration_least_kept", "accounts that must have stayed"),
                text("acts_on", "prior or calibrated"),
                whole("value_years", "years of the value over years"),
                number("lifetime_most_years", "the longest lifetime, years"),
                number("save_green", "probability to save a GREEN account, percent"),
                number("save_yellow", "probability to save a YELLOW account, percent"),
                number("save_red", "probability to save a RED account, percent"),
                number("fall_cap_points", "the greatest monthly fall that counts, points of 100"),
            ]
        ),
        "leadership_roles": pa.schema([text("role", "a role whose contacts' coming and going counts")]),
    }
)


def _settings(policies: Policies) -> Iterable[Row]:
    churn = policies.churn
    factors = {factor: getattr(churn.factors, factor) for factor in FACTORS}
    yield {
        **{f"base_{status}": value for status, value in churn.base_pct},
        "renewal_soon_days": churn.renewal.soon_days,
        "renewal_soon_addition": churn.renewal.soon_addition,
        "renewal_later_days": churn.renewal.later_days,
        "renewal_later_addition": churn.renewal.later_addition,
        **{f"{name}_addition": factor.addition for name, factor in factors.items()},
        "cap": churn.cap_pct,
        **{f"{name}_days": factor.window_days for name, factor in factors.items()},
        "uptime_drop_days": churn.factors.recent_outage.uptime_drop_days,
        "uptime_drop_points": churn.factors.recent_outage.uptime_drop_points,
        "engagement_decline_pct": churn.factors.engagement_decline.decline_pct,
        "engagement_decline_least": churn.factors.engagement_decline.least,
        "chain_days": churn.renewal.chain_days,
        "calibration_least_churned": churn.calibration.least_churned,
        "calibration_least_kept": churn.calibration.least_kept,
        "acts_on": churn.calibration.acts_on,
        "value_years": churn.value_at_risk.value_years,
        "lifetime_most_years": churn.value_at_risk.lifetime_most_years,
        **{f"save_{status}": value for status, value in churn.value_at_risk.save_pct},
        "fall_cap_points": churn.value_at_risk.fall_cap_points,
    }


def _leadership_roles(policies: Policies) -> Iterable[Row]:
    for role in sorted(set(policies.churn.factors.leadership_change.roles)):
        yield {"role": role}


ROWS: Mapping[str, Rows] = MappingProxyType({"churn_settings": _settings, "leadership_roles": _leadership_roles})
