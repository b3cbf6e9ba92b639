"""`account_health` and `account_health_measures`: values, points by band, score, status, baseline.

The measures stand in one table of this module, the shipped bands written as conditions on the value `v`; the SQL is
made from it. No words, no history: as on a first run, nothing has changed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure: how it is told, from how many records, and what its bands earn, best first, else 0."""

    name: str
    maximum: int
    value: str
    records: str
    bands: tuple[tuple[str, int], ...]


# dimension: its measures. The weight of a dimension is the sum of their maxima.
DIMENSIONS: dict[str, tuple[Measure, ...]] = {
    "support_quality": (
        Measure("ticket_volume", 7, "made / 3", "made", (("v < 3", 7), ("v <= 6", 5), ("v <= 10", 3))),
        Measure(
            "escalation_rate", 6, "coalesce(100 * escalated / nullif(made, 0), 0)", "made",
            (("v < 2", 6), ("v <= 5", 4), ("v <= 10", 2)),
        ),
        Measure(
            "resolution_hours", 5, "solving_us / 3.6e9 / nullif(solved, 0)", "solved",
            (("v < 4", 5), ("v <= 8", 3), ("v <= 24", 1)),
        ),
        Measure(
            "sla_adherence", 4, "100 * sla_kept / nullif(sla_said, 0)", "sla_said",
            (("v > 95", 4), ("v >= 90", 3), ("v >= 85", 2)),
        ),
        Measure(
            "csat", 3, "csat_sum / nullif(csat_said, 0)", "csat_said",
            (("v > 4.5", 3), ("v >= 4", 2), ("v >= 3.5", 1)),
        ),
    ),
    "engagement": (
        Measure(
            "qbr_attendance", 10, "100 * held / nullif(qbrs, 0)", "qbrs",
            (("v >= 100", 10), ("v >= 75", 7), ("v >= 50", 4)),
        ),
        Measure(
            "email_response_hours", 8, "hours_now / nullif(mails_now, 0)", "mails_now",
            (("v < 24", 8), ("v <= 48", 5), ("v <= 72", 2)),
        ),
        Measure("portal_logins", 4, "logins_now / 3", "login_rows", (("v > 4", 4), ("v >= 2", 3), ("v >= 1", 1))),
        Measure(
            "meeting_acceptance", 3, "100 * accepted / nullif(meetings, 0)", "meetings",
            (("v > 80", 3), ("v >= 60", 2), ("v >= 40", 1)),
        ),
    ),
    "product_usage": (
        Measure(
            "capacity_utilisation", 6, "capacity", "capacity_rows",
            (("v between 40 and 80", 6), ("v between 20 and 90", 4), ("v between 10 and 95", 2)),
        ),
        Measure(
            "uptime_vs_sla", 5, "uptime - sla_target_pct", "uptime_rows",
            (("v >= 0", 5), ("v >= -0.1", 3), ("v >= -0.5", 1)),
        ),
        Measure(
            "service_adoption", 5, "100 * latest.used / nullif(latest.contracted, 0)", "1",
            (("v >= 80", 5), ("v >= 60", 3), ("v >= 40", 1)),
        ),
        Measure(
            "usage_trend", 4, "100 * (users_now / nullif(users_before, 0) - 1)", "user_rows",
            (("v >= 5", 4), ("v > -5", 3), ("v > -15", 1)),
        ),
    ),
    "relationship": (
        Measure(
            "tenure_years", 4, "(as_of - coalesce(customer_since, first_start)) / 365.25::double", "1",
            (("v >= 5", 4), ("v >= 3", 3), ("v >= 1", 2), ("v >= 0", 1)),
        ),
        Measure("expansions", 4, "expansions", "expansions", (("v > 2", 4), ("v >= 1", 2))),
        Measure("reference", 3, "coalesce(reference_customer, false)::int", "1", (("v = 1", 3),)),
        Measure("nps", 4, "nps", "1", (("v >= 9", 4), ("v >= 7", 2))),
    ),
    "sentiment": (
        Measure("tone", 5, "tone_sum / nullif(tones, 0)", "tones", (("v >= 0.25", 5), ("v >= -0.25", 3))),
        Measure("escalations", 4, "escalated", "escalated", (("v = 0", 4), ("v = 1", 2), ("v = 2", 1))),
        Measure("competitive", 3, "competitive", "competitive", (("v = 0", 3),)),
        Measure("budget_pressure", 3, "budget", "budget", (("v = 0", 3), ("v = 1", 1))),
    ),
}  # fmt: skip
MEASURES = tuple(measure for measures in DIMENSIONS.values() for measure in measures)
WEIGHTS = {dimension: sum(measure.maximum for measure in measures) for dimension, measures in DIMENSIONS.items()}

