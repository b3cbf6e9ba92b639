"""Facts of each scored account, its 21 measures, their points, the score and the baseline."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from benchmarks.peer_pandas.files import days, rounded, within

# dimension: measure: maximum, and bands best first as (comparison, edge or edges, points)
MODEL = {
    "support_quality": {
        "ticket_volume": (7, [("<", 3, 7), ("<=", 6, 5), ("<=", 10, 3)]),
        "escalation_rate": (6, [("<", 2, 6), ("<=", 5, 4), ("<=", 10, 2)]),
        "resolution_hours": (5, [("<", 4, 5), ("<=", 8, 3), ("<=", 24, 1)]),
        "sla_adherence": (4, [(">", 95, 4), (">=", 90, 3), (">=", 85, 2)]),
        "csat": (3, [(">", 4.5, 3), (">=", 4, 2), (">=", 3.5, 1)]),
    },
    "engagement": {
        "qbr_attendance": (10, [(">=", 100, 10), (">=", 75, 7), (">=", 50, 4)]),
        "email_response_hours": (8, [("<", 24, 8), ("<=", 48, 5), ("<=", 72, 2)]),
        "portal_logins": (4, [(">", 4, 4), (">=", 2, 3), (">=", 1, 1)]),
        "meeting_acceptance": (3, [(">", 80, 3), (">=", 60, 2), (">=", 40, 1)]),
    },
    "product_usage": {
        "capacity_utilisation": (6, [("in", (40, 80), 6), ("in", (20, 90), 4), ("in", (10, 95), 2)]),
        "uptime_vs_sla": (5, [(">=", 0, 5), (">=", -0.1, 3), (">=", -0.5, 1)]),
        "service_adoption": (5, [(">=", 80, 5), (">=", 60, 3), (">=", 40, 1)]),
        "usage_trend": (4, [(">=", 5, 4), (">", -5, 3), (">", -15, 1)]),
    },
    "relationship": {
        "tenure_years": (4, [(">=", 5, 4), (">=", 3, 3), (">=", 1, 2), (">=", 0, 1)]),
        "expansions": (4, [(">", 2, 4), (">=", 1, 2)]),
        "reference": (3, [("in", (1, 1), 3)]),
        "nps": (4, [(">=", 9, 4), (">=", 7, 2)]),
    },
    "sentiment": {
        "tone": (5, [(">=", 0.25, 5), (">=", -0.25, 3)]),
        "escalations": (4, [("in", (0, 0), 4), ("in", (1, 1), 2), ("in", (2, 2), 1)]),
        "competitive": (3, [("in", (0, 0), 3)]),
        "budget_pressure": (3, [("in", (0, 0), 3), ("in", (1, 1), 1)]),
    },
}
COMPETITIVE = ["rfp", "competitor_mention", "pricing_comparison"]
BUDGET = ["budget_pressure", "pricing_inquiry", "cost_reduction"]


def _fits(values: pd.Series, how: str, edge) -> pd.Series:
    return {"<": values.lt, "<=": values.le, ">": values.gt, ">=": values.ge}[how](edge) if how != "in" else (
        values.between(*edge)
    )  # fmt: skip


def contract_facts(contracts: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """By account: first start, last end, ARR, and the earliest end of a chain of renewals."""
    term = (contracts.end_date - contracts.start_date).dt.days + 1
    current = contracts[(contracts.start_date <= as_of) & (contracts.end_date >= as_of)]
    yearly = contracts.amount.where(term <= 366, contracts.amount * 365 / term)
    by_account = contracts.groupby("account_id")
    facts = pd.DataFrame({"first_start": by_account.start_date.min(), "last_end": by_account.end_date.max()})
    facts["arr"] = rounded(yearly[current.index].groupby(current.account_id).sum(), 2)
    facts["arr"] = facts.arr.fillna(0)
    recent = contracts[(contracts.start_date <= as_of) & (contracts.end_date > as_of - days(90))]
    facts["is_recent"] = facts.index.isin(recent.account_id)
    chains = current[["account_id", "product", "end_date"]]
    starts = contracts[["account_id", "product", "start_date", "end_date"]].rename(columns={"end_date": "next_end"})
    while True:
        steps = chains.reset_index(names="chain").merge(starts, on=["account_id", "product"])
        gap = (steps.start_date - steps.end_date).dt.days.abs()
        steps = steps[(gap <= 30) & (steps.next_end > steps.end_date)].groupby("chain").next_end.max()
        if steps.empty:
            break
        chains = chains.assign(end_date=steps.reindex(chains.index).fillna(chains.end_date))
    facts["renewal_date"] = chains.groupby("account_id").end_date.min()
    facts["days_to_renewal"] = (facts.renewal_date - as_of).dt.days
    return facts


def ticket_facts(tickets: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    tickets = tickets.assign(day=tickets.created_at.dt.normalize())
    tickets = tickets[tickets.day <= as_of]
    tickets["solved_on"] = tickets.solved_at.dt.normalize()
    tickets["is_open"] = ~(tickets.solved_on <= as_of)
    tickets["hours"] = (tickets.solved_at - tickets.created_at).dt.total_seconds() / 3600
    recent = within(tickets, "day", as_of, 90)
    recent = recent.assign(
        sla_met=recent.sla_met.astype("Float64"),
        is_urgent=(recent.priority == "urgent") & recent.is_incident.eq(True),
        escalated=recent.escalated.eq(True),
    )
    made = recent.groupby("account_id")
    solved = within(tickets, "solved_on", as_of, 90)
    solved = solved[solved.hours >= 0].groupby("account_id").hours
    return pd.DataFrame(
        {
            "made": made.size(),
            "escalated": made.escalated.sum(),
            "sla_said": made.sla_met.count(),
            "sla_share": made.sla_met.mean(),
            "csat_said": made.csat.count(),
            "csat": made.csat.mean(),
            "urgent_incidents": made.is_urgent.sum(),
            "solved": solved.count(),
            "hours": solved.mean(),
            "still_open": tickets.groupby("account_id").is_open.sum(),
        }
    )


def activity_facts(activities: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    facts = {}
    for name, length, before in (("year", 365, 0), ("now", 90, 0), ("before", 90, 90)):
        seen = within(activities, "day", as_of, length, before)
        qbrs = seen[(seen.type == "qbr") & seen.status.isin(["completed", "declined", "no_show"])]
        held = (qbrs.status == "completed").groupby(qbrs.account_id)
        facts[f"qbrs_{name}"], facts[f"attendance_{name}"] = held.size(), held.mean()
        hours = seen[seen.type == "email"].groupby("account_id").response_hours
        facts[f"mails_{name}"], facts[f"hours_{name}"] = hours.count(), hours.mean()
        if name == "now":
            meetings = seen[seen.type == "meeting"]
            accepted = meetings.accepted.astype("Float64").groupby(meetings.account_id)
            facts["meetings"], facts["accepted"] = accepted.count(), accepted.mean()
            tones = seen.groupby("account_id").sentiment
            facts["tones"], facts["tone"] = tones.count(), tones.mean()
    return pd.DataFrame(facts)


def usage_facts(usage: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    quarter, before = (within(usage, "usage_date", as_of, 90, skipped).groupby("account_id") for skipped in (0, 90))
    recent = within(usage, "usage_date", as_of, 28)
    month, earlier = recent.groupby("account_id"), within(usage, "usage_date", as_of, 28, 28).groupby("account_id")
    facts = pd.DataFrame(
        {
            "login_rows": quarter.logins.count(),
            "logins": quarter.logins.sum(min_count=1),
            "logins_before": before.logins.sum(min_count=1),
            "capacity_rows": month.capacity_used_pct.count(),
            "capacity": month.capacity_used_pct.mean(),
            "uptime_rows": quarter.uptime_pct.count(),
            "uptime": quarter.uptime_pct.mean(),
            "uptime_now": month.uptime_pct.mean(),
            "uptime_before": earlier.uptime_pct.mean(),
            "users": month.active_users.mean(),
            "users_before": earlier.active_users.mean(),
        }
    )
    facts["user_rows"] = month.active_users.count() + earlier.active_users.count().reindex(facts.index).fillna(0)
    latest = recent.sort_values("usage_date").drop_duplicates("account_id", keep="last").set_index("account_id")
    columns = ["active_users", "seats", "services_used", "services_contracted"]
    facts = facts.join(latest[columns].add_prefix("latest_"))
    seated = within(usage, "usage_date", as_of, 90)
    seated = seated[seated.seats > 0].sort_values("usage_date").drop_duplicates("account_id")
    facts["first_seats"] = seated.set_index("account_id").seats
    ended = (as_of + days(1)).to_period("M")
    months = usage.usage_date.dt.to_period("M")
    for ago in (1, 2):
        facts[f"capacity_{ago}"] = usage[months == ended - ago].groupby("account_id").capacity_used_pct.mean()
    return facts


def signal_facts(signals: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    signals = signals[signals.observed_on <= as_of]
    recent, longer = within(signals, "observed_on", as_of, 90), within(signals, "observed_on", as_of, 180)

    def counted(rows: pd.DataFrame, types: list[str]) -> pd.Series:
        return rows[rows.signal_type.isin(types)].groupby("account_id").size()

    blocking = signals[(signals.signal_type == "blocker") & ~(signals.resolved_on <= as_of)]
    return pd.DataFrame(
        {
            "competitive": counted(recent, COMPETITIVE),
            "budget": counted(recent, BUDGET),
            "rfps": counted(recent, ["rfp"]),
            "complaints": counted(recent, ["executive_complaint"]),
            "outages": counted(recent, ["outage"]),
            "leader_changes": counted(longer, ["leadership_change"]),
            "requests": counted(longer, ["feature_request"]),
            "blocker": (1 + (blocking.severity == "major")).groupby(blocking.account_id).max(),
        }
    )


def account_facts(frames: dict[str, pd.DataFrame], contracts: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """One row a scored account with everything that is read of it."""
    accounts = frames["accounts"].set_index("account_id")
    churned = np.where(accounts.churned_on.notna(), accounts.churned_on <= as_of, accounts.lifecycle == "churned")
    facts = accounts[~churned].drop(columns="customer_until").join(contract_facts(contracts, as_of), how="inner")
    facts = facts[facts.is_recent]
    deals = frames["opportunities"]
    deals = deals[deals.created_on <= as_of]
    won = deals[deals.is_won & ~(deals.close_date > as_of)]
    still_open = deals[(deals.close_date > as_of) | ~(deals.is_closed | deals.is_won)]
    grown = won[(won.type == "expansion") & won.close_date.notna()]
    answers = within(frames["survey_responses"], "responded_on", as_of, 365)
    answers = answers[answers.score.notna()].sort_values(["responded_on", "survey_id"])
    calls = frames["csm_calls"]
    calls = calls[calls.called_at.dt.normalize() <= as_of].sort_values(["called_at", "call_id"])
    calls = calls.drop_duplicates("account_id", keep="last")
    until = np.minimum(calls.expires_on, calls.called_at.dt.normalize() + days(90))
    calls = calls[(until >= as_of) & (calls.status != "withdrawn")]
    facts = facts.assign(
        customer_until=facts.last_end.combine(won.groupby("account_id").contract_end_date.max().reindex(facts.index), (
            lambda end, later: later if later > end else end
        )),
        expansions=grown.groupby("account_id").size(),
        rivals=still_open[still_open.competitor.notna()].groupby("account_id").size(),
        nps=answers.drop_duplicates("account_id", keep="last").set_index("account_id").score,
        csm_status=calls.set_index("account_id").status.str.upper(),
    )  # fmt: skip
    for made in (
        ticket_facts(frames["tickets"], as_of),
        activity_facts(frames["activities"], as_of),
        usage_facts(frames["usage"], as_of),
        signal_facts(frames["signals"], as_of),
    ):
        facts = facts.join(made)
    counts = [
        "expansions", "rivals", "made", "escalated", "urgent_incidents", "still_open", "competitive", "budget", "rfps",
        "complaints", "outages", "leader_changes", "requests", "blocker",
    ]  # fmt: skip
    facts[counts] = facts[counts].fillna(0)
    return facts


def measured(f: pd.DataFrame, as_of: pd.Timestamp) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Values of the measures, rounded as they meet their bands, and the records they come from."""
    tenure = (as_of - f.customer_since.fillna(f.first_start)).dt.days / 365.25
    one = pd.Series(1, f.index)
    told = {
        "ticket_volume": (f.made / 3, f.made),
        "escalation_rate": ((100 * f.escalated / f.made.where(f.made > 0)).fillna(0), f.made),
        "resolution_hours": (f.hours, f.solved),
        "sla_adherence": (100 * f.sla_share, f.sla_said),
        "csat": (f.csat, f.csat_said),
        "qbr_attendance": (100 * f.attendance_year, f.qbrs_year),
        "email_response_hours": (f.hours_now, f.mails_now),
        "portal_logins": (f.logins / 3, f.login_rows),
        "meeting_acceptance": (100 * f.accepted, f.meetings),
        "capacity_utilisation": (f.capacity, f.capacity_rows),
        "uptime_vs_sla": (f.uptime - f.sla_target_pct, f.uptime_rows),
        "service_adoption": (100 * f.latest_services_used / f.latest_services_contracted.replace(0, np.nan), one),
        "usage_trend": (100 * (f.users / f.users_before.replace(0, np.nan) - 1), f.user_rows),
        "tenure_years": (tenure, one),
        "expansions": (f.expansions, f.expansions),
        "reference": (f.reference_customer.eq(True).astype(int), one),
        "nps": (f.nps, one),
        "tone": (f.tone, f.tones),
        "escalations": (f.escalated, f.escalated),
        "competitive": (f.competitive, f.competitive),
        "budget_pressure": (f.budget, f.budget),
    }
    values = pd.DataFrame({name: rounded(value.astype(float), 6) for name, (value, _) in told.items()})
    records = pd.DataFrame({name: count.astype(float) for name, (_, count) in told.items()})
    return values, records.where(values.notna(), 0).fillna(0)


