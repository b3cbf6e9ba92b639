"""Reading the CSV files into frames, and what every module needs: days, and rounding half away from zero."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

_DATES = {
    "accounts": ["churned_on", "customer_since"],
    "contracts": ["start_date", "end_date"],
    "opportunities": ["created_on", "close_date", "contract_end_date"],
    "usage": ["usage_date"],
    "contacts": ["started_on", "ended_on"],
    "signals": ["observed_on", "resolved_on"],
    "survey_responses": ["sent_on", "responded_on"],
    "invoices": ["issued_on", "due_on", "paid_on"],
    "csm_calls": ["expires_on"],
    "fx_rates": ["valid_from"],
    "tickets": [],
}
_TIMES = {"tickets": ["created_at", "solved_at"], "csm_calls": ["called_at"], "activities": ["occurred_at"]}
_ACTIVITY_COLUMNS = [
    "activity_id", "account_id", "account_name", "owner_name", "subject", "occurred_at", "has_attachment", "status",
    "type", "accepted", "response_hours", "sentiment",
]  # fmt: skip


def days(number: int) -> pd.Timedelta:
    return pd.Timedelta(number, "D")


def rounded(values: pd.Series, places: int) -> pd.Series:
    """To `places` decimals, half away from zero; doubles lie a hair beside the decimals they mean."""
    scaled = values.abs() * 10**places
    return np.sign(values) * np.floor(scaled + 0.5 + 1e-6 * (places == 2) + 1e-7) / 10**places


def within(frame: pd.DataFrame, column: str, as_of: pd.Timestamp, length: int, before: int = 0) -> pd.DataFrame:
    """The rows of the `length` days that end `before` days before as_of."""
    last = as_of - days(before)
    return frame[(frame[column] > last - days(length)) & (frame[column] <= last)]


def read(drop: Path) -> dict[str, pd.DataFrame]:
    """The files, with dates as dates and the last of rows with the same id."""
    frames = {name: pd.read_csv(drop / f"{name}.csv", parse_dates=dates) for name, dates in _DATES.items()}
    frames["activities"] = pd.read_csv(drop / "activities.csv", usecols=_ACTIVITY_COLUMNS)
    for name, columns in _TIMES.items():
        for column in columns:
            frames[name][column] = pd.to_datetime(frames[name][column]).dt.tz_localize(None)
    frames["accounts"] = frames["accounts"].sort_values("updated_at").drop_duplicates("account_id", keep="last")
    frames["contracts"] = frames["contracts"].drop_duplicates("contract_id", keep="last")
    frames["activities"] = _activities(frames)
    return frames


def _activities(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Activities once each, of known accounts by id or else by a name that only one has."""
    activities = frames["activities"].drop_duplicates("activity_id", keep="last").copy()
    accounts = frames["accounts"]
    by_name = accounts.drop_duplicates("account_name", keep=False).set_index("account_name").account_id
    known = activities.account_id.where(activities.account_id.isin(accounts.account_id))
    activities["account_id"] = known.fillna(activities.account_name.map(by_name))
    activities["day"] = activities.occurred_at.dt.normalize()
    return activities[activities.account_id.notna()]
