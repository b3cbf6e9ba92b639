"""How long things are kept.

Here: `privacy.yaml`. Not here: how many publications stay (`publishing.py`), and forgetting one account, which a person
asks for.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from orchestration.policy.base import PolicyFile, setting

# What the models look back for at most must stay: a quarter's rows and two years of a backtest.
_FEWEST_HISTORY_DAYS = 400
_FEWEST_DAYS = 7
_Days = Annotated[int, Field(strict=True, ge=_FEWEST_DAYS)]


class Privacy(PolicyFile):
    """For how many days what is kept. What the newest publication or another run of a kept date needs always stays."""

    file_name: ClassVar[str] = "privacy.yaml"
    shapes_results: ClassVar[bool] = False

    landing_days: Annotated[int, Field(strict=True, ge=_FEWEST_DAYS)] = setting(
        "Extractions are kept so long; a date before that is answered by the first one after it.", "days"
    )
    history_days: Annotated[int, Field(strict=True, ge=_FEWEST_HISTORY_DAYS)] = setting(
        "Histories are kept for as-of dates so far back.", "days"
    )
    documents_days: _Days = setting("Documents are kept so long after they were made.", "days")
    runs_days: _Days = setting("What runs left behind and what they printed is kept so long.", "days")
    audit_log_days: _Days = setting("Entries of the portal's audit log are kept so long.", "days")
