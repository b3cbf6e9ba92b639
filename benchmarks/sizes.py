"""The sizes that are measured, and how many rows an account brings. Only numbers belong here."""

from __future__ import annotations

from datetime import date

SIZES = {"10k": 10_000, "100k": 100_000, "1m": 1_000_000}
AS_OF = date(2026, 6, 30)
SEED = 1

ROWS_PER_ACCOUNT = {
    "accounts": 1,
    "contracts": 2,
    "opportunities": 1,
    "activities": 20,
    "tickets": 8,
    "usage": 27,
    "contacts": 3,
    "signals": 1,
    "survey_responses": 2,
    "invoices": 4,
}


def accounts_of(size: str) -> int:
    """`10k`, `100k`, `1m`, or a plain number of accounts; raises ValueError for anything else."""
    if size in SIZES:
        return SIZES[size]
    try:
        accounts = int(size)
    except ValueError:
        raise ValueError(f"size is one of {', '.join(SIZES)} or a number of accounts, not {size!r}") from None
    if accounts < 1:
        raise ValueError(f"size is at least 1 account, not {accounts}")
    return accounts
