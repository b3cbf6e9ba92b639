"""Health-check targets and candidates. Influence and performance are left out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.peer_pandas.files import days

# milestone: (anchor, offset, opens before, closes after, minimum term), all in days
MILESTONES = {
    "post_start": ("start_date", 90, 30, 30, 120),
    "pre_end": ("end_date", -120, 45, 30, 180),
}
HORIZON_QUARTERS = 4


def usable_contracts(frames: dict[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    """Contracts of known accounts with their amount in the reporting currency, and the account's own columns."""
    contracts = frames["contracts"]
    contracts = contracts[(contracts.end_date >= contracts.start_date) & contracts.amount.notna()]
    columns = ["account_id", "account_name", "owner_name", "geo", "region", "segment", "lifecycle", "churned_on"]
    contracts = contracts.merge(frames["accounts"][columns], on="account_id")
    contracts["currency"] = contracts.currency.fillna("USD")
    contracts["rate_on"] = contracts.start_date.clip(upper=as_of)
    home = pd.DataFrame({"currency": ["USD"], "valid_from": [pd.Timestamp("1970-01-01")], "rate_to_reporting": [1.0]})
    rates = pd.concat([frames["fx_rates"], home]).sort_values("valid_from")
    contracts = pd.merge_asof(
        contracts.sort_values("rate_on"), rates, left_on="rate_on", right_on="valid_from", by="currency"
    )
    contracts = contracts[contracts.rate_to_reporting.notna()]
    # Floats, as a first version would have it; half a cent is added so that .5 rounds up as decimals do.
    contracts["amount"] = np.floor(contracts.amount * contracts.rate_to_reporting * 100 + 0.5 + 1e-6) / 100
    return contracts


def delivered_checks(frames: dict[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    """Health checks that count: attachment, held, not after as_of."""
    activities = frames["activities"]
    subjects = activities.subject.str.lower().str.replace(r"[ -]+", " ", regex=True)
    checks = activities[subjects.str.contains("health check|healthcheck", regex=True, na=False)]
    checks = checks[checks.has_attachment & ~checks.status.isin(["planned", "declined", "no_show"])]
    checks = checks[checks.day <= as_of].rename(columns={"owner_name": "completed_by"})
    return checks[["activity_id", "account_id", "completed_by", "occurred_at", "day"]]


def spans(contracts: pd.DataFrame) -> pd.DataFrame:
    """One row a contract and milestone, with its window and the day it expires."""
    parts = []
    for milestone, (anchor, offset, opens, closes, minimum_term) in MILESTONES.items():
        part = contracts[(contracts.end_date - contracts.start_date) >= days(minimum_term)].copy()
        part["milestone"] = milestone
        part["anchor_date"] = part[anchor]
        part["due_date"] = part[anchor] + days(offset)
        part["window_opens_on"] = np.maximum(part.due_date - days(opens), part.start_date)
        part["window_closes_on"] = np.minimum(part.due_date + days(closes), part.end_date)
        parts.append(part)
    rows = pd.concat(parts).sort_values(["contract_id", "due_date"], ignore_index=True)
    following = rows.groupby("contract_id")[["due_date", "window_opens_on"]].shift(-1)
    bound = (following.window_opens_on - days(1)).where(following.due_date > rows.due_date).fillna(rows.end_date)
    rows["expires_on"] = np.maximum(rows.window_closes_on, np.minimum(rows.end_date, bound))
    return rows


def targets(frames: dict[str, pd.DataFrame], contracts: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Every target with its status and what completed it."""
    rows = spans(contracts)
    rows["target_id"] = rows.contract_id + ":" + rows.milestone
    pairs = rows[["target_id", "account_id", "window_opens_on", "window_closes_on", "expires_on"]].merge(
        delivered_checks(frames, as_of), on="account_id"
    )
    pairs = pairs[(pairs.day >= pairs.window_opens_on) & (pairs.day <= pairs.expires_on)]
    pairs["is_late"] = pairs.day > pairs.window_closes_on
    pairs = pairs.sort_values(["target_id", "is_late", "occurred_at", "activity_id"]).drop_duplicates("target_id")
    pairs = pairs.rename(columns={"activity_id": "completing_activity_id", "day": "completed_on"})
    rows = rows.merge(
        pairs[["target_id", "completing_activity_id", "completed_by", "completed_on", "is_late"]],
        on="target_id",
        how="left",
    )
    churned = np.where(rows.churned_on.notna(), rows.churned_on <= as_of, rows.lifecycle == "churned")
    quarter = rows.due_date.dt.year * 4 + rows.due_date.dt.quarter
    current = as_of.year * 4 + as_of.quarter
    rows["status"] = np.select(
        [
            rows.is_late == False,  # noqa: E712 - missing is neither
            rows.is_late == True,  # noqa: E712
            as_of > rows.expires_on,
            (rows.start_date > as_of) | churned,
            as_of > rows.due_date,
            (as_of >= rows.window_opens_on) | (quarter == current),
            quarter.between(current + 1, current + HORIZON_QUARTERS),
        ],
        ["completed", "completed_late", "missed", "not_applicable", "past_due", "pending", "upcoming"],
        "beyond_horizon",
    )
    return rows


def candidates(rows: pd.DataFrame) -> pd.DataFrame:
    """What still has to be done, in the order it should be."""
    rows = rows[rows.status.isin(["past_due", "pending", "upcoming"])].copy()
    rows["flag"] = rows.status.map({"past_due": 1, "pending": 2, "upcoming": 3})
    rows = rows.sort_values(
        ["flag", "amount", "due_date", "contract_id", "milestone"], ascending=[True, False, True, True, True]
    )
    rows["rank"] = np.arange(1, len(rows) + 1)
    return rows
