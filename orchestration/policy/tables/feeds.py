"""The feeds policy as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import pyarrow as pa

from orchestration.policy.models import Policies
from orchestration.policy.tables.columns import Row, Rows, Schemas, number, whole

SCHEMAS: Schemas = MappingProxyType(
    {
        "feed_settings": pa.schema(
            [
                whole("requests_days", "window of feature requests, days"),
                number("beta_score_above", "a beta candidate scores above this"),
                number("beta_growing_at_least_pct", "a beta candidate's usage grew by this or more, percent"),
                whole("overdue_after_days", "days after its due date from which an unpaid invoice is overdue"),
                whole("trend_days", "window of the payment trend, days"),
                number("promoter_at_least", "a promoter's latest answer is this or more"),
                number("tenure_at_least_years", "years as a customer that stand in for a reference"),
            ]
        )
    }
)


def _settings(policies: Policies) -> Iterable[Row]:
    feeds = policies.feeds
    yield {**dict(feeds.product), **dict(feeds.finance), **dict(feeds.marketing)}


ROWS: Mapping[str, Rows] = MappingProxyType({"feed_settings": _settings})
