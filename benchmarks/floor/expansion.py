"""`expansion_pipeline`: what GREEN accounts could buy, how likely, how much, and whether they qualify."""

from __future__ import annotations

EXPANSION = """
create table expansion_pipeline as
with green as (
    select
        *,
        coalesce(exact(capacity_last_month) >= 80 and exact(capacity_month_before) >= 80, false) as plan_limit,
        coalesce(exact(capacity_last_month) >= 85, false) as approaching_limit,
        coalesce(exact(100 * latest.users / nullif(latest.seats, 0)) >= 90, false)
            or coalesce(exact(100 * (latest.seats / first_seats::double - 1)) >= 10, false) as seat_growth,
        coalesce(has_request, false) as feature_requests,
        score > 85 as high_health,
        account_id not in (from unpaid) as no_billing_issue,
        coalesce(m_email_response_hours < 48, false) as responsive,
        least(
            0.95::decimal(5, 4),
            0.6 + case when score >= 90 then 0.25 when score >= 85 then 0.15 else 0.05 end
            + case when expansions > 2 then 0.1 when expansions > 0 then 0.05 else 0 end
        )::decimal(5, 4) as close_probability
    from health
    where status = 'GREEN'
),
potentials as (
    select *, 'capacity_upgrade' as type, 1 as type_rank, capacity_upgrade_arr as potential
    from green where m_capacity_utilisation > 75
    union all
    select *, 'new_site', 2, new_site_arr from green where new_site_planned
    union all
    select *, 'service_adoption', 3, 0 from green where latest.contracted > latest.used
    union all
    select *, 'managed_services', 4, managed_services_arr from green where self_managed and made > 10
),
valued as (
    select
        *, potential::decimal(15, 2) as potential_arr,
        (potential::decimal(15, 2) * close_probability)::decimal(18, 2) as expected_arr
    from potentials
)
select
    account_id, type,
    row_number() over (order by expected_arr desc nulls last, account_id, type_rank) as rank,
    row_number() over (partition by account_id order by type_rank) = 1 as is_primary,
    arr as current_arr, potential_arr, close_probability, expected_arr,
    case
        when potential_arr >= 40000 and score >= 85 then 'HIGH'
        when potential_arr >= 20000 and score >= 80 then 'MEDIUM'
        when potential_arr is not null then 'LOW'
    end as priority,
    high_health and no_billing_issue and (plan_limit or approaching_limit or seat_growth or feature_requests)
        as qualified,
    plan_limit, approaching_limit, seat_growth, feature_requests, high_health, no_billing_issue, responsive,
    coalesce(potential_arr > 50000, false) as needs_verification
from valued;
"""

STEPS = {"expansion": EXPANSION}
