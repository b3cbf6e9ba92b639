"""Worlds for the examples of actions: rules that follow an account's region, so that a test says what holds when.

An account of region `all` has every action of the catalogue, one of region `notify_owner` that action, and so on. An
account without further rows is GREEN with medium confidence, leaves with a probability of 10 % and renews in 300 days:
no guard looks at it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import duckdb

from orchestration.policy.tables.actions import RULES_VARIABLE
from tests.dbt.policy_folders import SHIPPED, read_policy, write_policies
from tests.support.compiled import compiled_models, rows_of, rules_of
from tests.support.inputs import Row, World, account, contract

AS_OF = date(2026, 6, 30)
STREAMS = ("opportunities", "activities", "contacts", "signals", "tickets", "usage", "survey_responses", "invoices")
ACTIONS = (
    *("create_discount_request", "reassign_ownership", "send_check_in_email", "add_to_onboarding_recovery"),
    *("create_support_task", "escalate_to_specialist", "add_to_low_adoption_nurture", "notify_owner"),
    *("schedule_checkpoint", "update_csm_health_score"),
)


def _rule(action: str) -> Row:
    return {
        "rule": f"wants_{action}",
        "action": action,
        "grain": "account",
        "when": f"region = 'all' or region = '{action}'",
        "priority": {"escalate_to_specialist": "P1", "notify_owner": "P2"}.get(action, "P3"),
        "rationale": "Region {region}, looked at {login_days} days; idle: {owner_is_idle}, {score}.",
    }


LAB_RULES = [
    *map(_rule, ACTIONS),
    {
        "rule": "tall_ticket",
        "action": "create_support_task",
        "grain": "ticket",
        "when": "topic = 'lab' and is_open and age_days >= 2",
        "priority": "P2",
        "raised": {"priority": "P1", "when": "priority = 'urgent'"},
        "rationale": "Ticket {ticket_id} is open for {age_days} days.",
    },
    {
        "rule": "lab_contract",
        "action": "create_discount_request",
        "grain": "contract",
        "when": "product = 'Lab' and days_to_end between 0 and 100",
        "priority": "P2",
        "rationale": "{product} ends in {days_to_end} days.",
    },
    # A second rule for an action, less urgent than the first; and one more urgent.
    {
        "rule": "late_notice",
        "action": "notify_owner",
        "grain": "account",
        "when": "region = 'all' or region = 'late' or region = 'both'",
        "priority": "P4",
        "rationale": "Late.",
    },
    {
        "rule": "early_notice",
        "action": "notify_owner",
        "grain": "account",
        "when": "region = 'both'",
        "priority": "P3",
        "raised": {"priority": "P1", "when": "geo = 'APAC'"},
        "rationale": "Early.",
    },
]
OFF = {"cap": {"enabled": False}, "budget": {"enabled": False}}


def day(days_ago: int, as_of: date = AS_OF) -> date:
    return as_of - timedelta(days=days_ago)


def changed(section: str, values: Row) -> Row:
    """The shipped section of actions.yaml with some keys of its parts replaced."""
    shipped = read_policy(SHIPPED, "actions")[section]
    return shipped | {
        name: shipped[name] | value if isinstance(value, dict) else value for name, value in values.items()
    }


class Lab:
    """Rows of a world, account by account, and the policies it is looked at with."""

    def __init__(self, folder: Path, **actions: Any) -> None:
        """`actions` are sections of actions.yaml beside the rules of the laboratory."""
        self.folder = folder
        self.policies = write_policies(folder / "policies", actions={"rules": LAB_RULES} | actions)
        self.streams: dict[str, list[Row]] = {name: [] for name in ("accounts", "contracts", *STREAMS, "action_log")}

    def add(self, account_id: str, region: str = "all", renews_in: int | None = 300, **more: Any) -> str:
        """An account with a contract that ends in so many days; None: without one."""
        row = account(account_id, region=region, customer_since=day(4000), csm_name="Cas Csm")
        self.streams["accounts"].append(row | more)
        if renews_in is not None:
            self.streams["contracts"].append(contract(f"c-{account_id}", account_id, day(60), day(-renews_in)))
        return account_id

    def row(self, stream: str, account_id: str, **columns: Any) -> None:
        self.streams.setdefault(stream, []).append({"account_id": account_id} | columns)

    def signal(self, account_id: str, signal_type: str, days_ago: int, **more: Any) -> None:
        number = len(self.streams["signals"])
        columns = {"signal_id": f"s{number}", "signal_type": signal_type, "observed_on": day(days_ago)} | more
        self.row("signals", account_id, **columns)

    def call(self, account_id: str, status: str) -> None:
        """The CSM says so."""
        columns = {"call_id": f"k-{account_id}", "status": status, "reason": "Met them", "called_by": "Cas Csm"}
        times = {"called_at": datetime.combine(day(1), time(12)), "expires_on": day(-30)}
        self.row("csm_calls", account_id, **columns, **times)

    def without(self, *account_ids: str) -> dict[str, list[Row]]:
        """The streams without these accounts."""
        return {
            name: [row for row in rows if row["account_id"] not in account_ids] for name, rows in self.streams.items()
        }

    def world(self, as_of: date = AS_OF, level: str | None = None, earlier: list[Row] | None = None) -> World:
        world = World(as_of, self.streams, self.policies, automation_level=level)
        world.earlier["action_episodes"] = earlier or []
        return world

    @contextmanager
    def run(self, world: World, *tables: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """The tables of a world; by default those of actions."""
        models = compiled_models(**{RULES_VARIABLE: rules_of(self.policies)})
        wanted = tables or ("recommended_actions", "action_budget", "action_episodes")
        con = models.run(world.freeze(self.folder / f"inputs-{world.as_of}"), *wanted)
        try:
            yield con
        finally:
            con.close()

    def actions(self, world: World) -> list[Row]:
        """What rules call for, in a fixed order."""
        with self.run(world, "recommended_actions") as con:
            return rules_only(con)


def rules_only(con: duckdb.DuckDBPyConnection) -> list[Row]:
    return rows_of(
        con,
        "select * from published.recommended_actions where origin = 'rule'"
        " order by account_id, action, subject_kind, subject",
    )


class Days:
    """A laboratory looked at on one day after another; each finds what the one before left."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.episodes: list[Row] = []

    def on(self, as_of: date, **regions: str) -> dict[tuple[str, str], Row]:
        """What rules call for by account and action; `regions` are what accounts have from that day on."""
        for row in self.lab.streams["accounts"]:
            row["region"] = regions.get(row["account_id"], row["region"])
        with self.lab.run(self.lab.world(as_of, earlier=self.episodes)) as con:
            self.episodes = rows_of(
                con,
                "select * exclude (as_of_date, policy_version, run_id, published_at) from published.action_episodes",
            )
            self.budget = {row["owner"]: row for row in rows_of(con, "select * from published.action_budget")}
            return {(row["account_id"], row["action"]): row for row in rules_only(con)}
