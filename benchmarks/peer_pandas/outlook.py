"""Churn, retention plans and offers, executive decisions and expansions. The renewal forecast is left out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.peer_pandas.files import days, rounded, within

HIGH = {"executive_call": 5, "root_cause_resolution": 7, "support_improvement": 7, "executive_qbr": 21}
HIGH |= {"retention_offer": 28, "competitive_defence": 28}
MEDIUM = {"csm_outreach": 7, "value_review": 14, "executive_reengagement": 21, "qbr_rescheduled": 28}
MEDIUM |= {"early_renewal_incentive": 42}
RENEWAL = {"renewal_risk_review": 180, "renewal_value_review": 120, "renewal_proposal": 90}
RENEWAL |= {"renewal_survey_and_negotiation": 60, "renewal_signature": 30}


def leaders_changed(contacts: pd.DataFrame, as_of: pd.Timestamp) -> pd.Index:
    """Accounts where a leader left, or came after another."""
    leaders = contacts[contacts.role.isin(["executive", "technical"])].copy()
    started = leaders.started_on.fillna(pd.Timestamp("1900-01-01"))
    first = started.groupby([leaders.account_id, leaders.role]).transform("min")
    came = within(leaders[first < started], "started_on", as_of, 180)
    return pd.Index(pd.concat([came, within(leaders, "ended_on", as_of, 180)]).account_id.unique())


def churn(f: pd.DataFrame, contacts: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Factors, probability and money of every account that has a score."""
    f = f[f.score.notna()]
    rows = f[["arr", "status", "days_to_renewal"]].copy()
    rows["leadership_change"] = (f.leader_changes > 0) | f.index.isin(leaders_changed(contacts, as_of))
    rows["budget_pressure"] = f.budget > 0
    rows["competitive_inquiry"] = (f.competitive > 0) | (f.rivals > 0)
    fell = rounded(f.uptime_before - f.uptime_now, 6) >= 0.1
    rows["recent_outage"] = (f.outages > 0) | (f.urgent_incidents > 0) | fell
    worse = [
        1 - f.attendance_now / f.attendance_before.replace(0, np.nan),
        1 - f.logins / f.logins_before.replace(0, np.nan),
        f.hours_now / f.hours_before.replace(0, np.nan) - 1,
    ]
    rows["engagement_decline"] = sum((rounded(100 * one, 6) >= 20).astype(int) for one in worse) >= 2
    rows["base"] = f.status.map({"RED": 70, "YELLOW": 40, "GREEN": 10})
    rows["renewal_addition"] = np.select([f.days_to_renewal < 90, f.days_to_renewal < 180], [20, 10], 0)
    rows["churn_probability"] = (
        rows.base + rows.renewal_addition + 15 * rows.leadership_change + 10 * rows.budget_pressure
        + 25 * rows.competitive_inquiry + 15 * rows.recent_outage + 10 * rows.engagement_decline
    ).clip(upper=95)  # fmt: skip
    rows["save_probability"] = f.status.map({"RED": 50, "YELLOW": 75, "GREEN": 90})
    rows["three_year_value"] = 3 * rows.arr
    rows["expected_loss"] = rounded(rows.arr * rows.churn_probability / 100, 2)
    rows["lifetime_value"] = rounded(rows.arr * np.minimum(10, 100 / rows.churn_probability), 2)
    rows["intervention_priority"] = rounded(rows.arr * rows.churn_probability * rows.save_probability / 10_000, 2)
    return rows


