"""Every number and word of specs 30 and 40 stands in policies/ and nowhere else: change one, and published rows follow.

Each value of the four policies is replaced by another one in a world dense with edges, and the rows in which it must
show are looked at. To be quick, only the models between the changed policy table and those rows run again, and values
that show in rows of their own are changed together: one of each measure, one of each retention step, and so on.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from orchestration.policy.churn import FACTORS
from orchestration.policy.load import load_policies
from orchestration.policy.models import Policies
from orchestration.policy.problems import key_path
from orchestration.policy.tables import (
    actions,
    alerts,
    backtest,
    churn,
    expansion,
    health_score,
    interventions,
    retention,
    surveys,
)
from orchestration.policy.tables.columns import table as policy_table
from tests.dbt.monitoring_edges import add_monitoring
from tests.dbt.policy_folders import write_policies
from tests.dbt.random_customers import Maker
from tests.support.compiled import CompiledModels, compiled_models
from tests.support.inputs import Row, World, account, contract
from tests.support.policy_leaves import LEAVES, READ, SCORE_OVERRIDE, Leaf, alternatives, with_values

AS_OF = date(2026, 6, 30)
POLICY_TABLES = {
    "health_score": health_score,
    "churn": churn,
    "retention": retention,
    "expansion": expansion,
    "actions": actions,
    "alerts": alerts,
    "surveys": surveys,
    "interventions": interventions,
    "backtest": backtest,
}
# Tables whose rows are of no account.
WITHOUT_ACCOUNT = {
    "action_budget",
    "portfolio_mix",
    "score_backtest",
    "calibration",
    "nps_summary",
    "intervention_metrics",
}


STEP = "phase, action, purpose, owner_role, audience, due_on"
METRICS = {
    "renewal_score": "score_at_renewal",
    "qbr_pct": "qbr_attendance",
    "urgent_tickets": "urgent_tickets_open",
}
CRITERIA = {
    "plan_limit_pct": "plan_limit",
    "plan_limit_months": "plan_limit",
    "approaching_pct": "approaching_limit",
    "seats_pct": "seat_growth",
    "seats_growth_pct": "seat_growth",
    "seats_days": "seat_growth",
    "feature_days": "feature_requests",
    "high_health_above": "high_health",
    "billing_days": "no_billing_issue",
    "overdue_days": "no_billing_issue",
    "responsive_below_hours": "responsive",
}


WINDOWS = {
    "planned_days": "planned_activities_soon",
    "completed_days": "completed_activities_recent",
    "ticket_open_days": "urgent_or_high_tickets_waiting",
    "incidents_days": "incidents_recent",
    "login_days": "logins_recent",
    "owner_idle_days": "owner_is_idle",
    "complaint_days": "has_open_executive_complaint",
}
# Actions of the catalogue by their place.
NAMED = {str(number): entry["action"] for number, entry in enumerate(READ["actions"]["catalogue"])}


@dataclass(frozen=True)
class Witness:
    """Where values of a policy show: in these columns of a published table.

    `values` is a pattern of paths: `*` is anything, a name in braces one word. These names, and the neighbours of a
    value in its file, may stand in braces in `columns` and `where` (which says in which rows); `called` has the words
    that rows have for what a policy calls otherwise. Values that show in other columns or rows are independent.
    """

    file: str
    values: str
    table: str
    columns: str
    where: str = "true"
    called: Mapping[str, str] = field(default_factory=dict)

    def matches(self, path: Leaf) -> re.Match[str] | None:
        pattern = re.escape(self.values).replace(r"\*", ".*")
        return re.fullmatch(re.sub(r"\\{(\w+)\\}", r"(?P<\1>\\w+)", pattern), key_path(path))

    def query(self, path: Leaf) -> str:
        """The rows and columns in which a value shows."""
        holder = READ[self.file]
        for part in path[:-1]:
            holder = holder[part]
        neighbours = holder if isinstance(holder, dict) else {}
        found = {name: self.called.get(word, word) for name, word in self.matches(path).groupdict().items()}
        names = neighbours | found
        key = "" if self.table in WITHOUT_ACCOUNT else "account_id, "
        columns, where = self.columns.format(**names), self.where.format(**names)
        return f"select {key}{columns} from published.{self.table} where {where}"


# The first that matches a value is its witness.
WITNESSES = (
    *(
        Witness("health_score", *one)
        for one in (
            ("measures.{measure}.window_days", "account_health_measures", "value", "measure = '{measure}'"),
            ("measures.{measure}.max_points", "account_health_measures", "max_points", "measure = '{measure}'"),
            ("measures.{measure}.bands*", "account_health_measures", "points", "measure = '{measure}'"),
            ("dimensions.{dimension}.weight", "account_health", "score"),
            ("dimension_available_at_least_pct", "account_health", "missing_dimensions"),
            ("confidence.*", "account_health", "confidence"),
            ("status.*_at_least", "account_health", "status"),
            ("tier.*_at_least", "account_health", "tier"),
            ("scored_within_days", "account_health", "account_id"),
            ("days_per_month", "account_health_measures", "value", "measure = 'ticket_volume'"),
            ("days_per_year", "account_health_measures", "value", "measure = 'tenure_years'"),
            ("arr.*", "account_health", "arr"),
            ("change.week*", "account_health", "change_week"),
            ("change.month*", "account_health", "change_month"),
            ("change.large_change_points", "account_health", "large_change"),
            ("csm_calls.most_days", "account_health", "csm_expires_on"),
            ("status_mix.days", "portfolio_mix", "week_ago_pct"),
            ("status_mix.points", "portfolio_mix", "is_large_move"),
            ("signal_groups.competitive*", "account_health_measures", "value", "measure = 'competitive'"),
            ("signal_groups.budget_pressure*", "account_health_measures", "value", "measure = 'budget_pressure'"),
            ("signal_groups.leadership_change*", "account_churn", "leadership_change"),
            ("signal_groups.outage*", "account_churn", "recent_outage"),
            ("signal_groups.feature_request*", "expansion_pipeline", "feature_requests"),
            ("signal_groups.rfp*", "executive_decisions", "decision", "decision = 'rfp'"),
            (
                "signal_groups.executive_complaint*",
                "executive_decisions",
                "decision",
                "decision = 'executive_complaint'",
            ),
            ("signal_groups.blocker*", "account_signals", "open_major_blockers"),
            ("baseline.labels*", "account_health", "baseline_label"),
            ("baseline.{field}*", "account_health", "baseline_{field}_points"),
            ("themes.{theme}*", "account_themes", "severity, evidence", "theme = '{theme}'"),
            ("overrides*.segment", "account_health", "status"),
            ("overrides*.weight", "account_health", "score", "segment = 'smb'"),
            ("overrides*.csat.*", "account_health_measures", "max_points, points", "measure = 'csat'"),
            ("overrides*.{what}.*_at_least", "account_health", "{what}", "segment = 'smb'"),
        )
    ),
    *(
        Witness("actions", *one)
        for one in (
            ("signals.{window}", "account_signals", "{window}", "true", WINDOWS),
            ("levels.default", "recommended_actions", "level"),
            ("levels.by_segment.{segment}", "recommended_actions", "level", "segment = '{segment}'"),
            (
                "levels.modes.{level}.{sensitivity}",
                "recommended_actions",
                "mode_by_level",
                "level = '{level}' and sensitivity = '{sensitivity}'",
            ),
            ("levels.minimum.*", "recommended_actions", "action, mode_by_level"),
            ("unknown_segment", "recommended_actions", "action, mode_by_matrix", "segment is null"),
            ("people.{role}.person", "recommended_actions", "owner", "owner_role = '{role}'"),
            ("people.*.called[*", "recommended_actions", "owner_role", "origin = 'plan'"),
            ("guards.cool_down.*", "action_budget", "cooling_actions"),
            ("guards.budget.*", "action_budget", "daily_budget"),
            ("guards.{guard}.*", "recommended_actions", "regexp_extract(guards, '{guard}: [^;]*')"),
            (
                "catalogue[{number}].matrix.{segment}",
                "recommended_actions",
                "mode_by_matrix",
                "action = '{number}' and coalesce(segment, 'enterprise') = '{segment}'",
                NAMED,
            ),
            ("catalogue[{number}].owners[*", "recommended_actions", "owner_role", "action = '{number}'", NAMED),
            (
                "catalogue[{number}].*",
                "recommended_actions",
                "title, kind, sensitivity, reaches_customer, touches_price, due_on",
                "action = '{number}'",
                NAMED,
            ),
            (
                "origins.matrix.{sensitivity}.{segment}",
                "recommended_actions",
                "mode_by_matrix",
                "origin <> 'rule' and sensitivity = '{sensitivity}' and coalesce(segment, 'enterprise') = '{segment}'",
            ),
            ("origins.{origin}.owners[*", "recommended_actions", "owner_role", "origin = '{origin}'"),
            ("origins.{origin}.priority*", "recommended_actions", "priority", "origin = '{origin}'"),
            (
                "origins.{origin}.*",
                "recommended_actions",
                "action, title, kind, reaches_customer, touches_price",
                "origin = '{origin}'",
            ),
        )
    ),
    *(
        Witness("churn", *one)
        for one in (
            ("base_pct.{status}", "account_churn", "base", "status = upper('{status}')"),
            ("renewal.soon_*", "account_churn", "renewal_addition"),
            ("renewal.later_*", "account_churn", "renewal_addition"),
            ("renewal.chain_days", "account_health", "renewal_date"),
            ("factors.{factor}.addition", "account_churn", "{factor}_addition"),
            ("factors.{factor}.*", "account_churn", "{factor}"),
            ("cap_pct", "account_churn", "churn_probability"),
            ("calibration.acts_on", "account_churn", "acts_on_probability"),
            ("calibration.least_*", "account_churn", "calibration_reason"),
            ("value_at_risk.value_years", "account_churn", "three_year_value"),
            ("value_at_risk.lifetime_most_years", "account_churn", "lifetime_value"),
            ("value_at_risk.save_pct.{status}", "account_churn", "save_probability", "status = upper('{status}')"),
            ("value_at_risk.fall_cap_points", "account_churn", "intervention_priority"),
        )
    ),
    *(
        Witness("retention", *one)
        for one in (
            ("plans.*_above", "retention_plans", "level"),
            ("*.reaches_customer", "recommended_actions", "reaches_customer", "action = '{step}'"),
            ("*.touches_price", "recommended_actions", "touches_price", "action = '{step}'"),
            ("plans.{level}[*", "retention_plans", STEP, "step = '{step}'"),
            ("renewal.steps[*", "retention_plans", STEP, "step = '{step}'"),
            ("renewal.within_days", "retention_plans", "step", "level = 'renewal'"),
            ("renewal.sponsor_*", "retention_plans", "joined_by"),
            ("review.validation_above", "retention_plans", "requires_validation"),
            ("review.status", "retention_plans", "requires_review"),
            ("offers.incidents_*", "retention_offers", "component", "component = 'service_credit'"),
            ("offers.credit_months", "retention_offers", "credit_amount"),
            ("offers.capacity_above", "retention_offers", "component", "component = 'capacity_doubled'"),
            ("offers.sla_*", "retention_offers", "sla_pct"),
            ("offers.price_lock_years", "retention_offers", "price_lock_years"),
            ("targets.{metric}_days", "retention_success_metrics", "due_on", "metric = 'score_{metric}'"),
            ("targets.{metric}_points", "retention_success_metrics", "target", "metric = 'score_{metric}'"),
            ("targets.{metric}", "retention_success_metrics", "target", "metric = '{metric}'", METRICS),
            ("executives.urgency_days.{urgency}", "executive_decisions", "due_on", "urgency = '{urgency}'"),
            (
                "executives.decisions[*",
                "executive_decisions",
                "title, decision_maker, urgency",
                "decision = '{decision}'",
            ),
            ("outreach.{status}_days", "account_churn", "outreach_due_on", "final_status = upper('{status}')"),
        )
    ),
    *(
        Witness("expansion", *one)
        for one in (
            ("types[*", "expansion_pipeline", "timing, description", "type = '{type}'"),
            ("signals.status", "expansion_pipeline", "status"),
            ("signals.capacity_above", "expansion_pipeline", "type", "type = 'capacity_upgrade'"),
            ("signals.tickets_*", "expansion_pipeline", "type", "type = 'managed_services'"),
            ("close.*", "expansion_pipeline", "close_probability"),
            ("priorities[*", "expansion_pipeline", "priority"),
            ("qualification.{value}", "expansion_pipeline", "{value}", "true", CRITERIA),
            ("verification.above", "expansion_pipeline", "needs_verification"),
            ("verification.role", "expansion_pipeline", "verified_by"),
            ("*.reaches_customer", "recommended_actions", "reaches_customer", "action = 'expansion_week_{week}'"),
            ("*.touches_price", "recommended_actions", "touches_price", "action = 'expansion_week_{week}'"),
            ("stages[*", "expansion_stages", "stage, work", "week = {week}"),
        )
    ),
    *(
        Witness("alerts", *one)
        for one in (
            ("first_run_new_days", "alert_conditions", "is_new"),
            ("clears_after_days", "alerts", "cleared_on"),
            ("kept_days", "alerts", "alert_id"),
            ("clock.{step}_hours", "alerts", "{step}_due_at"),
            ("alerts.inactive.silent_days", "alert_conditions", "alert", "alert = 'inactive'"),
            ("alerts.critical_score.score_below", "alert_conditions", "alert", "alert = 'critical_score'"),
            ("alerts.detractor.answer_at_most", "alert_conditions", "alert", "alert = 'detractor'"),
            ("alerts.detractor.holds_days", "alert_conditions", "alert", "alert = 'detractor'"),
            ("alerts.large_drop.fall_above", "alert_conditions", "alert", "alert = 'large_drop'"),
            (
                "alerts.{alert}.*",
                "alerts",
                "title, to_roles, escalates_to, at_once, acknowledge_due_at",
                "alert = '{alert}'",
            ),
        )
    ),
    *(
        Witness("surveys", *one)
        for one in (
            ("throttle_days", "survey_queue", "survey_type", "kind = 'survey'"),
            ("order[*", "survey_queue", "survey_type", "kind = 'survey'"),
            ("follow_up.*", "survey_queue", "subject", "kind = 'follow_up'"),
            ("nps.*", "nps_summary", "promoters, detractors, nps_low"),
            ("steps_within_days", "survey_steps", "step"),
            ("steps[*", "survey_steps", "answer_group, title, owner_role, due_at", "step = '{step}'"),
            ("{survey}.*", "survey_queue", "survey_type", "survey_type = '{survey}' and kind = 'survey'"),
        )
    ),
    *(
        Witness("interventions", *one)
        for one in (
            ("phases[*", "at_risk_accounts", "phase, phase_ends_on"),
            ("fell_first.points", "at_risk_accounts", "fell_first"),
            ("recovery.score_at_least", "intervention_outcomes", "runs_recovered"),
            ("recovery.runs", "intervention_outcomes", "has_recovered"),
            ("recovery.opening_within_days", "intervention_outcomes", "opening_score"),
            ("plans.gap_days", "intervention_outcomes", "opened_on", "origin = 'ledger'"),
            ("kept_days", "intervention_outcomes", "intervention_id"),
            ("z", "intervention_metrics", "success_rate_from"),
            ("targets.response_hours_below", "intervention_metrics", "response_hours_target"),
            ("targets.{figure}_low", "intervention_metrics", "{figure}_target_low"),
            ("targets.{figure}_high", "intervention_metrics", "{figure}_target_high"),
        )
    ),
    *(
        Witness("backtest", *one)
        for one in (
            ("horizons_days*", "score_backtest", "horizon_days", "section = 'periods'"),
            ("months", "score_backtest", "accounts", "section = 'periods'"),
            ("reconstructed_too", "score_backtest", "accounts", "section = 'periods'"),
            ("score_groups", "score_backtest", "item", "section = 'deciles'"),
            ("probability_edges_pct*", "score_backtest", "item, accounts", "section = 'calibration'"),
            ("warning_statuses*", "score_backtest", "figure", "measure = 'warning_days'"),
            ("interval_z", "score_backtest", "low, high", "measure = 'auc'"),
            ("fitting.horizon_days", "calibration", "horizon_days"),
            ("fitting.shrinkage_accounts", "calibration", "suggested_value"),
            ("fitting.least_accounts", "calibration", "reason"),
        )
    ),
)


@dataclass(frozen=True)
class Change:
    """One value replaced by another one, and the table whose rows, as `query` reads them, must follow."""

    path: Leaf
    value: Any
    table: str
    query: str


class Candidates:
    """The changes of one value that may still make a difference, the next one first."""

    def __init__(self, path: Leaf, witness: Witness) -> None:
        self.path = path
        self.witness = witness
        self.query = witness.query(path)
        self._values = alternatives(witness.file, path)

    def next(self) -> Change | None:
        for value in self._values:
            return Change(self.path, value, self.witness.table, self.query)
        return None


class Laboratory:
    """A built world in which policies are changed for a moment."""

    def __init__(self, models: CompiledModels, con: duckdb.DuckDBPyConnection, policies: Policies, work: Path) -> None:
        self.models = models
        self.con = con
        self.work = work
        self.unchanged = {name: self._tables(name, policies) for name in POLICY_TABLES}
        self.children: dict[str, set[str]] = defaultdict(set)
        for model in models.models.values():
            for parent in model.parents:
                self.children[parent].add(model.name)

    def unfollowed(self, file: str, changes: list[Change]) -> list[Change]:
        """The changes, all made together, whose rows stay as they are."""
        queries = [f"select count(*), sum(hash(one)) from ({change.query}) as one" for change in changes]
        before = [self._answer(query) for query in queries]
        changed = self._write(file, with_values(file, {change.path: change.value for change in changes}))
        needed = set(self.models.with_ancestors({change.table for change in changes}))
        stale = self._with_descendants(f"stg_policy__{name}" for name in changed)
        self.con.execute("begin transaction")
        try:
            for name in self.models.models:
                if name in stale & needed:
                    create = self.models.models[name].create(self.work)
                    self.con.execute(create.replace("create ", "create or replace ", 1))
            after = [self._answer(query) for query in queries]
        finally:
            self.con.execute("rollback")
        return [change for change, was, now in zip(changes, before, after, strict=True) if was == now]

    def _answer(self, query: str) -> Any:
        return self.con.execute(query).fetchone()

    def _tables(self, file: str, policies: Policies) -> dict[str, Any]:
        module = POLICY_TABLES[file]
        return {name: policy_table(module.ROWS[name](policies), schema) for name, schema in module.SCHEMAS.items()}

    def _write(self, file: str, policies: Policies) -> list[str]:
        """Put the tables that differ where the models read them; gives their names."""
        changed = []
        for name, table in self._tables(file, policies).items():
            if not table.equals(self.unchanged[file][name]):
                folder = self.work / "policy" / name
                folder.mkdir(parents=True, exist_ok=True)
                pq.write_table(table, folder / "part-00000.parquet")
                changed.append(name)
        return changed

    def _with_descendants(self, names: Iterable[str]) -> set[str]:
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.children[name]
        return found


def add_edges(world: World) -> None:
    """Accounts on edges that random ones rarely meet: each GREEN by what is missing, with an expansion to look at."""

    def add(account_id: str, **rows: list[Row]) -> None:
        facts = {"segment": "mid_market", "new_site_planned": True, "new_site_arr": Decimal(50000)}
        facts |= {"customer_since": day(4000)} | (rows.pop("account", [{}])[0])
        world.streams["accounts"].append(account(account_id, **facts))
        world.streams["contracts"].append(contract(f"{account_id}-c", account_id, day(64), day(-300)))
        for stream, found in rows.items():
            world.streams[stream] += [{"account_id": account_id} | row for row in found]

    tickets = [
        {"ticket_id": f"E1-{number}", "created_at": noon(60), "solved_at": noon(60), "escalated": number == 0}
        for number in range(50)
    ]
    add("E1", tickets=tickets)
    add("E2", usage=[{"usage_date": day(1), "active_users": Decimal(90), "seats": Decimal(100)}])
    seats = [(89, 100), (1, 110)]
    add("E3", usage=[{"usage_date": day(ago), "active_users": Decimal(9), "seats": Decimal(n)} for ago, n in seats])
    add("E4", invoices=[{"invoice_id": "E4-i", "issued_on": day(60), "due_on": day(30), "amount": Decimal(1)}])
    mail = {"activity_id": "E5-a", "owner_name": "Pat", "subject": "Talk", "type": "email", "occurred_at": noon(1)}
    add("E5", activities=[mail | {"response_hours": Decimal(48)}])
    # An account at risk whose capacity is used to the edge.
    alarm = [{"signal_id": f"E6-{kind}", "signal_type": kind, "observed_on": day(1)} for kind in ("rfp", "outage")]
    add("E6", signals=alarm, usage=[{"usage_date": day(1), "capacity_used_pct": Decimal(80)}])
    # Another one, with as many urgent incidents as earn a credit, the first on the last day that counts.
    urgent = {"solved_at": noon(1), "priority": "urgent", "is_incident": True}
    incidents = [{"ticket_id": f"E6B-{ago}", "created_at": noon(ago)} | urgent for ago in (89, 60, 30)]
    add("E6B", signals=[row | {"signal_id": f"{row['signal_id']}-B"} for row in alarm], tickets=incidents)
    # Beginners who use little of what was bought and haven't been seen for weeks.
    for number, (used, unseen) in enumerate(((5, 14), (3, 30), (4, 29), (6, 13))):
        services = {"services_used": Decimal(used), "services_contracted": Decimal(10)}
        logins = [{"usage_date": day(ago), "logins": Decimal(n)} | services for ago, n in ((unseen, 5), (1, 0))]
        add(f"E7{number}", account=[{"lifecycle": "onboarding"}], usage=logins)
    nothing = {"logins": Decimal(0), "services_used": Decimal(10), "services_contracted": Decimal(10)}
    add("E74", account=[{"lifecycle": "onboarding"}], usage=[{"usage_date": day(1)} | nothing])
    for met in (85, 90, 95):
        kept = [{"ticket_id": f"E8-{met}-{n}", "created_at": noon(60), "sla_met": n < met} for n in range(100)]
        add(f"E8{met}", tickets=kept)
    pressure = [{"signal_type": "budget_pressure", "observed_on": day(ago)} for ago in (1, 2)]
    add("E9", signals=[{"signal_id": f"E9-{number}"} | one for number, one in enumerate(pressure)])


def add_past(world: World) -> None:
    """Scores that were kept, of 70 accounts that left and 210 that will: enough to calibrate, whoever left when."""
    kept = world.earlier["account_churn_monthly"] = []
    # The first is of the 25th month back; that of June was made from later records.
    dates = (date(2024, 5, 31), date(2025, 6, 30), date(2025, 12, 31), date(2026, 3, 31))
    for number in range(280):
        name = f"P{number:03d}"
        left_on = dates[2] + timedelta(days=1 + number) if number < 70 else AS_OF + timedelta(days=400)
        world.streams["accounts"].append(account(name, churned_on=left_on))
        for scored_on in dates:
            row = {"as_of_date": scored_on, "account_id": name, "score": Decimal(1000 * number // 280) / 10}
            row["status"] = "RED" if number % 14 == 0 else "YELLOW" if number % 5 == 0 else "GREEN"
            row["churn_probability"] = Decimal(number % 19 * 5)
            row["days_to_renewal"] = number * 2
            factors = {factor: number % 30 == place for place, factor in enumerate(FACTORS)}
            kept.append(row | factors | {"reconstructed": scored_on.month == 6})


def add_actions(world: World) -> None:
    """On the edges of windows that only rules look at; what was made and has gone; a survey that isn't answered."""
    accounts, streams = world.streams["accounts"], world.streams
    accounts.append(account("F1", owner_name="Ida Idle", csm_name="Cas Csm", ae_name="Ann Ae", segment="enterprise"))
    streams["contracts"].append(contract("F1-c", "F1", day(64), day(-30)))
    seen = {"account_id": "F1", "owner_name": "Pat", "type": "call", "subject": "Talk"}
    streams["activities"] += [
        seen | {"activity_id": "F1-1", "occurred_at": noon(-7), "status": "planned"},
        seen | {"activity_id": "F1-2", "occurred_at": noon(44), "status": "completed"},
        seen | {"activity_id": "F1-3", "occurred_at": noon(59), "status": "declined", "owner_name": "Ida Idle"},
    ]
    streams["tickets"] += [
        {"ticket_id": "F1-1", "account_id": "F1", "created_at": noon(4), "priority": "high"},
        {"ticket_id": "F1-2", "account_id": "F1", "created_at": noon(89), "is_incident": True},
    ]
    streams["usage"] += [{"account_id": "F1", "usage_date": day(13), "logins": Decimal(5)}]
    streams["signals"] += [
        {"signal_id": "F1-1", "account_id": "F1", "signal_type": "executive_complaint", "observed_on": day(29)}
    ]
    streams["survey_responses"] += [{"survey_id": "F1-s", "account_id": "F1", "sent_on": day(10)}]
    ended = {"action": "create_support_task", "subject_kind": "account", "subject": "F1", "account_id": "F1"}
    days = dict.fromkeys(("episode_started_on", "created_on"), day(13))
    world.earlier["action_episodes"] = [{"action_id": "F1-e", "is_capped": False, "is_open": False} | ended | days]


