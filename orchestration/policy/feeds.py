"""What goes to other departments: which accounts a feed names, and over which windows it counts.

Here: `feeds.yaml`. Not here: the feeds themselves (the dbt models).
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from orchestration.policy.base import Days, Number, Percent, PolicyFile, PolicyModel, WindowDays, setting


class Product(PolicyModel):
    """What product management is told."""

    requests_days: WindowDays = setting("Feature requests count for so many days.", "days")
    beta_score_above: Percent = setting("A beta candidate scores above this …", "score, 0 to 100")
    beta_growing_at_least_pct: Number = setting("… and its usage grew by this or more.", "% of active users")


class Finance(PolicyModel):
    """What finance is told."""

    overdue_after_days: Days = setting(
        "An unpaid invoice is overdue more than so many days after its due date.", "days"
    )
    trend_days: WindowDays = setting("Days late are compared over so many days and over as many before.", "days")


class Marketing(PolicyModel):
    """Who may speak for us."""

    promoter_at_least: Annotated[Number, Field(ge=0, le=10)] = setting(
        "A promoter's latest answer is this or more.", "NPS answer, 0 to 10"
    )
    tenure_at_least_years: Annotated[Number, Field(ge=0, le=100)] = setting(
        "Who is no reference customer has been a customer for this long.", "years"
    )


class Feeds(PolicyFile):
    """Feeds to other departments."""

    file_name: ClassVar[str] = "feeds.yaml"

    product: Product = setting("feed_product.", "settings")
    finance: Finance = setting("feed_finance.", "settings")
    marketing: Marketing = setting("feed_marketing.", "settings")
