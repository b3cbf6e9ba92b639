with
outcomes as (
    select * from {{ ref('int_backtest__outcomes') }}
    where outcome in ('left', 'stayed')
),

-- The less the score, the greater the risk.
counted as (
    select
        horizon_days,
        'score' as predictor,
        cast(score as decimal(5, 2)) as value,
        cast(-score as decimal(5, 2)) as risk,
        count(*) as accounts,
        count(case when outcome = 'left' then 1 end) as churned
    from outcomes
    group by horizon_days, score
    {% for probability in ['churn_probability', 'churn_probability_calibrated'] %}
        union all
        select
            horizon_days,
            '{{ probability }}' as predictor,
            {{ probability }} as value,
            {{ probability }} as risk,
            count(*) as accounts,
            count(case when outcome = 'left' then 1 end) as churned
        from outcomes
        where {{ probability }} is not null
        group by horizon_days, {{ probability }}
    {% endfor %}
),

above as (
    select
        *,
        sum(accounts) over (partition by horizon_days, predictor) as all_accounts,
        sum(churned) over (partition by horizon_days, predictor) as all_churned,
        sum(accounts) over (partition by horizon_days, predictor order by risk desc) - accounts as accounts_above,
        sum(churned) over (partition by horizon_days, predictor order by risk desc) - churned as churned_above
    from counted
)

select
    horizon_days,
    predictor,
    value,
    cast(accounts as bigint) as accounts,
    cast(churned as bigint) as churned,
    cast(accounts - churned as bigint) as kept,
    cast(all_accounts as bigint) as all_accounts,
    cast(all_churned as bigint) as all_churned,
    cast(all_accounts - all_churned as bigint) as all_kept,
    cast(accounts_above as bigint) as accounts_above,
    cast(churned_above as bigint) as churned_above,
    cast(
        all_accounts - all_churned - (accounts_above - churned_above) - (accounts - churned) as bigint
    ) as kept_below
from above
