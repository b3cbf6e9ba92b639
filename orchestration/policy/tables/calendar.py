"""The calendar as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    }
)


def _calendar(policies: Policies) -> Iterable[Row]:
    calendar = policies.calendar
    yield {
        "time_zone": calendar.time_zone,
        "fiscal_year_start_month": calendar.fiscal_year_start_month,
        "reporting_currency": calendar.reporting_currency,
    }


ROWS: Mapping[str, Rows] = MappingProxyType(
    {
        "calendar": _calendar,
    }
)
