with
horizons as (
    select horizon_days from {{ ref('stg_policy__backtest_horizons') }}
),

periods as (
    select
        horizon_days,
        count(*) as periods,
        min(scored_on) as first_scored_on,
        max(scored_on) as last_scored_on
    from {{ ref('int_backtest__periods') }}
    group by horizon_days
),

-- An account may stay in many periods; it is one account.
by_account as (
    select
        horizon_days,
        account_id,
        count(case when outcome = 'left' then 1 end) as left_times,
        count(case when outcome = 'stayed' then 1 end) as stayed_times
    from {{ ref('int_backtest__outcomes') }}
    where outcome in ('left', 'stayed')
    group by horizon_days, account_id
),

totals as (
    select
        horizon_days,
        sum(left_times) as churned,
        sum(stayed_times) as kept,
        count(case when left_times > 0 then 1 end) as churned_accounts,
        count(case when stayed_times > 0 then 1 end) as kept_accounts
    from by_account
    group by horizon_days
)

select
    horizons.horizon_days,
    cast(coalesce(periods.periods, 0) as int) as periods,
    periods.first_scored_on,
    periods.last_scored_on,
    cast(coalesce(totals.churned, 0) as bigint) as churned,
    cast(coalesce(totals.kept, 0) as bigint) as kept,
    cast(coalesce(totals.churned_accounts, 0) as bigint) as churned_accounts,
    cast(coalesce(totals.kept_accounts, 0) as bigint) as kept_accounts
from horizons
left join periods on horizons.horizon_days = periods.horizon_days
left join totals on horizons.horizon_days = totals.horizon_days
