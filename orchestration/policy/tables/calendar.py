"""The calendar as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType

import pyarrow as pa

from orchestration.policy.models import Policies
from orchestration.policy.tables.columns import Row, Rows, Schemas, column

SCHEMAS: Schemas = MappingProxyType(
    {
        "calendar": pa.schema(
            [
                column("time_zone", pa.string(), "business time zone, IANA name"),
                column("fiscal_year_start_month", pa.int32(), "month 1 to 12"),
                column("reporting_currency", pa.string(), "ISO 4217"),
            ]
        ),
        "closed_periods": pa.schema(
            [
                column("industry_key", pa.string(), "industry in lower case"),
                column("closed_from", pa.date32(), "first closed day"),
                column("closed_until", pa.date32(), "last closed day"),
                column("opens_on", pa.date32(), "first day after it"),
            ]
        ),
    }
)


def _calendar(policies: Policies) -> Iterable[Row]:
    calendar = policies.calendar
    yield {
        "time_zone": calendar.time_zone,
        "fiscal_year_start_month": calendar.fiscal_year_start_month,
        "reporting_currency": calendar.reporting_currency,
    }


def _closed_periods(policies: Policies) -> Iterable[Row]:
    for industry, periods in policies.calendar.closed_periods().items():
        for first, last in periods:
            yield {
                "industry_key": industry,
                "closed_from": first,
                "closed_until": last,
                "opens_on": last + timedelta(days=1),
            }


ROWS: Mapping[str, Rows] = MappingProxyType(
    {
        "calendar": _calendar,
        "closed_periods": _closed_periods,
    }
)