def day(ago: int) -> date:
    return AS_OF - timedelta(days=ago)


def noon(ago: int) -> datetime:
    return datetime.combine(day(ago), time(12))


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    work = tmp_path_factory.mktemp("policies_matter")
    levels = {"levels": READ["actions"]["levels"]}
    folder = write_policies(work / "policies", health_score={"overrides": [SCORE_OVERRIDE]}, actions=levels)
    policies = load_policies(folder)
    maker = Maker(11, AS_OF, folder, policies.version)
    world = maker.world(250)
    add_edges(world)
    add_past(world)
    world.streams["csm_calls"] = maker.calls
    world.earlier["account_health"] = maker.earlier
    world.earlier["account_signals"] = maker.earlier_signals
    add_monitoring(world)
    add_actions(world)
    models = compiled_models()
    with models.run(world.freeze(work / "inputs"), *models.of_schema("published")) as con:
        # The tables are small: more threads only cost.
        con.execute("set threads = 1")
        yield Laboratory(models, con, policies, work / "changed")


def witness_of(file: str, path: Leaf) -> Witness | None:
    return next((one for one in WITNESSES if one.file == file and one.matches(path)), None)


# Rules are text to the models, which other tests hold to it (test_actions_*).
SHOWN = [(file, path) for file, path in LEAVES if file in POLICY_TABLES and (file, path[0]) != ("actions", "rules")]


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda one: f"{one.file} {one.values}")
def test_published_rows_follow(laboratory: Laboratory, witness: Witness) -> None:
    """A value passes with the first other one that shows; values that show apart are changed together."""
    waiting: dict[str, list[Candidates]] = defaultdict(list)
    for file, path in SHOWN:
        if witness_of(file, path) is witness:
            candidates = Candidates(path, witness)
            waiting[candidates.query].append(candidates)
    assert waiting, "no value shows here"
    ignored = []
    while waiting:
        changes = {query: of_rows[0].next() for query, of_rows in waiting.items()}
        made = [change for change in changes.values() if change is not None]
        unfollowed = {change.path for change in laboratory.unfollowed(witness.file, made)}
        for query, change in changes.items():
            if change is None:
                ignored.append(f"{witness.file}.yaml {key_path(waiting[query][0].path)}")
            if change is None or change.path not in unfollowed:
                waiting[query].pop(0)
        waiting = {query: of_rows for query, of_rows in waiting.items() if of_rows}
    assert not ignored, f"nothing in {witness.table} follows {', '.join(ignored)}"


def test_every_value_has_its_place() -> None:
    homeless = [f"{file}.yaml {key_path(path)}" for file, path in SHOWN if witness_of(file, path) is None]
    assert not homeless, f"say where these show: {', '.join(homeless)}"