_PRESENT = "case when m_{0.name} is not null then {0.maximum} end"


def _listed(column: str) -> str:
    return ",\n    ".join(column.format(measure) for measure in MEASURES)


def _summed(measures: tuple[Measure, ...], column: str) -> str:
    return " + ".join(f"coalesce({column.format(measure)}, 0)" for measure in measures)


def _banded(measure: Measure) -> str:
    """The points of the value's band, and how many more the next better one would bring."""
    better, cases = None, []
    for condition, points in (*measure.bands, ("v is not null", 0)):
        gain = 0 if better is None else better - points
        cases.append(f"when m_{measure.name}{condition[1:]} then {{'points': {points}, 'gain': {gain}}}")
        better = points
    return f"case {' '.join(cases)} end"


RENEWALS = """
create table followers as
select c.contract_id, c.account_id, c.product, c.end_date, max(f.end_date) as next_end,
    arg_max(f.contract_id, {'end': f.end_date, 'id': f.contract_id}) as follower_id
from known_contracts c
inner join known_contracts f
    on f.account_id = c.account_id and f.product = c.product and f.end_date > c.end_date
        and f.start_date between c.end_date - 30 and c.end_date + 30
group by all;

create table renewals as
with recursive next_ends as (
    select distinct account_id, product, end_date, next_end from followers
),
chains as (
    select account_id, product, contract_id, end_date
    from known_contracts, policy
    where as_of between start_date and end_date
    union all
    select account_id, product, contract_id, next_end
    from chains inner join next_ends using (account_id, product, end_date)
)
select account_id, min(chain_end) as renewal_date
from (select account_id, contract_id, max(end_date) as chain_end from chains group by all)
group by account_id;

create table contract_sums as
select
    account_id, min(start_date) as first_start, max(end_date) as last_end,
    bool_or(start_date <= as_of and end_date > as_of - 90) as is_recent,
    -- a term's third is no decimal: six of them, and then cents, as the sum of exact parts would be
    coalesce(sum(
        case when end_date - start_date < 366 then amount else amount * 365 / (end_date - start_date + 1) end::double
    ) filter (as_of between start_date and end_date), 0)::decimal(18, 6)::decimal(18, 2) as arr
from known_contracts, policy
group by account_id;
"""

VALUES = f"""
create table scored as
with facts as (
    select
        a.*, as_of, first_start, greatest(last_end, won_until) as customer_until, c.arr,
        renewal_date, k.status as csm_status,
        -- an account without tickets, signals or opportunities has none of them: these streams were read
        t.* exclude (account_id) replace (
            coalesce(made, 0) as made, coalesce(escalated, 0) as escalated, coalesce(still_open, 0) as still_open,
            coalesce(urgent_incidents, 0) as urgent_incidents
        ),
        v.* exclude (account_id), u.* exclude (account_id),
        s.* exclude (account_id) replace (
            coalesce(competitive, 0) as competitive, coalesce(budget, 0) as budget, coalesce(blocker, 0) as blocker
        ),
        coalesce(d.expansions, 0) as expansions, d.has_rival, nps
    from known_accounts a
    cross join policy
    inner join contract_sums c on c.account_id = a.account_id and c.is_recent
    left join renewals r on r.account_id = a.account_id
    left join ticket_sums t on t.account_id = a.account_id
    left join activity_sums v on v.account_id = a.account_id
    left join usage_sums u on u.account_id = a.account_id
    left join signal_sums s on s.account_id = a.account_id
    left join deal_sums d on d.account_id = a.account_id
    left join answers n on n.account_id = a.account_id
    left join calls k on k.account_id = a.account_id
    where not is_churned
)
select
    * exclude (as_of),
    renewal_date - as_of as days_to_renewal,
    {_listed("exact({0.value}) as m_{0.name}")},
    {_listed("coalesce({0.records}, 0)::int as n_{0.name}")}
from facts;
"""

