"""`retention_plans`, `retention_offers`, `executive_decisions` and `renewal_forecast`."""

from __future__ import annotations

PLANS = """
create view retention_plans as
with judged as (
    select
        h.account_id, h.renewal_date, h.days_to_renewal, churn_probability, competitive_inquiry,
        coalesce(h.final_status = 'RED', false) or coalesce(churn_probability > 70, false) as requires_review
    from health h left join churn c using (account_id)
),
planned as (
    select j.*, step, as_of as starts_on, as_of + days as due_on
    from judged j
    cross join policy
    inner join (values
        (61, 95, 'executive_call', 5), (61, 95, 'root_cause_resolution', 7), (61, 95, 'support_improvement', 7),
        (61, 95, 'executive_qbr', 21), (61, 95, 'retention_offer', 28), (61, 95, 'competitive_defence', 28),
        (31, 60, 'csm_outreach', 7), (31, 60, 'value_review', 14), (31, 60, 'executive_reengagement', 21),
        (31, 60, 'qbr_rescheduled', 28), (31, 60, 'early_renewal_incentive', 42)
    ) s(lowest, highest, step, days) on churn_probability between lowest and highest
    where step <> 'competitive_defence' or competitive_inquiry
    union all
    select j.*, step, greatest(as_of, renewal_date - days), greatest(as_of, renewal_date - days)
    from judged j
    cross join policy
    cross join (values
        ('renewal_risk_review', 180), ('renewal_value_review', 120), ('renewal_proposal', 90),
        ('renewal_survey_and_negotiation', 60), ('renewal_signature', 30)
    ) s(step, days)
    where days_to_renewal <= 180
)
select account_id, step, starts_on, due_on, requires_review from planned;

create view retention_offers as
with at_risk as (select * from churn where churn_probability > 30)
select
    account_id, 'service_credit' as component, (arr::double / 6)::decimal(18, 6)::decimal(18, 2) as credit_amount,
    null::double as sla_pct
from at_risk where urgent_incidents > 2
union all
select account_id, 'capacity_doubled', null, null from at_risk where m_capacity_utilisation > 80
union all
select account_id, 'price_lock', null, null from at_risk where budget_pressure
union all
select account_id, 'enhanced_sla', null, greatest(sla_target_pct, least(sla_target_pct + 0.05, 99.99))
from at_risk where m_uptime_vs_sla < 0;

create view executive_decisions as
select account_id, 'red_large_account' as decision, 'this_week' as urgency, as_of + 7 as due_on
from health, policy where final_status = 'RED' and arr > 100000
union all
select account_id, 'yellow_large_account', 'next_30_days', as_of + 30
from health, policy where final_status = 'YELLOW' and arr > 200000
union all
select account_id, 'rfp', 'this_week', as_of + 7 from health, policy where has_rfp
union all
select account_id, 'executive_complaint', 'this_week', as_of + 7 from health, policy where has_complaint;
"""

FORECAST = """
create view renewal_forecast as
with placed as (
    select
        account_id, coalesce(owner_name, '(none)') as owner_name, coalesce(geo, '(none)') as geo,
        coalesce(region, '(none)') as region, coalesce(segment, '(none)') as segment
    from known_accounts
),
yearly as (
    select
        *, amount * case when end_date - start_date < 366 then 1 else 365::double / (end_date - start_date + 1) end
            as yearly_amount
    from known_contracts
),
lines as (
    select
        date_trunc('quarter', h.renewal_date)::date as quarter_starts_on, h.account_id, h.arr,
        h.arr::decimal(15, 2) * (coalesce(churn_probability, 0) * 0.01)::decimal(4, 2) as churned, h.status,
        null::double as ended, null::double as kept, null::double as renewed, false as is_renewed
    from health h left join churn c using (account_id)
    where h.renewal_date is not null
    union all
    select
        date_trunc('quarter', e.end_date)::date, e.account_id, null, null, null, e.yearly_amount,
        least(e.yearly_amount, greatest(n.yearly_amount, 0)), greatest(n.yearly_amount, 0), f.follower_id is not null
    from yearly e
    cross join policy
    left join followers f using (contract_id)
    left join yearly n on n.contract_id = f.follower_id
    -- a credit is no revenue that could be kept
    where e.end_date <= as_of and e.amount >= 0
)
select
    quarter_starts_on, owner_name, geo, region, segment,
    count(arr) as accounts,
    coalesce(sum(arr), 0) as arr_up_for_renewal,
    coalesce(sum(churned), 0)::decimal(18, 2) as expected_churned_arr,
    coalesce(sum(arr - churned), 0)::decimal(18, 2) as expected_retained_arr,
    coalesce(sum(arr) filter (status = 'RED'), 0) as at_risk_arr_red,
    coalesce(sum(arr) filter (status = 'YELLOW'), 0) as at_risk_arr_yellow,
    coalesce(sum(arr) filter (status = 'GREEN'), 0) as arr_green,
    coalesce(sum(arr) filter (status is null), 0) as arr_without_score,
    count(ended) as contracts_ended,
    count(*) filter (is_renewed) as contracts_renewed,
    exact(100 * sum(kept) / nullif(sum(ended), 0)) as gross_retention_pct,
    exact(100 * sum(renewed) / nullif(sum(ended), 0)) as net_retention_pct
from lines inner join placed using (account_id)
group by all;
"""

STEPS = {"retention": PLANS + FORECAST}
