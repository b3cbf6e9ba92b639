"""`account_churn`: the five factors, the probability and the money at risk. No words, and no fall of the score yet."""

from __future__ import annotations

CHURN = """
create table churn as
with factors as (
    select
        *,
        coalesce(has_new_leader, false) or account_id in (from leaders_changed) as leadership_change,
        budget > 0 as budget_pressure,
        competitive > 0 or coalesce(has_rival, false) as competitive_inquiry,
        coalesce(has_outage, false) or urgent_incidents > 0
            or coalesce(exact(uptime_before - uptime_now) >= 0.1, false) as recent_outage,
        coalesce(
            exact(100 * (1 - (held_now / nullif(qbrs_now, 0)) / nullif(held_before / nullif(qbrs_before, 0), 0))) >= 20,
            false
        )::int
        + coalesce(exact(100 * (1 - logins_now / nullif(logins_before, 0))) >= 20, false)::int
        + coalesce(
            exact(100 * ((hours_now / mails_now) / nullif(hours_before / nullif(mails_before, 0), 0) - 1)) >= 20, false
        )::int >= 2 as engagement_decline
    from health
    where score is not null
),
judged as (
    select
        *,
        case status when 'RED' then 70 when 'YELLOW' then 40 else 10 end as base,
        case when days_to_renewal < 90 then 20 when days_to_renewal < 180 then 10 else 0 end as renewal_addition,
        case status when 'RED' then 50 when 'YELLOW' then 75 else 90 end as save_probability
    from factors
)
select
    *,
    least(
        95,
        base + renewal_addition + 15 * leadership_change::int + 10 * budget_pressure::int
        + 25 * competitive_inquiry::int + 15 * recent_outage::int + 10 * engagement_decline::int
    )::int as churn_probability
from judged;

create view account_churn as
select
    account_id, base, renewal_addition, leadership_change, budget_pressure, competitive_inquiry, recent_outage,
    engagement_decline, churn_probability, arr, 3 * arr as three_year_value,
    (arr::decimal(15, 2) * (churn_probability * 0.01)::decimal(4, 2))::decimal(18, 2) as expected_loss,
    case
        when churn_probability <= 10 then 10 * arr
        else (100 * arr::double / churn_probability)::decimal(18, 6)::decimal(18, 2)
    end as lifetime_value,
    save_probability,
    (arr::decimal(15, 2) * (churn_probability * save_probability * 0.0001)::decimal(6, 4))::decimal(18, 2)
        as intervention_priority
from churn;
"""

STEPS = {"churn": CHURN}
