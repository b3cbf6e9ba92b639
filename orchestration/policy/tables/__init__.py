"""Policies as the tables that dbt models join: every column with its type, every override already worked out.

Here: all tables together; a module a policy has its schemas and rows, in a fixed order. Not here: what the values
mean (the models) and where the files are written (the freezing of inputs).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa

from orchestration.policy.models import Policies
from orchestration.policy.tables import (
    actions,
    alerts,
    backtest,
    calendar,
    churn,
    expansion,
    feeds,
    health_checks,
    health_score,
    interventions,
    reports,
    retention,
    sources,
    surveys,
)
from orchestration.policy.tables.columns import table
from orchestration.policy.tables.health_checks import scope_id

__all__ = ["SCHEMAS", "policy_tables", "scope_id"]

_MODULES = (
    calendar,
    health_checks,
    health_score,
    churn,
    retention,
    expansion,
    actions,
    alerts,
    surveys,
    interventions,
    backtest,
    feeds,
    reports,
    sources,
)

SCHEMAS: Mapping[str, pa.Schema] = MappingProxyType(
    {name: schema for module in _MODULES for name, schema in module.SCHEMAS.items()}
)


def policy_tables(policies: Policies) -> dict[str, pa.Table]:
    """Every policy table, by name; the same policies give the same tables, row by row."""
    builders = {name: rows for module in _MODULES for name, rows in module.ROWS.items()}
    return {name: table(builders[name](policies), schema) for name, schema in SCHEMAS.items()}