def scored(f: pd.DataFrame, as_of: pd.Timestamp) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`account_health`, with the measures' values beside it, and `account_health_measures`."""
    values, records = measured(f, as_of)
    health, explained = pd.DataFrame(index=f.index), []
    weighed, weight, low, high = 0, 0, 0, 0
    dimensions = 0
    for dimension, measures in MODEL.items():
        total = sum(maximum for maximum, _ in measures.values())
        points, gains, present, earned = {}, {}, 0, 0
        for measure, (maximum, bands) in measures.items():
            value = values[measure]
            fits = [_fits(value, how, edge) for how, edge, _ in bands]
            steps = [step for _, _, step in bands]
            points[measure] = pd.Series(np.select(fits, steps, 0), f.index).where(value.notna())
            better = [0, *(above - step for above, step in pairwise(steps))]
            gains[measure] = pd.Series(np.select(fits, better, steps[-1]), f.index)
            present = present + maximum * value.notna()
            earned = earned + points[measure].fillna(0)
        available = 2 * present >= total
        share = earned * total / present.where(present > 0)
        health[dimension] = rounded(share, 1).where(available)
        weighed, weight = weighed + share.where(available, 0), weight + total * available
        low, high, dimensions = low + earned, high + earned + total - present, dimensions + available.astype(int)
        explained.append((dimension, measures, points, gains, present, available, total))
    health["score"] = rounded(100 * weighed / weight.where(weight > 0), 1)
    health["score_low"], health["score_high"] = np.fmin(low, health.score), np.fmax(high, health.score)
    health["confidence"] = np.select([dimensions == 5, dimensions >= 3], ["high", "medium"], "low")
    health["status"] = np.select([health.score >= 80, health.score >= 60], ["GREEN", "YELLOW"], "RED")
    health["tier"] = np.select(
        [health.score >= 85, health.score >= 70, health.score >= 50], ["healthy", "stable", "at_risk"], "critical"
    )
    health[["status", "tier"]] = health[["status", "tier"]].where(health.score.notna())
    health["final_status"] = f.csm_status.fillna(health.status)
    health["baseline_points"] = (
        2 * (f.days_to_renewal <= 90)
        + np.select([values.usage_trend <= -15, values.usage_trend <= -5], [3, 1], 0)
        + np.select([values.service_adoption < 40, values.service_adoption < 60], [2, 1], 0)
        + np.select([f.still_open >= 3, f.still_open >= 1], [2, 1], 0)
        + np.select([values.csat < 3.5, values.csat < 4], [2, 1], 0)
        + f.blocker.map({0: 0, 1: 1, 2: 3})
    )
    health["baseline_label"] = np.select(
        [health.baseline_points <= 2, health.baseline_points <= 5], ["Healthy", "Watch"], "At risk"
    )
    health = health.join(f[["arr", "customer_until", "renewal_date", "days_to_renewal"]])
    rows = [
        pd.DataFrame(
            {
                "account_id": f.index,
                "measure": measure,
                "dimension": dimension,
                "value": values[measure].to_numpy(),
                "points": points[measure].to_numpy(),
                "max_points": maximum,
                "is_present": values[measure].notna().to_numpy(),
                "source_records": records[measure].to_numpy(),
                "next_band_gain": rounded(100 * gains[measure] * total / (present * weight).where(available), 1)
                .fillna(0)
                .where(values[measure].notna())
                .to_numpy(),
            }
        )
        for dimension, measures, points, gains, present, available, total in explained
        for measure, (maximum, _) in measures.items()
    ]
    return health.join(values.add_prefix("m_")), pd.concat(rows, ignore_index=True)
