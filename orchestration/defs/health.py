"""The portfolio on the page of published/account_health: tables and a chart made of its figures.

Here: how the figures are shown. Not here: the figures (`orchestration/refresh/portfolio.py`).
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from orchestration.defs.chart import bars
from orchestration.refresh.portfolio import Mover, Portfolio


def health_metadata(found: Portfolio) -> dict[str, dg.MetadataValue | int | str]:
    """The portfolio on the page of account_health: how it divides, how the scores spread, who moved and why."""
    metadata: dict[str, dg.MetadataValue | int | str] = {
        "scored accounts": found.accounts,
        "newly at risk": found.newly_at_risk,
        "confidence": ", ".join(f"{name}: {accounts:,}" for name, accounts in found.confidence.items()) or "nothing",
        "scores": dg.MetadataValue.md(bars(found.distribution)),
    }
    for kind in ("status", "tier"):
        parts = [row for row in found.mix if row["kind"] == kind]
        metadata[f"accounts by {kind}"] = dg.MetadataValue.table([_part(row) for row in parts], schema=_PARTS)
    for name, movers in (("rose most in a week", found.rose), ("fell most in a week", found.fell)):
        if movers:
            metadata[name] = dg.MetadataValue.table([dg.TableRecord(_mover(mover)) for mover in movers])
        else:
            metadata[name] = "nobody, or no as-of of a week ago is kept"
    if found.stale_sources:
        metadata["stale sources"] = found.stale_sources
    return metadata


_PARTS = dg.TableSchema(
    [
        dg.TableColumn("part"),
        dg.TableColumn("accounts", "int"),
        dg.TableColumn("ARR", "float"),
        dg.TableColumn("%", "float"),
        dg.TableColumn("a week ago, %", "string"),
        dg.TableColumn("change, points", "string"),
    ]
)


def _part(row: Mapping[str, Any]) -> dg.TableRecord:
    return dg.TableRecord(
        {
            "part": row["value"],
            "accounts": row["accounts"],
            "ARR": float(row["arr"]),
            "%": float(row["share_pct"] or 0),
            "a week ago, %": _or_blank(row["week_ago_pct"]),
            "change, points": _or_blank(row["change_points"]),
        }
    )


def _mover(mover: Mover) -> dict[str, str | float]:
    return {
        "account": mover.account_name,
        "score": mover.score,
        "change": mover.change_week,
        "tier": mover.tier,
        "why": mover.why,
    }


def _or_blank(value: object) -> str:
    return "" if value is None else str(value)