POINTS = f"""
create table pointed as
with banded as (
    select *, {", ".join(f"{_banded(measure)} as b_{measure.name}" for measure in MEASURES)} from scored
),
summed as (
    select
        *,
        {", ".join(f"{_summed(measures, 'b_{0.name}.points')} as points_{d}" for d, measures in DIMENSIONS.items())},
        {", ".join(f"{_summed(measures, _PRESENT)} as present_{d}" for d, measures in DIMENSIONS.items())}
    from banded
),
available as (
    select
        *,
        {", ".join(f"2 * present_{d} >= {weight} as has_{d}" for d, weight in WEIGHTS.items())},
        {", ".join(f"points_{d} * {weight} / nullif(present_{d}, 0) as share_{d}" for d, weight in WEIGHTS.items())}
    from summed
)
select
    *,
    {" + ".join(f"has_{d}::int" for d in DIMENSIONS)} as dimensions,
    {" + ".join(f"{weight} * has_{d}::int" for d, weight in WEIGHTS.items())} as weight,
    tenth(100 * ({" + ".join(f"case when has_{d} then share_{d} else 0 end" for d in DIMENSIONS)}) / nullif(weight, 0))
        as score
from available;
"""

HEALTH = f"""
create table health as
with judged as (
    select
        *,
        case when score >= 80 then 'GREEN' when score >= 60 then 'YELLOW' when score is not null then 'RED' end
            as status,
        case
            when score >= 85 then 'healthy' when score >= 70 then 'stable' when score >= 50 then 'at_risk'
            when score is not null then 'critical'
        end as tier,
        ({" + ".join(f"points_{d}" for d in DIMENSIONS)})::decimal(5, 1) as low,
        (100 - ({" + ".join(f"present_{d} - points_{d}" for d in DIMENSIONS)}))::decimal(5, 1) as high,
        case when coalesce(days_to_renewal <= 90, false) then 2 else 0 end
            + case when m_usage_trend <= -15 then 3 when m_usage_trend <= -5 then 1 else 0 end
            + case when m_service_adoption < 40 then 2 when m_service_adoption < 60 then 1 else 0 end
            + case when still_open >= 3 then 2 when still_open >= 1 then 1 else 0 end
            + case when m_csat < 3.5 then 2 when m_csat < 4 then 1 else 0 end
            + case blocker when 2 then 3 else blocker end as baseline_points
    from pointed
)
select
    * exclude (low, high),
    least(low, score) as score_low,
    greatest(high, score) as score_high,
    case when dimensions = 5 then 'high' when dimensions >= 3 then 'medium' else 'low' end as confidence,
    coalesce(csm_status, status) as final_status,
    case when baseline_points <= 2 then 'Healthy' when baseline_points <= 5 then 'Watch' else 'At risk' end
        as baseline_label
from judged;

create view account_health as
select
    account_id, score, score_low, score_high, confidence, status, tier,
    {", ".join(f"case when has_{d} then tenth(share_{d}) end as {d}" for d in DIMENSIONS)},
    arr, customer_until, renewal_date, days_to_renewal, baseline_points, baseline_label, final_status
from health;
"""

LISTED = "create view account_health_measures as\n" + "\nunion all\n".join(
    f"""select
    account_id, '{measure.name}' as measure, '{dimension}' as dimension, m_{measure.name} as value,
    b_{measure.name}.points as points, {measure.maximum} as max_points, m_{measure.name} is not null as is_present,
    case when m_{measure.name} is null then 0 else n_{measure.name} end as source_records,
    case
        when m_{measure.name} is null then null
        when not has_{dimension} then 0
        else tenth(100 * b_{measure.name}.gain * {WEIGHTS[dimension]} / (present_{dimension} * weight))
    end as next_band_gain
from health"""
    for dimension, measures in DIMENSIONS.items()
    for measure in measures
)

STEPS = {
    "renewals": RENEWALS,
    "values": VALUES,
    "points": POINTS,
    "health": HEALTH + LISTED,
}
