"""What the example accounts of the simulator get at each level of automation, as Markdown."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from orchestration.policy.actions import LEVELS
from orchestration.policy.models import Policies
from orchestration.policy.simulator import TypedAccount
from orchestration.refresh.inputs import freeze_inputs
from orchestration.whatif.inputs import made_up_tables
from orchestration.whatif.models import CompiledModels
from orchestration.whatif.typed import rows_of

AS_OF = date(2026, 6, 30)

_HEAD = f"| priority | action | {' | '.join(LEVELS)} | why |"
_RULE = f"|---|---|{'---|' * len(LEVELS)}---|"


def examples_part(policies: Policies, models: CompiledModels) -> str:
    """A table an example: each action once, with its mode at every level; raises ModelsError."""
    found = {level: _actions(policies, models, level) for level in LEVELS}
    parts = []
    for account in policies.simulator.examples:
        rows: dict[str, dict[str, Any]] = {}
        for level, actions in found.items():
            for action in actions:
                if action["account_id"] == account.name:
                    rows.setdefault(action["action_id"], {"action": action})[level] = action["mode"]
        parts.append("\n".join([*_facts(account), _HEAD, _RULE, *map(_line, sorted(rows.values(), key=_order))]))
    return "\n\n".join(parts)


def _actions(policies: Policies, models: CompiledModels, level: str) -> list[dict[str, Any]]:
    """The actions of all examples at a level, each account by its name."""
    streams: dict[str, list[dict[str, Any]]] = {}
    for account in policies.simulator.examples:
        for stream, rows in rows_of(account, policies.simulator, AS_OF, account.name).items():
            streams.setdefault(stream, []).extend(rows)
    with tempfile.TemporaryDirectory(prefix="what-if-") as place:
        inputs = Path(place) / "inputs"
        freeze_inputs(inputs, made_up_tables(streams, policies, AS_OF, level=level))
        with models.run(inputs, "recommended_actions") as con:
            relation = con.table("published.recommended_actions")
            return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def _facts(account: TypedAccount) -> list[str]:
    counts = f"{account.open_issues} open issues, {account.urgent_issues} of them urgent"
    return [
        f"### {account.name}\n",
        f"{account.segment}, {account.lifecycle}, renewal in {account.days_to_renewal} days, usage "
        f"{account.usage_trend}, adoption {account.adoption}, {counts}, csat {account.csat}, blocker "
        f"{account.blocker}.\n",
    ]


def _order(row: dict[str, Any]) -> tuple[Any, ...]:
    action = row["action"]
    return action["priority"], action["due_on"], action["title"], action["action_id"]


def _line(row: dict[str, Any]) -> str:
    action = row["action"]
    why = action["rationale"].replace("|", "\\|")
    modes = " | ".join(row.get(level, "–") for level in LEVELS)
    return f"| {action['priority']} | {action['title']} | {modes} | {why} |"