def plans(f: pd.DataFrame, risks: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """A row an account and step: for its risk, and on the way to its renewal."""
    probability = risks.churn_probability.reindex(f.index)
    review = (f.final_status == "RED") | (probability > 70)
    parts = []

    def add(
        chosen: pd.Series, step: str, due_on: pd.Series | pd.Timestamp, starts_on: pd.Series | pd.Timestamp
    ) -> None:
        part = pd.DataFrame({"requires_review": review[chosen], "step": step})
        parts.append(part.assign(starts_on=starts_on, due_on=due_on))

    high, medium = probability > 60, (probability > 30) & (probability <= 60)
    for steps, chosen in ((HIGH, high), (MEDIUM, medium)):
        for step, number in steps.items():
            fits = chosen
            if step == "competitive_defence":
                fits = chosen & f.index.isin(risks.index[risks.competitive_inquiry])
            add(fits, step, as_of + days(number), as_of)
    for step, number in RENEWAL.items():
        on = (f.renewal_date - days(number)).clip(lower=as_of)
        add(f.days_to_renewal <= 180, step, on, on)
    return pd.concat(parts).rename_axis("account_id").reset_index()


def offers(f: pd.DataFrame, risks: pd.DataFrame) -> pd.DataFrame:
    f = f.join(risks[["churn_probability", "budget_pressure"]], how="inner")
    f = f[f.churn_probability > 30]
    promised = np.maximum(f.sla_target_pct, np.minimum(f.sla_target_pct + 0.05, 99.99))
    parts = [
        pd.DataFrame({"credit_amount": rounded(f.arr / 6, 2)})[f.urgent_incidents > 2].assign(
            component="service_credit"
        ),
        pd.DataFrame(index=f.index)[f.m_capacity_utilisation > 80].assign(component="capacity_doubled"),
        pd.DataFrame(index=f.index)[f.budget_pressure].assign(component="price_lock"),
        pd.DataFrame({"sla_pct": rounded(promised, 6)})[f.m_uptime_vs_sla < 0].assign(component="enhanced_sla"),
    ]
    return pd.concat(parts).rename_axis("account_id").reset_index()


def decisions(f: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    called_for = {
        "red_large_account": (f.final_status == "RED") & (f.arr > 100_000),
        "rfp": f.rfps > 0,
        "executive_complaint": f.complaints > 0,
        "yellow_large_account": (f.final_status == "YELLOW") & (f.arr > 200_000),
    }
    rows = pd.concat(
        [pd.DataFrame({"decision": name}, index=f.index[chosen]) for name, chosen in called_for.items()]
    ).rename_axis("account_id")
    later = rows.decision == "yellow_large_account"
    rows["urgency"] = np.where(later, "next_30_days", "this_week")
    rows["due_on"] = np.where(later, as_of + days(30), as_of + days(7))
    return rows.reset_index()


def expansions(f: pd.DataFrame, invoices: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """What GREEN accounts could buy, in the order of what it may bring."""
    f = f[f.status == "GREEN"].copy()
    issued = within(invoices, "issued_on", as_of, 90)
    paid_later = issued.paid_on > as_of
    unpaid = (paid_later | (issued.paid_on.isna() & (issued.status != "paid"))) & (issued.due_on <= as_of - days(30))
    troubled = issued[(issued.status.isin(["failed", "disputed"]) & ~paid_later) | unpaid].account_id
    f["plan_limit"] = (rounded(f.capacity_1, 6) >= 80) & (rounded(f.capacity_2, 6) >= 80)
    f["approaching_limit"] = rounded(f.capacity_1, 6) >= 85
    f["seat_growth"] = (rounded(100 * f.latest_active_users / f.latest_seats, 6) >= 90) | (
        rounded(100 * (f.latest_seats / f.first_seats - 1), 6) >= 10
    )
    f["feature_requests"] = f.requests > 0
    f["high_health"] = f.score > 85
    f["no_billing_issue"] = ~f.index.isin(troubled)
    f["responsive"] = f.m_email_response_hours < 48
    grows = f.plan_limit | f.approaching_limit | f.seat_growth | f.feature_requests
    f["qualified"] = f.high_health & f.no_billing_issue & grows
    f["close_probability"] = rounded(
        pd.Series(0.6, f.index)
        + np.select([f.score >= 90, f.score >= 85], [0.25, 0.15], 0.05)
        + np.select([f.m_expansions > 2, f.m_expansions > 0], [0.1, 0.05], 0),
        4,
    ).clip(upper=0.95)
    found = {
        "capacity_upgrade": (f.m_capacity_utilisation > 75, f.capacity_upgrade_arr),
        "new_site": (f.new_site_planned.eq(True), f.new_site_arr),
        "service_adoption": (f.latest_services_contracted > f.latest_services_used, pd.Series(0.0, f.index)),
        "managed_services": (f.self_managed.eq(True) & (f.made > 10), f.managed_services_arr),
    }
    rows = pd.concat(
        [f[fits].assign(type=kind, potential_arr=potential[fits]) for kind, (fits, potential) in found.items()]
    ).rename_axis("account_id")
    rows["type_rank"] = rows.type.map({kind: number for number, kind in enumerate(found)})
    rows["expected_arr"] = rounded(rows.potential_arr * rows.close_probability, 2)
    rows["priority"] = np.select(
        [
            (rows.potential_arr >= 40_000) & (rows.score >= 85),
            (rows.potential_arr >= 20_000) & (rows.score >= 80),
        ],
        ["HIGH", "MEDIUM"],
        "LOW",
    )
    rows["priority"] = rows.priority.where(rows.potential_arr.notna())
    rows["needs_verification"] = rows.potential_arr > 50_000
    rows = rows.reset_index().sort_values(["account_id", "type_rank"])
    rows["is_primary"] = ~rows.account_id.duplicated()
    rows = rows.sort_values("expected_arr", ascending=False, kind="stable", na_position="last")
    rows["rank"] = np.arange(1, len(rows) + 1)
    return rows.rename(columns={"arr": "current_arr"})
