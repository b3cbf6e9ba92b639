"""The actions on the page of published/recommended_actions: tables and a chart made of their figures.

Here: how the figures are shown. Not here: the figures (`orchestration/refresh/proposed.py`).
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from orchestration.defs.chart import bars
from orchestration.refresh.proposed import Proposed

_MODES = dg.TableSchema(
    [
        dg.TableColumn("action"),
        *(dg.TableColumn(name, "int") for name in ("auto", "approve", "recommend", "suppress", "new", "held back")),
    ]
)
_OWNERS = dg.TableSchema(
    [dg.TableColumn("owner"), *(dg.TableColumn(name, "int") for name in ("budget", "new", "made", "held back"))]
)


def actions_metadata(found: Proposed) -> dict[str, dg.MetadataValue | int | str]:
    """The actions by how far they may go, the guards that bit, and what budgets and cool-down hold back."""
    metadata: dict[str, dg.MetadataValue | int | str] = {
        "new actions": found.new,
        "held back by budgets": found.held_back,
        "not made again yet": found.cooling,
        "level": ", ".join(f"{name}: {actions:,}" for name, actions in found.levels.items()) or "nothing",
        "mode by action": dg.MetadataValue.table([_by_action(row) for row in found.by_action], schema=_MODES),
        "guards that bit": dg.MetadataValue.md(bars(found.guards)) if found.guards else "none",
    }
    if found.budget:
        metadata["held back by owner"] = dg.MetadataValue.table(
            [_by_owner(row) for row in found.budget], schema=_OWNERS
        )
    return metadata


def _by_action(row: Mapping[str, Any]) -> dg.TableRecord:
    return dg.TableRecord({name.replace("_", " "): value for name, value in row.items()})


def _by_owner(row: Mapping[str, Any]) -> dg.TableRecord:
    return dg.TableRecord(
        {
            "owner": row["owner"],
            "budget": row["daily_budget"],
            "new": row["new_actions"],
            "made": row["created_actions"],
            "held back": row["held_back_actions"],
        }
    )
