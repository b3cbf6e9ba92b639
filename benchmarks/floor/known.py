"""What every part of the floor stands on: the accounts, their contracts in one currency, delivered health checks."""

from __future__ import annotations

POLICY = """
create table policy as select
    getvariable('as_of')::date as as_of,
    90 as after_start, -120 as before_end, 120 as minimum_start, 180 as minimum_end,
    30 as start_opens, 30 as start_closes, 45 as end_opens, 30 as end_closes,
    4 as horizon_quarters, 180 as influence_days;
-- A quotient as published: to 6 decimals, half away from zero, without what doubles leave behind the twelfth.
create macro exact(x) as x::decimal(24, 12)::decimal(18, 6);
create macro tenth(x) as x::decimal(18, 9)::decimal(5, 1);
create macro quarter_of(day) as year(day) * 4 + quarter(day);
"""

KNOWN = """
create table known_accounts as
select
    account_id, account_name, owner_name, geo, region, segment, customer_since, reference_customer, self_managed,
    sla_target_pct::double as sla_target_pct, new_site_planned, capacity_upgrade_arr, new_site_arr,
    managed_services_arr,
    case when churned_on is null then coalesce(lifecycle = 'churned', false) else churned_on <= as_of end as is_churned
from landed_accounts, policy
where account_name is not null
qualify row_number() over (partition by account_id order by updated_at desc nulls last, _row desc) = 1;

create table rates as
select
    currency, valid_from, rate_to_reporting as rate,
    lead(valid_from, 1, date '9999-12-31') over (partition by currency order by valid_from) as valid_before
from landed_fx_rates
where rate_to_reporting is not null
union all
select 'USD', date '0001-01-01', 1, date '9999-12-31';

create table known_contracts as
select
    c.contract_id, c.account_id, c.product, c.start_date, c.end_date, c.amount as source_amount,
    coalesce(c.currency, 'USD') as source_currency, round(c.amount * r.rate, 2)::decimal(18, 2) as amount
from (
    select * from landed_contracts
    qualify row_number() over (partition by contract_id order by _row desc) = 1
) c
semi join known_accounts using (account_id)
cross join policy
inner join rates r
    on r.currency = coalesce(c.currency, 'USD')
    and least(as_of, c.start_date) >= r.valid_from and least(as_of, c.start_date) < r.valid_before
where c.end_date >= c.start_date and c.amount is not null;

create table delivered as
with logged as (
    select activity_id, account_id, account_name, opportunity_id, owner_name, occurred_at, _row
    from landed_activities, policy
    where regexp_matches(regexp_replace(lower(subject), '[ -]+', ' ', 'g'), 'health check|healthcheck')
        and has_attachment and coalesce(status, 'completed') not in ('planned', 'declined', 'no_show')
        and occurred_at::date <= as_of and owner_name is not null
    qualify row_number() over (partition by activity_id order by _row desc) = 1
)
select
    activity_id, coalesce(by_id.account_id, by_name.account_id) as account_id, opportunity_id, logged.owner_name,
    occurred_at, occurred_at::date as day
from logged
left join known_accounts by_id on by_id.account_id = logged.account_id
left join (
    select account_name, any_value(account_id) as account_id from known_accounts group by 1 having count(*) = 1
) by_name on by_name.account_name = logged.account_name
where coalesce(by_id.account_id, by_name.account_id) is not null;
"""

STEPS = {"known": POLICY + KNOWN}
